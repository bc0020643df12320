"""What a pooled result says in one line: its model, its heterogeneity, its place beside the reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from evidence.figures.drawing.axis import Scale
from evidence.figures.drawing.text import clean, significant
from evidence.measures import INTERVALS
from evidence.models.counts.glmm import BinomialNormal
from evidence.models.multilevel.result import Multilevel
from evidence.models.multilevel.structure import Nested
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.wording import interval, number, p_value

if TYPE_CHECKING:
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


def pooled_text(fit: Any, scale: Scale) -> str:
    """Pooled estimate with its interval, as in a sentence: `−2.90 (95% CI −4.00 to −1.80)`."""
    return estimate_text(fit.estimate, fit.ci_low, fit.ci_high, scale, fit.level)


def estimate_text(estimate: float, low: float, high: float, scale: Scale, level: float) -> str:
    """Any estimate with its interval, as in a sentence; a missing one was not pooled."""
    if math.isnan(estimate):
        return "not pooled"
    values = (scale.factor * scale.show(value) for value in (estimate, low, high))
    return interval(*values, digits=scale.digits, level=level, ratio=scale.ratio, sign=scale.sign)


def heterogeneity_line(fit: Any) -> str:
    """Between-study variance, its share, and the test of heterogeneity, as far as the model has them."""
    if isinstance(fit, BinomialNormal):
        test = f", LR test = {number(fit.lrt, 2)} on {fit.lrt_df} df, {p_value(fit.lrt_p)}"
        return f"Heterogeneity: τ² = {significant(fit.tau2)}" + ("" if math.isnan(fit.lrt) else test)
    if isinstance(fit, Robust):
        return heterogeneity_line(fit.fit)
    if isinstance(fit, (Regression, Multilevel)):
        return _residual_line(fit)
    if fit.k < 2:
        return "Heterogeneity: not estimable from one study"
    tau2 = f"τ² = {significant(fit.tau2)}, " if isinstance(fit, Pooled) and fit.method != "EE" else ""
    return (
        f"Heterogeneity: {tau2}I² = {number(fit.i2, 0)}%, "
        f"Q = {number(fit.q, 2)} on {fit.q_df:.0f} df, {p_value(fit.q_p)}"
    )


def _residual_line(fit: Regression | Multilevel) -> str:
    """Heterogeneity that a model with moderators or levels leaves or finds."""
    if isinstance(fit, Regression):
        parts = "" if fit.method == "EE" else f"τ² = {significant(fit.tau2)}, I² = {number(fit.i2, 0)}%, "
    else:
        parts = "".join(f"σ² {clean(name)} = {significant(value)}, " for name, value in _variances(fit))
    residual = "Residual heterogeneity" if _moderated(fit) else "Heterogeneity"
    return f"{residual}: {parts}Q = {number(fit.qe, 2)} on {fit.qe_df} df, {p_value(fit.qe_p)}"


def _variances(fit: Multilevel) -> list[tuple[str, float]]:
    """Every variance with the name of its level or outcome."""
    nested = next((part for part in fit.structure.parts if isinstance(part, Nested)), None)
    levels = [] if nested is None else list(zip(nested.names, fit.variances.tolist(), strict=True))
    return [*levels, *((str(name), float(value)) for name, value in fit.tau2.items())]


def model_line(fit: Any, *, test: bool = True) -> str:
    """Model, interval, and test of the pooled estimate against zero on the analysis scale.

    Parameters
    ----------
    fit : a fit of any class
    test : bool
        Whether zero means no difference, so that its test says something.
    """
    interval = interval_name(fit.level)
    if isinstance(fit, Robust):
        return _robust_line(fit, test)
    if isinstance(fit, (Regression, Multilevel)):
        return _moderators_line(fit, test)
    if isinstance(fit, Pooled) and fit.k < 2:
        start = f"One study with its own {interval} (normal)"
    elif isinstance(fit, Pooled):
        model = "Equal-effects model" if fit.method == "EE" else f"Random-effects model ({fit.method})"
        start = f"{model}; {interval}: {INTERVALS[fit.ci].name}"
    elif isinstance(fit, BinomialNormal):
        kind = "Binomial" if fit.measure in ("OR", "PLO") or fit.model == "CM.EL" else "Poisson"
        start = (
            f"{kind}-normal model{' ' + fit.model if fit.model else ''}; {interval}: {INTERVALS['z'].name}"
        )
    else:
        start = f"{fit.title}, equal effects; {interval}: {INTERVALS['z'].name}"
    return f"{start}; test of no difference: {_test(fit)}" if test else start


def _test(fit: Any) -> str:
    if math.isnan(fit.p_value):
        return "not estimable"
    by_t = isinstance(fit, Pooled) and math.isfinite(fit.df)
    statistic = (
        f"t = {number(fit.statistic, 2)} on {fit.df:.3g} df" if by_t else f"z = {number(fit.statistic, 2)}"
    )
    return f"{statistic}, {p_value(fit.p_value)}"


def _moderated(fit: Pooled | Regression | Multilevel) -> bool:
    """Whether a model has more than a mean; a single coefficient may be a slope."""
    return not isinstance(fit, Pooled) and (fit.p > 1 or not fit.design.intercept)


def _moderators_line(fit: Regression | Multilevel, test: bool) -> str:
    """Model with its tests: of the mean, or of the moderators together."""
    name = "t" if isinstance(fit, Multilevel) and fit.test == "t" else getattr(fit, "ci", "z")
    kind = "Meta-regression" if isinstance(fit, Regression) else "Multilevel model"
    model = f"{kind} ({fit.method})" + (f" of {clean(fit.formula)}" if _moderated(fit) else "")
    start = f"{model}; {interval_name(fit.level)}: {INTERVALS[name].name}"
    if _moderated(fit):
        sign = "F" if math.isfinite(fit.df) else "χ²"
        return f"{start}; test of moderators: {sign} = {number(fit.qm, 2)}, {p_value(fit.qm_p)}"
    if not test:
        return start
    row = fit.coefficients.iloc[0]
    statistic = number(float(row["statistic"]), 2)
    by = f"t = {statistic} on {fit.df:.3g} df" if math.isfinite(fit.df) else f"z = {statistic}"
    return f"{start}; test of no difference: {by}, {p_value(row['p_value'])}"


def _robust_line(fit: Robust, test: bool) -> str:
    """Model under robust inference, with the test of its mean."""
    model = model_line(fit.fit, test=False).partition("; ")[0]
    start = f"{model}; {interval_name(fit.level)}: cluster-robust ({fit.correction}, {fit.clusters} clusters)"
    if _moderated(fit.fit) or not test:
        return start
    row = fit.coefficients.iloc[0]
    by = f"t = {number(float(row['statistic']), 2)} on {float(row['df']):.3g} df"
    return f"{start}; test of no difference: {by}, {p_value(row['p_value'])}"


def between_groups_line(subgroups: Subgroups) -> str:
    """Test whether the groups differ."""
    line = f"Difference between groups by {clean(subgroups.by).replace('_', ' ')}: "
    if math.isnan(subgroups.p_value):
        return line + "not estimable"
    return line + f"Q = {number(subgroups.q_between, 2)} on {subgroups.df} df, {p_value(subgroups.p_value)}"
