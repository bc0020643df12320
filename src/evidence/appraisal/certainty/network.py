"""The certainty of the estimates of a network: the rules of GRADE, with the contributions of trials as their weights.

Every estimate of a network borrows from trials all over it. How much of it comes from each trial, the contribution
matrix says; so a network estimate is judged on the five domains as a pooled result is, with contributions in the
place of weights (the approach of CINeMA). Inconsistency has two sides in a network: effects that vary between trials
of one comparison, and direct and indirect evidence that disagree.

References
----------
Nikolakopoulou A et al. (2020). CINeMA. PLoS Med 17(4), e1003082.
Papakonstantinou T et al. (2018). F1000Research 7, 610; (2020). Campbell Syst Rev 16(1), e1080.
Puhan MA et al. (2014). BMJ 349, g5630; Brignardello-Petersen R et al. (2018). J Clin Epidemiol 93, 36-44.
Brignardello-Petersen R et al. (2019). J Clin Epidemiol 108, 77-85 (incoherence counts once).
Chiocchia V et al. (2021). ROB-MEN. BMC Med 19, 276.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from evidence.appraisal.certainty.domains import (
    Judgement,
    imprecision,
    indirectness,
    percent,
    risk_of_bias,
)
from evidence.appraisal.certainty.evidence import (
    Body,
    Evidence,
    combine,
    important_difference,
    names_difference,
    withheld,
)
from evidence.appraisal.certainty.grade import Certainty, conclude, rate
from evidence.appraisal.certainty.network_base import NetworkBase
from evidence.appraisal.effect_words import word
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.models.network.result import Network
from evidence.synthesis.rule import rule_of
from evidence.tables.review import Review
from evidence.wording import counted, in_words, joined, number, p_value

__all__ = [
    "NETWORK_RULES",
    "NetworkEstimate",
    "NetworkEvidence",
    "inconsistency_rule_text",
    "network_evidence",
    "rate_network",
]

NOISE = 1e-9
"""Share of an estimate up to which a trial contributes nothing but rounding error."""

MOST_APART = 2
"""Levels that direct and indirect evidence which disagree can cost."""

SIZES = ("estimate", "se", "ci_low", "ci_high", "prediction_low", "prediction_high")


@dataclass(frozen=True, slots=True)
class NetworkEstimate:
    """What a network says of one comparison, on the analysis scale."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    prediction_low: float
    prediction_high: float
    level: float


def estimate_of(net: Network, one: str, other: str) -> NetworkEstimate:
    """Take the estimate of one treatment against another from a network."""
    row = net.relative_to(other).to_dict("index")[one]
    return NetworkEstimate(**{name: float(row[name]) for name in SIZES}, level=net.level)


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkEvidence(Body):
    """What stands behind one estimate of a network: the trials that contribute to it.

    Attributes
    ----------
    base : NetworkBase
        The network.
    one, other : str
        The treatments; effects are of the first minus the other.
    """

    fit: NetworkEstimate
    base: NetworkBase
    one: str
    other: str

    @property
    def name(self) -> str:
        """Name of the comparison in the tables of the network."""
        return self.base.key(self.one, self.other)

    @property
    def share(self) -> Floats:
        """Share of the estimate that each trial contributes."""
        return self.base.by_trial.loc[[self.name], list(self.effects.index)].to_numpy(float)[0]

    def only(self, keep: np.ndarray) -> NetworkEstimate | None:
        """Fit the network again without the trials of this estimate that are not kept; None if too few are left."""
        dropped = frozenset(self.effects.index[~np.asarray(keep, dtype=bool)])
        for net in self.base.without(dropped):
            if {self.one, self.other} <= set(net.treatments):
                left = self.base.paths_in(net, self.one, self.other)
                return None if self.rule.hindrance(left) else estimate_of(net, self.one, self.other)
        return None

    @cached_property
    def without_indirect(self) -> NetworkEstimate | None:
        """The estimate of the network without trials that fit the question only in part."""
        return self.only(self.direct)

    @cached_property
    def n(self) -> float:
        """People of one trial with two equal arms that would tell as much (Thorlund 2012, Syst Rev 1, 41)."""
        se = float(self.base.net.se_common[self.other][self.one])
        return 4.0 * (self.base.spread / se) ** 2

    @property
    def people(self) -> str:
        """The same in words."""
        return f"direct and indirect evidence tell as much as one trial of {number(self.n, 0)} people"


def network_evidence(base: NetworkBase, one: str, other: str) -> NetworkEvidence:
    """Gather what stands behind the estimate of one treatment against another."""
    question = base.question(one, other)
    share = base.by_trial.loc[[base.key(one, other)]].to_numpy(float)[0]
    trials = base.trials[share > NOISE]
    sd = base.spread if measure_of(base.measure).difference_of_means else math.nan
    sd = 1.0 if base.measure == "SMD" else sd
    return NetworkEvidence(
        analysis=question,
        measure=base.measure,
        effects=trials,
        fit=estimate_of(base.net, one, other),
        direct=trials["trial_id"].isin(base.fitting).to_numpy(),
        mid=important_difference(base.review, question, base.measure, mid=base.mid, sd=sd),
        named=base.mid is not None or names_difference(base.review, question.outcome, base.measure),
        sd=sd,
        risk=math.nan,
        rules=base.review.protocol.certainty,
        rule=rule_of(base.review.protocol, question, base.measure),
        base=base,
        one=one,
        other=other,
    )


def rate_network(body: NetworkEvidence) -> tuple[Body, Certainty]:
    """Rate an estimate of a network.

    Where it rests on fewer trials than the protocol combines (`Network.independent_paths`), the trials that compare
    the two are rated as they stand, as those of a pairwise comparison are.

    Returns
    -------
    body : Body
        What was rated: `NetworkEvidence`, or `Evidence` of the direct trials alone.
    certainty : Certainty
    """
    base, one, other = body.base, body.one, body.other
    hindrance = body.rule.hindrance(base.paths(one, other))
    if not hindrance:
        return body, conclude(body, {name: rule(body, body.fit) for name, rule in NETWORK_RULES.items()})
    effects, missing = base.direct(one, other), base.lacking(one, other)
    few = Evidence(
        analysis=body.analysis,
        measure=body.measure,
        effects=effects,
        fit=combine(effects, body.rule),
        direct=effects["trial_id"].isin(base.fitting).to_numpy(),
        mid=body.mid,
        sd=body.sd,
        risk=body.risk,
        rules=body.rules,
        rule=body.rule,
        note=f"Not combined: {hindrance}.",
        missing=tuple(missing["study"].unique()),
        withheld=withheld(base.review, body.analysis, missing),
        told=(0, 0, 0),
    )
    return few, rate(few)


def inconsistency_rule_text(review: Review) -> str:
    """Say for a page how inconsistency is judged in a network, with the limits of P of the protocol.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.inconsistency_rule_text(review).partition(":")[0]
    'Inconsistency has a rule of its own here'
    """
    rules = review.protocol.certainty
    limit, lower = (
        f"P < {f'{p:g}'.removeprefix('0')}" for p in (rules.incoherence_p, rules.very_incoherent_p)
    )
    return (
        "Inconsistency has a rule of its own here: one level for each limit of an important difference (where none "
        "can be named, for no effect) that lies within the prediction interval and not within the confidence "
        f"interval, or one or {in_words(MOST_APART)} for direct and indirect evidence that disagree ({limit}), "
        "whichever is more. Without direct evidence, the test of the whole network takes the place of the second: "
        f"one level with {limit}, two with {lower}. I² and intervals that do not overlap do not count, nor does the "
        "line of no effect where an important difference is named."
    )


def network_inconsistency(evidence: NetworkEvidence, fit: NetworkEstimate) -> Judgement:
    """The larger of two: effects that vary between trials, and direct and indirect evidence that disagree.

    They have the same causes and count once. Variation: one level for each limit of an important difference (where
    none can be named, for no effect) that lies inside the prediction interval and not inside the confidence interval.
    Disagreement: where direct and indirect evidence differ more than chance explains, one level if their intervals
    leave one verdict out of three (important benefit, too little to matter, important harm) to one of them alone, two
    levels if more. Without direct evidence the test of the whole network decides; without indirect evidence there is
    none to disagree with.
    """
    lines = (0.0,) if math.isnan(evidence.mid) else (-evidence.mid, evidence.mid)
    varied, why, numbers = _heterogeneity(evidence, fit, lines)
    apart, says, others = _incoherence(evidence, lines)
    return (
        max(varied, apart),
        f"{why}; {says}.",
        {**numbers, **others, "variation": varied, "disagreement": apart},
    )


def _heterogeneity(
    evidence: NetworkEvidence, fit: NetworkEstimate, lines: tuple[float, ...]
) -> tuple[int, str, dict[str, Any]]:
    """Lines that the prediction interval reaches and the confidence interval does not."""
    inputs = {"tau": evidence.base.net.tau, "I2": evidence.base.net.i2}
    inputs |= {"prediction low": fit.prediction_low, "prediction high": fit.prediction_high}
    if math.isnan(fit.prediction_low):
        return 0, "The network cannot tell how much effects vary", inputs
    reached = [
        line
        for line in lines
        if fit.prediction_low < line < fit.prediction_high and not fit.ci_low < line < fit.ci_high
    ]
    span = f"The prediction interval ({evidence.write(fit.prediction_low)} to {evidence.write(fit.prediction_high)})"
    crossed = " and ".join(evidence.write(line) for line in reached)
    words = (
        f"crosses {crossed}, which the confidence interval does not"
        if reached
        else ("crosses no line of an important difference that the confidence interval does not")
    )
    return len(reached), f"{span} {words}", inputs


def _incoherence(evidence: NetworkEvidence, lines: tuple[float, ...]) -> tuple[int, str, dict[str, Any]]:
    """How far direct and indirect evidence are apart; of one kind alone, what the whole network shows."""
    row, rules, whole = evidence.base.split[evidence.name], evidence.rules, evidence.base.incoherence_p
    inputs = {"share direct": float(row["direct_share"]), "P of disagreement": float(row["p_value"])}
    if not row["studies"]:
        inputs["P of disagreement"] = whole
        if math.isnan(whole):
            return 0, "there is no direct evidence, and no loop in which to test the network", inputs
        levels = (whole < rules.incoherence_p) + (whole < rules.very_incoherent_p)
        found = "disagree" if levels else "agree within chance"
        return (
            levels,
            (f"there is no direct evidence, and in the whole network designs {found} ({p_value(whole)})"),
            inputs,
        )
    if math.isnan(row["difference"]):
        return 0, "all evidence is direct", inputs
    test = p_value(float(row["p_value"]))
    if row["p_value"] >= rules.incoherence_p:
        return 0, f"direct and indirect evidence agree within chance ({test})", inputs
    edges = (-math.inf, *lines, math.inf)
    both = [
        all(row[f"{kind}_low"] < high and row[f"{kind}_high"] > low for kind in ("direct", "indirect"))
        for low, high in pairwise(edges)
    ]
    levels = min(len(both) - sum(both), MOST_APART)
    turn = 1.0 if evidence.one == row["treat1"] else -1.0
    told = " and ".join(evidence.write(turn * row[kind]) for kind in ("direct", "indirect"))
    return levels, f"direct and indirect evidence disagree ({told}; {test})", inputs


def network_publication_bias(evidence: NetworkEvidence, fit: NetworkEstimate) -> Judgement:
    """One level if most of the estimate comes from direct comparisons in which missing results are suspected.

    They are, if a large share of the trials that report on the comparison has no numbers that the network can use, or
    many of them may be missing because of their result. A network has no funnel without an order of its treatments.
    """
    rules, edges = evidence.rules, evidence.base.missing
    share = evidence.base.by_comparison.loc[[evidence.name], list(edges.index)].to_numpy(float)[0]
    reported = edges["trials"] + edges["lacking"]
    suspected = (edges["lacking"] / reported >= rules.missing_share) | (
        (edges["withheld"] > 0) & (edges["withheld"] / reported >= rules.withheld_share)
    )
    behind = share > NOISE
    held = float(share[suspected.to_numpy()].sum())
    lacking = int(edges["lacking"][behind].sum())
    inputs = {
        "trials not usable": lacking,
        "trials with nothing usable or significant": int(edges["withheld"][behind].sum()),
        "comparisons suspected": int((suspected & behind).sum()),
        "share from comparisons suspected": held,
    }
    told = (
        f"{percent(held)} of the estimate comes from comparisons in which many trials report without numbers that "
        f"can be used ({counted(lacking, 'such trial')} in the comparisons behind it)"
    )
    if held >= rules.suspected_share - NOISE:
        return 1, f"Suspected: {told}.", inputs
    return 0, f"Undetected, which is not the same as absent: {told}.", inputs


def network_indirectness(evidence: NetworkEvidence, fit: NetworkEstimate) -> Judgement:
    """As for a pooled result, and one level if indirect evidence alone tells of a treatment that is a mix.

    A mix takes different active treatments under one name (`NetworkBase.mixed`): which of them the indirect evidence
    tells of cannot be said. Whether trials of different comparisons are otherwise alike enough is left to the reader.
    """
    levels, reason, inputs = indirectness(evidence, fit)
    direct = evidence.base.split[evidence.name]["direct_share"]
    if direct < 1.0:
        reason += " Whether the trials behind the indirect evidence are alike enough, no rule can tell."
    mixes = [
        evidence.base.mixed[name] for name in (evidence.one, evidence.other) if name in evidence.base.mixed
    ]
    if direct or not mixes:
        return levels, reason, {**inputs, "mix without direct evidence": False}
    protocol = evidence.base.review.protocol
    parts = joined([word(protocol, part) for part in dict.fromkeys(part for mix in mixes for part in mix)])
    reason += f" No trial compares the two, and one name takes different treatments together: {parts}."
    return min(levels + 1, 2), reason, {**inputs, "mix without direct evidence": True}


NETWORK_RULES: dict[str, Callable[[NetworkEvidence, NetworkEstimate], Judgement]] = {
    "risk of bias": risk_of_bias,
    "inconsistency": network_inconsistency,
    "indirectness": network_indirectness,
    "imprecision": imprecision,
    "publication bias": network_publication_bias,
}
"""Rule of each domain for estimates of networks; those of risk of bias and imprecision are the usual."""
