"""One analysis of a protocol from its tables to its pooled result."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.comparisons import comparisons, pooled_rows, undivided
from evidence.effects.reported.reasons import lacks_numbers, step
from evidence.measures import IDENTITY, INTERVALS, measure_of
from evidence.models.bayes.posterior import Posterior
from evidence.models.pooled import Pooled
from evidence.results import Shown, again, lasting_property
from evidence.synthesis.rule import count_trials, rule_of
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import Listed, counted, interval, number, parts_of, ratio_number

__all__ = ["POOL_OPTIONS", "Synthesis", "as_declared", "missing_trials", "synthesise"]

POOL_OPTIONS = ("method", "ci", "level", "prediction", "counts")
"""Options that concern the model; the others concern the choice of results."""


@dataclass(frozen=True, eq=False, repr=False)
class Synthesis(Shown):
    """An analysis with everything that bears on it.

    Attributes
    ----------
    analysis : Analysis
        The question.
    measure : str
        Measure of the effect.
    effects : DataFrame
        The poolable comparisons, as `Review.effects` gives them; where too few trials are combined, each is the
        trial's own, and of an arm in several of them only the people in `n` are divided, for the total.
    not_poolable : DataFrame
        The other comparisons, each with its reason.
    fit : Pooled or None
        The pooled result; None with fewer trials than the protocol asks for, with an interval that leaves the scale
        (`evidence.synthesis.rule`), or with several of one trial that were kept correlated (pool those with
        `shared_covariance` and a model that takes it).
    bayes : Posterior or None
        With few trials, the result under a published distribution of the heterogeneity, beside the pooled one.
    note : str
        A sentence that says what was pooled, or why nothing was.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> result = ev.synthesise(review, "massage-inactive-pain-short")
    >>> result.effects.columns[:3].tolist()
    ['analysis', 'trial_id', 'study']
    """

    analysis: Analysis
    measure: str
    effects: pd.DataFrame
    not_poolable: pd.DataFrame
    fit: Pooled | None
    note: str
    bayes: Posterior | None = None

    @property
    def ratio(self) -> bool:
        """Whether the measure is a ratio, which is pooled as its logarithm."""
        return measure_of(self.measure).ratio

    @property
    def scale(self) -> str:
        """Name of the scale on which results are told; of a ratio, also whose standard error stands beside it."""
        measure = measure_of(self.measure)
        name = measure.name.lower()
        analysed = "its logarithm" if measure.ratio else f"the {measure.title}"
        return name if measure.transform is IDENTITY else f"{name} (se and tau2 of {analysed})"

    def shown(self, value: float) -> float:
        """Take a value of the analysis to the scale on which it is told: a log to a ratio, a logit to a share."""
        return float(measure_of(self.measure).natural(value))

    @property
    def k(self) -> int:
        """Number of poolable comparisons."""
        return len(self.effects)

    @property
    def trials(self) -> int:
        """Number of trials that they come from."""
        return count_trials(self.effects)

    @property
    def n(self) -> float:
        """Number of patients in them, where it is known or assumed."""
        return float(self.effects["n"].sum())

    @property
    def at_least(self) -> bool:
        """Whether there are more patients than that, because a trial does not state how many it has."""
        return bool(self.effects["n"].isna().any())

    @property
    def reported(self) -> pd.DataFrame:
        """Comparisons that were reported for this outcome and window but cannot be pooled."""
        return _reported(self.not_poolable).reset_index(drop=True)

    @lasting_property
    def missing(self) -> pd.DataFrame:
        """Those of trials that report the outcome and give usable numbers in none, as `missing_trials` gives them."""
        return missing_trials(self.reported, self.effects)

    @property
    def left_out(self) -> int:
        """Number of trials that report the outcome, all of whose results the protocol leaves out."""
        return len({*self.reported["study"]}.difference(self.effects["study"], self.missing["study"]))

    def to_frame(self) -> pd.DataFrame:
        """One row: analysis, measure, k, trials, n, model, estimate with interval, prediction and heterogeneity.

        Estimate, interval and prediction are on the scale that `scale` names: ratios are ratios and proportions
        shares, while se and tau2 are those of the logarithm or logit. There is no P value where zero means nothing.
        """
        row: dict[str, Any] = {
            "analysis": self.analysis.id,
            "measure": self.measure,
            "k": self.k,
            "trials": self.trials,
            "n": self.n,
        }
        if self.fit is not None:
            fit = self.fit
            row |= {
                "model": _model_words(fit),
                "scale": self.scale,
                "estimate": self.shown(fit.estimate),
                "se": fit.se,
                "ci_low": self.shown(fit.ci_low),
                "ci_high": self.shown(fit.ci_high),
                "level": fit.level,
                "p_value": fit.p_value if measure_of(self.measure).has_null else math.nan,
                "prediction_low": self.shown(fit.prediction_low),
                "prediction_high": self.shown(fit.prediction_high),
                "tau2": fit.tau2,
                "tau2_low": fit.tau2_low,
                "tau2_high": fit.tau2_high,
                "i2": fit.i2,
                "q": fit.q,
                "q_df": fit.q_df,
                "q_p": fit.q_p,
            }
        if self.bayes is not None:
            row |= {
                "bayes_estimate": self.shown(self.bayes.estimate),
                "bayes_low": self.shown(self.bayes.ci_low),
                "bayes_high": self.shown(self.bayes.ci_high),
            }
        row["not_poolable"] = len(self.reported)
        row["note"] = self.note
        return pd.DataFrame([row])

    def _counted(self) -> str:
        """Count comparisons and trials, or groups and studies where nothing is compared, in words."""
        each, of = _NOUNS[self.analysis.one_group]
        return f"{counted(self.k, each)} from {counted(self.trials, *of)}"

    def _people(self) -> str:
        """Count the patients in words."""
        if self.k and self.effects["n"].isna().all():
            return "numbers of patients not stated"
        people = counted(round(self.n), "patient")
        if self.at_least:
            people = f"at least {people} (not every trial states its size)"
        return people

    @property
    def provenance(self) -> str:
        """A line for a figure: how many comparisons, trials and patients it shows, and where they come from."""
        source = "How each follows from its source: the review's table of effects."
        return f"{self._counted()}, {self._people()}. {source}"

    def sentence(self) -> str:
        """The result in words: estimate with interval on a readable scale, k, trials, n, model, heterogeneity."""
        measure = measure_of(self.measure)
        words, digits, shown, sign = measure.name.lower(), measure.digits, measure.told, measure.sign
        people = self._people()
        if self.fit is None:
            names = ("effect", "ci_low", "ci_high")
            single = [
                f"{row['label']}: {words} "
                + interval(
                    *(shown(row[name]) for name in names), digits=digits, ratio=measure.keeps_small, sign=sign
                )
                for row in self.effects.to_dict("records")
            ]
            return " ".join([self.note, *(f"{text}." for text in single)])
        fit = self.fit
        pooled = interval(
            *(shown(value) for value in (fit.estimate, fit.ci_low, fit.ci_high)),
            digits=digits,
            level=fit.level,
            ratio=measure.keeps_small,
            sign=sign,
        )
        by = {"MH": "Mantel-Haenszel, ", "PETO": "Peto, "}.get(fit.counts, "")
        predicted = ""
        if not math.isnan(fit.prediction_low):
            write = ratio_number if measure.keeps_small else number
            low, high = (
                f"{write(shown(value), digits)}{sign}" for value in (fit.prediction_low, fit.prediction_high)
            )
            predicted = f"{100 * fit.level:.12g}% prediction interval {low} to {high}; "
        return (
            f"{words.capitalize()} {pooled}; {self._counted()}, {people}; {by}{fit.method}, "
            f"interval: {INTERVALS[fit.ci].name}; "
            f"{predicted}I² {number(fit.i2, 0)}%."
            + (f" {fit.caution}" if fit.caution else "")
            + self._few(shown, digits)
        )

    def _few(self, shown: Callable[[float], float], digits: int) -> str:
        """The Bayesian result of few trials, as a sentence; "" where there is none."""
        if self.bayes is None:
            return ""
        low, high = (number(shown(value), digits) for value in (self.bayes.ci_low, self.bayes.ci_high))
        return (
            f" With a published distribution of the heterogeneity ({self.bayes.tau_prior.source}): "
            f"{number(shown(self.bayes.estimate), digits)} ({100 * self.bayes.level:.12g}% credible interval {low} "
            f"to {high})."
        )

    def summary(self) -> str:
        """The question, the note and, where there is one, the pooled result as text."""
        lines = [self.analysis.title, self.note]
        if self.fit is not None:
            lines.append(self.sentence())
            if measure_of(self.measure).transform is not IDENTITY:
                lines.append(f"On the scale of the analysis, {measure_of(self.measure).title}:")
            lines.append(self.fit.summary())
        return "\n".join(lines)


def _model_words(fit: Pooled) -> str:
    counts = {"MH": "Mantel-Haenszel, ", "PETO": "Peto, "}.get(fit.counts, "")
    return f"{counts}{fit.method}, {fit.ci}"


def synthesise(review: Review, analysis: str | Analysis, **overrides: Any) -> Synthesis:
    """Pool the poolable comparisons of an analysis under the protocol's model.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
        The analysis or its id.
    **overrides
        Options of `pool` (method, ci, level, prediction), ``counts`` ("IV", "MH" or "PETO": how events of two groups
        are combined), and fields of
        `evidence.effects.choosing.choices.Choices`, that differ from the protocol.

    Returns
    -------
    Synthesis

    Raises
    ------
    DataError
        If the analysis or an option is unknown.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> result = ev.synthesise(review, "massage-inactive-pain-short")
    >>> result.fit.method
    'REML'
    """
    question = review.analysis(analysis)
    if overrides or review.analyses.get(question.id) != question:
        return _synthesise(review, question, overrides)
    known = as_declared(review, question.id)
    result = object.__new__(Synthesis)  # its arrays are sealed, and need not be again
    tables = {name: again(getattr(known, name)) for name in ("effects", "not_poolable")}
    vars(result).update(vars(known) | tables)
    return result


@lru_cache(maxsize=256)
def as_declared(review: Review, analysis: str) -> Synthesis:
    """Pool an analysis as the protocol says, once; all who ask share the result, and only read its tables."""
    return _synthesise(review, review.analysis(analysis), {})


def _synthesise(review: Review, question: Analysis, overrides: dict[str, Any]) -> Synthesis:
    options = {name: value for name, value in overrides.items() if name in POOL_OPTIONS}
    choices = {name: value for name, value in overrides.items() if name not in POOL_OPTIONS}
    made = Choices.of(review, choices, analysis=question, beside=POOL_OPTIONS)
    frame = comparisons(review, question, **choices)
    rest = frame[frame["status"] != "pooled"].reset_index(drop=True)
    effects = pooled_rows(frame)
    measure = made.measure or review.protocol.pooled_measure(question)
    rule = rule_of(review.protocol, question, measure, **options)
    if made.multi_arm == "correlated" and effects["trial_id"].duplicated().any():
        fit, hindrance = (
            None,
            ("some are from one trial and kept correlated, which a model of independent effects cannot take"),
        )
    else:
        fit, hindrance = rule.combine(effects)
    if not rule.total or rule.hindrance(count_trials(effects)):
        effects = pooled_rows(undivided(review, question, **choices)).assign(n=effects["n"])
    if fit is not None and fit.counts == "PETO":
        effects = _with_effects_of(effects, fit)
    said = _note(effects, rest, hindrance, question.one_group)
    note = " ".join(filter(None, [said, rule.note(effects, fit)]))
    return Synthesis(question, measure, effects, rest, fit, note, rule.beside(effects, fit))


def missing_trials(rest: pd.DataFrame, effects: pd.DataFrame, key: str = "study") -> pd.DataFrame:
    """Give what is reported without usable numbers, by trials without any.

    Parameters
    ----------
    rest : DataFrame
        Refused comparisons, with `key` and reason_kind (the reasons in its parts).
    effects : DataFrame
        The comparisons that can be used, with `key`.
    key : str
        Column that names the trial.

    Returns
    -------
    DataFrame
        Rows of `rest`. What the protocol leaves out is not missing.
    """
    lacking = np.array([lacks_numbers(kinds.parts) for kinds in rest["reason_kind"]], dtype=bool)
    return rest[lacking & ~rest[key].isin(effects[key]).to_numpy()]


def _reported(rest: pd.DataFrame) -> pd.DataFrame:
    return rest[rest["reason_kind"] != "not reported"]


def _with_effects_of(effects: pd.DataFrame, fit: Pooled) -> pd.DataFrame:
    """Put the effects that were pooled in the place of those from the same counts by inverse variance."""
    se = np.sqrt(fit.variance)
    half = float(ndtri(0.5 + fit.level / 2)) * se
    said = [
        Listed.of(
            [*parts_of(text), step(f"Peto's log odds ratio {effect:.4g}, variance {variance:.4g}")], ". ", "."
        )
        for text, effect, variance in zip(effects["derivation"], fit.effect, fit.variance, strict=True)
    ]
    return effects.assign(
        effect=fit.effect,
        variance=fit.variance,
        se=se,
        ci_low=fit.effect - half,
        ci_high=fit.effect + half,
        derivation=pd.Series(said, index=effects.index, dtype=object),
    )


_NOUNS = {False: ("comparison", ("trial",)), True: ("group", ("study", "studies"))}
"""What is pooled and where it comes from, by whether the measure takes one group."""


def _note(effects: pd.DataFrame, rest: pd.DataFrame, hindrance: str, one_group: bool) -> str:
    each, of = _NOUNS[one_group]
    trials = count_trials(effects)
    found = counted(len(effects), f"poolable {each}")
    if trials:
        found += f" from {counted(trials, *of)}"
    others = f"{counted(len(_reported(rest)), f'further {each}')} reported but not poolable"
    if hindrance:
        why = f"; {hindrance}" if trials else ""
        return f"Not combined: {found}{why}; {others}."
    return f"{found}; {others}."
