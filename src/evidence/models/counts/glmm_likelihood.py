"""The likelihood of a binomial-normal model by adaptive Gauss-Hermite quadrature, and its maximum.

For given standard deviations the likelihood is log-concave in the fixed parameters, because integration over the
random effects preserves log-concavity (Prekopa 1973); damped Newton steps then reach the maximum from any start. The
derivatives come from the same quadrature by the identity of Louis (1982, J R Stat Soc B 44, 226-233).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from evidence.errors import ModelError
from evidence.models.core.studies import Floats
from evidence.models.counts.glmm_kernel import Kernel

__all__ = ["SPREAD_LIMIT", "Fit", "climb", "evaluate", "likeliest_fit"]

SPREAD_LIMIT = 12.8
"""Largest standard deviation considered; on the logit scale it already means probabilities of nearly 0 or 1 only, on
the log scale rates that differ by a factor of 10^5 and more."""
ROUNDING = 1e-8
"""Relative fall of the log-likelihood that a step may show: sums of terms as large as the counts round off."""
GRID = (0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
BOUNDARY = 1e-3
"""A standard deviation below this is taken to lie on its boundary, zero."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A point of the likelihood."""

    fixed: Floats
    """Fixed parameters, shape (k, p)."""
    spread: Floats
    """Standard deviations of the random effects, shape (r,)."""
    value: float
    gradient: Floats
    """Gradient with respect to `spread`, shape (r,)."""
    information: Floats
    """Observed information about the common fixed parameters and the free spreads, own parameters eliminated."""


@lru_cache(maxsize=16)
def _rule(points: int, dimension: int) -> tuple[Floats, Floats]:
    """Nodes, shape (q, r), and log weights of the product rule for the weight exp(-|x|^2), times exp(|x|^2)."""
    x, w = np.polynomial.hermite.hermgauss(points)
    log_weight = np.log(w) + x * x
    nodes = np.array(list(product(x, repeat=dimension)))
    return nodes, np.array([sum(parts) for parts in product(log_weight, repeat=dimension)])


def evaluate(kernel: Kernel, fixed: Floats, spread: Floats, points: int) -> tuple[Floats, Floats, Floats]:
    """Log-likelihood of each study, its gradient and its Hessian.

    Parameters
    ----------
    kernel : Kernel
    fixed : ndarray, shape (k, p)
    spread : ndarray, shape (r,)
    points : int
        Quadrature points for each random effect.

    Returns
    -------
    value, gradient, hessian : ndarray
        Shapes (k,), (k, p + r) and (k, p + r, p + r); parameters in the order fixed, spread.
    """
    loading = kernel.loading * spread
    centre = kernel.offset + fixed @ kernel.coefficient.T
    mode, precision = _modes(kernel, centre, loading)
    nodes, log_weight = _rule(points, spread.size)
    scale = np.linalg.inv(np.linalg.cholesky(precision)).swapaxes(-1, -2)
    z = mode[:, None, :] + np.sqrt(2.0) * nodes @ scale.swapaxes(-1, -2)
    value, first, second = kernel.response(centre[:, None, :] + z @ loading.T)
    density = value - 0.5 * np.square(z).sum(axis=-1) + log_weight
    total = logsumexp(density, axis=-1)
    share = np.exp(density - total[:, None])
    constant = np.log(np.diagonal(scale, axis1=-2, axis2=-1)).sum(axis=-1) - 0.5 * spread.size * np.log(np.pi)

    k, q, j = first.shape
    design = np.concatenate(
        [
            np.broadcast_to(kernel.coefficient, (k, q, *kernel.coefficient.shape)),
            kernel.loading * z[:, :, None, :],
        ],
        axis=-1,
    )
    slope = np.einsum("kqj,kqjp->kqp", first, design)
    gradient = np.einsum("kq,kqp->kp", share, slope)
    curvature = (share[..., None] * second).reshape(k, q * j)
    flat = design.reshape(k, q * j, -1)
    away = slope - gradient[:, None, :]
    hessian = (curvature[..., None] * flat).swapaxes(-1, -2) @ flat
    hessian += (share[..., None] * away).swapaxes(-1, -2) @ away
    return total + constant, gradient, hessian


def _modes(kernel: Kernel, centre: Floats, loading: Floats) -> tuple[Floats, Floats]:
    """Mode of the random effects given the data, shape (k, r), and the precision there, shape (k, r, r)."""
    mode = np.zeros((centre.shape[0], loading.shape[1]))
    identity = np.eye(loading.shape[1])

    def at(z: Floats) -> tuple[Floats, Floats, Floats]:
        value, first, second = (part[:, 0] for part in kernel.response((centre + z @ loading.T)[:, None, :]))
        height = value - 0.5 * np.square(z).sum(axis=-1)
        return height, first @ loading - z, identity - np.einsum("kj,jr,js->krs", second, loading, loading)

    height, gradient, precision = at(mode)
    for _ in range(100):
        step = np.linalg.solve(precision, gradient[..., None])[..., 0]
        if np.abs(step).max(initial=0.0) < 1e-9:
            break
        for _ in range(30):
            moved = at(mode + step)
            worse = moved[0] < height - ROUNDING * (1.0 + np.abs(height))
            if not worse.any():
                break
            step = np.where(worse[:, None], 0.5 * step, step)
        mode = mode + step
        height, gradient, precision = moved
    return mode, precision


def climb(kernel: Kernel, fixed: Floats, spread: Floats, free: NDArray[np.bool_], points: int) -> Fit:
    """Maximise over the fixed parameters and the spreads marked as free, by damped Newton steps.

    Raises
    ------
    ModelError
        If the information is singular, which means that the counts do not identify the model.
    """
    p, own = fixed.shape[1], int(kernel.own)
    common = np.concatenate([np.arange(own, p), p + np.flatnonzero(free)])
    value, gradient, hessian = evaluate(kernel, fixed, spread, points)
    for _ in range(200):
        information = -hessian[:, common[:, None], common].sum(axis=0)
        slope = gradient[:, common].sum(axis=0)
        if own:
            cross, pivot = -hessian[:, 0, common], -hessian[:, 0, 0]
            information = information - np.einsum("kc,kd,k->cd", cross, cross, 1.0 / pivot)
            slope = slope - (cross * (gradient[:, 0] / pivot)[:, None]).sum(axis=0)
        spectrum, axes = np.linalg.eigh(information)
        if spectrum[0] <= 0.0 and free.any():
            raise ModelError(
                "the counts do not identify tau together with the mean effect; pool by a simpler method."
            )
        # Without free spreads the information is positive but for errors of quadrature, which must not turn the step.
        step = axes @ ((axes.T @ slope) / np.maximum(np.abs(spectrum), 1e-8 * np.abs(spectrum).max()))
        own_step = (gradient[:, 0] - cross @ step) / pivot if own else np.zeros(0)
        gain = step @ slope + ((np.square(gradient[:, 0]) / pivot).sum() if own else 0.0)
        here, size = value.sum(), 1.0
        while size > 1e-4:
            move = np.zeros_like(fixed)
            move[:, own:] = size * step[: p - own]
            if own:
                move[:, 0] = size * own_step
            new_spread = spread.copy()
            new_spread[free] += size * step[p - own :]
            if (new_spread >= 0.0).all():
                trial = evaluate(kernel, fixed + move, new_spread, points)
                if trial[0].sum() > here - ROUNDING * (1.0 + abs(here)):
                    break
            size *= 0.5
        else:
            break
        fixed, spread = fixed + move, new_spread
        value, gradient, hessian = trial
        # Convergence being quadratic, a full step that promised this little leaves far less. Where rounding or coarse
        # quadrature keep derivatives from agreeing with the value, the promise stays, but the value rises no more.
        if (size == 1.0 and gain < 1e-12) or value.sum() - here < 1e-10 * (1.0 + abs(here)):
            break
    return Fit(fixed, spread, float(value.sum()), gradient[:, p:].sum(axis=0), information)


def likeliest_fit(kernel: Kernel, points: int, *, tau_zero: bool = False) -> Fit:
    """Find the global maximum: the profile over a grid of standard deviations, then a climb from its peaks.

    Parameters
    ----------
    kernel : Kernel
    points : int
    tau_zero : bool
        Keep tau at zero: one common effect.

    Raises
    ------
    ModelError
        If the likelihood still rises at `SPREAD_LIMIT`.
    """
    spreads = [
        spread * np.array([not tau_zero, True])[: kernel.loading.shape[1]]
        for spread in _peaks(kernel, points, tau_zero)
    ]
    fits = [_top(kernel, spread, points) for spread in spreads]
    best = max(fits, key=lambda fit: fit.value)
    if best.spread.max() > 0.99 * SPREAD_LIMIT:
        raise ModelError(
            f"the likelihood still rises at a standard deviation of {SPREAD_LIMIT:g} on the log or logit scale: "
            "studies without events, or with only events, leave tau without an estimate. Use a simpler method, for "
            "odds ratios mantel_haenszel()."
        )
    return best


def _peaks(kernel: Kernel, points: int, tau_zero: bool) -> list[Floats]:
    """Approximate peaks of the profile likelihood over the standard deviations."""
    held = np.zeros(kernel.loading.shape[1], dtype=bool)
    last = kernel.start

    def profile(spread: Floats) -> Fit:
        nonlocal last
        fit = climb(kernel, last, np.array(spread, dtype=float), held, points)
        last = fit.fixed
        return fit

    def negative(spread: Floats) -> tuple[float, Floats]:
        fit = profile(spread)
        return -fit.value, -fit.gradient

    def negative_at(tau: float) -> float:
        return -profile(np.array([tau])).value

    if held.size == 1:
        if tau_zero:
            return [np.zeros(1)]
        grid = list(GRID)
        heights = [profile(np.array([tau])).value for tau in grid]
        while heights[-1] == max(heights) and grid[-1] < SPREAD_LIMIT:
            grid.append(2.0 * grid[-1])
            heights.append(profile(np.array([grid[-1]])).value)
        values, found = np.array(heights), []
        padded = np.concatenate([[-np.inf], values, [-np.inf]])
        for i in np.flatnonzero((values >= padded[:-2]) & (values >= padded[2:])).tolist():
            low, high = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
            peak = minimize_scalar(
                negative_at,
                bounds=(low, high),
                method="bounded",
                options={"xatol": 1e-4 * high},
            )
            found.append(np.array([peak.x if -peak.fun > values[i] else grid[i]]))
        return found
    coarse = [0.0] if tau_zero else [0.1, 0.8]
    bounds = [(0.0, 0.0 if tau_zero else SPREAD_LIMIT), (0.0, SPREAD_LIMIT)]
    return [
        minimize(negative, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-5}).x
        for start in product(coarse, [0.2, 1.0])
    ]


def _top(kernel: Kernel, spread: Floats, points: int) -> Fit:
    """Climb from near a peak to its top, in all parameters at once; spreads that vanish are set to zero."""
    free = spread > BOUNDARY
    spread = np.where(free, spread, 0.0)
    held = np.zeros_like(free)
    base = climb(kernel, kernel.start, spread, held, points)
    if not free.any() or spread.max() > 0.99 * SPREAD_LIMIT:
        return base
    try:
        return climb(kernel, base.fixed, spread, free, points)
    except ModelError:
        return base
