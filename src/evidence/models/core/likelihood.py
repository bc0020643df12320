"""The likelihood of the between-study variance, and its global maximum.

The profile of the (restricted) log-likelihood over tau2 may have several peaks, and iterations that climb one hill
can end on the wrong one. Most have a single peak, though, and simple bounds prove it (`_sole_peak`). For the others
every peak is bracketed first. The score is a rational function of tau2 whose poles lie between minus the largest and
minus the smallest variance; in u = log(tau2 + smallest variance) they are a distance of pi off the real axis, so that
a grid in u with a step well below pi sees every feature of the score. Each change of its sign from plus to minus
brackets a peak.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, nan, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.models.core.studies import (
    Floats,
    Studies,
    Sums,
    dispersion,
    either,
    positive,
    sums,
    trace_p,
    trace_pp,
)

__all__ = ["likeliest_tau2", "log_likelihood", "narrow", "peaks", "score", "tau2_grid"]

STEP = 0.25
"""Spacing of the grid in log(tau2 + smallest variance)."""
CLOSE = 1e-7
"""Two steps with a product this small, relative to tau2 + smallest variance, leave an error of about its square."""


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


def likeliest_tau2(studies: Studies, *, restricted: bool, zero: Sums | None = None) -> Any:
    """Between-study variance at the global maximum of the (restricted) likelihood over tau2 >= 0.

    Parameters
    ----------
    studies : Studies
    restricted : bool
    zero : list, optional
        `evidence.models.core.studies.sums` at tau2 = 0 up to the third power of the weights, if they are known.

    Returns
    -------
    float, or ndarray of shape (n, 1) for a batch
        Of several maxima of equal height the smallest.
    """
    start = 0.0 * studies.anchor_variance
    tau2, sole = _sole_peak(studies, restricted, zero or sums(studies, start, 3))
    if studies.powers.ndim == 2:
        return tau2 if sole else _highest_peak(studies, restricted)
    rows = np.flatnonzero(~sole)
    if rows.size:
        tau2[rows] = _highest_peak(studies.take(rows), restricted)
    return tau2


def _sole_peak(studies: Studies, restricted: bool, at_zero: Sums) -> tuple[Any, Any]:
    """Climb from tau2 = 0 to a peak; say whether it is proven to be the only one.

    In terms of the eigenvalues l of the sampling covariance of the contrasts, the fit is a sum of z^2 / (tau2 + l)^2
    and the penalty a sum of 1 / (tau2 + l). Hence 1 / sqrt(fit) and 1 / penalty are concave in tau2: each lies below
    its tangents and above its chords. With F and G, the relative slopes of fit and penalty downwards, it follows for
    a peak at t:

    - The likelihood rises all the way from 0 to t if F t - (F t)^2 / 4 >= 1 - penalty(t) / penalty(0): the tangent to
      1 / sqrt(fit) at t then stays below the chord of 1 / penalty.
    - It falls all the way beyond t if G sqrt(D fit) / penalty <= 2 + 2 sqrt(1 - fit / penalty): 1 / sqrt(fit) has a
      slope of at least 1 / sqrt(D), D being the sum of squared contrasts, and outruns the tangent to 1 / penalty.
    """
    squares = dispersion(studies)
    start = 0.0 * squares
    zero = _score_with_slopes(at_zero, restricted)
    s2 = squares / either(studies.k > 1, studies.k - 1, 1)
    limit = either(zero[0] > zero[1], _beyond_peaks(studies.largest_variance, s2), 0.0)
    tau2, here, settled = _climb(studies, start, limit, start, restricted, zero)
    fit, penalty, fit_slope, penalty_slope = here
    x = -fit_slope * tau2 / either(fit > 0.0, fit, 1.0)
    unit = either(penalty > 0.0, penalty, 1.0)  # zero with a single study
    rises_before = zero[1] * (x - 0.25 * x * x) >= zero[1] - penalty
    tail = -penalty_slope * (squares * fit) ** 0.5 / (unit * unit)
    falls_beyond = tail <= 2.0 + 2.0 * positive(1.0 - fit / unit) ** 0.5
    sole = settled & rises_before & falls_beyond
    return tau2, sole[:, 0] if isinstance(sole, np.ndarray) else sole


def _highest_peak(studies: Studies, restricted: bool) -> Any:
    """Between-study variance at the highest of all peaks, as `likeliest_tau2`."""
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
    if studies.powers.ndim == 3:
        counts = _grid_steps(studies)[:, 0]
        if np.unique(counts).size > 1:
            return _peaks_by_grid(studies, restricted, counts)
    s2 = dispersion(studies) / either(studies.k > 1, studies.k - 1, 1)
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
    tau2 = _climb(studies, low, high, start, restricted)[0] if place.size else low
    return rows[0] if rows else np.zeros_like(place), tau2, falls_at_zero


def _peaks_by_grid(
    studies: Studies, restricted: bool, counts: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Any, Any]:
    """As `peaks`, for fits whose grids differ in length: each has its own, whatever stands beside it."""
    rows, tau2 = [], []
    falls_at_zero = np.zeros(counts.size, dtype=bool)
    for count in np.unique(counts):
        here = np.flatnonzero(counts == count)
        among, found, falls_at_zero[here] = peaks(studies.take(here), restricted=restricted)
        rows.append(here[among])
        tau2.append(found)
    order = np.concatenate(rows).argsort(kind="stable")
    return np.concatenate(rows)[order], np.concatenate(tau2)[order], falls_at_zero


def _grid_steps(studies: Studies) -> NDArray[np.intp]:
    s2 = dispersion(studies) / either(studies.k > 1, studies.k - 1, 1)
    span = np.log1p(_beyond_peaks(studies.largest_variance, s2) / studies.anchor_variance)
    return _steps(span)


def _steps(span: Any) -> Any:
    """Number of steps of a grid, a multiple of eight, so that few lengths occur."""
    return (np.asarray(span / (8.0 * STEP)).astype(np.intp) + 1) * 8


def tau2_grid(smallest: Any, largest: Any, s2: Any) -> Floats:
    """Values of tau2 from zero to above every stationary point, equidistant in log(tau2 + smallest variance).

    Parameters
    ----------
    smallest, largest, s2 : scalar, or shape (n, 1) for a batch
        Smallest and largest sampling variance, and the sample variance of the effects.

    Returns
    -------
    ndarray, shape (g,) or (n, g)
    """
    span = np.log1p(_beyond_peaks(largest, s2) / smallest)
    steps = int(_steps(span).max())
    return smallest * np.expm1(span / steps * np.arange(steps + 1))


def _beyond_peaks(largest: Any, s2: Any) -> Any:
    """Bound the stationary points of the (restricted) likelihood from above.

    The score is negative wherever tau2^2 > s2 (tau2 + v), v being the largest variance and s2 the sample variance of
    the effects, since Y'PPY <= (k - 1) s2 / (tau2 + min v)^2 and tr P >= (k - 1) / (tau2 + max v).
    """
    return 0.5005 * (s2 + (s2 * (s2 + 4.0 * largest)) ** 0.5)


def score(studies: Studies, tau2: Any, restricted: bool) -> tuple[Any, Any]:
    """Twice the score is fit - penalty: Y'PPY - tr P (REML) or Y'PPY - sum of weights (ML)."""
    w, (r, f, _), (r2, f2, s2) = sums(studies, tau2, 2)
    total, mean = w + r, f / (w + r)
    return s2 - mean * (2.0 * f2 - mean * (w * w + r2)), trace_p(w, r, r2) if restricted else total


def _score_with_slopes(known: Sums, restricted: bool) -> tuple[Any, ...]:
    """As `score`, from the sums up to the third power of the weights; with the slopes of fit and penalty."""
    w, (r, f, _), (r2, f2, s2), (r3, f3, s3) = known
    total, total2 = w + r, w * w + r2
    mean = f / total
    fit = s2 - mean * (2.0 * f2 - mean * total2)
    penalty = trace_p(w, r, r2) if restricted else total
    residual = f2 - mean * total2
    cubic = s3 - mean * (2.0 * f3 - mean * (w * w * w + r3))
    penalty_slope = -trace_pp(w, r, r2, r3) if restricted else -total2
    return fit, penalty, 2.0 * (residual * residual / total - cubic), penalty_slope


def _climb(
    studies: Studies, low: Any, high: Any, tau2: Any, restricted: bool, here: tuple[Any, ...] | None = None
) -> tuple[Any, tuple[Any, ...], Any]:
    """Find the peak between `low`, where the likelihood rises, and `high`, where it falls, from a start between.

    Solves penalty / fit = 1. The ratio is linear in tau2 when all variances are equal, and nearly so in general. The
    first step is Newton's; the others follow the cubic, with tau2 as the function of the ratio, through the last two
    points and their slopes. A step that would leave the bracket gives way to bisection.

    Parameters
    ----------
    here : tuple, optional
        The score with its slopes at the start.

    Returns
    -------
    tau2 : scalar or ndarray
        The peak.
    here : tuple
        The score with its slopes next to it.
    settled : bool or ndarray of bool
        Whether the peak was reached.
    """
    here = here or _score_with_slopes(sums(studies, tau2, 3), restricted)
    before: tuple[Any, ...] | None = None
    earlier: Any = 1.0
    climbing = None
    if studies.powers.ndim == 3:
        climbing = np.arange(len(tau2))
        peak, there = np.empty_like(tau2), tuple(map(np.empty_like, here))
        arrived = np.zeros(tau2.shape, dtype=bool)
    for _ in range(200):
        fit, penalty, fit_slope, penalty_slope = here
        unit = fit + (fit == 0.0)  # zero if all effects are equal, where low and high are zero as well
        ratio = penalty / unit
        rest = 1.0 - ratio
        rises = fit > penalty
        low, high = either(rises, tau2, low), either(rises, high, tau2)
        slope = (penalty_slope - ratio * fit_slope) / unit
        pace = 1.0 / either(slope > 0.0, slope, nan)
        new = tau2 + rest * pace
        if before is not None:
            tau2_0, rest_0, pace_0 = before
            gap = either(rest_0 != rest, rest_0 - rest, nan)
            secant = (tau2 - tau2_0) / gap
            bend = (pace - secant + rest_0 / gap * (pace_0 + pace - 2.0 * secant)) / gap
            cubic = new + rest * rest * bend
            new = either((cubic >= low) & (cubic <= high), cubic, new)
        new = either((new >= low) & (new <= high), new, 0.5 * (low + high))
        step = abs(new - tau2) / (new + studies.anchor_variance)
        settled = step * earlier <= CLOSE
        before, earlier, tau2 = (tau2, rest, pace), step, new
        if settled.all() if isinstance(settled, np.ndarray) else settled:
            break
        if climbing is not None and settled.any():
            # A fit that has arrived takes no further step, so that none depends on which fits stand beside it.
            done, going = settled[:, 0], ~settled[:, 0]
            at = climbing[done]
            peak[at], arrived[at] = tau2[done], True
            for whole, part in zip(there, here, strict=True):
                whole[at] = part[done]
            climbing, studies = climbing[going], studies.take(going)
            before = tuple(part[going] for part in before)
            low, high, earlier, tau2 = low[going], high[going], earlier[going], tau2[going]
        here = _score_with_slopes(sums(studies, tau2, 3), restricted)
    if climbing is None:
        return tau2, here, settled
    peak[climbing], arrived[climbing] = tau2, settled
    for whole, part in zip(there, here, strict=True):
        whole[climbing] = part
    return peak, there, arrived


def narrow(holds: Callable[[Floats], Any], inside: float, outside: float) -> float:
    """Find where a condition on tau2 ends between a value at which it holds and one at which it does not."""
    for _ in range(12):
        grid = np.linspace(inside, outside, 33)
        last = int(np.flatnonzero(np.append(True, holds(grid[1:-1])))[-1])
        inside, outside = grid[last], grid[last + 1]
    return float(inside)
