"""What the rating of certainty looks at: the pooled result, its comparisons, and what counts as important."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np
import pandas as pd

from evidence.appraisal.certainty.absolute_data import comparator_risks, implied_sd
from evidence.appraisal.harms import told_in_words
from evidence.effects.reported.reasons import ReasonKind
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.synthesis.reports import reports_on
from evidence.synthesis.rule import PoolingRule, count_trials, rule_of
from evidence.synthesis.synthesis import as_declared, synthesise
from evidence.tables.protocol.certainty import CertaintyRules
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import interval, number, ratio_number

__all__ = [
    "Body",
    "Estimate",
    "Evidence",
    "combine",
    "gather",
    "important_difference",
    "names_difference",
    "withheld",
]

# Why it can be where the source prints numbers, or nobody knows whether they belong to this window: what hinders is
# not how the result came out.
_PRINTED: frozenset[ReasonKind] = frozenset(
    {
        "shared group",
        "time not stated",
        "doubtful",
        "skewed",
        "range not stated",
        "not rescalable",
        "other measure",
    }
)


class Estimate(Protocol):
    """What a rating and a statement need of a combined result, be it of comparisons or of a network."""

    @property
    def estimate(self) -> float:
        """On the analysis scale, as all but the level."""

    @property
    def se(self) -> float:
        """Standard error."""

    @property
    def ci_low(self) -> float:
        """Lower limit of the confidence interval."""

    @property
    def ci_high(self) -> float:
        """Upper limit."""

    @property
    def prediction_low(self) -> float:
        """Lower limit of the interval for the effect in a new study; NaN where there is none."""

    @property
    def prediction_high(self) -> float:
        """Upper limit."""

    @property
    def level(self) -> float:
        """Level of the intervals."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Body(ABC):
    """A body of evidence on one comparison, whatever its result was combined by.

    Attributes
    ----------
    analysis : Analysis
    measure : str
    effects : DataFrame
        Comparisons or trials that stand behind the result: trial_id, study, label, n, risk_of_bias and others.
    fit : Estimate or None
        Their combined result.
    direct : ndarray of bool, shape (k,)
        Those that fit the question fully.
    mid : float
        Important difference on the analysis scale (log for ratios), positive; NaN where none can be named.
    named : bool
        Whether the review names it; else it is a default of the rules, for rating and not for telling.
    sd : float
        Standard deviation on the analysis scale; NaN for ratios and risk differences.
    risk : float
        Median risk of the comparator arms; NaN where none is reported.
    rules : CertaintyRules
    rule : PoolingRule
        When comparisons are combined, and how.
    note : str
        Said where the comparisons are shown and not combined; else "".
    """

    analysis: Analysis
    measure: str
    effects: pd.DataFrame
    fit: Estimate | None
    direct: np.ndarray
    mid: float
    sd: float
    risk: float
    rules: CertaintyRules
    rule: PoolingRule
    note: str = ""
    named: bool = True

    @property
    def told_mid(self) -> float:
        """The important difference as far as it may be told: NaN unless the review names it."""
        return self.mid if self.named else math.nan

    @property
    @abstractmethod
    def share(self) -> Floats:
        """Share of each comparison or trial in the result, shape (k,)."""

    @abstractmethod
    def only(self, keep: np.ndarray) -> Estimate | None:
        """Combine some of them as all were combined; None if there are none, or too few."""

    @property
    @abstractmethod
    def without_indirect(self) -> Estimate | None:
        """The result of those alone that fit the question fully; None without any, or with too few to combine."""

    @property
    @abstractmethod
    def n(self) -> float:
        """People whose numbers the result rests on; NaN where that is not known."""

    @property
    def people(self) -> str:
        """The same in words."""
        return f"{self.n:,.0f} people took part"

    @property
    def trials(self) -> int:
        """Number of trials that stand behind the result."""
        return count_trials(self.effects)

    def show(self, value: float) -> float:
        """Take an effect from the analysis scale to the one that is read."""
        return float(measure_of(self.measure).natural(value))

    @property
    def digits(self) -> int:
        """Decimal places of an effect in a sentence."""
        return measure_of(self.measure).digits

    def write(self, value: float) -> str:
        """Write an effect."""
        measure = measure_of(self.measure)
        write = ratio_number if measure.keeps_small else number
        return f"{write(measure.told(value), self.digits)}{measure.sign}"

    def write_fit(self, fit: Estimate) -> str:
        """Write a combined effect with its interval."""
        measure = measure_of(self.measure)
        values = (measure.told(value) for value in (fit.estimate, fit.ci_low, fit.ci_high))
        return interval(
            *values, digits=self.digits, level=fit.level, ratio=measure.keeps_small, sign=measure.sign
        )

    def changed(self, fit: Estimate | None) -> bool:
        """Tell whether another result differs by what matters; a result that is gone does."""
        if fit is None or self.fit is None:
            return True
        moved = abs(fit.estimate - self.fit.estimate)
        least = self.rules.material_change * self.mid
        return moved >= least if math.isfinite(least) else moved > self.fit.se


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence(Body):
    """The body of evidence of one analysis: its poolable comparisons, as `Review.effects` gives them.

    Attributes
    ----------
    fit : Pooled or None
        Their pooled result; of one comparison its own result; None without any, and where the comparisons are shown
        and not combined.
    missing : tuple of str
        Trials that report the outcome but have no comparison that can be pooled. Trials whose results the protocol
        leaves out, or whose patients stand in another one, are not missing.
    withheld : tuple of str
        Those among them that may be missing because of their result: the source gives neither numbers that hold a
        standard error nor a difference that is significant.
    untimed : int
        How many of the missing trials state no time for any of their results: nobody knows that they report this
        window.
    left_out : int
        Further trials that report the outcome, all of whose results the protocol leaves out.
    in_words : int
        Further trials that tell of it in words alone, where it is a harm.
    told : tuple of int
        How many of the trials without a usable effect point to smaller values, to larger ones, and to neither side.
    """

    fit: Pooled | None
    missing: tuple[str, ...]
    withheld: tuple[str, ...]
    told: tuple[int, int, int]
    untimed: int = 0
    left_out: int = 0
    in_words: int = 0

    @property
    def share(self) -> Floats:
        """Share of each comparison in the weight, shape (k,); in the patients where nothing was combined."""
        if self.fit is not None:
            return self.fit.weights / 100.0
        sizes = self.effects["n"].to_numpy(float)
        sizes = sizes if np.isfinite(sizes).all() else np.ones(len(sizes))
        return sizes / sizes.sum() if len(sizes) else sizes

    @property
    def n(self) -> float:
        """People in the comparisons, as far as it is known."""
        return float(self.effects["n"].sum())

    def only(self, keep: np.ndarray) -> Pooled | None:
        """Pool some of the comparisons as all of them were pooled; None if there are none, or too few to combine."""
        return combine(self.effects, self.rule) if keep.all() else self.rule.combine(self.effects[keep])[0]

    @cached_property
    def without_indirect(self) -> Pooled | None:
        """The result of the comparisons alone that fit the question fully."""
        return self.only(self.direct)


def gather(review: Review, analysis: str | Analysis, mid: float | None = None) -> Evidence:
    """Gather the body of evidence of an analysis.

    Where the protocol does not pool because several comparisons of one trial are kept correlated, they are pooled
    here as one average a trial, for a rating needs one interval. What is shown and not combined stays so.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    mid : float, optional
        Important difference in place of the protocol's, in the units of the measure (a ratio for ratios).

    Returns
    -------
    Evidence

    Raises
    ------
    DataError
        If the analysis is unknown, the protocol's rules name an unknown one or an unknown outcome, or `mid` is no
        positive number (for ratios: is 1 or less).
    """
    question = review.analysis(analysis)
    own = review.analyses.get(question.id) == question
    evidence = _gather(review, question.id) if own else _gather.__wrapped__(review, question)
    if mid is None:
        return evidence
    measure, sd, risk = evidence.measure, evidence.sd, evidence.risk
    least = important_difference(review, question, measure, mid=mid, sd=sd, risk=risk)
    return replace(evidence, mid=least, named=True)


@lru_cache(maxsize=256)
def _gather(review: Review, analysis: str | Analysis) -> Evidence:
    _check_names(review)
    rules = review.protocol.certainty
    model = review.protocol.model_of(review.analysis(analysis))
    result = as_declared(review, analysis) if isinstance(analysis, str) else synthesise(review, analysis)
    if result.fit is None and model.multi_arm == "correlated":
        result = synthesise(review, analysis, multi_arm="average")
    question, effects = result.analysis, result.effects
    rule = rule_of(review.protocol, question, result.measure)
    direct_effects = review.effects(question, indirect=False)
    keys = ["trial_id", "arm_id", "comparator_arm_id", "result_ids"]
    known = set(direct_effects[keys].itertuples(index=False, name=None))
    direct = np.array([key in known for key in effects[keys].itertuples(index=False, name=None)], dtype=bool)
    risks = comparator_risks(review, effects)
    risk = float(risks["risk"].median()) if len(risks) else math.nan
    sd = implied_sd(effects, result.measure) if measure_of(result.measure).difference_of_means else math.nan
    rest, (in_words, out) = result.missing, told_in_words(review, result)
    return Evidence(
        analysis=question,
        measure=result.measure,
        effects=effects,
        missing=tuple(rest["study"].unique()),
        left_out=result.left_out + out,
        in_words=in_words,
        withheld=withheld(review, question, rest),
        untimed=untimed(rest),
        told=_told(review, question),
        fit=result.fit or (combine(effects, rule) if question.spec.pooled else None),
        direct=direct,
        mid=important_difference(review, question, result.measure, sd=sd, risk=risk),
        named=names_difference(review, question.outcome, result.measure),
        sd=sd,
        risk=risk,
        rules=rules,
        rule=rule,
        note="" if result.fit is not None or len(effects) < 2 else result.note,
    )


def combine(effects: pd.DataFrame, rule: PoolingRule) -> Pooled | None:
    """Pool comparisons by the rule; one comparison stands for itself; None if there are none, or too few."""
    if len(effects) == 1:
        return replace(rule, minimum=1).combine(effects)[0]
    return rule.combine(effects)[0]


def _check_names(review: Review) -> None:
    """Refuse rules that name an analysis or outcome which the protocol does not have."""
    rules, protocol = review.protocol.certainty, review.protocol
    named = [("overrides", entry.analysis, "analysis", tuple(review.analyses)) for entry in rules.overrides]
    named += [("mid_range", outcome, "outcome", tuple(protocol.outcomes)) for outcome in rules.mid_range]
    if rules.response_outcome is not None:
        named.append(("response_outcome", rules.response_outcome, "outcome", tuple(protocol.outcomes)))
    for key, name, kind, known in named:
        if name not in known:
            raise DataError(
                f"review.yaml, certainty.{key}: there is no {kind} '{name}'; use one of {', '.join(known)}"
            )


def untimed(missing: pd.DataFrame) -> int:
    """Count the missing trials of which every result lacks its time."""
    every = missing["study"]
    return int(every.nunique() - every[timed(missing["reason_kind"])].nunique())


def timed(reasons: pd.Series[Any]) -> np.ndarray:
    """Which comparisons that cannot be pooled have a result whose time is stated."""
    return np.array([set(kinds.parts) != {"time not stated"} for kinds in reasons], dtype=bool)


def withheld(review: Review, analysis: Analysis, missing: pd.DataFrame) -> tuple[str, ...]:
    """Trials among the missing whose numbers may be missing because of what they would show."""
    alpha = 1.0 - review.protocol.model_of(analysis).level + 1e-9
    unprinted = np.array([_PRINTED.isdisjoint(kinds.parts) for kinds in missing["reason_kind"]], dtype=bool)
    window, rows = review.protocol.windows[analysis.window], review.contrast_results
    here = (rows["outcome"] == analysis.outcome) & rows["timepoint_weeks"].map(window.holds)
    tested = rows[here & rows["p_value"].notna()]
    clear = tested["p_operator"].isin(["=", "<"]) & (tested["p_value"] <= alpha)
    significant = set(tested["trial_id"]) - set(tested.loc[~clear, "trial_id"])
    names = (name for name in missing.loc[unprinted, "trial_id"] if name not in significant)
    return tuple(dict.fromkeys(map(review.protocol.trial_of, names)))


def _told(review: Review, analysis: Analysis) -> tuple[int, int, int]:
    reports = reports_on(review, analysis)
    found = reports.directions.get("without")
    if found is None:
        return 0, 0, 0
    larger, smaller = (found.positive, found.negative)[:: reports.benefit]
    return smaller, larger, found.unclear


def names_difference(review: Review, name: str, measure: str) -> bool:
    """Tell whether a review names the important difference of an outcome: for itself, or for all of its measure."""
    outcome = review.protocol.outcomes[name]
    if outcome.minimal_important_difference is not None and measure == outcome.measure:
        return True
    field = "standard_difference" if measure in ("SMD", "MD") else "ratio"
    return field in review.protocol.certainty.model_fields_set


def important_difference(
    review: Review,
    analysis: Analysis,
    measure: str,
    *,
    mid: float | None = None,
    sd: float = math.nan,
    risk: float = math.nan,
) -> float:
    """Give the important difference on the analysis scale: the given one, the protocol's, or the rules' default.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    measure : str
    mid : float, optional
        In the units of the measure; a ratio for ratios.
    sd, risk : float
        Standard deviation and comparator's risk, from which a default is made for mean and risk differences.

    Returns
    -------
    float
        Positive; on the log scale for ratios; NaN where none is named and none can be made.

    Raises
    ------
    DataError
        If it is no positive number (for ratios: is 1 or less).
    """
    rules = review.protocol.certainty
    outcome = review.protocol.outcomes[analysis.outcome]
    if analysis.one_group:
        if mid is not None:
            raise DataError(
                f"{analysis.id} compares nothing, so there is no important difference; leave mid out"
            )
        return math.nan
    # The protocol's difference is one of the outcome's own measure.
    own = outcome.minimal_important_difference if measure == outcome.measure else None
    value = mid if mid is not None else own
    if value is None:
        defaults = {
            "SMD": rules.standard_difference,
            "MD": rules.standard_difference * sd,
            "RD": risk * (1.0 - 1.0 / rules.ratio),
        }
        return defaults.get(measure, math.log(rules.ratio))
    least = measure_of(measure).natural(0.0)
    if not (math.isfinite(value) and value > least):
        raise DataError(
            f"the important difference of {analysis.outcome} is {value:g}; give a number above {least:g}"
        )
    return measure_of(measure).analysed(value)
