"""The search over all pages: an index made with the site, in a script, since pages opened as files may not fetch."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from urllib.parse import quote

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PreformattedString

__all__ = ["Section", "index_script", "sections", "whole_page"]

LONGEST = 6000
"""Letters of a section that are searched."""

SHORTER = 900
"""Letters that are searched of a page that is one of very many."""

HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
NOT_SEARCHED = frozenset({"pre", "math", "button", "details"})


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading.

    Attributes
    ----------
    page : str
        Title of the page.
    title : str
        The heading, or the title of the page for what stands before the first.
    address : str
        Path from the root of the site, with the anchor of the heading.
    text : str
        Plain text, with a space for each gap.
    """

    page: str
    title: str
    address: str
    text: str


def sections(name: str, title: str, soup: BeautifulSoup) -> tuple[Section, ...]:
    """Part a page at its headings; code, formulas and what is folded are left out.

    Parameters
    ----------
    name : str
        Path of the page from the root of the site, without ".html".
    title : str
        Title of the page.
    soup : BeautifulSoup
        Its body, whose headings have anchors.
    """
    name = quote(name)
    parts: list[tuple[str, str, list[str]]] = [(title, f"{name}.html", [])]
    for node in _nodes(soup):
        if isinstance(node, Tag):
            parts.append((_joined([node.get_text()]), f"{name}.html#{node['id']}", []))
        else:
            parts[-1][2].append(str(node))
    return tuple(Section(title, heading, at, _joined(texts)[:LONGEST]) for heading, at, texts in parts)


def _nodes(parent: Tag) -> Iterator[Tag | NavigableString]:
    """Give headings with anchors, without going into them, and the texts of everything else, in their order."""
    for node in parent.children:
        if isinstance(node, Tag):
            if node.name in HEADINGS and node.has_attr("id"):
                yield node
            elif node.name not in NOT_SEARCHED and "downloads" not in (node.get("class") or ()):
                yield from _nodes(node)
        elif isinstance(node, NavigableString) and not isinstance(node, PreformattedString):
            yield node


def whole_page(name: str, title: str, body_html: str) -> Section:
    """Return a page that is one of very many as one section, for which no tree of its HTML is built."""
    shown = html.unescape(re.sub(r"<[^>]*>", " ", body_html))
    return Section(title, title, f"{quote(name)}.html", _joined([title, shown])[:SHORTER])


def index_script(parts: Iterable[Section]) -> str:
    """Return the script that holds the index."""
    entries = [json.dumps(asdict(part), ensure_ascii=False, separators=(",", ":")) for part in parts]
    return "window.searchIndex = [\n" + ",\n".join(entries) + "\n];\n"


def _joined(texts: Iterable[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(texts)).strip()
