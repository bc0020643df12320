"""When comparisons are combined: the one rule that every table, figure, rating and export follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.errors import DataError
from evidence.measures import NEVER_NARROWER, measure_of
from evidence.models.bayes import priors
from evidence.models.bayes.fit import bayes
from evidence.models.bayes.posterior import Posterior
from evidence.models.counts.combine import pool_counts
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.tables.protocol.protocol import Analysis, HeterogeneityPrior, Protocol
from evidence.wording import counted, in_words

__all__ = ["PoolingRule", "count_trials", "rule_of"]


def count_trials(effects: pd.DataFrame) -> int:
    """Count the trials that comparisons come from; strata of one trial are one trial."""
    return len(set(effects["study"]))


@dataclass(frozen=True)
class PoolingRule:
    """When comparisons of an analysis are combined, and what a combined result must be to be shown.

    Fewer trials than `minimum` are shown and not combined: heterogeneity cannot be told from two, and an interval
    by Hartung, Knapp, Sidik and Jonkman with one degree of freedom says nothing. A result whose interval leaves the
    scale is a result of nothing. With few trials a Bayesian result with a published distribution of the
    heterogeneity stands beside.

    Attributes
    ----------
    minimum, few : int
        Trials, not comparisons.
    widest : float
        Largest difference that the scale of the measure allows; infinite where none is known.
    prior : TauPrior or None
        Distribution of the heterogeneity on the scale of the measure.
    model : dict
        Options of `pool`: method, ci, level, prediction.
    counts : str
        How events of two groups are combined; "IV" by inverse variance.
    measure : str
    total : bool
        Whether the protocol asks for a combined result at all.

    References
    ----------
    Roever C, Knapp G, Friede T (2015). BMC Med Res Methodol 15, 99.
    Bender R et al. (2018). Res Synth Methods 9(3), 382-392.
    """

    minimum: int
    few: int
    widest: float
    prior: priors.TauPrior | None
    model: Mapping[str, Any]
    counts: str = "IV"
    measure: str = ""
    total: bool = True

    def hindrance(self, trials: int) -> str:
        """Why so many trials are not combined; "" if they are."""
        if trials >= self.minimum:
            return ""
        return f"fewer than {in_words(self.minimum)} trials are shown and not combined"

    def leaves_scale(self, low: float, high: float) -> bool:
        """Whether an interval goes beyond every difference that the scale allows."""
        return max(abs(low), abs(high)) > self.widest

    def combine(self, effects: pd.DataFrame) -> tuple[Pooled | None, str]:
        """Pool comparisons, or say why not.

        Parameters
        ----------
        effects : DataFrame
            As `Review.effects` gives them.

        Returns
        -------
        fit : Pooled or None
        hindrance : str
            Why nothing was pooled; "" if it was.
        """
        by_counts = self.counts != "IV" and measure_of(self.measure).of == "events"
        hindrance = self.hindrance(count_trials(effects))
        if not self.total:
            hindrance = "the protocol asks for no total"
        elif (
            not hindrance
            and by_counts
            and ("events_arm" not in effects or effects["events_arm"].isna().any())
        ):
            hindrance = (
                f"some are without counts, from which the protocol wants the total (counts: {self.counts})"
            )
        if hindrance:
            return None, hindrance
        labels = list(effects["label"])
        if by_counts:
            a, c = effects["events_arm"], effects["events_comparator"]
            cells = a, effects["n_arm"] - a, c, effects["n_comparator"] - c
            fit = pool_counts(*cells, measure=self.measure, counts=self.counts, labels=labels, **self.model)
        else:
            # What one group has says nothing without its measure; a difference is told with the outcome's words.
            own = self.measure if measure_of(self.measure).one_group else None
            fit = pool(effects["effect"], effects["variance"], labels=labels, measure=own, **self.model)
        if self.leaves_scale(fit.ci_low, fit.ci_high):
            return None, "the interval of the combined result would leave the scale, so it says nothing"
        return fit, ""

    def beside(self, effects: pd.DataFrame, fit: Pooled | None) -> Posterior | None:
        """Bayesian result that stands beside a pooled one of few trials; None where none is asked for."""
        if fit is None or self.prior is None or count_trials(effects) > self.few:
            return None
        return bayes(
            fit.effect, fit.variance, tau_prior=self.prior, level=fit.level, labels=list(effects["label"])
        )

    def note(self, effects: pd.DataFrame, fit: Pooled | None) -> str:
        """What a reader must know of a result of few trials, in a sentence; "" of others."""
        trials = count_trials(effects)
        if fit is None or trials > self.few:
            return ""
        never = f"; the interval is {NEVER_NARROWER}" if fit.ci == "HKSJ-adhoc" else ""
        return f"{counted(trials, 'trial')} tell little about how much effects vary{never}."


def rule_of(protocol: Protocol, analysis: Analysis, measure: str, **options: Any) -> PoolingRule:
    """Give the rule for an analysis.

    Parameters
    ----------
    protocol : Protocol
    analysis : Analysis
    measure : str
        Measure of the effects.
    **options
        Options of `pool`, and ``counts``, that differ from the protocol's model.

    Returns
    -------
    PoolingRule

    Raises
    ------
    DataError
        If ``counts`` is not "IV", "MH" or "PETO".
    """
    model, outcome = protocol.model_of(analysis), protocol.outcomes[analysis.outcome]
    known = {
        "method": model.method,
        "ci": model.interval,
        "level": model.level,
        "prediction": model.prediction,
        "counts": model.counts,
        **options,
    }
    counts = known.pop("counts")
    if counts not in ("IV", "MH", "PETO"):
        raise DataError(f"counts is '{counts}'; use IV, MH or PETO")
    return PoolingRule(
        model.minimum_studies,
        model.few_studies,
        outcome.limit(measure),
        _prior(outcome.heterogeneity, measure),
        known,
        counts,
        measure,
        analysis.spec.pooled,
    )


def _prior(known: HeterogeneityPrior | None, measure: str) -> priors.TauPrior | None:
    """Put a published distribution on the scale of a measure; None where it fits none."""
    if known is None or measure_of(measure).ratio != (known.distribution == "turner2015"):
        return None
    if (
        measure == "RD" or measure_of(measure).one_group
    ):  # they are of comparisons, as is what is published of them
        return None
    prior = getattr(priors, known.distribution)(known.outcome, known.comparison)
    return priors.scaled(prior, known.sd) if measure == "MD" and not math.isclose(known.sd, 1.0) else prior
