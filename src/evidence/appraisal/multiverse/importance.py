"""How much of the spread of the results each choice accounts for: an exact analysis of variance over the paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.models.core.studies import Floats

__all__ = ["decompose", "main_shares"]


def decompose(values: Floats) -> tuple[Floats, Floats]:
    """Split the variance of a full factorial into first-order and total shares of its axes.

    The first-order share of an axis is the variance of its marginal means over the whole variance; its total share
    the mean variance along it, everything else held, over the whole variance: what it accounts for alone, and what
    with the interactions in which it takes part. On a complete table the first-order shares add up to 1 at most,
    the total shares to 1 at least.

    Parameters
    ----------
    values : ndarray, one axis a choice
        NaN marks paths without a result; the shares are then those of the paths with one, each with the same
        weight, and their bounds hold no longer.

    Returns
    -------
    first, total : ndarray, shape (axes,)
        Zero if nothing varies.

    References
    ----------
    Sobol' IM (2001). Math Comput Simul 55(1-3), 271-280.
    Homma T, Saltelli A (1996). Reliab Eng Syst Saf 52(1), 1-17.
    """
    there = np.isfinite(values)
    n, axes = there.sum(), range(values.ndim)
    first, total = np.zeros(values.ndim), np.zeros(values.ndim)
    if not n:
        return first, total
    y = np.where(there, values - values[there].mean(), 0.0)
    whole = float(np.square(y).sum())
    if whole <= 1e-24 * float(np.square(values[there]).sum()):
        return first, total
    for axis in axes:
        others = tuple(other for other in axes if other != axis)
        first[axis] = _between(y.sum(others), there.sum(others)) / whole
        total[axis] = max(0.0, 1.0 - _between(y.sum(axis), there.sum(axis)) / whole)
    return first, total


def main_shares(values: Floats, codes: Sequence[NDArray[np.intp]]) -> Floats:
    """First-order shares of choices given by the options of each path, for a sample of the paths.

    Parameters
    ----------
    values : ndarray, shape (paths,)
        NaN marks paths without a result.
    codes : sequence of ndarray, shape (paths,)
        Number of the option, one array a choice.

    Returns
    -------
    ndarray, shape (choices,)
    """
    there = np.isfinite(values)
    shares = np.zeros(len(codes))
    if not there.any():
        return shares
    y = values[there] - values[there].mean()
    whole = float(np.square(y).sum())
    if whole > 1e-24 * float(np.square(values[there]).sum()):
        for axis, code in enumerate(codes):
            here = code[there]
            shares[axis] = _between(np.bincount(here, y), np.bincount(here)) / whole
    return shares


def _between(sums: NDArray[Any], counts: NDArray[Any]) -> float:
    """Sum of squares of group means about zero, each as often as the group has members."""
    return float((np.square(sums) / np.maximum(counts, 1)).sum())
