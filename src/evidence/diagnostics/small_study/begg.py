"""Begg and Mazumdar's rank correlation test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from evidence.diagnostics.subsets import need
from evidence.errors import ModelError, takes
from evidence.models.core.studies import Floats, others
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, number, p_clause, sentences

__all__ = ["RankTest", "begg", "kendall"]

LARGE = 300
"""From this many studies on the normal distribution replaces the exact one, which by then looks the same."""


@dataclass(frozen=True, repr=False)
class RankTest(Shown):
    """Result of `begg`."""

    k: int
    tau: float
    """Kendall's rank correlation of standardised effects and variances (tau-b)."""
    p_value: float
    """Two-sided."""
    exact: bool
    """Whether the P value comes from the exact distribution (no ties)."""
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        return pd.DataFrame(
            [{name: getattr(self, name) for name in ("k", "tau", "p_value", "exact", "note")}]
        )

    def summary(self) -> str:
        """Describe the test in a few lines."""
        kind = "exact" if self.exact else "normal approximation"
        text = (
            f"Rank correlation test for funnel asymmetry (k = {self.k})\n\n"
            f"  Kendall's tau   {number(self.tau)}, {p_clause(self.p_value)} ({kind})"
        )
        return f"{text}\n\n{self.note}" if self.note else text


@takes("Pooled")
def begg(fit: Pooled) -> RankTest:
    """Test whether effects, standardised by the equal-effects mean, and their variances are correlated.

    Parameters
    ----------
    fit : Pooled
        Only its effects and variances matter. Two studies or more.

    Returns
    -------
    RankTest
        Exact without ties (below 300 studies), else by the normal distribution with the variance corrected
        for ties.

    Raises
    ------
    ModelError
        With one study, or if all variances or all standardised effects are equal.

    References
    ----------
    Begg CB, Mazumdar M (1994). Biometrics 50(4), 1088-1101.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> f"tau = {ev.begg(fit).tau:.2f}, P = {ev.begg(fit).p_value:.2f}"
    'tau = 0.03, P = 0.95'
    """
    need(fit, 2, "a rank correlation test")
    weight = 1.0 / fit.variance
    mean = fit.effect[np.argmax(weight)]
    mean = mean + weight @ (fit.effect - mean) / weight.sum()
    # The variance of a residual, v - 1 / sum(w), written so that it does not cancel for a study that
    # dominates.
    spread = fit.variance * (others(weight) / weight.sum())
    return kendall((fit.effect - mean) / np.sqrt(spread), fit.variance)


def kendall(x: Floats, y: Floats) -> RankTest:
    """Test Kendall's rank correlation of x and y, shape (k,) each, against zero."""
    k = x.size
    upper = np.triu_indices(k, 1)
    signs_x, signs_y = (np.sign(v[upper[0]] - v[upper[1]]) for v in (x, y))
    score = float(signs_x @ signs_y)
    pairs = [float(np.abs(signs).sum()) for signs in (signs_x, signs_y)]
    if min(pairs) == 0.0:
        raise ModelError("ranks cannot be correlated: all variances or all standardised effects are equal.")
    tau = score / float(np.sqrt(pairs[0]) * np.sqrt(pairs[1]))
    total = k * (k - 1) / 2
    exact = pairs[0] == total == pairs[1] and k < LARGE
    p_value = _exact_p(score, k) if exact else _normal_p(score, x, y)
    return RankTest(k, tau, p_value, exact, sentences(few_studies(k)))


def _exact_p(score: float, k: int) -> float:
    """Two-sided P value of the score (concordant less discordant pairs) over all orders of k values."""
    probability = np.ones(1)
    for size in range(2, k + 1):
        probability = np.convolve(probability, np.full(size, 1.0 / size))
    discordant = round((k * (k - 1) / 2 - abs(score)) / 2)
    return min(1.0, 2.0 * float(probability[: discordant + 1].sum()))


def _normal_p(score: float, x: Floats, y: Floats) -> float:
    """Two-sided P value by the normal distribution, with the variance of the score under ties (Kendall 1970)."""
    k = float(x.size)
    ties = [np.unique(values, return_counts=True)[1].astype(float) for values in (x, y)]
    first, second, third = (
        [float((t * (t - 1.0) * factor(t)).sum()) for t in ties]
        for factor in (lambda t: 2.0 * t + 5.0, lambda t: 1.0 + 0.0 * t, lambda t: t - 2.0)
    )
    variance = (k * (k - 1.0) * (2.0 * k + 5.0) - sum(first)) / 18.0
    variance += second[0] * second[1] / (2.0 * k * (k - 1.0))
    variance += third[0] * third[1] / (9.0 * k * (k - 1.0) * max(k - 2.0, 1.0))
    return float(2.0 * ndtr(-abs(score) / np.sqrt(variance)))
