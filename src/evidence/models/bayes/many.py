"""Credible intervals of very many fits at once, for simulations."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from evidence.errors import DataError
from evidence.models.bayes.priors import TauPrior
from evidence.models.core.studies import Floats

__all__ = ["credible_intervals"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)
STEPS = 100
CLOSE = 1e-10
ROOT = 1.0 / np.sqrt(2.0 * np.pi)
BEYOND = 1e-9
"""Probability of the prior beyond the largest tau that is looked at."""


def credible_intervals(
    effect: Floats, variance: Floats, tau_prior: TauPrior, level: float = 0.95
) -> tuple[Floats, Floats, Floats, Floats]:
    """Posterior median of the mean effect, its central interval, and the posterior mean of tau2.

    The model of `evidence.bayes` with a flat prior of the effect and a proper prior of tau, integrated over a grid of
    tau that is dense where the smallest variance makes it matter.

    Parameters
    ----------
    effect, variance : ndarray, shape (n, k)
        Checked input; NaN marks an absent study, and each row has at least one.
    tau_prior : TauPrior
        A proper prior.
    level : float

    Returns
    -------
    median, low, high, tau2 : ndarray, shape (n,)
        tau2 is its posterior mean within the grid.
    """
    if not tau_prior.proper:
        raise DataError("a simulation needs a proper prior of tau, for example priors.half_normal(0.5).")
    present = ~np.isnan(variance)
    v, y = np.where(present, variance, np.inf), np.where(present, effect, 0.0)
    smallest = v.min(axis=1, keepdims=True)
    top = np.arcsinh(tau_prior.quantile(1.0 - BEYOND) / np.sqrt(smallest))
    u = 0.5 * top * (NODES + 1.0)
    tau = np.sqrt(smallest) * np.sinh(u)
    spread = v[:, None, :] + np.square(tau)[..., None]
    w = 1.0 / spread
    total = w.sum(axis=-1)
    origin = np.take_along_axis(y, v.argmin(axis=1)[:, None], axis=1)
    difference = np.where(present, y - origin, 0.0)[:, None, :]
    mean = (w * difference).sum(axis=-1) / total
    squares = (w * np.square(difference - mean[..., None])).sum(axis=-1)
    logs = np.log(np.where(present[:, None, :], spread, 1.0)).sum(axis=-1)
    log_density = -0.5 * (logs + np.log(total) + squares) + tau_prior.log_density(tau)
    mass = np.exp(log_density - log_density.max(axis=1, keepdims=True)) * WEIGHTS * np.cosh(u)
    mass /= mass.sum(axis=1, keepdims=True)
    sd = np.sqrt(1.0 / total)
    tail = 0.5 - 0.5 * level
    reach = -ndtri(tail) + 1.0
    median, low, high = (
        _quantile(mean, sd, mass, chance, reach) + origin[:, 0] for chance in (0.5, tail, 1.0 - tail)
    )
    return median, low, high, (mass * np.square(tau)).sum(axis=1)


def _quantile(mean: Floats, sd: Floats, mass: Floats, chance: float, reach: float) -> Floats:
    """Quantile of each row's mixture of normal distributions: Newton's steps, or halves of a bracket."""
    low, high = (mean - reach * sd).min(axis=1), (mean + reach * sd).max(axis=1)
    centre = (mass * mean).sum(axis=1)
    spread = np.sqrt((mass * (np.square(sd) + np.square(mean - centre[:, None]))).sum(axis=1))
    x, share = centre + ndtri(chance) * spread, mass / sd
    for _ in range(STEPS):
        z = (x[:, None] - mean) / sd
        rest = (ndtr(z) * mass).sum(axis=1) - chance
        low, high = np.where(rest < 0.0, x, low), np.where(rest < 0.0, high, x)
        density = (np.exp(-0.5 * z * z) * share).sum(axis=1) * ROOT
        step = x - rest / np.where(density > 0.0, density, np.inf)
        new = np.where((step > low) & (step < high), step, 0.5 * (low + high))
        if (np.abs(new - x) <= CLOSE * spread).all():
            return new
        x = new
    return x
