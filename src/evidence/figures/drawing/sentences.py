"""What a pooled result says in one line: its model, its heterogeneity, its place beside the reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from evidence.figures.drawing.axis import Scale
from evidence.figures.drawing.text import clean, significant
from evidence.measures import INTERVALS
from evidence.wording import interval, number, p_value

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled
    from evidence.models.regression.subgroups import Subgroups

__all__ = [
    "between_groups_line",
    "estimate_text",
    "heterogeneity_line",
    "interval_name",
    "model_line",
    "pooled_text",
]


def interval_name(level: float) -> str:
    """Name a confidence interval: `95% CI`."""
    return f"{100 * level:.12g}% CI"


def pooled_text(fit: Pooled, scale: Scale) -> str:
    """Pooled estimate with its interval, as in a sentence: `−2.90 (95% CI −4.00 to −1.80)`."""
    return estimate_text(fit.estimate, fit.ci_low, fit.ci_high, scale, fit.level)


def estimate_text(estimate: float, low: float, high: float, scale: Scale, level: float) -> str:
    """Any estimate with its interval, as in a sentence; a missing one was not pooled."""
    if math.isnan(estimate):
        return "not pooled"
    return interval(*map(scale.show, (estimate, low, high)), digits=scale.digits, level=level)


def heterogeneity_line(fit: Pooled) -> str:
    """Between-study variance, its share, and Cochran's test."""
    if fit.k < 2:
        return "Heterogeneity: not estimable from one study"
    tau2 = "" if fit.method == "EE" else f"τ² = {significant(fit.tau2)}, "
    return (
        f"Heterogeneity: {tau2}I² = {number(fit.i2, 0)}%, "
        f"Q = {number(fit.q, 2)} on {fit.q_df:.0f} df, {p_value(fit.q_p)}"
    )


def model_line(fit: Pooled) -> str:
    """Model, interval, and test of the pooled estimate against zero on the analysis scale."""
    by_t = math.isfinite(fit.df)
    test = f"t = {number(fit.statistic, 2)} on {fit.df:.3g} df" if by_t else f"z = {number(fit.statistic, 2)}"
    test = "not estimable" if math.isnan(fit.p_value) else f"{test}, {p_value(fit.p_value)}"
    if fit.k < 2:
        return f"One study with its own {interval_name(fit.level)} (normal); test of no difference: {test}"
    model = "Equal-effects model" if fit.method == "EE" else f"Random-effects model ({fit.method})"
    return f"{model}; {interval_name(fit.level)}: {INTERVALS[fit.ci].name}; test of no difference: {test}"


def between_groups_line(subgroups: Subgroups) -> str:
    """Test whether the groups differ."""
    line = f"Difference between groups by {clean(subgroups.by).replace('_', ' ')}: "
    if math.isnan(subgroups.p_value):
        return line + "not estimable"
    return line + f"Q = {number(subgroups.q_between, 2)} on {subgroups.df} df, {p_value(subgroups.p_value)}"
