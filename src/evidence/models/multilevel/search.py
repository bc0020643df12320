"""Maximise the likelihood of a model for dependent effects, and follow its profile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.likelihood import Blocks, evaluate, kernel_products

__all__ = ["Covariance", "check_identified", "information", "likeliest_parameters", "profile_interval"]

Objective = Callable[[Floats], tuple[float, Floats]]


class Covariance(Protocol):
    """How parameters determine the coefficients of the kernels, as `Structure` says for dependent effects."""

    @property
    def names(self) -> list[str]:
        """Names of the parameters, for messages."""

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of the parameters."""

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coefficients of the kernels, and their derivatives by the parameters."""

    def starts(self) -> list[Floats]:
        """Values to start from."""


CLIMBS = 4
"""Number of starting values, the best of a grid, from which to climb."""


def _objective(blocks: Blocks, structure: Covariance, restricted: bool) -> Objective:
    """Deviance and its gradient; infinite where the covariance is not positive definite."""

    def objective(theta: Floats) -> tuple[float, Floats]:
        coefficients, jacobian = structure.coefficients(theta)
        try:
            found = evaluate(blocks, coefficients, restricted=restricted)
        except ModelError:
            return np.inf, np.zeros_like(theta)
        return found.deviance, jacobian.T @ found.gradient

    return objective


def information(blocks: Blocks, structure: Covariance, theta: Floats, *, restricted: bool) -> Floats:
    """Observed information about the parameters, away from their bounds; shape (size, size)."""
    objective = _objective(blocks, structure, restricted)
    return 0.5 * _curvature(objective, theta, np.arange(theta.size), structure.bounds)


def likeliest_parameters(blocks: Blocks, structure: Covariance, *, restricted: bool) -> Floats:
    """Find the parameters at which the (restricted) likelihood is highest.

    Climbs from several starting values by a quasi-Newton method, then again from the summit with one
    parameter at a time moved far away; the highest summit is refined by Newton's method. Units are those of
    the blocks; effects should scatter by about 1.

    Raises
    ------
    ModelError
        If no climb ends at a stationary point.
    """
    objective = _objective(blocks, structure, restricted)
    starts = structure.starts()
    heights = [objective(start)[0] for start in starts]
    order = [i for i in np.argsort(heights, kind="stable")[:CLIMBS] if np.isfinite(heights[i])]
    if not order:
        evaluate(blocks, structure.coefficients(starts[0])[0], restricted=restricted)  # raises, and says why
    best = min((_climb(objective, starts[i], structure.bounds) for i in order), key=lambda found: found[1])
    for j in range(best[0].size):
        for factor in (0.0, 5.0):
            away = best[0].copy()
            away[j] = factor * away[j] if away[j] else 0.1 * factor
            away = np.clip(away, *np.array(structure.bounds).T)
            again = _climb(objective, away, structure.bounds)
            if again[1] < best[1] - 1e-9:
                best = again
    theta = _refine(objective, best[0], structure.bounds)
    slope = np.abs(_projected(theta, objective(theta)[1], structure.bounds)) * (np.abs(theta) + 1e-3)
    if slope.max(initial=0.0) > 1e-4:
        j = int(slope.argmax())
        raise ModelError(
            f"the likelihood has no clear maximum for the {structure.names[j]} (estimate {theta[j]:.3g} in units of "
            f"the scatter, slope {slope[j]:.1g}); use fewer levels or a simpler structure, and check for "
            "sampling variances that are tiny beside the scatter of the effects."
        )
    return theta


def check_identified(blocks: Blocks, structure: Covariance) -> None:
    """Raise ModelError naming the parameters that the grouping of the effects does not tell apart."""
    _, jacobian = structure.coefficients(structure.starts()[0])
    products = jacobian.T @ kernel_products(blocks) @ jacobian
    size = np.diagonal(products)
    absent = size <= 1e-10 * max(float(size.max(initial=0.0)), 1.0)
    if absent.any():
        name = structure.names[int(absent.argmax())]
        raise ModelError(
            f"the {name} cannot be estimated: no contrast of the effects depends on it (a level with a single "
            "group, a pair of outcomes never seen together, or a moderator that takes it up); leave it out."
        )
    scale = 1.0 / np.sqrt(size)
    values, vectors = np.linalg.eigh(products * scale[:, None] * scale)
    if values[0] < 1e-8:
        involved = [
            name for name, part in zip(structure.names, vectors[:, 0], strict=True) if abs(part) > 0.1
        ]
        raise ModelError(
            f"the {' and the '.join(involved)} cannot be told apart: they group the effects in the same way; leave "
            "one out."
        )


def profile_interval(
    blocks: Blocks, structure: Covariance, theta: Floats, which: int, level: float, *, restricted: bool
) -> tuple[float, float]:
    """Profile-likelihood interval of one variance, the others at their best for each of its values.

    Parameters
    ----------
    theta : ndarray
        Where the likelihood is highest.
    which : int
        Position of the variance in `theta`.
    level : float
    """
    others = np.delete(np.arange(theta.size), which)
    bounds = [structure.bounds[j] for j in others]

    def deviance(value: float) -> float:
        def objective(rest: Floats) -> tuple[float, Floats]:
            full = np.insert(rest, which, value)
            coefficients, jacobian = structure.coefficients(full)
            found = evaluate(blocks, coefficients, restricted=restricted)
            return found.deviance, (jacobian.T @ found.gradient)[others]

        return _climb(objective, theta[others], bounds)[1] if others.size else objective(theta[others])[0]

    limit = deviance(float(theta[which])) + float(chdtri(1.0, 1.0 - level))
    best = float(theta[which])
    low = 0.0
    if best > 0.0 and deviance(0.0) > limit:
        low = _root(lambda value: deviance(value) - limit, 0.0, best)
    high = max(2.0 * best, 0.01)
    below = best
    for _ in range(200):
        if deviance(high) > limit:
            return low, _root(lambda value: deviance(value) - limit, below, high)
        below, high = high, 2.0 * high
    return low, np.inf


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-12 * high, rtol=1e-11))


def _climb(objective: Objective, theta: Floats, bounds: list[tuple[float, float]]) -> tuple[Floats, float]:
    """Descend to a minimum within bounds by a projected quasi-Newton method (BFGS).

    The problems are so small that the linear algebra of a general optimiser costs more than the likelihood.
    """
    low, high = np.array(bounds).T
    height, gradient = objective(theta)
    # the first step moves a parameter by about a third of its size
    curvature = np.diag((np.abs(gradient) + 1e-3) / (0.3 * (np.abs(theta) + 0.05)))
    for _ in range(500):
        slope = _projected(theta, gradient, bounds)
        free = np.flatnonzero(slope != 0.0)
        if not free.size or np.abs(slope * (np.abs(theta) + 1e-3)).max() < 1e-9:
            break
        direction = np.zeros_like(theta)
        values, vectors = np.linalg.eigh(curvature[np.ix_(free, free)])
        values = np.maximum(values, 1e-10 * values[-1])  # rounding may leave it singular
        direction[free] = -vectors @ (vectors.T @ gradient[free] / values)
        for halving in range(40):
            new = np.clip(theta + 0.5**halving * direction, low, high)
            new_height, new_gradient = objective(new)
            if new_height <= height + 1e-4 * float(gradient @ (new - theta)):
                break
        else:
            break
        step, change = new - theta, new_gradient - gradient
        carried = curvature @ step
        if step @ change > 1e-12 * float(step @ carried):
            curvature = curvature + np.outer(change, change) / (step @ change)
            curvature = curvature - np.outer(carried, carried) / (step @ carried)
        settled = height - new_height < 1e-13 * (1.0 + abs(height))
        theta, height, gradient = new, new_height, new_gradient
        if settled:
            break
    return theta, height


def _projected(theta: Floats, gradient: Floats, bounds: list[tuple[float, float]]) -> Floats:
    """Gradient without the parts that push against a bound."""
    low, high = np.array(bounds).T
    pinned = ((theta <= low) & (gradient > 0.0)) | ((theta >= high) & (gradient < 0.0))
    return np.where(pinned, 0.0, gradient)


def _refine(objective: Objective, theta: Floats, bounds: list[tuple[float, float]]) -> Floats:
    """Newton's method on the gradient, for the parameters off their bounds, while the likelihood does not fall."""
    low, high = np.array(bounds).T
    height, gradient = objective(theta)
    for _ in range(20):
        free = np.flatnonzero(_projected(theta, gradient, bounds) != 0.0)
        if not free.size:
            break
        curvature = _curvature(objective, theta, free, bounds)
        if not np.isfinite(curvature).all() or np.linalg.eigvalsh(curvature)[0] <= 0.0:
            break
        new = theta.copy()
        new[free] -= np.linalg.solve(curvature, gradient[free])
        new = np.clip(new, low, high)
        new_height, new_gradient = objective(new)
        smaller = np.abs(_projected(new, new_gradient, bounds)).max() < np.abs(gradient[free]).max()
        if not (new_height <= height + 1e-9 and smaller):
            break
        moved = np.abs(new - theta).max() > 1e-11 * (np.abs(theta).max() + 1e-6)
        theta, height, gradient = new, new_height, new_gradient
        if not moved:
            break
    return theta


def _curvature(
    objective: Objective, theta: Floats, free: np.ndarray, bounds: list[tuple[float, float]]
) -> Floats:
    """Second derivatives by differences of the gradient, for some of the parameters."""
    low, high = np.array(bounds).T
    curvature = np.empty((free.size, free.size))
    for row, j in enumerate(free):
        step = 1e-5 * max(abs(float(theta[j])), 1e-3)
        up, down = theta.copy(), theta.copy()
        up[j], down[j] = min(theta[j] + step, high[j]), max(theta[j] - step, low[j])
        curvature[row] = (objective(up)[1] - objective(down)[1])[free] / (up[j] - down[j])
    return 0.5 * (curvature + curvature.T)
