"""Names beside the points of a scatter, placed so that none covers another or a point."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from evidence.figures.drawing.style import GREY, HAIRLINE, superscript
from evidence.figures.drawing.text import text_width

__all__ = ["place_labels"]

HALO = withStroke(linewidth=1.6, foreground="white", alpha=0.8)  # keeps lines apart from the letters
POINT = 3.0  # half the side of the square kept free around a point
RADII = (5.0, 9.0, 14.0, 20.0, 28.0, 38.0, 50.0)
# To the right first, then left, above, below and between, in degrees.
ANGLES = (0, 180, 90, 270, 30, 150, 330, 210, 60, 120, 240, 300)

Box = tuple[float, float, float, float]


def _size() -> float:
    return max(6.0, superscript())


def place_labels(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], labels: Sequence[str]) -> None:
    """Write each label at the nearest free place; a thin line leads to a place further off.

    A label for which there is no room is left out.

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
    for (px, py), label in zip(places, labels, strict=True):
        if not label:
            continue
        found = _free_place(px, py, text_width(label, _size()), frame, taken)
        if found is None:
            continue
        box, radius = found
        taken.append(box)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        inverse = axes.transData.inverted()
        at_x, at_y = inverse.transform(np.array(middle) / to_points)
        text = axes.text(
            at_x, at_y, label, fontsize=_size(), ha="center", va="center", parse_math=False, zorder=5
        )
        text.set_path_effects([HALO])
        if radius > RADII[1]:
            near = (min(max(px, box[0]), box[2]), min(max(py, box[1]), box[3]))
            line = inverse.transform(np.array([(px, py), near]) / to_points)
            axes.plot(line[:, 0], line[:, 1], color=GREY, linewidth=HAIRLINE, zorder=3)


def _free_place(
    px: float, py: float, width: float, frame: Box, taken: Sequence[Box]
) -> tuple[Box, float] | None:
    half_width, half_height = width / 2 + 1, _size() / 2 + 1
    for radius in RADII:
        for angle in ANGLES:
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            cx = px + radius * dx + half_width * round(dx, 3)
            cy = py + radius * dy + half_height * round(dy, 3)
            box = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
            inside = box[0] > frame[0] and box[1] > frame[1] and box[2] < frame[2] and box[3] < frame[3]
            if inside and not any(_overlap(box, other) for other in taken):
                return box, radius
    return None


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
