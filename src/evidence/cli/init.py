"""The command ``evidence init``: a new review to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["init"]


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the new review; it must not exist or be empty.")],
    title: Annotated[str, typer.Option(help="Title of the review.")] = "A new review",
) -> None:
    """Write a new review: a protocol with comments, tables with fictional trials to replace, and a notebook."""
    from evidence.tables.starting import init_review

    place = init_review(folder, title=title)
    print(f"A new review is in {place}; {place / 'README.md'} says how to go on.")
