"""The command ``evidence import``: a review from a file of another program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["import_"]


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="A review of RevMan 5 (.rm5), a CSV export of RevMan, or a CSV in the form of metafor "
            "(yi vi, yi sei, m1i sd1i n1i m2i sd2i n2i, ai bi ci di, or ai n1i ci n2i)."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the new review; it must not exist or be empty.")],
    measure: Annotated[
        str | None,
        typer.Option(help="MD, SMD, RR, OR, RD or HR, where the file does not say; needed for yi."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=HEADING", help="Heading in the file for a name of metafor; may be repeated."
        ),
    ] = None,
    intervention: Annotated[str | None, typer.Option(help="What was studied, for a file of metafor.")] = None,
    comparator: Annotated[str | None, typer.Option(help="With what it was compared, likewise.")] = None,
    outcome: Annotated[str | None, typer.Option(help="By which outcome, likewise.")] = None,
    better: Annotated[
        str | None, typer.Option(help="Which direction is good: lower or higher, likewise.")
    ] = None,
    weeks: Annotated[
        float | None, typer.Option(help="Weeks from randomisation at which all outcomes were measured.")
    ] = None,
    source_url: Annotated[
        str, typer.Option("--source-url", help="Address where the data are published.")
    ] = "",
    title: Annotated[str, typer.Option(help="Title of the review; by default that in the file.")] = "",
) -> None:
    """Make a review of a file from RevMan or metafor."""
    from evidence.errors import DataError
    from evidence.tables.importing.read import import_effects, import_revman, is_revman_file

    common: dict[str, Any] = {"measure": measure, "weeks": weeks, "source_url": source_url, "title": title}
    given = {"intervention": intervention, "comparator": comparator, "outcome": outcome, "better": better}
    own: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    columns = dict(_pair(text) for text in column or [])
    if not file.is_file():
        raise DataError(f"there is no file '{file}'")
    if is_revman_file(file):
        if own or columns:
            names = ", ".join(f"--{name}" for name in [*own, *(["column"] if columns else [])])
            raise DataError(f"{file.name} comes from RevMan and says this itself: leave out {names}")
        found = import_revman(file, **common)
    else:
        found = import_effects(file, columns=columns, **own, **common)
    found.write(output)
    print(found.summary())
    if found.analyses:
        print(f"Now try: evidence pool {found.analyses[0]} --data {output}", file=sys.stderr)


def _pair(text: str) -> tuple[str, str]:
    from evidence.errors import DataError

    name, sign, heading = text.partition("=")
    if not (name and sign and heading):
        raise DataError(f"--column is '{text}'; write it as NAME=HEADING, for example ai=tpos")
    return name.strip(), heading.strip()
