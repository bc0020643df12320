"""The two labels under an axis that say what lies below and above the reference."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.style import MARGIN, SMALL
from evidence.figures.drawing.text import clean, text_width, wrap

__all__ = ["Direction", "directions_height", "place_directions", "write_directions"]

WIDEST, STEP, APART = 170.0, 9.0, 6.0  # points


@dataclass(frozen=True, slots=True)
class Direction:
    """One label: its lines end (`right`) or begin (`left`) at `x` points from the left of the page."""

    x: float
    align: str
    lines: list[str]


def place_directions(favours: tuple[str, str] | None, x: float, page: float) -> list[Direction]:
    """Put the labels left and right of the reference, or as near as the page allows.

    Parameters
    ----------
    favours : (str, str) or None
        What lies below and above; an empty text is left out.
    x : float
        Place of the reference on the page.
    page : float
        Width of the page, at least 372 points.

    Returns
    -------
    list of Direction
    """
    if favours is None:
        return []
    below, above = (clean(text) for text in favours)
    lines = [
        wrap(f"← {below}" if below else "", WIDEST, SMALL),
        wrap(f"{above} →" if above else "", WIDEST, SMALL),
    ]
    width_below, width_above = (max(text_width(line, SMALL) for line in label) for label in lines)
    end = max(x - APART, MARGIN + width_below)
    start = max(min(x + APART, page - MARGIN - width_above), end + 2 * APART if end > x - APART else 0.0)
    end = min(end, start - 2 * APART)
    return [Direction(end, "right", lines[0]), Direction(start, "left", lines[1])]


def write_directions(figure: EvidenceFigure, y: float, directions: list[Direction]) -> None:
    """Write the labels, their first lines with the baseline at `y`."""
    for label in directions:
        for place, line in enumerate(label.lines):
            figure.write(label.x, y + STEP * place, line, size=SMALL, ha=label.align)


def directions_height(directions: list[Direction]) -> float:
    """Height of the labels in points."""
    return STEP * max((len(label.lines) for label in directions), default=0)
