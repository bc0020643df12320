"""The profile of the likelihood over tau2: how well the studies tell their heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from evidence.diagnostics.subsets import need
from evidence.errors import DataError, ModelError, takes
from evidence.models.core.intervals import mean_effect, profile_interval
from evidence.models.core.likelihood import likeliest_tau2, log_likelihood
from evidence.models.core.studies import Floats, arrange
from evidence.models.pooled import Pooled
from evidence.results import Shown

__all__ = ["Profile", "profile_tau2"]


@dataclass(frozen=True, eq=False, repr=False)
class Profile(Shown):
    """Result of `profile_tau2`: arrays of shape (g,), one entry a value of tau2."""

    restricted: bool
    """Whether the likelihood is the restricted one (REML)."""
    tau2: Floats
    log_likelihood: Floats
    estimate: Floats
    """Mean effect given tau2, with its interval by the fit's method."""
    ci_low: Floats
    ci_high: Floats
    best_tau2: float
    """Where the likelihood is largest; the global maximum, whatever the estimator of the fit."""
    best_log_likelihood: float
    low: float
    """Profile-likelihood interval of tau2 at the level of the fit."""
    high: float
    cut: float
    """Log-likelihood at the ends of the interval."""
    fit_tau2: float
    """Estimate of the fit."""

    def to_frame(self) -> pd.DataFrame:
        """One row a value of tau2: tau2, log_likelihood, estimate, ci_low, ci_high."""
        names = ["tau2", "log_likelihood", "estimate", "ci_low", "ci_high"]
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Describe the maximum and the interval."""
        kind = "restricted log-likelihood" if self.restricted else "log-likelihood"
        return "\n".join(
            [
                f"Profile of the {kind} over tau2",
                "",
                f"  largest    {self.best_log_likelihood:.4f} at tau2 = {self.best_tau2:.4g}",
                f"  interval   {self.low:.4g} to {self.high:.4g}",
                f"  the fit    tau2 = {self.fit_tau2:.4g}",
            ]
        )


@takes("Pooled")
def profile_tau2(fit: Pooled, grid: Any = None, *, points: int = 101) -> Profile:
    """Evaluate the likelihood at given values of tau2, the mean replaced by its estimate at each.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies. REML has the restricted likelihood, all others the full one.
    grid : array-like, shape (g,), optional
        Values of tau2, not negative. By default `points` values from zero to a quarter beyond the upper end
        of the profile-likelihood interval or of the estimate, equidistant in tau.
    points : int
        Number of values of the default grid.

    Returns
    -------
    Profile

    Raises
    ------
    DataError
        If a value of the grid is negative or not finite.
    ModelError
        With one study, or for an equal-effects model, which has no tau2.

    References
    ----------
    Hardy RJ, Thompson SG (1996). Stat Med 15(6), 619-629.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.profile_tau2(fit, points=5).to_frame().shape
    (5, 5)
    """
    need(fit, 2, "a profile of tau2")
    if fit.method == "EE":
        raise ModelError("an equal-effects model has no tau2 to profile; pool by another method than EE.")
    restricted = fit.method == "REML"
    studies, order = arrange(fit.effect, fit.variance)
    best = float(likeliest_tau2(studies, restricted=restricted))
    low, high = profile_interval(studies, fit.level, restricted=restricted)
    if grid is None:
        values = np.square(np.linspace(0.0, np.sqrt(1.25 * max(high, fit.tau2)), points))
    else:
        values = np.array(grid, dtype=np.float64)
        if values.ndim != 1 or not values.size or not np.isfinite(values).all() or (values < 0.0).any():
            raise DataError("grid must be one or more finite values of tau2, none negative.")
    weights = None if fit.given_weights is None else fit.given_weights[order]
    means = [mean_effect(studies, float(tau2), fit.ci, fit.level, weights) for tau2 in values]
    top = float(log_likelihood(studies, best, restricted=restricted))
    return Profile(
        restricted,
        values,
        log_likelihood(studies, values, restricted=restricted),
        np.array([mean.estimate for mean in means]),
        np.array([mean.low for mean in means]),
        np.array([mean.high for mean in means]),
        best,
        top,
        low,
        high,
        top - 0.5 * float(chdtri(1.0, 1.0 - fit.level)),
        fit.tau2,
    )
