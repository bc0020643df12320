"""What one arm of a trial reports about one measurement, turned into a mean, its standard error and an SD."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import stdtrit

from evidence.effects.reported.reasons import ArmId, Assumption, Form, Reason, Step, step
from evidence.effects.sizes.quartiles import from_quartiles

__all__ = ["SMALL_ARM", "ArmSizes", "ArmValues", "arm_values", "score_sd", "signed"]

SMALL_ARM = 60
"""Arms smaller than this get the t distribution behind their intervals (Cochrane Handbook 6.5.2.2)."""

_NORMAL_975 = 1.959963984540054


class ArmSizes:
    """Number of patients of an arm, and what had to be assumed about it.

    Parameters
    ----------
    trials, arms : DataFrame
        Tables of a review.
    """

    def __init__(self, trials: pd.DataFrame, arms: pd.DataFrame) -> None:
        self._known = {
            (trial, arm): float(n)
            for trial, arm, n in zip(arms["trial_id"], arms["arm_id"], arms["n_randomised"], strict=True)
        }
        self._share: dict[str, float] = {}
        totals = dict(zip(trials["trial_id"], trials["n_randomised"], strict=True))
        for trial, group in arms.groupby("trial_id"):
            unknown = group["n_randomised"].isna().sum()
            left = totals[trial] - group["n_randomised"].sum()
            if unknown and (group["kind"] == "randomised").all() and left >= unknown:
                self._share[str(trial)] = left / unknown

    def analysed(self, trial: str, arm: str, reported: float) -> tuple[float, tuple[Assumption, ...]]:
        """Give the size to use for an arm, NaN if unknown, and the assumption behind it (none for a reported one)."""
        if reported > 0:
            return reported, ()
        randomised = self._known[trial, arm]
        if randomised > 0:
            return randomised, (Assumption.RANDOMISED_AS_ANALYSED,)
        if trial in self._share:
            return self._share[trial], (Assumption.EQUAL_ALLOCATION,)
        return math.nan, ()


@dataclass(frozen=True, slots=True)
class ArmValues:
    """One arm at one measurement.

    Attributes
    ----------
    mean, se, sd : float
        NaN where nothing gives them.
    n : float
        Patients, reported or assumed.
    n_assumptions : tuple of Assumption
        What was assumed about n.
    sd_assumptions : tuple of Assumption
        What the SD rests on beside the reported numbers.
    form : Form
        What the standard deviation or error came from.
    steps : tuple of Step
        How, with numbers.
    reason : Reason or None
        Why there is no mean with a standard error although the arm reports more than a mean.
    row : namedtuple
        The row of the table.
    """

    mean: float
    se: float
    sd: float
    n: float
    n_assumptions: tuple[Assumption, ...]
    sd_assumptions: tuple[Assumption, ...]
    form: Form
    steps: tuple[Step, ...]
    reason: Reason | None
    row: Any


def signed(value: float) -> str:
    """Write a number for a subtraction: a negative one stands in parentheses."""
    return f"({value:.4g})" if value < 0 else f"{value:.4g}"


def arm_values(row: Any, sizes: ArmSizes) -> ArmValues:
    """Work out mean, standard error and SD of one row of ``arm_results``.

    Parameters
    ----------
    row : namedtuple
        A row of the table, as ``itertuples`` gives it.
    sizes : ArmSizes
        Sizes of the arms of the review.

    Returns
    -------
    ArmValues
    """
    n, n_assumptions = sizes.analysed(row.trial_id, row.arm_id, row.n)
    mean, sd, se = row.mean, row.sd, row.se
    arm, form = ArmId(row.arm_id), Form.SDS
    steps: list[Step] = []
    reason = None
    if sd > 0:
        se = sd / math.sqrt(n)
        steps.append(step(arm, f": mean {mean:g}, SD {sd:g}, n {n:g}"))
    elif se > 0:
        form = Form.SES
        sd = se * math.sqrt(n)
        steps.append(step(arm, f": mean {mean:g}, SE {se:g}, n {n:g}, so SD = {se:g} × √{n:g} = {sd:.4g}"))
    elif row.ci_high > row.ci_low:
        form = Form.MEANS_CI
        small = n < SMALL_ARM
        quantile = float(stdtrit(n - 1, 0.975)) if small else _NORMAL_975
        se = (row.ci_high - row.ci_low) / (2 * quantile)
        sd = se * math.sqrt(n)
        source = f"t with {n - 1:g} df" if small else "normal"
        words = (
            f": mean {mean:g} (95% CI {row.ci_low:g} to {row.ci_high:g}), "
            f"SE = ({row.ci_high:g} - {signed(row.ci_low)}) / (2 × {quantile:.4g}) = {se:.4g} ({source})"
        )
        steps.append(step(arm, words))
    elif row.q3 > row.q1 and math.isnan(row.median):
        reason = Reason("no mean", "quartiles without a median, from which no mean and SD can be derived")
    elif row.q3 > row.q1 and n >= 5:
        form = Form.QUARTILES
        quartiles = from_quartiles(q1=row.q1, median=row.median, q3=row.q3, n=n)
        if quartiles.skewed:
            words = "the quartiles show a skewed distribution, from which no mean and SD should be derived"
            reason = Reason("skewed", words)
        else:
            mean, sd = float(quartiles.mean), float(quartiles.sd)
            se = sd / math.sqrt(n)
            words = (
                f": median {row.median:g} (quartiles {row.q1:g} to {row.q3:g}), n {n:g}, "
                f"so mean {mean:.4g} (Luo 2018) and SD {sd:.4g} (Wan 2014)"
            )
            steps.append(step(arm, words))
    derived = () if row.sd > 0 else n_assumptions
    if row.adjusted == "yes" and form in (Form.SES, Form.MEANS_CI):
        derived += (Assumption.SD_FROM_ADJUSTED_MEAN,)
    return ArmValues(mean, se, sd, n, n_assumptions, derived, form, tuple(steps), reason, row)


def score_sd(pair: list[ArmValues]) -> tuple[float, tuple[Step, ...], tuple[Assumption, ...]]:
    """Give the standard deviation of scores from the arms that report one, pooled over both where possible.

    Parameters
    ----------
    pair : list of ArmValues
        At most two arms at one measurement.

    Returns
    -------
    sd : float
        NaN if neither arm gives one.
    steps : tuple of Step
        Where it comes from.
    assumptions : tuple of Assumption
        What it rests on beside the reported numbers.
    """
    spread = [values for values in pair if values.sd > 0]
    if not spread:
        return math.nan, (), ()
    assumptions = tuple(dict.fromkeys(each for values in spread for each in values.sd_assumptions))
    first, second = spread[0], spread[-1]
    if len(spread) == 1:
        where = step("SD of the arm ", ArmId(first.row.arm_id), f" = {first.sd:.4g}")
        return first.sd, (where,), assumptions
    # Arms of unknown size count alike.
    known = first.n > 1 and second.n > 1
    w1, w2 = (first.n - 1, second.n - 1) if known else (1.0, 1.0)
    pooled = math.sqrt((w1 * first.sd**2 + w2 * second.sd**2) / (w1 + w2))
    where = step(f"SD pooled over the arms ({first.sd:.4g} and {second.sd:.4g}) = {pooled:.4g}")
    return pooled, (where,), assumptions
