"""The commands for very many fits: ``evidence batch`` for tables and libraries, ``evidence simulate`` for grids."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from evidence.cli.output import Format, print_frame

__all__ = ["batch", "simulate"]

Workers = Annotated[int | None, typer.Option(min=1, help="Processes of this machine; by default one.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="'local', or the address of a Dask scheduler such as tls://host:8786."
    ),
]


def batch(
    source: Annotated[
        Path,
        typer.Argument(help="Table (.parquet, .csv, .arrow), one row a study; or a folder of reviews."),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Parquet file of the results.")],
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="Column that names a comparison; may be repeated. [review, comparison]"
        ),
    ] = None,
    effect: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the effects.")] = "effect",
    variance: Annotated[str, typer.Option(metavar="COLUMN", help="Column of their variances.")] = "variance",
    se: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of standard errors instead.")
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="RR, OR, SMD, ..., or the column that names it: effects from counts or means."),
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="REML, DL, PM, ...; may be repeated, the first is the reference.")
    ] = None,
    ci: Annotated[list[str] | None, typer.Option(help="HKSJ, z, t, ...; may be repeated.")] = None,
    level: Annotated[float, typer.Option(help="Confidence level between 0 and 1.")] = 0.95,
    workers: Workers = None,
    cluster: Cluster = None,
    block: Annotated[int | None, typer.Option(min=1, help="Rows worked on at a time.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Figure of the summary: a name; .svg and .png are added."),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", help="The summary to read, or its conclusions as CSV or JSON.")
    ] = Format.table,
) -> None:
    """Fit every comparison of a table or a library of reviews under several models.

    An interrupted run goes on where it stopped when the same command is given again. The exit code is 1 if a
    comparison could not be fitted; the results say why under error.
    """
    import evidence as ev

    with _progress("comparisons") as (progress, note):
        ev.batch(
            source,
            by or ("review", "comparison"),
            effect,
            variance,
            method or ("REML",),
            ci or ("HKSJ",),
            se=se,
            measure=measure,
            level=level,
            output=output,
            workers=workers,
            cluster=cluster,
            block=block,
            collect=False,
            progress=progress,
            note=note,
        )
    summary = ev.batch_summary(output)
    if form is Format.table:
        print(summary.summary())
    else:
        print_frame(summary.changes, form)
    if figure is not None:
        ev.figures.save(ev.figures.batch(summary), figure.with_suffix(""))
    print(f"{output} is written", file=sys.stderr)
    if summary.failed:
        raise typer.Exit(1)


def simulate(
    grid: Annotated[
        Path,
        typer.Argument(
            help="YAML file: grid, and methods, ci, repetitions, seed, level, half_normal as wanted."
        ),
    ],
    output: Annotated[Path, typer.Option(metavar="FILE", help="Parquet file of the results.")],
    repetitions: Annotated[
        int | None, typer.Option(min=1, help="Meta-analyses a cell; by default the file's.")
    ] = None,
    workers: Workers = None,
    cluster: Cluster = None,
    form: Annotated[
        Format, typer.Option("--format", help="A table to read, or CSV or JSON with all columns and digits.")
    ] = Format.table,
) -> None:
    """Simulate meta-analyses over a grid: bias, coverage, width, power of estimators and intervals.

    An interrupted run goes on where it stopped when the same command is given again; the numbers depend on the file
    and its seed alone.
    """
    import evidence as ev

    options = _read_grid(grid)
    if repetitions is not None:
        options["repetitions"] = repetitions
    with _progress("blocks") as (progress, note):
        result = ev.simulate(
            **options, output=output, workers=workers, cluster=cluster, progress=progress, note=note
        )
    if form is Format.table:
        varied = list(result.columns[: result.columns.get_loc("repetitions")])
        shown = [*varied, "bias", "rmse", "coverage", "coverage_mcse", "width", "power"]
        print_frame(
            result,
            form,
            columns={name: name for name in shown},
            decimals=dict.fromkeys(shown[len(varied) :], 4),
        )
    else:
        print_frame(result, form)
    print(f"{output} is written", file=sys.stderr)


def _read_grid(path: Path) -> dict[str, Any]:
    import yaml

    import evidence as ev

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ev.DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("grid"), dict):
        raise ev.DataError(
            f"{path} must have the key grid with the values of each quantity, such as k: [5, 10]"
        )
    known = {"grid", "methods", "ci", "repetitions", "seed", "level", "half_normal"}
    unknown = sorted(map(str, content.keys() - known))
    if unknown:
        raise ev.DataError(f"{path} has the key {', '.join(unknown)}; use {', '.join(sorted(known))}")
    scale = content.pop("half_normal", None)
    if scale is not None:
        content["tau_prior"] = ev.priors.half_normal(scale)
    return content


@contextmanager
def _progress(what: str) -> Iterator[tuple[Any, Any]]:
    """Show on standard error how far the work is; after an interruption say how to go on."""
    from rich import progress as shown
    from rich.console import Console

    console = Console(stderr=True)
    bar = shown.Progress(
        shown.TextColumn("{task.description}"),
        shown.BarColumn(),
        shown.TaskProgressColumn(),
        shown.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    try:
        with bar:
            task = bar.add_task(what, total=None)
            yield (
                lambda done, total: bar.update(task, completed=done, total=total),
                lambda text: console.print(text, highlight=False, markup=False),
            )
    except KeyboardInterrupt:
        print(
            "evidence: interrupted; what is done is kept. The same command goes on where it stopped.",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
