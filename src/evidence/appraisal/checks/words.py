"""Words against what was entered: operator, level, order, instrument, kind and time of a result, parts of an arm."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase, printed_numbers, spelled_out, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import plain

_P_VALUE = re.compile(
    r"\bp\s*(?:values?\s*)?(<=|≤|=|<|>|of)?\s*(?:about\s*)?(\d*[.,]\d+|\d+)(?!\d|\s*%)", re.IGNORECASE
)
_LEVEL = re.compile(r"(\d\d(?:\.\d)?)\s*%\s*(?:CI\b|confidence|credib)", re.IGNORECASE)
_PAIR = re.compile(r"(\d+(?:\.\d+)?)\s*(?:±|\+/-|\(|\[|,?\s*SD\s*=?)\s*(\d+(?:\.\d+)?)")
_UNITS = {"week": 1.0, "month": 365.25 / 12 / 7, "year": 365.25 / 7}
_CHANGE = re.compile(r"(?:=|\bis\b) improvement|\bchange\b|\bpre-post\b|\breduction at week\b", re.IGNORECASE)
_NAMES = {
    "ODI": ("odi", "oswestry"),
    "RMDQ": ("rmdq", "rdq", "roland", "rmdi"),
    "QBPDS": ("qbpds", "quebec"),
    "VAS": ("vas",),
    "NRS": ("nrs",),
    "MPQ": ("mcgill", "mpq"),
}


@rule(
    "operator unlike the printed one",
    "error",
    why="P < 0.05 taken as P = 0.05 gives a standard error that nobody reported.",
    look_at="The sign before the P value in the source.",
)
def operators(base: EvidenceBase) -> Iterator[Hit]:
    """P values whose operator is not the sign that the printed phrase has before the same number."""
    for row in base.contrast_results:
        if not stated(row.p_value):
            continue
        signs = {
            {"<=": "<", "≤": "<", "of": "=", "": "="}.get(sign, sign)
            for sign, text in _P_VALUE.findall(row.as_reported)
            if math.isclose(float(text.replace(",", ".")), row.p_value, rel_tol=1e-9)
        }
        if signs and row.p_operator not in signs:
            message = f"P {row.p_operator} {row.p_value:g}, but the source is quoted with: {row.as_reported}"
            yield Hit("contrast_results", row.Index, "p_operator", message)


@rule(
    "level unlike the printed one",
    "error",
    why="The level turns the width of an interval into a standard error.",
    look_at="The level printed with the interval, and the methods.",
)
def levels(base: EvidenceBase) -> Iterator[Hit]:
    """Confidence levels other than the one in the printed phrase.

    Where the phrase has none, than that of all other intervals of the trial.
    """
    trials: dict[str, list[float]] = {}
    for row in base.contrast_results:
        if stated(row.ci_level):
            trials.setdefault(row.trial_id, []).append(row.ci_level)
    for row in base.contrast_results:
        if not stated(row.ci_level):
            continue
        printed = {float(text) for text in _LEVEL.findall(row.as_reported)}
        others = list(trials[row.trial_id])
        others.remove(row.ci_level)
        if printed and row.ci_level not in printed:
            message = f"a level of {row.ci_level:g} %, but the source is quoted with: {row.as_reported}"
        elif not printed and len(others) >= 2 and row.ci_level not in others:
            message = (
                f"a level of {row.ci_level:g} %, but {others[0]:g} % in the other intervals of the trial"
            )
        else:
            continue
        yield Hit("contrast_results", row.Index, "ci_level", message)


@rule(
    "mean and SD exchanged",
    "error",
    why="A spread taken for a score and a score for a spread give a nonsense effect with great assurance.",
    look_at="The order in the source: mean (SD), or median (quartiles).",
)
def exchanged(base: EvidenceBase) -> Iterator[Hit]:
    """Rows whose mean and SD stand in the printed phrase the other way round: SD before mean."""
    for row in base.arm_results:
        spread, column = (row.sd, "sd") if stated(row.sd) else (row.se, "se")
        pairs = {(float(first), float(second)) for first, second in _PAIR.findall(row.as_reported)}
        pair = (abs(row.mean), spread)
        if stated(*pair) and pair not in pairs and pair[::-1] in pairs:
            message = (
                f"mean {row.mean:g} and {column} {spread:g}, but the source is quoted with: {row.as_reported}"
            )
            yield Hit("arm_results", row.Index, "mean", message)


@rule(
    "size unlike the phrase, which prints it elsewhere",
    "error",
    why="Where a source prints n beside each result, an n that is not there was read from another row.",
    look_at="The phrase in as_reported, then the table of the source.",
)
def size_absent(base: EvidenceBase) -> Iterator[Hit]:
    """Sizes missing from the printed phrase although nearly all other phrases of the trial hold theirs."""
    trials: dict[str, list[tuple[Any, bool]]] = {}
    for row in base.arm_results:
        if stated(row.n) and any(char.isdigit() for char in row.as_reported):
            numbers = {number for number, _ in printed_numbers(row.as_reported)}
            trials.setdefault(row.trial_id, []).append((row, row.n in numbers))
    for rows in trials.values():
        absent = [row for row, present in rows if not present]
        if len(rows) >= 5 and len(absent) <= 0.2 * len(rows):
            for row in absent:
                message = f"n is {row.n:g}, but the source is quoted with: {row.as_reported}"
                yield Hit("arm_results", row.Index, "n", message)


@rule(
    "another instrument in the phrase",
    "warning",
    why="A score filed under the wrong instrument gets the wrong scale, direction and place in the order "
    "of preference.",
    look_at="The instrument named in the source.",
)
def another_instrument(base: EvidenceBase) -> Iterator[Hit]:
    """Results whose printed phrase names one of the common instruments, but not that of the row."""
    for table, row in base.results():
        words = set(re.findall(r"[a-z]+", row.as_reported.lower()))
        own = _names(f"{row.instrument} {base.family(row)}")
        named = {name for name, forms in _NAMES.items() if words & set(forms)}
        if own and named and not own & named:
            message = f"filed under {row.instrument}, but the source is quoted with: {row.as_reported}"
            yield Hit(table, row.Index, "instrument", message)


def _names(instrument: str) -> set[str]:
    words = set(re.findall(r"[a-z]+", instrument.lower()))
    return {name for name, forms in _NAMES.items() if words & set(forms)}


@rule(
    "score or change",
    "warning",
    why="A change filed as a score (or a score as a change) is compared with the wrong scale and pooled "
    "with the wrong SD.",
    look_at="The words of the source: at follow-up, change from baseline.",
)
def score_or_change(base: EvidenceBase) -> Iterator[Hit]:
    """Arm results filed as scores although the printed phrase speaks of a change."""
    for row in base.arm_results:
        if row.statistic == "post" and _CHANGE.search(row.as_reported):
            yield Hit(
                "arm_results",
                row.Index,
                "statistic",
                f"filed as a score, but the source is quoted with: {row.as_reported}",
            )


@rule(
    "time unlike the phrase",
    "warning",
    why="A time in the wrong unit (12 months as 12 weeks) puts the result into another window of the protocol.",
    look_at="The time in the source, and whether it counts from randomisation or from the end of treatment.",
)
def times(base: EvidenceBase) -> Iterator[Hit]:
    """Times that no number of weeks, months or years in the printed phrase comes to.

    A time that the note states in weeks is left alone.
    """
    for table, row in base.results():
        text, week = row.as_reported.lower(), row.timepoint_weeks
        units = [length for unit, length in _UNITS.items() if re.search(rf"\b{unit}s?\b", text)]
        if not units or not stated(week) or week == 0 or re.search(rf"\b{week:g}\b", row.note):
            continue
        # "At one year" may be "at a year".
        counts = {1.0, *(number for number, _ in printed_numbers(text)), *spelled_out(text)}
        told = [count * length for count in counts for length in units]
        if not any(abs(week - time) <= max(1.0, 0.1 * time) for time in told):
            message = f"{week:g} weeks, but the source is quoted with: {row.as_reported}"
            yield Hit(table, row.Index, "timepoint_weeks", message)


@rule(
    "components unlike the label",
    "warning",
    why="The components decide in which comparison an arm counts; a wrong one turns a treatment into a control.",
    look_at="What the arm received, and components in arms.csv.",
)
def components_unlike_label(base: EvidenceBase) -> Iterator[Hit]:
    """Arms whose label names components, but none of those with which the arm was entered."""
    known = {name for arm in base.arms.values() for name in arm.components.split("+")}
    for arm in base.arms.values():
        text = re.sub(r"\b(?:no|without|not)\s+[a-z]+", " ", re.sub(r"[^a-z]+", " ", arm.label.lower()))
        named = {name for name in known if re.search(rf"\b{re.escape(name.replace('_', ' '))}\b", text)}
        if named and not named & set(arm.components.split("+")):
            message = f"entered as {plain(arm.components)}, but the label is '{arm.label}'"
            yield Hit("arms", arm.Index, "components", message)
