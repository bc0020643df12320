"""The running text of a page, apart from code, headings, links and formulas."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, NavigableString
from bs4.element import PreformattedString

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
    for text in soup.find_all(string=pattern):
        if isinstance(text, PreformattedString) or text.find_parent([*APART, *apart]):
            continue
        if text.find_parent(attrs={"aria-hidden": "true"}):
            continue
        if within and not text.find_parent(list(within)):
            continue
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
