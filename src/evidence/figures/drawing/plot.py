"""One plot on a page: title above, axes with their names, keys, points, and a caption below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from evidence.figures.drawing.axis import Axis
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.style import BLUE, BODY, MARGIN, SMALL, TITLE, page_width
from evidence.figures.drawing.text import text_width, wrap

__all__ = [
    "BELOW",
    "WIDTH",
    "Key",
    "add_plot",
    "dots",
    "keys_height",
    "left_margin",
    "padded",
    "page",
    "plot_width",
    "write_keys",
]

WIDTH = 400.0  # points; the width of a page with one plot
BELOW = 38.0  # room for the ticks and the name of a horizontal axis
TITLE_LINE, CAPTION_LINE, KEY_LINE = 14.0, 9.6, 13.0
SWATCH, KEY_GAP = 12.0, 12.0

Key = tuple[str, dict[str, Any]]


def page(
    body: float, *, title: str | None, caption: str, width: float | None = None
) -> tuple[EvidenceFigure, float]:
    """Make a page with its title and caption.

    Parameters
    ----------
    body : float
        Height in points of what stands between title and caption.
    title : str or None
    caption : str
    width : float, optional
        By default that of a page with one plot.

    Returns
    -------
    (figure, top)
        `top` is where the body begins, in points from the top.
    """
    width = plot_width() if width is None else width
    inner = width - 2 * MARGIN
    heading = wrap(title, inner, TITLE, "bold") if title else []
    lines = wrap(caption, inner, SMALL)
    top = MARGIN + TITLE_LINE * len(heading) + 4
    figure = EvidenceFigure(width, top + body + CAPTION_LINE * len(lines) + MARGIN)
    for place, line in enumerate(heading):
        figure.write(MARGIN, MARGIN + TITLE + TITLE_LINE * place, line, size=TITLE, weight="bold")
    for place, line in enumerate(lines):
        figure.write(MARGIN, top + body + SMALL + CAPTION_LINE * place, line, size=SMALL)
    return figure, top


def plot_width() -> float:
    """Width in points of a page with one plot."""
    return page_width(WIDTH)


def left_margin(axis: Axis, lines: int = 1) -> float:
    """Room in points for the tick labels and the name of a vertical axis, the name in so many lines."""
    ticks = max((text_width(label, SMALL) for label in axis.labels), default=0.0)
    return MARGIN + 10.0 * lines + ticks + 14.0


def add_plot(
    figure: EvidenceFigure,
    box: tuple[float, float, float, float],
    x: Axis | None,
    y: Axis | None,
    x_name: str = "",
    y_name: str = "",
) -> Axes:
    """Place axes and name them.

    Parameters
    ----------
    figure : EvidenceFigure
    box : (left, top, width, height)
        In points from the top left corner of the page.
    x, y : Axis or None
        Range and ticks; an axis without them is not drawn.
    x_name, y_name : str
        Broken into lines where they are longer than their axis.

    Returns
    -------
    matplotlib Axes
    """
    left, top, width, height = box
    page_width, page_height = figure.get_size_inches() * 72
    corner = (left / page_width, 1 - (top + height) / page_height)
    axes = figure.add_axes((*corner, width / page_width, height / page_height))
    axes.spines[["right", "top"]].set_visible(False)
    axes.set_facecolor("none")
    if x is None:
        axes.spines["bottom"].set_visible(False)
        axes.set_xticks([])
    else:
        axes.set_xlim(x.low, x.high)
        axes.set_xticks(x.ticks, _inside(x, left, width, page_width))
    if y is None:
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
    else:
        axes.set_ylim(y.low, y.high)
        axes.set_yticks(y.ticks, y.labels)
    for place, line in enumerate(wrap(x_name, width, BODY)):
        figure.write(left + width / 2, top + height + 28 + 10 * place, line, ha="center")
    if y_name:
        axes.set_ylabel("\n".join(wrap(y_name, height, BODY)), parse_math=False)
    return axes


def _inside(axis: Axis, left: float, width: float, page_width: float) -> list[str]:
    """Labels of the ticks; one that would leave the page stays empty."""
    labels = []
    for tick, label in zip(axis.ticks, axis.labels, strict=True):
        place = left + axis.share(tick) * width
        half = max(text_width(line, SMALL) for line in label.split("\n")) / 2 + 1
        labels.append(label if half <= place <= page_width - half else "")
    return labels


def padded(*values: ArrayLike, room: float = 0.05) -> tuple[float, float]:
    """Range of all finite values with some room at both ends; a range of nothing is widened."""
    flat = np.concatenate([np.ravel(np.asarray(value, dtype=float)) for value in values])
    flat = flat[np.isfinite(flat)]
    low, high = (float(flat.min()), float(flat.max())) if flat.size else (0.0, 1.0)
    pad = room * (high - low) or 0.5 * max(abs(high), 1e-12)
    return low - pad, high + pad


def dots(axes: Axes, x: ArrayLike, y: ArrayLike, **look: Any) -> None:
    """Draw studies as points; `look` overrides how."""
    common: dict[str, Any] = {
        "linestyle": "none",
        "marker": "o",
        "color": BLUE,
        "markersize": 5.0,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "clip_on": False,
        "zorder": 4,
    }
    axes.plot(x, y, **(common | look))


def keys_height(keys: Sequence[Key], left: float, page_width: float | None = None) -> float:
    """Height in points of the lines that keys take, if these begin `left` points from the page's edge."""
    return KEY_LINE * len({line for line, _ in _place_keys(keys, left, page_width or plot_width())})


def write_keys(figure: EvidenceFigure, left: float, top: float, keys: Sequence[Key]) -> None:
    """Explain marks, in as many lines as they need.

    Parameters
    ----------
    figure : EvidenceFigure
    left, top : float
        Where the first line begins, in points from the top left corner.
    keys : sequence of (str, dict)
        Each text with the look of its line or marker, as for `matplotlib.lines.Line2D`.
    """
    width, height = figure.get_size_inches() * 72
    for (text, look), (number, x) in zip(keys, _place_keys(keys, left, width), strict=True):
        y = top + 8 + KEY_LINE * number
        alone: dict[str, Any] = {"linestyle": "none"} if "marker" in look else {}
        ends = [x + SWATCH / 2] if alone else [x, x + SWATCH]
        level = [1 - (y - 2.6) / height] * len(ends)
        figure.add_artist(
            Line2D([end / width for end in ends], level, solid_capstyle="butt", **(alone | look))
        )
        figure.write(x + SWATCH + 3, y, text, size=SMALL)


def _place_keys(keys: Sequence[Key], left: float, page_width: float) -> list[tuple[int, float]]:
    """Number of its line and horizontal place of every key."""
    places, line, x = [], 0, left
    for text, _ in keys:
        width = SWATCH + 3 + text_width(text, SMALL)
        if x > left and x + width > page_width - MARGIN:
            line, x = line + 1, left
        places.append((line, x))
        x += width + KEY_GAP
    return places
