"""What the sizes of nodes and the widths of edges stand for in a network graph, and the key that says so."""

from __future__ import annotations

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.style import INK, MARGIN, SMALL
from evidence.figures.drawing.text import text_width
from evidence.figures.network.table import NetworkTable
from evidence.wording import number

__all__ = ["LARGEST", "PLAIN", "Sizes", "write_scales"]

# Points: radii of the largest and the smallest node, the widest edge, the width of one study, the length of a sample.
LARGEST, SMALLEST, THICKEST, PER_STUDY, SAMPLE = 15.0, 2.0, 9.0, 1.5, 22.0
PLAIN = "#8C8C8C"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in points: the largest node has the radius `largest` for `people`; the widest edge is `studies`."""

    largest: float
    people: float
    studies: int

    def radius(self, people: float) -> float:
        """Radius of a node; one so small that it would vanish, or of unknown size, is drawn as a dot."""
        return (
            SMALLEST
            if math.isnan(people)
            else max(self.largest * math.sqrt(people / max(self.people, 1.0)), SMALLEST)
        )

    def width(self, studies: float) -> float:
        """Width of an edge."""
        return max(min(PER_STUDY, THICKEST / self.studies) * studies, 0.5)


def write_scales(
    figure: EvidenceFigure,
    axes: Axes,
    origin: tuple[float, float],
    y: float,
    table: NetworkTable,
    sizes: Sizes,
) -> None:
    """Show in one line, around `y` points from the top, what sizes of nodes and widths of edges mean."""
    level, base, x = origin[1] - y, y + SMALL / 2 - 1, MARGIN
    texts = [("Studies of a treatment:" if table.people is None else "People:", 0.0)]
    texts += [(number(count, 0), count) for count in _steps(sizes.people)]
    for text, count in texts:
        if count:
            radius = sizes.radius(count)
            look = {"facecolor": INK, "edgecolor": "none"}
            axes.add_patch(Circle((x + radius - origin[0], level), radius, **look))
            x += 2 * radius + 3
        figure.write(x, base, text, size=SMALL)
        x += text_width(text, SMALL) + 8
    x += 12
    figure.write(x, base, "Studies of a comparison:", size=SMALL)
    x += text_width("Studies of a comparison:", SMALL) + 8
    for count in _steps(max(table.edges.values())):
        ends = [x - origin[0], x + SAMPLE - origin[0]]
        axes.plot(ends, [level, level], color=PLAIN, linewidth=sizes.width(count), solid_capstyle="butt")
        x += SAMPLE + 3
        figure.write(x, base, number(count, 0), size=SMALL)
        x += text_width(number(count, 0), SMALL) + 8


def _steps(largest: float) -> list[float]:
    """One small and one large round number, or the only one."""
    power = 10.0 ** math.floor(math.log10(max(largest, 1.0)))
    top = max(m * power for m in (1.0, 2.0, 3.0, 5.0) if m * power <= max(largest, 1.0))
    low = max(round(top / 5.0), 1.0)
    return [low, top] if low < top else [top]
