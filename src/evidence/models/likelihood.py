"""The likelihood of the between-study variance, and its global maximum.

The profile of the (restricted) log-likelihood over tau2 may have several peaks, and iterations that climb one hill can
end on the wrong one. Here every peak is bracketed first. The score is a rational function of tau2 whose poles lie at
minus the variances; in u = log(tau2 + smallest variance) its nearest singularity is a distance pi off the real axis, so
a grid in u with a step well below pi sees every feature of it. Each change of sign from up to down brackets a peak,
which Newton's method, kept inside the bracket, then finds to rounding.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.models.studies import Floats, Studies, sums, trace_p, trace_pp

__all__ = ["log_likelihood", "maximise", "peaks"]

STEP = 0.35
"""Spacing of the grid in log(tau2 + smallest variance)."""
CLOSE = 1e-7
"""A Newton step this small, relative to tau2 + smallest variance, leaves an error of about its square."""


def log_likelihood(studies: Studies, tau2: Any, *, restricted: bool, centre: Any = None) -> Any:
    """Log-likelihood of the normal-normal model, the mean replaced by its estimate given tau2.

    Parameters
    ----------
    studies : Studies
    tau2 : scalar, shape (g,) or, for a batch of n fits, shape (n, g)
    restricted : bool
        Restricted (REML) instead of full likelihood. The restricted one includes the term log(k) / 2, which makes it the
        likelihood of k - 1 orthonormal contrasts.
    centre : optional
        Mean, relative to the anchor, to use in place of the inverse-variance weighted one.

    Returns
    -------
    float or ndarray, shape of `tau2`
    """
    anchor_weight, (one,) = sums(studies, tau2, 1)
    total = anchor_weight + one.weight
    if centre is None:
        squares = one.second - one.first * one.first / total
    else:
        squares = one.second - centre * (2.0 * one.first - centre * total)
    spread = (
        studies.variance + tau2 if np.ndim(tau2) == 0 else studies.variance[..., None] + tau2[..., None, :]
    )
    axis = -1 if np.ndim(tau2) == 0 else -2
    logs = np.log(np.where(np.isinf(spread), 1.0, spread)).sum(axis=axis) - np.log(anchor_weight)
    if restricted:
        return -0.5 * ((studies.k - 1) * log(2 * pi) - np.log(studies.k) + logs + np.log(total) + squares)
    return -0.5 * (studies.k * log(2 * pi) + logs + squares)


def maximise(studies: Studies, *, restricted: bool) -> Any:
    """Between-study variance at the global maximum of the (restricted) likelihood over tau2 >= 0.

    Returns
    -------
    float, or ndarray of shape (n, 1) for a batch
        Of several maxima of equal height the smallest.
    """
    rows, tau2, falls_at_zero = peaks(studies, restricted=restricted)
    if studies.powers.ndim == 2:
        if np.size(tau2) == 0:
            return 0.0
        if np.ndim(tau2) == 0 and not falls_at_zero:
            return tau2
        candidates = np.append(0.0, tau2) if falls_at_zero else np.atleast_1d(tau2)
        return candidates[np.argmax(log_likelihood(studies, candidates, restricted=restricted))]
    best = np.where(np.isnan(studies.anchor_variance), np.nan, 0.0)
    if rows.size:
        height = np.full(best.shape, -np.inf)
        zero = np.flatnonzero(falls_at_zero)
        height[zero] = log_likelihood(studies.take(zero), best[zero], restricted=restricted)
        found = log_likelihood(studies.take(rows), tau2[:, None], restricted=restricted)[:, 0]
        ascending = np.lexsort((-tau2, found, rows))
        last = ascending[np.append(np.diff(rows[ascending]) > 0, True)]
        higher = last[found[last] > height[rows[last], 0]]
        best[rows[higher], 0] = tau2[higher]
    return best


def peaks(studies: Studies, *, restricted: bool) -> tuple[NDArray[np.intp], Any, Any]:
    """Find every local maximum of the (restricted) likelihood at tau2 > 0.

    Returns
    -------
    rows : ndarray of int
        Fit to which each peak belongs.
    tau2 : ndarray, one entry a peak; a scalar if a single fit has a single peak
        Where the peaks are, ascending within a fit.
    falls_at_zero : bool, or ndarray of bool, shape (n,)
        Whether the likelihood falls from tau2 = 0, so that zero is a local maximum too.
    """
    grid = _grid(studies)
    fit, penalty = _score(studies, grid, restricted)
    rises = fit > penalty
    *rows, place = (rises[..., :-1] & ~rises[..., 1:]).nonzero()
    falls_at_zero = ~rises[..., 0]
    if not rows:
        at: Any = place[0] if place.size == 1 else place
        tau2 = _climb(studies, grid[at], grid[at + 1], restricted) if place.size else grid[:0]
        return np.zeros_like(place), tau2, falls_at_zero
    row = rows[0]
    low, high = grid[row, place, None], grid[row, place + 1, None]
    return row, _climb(studies.take(row), low, high, restricted)[:, 0], falls_at_zero


def _grid(studies: Studies) -> Floats:
    """Values of tau2 from zero to above every stationary point, equidistant in log(tau2 + smallest variance).

    With s2 the sample variance of the effects and v the largest variance, the score is negative wherever
    tau2^2 > s2 (tau2 + v), since Y'PPY <= (k - 1) s2 / (tau2 + min v)^2 and tr P >= (k - 1) / (tau2 + max v).
    """
    if studies.powers.ndim == 2:
        largest = studies.variance[-1] if studies.variance.size else studies.anchor_variance
    else:
        largest = np.where(np.isinf(studies.variance), 0.0, studies.variance).max(
            axis=-1, keepdims=True, initial=0.0
        )
    total = studies.powers.sum(axis=-1)
    first, second = total[..., 1], total[..., 2]
    if total.ndim == 2:
        first, second = first[:, None], second[:, None]
    dispersion = np.maximum(second - first * first / np.maximum(studies.k, 1), 0.0) / np.maximum(
        studies.k - 1, 1
    )
    upper = 0.5 * (dispersion + np.sqrt(dispersion * (dispersion + 4.0 * largest)))
    span = np.log1p(1.001 * upper / studies.anchor_variance)
    steps = max(8, int(np.fmax.reduce(span, axis=None) / STEP) + 1)
    return studies.anchor_variance * np.expm1(span * (np.arange(steps + 1) / steps))


def _score(studies: Studies, tau2: Any, restricted: bool, slopes: bool = False) -> tuple[Any, ...]:
    """Twice the score is fit - penalty: Y'PPY - tr P (REML) or Y'PPY - sum of weights (ML); with their slopes."""
    w, (one, two, *three) = sums(studies, tau2, 3 if slopes else 2)
    total = w + one.weight
    mean = one.first / total
    total2 = w * w + two.weight
    fit = two.second - mean * (2.0 * two.first - mean * total2)
    penalty = trace_p(w, one, two) if restricted else total
    if not slopes:
        return fit, penalty
    total3 = w * w * w + three[0].weight
    residual = two.first - mean * total2
    cubic = three[0].second - mean * (2.0 * three[0].first - mean * total3)
    fit_slope = -2.0 * (cubic - residual * residual / total)
    penalty_slope = -trace_pp(w, one, two, three[0]) if restricted else -total2
    return fit, penalty, fit_slope, penalty_slope


def _climb(studies: Studies, low: Any, high: Any, restricted: bool) -> Any:
    """Find the peak between `low`, where the likelihood rises, and `high`, where it falls.

    Newton's method on penalty / fit - 1, which is linear in tau2 when all variances are equal and nearly so in general.
    """
    tau2 = 0.5 * (low + high)
    for _ in range(100):
        fit, penalty, fit_slope, penalty_slope = _score(studies, tau2, restricted, slopes=True)
        ratio = penalty / fit
        slope = (penalty_slope - ratio * fit_slope) / fit
        rising = ratio < 1.0
        low, high = np.where(rising, tau2, low), np.where(rising, high, tau2)
        step = (1.0 - ratio) / np.where(slope > 0.0, slope, np.inf)
        new = tau2 + step
        inside = (new > low) & (new < high)
        new = np.where(inside | (ratio == 1.0), new, 0.5 * (low + high))
        moved = abs(new - tau2)
        tau2 = new
        if np.all(moved <= CLOSE * (tau2 + studies.anchor_variance)):
            break
    return tau2
