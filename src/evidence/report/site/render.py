"""An executed notebook as a page: by nbconvert, with a template of our own, then finished for every reader."""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from traitlets.config import Config

from evidence.report.publish import MIME
from evidence.report.site.arrange import arrange_headings, arrange_signs, arrange_tables, take_title
from evidence.report.site.beside import take_along
from evidence.report.site.cards import card_html
from evidence.report.site.clean import clean_html, plain
from evidence.report.site.glossary import define_terms
from evidence.report.site.guides import guide_html, show_guides_once
from evidence.report.site.hidden import marks
from evidence.report.site.markdown import markdown_html
from evidence.report.site.outputs import output_html
from evidence.report.site.references import link_references
from evidence.report.site.search import Section, sections

__all__ = ["Page", "finish", "ordered", "render"]

FILES = ("SVG", "PNG", "CSV", "numbers as CSV")


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what stands in it.

    Attributes
    ----------
    name : str
        File name without ending.
    title : str
        Plain text of the first heading.
    description : str
        Plain text of the first paragraph.
    body : str
        HTML below the title.
    sections : tuple of Section
        The text under each heading, for the search.
    items : tuple of dict
        The figures and tables that the notebook published: kind, name, caption, files.
    files : mapping from str to Path
        What the page shows or links to beside its notebook, by the paths in the report under which it does.
    """

    name: str
    title: str
    description: str
    body: str
    sections: tuple[Section, ...] = ()
    items: tuple[dict[str, Any], ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)


def render(
    name: str,
    notebook: Any,
    references: Mapping[str, str] | None = None,
    *,
    folder: Path | None = None,
    names: Collection[str] = (),
) -> Page:
    """Turn a notebook into a page.

    Parameters
    ----------
    name : str
        Name of the page.
    notebook : NotebookNode
        With outputs.
    references : mapping from str to str, optional
        Addresses of publications by the short names under which texts and tables cite them.
    folder : Path, optional
        Where the notebook lies, and what it refers to beside it.
    names : collection of str
        The notebooks that have a page.

    Returns
    -------
    Page
        Text that came out of the code is escaped or, where it is HTML, cleaned of everything that could run.
    """
    body, _ = _exporter().from_notebook_node(_without_repeats(notebook))
    soup = BeautifulSoup(body, "html.parser")
    for picture in soup.find_all("img", alt=False):
        picture["alt"] = "No description has been provided for this image"
    title = take_title(soup) or name
    files = take_along(soup, folder, {name, *names})
    first = soup.select_one(".text p")
    description = re.sub(r"\s+", " ", first.get_text()).strip() if first else ""
    found = finish(soup, name, title, references or {})
    items = tuple(
        output.data[MIME]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if MIME in output.get("data", {})
    )
    return Page(name, title, description, str(soup).strip() + "\n", found, items, files)


def _without_repeats(notebook: Any) -> Any:
    """Leave out the parameters of a run where they are those that stand in the notebook anyway."""
    usual = {
        line
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", [])
        for line in cell.source.splitlines()
    }
    shown = copy.copy(notebook)
    shown.cells = [
        cell
        for cell in notebook.cells
        if "injected-parameters" not in cell.metadata.get("tags", [])
        or any(line not in usual for line in cell.source.splitlines() if line and not line.startswith("#"))
    ]
    return shown


def finish(
    soup: BeautifulSoup,
    name: str,
    title: str,
    references: Mapping[str, str],
    *,
    defined: bool = True,
) -> tuple[Section, ...]:
    """Finish the body of a page for every reader, in place, and return its text for the search.

    Parameters
    ----------
    soup : BeautifulSoup
        The body.
    name, title : str
        Of the page.
    references : mapping from str to str
        As for `render`.
    defined : bool
        Whether terms of the field are explained where they first come up.
    """
    arrange_headings(soup)
    arrange_tables(soup)
    arrange_signs(soup)
    found = sections(name, title, soup)
    show_guides_once(soup)
    link_references(soup, references)
    if defined:
        define_terms(soup)
    return found


class PageExporter(HTMLExporter):
    """The exporter of nbconvert with our template; formulas, tables and figures need no script and no network."""

    def __init__(self) -> None:
        settings = Config()
        super().__init__(
            config=settings,
            template_name="notebook",
            extra_template_basedirs=[str(Path(__file__).parent / "templates")],
        )
        self.log.setLevel(logging.ERROR)

    def from_notebook_node(  # type: ignore[override]  # as in the class it comes from
        self, nb: Any, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Fill the template; `render` reads the whole page anyway, and nbconvert would once more."""
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name"))
        self.register_filter("highlight_code", Highlight2HTML(pygments_lexer=lexer, parent=self))
        return super(HTMLExporter, self).from_notebook_node(nb, self._init_resources(resources), **options)

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """Add the filters that the template uses."""
        yield from super().default_filters()
        yield (
            "author_html",
            lambda cell: markdown_html(cell.source, trusted=True, attachments=cell.get("attachments")),
        )
        yield "output_html", output_html
        yield "marks", marks
        yield "clean", clean_html
        yield "plain", plain
        yield "captioned", _captioned
        yield "ordered", ordered
        yield "card", lambda record: card_html(record, whole=False)
        yield "guide", lambda item: guide_html(str(item.get("figure_kind", "")))


def ordered(paths: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the files of a figure or table with their labels: what is looked at before what is computed with."""
    labels = list(FILES)
    return sorted(paths.items(), key=lambda item: labels.index(item[0]) if item[0] in labels else len(labels))


@cache
def _exporter() -> PageExporter:
    return PageExporter()


def _captioned(table: str, caption: str) -> str:
    heading = f"<caption><span>{escape(caption)}</span></caption>"
    return re.sub(r"<table[^>]*>", lambda found: found[0] + heading, table, count=1)
