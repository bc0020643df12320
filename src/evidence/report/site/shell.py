"""The frame of every page of the site: head, navigation, table of contents, footer; nothing from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

__all__ = ["ASSETS", "FOREST", "LOOK_UP", "Heading", "PageEntry", "contents", "forest_rules", "page"]

LOOK_UP = "Look up"
"""Group of the pages in which one looks something up."""
ASSETS = ("site.css", "site.js", "pooling.js", "forest.js", "map.js")
"""Files that stand beside the pages."""
FOREST = "forest.css"
"""Rules of forest tables, written beside the pages."""

HEADING = re.compile(r'<h([23])(?=[\s>])[^>]*\bid="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page in the navigation.

    Attributes
    ----------
    name : str
        Path of the page from the root of the site, without ".html".
    label : str
        Plain text, a few words.
    group : str
        Heading under which the navigation lists the page; pages of one group follow each other.
    """

    name: str
    label: str
    group: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page: its level (2 to 6), its anchor and its plain text."""

    level: int
    anchor: str
    text: str


def page(
    title: str,
    body_html: str,
    *,
    active: str,
    site: str = "",
    entries: Sequence[PageEntry] = (),
    lead: str = "",
    root: str = "",
    scripts: Sequence[str] = (),
    styles: Sequence[str] = (),
    toc: bool = True,
    kind: str = "",
    beside: tuple[PageEntry | None, PageEntry | None] | None = None,
) -> str:
    """Return a complete page.

    Parameters
    ----------
    title : str
        Plain text; it becomes the only heading of level 1, so the body begins at level 2.
    body_html : str
        The rest of the page, as HTML that is safe to show: texts from data are escaped already.
    active : str
        Name of the entry that the navigation marks: that of the page itself, or of the page it belongs to.
    site : str
        Title of the site, plain text; that of the page if empty.
    entries : sequence of PageEntry
        The navigation.
    lead : str
        HTML shown under the title, before the table of contents on narrow screens.
    root : str
        Path from the page to the root of the site: empty, or "../" for a page in a folder.
    scripts : sequence of str
        Paths from the root to scripts of this page alone. The page allows scripts from files beside it only:
        none inside its own text, none from elsewhere.
    styles : sequence of str
        Paths from the root to style sheets of this page alone.
    toc : bool
        Whether the headings of levels 2 and 3 that have an id make a table of contents.
    kind : str
        Class of the body element, for rules of one kind of page.
    beside : (PageEntry or None, PageEntry or None), optional
        The pages before and after; by default those of the navigation.

    Returns
    -------
    str
        HTML that ends with a line break.
    """
    if 'class="forest-table"' in body_html:
        scripts, styles = (*scripts, "pooling.js", "forest.js"), (*styles, FOREST)
    if 'class="map-table"' in body_html:
        scripts = (*scripts, "map.js")
    groups: dict[str, list[PageEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, []).append(entry)
    if beside is None:
        beside = _beside(entries, active)
    text = templates().get_template("shell.html")
    shown = text.render(
        title=title,
        site=site or title,
        body=Markup(body_html),
        lead=Markup(lead),
        active=active,
        groups=groups,
        root=root,
        scripts=scripts,
        styles=styles,
        headings=contents(body_html) if toc else (),
        kind=kind,
        beside=beside,
    )
    return shown.rstrip() + "\n"


def _beside(entries: Sequence[PageEntry], active: str) -> tuple[PageEntry | None, PageEntry | None]:
    names = [entry.name for entry in entries]
    if active not in names:
        return None, None
    place = names.index(active)
    return (entries[place - 1] if place else None), (entries[place + 1] if place + 1 < len(names) else None)


def forest_rules() -> str:
    """The rules of forest tables, read as a file: with the package of figures would come matplotlib."""
    return files("evidence").joinpath("figures", "forest_table.css").read_text("utf-8")


def contents(body_html: str) -> tuple[Heading, ...]:
    """Return the headings of levels 2 and 3 that have an id, in their order."""
    return tuple(
        Heading(int(level), html.unescape(anchor), _text(inner))
        for level, anchor, inner in HEADING.findall(body_html)
    )


def _text(inner: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", inner))).strip()


@cache
def templates() -> Environment:
    """The templates of the site."""
    return Environment(
        loader=PackageLoader("evidence.report.site"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
