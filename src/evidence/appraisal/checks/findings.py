"""Findings about the data: what a reader should look at before trusting a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from evidence.appraisal.checks import (
    arms_against_contrasts,
    baselines,
    counts,
    directions,
    effects,
    intervals,
    marks,
    printed,
    records,
    scales,
    spreads,
    times,
    twins,
    words,
)
from evidence.appraisal.checks.evidence_base import EvidenceBase
from evidence.appraisal.checks.faults import read_with_faults
from evidence.appraisal.checks.registry import RULES, Hit, Rule
from evidence.errors import DataError, Fault, shortened
from evidence.tables.review import Review
from evidence.tables.schema import doubt

__all__ = ["check", "check_rules"]

# Importing a module adds its rules; they are told in this order.
_MODULES = (
    marks, printed, words, directions, scales, spreads, intervals, arms_against_contrasts, counts, baselines,
    effects, twins, times, records,
)  # fmt: skip
_RULES = {
    name: one for module in _MODULES for name, one in RULES.items() if one.find.__module__ == module.__name__
}

_COLUMNS = [
    "severity", "rule", "file", "row", "column", "value", "message", "id", "look_at", "judgement", "comment",
]  # fmt: skip
_KEYS = {
    "trials": ("trial_id",),
    "arms": ("trial_id", "arm_id"),
    "instruments": ("instrument",),
    "risk_of_bias": ("trial_id", "domain"),
}
_ALL = "*"
_LONGEST = 2000
"""Letters of a message; of a value it is as in errors."""
_SETTLED = ("explained", "false alarm")  # judgements after which a finding asks for nothing more


def check(review: Review | str | Path, *, rules: str | list[str] | None = None) -> pd.DataFrame:
    """List what is wrong, improbable or assumed in the data of a review.

    Parameters
    ----------
    review : Review, str or Path
        A review, or its folder. A folder is checked even if `read_review` refuses it: each fault is listed as
        a finding
        of the rule "not valid", and the other rules look at what can be read.
    rules : str or list of str, optional
        Names of the rules to apply; all by default, but for those that the protocol skips.

    Returns
    -------
    DataFrame
        One row per finding: severity, rule, file, row (as a spreadsheet shows it; 0 is the whole file), column,
        value, message (with the numbers), id (of the result, trial, or trial and arm), look_at, and judgement and
        comment from the review's table of judgements ("" where there is none). Severities are "error" (cannot be
        true), "warning" (improbable or doubtful) and "note" (assumed). An error in a row marked ``CHECK:`` is a
        warning, because it is known and kept out of pooling; one that was judged to be explained or a false alarm is
        a note.

    Raises
    ------
    DataError
        If a rule is unknown, or the folder cannot be read at all.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> findings = ev.check(review)
    >>> findings.columns[:4].tolist()
    ['severity', 'rule', 'file', 'row']
    """
    faults: tuple[Fault, ...] = ()
    if not isinstance(review, Review):
        review, faults = read_with_faults(review)
    chosen = _chosen(rules, review.protocol.checks.skip)
    base = EvidenceBase(review)
    rows = [_fault_row(fault) for fault in faults if rules is None]
    for rule in chosen:
        found = {(hit.table, hit.row, hit.column): hit for hit in rule.find(base)}
        rows += [_row(review, rule, hit) for hit in found.values()]
    return _judged(pd.DataFrame(rows, columns=_COLUMNS), review)


def check_rules() -> pd.DataFrame:
    """List the plausibility checks.

    Returns
    -------
    DataFrame
        One row per rule: rule, severity, looks_for, why, look_at.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.check_rules().columns.tolist()
    ['rule', 'severity', 'looks_for', 'why', 'look_at']
    """
    return pd.DataFrame(
        [
            {
                "rule": one.name,
                "severity": one.severity,
                "looks_for": one.looks_for,
                "why": one.why,
                "look_at": one.look_at,
            }
            for one in _RULES.values()
        ]
    )


def _chosen(rules: str | list[str] | None, skip: tuple[str, ...]) -> list[Rule]:
    names = (
        [name for name in _RULES if name not in skip]
        if rules is None
        else [rules]
        if isinstance(rules, str)
        else rules
    )
    for name in [*names, *skip]:
        if name not in _RULES:
            raise DataError(f"there is no rule '{name}'; the rules are: {', '.join(_RULES)}")
    return [_RULES[name] for name in names]


def _row(review: Review, rule: Rule, hit: Hit) -> dict[str, Any]:
    source = getattr(review, hit.table).loc[hit.row]
    keys = _KEYS.get(hit.table, ("result_id",))
    known = doubt(str(source.get("note", ""))) != ""
    return {
        "severity": "warning" if known and rule.severity == "error" else rule.severity,
        "rule": rule.name,
        "file": f"{hit.table}.csv",
        "row": hit.row,
        "column": hit.column,
        "value": shortened(_text(source[hit.column]) if hit.value is None else hit.value),
        "message": shortened(hit.message, _LONGEST),
        "id": "/".join(str(source[key]) for key in keys),
        "look_at": rule.look_at,
    }


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.10g}"
    return "" if value is pd.NA else str(value)


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {
        "severity": "error",
        "rule": "not valid",
        "file": fault.file,
        "row": fault.row or 0,
        "column": fault.column,
        "value": shortened(fault.value),
        "message": shortened(fault.expected, _LONGEST),
        "id": "",
        "look_at": "The cell, and data dictionary of the table.",
    }


def _judged(found: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Join the judgements: one for the cell, else one for all findings of the rule (key ``*``)."""
    opinions: list[Any] = list(review.judgements.itertuples())
    findings: list[Any] = list(found.itertuples())
    by_place = {(one.rule, one.file, one.key, one.column): (one.judgement, one.comment) for one in opinions}
    judged = [
        by_place.get(
            (one.rule, one.file, one.id, one.column),
            by_place.get((one.rule, one.file, _ALL, one.column), ("", "")),
        )
        for one in findings
    ]
    found = found.assign(judgement=[word for word, _ in judged], comment=[text for _, text in judged])
    settled = found["judgement"].isin(_SETTLED) & (found["severity"] == "error")
    return found.assign(severity=found["severity"].mask(settled, "note"))
