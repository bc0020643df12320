"""The result of a Bayesian meta-analysis: posteriors of effect and tau, shrinkage, prediction and Bayes factors."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, nan

import numpy as np
import pandas as pd

from evidence.columns import Origin
from evidence.errors import DataError
from evidence.models.bayes.grid import integrate, null_conditional
from evidence.models.bayes.marginal import NormalMixture, TauPosterior
from evidence.models.bayes.priors import EffectPrior, TauPrior
from evidence.models.core.studies import Floats
from evidence.results import Shown, lasting_property, number

__all__ = ["Posterior"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Posterior(Shown):
    """Result of `bayes`. What takes time, such as intervals, is computed when first asked for.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> result = ev.bayes(effect, variance, tau_prior=ev.priors.half_normal(0.5))
    >>> print(result.summary().splitlines()[0])
    Bayesian random-effects model (k = 6)
    """

    effect: Floats
    """Study effects, shape (k,)."""
    variance: Floats
    labels: tuple[str, ...]
    effect_prior: EffectPrior
    tau_prior: TauPrior
    level: float
    mean_effect: NormalMixture
    """Posterior of the mean effect."""
    tau: TauPosterior
    """Posterior of the between-study standard deviation."""
    prediction: NormalMixture
    """Posterior predictive distribution of the true effect in a new study."""
    note: str
    measure: str = ""
    """What the effects are, by code; empty if it is not known."""
    origin: Origin | None = None
    """Where the studies stood among the rows given; None for arrays without labels of which none was left out."""

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.effect.size

    @property
    def estimate(self) -> float:
        """Posterior median of the mean effect."""
        return self.mean_effect.median

    @property
    def ci_low(self) -> float:
        """Lower end of the shortest credible interval of the mean effect."""
        return self._effect_interval[0]

    @property
    def ci_high(self) -> float:
        """Upper end of the shortest credible interval of the mean effect."""
        return self._effect_interval[1]

    @property
    def prediction_low(self) -> float:
        """Lower end of the shortest interval of prediction."""
        return self._prediction_interval[0]

    @property
    def prediction_high(self) -> float:
        """Upper end of the shortest interval of prediction."""
        return self._prediction_interval[1]

    @property
    def log_marginal_likelihood(self) -> float:
        """Log of the probability density of the data; NaN under an improper prior, which leaves it undefined."""
        proper = self.tau_prior.proper and np.isfinite(self.effect_prior.sd)
        return self.tau.grid.log_evidence if proper else nan

    @property
    def log_bayes_factor_tau(self) -> float:
        """Log Bayes factor for tau = 0 against the tau prior; NaN if that is improper."""
        return self.tau.grid.log_zero - self.tau.grid.log_evidence if self.tau_prior.proper else nan

    @lasting_property
    def log_bayes_factor_effect(self) -> float:
        """Log Bayes factor for a mean effect of zero against the effect prior; NaN if that is flat."""
        if not np.isfinite(self.effect_prior.sd):
            return nan
        null = integrate(
            null_conditional(self.effect, self.variance), self.tau_prior, self.effect, self.variance
        )
        return null.log_evidence - self.tau.grid.log_evidence

    @property
    def bayes_factor_tau(self) -> float:
        """Bayes factor for tau = 0; above 1 the data favour homogeneity."""
        return _exp(self.log_bayes_factor_tau)

    @property
    def bayes_factor_effect(self) -> float:
        """Bayes factor for no mean effect; above 1 the data favour zero."""
        return _exp(self.log_bayes_factor_effect)

    def probability(self, below: float = 0.0, of: str = "effect") -> float:
        """Posterior probability that the mean effect (or, `of="prediction"`, a new study's effect) is below a value.

        Raises
        ------
        DataError
            If `below` is not a number or `of` is unknown.
        """
        if np.isnan(below):
            raise DataError("below must be a number, not NaN.")
        if of not in ("effect", "prediction"):
            raise DataError(f"of must be 'effect' or 'prediction', not {of!r}.")
        return float((self.mean_effect if of == "effect" else self.prediction).cdf(below))

    def study(self, position: int) -> NormalMixture:
        """Posterior of one study's true effect, by its position from 0."""
        tau, weight = self.tau.grid.nodes()
        origin, variance = self.mean_effect.origin, self.variance[position]
        trust = np.square(tau) / (np.square(tau) + variance)
        means = trust * (self.effect[position] - origin) + (1.0 - trust) * self.mean_effect.means
        sds = np.sqrt(trust * variance + np.square((1.0 - trust) * self.mean_effect.sds))
        return NormalMixture(origin, means, sds, weight)

    @lasting_property
    def shrinkage(self) -> pd.DataFrame:
        """One row a study: label, effect, se, and median, mean, sd and shortest interval of its true effect."""
        rows = []
        for i, label in enumerate(self.labels):
            true = self.study(i)
            low, high = true.interval(self.level)
            rows.append(
                {
                    "label": label,
                    "effect": self.effect[i],
                    "se": np.sqrt(self.variance[i]),
                    "median": true.median,
                    "mean": true.mean,
                    "sd": true.sd,
                    "low": low,
                    "high": high,
                }
            )
        return pd.DataFrame(rows)

    def to_frame(self) -> pd.DataFrame:
        """One row each for effect, tau and prediction: median, mean, mode, sd, shortest and central intervals."""
        marginals: dict[str, NormalMixture | TauPosterior] = {
            "effect": self.mean_effect,
            "tau": self.tau,
            "prediction": self.prediction,
        }
        shortest = {"effect": self._effect_interval, "prediction": self._prediction_interval}
        rows = []
        for name, marginal in marginals.items():
            low, high = shortest[name] if name in shortest else marginal.interval(self.level)
            central = marginal.interval(self.level, "central")
            rows.append(
                {
                    "quantity": name,
                    "median": marginal.median,
                    "mean": marginal.mean,
                    "mode": marginal.mode,
                    "sd": marginal.sd,
                    "low": low,
                    "high": high,
                    "central_low": central[0],
                    "central_high": central[1],
                }
            )
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Describe the posterior as a compact text table."""
        lines = [
            f"Bayesian random-effects model (k = {self.k})",
            f"  priors: effect {self.effect_prior}; tau {self.tau_prior}",
            "",
            f"  {'':<12}{'median':>10}{'mean':>10}{'sd':>10}   shortest {100 * self.level:g}% interval",
        ]
        lines += [
            f"  {row['quantity']:<12}{number(row['median']):>10}{number(row['mean']):>10}{number(row['sd']):>10}"
            f"   {number(row['low'])} to {number(row['high'])}"
            for row in self.to_frame().to_dict("records")
        ]
        lines.append(f"  P(effect < 0) = {number(self.probability())}")
        if not np.isnan(self.log_bayes_factor_tau):
            lines.append(f"  Bayes factor for tau = 0: {self.bayes_factor_tau:.4g}")
        if not np.isnan(self.log_bayes_factor_effect):
            lines.append(f"  Bayes factor for effect = 0: {self.bayes_factor_effect:.4g}")
        return "\n".join([*lines, "", self.note] if self.note else lines)

    @lasting_property
    def _effect_interval(self) -> tuple[float, float]:
        return self.mean_effect.interval(self.level)

    @lasting_property
    def _prediction_interval(self) -> tuple[float, float]:
        return self.prediction.interval(self.level)


def _exp(x: float) -> float:
    return exp(min(x, 709.0)) if x == x else nan
