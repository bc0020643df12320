"""How to read a figure: a box below it, chosen by its kind."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

import yaml
from bs4 import BeautifulSoup

__all__ = ["guide_html", "show_guides_once"]


def guide_html(kind: str) -> str:
    """Return a box that unfolds, or nothing for a kind of figure without a guide."""
    if kind not in _guides():
        return ""
    article = "an" if kind[0] in "aeiou" else "a"
    steps = "".join(f"<li>{escape(step)}</li>" for step in _guides()[kind])
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
def _guides() -> dict[str, list[str]]:
    text = files("evidence.report.site").joinpath("figure_guides.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))
