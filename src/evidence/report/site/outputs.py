"""What an output of a cell shows on a page that runs no script and fetches nothing; what cannot be shown is named."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from html import escape
from typing import Any

from bs4 import BeautifulSoup, Tag

from evidence.report.site.clean import clean_html, plain
from evidence.report.site.markdown import markdown_html

__all__ = ["notice", "output_html"]

PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "image/gif", "image/webp")

ELSEWHERE = re.compile(r"(?:https?:)?//", re.I)

FIELDS = ("input", "select", "textarea")
APART = ("script", "iframe", "video", "audio", "object", "embed", "canvas", "svg", "img", *FIELDS)
"""Elements that need a look before cleaning: it would remove them, or what they show, without a word."""

NAMES = {
    "video": "video",
    "audio": "recording",
    "canvas": "drawing made by a script",
    "script": "part that a script makes",
    **dict.fromkeys(FIELDS, "field to fill in"),
}
UNSEEN = re.compile(r"\b(display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
"""A style that hides, which cleaning would take away."""


def output_html(output: Any) -> str:
    """Return the HTML of an output: of its kinds, the one that tells most.

    Parameters
    ----------
    output : NotebookNode
        An ``execute_result`` or ``display_data``.
    """
    data, metadata = output.data, output.get("metadata", {})
    if "text/html" in data:
        shown, missing = _html(data["text/html"])
        picture = next((kind for kind in PICTURES if kind in data), None)
        if shown and not (missing and picture):
            return f'<div class="output">\n{shown}\n</div>\n{_missing(missing)}'
        if picture:  # of what a script would draw
            return _picture(data[picture], picture, metadata)
        text = (
            f'<pre class="output">{escape(plain(data["text/plain"]))}</pre>\n' if "text/plain" in data else ""
        )
        return _missing(missing or ["part that a script makes"]) + text
    for kind, show in SHOWN.items():
        if kind in data:
            return show(data[kind])
    for kind in PICTURES:
        if kind in data:
            return _picture(data[kind], kind, metadata)
    if "application/json" in data:
        return f'<pre class="output">{escape(json.dumps(data["application/json"], indent=1))}</pre>\n'
    kinds = [kind for kind in data if kind != "text/plain"]
    said = notice(f"An output of the kind {', '.join(kinds)} cannot be shown on this page.") if kinds else ""
    return said + (
        f'<pre class="output">{escape(plain(data["text/plain"]))}</pre>\n' if "text/plain" in data else ""
    )


def notice(text: str, address: str = "") -> str:
    """Return a remark in the place of what cannot be shown, with its address, no link, if it stands elsewhere."""
    shown = f" <code>{escape(address)}</code>" if address else ""
    return f'<p class="notice">{escape(text)}{shown}</p>\n'


def _markdown(text: str) -> str:
    return f'<div class="text">\n{markdown_html(text, trusted=False)}\n</div>\n'


def _latex(text: str) -> str:
    if re.search(r"\$|\\\(|\\\[|\\begin\{", text):
        text = re.sub(r"\\\((.+?)\\\)", r"$\1$", text, flags=re.S)  # as Markdown has formulas
        text = re.sub(r"\\\[(.+?)\\\]", r"$$\1$$", text, flags=re.S)
        return f'<div class="output">\n{markdown_html(text, trusted=False)}\n</div>\n'
    return f'<pre class="output">{escape(text)}</pre>\n'


SHOWN: dict[str, Callable[[str], str]] = {"text/markdown": _markdown, "text/latex": _latex}


def _picture(value: str, kind: str, metadata: Any) -> str:
    if kind == "image/svg+xml":  # as a picture it runs no script
        value = base64.b64encode(value.encode()).decode("ascii")
    about = metadata.get(kind, {})
    size = "".join(
        f' {side}="{int(about[side])}"'
        for side in ("width", "height")
        if isinstance(about.get(side), int | float) or str(about.get(side)).isdigit()
    )
    alternative = escape(str(about.get("alt", "")))
    code = escape("".join(value.split()))
    return f'<p class="output"><img src="data:{kind};base64,{code}" alt="{alternative}"{size}></p>\n'


def _missing(parts: list[str]) -> str:
    return "".join(
        notice(f"Not shown here: {part}.") if not ELSEWHERE.match(part) else notice("Shown elsewhere:", part)
        for part in dict.fromkeys(parts)
    )


def _html(text: str) -> tuple[str, list[str]]:
    """Clean HTML; returns what is left, empty if that shows nothing, and what is missing from it."""
    missing: list[str] = []
    drawings: list[str] = []
    if re.search(rf"<({'|'.join(APART)})\b", text, re.I) or UNSEEN.search(text):
        soup = BeautifulSoup(text, "html.parser")
        for tag in soup.find_all(style=UNSEEN):
            if not tag.decomposed:
                tag.decompose()
        for tag in soup.find_all(APART):
            # The drawings of a forest table are part of it; cleaning leaves them their shapes alone.
            if not tag.decomposed and not (
                tag.name == "svg" and tag.find_parent("table", class_="forest-table")
            ):
                _set_apart(soup, tag, missing, drawings)
        text = str(soup)
    if re.search(r"<style[^>]*>[^<]*#T_\w+[^<]*\{", text):
        missing.append("the colours and other marks of this table")
    shown = clean_html(text).strip()
    for number, drawing in enumerate(drawings):
        shown = shown.replace(f'<section class="drawing-{number}"></section>', drawing)
    left = BeautifulSoup(shown, "html.parser")
    return (
        shown if left.get_text(strip=True) or left.find(["img", "hr", "progress", "meter"]) else ""
    ), missing


def _set_apart(soup: BeautifulSoup, tag: Tag, missing: list[str], drawings: list[str]) -> None:
    source = str(tag.get("src") or tag.get("data") or "")
    if tag.name == "img":
        if ELSEWHERE.match(source):
            tag.decompose()
            missing.append(source)
        elif not source:  # a script would give it one
            tag.decompose()
    elif tag.name == "svg":
        tag["xmlns"] = "http://www.w3.org/2000/svg"
        if tag.find(True):
            mark = soup.new_tag("section", attrs={"class": f"drawing-{len(drawings)}"})
            code = base64.b64encode(str(tag).encode()).decode("ascii")
            drawings.append(f'<img src="data:image/svg+xml;base64,{code}" alt="">')
            tag.replace_with(mark)
        else:
            tag.decompose()
    else:
        if ELSEWHERE.match(source) and tag.name != "script":
            missing.append(source)
        elif tag.name != "script" or source or tag.get_text(strip=True):
            missing.append(f"a {NAMES.get(tag.name, 'part that would be fetched')}")
        tag.decompose()
