"""The graph of a network: which treatments hang together, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, maximum_flow, shortest_path

__all__ = ["connected_parts", "distances", "independent_paths", "say_parts"]


def connected_parts(size: int, links: Iterable[Sequence[int]]) -> list[list[int]]:
    """Divide nodes into connected parts.

    Parameters
    ----------
    size : int
        Number of nodes.
    links : iterable of sequences of int
        Nodes that hang together, for example the arms of each study.

    Returns
    -------
    list of list of int
        Nodes of each part, ascending; the largest part first.
    """
    pairs = [(arms[0], other) for arms in links for other in arms]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    graph = csr_array((np.ones(len(pairs)), (first, second)), shape=(size, size))
    parts: dict[int, list[int]] = {}
    for node, part in enumerate(connected_components(graph, directed=False)[1].tolist()):
        parts.setdefault(part, []).append(node)
    return sorted(parts.values(), key=lambda part: (-len(part), part[0]))


def distances(adjacent: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Length of the shortest path between any two nodes; infinite if there is none.

    Parameters
    ----------
    adjacent : ndarray of bool, shape (t, t)
        Whether two nodes are compared directly.

    Returns
    -------
    ndarray, shape (t, t)
    """
    return np.asarray(shortest_path(np.asarray(adjacent, dtype=float), unweighted=True))


def independent_paths(size: int, links: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Count the paths between any two nodes of which no two share a link.

    That many links would have to go for nothing to connect the two (Menger 1927, Fund Math 10, 96-115).

    Parameters
    ----------
    size : int
        Number of nodes.
    links : sequence of sequences of int
        Nodes that hang together, for example the arms of each study; a path enters each link once at most.

    Returns
    -------
    ndarray of int, shape (t, t)
        Zero on the diagonal.
    """
    count = len(links)
    # Each link is an entrance and an exit with room for one path between them.
    rows = [
        (*ends, room)
        for link, members in enumerate(links, size)
        for ends, room in [
            ((link, link + count), 1),
            *(((node, link), 1) for node in members),
            *(((link + count, node), 1) for node in members),
        ]
    ]
    first, second, room = np.array(rows, dtype=np.int32).T
    graph = csr_array((room, (first, second)), shape=(size + 2 * count,) * 2)
    paths = np.zeros((size, size), dtype=np.int64)
    for one in range(size):
        for other in range(one):
            paths[one, other] = paths[other, one] = maximum_flow(graph, one, other).flow_value
    return paths


def say_parts(parts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Write the parts of a network in words."""
    return "; ".join(f"({i}) " + ", ".join(names[node] for node in part) for i, part in enumerate(parts, 1))
