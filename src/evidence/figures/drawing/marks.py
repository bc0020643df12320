"""The marks of a panel: squares, diamonds, prediction bars, and arrows where one leaves the axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from evidence.figures.drawing.axis import Axis
from evidence.figures.drawing.layout import Block, Placed, Row
from evidence.figures.drawing.style import BLUE, FAINT, GREY, HAIRLINE, INK, LINE, SMALL, VERMILLION

__all__ = ["draw_panel"]

BAND = "#EEF1F4"
LARGEST_SIDE, SMALLEST_SIDE, DIAMOND = 8.5, 2.0, 4.2  # points


def draw_panel(panel: Axes, rows: Sequence[Placed], block: Block, axis: Axis) -> None:
    """Draw the intervals of all rows; the vertical axis counts points from the top.

    Parameters
    ----------
    panel : matplotlib Axes
        As high in points as the rows together.
    rows : sequence of Placed
    block : Block
        Gives the reference line and the pooled estimate.
    axis : Axis
    """
    height = sum(placed.height for placed in rows)
    panel.set(xlim=(axis.low, axis.high), ylim=(height, 0), yticks=[], facecolor="none")
    panel.set_xticks(axis.ticks, axis.labels, fontsize=SMALL)
    panel.spines[["left", "right", "top"]].set_visible(False)
    if block.band is not None:
        panel.axvspan(*block.band, color=BAND, linewidth=0, zorder=0)
    if block.reference is not None:
        panel.axvline(block.reference, color=GREY, linewidth=HAIRLINE, zorder=1)
    if block.centre is not None and axis.low <= block.centre <= axis.high:
        panel.axvline(block.centre, color=VERMILLION, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)
    top = 0.0
    for placed in rows:
        _mark(panel, top + placed.height / 2, placed.row, axis)
        top += placed.height


def _mark(panel: Axes, y: float, row: Row, axis: Axis) -> None:
    if not math.isnan(row.prediction[0]):
        _bar(panel, y, row.prediction, axis, color=FAINT, linewidth=3.0, zorder=2)
    if row.interval is None:
        return
    estimate, low, high = row.interval
    inside = axis.low <= estimate <= axis.high
    if row.kind in ("pooled", "subtotal") and not math.isnan(low):
        fill = VERMILLION if row.kind == "pooled" else "#F2B78F"
        corners = [(low, y), (estimate, y - DIAMOND), (high, y), (estimate, y + DIAMOND)]
        panel.add_patch(Polygon(corners, facecolor=fill, edgecolor=VERMILLION, linewidth=0.7, zorder=3))
        _arrows(panel, y, (low, high), axis, VERMILLION)
    elif row.kind == "prediction":
        _bar(panel, y, (low, high), axis, color=VERMILLION, linewidth=1.6, zorder=3)
        for end in (low, high):
            if axis.low <= end <= axis.high:
                panel.plot([end, end], [y - 2.5, y + 2.5], color=VERMILLION, linewidth=LINE, zorder=3)
    else:
        if not math.isnan(low):
            _bar(panel, y, (low, high), axis, color=INK, linewidth=LINE, zorder=3)
        if inside:
            side = max(LARGEST_SIDE * math.sqrt(row.area), SMALLEST_SIDE)
            look: dict[str, Any] = {
                "markerfacecolor": BLUE,
                "markeredgecolor": BLUE,
                "marker": "s",
                "markersize": side,
            }
            if row.kind == "published":
                look |= {"markerfacecolor": "white", "markeredgecolor": INK, "marker": "o", "markersize": 5.0}
            panel.plot(
                [estimate], [y], linestyle="none", markeredgewidth=0.8, zorder=4, clip_on=False, **look
            )


def _bar(
    panel: Axes, y: float, ends: tuple[float, float], axis: Axis, *, color: str, linewidth: float, zorder: int
) -> None:
    """Draw a line from end to end, as far as the axis goes, with an arrow where it goes on."""
    low, high = (min(max(end, axis.low), axis.high) for end in ends)
    panel.plot([low, high], [y, y], color=color, linewidth=linewidth, solid_capstyle="butt", zorder=zorder)
    _arrows(panel, y, ends, axis, color)


def _arrows(panel: Axes, y: float, ends: tuple[float, float], axis: Axis, color: str) -> None:
    for beyond, place, marker in ((ends[0] < axis.low, axis.low, "<"), (ends[1] > axis.high, axis.high, ">")):
        if beyond:
            panel.plot(
                [place],
                [y],
                marker=marker,
                markersize=5,
                color=color,
                markeredgewidth=0,
                clip_on=False,
                zorder=5,
            )
