"""The gallery: every kind of figure, drawn by the example in the docstring of its function."""

from __future__ import annotations

import doctest
import inspect
import io
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import evidence as ev

__all__ = ["example", "gallery", "lines_of"]

ROOT = Path(__file__).parents[2]
HEAD = """# Gallery

Every kind of figure that `ev.figures` draws. Each picture was made by the code below it when this page was built. A
figure carries the numbers it shows (`figure.numbers`) and a description in words (`figure.alt_text`);
`ev.figures.save` writes both beside the picture. The [reference](reference/figures.md) says what each function
accepts.

"""
NO_DRAWING = {"EvidenceFigure", "map_table", "save"}


def lines_of(docstring: str) -> list[str]:
    """Take the statements of a docstring's examples."""
    return [part.source for part in doctest.DocTestParser().get_examples(docstring)]


def example(thing: Any) -> str:
    """Take the code of an example, without its results."""
    return "".join(lines_of(inspect.getdoc(thing) or ""))


@cache
def gallery() -> dict[str, str | bytes]:
    """Draw all figures and write the page: name of a file in the documentation to its content."""
    made: dict[str, str | bytes] = {}
    parts = [HEAD]
    before = Path.cwd()
    os.chdir(ROOT)  # The examples read the review in data/.
    try:
        for name in ev.figures.__all__:
            if name in NO_DRAWING:
                continue
            function = getattr(ev.figures, name)
            code = example(function)
            space: dict[str, Any] = {}
            exec(code, space)
            figure = space["figure"]
            picture = io.BytesIO()
            figure.savefig(picture, dpi=100, format="png", metadata={"Software": None})
            made[f"gallery/{name}.png"] = picture.getvalue()
            first = re.split(r"\n\s*\n", inspect.getdoc(function) or "")[0].replace("\n", " ")
            alt = figure.alt_text.replace('"', "'").replace("\n", " ")
            parts.append(
                f"## {name.replace('_', ' ').capitalize()} {{ #{name} }}\n\n{first}\n\n"
                f'<img src="gallery/{name}.png" alt="{alt}" loading="lazy">\n\n```python\n{code}```\n'
            )
    finally:
        os.chdir(before)
    made["gallery.md"] = "\n".join(parts)
    return made
