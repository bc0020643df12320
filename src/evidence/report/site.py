"""The pages of a report as files: one for each notebook, an index, one style sheet; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from pygments.formatters import HtmlFormatter

from evidence.report.execute import Executed
from evidence.report.render import Page, render

__all__ = ["write_site"]

LIGHT, DARK = "default", "github-dark"


def write_site(folder: Path, executed: Sequence[Executed], title: str) -> list[Page]:
    """Write the site of executed notebooks.

    Parameters
    ----------
    folder : Path
        The report being made, in which the notebooks have published their figures and tables.
    executed : sequence of Executed
        The notebooks, in the order of the navigation.
    title : str
        Title of the review.

    Returns
    -------
    list of Page
        The pages written.
    """
    pages = [render(done.job.name, done.notebook) for done in executed]
    templates = Environment(
        loader=PackageLoader("evidence.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    shared: dict[str, Any] = {"title": title, "pages": pages, "html": Markup}
    (folder / "notebooks").mkdir()
    for page, done in zip(pages, executed, strict=True):
        _write(folder / f"{page.name}.html", templates.get_template("page.html").render(page=page, **shared))
        nbformat.write(done.notebook, folder / "notebooks" / f"{page.name}.ipynb")
    kinds = {item["kind"] for page in pages for item in page.items}
    _write(
        folder / "index.html", templates.get_template("index.html").render(page=None, kinds=kinds, **shared)
    )
    _write(
        folder / "style.css",
        templates.get_template("style.css").render(light=_colours(LIGHT), dark=_colours(DARK)),
    )
    return pages


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip() + "\n", "utf-8", newline="\n")


def _colours(style: str) -> Markup:
    return Markup(HtmlFormatter(style=style).get_style_defs(".highlight"))
