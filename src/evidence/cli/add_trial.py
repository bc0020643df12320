"""The command ``evidence add-trial``: one trial more, checked as it is typed, seen before it is written."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evidence.cli.asking import NOTHING, ask, one_of, somebody_there
from evidence.cli.options import Data

if TYPE_CHECKING:
    from evidence.measures import Measure
    from evidence.tables.adding import Rows
    from evidence.tables.review import Review

__all__ = ["SourceKind", "add_trial"]

_OPTIONS = {
    "trials": "trial",
    "arms": "arm",
    "arm_results": "arm-result",
    "contrast_results": "contrast-result",
    "risk_of_bias": "bias",
    "instruments": "instrument",
}
_CELLS = "COLUMN=VALUE; ..."


class SourceKind(StrEnum):
    """What kind of text was read."""

    abstract = "abstract"
    full_text = "full_text"
    registry = "registry"
    secondary = "secondary"


def add_trial(
    data: Data = Path("data"),
    trial: Annotated[
        str | None,
        typer.Option(metavar=_CELLS, help="Cells of its row in trials.csv: label, design, citation, ..."),
    ] = None,
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar=_CELLS, help="An arm: components, n_randomised, ...; repeat it."),
    ] = None,
    arm_result: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CELLS,
            help="A result of one arm: arm_id, outcome, timepoint_weeks, n, mean, sd, ...; repeat it.",
        ),
    ] = None,
    contrast_result: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CELLS,
            help="A result of two arms: arm_id, comparator_arm_id, outcome, estimate, ci_low, ...",
        ),
    ] = None,
    bias: Annotated[
        list[str] | None,
        typer.Option(metavar=_CELLS, help="A judgement: domain, judgement, basis; may be repeated."),
    ] = None,
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            metavar=_CELLS, help="An instrument that instruments.csv does not have yet; may be repeated."
        ),
    ] = None,
    source_url: Annotated[str, typer.Option(help="Address of the text that was read, for all results.")] = "",
    source_kind: Annotated[SourceKind | None, typer.Option(help="What kind of text that is.")] = None,
    locator: Annotated[str, typer.Option(help="Place in it, for results that name none.")] = "",
    reader: Annotated[str, typer.Option(help="Who read it, for the column readers.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the trial would do, and write nothing.")
    ] = False,
) -> None:
    """Add a trial to the tables: see what it does to each combined result, then write all of it or nothing.

    On a terminal it asks for everything, and says at once what an answer cannot be. Elsewhere the options say it,
    by the names of the columns, and --yes writes.
    """
    from evidence.appraisal.addition import add_trial as look
    from evidence.errors import DataError
    from evidence.tables.review import read_review

    review = read_review(data)
    given = {
        "trials": [trial] if trial else [],
        "arms": arm,
        "arm_results": arm_result,
        "contrast_results": contrast_result,
        "risk_of_bias": bias,
        "instruments": instrument,
    }
    rows: Rows = {
        name: [_cells(_OPTIONS[name], text) for text in texts or []] for name, texts in given.items()
    }
    source = {
        "source_url": source_url,
        "source_kind": source_kind.value if source_kind else "",
        "locator": locator,
    }
    asking = _Asking(review, rows, source, reader)
    asked = not trial
    if asked:
        if any(rows.values()):
            raise DataError("say which trial it is: --trial 'label=...; design=...; citation=...'")
        if not somebody_there():
            raise DataError("there is no terminal to ask on: give --trial, --arm and a result (see --help)")
        try:
            asking.everything()
        except typer.Abort:
            print(f"\nNothing was written. What was typed so far:\n{asking.command(data)}", file=sys.stderr)
            raise
        source, reader = asking.source, asking.reader
    try:
        further: dict[str, Any] = {name: rows[name] for name in _OPTIONS if name != "trials"}
        found = look(
            data,
            trial=rows["trials"][0],
            **further,
            source={name: text for name, text in source.items() if text},
            reader=reader,
        )
    except DataError:
        if asked:
            print(f"What was typed, as a command, to be mended:\n{asking.command(data)}", file=sys.stderr)
        raise
    print(found.summary())
    if not any(found.rows.values()):
        return
    if dry_run:
        print("Nothing was written (--dry-run).", file=sys.stderr)
        return
    if not yes:
        if not somebody_there():
            print("Nothing was written; add --yes to write it.", file=sys.stderr)
            raise typer.Exit(1)
        if not typer.confirm("Write it?", default=True, err=True):
            if asked:
                print(f"Nothing was written. As a command:\n{asking.command(data)}", file=sys.stderr)
            raise typer.Exit(1)
    found.write()
    print(f"{found.label} is in the tables of {data.resolve()}.", file=sys.stderr)


def _cells(option: str, text: str) -> dict[str, str]:
    """Read ``column=value; column=value``; a semicolon within a value counts only before a further column."""
    from evidence.errors import DataError

    cells: dict[str, str] = {}
    for part in re.split(r";\s*(?=[a-z_0-9]+\s*=)", text.strip().rstrip(";")):
        name, sign, value = part.partition("=")
        if not (sign and name.strip()):
            raise DataError(f"--{option} is '{text}'; write it as 'COLUMN=VALUE; COLUMN=VALUE'")
        if name.strip() in cells:
            raise DataError(f"--{option} gives {name.strip()} twice")
        cells[name.strip()] = value.strip()
    return cells


class _Asking:
    """The questions, and the rows that the answers become."""

    def __init__(self, review: Review, rows: Rows, source: dict[str, str], reader: str) -> None:
        self.review, self.rows, self.source, self.reader = review, rows, source, reader

    def everything(self) -> None:
        typer.echo(
            f"Enter takes what stands in brackets, {NOTHING} leaves a cell empty, Ctrl-C ends.", err=True
        )
        self.trial()
        self.where()
        self.arms()
        while self.result():
            pass

    def cell(
        self, table: str, column: str, question: str, row: dict[str, str], default: str | None = ""
    ) -> str:
        """Ask for one cell and put it into its row; without an answer it stays empty."""
        from evidence.errors import DataError
        from evidence.tables.adding import answer_faults

        def check(text: str) -> str:
            if faults := answer_faults(self.review, table, column, text, row, self.rows):
                raise DataError("; ".join(faults))
            return text

        text = ask(question, default, check)
        if text:
            row[column] = text
        return text

    def trial(self) -> None:
        from evidence.tables.adding import columns_of
        from evidence.wording import slug

        row: dict[str, str] = {}
        self.rows["trials"].append(row)
        label = self.cell("trials", "label", "Author and year, as figures show it", row, None)
        self.cell("trials", "trial_id", "Identifier", row, slug(label, "-"))
        year = re.search(r"\b(19|20)\d\d\b", label)
        self.cell("trials", "year", "Year of publication", row, year[0] if year else "")
        self.choice("trials", "design", "Design", row, "parallel")
        self.cell("trials", "citation", "Citation", row, None)
        self.cell("trials", "population", "Who took part", row)
        self.cell("trials", "n_randomised", "How many were randomised", row)
        self.cell("trials", "doi", "DOI", row)
        own = {name for columns in [self.review.protocol.columns.get("trials", {})] for name in columns}
        for column in columns_of(self.review, "trials"):
            if column.name in own:
                if column.choices:
                    self.choice("trials", column.name, column.description or column.name, row, "")
                else:
                    self.cell("trials", column.name, column.description or column.name, row)

    def choice(
        self,
        table: str,
        column: str,
        question: str,
        row: dict[str, str],
        default: str,
        known: Sequence[str] = (),
    ) -> str:
        """Ask for one of the words that a column takes."""
        from evidence.tables.adding import columns_of

        words = known or next(one.choices for one in columns_of(self.review, table) if one.name == column)
        check = one_of(words)
        text = ask(
            f"{question} ({', '.join(words)})", default, lambda text: check(text) if text or default else ""
        )
        if text:
            row[column] = text
        return text

    def where(self) -> None:
        """Ask what was read, and by whom."""
        row: dict[str, str] = {}
        if not self.source["source_url"]:
            self.cell(
                "arm_results", "source_url", "Address of the text that you read (https://...)", row, None
            )
        if not self.source["source_kind"]:
            self.choice("arm_results", "source_kind", "What kind of text is it", row, "full_text")
        self.source.update(row)
        self.reader = self.reader or ask("Who reads it (initials or a letter)", "", str)

    def arms(self) -> None:
        known = self.review.protocol.components
        asked = self.review.analyses.values()
        fewest = 1 if asked and all(analysis.one_group for analysis in asked) else 2
        more = True
        while more:
            row: dict[str, str] = {}
            self.rows["arms"].append(row)
            number = len(self.rows["arms"])
            self._arm(row, number, known.all)
            more = number < fewest or typer.confirm("Another arm?", default=False, err=True)

    def _arm(self, row: dict[str, str], number: int, known: Sequence[str]) -> None:
        from evidence.wording import capital, slug

        question = f"Arm {number}: what it received, joined by + ({', '.join(known)})"
        received = self.cell("arms", "components", question, row, None)
        wanted, taken = slug(received, "-"), {one["arm_id"] for one in self.rows["arms"] if one is not row}
        name = next(one for one in [wanted, *(f"{wanted}-{n}" for n in range(2, 99))] if one not in taken)
        row["arm_id"] = name
        self.cell(
            "arms",
            "label",
            "Its name in words",
            row,
            capital(received.replace("_", " ").replace("+", " and ")),
        )
        self.cell("arms", "n_randomised", "How many were randomised to it", row)

    def result(self) -> bool:
        """Ask for one outcome at one time; False when there is none any more."""
        outcomes = list(self.review.protocol.outcomes)
        first = not (self.rows["arm_results"] or self.rows["contrast_results"])
        check = one_of(outcomes)
        more = "" if first else "; Enter when there are no more"
        outcome = ask(
            f"Outcome ({', '.join(outcomes)}{more})",
            outcomes[0] if first else "",
            lambda text: check(text) if text else "",
        )
        if not outcome:
            return False
        common = {"outcome": outcome}
        self.instrument(outcome, common)
        self.cell("arm_results", "timepoint_weeks", "Weeks from randomisation", common)
        self.cell("arm_results", "locator", "Place in the text", common, self.source.get("locator", ""))
        if common.get("locator"):
            self.source["locator"] = common["locator"]
        form = "arm"
        if not self._measure(outcome).one_group:
            form = ask(
                "Is it given for each arm, or as a difference of two (arm, difference)",
                "arm",
                one_of(("arm", "difference")),
            )
        if form == "arm":
            for arm in self.rows["arms"]:
                self.of_arm(arm, common)
        else:
            self.of_two(common)
        return True

    def instrument(self, outcome: str, common: dict[str, str]) -> None:
        """Ask for the instrument; one that is not known yet is described."""
        there = self.review.instruments
        known = list(there.loc[there["construct"] == outcome, "instrument"])
        known += [row["instrument"] for row in self.rows["instruments"] if row["construct"] == outcome]
        shown = f" ({', '.join(known[:8])}; or a new one)" if known else ""
        text = ask(f"Instrument{shown}", known[0] if known else outcome, str)
        near = next((name for name in known if name.casefold() == text.casefold()), text)
        common["instrument"] = near
        every = {*there["instrument"], *(row["instrument"] for row in self.rows["instruments"])}
        if near in every:
            return
        row = {"instrument": near, "construct": outcome, "family": near}
        measured = self.review.protocol.outcomes[outcome]
        self.cell("instruments", "full_name", f"{near} is new. Its full name", row, near)
        self.choice(
            "instruments",
            "higher_means",
            "What a higher value means",
            row,
            "worse" if measured.better == "lower" else "better",
        )
        self.cell("instruments", "scale_min", "Lowest score, if it has one", row)
        self.cell("instruments", "scale_max", "Highest score, if it has one", row)
        self.rows["instruments"].append(row)

    def _measure(self, outcome: str) -> Measure:
        from evidence.measures import measure_of

        return measure_of(self.review.protocol.outcomes[outcome].measure)

    def _counted(self, outcome: str) -> bool:
        measure = self._measure(outcome)
        return measure.counted or measure.of in ("proportion", "rate")

    def of_arm(self, arm: Mapping[str, str], common: Mapping[str, str]) -> None:
        row = {"arm_id": arm["arm_id"], **common}
        name = arm.get("label", arm["arm_id"])

        def number(column: str, question: str, default: str | None = "") -> str:
            return self.cell("arm_results", column, f"{name}: {question}", row, default)

        number("n", "people analysed", arm.get("n_randomised", ""))
        if self._counted(row["outcome"]):
            number("events", "people with the event")
            if self._measure(row["outcome"]).of == "rate":
                number("person_time", "time at risk of all together")
        elif self._measure(row["outcome"]).of == "correlation":
            number("correlation", "correlation")
        else:
            if not any(one["outcome"] == row["outcome"] for one in self.rows["arm_results"]):
                self.choice(
                    "arm_results",
                    "statistic",
                    "Scores at that time, or changes from baseline",
                    row,
                    "post",
                    ("post", "change"),
                )
            else:
                row["statistic"] = self.rows["arm_results"][-1].get("statistic", "post")
            if not number("mean", "mean"):
                if number("median", "median"):
                    number("q1", "first quartile")
                    number("q3", "third quartile")
            elif (
                not number("sd", "standard deviation")
                and not number("se", "standard error")
                and number("ci_low", "lower bound of the 95% interval of the mean")
            ):
                number("ci_high", "upper bound")
        number("as_reported", "the printed phrase")
        self.rows["arm_results"].append(row)

    def of_two(self, common: Mapping[str, str]) -> None:
        arms = [arm["arm_id"] for arm in self.rows["arms"]]
        row = dict(common)
        self.choice("contrast_results", "arm_id", "Which arm", row, arms[0], arms)
        others = [arm for arm in arms if arm != row["arm_id"]]
        self.choice("contrast_results", "comparator_arm_id", "Compared with which", row, others[0], others)
        measure = self.review.protocol.outcomes[row["outcome"]].measure
        self.choice("contrast_results", "measure", "Measure", row, measure)

        def number(column: str, question: str) -> str:
            return self.cell("contrast_results", column, question, row)

        if not self._counted(row["outcome"]):
            self.choice(
                "contrast_results",
                "statistic",
                "Scores at that time, or changes from baseline",
                row,
                "post",
                ("post", "change"),
            )
        number("estimate", "Estimate, the first arm minus the second or their ratio")
        if number("ci_low", "Lower bound of its interval"):
            number("ci_high", "Upper bound")
            self.cell("contrast_results", "ci_level", "Level of the interval in percent", row, "95")
        elif not number("se", "Standard error") and number("p_value", "P value"):
            self.choice("contrast_results", "p_operator", "Is it exact (=) or a bound", row, "=")
        for column, arm in (("n_arm", row["arm_id"]), ("n_comparator", row["comparator_arm_id"])):
            size = next(one.get("n_randomised", "") for one in self.rows["arms"] if one["arm_id"] == arm)
            self.cell("contrast_results", column, f"{arm}: people analysed", row, size)
        self.choice("contrast_results", "adjusted", "Adjusted for baseline", row, "no")
        number("as_reported", "The printed phrase")
        self.rows["contrast_results"].append(row)

    def command(self, data: Path) -> str:
        """Write the answers as the command that says the same."""
        words: list[Any] = ["evidence", "add-trial"]
        if data != Path():
            words += ["--data", data]
        for name, option in _OPTIONS.items():
            for row in self.rows[name]:
                if row:
                    words += [f"--{option}", "; ".join(f"{column}={text}" for column, text in row.items())]
        for name, text in {**self.source, "reader": self.reader}.items():
            if text:
                words += [f"--{name.replace('_', '-')}", text]
        return shlex.join(map(str, words))
