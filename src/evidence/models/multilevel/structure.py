"""Between-study covariance of dependent effects: nested levels, and several outcomes of a study.

Each structure says which effects have something in common (its kernels), and how the parameters that are
estimated determine the coefficients of the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np

from evidence.models.core.weighted import Floats

__all__ = ["STRUCTURES", "Nested", "Outcomes", "Structure"]

STRUCTURES = {
    "CS": "compound symmetry: one variance, one correlation",
    "HCS": "heterogeneous compound symmetry: a variance for each outcome, one correlation",
    "UN": "unstructured: a variance for each outcome, a correlation for each pair",
}
FRACTIONS = (0.02, 0.3, 1.5)
"""Variances to start from, relative to the scatter of the effects."""


@dataclass(frozen=True)
class Nested:
    """One variance for each level.

    Attributes
    ----------
    names : tuple of str
    codes : list of ndarray of int, shape (k,)
        Group of each effect at each level, groups within groups.
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
    """Effects of several outcomes that correlate within studies.

    CS is parametrised by the two eigenvalues of its matrix, HCS by standard deviations and the correlation,
    UN by its Cholesky factor; so that all matrices on the boundary can be reached.

    Attributes
    ----------
    kind : str
        A key of `STRUCTURES`.
    names : tuple of str
        The outcomes.
    outcome, group : ndarray of int, shape (k,)
    """

    kind: str
    names: tuple[str, ...]
    outcome: np.ndarray
    group: np.ndarray
    pairs: list[tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        m = len(self.names)
        object.__setattr__(self, "pairs", [(a, a) for a in range(m)] + list(combinations(range(m), 2)))

    @property
    def size(self) -> int:
        """Number of parameters."""
        m = len(self.names)
        return {"CS": 2, "HCS": m + 1, "UN": m * (m + 1) // 2}[self.kind]

    @property
    def kernels(self) -> list[np.ndarray]:
        """Which effects share group and outcome, or group but not outcome; shape (k, k) each."""
        together = self.group[:, None] == self.group
        if self.kind == "CS":
            same = self.outcome[:, None] == self.outcome
            return [together & same, together & ~same]
        out = []
        for a, b in self.pairs:
            crossed = (self.outcome[:, None] == a) & (self.outcome == b)
            out.append(together & (crossed | crossed.T))
        return out

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of the parameters."""
        m = len(self.names)
        if self.kind == "CS":
            return [(0.0, np.inf)] * 2
        if self.kind == "HCS":
            return [(0.0, np.inf)] * m + [(-1.0 / (m - 1), 1.0)]
        return [
            (0.0, np.inf) if i == j else (-np.inf, np.inf) for i, j in zip(*np.tril_indices(m), strict=True)
        ]

    def matrix(self, theta: Floats) -> Floats:
        """Covariance matrix of the outcomes, shape (m, m)."""
        m = len(self.names)
        if self.kind == "CS":
            return theta[0] * (np.eye(m) - 1.0 / m) + theta[1] / m
        if self.kind == "HCS":
            correlation = np.full((m, m), theta[m])
            np.fill_diagonal(correlation, 1.0)
            return correlation * theta[:m, None] * theta[:m]
        factor = self._factor(theta)
        return factor @ factor.T

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Coefficients of the kernels, shape (C,), and their derivatives by the parameters, shape (C, size)."""
        m = len(self.names)
        if self.kind == "CS":
            jacobian = np.array([[1.0 - 1.0 / m, 1.0 / m], [-1.0 / m, 1.0 / m]])
            return jacobian @ theta, jacobian
        first, second = (np.array(side) for side in zip(*self.pairs, strict=True))
        jacobian = np.empty((len(self.pairs), self.size))
        if self.kind == "HCS":
            sd, rho = theta[:m], theta[m]
            share = np.where(first == second, 1.0, rho)
            for j in range(m):
                jacobian[:, j] = share * ((first == j) * sd[second] + (second == j) * sd[first])
            jacobian[:, m] = np.where(first == second, 0.0, sd[first] * sd[second])
        else:
            factor = self._factor(theta)
            for j, (row, column) in enumerate(zip(*np.tril_indices(m), strict=True)):
                change = np.zeros((m, m))
                change[row] += factor[:, column]
                change[:, row] += factor[:, column]
                jacobian[:, j] = change[first, second]
        return self.matrix(theta)[first, second], jacobian

    def starts(self) -> list[Floats]:
        """Values to start from."""
        m = len(self.names)
        lowest = -0.6 / (m - 1)
        out = []
        for variance, rho in product(FRACTIONS, (lowest, 0.1, 0.8)):
            matrix = variance * (np.full((m, m), rho) + (1.0 - rho) * np.eye(m))
            if self.kind == "CS":
                theta = np.array([variance * (1.0 - rho), variance * (1.0 + (m - 1) * rho)])
            elif self.kind == "HCS":
                theta = np.append(np.full(m, np.sqrt(variance)), rho)
            else:
                theta = np.linalg.cholesky(matrix)[np.tril_indices(m)]
            out.append(theta)
        return out

    def describe(self) -> list[str]:
        """Names of the parameters, for messages."""
        if self.kind == "CS":
            return ["variance within outcomes", "variance between outcomes"]
        if self.kind == "HCS":
            return [f"variance of {name}" for name in self.names] + ["correlation of outcomes"]
        rows, columns = np.tril_indices(len(self.names))
        return [
            f"variance of {self.names[i]}" if i == j else f"covariance of {self.names[j]} and {self.names[i]}"
            for i, j in zip(rows, columns, strict=True)
        ]

    def _factor(self, theta: Floats) -> Floats:
        factor = np.zeros((len(self.names),) * 2)
        factor[np.tril_indices(len(self.names))] = theta
        return factor


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
