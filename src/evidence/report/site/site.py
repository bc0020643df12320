"""The pages of a report as files: the answer, one page for each notebook, lists, glossary, search; all inside."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import nbformat
from bs4 import BeautifulSoup

from evidence.errors import EvidenceError
from evidence.files import inside, write
from evidence.report.publish import MIME
from evidence.report.running.execute import Executed
from evidence.report.site.explorer import SAID, said_script, write_explorer
from evidence.report.site.front import front_html
from evidence.report.site.glossary import glossary_html
from evidence.report.site.hidden import without_hidden
from evidence.report.site.references import known_references
from evidence.report.site.render import Page, finish, ordered, render
from evidence.report.site.search import Section, index_script
from evidence.report.site.shell import ASSETS, FOREST, LOOK_UP, PageEntry, forest_rules, page
from evidence.report.site.trace import FOLDER as TRIALS
from evidence.report.site.trace import write_trials

if TYPE_CHECKING:
    from evidence.appraisal.answer import Answer
    from evidence.tables.review import Review

__all__ = ["Site", "write_site"]

ANSWER, LISTS, GLOSSARY = "index", "figures-and-tables", "glossary"
QUESTIONS = "Questions"

MOST_ROWS, ROWS_KEPT = 30, 12
"""Rows from which on a table of a downloaded notebook is cut, and to how many."""
_NOTEBOOK = (
    '<p class="downloads">Download: <a href="notebooks/{}.ipynb" download>this page as a notebook</a></p>\n'
)


def write_site(
    folder: Path,
    executed: Sequence[Executed],
    title: str,
    *,
    review: Review | None = None,
) -> None:
    """Write the site of executed notebooks.

    Parameters
    ----------
    folder : Path
        The report being made, in which the notebooks have published their figures and tables.
    executed : sequence of Executed
        The notebooks, in the order of the navigation.
    title : str
        Title of the review.
    review : Review, optional
        Asked for its question, its answer, and the publications that texts name; with it come a page on which readers
        choose how results are computed, and a page for each trial.
    """
    site = Site(folder, {done.job.name: done.job.title for done in executed}, title, review)
    site.write_review_pages()
    for done in executed:
        site.add(done)
    site.finish()


class Site:
    """A site that is written piece by piece, so that pages are made while other notebooks still run.

    Parameters
    ----------
    folder, title, review
        As for `write_site`.
    names : mapping from str to str
        Names of the pages of notebooks, in the order of the navigation, with their titles; one without a title is
        listed by its name.
    notebooks : Path, optional
        Folder in which the notebooks lie, with the pictures and files that they refer to.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[str, str],
        title: str,
        review: Review | None,
        notebooks: Path | None = None,
    ) -> None:
        self.notebooks = notebooks
        self.folder, self.names, self.title, self.review = folder, list(names), title, review
        self.references = known_references(review, TRIALS) if review else {}
        self.entries = (
            PageEntry(ANSWER, "The answer"),
            *(PageEntry(name, own, QUESTIONS) for name, own in names.items() if own),
            *(PageEntry(name, _label(name), "Chapters") for name, own in names.items() if not own),
            *(
                (
                    PageEntry("explorer", "Explore the results", LOOK_UP),
                    PageEntry("trials", "Trials", LOOK_UP),
                )
                if review
                else ()
            ),
            PageEntry(LISTS, "Figures and tables", LOOK_UP),
            PageEntry(GLOSSARY, "Glossary", LOOK_UP),
        )
        self.pages: dict[str, Page] = {}
        self.trials: list[Section] = []
        self.answer: Answer | None = None

    def write_review_pages(self) -> None:
        """Write what depends on the review alone, and find its answer."""
        if self.review is None:
            return
        self.answer = _answer(self.review)
        write_explorer(self.review, self.folder, title=self.title, entries=self.entries, traces=TRIALS)
        self.trials = write_trials(self.review, self.folder, title=self.title, entries=self.entries)

    def add(self, done: Executed) -> None:
        """Write the page of a notebook, and the notebook itself to download."""
        shown, hidden = without_hidden(done.notebook)
        for path in hidden:
            inside(self.folder, path).unlink(missing_ok=True)
        one = render(done.job.name, shown, self.references, folder=self.notebooks, names=self.names)
        self.pages[one.name] = one
        for path, source in one.files.items():
            write(self.folder, path, source.read_bytes())
        body = one.body + _NOTEBOOK.format(quote(one.name))
        text = page(one.title, body, active=one.name, site=self.title, entries=self.entries)
        write(self.folder, f"{one.name}.html", text)
        write(self.folder, f"notebooks/{one.name}.ipynb", _plain_notebook(shown))

    def finish(self) -> None:
        """Write what needs all pages: the first one, the lists, the search."""
        pages = [self.pages[name] for name in self.names]
        if self.review is not None:
            write(self.folder, SAID, said_script(_answers(pages)))
        lead, body = front_html(self.review, self.answer, pages)
        found = self._write(ANSWER, self.title, body, lead=lead)
        found += [section for one in pages for section in one.sections]
        found += self._write(LISTS, "Figures and tables", _lists(pages), defined=False)
        found += self._write(GLOSSARY, "Glossary", glossary_html(), defined=False)
        found += self.trials
        write(self.folder, "search-index.js", index_script(found))
        for name in ASSETS:
            text = files("evidence.report.site").joinpath("templates", name).read_text("utf-8")
            write(self.folder, name, text)
        write(self.folder, FOREST, forest_rules())

    def _write(
        self, name: str, heading: str, body: str, *, lead: str = "", defined: bool = True
    ) -> list[Section]:
        """Write a page that is no notebook, and return its text for the search."""
        soup = BeautifulSoup(body, "html.parser")
        references = self.references if defined else {}
        found = finish(soup, name, heading, references, defined=defined)
        shown = page(
            heading, str(soup), active=name, site=self.title, entries=self.entries, lead=lead, kind=name
        )
        write(self.folder, f"{name}.html", shown)
        return list(found)


def _answers(pages: Sequence[Page]) -> list[tuple[dict[str, Any], str]]:
    """The answers to questions that pages publish, each with the name of its page."""
    return [(item["answer"], one.name) for one in pages for item in one.items if item["kind"] == "answer"]


def _plain_notebook(notebook: Any) -> str:
    """Return a notebook without the records that only the site reads; what they say is shown beside them."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                files = output.data.pop(MIME, {}).get("files", {})
                output.data["text/html"] = _shorter(output.data["text/html"], files.get("CSV", ""))
    return nbformat.v4.writes(notebook).rstrip() + "\n"


def _shorter(markup: str, whole: str) -> str:
    """Cut a long table that stands as a file beside the notebook."""
    if not whole or markup.count("</tr>") <= MOST_ROWS or "</tbody>" not in markup:
        return markup
    end = [found.end() for found in re.finditer("</tr>", markup)][ROWS_KEPT]
    rest = markup.count("</tr>", end)
    said = f'<p>{rest} more rows: <a href="../{escape(whole)}">the whole table</a>.</p>'
    return markup[:end] + "</tbody></table>" + said + markup.rpartition("</table>")[2]


def _answer(review: Review) -> Answer | None:
    """Return the answer of a review; None if it asks nothing that can be answered so."""
    from evidence.appraisal.answer import answer

    try:
        return answer(review)
    except EvidenceError:
        return None


def _label(name: str) -> str:
    """Return the name of a page without its number: "03-pooled-estimates" is "Pooled estimates"."""
    words = re.sub(r"^\d+[-_ ]*", "", name).replace("-", " ").replace("_", " ").strip() or name
    return words[0].upper() + words[1:]


def _lists(pages: Sequence[Page]) -> str:
    """List what the notebooks publish, by kind and by page."""
    parts = []
    for kind, heading in (("figure", "Figures"), ("table", "Tables")):
        listed = [_list(one, kind) for one in pages]
        if any(listed):
            parts.append(f"<h2>{heading}</h2>\n{''.join(listed)}")
    return "".join(parts) or "<p>The notebooks of this report publish no figures and no tables.</p>\n"


def _list(one: Page, kind: str) -> str:
    items = [item for item in one.items if item["kind"] == kind]
    if not items:
        return ""
    rows = "".join(
        f'<li><a href="{quote(one.name)}.html#{escape(item["name"])}">'
        f"{_thumbnail(item)}{escape(item['caption'])}</a> "
        f'<span class="downloads">{_downloads(item["files"])}</span></li>\n'
        for item in items
    )
    look = ' class="gallery"' if kind == "figure" else ""
    return (
        f'<details class="shelf"><summary><h3>{escape(one.title)}</h3> <small>{len(items)}</small></summary>\n'
        f"<ul{look}>\n{rows}</ul>\n</details>\n"
    )


def _thumbnail(item: Mapping[str, Any]) -> str:
    """The figure itself, small; a table has none."""
    if not (path := item["files"].get("SVG")):
        return ""
    size = f' width="{item["width"]:.0f}" height="{item["height"]:.0f}"' if item.get("width") else ""
    kind = escape(str(item.get("figure_kind") or "figure"))
    return (
        f'<img src="{escape(path)}" alt="Small picture of this {kind}"{size} loading="lazy" decoding="async">'
    )


def _downloads(paths: dict[str, str]) -> str:
    return "".join(f'<a href="{escape(path)}" download>{escape(label)}</a>' for label, path in ordered(paths))
