"""Between-study covariance of dependent effects: nested and crossed levels, and several outcomes of a study.

Each structure says which effects have something in common (its kernels), and how the parameters that are
estimated determine the coefficients of the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import nan

import numpy as np

from evidence.models.core.weighted import Floats

__all__ = ["ONE_VARIANCE", "SERIAL", "STRUCTURES", "Nested", "Outcomes", "Structure"]

STRUCTURES = {
    "ID": "identity: one variance, no correlation",
    "DIAG": "diagonal: a variance for each outcome, no correlation",
    "CS": "compound symmetry: one variance, one correlation",
    "HCS": "heterogeneous compound symmetry: a variance for each outcome, one correlation",
    "AR": "autoregressive: one variance, a correlation that is multiplied from each time to the next",
    "HAR": "heterogeneous autoregressive: a variance for each time, correlated as AR",
    "CAR": "continuous-time autoregressive: one variance, a correlation to the power of the time between",
    "UN": "unstructured: a variance for each outcome, a correlation for each pair",
}
SERIAL = ("AR", "HAR", "CAR")
"""Structures whose outcomes are times."""
ONE_VARIANCE = ("ID", "CS", "AR", "CAR")
FRACTIONS = (0.02, 0.3, 1.5)
"""Variances to start from, relative to the scatter of the effects."""


@dataclass(frozen=True)
class Nested:
    """One variance for each level; levels are nested in those before, or cross them.

    Attributes
    ----------
    names : tuple of str
    codes : list of ndarray of int, shape (k,)
        Group of each effect at each level.
    """

    names: tuple[str, ...]
    codes: list[np.ndarray]

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def kernels(self) -> list[np.ndarray]:
        """Which effects share a group, shape (k, k) for each level."""
        return [code[:, None] == code for code in self.codes]

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of the parameters, the variances."""
        return [(0.0, np.inf)] * self.size

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coefficients of the kernels and their derivatives: the parameters themselves."""
        return theta, np.eye(self.size)

    def starts(self) -> list[Floats]:
        """Values to start from."""
        if self.size <= 3:
            return [np.array(values) for values in product(FRACTIONS, repeat=self.size)]
        return [np.full(self.size, value) for value in FRACTIONS]

    def describe(self) -> list[str]:
        """Names of the parameters."""
        return [f"variance of {name}" for name in self.names]


@dataclass(frozen=True)
class Outcomes:
    """Effects of several outcomes, or at several times, that correlate within studies.

    ID and DIAG are parametrised by variances, CS by the two eigenvalues of its matrix, HCS and HAR by standard
    deviations and the correlation, AR and CAR by the variance and the correlation, UN by its Cholesky factor; so that
    all matrices on the boundary can be reached.

    Attributes
    ----------
    kind : str
        A key of `STRUCTURES`.
    names : tuple of str
        The outcomes.
    outcome, group : ndarray of int, shape (k,)
    times : ndarray, shape (m,), optional
        Values of the outcomes of `SERIAL` structures, ascending. AR and HAR count the steps between them.
    """

    kind: str
    names: tuple[str, ...]
    outcome: np.ndarray
    group: np.ndarray
    times: np.ndarray | None = None
    pairs: list[tuple[int, int]] = field(init=False)
    unit: float = field(init=False)
    """The shortest time between effects of a group: one step of the correlation as CAR is parametrised."""

    def __post_init__(self) -> None:
        m, unit = len(self.names), 1.0
        if self.kind == "CAR" and self.times is not None:
            apart = np.abs(self.times[self.outcome][:, None] - self.times[self.outcome])[self._together]
            unit = float(apart[apart > 0.0].min(initial=np.inf))
        object.__setattr__(self, "unit", unit if np.isfinite(unit) else 1.0)
        pairs = [(a, a) for a in range(m)]
        pairs += [] if self.kind == "DIAG" else list(combinations(range(m), 2))
        object.__setattr__(self, "pairs", pairs)

    @property
    def size(self) -> int:
        """Number of parameters."""
        m = len(self.names)
        sizes = {"ID": 1, "CS": 2, "AR": 2, "CAR": 2, "DIAG": m, "HCS": m + 1, "HAR": m + 1}
        return sizes.get(self.kind, m * (m + 1) // 2)

    @property
    def exponents(self) -> Floats:
        """Power of the correlation for each pair of outcomes, shape (m, m)."""
        m = len(self.names)
        if self.kind == "CAR" and self.times is not None:
            return np.abs(self.times[:, None] - self.times) / self.unit
        if self.kind in SERIAL:
            return np.abs(np.arange(m)[:, None] - np.arange(m)).astype(float)
        return 1.0 - np.eye(m)

    @property
    def kernels(self) -> list[np.ndarray]:
        """Effects of a group that share a coefficient: the power of the correlation, or the pair of outcomes."""
        if self.kind in ONE_VARIANCE:
            apart = self._apart
            return [self._together & (apart == power) for power in self._powers]
        out = []
        for a, b in self.pairs:
            crossed = (self.outcome[:, None] == a) & (self.outcome == b)
            out.append(self._together & (crossed | crossed.T))
        return out

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of the parameters."""
        m = len(self.names)
        if self.kind == "UN":
            rows, columns = np.tril_indices(m)
            return [
                (0.0, np.inf) if i == j else (-np.inf, np.inf) for i, j in zip(rows, columns, strict=True)
            ]
        limits = {"HCS": (-1.0 / (m - 1), 1.0), "AR": (-1.0, 1.0), "HAR": (-1.0, 1.0), "CAR": (0.0, 1.0)}
        if self.kind in limits:
            return [(0.0, np.inf)] * (self.size - 1) + [limits[self.kind]]
        return [(0.0, np.inf)] * self.size

    def matrix(self, theta: Floats) -> Floats:
        """Covariance matrix of the outcomes, shape (m, m)."""
        m = len(self.names)
        if self.kind in ("ID", "DIAG"):
            return np.eye(m) * theta
        if self.kind == "CS":
            return theta[0] * (np.eye(m) - 1.0 / m) + theta[1] / m
        if self.kind == "UN":
            factor = self._factor(theta)
            return factor @ factor.T
        correlation = theta[-1] ** self.exponents
        if self.kind in ONE_VARIANCE:
            return theta[0] * correlation
        return correlation * theta[:m, None] * theta[:m]

    def autocorrelation(self, theta: Floats) -> float:
        """Correlation of one time and the next, or with CAR over one unit of time; NaN where there is none."""
        return float(theta[-1] ** (1.0 / self.unit)) if self.kind in SERIAL else nan

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coefficients of the kernels, shape (C,), and their derivatives by the parameters, shape (C, size)."""
        m = len(self.names)
        if self.kind in ("ID", "DIAG"):
            return theta, np.eye(self.size)
        if self.kind == "CS":
            jacobian = np.array([[1.0 - 1.0 / m, 1.0 / m], [-1.0 / m, 1.0 / m]])
            return jacobian @ theta, jacobian
        if self.kind in ONE_VARIANCE:
            share, slope = _power(theta[1], self._powers)
            return theta[0] * share, np.column_stack([share, theta[0] * slope])
        first, second = (np.array(side) for side in zip(*self.pairs, strict=True))
        jacobian = np.empty((len(self.pairs), self.size))
        if self.kind == "UN":
            factor = self._factor(theta)
            for j, (row, column) in enumerate(zip(*np.tril_indices(m), strict=True)):
                change = np.zeros((m, m))
                change[row] += factor[:, column]
                change[:, row] += factor[:, column]
                jacobian[:, j] = change[first, second]
        else:
            sd = theta[:m]
            share, slope = _power(theta[m], self.exponents[first, second])
            for j in range(m):
                jacobian[:, j] = share * ((first == j) * sd[second] + (second == j) * sd[first])
            jacobian[:, m] = slope * sd[first] * sd[second]
        return self.matrix(theta)[first, second], jacobian

    def starts(self) -> list[Floats]:
        """Values to start from."""
        m = len(self.names)
        correlations: tuple[float, ...] = (-0.6 / (m - 1), 0.1, 0.8)
        if self.kind == "CAR":  # correlations over half of the times between effects
            powers = self._powers[self._powers > 0.0]
            usual = float(np.median(powers)) if powers.size else 1.0
            correlations = tuple(value ** (1.0 / usual) for value in (0.1, 0.5, 0.9))
        if self.kind in ("ID", "DIAG"):
            return [np.full(self.size, variance) for variance in FRACTIONS]
        out = []
        for variance, rho in product(FRACTIONS, correlations):
            if self.kind == "CS":
                theta = np.array([variance * (1.0 - rho), variance * (1.0 + (m - 1) * rho)])
            elif self.kind == "UN":
                matrix = variance * (np.full((m, m), rho) + (1.0 - rho) * np.eye(m))
                theta = np.linalg.cholesky(matrix)[np.tril_indices(m)]
            elif self.kind in ONE_VARIANCE:
                theta = np.array([variance, rho])
            else:
                theta = np.append(np.full(m, np.sqrt(variance)), rho)
            out.append(theta)
        return out

    def describe(self) -> list[str]:
        """Names of the parameters, for messages."""
        if self.kind == "CS":
            return ["variance within outcomes", "variance between outcomes"]
        if self.kind == "UN":
            rows, columns = np.tril_indices(len(self.names))
            return [
                f"variance of {self.names[i]}"
                if i == j
                else f"covariance of {self.names[j]} and {self.names[i]}"
                for i, j in zip(rows, columns, strict=True)
            ]
        names = [f"variance of {name}" for name in self.names]
        if self.kind in ONE_VARIANCE:
            names = ["variance of the outcomes"]
        return names + [f"{'auto' * (self.kind in SERIAL)}correlation of outcomes"] * (self.size - len(names))

    @property
    def _together(self) -> np.ndarray:
        return np.asarray(self.group[:, None] == self.group)

    @property
    def _apart(self) -> Floats:
        """Power of the correlation for each pair of effects."""
        return self.exponents[self.outcome[:, None], self.outcome]

    @property
    def _powers(self) -> Floats:
        """Powers of the correlation that occur within groups, or can."""
        known = {"ID": np.zeros(1), "CS": np.arange(2.0)}
        return known[self.kind] if self.kind in known else np.unique(self._apart[self._together])

    def _factor(self, theta: Floats) -> Floats:
        factor = np.zeros((len(self.names),) * 2)
        factor[np.tril_indices(len(self.names))] = theta
        return factor


def _power(rho: float, exponent: Floats) -> tuple[Floats, Floats]:
    """Powers of a correlation, and their derivatives; powers are zero, or one and more."""
    return rho**exponent, exponent * rho ** np.maximum(exponent - 1.0, 0.0)


@dataclass(frozen=True)
class Structure:
    """Nested levels, several outcomes, or both."""

    parts: Sequence[Nested | Outcomes]

    @property
    def kernels(self) -> list[np.ndarray]:
        """Kernels of all parts."""
        return [kernel for part in self.parts for kernel in part.kernels]

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of all parameters."""
        return [bound for part in self.parts for bound in part.bounds]

    @property
    def names(self) -> list[str]:
        """Names of all parameters, for messages."""
        return [name for part in self.parts for name in part.describe()]

    def split(self, theta: Floats) -> list[Floats]:
        """Parameters of each part."""
        return np.split(theta, np.cumsum([part.size for part in self.parts])[:-1])

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coefficients of all kernels and their derivatives."""
        pairs = zip(self.parts, self.split(theta), strict=True)
        found = [part.coefficients(values) for part, values in pairs]
        value = np.concatenate([coefficient for coefficient, _ in found])
        jacobian = np.zeros((value.size, theta.size))
        row = column = 0
        for _, part in found:
            jacobian[row : row + part.shape[0], column : column + part.shape[1]] = part
            row, column = row + part.shape[0], column + part.shape[1]
        return value, jacobian

    def starts(self) -> list[Floats]:
        """Values to start from: all combinations of those of the parts."""
        return [np.concatenate(values) for values in product(*(part.starts() for part in self.parts))]
