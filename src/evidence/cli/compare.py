"""The command ``evidence compare``: two readings field by field, and what was agreed on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evidence.cli.asking import ask, somebody_there
from evidence.cli.output import Format, print_frame

if TYPE_CHECKING:
    from evidence.tables.readings import ComparedReadings

__all__ = ["compare"]


def compare(
    first: Annotated[Path, typer.Argument(help="Folder of the tables of one reader.")],
    second: Annotated[Path, typer.Argument(help="Folder of the tables of the other.")],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="Folder of the review; by default the one that holds the folder readings."
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="File of what both say and what was agreed on, such as agreement.csv; on a terminal it asks what "
            "holds for each difference."
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="Tables to read, or the differences as CSV or JSON.")
    ] = Format.table,
) -> None:
    """Compare two readings of the same publications field by field, with Cohen's kappa.

    The exit code is 1 as long as there are differences without a consensus.
    """
    from evidence.tables.readings import compare_readings

    found = compare_readings(first, second, data=data)
    if record is not None:
        found = found.with_consensus(record)
        found.write(record)
        if somebody_there():
            found = _settle(found, record)
    if form is Format.table:
        _show(found)
    else:
        print_frame(found.differences, form)
    print(found.summary().splitlines()[-1], file=sys.stderr)
    if record is not None:
        print(f"What both say and what was agreed on is in {record}.", file=sys.stderr)
    if len(found.open):
        raise typer.Exit(1)


def _show(found: ComparedReadings) -> None:
    first, second = found.names
    differences = found.differences
    if len(differences):
        names = {"table": "table", "trial_id": "trial", "result_id": "row", "field": "field"}
        print_frame(
            differences,
            Format.table,
            columns={**names, "value_a": first, "value_b": second, "consensus": "consensus"},
        )
        print()
    print_frame(found.agreement, Format.table, decimals={"percent": 1})
    print(found.summary().splitlines()[0])


def _settle(found: ComparedReadings, record: Path) -> ComparedReadings:
    """Ask what holds where the readings differ; each answer is kept at once."""
    first, second = found.names
    places = list(found.open.index)
    for number, place in enumerate(places, 1):
        row = found.fields.loc[place]
        where = ", ".join(
            filter(None, [f"{row['table']}.csv", row["trial_id"], row["result_id"], row["field"]])
        )
        typer.echo(f"{number} of {len(places)}: {where}", err=True)
        typer.echo(
            f"  1  {first}: {row['value_a'] or '(empty)'}\n  2  {second}: {row['value_b'] or '(empty)'}",
            err=True,
        )
        choices = {"1": str(row["value_a"]), "2": str(row["value_b"])}

        def check(
            text: str, place: object = place, choices: dict[str, str] = choices, now: ComparedReadings = found
        ) -> ComparedReadings | None:
            return now.decided(place, choices.get(text, text)) if text else None

        decided = ask("What holds: 1, 2 or another value; Enter leaves it open", "", check)
        if decided is not None:
            found = decided
            found.write(record)
    return found
