"""Interval, standard error and P value of one row against each other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from evidence.appraisal.checks.evidence_base import EvidenceBase, half_unit, rounding_of, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.measures import measure_of

_NORMAL = 1e6  # degrees of freedom that count as infinitely many


def confidence_level(row: Any) -> float:
    """Confidence level as a fraction; 95 % where the row states none, as for the mean of an arm."""
    percent = getattr(row, "ci_level", math.nan)
    return float(percent) / 100 if stated(percent) else 0.95


def _interval(row: Any, centre: float) -> tuple[float, float, float, float] | None:
    """Give centre, bounds and the rounding error of a bound, logs for a ratio; None without a usable interval."""
    values = (centre, row.ci_low, row.ci_high)
    if not stated(*values) or row.ci_low >= row.ci_high or not 0.5 <= confidence_level(row) < 1:
        return None
    rounding = rounding_of(*values, text=row.as_reported)
    if not measure_of(getattr(row, "measure", "")).ratio:
        return centre, row.ci_low, row.ci_high, rounding
    if min(values) <= 0:
        return None
    return math.log(centre), math.log(row.ci_low), math.log(row.ci_high), rounding / row.ci_low


@rule(
    "estimate outside its interval",
    "error",
    why="An interval is built around its estimate; outside it, one of the three numbers is wrong.",
    look_at="A minus sign lost in print, exchanged bounds, an interval of another row.",
)
def outside_interval(base: EvidenceBase) -> Iterator[Hit]:
    """Estimates and means outside their confidence interval, and exchanged bounds."""
    for table, row in base.results():
        column = "mean" if table == "arm_results" else "estimate"
        value = getattr(row, column)
        if row.ci_low > row.ci_high:
            yield Hit(
                table,
                row.Index,
                "ci_low",
                f"the lower bound {row.ci_low:g} is above the upper one, {row.ci_high:g}",
            )
        elif value < row.ci_low or value > row.ci_high:
            yield Hit(
                table,
                row.Index,
                column,
                f"{value:g} lies outside its interval {row.ci_low:g} to {row.ci_high:g}",
            )


@rule(
    "interval not centred",
    "warning",
    why="The interval of a difference is symmetric, that of a ratio on the log scale; a bound that lies "
    "too far out or in gives a wrong standard error.",
    look_at="The sign and digits of both bounds; medians and some models give intervals that are rightly "
    "uneven.",
)
def not_centred(base: EvidenceBase) -> Iterator[Hit]:
    """Intervals whose middle is not the estimate, beyond what rounding explains.

    Ratios are looked at as logs.
    """
    for table, row in base.results():
        centre = row.mean if table == "arm_results" else row.estimate
        found = _interval(row, centre)
        if found is None or not found[1] <= found[0] <= found[2]:
            continue
        middle, low, high, rounding = found
        off = abs(0.5 * (low + high) - middle) - 2 * rounding
        half = 0.5 * (high - low)
        if off > base.limits.asymmetry * half:
            message = (
                f"{centre:g} is {centre - row.ci_low:.3g} from {row.ci_low:g} and "
                f"{row.ci_high - centre:.3g} from {row.ci_high:g}"
            )
            # A P value or an SD tells which of the bounds does not fit.
            yield Hit(table, row.Index, _odd_bound(base, table, row, found), message)


def _odd_bound(base: EvidenceBase, table: str, row: Any, found: tuple[float, float, float, float]) -> str:
    middle, low, high, _ = found
    if table == "arm_results":
        expected = base.spread(row)[0] / math.sqrt(base.n(row)) * 1.96 if stated(row.sd) else row.se * 1.96
    else:
        expected = _half_from_p(base, row, middle)
    if math.isnan(expected):
        return "ci_low" if middle - low > high - middle else "ci_high"
    return "ci_low" if abs(middle - low - expected) > abs(high - middle - expected) else "ci_high"


def _half_from_p(base: EvidenceBase, row: Any, estimate: float) -> float:
    if row.p_operator != "=" or not 0 < row.p_value < 1:
        return math.nan
    return abs(estimate) * 1.96 / -float(ndtri(row.p_value / 2))


def degrees_of_freedom(base: EvidenceBase, row: Any) -> float:
    """Degrees of freedom of a comparison of two arms, infinite for other measures and unknown sizes."""
    n = base.n(row, row.arm_id, row.n_arm) + base.n(row, row.comparator_arm_id, row.n_comparator)
    return n - 2 if row.measure in ("MD", "") and n > 3 else _NORMAL


@rule(
    "interval and P value disagree",
    "warning",
    why="Interval and P value come from one standard error; if they contradict each other, one was "
    "misprinted or misread.",
    look_at="Which of the two fits the arms; some sources test with another model than they estimate with.",
)
def interval_against_p(base: EvidenceBase) -> Iterator[Hit]:
    """P values outside the range that the interval allows with its rounding, the sign of operators included."""
    for row in base.contrast_results:
        found = _interval(row, row.estimate)
        if found is None or not stated(row.p_value) or not found[1] <= found[0] <= found[2]:
            continue
        estimate, low, high, rounding = found
        quantile = t_quantile(confidence_level(row), degrees_of_freedom(base, row))
        half = 0.5 * (high - low)
        ratio = base.limits.error_ratio
        smallest = max(half - rounding, 1e-12) / quantile / ratio
        largest = (half + rounding) / quantile * ratio
        size = abs(estimate)
        p_low = _p(max(size + rounding, 0.0) / smallest, row, base)
        p_high = _p(max(size - rounding, 0.0) / largest, row, base)
        expected = _p(size * quantile / half, row, base)
        room = half_unit(row.p_value, row.as_reported)
        wrong = {
            "=": not p_low - room <= row.p_value <= p_high + room,
            "<": p_low > row.p_value,
            ">": p_high < row.p_value,
        }.get(row.p_operator, False)
        if wrong:
            message = (
                f"P {row.p_operator} {row.p_value:g}, but {row.estimate:g} ({row.ci_low:g} to {row.ci_high:g}) "
                f"gives P = {expected:.2g}"
            )
            yield Hit("contrast_results", row.Index, "p_value", message)


def t_quantile(level: float, df: float) -> float:
    """How many standard errors half an interval is long."""
    return float(stdtrit(df, 0.5 + 0.5 * level)) if df < _NORMAL else float(ndtri(0.5 + 0.5 * level))


def _p(statistic: float, row: Any, base: EvidenceBase) -> float:
    df = degrees_of_freedom(base, row)
    return float(2 * (stdtr(df, -statistic) if df < _NORMAL else ndtr(-statistic)))


@rule(
    "standard error and the rest disagree",
    "warning",
    why="The standard error decides the weight of a trial; interval and P value follow from it and must fit.",
    look_at="Whether the number is an SD, or the error of one arm.",
)
def error_against_rest(base: EvidenceBase) -> Iterator[Hit]:
    """Standard errors of differences that differ from those that the interval or the exact P value gives."""
    for row in base.contrast_results:
        if not row.se > 0 or not stated(row.estimate):
            continue
        found = _interval(row, row.estimate)
        df = degrees_of_freedom(base, row)
        if found is not None:
            expected = 0.5 * (found[2] - found[1]) / t_quantile(confidence_level(row), df)
            rounding = found[3]
        elif (
            row.p_operator == "="
            and 0 < row.p_value < 1
            and row.estimate
            and not measure_of(row.measure).ratio
        ):
            expected = abs(row.estimate) / -float(stdtrit(df, row.p_value / 2))
            rounding = half_unit(row.estimate, row.as_reported)
        else:
            continue
        room = rounding + half_unit(row.se, row.as_reported)
        ratio = base.limits.error_ratio
        if not expected / ratio - room <= row.se <= expected * ratio + room:
            message = f"SE {row.se:g}, but the {'interval' if found else 'P value'} gives {expected:.3g}"
            yield Hit("contrast_results", row.Index, "se", message)


@rule(
    "P value of zero",
    "note",
    why="Programs print 0.000 for a P below 0.0005; taken as exact it has no standard error.",
    look_at="Enter it as a bound: < 0.001.",
)
def p_zero(base: EvidenceBase) -> Iterator[Hit]:
    """P values entered as exactly 0."""
    for row in base.contrast_results:
        if row.p_value == 0:
            yield Hit("contrast_results", row.Index, "p_value", "P = 0 is a rounded bound; enter < 0.001")


@rule(
    "interval and SD of an arm disagree",
    "warning",
    why="The interval of a mean, its standard error, SD and n belong together: a half width is t SD / "
    "sqrt(n).",
    look_at="Whether the SD is a standard error, and the n at that time.",
)
def arm_interval(base: EvidenceBase) -> Iterator[Hit]:
    """Arms whose interval, standard error, SD and n contradict each other by a quarter or more."""
    for row in base.arm_results:
        n = base.n(row)
        errors: dict[str, float] = {}
        if row.sd > 0 and n > 1:
            errors["sd"] = row.sd / math.sqrt(n)
        if row.se > 0:
            errors["se"] = row.se
        if row.ci_high > row.ci_low and n > 1:
            errors["ci_low"] = 0.5 * (row.ci_high - row.ci_low) / t_quantile(0.95, n - 1)
        if len(errors) < 2:
            continue
        column, other = list(errors)[:2]
        ratio = errors[column] / errors[other]
        limit = base.limits.error_ratio
        if not 1 / limit <= ratio <= limit:
            message = (
                f"the standard error is {errors[column]:.3g} from {column} and {errors[other]:.3g} "
                f"from {other}"
            )
            yield Hit("arm_results", row.Index, column, message)
