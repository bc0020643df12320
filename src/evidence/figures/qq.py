"""Normal Q-Q plots: whether the residuals of a fit follow the normal distribution that it assumes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betaincinv, ndtri

from evidence.errors import DataError, ModelError, takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.plot import BELOW, add_plot, dots, left_margin, padded, page, plot_width
from evidence.figures.drawing.studies import study_labels
from evidence.figures.drawing.style import GREY, HAIRLINE, MARGIN, style
from evidence.models.core.studies import Floats
from evidence.models.counts.common_effect import FixedCounts
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.wording import counted, number

__all__ = ["qq", "standardised_residuals"]

HEIGHT = 270.0  # points


def standardised_residuals(fit: Any) -> Floats:
    """Residuals over their standard errors under the model, shape (k,); NaN where a study has no effect.

    Of a random-effects model, meta-regression or multilevel model they are internally standardised: the error allows
    for the study's own part in the estimate. Of Mantel-Haenszel and Peto fits it is the sampling error alone.

    Raises
    ------
    DataError
        For a model of counts, which has no residuals of effects.
    """
    if isinstance(fit, FixedCounts):
        return (fit.effect - fit.estimate) / np.sqrt(fit.variance)
    if isinstance(fit, Pooled):
        weight = fit.weights / 100.0
        total = fit.variance + fit.tau2
        # Of the difference between an effect and the weighted mean, whatever the weights are.
        variance = total * (1.0 - 2.0 * weight) + float(np.square(weight) @ total)
        return (fit.effect - fit.estimate) / np.sqrt(np.maximum(variance, 0.0))
    if isinstance(fit, Regression):
        return fit.residuals / np.sqrt((fit.variance + fit.tau2) * (1.0 - fit.hat))
    if isinstance(fit, Multilevel):
        spread = np.linalg.solve(fit.marginal, fit.matrix)
        part = fit.matrix @ np.linalg.solve(fit.matrix.T @ spread, fit.matrix.T)
        return fit.residuals / np.sqrt(np.maximum(np.diagonal(fit.marginal - part), 0.0))
    raise DataError(
        f"{type(fit).__name__} models counts and has no residuals of effects; draw the fit of the same studies by "
        "pool, mantel_haenszel or peto."
    )


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "Regression", "Multilevel")
def qq(
    fit: Any, *, data: pd.DataFrame | None = None, labels: bool = True, title: str | None = None
) -> EvidenceFigure:
    """Draw a normal Q-Q plot: standardised residuals in order against what the normal distribution lets expect.

    The band holds each of them with the probability `fit.level` if the model holds: the distribution of an
    ordered one of k independent normal values is exact, its dependence on the others is left out.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, Regression or Multilevel
        With at least three studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` is used where present.
    labels : bool
        Name the studies outside the band, where there is room.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study in ascending order: label, expected, residual, low, high and outside.

    Raises
    ------
    DataError
        For a model of counts.
    ModelError
        With fewer than three studies.

    References
    ----------
    .. [1] Wang MC, Bushman BJ (1998), Psychol Methods 3(1), 46-54.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.qq(fit)
    """
    residual = standardised_residuals(fit)
    names = np.array(study_labels(fit, data), dtype=object)[np.isfinite(residual)]
    residual = residual[np.isfinite(residual)]
    k = residual.size
    if k < 3:
        raise ModelError(f"a Q-Q plot needs at least 3 studies with residuals; there are {k}.")
    order = np.argsort(residual, kind="stable")
    residual, names = residual[order], names[order]
    rank = np.arange(1, k + 1)
    shift = 0.375 if k <= 10 else 0.5  # as usual for small and large samples (Blom; Hazen)
    expected = ndtri((rank - shift) / (k + 1 - 2 * shift))
    tail = 0.5 - 0.5 * fit.level
    low, high = (ndtri(betaincinv(rank, k + 1 - rank, p)) for p in (tail, 1.0 - tail))
    outside = (residual < low) | (residual > high)

    y = make_axis(padded(residual, low, high), HEIGHT, ratio=False)
    left = left_margin(y)
    width = plot_width() - left - 2 * MARGIN
    x = make_axis(padded(expected), width, ratio=False)
    percent = f"{100 * fit.level:.12g}%"
    caption = (
        f"{counted(k, 'study', 'studies')}. Line: residuals as expected. Band: {percent} of each ordered residual, "
        f"if the model holds; outside it: {int(outside.sum())}."
    )
    with style():
        figure, top = page(HEIGHT + BELOW, title=title, caption=caption)
        axes = add_plot(
            figure, (left, top, width, HEIGHT), x, y, "Expected normal quantile", "Standardised residual"
        )
        axes.fill_between(expected, low, high, color="#EEF1F4", linewidth=0, zorder=0)
        axes.plot([x.low, x.high], [x.low, x.high], color=GREY, linewidth=HAIRLINE, zorder=1)
        dots(axes, expected, residual)
        if labels:
            shown = [str(name) if out else "" for name, out in zip(names, outside, strict=True)]
            place_labels(axes, expected, residual, shown)
    figure.numbers = pd.DataFrame(
        {
            "label": names,
            "expected": expected,
            "residual": residual,
            "low": low,
            "high": high,
            "outside": outside,
        }
    )
    figure.kind = "normal Q-Q plot"
    told = ", ".join(str(name) for name in names[outside])
    figure.alt_text = (
        f"Normal Q-Q plot of the standardised residuals of {counted(k, 'study', 'studies')}, which run from "
        f"{number(float(residual[0]))} to {number(float(residual[-1]))}. "
        f"Outside the {percent} band: {told or 'none'}."
    )
    return figure
