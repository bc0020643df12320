"""Funnel plots: effects against their standard errors, with the region where studies of one effect lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Scale, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.directions import directions_height, place_directions, write_directions
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    page,
    plot_width,
    write_keys,
)
from evidence.figures.drawing.sentences import model_line, pooled_text
from evidence.figures.drawing.studies import study_labels
from evidence.figures.drawing.style import BLUE, BODY, GREY, HAIRLINE, INK, LINE, MARGIN, VERMILLION, style
from evidence.figures.drawing.text import clean, significant, wrap
from evidence.models.core.studies import Floats
from evidence.models.on_scale import read_fit
from evidence.models.pooled import Pooled
from evidence.wording import counted

if TYPE_CHECKING:
    from evidence.diagnostics.small_study.trim_and_fill import TrimAndFill

__all__ = ["funnel"]

PLOT_HEIGHT = 270.0  # points
# Where P is large the plot stays white; beyond the last level it has the palest shade, between levels darker ones.
SHADES = ("#969DA6", "#B4BAC1", "#CFD4D8", "#E4E7EA")
DASHED, DOTTED = (0, (4, 3)), (0, (1, 1.5))
OPEN: dict[str, Any] = {"color": "white", "markeredgecolor": BLUE, "markeredgewidth": 1.0}


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "BinomialNormal", "Regression", "Multilevel", "Robust")
def funnel(
    fit: Any,
    *,
    filled: TrimAndFill | None = None,
    data: pd.DataFrame | None = None,
    contours: bool | Sequence[float] = False,
    labels: bool | Literal["outside"] = False,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    reference: float = 0.0,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw a funnel plot, precise studies on top.

    The dashed lines are a pseudo confidence region: were the pooled estimate the one true effect, and no
    study selected by its result, that share of the studies would lie between them.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal or Multilevel
        The pooled result with its studies; studies without an effect of their own are left out, and counted below the
        plot. A model with moderators has no funnel: its studies scatter about different values.
    filled : TrimAndFill, optional
        Trim and fill of this fit: its filled studies are drawn as open circles, the estimate with them as a
        dotted line.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    contours : bool or sequence of float
        Shade the regions of two-sided P values against the reference; True for .10, .05 and .01 [1]_.
    labels : bool or "outside"
        Name every study, or those outside the pseudo confidence region, where there is room.
    measure_label, favours, transform, reference, title, xlim, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study: label, effect on the shown scale, standard error on the analysis scale,
        two-sided normal P value against the reference, and whether it lies outside the region. With `filled`,
        its studies follow, and the column `filled` tells them.

    Raises
    ------
    DataError
        If a contour is not between 0 and 1, the range of the axis is not usable, or the studies were filled
        for another fit.

    References
    ----------
    .. [1] Peters et al. (2008), J Clin Epidemiol 61(10), 991-996.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.funnel(fit, contours=True)
    """
    levels, names = _levels(contours), study_labels(fit, data)
    code, silent = measure_code(measure_label, data, fit), 0
    if not isinstance(fit, Pooled):
        if filled is not None:
            raise DataError("trim and fill is of fits by pool; leave filled out.")
        fit, present = _centred(fit)
        names = [name for name, shown in zip(names, present, strict=True) if shown]
        silent = int((~present).sum())
    effect, error = fit.effect, np.sqrt(fit.variance)
    if filled is not None:
        _check(fit, filled)
        effect, error = filled.filled.effect, np.sqrt(filled.filled.variance)
        names = [*names, *map(clean, filled.filled.labels[fit.k :])]
    z = float(ndtri(0.5 + fit.level / 2))
    scale = choose_scale(z * float(np.median(np.sqrt(fit.variance))), code, transform, digits)
    deepest = float(error.max()) * 1.08
    reach = z * deepest
    outside = np.abs(effect - fit.estimate) > z * error
    region = [fit.estimate - reach, fit.estimate + reach]
    limits = range_of(list(effect), region, (), reference) if xlim is None else scale.limits(xlim)
    depth = make_axis((0.0, deepest), PLOT_HEIGHT, ratio=False)
    left = left_margin(depth)
    wide = plot_width() - left - 2 * MARGIN
    axis = make_axis(limits, wide, ratio=scale.ratio)
    directions = place_directions(favours, left + axis.share(reference) * wide, plot_width())
    measure = measure_name(measure_label, code)
    apart = directions_height(directions)
    keys = [*_shade_keys(levels), *_filled_keys(filled)]

    caption = _caption(fit, filled, scale, reference)
    if silent:
        caption += f" Not estimable alone and not shown: {counted(silent, 'study', 'studies')}."
    key_room = keys_height(keys, left)
    below = BELOW + apart + 10 * (len(wrap(measure, wide, BODY)) - 1)
    with style():
        figure, top = page(key_room + PLOT_HEIGHT + below, title=title, caption=caption)
        write_keys(figure, left, top, keys)
        top += key_room
        axes = add_plot(figure, (left, top, wide, PLOT_HEIGHT), axis, depth, "", "Standard error")
        axes.invert_yaxis()
        if levels:
            _shade(axes, levels, reference, deepest)
        axes.axvline(reference, color=GREY, linewidth=HAIRLINE, zorder=2)
        axes.axvline(fit.estimate, color=VERMILLION, linewidth=LINE, zorder=2)
        lines = ([region[0], fit.estimate, region[1]], [deepest, 0, deepest])
        axes.plot(*lines, color=INK, linewidth=0.8, linestyle=DASHED, zorder=2)
        if filled is not None and filled.missing:
            look: dict[str, Any] = {"color": VERMILLION, "linewidth": 1.4, "linestyle": DOTTED, "zorder": 2}
            axes.axvline(filled.filled.estimate, **look)
            _points(axes, effect[fit.k :], error[fit.k :], (axis.low, axis.high), **OPEN)
        _points(axes, fit.effect, error[: fit.k], (axis.low, axis.high))
        if labels:
            shown = [name if labels is True or out else "" for name, out in zip(names, outside, strict=True)]
            place_labels(axes, effect, error, shown)
        write_directions(figure, top + PLOT_HEIGHT + 25, directions)
        for place, line in enumerate(wrap(measure, wide, BODY)):
            baseline = top + PLOT_HEIGHT + 28 + apart + 10 * place
            figure.write(left + wide / 2, baseline, line, ha="center")
    figure.numbers = pd.DataFrame(
        {
            "label": names,
            "estimate": [scale.show(value) for value in effect],
            "se": error,
            "p_value": 2 * ndtr(-np.abs(effect - reference) / error),
            "outside": outside,
        }
    )
    if filled is not None:
        figure.numbers["filled"] = filled.is_filled
    figure.kind = "funnel plot"
    figure.alt_text = _describe(fit, filled, scale, int(outside[: fit.k].sum()))
    return figure


class _Centred(NamedTuple):
    """What a funnel needs of a fit of any class."""

    effect: Floats
    variance: Floats
    level: float
    k: int
    estimate: float
    ci_low: float
    ci_high: float
    method: str


def _centred(fit: Any) -> tuple[_Centred, NDArray[np.bool_]]:
    """Read a fit of another class, and which of its studies have an effect."""
    read = read_fit(fit)
    if math.isnan(read.estimate):
        raise DataError(
            "a model with moderators has no one value for studies to scatter about; draw the funnel of a fit without."
        )
    present = ~np.isnan(read.effect)
    error = (read.high - read.low)[present] / (2 * float(ndtri(0.5 + fit.level / 2)))
    model = model_line(fit, test=False).partition(";")[0]
    ends = (read.estimate, read.ci_low, read.ci_high)
    return _Centred(read.effect[present], error**2, fit.level, int(present.sum()), *ends, model), present


def _check(fit: Pooled, filled: TrimAndFill) -> None:
    if not (
        np.array_equal(filled.fit.effect, fit.effect) and np.array_equal(filled.fit.variance, fit.variance)
    ):
        raise DataError(
            "The studies were filled for another fit: give trim and fill of the fit that is drawn."
        )


def _levels(contours: bool | Sequence[float]) -> list[float]:
    """Levels of P from the largest to the smallest."""
    if isinstance(contours, bool):
        return [0.10, 0.05, 0.01] if contours else []
    if len(contours) > len(SHADES) or any(not 0 < level < 1 for level in contours):
        raise DataError(f"contours={list(contours)}: give up to {len(SHADES)} P values between 0 and 1.")
    return sorted(contours, reverse=True)


def _shade(axes: Axes, levels: Sequence[float], reference: float, deepest: float) -> None:
    axes.set_facecolor(SHADES[-1])
    inner = ("white", *SHADES[-len(levels) : -1])
    for level, colour in reversed(list(zip(levels, inner, strict=True))):
        reach = float(ndtri(1 - level / 2)) * deepest
        corners = [(reference, 0), (reference - reach, deepest), (reference + reach, deepest)]
        axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="none", zorder=1))


def _shade_keys(levels: Sequence[float]) -> list[Key]:
    """Names of the shades."""
    if not levels:
        return []
    written = [f"{level:.{2 if level == round(level, 2) else 3}f}".removeprefix("0") for level in levels]
    between = [f"{low} < P ≤ {high}" for high, low in pairwise(written)]
    texts = [f"P > {written[0]}", *between, f"P ≤ {written[-1]}"]
    look = {"marker": "s", "markersize": 7.0, "markeredgecolor": GREY, "markeredgewidth": HAIRLINE}
    shades = ("white", *SHADES[-len(levels) :])
    return [(text, look | {"color": shade}) for text, shade in zip(texts, shades, strict=True)]


def _filled_keys(filled: TrimAndFill | None) -> list[Key]:
    if filled is None or not filled.missing:
        return []
    return [("filled study", {"marker": "o", "markersize": 5.0} | OPEN)]


def _points(axes: Axes, effect: Floats, error: Floats, ends: tuple[float, float], **look: Any) -> None:
    """Draw studies; one beyond the axis is an arrow at its edge."""
    below, above = effect < ends[0], effect > ends[1]
    for chosen, marker in ((below, "<"), (above, ">"), (~below & ~above, "o")):
        dots(axes, np.clip(effect[chosen], *ends), error[chosen], **({"marker": marker} | look))


def _caption(fit: Pooled | _Centred, filled: TrimAndFill | None, scale: Scale, reference: float) -> str:
    grey = scale.text(reference) if reference else "no difference"
    lines = (
        f"{_count(fit)}. Coloured line: pooled estimate {pooled_text(fit, scale)}, {fit.method}. Dashed lines: "
        f"pseudo {100 * fit.level:.12g}% confidence region around it. Grey line: {grey}."
    )
    return lines if filled is None else f"{lines} {_filling(filled, scale, 'Dotted line: ')}"


def _filling(filled: TrimAndFill, scale: Scale, line: str = "") -> str:
    """What trim and fill made of the fit."""
    by = f"(trim and fill, {filled.estimator})"
    if not filled.missing:
        return f"No study needs filling {by}."
    return (
        f"{counted(filled.missing, 'study', 'studies')} filled on the {filled.side} {by}. "
        f"{line}{'estimate' if line else 'Estimate'} with them {pooled_text(filled.filled, scale)}."
    )


def _describe(fit: Pooled | _Centred, filled: TrimAndFill | None, scale: Scale, outside: int) -> str:
    above, error = int(np.sum(fit.effect > fit.estimate)), np.sqrt(fit.variance)
    return (
        f"Funnel plot of {_count(fit)}. Pooled estimate {pooled_text(fit, scale)}. "
        f"Standard errors run from {significant(error.min())} to {significant(error.max())}. "
        f"Studies outside the pseudo {100 * fit.level:.12g}% confidence region: {outside}. "
        f"Estimates above the pooled one: {above}; at or below it: {fit.k - above}."
        + ("" if filled is None else f" {_filling(filled, scale)}")
    )


def _count(fit: Pooled | _Centred) -> str:
    return counted(fit.k, "study", "studies")
