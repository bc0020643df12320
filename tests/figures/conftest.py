from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.lines import Line2D
from matplotlib.text import Text

from evidence.figures import EvidenceFigure
from evidence.figures.drawing.style import style
from evidence.models.pool import pool
from evidence.models.regression.subgroups import subgroups

GRACE = 0.5  # of a pixel, for what is rounded


def marks_of(figure: EvidenceFigure) -> list[Artist]:
    """List panels, and the lines, areas and points that nothing cuts off at a panel's edge."""
    alone: list[Artist] = [*figure.artists, *figure.lines, *figure.patches, *figure.axes]
    within = [mark for axes in figure.axes for mark in (*axes.lines, *axes.patches, *axes.collections)]
    loose = [mark for mark in within if not mark.get_clip_on()]
    drawn = [mark for mark in (*alone, *loose) if mark.get_visible()]
    return [mark for mark in drawn if not isinstance(mark, Line2D) or np.size(mark.get_xdata())]


@pytest.fixture
def trials():
    """Make a table of trials as it goes into a fit."""

    def make(k, measure="SMD", centre=-0.4, spread=0.2, seed=7):
        random = np.random.default_rng(seed)
        se = random.uniform(0.1, 0.5, k)
        return pd.DataFrame(
            {
                "label": [f"Author {place} {2000 + place}" for place in range(k)],
                "effect": centre + spread * random.standard_normal(k) + se * random.standard_normal(k),
                "variance": se**2,
                "n_arm": random.integers(10, 300, k),
                "n_comparator": random.integers(10, 300, k),
                "measure": measure,
                "adjusted": ["yes" if place % 3 == 0 else "no" for place in range(k)],
                "form": ["difference with P" if place % 4 == 1 else "means and SDs" for place in range(k)],
                "assumptions": [
                    "95% assumed; n of randomisation" if place % 5 == 2 else "" for place in range(k)
                ],
                "group": [
                    ("with exercise", "without exercise", "not stated")[place % 3] for place in range(k)
                ],
            }
        )

    return make


@pytest.fixture
def fit():
    """Pool a table of trials."""
    return lambda table, **options: pool(table.effect, table.variance, labels=list(table.label), **options)


@pytest.fixture
def split():
    """Pool a table of trials by its column `group`."""
    return lambda table: subgroups(table, by="group")


@pytest.fixture
def faults():
    """List texts that cover each other, and texts, marks and panels that leave the canvas."""

    def find(figure: EvidenceFigure) -> list[str]:
        with style():
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            renderer = canvas.get_renderer()
            boxes = [
                (text.get_text(), text.get_window_extent(renderer))
                for text in figure.findobj(Text)
                if text.get_visible() and text.get_text()
            ]
            marks = [
                (type(mark).__name__, box)
                for mark in marks_of(figure)
                for box in [mark.get_window_extent(renderer)]
                if np.isfinite([box.x0, box.y0, box.x1, box.y1]).all()
            ]
        width, height = figure.bbox.width, figure.bbox.height
        outside = [
            f"'{name}' leaves the canvas"
            for name, box in boxes + marks
            if box.x0 < -GRACE or box.y0 < -GRACE or box.x1 > width + GRACE or box.y1 > height + GRACE
        ]
        # A pixel of grace, because boxes are rounded up to whole pixels.
        covered = [
            f"'{one}' covers '{other}'"
            for (one, a), (other, b) in combinations(boxes, 2)
            if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
        ]
        return outside + covered

    return find


@pytest.fixture
def lines():
    """All lines and marks of a panel: marker, x and y."""

    def find(panel: Axes) -> list[tuple[str, list[float], list[float]]]:
        drawn = panel.lines
        return [
            (str(line.get_marker()), *(np.asarray(data, dtype=float).tolist() for data in line.get_data()))
            for line in drawn
        ]

    return find


@pytest.fixture
def texts():
    """All texts of a figure."""
    return lambda figure: [text.get_text() for text in figure.findobj(Text) if text.get_text()]
