"""The running text of a page, apart from code, headings, links and formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PageElement, PreformattedString

__all__ = ["replace_in_texts"]

APART = (
    "a",
    "button",
    "code",
    "pre",
    "math",
    "script",
    "style",
    "summary",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "dt",
)


def replace_in_texts(
    soup: BeautifulSoup,
    pattern: re.Pattern[str],
    replacement: Callable[[re.Match[str]], Any],
    *,
    within: str | tuple[str, ...] = (),
    apart: tuple[str, ...] = (),
) -> None:
    """Replace what a pattern finds in running text by elements.

    Parameters
    ----------
    soup : BeautifulSoup
        The page, changed in place.
    pattern : Pattern
    replacement : callable
        Given a match, it returns what stands in its place: an element, a list of elements, or None to leave it.
    within : tuple of str
        Names of elements; if given, only texts inside one of them are looked at.
    apart : tuple of str
        Names of more elements whose texts are left alone.
    """
    left_alone = {*APART, *apart}
    looked_at = (within,) if isinstance(within, str) and within else tuple(within)
    for text in [text for text in _texts(soup, left_alone, looked_at) if pattern.search(text)]:
        pieces: list[Any] = []
        end = 0
        for found in pattern.finditer(str(text)):
            new = replacement(found)
            if new is not None:
                pieces += [
                    NavigableString(text[end : found.start()]),
                    *(new if isinstance(new, list) else [new]),
                ]
                end = found.end()
        if pieces:
            text.replace_with(*pieces, NavigableString(text[end:]))


def _texts(soup: Tag, apart: set[str], within: tuple[str, ...]) -> Iterator[NavigableString]:
    """Give the running texts in order, without those apart or hidden; if asked, only those within some elements."""
    waiting: list[tuple[PageElement, bool]] = [(soup, not within)]
    while waiting:
        part, wanted = waiting.pop()
        if isinstance(part, Tag):
            if part.name not in apart and part.get("aria-hidden") != "true":
                wanted = wanted or part.name in within
                waiting += [(child, wanted) for child in reversed(part.contents)]
        elif wanted and isinstance(part, NavigableString) and not isinstance(part, PreformattedString):
            yield part
