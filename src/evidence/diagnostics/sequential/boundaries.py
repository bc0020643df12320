"""Monitoring boundaries of a Z that is looked at again and again, by error spending.

With information fractions t the score B = Z sqrt(t) moves like a Brownian motion with drift: its increments are
independent and normal, with mean drift * dt and variance dt. The density of a path that no boundary has stopped is
carried from look to look by numerical integration, and each boundary is set where the probability to cross it for the
first time equals the error that may be spent at that look.

References
----------
Lan KKG, DeMets DL (1983). Biometrika 70(3), 659-663: error spending.
Armitage P, McPherson CK, Rowe BC (1969). J R Stat Soc A 132(2), 235-244: the recursion.
Reboussin DM, DeMets DL, Kim K, Lan KKG (2000). Control Clin Trials 21(3), 190-207: its numerical form.
Pampallona S, Tsiatis AA, Kim K (2001). Drug Inf J 35(4), 1113-1121: spending the type II error.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from evidence.errors import DataError
from evidence.models.core.studies import Floats

__all__ = [
    "CLOSEST",
    "drift",
    "efficacy_boundary",
    "futility_boundary",
    "obrien_fleming_spending",
    "planned_boundaries",
]

REACH = 9.0
"""Standard deviations beyond which a path is not followed; the probability out there is below 1e-18."""
LEAST = 1e-15
"""Smaller probabilities cannot be spent: their boundary is infinite."""
CLOSEST = 1e-5
"""Least distance of two looks, as a fraction of the information."""
NODES, ROOTS = np.polynomial.legendre.leggauss(12)


def obrien_fleming_spending(fraction: ArrayLike, total: float) -> Floats:
    """Error spent up to each information fraction, of the O'Brien-Fleming type.

    It is 2 - 2 Phi(z / sqrt(t)) with z the upper `total` / 2 quantile (Lan and DeMets 1983): hardly anything
    early, nearly all at the end.

    Parameters
    ----------
    fraction : array-like, shape (m,)
        Information fractions, above 0; from 1 on all is spent.
    total : float
        Error to spend, 0 to 1: of one tail.

    Returns
    -------
    ndarray, shape (m,)
    """
    t = np.minimum(np.asarray(fraction, dtype=np.float64), 1.0)
    return np.asarray(2.0 * ndtr(ndtri(total / 2.0) / np.sqrt(t)))


def efficacy_boundary(fraction: ArrayLike, alpha: float) -> Floats:
    """Boundary for |Z| that keeps a two-sided type I error, half of it on each side.

    Parameters
    ----------
    fraction : array-like, shape (m,)
        Information fractions of the looks, rising, above 0; only the last may reach or pass 1.
    alpha : float
        Two-sided error, 0 to 1.

    Returns
    -------
    ndarray, shape (m,)
        Boundaries, infinite at looks so early that there is nothing to spend.

    Raises
    ------
    DataError
        If the fractions do not rise from above 0 by at least 1e-5, or a look follows one at which all information was
        there.
    """
    t = _checked(fraction)
    spend = np.diff(obrien_fleming_spending(t, alpha / 2.0), prepend=0.0)
    boundary = np.full(t.size, np.inf)
    path = Path()
    for i, at in enumerate(t):
        path.advance(at)
        if spend[i] > LEAST:
            boundary[i] = _solve(lambda z: path.above(z) - spend[i], 0.0, REACH)  # noqa: B023 - used at once
        path.stop(-boundary[i], boundary[i], t[i + 1] - at if i + 1 < t.size else at)
    return boundary


def futility_boundary(fraction: ArrayLike, efficacy: ArrayLike, drift: float, beta: float) -> Floats:
    """Boundary below which Z shows that an effect of the planned size is unlikely.

    Parameters
    ----------
    fraction : array-like, shape (m,)
        As for `efficacy_boundary`.
    efficacy : array-like, shape (m,)
        The efficacy boundary at the same looks.
    drift : float
        Mean of Z at full information if the effect is of the planned size, positive.
    beta : float
        Type II error to spend, 0 to 1.

    Returns
    -------
    ndarray, shape (m,)
        Boundaries for Z in the direction of the effect; below zero at early looks, never above the efficacy boundary,
        and equal to it at full information, where only two answers are left. They are not binding: going on after one
        does not raise the type I error, because the efficacy boundary does not count on stopping.
    """
    t, upper = _checked(fraction), np.asarray(efficacy, dtype=np.float64)
    spend = np.diff(obrien_fleming_spending(t, beta), prepend=0.0)
    boundary = np.full(t.size, -np.inf)
    path = Path(drift)
    for i, at in enumerate(t):
        path.advance(at)
        if at >= 1.0:
            boundary[i] = upper[i]
        elif spend[i] > LEAST:
            highest = min(upper[i], REACH + drift)
            boundary[i] = highest  # as far as it can go, if less than the error to spend lies below
            if path.below(highest) > spend[i]:
                boundary[i] = _solve(lambda z: path.below(z) - spend[i], -REACH, highest)  # noqa: B023 - used at once
        path.stop(boundary[i], upper[i], t[i + 1] - at if i + 1 < t.size else at)
    return boundary


def drift(alpha: float, power: float) -> float:
    """Mean of Z at full information if the effect is of the planned size: z of 1 - alpha / 2 plus z of the power."""
    return float(ndtri(power) - ndtri(alpha / 2.0))


def planned_boundaries(fraction: Floats, alpha: float, power: float) -> tuple[Floats, Floats]:
    """Efficacy and futility boundary at each look, also at looks after full information.

    Parameters
    ----------
    fraction : ndarray, shape (m,)
        Information fractions, rising.
    alpha, power : float
        Two-sided type I error, and power.

    Returns
    -------
    (efficacy, futility) : ndarrays, shape (m,)
        After full information, where all error is spent, both are what a single look would need.
    """
    within = fraction[: int(np.searchsorted(fraction, 1.0)) + 1]
    efficacy = efficacy_boundary(within, alpha)
    futility = futility_boundary(within, efficacy, drift(alpha, power), 1.0 - power)
    rest = np.full(fraction.size - within.size, -float(ndtri(alpha / 2.0)))
    return np.concatenate([efficacy, rest]), np.concatenate([futility, rest])


class Path:
    """Density of the score of paths that were not stopped, on nodes of Gauss-Legendre quadrature."""

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift
        self.time = self.since = self.known = 0.0
        self.nodes, self.mass = (
            np.zeros(1),
            np.ones(1),
        )  # the density at `known`; at the start all paths are at zero

    def advance(self, time: float) -> None:
        """Move on to the next look."""
        self.since, self.time = time - self.known, time

    def above(self, z: float) -> float:
        """Probability to be above a value of Z now, and not to have been stopped before."""
        return float(self.mass @ ndtr(-self._standard(z)))

    def below(self, z: float) -> float:
        """Probability to be below a value of Z now, and not to have been stopped before."""
        return float(self.mass @ ndtr(self._standard(z)))

    def stop(self, low: float, high: float, following: float) -> None:
        """Keep the paths between two values of Z; `following` is the information until the next look."""
        if np.isinf(low) and np.isinf(high):
            return
        self.known = self.time
        root = np.sqrt(self.time)
        centre = self.drift * self.time
        left = max(low * root, centre - REACH * root)
        right = min(high * root, centre + REACH * root)
        if right <= left:
            self.nodes, self.mass = np.zeros(1), np.zeros(1)
            return
        # Panels as wide as two standard deviations of the narrower of the normal densities that meet on them.
        panels = int(np.ceil((right - left) / (2.0 * np.sqrt(min(self.since, following)))))
        edges = np.linspace(left, right, panels + 1)
        half = np.diff(edges) / 2.0
        points = ((edges[:-1] + edges[1:]) / 2.0 + np.outer(NODES, half)).T.ravel()
        apart = (points[:, None] - self.nodes - self.drift * self.since) / np.sqrt(self.since)
        density = np.exp(-0.5 * np.square(apart)) @ self.mass / np.sqrt(2.0 * np.pi * self.since)
        self.nodes, self.mass = points, density * np.outer(half, ROOTS).ravel()

    def _standard(self, z: float) -> Floats:
        return np.asarray(
            (z * np.sqrt(self.time) - self.nodes - self.drift * self.since) / np.sqrt(self.since)
        )


def _solve(excess: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(excess, low, high, xtol=1e-13, rtol=1e-14))


def _checked(fraction: ArrayLike) -> Floats:
    t = np.asarray(fraction, dtype=np.float64)
    if t.ndim != 1 or not t.size or not np.isfinite(t).all() or t[0] <= 0.0 or (np.diff(t) < CLOSEST).any():
        raise DataError(
            f"information fractions must rise from above 0, by {CLOSEST:g} or more a look; they are {t.tolist()}."
        )
    if (t[:-1] >= 1.0).any():
        raise DataError("the information is complete before the last look; leave out the looks after it.")
    return t
