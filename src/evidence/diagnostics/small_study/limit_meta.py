"""Limit meta-analysis: what the studies would show if each had no sampling error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.diagnostics.small_study.line import fit_line
from evidence.diagnostics.subsets import need
from evidence.errors import choose, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, number, p_clause, sentences

__all__ = ["LimitMeta", "limit_meta"]

ADJUSTMENTS = {
    "beta0": "expectation of a study without sampling error",
    "betalim": "line through the limit radial plot, with an intercept",
    "mulim": "line through the limit radial plot, through the origin",
}


@dataclass(frozen=True, eq=False, repr=False)
class LimitMeta(Shown):
    """Result of `limit_meta`."""

    labels: tuple[str, ...]
    effect: Floats
    limit_effect: Floats
    """Effects shrunk along the trend, each to infinite precision, shape (k,)."""
    adjustment: str
    estimate: float
    """Adjusted effect."""
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    unadjusted: float
    """Estimate of the fit."""
    alpha: float
    """Intercept of the generalised radial plot: the bias, in units of the total standard error."""
    beta: float
    """Its slope."""
    tau2: float
    q: float
    """Cochran's Q, the sum of the two parts that follow."""
    q_small: float
    """Part due to small-study effects (1 df)."""
    q_small_p: float
    q_residual: float
    """Heterogeneity left about the trend (k - 2 df)."""
    q_residual_p: float
    g2: float
    """Share of the limit effects' variance, in percent, that the trend leaves unexplained."""
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, effect, limit_effect."""
        return pd.DataFrame(
            {"label": list(self.labels), "effect": self.effect, "limit_effect": self.limit_effect}
        )

    def summary(self) -> str:
        """Describe the adjustment and the two parts of the heterogeneity."""
        k = len(self.labels)
        lines = [
            f"Limit meta-analysis (k = {k}), {self.adjustment}: {ADJUSTMENTS[self.adjustment]}",
            "",
            f"  Adjusted      {number(self.estimate)} ({number(self.ci_low)} to {number(self.ci_high)}), "
            f"{p_clause(self.p_value)}",
            f"  Unadjusted    {number(self.unadjusted)}",
            f"  Small-study   Q = {number(self.q_small)}, df = 1, {p_clause(self.q_small_p)}",
            f"  Residual      Q = {number(self.q_residual)}, df = {k - 2}, {p_clause(self.q_residual_p)}",
            f"  G2            {self.g2:.1f}%",
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)


@takes("Pooled")
def limit_meta(fit: Pooled, *, adjustment: str = "beta0") -> LimitMeta:
    """Adjust the mean effect for small-study effects by the limit of infinite precision.

    The model y = beta + sqrt(variance + tau2) (alpha + e) lets the effect depend on the total standard error.
    alpha and beta are intercept and slope of the generalised radial plot, y / s against 1 / s with s =
    sqrt(variance + tau2).

    Parameters
    ----------
    fit : Pooled
        Its tau2 is used. Three studies or more.
    adjustment : str
        "beta0" (beta + tau alpha), "betalim" or "mulim"; see `ADJUSTMENTS`.

    Returns
    -------
    LimitMeta
        Standard errors come from the sampling variances alone, intervals from the normal distribution.

    Raises
    ------
    DataError
        If the adjustment is unknown.
    ModelError
        With fewer than three studies, or equal variances.

    References
    ----------
    Rücker G, Schwarzer G, Carpenter JR, Binder H, Schumacher M (2011). Biostatistics 12(1), 122-142.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> f"{ev.limit_meta(fit).estimate:.2f}"
    '-0.63'
    """
    adjustment = choose("adjustment", adjustment, ADJUSTMENTS)
    need(fit, 3, "a limit meta-analysis")
    se, total = np.sqrt(fit.variance), np.sqrt(fit.variance + fit.tau2)
    weight = 1.0 / fit.variance
    # The radial plot regresses y / s on 1 / s: the same line as y on s with weights 1 / s^2, slope and
    # intercept swapped.
    trend = fit_line(total, fit.effect, fit.variance, fit.tau2, what="the standard error")
    alpha, beta = trend.slope, trend.intercept
    limit_effect = beta + (fit.tau / total) * (fit.effect - beta)
    line = fit_line(se, limit_effect, fit.variance, what="the standard error")
    error = float(np.sqrt(line.intercept_variance))
    if adjustment == "beta0":
        estimate = beta + fit.tau * alpha
    elif adjustment == "betalim":
        estimate = line.intercept
    else:
        estimate = float(weight @ (limit_effect - beta) / weight.sum()) + beta
        error = float(np.sqrt(1.0 / weight.sum()))
    q_residual = fit_line(se, fit.effect, fit.variance, what="the standard error").squares
    q_small = max(0.0, fit.q - q_residual)
    scatter = float(np.square((z := limit_effect / se) - z.mean()).sum())
    half = float(ndtri(0.5 + 0.5 * fit.level)) * error
    return LimitMeta(
        fit.labels,
        fit.effect,
        limit_effect,
        adjustment,
        estimate,
        error,
        estimate - half,
        estimate + half,
        float(2.0 * ndtr(-abs(estimate) / error)),
        fit.estimate,
        alpha,
        beta,
        fit.tau2,
        fit.q,
        q_small,
        float(chdtrc(1.0, q_small)),
        q_residual,
        float(chdtrc(fit.k - 2.0, q_residual)),
        min(100.0, 100.0 * line.squares / scatter) if scatter > 0.0 else 0.0,
        sentences(few_studies(fit.k)),
    )
