"""Markdown of the notebooks as HTML: formulas as MathML, which needs no script, and links between pages."""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

__all__ = ["markdown_html"]


def markdown_html(text: str, *, trusted: bool) -> str:
    """Return the HTML of a piece of Markdown.

    Parameters
    ----------
    text : str
        Markdown with tables, definition lists and formulas between dollar signs.
    trusted : bool
        Whether HTML inside the text is kept as such (text of an author) or shown as text (it may hold data).
    """
    renderer = _Renderer(escape=not trusted, allow_harmful_protocols=False, exclude_anchor_links=True)
    return str(MarkdownWithMath(renderer=renderer).render(text))


class _Renderer(IPythonRenderer):
    def link(self, text: str, url: str, title: str | None = None) -> str:
        # Links between notebooks become links between pages.
        return str(super().link(text, re.sub(r"^([\w./-]+)\.ipynb(#.*)?$", r"\1.html\2", url), title))

    def inline_math(self, body: str) -> str:
        # A space before the closing sign: two prices in one sentence, not a formula.
        return _mathml(body, "inline") if body == body.strip() else html.escape(f"${body}$")

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return _mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def _mathml(formula: str, display: str) -> str:
    try:
        element: Any = convert_to_element(formula.strip(), display=display)
    except Exception:  # any of many; dollar signs may well stand in a text that has no formula at all
        return f"<code>{html.escape(formula)}</code>"
    for part in element.iter():
        part.text = html.unescape(part.text or "")  # so that it is escaped just once
    return ElementTree.tostring(element, encoding="unicode")
