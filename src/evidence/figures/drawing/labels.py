"""Names beside the points of a scatter, placed so that none covers another or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from evidence.figures.drawing.style import GREY, HAIRLINE, MARGIN, SMALL, superscript
from evidence.figures.drawing.text import text_width, wrap
from evidence.wording import counted

__all__ = ["place_labels"]

HALO = withStroke(linewidth=1.6, foreground="white", alpha=0.8)  # keeps lines apart from the letters
POINT = 3.0  # half the side of the square kept free around a point
RADII = (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0, 65.0, 85.0, 110.0)
MOST_NAMED = 12
"""Names without room that are told one by one."""
# To the right first, then left, above, below and between, in degrees.
ANGLES = (0, 180, 90, 270, 30, 150, 330, 210, 60, 120, 240, 300)

Box = tuple[float, float, float, float]
Point = tuple[float, float]
STEP = 9.6  # points from line to line below the figure


def _size() -> float:
    return max(6.0, superscript())


def place_labels(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], labels: Sequence[str]) -> None:
    """Write each label at the nearest free place; a thin line leads to a place further off.

    Neither covers a point, another name or another leader. Names for which there is no room stand below the figure.

    Parameters
    ----------
    axes : matplotlib Axes
        With its limits set.
    x, y : arrays, shape (n,)
        Points in data coordinates.
    labels : sequence of str
        An empty label is not written.
    """
    to_points = 72 / axes.figure.dpi
    places = axes.transData.transform(np.column_stack([x, y])) * to_points
    corner = axes.transAxes.transform([(0, 0), (1, 1)]) * to_points
    frame = (*corner[0], *corner[1])
    taken: list[Box] = [(px - POINT, py - POINT, px + POINT, py + POINT) for px, py in places]
    leaders: list[tuple[Point, Point]] = []
    without: list[str] = []
    for number, ((px, py), label) in enumerate(zip(places, labels, strict=True)):
        if not label:
            continue
        found = _free_place(px, py, text_width(label, _size()), frame, taken, leaders, number)
        if found is None:
            without.append(label)
            continue
        box, near = found
        taken.append(box)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        inverse = axes.transData.inverted()
        at_x, at_y = inverse.transform(np.array(middle) / to_points)
        text = axes.text(
            at_x, at_y, label, fontsize=_size(), ha="center", va="center", parse_math=False, zorder=5
        )
        text.set_path_effects([HALO])
        if near is not None:
            leaders.append(((px, py), near))
            line = inverse.transform(np.array([(px, py), near]) / to_points)
            axes.plot(line[:, 0], line[:, 1], color=GREY, linewidth=HAIRLINE, zorder=3)
    if without:
        many = counted(len(without), "name")
        listed = f"{many}: {'; '.join(without)}" if len(without) <= MOST_NAMED else many
        figure: Any = axes.figure
        width = figure.get_figwidth() * 72 - 2 * MARGIN
        figure.add_below(wrap(f"No room for {listed}.", width, SMALL), SMALL, STEP)


def _free_place(
    px: float,
    py: float,
    width: float,
    frame: Box,
    taken: Sequence[Box],
    leaders: Sequence[tuple[Point, Point]],
    own: int,
) -> tuple[Box, Point | None] | None:
    """The nearest free place for a name, and where its leader ends, if it needs one."""
    half_width, half_height = width / 2 + 1, _size() / 2 + 1
    others = [box for number, box in enumerate(taken) if number != own]
    for radius in RADII:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            cx = px + radius * dx + half_width * round(dx, 3)
            cy = py + radius * dy + half_height * round(dy, 3)
            box = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
            inside = box[0] > frame[0] and box[1] > frame[1] and box[2] < frame[2] and box[3] < frame[3]
            if not inside or any(_overlap(box, other) for other in taken):
                continue
            if any(_crosses(leader, box) for leader in leaders):
                continue
            if radius <= RADII[1]:
                return box, None
            near = (min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3]))
            if not any(_crosses(((px, py), near), other) for other in others):
                return box, near
    return None


def _crosses(line: tuple[Point, Point], box: Box) -> bool:
    """Whether a line goes through a box (Liang and Barsky 1984)."""
    (x0, y0), (x1, y1) = line
    enters, leaves = 0.0, 1.0
    for step, room in (
        (x0 - x1, x0 - box[0]),
        (x1 - x0, box[2] - x0),
        (y0 - y1, y0 - box[1]),
        (y1 - y0, box[3] - y0),
    ):
        if step == 0:
            if room < 0:
                return False
        elif step < 0:
            enters = max(enters, room / step)
        else:
            leaves = min(leaves, room / step)
    return enters < leaves


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
