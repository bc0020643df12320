"""The likelihood of a selection model: studies are seen with a probability that depends on their P value.

Both kinds of weight functions are exponential families in the P value: log w(p) = eta . T(p), with T the
indicators of intervals (step function) or (log p, log(1 - p)) (beta function). On the scale of z = effect /
standard error T does not depend on the study. The line of z values is cut into atoms, on which T is constant:
whole intervals, or nodes of a Gauss-Legendre rule. A study's chance of being seen is the sum over atoms of w
times the atom's probability.

Given mean and tau2 the log-likelihood is concave in eta.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, pi, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

from evidence.models.core.studies import Floats

__all__ = ["Weights", "beta_weights", "interval_of", "log_likelihood", "p_values", "step_weights"]

CLAMP = 1e-5
"""P values closer to 0 or 1 than this count as this far for the beta function, which is not bounded there."""
PANELS, NODES = 8, 16
"""Gauss-Legendre panels for the beta function, and nodes in each."""


@dataclass(frozen=True)
class Weights:
    """A weight function: its atoms on the line of z values, and T on each."""

    low: Floats
    """Lower ends of the atoms that are intervals, shape (m,)."""
    high: Floats
    """Their upper ends."""
    node: Floats
    """Atoms that are nodes of a quadrature rule, shape (q,)."""
    share: Floats
    """Their weights in the rule."""
    statistic: Floats
    """T on each atom, intervals first, shape (m + q, j)."""
    observed: Floats
    """Sum of T over the observed P values, shape (j,)."""

    def probabilities(self, mean: float, tau2: float, se: Floats) -> tuple[Floats, Floats, Floats]:
        """Probability of each atom for each study, with derivatives by mean and tau2; shape (k, m + q) each."""
        total = np.sqrt(se * se + tau2)[:, None]
        low, high = ((z * se[:, None] - mean) / total for z in (self.low, self.high))
        # Where both ends lie above the mean, the difference of the upper tails does not round to zero.
        area = np.where(low > 0.0, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))
        at_low, at_high = _density(low), _density(high)
        area_mean = (at_low - at_high) / total
        low, high = (np.where(np.isfinite(end), end, 0.0) for end in (low, high))
        area_tau2 = (low * at_low - high * at_high) / (2.0 * total * total)
        t = (self.node * se[:, None] - mean) / total
        mass = self.share * _density(t) * (se[:, None] / total)
        return (
            np.hstack([np.maximum(area, 0.0), mass]),
            np.hstack([area_mean, mass * t / total]),
            np.hstack([area_tau2, mass * (t * t - 1.0) / (2.0 * total * total)]),
        )


def log_likelihood(
    weights: Weights, effect: Floats, se: Floats, mean: float, tau2: float, eta: Floats
) -> tuple[float, Floats]:
    """Log-likelihood and its gradient by mean, tau2 and eta.

    Parameters
    ----------
    weights : Weights
    effect, se : ndarray, shape (k,)
        Effects, positive where selection favours them, and their standard errors.
    mean, tau2 : float
    eta : ndarray, shape (j,)

    Returns
    -------
    value : float
        Minus infinity where a study's chance of being seen is too small for a floating-point number.
    gradient : ndarray, shape (2 + j,)
    """
    probability, by_mean, by_tau2 = weights.probabilities(mean, tau2, se)
    logs = weights.statistic @ eta
    top = float(logs.max())
    weight = np.exp(logs - top)
    seen = probability @ weight
    if not (seen > 0.0).all():
        return -np.inf, np.zeros(2 + eta.size)
    spread = se * se + tau2
    residual = effect - mean
    value = (
        weights.observed @ eta
        - 0.5 * (effect.size * log(2.0 * pi) + (np.log(spread) + residual * residual / spread).sum())
        - (np.log(seen) + top).sum()
    )
    score_mean = (residual / spread - (by_mean @ weight) / seen).sum()
    score_tau2 = (0.5 * (residual * residual / spread - 1.0) / spread - (by_tau2 @ weight) / seen).sum()
    score_eta = weights.observed - ((probability * weight) @ weights.statistic / seen[:, None]).sum(axis=0)
    return float(value), np.concatenate([[score_mean, score_tau2], score_eta])


def p_values(z: Floats, *, two_sided: bool) -> Floats:
    """P values of z values: one-sided (large z, small P) or two-sided."""
    return 2.0 * ndtr(-abs(z)) if two_sided else ndtr(-z)


def interval_of(p: Floats, steps: Floats) -> np.ndarray:
    """Index of the first step, ascending and ending with 1, that each P value does not exceed."""
    return np.searchsorted(steps, p, side="left")


def step_weights(p: Floats, steps: Floats, *, two_sided: bool) -> Weights:
    """Weight function that is constant between steps: 1 in the first interval, exp(eta) in the others.

    Parameters
    ----------
    p : ndarray, shape (k,)
        Observed P values.
    steps : ndarray, shape (j + 1,)
        Upper ends of the intervals, ascending, the last 1.
    two_sided : bool
        Whether the P values are two-sided.
    """
    count = steps.size
    inner = -ndtri(steps[:-1] * (0.5 if two_sided else 1.0))
    high = np.append(np.inf, inner)
    low = np.append(inner, 0.0 if two_sided else -np.inf)
    indicator = np.eye(count)[:, 1:]
    if two_sided:
        low, high = np.append(low, -high), np.append(high, -low)
        indicator = np.vstack([indicator, indicator])
    found = np.bincount(interval_of(p, steps), minlength=count)[1:]
    none = np.empty(0)
    return Weights(low, high, none, none, indicator, found.astype(np.float64))


def beta_weights(p: Floats, *, two_sided: bool) -> Weights:
    """Weight function p^(a - 1) (1 - p)^(b - 1), eta = (a - 1, b - 1).

    Parameters
    ----------
    p : ndarray, shape (k,)
        Observed P values.
    two_sided : bool
        Whether the P values are two-sided.
    """
    scale = 0.5 if two_sided else 1.0
    outer = -float(ndtri(CLAMP * scale))
    if two_sided:
        # Near z = 0 the function behaves like a power of |z|, which is smooth in log |z|.
        inner = -float(ndtri(0.5 * (1.0 - CLAMP)))
        small, share = _rule(log(inner), 0.0)
        large, rest = _rule(0.0, outer - 1.0)
        half = np.concatenate([np.exp(small), 1.0 + large])
        shares = np.concatenate([share * np.exp(small), rest])
        node, shares = np.concatenate([-half, half]), np.concatenate([shares, shares])
        low, high = np.array([-np.inf, -inner, outer]), np.array([-outer, inner, np.inf])
        ends = np.array([CLAMP, 1.0 - CLAMP, CLAMP])
    else:
        node, shares = _rule(-outer, outer)
        low, high = np.array([-np.inf, outer]), np.array([-outer, np.inf])
        ends = np.array([1.0 - CLAMP, CLAMP])

    def statistic(values: Floats) -> Floats:
        clamped = np.clip(values, CLAMP, 1.0 - CLAMP)
        return np.column_stack([np.log(clamped), np.log1p(-clamped)])

    atoms = statistic(np.append(ends, p_values(node, two_sided=two_sided)))
    return Weights(low, high, node, shares, atoms, statistic(p).sum(axis=0))


def _rule(low: float, high: float) -> tuple[Floats, Floats]:
    """Nodes and weights of a composite Gauss-Legendre rule."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(low, high, PANELS + 1)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()


def _density(z: Floats) -> Floats:
    return np.exp(-0.5 * np.minimum(z * z, 1400.0)) / sqrt(2.0 * pi)
