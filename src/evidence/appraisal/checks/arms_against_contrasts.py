"""Reported differences against the arms between which they lie."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from scipy.special import ndtri, stdtr, stdtrit

from evidence.appraisal.checks.evidence_base import EvidenceBase, half_unit, median, rounding_of, stated
from evidence.appraisal.checks.intervals import confidence_level, degrees_of_freedom, t_quantile
from evidence.appraisal.checks.registry import Hit, rule

_MANY = 5
"""Trials from which on their middle SD is a yardstick."""


def _pairs(base: EvidenceBase) -> Iterator[tuple[Any, Any, Any]]:
    """Reported differences with the rows of both arms at the same measurement."""
    for row in base.contrast_results:
        arms = {one.arm_id: one for one in base.side_by_side.get(base.measured(row), [])}
        first, second = arms.get(row.arm_id), arms.get(row.comparator_arm_id)
        if first is not None and second is not None:
            yield row, first, second


def _rounding(row: Any, *arms: Any) -> float:
    return half_unit(row.estimate, row.as_reported) + sum(
        half_unit(one.mean, one.as_reported) for one in arms
    )


@rule(
    "difference unlike the means",
    "warning",
    why="A difference is the mean of the arm minus that of its comparator; a gap shows a slip in one of "
    "three numbers, arms that were exchanged, or another time.",
    look_at="The sign, which arm is which, and whether the difference is adjusted for baseline.",
)
def difference_of_means(base: EvidenceBase) -> Iterator[Hit]:
    """Reported mean differences that are not the difference of the two reported means.

    Where the difference may be adjusted, only those off by half an SD or with the opposite sign.
    """
    for row, first, second in _pairs(base):
        if row.measure not in ("MD", "") or not stated(row.estimate, first.mean, second.mean):
            continue
        expected = first.mean - second.mean
        gap, rounding = abs(row.estimate - expected), _rounding(row, first, second)
        room = rounding
        # Only a difference and means that are all said to be raw must agree to the last digit.
        if {row.adjusted, first.adjusted, second.adjusted} != {"no"}:
            sds = [base.spread(one)[0] for one in (first, second) if stated(base.spread(one)[0])]
            sd = median(sds) if sds else base.typical_sd(first)[0]
            room += base.limits.mean_gap * (sd if stated(sd) else abs(expected))
        turned = row.estimate * expected < 0 and abs(row.estimate + expected) <= rounding + 0.1 * abs(
            expected
        )
        if gap > room or (turned and gap > 2 * rounding):
            message = (
                f"{row.estimate:g} is reported, but {first.mean:g} ({base.arm_name(row)}) minus {second.mean:g} "
                f"({base.comparator_name(row)}) is {expected:.4g}"
            )
            yield Hit("contrast_results", row.Index, "estimate", message)


@rule(
    "P value or interval unlike the arms",
    "warning",
    why="Means, SDs and sizes of two arms give the standard error of their difference; a P value or "
    "interval that implies another belongs to another comparison, or an SD is a standard error.",
    look_at="SDs and n of both arms; adjusted analyses may be more precise, by up to a half.",
)
def precision_of_arms(base: EvidenceBase) -> Iterator[Hit]:
    """Standard errors from interval or P value unlike those that the SDs and sizes of the arms give.

    That is, less than half or more than twice as large.
    """
    for row, first, second in _pairs(base):
        spreads = [
            base.spread(one)[0] / math.sqrt(base.n(one)) if base.n(one) > 1 else math.nan
            for one in (first, second)
        ]
        estimate = row.estimate if stated(row.estimate) else first.mean - second.mean
        if row.measure not in ("MD", "") or not stated(*spreads, estimate):
            continue
        expected = math.hypot(*spreads)
        if row.ci_high > row.ci_low:
            column, error = "ci_low", 0.5 * (row.ci_high - row.ci_low) / float(ndtri(0.975))
        elif row.p_operator == "=" and 0 < row.p_value < 1 and estimate != 0:
            df = degrees_of_freedom(base, row)
            column, error = "p_value", abs(estimate) / -float(stdtrit(df, row.p_value / 2))
        elif row.p_operator == "<" and stated(row.p_value):
            # A bound allows any smaller P: only a P from the arms far above it is a contradiction.
            p = 2 * float(stdtr(degrees_of_freedom(base, row), -2 * abs(estimate) / expected))
            column, error = "p_value", math.nan if p > row.p_value else expected
        else:
            continue
        if math.isnan(error) or not 0.5 <= error / expected <= 2.0:
            source = "interval" if column == "ci_low" else "P value"
            implied = (
                "a much larger P" if math.isnan(error) else f"a standard error of {error:.3g} by the {source}"
            )
            message = (
                f"the SDs and sizes of the arms give a standard error of {expected:.3g}, against {implied}"
            )
            yield Hit("contrast_results", row.Index, column, message)


@rule(
    "interval unlike the SDs of the instrument",
    "warning",
    why="An interval and the sizes of the arms imply an SD; one unlike that of other trials is the mark of a "
    "lost digit or sign, of another level, or of a wrong size.",
    look_at="Both bounds, n of both arms, and the level of the interval.",
)
def implied_sd(base: EvidenceBase) -> Iterator[Hit]:
    """Intervals of mean differences whose implied SD differs from the middle one of other trials.

    The SD is the standard error over sqrt(1/n1 + 1/n2); adjustment makes it smaller, by up to a half.
    """
    for row in base.contrast_results:
        n1 = base.n(row, row.arm_id, row.n_arm)
        n2 = base.n(row, row.comparator_arm_id, row.n_comparator)
        typical, trials = base.typical_sd(row)
        level = confidence_level(row)
        usable = row.measure in ("MD", "") and row.ci_high > row.ci_low and 0.5 <= level < 1 and n1 + n2 > 2
        if trials < _MANY or not usable:
            continue
        half = 0.5 * (row.ci_high - row.ci_low)
        rounding = rounding_of(row.ci_low, row.ci_high, text=row.as_reported)
        errors = t_quantile(level, n1 + n2 - 2) * math.sqrt(1 / n1 + 1 / n2)
        unit = errors * typical
        limit = base.limits.sd_spread
        if (half + rounding) * limit < unit or half - rounding > limit * unit:
            message = (
                f"{row.ci_low:g} to {row.ci_high:g} with {n1:g} and {n2:g} patients implies an SD of "
                f"{half / errors:.3g}; the middle of {trials} other trials is {typical:.3g}"
            )
            yield Hit("contrast_results", row.Index, "ci_low", message)


@rule(
    "ratio or risk difference unlike the counts",
    "warning",
    why="Counts of both arms give the ratio; another printed ratio is adjusted, turned round, or misread.",
    look_at="Which arm is on top, and whether the ratio is adjusted.",
)
def ratio_of_counts(base: EvidenceBase) -> Iterator[Hit]:
    """Reported ratios and risk differences that the events and sizes of the arms do not give."""
    for row, first, second in _pairs(base):
        a, c, n1, n2 = first.events, second.events, base.n(first), base.n(second)
        if (
            row.measure not in ("RR", "OR", "RD")
            or not stated(row.estimate, a, c, n1, n2)
            or not min(a, c) > 0
        ):
            continue
        if a >= n1 or c >= n2:
            continue
        value = {"RR": a / n1 / (c / n2), "OR": a / (n1 - a) / (c / (n2 - c)), "RD": a / n1 - c / n2}[
            row.measure
        ]
        rounding = half_unit(row.estimate, row.as_reported)
        # Where n is taken from randomisation, a few patients may be missing.
        share = 0.03 if stated(first.n, second.n) else 0.1
        room = rounding + (0.02 if row.measure == "RD" else share * value)
        if row.adjusted == "yes":
            room += 0.25 * abs(value)
        if abs(row.estimate - value) > room:
            message = (
                f"{row.measure} {row.estimate:g} is reported, but {a:g} of {n1:g} and {c:g} of {n2:g} "
                f"give {value:.3g}"
            )
            yield Hit("contrast_results", row.Index, "estimate", message)
