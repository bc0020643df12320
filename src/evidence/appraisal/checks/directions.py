"""Signs against the words of the source, and directions of instruments."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import column_words

_CHANCE = 0.05
_SEVERAL = 3
_NEARLY_ALL = 0.8
_TURNED = re.compile(
    r"flip|turn|sign|favour|favor|better|greater|improve|benefit|reduc|decreas|lower|higher|drop|fall|fell|less|more|orient"
    r"|advantage|magnitude|minus",
    re.IGNORECASE,
)
_PLUS_GOOD = re.compile(r"\+\s*(?:=|is)\s*improvement")
_MINUS_GOOD = re.compile(r"(?:minus|negative|-)\s*(?:=|is)\s*improvement")
# Keys after which the printed sign is the stored one.
_KEY = re.compile(r"(?:minus|negative|[-+])\s*(?:=\s*|is\s+)?(?:lower|better|improvement)")
_FAVOURS = re.compile(
    r"favou?r(?:s|ing|ed)?\s+(?:of\s+)?([\w+ -]+)|([\w+-]+)\s+better|greater improvement with\s+([\w+ -]+)",
    re.IGNORECASE,
)


def _printed_signs(text: str, value: float) -> set[int]:
    """Signs with which a text prints a number: -1 after a minus sign, 1 otherwise; empty if it does not print it.

    A hyphen, a minus sign and an en dash are all printed as minus.
    """
    signs = set()
    number = f"{abs(value):.10g}"
    zeros = "0*" if "." in number else r"(?:\.0+)?"
    pattern = rf"(?<![\d.])([-−–]?)\s?{re.escape(number)}{zeros}(?!\d|\.\d)"
    for match in re.finditer(pattern, text):
        before = text[: match.start()].rstrip()
        # A hyphen between two numbers ("1.4-3.5") joins a range.
        joined = bool(match.group(1)) and bool(before) and before[-1].isdigit()
        signs.add(-1 if match.group(1) and not joined else 1)
    return signs


@rule(
    "sign unlike the printed one",
    "error",
    why="A lost minus sign turns benefit into harm.",
    look_at="The printed number, and which group was subtracted from which.",
)
def sign_changed(base: EvidenceBase) -> Iterator[Hit]:
    """Numbers whose sign differs from the printed one although nothing in the row says that it was turned."""
    for table, row in base.results():
        columns = (
            ("mean", "median", "ci_low", "ci_high")
            if table == "arm_results"
            else ("estimate", "ci_low", "ci_high")
        )
        text = str(row.as_reported)
        if _TURNED.search(_KEY.sub("", text)) or _TURNED.search(str(row.note)):
            continue
        for column in columns:
            value = getattr(row, column)
            if not stated(value) or value == 0:
                continue
            signs = _printed_signs(text, value)
            if signs and math.copysign(1, value) not in signs:
                yield Hit(
                    table,
                    row.Index,
                    column,
                    f"{column_words(column)} is {value:g}, but the source is quoted with: {text}",
                )


@rule(
    "sign of a change",
    "error",
    why="Some sources print an improvement as a positive number; change is follow-up minus baseline, so "
    "on scales where higher is worse an improvement is negative.",
    look_at="The words of the source: reduction, improvement, worsening.",
)
def sign_of_change(base: EvidenceBase) -> Iterator[Hit]:
    """Changes whose sign contradicts the printed phrase.

    Such as "+ = improvement", "minus = improvement", or "reduction".
    """
    for row in base.arm_results:
        text = str(row.as_reported)
        for column in ("mean", "median"):
            value = getattr(row, column)
            if row.statistic != "change" or not stated(value) or value == 0:
                continue
            printed = _printed_signs(text, value)
            better = base.sign(row)
            expected = 0
            if len(printed) == 1:
                (sign,) = printed
                if _PLUS_GOOD.search(text):
                    expected = sign * better
                elif _MINUS_GOOD.search(text):
                    expected = sign
                elif (re.search(r"reduc|decreas", text) and not re.search(r"increas", text)) or sign < 0:
                    expected = -1
            if expected and value * expected < 0:
                yield Hit(
                    "arm_results",
                    row.Index,
                    column,
                    f"the change is {value:g}, but the source is quoted with: {text}",
                )


@rule(
    "direction unlike the words of the source",
    "error",
    why="A difference with the wrong sign counts for the other side, twice its size away from the truth.",
    look_at="Which group the source calls better, and which was subtracted from which.",
)
def direction(base: EvidenceBase) -> Iterator[Hit]:
    """Differences that favour one arm where the printed phrase says that the other was better.

    The words "lower" and "higher" count too.
    """
    for row in base.contrast_results:
        value, text = row.estimate, str(row.as_reported)
        if not stated(value) or value == 0 or row.measure not in ("MD", "SMD", ""):
            continue
        expected, why = _expected_sign(base, row, text)
        if expected and value * expected < 0:
            yield Hit("contrast_results", row.Index, "estimate", f"{value:g} contradicts {why}: {text}")


def _expected_sign(base: EvidenceBase, row: Any, text: str) -> tuple[int, str]:
    """Sign of arm minus comparator that a phrase implies, and how; 0 if it says nothing plain."""
    lowered = re.sub(r"\([^)]*\blower to[^)]*\)|lower (?:bound|limit)|(?:minus|-) = lower", "", text.lower())
    named = _who_is_better(base, row, text)
    if named:
        return named * base.sign(row), "that it favours one arm"
    is_lower, is_higher = "lower" in lowered, "higher" in lowered
    if is_lower != is_higher:
        return (-1, "'lower'") if is_lower else (1, "'higher'")
    if re.search(
        r"\+ means better|net benefit|greater improvement|points better|more improvement|advantage", lowered
    ):
        printed = _printed_signs(text, row.estimate)
        if len(printed) == 1:
            return next(iter(printed)) * base.sign(row), "that a positive number is a benefit"
    return 0, ""


def _who_is_better(base: EvidenceBase, row: Any, text: str) -> int:
    """1 if the phrase says that the arm was better, -1 if the comparator was, 0 if neither is plain."""
    found = _FAVOURS.search(text)
    if found is None or "negative favours" in text.lower() or re.search(r"\+ favou?rs", text):
        return 0
    words = next(part for part in found.groups() if part)
    wanted = set(_tokens(words))
    scores = []
    for arm in (row.arm_id, row.comparator_arm_id):
        known = base.arms[row.trial_id, arm]
        title = _tokens(known.label)
        named = wanted & set(_tokens(f"{arm} {known.label} {known.components} {known.description}"))
        # Of "manipulation" and "simulated manipulation" the first is meant by the word alone.
        whole = set(_tokens(arm)) <= wanted
        scores.append((len(named), whole, len(wanted & set(title)) / max(len(title), 1)))
    return (scores[0] > scores[1]) - (scores[0] < scores[1])


def _tokens(text: str) -> list[str]:
    return [
        word
        for word in re.split(r"[^a-z0-9]+", text.lower())
        if len(word) > 1 and word not in ("the", "than", "and", "to")
    ]


@rule(
    "clear effects in both directions",
    "warning",
    why="One arm is rarely clearly better than another on one measure and clearly worse on the next; far more "
    "often a sign was turned or the arms were exchanged.",
    look_at="The sign of the odd result, and which arm was subtracted from which.",
)
def both_directions(base: EvidenceBase) -> Iterator[Hit]:
    """Differences beyond chance that favour one arm where most of the trial's favour the other.

    Where both are equally many, all are named.
    """
    pairs: dict[tuple[str, frozenset[str]], list[tuple[Any, str]]] = defaultdict(list)
    for row in base.contrast_results:
        better = _clearly_better(base, row)
        if better:
            pairs[row.trial_id, frozenset((row.arm_id, row.comparator_arm_id))].append((row, better))
    for results in pairs.values():
        for row, better in results:
            against = [other.result_id for other, arm in results if arm != better]
            if 2 * len(against) >= len(results):
                message = f"{row.estimate:g} clearly favours {better}, unlike {', '.join(against)}"
                yield Hit("contrast_results", row.Index, "estimate", message)


def _clearly_better(base: EvidenceBase, row: Any) -> str:
    """Name the arm that a difference favours beyond chance; "" if neither."""
    beyond_chance = (
        row.ci_low > 0 or row.ci_high < 0 or (row.p_operator in ("=", "<") and row.p_value <= _CHANCE)
    )
    gain = base.sign(row) * row.estimate
    if row.measure not in ("MD", "SMD", "") or row.statistic == "count" or not beyond_chance:
        return ""
    return str(row.arm_id) if gain > 0 else str(row.comparator_arm_id) if gain < 0 else ""


@rule(
    "direction of an instrument",
    "error",
    why="The direction says whether a lower score is a benefit; a wrong one turns every result of the instrument.",
    look_at="The manual of the instrument.",
)
def instrument_direction(base: EvidenceBase) -> Iterator[Hit]:
    """Instruments that mean worse where the table of important changes says better, or the other way round.

    Also instruments on which nearly all groups of several trials would have got worse.
    """
    published: dict[str, set[str]] = defaultdict(set)
    for change in base.review.important_changes.itertuples():
        if change.higher_means:
            published[str(change.instrument)].add(str(change.higher_means))
    changes = _changes(base)
    for name, row in base.instruments.items():
        better, trials = changes[name], {trial for trial, _ in changes[name]}
        worse = sum(value < 0 for _, value in better)
        if published[name] and row.higher_means not in published[name]:
            message = (
                f"higher means {row.higher_means} here, {published[name].pop()} in important_changes.csv"
            )
        elif len(trials) >= _SEVERAL and worse > _NEARLY_ALL * len(better):
            message = f"{worse} of {len(better)} groups in {len(trials)} trials would have got worse"
        else:
            continue
        yield Hit("instruments", row.Index, "higher_means", message)


def _changes(base: EvidenceBase) -> dict[str, list[tuple[str, float]]]:
    """Mean improvement of each group after baseline, with its trial, by instrument."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    before = {
        (row.trial_id, row.instrument, row.arm_id): row.mean
        for row in base.arm_results
        if row.timepoint_weeks == 0 and row.statistic == "post"
    }
    for row in base.arm_results:
        start = (
            0.0
            if row.statistic == "change"
            else before.get((row.trial_id, row.instrument, row.arm_id), math.nan)
        )
        change = base.sign(row) * (row.mean - start)
        if row.timepoint_weeks != 0 and row.statistic != "count" and stated(change) and change:
            found[row.instrument].append((row.trial_id, change))
    return found
