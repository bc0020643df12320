"""The residual between-study variance of a meta-regression: likelihood, estimators, standard error and interval.

The estimators are those of `evidence.models.core.heterogeneity`, with a design matrix in place of a common mean.
ML and REML find the global maximum as `evidence.models.core.likelihood` does: in u = log(tau2 + smallest variance)
the nearest singularity of the score lies a distance pi off the real axis, with moderators as without, because
the contrasts' sampling variances are never below the smallest variance. A grid in u therefore sees every
peak.

References
----------
Viechtbauer W (2005). J Educ Behav Stat 30(3), 261-293.
Lopez-Lopez JA et al. (2014). Br J Math Stat Psychol 67(1), 30-48.
Viechtbauer W (2007). Stat Med 26(1), 37-52 (Q-profile interval).
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
from scipy.special import chdtri

from evidence.measures import ESTIMATORS
from evidence.models.core.weighted import Floats, Model, Weighted

__all__ = [
    "METHODS",
    "estimate_tau2",
    "model_log_likelihood",
    "q_profile_interval",
    "tau2_standard_error",
]

METHODS = tuple(code for code in ESTIMATORS if code not in ("DL2", "GENQ"))
STEP = 0.35
"""Spacing of the grid in log(tau2 + smallest variance)."""
TINY = 1e-300


def model_log_likelihood(model: Model, tau2: Any, *, restricted: bool) -> Floats:
    """Log-likelihood at tau2 (batch shape), coefficients at their estimates.

    The restricted one includes half the log-determinant of X'X, which makes it the likelihood of k - p
    orthonormal contrasts.
    """
    fit = model.at(tau2)
    constant = (model.k - model.p if restricted else model.k) * log(2.0 * pi)
    deviance = constant - np.log(fit.weight).sum(axis=-1) + fit.rss
    if restricted:
        plain = Model(model.matrix, np.zeros_like(model.effect), np.ones_like(model.variance))
        deviance = deviance + fit.log_determinant - plain.at(0.0).log_determinant
    return -0.5 * deviance


def estimate_tau2(model: Model, method: str) -> Floats:
    """Estimate the residual between-study variance.

    Parameters
    ----------
    model : Model
    method : str
        One of `METHODS`.

    Returns
    -------
    ndarray, batch shape
        Zero if there are as many coefficients as studies.
    """
    batch = np.broadcast_shapes(model.matrix.shape[:-2], model.effect.shape[:-1], model.variance.shape[:-1])
    zero, df = np.zeros(batch), model.k - model.p
    if method == "EE" or df == 0:
        return zero
    if method in ("ML", "REML"):
        return _maximise(model, restricted=method == "REML")
    if method in ("PM", "EB"):
        return _solve_q(model, float(df))
    if method == "PMM":
        return _solve_q(model, float(chdtri(df, 0.5)))
    if method == "DL":
        fit = model.at(zero)
        tau2 = (fit.rss - df) / fit.trace_p
    elif method == "HS":
        fit = model.at(zero)
        tau2 = (fit.rss - model.k) / fit.weight.sum(axis=-1)
    elif method == "HE":
        fit = _unweighted(model)
        tau2 = (fit.rss - (fit.free * model.variance).sum(axis=-1)) / df
    else:
        start = np.maximum(model.effect.var(axis=-1), TINY)
        tau2 = start * model.at(zero + start).rss / df
    return np.maximum(tau2, 0.0) + zero


def tau2_standard_error(model: Model, method: str, tau2: float) -> float:
    """Large-sample standard error of tau2 of one fit; NaN for EE or without residual degrees of freedom."""
    df = model.k - model.p
    if method == "EE" or df == 0:
        return float("nan")
    fit = model.at(tau2)
    if method in ("EB", "PM", "PMM"):
        return float(np.sqrt(2.0 * model.k**2 / df) / fit.weight.sum())
    if method == "ML":
        return float(np.sqrt(2.0 / np.square(fit.weight).sum()))
    if method == "REML":
        return float(np.sqrt(2.0 / fit.trace_pp))
    if method == "HE":
        moments, scale = _unweighted(model), 1.0 / df
    elif method == "SJ":
        start = max(float(model.effect.var()), TINY)
        moments, scale = model.at(start), start / df
    else:
        moments = model.at(0.0)
        scale = 1.0 / float(moments.trace_p if method == "DL" else moments.weight.sum())
    spread = moments.projection * (model.variance + tau2)
    return float(scale * np.sqrt(2.0 * (spread * spread.T).sum()))


def q_profile_interval(model: Model, level: float) -> tuple[Any, Any]:
    """Interval for tau2 by inverting the generalised Q statistic, batch shape; NaN if k = p."""
    df = model.k - model.p
    if df == 0:
        return float("nan"), float("nan")
    tail = 0.5 - 0.5 * level
    return _solve_q(model, float(chdtri(df, tail))), _solve_q(model, float(chdtri(df, 1.0 - tail)))


def _unweighted(model: Model) -> Weighted:
    return Model(model.matrix, model.effect, np.ones_like(model.variance)).at(0.0)


def _solve_q(model: Model, target: float) -> Floats:
    """Find tau2 >= 0 at which y'Py equals `target`, by Newton's method on its reciprocal, which is concave.

    In a batch a fit that has arrived takes no further step, so that none depends on the others.
    """
    smallest = model.variance.min(axis=-1)
    tau2 = 0.0 * smallest + np.zeros(np.broadcast_shapes(model.matrix.shape[:-2], model.effect.shape[:-1]))
    going = np.ones(tau2.shape, dtype=bool)
    for _ in range(200):
        fit = model.at(tau2)
        q, slope = fit.rss, fit.quadratics[0]
        above = going & (q > target)
        step = np.where(above, q * (q - target), 0.0) / np.where(above, target * slope, 1.0)
        tau2 = tau2 + step
        going = step > 1e-8 * (tau2 + smallest)
        if not going.any():
            break
    return tau2


def _maximise(model: Model, *, restricted: bool) -> Floats:
    """Find the global maximum of the (restricted) likelihood over tau2 >= 0; of equals the smallest."""
    batch = np.broadcast_shapes(model.matrix.shape[:-2], model.effect.shape[:-1], model.variance.shape[:-1])
    single = not batch
    if single:
        model = Model(*(part[None] for part in model))
    bound, counts = _bound(model)
    if np.unique(counts).size > 1:  # each fit has its own grid, whatever stands beside it
        best: Any = np.zeros(batch)
        for count in np.unique(counts):
            here = np.flatnonzero(counts == count)
            best[here] = _maximise(model.take(here), restricted=restricted)
        return best
    grid = _grid(model, bound, int(counts.flat[0]))
    fit, penalty = _score(model.on_grid(), grid, restricted)
    rises = fit > penalty
    rows, place = (rises[:, :-1] > rises[:, 1:]).nonzero()
    falls_at_zero = ~rises[:, 0]
    best = np.zeros(len(grid))
    if rows.size:
        low, high = grid[rows, place], grid[rows, place + 1]
        some = model.take(rows)
        tau2 = _climb(some, low, high, restricted)
        count = np.bincount(rows, minlength=best.size)
        best[rows] = tau2
        contested = np.flatnonzero(count + falls_at_zero > 1)
        contested = contested[count[contested] > 0]
        if contested.size:
            zero = contested[falls_at_zero[contested]]
            among = np.isin(rows, contested)
            rows, tau2 = np.append(rows[among], zero), np.append(tau2[among], np.zeros(zero.size))
            height = model_log_likelihood(model.take(rows), tau2, restricted=restricted)
            ascending = np.lexsort((-tau2, height, rows))
            highest = ascending[np.append(np.diff(rows[ascending]) > 0, True)]
            best[rows[highest]] = tau2[highest]
    return best[0] if single else best


def _bound(model: Model) -> tuple[Floats, Any]:
    """Bound the stationary points from above, and say how many steps a grid takes to there: a multiple of four.

    With s2 the residual variance of the unweighted fit and v the largest variance the score is negative
    wherever tau2^2 > s2 (tau2 + v), since y'PPy <= (k - p) s2 / (tau2 + min v)^2 and tr P >= (k - p) / (tau2
    + max v).
    """
    s2 = np.asarray(_unweighted(model).rss / (model.k - model.p))[..., None]
    smallest, largest = (bound(model.variance, axis=-1, keepdims=True) for bound in (np.min, np.max))
    span = np.log1p(1.001 * 0.5 * (s2 + np.sqrt(s2 * (s2 + 4.0 * largest))) / smallest)
    return span, np.maximum(8, 4 * ((span[..., 0] / (4.0 * STEP)).astype(int) + 1))


def _grid(model: Model, span: Floats, steps: int) -> Floats:
    """Values of tau2 from zero to the bound, equidistant in log(tau2 + smallest variance)."""
    smallest = model.variance.min(axis=-1, keepdims=True)
    return smallest * np.expm1(span * (np.arange(steps + 1) / steps))


def _score(model: Model, tau2: Floats, restricted: bool) -> tuple[Floats, Floats]:
    """Twice the score is fit - penalty: y'PPy less tr P (REML) or the sum of weights (ML)."""
    fit = model.at(tau2)
    return fit.quadratics[0], fit.trace_p if restricted else fit.weight.sum(axis=-1)


def _climb(model: Model, low: Floats, high: Floats, restricted: bool) -> Floats:
    """Find the peak between `low`, where the likelihood rises, and `high`, where it falls.

    Newton's method on penalty / fit - 1, which is nearly linear in tau2; where a step would leave the
    bracket, bisection. A fit that has arrived takes no further step, so that none depends on the others.
    """
    smallest = model.variance.min(axis=-1)
    tau2 = 0.5 * (low + high)
    going = np.ones(tau2.shape, dtype=bool)
    for _ in range(200):
        now = model.at(tau2)
        square, cubic = now.quadratics
        square = np.maximum(square, TINY)
        if restricted:
            penalty, penalty_slope = now.trace_p, -now.trace_pp
        else:
            penalty, penalty_slope = now.weight.sum(axis=-1), -np.square(now.weight).sum(axis=-1)
        ratio = penalty / square
        rising = ratio < 1.0
        low, high = np.where(rising, tau2, low), np.where(rising, high, tau2)
        slope = (penalty_slope + 2.0 * ratio * cubic) / square
        new = tau2 + (1.0 - ratio) / np.where(slope > 0.0, slope, np.inf)
        new = np.where((new >= low) & (new <= high), new, 0.5 * (low + high))
        new = np.where(going, new, tau2)
        going = np.abs(new - tau2) > 1e-7 * (new + smallest)
        tau2 = new
        if not going.any():
            break
    return tau2
