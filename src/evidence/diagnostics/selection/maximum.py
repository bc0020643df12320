"""The maximum of a selection model's likelihood: climb from many starts, for it may have several peaks."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from evidence.diagnostics.selection.weights import Weights, log_likelihood
from evidence.errors import ModelError
from evidence.models.core.studies import Floats

__all__ = ["Optimum", "likeliest_weights"]


class Optimum(NamedTuple):
    """Where the likelihood is largest."""

    value: float
    """Log-likelihood."""
    parameters: Floats
    """Coefficients, tau2 and eta."""
    free: NDArray[np.bool_]
    """Which of them are off their bounds."""
    covariance: Floats
    """Of the free parameters; NaN if the information matrix is not positive definite."""


def likeliest_weights(
    weights: Weights, effect: Floats, se: Floats, design: Floats, estimate_tau2: bool
) -> Optimum:
    """Find the maximum over the coefficients, tau2 >= 0 and eta within its bounds.

    Parameters
    ----------
    weights : Weights
    effect, se : ndarray, shape (k,)
        Scaled so that typical values are of the order of one.
    design : ndarray, shape (k, p)
        Its columns too.
    estimate_tau2 : bool
        Else tau2 stays zero.

    Raises
    ------
    ModelError
        If the likelihood can be computed nowhere.
    """
    j, p = weights.statistic.shape[1], design.shape[1]
    limits: list[tuple[float | None, float | None]] = [(None, None)] * p
    limits += [(0.0, None if estimate_tau2 else 0.0), *[weights.bounds] * j]
    objective = partial(_negative, weights, effect, se, design)
    with np.errstate(all="ignore"):
        spread = max(0.0, float(effect.var()))
        best, lowest = np.zeros(p + 1 + j), np.inf
        for beta in _first_coefficients(effect, se, design):
            for tau2 in (0.1 * spread, spread) if estimate_tau2 else (0.0,):
                for eta in weights.starts:
                    start = np.array([*beta, tau2, *[eta] * j])
                    # TNC brings its own linear algebra; threads would cost more than problems this small.
                    found = minimize(
                        objective,
                        start,
                        jac=True,
                        method="TNC",
                        bounds=limits,
                        options={"maxfun": 300, "ftol": 1e-10, "xtol": 1e-8, "gtol": 1e-7},
                    )
                    if found.fun < lowest - 1e-12 * abs(found.fun):
                        lowest, best = float(found.fun), found.x
        if not np.isfinite(lowest):
            raise ModelError("the likelihood of the selection model cannot be computed for these effects.")
        return _polish(objective, best, limits, se, p)


def _first_coefficients(effect: Floats, se: Floats, design: Floats) -> list[tuple[float, ...]]:
    """Coefficients from which to search: fits by several weights, and such that shrink towards zero."""
    if design.shape[1] == 1 and (design == 1.0).all():
        precise = float(effect[np.argmin(se)])
        return [
            (mean,) for mean in {float(effect.mean()), float(np.median(effect)), precise, 0.0, 0.5 * precise}
        ]
    plain, _, _, _ = np.linalg.lstsq(design, effect, rcond=None)
    weighted, _, _, _ = np.linalg.lstsq(design / se[:, None], effect / se, rcond=None)
    return [tuple(beta.tolist()) for beta in (plain, weighted, 0.5 * weighted, 0.0 * weighted)]


def _polish(
    objective: partial[tuple[float, Floats]],
    best: Floats,
    limits: list[tuple[float | None, float | None]],
    se: Floats,
    p: int,
) -> Optimum:
    """Take Newton steps in the parameters that are off their bounds, while they help; return the covariance too."""
    low = np.array([-np.inf if a is None else a for a, _ in limits])
    high = np.array([np.inf if b is None else b for _, b in limits])
    value, gradient = objective(best)
    for _ in range(50):
        free = ~((best <= low) & (gradient >= 0.0) | (best >= high) & (gradient <= 0.0))
        information = _information(objective, best, free, se, p)
        if not np.isfinite(information).all():
            break
        roots, vectors = np.linalg.eigh(information)
        step = np.zeros(best.size)
        step[free] = vectors @ (vectors.T @ gradient[free] / np.maximum(abs(roots), 1e-8))
        for part in (1.0, 0.3, 0.1, 0.01, 0.0):
            new = np.clip(best - part * step, low, high)
            new_value, new_gradient = objective(new)
            if new_value < value:
                break
        moved = float(abs(new - best).max())
        best, value, gradient = new, new_value, new_gradient
        if moved < 1e-11:
            break
    free = (best > low) & (best < high)
    information = _information(objective, best, free, se, p)
    covariance = np.full(information.shape, np.nan)
    if np.isfinite(information).all() and (np.linalg.eigvalsh(information) > 0.0).all():
        covariance[:] = np.linalg.inv(information)
    return Optimum(-value, best, free, covariance)


def _information(
    objective: partial[tuple[float, Floats]], at: Floats, free: NDArray[np.bool_], se: Floats, p: int
) -> Floats:
    """Observed information of the free parameters, by central differences of the gradient."""
    rows = []
    for i in np.flatnonzero(free):
        width = 1e-5 * (at[p] + float(se.min()) ** 2 if i == p else 1.0 + abs(at[i]))
        shift = np.zeros(at.size)
        shift[i] = width
        rows.append((objective(at + shift)[1] - objective(at - shift)[1])[free] / (2.0 * width))
    matrix = np.array(rows).reshape(len(rows), len(rows))
    return 0.5 * (matrix + matrix.T)


def _negative(
    weights: Weights, effect: Floats, se: Floats, design: Floats, parameters: Floats
) -> tuple[float, Floats]:
    """Negative log-likelihood and gradient for the optimiser; a large number where it cannot be computed."""
    p = design.shape[1]
    value, gradient = log_likelihood(
        weights, effect, se, design, parameters[:p], float(parameters[p]), parameters[p + 1 :]
    )
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        return 1e300, np.zeros(parameters.size)
    return -value, -gradient
