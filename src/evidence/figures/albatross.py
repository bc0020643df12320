"""Albatross plots: P values against sample sizes, with contours of the effects that would give them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_ndtr

from evidence.columns import align, labels_of, numbers, texts
from evidence.errors import DataError
from evidence.figures.drawing.axis import Axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
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
from evidence.figures.drawing.style import (
    BLUE,
    FAINT,
    GREY,
    HAIRLINE,
    MARGIN,
    ORANGE,
    SKY,
    SMALL,
    VERMILLION,
    style,
)
from evidence.models.without_effects import read_direction, read_p
from evidence.wording import counted, number

__all__ = ["albatross"]

HEIGHT = 260.0
COLOURS = (BLUE, VERMILLION, ORANGE, SKY)
P_TICKS = (1.0, 0.1, 0.01, 1e-3, 1e-4, 1e-6, 1e-8, 1e-12, 1e-16, 1e-24)
FAR = 24.0
"""Exponent beyond which a P value is drawn at the edge."""


@redrawable
def albatross(
    p: Any,
    n: Any,
    direction: Any,
    *,
    labels: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    contours: Sequence[float] = (0.2, 0.5, 0.8),
    ratio: float = 1.0,
    sides: tuple[str, str] = ("effect negative", "effect positive"),
    title: str | None = None,
) -> EvidenceFigure:
    """Draw two-sided P values against sample sizes, so that studies without an effect stand among those with one.

    Parameters
    ----------
    p : array-like, shape (k,)
        Two-sided P values, or bounds such as "<0.05", drawn as triangles that point to where the P value lies.
    n : array-like, shape (k,)
        People in both groups together.
    direction : array-like of -1, 0 or 1, shape (k,)
        Sign of each effect. Studies with 0 have no side and are not drawn; the caption counts them.
    labels : sequence of str, optional
        Names written beside the points where there is room; by default the labels of the columns, by which they are
        paired.
    group : sequence of str, optional
        Up to four groups, told apart by colour.
    contours : sequence of float
        Standardised mean differences, positive; the contours of both signs are drawn.
    ratio : float
        People in one group for each in the other, for the contours.
    sides : (str, str)
        What lies to the left and to the right.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study: label, p, bound ("<", ">" or "="), n, direction, group.

    Raises
    ------
    DataError
        If lengths differ, a P value or a direction cannot be read, a sample size is not above 0, nothing has a side,
        there are more than four groups, or a contour or the ratio is not positive.

    References
    ----------
    Harrison S et al. (2017). Res Synth Methods 8(3), 281-289. The contours solve P for n with the variance of a
    standardised mean difference, (r + 1)^2 / (r n) + d^2 / (2 n).

    Examples
    --------
    >>> import evidence as ev
    >>> p, n = [0.001, 0.04, 0.3, 0.01, 0.6], [200, 90, 60, 150, 40]
    >>> figure = ev.figures.albatross(p, n, [1, 1, -1, 1, -1])
    """
    columns, index = align({"p": p, "n": n, "direction": direction, "group": group}, labels=labels)
    values, operators = read_p(columns["p"])
    sign = read_direction(columns["direction"], values.size)
    size = numbers(columns["n"], "n")
    names = labels_of(columns.get("labels"), index, values.size)
    groups = [""] * values.size if group is None else texts(columns["group"], "group")
    if not values.size == size.size == len(groups):
        raise DataError(f"n and group must have one value for each of the {values.size} P values.")
    if not (np.isfinite(size) & (size > 0)).all():
        raise DataError("n must be above 0 for each study; leave out studies whose size is not known.")
    if not sign.any():
        raise DataError("no study has a direction, so none has a side of the plot.")
    if min(contours, default=1.0) <= 0.0 or ratio <= 0.0:
        raise DataError("contours and ratio must be above 0.")
    kinds = [*dict.fromkeys(groups)]
    if len(kinds) > len(COLOURS):
        raise DataError(f"there are {len(kinds)} groups, and {len(COLOURS)} can be told apart.")

    x = sign * np.minimum(-np.log10(values), FAR)
    drawn = sign != 0
    reach = max(2.2, 1.08 * float(np.abs(x).max()))
    low, high = 0.8 * float(size[drawn].min()), 1.25 * float(size[drawn].max())
    y_axis = _sizes(low, high)
    left = left_margin(y_axis)
    width = plot_width() - MARGIN - left
    keys: list[Key] = [
        (name, {"marker": "o", "color": COLOURS[place], "markersize": 5.0})
        for place, name in enumerate(kinds)
        if name
    ]
    if np.isin(operators[drawn], ("<", ">")).any():
        keys.append(("P value known as a bound", {"marker": ">", "color": GREY, "markersize": 5.0}))
    foot = keys_height(keys, left) + 4 if keys else 0.0
    sideless = int((~drawn).sum())
    caption = (
        f"{counted(int(drawn.sum()), 'study', 'studies')}. A line shows which P values a "
        "standardised difference of the size written on it gives in studies of two groups. Where a point lies is a "
        "rough guide to its effect and no estimate: designs and measures differ."
        + (f" {counted(sideless, 'study', 'studies')} to neither side, not drawn." if sideless else "")
    )
    with style():
        figure, top = page(HEIGHT + BELOW + foot, title=title, caption=caption)
        axes = add_plot(
            figure,
            (left, top, width, HEIGHT),
            _p_values(reach),
            y_axis,
            f"Two-sided P value (left: {sides[0]}; right: {sides[1]})",
            "People in the study",
        )
        axes.axvline(0.0, color=GREY, linewidth=HAIRLINE, zorder=1)
        grid = np.geomspace(low, high, 200)
        for d in contours:
            z = 1.0 / np.sqrt((ratio + 1.0) ** 2 / (ratio * grid * d * d) + 0.5 / grid)
            depth = -(np.log(2.0) + log_ndtr(-z)) / np.log(10.0)
            for side in (-1.0, 1.0):
                axes.plot(side * depth, np.log10(grid), color=FAINT, linewidth=0.8, zorder=1)
                inside = np.flatnonzero(depth < 0.9 * reach)
                if inside.size:
                    end = inside[-1]
                    axes.text(
                        side * depth[end], np.log10(grid[end]), number(d), fontsize=SMALL, color=GREY,
                        ha="center", va="bottom" if end == grid.size - 1 else "center", parse_math=False,
                    )  # fmt: skip
        for place, name in enumerate(kinds):
            for bound in ("=", "<", ">"):
                for side in (-1.0, 1.0):
                    chosen = (np.array(groups) == name) & (operators == bound) & (sign == side)
                    outward = (side > 0) == (bound == "<")
                    marker = "o" if bound == "=" else ">" if outward else "<"
                    if chosen.any():
                        dots(axes, x[chosen], np.log10(size[chosen]), color=COLOURS[place], marker=marker)
        if labels is not None:
            place_labels(axes, x[drawn], np.log10(size[drawn]), [names[i] for i in np.flatnonzero(drawn)])
        if keys:
            write_keys(figure, left, top + HEIGHT + BELOW - 4, keys)
    figure.numbers = pd.DataFrame(
        {
            "label": list(names),
            "p": values,
            "bound": operators,
            "n": size,
            "direction": sign.astype(int),
            "group": groups,
        }
    )
    right, below = int((sign > 0).sum()), int((drawn & (operators != ">") & (values <= 0.05)).sum())
    figure.kind = "albatross plot"
    figure.alt_text = (
        f"Albatross plot of {counted(int(drawn.sum()), 'study', 'studies')} with {number(size[drawn].min(), 0)} to "
        f"{number(size[drawn].max(), 0)} people: {right} to the right ({sides[1]}), "
        f"{int(drawn.sum()) - right} to the left ({sides[0]}); {below} with P of 0.05 or less."
    )
    return figure


def _p_values(reach: float) -> Axis:
    """Axis of P values to both sides of 1."""
    steps = [-np.log10(p) for p in P_TICKS if -np.log10(p) <= reach]
    while len(steps) > 5:
        steps = steps[::2]
    ticks = sorted({sign * step + 0.0 for step in steps for sign in (-1, 1)})
    labels = tuple(f"{10 ** -abs(tick):.10g}" if abs(tick) < 5 else f"1e-{abs(tick):.0f}" for tick in ticks)
    return Axis(-reach, reach, tuple(ticks), labels)


def _sizes(low: float, high: float) -> Axis:
    """Logarithmic axis of sample sizes."""
    every = [base * 10.0**power for power in range(8) for base in (1, 2, 5)]
    ticks = [one for one in every if low <= one <= high] or [float(round(np.sqrt(low * high)))]
    return Axis(
        float(np.log10(low)), float(np.log10(high)),
        tuple(float(np.log10(one)) for one in ticks), tuple(number(one, 0) for one in ticks),
    )  # fmt: skip
