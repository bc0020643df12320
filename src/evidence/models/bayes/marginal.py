"""Marginal posterior distributions: mixtures of normals for effects, and the distribution of tau."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from math import exp, inf, log, nan, sqrt
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr

from evidence.errors import DataError
from evidence.measures import check_level
from evidence.models.bayes.grid import NODES, WEIGHTS, TauGrid
from evidence.models.core.studies import Floats

__all__ = ["Marginal", "NormalMixture", "TauPosterior"]


class Marginal(ABC):
    """A continuous distribution with density, distribution function and quantiles."""

    @abstractmethod
    def density(self, x: Any) -> Floats:
        """Density at each x, same shape as x."""

    @abstractmethod
    def cdf(self, x: Any) -> Floats:
        """Probability of a value up to x, same shape as x."""

    @abstractmethod
    def _quantile(self, p: float) -> float: ...

    @abstractmethod
    def _log_density(self, x: float) -> float: ...

    def quantile(self, p: Any) -> Any:
        """Quantile of each p between 0 and 1, exclusive; a float for a single p.

        Raises
        ------
        DataError
            If a p does not lie between 0 and 1.
        """
        chances = np.asarray(p, dtype=float)
        if not ((chances > 0.0) & (chances < 1.0)).all():
            raise DataError(f"a quantile needs probabilities between 0 and 1, not {p!r}.")
        values = np.array([self._quantile(float(chance)) for chance in chances.ravel()])
        return float(values[0]) if chances.ndim == 0 else values.reshape(chances.shape)

    @cached_property
    def median(self) -> float:
        """Median."""
        return self._quantile(0.5)

    def interval(self, level: float = 0.95, kind: str = "shortest") -> tuple[float, float]:
        """Credible interval: the "shortest", or the "central" one with equal tails.

        Raises
        ------
        DataError
            If the level or the kind is wrong.
        """
        check_level(level)
        tail = 1.0 - level
        if kind == "central":
            return self._quantile(0.5 * tail), self._quantile(1.0 - 0.5 * tail)
        if kind != "shortest":
            raise DataError(f"unknown interval {kind!r}; choose 'shortest' or 'central'.")
        return self._shortest(level)

    def _shortest(self, level: float) -> tuple[float, float]:
        """Shortest interval: its ends have equal density, or the lower end is the least possible value."""

        def ends(p: float) -> tuple[float, float]:
            return self._quantile(p), self._quantile(p + level)

        def difference(p: float) -> float:
            low, high = ends(p)
            return self._log_density(high) - self._log_density(low)

        tail = 1.0 - level
        grid = tail * np.concatenate([[1e-6], (np.arange(15) + 1.0) / 16.0, [1.0 - 1e-6]])
        widths = [high - low for low, high in map(ends, grid.tolist())]
        best = int(np.argmin(widths))
        left, right = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)])
        if difference(left) > 0.0 > difference(right):
            return ends(float(brentq(difference, left, right, xtol=1e-15 + 1e-13 * tail)))
        return ends(float(grid[best]))


@dataclass(frozen=True, eq=False)
class NormalMixture(Marginal):
    """A mixture of normal distributions, one for each value of tau."""

    origin: float
    means: Floats
    """Means of the components relative to `origin`, shape (g,)."""
    sds: Floats
    weights: Floats
    has_mean: bool = True
    """Whether the mean exists; with few studies a flat or heavy-tailed prior may leave none."""
    has_sd: bool = True

    def density(self, x: Any) -> Floats:
        """Density at each x, same shape as x."""
        z = self._z(x)
        with np.errstate(under="ignore"):
            return np.exp(-0.5 * z * z) @ (self.weights / self.sds) / sqrt(2.0 * np.pi)

    def cdf(self, x: Any) -> Floats:
        """Probability of a value up to x, same shape as x."""
        return ndtr(self._z(x)) @ self.weights

    @cached_property
    def mean(self) -> float:
        """Mean; NaN if it does not exist."""
        return self.origin + float(self.weights @ self.means) if self.has_mean else nan

    @cached_property
    def sd(self) -> float:
        """Standard deviation; NaN if it does not exist."""
        if not self.has_sd:
            return nan
        centre = float(self.weights @ self.means)
        return sqrt(float(self.weights @ (np.square(self.sds) + np.square(self.means - centre))))

    @cached_property
    def mode(self) -> float:
        """Value of highest density."""
        low, high = self._quantile(0.001), self._quantile(0.999)
        grid = np.unique([self._quantile(p) for p in np.linspace(0.02, 0.98, 49)])
        grid = np.concatenate([[low], grid, [high]])
        best = int(np.argmax(self.density(grid)))
        left, right = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]

        def slope(x: float) -> float:
            z = self._z(x)
            return float(-(z * np.exp(-0.5 * z * z)) @ (self.weights / np.square(self.sds)))

        if slope(left) > 0.0 > slope(right):
            return float(brentq(slope, left, right, xtol=1e-14 * (right - left) + 1e-300))
        return float(grid[best])

    def _z(self, x: Any) -> Floats:
        return ((np.asarray(x, dtype=float) - self.origin)[..., None] - self.means) / self.sds

    def _log_density(self, x: float) -> float:
        return log(max(float(self.density(x)), 1e-300))

    def _quantile(self, p: float) -> float:
        """Solve for the quantile relative to `origin`, on the side of the smaller tail."""
        sign, chance = (1.0, p) if p <= 0.5 else (-1.0, 1.0 - p)

        def excess(x: float) -> float:
            return float(ndtr(sign * (x - self.means) / self.sds) @ self.weights) / chance - 1.0

        order = np.argsort(self.sds)
        middle = order[np.searchsorted(np.cumsum(self.weights[order]), 0.5 * self.weights.sum())]
        start, step = float(self.means[middle]), float(self.sds[middle])
        low = high = start
        while excess(low) * sign > 0.0:
            low, step = low - step, 2.0 * step
        step = float(self.sds[middle])
        while excess(high) * sign < 0.0:
            high, step = high + step, 2.0 * step
        if low == high:
            return self.origin + start
        return self.origin + float(
            brentq(excess, low, high, xtol=1e-14 * float(self.sds[middle]), rtol=1e-14)
        )


@dataclass(frozen=True, eq=False)
class TauPosterior(Marginal):
    """The posterior distribution of tau."""

    grid: TauGrid
    has_mean: bool = True
    has_sd: bool = True

    def density(self, x: Any) -> Floats:
        """Density at each tau > 0, same shape as x; zero below and, by convention, at 0 its limit is not taken."""
        tau = np.asarray(x, dtype=float)
        inside = (tau > 0.0) & (tau <= self.grid.prior.upper)
        u = np.log(np.where(inside, tau, 1.0))
        return np.where(inside, self.grid.density_u(u) / np.exp(u), 0.0)

    def cdf(self, x: Any) -> Floats:
        """Probability of a tau up to x, same shape as x."""
        tau = np.asarray(x, dtype=float)
        return np.array([self._cdf(float(value)) for value in tau.ravel()]).reshape(tau.shape)

    @cached_property
    def mean(self) -> float:
        """Mean; NaN if it does not exist."""
        tau, weight = self.grid.nodes()
        return float(tau @ weight) if self.has_mean else nan

    @cached_property
    def sd(self) -> float:
        """Standard deviation; NaN if it does not exist."""
        if not self.has_sd:
            return nan
        tau, weight = self.grid.nodes()
        return sqrt(float(np.square(tau - self.mean) @ weight))

    @cached_property
    def mode(self) -> float:
        """Value of highest density; zero if the density falls from there."""
        grid = np.array([self._quantile(p) for p in np.linspace(0.002, 0.99, 80)])
        heights = [self._log_density(value) for value in grid.tolist()]
        best = int(np.argmax(heights))
        left, right = (0.0 if best == 0 else float(grid[best - 1])), float(grid[min(best + 1, grid.size - 1)])
        found = minimize_scalar(
            lambda tau: -self._log_density(tau),
            bounds=(left, right),
            method="bounded",
            options={"xatol": 1e-10 * right},
        )
        at_zero = self._log_density(max(1e-6 * right, 1e-300))
        return 0.0 if best == 0 and at_zero >= -found.fun else float(found.x)

    @cached_property
    def _cumulative(self) -> Floats:
        return self.grid.atom + np.concatenate([[0.0], np.cumsum(self.grid.weight.sum(axis=1))])

    def _part(self, panel: int, u: float) -> float:
        """Probability from the left edge of a panel up to u."""
        left = float(self.grid.edges[panel, 0])
        half = 0.5 * (u - left)
        return float(self.grid.density_u(left + half * (1.0 + NODES)) @ WEIGHTS) * half

    def _cdf(self, tau: float) -> float:
        grid = self.grid
        if tau <= 0.0:
            return 0.0
        edges = grid.edges
        u = log(tau)
        if edges.size == 0 or u <= edges[0, 0]:
            below = float(grid.prior.cdf(np.array([tau]))[0])
            return min(below * exp(grid.log_zero - grid.log_evidence), 1.0)
        if u >= edges[-1, 1]:
            return 1.0
        panel = int(np.searchsorted(edges[:, 0], u, side="right")) - 1
        return min(float(self._cumulative[panel]) + self._part(panel, min(u, float(edges[panel, 1]))), 1.0)

    def _log_density(self, x: float) -> float:
        if x <= 0.0:
            return inf
        log_likelihood = float(self.grid.log_likelihood(np.array([x]))[0][0])
        return float(self.grid.prior.log_density(np.array([x]))[0]) + log_likelihood - self.grid.log_evidence

    def _quantile(self, p: float) -> float:
        grid, cumulative = self.grid, self._cumulative
        if grid.edges.size == 0 or p <= grid.atom:
            below = p * exp(grid.log_evidence - grid.log_zero)
            return float(grid.prior.quantile(np.array([min(below, 1.0 - 1e-16)]))[0])
        panel = int(np.clip(np.searchsorted(cumulative, p, side="left") - 1, 0, grid.edges.shape[0] - 1))
        left, right = grid.edges[panel].tolist()
        rest = p - float(cumulative[panel])
        if rest <= 0.0:
            return exp(left)
        if self._part(panel, right) <= rest:
            return exp(right)
        return exp(brentq(lambda u: self._part(panel, u) - rest, left, right, xtol=1e-14, rtol=1e-14))
