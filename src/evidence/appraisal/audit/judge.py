"""The rule of the audit for one result: what it says about a claim, and which step of the rule decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from evidence.appraisal.effect_words import OutcomeWords, base_words
from evidence.tables.protocol.audit import CERTAINTIES, AuditRule
from evidence.tables.protocol.protocol import Analysis
from evidence.wording import counted

__all__ = [
    "CONTRADICTED",
    "IN_SHORT",
    "NOT_ADDRESSED",
    "SHORT_TERM",
    "SUPPORTED",
    "UNCERTAIN",
    "VERDICTS",
    "Bearing",
    "Judgement",
    "judge",
    "rule_steps",
]

SUPPORTED = "supported"
SHORT_TERM = "supported short term only"
UNCERTAIN = "too uncertain"
CONTRADICTED = "contradicted"
NOT_ADDRESSED = "not addressed by the evidence"
VERDICTS = (SUPPORTED, SHORT_TERM, UNCERTAIN, CONTRADICTED, NOT_ADDRESSED)

IN_SHORT = {
    "no trial": "not addressed",
    "not pooled": "too few results to pool",
    "certainty": "certainty too low",
    "opposite": "the effect goes the other way",
    "supported": "supported",
    "share": "not shown for most people",
    "ruled out": "an average effect as large as {important} is unlikely",
    "no clear effect": "no effect is possible too",
    "may be too small": "the effect may be too small to matter",
    "mixed": "results contradict each other",
}
"""Each step of `judge`, and that of a part with contrary results, in a few words with room for what matters."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """The result of an analysis, as far as the audit needs it.

    Attributes
    ----------
    analysis : Analysis
    words : OutcomeWords
        Measure, unit, minimal important difference and direction of benefit.
    k, trials : int
        Poolable comparisons, and the trials that they come from.
    n : float
        Patients in them, as far as it is known.
    at_least : bool
        Whether a trial does not state how many it has.
    reported : int
        Further trials that report the outcome and give no usable numbers.
    untimed : int
        How many of these state no time, so that nobody knows whether they report it for this one.
    left_out : int
        Trials that report the outcome, all of whose results the protocol leaves out.
    in_words : int
        Trials that tell of it in words alone, where it is a harm.
    estimate, ci_low, ci_high : float
        Pooled, on the scale of the analysis (log for ratios); NaN where nothing was pooled.
    level : float
        Confidence level of the interval.
    certainty : str
        One of `CERTAINTIES`; empty where nothing was pooled.
    share : float
        Share of the treated patients who had the outcome, in arms that report a count; NaN if none does.
    weights : mapping
        Share of the weight by what the compared groups and the trials are: by column of the comparisons
        (co-treatments and subgroups of trials), then by value.
    """

    analysis: Analysis
    words: OutcomeWords
    k: int
    trials: int
    n: float
    reported: int
    estimate: float = math.nan
    ci_low: float = math.nan
    ci_high: float = math.nan
    level: float = 0.95
    certainty: str = ""
    share: float = math.nan
    untimed: int = 0
    left_out: int = 0
    in_words: int = 0
    at_least: bool = False
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)

    @property
    def pooled(self) -> bool:
        """Whether there is a pooled result with an interval."""
        return math.isfinite(self.estimate) and math.isfinite(self.ci_low)

    @property
    def result(self) -> str:
        """The pooled result in words: ``11.4 points of 100 less pain (95% interval: 4.6 to 18.3 less)``."""
        within = replace(self.words, level=self.level).within(self.ci_low, self.ci_high)
        return f"{self.words.change(self.estimate)} ({within})"

    @property
    def told(self) -> str:
        """The pooled result with what it rests on and its certainty."""
        base = base_words(
            self.k, self.trials, self.n, at_least=self.at_least, one_group=self.analysis.one_group
        )
        return f"{self.result}; {base}; {self.certainty} certainty"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one result, or one part of a claim, comes to: the verdict, the deciding step and the reason in words."""

    verdict: str
    step: str
    reason: str


def judge(bearing: Bearing, rule: AuditRule, kind: str = "effect") -> Judgement:
    """Judge a claim by one result.

    The steps are those of `rule_steps`, in their order; the first that applies decides.

    Parameters
    ----------
    bearing : Bearing
    rule : AuditRule
    kind : str, default "effect"
        Kind of the claim. A claim of kind "harm" says that the treatment makes the outcome worse, so the effect
        counts the other way round; one of kind "responder" says that most treated patients have the outcome.

    Returns
    -------
    Judgement
    """
    words = bearing.words
    if not (bearing.k or bearing.reported or bearing.in_words):
        left = f"; the protocol leaves out {counted(bearing.left_out, 'trial')}"
        none = (
            f"no trial that the protocol takes reports it{left}"
            if bearing.left_out
            else "no trial reports it"
        )
        return Judgement(NOT_ADDRESSED, "no trial", none)
    if not bearing.pooled:
        found = f"{counted(bearing.trials, 'trial')} with usable numbers"
        if timed := bearing.reported - bearing.untimed:
            found += f", {timed} without"
        if bearing.untimed:
            found += f", {bearing.untimed} that {'states' if bearing.untimed == 1 else 'state'} no time"
        if bearing.in_words:
            found += f", {bearing.in_words} with words alone"
        return Judgement(UNCERTAIN, "not pooled", f"too few results to pool ({found})")
    told = bearing.told
    if CERTAINTIES.index(bearing.certainty) < CERTAINTIES.index(rule.certainty):
        return Judgement(UNCERTAIN, "certainty", f"{told}, where the rule asks for {rule.certainty}")
    turn = -words.benefit if kind == "harm" else words.benefit
    estimate = turn * bearing.estimate
    low, high = sorted((turn * bearing.ci_low, turn * bearing.ci_high))
    if high < 0:
        return Judgement(CONTRADICTED, "opposite", f"{told}; the effect goes the other way")
    important = "" if math.isnan(words.mid) else f"the {words.important} that matter"
    needed = {"any": 0.0, "estimate": estimate, "interval": low}[rule.benefit]
    if low > 0 and (not important or rule.benefit == "any" or needed >= words.mid):
        return _most(bearing, rule, told) if kind == "responder" else Judgement(SUPPORTED, "supported", told)
    if important and high < words.mid:
        return Judgement(CONTRADICTED, "ruled out", f"{told}; the interval ends before {important}")
    if low <= 0:
        return Judgement(UNCERTAIN, "no clear effect", f"{told}; the interval includes no effect")
    return Judgement(UNCERTAIN, "may be too small", f"{told}; it may be less than {important}")


def _most(bearing: Bearing, rule: AuditRule, told: str) -> Judgement:
    """Judge whether most treated patients had the outcome, once a benefit is shown."""
    if math.isnan(bearing.share):
        return Judgement(UNCERTAIN, "share", f"{told}; how many of the treated patients is not known")
    told = f"{told}; {100 * bearing.share:.0f} of 100 treated patients"
    if bearing.share > rule.majority:
        return Judgement(SUPPORTED, "supported", told)
    return Judgement(CONTRADICTED, "share", f"{told}, not more than {100 * rule.majority:g}")


def _conditions(rule: AuditRule) -> dict[str, str]:
    """Say when each step of `judge` applies, in the order in which they are tried."""
    demand = {
        "any": "",
        "estimate": ", and the estimate reaches the smallest difference that matters, where one is declared",
        "interval": ", beyond the smallest difference that matters, where one is declared",
    }[rule.benefit]
    return {
        "no trial": "no analysis of the protocol asks it, or no trial that the protocol takes reports it",
        "not pooled": "fewer results can be pooled than the protocol asks for",
        "certainty": f"the certainty is below {rule.certainty}",
        "opposite": "the whole confidence interval lies on the other side than the claim",
        "share": "the claim is about most people, and the step 'supported' would apply, but not more than "
        f"{100 * rule.majority:g} of 100 treated patients have it",
        "supported": f"the whole confidence interval lies on the side of the claim{demand}",
        "ruled out": "the confidence interval excludes the smallest difference that matters",
        "no clear effect": "the confidence interval includes no effect",
        "may be too small": "an effect is shown, but it may be less than what matters",
        "mixed": "one result supports the part and another contradicts it",
    }


def rule_steps(rule: AuditRule) -> pd.DataFrame:
    """Write the rule down: the steps in their order, of which the first that applies decides.

    Parameters
    ----------
    rule : AuditRule

    Returns
    -------
    DataFrame
        Columns level ("one result", "one part", "whole claim"), step, condition and verdict.
    """
    verdicts = {
        "no trial": NOT_ADDRESSED,
        "opposite": CONTRADICTED,
        "supported": SUPPORTED,
        "share": f"{CONTRADICTED} (where the share is not known: {UNCERTAIN})",
        "ruled out": CONTRADICTED,
    }
    single, part, whole = "one result", "one part", "whole claim"
    judged = [
        (single, step, condition, verdicts.get(step, UNCERTAIN))
        for step, condition in _conditions(rule).items()
        if step != "mixed"
    ]
    best = (
        "several pooled results answer one part (an intervention and an outcome): that of the highest certainty "
        "decides, then that from most trials"
    )
    kinds = ", ".join(rule.not_effects)
    shorter = f" ({', '.join(rule.short_term)})" if rule.short_term else ""
    judged += [
        (part, "best result", best, "as that result"),
        (part, "mixed", _conditions(rule)["mixed"], UNCERTAIN),
        (
            whole,
            "not an effect",
            f"trials of treatment cannot answer claims of its kind ({kinds})",
            NOT_ADDRESSED,
        ),
        (whole, "all parts", "every part has the same verdict", "as the parts"),
        (whole, "mixed parts", "some parts are supported and others contradicted", UNCERTAIN),
        (whole, "a part fails", "a part is contradicted and none supported", CONTRADICTED),
        (
            whole,
            "unanswered part",
            "some parts are supported and nothing addresses the others",
            UNCERTAIN if rule.unanswered == "uncertain" else SUPPORTED,
        ),
        (whole, "uncertain part", "any other mixture of verdicts", UNCERTAIN),
        (
            whole,
            "shorter time",
            "not supported for the time that it names (the longest studied, if it names none), but for a shorter "
            f"one{shorter}",
            SHORT_TERM,
        ),
    ]
    return pd.DataFrame(judged, columns=["level", "step", "condition", "verdict"])
