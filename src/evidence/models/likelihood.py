"""The likelihood of the between-study variance, and its global maximum.

The profile of the (restricted) log-likelihood over tau2 may have several peaks, and iterations that climb one hill
can end on the wrong one. Here every peak is bracketed first. The score is a rational function of tau2 whose poles
lie between minus the largest and minus the smallest variance; in u = log(tau2 + smallest variance) they are a
distance of pi off the real axis, so that a grid in u with a step well below pi sees every feature of the score.
Each change of its sign from plus to minus brackets a peak, which Newton's method, kept inside the bracket, then
finds to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.models.studies import Floats, Studies, choose, dispersion, sums, trace_p, trace_pp

__all__ = ["log_likelihood", "maximise", "narrow", "peaks", "score", "tau2_grid"]

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
        Restricted (REML) instead of full likelihood. The restricted one includes the term log(k) / 2, which makes it
        the likelihood of k - 1 orthonormal contrasts.
    centre : optional
        Mean, relative to the anchor, to use in place of the inverse-variance weighted one.

    Returns
    -------
    float or ndarray, shape of `tau2`
    """
    w, (r, f, s) = sums(studies, tau2, 1)
    total = w + r
    squares = s - f * f / total if centre is None else s - centre * (2.0 * f - centre * total)
    spread = (
        studies.variance + tau2 if np.ndim(tau2) == 0 else studies.variance[..., None] + tau2[..., None, :]
    )
    axis = -1 if np.ndim(tau2) == 0 else -2
    logs = np.log(np.where(np.isinf(spread), 1.0, spread)).sum(axis=axis) - np.log(w)
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
        if rows.size == 0:
            return 0.0
        if rows.size == 1 and not falls_at_zero:
            return tau2
        candidates = np.append(0.0, tau2) if falls_at_zero else tau2
        return candidates[np.argmax(log_likelihood(studies, candidates, restricted=restricted))]
    best = np.zeros_like(studies.anchor_variance)
    best[rows] = tau2
    count = np.bincount(rows, minlength=best.size)
    contested = (count > 0) & (count + falls_at_zero > 1)
    if contested.any():
        zero, among = np.flatnonzero(contested & falls_at_zero), contested[rows]
        rows, tau2 = np.append(rows[among], zero), np.append(tau2[among], np.zeros((zero.size, 1)), axis=0)
        height = log_likelihood(studies.take(rows), tau2, restricted=restricted)
        ascending = np.lexsort((-tau2[:, 0], height[:, 0], rows))
        highest = ascending[np.append(np.diff(rows[ascending]) > 0, True)]
        best[rows[highest]] = tau2[highest]
    return best


def peaks(studies: Studies, *, restricted: bool) -> tuple[NDArray[np.intp], Any, Any]:
    """Find every local maximum of the (restricted) likelihood at tau2 > 0.

    Returns
    -------
    rows : ndarray of int
        Fit to which each peak belongs.
    tau2 : ndarray, shape (p,) or, for a batch, (p, 1); a scalar if a single fit has a single peak
        Where the peaks are, ascending within a fit.
    falls_at_zero : bool, or ndarray of bool, shape (n,)
        Whether the likelihood falls from tau2 = 0, so that zero is a local maximum too.
    """
    s2 = dispersion(studies) / choose(studies.k > 1, studies.k - 1, 1)
    grid = tau2_grid(studies.anchor_variance, studies.largest_variance, s2)
    fit, penalty = score(studies, grid, restricted)
    rises = fit > penalty
    falls_at_zero = ~rises[..., 0]
    *rows, place = (rises[..., :-1] > rises[..., 1:]).nonzero()
    if rows:
        studies = studies.take(rows[0])
        before, after = (rows[0], place, None), (rows[0], place + 1, None)
    else:
        before = place[0] if place.size == 1 else place
        after = before + 1
    low, high = grid[before], grid[after]
    below, above = penalty[before] / fit[before] - 1.0, penalty[after] / fit[after] - 1.0
    start = low + (high - low) * (below / (below - above))
    tau2 = _climb(studies, low, high, start, restricted) if place.size else low
    return rows[0] if rows else np.zeros_like(place), tau2, falls_at_zero


def tau2_grid(smallest: Any, largest: Any, s2: Any) -> Floats:
    """Values of tau2 from zero to above every stationary point, equidistant in log(tau2 + smallest variance).

    The score is negative wherever tau2^2 > s2 (tau2 + v), v being the largest variance and s2 the sample variance of
    the effects, since Y'PPY <= (k - 1) s2 / (tau2 + min v)^2 and tr P >= (k - 1) / (tau2 + max v).

    Parameters
    ----------
    smallest, largest, s2 : scalar, or shape (n, 1) for a batch

    Returns
    -------
    ndarray, shape (g,) or (n, g)
    """
    upper = 0.5 * (s2 + np.sqrt(s2 * (s2 + 4.0 * largest)))
    span = np.log1p(1.001 * upper / smallest)
    steps = max(8, int(span.max() / STEP) + 1)
    return smallest * np.expm1(span / steps * np.arange(steps + 1))


def score(studies: Studies, tau2: Any, restricted: bool, slopes: bool = False) -> tuple[Any, ...]:
    """Twice the score is fit - penalty: Y'PPY - tr P (REML) or Y'PPY - sum of weights (ML); with their slopes."""
    w, (r, f, _), (r2, f2, s2), *third = sums(studies, tau2, 3 if slopes else 2)
    total, total2 = w + r, w * w + r2
    mean = f / total
    fit = s2 - mean * (2.0 * f2 - mean * total2)
    penalty = trace_p(w, r, r2) if restricted else total
    if not slopes:
        return fit, penalty
    r3, f3, s3 = third[0]
    residual = f2 - mean * total2
    cubic = s3 - mean * (2.0 * f3 - mean * (w * w * w + r3))
    penalty_slope = -trace_pp(w, r, r2, r3) if restricted else -total2
    return fit, penalty, 2.0 * (residual * residual / total - cubic), penalty_slope


def _climb(studies: Studies, low: Any, high: Any, tau2: Any, restricted: bool) -> Any:
    """Find the peak between `low`, where the likelihood rises, and `high`, where it falls, from a start between.

    Newton's method on penalty / fit - 1, which is linear in tau2 when all variances are equal and nearly so in
    general; where a step would leave the bracket, bisection.
    """
    for _ in range(200):
        fit, penalty, fit_slope, penalty_slope = score(studies, tau2, restricted, slopes=True)
        ratio = penalty / fit
        rising = ratio < 1.0
        low, high = choose(rising, tau2, low), choose(rising, high, tau2)
        slope = (penalty_slope - ratio * fit_slope) / fit
        new = tau2 + (1.0 - ratio) / choose(slope > 0.0, slope, np.inf)
        new = choose((new >= low) & (new <= high), new, 0.5 * (low + high))
        moved = abs(new - tau2) > CLOSE * (new + studies.anchor_variance)
        tau2 = new
        if not (moved.any() if isinstance(moved, np.ndarray) else moved):
            break
    return tau2


def narrow(holds: Callable[[Floats], Any], inside: float, outside: float) -> float:
    """Find where a condition on tau2 ends between a value at which it holds and one at which it does not."""
    for _ in range(12):
        grid = np.linspace(inside, outside, 33)
        last = int(np.flatnonzero(np.append(True, holds(grid[1:-1])))[-1])
        inside, outside = grid[last], grid[last + 1]
    return float(inside)
