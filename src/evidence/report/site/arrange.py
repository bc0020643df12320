"""The order of a page: one title, headings without gaps and with anchors, tables that can be read aloud."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, NavigableString, Tag

from evidence.report.site.texts import replace_in_texts

__all__ = ["arrange_headings", "arrange_signs", "arrange_tables", "signs", "take_title"]

_NUMBER = r"[<>=]?\s*[-−+]?(\d[\d,.]*|\.\d+)(e[-+]?\d+)?\s*%?"
NUMBER = re.compile(rf"\s*\(?{_NUMBER}(\s*(to|,|;|\()\s*{_NUMBER})*\)?\s*")
SHORT = 14
"""Letters of a remark, such as "not pooled", that may stand in a column of numbers."""
LABEL = 24
"""Letters above which a column of texts needs some width."""
TALL = 25
"""Rows above which a table scrolls in a frame of its own, under its headings."""
SIGN = re.compile(r"(?<![\w.)\]%+/-])-(?=\.?\d)|(?<=[\w)] )-(?= [\d(−-])|(?<=\d) (?=%)")
"""A hyphen for a minus sign, before a number or between two terms; a space before the sign of percent."""


def take_title(soup: BeautifulSoup) -> str:
    """Remove the first heading of level 1 and return its text; the page shows it above everything else."""
    if (first := soup.h1) is None:
        return ""
    title = re.sub(r"\s+", " ", first.get_text()).strip()
    first.decompose()
    return title


def arrange_headings(soup: BeautifulSoup) -> None:
    """Let headings begin at level 2 and never skip a level, each with an anchor that nothing else has."""
    headings = soup.find_all(re.compile(r"^h[1-6]$"))
    for heading in headings:
        heading.attrs.pop("id", None)
    taken = {str(tag["id"]) for tag in soup.find_all(id=True)}
    before = 1
    for heading in headings:
        before = min(max(int(heading.name[1]), 2), before + 1)
        heading.name = f"h{before}"
        anchor = _anchor(heading.get_text(), taken)
        taken.add(anchor)
        heading["id"] = anchor


def _anchor(text: str, taken: set[str]) -> str:
    words = re.sub(r"[^\w]+", "-", text.lower()).strip("-") or "part"
    anchor, count = words, 1
    while anchor in taken:
        count += 1
        anchor = f"{words}-{count}"
    return anchor


def arrange_tables(soup: BeautifulSoup) -> None:
    """Say which cells are headings and of what, align numbers, and let wide and long tables scroll by themselves."""
    for table in soup.find_all("table"):
        for heading in table.find_all("th", scope=False):
            heading["scope"] = "col" if heading.find_parent("thead") else "row"
        _align(table)
        region = table.find_parent(class_="scroll") or table.wrap(_region(soup, table))
        if len(table.find_all("tr")) > TALL:
            region["class"] = "scroll tall"


def _align(table: Tag) -> None:
    """Align columns of numbers, and of ranges of numbers, at the right; give columns of longer texts room."""
    if table.select_one("[colspan], [rowspan]"):
        return
    rows = [
        [cell for cell in row.contents if isinstance(cell, Tag) and cell.name in ("td", "th")]
        for row in table.find_all("tr")
    ]
    for cells in zip(*rows, strict=False):
        texts = [cell.get_text() for cell in cells]
        body = [text for cell, text in zip(cells, texts, strict=True) if cell.name == "td" and text.strip()]
        numbers = [NUMBER.fullmatch(text) is not None for text in body]
        if any(numbers) and all(
            number or len(text) <= SHORT for number, text in zip(numbers, body, strict=True)
        ):
            for cell in cells:
                cell["class"] = "number"
        elif any(len(text.strip()) > LABEL for text in texts):
            for cell in cells:
                cell["class"] = cell.get("class") or "label"


def arrange_signs(soup: BeautifulSoup) -> None:
    """Write minus signs and percentages as print does; quotations and code stay as they are."""
    replace_in_texts(soup, SIGN, lambda found: NavigableString(_sign(found)), apart=("blockquote",))


def signs(text: str) -> str:
    """Return a plain text with the same signs."""
    return SIGN.sub(_sign, text)


def _sign(found: re.Match[str]) -> str:
    return "−" if found[0] == "-" else ""


def _region(soup: BeautifulSoup, table: Tag) -> Tag:
    headings = ", ".join(heading.get_text(" ", strip=True) for heading in table.select("thead th"))
    label = table.caption.get_text(" ", strip=True) if table.caption else f"Table: {headings}"
    attributes = {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label}
    return soup.new_tag("div", attrs=attributes)
