"""Specification curves: the results of a multiverse's paths in order of size, over the choices that made them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, Key, add_plot, keys_height, left_margin, page, write_keys
from evidence.figures.drawing.style import (
    BLUE,
    GREY,
    INK,
    MARGIN,
    ORANGE,
    SKY,
    SMALL,
    VERMILLION,
    page_width,
    style,
)
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.models.core.studies import Floats
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.appraisal.multiverse.result import Multiverse

__all__ = ["COLOURS", "specification_curve"]

COLOURS = (BLUE, SKY, "#A0A0A0", VERMILLION)
"""Of the conclusions, in their order."""
HEIGHT, STRIP, APART, ROW = 190.0, 12.0, 6.0, 9.4
COLUMNS, LEVELS = 300, 180  # cells of the pictures; more paths than columns share them
WIDEST = 190.0  # points, of a label


@redrawable
@takes("Multiverse")
def specification_curve(
    result: Multiverse,
    *,
    favours: tuple[str, str] | None = None,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw the estimates of all pooled paths in order of size, their intervals, and which options they took.

    The upper panel shows the intervals as a shade, the denser the more of the paths in a column cover a value, in the
    colours of what they conclude; the strip under it the shares of the conclusions. Below, each row is an option, the
    darker where more of the paths take it than elsewhere. Everything is drawn from cells, so that a million paths
    need no more room than a thousand.

    Parameters
    ----------
    result : Multiverse
    favours : (str, str), optional
        What lies below and above no difference.
    measure_label, transform, title, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row for each column: the paths from and to, the median estimate and interval, and the share
        of each conclusion.

    Raises
    ------
    DataError
        If no path can be pooled.

    References
    ----------
    Simonsohn U, Simmons JP, Nelson LD (2020). Nat Hum Behav 4, 1208-1214.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> paths = ev.multiverse(review, "massage-inactive-pain-short", progress=False)
    >>> figure = ev.figures.specification_curve(paths)
    """
    estimate = result.of_paths(result.estimate)
    pooled = np.flatnonzero(np.isfinite(estimate))
    if not pooled.size:
        raise DataError("There is nothing to draw: none of the paths can be pooled.")
    # Equal estimates, apart from rounding, stand in the order of their intervals.
    size = float(np.abs(estimate[pooled]).max()) or 1.0
    rounded = np.round(estimate[pooled] / size, 9)
    order = pooled[np.lexsort((result.of_paths(result.ci_low)[pooled], rounded))]
    estimate, low, high = (
        estimate[order],
        *(result.of_paths(v)[order] for v in (result.ci_low, result.ci_high)),
    )
    concluded = result.of_paths(result.conclusion)[order]
    columns = min(COLUMNS, order.size)
    column = np.arange(order.size) * columns // order.size
    place = np.flatnonzero(order == 0)
    default = (float(place[0]) + 0.5) / order.size if place.size else None

    code = measure_code(measure_label or result.measure, None)
    scale = choose_scale(float(np.median(high - low)) / 2, code, transform, digits)
    y = make_axis(_limits(estimate, low, high, result), HEIGHT, ratio=scale.ratio)
    rows = _option_rows(result)
    sides = [] if favours is None else [f"↑ {clean(favours[1])}", f"↓ {clean(favours[0])}"]
    beside = max((text_width(text, SMALL) for text in sides), default=0.0)
    labels = max((text_width(text, SMALL) for text, *_ in rows), default=0.0)
    left = max(left_margin(y) + beside + 6, MARGIN + labels + 14)
    width = page_width() - MARGIN - left
    keys = _keys(result, concluded, default)
    key_room = keys_height(keys, MARGIN, page_width())
    sentence = _sentence(result, scale, estimate)
    caption = (
        f"{sentence} Shade: confidence intervals. Rows: options, the darker the more of the paths take them, from "
        "none (white) to twice the usual share; of a choice with two options only one has a row."
    )
    options_top = HEIGHT + APART + STRIP + APART
    body = key_room + options_top + ROW * len(rows) + BELOW
    with style():
        figure, top = page(body, title=title, caption=caption, width=page_width())
        write_keys(figure, MARGIN, top, keys)
        top += key_room
        name = measure_name(measure_label or result.measure, code)
        axes = add_plot(figure, (left, top, width, HEIGHT), None, y, "", name)
        for text, height in zip(sides, (SMALL, HEIGHT), strict=False):
            figure.write(MARGIN, top + height, text, size=SMALL)
        axes.set_xlim(0, 1)
        _draw_intervals(axes, low, high, concluded, column, columns, y)
        across = (np.arange(columns) + 0.5) / columns
        medians = {
            key: np.array(
                [np.median(part) for part in np.split(values, np.searchsorted(column, range(1, columns)))]
            )
            for key, values in (("estimate", estimate), ("ci_low", low), ("ci_high", high))
        }
        axes.plot(across, medians["estimate"], color=INK, linewidth=1.2, drawstyle="steps-mid")
        _draw_references(axes, result, y)
        strip = add_plot(figure, (left, top + HEIGHT + APART, width, STRIP), None, None)
        counts = np.bincount(column, minlength=columns)
        shares = np.array(
            [
                np.bincount(column[concluded == kind], minlength=columns) / counts
                for kind in range(len(COLOURS))
            ]
        )
        _draw_shares(strip, shares)
        below = add_plot(
            figure,
            (left, top + options_top, width, ROW * len(rows)),
            make_axis((0.0, 100.0), width, ratio=False),
            None,
            "Pooled paths in order of their estimate (%)",
        )
        _draw_options(figure, below, top + options_top, rows, order, column, counts)
        if default is not None:
            for panel, end in ((axes, 1.0), (strip, 1.0), (below, 100.0)):
                panel.axvline(default * end, color=ORANGE, linewidth=1.2, zorder=5)
            whisker = [result.ci_low[result.data_set[0], 0, 0], result.ci_high[result.data_set[0], 0, 0]]
            axes.plot([default] * 2, whisker, color=ORANGE, linewidth=4, zorder=5, solid_capstyle="butt")
            axes.plot(
                default,
                result.estimate[result.data_set[0], 0, 0],
                marker="D",
                color=ORANGE,
                markersize=6,
                markeredgecolor=INK,
                markeredgewidth=0.6,
                zorder=6,
            )
    ends = np.searchsorted(column, np.arange(columns + 1))
    figure.numbers = pd.DataFrame(
        {
            "from_path": ends[:-1] + 1,
            "to_path": ends[1:],
            **{key: [scale.show(value) for value in values] for key, values in medians.items()},
            **dict(zip(_names(result), shares, strict=False)),
        }
    )
    figure.kind = "specification curve"
    figure.alt_text = f"Specification curve of {result.analysis.title}. {sentence}"
    return figure


def _names(result: Multiverse) -> list[str]:
    from evidence.appraisal.multiverse.result import CONCLUSIONS

    return list(CONCLUSIONS[: len(COLOURS)])


def _sentence(result: Multiverse, scale: Scale, estimate: Floats) -> str:
    """Say where the estimates lie and what the paths conclude."""
    low, middle, high = (scale.text(float(value)) for value in np.quantile(estimate, (0.0, 0.5, 1.0)))
    shares = result.conclusions
    said = [
        f"{row['conclusion']} {number(100 * row['share_of_pooled'], 1)}%"
        for row in shares.to_dict("records")
        if row["share_of_pooled"] > 0
    ]
    kind = (
        f"A random sample of {len(result):,} of {result.total:,}" if result.sample else f"All {len(result):,}"
    )
    own = ""
    if result.default["conclusion"] != "not pooled":
        own = f" The protocol's own: {scale.text(float(result.default['estimate']))}."
    return (
        f"{kind} paths, of which {estimate.size:,} can be pooled: estimates {low} to {high}, median {middle}; "
        f"{', '.join(said)}.{own}"
    )


def _keys(result: Multiverse, concluded: NDArray[np.int8], default: float | None) -> list[Key]:
    keys: list[Key] = [
        (name, {"marker": "s", "markersize": 7.0, "color": colour})
        for kind, (name, colour) in enumerate(zip(_names(result), COLOURS, strict=True))
        if (concluded == kind).any()
    ]
    if default is not None:
        keys.append(("the protocol's path", {"color": ORANGE, "linewidth": 2.5}))
    if not math.isnan(result.mid):
        keys.append(
            ("minimal important difference", {"color": INK, "linewidth": 0.8, "linestyle": (0, (3, 2))})
        )
    return keys


def _limits(estimate: Floats, low: Floats, high: Floats, result: Multiverse) -> tuple[float, float]:
    """Range of the estimates and of most of the intervals, but no more than thrice the spread of the estimates."""
    sign = 1.0 if result.better == "higher" else -1.0
    marks = [0.0, *([] if math.isnan(result.mid) else [sign * result.mid])]
    bottom, top = min(float(estimate.min()), *marks), max(float(estimate.max()), *marks)
    reach = top - bottom or 1.0
    bottom = min(bottom, max(float(np.quantile(low, 0.1)), bottom - reach))
    top = max(top, min(float(np.quantile(high, 0.9)), top + reach))
    return bottom - 0.03 * (top - bottom), top + 0.03 * (top - bottom)


def _draw_intervals(
    axes: Axes,
    low: Floats,
    high: Floats,
    concluded: NDArray[np.int8],
    column: NDArray[np.intp],
    columns: int,
    y: Axis,
) -> None:
    """Shade each cell by the share of the column's paths whose interval covers it, mixed from their colours."""
    edges = np.linspace(y.low, y.high, LEVELS + 1)
    cover = np.zeros((len(COLOURS), columns, LEVELS))
    for kind in range(len(COLOURS)):
        of_kind = concluded == kind
        for ends, step in ((low, 1.0), (high, -1.0)):
            # An interval covers the cells from that of its lower to that of its upper limit.
            cell = np.clip(np.searchsorted(edges, ends[of_kind]) - 1, -1, LEVELS)
            cell = np.maximum(cell, 0) if step > 0 else cell + 1
            inside = cell < LEVELS
            np.add.at(cover[kind], (column[of_kind][inside], cell[inside]), step)
    cover = cover.cumsum(axis=2)
    total = cover.sum(axis=0)
    colours = np.tensordot(cover, np.array([to_rgb(colour) for colour in COLOURS]), (0, 0))
    colours /= np.maximum(total, 1.0)[..., None]
    strength = 0.75 * total / np.bincount(column, minlength=columns)[:, None]
    image = np.concatenate([np.clip(colours, 0, 1), np.clip(strength, 0, 1)[..., None]], axis=2)
    axes.imshow(
        image.transpose(1, 0, 2),
        origin="lower",
        extent=(0, 1, y.low, y.high),
        aspect="auto",
        interpolation="nearest",
        zorder=1,
    )


def _draw_references(axes: Axes, result: Multiverse, y: Axis) -> None:
    axes.axhline(0.0, color=INK, linewidth=0.8, zorder=2)
    if not math.isnan(result.mid):
        sign = 1.0 if result.better == "higher" else -1.0
        axes.axhline(sign * result.mid, color=INK, linewidth=0.8, linestyle=(0, (3, 2)), zorder=2)
    axes.set_ylim(y.low, y.high)


def _draw_shares(axes: Axes, shares: Floats) -> None:
    """Stack the shares of the conclusions in each column."""
    levels = (np.arange(60) + 0.5) / 60
    kind = (levels[:, None, None] > shares.cumsum(axis=0)).sum(axis=1).clip(max=len(COLOURS) - 1)
    picture = np.array([to_rgb(colour) for colour in COLOURS])[kind]
    axes.imshow(picture, origin="lower", extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
    axes.set_xlim(0, 1)


INDENT = "   "

Row = tuple[str, NDArray[np.bool_] | None, bool, bool]
"""Label, which paths take the option (None for a heading), whether the protocol does, and whether it is indented."""


def _option_rows(result: Multiverse) -> list[Row]:
    """List the options, the choices in order of importance; of a choice with two only the one not the protocol's."""
    rows: list[Row] = []
    for name in result.importance["choice"]:
        labels, code = result.active[name], result.path_codes[name]
        if len(labels) == 2:
            rows.append((_short(f"{name}: {labels[1]}"), code == 1, False, False))
            continue
        rows.append((_short(name), None, False, False))
        rows += [(_short(label, INDENT), code == i, i == 0, True) for i, label in enumerate(labels)]
    return rows


def _short(text: str, indent: str = "") -> str:
    """Cut a label that is too wide."""
    first, *rest = wrap(clean(text), WIDEST - 3.0 * len(indent), SMALL)
    return indent + first + ("…" if rest else "")


def _draw_options(
    figure: EvidenceFigure,
    axes: Axes,
    top: float,
    rows: list[Row],
    order: NDArray[np.intp],
    column: NDArray[np.intp],
    counts: NDArray[np.intp],
) -> None:
    """Shade each option by how often the paths of a column take it, against how often all do."""
    picture = np.ones((len(rows), counts.size, 3))
    for place, (label, taken, own, nested) in enumerate(rows):
        base = top + ROW * place + 0.5 * ROW + SMALL / 3
        if taken is None:
            figure.write(MARGIN, base, label, size=SMALL, weight="bold")
            continue
        figure.write(MARGIN, base, label, size=SMALL, color=INK if own or not nested else GREY)
        here = taken[order]
        relative = np.bincount(column, here, minlength=counts.size) / counts / max(float(here.mean()), 1e-12)
        picture[place] = (1.0 - 0.85 * np.clip(relative / 2.0, 0, 1))[:, None]
        axes.axhline(place, color="white", linewidth=0.8, zorder=2)
        if own:
            axes.plot(-1.6, place + 0.5, marker="D", markersize=3, color=ORANGE, clip_on=False)
    axes.imshow(
        picture,
        origin="upper",
        extent=(0, 100, len(rows), 0),
        aspect="auto",
        interpolation="nearest",
        zorder=1,
    )
    axes.set_ylim(len(rows), 0)
