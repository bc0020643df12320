"""HTML that came out of code, without anything that could run or fetch."""

from __future__ import annotations

import re

import nh3

__all__ = ["clean_html", "plain"]

DRAWN = {"svg", "g", "line", "rect", "circle", "path", "text"}
"""Parts of drawings that can neither run nor fetch anything."""
PLACED = {
    *("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "d", "width", "height"),
    *("viewBox", "preserveAspectRatio", "transform", "text-anchor"),
}
FORMULA = {
    *(
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "msup",
        "msub",
        "msubsup",
        "mfrac",
        "msqrt",
        "mroot",
    ),
    *("mover", "munder", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom", "semantics"),
}
"""Parts of formulas in MathML."""
BARS = {"progress", "meter"}
LEVELS = {"value", "min", "max", "low", "high", "optimum"}
TAGS = nh3.ALLOWED_TAGS | DRAWN | FORMULA | BARS | {"figure", "figcaption", "section", "tfoot"}
ATTRIBUTES = {
    **dict.fromkeys(DRAWN, PLACED),
    **dict.fromkeys(BARS, LEVELS),
    "math": {"display"},
    "*": {"class", "title", "aria-hidden"},
    "table": {"data-forest"},  # numbers, which the script of the site reads as such
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
CODES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()*+][0-9A-Za-z]|\x1b[@-Z\\^_=>78c]|\x1b"
)
"""Codes for a terminal: titles and links, colours and moves, sets of letters, and the rest."""
STEP = re.compile(rf"({CODES.pattern}|[\r\n\b])")


def clean_html(text: str) -> str:
    """Return HTML without scripts, styles, event handlers and addresses that run code or fetch images."""
    return nh3.clean(
        text,
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_safe_address,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style", "annotation", "annotation-xml"},
    )


def plain(text: str) -> str:
    """Return text as a terminal would leave it: progress bars at their end, without colours."""
    if not re.search(r"[\r\b\x1b]", text):
        return text
    lines, row, column = [""], 0, 0
    for step in filter(None, STEP.split(text.replace("\r\n", "\n"))):
        if step == "\n":
            row, column = row + 1, 0
            lines += [""] * (row == len(lines))
        elif step == "\r":
            column = 0
        elif step == "\b":
            column = max(column - 1, 0)
        elif step[0] == "\x1b":
            if up := re.fullmatch(r"\x1b\[(\d*)A", step):
                row = max(row - int(up[1] or 1), 0)
            elif step in ("\x1b[K", "\x1b[0K"):
                lines[row] = lines[row][:column]
            elif step == "\x1b[2K":
                lines[row] = ""
        else:
            line = lines[row].ljust(column)
            lines[row] = line[:column] + step + line[column + len(step) :]
            column += len(step)
    return "\n".join(lines)


def _safe_address(tag: str, attribute: str, value: str) -> str | None:
    address = value.strip().lower()
    if (tag, attribute) == ("img", "src"):
        inside = re.match(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", address) or not re.match(
            r"[a-z][a-z0-9+.-]*:|//", address
        )
        return value if inside else None
    return None if address.startswith("data:") else value
