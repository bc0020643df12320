"""Put a reported contrast on the scale of an analysis: rescaled difference, standardised difference or ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from evidence.effects.reported.arm_values import ArmValues
from evidence.effects.reported.contrasts import Contrast
from evidence.effects.reported.reasons import NO_EVENTS, NO_SIZE, Assumption, Form, Reason, Step, step
from evidence.effects.sizes.continuous import gamma_correction
from evidence.effects.sizes.effect_size import RECIPES, effect_size
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.tables.protocol.protocol import Outcome

__all__ = ["Instrument", "Scaled", "put_on_scale"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the table of instruments says of an instrument."""

    family: str
    higher_means: str
    scale_min: float
    scale_max: float

    def runs_with(self, outcome: Outcome) -> bool:
        """Whether a higher score is the better one for both the instrument and the outcome, or for neither."""
        return (self.higher_means == "better") == (outcome.better == "higher")


@dataclass(frozen=True, slots=True)
class Scaled:
    """An effect on the scale of an analysis, or the reason why there is none.

    Attributes
    ----------
    effect, variance : float
        NaN if there is a reason.
    unit : str
        Unit of the effect.
    steps : tuple of Step
        Derivation from the reported contrast.
    assumptions : tuple of Assumption
        What the step rests on beside reported numbers.
    reason : Reason or None
        Why the contrast cannot be put on the scale.
    turned : bool
        Whether the sign was turned, because instrument and outcome run in opposite directions.
    arm_share : float or None
        Share of the arm in the variance, where it is another one than in the reported contrast.
    """

    effect: float = math.nan
    variance: float = math.nan
    unit: str = ""
    steps: tuple[Step, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    reason: Reason | None = None
    turned: bool = False
    arm_share: float | None = None


def put_on_scale(contrast: Contrast, instrument: Instrument, outcome: Outcome, measure: str) -> Scaled:
    """Turn a reported contrast into the effect of an analysis.

    Parameters
    ----------
    contrast : Contrast
        With an estimate and a standard error.
    instrument : Instrument
        Its instrument.
    outcome : Outcome
        The protocol's rules for the outcome.
    measure : str
        One of `evidence.measures.REVIEW_MEASURES`.
        Measure of the analysis.

    Returns
    -------
    Scaled
        Oriented so that a negative effect favours the intervention, or, for an outcome of which the protocol says
        ``better: higher``, a positive one; what one group has favours nobody and keeps its sign.
    """
    if measure_of(measure).one_group:
        return _one_group(contrast, instrument, outcome, measure)
    # Without any event no ratio is defined, but the difference of the risks is zero.
    if contrast.reason and not (measure == "RD" and contrast.events):
        return Scaled(reason=contrast.reason)
    if measure == "ROM":
        scaled = _ratio_of_means(contrast)
    elif measure_of(measure).counted:
        scaled = _ratio(contrast, measure)
    elif measure == "SMD":
        scaled = _standardised(contrast, outcome.hedges)
    else:
        scaled = _rescaled(contrast, instrument, outcome)
    if scaled.reason or instrument.runs_with(outcome):
        return scaled
    words = step(f"higher scores mean {instrument.higher_means}, so the sign is turned")
    return replace(scaled, effect=-scaled.effect, steps=(*scaled.steps, words), turned=True)


def _rescaled(contrast: Contrast, instrument: Instrument, outcome: Outcome) -> Scaled:
    if contrast.measure != "MD":
        return _other_measure(contrast, "scale points")
    unit = "points"
    if outcome.rescale is None:
        return Scaled(contrast.estimate, contrast.se**2, unit)
    low, high = outcome.rescale
    unit = f"points of {low:g} to {high:g}"
    span = _range(contrast, instrument, outcome)
    if isinstance(span, Reason):
        return Scaled(reason=span)
    factor = (high - low) / (span[1] - span[0])
    if factor == 1:
        return Scaled(contrast.estimate, contrast.se**2, unit)
    effect, se = contrast.estimate * factor, contrast.se * factor
    words = f"on {low:g}-{high:g}: × {factor:g} gives MD {effect:.4g}, SE {se:.4g}"
    return Scaled(effect, se**2, unit, (step(words),))


def _range(contrast: Contrast, instrument: Instrument, outcome: Outcome) -> tuple[float, float] | Reason:
    """Range of the scale of a result that is to be rescaled, or why it cannot be."""
    if outcome.rescalable and instrument.family not in outcome.rescalable:
        low, high = outcome.rescale or (math.nan, math.nan)
        return Reason("not rescalable", f"{contrast.instrument} cannot be put on {low:g} to {high:g}")
    bottom = instrument.scale_min if math.isnan(contrast.scale_min) else contrast.scale_min
    top = instrument.scale_max if math.isnan(contrast.scale_max) else contrast.scale_max
    if math.isnan(bottom + top):
        return Reason("range not stated", "the range of the scale is not stated")
    return bottom, top


def _one_group(contrast: Contrast, instrument: Instrument, outcome: Outcome, measure: str) -> Scaled:
    """Take what one arm reports to a measure of one group."""
    of, group = measure_of(measure), contrast.group
    assert group is not None
    found = {"proportion": _share_of, "rate": _rate_of, "correlation": _correlation_of}.get(of.of)
    given = found(group) if found else _mean_of(group, contrast, instrument, outcome)
    if isinstance(given, Reason):
        return Scaled(reason=given)
    values, said, unit = given
    try:
        effect, variance = _of_group(measure, tuple(values.items()))
    except DataError as error:
        return Scaled(reason=Reason("inconsistent", str(error)))
    empty = 0.0 in (values.get("events"), values.get("n", math.nan) - values.get("events", math.nan))
    added = " (1/2 added to counts, one of which is zero)" if empty and RECIPES[measure].add else ""
    words = step(f"{said}: {of.title} {effect:.4g}, variance {variance:.4g}{added}")
    # The number of people plays no part in a rate, whose time at risk is known, nor beside a standard error.
    sized = of.of != "rate" and not (of.of == "mean" and group.form is Form.SES)
    lent = of.of == "mean" and Assumption.BORROWED_SD in group.sd_assumptions
    assumptions = (
        *(contrast.size_assumptions if sized else ()),
        *((Assumption.BORROWED_SD,) if lent else ()),
    )
    return Scaled(effect, variance, unit, (*group.steps, words) if of.of == "mean" else (words,), assumptions)


_Given = tuple[dict[str, float], str, str] | Reason
"""Arguments of `effect_size`, what they are in words, and the unit; or why there are none."""


def _share_of(group: ArmValues) -> _Given:
    events, n = group.row.events, group.n
    if math.isnan(events):
        return NO_EVENTS
    if math.isnan(n):
        return NO_SIZE
    return {"events": events, "n": n}, f"{events:g} of {n:g}", ""


def _rate_of(group: ArmValues) -> _Given:
    events, time = group.row.events, group.row.person_time
    if math.isnan(events):
        return NO_EVENTS
    if not time > 0:
        return Reason("no person-time", "the time at risk is not stated")
    return {"events": events, "time": time}, f"{events:g} events in {time:g}", ""


def _correlation_of(group: ArmValues) -> _Given:
    r, n = group.row.correlation, group.n
    if math.isnan(r):
        return Reason("no correlation", "no correlation is stated")
    if math.isnan(n):
        return NO_SIZE
    return {"r": r, "n": n}, f"r = {r:g} of {n:g}", ""


def _mean_of(group: ArmValues, contrast: Contrast, instrument: Instrument, outcome: Outcome) -> _Given:
    """Mean of a group, on the range that the outcome is to have."""
    if group.reason:
        return group.reason
    if math.isnan(group.mean):
        return Reason("no mean", "no mean is stated")
    if not group.se > 0:
        return NO_SIZE if group.sd > 0 else Reason("no spread", "no SD, SE, interval or quartiles")
    unit, mean, se = "points", group.mean, group.se
    if outcome.rescale is not None:
        low, high = outcome.rescale
        span = _range(contrast, instrument, outcome)
        if isinstance(span, Reason):
            return span
        factor = (high - low) / (span[1] - span[0])
        # A change has no place on the scale, only a size.
        mean = mean * factor if contrast.statistic == "change" else low + (mean - span[0]) * factor
        unit, se = f"points of {low:g} to {high:g}", se * factor
    # Whatever the number of people: the standard error is that of one mean.
    return {"m": mean, "sd": se, "n": 1.0}, f"mean {mean:.4g}, SE {se:.4g}", unit


@lru_cache(maxsize=4096)
def _of_group(measure: str, values: tuple[tuple[str, float], ...]) -> tuple[float, float]:
    given: Any = dict(values)
    effect, variance = effect_size(measure, **given).iloc[0][["effect", "variance"]]
    return float(effect), float(variance)


def _other_measure(contrast: Contrast, wanted: str) -> Scaled:
    words = f"reported as {contrast.measure}, which cannot be turned into {wanted}"
    return Scaled(reason=Reason("other measure", words))


def _standardised(contrast: Contrast, hedges: str) -> Scaled:
    """Divide by the standard deviation of the scores, with the small-sample correction of Hedges (1981).

    RevMan approximates the correction, and takes the total less 3.94 for twice the total in the variance (Deeks and
    Higgins 2010, Statistical algorithms in Review Manager 5).
    """
    unit = "standard deviations"
    if contrast.measure == "SMD":
        return Scaled(contrast.estimate, contrast.se**2, unit)
    if contrast.measure != "MD":
        return _other_measure(contrast, "an SMD")
    n1, n2, sd = contrast.n_arm, contrast.n_comparator, contrast.sd
    known = n1 + n2 > 2
    steps: list[Step] = []
    assumptions = contrast.size_assumptions if known else ()
    if sd > 0:
        steps.extend(contrast.sd_steps)
        assumptions += contrast.sd_assumptions
    elif known:
        sd = contrast.se / math.sqrt(1 / n1 + 1 / n2)
        steps.append(step(f"SD = {contrast.se:.4g} / √(1/{n1:g} + 1/{n2:g}) = {sd:.4g}"))
        if contrast.adjusted == "yes":
            assumptions += (Assumption.SD_FROM_ADJUSTED,)
    else:
        words = "no SD of the scores, and no arm sizes to derive one from the standard error"
        return Scaled(reason=Reason("no size", words))
    if hedges == "RevMan" and known:
        total = n1 + n2
        effect = (1 - 3 / (4 * total - 9)) * contrast.estimate / sd
        variance = total / (n1 * n2) + effect**2 / (2 * (total - 3.94))
        formula = f"{total:g}/({n1:g} × {n2:g}) + g²/(2 × ({total:g} - 3.94))"
    else:
        correction = _correction(n1 + n2 - 2) if known else 1.0
        effect = correction * contrast.estimate / sd
        of_sd = effect**2 / (2 * (n1 + n2)) if known else 0.0
        if contrast.from_arms and known:
            variance = 1 / n1 + 1 / n2 + of_sd
            formula = f"1/{n1:g} + 1/{n2:g} + g²/(2 × {n1 + n2:g})"
        else:
            variance = (contrast.se / sd) ** 2 + of_sd
            formula = f"({contrast.se:.4g}/{sd:.4g})²" + (f" + g²/(2 × {n1 + n2:g})" if known else "")
    steps.append(step(f"g = {contrast.estimate:.4g} / {sd:.4g}, corrected for small samples = {effect:.4g}"))
    steps.append(step(f"variance = {formula} = {variance:.4g}"))
    return Scaled(effect, variance, unit, tuple(steps), tuple(dict.fromkeys(assumptions)))


def _ratio(contrast: Contrast, measure: str) -> Scaled:
    unit = measure_of(measure).title
    if contrast.measure == measure:
        return Scaled(contrast.estimate, contrast.se**2, unit)
    of_counts = measure_of(measure).of == "events"
    if contrast.events is None or not of_counts:
        without = " without counts" if of_counts else ""
        return _other_measure(contrast, f"{measure}{without}")
    a, n1, c, n2 = contrast.events
    if measure == "OR" and a + c == n1 + n2:
        words = "everybody has the event in both arms: the odds ratio is not defined"
        return Scaled(reason=Reason("no events", words))
    effect, variance = _of_counts(measure, a, n1 - a, c, n2 - c)
    words = step(f"{measure} from the counts: {effect:.4g}")
    return Scaled(effect, variance, unit, (words,), arm_share=_share(measure, a, n1 - a, c, n2 - c))


def _share(measure: str, a: float, b: float, c: float, d: float) -> float | None:
    """Share of the first group in the variance of a log odds ratio or risk difference; others have their own."""
    if measure not in ("OR", "RD"):
        return None
    if 0 in (a, b, c, d):
        a, b, c, d = a + 0.5, b + 0.5, c + 0.5, d + 0.5
    one, other = (
        1 / events + 1 / rest
        if measure == "OR"
        else events / (events + rest) * (rest / (events + rest)) / (events + rest)
        for events, rest in ((a, b), (c, d))
    )
    return one / (one + other)


@lru_cache(maxsize=4096)
def _of_counts(measure: str, a: float, b: float, c: float, d: float) -> tuple[float, float]:
    effect, variance = effect_size(measure, a=a, b=b, c=c, d=d).iloc[0][["effect", "variance"]]
    return float(effect), float(variance)


@lru_cache(maxsize=4096)
def _correction(df: float) -> float:
    return float(gamma_correction(np.array(df)))


def _ratio_of_means(contrast: Contrast) -> Scaled:
    """Log of the ratio of two means with its variance by the delta method (Hedges et al. 1999, Ecology 80(4))."""
    unit = "log ratio of means"
    if contrast.measure == "ROM":
        return Scaled(contrast.estimate, contrast.se**2, unit)
    if contrast.means is None:
        return _other_measure(contrast, "ROM without the two means")
    mean, se, other, other_se = contrast.means
    if not (mean > 0 and other > 0):
        return Scaled(reason=Reason("no mean", "a ratio of means needs two means above 0"))
    effect, variance = math.log(mean / other), (se / mean) ** 2 + (other_se / other) ** 2
    words = f"ratio of means {mean:.4g} / {other:.4g}, log {effect:.4g}, variance {variance:.4g}"
    return Scaled(effect, variance, unit, (step(words),))
