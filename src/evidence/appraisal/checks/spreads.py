"""Standard deviations: impossible, unlike the others, or a standard error in their place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase, decimals, half_unit, median, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import column_words

_ALIKE = 1.5
_MANY = 5
"""Trials from which on their middle SD is a yardstick."""


@rule(
    "SD too large for the scale",
    "error",
    why="On a scale with two ends the SD has a largest value, reached when everybody scores at one end or "
    "the other.",
    look_at="Whether the number is a standard error, an interval or a percentage, and the decimal point.",
)
def sd_impossible(base: EvidenceBase) -> Iterator[Hit]:
    """SDs above the largest one that the mean, n and the ends of the scale allow.

    The largest is sqrt((mean - low)(high - mean) n / (n - 1)).
    """
    for row in base.arm_results:
        low, high = base.bounds(row)
        sd, column = base.spread(row)
        if not stated(low, high, sd) or row.statistic == "count" or row.adjusted == "yes":
            continue
        if row.statistic == "change":
            low, high = low - high, high - low
        n = base.n(row)
        # Without a mean or n the largest value of all is taken.
        n = n if n > 1 else 2.0
        mean = row.mean if stated(row.mean) and low <= row.mean <= high else 0.5 * (low + high)
        rounding = half_unit(mean, row.as_reported)
        toward = min(max(0.5 * (low + high), mean - rounding), mean + rounding)
        largest = math.sqrt(max((toward - low) * (high - toward), 0.0) * n / (n - 1))
        if sd - half_unit(getattr(row, column), row.as_reported) > largest:
            message = (
                f"SD {sd:.4g} with mean {row.mean:g} is more than {largest:.4g}, the largest possible "
                f"from {low:g} to {high:g}"
            )
            yield Hit("arm_results", row.Index, column, message)


@rule(
    "SD of zero",
    "error",
    why="A group of patients that all have one score does not exist; the trial would get infinite weight.",
    look_at="Whether the SD was rounded or not read.",
)
def sd_zero(base: EvidenceBase) -> Iterator[Hit]:
    """SDs and standard errors of 0."""
    for row in base.arm_results:
        for column in ("sd", "se"):
            if getattr(row, column) == 0:
                yield Hit(
                    "arm_results",
                    row.Index,
                    column,
                    f"{column_words(column)} is 0, so all patients would have the same score",
                )


@rule(
    "standard error as SD",
    "warning",
    why="A standard error taken for an SD makes the effect sqrt(n) times too large and gives the trial "
    "far too much weight; it is the most frequent serious error of meta-analyses (Kadlec, Sainani & "
    "Nimphius 2023, Sports Med 53(2), 313-325).",
    look_at="The head of the table in the source: SD, SE, SEM, or plus-minus without a word.",
)
def se_as_sd(base: EvidenceBase) -> Iterator[Hit]:
    """SDs several times smaller than the others, and like them if multiplied by the square root of n."""
    for row in base.arm_results:
        if not row.sd > 0 or (reference := _reference(base, row)) is None:
            continue
        usual, limit, source = reference
        n = base.n(row)
        if not n > 1 or row.sd * limit >= usual:
            continue
        as_sd = row.sd * math.sqrt(n)
        if usual / 2 < as_sd < 2 * usual:
            message = (
                f"SD {row.sd:g} is small beside {usual:.3g} ({source}), but {row.sd:g} x sqrt({n:g}) = "
                f"{as_sd:.3g} is like it"
            )
            yield Hit("arm_results", row.Index, "sd", message)


@rule(
    "SD unlike the others",
    "warning",
    why="The SD turns points into a standardised effect: one that is three times too large or small moves "
    "it as much.",
    look_at="The decimal point, the unit, and whether the number is an SD at all.",
)
def sd_unlike_others(base: EvidenceBase) -> Iterator[Hit]:
    """SDs far from the others of the instrument in the trial, or in other trials.

    A standard error counts as an SD after multiplication with the square root of n.
    """
    for row in base.arm_results:
        sd, column = base.spread(row)
        if not sd > 0 or (reference := _reference(base, row)) is None:
            continue
        usual, limit, source = reference
        if column == "sd" and _small_as_an_error(sd, base.n(row), usual, limit):
            continue
        # A small number printed with one digit is known only to within its rounding.
        rounding = half_unit(getattr(row, column), row.as_reported) * sd / getattr(row, column)
        ratio = (sd - rounding) / usual if sd > usual else (sd + rounding) / usual
        if not 1 / limit <= ratio <= limit:
            word = "SD" if column == "sd" else f"SE {row.se:g}, so SD"
            yield Hit(
                "arm_results",
                row.Index,
                column,
                f"{word} {sd:.3g} is {sd / usual:.2g} times {usual:.3g} ({source})",
            )


def _small_as_an_error(sd: float, n: float, usual: float, limit: float) -> bool:
    """Tell whether an SD is too small and would be usual if it were a standard error."""
    return sd * limit < usual and 0.5 * usual < sd * math.sqrt(n) < 2.0 * usual


def _reference(base: EvidenceBase, row: Any) -> tuple[float, float, str] | None:
    """Give the SD to compare with, how far from it is too far, and where it comes from: the trial, or others."""
    own = [
        sd
        for one in base.arm_results
        if one is not row
        and (one.trial_id, one.instrument, one.statistic) == (row.trial_id, row.instrument, row.statistic)
        and (sd := base.spread(one)[0]) > 0
    ]
    sd = base.spread(row)[0]
    typical, trials = base.typical_sd(row)
    if trials >= _MANY and stated(typical):
        # An error that a trial repeats in all its rows shows only beside other trials.
        limit = base.limits.sd_spread
        if not 1 / limit <= sd / typical <= limit:
            return typical, limit, f"the middle of {trials} other trials"
        if own and not 1 / limit <= median(own) / typical <= limit:
            return None
        if len(own) == 1 and abs(math.log(sd / typical)) < abs(math.log(own[0] / typical)):
            return None
    if not own or _scales_with_the_mean(base, row):
        return None
    return median(own), base.limits.sd_ratio, "the others of the trial"


def _scales_with_the_mean(base: EvidenceBase, row: Any) -> bool:
    """Tell whether SD over mean is as in the trial's other scores: near the end of a scale both shrink together."""
    others = [
        base.spread(one)[0] / one.mean
        for one in base.scores.get((row.trial_id, row.instrument), [])
        if one is not row and one.mean > 0 and stated(base.spread(one)[0])
    ]
    if row.statistic != "post" or not row.mean > 0 or not others:
        return False
    ratio = base.spread(row)[0] / row.mean / median(others)
    return 1 / _ALIKE < ratio < _ALIKE


@rule(
    "mean and SD do not fit whole scores (GRIM)",
    "warning",
    why="The mean of whole numbers is a fraction with n below the line; a mean that no such fraction "
    "rounds to was not computed from n whole scores.",
    look_at="n at that time, missing answers, and how the source rounds.",
)
def grim(base: EvidenceBase) -> Iterator[Hit]:
    """Means that no sum of n scores gives (Brown & Heathers 2017).

    Only for instruments whose step between scores the protocol states.
    """
    for row, step, n in _whole_scores(base):
        places = decimals(row.mean, row.as_reported)
        if not possible_mean(row.mean, n, places, step):
            message = f"no {n:g} scores in steps of {step:g} have the mean {row.mean:.{places}f}"
            yield Hit("arm_results", row.Index, "mean", message)


@rule(
    "SD does not fit whole scores (GRIMMER)",
    "warning",
    why="The squares of whole numbers add up to a whole number, so only some SDs go with a mean and an n.",
    look_at="n at that time, missing answers, and how the source rounds.",
)
def grimmer(base: EvidenceBase) -> Iterator[Hit]:
    """SDs that no n scores with that mean give (Anaya 2016).

    Only for instruments whose step between scores the protocol states.
    """
    for row, step, n in _whole_scores(base):
        if not row.sd > 0:
            continue
        places, mean_places = decimals(row.sd, row.as_reported), decimals(row.mean, row.as_reported)
        possible = possible_mean(row.mean, n, mean_places, step)
        if possible and not possible_sd(row.mean, row.sd, n, mean_places, places, step):
            message = (
                f"no {n:g} scores in steps of {step:g} have the mean {row.mean:.{mean_places}f} and "
                f"the SD {row.sd:.{places}f}"
            )
            yield Hit("arm_results", row.Index, "sd", message)


def _whole_scores(base: EvidenceBase) -> Iterator[tuple[Any, float, float]]:
    for row in base.arm_results:
        step = base.limits.granularity.get(row.instrument)
        if step and stated(row.mean, row.n) and row.statistic != "count" and row.adjusted == "no":
            yield row, step, row.n


def possible_mean(mean: float, n: float, places: int, step: float = 1.0) -> bool:
    """Tell whether n scores in steps can have a mean that is printed so.

    Parameters
    ----------
    mean : float
        As printed.
    n : float
        Number of scores.
    places : int
        Decimals printed.
    step : float
        Difference between two neighbouring scores; scores are multiples of it.

    Returns
    -------
    bool

    References
    ----------
    Brown NJL, Heathers JAJ (2017). Soc Psychol Personal Sci 8(4), 363-369.
    """
    return bool(_totals(mean, n, places, step))


def possible_sd(mean: float, sd: float, n: float, mean_places: int, places: int, step: float = 1.0) -> bool:
    """Tell whether n scores in steps can have a mean and an SD that are printed so.

    Parameters
    ----------
    mean, sd : float
        As printed; the SD has n - 1 below the line.
    n : float
        Number of scores.
    mean_places, places : int
        Decimals printed of the mean and of the SD.
    step : float
        Difference between two neighbouring scores.

    Returns
    -------
    bool

    References
    ----------
    Anaya J (2016). PeerJ Preprints 4:e2400v1. The sum of squares must be whole and even or odd as the sum is.
    """
    half = 0.5 * 10.0**-places * (1 + 1e-9)
    for total in _totals(mean, n, mean_places, step):
        low, high = (
            (n - 1) * (max(bound, 0.0) / step) ** 2 + total * total / n for bound in (sd - half, sd + half)
        )
        first = math.ceil(low - 1e-7 * max(low, 1.0))
        # A square is even or odd as its root is, and so is a sum of squares.
        first += (first - total) % 2
        if first <= high + 1e-7 * max(high, 1.0):
            return True
    return False


def _totals(mean: float, n: float, places: int, step: float) -> range:
    """Sums of n scores, in steps, whose mean rounds to the printed one."""
    half = 0.5 * 10.0**-places * (1 + 1e-9)
    room = 1e-9 * max(abs(mean) * n / step, 1.0)
    return range(math.ceil((mean - half) * n / step - room), math.floor((mean + half) * n / step + room) + 1)
