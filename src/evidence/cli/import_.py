"""The command ``evidence import``: a review from a file of another program."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evidence.cli.report import make_report

if TYPE_CHECKING:
    from evidence.tables.review import Review

__all__ = ["import_"]


def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help="A review of RevMan 5 (.rm5), a CSV export of RevMan, results from ClinicalTrials.gov (.json), or a "
            "table (CSV, tabs, .xlsx) with columns such as yi vi; or lower upper; m1i sd1i n1i m2i sd2i n2i; "
            "ai bi ci di; or one arm a row: arm events n; or one group a study: events n."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the new review; it must not exist or be empty. By default named as the file."
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also make the report of the new review, in its folder report.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the file is understood, and write nothing.")
    ] = False,
    measure: Annotated[
        str | None,
        typer.Option(
            help="MD, SMD, ROM, RR, OR, RD, HR or IRR, where the file does not say; needed for yi. Of one group a "
            "study PR, PLN, PLO, PAS, IR, IRLN, IRS, MN, MNLN, COR or ZCOR."
        ),
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
    sheet: Annotated[str | None, typer.Option(help="Sheet of a workbook; by default the first.")] = None,
    weeks: Annotated[
        float | None, typer.Option(help="Weeks from randomisation at which all outcomes were measured.")
    ] = None,
    source_url: Annotated[
        str, typer.Option("--source-url", help="Address where the data are published.")
    ] = "",
    title: Annotated[str, typer.Option(help="Title of the review; by default that in the file.")] = "",
) -> None:
    """Make a review of a file from RevMan or metafor or of a table, and its report if that is wanted."""
    from evidence.errors import DataError
    from evidence.files import refuse_taken
    from evidence.tables.importing.read import import_effects, import_revman, is_revman_file
    from evidence.tables.importing.references import ENDINGS
    from evidence.tables.importing.registry import import_registry
    from evidence.wording import slug

    common: dict[str, Any] = {"measure": measure, "weeks": weeks, "source_url": source_url, "title": title}
    given = {"intervention": intervention, "comparator": comparator, "outcome": outcome, "better": better}
    own: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    columns = dict(_pair(text) for text in column or [])
    if not file.exists() or file.is_dir():  # what a pipe is, is said where it would be read
        raise DataError(f"there is no file '{file}'")
    if dry_run and report:
        raise DataError("with --dry-run nothing is written, so there is no report; leave out one of the two")
    if file.suffix.lower() in ENDINGS:
        raise DataError(f"{file.name} holds references and no results; see: evidence references {file.name}")
    output = output or Path(slug(file.stem, "-") or "review")
    if not dry_run:
        refuse_taken(output)
    if file.suffix.lower() == ".json":
        if own or columns or measure or weeks or source_url or sheet:
            raise DataError(
                f"{file.name} comes from ClinicalTrials.gov and says this itself: only --title goes with it"
            )
        found = import_registry(file, title=title)
    elif is_revman_file(file, sheet):
        if own or columns:
            names = ", ".join(f"--{name}" for name in [*own, *(["column"] if columns else [])])
            raise DataError(f"{file.name} comes from RevMan and says this itself: leave out {names}")
        found = import_revman(file, **common)
    else:
        found = import_effects(file, columns=columns, sheet=sheet, **own, **common)
    print(found.summary())
    if dry_run:
        print("Nothing was written (--dry-run).", file=sys.stderr)
        return
    print("\n".join(_totals(found.write(output))))
    if report:
        make_report(output, output / "notebooks", output / "report")
    elif found.analyses:
        print(f"Now try: evidence pool {found.analyses[0]} --data {output}", file=sys.stderr)


def _totals(review: Review) -> list[str]:
    """Say how many totals of the file agree with those computed from its rows, and which do not."""
    from evidence.synthesis.stored import stored_totals

    totals = stored_totals(review)
    if totals.empty:
        return ["totals: the file holds none to compare with"]
    agree = int(totals["agrees"].sum())
    lines = [f"totals: {agree} of {len(totals)} in the file agree with those computed from its rows"]
    for row in totals[~totals["agrees"].astype(bool)].to_dict("records"):
        stored, computed = (
            f"{row[name]:.4g} ({row[f'{name}_low']:.4g} to {row[f'{name}_high']:.4g})"
            for name in ("stored", "computed")
        )
        found = f"{computed} computed; " if row["computed"] == row["computed"] else ""
        lines.append(f"  {row['analysis']}: {row['measure']} {stored} in the file, {found}{row['why']}")
    return lines


def _pair(text: str) -> tuple[str, str]:
    from evidence.errors import DataError

    name, sign, heading = text.partition("=")
    if not (name and sign and heading):
        raise DataError(f"--column is '{text}'; write it as NAME=HEADING, for example ai=tpos")
    return name.strip(), heading.strip()
