"""Numbers of patients and of events."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import (
    EvidenceBase,
    median,
    printed_numbers,
    spelled_out,
    stated,
)
from evidence.appraisal.checks.registry import Hit, rule

_FEW = 0.02
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_COUNT_PERCENT = re.compile(r"\b(\d+)\s*\((\d+(?:\.\d+)?)\s*%\)")


def _sizes(base: EvidenceBase) -> Iterator[tuple[str, Any, str, str, float]]:
    """Every size of an arm given with a result: table, row, column, arm, size."""
    for row in base.arm_results:
        yield "arm_results", row, "n", row.arm_id, row.n
    for row in base.contrast_results:
        yield "contrast_results", row, "n_arm", row.arm_id, row.n_arm
        yield "contrast_results", row, "n_comparator", row.comparator_arm_id, row.n_comparator


@rule(
    "more events than patients",
    "error",
    why="Nobody is counted twice among those who had an event at least once.",
    look_at="Whether events were counted instead of patients, and whether n is that of the arm.",
)
def too_many_events(base: EvidenceBase) -> Iterator[Hit]:
    """Counts of patients with an event above the size of the arm, as reported or as randomised."""
    for row in base.arm_results:
        n = base.n(row)
        if row.events > n and not stated(row.person_time):  # over time one may have several
            yield Hit("arm_results", row.Index, "events", f"{row.events:g} events among {n:g} patients")


@rule(
    "count and percentage disagree",
    "warning",
    why="Count, percentage and size are three views of two numbers; if they disagree one of them is wrong.",
    look_at="Which patients are below the line: those randomised or those seen.",
)
def percentages(base: EvidenceBase) -> Iterator[Hit]:
    """Events whose share of n is not the percentage printed beside the count, or that are that percentage."""
    for row in base.arm_results:
        share = 100 * row.events / base.n(row)  # NaN where a size is unknown
        for count, percent in _COUNT_PERCENT.findall(row.as_reported):
            if float(count) == row.events and abs(100 * row.events / row.n - float(percent)) > 1.0:
                message = f"{row.events:g} of {row.n:g} is {share:.0f} %, but {percent} % is printed"
                yield Hit("arm_results", row.Index, "n", message)
        counts = {number for number, _ in printed_numbers(_PERCENT.sub("", row.as_reported))}
        counts |= spelled_out(row.as_reported)
        percents = {float(percent) for percent in _PERCENT.findall(row.as_reported)}
        if counts and row.events in percents - counts and abs(share - row.events) > 1.0:
            message = f"{row.events:g} is a percentage in the source, quoted with: {row.as_reported}"
            yield Hit("arm_results", row.Index, "events", message)


@rule(
    "more analysed than randomised",
    "error",
    why="A result cannot rest on more patients than were allocated; often n was read from another arm or "
    "is the total.",
    look_at="The flow chart: numbers allocated and numbers analysed in that arm.",
)
def more_than_randomised(base: EvidenceBase) -> Iterator[Hit]:
    """Results whose n is above the number randomised to the arm.

    To the whole trial, where the number of the arm is not known.
    """
    for table, row, column, arm, n in _sizes(base):
        randomised = base.arms[row.trial_id, arm].n_randomised
        whose = f"arm {arm}"
        if math.isnan(randomised):
            randomised, whose = base.trials[row.trial_id].n_randomised, f"trial {row.trial_id}"
        if n > randomised:
            message = f"{n:g} patients analysed, but {randomised:g} were randomised (the {whose})"
            yield Hit(table, row.Index, column, message)


@rule(
    "many patients missing",
    "warning",
    why="Either a digit of n was lost or so many patients were that the result says little about those "
    "randomised.",
    look_at="The n of that measurement, and the reasons for dropping out.",
)
def many_missing(base: EvidenceBase) -> Iterator[Hit]:
    """Results with fewer than half of the patients randomised to the arm.

    Where their number is not known, of an equal share of the trial.
    """
    for table, row, column, arm, n in _sizes(base):
        if not stated(n):
            continue
        # Subgroups and the cells of a factorial trial are small by design.
        if base.arms[row.trial_id, arm].kind != "randomised" or "subgroup" in row.instrument:
            continue
        randomised, _ = base.sizes.analysed(row.trial_id, arm, math.nan)
        if n < base.limits.lost * randomised:
            message = f"{n:g} patients analysed of {randomised:g} randomised to {base.arm_name(row, arm)}"
            yield Hit(table, row.Index, column, message)


@rule(
    "sizes differ at one time",
    "warning",
    why="The patients of an arm at one visit are the same for all instruments, but for a few missing "
    "answers.",
    look_at="A digit lost or exchanged in n.",
)
def sizes_differ(base: EvidenceBase) -> Iterator[Hit]:
    """Sizes that differ by more than a quarter from the other sizes of the arm at the same time."""
    groups: dict[tuple[Any, ...], list[tuple[str, Any, str, float]]] = defaultdict(list)
    for table, row, column, arm, n in _sizes(base):
        # Results of which no time is stated need not be of one time.
        if stated(n, row.timepoint_weeks) and "subgroup" not in row.instrument:
            groups[row.trial_id, arm, row.timepoint_weeks].append((table, row, column, n))
    for group in groups.values():
        for place, (table, row, column, n) in enumerate(group):
            others = [size for other, (*_, size) in enumerate(group) if other != place]
            if others and not 0.75 <= n / median(others) <= 1 / 0.75:
                message = f"n is {n:g}, but {median(others):g} in the other results of the arm at that time"
                yield Hit(table, row.Index, column, message)


@rule(
    "arms do not add up",
    "error",
    why="Every randomised patient is in one arm; a wrong sum means that an arm is missing or a number is "
    "wrong.",
    look_at="The flow chart, patients who left before treatment, arms that were not entered.",
)
def arms_add_up(base: EvidenceBase) -> Iterator[Hit]:
    """Trials whose arms do not add up to the number randomised, or whose known arms already exceed it.

    In a crossover each arm may hold everybody. Where the gap is more than a few patients, arms that would be more
    like the others without it are named too.
    """
    for trial, row in base.trials.items():
        arms = [arm for (owner, _), arm in base.arms.items() if owner == trial and arm.kind == "randomised"]
        known = [arm.n_randomised for arm in arms if stated(arm.n_randomised)]
        if not stated(row.n_randomised) or not known:
            continue
        if row.design == "crossover" and set(known) == {row.n_randomised}:
            continue  # Everybody is in every arm.
        total = sum(known)
        complete = len(known) == len(arms) and len(arms) > 1 and row.design != "factorial"
        if total > row.n_randomised or (complete and total != row.n_randomised):
            text = " + ".join(f"{n:g}" for n in known)
            message = f"{row.n_randomised:g} randomised, but the arms have {text} = {total:g}"
            yield Hit("trials", row.Index, "n_randomised", message)
            # A larger gap is more often a slip in one arm than a patient who left.
            if abs(total - row.n_randomised) > _FEW * row.n_randomised:
                yield from _arms_to_blame(arms, total - row.n_randomised)


def _arms_to_blame(arms: list[Any], gap: float) -> Iterator[Hit]:
    """Arms that would be more like the trial's other arms if they made up for the gap."""
    for arm in arms:
        expected = arm.n_randomised - gap
        others = median(one.n_randomised for one in arms if one is not arm and stated(one.n_randomised))
        if expected > 0 and abs(expected - others) < abs(arm.n_randomised - others):
            message = f"{arm.n_randomised:g}, but {expected:g} would make the arms add up"
            yield Hit("arms", arm.Index, "n_randomised", message)


@rule(
    "size of a difference unlike the arms",
    "warning",
    why="A difference rests on the patients of its two arms; other sizes belong to another time or arm.",
    look_at="n of both arms at that time.",
)
def difference_sizes(base: EvidenceBase) -> Iterator[Hit]:
    """Sizes given with a difference that are not those given with the two arms at the same measurement."""
    for row in base.contrast_results:
        sizes = {one.arm_id: one.n for one in base.side_by_side.get(base.measured(row), [])}
        for column, arm in (("n_arm", row.arm_id), ("n_comparator", row.comparator_arm_id)):
            n, other = getattr(row, column), sizes.get(arm, math.nan)
            if stated(n, other) and n != other:
                message = (
                    f"{n:g} patients in {base.arm_name(row, arm)}, but {other:g} in the result of that arm"
                )
                yield Hit("contrast_results", row.Index, column, message)
