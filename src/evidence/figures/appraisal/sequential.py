"""Cumulative Z against the information there is, with monitoring boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from evidence.errors import takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    page,
    write_keys,
)
from evidence.figures.drawing.style import (
    BLUE,
    GREY,
    HAIRLINE,
    INK,
    MARGIN,
    SMALL,
    VERMILLION,
    page_width,
    style,
)
from evidence.figures.drawing.text import clean, text_width
from evidence.measures import measure_of
from evidence.wording import counted, number

if TYPE_CHECKING:
    from evidence.diagnostics.sequential.result import Sequential

__all__ = ["sequential"]

HEIGHT, HIGHEST = 250.0, 8.0
LABEL = 8.0  # height of a label
DASHED: dict[str, Any] = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 2))}


@redrawable
@takes("Sequential")
def sequential(
    result: Sequential,
    *,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    title: str | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the Z of all trials up to each look against the share of the required information.

    Beyond the outer boundaries there is an effect; within the inner ones an effect of the planned size is unlikely.
    Each point carries the value by which the trials were ordered, such as the year, where there is room.

    Parameters
    ----------
    result : Sequential
        From `evidence.sequential` or `evidence.sequential_analysis`.
    favours : (str, str) or None
        What lies below and above zero where lower is better; turned where higher is.
    title : str, optional
    notes : sequence of str
        Sentences to add below.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a look (see `Sequential.looks`).

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> monitored = ev.sequential(fit, delta=0.4)
    >>> figure = ev.figures.sequential(monitored)
    """
    looks, ahead = result.looks, result.ahead()
    drawn = ahead[np.isfinite(ahead["boundary"]) & (ahead["boundary"] <= HIGHEST)]
    top_z = max(3.0, float(looks["z"].abs().max()), float(drawn["boundary"].max())) * 1.12
    y = make_axis((-top_z, top_z), HEIGHT, ratio=False)
    left = left_margin(y, 1)
    width = page_width() - MARGIN - left - 12
    x = make_axis((0.0, max(100.0, 100.0 * result.fraction) * 1.04), width, ratio=False)
    keys: list[Key] = [
        ("all trials up to a look", {"color": BLUE, "linewidth": 1.4}),
        ("boundary for an effect", {"color": VERMILLION, "linewidth": 1.4}),
        ("usual significance", {"color": GREY, "linewidth": 0.8, "linestyle": (0, (1, 2))}),
    ]
    if (ahead["futility"] > 0).sum() > 1:
        keys.insert(2, ("boundary for futility", DASHED))
    room = keys_height(keys, left, page_width()) + 4
    caption = clean(" ".join([_plan(result), result.note, *notes, result.caveats]))
    with style():
        figure, top = page(room + HEIGHT + BELOW, title=title, caption=caption, width=page_width())
        write_keys(figure, left, top, keys)
        box = (left, top + room, width, HEIGHT)
        axes = add_plot(figure, box, x, y, "Information, percent of the required", "Cumulative Z")
        _draw_boundaries(axes, result, drawn, ahead)
        axes.plot([0, *(100 * looks["fraction"])], [0, *looks["z"]], color=BLUE, linewidth=1.4, zorder=3)
        dots(axes, 100 * looks["fraction"], looks["z"])
        points = [
            (
                left + width * x.share(100 * fraction),
                top + room + HEIGHT * (1 - y.share(z)),
                str(order),
            )
            for fraction, z, order in zip(looks["fraction"], looks["z"], looks["order"], strict=True)
        ]
        at = left + width * x.share(100.0)
        _write_labels(figure, box, points, _sides(result, favours), at)
    figure.numbers = looks
    figure.kind = "plot of sequential analysis"
    figure.alt_text = (
        f"Sequential analysis of {counted(result.fit.k, 'study', 'studies')} in {counted(len(looks), 'look')}. "
        f"{_plan(result)} {result.note}"
    )
    return figure


def _draw_boundaries(axes: Axes, result: Sequential, drawn: pd.DataFrame, ahead: pd.DataFrame) -> None:
    axes.axhline(0.0, color=GREY, linewidth=HAIRLINE, zorder=1)
    axes.axvline(100.0, color=INK, linewidth=0.8, zorder=1)
    inner = ahead[ahead["futility"] > 0]
    for sign in (-1.0, 1.0):
        axes.axhline(sign * result.usual, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        look: dict[str, Any] = {"color": VERMILLION, "linewidth": 1.4, "marker": "s", "markersize": 2.5}
        axes.plot(100 * drawn["fraction"], sign * drawn["boundary"], zorder=2, **look)
        axes.plot(100 * inner["fraction"], sign * inner["futility"], zorder=2, **DASHED)


def _sides(result: Sequential, favours: tuple[str, str] | None) -> tuple[str, str]:
    """What lies above and below zero."""
    if favours is None:
        return "", ""
    below, above = favours if result.better == "lower" else favours[::-1]
    return f"\u2191 {clean(above)}", f"\u2193 {clean(below)}"


def _write_labels(
    figure: EvidenceFigure,
    box: tuple[float, float, float, float],
    points: Sequence[tuple[float, float, str]],
    sides: tuple[str, str],
    required: float,
) -> None:
    """Name the sides of the plot, the line of full information, and each look where its label covers no other."""
    left, top, width, height = box
    # Below the name of the upper side, on the side of the line with more room.
    base, wide = top + 2 * LABEL + 4, text_width("required", SMALL)
    x = required + 3 if required < left + width / 2 else required - 3 - wide
    figure.write(x, base, "required", size=SMALL, color=GREY)
    taken = [(x, base - LABEL, x + wide, base + 2)]
    for text, base in zip(sides, (top + LABEL, top + height - 4), strict=True):
        figure.write(left + 6, base, text, size=SMALL, color=GREY)
        taken.append((left + 6, base - LABEL, left + 6 + text_width(text, SMALL), base + 2))
    for x, y, order in points:
        text = clean(order)
        half = text_width(text, SMALL) / 2 + 1
        at = min(max(x, left + half), left + width + MARGIN - half)
        # Away from zero first, where the path does not run.
        away = -1 if y <= top + height / 2 else 1
        for down in (away * 6, -away * 6, away * 15, -away * 15, away * 24, -away * 24):
            base = y + down + (LABEL - 2 if down > 0 else 0)
            place = (at - half, base - LABEL, at + half, base + 2)
            inside = top <= place[1] and place[3] <= top + height
            if inside and not any(_meet(place, other) for other in taken):
                figure.write(at, base, text, size=SMALL, ha="center")
                taken.append(place)
                break


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _plan(result: Sequential) -> str:
    """The plan in a sentence."""
    size = measure_of(result.measure).natural(result.delta)
    code = f" ({result.measure})" if result.measure else ""
    people = "" if np.isnan(result.required_n) else f": about {number(result.required_n, 0)} people"
    return (
        f"Required information for an effect of {size:.3g}{code} with power "
        f"{number(100 * result.power, 0)}% and two-sided error {number(100 * result.alpha, 0)}%, at a diversity of "
        f"{number(100 * result.diversity, 0)}%{people}."
    )
