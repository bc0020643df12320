"""The linear algebra of meta-regression: contrasts from the studies that determine the coefficients best.

With p coefficients, p studies can be reproduced exactly. Column operations turn the design into one in which
p rows, the basis, are unit vectors, and every other study is compared with what the basis predicts for it.
The basis is chosen by complete pivoting on the weighted design: the most precise studies that differ enough
in their moderators. The weighted normal equations are then well conditioned whatever the spread of the
variances and the scale of the moderators, and residuals of very precise studies come from the equations
directly, not as a difference of nearly equal numbers. For a common mean the basis is the most precise study,
as in `evidence.models.core.studies`.

All arrays may have leading batch dimensions, which broadcast against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evidence.errors import ModelError

__all__ = ["Floats", "Model", "Weighted", "weigh"]

Floats = NDArray[np.float64]

NOISE = 1e-13
"""A difference this small relative to its terms is rounding error, and counts as zero in the design."""


class Model(NamedTuple):
    """Design, effects and variances of one fit, or of a batch of fits.

    The columns of the design have full rank; effects and variances are checked.
    """

    matrix: Floats
    """Shape (..., k, p)."""
    effect: Floats
    """Shape (..., k)."""
    variance: Floats
    """Shape (..., k)."""

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.matrix.shape[-2]

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return self.matrix.shape[-1]

    def at(self, tau2: Floats | float) -> Weighted:
        """Weigh by 1 / (variance + tau2); `tau2` has the batch shape."""
        return weigh(self.matrix, self.effect, 1.0 / (self.variance + np.asarray(tau2)[..., None]))

    def on_grid(self) -> Model:
        """Add a batch axis, along which values of tau2 may vary."""
        return Model(self.matrix[..., None, :, :], self.effect[..., None, :], self.variance[..., None, :])

    def take(self, rows: NDArray[np.intp]) -> Model:
        """Return the fits of a batch, with one batch axis, that stand at the given rows."""
        matrix = self.matrix[rows] if self.matrix.ndim == 3 else self.matrix
        return Model(
            matrix,
            *(part[rows] if part.ndim == 2 else part for part in (self.effect, self.variance)),
        )


@dataclass(frozen=True, eq=False)
class Weighted:
    """A design weighted for given tau2, transformed so that p rows are unit vectors.

    P is the projection W - W X (X'WX)^-1 X'W, W the diagonal matrix of weights.
    """

    weight: Floats
    """Shape (..., k)."""
    matrix: Floats
    """Transformed design, shape (..., k, p)."""
    difference: Floats
    """Effects less what the basis predicts, zero in the basis; shape (..., k)."""
    basis: NDArray[np.intp]
    """Row of each transformed column's basis study, shape (..., p)."""
    transform: Floats
    """Matrix T with transformed design = design T, shape (..., p, p)."""
    interpolation: Floats
    """Coefficients, for the original design, that reproduce the basis exactly; shape (..., p)."""
    log_pivots: Floats
    """Minus the logarithm of the absolute determinant of T, shape (...)."""

    @cached_property
    def basis_weight(self) -> Floats:
        """Weights of the basis, shape (..., p)."""
        return np.take_along_axis(self.weight, self.basis, axis=-1)

    @cached_property
    def free_weight(self) -> Floats:
        """Weights with those of the basis set to zero, shape (..., k)."""
        out = self.weight.copy()
        np.put_along_axis(out, self.basis, 0.0, axis=-1)
        return out

    @cached_property
    def information(self) -> Floats:
        """Cross-products of the rows outside the basis, shape (..., p, p)."""
        return _transpose(self.matrix * self.free_weight[..., None]) @ self.matrix

    @cached_property
    def inverse(self) -> Floats:
        """Covariance matrix of the transformed coefficients, (X'WX)^-1; shape (..., p, p)."""
        scale, scaled = self._scaled
        return np.linalg.inv(scaled) * scale[..., :, None] * scale[..., None, :]

    @cached_property
    def log_determinant(self) -> Floats:
        """Logarithm of the determinant of X'WX for the original design, shape (...)."""
        scale, scaled = self._scaled
        return np.linalg.slogdet(scaled)[1] - 2.0 * np.log(scale).sum(axis=-1) + 2.0 * self.log_pivots

    @cached_property
    def shift(self) -> Floats:
        """Estimates of the transformed coefficients, relative to the interpolation; shape (..., p)."""
        return self._solve(self.difference)

    @cached_property
    def residual(self) -> Floats:
        """Effects less fitted values, shape (..., k)."""
        return self.difference - _apply(self.matrix, self.shift)

    @property
    def rss(self) -> Floats:
        """Weighted residual sum of squares y'Py, shape (...)."""
        return (self.weight * np.square(self.residual)).sum(axis=-1)

    @property
    def coefficients(self) -> Floats:
        """Estimates of the coefficients, shape (..., p)."""
        return self.interpolation + _apply(self.transform, self.shift)

    @property
    def covariance(self) -> Floats:
        """Covariance matrix of the coefficients, (X'WX)^-1 of the original design; shape (..., p, p)."""
        return self.transform @ self.inverse @ _transpose(self.transform)

    @cached_property
    def free(self) -> Floats:
        """One minus the hat values, shape (..., k)."""
        out = 1.0 - self.free_weight * self._quadratic(self.inverse)
        np.put_along_axis(out, self.basis, np.maximum(_diagonal(self._basis_share), 0.0), axis=-1)
        return out

    @property
    def trace_p(self) -> Floats:
        """Trace of P, shape (...)."""
        return (self.weight * self.free).sum(axis=-1)

    @property
    def trace_pp(self) -> Floats:
        """Trace of PP, shape (...)."""
        squared = np.square(self.free_weight)
        both = self.inverse @ (_transpose(self.matrix * squared[..., None]) @ self.matrix)
        hat = self.free_weight * self._quadratic(self.inverse)
        within = (squared * (1.0 - 2.0 * hat)).sum(axis=-1) + (both * _transpose(both)).sum(axis=(-2, -1))
        square = np.square(self.basis_weight)
        between = 2.0 * (square * _diagonal(both @ self.inverse)).sum(axis=-1)
        basis = self.basis_weight[..., :, None] * self._basis_share
        return within + between + np.square(basis).sum(axis=(-2, -1))

    @property
    def quadratics(self) -> tuple[Floats, Floats]:
        """The forms y'PPy and y'PPPy, each of shape (...)."""
        py = self.weight * self.residual
        contrast = py - _apply(self.matrix, np.take_along_axis(py, self.basis, axis=-1))
        again = contrast - _apply(self.matrix, self._solve(contrast))
        return np.square(py).sum(axis=-1), (self.weight * np.square(again)).sum(axis=-1)

    @property
    def projection(self) -> Floats:
        """The matrix P, shape (..., k, k)."""
        weighted = self.free_weight[..., None] * self.matrix
        np.put_along_axis(
            weighted,
            self.basis[..., None],
            np.eye(self.matrix.shape[-1]) * self.basis_weight[..., None],
            axis=-2,
        )
        out = -weighted @ self.inverse @ _transpose(weighted)
        np.einsum("...ii->...i", out)[...] = self.weight * self.free
        return out

    @cached_property
    def _scaled(self) -> tuple[Floats, Floats]:
        """Scale that gives X'WX a unit diagonal, and X'WX so scaled."""
        cross = self.information.copy()
        np.einsum("...ii->...i", cross)[...] += self.basis_weight
        scale = 1.0 / np.sqrt(_diagonal(cross))
        return scale, cross * scale[..., :, None] * scale[..., None, :]

    @cached_property
    def _basis_share(self) -> Floats:
        """Block of the basis in one minus the hat matrix, without subtraction."""
        return self.inverse @ self.information

    def _quadratic(self, middle: Floats) -> Floats:
        return ((self.matrix @ middle) * self.matrix).sum(axis=-1)

    def _solve(self, difference: Floats) -> Floats:
        return _apply(self.inverse, _apply(_transpose(self.matrix), self.free_weight * difference))


def weigh(matrix: Floats, effect: Floats, weight: Floats) -> Weighted:
    """Transform a design so that the rows that weigh most become unit vectors.

    Parameters
    ----------
    matrix : ndarray, shape (..., k, p)
    effect : ndarray, shape (..., k)
    weight : ndarray, shape (..., k)

    Raises
    ------
    ModelError
        If the columns are linearly dependent to working precision.
    """
    k, p = matrix.shape[-2:]
    batch = np.broadcast_shapes(matrix.shape[:-2], effect.shape[:-1], weight.shape[:-1])
    weight = np.broadcast_to(weight, (*batch, k))
    # identity rows below the design collect the column operations
    table = np.zeros((*batch, k + p, p + 1))
    scale = np.exp2(-np.frexp(np.abs(matrix).max(axis=-2, keepdims=True))[1].astype(float))
    table[..., :k, :p] = matrix * scale
    table[..., :k, p] = effect
    table[..., k:, :p] = np.eye(p) * scale
    root, unused = np.sqrt(weight)[..., None], np.ones((*batch, 1, p))
    basis = np.zeros((*batch, p), dtype=np.intp)
    log_pivots = np.zeros(batch) - np.log(scale[..., 0, :]).sum(axis=-1)
    for _ in range(p):
        size = np.abs(table[..., :k, :p]) * root * unused
        place = size.reshape(*batch, k * p).argmax(axis=-1)[..., None]
        row, column = place // p, place % p
        pivot_row = np.take_along_axis(table, row[..., None], axis=-2)
        pivot = np.take_along_axis(pivot_row, column[..., None], axis=-1)
        if not pivot.all():
            raise ModelError(
                "the moderators are linearly dependent to working precision; drop one of them or rescale it."
            )
        pivot_column = np.take_along_axis(table, column[..., None], axis=-1) / pivot
        change = pivot_column * pivot_row
        noise = NOISE * (np.abs(table) + np.abs(change))
        noise[..., p] = 0.0
        table = table - change
        table[np.abs(table) <= noise] = 0.0
        np.put_along_axis(table, column[..., None], pivot_column, axis=-1)
        np.put_along_axis(basis, column, row, axis=-1)
        np.put_along_axis(unused, column[..., None], 0.0, axis=-1)
        log_pivots += np.log(np.abs(pivot[..., 0, 0]))
    return Weighted(
        weight,
        table[..., :k, :p],
        table[..., :k, p],
        basis,
        table[..., k:, :p],
        -table[..., k:, p],
        log_pivots,
    )


def _transpose(matrix: Floats) -> Floats:
    return matrix.swapaxes(-1, -2)


def _apply(matrix: Floats, vector: Floats) -> Floats:
    return (matrix @ vector[..., None])[..., 0]


def _diagonal(matrix: Floats) -> Floats:
    return np.diagonal(matrix, axis1=-2, axis2=-1)
