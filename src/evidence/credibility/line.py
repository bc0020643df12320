"""A weighted straight line through the studies, with or without a between-study variance.

This is what regression tests for small-study effects rest on: effects regressed on one measure of size. The
estimators of tau2 are those of `evidence.models.heterogeneity`, for a mean that depends on one predictor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtri

from evidence.errors import ModelError
from evidence.models.studies import Floats

__all__ = ["Line", "line_tau2", "weighted_line"]

STEP = 0.35
"""Spacing of the search for peaks in log(tau2 + smallest variance), as in `evidence.models.likelihood`."""
FLAT = 1e-10
"""A predictor whose relative variation is smaller than this counts as constant."""


class Line(NamedTuple):
    """A weighted straight line; each part has the leading shape of the weights."""

    intercept: Any
    slope: Any
    intercept_variance: Any
    """Variances hold for weights that are the reciprocals of the variances; else they want a factor."""
    slope_variance: Any
    squares: Any
    """Weighted sum of squared residuals."""
    residual: Floats
    free: Floats
    """One minus each study's hat value."""


def weighted_line(x: Floats, y: Floats, weight: Floats, what: str = "the predictor") -> Line:
    """Fit y = intercept + slope x by weighted least squares.

    Parameters
    ----------
    x, y : ndarray, shape (k,)
        Three studies or more.
    weight : ndarray, shape (..., k)
        Positive.
    what : str
        Name of the predictor, for the message.

    Raises
    ------
    ModelError
        If the predictor does not vary.
    """
    total = weight.sum(axis=-1, keepdims=True)
    x_mean = (weight * x).sum(axis=-1, keepdims=True) / total
    x_from_mean = x - x_mean
    spread = (weight * np.square(x_from_mean)).sum(axis=-1, keepdims=True)
    if (spread <= FLAT * FLAT * (weight * x * x).sum(axis=-1, keepdims=True)).any():
        raise ModelError(f"{what} is the same in all studies, so no line can be fitted.")
    y_mean = (weight * y).sum(axis=-1, keepdims=True) / total
    slope = (weight * x_from_mean * (y - y_mean)).sum(axis=-1, keepdims=True) / spread
    residual = y - y_mean - slope * x_from_mean
    free = np.clip(1.0 - weight * (1.0 / total + np.square(x_from_mean) / spread), 0.0, 1.0)
    return Line(
        (y_mean - slope * x_mean)[..., 0],
        slope[..., 0],
        (1.0 / total + np.square(x_mean) / spread)[..., 0],
        1.0 / spread[..., 0],
        (weight * np.square(residual)).sum(axis=-1),
        residual,
        free,
    )


def line_tau2(x: Floats, y: Floats, variance: Floats, method: str, what: str = "the predictor") -> float:
    """Estimate the between-study variance about a straight line.

    Parameters
    ----------
    x, y, variance : ndarray, shape (k,)
        Predictor, effects and sampling variances of three studies or more.
    method : str
        As for `pool`, but GENQ.
    what : str
        Name of the predictor, for messages.

    Returns
    -------
    float
        For REML and ML the global maximum of the likelihood.
    """
    k, df = y.size, y.size - 2
    smallest = variance.min()

    def at(tau2: Any) -> Line:
        return weighted_line(x, y, 1.0 / (variance + np.asarray(tau2)[..., None]), what)

    def moments(weight: Floats) -> float:
        line = weighted_line(x, y, weight, what)
        trace = float(weight @ line.free)
        return max(0.0, float(line.squares - (weight * variance) @ line.free) / trace) if trace > 0.0 else 0.0

    if method == "EE":
        return 0.0
    if method in ("DL", "DL2"):
        first = moments(1.0 / variance)
        return first if method == "DL" else moments(1.0 / (variance + first))
    if method == "HE":
        return moments(np.ones(k))
    if method == "HS":
        return max(0.0, float(at(0.0).squares - k) / float((1.0 / variance).sum()))
    if method == "SJ":
        start = float(np.square(y - y.mean()).mean())
        return start * float(at(start).squares) / df
    squares = float(weighted_line(x, y, np.ones(k), what).squares)
    if method in ("PM", "EB", "PMM"):
        target = float(chdtri(df, 0.5)) if method == "PMM" else float(df)
        return _crossing(
            lambda tau2: at(tau2).squares > target, smallest, 0.0, np.log1p(squares / target / smallest)
        )
    if method not in ("REML", "ML"):
        raise ModelError(f"the line cannot be fitted by method {method!r}; pool by REML or another method.")
    restricted = method == "REML"

    def rises(tau2: Floats) -> Any:
        line, weight = at(tau2), 1.0 / (variance + tau2[..., None])
        penalty = (weight * line.free if restricted else weight).sum(axis=-1)
        return np.square(weight * line.residual).sum(axis=-1) > penalty

    def height(tau2: float) -> float:
        line = at(tau2)
        information = (
            np.log(line.slope_variance) - np.log((1.0 / (variance + tau2)).sum()) if restricted else 0.0
        )
        return float(-0.5 * (np.log(variance + tau2).sum() + line.squares - information))

    # As for a common mean, the score is negative wherever tau2^2 > s2 (tau2 + largest variance).
    s2 = squares / df
    bound = 0.5 * (s2 + np.sqrt(s2 * (s2 + 4.0 * variance.max())))
    grid = np.linspace(
        0.0, np.log1p(1.001 * bound / smallest), max(9, int(np.log1p(bound / smallest) / STEP) + 2)
    )
    up = rises(smallest * np.expm1(grid))
    tops = [_crossing(rises, smallest, grid[i], grid[i + 1]) for i in np.flatnonzero(up[:-1] & ~up[1:])]
    candidates = tops if up[0] else [0.0, *tops]
    return max(candidates, key=height)


def _crossing(above: Callable[[Floats], Any], smallest: float, low: float, high: float) -> float:
    """Narrow down where `above` turns false; `low` and `high` are values of log(1 + tau2 / smallest)."""
    if not above(np.array([smallest * np.expm1(low)]))[0]:
        return float(smallest * np.expm1(low))
    for _ in range(12):
        grid = np.linspace(low, high, 33)
        last = int(np.flatnonzero(above(smallest * np.expm1(grid[:-1])))[-1])
        low, high = grid[last], grid[last + 1]
    return float(smallest * np.expm1(low))
