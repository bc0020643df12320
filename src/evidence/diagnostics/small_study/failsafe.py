"""Fail-safe N: how many unseen studies without effect would take the result away."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, log_ndtr, ndtr, ndtri

from evidence.errors import DataError, choose, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, number, p_clause

__all__ = ["FailsafeN", "failsafe_n"]

TYPES = {
    "Rosenthal": "studies with z = 0 that make the sum of z values not significant (one-sided)",
    "Fisher": "studies with P = 0.5 that make Fisher's combination of P values not significant (one-sided)",
    "Orwin": "studies without effect that reduce the plain mean to the target",
    "Rosenberg": "studies of average weight without effect that make the equal-effects mean not significant",
    "General": "studies of average precision without effect that make the mean of the fit's model "
    "not significant, or reduce it to the target",
}
NOTE = (
    "A fail-safe N presumes that unseen studies show no effect on average; it says nothing about bias in the "
    "studies seen, and a large number is no proof."
)


@dataclass(frozen=True, repr=False)
class FailsafeN(Shown):
    """Result of `failsafe_n`."""

    type: str
    n: float
    """Number of studies, rounded up; infinite if no number is enough."""
    alpha: float
    mean: float
    """Mean effect that the type refers to; NaN for types that combine P values."""
    target: float
    """Mean effect to be reached; NaN for types that refer to significance."""
    p_value: float
    """P value of the studies seen; NaN for types that refer to a target."""
    note: str = NOTE

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        names = ["type", "n", "alpha", "mean", "target", "p_value", "note"]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def summary(self) -> str:
        """Describe the number in a few lines."""
        seen = (
            f"target {number(self.target)}"
            if np.isnan(self.p_value)
            else f"alpha {self.alpha:g}, {p_clause(self.p_value)}"
        )
        return f"Fail-safe N ({self.type}): {self.n:g} ({seen})\n  {TYPES[self.type]}\n\n{self.note}"


@takes("Pooled")
def failsafe_n(
    fit: Pooled,
    type: str = "Rosenthal",
    *,
    alpha: float = 0.05,
    target: float | None = None,
    weighted: bool = False,
) -> FailsafeN:
    """Compute a fail-safe N.

    Parameters
    ----------
    fit : Pooled
        Effects and variances; "General" also uses its tau2.
    type : str
        A key of `TYPES`: "Rosenthal", "Fisher", "Orwin", "Rosenberg" or "General". "General" counts studies
        with the harmonic mean of the variances, tau2 unchanged, and the normal distribution.
    alpha : float
        Significance level: one-sided for "Rosenthal" and "Fisher", two-sided for the others.
    target : float, optional
        For "Orwin" (default: half the mean) and "General" (default: significance is asked for instead). Its
        sign is that of the mean.
    weighted : bool
        For "Orwin": weight the mean by inverse variances.

    Returns
    -------
    FailsafeN

    Raises
    ------
    DataError
        If the type is unknown, alpha lies outside (0, 1), or a target is given where none applies.

    References
    ----------
    Rosenthal R (1979). Psychol Bull 86(3), 638-641. Orwin RG (1983). J Educ Stat 8(2), 157-159.
    Rosenberg MS (2005). Evolution 59(2), 464-468.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.failsafe_n(fit).n
    598.0
    """
    type = choose("type", type, TYPES)
    if not 0.0 < alpha < 1.0:
        raise DataError(f"alpha must lie between 0 and 1; got {alpha!r}.")
    if target is not None and (type not in ("Orwin", "General") or not np.isfinite(target)):
        raise DataError(
            f"a target is a finite number and belongs to 'Orwin' or 'General'; got {target!r} with {type!r}."
        )
    k = fit.k
    z = fit.effect / np.sqrt(fit.variance)
    if type == "Rosenthal":
        stouffer = abs(float(z.sum())) / np.sqrt(k)
        number = k * (stouffer / float(-ndtri(alpha))) ** 2 - k if alpha < 0.5 else inf
        return _result(type, number, alpha, p_value=float(ndtr(-stouffer)))
    if type == "Fisher":
        return _fisher(z, alpha)
    if type == "Orwin":
        weight = 1.0 / fit.variance if weighted else np.ones(k)
        mean = float(weight @ fit.effect / weight.sum())
        return _to_target(type, mean, float(k), target, alpha)
    tau2 = 0.0 if type == "Rosenberg" else fit.tau2
    weight = 1.0 / (fit.variance + tau2)
    total = float(weight.sum())
    mean = float(weight @ fit.effect / total)
    new = total / k if type == "Rosenberg" else 1.0 / (1.0 / float((1.0 / fit.variance).mean()) + tau2)
    if target is not None:
        return _to_target(type, mean, total / new, target, alpha)
    critical = float(-ndtri(0.5 * alpha))
    sum_effects = float(weight @ fit.effect)
    number = ((sum_effects / critical) ** 2 - total) / new
    return _result(type, number, alpha, mean, p_value=float(2.0 * ndtr(-abs(sum_effects) / np.sqrt(total))))


def _fisher(z: Floats, alpha: float) -> FailsafeN:
    """Find the smallest number of studies with P = 0.5 for which Fisher's test gives at least alpha, by bisection."""
    seen = -2.0 * float(log_ndtr(-abs(z)).sum())

    def p_value(number: int) -> float:
        return float(chdtrc(2.0 * (z.size + number), seen + number * 2.0 * np.log(2.0)))

    if p_value(0) >= alpha:
        return _result("Fisher", 0.0, alpha, p_value=p_value(0))
    low, high = 0, 1
    while p_value(high) < alpha:
        low, high = high, 2 * high
        if high > 2**60:
            return _result("Fisher", inf, alpha, p_value=p_value(0))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if p_value(middle) < alpha else (low, middle)
    return _result("Fisher", float(high), alpha, p_value=p_value(0))


def _to_target(type: str, mean: float, size: float, target: float | None, alpha: float) -> FailsafeN:
    """Studies without effect that reduce a mean of the weight of `size` studies to the target."""
    aim = 0.5 * mean if target is None else float(np.copysign(target, mean))
    if aim == 0.0:
        return _result(type, 0.0 if mean == 0.0 else inf, alpha, mean, aim)
    return _result(type, size * (mean - aim) / aim, alpha, mean, aim)


def _result(
    type: str, number: float, alpha: float, mean: float = nan, target: float = nan, p_value: float = nan
) -> FailsafeN:
    number = max(0.0, number)
    whole = round(number) if number < 1e15 else number
    close = abs(number - whole) < 1.5e-8
    return FailsafeN(
        type, float(whole if close or number >= 1e15 else ceil(number)), alpha, mean, target, p_value
    )
