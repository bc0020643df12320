"""A trial that is to be added to a review: what it does to the results, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.appraisal.checks.findings import check
from evidence.errors import DataError, Fault
from evidence.measures import measure_of
from evidence.results import Shown
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.adding import AddedRows, added_rows, as_new, complete
from evidence.tables.review import Review, read_review
from evidence.wording import counted, interval

__all__ = ["Addition", "add_trial"]

_NUMBERS = ("estimate", "ci_low", "ci_high")


@dataclass(frozen=True, eq=False, repr=False)
class Addition(Shown):
    """Result of `add_trial`.

    Attributes
    ----------
    trial_id, label : str
        The trial.
    rows : dict of str to list of dict
        The rows that would be added, by table.
    findings : DataFrame
        What the plausibility checks say of these rows, as `check` gives it.
    effects : DataFrame
        One row for each comparison of the trial in an analysis: analysis, measure, arm, comparator, estimate,
        ci_low, ci_high (ratios as ratios), status and reason, and the combined result without the trial and with
        it: k_before, estimate_before, ci_low_before, ci_high_before, k_after, ...; missing where none is.

    Examples
    --------
    >>> import evidence as ev
    >>> addition = ev.add_trial(
    ...     "examples/bcg-vaccine",
    ...     trial={"label": "Fictional 2024", "design": "parallel", "citation": "made up for this page"},
    ...     arms=[
    ...         {"arm_id": "bcg", "components": "bcg"},
    ...         {"arm_id": "no", "components": "no_vaccine"},
    ...     ],
    ...     arm_results=[
    ...         {"arm_id": "bcg", "outcome": "tuberculosis", "instrument": "tuberculosis", "n": "400", "events": "4"},
    ...         {"arm_id": "no", "outcome": "tuberculosis", "instrument": "tuberculosis", "n": "400", "events": "9"},
    ...     ],
    ...     source={"source_url": "https://example.org", "source_kind": "abstract"},
    ... )
    >>> sorted(addition.rows)
    ['arm_results', 'arms', 'contrast_results', 'instruments', 'risk_of_bias', 'trials']
    """

    trial_id: str
    label: str
    rows: dict[str, list[dict[str, str]]]
    findings: pd.DataFrame
    effects: pd.DataFrame
    _added: AddedRows

    def write(self) -> Review:
        """Write the rows into the tables, all or none, and give the review with the trial.

        Raises
        ------
        DataError
            If a table was changed since it was read; nothing is written then.
        ReportError
            If the disk is full.
        """
        return self._added.write()

    def to_frame(self) -> pd.DataFrame:
        """The effects."""
        return self.effects

    def summary(self) -> str:
        """The rows, the findings, and each combined result without the trial and with it."""
        lines = [f"{self.label}: {self._added.words()}"]
        lines += [
            f"  {row['severity']}: {row['file']}, {row['column']}: {row['message']}"
            for row in self.findings.to_dict("records")
        ]
        for analysis, rows in self.effects.groupby("analysis", sort=False):
            lines.append(f"{analysis}: {measure_of(rows['measure'].iloc[0]).name.lower()}")
            for row in rows.to_dict("records"):
                what = _numbers(row, "") if row["status"] == "pooled" else f"not combined: {row['reason']}"
                arms = " v ".join(filter(None, (row["arm"], row["comparator"])))
                lines.append(f"  this trial, {arms}: {what}")
            first = rows.to_dict("records")[0]
            lines += [
                f"  {words} it: {_combined(first, side)}"
                for words, side in (("without", "_before"), ("with", "_after"))
            ]
        if self.effects.empty:
            lines.append(
                "No analysis takes a result of this trial: look at its components, outcomes and weeks."
            )
        return "\n".join(lines)


def _numbers(row: Mapping[Any, object], side: str) -> str:
    measure = measure_of(str(row["measure"]))
    factor = 100.0 if measure.sign else 1.0
    values = (factor * float(str(row[f"{name}{side}"])) for name in _NUMBERS)
    return interval(*values, digits=measure.digits, ratio=measure.keeps_small, sign=measure.sign)


def _combined(row: Mapping[Any, object], side: str) -> str:
    count = counted(int(str(row[f"k{side}"])), "comparison" if row["comparator"] else "group")
    if row[f"estimate{side}"] != row[f"estimate{side}"]:
        return f"{count}, not combined"
    return f"{_numbers(row, side)}, {count}"


def add_trial(
    folder: str | Path,
    *,
    trial: Mapping[str, str],
    arms: Sequence[Mapping[str, str]],
    arm_results: Sequence[Mapping[str, str]] = (),
    contrast_results: Sequence[Mapping[str, str]] = (),
    risk_of_bias: Sequence[Mapping[str, str]] = (),
    instruments: Sequence[Mapping[str, str]] = (),
    source: Mapping[str, str] | None = None,
    reader: str = "",
) -> Addition:
    """Look at a trial together with the review that it is to be added to; nothing is written yet.

    Parameters
    ----------
    folder : str or Path
        Folder of the review.
    trial : mapping of str to str
        Cells of its row of ``trials.csv``, by column. Without ``trial_id`` it is made of the label.
    arms, arm_results, contrast_results, risk_of_bias, instruments : sequence of mapping
        Cells of its rows in the tables of these names. What follows from the rest may be left out: ``trial_id``,
        ``result_id``, the ``kind`` and ``label`` of an arm, the ``statistic`` and ``measure`` of a result.
    source : mapping of str to str, optional
        ``source_url``, ``source_kind``, ``locator``: for results that do not say it themselves.
    reader : str, optional
        Who read the trial: goes into ``readers``.

    Returns
    -------
    Addition
        With ``write``.

    Raises
    ------
    DataError
        If the review has faults, or the rows have: every one is named, and errors that the plausibility checks find
        are faults. A value that is printed so although it cannot be right goes in with a note that begins with
        ``CHECK:``.

    Examples
    --------
    >>> import evidence as ev
    >>> addition = ev.add_trial(
    ...     "examples/bcg-vaccine",
    ...     trial={"label": "Fictional 2024", "design": "parallel", "citation": "made up for this page"},
    ...     arms=[
    ...         {"arm_id": "bcg", "components": "bcg"},
    ...         {"arm_id": "no", "components": "no_vaccine"},
    ...     ],
    ...     arm_results=[
    ...         {"arm_id": "bcg", "outcome": "tuberculosis", "instrument": "tuberculosis", "n": "400", "events": "4"},
    ...         {"arm_id": "no", "outcome": "tuberculosis", "instrument": "tuberculosis", "n": "400", "events": "9"},
    ...     ],
    ...     source={"source_url": "https://example.org", "source_kind": "abstract"},
    ... )
    >>> addition.effects[["k_before", "k_after"]].values.tolist()
    [[13, 14]]
    """
    every = {**(source or {}), **({"readers": reader} if reader else {})}
    results = {
        name: [{**every, **row} for row in rows]
        for name, rows in (("arm_results", arm_results), ("contrast_results", contrast_results))
    }
    bias = [{**({"readers": reader} if reader else {}), **row} for row in risk_of_bias]
    before = read_review(folder)
    rows = complete(
        before,
        {"instruments": instruments, "trials": [trial], "arms": arms, **results, "risk_of_bias": bias},
    )
    label = rows["trials"][0].get("label", "")
    added = added_rows(folder, rows)
    findings = _findings(added)
    if len(errors := findings[findings["severity"] == "error"]):
        faults = [
            Fault(
                str(row["file"]), int(row["row"]), *(str(row[key]) for key in ("column", "value", "message"))
            )
            for row in errors.to_dict("records")
        ]
        raise DataError([as_new(fault, added.numbers) for fault in faults])
    trial_id = rows["trials"][0]["trial_id"]
    return Addition(trial_id, label, added.rows, findings, _effects(before, added.review, trial_id), added)


def _findings(added: AddedRows) -> pd.DataFrame:
    """What the checks say of the rows that are new."""
    found = check(added.review)
    new = [row["row"] in added.numbers.get(str(row["file"]), ()) for row in found.to_dict("records")]
    return found[pd.Series(new, index=found.index, dtype=bool)].reset_index(drop=True)


def _effects(before: Review, after: Review, trial: str) -> pd.DataFrame:
    """The comparisons of a trial in each analysis, with the combined result without it and with it."""
    results = [getattr(after, name) for name in ("arm_results", "contrast_results")]
    outcomes = {name for table in results for name in table.loc[table["trial_id"] == trial, "outcome"]}
    rows = []
    for analysis in after.analyses.values():
        if analysis.outcome not in outcomes:
            continue
        own = after.comparisons(analysis)
        own = own[(own["trial_id"] == trial) & (own["reason_kind"] != "not reported")]
        if own.empty:
            continue
        sides = {"_before": synthesise(before, analysis), "_after": synthesise(after, analysis)}
        combined = {
            f"{name}{side}": value for side, made in sides.items() for name, value in _of(made).items()
        }
        for row in own.to_dict("records"):
            natural = measure_of(sides["_after"].measure).natural
            rows.append(
                {
                    "analysis": analysis.id,
                    "measure": sides["_after"].measure,
                    "arm": row["arm"],
                    "comparator": row["comparator"],
                    **{
                        name: float(natural(row[key]))
                        for name, key in zip(_NUMBERS, ("effect", "ci_low", "ci_high"), strict=True)
                    },
                    "status": row["status"],
                    "reason": row["reason"],
                    **combined,
                }
            )
    both = [f"{name}{side}" for side in ("_before", "_after") for name in ("k", *_NUMBERS)]
    columns = ["analysis", "measure", "arm", "comparator", *_NUMBERS, "status", "reason", *both]
    return pd.DataFrame(rows, columns=columns)


def _of(made: Synthesis) -> dict[str, float]:
    if made.fit is None:
        return {"k": made.k, **dict.fromkeys(_NUMBERS, float("nan"))}
    return {"k": made.k, **{name: made.shown(getattr(made.fit, name)) for name in _NUMBERS}}
