"""What each command does. Heavy imports wait until a command needs them, so that help comes at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evidence.cli.audit import audit
from evidence.cli.figures import figures
from evidence.cli.multiverse import multiverse
from evidence.cli.options import Data
from evidence.cli.output import Format, print_frame
from evidence.cli.report import report, verify

__all__ = ["app"]

app = typer.Typer(
    name="evidence",
    help="Evidence synthesis: from the tables of a systematic review to pooled results, figures and a report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Analysis = Annotated[str, typer.Argument(help="Id of an analysis, for example massage-inactive-pain-short.")]
Form = Annotated[
    Format, typer.Option("--format", help="A table to read, or CSV or JSON with all columns and digits.")
]


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Take the options that stand before a command."""


app.command(epilog="Example: [bold]evidence report --data my-review --notebooks my-notebooks[/bold]")(report)
app.command(epilog="Example: [bold]evidence verify report --data data --notebooks notebooks[/bold]")(verify)


@app.command(epilog="Example: [bold]evidence check --format csv > findings.csv[/bold]")
def check(
    data: Data = Path("data"),
    form: Form = Format.table,
    rule: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Show findings of this rule only; may be repeated."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with code 1 if any finding has no judgement yet.")
    ] = False,
) -> None:
    """List what is wrong, improbable or assumed in the tables.

    The exit code is 1 if there is an error that judgements.csv does not explain.
    """
    import evidence as ev
    from evidence.tables.review import unread_tables

    try:
        findings = ev.check(ev.read_review(data))
    except ev.DataError:  # A folder that is not valid is checked as far as it can be read.
        findings = ev.check(data)
    if rule:
        known = [*ev.check_rules()["rule"], *findings["rule"]]
        for name in rule:
            if name not in known:
                raise ev.DataError(
                    f"there is no rule '{name}'; the rules are: {', '.join(dict.fromkeys(known))}"
                )
        findings = findings[findings["rule"].isin(rule)]
    if form is Format.table:
        place = findings["file"].str.cat(findings[["row", "column"]].astype(str), sep=":")
        value = findings["value"].astype(str).str.slice(0, 40)
        names = ("severity", "place", "value", "rule", "message", "judgement")
        print_frame(findings.assign(place=place, value=value), form, columns={name: name for name in names})
    else:
        print_frame(findings, form)
    counts = findings["severity"].value_counts()
    summary = ", ".join(f"{n} {severity}{'s' * (n != 1)}" for severity, n in counts.items())
    judged = findings.get("judgement", findings["severity"].map(lambda _: ""))
    if (judged != "").any():
        summary += f"; {int((judged != '').sum())} of {len(findings)} with a judgement"
    print(summary or "No findings", file=sys.stderr)
    if unread := unread_tables(data):
        is_not = (
            "is not read, for it has the name of no table"
            if len(unread) == 1
            else "are not read, for no table has their names"
        )
        print(f"Note: {', '.join(unread)} {is_not}", file=sys.stderr)
    if (findings["severity"] == "error").any() or (strict and (judged == "").any()):
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
    counts: Annotated[
        str | None,
        typer.Option(
            help="How events are combined: IV, MH (Mantel-Haenszel) or PETO; by default the protocol's."
        ),
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
    from evidence.measures import measure_of

    given = {"method": method, "counts": counts, "ci": ci, "level": level, "prediction": prediction}
    overrides = {name: value for name, value in given.items() if value is not None}
    synthesis = ev.synthesise(ev.read_review(data), analysis, **overrides)
    if form is not Format.table:
        print_frame(synthesis.to_frame(), form)
        return
    studies = synthesis.effects
    if synthesis.fit is not None:
        studies = studies.assign(weight=synthesis.fit.weights)
    names = ("label", "arm", "comparator", "effect", "ci_low", "ci_high", "n", "weight")
    headings = {name: name for name in names}
    measure, alone = measure_of(synthesis.measure), synthesis.analysis.one_group
    if measure.ratio or alone:  # told as ratios, or as what one group has, under the name of the measure
        numbers = ("effect", "ci_low", "ci_high")
        studies = studies.assign(**{name: studies[name].map(measure.told) for name in numbers})
        headings["effect"] = f"{measure.name} {measure.sign}".strip() if alone else synthesis.measure
    if alone:
        del headings["comparator"]
    if len(studies):
        fine = dict.fromkeys(("effect", "ci_low", "ci_high"), 4) if measure.of == "rate" else {}
        print_frame(studies, form, columns=headings, decimals={"n": 0, "weight": 1, **fine})
    print(synthesis.summary())


app.command(epilog="Example: [bold]evidence figures --check --output-page build/figures.html[/bold]")(figures)
app.command(epilog="Example: [bold]evidence audit --claims my-claims.csv --strict[/bold]")(audit)
app.command(epilog="Example: [bold]evidence multiverse massage-inactive-pain-short[/bold]")(multiverse)
