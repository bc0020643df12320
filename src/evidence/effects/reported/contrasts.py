"""Every comparison of two arms that a trial reports, with its estimate and standard error where recoverable.

A contrast is kept in the units in which it was reported (score points, log ratios). Putting it on the scale of an
analysis is the subject of `evidence.effects.choosing.rescale`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Any

from evidence.effects.reported.arm_values import SMALL_ARM, ArmSizes, ArmValues, arm_values, score_sd, signed
from evidence.effects.reported.imputed import borrow_sd
from evidence.effects.reported.reasons import (
    NO_EVENT_AT_ALL,
    NO_EVENTS,
    NO_SIZE,
    ArmId,
    Assumption,
    Form,
    Reason,
    Step,
    step,
)
from evidence.effects.sizes.effect_size import effect_size
from evidence.effects.sizes.recover import recover
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.tables.review import Review
from evidence.tables.schema import doubt

__all__ = ["Contrast", "reported_contrasts", "reported_groups"]

_NAN = math.nan


@dataclass(frozen=True, slots=True)
class Contrast:
    """One reported comparison of two arms of a trial, or the result of one arm.

    Attributes
    ----------
    trial_id, arm_id, comparator_arm_id : str
        The comparator is empty where there is one arm.
    outcome, instrument, statistic, adjusted : str
        As in the tables.
    scale_min, scale_max, weeks : float
        Range of the instrument and time from randomisation; NaN where not stated.
    measure : str
        MD, SMD, ROM, RR, OR, RD, HR or IRR.
    estimate, se : float
        In reported units, ratios as logs; NaN where not recoverable.
    df : float
        Degrees of freedom of the interval or P value from which the standard error was taken; infinite for normal.
    interval : tuple of float or None
        Lower and upper limit as printed, in the units of the estimate, and their level.
    arm_share : float
        Part of the variance that comes from the arm rather than the comparator, between 0 and 1.
    n_arm, n_comparator : float
        Patients, reported or assumed.
    size_assumptions : tuple of Assumption
        What was assumed about them.
    sd : float
        Standard deviation of the scores in an arm; NaN where the trial does not give it.
    sd_steps : tuple of Step
        Where `sd` comes from.
    sd_assumptions : tuple of Assumption
        What `sd` rests on beside the reported numbers.
    from_arms : bool
        Whether the estimate is the difference of two reported arms.
    events : tuple of float or None
        Events and patients of the arm, then of the comparator.
    means : tuple of float or None
        Mean and its standard error of the arm, then of the comparator.
    group : ArmValues or None
        The numbers of the one arm.
    forms : tuple of Form
        What the number was recovered from; two where the arms differ.
    assumptions : tuple of Assumption
        What the estimate and its standard error rest on beside the reported numbers.
    steps : tuple of Step
        The derivation.
    doubt : str
        Why the printed value is doubtful; "" if it is not.
    reason : Reason or None
        Why there is no estimate with a standard error.
    direction : {"arm", "comparator", "neither", ""}
        Which arm the printed words favour; "" where they do not say.
    p : str
        The printed P value with its sign, such as "<0.05" or "=0.03"; "" where there is none above 0.
    result_ids : tuple of str
        Rows that it rests on.
    as_reported, source_kind, source_url, locator : str
        Where it was read.
    """

    trial_id: str
    arm_id: str
    comparator_arm_id: str
    outcome: str
    instrument: str
    statistic: str
    adjusted: str
    scale_min: float
    scale_max: float
    weeks: float
    measure: str
    estimate: float = _NAN
    se: float = _NAN
    df: float = math.inf
    interval: tuple[float, float, float] | None = None
    arm_share: float = 0.5
    n_arm: float = _NAN
    n_comparator: float = _NAN
    size_assumptions: tuple[Assumption, ...] = ()
    sd: float = _NAN
    sd_steps: tuple[Step, ...] = ()
    sd_assumptions: tuple[Assumption, ...] = ()
    from_arms: bool = False
    events: tuple[float, float, float, float] | None = None
    means: tuple[float, float, float, float] | None = None
    group: ArmValues | None = None
    forms: tuple[Form, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    steps: tuple[Step, ...] = ()
    doubt: str = ""
    reason: Reason | None = None
    direction: str = ""
    p: str = ""
    result_ids: tuple[str, ...] = ()
    as_reported: str = ""
    source_kind: str = ""
    source_url: str = ""
    locator: str = ""

    @property
    def n(self) -> float:
        """Patients of both arms, or of the one; NaN where one number is not known."""
        return self.n_arm if self.group is not None else self.n_arm + self.n_comparator

    def reversed(self) -> Contrast:
        """Give the same comparison with the arms exchanged."""
        return replace(
            self,
            arm_id=self.comparator_arm_id,
            comparator_arm_id=self.arm_id,
            estimate=-self.estimate,
            interval=self.interval and (-self.interval[1], -self.interval[0], self.interval[2]),
            arm_share=1 - self.arm_share,
            n_arm=self.n_comparator,
            n_comparator=self.n_arm,
            events=self.events and (*self.events[2:], *self.events[:2]),
            means=self.means and (*self.means[2:], *self.means[:2]),
            direction={"arm": "comparator", "comparator": "arm"}.get(self.direction, self.direction),
            steps=(*self.steps, step("Arms exchanged, so the sign is turned")) if self.steps else (),
        )


@lru_cache(maxsize=8)
def reported_contrasts(review: Review, impute: tuple[str, ...] = ()) -> tuple[Contrast, ...]:
    """Find and recover every contrast that the tables of a review hold; baseline values are left out.

    Parameters
    ----------
    review : Review
        The review; its tables must not be changed in place afterwards.
    impute : tuple of str
        Ways of `evidence.effects.reported.imputed.IMPUTATIONS` to fill what a source does not report.

    Returns
    -------
    tuple of Contrast
        Reported differences first, then differences of reported arms.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> contrasts = ev.reported_contrasts(review)
    >>> type(contrasts[0]).__name__
    'Contrast'
    """
    sizes = ArmSizes(review.trials, review.arms)
    arms: dict[tuple[Any, ...], list[ArmValues]] = defaultdict(list)
    for row in review.arm_results.itertuples():
        if row.timepoint_weeks != 0:
            arms[_measurement(row)].append(arm_values(row, sizes))
    bounds = "P bound" in impute
    contrasts = [_from_contrast_row(row, arms, sizes, bounds) for row in review.contrast_results.itertuples()]
    lent = borrow_sd(arms, review.instruments) if "borrowed SD" in impute else arms
    for reported in lent.values():
        for first, second in combinations(reported, 2):
            if first.row.arm_id != second.row.arm_id:
                contrasts.append(_from_arms(first, second))
    return tuple(contrasts)


@lru_cache(maxsize=8)
def reported_groups(review: Review, impute: tuple[str, ...] = ()) -> tuple[Contrast, ...]:
    """Give every result of one arm by itself, for measures of one group; those at baseline too.

    Parameters
    ----------
    review, impute
        As for `reported_contrasts`.

    Returns
    -------
    tuple of Contrast
        Without a comparator; ``group`` has the numbers.
    """
    sizes = ArmSizes(review.trials, review.arms)
    arms: dict[tuple[Any, ...], list[ArmValues]] = defaultdict(list)
    for row in review.arm_results.itertuples():
        arms[_measurement(row)].append(arm_values(row, sizes))
    lent = borrow_sd(arms, review.instruments) if "borrowed SD" in impute else arms
    return tuple(
        Contrast(
            **_described(values.row, ""),
            arm_id=values.row.arm_id,
            comparator_arm_id="",
            arm_share=1.0,
            n_arm=values.n,
            size_assumptions=values.n_assumptions,
            from_arms=True,
            events=(values.row.events, values.n, _NAN, _NAN),
            group=values,
            forms=(Form.COUNTS if values.row.statistic == "count" else values.form,),
            doubt=_doubt(values.row),
            result_ids=(values.row.result_id,),
            as_reported=values.row.as_reported,
        )
        for reported in lent.values()
        for values in reported
    )


def _distinct(*assumptions: Assumption) -> tuple[Assumption, ...]:
    return tuple(sorted(set(assumptions)))


def _measurement(row: Any) -> tuple[Any, ...]:
    """Tell which measurement a row belongs to; an unstated number equals another unstated one."""
    numbers = (row.scale_min, row.scale_max, row.timepoint_weeks)
    stated = tuple(None if math.isnan(value) else value for value in numbers)
    return (row.trial_id, row.outcome, row.instrument, row.statistic, *stated)


def _described(row: Any, measure: str) -> dict[str, Any]:
    return {
        "trial_id": row.trial_id,
        "outcome": row.outcome,
        "instrument": row.instrument,
        "statistic": row.statistic,
        "adjusted": row.adjusted,
        "scale_min": row.scale_min,
        "scale_max": row.scale_max,
        "weeks": row.timepoint_weeks,
        "measure": measure,
        "source_kind": row.source_kind,
        "source_url": row.source_url,
        "locator": row.locator,
    }


def _doubt(*rows: Any) -> str:
    return "; ".join(filter(None, dict.fromkeys(doubt(row.note) for row in rows)))


def _from_contrast_row(
    row: Any, arms: dict[tuple[Any, ...], list[ArmValues]], sizes: ArmSizes, bounds: bool
) -> Contrast:
    """Recover a reported difference; two arm means stand in for a difference that only has a P value."""
    same = {values.row.arm_id: values for values in arms.get(_measurement(row), ())}
    # What the row does not say of its groups, rows of the groups may, of the same measurement.
    counted = {name: values.row.n for name, values in same.items() if values.row.n > 0}
    (n_arm, arm_assumptions), (n_comparator, comparator_assumptions) = (
        sizes.analysed(row.trial_id, arm, n if n > 0 else counted.get(arm, _NAN))
        for arm, n in ((row.arm_id, row.n_arm), (row.comparator_arm_id, row.n_comparator))
    )
    pair = [same[arm] for arm in (row.arm_id, row.comparator_arm_id) if arm in same]
    sd, sd_steps, sd_assumptions = score_sd(pair)
    contrast = Contrast(
        **_described(row, row.measure or ("RR" if row.statistic == "count" else "MD")),
        arm_id=row.arm_id,
        comparator_arm_id=row.comparator_arm_id,
        n_arm=n_arm,
        n_comparator=n_comparator,
        size_assumptions=_distinct(*arm_assumptions, *comparator_assumptions),
        arm_share=n_comparator / (n_arm + n_comparator) if n_arm + n_comparator > 0 else 0.5,
        sd=sd,
        sd_steps=sd_steps,
        sd_assumptions=sd_assumptions,
        doubt=_doubt(row),
        direction=row.direction,
        p=f"{row.p_operator}{row.p_value:.15g}" if 0 < row.p_value <= 1 else "",
        result_ids=(row.result_id,),
        as_reported=row.as_reported,
    )
    estimate, opening = row.estimate, None
    if math.isnan(estimate) and len(pair) == 2 and not math.isnan(pair[0].mean + pair[1].mean):
        estimate = pair[0].mean - pair[1].mean
        opening = step(f"MD = {pair[0].mean:.4g} - {signed(pair[1].mean)} = {estimate:.4g}")
        rows = [values.row for values in pair]
        contrast = replace(
            contrast,
            doubt=_doubt(row, *rows),
            result_ids=(row.result_id, *(arm.result_id for arm in rows)),
        )
    if opening is None and _sizes_tell(contrast, row):
        return _from_sizes(contrast, row)
    reason = _why_not(row, estimate, bounds)
    if reason:
        return replace(
            contrast, estimate=_NAN if measure_of(contrast.measure).ratio else estimate, reason=reason
        )
    return _recovered(contrast, row, estimate, opening)


def _sizes_tell(contrast: Contrast, row: Any) -> bool:
    """Whether the sizes of the groups give the standard error of a difference without an interval or an SE."""
    sized = min(contrast.n_arm, contrast.n_comparator) > 0
    spread = row.se > 0 or not math.isnan(row.ci_low + row.ci_high)
    return contrast.measure == "SMD" and sized and not spread and not math.isnan(row.estimate)


def _from_sizes(contrast: Contrast, row: Any) -> Contrast:
    """Get the standard error of a standardised difference from the sizes of its groups.

    Of such a difference they give it whatever P value stands beside; that one may be of another test.
    """
    n1, n2, effect = contrast.n_arm, contrast.n_comparator, float(row.estimate)
    se = math.sqrt(1 / n1 + 1 / n2 + effect**2 / (2 * (n1 + n2)))
    formula = f"√(1/{n1:g} + 1/{n2:g} + {signed(effect)}²/(2 × {n1 + n2:g}))"
    return replace(
        contrast,
        estimate=effect,
        se=se,
        forms=(Form.DIFFERENCE_SIZES,),
        assumptions=contrast.size_assumptions,
        steps=(step(f"SMD {effect:g}"), step(f"SE = {formula} = {se:.4g}")),
    )


def _why_not(row: Any, estimate: float, bounds: bool) -> Reason | None:
    """Say why a reported difference cannot give an estimate with a standard error; None if it can."""
    interval = not math.isnan(row.ci_low + row.ci_high)
    spread = interval or row.se > 0
    exact = row.p_operator in (("=", "<") if bounds else ("=",)) and 0 < row.p_value < 1
    if math.isnan(estimate):
        if row.p_value >= 0:
            words = f"only a P value (P {row.p_operator} {row.p_value:g}), no difference and no pair of means"
            return Reason("only a P value", words)
        return Reason("no estimate", "no estimate")
    if spread or (exact and estimate != 0):
        return None
    if exact:
        words = "the difference is 0, so its P value says nothing about its standard error"
        return Reason("uninformative P value", words)
    if row.p_operator == "=" and row.p_value >= 0:
        words = f"a P value printed as {row.p_value:g} says nothing about the standard error"
        return Reason("uninformative P value", words)
    if row.p_value >= 0:
        words = f"the P value is only a bound (P {row.p_operator} {row.p_value:g}) and there is no interval"
        return Reason("only a bound", words)
    return Reason("no spread", "neither interval, standard error nor P value")


def _recovered(
    contrast: Contrast, row: Any, estimate: float, opening: Step | None, aside: tuple[Step, ...] = ()
) -> Contrast:
    """Get the standard error from what stands beside the estimate: SE, interval or exact P value."""
    ratio = measure_of(contrast.measure).ratio
    df = contrast.n_arm + contrast.n_comparator - 2
    small = contrast.measure == "MD" and df > 0 and min(contrast.n_arm, contrast.n_comparator) < SMALL_ARM
    assumptions: tuple[Assumption, ...] = ()
    given: dict[str, Any]
    if row.se > 0:
        form, given = Form.DIFFERENCE_SE, {"se": row.se}
        uses_sizes = False
    elif not math.isnan(row.ci_low + row.ci_high):
        form = Form.DIFFERENCE_CI
        level = row.ci_level / 100
        if math.isnan(level):
            level, assumptions = 0.95, (Assumption.LEVEL_ASSUMED,)
        given = {"ci_low": row.ci_low, "ci_high": row.ci_high, "level": level}
        uses_sizes = small
    else:
        form = Form.MEANS_P if opening else Form.DIFFERENCE_P
        given = {"p_value": row.p_value}
        if row.p_operator == "<":
            form = Form.MEANS_P_BOUND if opening else Form.DIFFERENCE_P_BOUND
            assumptions = (Assumption.P_BOUND,)
        uses_sizes = df > 0 and contrast.measure == "MD"
    if uses_sizes:
        given["df"] = df
        assumptions += contrast.size_assumptions
    try:
        found = recover(estimate=estimate, log=ratio, **given)
    except DataError as error:
        outside = form is Form.DIFFERENCE_CI and not row.ci_low <= estimate <= row.ci_high
        if outside and 0 < row.p_value < 1 and row.p_operator == "=" and estimate != 0:
            # A misprint, marked as doubtful: who lets such results take part still has the P value.
            said = step(f"The interval, {row.ci_low:g} to {row.ci_high:g}, does not hold the estimate")
            without = row._replace(ci_low=_NAN, ci_high=_NAN)
            return _recovered(contrast, without, estimate, opening, (said,))
        return replace(contrast, reason=Reason("inconsistent", str(error)))
    printed = step(_printed(contrast.measure, row, estimate))
    return replace(
        contrast,
        estimate=float(found.estimate),
        se=float(found.se),
        df=float(given.get("df", math.inf)),
        interval=_interval(row, ratio),
        forms=(form,),
        assumptions=assumptions,
        steps=(*((opening,) if opening else ()), *aside, printed, *(step(str(each)) for each in found.steps)),
    )


def _interval(row: Any, ratio: bool) -> tuple[float, float, float] | None:
    """The interval as printed, of ratios the logarithms, with its level; None where there is none."""
    if math.isnan(row.ci_low + row.ci_high):
        return None
    low, high = (math.log(bound) if ratio else float(bound) for bound in (row.ci_low, row.ci_high))
    return low, high, 0.95 if math.isnan(row.ci_level) else row.ci_level / 100


def _printed(measure: str, row: Any, estimate: float) -> str:
    """Repeat what the source prints."""
    text = f"{measure} {estimate:g}"
    if not math.isnan(row.ci_low + row.ci_high):
        level = "" if math.isnan(row.ci_level) else f"{row.ci_level:g}% "
        return f"{text} ({level}CI {row.ci_low:g} to {row.ci_high:g})"
    if row.se > 0:
        return f"{text} (SE {row.se:g})"
    return f"{text}, P {row.p_operator} {row.p_value:g}"


def _from_arms(first: ArmValues, second: ArmValues) -> Contrast:
    """Take the difference of two reported arms, or the ratio of their risks."""
    rows = (first.row, second.row)
    contrast = Contrast(
        **_described(first.row, "RR" if first.row.statistic == "count" else "MD"),
        arm_id=first.row.arm_id,
        comparator_arm_id=second.row.arm_id,
        n_arm=first.n,
        n_comparator=second.n,
        size_assumptions=_distinct(*first.n_assumptions, *second.n_assumptions),
        from_arms=True,
        doubt=_doubt(*rows),
        result_ids=tuple(row.result_id for row in rows),
        as_reported="; ".join(dict.fromkeys(row.as_reported for row in rows if row.as_reported)),
    )
    if contrast.statistic == "count":
        over_time = first.row.person_time > 0 and second.row.person_time > 0
        return (_over_time if over_time else _counted)(contrast, first, second)
    missing = [values for values in (first, second) if not values.se > 0]
    if first.reason or second.reason:
        return replace(contrast, reason=first.reason or second.reason)
    if math.isnan(first.mean + second.mean):
        return replace(contrast, reason=Reason("no mean", "no mean in one of the arms"))
    if missing:
        where = "either arm" if len(missing) > 1 else "one of the arms"
        why = Reason("no spread", f"no SD, SE, interval or quartiles in {where}")
        if any(values.sd > 0 and math.isnan(values.n) for values in (first, second)):
            why = NO_SIZE
        return replace(contrast, estimate=first.mean - second.mean, reason=why)
    estimate, se = first.mean - second.mean, math.hypot(first.se, second.se)
    sd, sd_steps, sd_assumptions = score_sd([first, second])
    forms = tuple(dict.fromkeys((first.form, second.form)))
    lent = tuple(each for each in sd_assumptions if each is Assumption.BORROWED_SD)
    return replace(
        contrast,
        estimate=estimate,
        se=se,
        arm_share=first.se**2 / se**2,
        sd=sd,
        sd_steps=sd_steps,
        sd_assumptions=sd_assumptions,
        means=(first.mean, first.se, second.mean, second.se),
        forms=forms,
        assumptions=(*(contrast.size_assumptions if forms != (Form.SES,) else ()), *lent),
        steps=(
            *first.steps,
            *second.steps,
            step(f"MD = {first.mean:.4g} - {signed(second.mean)} = {estimate:.4g}"),
            step(f"SE = √({first.se:.4g}² + {second.se:.4g}²) = {se:.4g}"),
        ),
    )


def _counted(contrast: Contrast, first: ArmValues, second: ArmValues) -> Contrast:
    """Take the risk ratio of two arms that report events."""
    a, c, n1, n2 = first.row.events, second.row.events, first.n, second.n
    if math.isnan(a + c):
        return replace(contrast, reason=NO_EVENTS)
    if math.isnan(n1 + n2) or a > n1 or c > n2:
        return replace(contrast, reason=NO_SIZE)
    events = (a, n1, c, n2)
    if a == c == 0:
        known = replace(contrast, events=events, forms=(Form.COUNTS,), assumptions=contrast.size_assumptions)
        return replace(known, reason=NO_EVENT_AT_ALL)
    ratio = effect_size("RR", a=a, b=n1 - a, c=c, d=n2 - c).iloc[0]
    extra = 0.5 if 0 in (a, c, n1 - a, n2 - c) else 0.0
    arm = 1 / (a + extra) - 1 / (n1 + 2 * extra)
    se = math.sqrt(ratio["variance"])
    added = "; 0.5 added to each cell because one is empty" if extra else ""
    return replace(
        contrast,
        estimate=float(ratio["effect"]),
        se=se,
        arm_share=arm / se**2,
        events=events,
        forms=(Form.COUNTS,),
        assumptions=contrast.size_assumptions,
        steps=(
            step(
                *(ArmId(contrast.arm_id), f": {a:g} of {n1:g}; "),
                *(ArmId(contrast.comparator_arm_id), f": {c:g} of {n2:g}{added}"),
            ),
            step(f"RR = {math.exp(ratio['effect']):.4g}, log RR = {ratio['effect']:.4g}"),
            step(f"SE ={f' √(1/{a:g} - 1/{n1:g} + 1/{c:g} - 1/{n2:g}) =' if not extra else ''} {se:.4g}"),
        ),
    )


def _over_time(contrast: Contrast, first: ArmValues, second: ArmValues) -> Contrast:
    """Take the ratio of the rates of two arms that report events and the time at risk."""
    contrast = replace(contrast, measure="IRR")
    a, t1 = first.row.events, first.row.person_time
    c, t2 = second.row.events, second.row.person_time
    if math.isnan(a + c):
        return replace(contrast, reason=NO_EVENTS)
    if a == c == 0:
        return replace(contrast, forms=(Form.COUNTS,), reason=NO_EVENT_AT_ALL)
    ratio = effect_size("IRR", events1=a, time1=t1, events2=c, time2=t2).iloc[0]
    effect, se = float(ratio["effect"]), math.sqrt(ratio["variance"])
    extra = 0.5 if 0 in (a, c) else 0.0
    added = f"; {extra:g} added to both because one is zero" if extra else ""
    return replace(
        contrast,
        estimate=effect,
        se=se,
        arm_share=1 / (a + extra) / se**2,
        forms=(Form.COUNTS,),
        steps=(
            step(
                *(ArmId(contrast.arm_id), f": {a:g} events in {t1:g}; "),
                *(ArmId(contrast.comparator_arm_id), f": {c:g} in {t2:g}{added}"),
            ),
            step(f"rate ratio = {math.exp(effect):.4g}, log rate ratio = {effect:.4g}"),
            step(f"SE = √(1/{a + extra:g} + 1/{c + extra:g}) = {se:.4g}"),
        ),
    )


def contrast_words(contrast: Contrast) -> Iterator[str]:
    """Yield the words that open the derivation of a contrast: where and how it was measured."""
    scale = ""
    if not math.isnan(contrast.scale_min + contrast.scale_max):
        scale = f" {contrast.scale_min:g}-{contrast.scale_max:g}"
    when = ", time not stated" if math.isnan(contrast.weeks) else f" at {contrast.weeks:g} weeks"
    yield f"{contrast.instrument or 'instrument not named'}{scale}{when}"
    yield {"post": "final scores", "change": "change from baseline", "count": "counts"}[contrast.statistic]
    if contrast.adjusted == "yes":
        yield "adjusted"
