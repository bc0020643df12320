"""What each command does. Heavy imports wait until a command needs them, so that help comes at once."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.audit import audit
from evidence.cli.output import Format, print_frame

__all__ = ["app"]

app = typer.Typer(
    name="evidence",
    help="Evidence synthesis: from the tables of a systematic review to pooled results, figures and a report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Data = Annotated[Path, typer.Option("--data", help="Folder of the review: its tables and review.yaml.")]
Analysis = Annotated[str, typer.Argument(help="Id of an analysis, for example massage-inactive-pain-short.")]
Form = Annotated[
    Format, typer.Option("--format", help="A table to read, or CSV or JSON with all columns and digits.")
]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that stand before a command."""


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let a signal to end this process also end the kernels that it started and remove what is half done."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command(epilog="Example: [bold]evidence report --data my-review --notebooks my-notebooks[/bold]")
def report(
    data: Data = Path("data"),
    notebooks: Annotated[Path, typer.Option(help="Folder of the notebooks.")] = Path("notebooks"),
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
        list[str] | None, typer.Option(metavar="NAME", help="Run this notebook only; may be repeated.")
    ] = None,
) -> None:
    """Run the notebooks and write the report: pages, figures, tables and a manifest."""
    import evidence as ev
    from evidence.cli.progress import Progress
    from evidence.report.build import build_report
    from evidence.report.plan import parse_parameters

    parameters = parse_parameters(param or [])
    title = ev.read_review(data).protocol.title
    with Progress() as progress, _ended_in_order():
        index = build_report(
            data,
            notebooks,
            output,
            title=title,
            parameters=parameters,
            only=only or (),
            workers=jobs,
            on_plan=progress.plan,
            on_start=progress.start,
            on_end=progress.end,
        )
    print(f"The report is in {index}")


@app.command(epilog="Example: [bold]evidence check --format csv > findings.csv[/bold]")
def check(data: Data = Path("data"), form: Form = Format.table) -> None:
    """List what is doubtful or wrong in the tables; the exit code is 1 if there is an error."""
    import evidence as ev

    findings = ev.check(ev.read_review(data))
    shown = ("severity", "file", "row", "column", "value", "message")
    print_frame(findings, form, columns={name: name for name in shown})
    counts = findings["severity"].value_counts()
    print(
        ", ".join(f"{n} {severity}{'s' * (n != 1)}" for severity, n in counts.items()) or "No findings",
        file=sys.stderr,
    )
    if counts.get("error", 0):
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]evidence effects massage-inactive-pain-short[/bold]")
def effects(analysis: Analysis, data: Data = Path("data"), form: Form = Format.table) -> None:
    """Show the effect of each comparison of an analysis, and the comparisons that cannot be pooled."""
    import evidence as ev

    comparisons = ev.read_review(data).comparisons(analysis)
    if form is not Format.table:
        print_frame(comparisons, form)
        return
    poolable = comparisons["status"] == "pooled"
    who = {"label": "label", "arm": "arm", "comparator": "comparator"}
    what = {
        "instrument": "instrument",
        "timepoint_weeks": "weeks",
        "effect": "effect",
        "se": "se",
        "n": "n",
        "form": "form",
    }
    print_frame(comparisons[poolable], form, columns=who | what, decimals={"timepoint_weeks": 0, "n": 0})
    if not poolable.all():
        print("\nNot poolable:")
        print_frame(comparisons[~poolable], form, columns=who | {"reason": "reason"})


@app.command(epilog="Example: [bold]evidence pool massage-inactive-pain-short --method DL --ci z[/bold]")
def pool(
    analysis: Analysis,
    data: Data = Path("data"),
    form: Form = Format.table,
    method: Annotated[
        str | None, typer.Option(help="EE, DL, REML, ML, PM, ...; by default the protocol's.")
    ] = None,
    ci: Annotated[
        str | None, typer.Option(help="z, t, HKSJ or HKSJ-adhoc; by default the protocol's.")
    ] = None,
    level: Annotated[
        float | None, typer.Option(help="Confidence level between 0 and 1; by default the protocol's.")
    ] = None,
    prediction: Annotated[
        str | None, typer.Option(help="Prediction interval: V, HTS or z; by default the protocol's.")
    ] = None,
) -> None:
    """Pool the comparisons of an analysis."""
    import evidence as ev

    given = {"method": method, "ci": ci, "level": level, "prediction": prediction}
    overrides = {name: value for name, value in given.items() if value is not None}
    synthesis = ev.synthesise(ev.read_review(data), analysis, **overrides)
    if form is not Format.table:
        print_frame(synthesis.to_frame(), form)
        return
    studies = synthesis.effects
    if synthesis.fit is not None:
        studies = studies.assign(weight=synthesis.fit.weights)
    shown = ("label", "arm", "comparator", "effect", "ci_low", "ci_high", "n", "weight")
    if len(studies):
        print_frame(studies, form, columns={name: name for name in shown}, decimals={"n": 0, "weight": 1})
    print(synthesis.summary())


@app.command(epilog="Example: [bold]evidence figures --output figures[/bold]")
def figures(
    data: Data = Path("data"),
    output: Annotated[Path, typer.Option(help="Folder of the figures.")] = Path("figures"),
) -> None:
    """Draw the forest and the funnel plot of every analysis that can be pooled, as SVG and PNG with their numbers."""
    import evidence as ev
    from evidence.report.gallery import write_gallery

    drawn, left = write_gallery(ev.read_review(data), output)
    print(
        f"Figures drawn into {output}: {len(drawn)}. Analyses with too few poolable comparisons: {len(left)}."
    )


app.command(epilog="Example: [bold]evidence audit --claims my-claims.csv --strict[/bold]")(audit)
