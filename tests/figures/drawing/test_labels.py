"""Names beside points: each has its place or is told of, and nothing crosses what it does not belong to."""

from __future__ import annotations

import numpy as np
import pytest

from evidence.figures import EvidenceFigure
from evidence.figures.drawing.labels import _crosses, place_labels
from evidence.figures.drawing.reported import Count
from evidence.figures.drawing.style import GREY, style


def scatter(points, names, width=300.0, height=240.0):
    with style():
        figure = EvidenceFigure(width, height)
        axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        place_labels(axes, points[:, 0], points[:, 1], names)
    return figure, axes


def told(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("k", [3, 12, 40])
def test_every_name_is_placed_or_told(k):
    points = np.random.default_rng(k).uniform(0.3, 0.6, (k, 2))
    names = [f"Author number {i} 2001" for i in range(k)]
    figure, axes = scatter(points, names)
    placed = [text.get_text() for text in axes.texts]
    below = " ".join(told(figure))
    if len(placed) < k:
        assert f"No room for {k - len(placed)} name" in below
        if k - len(placed) <= 12:
            assert all(name in below for name in set(names) - set(placed))
        assert figure.get_figheight() * 72 > 240.0
    else:
        assert below == ""


def test_a_line_below_leaves_the_panel_where_it_was():
    points = np.full((30, 2), 0.5) + np.random.default_rng(1).uniform(-0.01, 0.01, (30, 2))
    figure, axes = scatter(points, ["A very long name of an author and a year"] * 30)
    taller = figure.get_figheight() * 72
    assert taller > 240
    box = axes.get_position()
    assert taller * (1 - box.y1) == pytest.approx(240 * 0.05, abs=0.01)
    assert taller * box.height == pytest.approx(240 * 0.85, abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_leaders_and_names_cross_no_point_and_no_other_name(seed):
    points = np.random.default_rng(seed).uniform(0.45, 0.55, (14, 2))
    figure, axes = scatter(points, [f"Author {i} 20{i:02}" for i in range(14)], 420.0, 360.0)
    with style():
        renderer = figure.canvas.get_renderer()
        boxes = [text.get_window_extent(renderer) for text in axes.texts]
    at = axes.transData.transform(points) * 72 / figure.dpi
    names = [(b.x0, b.y0, b.x1, b.y1) for b in boxes]
    names = [tuple(value * 72 / figure.dpi for value in box) for box in names]
    dots = [(x - 1, y - 1, x + 1, y + 1) for x, y in at]
    for box in names:
        assert not any(b[0] < box[2] and box[0] < b[2] and b[1] < box[3] and box[1] < b[3] for b in dots)
    leaders = [line for line in axes.lines if line.get_color() == GREY]
    assert leaders
    for line in leaders:
        ends = axes.transData.transform(np.column_stack(line.get_data())) * 72 / figure.dpi
        start, end = map(tuple, ends)
        own = int(np.argmin(np.hypot(*(at - start).T)))
        assert not any(_crosses((start, end), box) for i, box in enumerate(dots) if i != own)
        ended = [
            box
            for box in names
            if not _crosses((start, end), (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1))
        ]
        assert len(ended) == len(names)


def test_a_line_through_a_box_is_seen():
    assert _crosses(((0, 0), (10, 10)), (4, 4, 6, 6))
    assert not _crosses(((0, 0), (3, 3)), (4, 4, 6, 6))
    assert not _crosses(((0, 5), (10, 5)), (4, 6, 6, 8))
    assert _crosses(((5, 0), (5, 10)), (4, 4, 6, 6))


def test_what_is_not_whole_is_not_rounded() -> None:
    counts = [str(Count(value)) for value in (1841.3, 28.5, 2.5, 21.0)]  # halves of a total add up to it
    assert counts == ["1,841.3", "28.5", "2.5", "21"]
