"""Nodes on a circle: their order, their places, and the places of their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evidence.figures.drawing.text import text_width, wrap

__all__ = ["LINE_STEP", "Label", "circle_order", "circle_places", "place_labels_around"]

LINE_STEP = 9.6
WIDEST, APART = 118.0, 3.0  # points: a label, and between two labels
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Label:
    """Text beside a node: `x` is where its lines begin (right of the circle) or end, `top` its upper edge."""

    lines: tuple[str, ...]
    x: float
    top: float
    right: bool

    @property
    def width(self) -> float:
        """Width in points."""
        return max(text_width(line) for line in self.lines)

    @property
    def height(self) -> float:
        """Height in points."""
        return LINE_STEP * len(self.lines)


def circle_order(size: int, edges: Sequence[tuple[int, int]], weights: Sequence[float]) -> list[int]:
    """Order nodes so that few edges cross and heavy edges are short.

    Pairs of nodes are swapped as long as that helps, which finds a good order and not always the best one.

    Parameters
    ----------
    size : int
        Number of nodes.
    edges : sequence of (int, int)
    weights : sequence of float
        Such as the number of studies of each edge.

    Returns
    -------
    list of int
        Nodes around the circle.
    """
    ends, heavy = np.array(edges, dtype=np.intp).reshape(-1, 2), np.asarray(weights, dtype=float)
    place = np.arange(size)
    best = _cost(place, ends, heavy)
    for _ in range(ROUNDS):
        before = best
        for one in range(size):
            for other in range(one + 1, size):
                place[[one, other]] = place[[other, one]]
                cost = _cost(place, ends, heavy)
                if cost < best:
                    best = cost
                else:
                    place[[one, other]] = place[[other, one]]
        if best == before:
            break
    return [int(node) for node in np.argsort(place)]


def _cost(place: NDArray[np.intp], ends: NDArray[np.intp], weights: NDArray[np.float64]) -> tuple[int, float]:
    """Number of crossings, then the weighted length along the circle."""
    at = np.sort(place[ends], axis=1)
    low, high = at[:, 0], at[:, 1]
    begins = (low[:, None] < low) & (low < high[:, None]) & (high[:, None] < high)
    length = np.minimum(high - low, len(place) - (high - low))
    return int(begins.sum()), float(weights @ length)


def circle_places(size: int, radius: float) -> NDArray[np.float64]:
    """Places of nodes from the middle of the circle, y upwards, shape (size, 2); none right above or below it."""
    step = 2 * math.pi / size
    first = math.pi if size % 2 else math.pi / 2 + step / 2
    angles = first - step * np.arange(size)
    return radius * np.column_stack([np.cos(angles), np.sin(angles)])


def place_labels_around(
    places: NDArray[np.float64], radii: Sequence[float], names: Sequence[str], gap: float
) -> list[Label]:
    """Put each name outside the ring of nodes, beside its node and in lines that touch no other name or node.

    Parameters
    ----------
    places : ndarray, shape (n, 2)
        Middle of each node, all equally far from the origin and none straight above or below it.
    radii : sequence of float
        Radius of each node.
    names : sequence of str
    gap : float
        Between a node and its name.

    Returns
    -------
    list of Label
        In the order of the names.
    """
    labels: dict[int, Label] = {}
    distance = float(np.hypot(*places[0]))
    for right in (True, False):
        side = [i for i in range(len(names)) if (places[i, 0] > 0) == right]
        side.sort(key=lambda i: -places[i, 1])
        lines = [tuple(wrap(names[i], WIDEST)) for i in side]
        heights = [LINE_STEP * len(text) for text in lines]
        wanted = [
            places[i, 1] * (1 + (radii[i] + gap) / distance) + height / 2
            for i, height in zip(side, heights, strict=True)
        ]
        for i, text, top in zip(side, lines, _spread(wanted, heights), strict=True):
            # As near as the node allows, or outside the ring of the largest node.
            for ring in (distance + radii[i] + gap, distance + max(radii) + gap):
                nearest = max(0.0, abs(top - LINE_STEP * len(text) / 2) - LINE_STEP * len(text) / 2)
                x = max(math.sqrt(max(ring**2 - nearest**2, 0.0)), 3.0)
                labels[i] = Label(text, x if right else -x, top, right)
                if not any(
                    _covers(labels[i], place, size) for place, size in zip(places, radii, strict=True)
                ):
                    break
    return [labels[i] for i in range(len(names))]


def _covers(label: Label, place: NDArray[np.float64], radius: float) -> bool:
    """Whether a label comes within two points of a node."""
    left = label.x if label.right else label.x - label.width
    across = max(left - place[0], 0.0, place[0] - left - label.width)
    along = max(label.top - label.height - place[1], 0.0, place[1] - label.top)
    return math.hypot(across, along) < radius + 2


def _spread(tops: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Move stacked labels, given from above, as little as keeps them apart: blocks that touch share their middle."""
    blocks: list[tuple[float, float, list[int]]] = []  # wanted top, height, members
    for i, (top, height) in enumerate(zip(tops, heights, strict=True)):
        blocks.append((top, height + APART, [i]))
        while len(blocks) > 1 and blocks[-2][0] - blocks[-2][1] < blocks[-1][0]:
            (above, first, some), (below, second, others) = blocks[-2:]
            count = len(some), len(others)
            middle = (count[0] * above + count[1] * (below + first)) / sum(count)
            blocks[-2:] = [(middle, first + second, some + others)]
    found = {}
    for top, _, members in blocks:
        for i in members:
            found[i] = top
            top -= heights[i] + APART
    return [found[i] for i in range(len(tops))]
