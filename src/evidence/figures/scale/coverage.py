"""How an operating characteristic of intervals, such as their coverage, changes along a simulated grid."""

from __future__ import annotations

import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    padded,
    page,
    plot_width,
    write_keys,
)
from evidence.figures.drawing.style import BLUE, GREY, INK, MARGIN, ORANGE, SKY, VERMILLION, style
from evidence.figures.drawing.text import significant
from evidence.wording import number

__all__ = ["coverage"]

HEIGHT = 210.0
APART = 0.006  # of the width
COLOURS = (VERMILLION, ORANGE, BLUE, SKY, INK, GREY)
MARKS = ("o", "s", "D", "^", "v", "P")
SHARES = {
    "coverage": "Coverage (%)",
    "power": "Intervals without zero (%)",
    "type1_error": "Type I error (%)",
}
NAMES = SHARES | {"bias": "Bias", "rmse": "Root mean square error", "width": "Width of the interval"}
NORMAL = 1.959963984540054


@redrawable
@takes("DataFrame")
def coverage(
    result: pd.DataFrame,
    *,
    x: str = "tau2",
    x_label: str | None = None,
    quantity: str = "coverage",
    target: float | None = 0.95,
    title: str | None = None,
) -> EvidenceFigure:
    """Draw a measure of performance of each method and interval along one column of a simulated grid.

    Parameters
    ----------
    result : DataFrame
        As from `evidence.simulate`, with one row for each value of `x`, method and interval.
    x : str
        Column of the horizontal axis, numbers.
    x_label : str, optional
        Its name; by default that of the column.
    quantity : str
        "coverage", "power", "type1_error", "bias", "rmse" or "width".
    target : float or None
        Value to aim at, as a dashed line; of shares between 0 and 1.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a point: the value of `x`, method, ci, the quantity and its Monte Carlo standard error.

    Raises
    ------
    DataError
        If a column is missing, or several rows share one place: choose rows first.

    Examples
    --------
    >>> import evidence as ev
    >>> result = ev.simulate({"k": [5], "tau2": [0, 0.05, 0.1, 0.2]}, ci=["HKSJ", "z"], repetitions=1000)
    >>> figure = ev.figures.coverage(result)
    """
    if quantity not in NAMES or quantity not in result or x not in result:
        raise DataError(f"the result has no {quantity!r} along {x!r}; use {', '.join(NAMES)}.")
    if result.duplicated([x, "method", "ci"]).any():
        raise DataError(f"several rows have the same {x}, method and ci; choose one of each first.")
    scale = 100.0 if quantity in SHARES else 1.0
    numbers = result[[x, "method", "ci", quantity, f"{quantity}_mcse"]].reset_index(drop=True)
    value = scale * numbers[quantity]
    error = NORMAL * scale * numbers[f"{quantity}_mcse"]
    aim = [] if target is None or quantity not in ("coverage", "type1_error") else [scale * target]
    ways = list(dict.fromkeys(zip(numbers["method"], numbers["ci"], strict=True)))
    y = make_axis(padded(value - error, value + error, aim), HEIGHT, ratio=False)
    left = left_margin(y)
    width = plot_width() - MARGIN - left
    across = make_axis(padded(numbers[x]), width, ratio=False)
    looks = [{"color": COLOURS[i % 6], "marker": MARKS[i % 6]} for i in range(len(ways))]
    names = [method if ci == "central" else f"{method}, {ci}" for method, ci in ways]
    keys: list[Key] = [(name, look | {"markersize": 5.0}) for name, look in zip(names, looks, strict=True)]
    key_room = keys_height(keys, left)
    repetitions = int(result["repetitions"].min()) if "repetitions" in result else 0
    caption = f"{repetitions:,} simulated meta-analyses a point. Bars: 95% Monte Carlo intervals." + (
        f" Dashed: {number(aim[0], 0)}%, what is promised." if aim else ""
    )
    with style():
        figure, top = page(key_room + HEIGHT + BELOW, title=title, caption=caption)
        write_keys(figure, left, top, keys)
        axes = add_plot(
            figure, (left, top + key_room, width, HEIGHT), across, y, x_label or x, NAMES[quantity]
        )
        for level in aim:
            axes.axhline(level, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        for place, ((method, ci), look) in enumerate(zip(ways, looks, strict=True)):
            part = ((numbers["method"] == method) & (numbers["ci"] == ci)).to_numpy()
            at, high, half = (one[part].to_numpy() for one in (numbers[x], value, error))
            # A little beside each other, so that none hides another.
            at = at + (place - (len(ways) - 1) / 2) * APART * (across.high - across.low)
            axes.vlines(at, high - half, high + half, color=look["color"], linewidth=0.9, zorder=2)
            axes.plot(at, high, color=look["color"], linewidth=1.0, zorder=2)
            dots(axes, at, high, **look)
    figure.kind = "simulation plot"
    figure.numbers = numbers
    unit = "%" if quantity in SHARES else ""
    said = []
    for (method, ci), name in zip(ways, names, strict=True):
        part = value[(numbers["method"] == method) & (numbers["ci"] == ci)]
        low, high = (significant(float(one)) for one in (part.min(), part.max()))
        said.append(f"{name} {low} to {high}{unit}")
    figure.alt_text = f"{NAMES[quantity].removesuffix(' (%)')} along {x_label or x}: {'; '.join(said)}."
    return figure
