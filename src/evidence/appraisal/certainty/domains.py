"""The rules by which each domain lowers the certainty of a body of evidence, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import ndtri

from evidence.appraisal.certainty.absolute_formulas import RISKS, risk_with
from evidence.appraisal.certainty.evidence import Body, Estimate, Evidence
from evidence.appraisal.risk_of_bias import unjudged
from evidence.diagnostics.small_study.egger import egger
from evidence.effects.reported.reasons import Reason
from evidence.errors import ModelError
from evidence.measures import measure_of
from evidence.models.pooled import Pooled
from evidence.wording import counted, number, p_value

__all__ = ["NEEDS_TWO_GROUPS", "RULES", "Domain", "Judgement", "optimal_information_size"]


@dataclass(frozen=True, slots=True)
class Domain:
    """The judgement on one domain.

    Attributes
    ----------
    name : str
    downgrade : int
        Levels by which it lowers the certainty: 0, 1 or 2.
    reason : str
        A sentence with the numbers that decided; of an override its written reason.
    inputs : dict of str to Any
        The numbers that the rule looked at.
    overridden : bool
        Whether a written judgement replaces the rule's.
    computed : int
        Levels that the rule gives, the same as `downgrade` unless overridden.
    computed_reason : str
        The rule's sentence.
    not_rated : Reason or None
        Why nothing is judged; `downgrade` and `computed` are then 0 and count for nothing.
    """

    name: str
    downgrade: int
    reason: str
    inputs: Mapping[str, Any] = field(hash=False)
    overridden: bool
    computed: int
    computed_reason: str
    not_rated: Reason | None = None


Judgement = tuple[int, str, dict[str, Any]]
"""Levels, reason and inputs."""


def percent(share: float) -> str:
    """Write a share."""
    return f"{number(100.0 * share, 0)}%"


def risk_of_bias(evidence: Body, fit: Estimate | None) -> Judgement:
    """One level if less than most of the weight comes from trials at low risk; two if most comes from high risk.

    Two only if the result changes, or too few trials are left, without the trials at high risk. A trial that was not
    fully judged counts as unclear.
    """
    rules, risk, share = evidence.rules, evidence.effects["risk_of_bias"], evidence.share
    low, high = float(share[risk == "low"].sum()), float(share[risk == "high"].sum())
    rest = evidence.only((risk != "high").to_numpy()) if high else fit
    changed = evidence.changed(rest)
    inputs = {
        "share low": low,
        "share unclear or not fully judged": max(1.0 - low - high, 0.0),
        "share high": high,
        "trials not fully judged": unjudged(evidence.effects),
        "estimate without high risk": math.nan if rest is None else rest.estimate,
        "changed without high risk": changed,
    }
    whole = "patients" if fit is None else "weight"
    reason = (
        f"Of the {whole}, {percent(low)} comes from trials at low risk of bias, {percent(high)} from trials judged "
        f"at high risk, and {percent(max(1.0 - low - high, 0.0))} from trials in between or not fully judged"
    )
    if open_ := inputs["trials not fully judged"]:
        were = "was" if open_ == 1 else "were"
        reason += f"; {open_} of {counted(evidence.trials, 'trial')} {were} not fully judged"
    if high and fit is not None:
        left = (
            "too few trials are left to combine"
            if rest is None
            else f"the result is {evidence.write_fit(rest)}"
        )
        reason += f"; without the trials judged at high risk {left}"
    # A sum of shares may fall short of the whole by rounding.
    if high >= rules.high_risk_share - 1e-9 and changed:
        return 2, reason + ".", inputs
    return int(low < rules.low_risk_share - 1e-9), reason + ".", inputs


def inconsistency(evidence: Evidence, fit: Pooled | None) -> Judgement:
    """One level for two of three signs; two levels if I² is also considerable.

    The signs: a substantial I²; comparisons whose intervals do not overlap; a prediction interval that crosses a line
    (an important decrease, no effect, an important increase) which the confidence interval does not.
    """
    if fit is None:
        return _apart(evidence)
    if fit.k < 2:
        return 0, "One comparison: consistency cannot be judged, and is not held against it.", {"k": fit.k}
    rules = evidence.rules
    half = float(ndtri(0.5 + 0.5 * fit.level)) * np.sqrt(fit.variance)
    low, high = fit.effect - half, fit.effect + half
    first, second = np.triu_indices(fit.k, 1)
    apart = float(np.mean((low[first] > high[second]) | (low[second] > high[first])))
    lines = {"an important decrease": -evidence.mid, "no effect": 0.0, "an important increase": evidence.mid}
    reached = [
        name
        for name, line in lines.items()
        if not evidence.analysis.one_group  # nothing is compared, so there is no line to cross
        and fit.prediction_low < line < fit.prediction_high
        and not fit.ci_low < line < fit.ci_high
    ]
    signs = [fit.i2 >= rules.i2_serious, apart >= rules.apart_share, bool(reached)]
    downgrade = 0 if sum(signs) < 2 else 2 if fit.i2 >= rules.i2_very_serious else 1
    width = fit.ci_high - fit.ci_low
    inputs = {
        "I2": fit.i2,
        "tau": fit.tau,
        "share of pairs apart": apart,
        "prediction low": fit.prediction_low,
        "prediction high": fit.prediction_high,
        "prediction width over CI width": (fit.prediction_high - fit.prediction_low) / width
        if width
        else math.nan,
        "further thresholds in the prediction interval": "; ".join(reached),
    }
    crossing = "crosses no line that the confidence interval does not"
    if reached:
        crossing = f"crosses the line of {' and of '.join(reached)}, which the confidence interval does not"
    each = "groups" if evidence.analysis.one_group else "comparisons"
    span = f"the prediction interval ({evidence.write(fit.prediction_low)} to {evidence.write(fit.prediction_high)})"
    reason = (
        f"I² is {number(fit.i2, 0)}%; the intervals of {percent(apart)} of the pairs of {each} do not overlap; "
        + (
            f"{span} has no line to cross, as nothing is compared"
            if evidence.analysis.one_group
            else "the model has no prediction interval"
            if math.isnan(fit.prediction_low)
            else f"{span} {crossing}"
        )
        + "."
    )
    return downgrade, reason, inputs


def _apart(evidence: Evidence) -> Judgement:
    """One level if comparisons that are not combined contradict each other: intervals that do not overlap."""
    low, high = evidence.effects["ci_low"].to_numpy(float), evidence.effects["ci_high"].to_numpy(float)
    apart = bool(low.max() > high.min())
    words = "do not all overlap" if apart else "overlap"
    return int(apart), f"The intervals of the comparisons {words}.", {"k": len(low), "intervals apart": apart}


def indirectness(evidence: Body, fit: Estimate | None) -> Judgement:
    """One level if trials listed as indirect have much of the weight, or the result changes without them.

    Two levels if they have most of the weight and the result changes, or nothing is left, without them. The protocol
    lists them.
    """
    rules, share = evidence.rules, float(evidence.share[~evidence.direct].sum())
    if not share:
        return 0, "No trial is listed as indirect.", {"share indirect": 0.0}
    rest = evidence.without_indirect
    changed = evidence.changed(rest)
    names = ", ".join(dict.fromkeys(evidence.effects.loc[~evidence.direct, "label"]))
    without = "too few are left to combine" if rest is None else f"the result is {evidence.write_fit(rest)}"
    reason = (
        f"{percent(share)} of the {'patients' if fit is None else 'weight'} comes from trials that fit the question "
        f"only in part ({names}); without these {without}."
    )
    inputs = {
        "share indirect": share,
        "estimate without indirect": math.nan if rest is None else rest.estimate,
        "changed without indirect": changed,
    }
    if share >= rules.very_indirect_share and changed:
        return 2, reason, inputs
    return int(share >= rules.indirect_share or (changed and rest is not None)), reason, inputs


def imprecision(evidence: Body, fit: Estimate | None) -> Judgement:
    """One level for each limit of an important difference, benefit or harm, that lies inside the interval.

    If none does, one level for fewer patients than the optimal information size (what one trial would need to find
    the important difference), two for far fewer. Where no important difference can be named, one level if the
    interval holds no effect.
    """
    rules, mid = evidence.rules, evidence.mid
    n = evidence.n
    if fit is None:
        reason = (
            f"{counted(evidence.trials, 'trial')} with {number(n, 0)} patients, shown and not combined: there is no "
            "common interval, and how much effects vary cannot be told."
        )
        return 2, reason, {"n": n, "trials": evidence.trials}
    null = fit.ci_low < 0.0 < fit.ci_high
    needed = optimal_information_size(evidence)
    enough = n / needed if math.isfinite(needed) else math.nan
    inputs = {
        "ci low": fit.ci_low,
        "ci high": fit.ci_high,
        "important difference": mid,
        "holds no difference": null,
        "n": n,
        "optimal information size": needed,
        "share of the optimal information size": enough,
    }
    where = f"The interval ({evidence.write(fit.ci_low)} to {evidence.write(fit.ci_high)}) "
    if math.isnan(mid):
        inputs["limits crossed"] = int(null)
        reason = where + ("holds no difference" if null else "excludes no difference")
        return int(null), f"{reason}; no important difference can be named.", inputs
    crossed = sum(fit.ci_low < sign * mid < fit.ci_high for sign in (-1.0, 1.0))
    inputs["limits crossed"] = crossed
    limits = " and ".join(evidence.write(sign * mid) for sign in (-1.0, 1.0))
    held = {0: "neither", 1: "one", 2: "both"}[crossed]
    reason = f"{where}holds {held} of the limits of an important difference, {limits}"
    size = f"{evidence.people}, and one trial would need {needed:,.0f}"
    if crossed or math.isnan(enough):
        return crossed, f"{reason}{'' if math.isnan(enough) else f'; {size}'}.", inputs
    downgrade = 2 if enough < rules.far_below else int(enough < 1.0)
    return downgrade, f"{reason}; {size}.", inputs


def optimal_information_size(evidence: Body) -> float:
    """Patients that one trial with two equal arms would need to find the important difference.

    Means: 4 (z_alpha/2 + z_beta)^2 (sd / mid)^2. Risks: 2 (z_alpha/2 + z_beta)^2 (p0 q0 + p1 q1) / (p0 - p1)^2,
    with p0 the median risk of the comparator arms and p1 the smaller risk that the important difference makes of it.

    Returns
    -------
    float
        NaN where the standard deviation, the risk or the important difference is not known.

    References
    ----------
    Guyatt GH et al. (2011). J Clin Epidemiol 64, 1283-1293; Pocock SJ (1983). Clinical Trials, chapter 9. Wiley.
    """
    rules, mid, p0 = evidence.rules, evidence.mid, evidence.risk
    z2 = float((ndtri(1.0 - rules.alpha / 2.0) + ndtri(rules.power)) ** 2)
    if evidence.measure in ("MD", "SMD"):
        return 4.0 * z2 * (evidence.sd / mid) ** 2
    if evidence.measure not in RISKS or not 0.0 < p0 < 1.0:
        return math.nan
    p1 = float(risk_with(-mid, p0, evidence.measure))
    return 2.0 * z2 * (p0 * (1.0 - p0) + p1 * (1.0 - p1)) / (p0 - p1) ** 2 if 0.0 < p1 < p0 else math.nan


def publication_bias(evidence: Evidence, fit: Pooled | None) -> Judgement:
    """One level if it is strongly suspected: never two, and never proof of the opposite.

    It is, if the funnel is asymmetrical where there are enough comparisons to test it; if a large share of the trials
    with the outcome has no numbers that can be pooled, or many of them may be missing because of their result; if
    those of them that tell a direction do not point the way of a clear combined result; or if small comparisons that
    cannot be tested carry a clear effect. Numbers that a source prints but nobody can use here (no time, doubtful,
    another scale), and results reported as significant, are not missing because of their result.
    """
    rules, effects = evidence.rules, evidence.effects
    lacking, withheld = len(evidence.missing), len(evidence.withheld)
    reported = lacking + evidence.trials
    trials = f"of the {counted(reported, 'trial')} with this outcome"
    small = float(evidence.share[(effects["n"] < rules.small_n).to_numpy()].sum())
    clear = fit is not None and (fit.ci_low > 0.0 or fit.ci_high < 0.0)
    tested = fit is not None and fit.k >= rules.funnel_k
    p = _asymmetry(evidence, fit) if fit is not None and tested else math.nan
    found = []
    if p < rules.funnel_p:
        found.append(f"the funnel is asymmetrical ({p_value(p)})")
    if lacking / reported >= rules.missing_share:
        found.append(f"{lacking} {trials} cannot be pooled")
    if withheld and withheld / reported >= rules.withheld_share:
        found.append(f"neither usable numbers nor a significant result in {withheld} {trials}")
    told, same = sum(evidence.told), evidence.told[int(fit is not None and fit.estimate > 0.0)]
    if clear and told >= rules.lean_k and same / told < rules.lean_share:
        others = f"the {told} trials without usable numbers that tell a direction"
        found.append(f"of {others} only {same} point the same way")
    if not tested and clear and small >= rules.small_share:
        found.append(f"{percent(small)} of the weight comes from small comparisons with a clear effect")
    inputs = {
        "k": len(effects),
        "P of funnel asymmetry": p,
        "trials not poolable": lacking,
        "share not poolable": lacking / reported,
        "trials with nothing usable or significant": withheld,
        "trials without usable numbers that tell a direction": told,
        "those that point the same way": same if fit is not None else math.nan,
        "share of small comparisons": small,
    }
    if found:
        reason = "; ".join(found)
        return 1, f"Suspected: {reason}.", inputs
    funnel = (
        f"the funnel shows no asymmetry ({p_value(p)})"
        if tested
        else f"{counted(len(effects), 'comparison')} cannot show asymmetry"
    )
    reason = f"{funnel}; {lacking or 'none'} {trials} could not be pooled"
    if lacking:
        reason += f", {withheld or 'none'} of them perhaps because of the result"
    if told and fit is not None:
        reason += f"; {same or 'none'} of {told} that tell a direction point the same way"
    return 0, f"Undetected, which is not the same as absent: {reason}.", inputs


def _asymmetry(evidence: Evidence, fit: Pooled) -> float:
    """P value of the test for funnel asymmetry; NaN where all comparisons are alike in size or effect."""
    sizes = evidence.effects["n"].to_numpy(float)
    # Standardised differences and ratios go with their own standard errors; sample sizes do not.
    by_size = (measure_of(evidence.measure).ratio or evidence.measure == "SMD") and bool(
        np.isfinite(sizes).all()
    )
    try:
        return egger(fit, "sqrtninv", n=sizes).p_value if by_size else egger(fit).p_value
    except ModelError:
        return math.nan


RULES: dict[str, Callable[[Evidence, Pooled | None], Judgement]] = {
    "risk of bias": risk_of_bias,
    "inconsistency": inconsistency,
    "indirectness": indirectness,
    "imprecision": imprecision,
    "publication bias": publication_bias,
}
"""Rule of each domain, in the order in which they are shown."""

NEEDS_TWO_GROUPS = {
    "imprecision": Reason(
        "one group",
        "Not rated: the rule sets the interval against an important difference between two groups, and nothing is "
        "compared.",
    ),
    "publication bias": Reason(
        "one group",
        "Not rated: the rule asks to which side small studies lean, and nothing is compared.",
    ),
}
"""Domains whose rule makes no sense of what one group has, with the reason."""
