"""An executed notebook as the body of a page."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from typing import Any

import nh3

from evidence.report.markdown import Heading, Writer, code_html
from evidence.report.publish import MIME

__all__ = ["Page", "render"]

CODE_LABELS = {"parameters": "Parameters", "injected-parameters": "Parameters of this run"}
HTML_ATTRIBUTES = {
    "*": {"class", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}


@dataclass(frozen=True, slots=True)
class Page:
    """The body of a page and what stands in it.

    Attributes
    ----------
    name : str
        File name without ending.
    title : str
        Text of the first heading, as HTML.
    description : str
        First paragraph, as HTML.
    headings : tuple of Heading
        Headings of levels 2 and 3, for the table of contents.
    body : str
        HTML.
    items : tuple of dict
        The figures and tables that the notebook published: kind, name, caption, files.
    """

    name: str
    title: str
    description: str
    headings: tuple[Heading, ...]
    body: str
    items: tuple[dict[str, Any], ...]


def render(name: str, notebook: Any) -> Page:
    """Turn a notebook into a page.

    Parameters
    ----------
    name : str
        Name of the page.
    notebook : NotebookNode
        With outputs.

    Returns
    -------
    Page
        Text that came out of the code is escaped or, where it is HTML, cleaned of everything that could run.
    """
    writer = Writer()
    items: list[dict[str, Any]] = []
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(f'<section class="text">\n{writer.html(cell.source, trusted=True)}</section>\n')
        elif cell.cell_type == "code" and cell.source.strip():
            items += [output.data[MIME] for output in cell.outputs if MIME in output.get("data", {})]
            parts.append(_code(cell) + "".join(_output(output) for output in cell.outputs))
    title = next((heading.text for heading in writer.headings if heading.level == 1), html.escape(name))
    contents = tuple(heading for heading in writer.headings if heading.level in (2, 3))
    return Page(name, title, next(iter(writer.paragraphs), ""), contents, "".join(parts), tuple(items))


def _code(cell: Any) -> str:
    tags = cell.metadata.get("tags", [])
    label = next((CODE_LABELS[tag] for tag in tags if tag in CODE_LABELS), "Code")
    state = " open" if "show-input" in tags else ""
    return f'<details class="code"{state}><summary>{label}</summary>\n{code_html(cell.source)}</details>\n'


def _output(output: Any) -> str:
    if output.output_type == "stream":
        return f'<pre class="output {output.name}">{_plain(output.text)}</pre>\n'
    if output.output_type == "error":
        return f'<pre class="output stderr">{_plain(chr(10).join(output.traceback))}</pre>\n'
    data, look = output.data, output.get("metadata", {})
    if MIME in data:
        return _item(data[MIME])
    if "text/html" in data:
        return f'<div class="output scroll">{_cleaned(data["text/html"])}</div>\n'
    if "text/markdown" in data:
        # A writer of its own: headings in computed text are no part of the table of contents.
        return f'<div class="output text">{Writer().html(data["text/markdown"], trusted=False)}</div>\n'
    for kind in ("image/png", "image/jpeg"):
        if kind in data:
            alt = html.escape(str(look.get(kind, {}).get("alt", "")))
            source = "".join(data[kind].split())
            return f'<p class="output"><img alt="{alt}" src="data:{kind};base64,{source}"></p>\n'
    if "application/json" in data:
        return f'<pre class="output">{_plain(json.dumps(data["application/json"], indent=1))}</pre>\n'
    return f'<pre class="output">{_plain(data.get("text/plain", ""))}</pre>\n'


def _item(item: dict[str, Any]) -> str:
    name, caption = html.escape(item["name"]), html.escape(item["caption"])
    links = " ".join(
        f'<a href="{html.escape(path)}" download>{html.escape(label)}</a>'
        for label, path in item["files"].items()
    )
    below = f'<p class="downloads">{links}</p>'
    if item["kind"] == "figure":
        source = html.escape(item["files"].get("SVG", item["files"]["PNG"]))
        image = f'<div class="scroll"><img src="{source}" alt="{html.escape(item["alt"])}"></div>'
        return f'<figure id="{name}">\n{image}\n<figcaption>{caption}</figcaption>{below}\n</figure>\n'
    shown = f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">{_cleaned(item["html"])}</div>'
    return (
        f'<figure id="{name}" class="table">\n<figcaption>{caption}</figcaption>\n{shown}{below}\n</figure>\n'
    )


def _cleaned(text: str) -> str:
    """Return HTML without scripts, styles, event handlers and addresses that run code."""
    return nh3.clean(
        text,
        tags=nh3.ALLOWED_TAGS | {"figure", "figcaption", "section"},
        attributes=HTML_ATTRIBUTES,
        attribute_filter=_safe_address,
        url_schemes={"http", "https", "mailto", "data"},
        clean_content_tags={"script", "style"},
    )


def _safe_address(tag: str, attribute: str, value: str) -> str | None:
    if value.lstrip().lower().startswith("data:"):
        return (
            value
            if (tag, attribute) == ("img", "src") and value.startswith("data:image/png;base64,")
            else None
        )
    return value


def _plain(text: str) -> str:
    return html.escape(re.sub(r"\x1b\[[0-9;]*m", "", text))
