"""Markdown of the notebooks as HTML: headings that can be linked to, formulas as MathML, code in colour."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import mistune
from latex2mathml.converter import convert_to_element
from mistune.plugins.footnotes import footnotes
from mistune.plugins.formatting import strikethrough
from mistune.plugins.math import math, math_in_list, math_in_quote
from mistune.plugins.table import table
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

__all__ = ["Heading", "Writer", "code_html"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page: its level (1 to 6), its anchor and its text as HTML."""

    level: int
    anchor: str
    text: str


@dataclass
class Writer:
    """The Markdown of one page; it gathers the headings and paragraphs it meets."""

    headings: list[Heading] = field(default_factory=list)
    paragraphs: list[str] = field(default_factory=list)

    def html(self, text: str, *, trusted: bool) -> str:
        """Return the HTML of a piece of Markdown.

        Parameters
        ----------
        text : str
            Markdown with tables, footnotes and formulas between dollar signs.
        trusted : bool
            Whether HTML inside the text is kept as such (text of an author) or shown as text (it may hold data).
        """
        renderer = _Renderer(self, escape=not trusted)
        parse = mistune.Markdown(
            renderer=renderer,
            plugins=[table, strikethrough, footnotes, math, math_in_quote, math_in_list],
        )
        return str(parse(text))

    def heading(self, level: int, text: str) -> Heading:
        """Enter a heading, with an anchor that no other heading of the page has."""
        words = (
            re.sub(r"[^\w]+", "-", html.unescape(re.sub(r"<[^>]+>", "", text)).lower()).strip("-") or "part"
        )
        taken = {heading.anchor for heading in self.headings}
        anchor = next(
            a for n in range(1, len(taken) + 2) if (a := words if n == 1 else f"{words}-{n}") not in taken
        )
        self.headings.append(Heading(level, anchor, text))
        return self.headings[-1]


def code_html(code: str, language: str = "python") -> str:
    """Return code as an HTML element, in colour if the language is known."""
    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        return f"<pre><code>{html.escape(code)}</code></pre>\n"
    return highlight(code, lexer, HtmlFormatter(wrapcode=True))


class _Renderer(mistune.HTMLRenderer):
    def __init__(self, writer: Writer, escape: bool) -> None:
        super().__init__(escape=escape)
        self.writer = writer

    def heading(self, text: str, level: int, **_: Any) -> str:
        heading = self.writer.heading(level, text)
        return f'<h{level} id="{heading.anchor}">{text}</h{level}>\n'

    def paragraph(self, text: str) -> str:
        self.writer.paragraphs.append(text)
        return super().paragraph(text)

    def block_code(self, code: str, info: str | None = None) -> str:
        return code_html(code.rstrip("\n"), (info or "text").split()[0])

    def link(self, text: str, url: str, title: str | None = None) -> str:
        # Links between notebooks become links between pages.
        return super().link(text, re.sub(r"^([\w./-]+)\.ipynb(#.*)?$", r"\1.html\2", url), title)

    def inline_math(self, text: str) -> str:
        return _mathml(text, "inline")

    def block_math(self, text: str) -> str:
        return f'<span class="scroll">{_mathml(text, "block")}</span>\n'


def _mathml(formula: str, display: str) -> str:
    try:
        element = convert_to_element(formula.strip(), display=display)
    except Exception:  # any of many; dollar signs may well stand in a text that has no formula at all
        return f"<code>{html.escape(formula)}</code>"
    for part in element.iter():
        part.text = html.unescape(part.text or "")  # so that it is escaped just once
    return ElementTree.tostring(element, encoding="unicode")
