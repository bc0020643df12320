"""What a pooled result says in one line: its model, its heterogeneity, its place beside the reference."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from evidence.figures.axis import Scale
from evidence.figures.text import number, p_value, significant

__all__ = [
    "PooledLike",
    "between_groups_line",
    "estimate_text",
    "heterogeneity_line",
    "interval_name",
    "model_line",
]

INTERVALS = {
    "HKSJ": "Hartung-Knapp-Sidik-Jonkman",
    "HKSJ-adhoc": "Hartung-Knapp-Sidik-Jonkman, ad hoc corrected",
    "z": "normal",
    "t": "t",
}


class PooledLike(Protocol):
    """The part of a pooled result that figures read."""

    k: int
    estimate: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    df: float
    tau2: float
    i2: float
    q: float
    q_df: float
    q_p: float
    prediction_low: float
    prediction_high: float
    weights: NDArray[np.float64]
    effect: NDArray[np.float64]
    variance: NDArray[np.float64]
    labels: tuple[str, ...]
    method: str
    ci: str
    level: float


def interval_name(level: float) -> str:
    """Name a confidence interval: `95% CI`."""
    return f"{100 * level:.12g}% CI"


def estimate_text(estimate: float, low: float, high: float, scale: Scale, level: float) -> str:
    """Estimate with its interval, as in a sentence: `−2.90 (95% CI −4.00 to −1.80)`."""
    if math.isnan(low):
        return f"{scale.text(estimate)} (interval not estimable)"
    return f"{scale.text(estimate)} ({interval_name(level)} {scale.text(low)} to {scale.text(high)})"


def heterogeneity_line(fit: PooledLike) -> str:
    """Between-study variance, its share, and Cochran's test."""
    if fit.k < 2:
        return "Heterogeneity: not estimable from one study"
    return (
        f"Heterogeneity: τ² = {significant(fit.tau2)}, I² = {number(fit.i2, 0)}%, "
        f"Q = {number(fit.q, 2)} on {fit.q_df:.0f} df, {p_value(fit.q_p)}"
    )


def model_line(fit: PooledLike) -> str:
    """Model, interval, and test of the pooled estimate against no difference."""
    model = "Equal-effects model" if fit.method == "EE" else f"Random-effects model ({fit.method})"
    interval = f"{interval_name(fit.level)}: {INTERVALS.get(fit.ci, fit.ci)}"
    if math.isnan(fit.p_value):
        return f"{model}; {interval}; test of no difference not estimable"
    by_t = math.isfinite(fit.df) and fit.ci != "z"
    test = f"t = {number(fit.statistic, 2)} on {fit.df:.3g} df" if by_t else f"z = {number(fit.statistic, 2)}"
    return f"{model}; {interval}; test of no difference: {test}, {p_value(fit.p_value)}"


def between_groups_line(subgroups: Any) -> str:
    """Test whether the groups differ."""
    if math.isnan(subgroups.p_value):
        return "Difference between groups: not estimable"
    return (
        f"Difference between groups: Q = {number(subgroups.q_between, 2)} on {subgroups.df:.3g} df, "
        f"{p_value(subgroups.p_value)}"
    )
