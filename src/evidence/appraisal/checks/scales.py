"""Scores against the range of their scale and against the trial's other scores."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase, median, stated
from evidence.appraisal.checks.registry import Hit, rule

_SCORES = ("mean", "median", "q1", "q3", "ci_low", "ci_high")
_TOLERANCE = 1e-9


@rule(
    "outside the scale",
    "error",
    why="A score that the instrument cannot give is a slip of copying, another unit (mm and cm) or "
    "another version.",
    look_at="The range of the version used in the trial, and the decimal point.",
)
def outside_scale(base: EvidenceBase) -> Iterator[Hit]:
    """Scores outside the range of the instrument: means, medians, quartiles and bounds.

    Also changes and differences larger than the whole scale.
    """
    for row in base.arm_results:
        low, high = base.bounds(row)
        if not stated(low, high) or row.statistic == "count":
            continue
        if row.statistic == "change":
            low, high = low - high, high - low
        for column in _SCORES:
            value = getattr(row, column)
            # An interval from a normal distribution may leave the scale a little where the mean is near its end.
            room = 0.1 * (high - low) if column.startswith("ci") else _TOLERANCE
            if value < low - room or value > high + room:
                yield Hit(
                    "arm_results",
                    row.Index,
                    column,
                    f"{column} {value:g} cannot be on the scale {low:g} to {high:g}",
                )
    for row in base.contrast_results:
        width = base.width(row)
        if row.measure in ("MD", "") and row.statistic != "count" and stated(width):
            for column in ("estimate", "ci_low", "ci_high"):
                value = getattr(row, column)
                if abs(value) > width + _TOLERANCE:
                    message = f"a difference of {value:g} is more than the whole scale ({width:g} points)"
                    yield Hit("contrast_results", row.Index, column, message)


@rule(
    "range differs within the trial",
    "warning",
    why="One instrument has one range in a trial; two ranges mean that some scores are in another unit.",
    look_at="Whether the trial used 0 to 10 or 0 to 100, in all its rows.",
)
def ranges_differ(base: EvidenceBase) -> Iterator[Hit]:
    """Rows whose scale differs from that of most rows of the same instrument in the same trial."""
    groups: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
    for table, row in base.results():
        if stated(row.scale_min, row.scale_max):
            groups[row.trial_id, row.instrument].append((table, row))
    for (trial, instrument), rows in groups.items():
        ranges = [(row.scale_min, row.scale_max) for _, row in rows]
        usual = max(ranges, key=ranges.count)
        for (table, row), (low, high) in zip(rows, ranges, strict=True):
            if (low, high) != usual:
                column = "scale_min" if high == usual[1] else "scale_max"
                message = (
                    f"{instrument} is {low:g} to {high:g} here and {usual[0]:g} to {usual[1]:g} elsewhere "
                    f"in {base.trial_name(trial)}"
                )
                yield Hit(table, row.Index, column, message)


@rule(
    "range unlike the instrument",
    "warning",
    why="A range ten times that of the instrument means that scores and range are in different units.",
    look_at="The version of the instrument in the trial, and instruments.csv.",
)
def range_unlike_instrument(base: EvidenceBase) -> Iterator[Hit]:
    """Rows whose scale is at least twice or at most half as wide as the usual one of the instrument."""
    for table, row in base.results():
        usual = base.instruments.get(row.instrument)
        if usual is None or not stated(row.scale_min, row.scale_max, usual.scale_min, usual.scale_max):
            continue
        ratio = (row.scale_max - row.scale_min) / (usual.scale_max - usual.scale_min)
        if not 0.5 < ratio < 2.0:
            message = (
                f"the scale {row.scale_min:g} to {row.scale_max:g} is {ratio:g} times as wide as the usual one of "
                f"{row.instrument}, {usual.scale_min:g} to {usual.scale_max:g}"
            )
            yield Hit(table, row.Index, "scale_max", message)


@rule(
    "mean unlike the trial's others",
    "warning",
    why="A decimal point moved by one place makes a mean ten times too large or too small; groups of one "
    "trial do not differ so much before treatment, and few lose nine tenths of their pain.",
    look_at="The decimal point, and cm or mm.",
)
def mean_unlike_others(base: EvidenceBase) -> Iterator[Hit]:
    """Means many times larger or smaller than the others of the instrument in the trial.

    They must differ so from the other arms at that time and from the other times of the arm, where there
    are any.
    """
    limit = base.limits.mean_ratio
    for rows in base.scores.values():
        given = [row for row in rows if row.mean > 0]
        for row in given:
            beside = [
                one.mean for one in given if one.timepoint_weeks == row.timepoint_weeks and one is not row
            ]
            later = [one.mean for one in given if one.arm_id == row.arm_id and one is not row]
            ratios = [row.mean / median(others) for others in (beside, later) if others]
            # Both comparisons must agree where both can be made: treatment may lower one arm, recovery all of them.
            if ratios and (min(ratios) > limit or max(ratios) < 1 / limit):
                message = (
                    f"the mean {row.mean:g} is {ratios[0]:.2g} times the other means of "
                    f"{row.instrument} in this trial "
                    f"({', '.join(f'{one.mean:g}' for one in given if one is not row)})"
                )
                yield Hit("arm_results", row.Index, "mean", message)


@rule(
    "mean unlike other trials",
    "warning",
    why="Scores in another unit than their scale (4.5 cm on a scale of 100 mm) shrink every difference "
    "tenfold.",
    look_at="The unit of the scores, and the range entered with them.",
)
def mean_unlike_trials(base: EvidenceBase) -> Iterator[Hit]:
    """Baseline means that are a far smaller share of the scale than in all other trials."""
    shares: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    rows = [
        row
        for row in base.arm_results
        if row.statistic == "post" and row.timepoint_weeks == 0 and stated(row.mean, base.width(row))
    ]
    for row in rows:
        shares[base.family(row)][row.trial_id].append(_share(base, row))
    for row in rows:
        others = [
            median(values) for trial, values in shares[base.family(row)].items() if trial != row.trial_id
        ]
        share = _share(base, row)
        if len(others) >= 4 and share < min(others) / 2 and share < 0.15:
            message = (
                f"the baseline mean {row.mean:g} is {100 * share:.0f} % of the scale; in "
                f"{len(others)} other trials with "
                f"{base.family(row)} it is {100 * min(others):.0f} to {100 * max(others):.0f} %"
            )
            yield Hit("arm_results", row.Index, "mean", message)


def _share(base: EvidenceBase, row: Any) -> float:
    low, high = base.bounds(row)
    return (row.mean - low) / (high - low)


@rule(
    "change does not fit the scores",
    "warning",
    why="Change is follow-up minus baseline; a change that the scores contradict was copied from another "
    "arm or time, or with the wrong sign.",
    look_at="Whether the change is adjusted, and the sign that the source gives to an improvement.",
)
def change_against_scores(base: EvidenceBase) -> Iterator[Hit]:
    """Mean changes that differ from follow-up minus baseline of the same arm by more than half an SD."""
    for row in base.arm_results:
        if row.statistic != "change" or not stated(row.mean, row.timepoint_weeks):
            continue
        scores = [
            one for one in base.scores.get((row.trial_id, row.instrument), []) if one.arm_id == row.arm_id
        ]
        before = [one.mean for one in scores if one.timepoint_weeks == 0 and stated(one.mean)]
        after = [
            one.mean for one in scores if one.timepoint_weeks == row.timepoint_weeks and stated(one.mean)
        ]
        if not before or not after:
            continue
        expected = after[0] - before[0]
        sds = [base.spread(one)[0] for one in [*scores, row] if stated(base.spread(one)[0])]
        room = base.limits.mean_gap * median(sds) if sds else 0.1 * base.width(row)
        if math.isnan(room):
            room = abs(expected) / 2
        if abs(row.mean - expected) > max(room, 0.1):
            message = (
                f"the change is {row.mean:g}, but {after[0]:g} at follow-up minus {before[0]:g} at "
                f"baseline is {expected:.4g}"
            )
            yield Hit("arm_results", row.Index, "mean", message)


@rule(
    "group got worse",
    "warning",
    why="Groups in trials of treatment get better, by treatment or by time; one that got clearly worse is "
    "often a lost minus sign or two exchanged times.",
    look_at="The sign of the change, and which score is the baseline.",
)
def got_worse(base: EvidenceBase) -> Iterator[Hit]:
    """Mean changes for the worse of more than half an SD.

    Also scores that are worse than the baseline of the arm by as much.
    """
    for row in base.arm_results:
        if not stated(row.mean) or row.statistic == "count" or row.timepoint_weeks == 0:
            continue
        change = row.mean
        arm = [one for one in base.scores.get((row.trial_id, row.instrument), []) if one.arm_id == row.arm_id]
        known = [sd for one in (row, *arm) if stated(sd := base.spread(one)[0])]
        sd = known[0] if known else base.typical_sd(row)[0]
        if row.statistic == "post":
            before = [one.mean for one in arm if one.timepoint_weeks == 0 and stated(one.mean)]
            if not before:
                continue
            change -= before[0]
        if base.sign(row) * change < -base.limits.mean_gap * sd:
            message = (
                f"{base.arm_name(row)} got worse by {abs(change):.3g} points of {row.instrument} "
                f"({abs(change) / sd:.1f} SDs)"
            )
            yield Hit("arm_results", row.Index, "mean", message)
