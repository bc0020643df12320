"""The commands that make a report and look whether one is still what was made."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evidence.cli.ending import ended_in_order
from evidence.cli.options import Data, review_here
from evidence.cli.output import Format, print_frame

if TYPE_CHECKING:
    from evidence.report.against.compare import Agreement

__all__ = ["Program", "make_report", "report", "verify"]

Notebooks = Annotated[
    Path | None,
    typer.Option(
        "--notebooks",
        help="Folder of the notebooks; by default notebooks here, else in the folder of the review.",
    ),
]


def report(
    data: Data = Path("data"),
    notebooks: Notebooks = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE", help="A parameter for the notebooks that declare it; may be repeated."
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Notebooks run at once; by default one more than cores.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="Folder of the site; a report made before is replaced.")
    ] = Path("report"),
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take this notebook only; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every notebook, changed or not.")] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="How long one cell may take, unless its notebook says so itself."
        ),
    ] = 600.0,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps what notebooks gave; by default .evidence-cache beside that of the notebooks."
        ),
    ] = None,
) -> None:
    """Run the notebooks whose inputs have changed and write the report: pages, figures, tables and a manifest."""
    make_report(
        data,
        notebooks or _notebooks(data),
        output,
        param=param or [],
        only=only or (),
        workers=jobs,
        cache=cache,
        force=force,
        timeout=timeout,
    )


def make_report(
    data: Path, notebooks: Path, output: Path, *, param: Sequence[str] = (), **options: Any
) -> None:
    """Make a report, show how far it is, and say where it lies.

    Parameters
    ----------
    data, notebooks, output : Path
        Folders of the review, its notebooks and the report.
    param : sequence of str
        Parameters of notebooks, each as ``NAME=VALUE``.
    **options
        Of `evidence.report.build.build_report`.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    with ended_in_order(numbers, "a report made before is as it was"):
        from evidence.cli.progress import Progress
        from evidence.report.build import build_report
        from evidence.report.running.plan import parse_parameters

        with Progress() as progress:
            index = build_report(
                data,
                notebooks,
                output,
                parameters=parse_parameters(param, progress.note),
                on_plan=progress.plan,
                on_start=progress.start,
                on_cell=progress.cell,
                on_end=progress.end,
                on_note=progress.note,
                **options,
            )
    print(f"The report is in {index}")


class Program(StrEnum):
    """What results are compared with."""

    r = "r"
    statsmodels = "statsmodels"


def verify(
    report: Annotated[
        Path | None, typer.Argument(help="Folder of the report; by default report.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Also say what has changed in this review since.")
    ] = None,
    notebooks: Annotated[
        Path | None, typer.Option("--notebooks", help="Also say what has changed in these notebooks since.")
    ] = None,
    against: Annotated[
        list[Program] | None,
        typer.Option(
            help="Instead, compute the results of the review again in this program and compare every value; may be "
            "repeated. r needs R with metafor."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="With --against: largest difference, relative for values beyond 1; 1e-06 by default."
        ),
    ] = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="With --against: a table to read, or every value as CSV or JSON."),
    ] = None,
) -> None:
    """Compare a report with its manifest, or results with another program; the exit code is 1 if anything differs."""
    from evidence.errors import DataError
    from evidence.report.verify import verify_report

    if against:
        if report is not None or notebooks is not None:
            raise DataError("--against compares a review and no report: leave the report and --notebooks out")
        _compare(review_here(data or Path("data")), against, tolerance, form or Format.table)
        return
    if tolerance is not None or form is not None:
        raise DataError("--tolerance and --format go with --against")
    differences = verify_report(report or Path("report"), data=data, notebooks=notebooks)
    for difference in differences:
        print(difference)
    count = len(differences)
    print(
        f"{count} difference{'s' * (count != 1)}" if count else "All as the manifest says.", file=sys.stderr
    )
    if differences:
        raise typer.Exit(1)


def _compare(data: Path, programs: list[Program], tolerance: float | None, form: Format) -> None:
    """Compare the results of a review with each program; end with 1 if a value differs."""
    import pandas as pd

    import evidence as ev
    from evidence.report.against.compare import TOLERANCE
    from evidence.report.against.r import against_r
    from evidence.report.against.second_opinion import against_statsmodels

    review = ev.read_review(data)
    functions = {Program.r: against_r, Program.statsmodels: against_statsmodels}
    most = TOLERANCE if tolerance is None else tolerance
    found = []
    for program in dict.fromkeys(programs):
        found.append(functions[program](review, most))
        if form is Format.table:
            _show_agreement(found[-1])
        _say_agreement(found[-1])
    if form is not Format.table:
        tables = [one.table.assign(program=one.program) for one in found]
        print_frame(pd.concat(tables, ignore_index=True), form)
    if any(len(one.differences) for one in found):
        raise typer.Exit(1)


def _show_agreement(found: Agreement) -> None:
    shown = found.by_result()
    away = shown["largest difference"].map("{:.1e}".format)
    print_frame(shown.assign(**{"largest difference": away}), Format.table)
    if len(found.differences):
        print("\nValues that differ:")
        numbers = {name: found.differences[name].map("{:.10g}".format) for name in ("evidence", "other")}
        away = found.differences["difference"].map("{:.1e}".format)
        print_frame(found.differences.drop(columns="agrees").assign(**numbers, difference=away), Format.table)


def _say_agreement(found: Agreement) -> None:
    for note in found.notes:
        print(note, file=sys.stderr)
    count, results = len(found.differences), found.table["result"].nunique()
    values = f"{len(found.table)} values of {results} results"
    if count:
        said = f"{count} of {values} differ by more than {found.tolerance:g}"
    else:
        worst = found.table["difference"].max()
        said = f"all {values} agree within {found.tolerance:g} (largest difference {worst:.1e})"
    print(f"{found.program}: {said}", file=sys.stderr)


def _notebooks(data: Path) -> Path:
    here, within = Path("notebooks"), data / "notebooks"
    return within if within.is_dir() and not here.is_dir() else here
