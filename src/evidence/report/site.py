"""The pages of a report as files: the answer, one page for each notebook, lists, glossary, search; all inside."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from bs4 import BeautifulSoup

from evidence.errors import EvidenceError
from evidence.report.execute import Executed
from evidence.report.explorer import write_explorer
from evidence.report.front import front_html
from evidence.report.glossary import glossary_html
from evidence.report.publish import MIME
from evidence.report.references import known_references
from evidence.report.render import Page, finish, ordered, render
from evidence.report.search import Section, index_script, section_of_file
from evidence.report.shell import ASSETS, Entry, page, write
from evidence.report.trace import FOLDER as TRIALS
from evidence.report.trace import write_trials

if TYPE_CHECKING:
    from evidence.credibility.answer import Answer
    from evidence.tables.review import Review

__all__ = ["write_site"]

ANSWER, LISTS, GLOSSARY, LOOK_UP = "index", "figures-and-tables", "glossary", "Look up"

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
    references = known_references(review, TRIALS) if review else {}
    pages = [render(done.job.name, done.notebook, references) for done in executed]
    entries = (
        Entry(ANSWER, "The answer"),
        *(Entry(one.name, _label(one.name), "Chapters") for one in pages),
        *(
            (Entry("explorer", "Explore the results", LOOK_UP), Entry("trials", "Trials", LOOK_UP))
            if review
            else ()
        ),
        Entry(LISTS, "Figures and tables", LOOK_UP),
        Entry(GLOSSARY, "Glossary", LOOK_UP),
    )
    found: list[Section] = []

    def add(name: str, heading: str, body: str, *, lead: str = "", defined: bool = True) -> None:
        soup = BeautifulSoup(body, "html.parser")
        found.extend(finish(soup, name, heading, references if defined else {}, defined=defined))
        shown = page(heading, str(soup), active=name, site=title, entries=entries, lead=lead, kind=name)
        write(folder / f"{name}.html", shown)

    lead, body = front_html(review, _answer(review) if review else None, pages)
    add(ANSWER, title, body, lead=lead)
    for one, done in zip(pages, executed, strict=True):
        found += one.sections
        text = page(
            one.title,
            one.body + _NOTEBOOK.format(one.name),
            active=one.name,
            site=title,
            entries=entries,
        )
        write(folder / f"{one.name}.html", text)
        write(folder / "notebooks" / f"{one.name}.ipynb", _plain_notebook(done.notebook))
    add(LISTS, "Figures and tables", _lists(pages), defined=False)
    add(GLOSSARY, "Glossary", glossary_html(), defined=False)
    if review:
        write_explorer(review, folder, title=title, entries=entries, traces=TRIALS)
        write_trials(review, folder, title=title, entries=entries)
        found += [section_of_file(path, folder) for path in sorted((folder / TRIALS).glob("*.html"))]
    write(folder / "search-index.js", index_script(found))
    for name in ASSETS:
        write(folder / name, files("evidence.report").joinpath("templates", name).read_text("utf-8"))


def _plain_notebook(notebook: Any) -> str:
    """Return a notebook without the records that only the site reads; what they say is shown beside them."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output.data.pop(MIME, None)
    return nbformat.writes(notebook).rstrip() + "\n"


def _answer(review: Review) -> Answer | None:
    """Return the answer of a review; None if it asks nothing that can be answered so."""
    from evidence.credibility.answer import answer

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
    rows = "".join(
        f'<li><a href="{one.name}.html#{escape(item["name"])}">{escape(item["caption"])}</a> '
        f'<span class="downloads">{_downloads(item["files"])}</span></li>\n'
        for item in one.items
        if item["kind"] == kind
    )
    return f"<h3>{escape(one.title)}</h3>\n<ul>\n{rows}</ul>\n" if rows else ""


def _downloads(paths: dict[str, str]) -> str:
    return "".join(f'<a href="{escape(path)}" download>{escape(label)}</a>' for label, path in ordered(paths))
