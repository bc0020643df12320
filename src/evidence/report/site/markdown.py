"""Markdown of the notebooks as HTML: formulas as MathML, which needs no script, and links between pages."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, unquote
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

__all__ = ["markdown_html", "page_address"]


ENVIRONMENT = re.compile(
    r"\\(begin|end)\{(?:(aligned|alignedat|alignat|eqnarray)|gather|gathered|multline)\*?\}"
    r"(?:\[[tbc]\])?(?:(?:(?<=at\})|(?<=at\*\})|(?<=at\}\[[tbc]\]))\{\d+\})?"
)
"""Environments that the converter does not know: those with columns, and those of lines in the middle."""
LABEL = re.compile(r"\\label\{[^{}]*\}|\\notag\b")
"""What a formula is called elsewhere; nothing of it is shown."""

SPACED = re.compile(r"\\\\\s*\[-?[\d.]+\s*[a-z]{2}\]")
"""The end of a line with some room below it, of which a formula on a page has enough."""

ATTACHED = "attachment:"
PASTED = re.compile(r"(<img\b[^>]*?\bsrc=(?P<mark>[\"']))(attachment:[^\"'>]+)(?=(?P=mark))", re.I)
"""A pasted picture that stands as HTML, as it does once somebody has set its size."""


def markdown_html(
    text: str, *, trusted: bool, attachments: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """Return the HTML of a piece of Markdown.

    Parameters
    ----------
    text : str
        Markdown with tables, definition lists and formulas between dollar signs.
    trusted : bool
        Whether HTML inside the text is kept as such (text of an author) or shown as text (it may hold data).
    attachments : mapping, optional
        The images pasted into a cell: by name, the base64 code of each kind.
    """
    renderer = _Renderer(escape=not trusted, allow_harmful_protocols=False, exclude_anchor_links=True)
    renderer.pasted = attachments or {}
    made = str(MarkdownWithMath(renderer=renderer).render(text))
    return PASTED.sub(lambda found: found[1] + html.escape(renderer.code(found[3]) or found[3]), made)


def page_address(address: str, names: Collection[str] | None = None) -> str:
    """Return the address of the page of a notebook for that of the notebook; any other address as it is.

    Parameters
    ----------
    address : str
        Of a link, with or without ``%20`` for a space.
    names : collection of str, optional
        The notebooks that have a page; by default all.
    """
    path, mark, anchor = address.partition("#")
    if not path.endswith(".ipynb") or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//", path):
        return address
    name = posixpath.normpath(unquote(path)).removesuffix(".ipynb")
    return address if names is not None and name not in names else f"{quote(name)}.html{mark}{anchor}"


class _Renderer(IPythonRenderer):
    pasted: Mapping[str, Mapping[str, str]]

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if not url.startswith(ATTACHED):
            return str(super().image(text, url, title))
        if code := self.code(url):
            return f'<img src="{html.escape(code)}" alt="{html.escape(text)}">'
        name = html.escape(unquote(url.removeprefix(ATTACHED)))
        return f'<span class="notice">The pasted picture {name} is not in the notebook.</span>'

    def code(self, url: str) -> str:
        """Return a pasted picture as an address that holds it; empty if there is none."""
        kinds = self.pasted.get(unquote(url.removeprefix(ATTACHED))) or {}
        kind = next((kind for kind in kinds if re.fullmatch(r"image/[\w.+-]+", kind)), None)
        return f"data:{kind};base64,{''.join(''.join(kinds[kind]).split())}" if kind else ""

    def inline_math(self, body: str) -> str:
        # A space before the closing sign: two prices in one sentence, not a formula.
        return _mathml(body, "inline") if body == body.strip() else html.escape(f"${body}$")

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return _mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def _known(found: re.Match[str]) -> str:
    if found[2]:
        return rf"\{found[1]}{{align*}}"
    return r"\begin{array}{c}" if found[1] == "begin" else r"\end{array}"


def _mathml(formula: str, display: str) -> str:
    known = SPACED.sub(r"\\\\", LABEL.sub("", formula.strip())).replace("{dcases}", "{cases}")
    known = ENVIRONMENT.sub(_known, known)
    try:
        element: Any = convert_to_element(known, display=display)
    except Exception:  # any of many; dollar signs may well stand in a text that has no formula at all
        return f"<code>{html.escape(formula)}</code>"
    for part in element.iter():
        part.text = html.unescape(part.text or "")  # so that it is escaped just once
    return ElementTree.tostring(element, encoding="unicode")
