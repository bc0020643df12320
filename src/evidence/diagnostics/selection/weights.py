"""The likelihood of a selection model: studies are seen with a probability that depends on their P value.

The logarithm of a weight function is eta . T(p), with T the indicators of intervals (step function),
(log p, log(1 - p)) (beta function), -p^2 (half-normal), -p (negative exponential) or log(1 - p) (power); for the
logistic function it is log 2 - log(1 + exp(eta p)). On the scale of z = effect / standard error it does not depend on
the study. The line of z values is cut into atoms: whole intervals, on which the weight is constant, and nodes of a
Gauss-Legendre rule. A study's chance of being seen is the sum over atoms of w times the atom's probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p, pi, sqrt
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from evidence.models.core.studies import Floats

__all__ = [
    "SMOOTH",
    "Weights",
    "beta_weights",
    "interval_of",
    "log_likelihood",
    "p_values",
    "smooth_weights",
    "step_weights",
]

CLAMP = 1e-5
"""P values closer to 0 or 1 than this count as this far for the beta and power functions, unbounded there."""
PANELS, NODES = 8, 16
"""Gauss-Legendre panels for the beta and the smooth functions, and nodes in each."""
FAR = 8.5
"""Beyond this z value P is 0 or 1 to machine precision."""

STEP_BOUNDS = (-25.0, log(100.0))
"""Bounds of the logarithms of relative chances of being seen."""
BETA_BOUNDS = (CLAMP - 1.0, 99.0)
"""Bounds of the exponents of the beta function, which are its parameters less 1."""
SMOOTH_BOUNDS = (0.0, 100.0)
"""Bounds of the parameter of the functions in `SMOOTH`; at zero there is no selection."""

SMOOTH = {
    "halfnorm": "half-normal",
    "negexp": "negative exponential",
    "logistic": "logistic",
    "power": "power",
}
"""Weight functions that fall from 1 with the P value, by one parameter (Preston et al. 2004)."""


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
    """T of the observed P values, shape (k, j)."""
    bounds: tuple[float, float]
    """Of each eta."""
    starts: tuple[float, ...]
    """Values of eta from which to search."""
    logistic: bool = False
    """Whether T is P itself, and the weight the logistic function of eta T."""
    origin: float = 0.0
    """P value up to which the logistic function is 1."""

    def logarithms(self, statistic: Floats, eta: Floats) -> tuple[Floats, Floats]:
        """Logarithms of the weights at T, shape (n,), and their derivatives by eta, shape (n, j)."""
        if not self.logistic:
            return statistic @ eta, statistic
        p, origin = statistic[:, 0], self.origin
        value = np.logaddexp(0.0, eta[0] * origin) - np.logaddexp(0.0, eta[0] * p)
        return value, (origin * expit(eta[0] * origin) - p * expit(eta[0] * p))[:, None]

    def probabilities(self, mean: Any, tau2: float, se: Floats) -> tuple[Floats, Floats, Floats]:
        """Probability of each atom for each study, with derivatives by mean and tau2; shape (k, m + q) each."""
        total = np.sqrt(se * se + tau2)[:, None]
        mean = np.reshape(mean, (-1, 1))
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
    weights: Weights, effect: Floats, se: Floats, design: Floats, beta: Floats, tau2: float, eta: Floats
) -> tuple[float, Floats]:
    """Log-likelihood and its gradient by beta, tau2 and eta.

    Parameters
    ----------
    weights : Weights
    effect, se : ndarray, shape (k,)
        Effects, positive where selection favours them, and their standard errors.
    design : ndarray, shape (k, p)
        The mean of study i is its row times beta.
    beta : ndarray, shape (p,)
    tau2 : float
    eta : ndarray, shape (j,)

    Returns
    -------
    value : float
        Minus infinity where a study's chance of being seen is too small for a floating-point number.
    gradient : ndarray, shape (p + 1 + j,)
    """
    mean = design @ beta
    probability, by_mean, by_tau2 = weights.probabilities(mean, tau2, se)
    logs, slopes = weights.logarithms(weights.statistic, eta)
    found, found_slopes = weights.logarithms(weights.observed, eta)
    top = float(logs.max())
    weight = np.exp(logs - top)
    seen = probability @ weight
    if not (seen > 0.0).all():
        return -np.inf, np.zeros(beta.size + 1 + eta.size)
    spread = se * se + tau2
    residual = effect - mean
    value = (
        found.sum()
        - 0.5 * (effect.size * log(2.0 * pi) + (np.log(spread) + residual * residual / spread).sum())
        - (np.log(seen) + top).sum()
    )
    score_mean = residual / spread - (by_mean @ weight) / seen
    score_tau2 = (0.5 * (residual * residual / spread - 1.0) / spread - (by_tau2 @ weight) / seen).sum()
    score_eta = (found_slopes - (probability * weight) @ slopes / seen[:, None]).sum(axis=0)
    return float(value), np.concatenate([score_mean @ design, [score_tau2], score_eta])


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
    none, found = np.empty(0), np.eye(count)[interval_of(p, steps), 1:]
    return Weights(low, high, none, none, indicator, found, STEP_BOUNDS, (0.0, -1.5))


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
    return Weights(low, high, node, shares, atoms, statistic(p), BETA_BOUNDS, (0.0, -0.5))


def smooth_weights(p: Floats, kind: str, threshold: float, *, two_sided: bool) -> Weights:
    """Weight function that is 1 up to a P value and falls from there: w(p) / w(threshold).

    Parameters
    ----------
    p : ndarray, shape (k,)
        Observed P values.
    kind : str
        A key of `SMOOTH`: w is exp(-eta p^2), exp(-eta p), 2 / (1 + exp(eta p)) or (1 - p)^eta.
    threshold : float
        In [0, 1).
    two_sided : bool
        Whether the P values are two-sided.
    """
    clamp = CLAMP if kind == "power" else 0.0

    def statistic(values: Floats) -> Floats:
        values = np.clip(np.maximum(values, threshold), clamp, 1.0 - clamp)
        if kind == "logistic":
            return values[:, None]
        if kind == "power":
            return (np.log1p(-values) - log1p(-max(threshold, clamp)))[:, None]
        power = 2.0 if kind == "halfnorm" else 1.0
        return (threshold**power - values**power)[:, None]

    tail = 0.5 if two_sided else 1.0
    # The ends of the line, where the weight changes no more, and the places where it has a corner.
    outer = -float(ndtri(max(threshold, clamp) * tail)) if max(threshold, clamp) else FAR
    inner = -float(ndtri((1.0 - clamp) * tail)) if clamp else 0.0 if two_sided else -FAR
    if two_sided and clamp:
        # As for the beta function, smooth in log |z| near z = 0.
        middle = min(1.0, 0.5 * (inner + outer))
        small, share = _rule(log(inner), log(middle))
        large, rest = _rule(middle, outer)
        node, shares = np.append(np.exp(small), large), np.append(share * np.exp(small), rest)
    else:
        node, shares = _rule(inner, outer, panels=2 * PANELS)
    low, high, ends = [outer], [np.inf], [threshold]
    if two_sided:
        node, shares = np.append(-node, node), np.append(shares, shares)
        low, high, ends = [*low, -np.inf, -inner], [*high, -outer, inner], [*ends, threshold, 1.0]
    else:
        low, high, ends = [*low, -np.inf], [*high, inner], [*ends, 1.0]
    atoms = statistic(np.append(ends, p_values(node, two_sided=two_sided)))
    return Weights(
        np.array(low),
        np.array(high),
        node,
        shares,
        atoms,
        statistic(p),
        SMOOTH_BOUNDS,
        (0.2, 3.0),
        kind == "logistic",
        max(threshold, clamp),
    )


def _rule(low: float, high: float, panels: int = PANELS) -> tuple[Floats, Floats]:
    """Nodes and weights of a composite Gauss-Legendre rule."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    edges = np.linspace(low, high, panels + 1)
    half = 0.5 * np.diff(edges)[:, None]
    return (edges[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()


def _density(z: Floats) -> Floats:
    return np.exp(-0.5 * np.minimum(z * z, 1400.0)) / sqrt(2.0 * pi)
