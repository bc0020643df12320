"""The graph of a network: which treatments hang together, and how far apart they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["connected_parts", "distances", "say_parts"]


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
    root = list(range(size))

    def find(node: int) -> int:
        while root[node] != node:
            root[node] = root[root[node]]
            node = root[node]
        return node

    for first, *others in links:
        for other in others:
            root[find(other)] = find(first)
    parts: dict[int, list[int]] = {}
    for node in range(size):
        parts.setdefault(find(node), []).append(node)
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
    out = np.where(adjacent, 1.0, np.inf)
    np.fill_diagonal(out, 0.0)
    for middle in range(len(out)):
        out = np.minimum(out, out[:, [middle]] + out[[middle], :])
    return out


def say_parts(parts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Write the parts of a network in words."""
    return "; ".join(f"({i}) " + ", ".join(names[node] for node in part) for i, part in enumerate(parts, 1))
