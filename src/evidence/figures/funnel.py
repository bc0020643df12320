"""Funnel plots: effects against their standard errors, with the region where studies of one effect lie."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from evidence.errors import DataError
from evidence.figures.axis import Axis, Scale, make_axis, range_of
from evidence.figures.canvas import EvidenceFigure
from evidence.figures.directions import directions_height, place_directions, write_directions
from evidence.figures.labels import place_labels
from evidence.figures.measure import choose_scale, measure_code, measure_name
from evidence.figures.sentences import pooled_text
from evidence.figures.studies import study_labels
from evidence.figures.style import (
    BLUE,
    BODY,
    GREY,
    HAIRLINE,
    INK,
    LINE,
    MARGIN,
    SMALL,
    TITLE,
    VERMILLION,
    style,
)
from evidence.figures.text import significant, text_width, wrap

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["funnel"]

WIDTH, PLOT_HEIGHT, LEFT = 400.0, 270.0, 50.0  # points
# Where P is large the plot stays white; beyond the last level it has the palest shade, between levels darker ones.
SHADES = ("#969DA6", "#B4BAC1", "#CFD4D8", "#E4E7EA")


def funnel(
    fit: Pooled,
    *,
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
    fit : Pooled
        The pooled result with its studies.
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
        two-sided normal P value against the reference, and whether it lies outside the region.

    Raises
    ------
    DataError
        If a contour is not between 0 and 1, or the range of the axis is not usable.

    References
    ----------
    .. [1] Peters et al. (2008), J Clin Epidemiol 61(10), 991-996.
    """
    levels, names = _levels(contours), study_labels(fit, data)
    code = measure_code(measure_label, data)
    error = np.sqrt(fit.variance)
    z = float(ndtri(0.5 + fit.level / 2))
    scale = choose_scale(z * float(np.median(error)), code, transform, digits)
    deepest = float(error.max()) * 1.08
    reach = z * deepest
    outside = np.abs(fit.effect - fit.estimate) > z * error
    region = [fit.estimate - reach, fit.estimate + reach]
    limits = range_of(list(fit.effect), region, (), reference) if xlim is None else scale.limits(xlim)
    plot_width = WIDTH - LEFT - 2 * MARGIN
    axis = make_axis(limits, plot_width, ratio=scale.ratio)
    directions = place_directions(favours, LEFT + axis.share(reference) * plot_width, WIDTH)
    measure = wrap(measure_name(measure_label, code), plot_width, BODY)[0]
    below = 42 + directions_height(directions)

    title_lines = wrap(title, WIDTH - 2 * MARGIN, TITLE, "bold") if title else []
    caption = wrap(_caption(fit, scale, reference), WIDTH - 2 * MARGIN, SMALL)
    top = MARGIN + 14 * len(title_lines) + (18 if levels else 4)
    height = top + PLOT_HEIGHT + below + 9.6 * len(caption) + MARGIN
    with style():
        figure = EvidenceFigure(WIDTH, height)
        for place, line in enumerate(title_lines):
            figure.write(MARGIN, MARGIN + TITLE + 14 * place, line, size=TITLE, weight="bold")
        corner = (LEFT / WIDTH, 1 - (top + PLOT_HEIGHT) / height)
        axes = figure.add_axes((*corner, plot_width / WIDTH, PLOT_HEIGHT / height))
        axes.set(xlim=(axis.low, axis.high), ylim=(deepest, 0), ylabel="Standard error")
        axes.set_xticks(axis.ticks, axis.labels)
        depths = MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(0, deepest)
        axes.set_yticks([depth for depth in depths if 0 <= depth <= deepest])
        axes.spines[["right", "top"]].set_visible(False)
        if levels:
            _shade(axes, levels, reference, deepest)
            _legend(figure, levels, top - 8)
        axes.axvline(reference, color=GREY, linewidth=HAIRLINE, zorder=2)
        axes.axvline(fit.estimate, color=VERMILLION, linewidth=LINE, zorder=2)
        lines = ([region[0], fit.estimate, region[1]], [deepest, 0, deepest])
        axes.plot(*lines, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=2)
        _points(axes, fit.effect, error, axis)
        if labels:
            shown = [name if labels is True or out else "" for name, out in zip(names, outside, strict=True)]
            place_labels(axes, fit.effect, error, shown)
        write_directions(figure, top + PLOT_HEIGHT + 25, directions)
        figure.write(LEFT + plot_width / 2, top + PLOT_HEIGHT + below - 12, measure, ha="center")
        for place, line in enumerate(caption):
            figure.write(MARGIN, top + PLOT_HEIGHT + below + SMALL + 9.6 * place, line, size=SMALL)
    figure.numbers = pd.DataFrame(
        {
            "label": names,
            "estimate": [scale.show(value) for value in fit.effect],
            "se": error,
            "p_value": 2 * ndtr(-np.abs(fit.effect - reference) / error),
            "outside": outside,
        }
    )
    figure.alt_text = _describe(fit, scale, int(outside.sum()), error)
    return figure


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


def _legend(figure: EvidenceFigure, levels: Sequence[float], y: float) -> None:
    """Name the shades in one line above the plot."""
    written = [f"{level:.{2 if level == round(level, 2) else 3}f}".removeprefix("0") for level in levels]
    between = [f"{low} < P ≤ {high}" for high, low in pairwise(written)]
    texts = [f"P > {written[0]}", *between, f"P ≤ {written[-1]}"]
    width, height = figure.get_size_inches() * 72
    x = LEFT
    for text, colour in zip(texts, ("white", *SHADES[-len(levels) :]), strict=True):
        box = Rectangle((x / width, 1 - y / height), 10 / width, 7 / height, transform=figure.transFigure)
        box.set(facecolor=colour, edgecolor=GREY, linewidth=HAIRLINE)
        figure.add_artist(box)
        figure.write(x + 13, y - 0.5, text, size=SMALL)
        x += 13 + text_width(text, SMALL) + 12


def _points(axes: Axes, effect: NDArray[np.float64], error: NDArray[np.float64], axis: Axis) -> None:
    """Draw the studies; one beyond the axis is an arrow at its edge."""
    look: dict[str, Any] = {
        "linestyle": "none",
        "color": BLUE,
        "markersize": 5.0,
        "clip_on": False,
        "zorder": 4,
    }
    look |= {"markeredgecolor": "white", "markeredgewidth": 0.5}
    below, above = effect < axis.low, effect > axis.high
    for chosen, marker in ((below, "<"), (above, ">"), (~below & ~above, "o")):
        axes.plot(np.clip(effect[chosen], axis.low, axis.high), error[chosen], marker=marker, **look)


def _caption(fit: Pooled, scale: Scale, reference: float) -> str:
    grey = scale.text(reference) if reference else "no difference"
    return (
        f"{_count(fit)}. Coloured line: pooled estimate {pooled_text(fit, scale)}, {fit.method}. Dashed lines: "
        f"pseudo {100 * fit.level:.12g}% confidence region around it. Grey line: {grey}."
    )


def _describe(fit: Pooled, scale: Scale, outside: int, error: NDArray[np.float64]) -> str:
    above = int(np.sum(fit.effect > fit.estimate))
    return (
        f"Funnel plot of {_count(fit)}. Pooled estimate {pooled_text(fit, scale)}. "
        f"Standard errors run from {significant(error.min())} to {significant(error.max())}. "
        f"Studies outside the pseudo {100 * fit.level:.12g}% confidence region: {outside}. "
        f"Estimates above the pooled one: {above}; at or below it: {fit.k - above}."
    )


def _count(fit: Pooled) -> str:
    return f"{fit.k} {'study' if fit.k == 1 else 'studies'}"
