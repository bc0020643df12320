"""How to read a figure: a box below it, chosen by what its description says it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import yaml
from bs4 import BeautifulSoup

__all__ = ["figure_guide", "guide_html", "show_guides_once"]


def figure_guide(alt_text: str) -> Mapping[str, Any] | None:
    """Return the guide (kind, begins, steps) to a figure with a description, or None if there is none."""
    for guide in _guides():
        if any(re.match(begin, alt_text) for begin in guide["begins"]):
            return guide
    return None


def guide_html(alt_text: str) -> str:
    """Return a box that unfolds, or nothing for a figure of an unknown kind."""
    guide = figure_guide(alt_text)
    if guide is None:
        return ""
    kind = str(guide["kind"])
    article = "an" if kind[0] in "aeiou" else "a"
    steps = "".join(f"<li>{escape(step)}</li>" for step in guide["steps"])
    return (
        f'<details class="guide" id="read-{kind.lower().replace(" ", "-")}">'
        f"<summary>How to read {article} {escape(kind)}</summary><ul>{steps}</ul></details>"
    )


def show_guides_once(soup: BeautifulSoup) -> None:
    """Keep the first box of each kind on a page; later figures link to it."""
    seen: set[str] = set()
    for box in soup.select("details.guide"):
        anchor = str(box["id"])
        if anchor in seen:
            link = soup.new_tag("a", href=f"#{anchor}")
            link.string = str(box.summary.get_text()) if box.summary else "How to read it"
            line = soup.new_tag("p", attrs={"class": "downloads"})
            line.append(link)
            box.replace_with(line)
        seen.add(anchor)


@cache
def _guides() -> tuple[dict[str, Any], ...]:
    text = files("evidence.report.site").joinpath("figure_guides.yaml").read_text("utf-8")
    return tuple(yaml.safe_load(text))
