"""Numbers against the printed phrase and against the value on which the readers agreed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from evidence.appraisal.checks.evidence_base import EvidenceBase, printed_numbers, spelled_out, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import column_words

_ARM_NUMBERS = ("mean", "sd", "se", "ci_low", "ci_high", "median", "q1", "q3", "events")
_CONTRAST_NUMBERS = ("estimate", "ci_low", "ci_high", "se", "p_value")
_P = re.compile(r"\bp\s*(?:[<>=≤]|value|of)", re.IGNORECASE)
_RANGE = re.compile(r"\d\s*%?\s*(?:to|,|;|–|-)\s*[-+−]?\s*\.?\d|\bCI\b|interval")
_SIZE = re.compile(r"\b[nN]\s*=?\s*(\d+)\b")
_OF = re.compile(r"\b(\d+)\s+of\s+(\d+)\b")


def _holds(numbers: set[float], value: float) -> bool:
    """Tell whether a value, or a proportion as a percentage, is among printed numbers."""
    forms = (abs(value), abs(100 * value)) if abs(value) <= 1 else (abs(value),)
    return any(math.isclose(form, number, rel_tol=1e-9, abs_tol=1e-9) for form in forms for number in numbers)


def _expected_columns(table: str, row: Any, numbers: set[float]) -> list[str]:
    """Columns whose numbers the phrase should hold: those of a kind of which it prints something."""
    text = row.as_reported
    columns = list(_ARM_NUMBERS if table == "arm_results" else _CONTRAST_NUMBERS)
    if "p_value" in columns and not _P.search(text):
        columns.remove("p_value")
    one_bound = stated(row.ci_low) and (_holds(numbers, row.ci_low) or _holds(numbers, row.ci_high))
    if not one_bound and not _RANGE.search(text):
        columns = [name for name in columns if name not in ("ci_low", "ci_high")]
    return columns


@rule(
    "not in the printed phrase",
    "error",
    why="Slips of copying (a digit exchanged, a decimal point moved, a standard error in place of an SD) "
    "are the commonest errors of extraction, and the phrase copied from the source shows them.",
    look_at="The phrase in as_reported, then the source itself.",
)
def not_in_phrase(base: EvidenceBase) -> Iterator[Hit]:
    """Numbers that do not stand in the phrase that was copied from the source with them.

    Signs do not count; a proportion may be printed as a percentage, a whole number in words. A number that the note
    names with its column ("SD 21") is left alone.
    """
    for table, row in base.results():
        text = str(row.as_reported)
        numbers = {number for number, _ in printed_numbers(text)}
        if not numbers:
            continue
        numbers |= spelled_out(text)
        for column in _expected_columns(table, row, numbers):
            value = getattr(row, column)
            if not stated(value) or _holds(numbers, value):
                continue
            # A number that only another copy of the source has is named in the note.
            if re.search(rf"\b{column}\s*(?:=|of)?\s*{abs(value):g}(?![\d.]*\d)", row.note, re.IGNORECASE):
                continue
            # Programs print P = 0.000 for a P below 0.001; any bound is right that the print allows.
            if column == "p_value" and row.p_operator == "<" and 0.0 in numbers:
                continue
            yield Hit(
                table,
                row.Index,
                column,
                f"{column_words(column)} is {value:g}, but the source is quoted with: {text}",
            )


@rule(
    "size not in the printed phrase",
    "error",
    why="A wrong sample size changes the standard error and with it the weight of the trial.",
    look_at="The phrase in as_reported and the flow chart of the trial.",
)
def size_not_in_phrase(base: EvidenceBase) -> Iterator[Hit]:
    """Sizes of arms that differ from the only size ("n = 230", "125 of 256") that the printed phrase gives."""
    for row in base.arm_results:
        text = str(row.as_reported)
        sizes = {int(n) for n in _SIZE.findall(text)} | {int(total) for _, total in _OF.findall(text)}
        if stated(row.n) and len(sizes) == 1 and row.n not in sizes:
            yield Hit("arm_results", row.Index, "n", f"n is {row.n:g}, but the source is quoted with: {text}")


@rule(
    "differs from what the readers agreed",
    "error",
    why="Two readings and their reconciliation are kept with the data; a cell changed afterwards is a "
    "slip or an undocumented decision.",
    look_at="The row of agreement.csv, and the readings in readings/.",
)
def differs_from_consensus(base: EvidenceBase) -> Iterator[Hit]:
    """Cells that differ from the value recorded in agreement.csv when the readings were reconciled."""
    rows = _rows_by_key(base)
    recorded: list[Any] = list(base.review.agreement.itertuples())
    for one in recorded:
        table, (field, _, rest) = str(one.table), str(one.field).partition(" ")
        if field == "row":
            continue
        part = one.result_id or ("" if table == "trials" else rest.strip("[]()"))
        if table == "risk_of_bias":
            field, part = "judgement", one.result_id or rest.strip("[]()") or field
        row = rows.get((table, one.trial_id, part))
        if row is None or not hasattr(row, field) or _agrees(getattr(row, field), str(one.consensus)):
            continue
        message = (
            f"{field} is {_shown(getattr(row, field))}, but {one.consensus or 'nothing'} was agreed "
            f"(agreement.csv row {one.Index})"
        )
        yield Hit(table, row.Index, field, message)


def _rows_by_key(base: EvidenceBase) -> dict[tuple[str, str, str], Any]:
    """Rows by table, trial and the part of the trial that a row of agreement.csv names."""
    rows: dict[tuple[str, str, str], Any] = {("trials", trial, ""): row for trial, row in base.trials.items()}
    rows |= {("arms", trial, arm): row for (trial, arm), row in base.arms.items()}
    rows |= {(table, row.trial_id, row.result_id): row for table, row in base.results()}
    judged: list[Any] = list(base.review.risk_of_bias.itertuples())
    rows |= {("risk_of_bias", row.trial_id, row.domain): row for row in judged}
    return rows


def _agrees(value: Any, consensus: str) -> bool:
    if isinstance(value, str):
        return value == consensus
    if value is pd.NA or value != value:
        return consensus == ""
    try:
        return math.isclose(float(value), float(consensus), rel_tol=1e-9, abs_tol=1e-9)
    except ValueError:
        return False


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
