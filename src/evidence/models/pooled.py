"""The result of pooling: what was estimated, how uncertain it is, and what a reader should know about it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from math import log, nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from evidence.errors import DataError
from evidence.models.heterogeneity import q_and_trace, tau2_standard_error
from evidence.models.intervals import Mean, prediction_interval, profile_interval, q_profile_interval
from evidence.models.likelihood import log_likelihood, peaks
from evidence.models.studies import Floats, Studies, arrange

__all__ = ["Pooled", "tau2_interval"]


@dataclass(frozen=True, eq=False, repr=False)
class Pooled:
    """Result of `pool`.

    What a plain fit does not need (the interval for tau2, likelihoods, weights, ...) is computed when first asked for.
    """

    effect: Floats
    """Study effects, shape (k,)."""
    variance: Floats
    """Their sampling variances, shape (k,)."""
    labels: tuple[str, ...]
    method: str
    ci: str
    level: float
    prediction: str
    k: int
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    """Estimate over standard error; NaN where the standard error is zero."""
    p_value: float
    df: float
    """Degrees of freedom of the statistic; infinite for the normal distribution."""
    tau2: float
    q: float
    """Cochran's Q."""
    q_df: int
    i2: float
    """Percent of the variance of a typical study that is due to heterogeneity."""
    h2: float
    given_weights: Floats | None = None
    """Weights given for GENQ, shape (k,)."""
    tau2_given: bool = False
    """Whether tau2 was given instead of estimated; it then has no standard error and no interval."""

    @cached_property
    def q_p(self) -> float:
        """P value of Cochran's Q; 1 with one study."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else 1.0

    @property
    def tau(self) -> float:
        """Between-study standard deviation."""
        return float(np.sqrt(self.tau2))

    @cached_property
    def weights(self) -> Floats:
        """Weights of the studies in percent, shape (k,)."""
        weight = 1.0 / (self.variance + self.tau2) if self.given_weights is None else self.given_weights
        return 100.0 * weight / weight.sum()

    @cached_property
    def tau2_se(self) -> float:
        """Standard error of tau2; NaN for equal effects or one study."""
        if self.k < 2 or not self._estimated:
            return nan
        return tau2_standard_error(self.method, self.effect, self.variance, self.tau2, self.given_weights)

    @property
    def tau2_low(self) -> float:
        """Lower limit of the Q-profile interval for tau2; NaN for equal effects or one study."""
        return self._tau2_interval[0]

    @property
    def tau2_high(self) -> float:
        """Upper limit of the Q-profile interval for tau2; NaN for equal effects or one study."""
        return self._tau2_interval[1]

    @property
    def i2_low(self) -> float:
        """I2 at the lower limit of tau2."""
        return self._i2(self.tau2_low)

    @property
    def i2_high(self) -> float:
        """I2 at the upper limit of tau2."""
        return self._i2(self.tau2_high)

    @property
    def h2_low(self) -> float:
        """H2 at the lower limit of tau2."""
        return self.tau2_low / self._typical_variance + 1.0

    @property
    def h2_high(self) -> float:
        """H2 at the upper limit of tau2."""
        return self.tau2_high / self._typical_variance + 1.0

    @property
    def prediction_low(self) -> float:
        """Lower limit of the prediction interval; NaN for equal effects or one study."""
        return self._prediction[0]

    @property
    def prediction_high(self) -> float:
        """Upper limit of the prediction interval; NaN for equal effects or one study."""
        return self._prediction[1]

    @cached_property
    def log_likelihood(self) -> float:
        """Log-likelihood at tau2 and the estimate: the restricted one for REML, else the full one."""
        centre = None if self.given_weights is None else self.estimate - float(self._studies.anchor_effect)
        restricted = self.method == "REML"
        return float(log_likelihood(self._studies, self.tau2, restricted=restricted, centre=centre))

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self._parameters

    @property
    def bic(self) -> float:
        """Bayesian information criterion; under REML the number of contrasts, k - 1, counts as the sample size."""
        n = self.k - (self.method == "REML")
        return -2.0 * self.log_likelihood + self._parameters * log(n) if n else nan

    @property
    def aicc(self) -> float:
        """Akaike's information criterion, corrected for small samples."""
        p = self._parameters
        n = max(self.k - (self.method == "REML"), p + 2)
        return -2.0 * self.log_likelihood + 2.0 * p * n / (n - p - 1)

    @cached_property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        if self.k == 1:
            return "One study: tau2 cannot be estimated, and the interval is the study's own (normal distribution)."
        notes = []
        if self.ci == "HKSJ" and self.se == 0.0:
            notes.append(
                "All effects are equal, so the HKSJ interval has no width and no test; prefer HKSJ-adhoc."
            )
        if self.method != "EE" and self.tau2 == 0.0:
            notes.append("The estimate of tau2 is on its boundary, zero.")
        if self.method != "EE" and self.tau2_high == 0.0:
            notes.append(
                "The effects scatter less than sampling error alone explains: the interval for tau2 is empty."
            )
        if self.method in ("REML", "ML"):
            notes.extend(self._likelihood_notes())
        return " ".join(notes)

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, effect, variance, se, ci_low, ci_high (normal, at `level`) and weight (percent)."""
        se = np.sqrt(self.variance)
        half = ndtri(0.5 + 0.5 * self.level) * se
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "effect": self.effect,
                "variance": self.variance,
                "se": se,
                "ci_low": self.effect - half,
                "ci_high": self.effect + half,
                "weight": self.weights,
            }
        )

    def summary(self) -> str:
        """Describe the fit as a compact text table."""
        percent = f"{100 * self.level:g}%"
        model = (
            "Equal-effects model" if self.method == "EE" else f"Random-effects model, tau2 by {self.method}"
        )
        df = "" if np.isinf(self.df) else f", df = {self.df:.4g}"
        lines = [
            f"{model} (k = {self.k})",
            "",
            f"  Estimate      {self.estimate:10.4f}   {percent} CI {_span(self.ci_low, self.ci_high)}   ({self.ci}{df})",
            f"  SE            {self.se:10.4f}   statistic {self.statistic:.4f}, P {_p(self.p_value)}",
        ]
        if self.method != "EE":
            lines += [
                f"  Prediction                {percent} PI {_span(self.prediction_low, self.prediction_high)}"
                f"   ({self.prediction})",
                f"  tau2          {self.tau2:10.4f}   {percent} CI {_span(self.tau2_low, self.tau2_high)}"
                f"   SE {self.tau2_se:.4f}",
                f"  I2 (%)        {self.i2:10.1f}   {percent} CI {_span(self.i2_low, self.i2_high, 1)}",
            ]
        lines.append(f"  Q             {self.q:10.4f}   df = {self.q_df}, P {_p(self.q_p)}")
        return "\n".join([*lines, "", self.note] if self.note else lines)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    @cached_property
    def _studies(self) -> Studies:
        return arrange(self.effect, self.variance)[0]

    @cached_property
    def _typical_variance(self) -> float:
        """Sampling variance of a typical study (Higgins and Thompson 2002): (k - 1) / tr P."""
        return float((self.k - 1) / q_and_trace(self._studies, 0.0)[1]) if self.k > 1 else nan

    @cached_property
    def _tau2_interval(self) -> tuple[float, float]:
        return tau2_interval(self) if self._estimated else (nan, nan)

    @cached_property
    def _prediction(self) -> tuple[float, float]:
        if self.method == "EE":
            return nan, nan
        mean = Mean(self.estimate, self.se, self.ci_low, self.ci_high, self.statistic, self.p_value, self.df)
        low, high = prediction_interval(self._studies, mean, self.tau2, self.prediction, self.level)
        return float(low), float(high)

    @property
    def _parameters(self) -> int:
        return 2 if self._estimated else 1

    @property
    def _estimated(self) -> bool:
        return self.method != "EE" and not self.tau2_given

    def _i2(self, tau2: float) -> float:
        return 100.0 * tau2 / (self._typical_variance + tau2)

    def _likelihood_notes(self) -> list[str]:
        """Say so if the likelihood has another peak nearly as high, or hardly changes down to tau2 = 0."""
        restricted = self.method == "REML"
        _, found, falls_at_zero = peaks(self._studies, restricted=restricted)
        rivals = np.append(0.0, found) if falls_at_zero else np.atleast_1d(found)
        rivals = rivals[rivals != self.tau2]
        notes = []
        if rivals.size:
            drop = self.log_likelihood - log_likelihood(self._studies, rivals, restricted=restricted)
            other, least = float(rivals[np.argmin(drop)]), float(drop.min())
            notes.append(
                f"The likelihood has another peak at tau2 = {other:.4g}, where the log-likelihood is {least:.3g} lower."
            )
        if self.tau2 > 0.0:
            gain = self.log_likelihood - float(log_likelihood(self._studies, 0.0, restricted=restricted))
            if gain < 0.01:
                notes.append(
                    f"The likelihood is flat down to tau2 = 0: the log-likelihood falls by {gain:.1g} only."
                )
        return notes


def tau2_interval(fit: Pooled, method: str = "QP") -> tuple[float, float]:
    """Confidence interval of the between-study variance at the level of the fit.

    Parameters
    ----------
    fit : Pooled
    method : str
        "QP": Q-profile (Viechtbauer 2007), for any estimator; "PL": profile likelihood (Hardy and Thompson 1996), for ML
        and REML.

    Returns
    -------
    low, high : float
        Both zero if the Q-profile set is empty; NaN with one study.

    Raises
    ------
    DataError
        If the method is unknown or does not apply to the fit.
    """
    if fit.method == "EE":
        raise DataError(
            "tau2 is fixed at zero in an equal-effects model (method 'EE'); pool by another method."
        )
    if method == "QP":
        low, high = q_profile_interval(fit._studies, fit.level)
        return float(low), float(high)
    if method != "PL":
        raise DataError(f"unknown interval for tau2: {method!r}; choose 'QP' or 'PL'.")
    if fit.method not in ("ML", "REML"):
        raise DataError(f"a profile-likelihood interval needs method 'ML' or 'REML', not {fit.method!r}.")
    return profile_interval(fit._studies, fit.level, restricted=fit.method == "REML")


def _span(low: float, high: float, digits: int = 4) -> str:
    return f"{low:.{digits}f} to {high:.{digits}f}"


def _p(p_value: float) -> str:
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.4f}"
