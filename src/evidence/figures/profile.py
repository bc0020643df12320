"""The likelihood profile of tau2, and the pooled estimate that belongs to each value of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from evidence.diagnostics.profile import profile_tau2
from evidence.errors import takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, add_plot, left_margin, padded, page, plot_width
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.style import BLUE, GREY, HAIRLINE, INK, LINE, MARGIN, SKY, VERMILLION, style
from evidence.figures.drawing.text import significant

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["profile"]

UPPER, LOWER, BETWEEN = 170.0, 120.0, 14.0


@redrawable
@takes("Pooled")
def profile(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw the (restricted) log-likelihood over tau2, and below it the pooled estimate given tau2.

    A flat curve means that the studies hardly tell their heterogeneity; the lower panel says how much that
    matters for the estimate and its interval.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies. REML has the restricted likelihood, all others the full one.
    data : DataFrame, optional
        The rows that went into the fit; `measure` is used where present.
    measure_label, transform, title, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a value of tau2: tau2, log_likelihood, and estimate, ci_low, ci_high on the shown
        scale.

    Raises
    ------
    ModelError
        With one study, or for an equal-effects model, which has no tau2.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.profile(fit)
    """
    curve = profile_tau2(fit)
    code = measure_code(measure_label, data)
    scale = choose_scale((fit.ci_high - fit.ci_low) / 2, code, transform, digits)
    measure = measure_name(measure_label, code)
    # What lies far below the interval's cut would only press the rest together.
    deepest = curve.best_log_likelihood - 3 * (curve.best_log_likelihood - curve.cut)
    floor = max(float(curve.log_likelihood.min()), deepest)
    top_y = make_axis(padded([floor, curve.best_log_likelihood]), UPPER, ratio=False)
    bounds = padded(curve.ci_low, curve.ci_high, [0.0])
    low_y = make_axis(bounds, LOWER, ratio=scale.ratio)
    left = max(left_margin(top_y, 1), left_margin(low_y, 2))
    width = plot_width() - MARGIN - left
    x = make_axis((0.0, float(curve.tau2.max())), width, ratio=False)
    kind = "Restricted log-likelihood" if curve.restricted else "Log-likelihood"
    span_text = f"{significant(curve.low)} to {significant(curve.high)}"
    largest = f"largest at τ² = {significant(curve.best_tau2)}, {100 * fit.level:.12g}% interval {span_text}"
    same = np.isclose(fit.tau2, curve.best_tau2, rtol=1e-4, atol=1e-12)
    by = "" if same else f" The fit has τ² = {significant(fit.tau2)} ({fit.method})."
    caption = (
        f"{fit.k} studies. {kind}: {largest} (shaded; values above the dashed line).{by} Below: estimate and "
        f"{100 * fit.level:.12g}% CI given τ²; with the τ² of the fit (coloured) {pooled_text(fit, scale)}."
    )
    with style():
        figure, top = page(UPPER + BETWEEN + LOWER + BELOW, title=title, caption=caption)
        upper = add_plot(figure, (left, top, width, UPPER), x, top_y, "", kind)
        upper.tick_params(labelbottom=False)
        place = (left, top + UPPER + BETWEEN, width, LOWER)
        lower = add_plot(figure, place, x, low_y, "Between-study variance τ²", measure)
        for axes in (upper, lower):
            axes.axvspan(curve.low, curve.high, facecolor="#E3F1FA", edgecolor="none", zorder=0)
            axes.axvline(fit.tau2, color=VERMILLION, linewidth=LINE, clip_on=False, zorder=2)
        upper.axhline(curve.cut, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        upper.plot(curve.tau2, curve.log_likelihood, color=BLUE, linewidth=1.6, zorder=3)
        lower.axhline(0.0, color=GREY, linewidth=HAIRLINE, zorder=1)
        lower.fill_between(
            curve.tau2, curve.ci_low, curve.ci_high, color=SKY, alpha=0.4, linewidth=0, zorder=1
        )
        lower.plot(curve.tau2, curve.estimate, color=BLUE, linewidth=1.6, zorder=3)
    figure.numbers = curve.to_frame()
    for name in ("estimate", "ci_low", "ci_high"):
        figure.numbers[name] = [scale.show(float(value)) for value in figure.numbers[name]]
    figure.kind = "profile of the likelihood"
    figure.alt_text = (
        f"Likelihood profile of the between-study variance of {fit.k} studies. {kind}: {largest}.{by} {measure}, "
        f"pooled: {pooled_text(fit, scale)}. Over the values of τ² shown, the estimate runs from "
        f"{scale.text(float(curve.estimate.min()))} to {scale.text(float(curve.estimate.max()))}."
    )
    return figure
