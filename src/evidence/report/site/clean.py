"""HTML that came out of code, without anything that could run or fetch."""

from __future__ import annotations

import re

import nh3

__all__ = ["clean_html", "plain"]

TAGS = nh3.ALLOWED_TAGS | {"figure", "figcaption", "section"}
ATTRIBUTES = {
    "*": {"class", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def clean_html(text: str) -> str:
    """Return HTML without scripts, styles, event handlers and addresses that run code or fetch images."""
    return nh3.clean(
        text,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_safe_address,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style"},
    )


def plain(text: str) -> str:
    """Return text without the codes that colour it in a terminal."""
    return ANSI.sub("", text)


def _safe_address(tag: str, attribute: str, value: str) -> str | None:
    address = value.strip().lower()
    if (tag, attribute) == ("img", "src"):
        inside = address.startswith("data:image/png;base64,") or not re.match(
            r"[a-z][a-z0-9+.-]*:|//", address
        )
        return value if inside else None
    return None if address.startswith("data:") else value
