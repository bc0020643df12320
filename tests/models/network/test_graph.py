"""The graph of a network."""

from __future__ import annotations

import itertools

import numpy as np

from evidence.models.network.graph import connected_parts, distances, independent_paths, say_parts


def test_parts() -> None:
    parts = connected_parts(6, [(0, 3), (3, 5), (1, 2)])
    assert parts == [[0, 3, 5], [1, 2], [4]]
    assert say_parts(parts, "abcdef") == "(1) a, d, f; (2) b, c; (3) e"
    assert connected_parts(3, [(0, 1, 2)]) == [[0, 1, 2]]
    assert connected_parts(0, []) == []


def test_independent_paths_enter_each_study_once() -> None:
    # Two studies of 0 v 1, one way round by 2, a study of all three, and 3 that hangs on one study.
    links = [(0, 1), (0, 1), (0, 2), (2, 1), (0, 1, 2), (2, 3)]
    expected = [[0, 4, 3, 1], [4, 0, 3, 1], [3, 3, 0, 1], [1, 1, 1, 0]]
    assert independent_paths(4, links).tolist() == expected
    # One study of four arms connects all of them, and is one study whatever way is taken.
    assert independent_paths(4, [(0, 1, 2, 3), (0, 1)])[0].tolist() == [0, 2, 1, 1]
    assert independent_paths(3, [(0, 1)]).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_independent_paths_are_the_fewest_studies_that_must_go() -> None:
    generator = np.random.default_rng(7)
    for _ in range(30):
        links = [tuple(generator.permutation(4)[: generator.integers(2, 4)].tolist()) for _ in range(6)]
        paths = independent_paths(4, links)
        fewest = next(
            count
            for count in range(7)
            if any(
                not any({0, 1} <= {*part} for part in connected_parts(4, kept))
                for kept in itertools.combinations(links, 6 - count)
            )
        )
        assert paths[0, 1] == paths[1, 0] == fewest


def test_distances() -> None:
    adjacent = np.zeros((5, 5), dtype=bool)
    for i, j in ((0, 1), (1, 2), (2, 3)):
        adjacent[i, j] = adjacent[j, i] = True
    assert distances(adjacent)[0].tolist() == [0.0, 1.0, 2.0, 3.0, np.inf]
