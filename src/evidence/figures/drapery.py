"""Drapery plots: P values, and so confidence intervals of every level, for all values of the effect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr

from evidence.errors import takes
from evidence.figures.drawing.axis import Axis, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, Key, add_plot, keys_height, page, plot_width, write_keys
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import DrawnStudies, read_studies
from evidence.figures.drawing.style import GREY, HAIRLINE, INK, SKY, VERMILLION, style
from evidence.models.core.studies import Floats
from evidence.wording import counted, p_value

if TYPE_CHECKING:
    from evidence.figures.drawing.axis import Scale
    from evidence.models.pooled import Pooled

__all__ = ["drapery"]

FEW = 5
"""Studies below which a new study is not predicted."""

HEIGHT, LEFT, RIGHT = 280.0, 52.0, 56.0
LEVELS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.1, 0.05)
POINTS = 801


@redrawable
@takes("Pooled")
def drapery(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    reference: float = 0.0,
    show_prediction: bool = True,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw P-value functions of the studies, the pooled estimate and the effect of a new study.

    A curve's height at a value is the two-sided P value against that value; cut at height P, it gives the
    interval of level 1 - P.

    Parameters
    ----------
    fit : Pooled
        Its interval and prediction decide the distributions of the pooled curves; those of studies are normal.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    show_prediction : bool
        Whether to show the prediction, where there is one.
    measure_label, transform, reference, title, xlim, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row for each study, the pooled estimate and the prediction: row, label, estimate,
        ci_low, ci_high at the level of the fit on the shown scale, and p_value against the reference.

    References
    ----------
    Rücker G, Schwarzer G (2021). Res Synth Methods 12(1), 85-93.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.drapery(fit)
    """
    studies = read_studies(fit, data, ())
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    # A prediction from three or four studies is hardly more than a guess; it is not drawn.
    predicted = show_prediction and math.isfinite(fit.prediction_low) and fit.k >= FEW
    # Curves go on well beyond the interval of 95%: there is room for that of 99%.
    reach = 2.6 * np.sqrt(fit.variance)
    bounds = [*(fit.effect - reach), *(fit.effect + reach)]
    summaries = [fit.ci_low, fit.ci_high, *([fit.prediction_low, fit.prediction_high] if predicted else [])]
    limits = range_of(list(fit.effect), bounds, summaries, reference) if xlim is None else scale.limits(xlim)
    width = plot_width() - LEFT - RIGHT
    x = make_axis(limits, width, ratio=scale.ratio)
    y = Axis(0.0, 1.0, LEVELS, tuple(f"{level:g}" for level in LEVELS))
    measure = measure_name(measure_label, code)
    grid = np.linspace(x.low, x.high, POINTS)
    keys: list[Key] = [
        ("study", {"color": GREY, "linewidth": HAIRLINE}),
        ("pooled", {"color": VERMILLION, "linewidth": 2.0}),
    ]
    if predicted:
        keys.append(
            ("new study (prediction)", {"marker": "s", "color": SKY, "alpha": 0.45, "markersize": 7.0})
        )
    key_room = keys_height(keys, LEFT)
    caption = (
        f"{counted(fit.k, 'study', 'studies')}; pooled estimate {pooled_text(fit, scale)}, {fit.method}. "
        f"{_prediction_text(fit, scale) if predicted else ''}Dashed line: P = {1 - fit.level:.4g}, where a curve "
        "is as wide as the interval."
        + (
            " With so few studies the curve of the pooled estimate hangs on each of them."
            if fit.k < FEW
            else ""
        )
    )
    with style():
        figure, top = page(key_room + HEIGHT + BELOW, title=title, caption=caption)
        write_keys(figure, LEFT, top, keys)
        top += key_room
        axes = add_plot(figure, (LEFT, top, width, HEIGHT), x, y, measure, "P value")
        levels = axes.secondary_yaxis("right")
        levels.set_yticks(LEVELS, [f"{100 * (1 - level):g}%" for level in LEVELS])
        levels.set_ylabel("Confidence level")
        axes.axvline(reference, color=GREY, linewidth=HAIRLINE, zorder=1)
        axes.axhline(1 - fit.level, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)
        if predicted:
            around = np.union1d(grid, fit.estimate)
            heights = _p_values(around, fit.estimate, *_prediction(fit))
            axes.fill_between(around, heights, color=SKY, alpha=0.35, linewidth=0, zorder=1)
        shade = 0.8 if fit.k <= 15 else 0.45
        for effect, variance in zip(fit.effect, fit.variance, strict=True):
            around = np.union1d(grid, effect)
            heights = _p_values(around, effect, math.sqrt(variance), math.inf)
            axes.plot(around, heights, color=GREY, alpha=shade, linewidth=0.6, zorder=2)
        around = np.union1d(grid, fit.estimate)
        heights = _p_values(around, fit.estimate, fit.se, fit.df)
        axes.plot(around, heights, color=VERMILLION, linewidth=2.0, zorder=4)
    figure.numbers = _numbers(fit, studies, reference, scale, predicted)
    null = float(_p_values(np.array([reference]), fit.estimate, fit.se, fit.df)[0])
    figure.kind = "drapery plot"
    figure.alt_text = (
        f"Drapery plot of {counted(fit.k, 'study', 'studies')}. {measure}, pooled: {pooled_text(fit, scale)}. "
        f"{_prediction_text(fit, scale) if predicted else ''}"
        f"Pooled estimate against {scale.show(reference):g}: {p_value(null)}."
    )
    return figure


def _prediction(fit: Pooled) -> tuple[float, float]:
    """Standard deviation of a new study's effect about the estimate, and degrees of freedom."""
    df = {"V": fit.k - 1, "HTS": fit.k - 2}.get(fit.prediction)
    return math.sqrt(fit.tau2 + fit.se**2), math.inf if df is None else max(df, 1)


def _p_values(values: Floats, centre: float, error: float, df: float) -> Floats:
    """Two-sided P values; without error one at the centre and zero elsewhere."""
    if error == 0.0:
        return (values == centre).astype(float)
    return np.asarray(2 * stdtr(df, -np.abs(values - centre) / error))


def _prediction_text(fit: Pooled, scale: Scale) -> str:
    low, high = scale.text(fit.prediction_low), scale.text(fit.prediction_high)
    return f"{100 * fit.level:.12g}% prediction interval {low} to {high}. "


def _numbers(
    fit: Pooled, studies: DrawnStudies, reference: float, scale: Scale, predicted: bool
) -> pd.DataFrame:
    at = np.array([reference])
    records = []
    for i, label in enumerate(studies.labels):
        p = _p_values(at, fit.effect[i], math.sqrt(fit.variance[i]), math.inf)
        records.append(("study", label, *studies.interval(i), p[0]))
    p = _p_values(at, fit.estimate, fit.se, fit.df)
    records.append(("pooled", "", fit.estimate, fit.ci_low, fit.ci_high, p[0]))
    if predicted:
        p = _p_values(at, fit.estimate, *_prediction(fit))
        records.append(("prediction", "", fit.estimate, fit.prediction_low, fit.prediction_high, p[0]))
    frame = pd.DataFrame(records, columns=["row", "label", "estimate", "ci_low", "ci_high", "p_value"])
    for name in ("estimate", "ci_low", "ci_high"):
        frame[name] = [scale.show(value) for value in frame[name]]
    return frame
