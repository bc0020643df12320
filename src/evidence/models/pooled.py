"""The result of pooling: what was estimated, how uncertain it is, and what a reader should know about it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from evidence.columns import Origin, left_out_note
from evidence.errors import DataError, takes
from evidence.measures import measure_of
from evidence.models.core.criteria import HasCriteria
from evidence.models.core.heterogeneity import heterogeneity_share, tau2_standard_error
from evidence.models.core.intervals import prediction_interval, profile_interval, q_profile_interval
from evidence.models.core.likelihood import log_likelihood, peaks
from evidence.models.core.studies import Floats, Studies
from evidence.models.on_scale import HasScales
from evidence.results import lasting_property, number, p_text, span

__all__ = ["Pooled", "tau2_interval"]


@dataclass(frozen=True, eq=False, repr=False)
class Pooled(HasCriteria, HasScales):
    """Result of `pool`.

    What a plain fit does not need (the interval for tau2, likelihoods, weights) is computed when first asked for.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> f"{fit.estimate:.3f} ({fit.ci_low:.3f} to {fit.ci_high:.3f}), tau2 {fit.tau2:.3f}"
    '-0.989 (-1.550 to -0.429), tau2 0.223'
    >>> print(fit.summary().splitlines()[0])
    Random-effects model, tau2 by REML (k = 6)
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
    estimate: float
    """Mean effect."""
    se: float
    """Standard error of the mean effect, the one its interval uses."""
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
    trace: float
    """Trace of the projection P at tau2 = 0; (k - 1) / trace is the sampling variance of a typical study."""
    studies: Studies
    """The studies as arranged for computing."""
    given_weights: Floats | None = None
    """Weights given for GENQ, shape (k,)."""
    tau2_given: bool = False
    """Whether tau2 was given instead of estimated; it then has no standard error and no interval."""
    measure: str = ""
    """What the effects are, by code; empty if it is not known."""
    n: Floats | None = None
    """Participants of the studies, shape (k,), NaN where not known; None if nothing is."""
    origin: Origin | None = None
    """Where the studies stood among the rows given; None for arrays without labels of which none was left out."""
    columns: tuple[tuple[str, np.ndarray], ...] = ()
    """What the studies reported, by the names that `effect_size` has for it."""
    counts: str = "IV"
    """How counts of two groups were combined: MH (Mantel-Haenszel), PETO, or IV (inverse variance)."""

    def __post_init__(self) -> None:
        """Make what `pool` gives read-only, without looking at every field."""
        for values in (self.effect, self.variance, self.studies.variance, self.studies.powers):
            values.setflags(False)  # type: ignore[call-arg]  # by position three times as quick
        if self.columns or self.n is not None or self.given_weights is not None or self.origin is not None:
            super().__post_init__()

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.effect.size

    @property
    def reported(self) -> pd.DataFrame | None:
        """What the studies reported, one row a study, such as events and sizes; None if it is not known."""
        return pd.DataFrame(dict(self.columns), index=list(self.labels)) if self.columns else None

    @property
    def left_out(self) -> tuple[str, ...]:
        """Studies that were left out because their effect or variance is missing."""
        return () if self.origin is None else self.origin.left_out

    @property
    def q_df(self) -> int:
        """Degrees of freedom of Cochran's Q."""
        return self.k - 1

    @property
    def i2(self) -> float:
        """Percent of the variance of a typical study that is due to heterogeneity."""
        return float(self._share[0])

    @property
    def h2(self) -> float:
        """Variance of a typical study over its sampling variance."""
        return float(self._share[1])

    @lasting_property
    def q_p(self) -> float:
        """P value of Cochran's Q; 1 with one study."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else 1.0

    @property
    def tau(self) -> float:
        """Between-study standard deviation."""
        return float(np.sqrt(self.tau2))

    @lasting_property
    def weights(self) -> Floats:
        """Weights of the studies in percent, shape (k,)."""
        weight = 1.0 / (self.variance + self.tau2) if self.given_weights is None else self.given_weights
        return 100.0 * weight / weight.sum()

    @lasting_property
    def tau2_se(self) -> float:
        """Standard error of tau2; NaN for equal effects or one study."""
        if self.k < 2 or not self._estimated:
            return nan
        return float(
            tau2_standard_error(self.method, self.effect, self.variance, self.tau2, self.given_weights)
        )

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

    @lasting_property
    def log_likelihood(self) -> float:
        """Log-likelihood at tau2 and the estimate: the restricted one for REML, else the full one."""
        centre = None if self.given_weights is None else self.estimate - float(self.studies.anchor_effect)
        restricted = self.method == "REML"
        return float(log_likelihood(self.studies, self.tau2, restricted=restricted, centre=centre))

    @lasting_property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        notes = [left_out_note(self.left_out, "effect or variance")] if self.left_out else []
        if self.k == 1:
            notes.append(
                "One study: tau2 cannot be estimated, and the interval is the study's own (normal distribution)."
            )
            return " ".join(notes)
        if self.caution and self.se > 0.0:
            notes.append(self.caution)
        if self.ci == "HKSJ" and self.se == 0.0:
            notes.append(
                "All effects are equal, so the HKSJ interval has no width and no test; prefer HKSJ-adhoc."
            )
        if self._estimated and self.tau2 == 0.0:
            notes.append("The estimate of tau2 is on its boundary, zero.")
        if self.tau2_high == 0.0:
            notes.append(
                "The effects scatter less than sampling error explains: the interval for tau2 is empty."
            )
        if self._estimated and self.method in ("REML", "ML"):
            notes += self._likelihood_notes()
        return " ".join(notes)

    @property
    def caution(self) -> str:
        """Say so if the HKSJ interval is narrower than the equal-effects interval; else an empty string."""
        equal = 2.0 * ndtri(0.5 + 0.5 * self.level) / np.sqrt((1.0 / self.variance).sum())
        if self.ci != "HKSJ" or self.k < 2 or self.ci_high - self.ci_low >= equal * (1.0 - 1e-9):
            return ""
        return (
            "The HKSJ interval is narrower than the equal-effects interval, as happens when effects lie close "
            "together by chance; HKSJ-adhoc prevents it."
        )

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
        common = self.method == "EE"
        source = "given" if self.tau2_given else f"by {self.method}"
        title = "Equal-effects model" if common else f"Random-effects model, tau2 {source}"
        title += {"MH": ", Mantel-Haenszel", "PETO": ", Peto"}.get(self.counts, "")
        test = (
            f"z = {self.statistic:.3f}" if np.isinf(self.df) else f"t({self.df:.4g}) = {self.statistic:.3f}"
        )
        basis = "normal" if self.k == 1 else self.ci
        measure = measure_of(self.measure) if self.measure else None
        rows = [("", "estimate", f"{100 * self.level:g}% interval", "")]
        name, predicted = "Effect", "New study"
        if measure is not None and measure.ratio:
            shown = [measure.natural(value) for value in (self.estimate, self.ci_low, self.ci_high)]
            rows.append((measure.name, number(shown[0]), span(*shown[1:]), ""))
            if self.k > 1 and not common:
                limits = [measure.natural(value) for value in self._prediction]
                rows.append((predicted, "", _span(*limits), f"prediction interval ({self.prediction})"))
            name, predicted = measure.title, f"{predicted}, log"
        elif measure is not None:
            name = measure.title
        tested = f", {test}, P {p_text(self.p_value)}" if measure is None or measure.has_null else ""
        rows.append(
            (
                name[:1].upper() + name[1:],
                number(self.estimate),
                span(self.ci_low, self.ci_high),
                f"{basis}, SE {number(self.se)}{tested}",
            )
        )
        if self.k > 1 and not common:
            interval = f"prediction interval ({self.prediction})"
            error = "" if np.isnan(self.tau2_se) else f"SE {number(self.tau2_se)}"
            i2 = "" if np.isnan(self.i2_low) else f"{self.i2_low:.1f} to {self.i2_high:.1f}%"
            rows += [
                (predicted, "", _span(*self._prediction), interval),
                ("tau2", number(self.tau2), _span(*self._tau2_interval), error),
                ("I2", f"{self.i2:.1f}%", i2, f"H2 {number(self.h2)}"),
            ]
        rows.append(("Q", number(self.q), "", f"df = {self.q_df}, P {p_text(self.q_p)}"))
        width = max(10, *(len(row[0]) + 1 for row in rows))
        table = [
            f"  {name:<{width}}{value:>10}   {interval:<22}{remark}".rstrip()
            for name, value, interval, remark in rows
        ]
        return "\n".join([f"{title} (k = {self.k})", "", *table, *(["", self.note] if self.note else [])])

    @property
    def _share(self) -> tuple[float, float]:
        return heterogeneity_share(self.method, self.k, self.q, self.trace, self.tau2)

    @property
    def _typical_variance(self) -> float:
        """Sampling variance of a typical study (Higgins and Thompson 2002)."""
        return (self.k - 1) / self.trace if self.k > 1 else nan

    @lasting_property
    def _tau2_interval(self) -> tuple[float, float]:
        return tau2_interval(self) if self._estimated else (nan, nan)

    @lasting_property
    def _prediction(self) -> tuple[float, float]:
        if self.method == "EE":
            return nan, nan
        low, high = prediction_interval(
            self.k, self.estimate, self.se, self.tau2, self.prediction, self.level
        )
        return float(low), float(high)

    @property
    def _parameters(self) -> int:
        return 2 if self._estimated else 1

    @property
    def _sample(self) -> int:
        return self.k - (self.method == "REML")

    @property
    def _estimated(self) -> bool:
        return self.method != "EE" and not self.tau2_given

    def _i2(self, tau2: float) -> float:
        return 100.0 * tau2 / (self._typical_variance + tau2)

    def _likelihood_notes(self) -> list[str]:
        """Say so if the likelihood has another peak nearly as high, or hardly changes down to tau2 = 0."""
        restricted = self.method == "REML"
        _, found, falls_at_zero = peaks(self.studies, restricted=restricted)
        rivals = np.append(0.0, found) if falls_at_zero else np.atleast_1d(found)
        # The fit and the list of peaks come to the same peak by different steps, equal up to rounding.
        rivals = rivals[~np.isclose(rivals, self.tau2, rtol=1e-6, atol=0.0)]
        notes = []
        if rivals.size:
            drop = self.log_likelihood - log_likelihood(self.studies, rivals, restricted=restricted)
            other, least = float(rivals[np.argmin(drop)]), float(drop.min())
            notes.append(
                f"The likelihood has another peak at tau2 = {other:.4g}; its logarithm is {least:.3g} lower there."
            )
        if self.tau2 > 0.0:
            gain = self.log_likelihood - float(log_likelihood(self.studies, 0.0, restricted=restricted))
            if gain < 0.01:
                notes.append(
                    f"The likelihood is flat down to tau2 = 0: its logarithm falls by {gain:.1g} only."
                )
        return notes


def _span(low: float, high: float) -> str:
    """Write an interval; empty if it is not defined."""
    return "" if np.isnan(low) else span(low, high)


@takes("Pooled")
def tau2_interval(fit: Pooled, method: str = "QP") -> tuple[float, float]:
    """Confidence interval of the between-study variance at the level of the fit.

    Parameters
    ----------
    fit : Pooled
    method : str
        "QP": Q-profile (Viechtbauer 2007), for any estimator; "PL": profile likelihood (Hardy and Thompson 1996),
        for ML and REML.

    Returns
    -------
    low, high : float
        Both zero if the Q-profile set is empty; NaN with one study.

    Raises
    ------
    DataError
        If the method is unknown or does not apply to the fit.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> low, high = ev.tau2_interval(fit)
    >>> f"{low:.3f} to {high:.3f}"
    '0.038 to 1.480'
    """
    if not fit._estimated:
        raise DataError(
            "tau2 is given, or zero by the equal-effects model; what is not estimated has no interval."
        )
    if method == "QP":
        low, high = q_profile_interval(fit.studies, fit.level)
        return float(low), float(high)
    if method != "PL":
        raise DataError(f"unknown interval for tau2: {method!r}; choose 'QP' or 'PL'.")
    if fit.method not in ("ML", "REML"):
        raise DataError(f"a profile-likelihood interval needs method 'ML' or 'REML', not {fit.method!r}.")
    return profile_interval(fit.studies, fit.level, restricted=fit.method == "REML")
