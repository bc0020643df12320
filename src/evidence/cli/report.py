"""The commands that make a report and look whether one is still what was made."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from evidence.cli.options import Data

__all__ = ["make_report", "report", "verify"]

Notebooks = Annotated[
    Path | None,
    typer.Option(
        "--notebooks",
        help="Folder of the notebooks; by default notebooks here, else in the folder of the review.",
    ),
]


class _Ended(BaseException):
    """A signal asks this process to end."""


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
        int | None, typer.Option(min=1, help="Notebooks run at once; by default one a core.")
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
    with _ended_in_order():
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


def verify(
    report: Annotated[Path, typer.Argument(help="Folder of the report.")] = Path("report"),
    data: Annotated[
        Path | None, typer.Option("--data", help="Also say what has changed in this review since.")
    ] = None,
    notebooks: Annotated[
        Path | None, typer.Option("--notebooks", help="Also say what has changed in these notebooks since.")
    ] = None,
) -> None:
    """Compare a report, and its inputs if named, with its manifest; the exit code is 1 if anything differs."""
    from evidence.report.verify import verify_report

    differences = verify_report(report, data=data, notebooks=notebooks)
    for difference in differences:
        print(difference)
    count = len(differences)
    print(
        f"{count} difference{'s' * (count != 1)}" if count else "All as the manifest says.", file=sys.stderr
    )
    if differences:
        raise typer.Exit(1)


def _notebooks(data: Path) -> Path:
    here, within = Path("notebooks"), data / "notebooks"
    return within if within.is_dir() and not here.is_dir() else here


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let the first signal to end this process undo what is half done; more of them do not disturb that."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise _Ended(number)

    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    except _Ended as ended:
        number = ended.args[0]
        what = "interrupted" if number == signal.SIGINT else "ended by a signal"
        print(f"evidence: {what}; a report made before is as it was.", file=sys.stderr)
        raise typer.Exit(128 + number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
