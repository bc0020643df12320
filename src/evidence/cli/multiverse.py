"""The command ``evidence multiverse``: one analysis along all paths of defensible choices."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.options import Data
from evidence.cli.output import Format, print_frame

__all__ = ["multiverse"]


def multiverse(
    analysis: Annotated[
        str, typer.Argument(help="Id of an analysis, for example massage-inactive-pain-short.")
    ],
    data: Data = Path("data"),
    limit: Annotated[
        int, typer.Option(min=1, help="Largest number of paths; beyond it a sample is drawn.")
    ] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 1,
    form: Annotated[
        Format, typer.Option("--format", help="A summary to read, or CSV or JSON with one row a path.")
    ] = Format.table,
) -> None:
    """Pool an analysis by every combination of the defensible choices that the protocol declares."""
    import evidence as ev

    result = ev.multiverse(ev.read_review(data), analysis, limit=limit, seed=seed)
    if form is Format.table:
        print(result.summary())
    else:
        print_frame(result.paths, form)
