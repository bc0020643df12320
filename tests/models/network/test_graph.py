"""The graph of a network."""

from __future__ import annotations

import numpy as np

from evidence.models.network.graph import connected_parts, distances, say_parts


def test_parts() -> None:
    parts = connected_parts(6, [(0, 3), (3, 5), (1, 2)])
    assert parts == [[0, 3, 5], [1, 2], [4]]
    assert say_parts(parts, "abcdef") == "(1) a, d, f; (2) b, c; (3) e"
    assert connected_parts(3, [(0, 1, 2)]) == [[0, 1, 2]]
    assert connected_parts(0, []) == []


def test_distances() -> None:
    adjacent = np.zeros((5, 5), dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 3)):
        adjacent[i, j] = adjacent[j, i] = True
    assert distances(adjacent)[0].tolist() == [0.0, 1.0, 2.0, 3.0, np.inf]
