"""One result by every method: estimators, intervals, predictions, trials left out, small studies, a prior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from evidence.diagnostics.influence import influence
from evidence.diagnostics.selection.fit import selection_model
from evidence.diagnostics.small_study.egger import egger
from evidence.diagnostics.small_study.pet_peese import pet_peese
from evidence.diagnostics.small_study.trim_and_fill import TrimAndFill, trim_and_fill
from evidence.diagnostics.subsets import leave_one_out
from evidence.errors import ModelError
from evidence.measures import ESTIMATORS, measure_of
from evidence.models.bayes.fit import bayes
from evidence.models.bayes.posterior import Posterior
from evidence.models.bayes.priors import half_normal
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.synthesis.synthesis import Synthesis, as_declared, synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import capital, counted, interval, number, p_value

__all__ = ["MethodChoices", "method_choices"]

METHODS = ("EE", "DL", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM")
INTERVALS = {
    "z": "z",
    "t": "t",
    "HKSJ": "HKSJ",
    "HKSJ-adhoc": "HKSJ-adhoc",
    "KR": "Kenward-Roger",
}
TRIM_AND_FILL = "trim and fill"
PREDICTIONS = {"V": "t, k - 1 degrees of freedom", "HTS": "t, k - 2 degrees of freedom", "z": "normal"}


@dataclass(frozen=True, eq=False)
class MethodChoices:
    """A combined result by every method; made by `method_choices`.

    Attributes
    ----------
    review : Review
    result : Synthesis
    fit : Pooled
        The result by the protocol's own methods.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.method_choices(review, "manual-usual-pain-short").predictions.columns.tolist()
    ['distribution', 'prediction interval']
    """

    review: Review
    result: Synthesis
    fit: Pooled

    @property
    def digits(self) -> int:
        """Decimals in which effects are written."""
        return measure_of(self.result.measure).digits

    def _written(self, value: float) -> str:
        return number(value, self.digits)

    def _span(self, low: float, high: float) -> str:
        return f"{self._written(low)} to {self._written(high)}"

    def again(self, **options: str) -> Pooled:
        """Pool the comparisons with other options of `pool`."""
        given: dict[str, Any] = {"labels": self.fit.labels, "level": self.fit.level, **options}
        return pool(self.fit.effect, self.fit.variance, **given)

    @cached_property
    def fits(self) -> dict[str, Pooled]:
        """The fit by each estimator of the variance between trials, and with equal effects (EE)."""
        return {method: self.again(method=method) for method in METHODS}

    @property
    def _spread(self) -> list[Pooled]:
        return [one for method, one in self.fits.items() if method != "EE"]

    @property
    def estimators(self) -> pd.DataFrame:
        """The variance and the result by each estimator."""
        fits = self.fits.values()
        return pd.DataFrame(
            {
                "estimator": [f"{ESTIMATORS[method].name} ({method})" for method in self.fits],
                "τ²": [one.tau2 for one in fits],
                "τ": [math.sqrt(one.tau2) for one in fits],
                "I² (%)": [one.i2 for one in fits],
                "estimate": [one.estimate for one in fits],
                f"{100 * self.fit.level:.12g}% CI": [self._span(one.ci_low, one.ci_high) for one in fits],
            }
        )

    @property
    def _moves(self) -> str:
        estimates = [one.estimate for one in self._spread]
        low, high = self._written(min(estimates)), self._written(max(estimates))
        moves = f"stays at {low}" if low == high else f"moves between {low} and {high}"
        return f"{moves} ({self._written(self.fits['EE'].estimate)} with equal effects)"

    @property
    def estimators_statement(self) -> str:
        """How far the estimators differ, beside what is not known whichever is taken."""
        taus, fit = [one.tau2 for one in self._spread], self.fit
        return (
            f"The estimators of τ² range from {number(min(taus))} to {number(max(taus))}; the Q-profile interval "
            f"for τ² alone reaches from {number(fit.tau2_low)} to {number(fit.tau2_high)}. The pooled estimate "
            f"{self._moves}. **The choice of estimator matters less than the uncertainty that all of them share.**"
        )

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Each interval of every pooled question on the same scale; those that rest on the same comparisons once."""
        rows, shown = [], set()
        for name in self.review.analyses:
            one = as_declared(self.review, name)
            comparisons = tuple(sorted(one.effects["result_ids"]))
            if one.fit is None or one.measure != self.result.measure or comparisons in shown:
                continue
            shown.add(comparisons)
            other = MethodChoices(self.review, one, one.fit)
            for ci, label in INTERVALS.items():
                again = other.again(ci=ci)
                question = f"{one.analysis.title} (k = {one.k})"
                rows.append((question, label, again.estimate, again.ci_low, again.ci_high))
        return pd.DataFrame(rows, columns=["question", "interval", "estimate", "ci_low", "ci_high"])

    @property
    def intervals_statement(self) -> str:
        """In how many combined results, and which, the intervals disagree on whether there is a difference."""
        excludes = (self.intervals["ci_low"] > 0) | (self.intervals["ci_high"] < 0)
        counts = excludes.groupby(self.intervals["question"], sort=False).nunique()
        differ = list(counts.index[counts > 1])
        which = ": " + "; ".join(differ) if differ else ""
        return (
            f"In {len(differ) or 'none'} of the {len(counts)} combined results {'' if differ else 'do '}the "
            f"intervals disagree on whether there is any difference at all{which}. With three or four trials the "
            "intervals by a t distribution (t, HKSJ, Kenward-Roger) are much wider than z, and that is honest: so "
            "few say little."
        )

    @property
    def predictions(self) -> pd.DataFrame:
        """The prediction interval by each distribution."""
        fits = [self.again(prediction=name) for name in PREDICTIONS]
        spans = [self._span(one.prediction_low, one.prediction_high) for one in fits]
        return pd.DataFrame({"distribution": PREDICTIONS.values(), "prediction interval": spans})

    @cached_property
    def strongest(self) -> pd.Series:
        """The comparison that moves the estimate most when it is left out, as a row of `leave_one_out`."""
        left_out = leave_one_out(self.fit).to_frame()
        moved = (left_out["estimate"] - self.fit.estimate).abs()
        return left_out.iloc[int(moved.to_numpy().argmax())]

    @property
    def influence_statement(self) -> str:
        """Which comparison moves the result most, and which are influential by the usual thresholds."""
        every, most, fit = influence(self.fit).to_frame(), self.strongest, self.fit
        flagged = every["label"][every["influential"]].astype(str)
        usual = (
            f"Influential by the usual thresholds: {', '.join(flagged)}."
            if len(flagged)
            else "By the usual thresholds no single comparison is influential."
        )
        return (
            f"Leaving out **{most['omitted']}** moves the estimate most, from {self._written(fit.estimate)} to "
            f"{self._written(most['estimate'])}, and τ² from {number(fit.tau2)} to {number(most['tau2'])}. {usual}"
        )

    @cached_property
    def filled(self) -> TrimAndFill:
        """The result with the comparisons that trim and fill adds."""
        return trim_and_fill(self.fit)

    @cached_property
    def small_studies(self) -> pd.DataFrame:
        """The estimate, and those that allow for missing or selected trials."""
        pet, selected = pet_peese(self.fit), selection_model(self.fit, steps=[0.025])
        found = (
            ("as pooled", self.fit, ""),
            (TRIM_AND_FILL, self.filled.filled, self.filled.note),
            ("PET-PEESE", pet, pet.note),
            ("selection model, one step at P = .025", selected, selected.note),
        )
        rows = [(name, one.estimate, one.ci_low, one.ci_high, note) for name, one, note in found]
        return pd.DataFrame(rows, columns=["method", "estimate", "CI low", "CI high", "note"])

    @property
    def asymmetry_statement(self) -> str:
        """Egger's test, with what it cannot tell."""
        test = egger(self.fit)
        return f"Egger's test of funnel asymmetry: {p_value(test.p_value)}. {test.note}"

    @property
    def _least(self) -> float:
        """The smallest important difference."""
        least = self.review.protocol.outcomes[self.result.analysis.outcome].minimal_important_difference
        if least is None:
            raise ModelError(
                f"{self.result.analysis.outcome} has no minimal_important_difference for a prior."
            )
        return least

    @cached_property
    def posterior(self) -> Posterior:
        """The result with a half-normal prior for τ, of which the smallest important difference is the scale."""
        prior = half_normal(scale=self._least)
        return bayes(
            self.fit.effect, self.fit.variance, tau_prior=prior, level=self.fit.level, labels=self.fit.labels
        )

    @property
    def posterior_statement(self) -> str:
        """The average effect and probabilities of what matters."""
        found, least = self.posterior, self._least
        values = found.estimate, found.ci_low, found.ci_high
        average = interval(*values, digits=self.digits, level=found.level, kind="credible interval")
        return (
            f"Average effect {average}. The probability that the average "
            f"favours the treatment is {_percent(found.probability(0.0))}; that it is at least as large as the "
            f"smallest important difference ({number(least, 1)}) is {_percent(found.probability(-least))}; that a "
            f"*new trial's* true effect is that large, {_percent(found.probability(-least, of='prediction'))}."
        )

    @property
    def conclusion(self) -> str:
        """How much each choice moves the result."""
        signs = {one.ci_high < 0 or one.ci_low > 0 for one in self._spread}
        return (
            f"For this question the average {self._moves} whichever random-effects estimator is used; the estimators "
            f"{'agree' if len(signs) == 1 else 'disagree'} on whether its interval excludes no difference. Leaving "
            f"out one comparison moves it to {self._written(self.strongest['estimate'])}. Allowing for missing "
            f"trials: {self._missing} **Which trials there are, and what their reports let us use, matters more "
            "than which estimator is chosen.**"
        )

    @property
    def _missing(self) -> str:
        """What each method that allows for missing trials gives, with its interval and its note, as sentences."""
        told = []
        for row in self.small_studies.iloc[1:].to_dict("records"):
            low, high = row["CI low"], row["CI high"]
            ends = interval(row["estimate"], low, high, digits=self.digits, level=self.fit.level)
            found = f"{row['method']} gives {ends}"
            if row["method"] == TRIM_AND_FILL and not self.filled.missing:
                found = f"{TRIM_AND_FILL} adds none"
            elif low <= 0.0 <= high:
                found += ", which leaves open whether there is any difference"
            told.append(capital(" ".join(filter(None, [f"{found}.", row["note"]]))))
        return " ".join(told)

    @property
    def funnel_caption(self) -> str:
        """What the funnel plot shows, with what trim and fill adds to it."""
        count = self.filled.missing
        added = f"open circles: {counted(count, 'comparison')} that {TRIM_AND_FILL} adds"
        return f"Contour-enhanced funnel plot; {added if count else f'{TRIM_AND_FILL} adds none'}."


def _percent(probability: float) -> str:
    """Write a probability in percent, without claiming certainty."""
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f}%"
    return "more than 99%" if probability > 0.5 else "less than 1%"


def method_choices(review: Review, analysis: str | Analysis) -> MethodChoices:
    """Take a combined result by every method.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis

    Returns
    -------
    MethodChoices

    Raises
    ------
    DataError
        If the analysis is unknown.
    ModelError
        If nothing is pooled.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> list(ev.method_choices(review, "manual-usual-pain-short").fits)[:2]
    ['EE', 'DL']
    """
    result = synthesise(review, analysis)
    if result.fit is None:
        raise ModelError(
            f"{result.analysis.id} has {result.k} poolable comparisons; this page needs an analysis that is pooled"
        )
    return MethodChoices(review, result, result.fit)
