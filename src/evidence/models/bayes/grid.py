"""The posterior of tau by deterministic quadrature, and what the effects are given each tau.

Given tau, all posteriors of the normal-normal model are normal (Roever 2020); only tau needs numerical integration.
It runs over u = log tau in Gauss-Legendre panels, which are halved until neither the integral of the density of u nor
that of its product with the conditional distribution function of the effect changes. Below a tau far smaller than any
standard error the likelihood is constant, so that the prior's own distribution function gives the mass there exactly,
however slowly it falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import exp, log, sqrt

import numpy as np
from scipy.special import ndtr

from evidence.errors import ModelError
from evidence.models.bayes.priors import EffectPrior, TauPrior
from evidence.models.core.studies import Floats

__all__ = ["Conditional", "TauGrid", "conditional", "integrate", "null_conditional"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
WIDTH = 1.0
"""Width of a panel before it is halved."""
TOLERANCE = 1e-13
"""Change, relative to the whole, that a halved panel may show."""
FALL = 42.0
"""The range of u ends where the log density has fallen this far below its maximum."""
U_LIMIT = 150.0
CONTRADICTION = 1e10
"""Log density at the peak beyond which rounding leaves fewer than five digits of the posterior."""
CHUNK = 1_000_000
"""Entries of the largest temporary array."""

Conditional = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""From tau, shape (g,): marginal log-likelihood, and conditional mean and standard deviation of the effect."""


@dataclass(frozen=True, eq=False)
class TauGrid:
    """The posterior of tau on a grid."""

    prior: TauPrior
    log_likelihood: Conditional
    edges: Floats
    """Edges of the panels on the scale of u = log tau, shape (p, 2)."""
    u: Floats
    """Nodes, shape (p, 12)."""
    weight: Floats
    """Posterior probability that each node stands for, shape (p, 12)."""
    atom: float
    """Posterior probability below the first panel."""
    log_zero: float
    """Log-likelihood at tau = 0."""
    log_evidence: float
    """Log of the integral of prior times likelihood."""

    def density_u(self, u: Floats) -> Floats:
        """Posterior density of log tau."""
        tau = np.exp(u)
        log_likelihood = self.log_likelihood(np.ravel(tau))[0].reshape(np.shape(tau))
        return np.exp(self.prior.log_density(tau) + log_likelihood + u - self.log_evidence)

    def nodes(self) -> tuple[Floats, Floats]:
        """Values of tau, the first zero, and their probabilities."""
        tau = np.concatenate([[0.0], np.exp(self.u.ravel())])
        return tau, np.concatenate([[self.atom], self.weight.ravel()])


def conditional(effect: Floats, variance: Floats, prior: EffectPrior, origin: float) -> Conditional:
    """Return the conditional quantities of the normal-normal model; means are relative to `origin`."""
    if not np.isfinite(prior.sd):
        return partial(_conditional_at, effect - origin, variance, 0.0, 0.0)
    return partial(_conditional_at, effect - origin, variance, 1.0 / prior.sd**2, prior.mean - origin)


def _conditional_at(
    y: Floats, variance: Floats, w0: float, m0: float, tau: Floats
) -> tuple[Floats, Floats, Floats]:
    """Conditional quantities at tau, for a prior of the mean with precision w0 (0: flat) about m0."""
    out = np.empty((3, tau.size))
    step = max(1, CHUNK // y.size)
    for start in range(0, tau.size, step):
        part = slice(start, start + step)
        spread = variance + np.square(tau[part])[:, None]
        w = 1.0 / spread
        total = w.sum(axis=1) + w0
        mean = (w @ y + w0 * m0) / total
        squares = (w * np.square(y - mean[:, None])).sum(axis=1)
        value = -0.5 * (np.log(2.0 * np.pi * spread).sum(axis=1) + squares - np.log(2.0 * np.pi / total))
        if w0:
            value += 0.5 * (log(w0 / (2.0 * np.pi)) - w0 * np.square(m0 - mean))
        out[:, part] = value, mean, 1.0 / np.sqrt(total)
    return out[0], out[1], out[2]


def null_conditional(effect: Floats, variance: Floats) -> Conditional:
    """Return the likelihood of a mean effect of exactly zero."""
    return partial(_null_at, effect, variance)


def _null_at(effect: Floats, variance: Floats, tau: Floats) -> tuple[Floats, Floats, Floats]:
    out = np.empty(tau.size)
    step = max(1, CHUNK // effect.size)
    for start in range(0, tau.size, step):
        spread = variance + np.square(tau[start : start + step])[:, None]
        out[start : start + step] = -0.5 * (np.log(2.0 * np.pi * spread) + np.square(effect) / spread).sum(
            axis=1
        )
    return out, np.zeros(tau.size), np.ones(tau.size)


def integrate(at: Conditional, prior: TauPrior, effect: Floats, variance: Floats) -> TauGrid:
    """Integrate prior times likelihood over tau.

    Raises
    ------
    ModelError
        If the prior gives no mass where the likelihood is positive.
    """
    smallest = sqrt(float(variance.min()))
    u_low = log(1e-9 * smallest)
    reach = max(float(np.ptp(effect)), sqrt(float(variance.max())), smallest)
    low_mass = float(prior.cdf(np.array([exp(u_low)]))[0])
    log_zero = float(at(np.zeros(1))[0][0])

    def log_density(u: Floats) -> Floats:
        tau = np.exp(u)
        return prior.log_density(tau) + at(tau)[0] + u

    u_high = (
        min(log(prior.upper), U_LIMIT)
        if prior.upper < np.inf
        else _upper_end(log_density, u_low, log(reach), prior)
    )
    if u_high <= u_low:
        grid = np.zeros((0, 12))
        if low_mass == 0.0:
            raise ModelError(f"the prior {prior} has no mass where tau can be.")
        return TauGrid(prior, at, np.zeros((0, 2)), grid, grid, 1.0, log_zero, log_zero + log(low_mass))
    panels = int((u_high - u_low) / WIDTH) + 1
    scan = np.linspace(u_low, u_high, 4 * panels + 1)
    heights = log_density(scan)
    log_atom = log_zero + log(low_mass) if low_mass > 0.0 else -np.inf
    peak, height = _zoom(log_density, scan, heights)
    top = max(height, log_atom)
    if abs(top) > CONTRADICTION:
        raise ModelError(
            f"the prior {prior} and the data contradict each other: the effects differ by far more than their "
            "standard errors and the prior allow. Check the variances, or give a wider tau_prior."
        )
    # Compared with the scan, not with the peak, so that the panel of a narrow peak stays.
    near = np.maximum(heights[:-1].reshape(panels, 4).max(axis=1), heights[4::4]) > heights.max() - 2.0 * FALL
    breaks = (
        peak + np.outer([-1.0, 1.0], _peak_width(log_density, peak, height) * 2.0 ** np.arange(60)).ravel()
    )
    inner = np.concatenate([[peak], breaks])
    edges = np.concatenate(
        [_split(low, high, inner) for low, high in zip(scan[:-1:4][near], scan[4::4][near], strict=True)]
    )
    edges, u, mass = _refine(log_density, at, edges, top)
    total = float(mass.sum()) + exp(log_atom - top)
    return TauGrid(prior, at, edges, u, mass / total, exp(log_atom - top) / total, log_zero, top + log(total))


def _zoom(log_density: Callable[[Floats], Floats], scan: Floats, heights: Floats) -> tuple[float, float]:
    """Place and height of the highest peak, which may be far narrower than the scan."""
    best, step, top = float(scan[np.argmax(heights)]), float(scan[1] - scan[0]), float(heights.max())
    while step > 1e-12:
        near = np.linspace(max(best - step, scan[0]), min(best + step, scan[-1]), 33)
        values = log_density(near)
        best, step, top = float(near[np.argmax(values)]), step / 8.0, max(top, float(values.max()))
    return best, top


def _peak_width(log_density: Callable[[Floats], Floats], peak: float, height: float) -> float:
    """Distance from the peak at which the log density has fallen by one."""
    widths: Floats = WIDTH * 0.5 ** np.arange(40.0)
    fall = height - np.minimum(log_density(peak - widths), log_density(peak + widths))
    return float(widths[min(int(np.argmax(fall < 1.0)), 39)]) if (fall < 1.0).any() else float(widths[-1])


def _split(low: float, high: float, at: Floats) -> Floats:
    """Split a panel at the points that lie inside it."""
    cut = np.unique(np.concatenate([[low], at[(at > low) & (at < high)], [high]]))
    return np.stack([cut[:-1], cut[1:]], axis=1)


def _upper_end(
    log_density: Callable[[Floats], Floats], u_low: float, u_reach: float, prior: TauPrior
) -> float:
    """Find a u beyond which the posterior density of u has fallen by `FALL`."""
    u = max(u_reach, log(prior.scale), u_low)
    best = float(log_density(np.linspace(u_low, u, 400)).max())
    while u < U_LIMIT:
        u = min(u + 2.0, U_LIMIT)
        height = float(log_density(np.array([u]))[0])
        best = max(best, height)
        if height < best - FALL:
            break
    return u


def _refine(
    log_density: Callable[[Floats], Floats], at: Conditional, edges: Floats, top: float
) -> tuple[Floats, Floats, Floats]:
    """Halve panels until their integrals no longer change; return edges, nodes and masses relative to exp(top)."""

    def measure(edges: Floats, reference: Floats) -> tuple[Floats, Floats, Floats]:
        half = 0.5 * (edges[:, 1] - edges[:, 0])[:, None]
        u = edges.mean(axis=1)[:, None] + half * NODES
        mass = np.exp(np.minimum(log_density(u.ravel()) - top, 600.0)).reshape(u.shape) * half * WEIGHTS
        _, mean, sd = (part.reshape(u.shape) for part in at(np.exp(u.ravel())))
        below = ndtr((reference[:, None, None] - mean) / sd)
        return u, mass, np.concatenate([mass.sum(axis=1)[None], (mass * below).sum(axis=2)])

    u, mass, _ = measure(edges, np.zeros(1))
    _, mean, sd = at(np.exp(u.ravel()))
    share = mass.ravel() / max(mass.sum(), 1e-300)
    centre = float(share @ mean)
    width = float(share @ (sd + np.abs(mean - centre)))
    reference = centre + width * np.array([-1.0, 0.0, 1.0])
    _, _, sums = measure(edges, reference)
    # A log density of size `top` carries rounding errors in proportion; panels cannot agree better than that.
    tolerance = max(TOLERANCE, 1e-14 * abs(top))
    done: list[tuple[Floats, Floats, Floats]] = []
    for depth in range(30):
        middle = edges.mean(axis=1)
        halves = np.stack(
            [np.stack([edges[:, 0], middle], 1), np.stack([middle, edges[:, 1]], 1)], 1
        ).reshape(-1, 2)
        u, mass, parts = measure(halves, reference)
        together = parts.reshape(parts.shape[0], -1, 2).sum(axis=2)
        scale = max(sum(float(piece[2].sum()) for piece in done) + float(together[0].sum()), 1e-300)
        good = np.repeat((np.abs(together - sums) <= tolerance * scale).all(axis=0) | (depth == 29), 2)
        done.append((halves[good], u[good], mass[good]))
        edges, sums = halves[~good], parts[:, ~good]
        if edges.size == 0:
            break
    order = np.argsort(np.concatenate([piece[0][:, 0] for piece in done]))
    return tuple(np.concatenate([piece[i] for piece in done])[order] for i in range(3))  # type: ignore[return-value]
