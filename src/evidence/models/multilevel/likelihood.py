"""The likelihood of a model for dependent effects, with its gradient.

The marginal covariance of the effects is M = V + sum_c g_c K_c: the sampling covariance V, and between-study
(co)variances g_c times fixed matrices K_c of zeros and ones. M falls into blocks of effects that have
something in common. Blocks of similar size are padded to equal size and handled together.

References
----------
Harville DA (1977). J Am Stat Assoc 72(358), 320-338.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, pi
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats

__all__ = ["Blocks", "Evaluation", "arrange_blocks", "evaluate", "kernel_products"]


class Group(NamedTuple):
    """Blocks of one padded size: n blocks of b effects, C kernels, p coefficients."""

    effect: Floats
    """Shape (n, b)."""
    matrix: Floats
    """Shape (n, b, p)."""
    covariance: Floats
    """Shape (n, b, b), the identity where padded."""
    kernels: Floats
    """Shape (C, n, b, b)."""


@dataclass(frozen=True)
class Blocks:
    """A data set of dependent effects, arranged in blocks.

    Attributes
    ----------
    groups : list of Group
    k, p : int
        Numbers of effects and coefficients.
    triangle : ndarray, shape (p, p)
        The design is the matrix in the groups, which has orthonormal columns, times this.
    """

    groups: list[Group]
    k: int
    p: int
    triangle: Floats

    def scaled(self, scale: float) -> Blocks:
        """Express effects in units of sqrt(`scale`)."""
        groups = [
            group._replace(
                effect=group.effect / np.sqrt(scale),
                covariance=np.where(_padding(group), group.covariance, group.covariance / scale),
            )
            for group in self.groups
        ]
        return Blocks(groups, self.k, self.p, self.triangle)


@dataclass(frozen=True)
class Evaluation:
    """The model at given (co)variances.

    Attributes
    ----------
    deviance : float
        Minus twice the (restricted) log-likelihood.
    gradient : ndarray, shape (C,)
        Its derivatives by the coefficients of the kernels.
    estimate : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
        Of the estimates.
    rss : float
        Residual sum of squares weighted by the inverse of M.
    """

    deviance: float
    gradient: Floats
    estimate: Floats
    covariance: Floats
    rss: float


def arrange_blocks(
    effect: Floats, matrix: Floats, covariance: Floats, kernels: Sequence[np.ndarray]
) -> Blocks:
    """Find the blocks that M falls into, and pad them to a few sizes.

    Parameters
    ----------
    effect : ndarray, shape (k,)
    matrix : ndarray, shape (k, p)
        Of full rank.
    covariance : ndarray, shape (k, k)
    kernels : sequence of ndarray of bool, shape (k, k)
    """
    k, p = matrix.shape
    linked = covariance != 0.0
    for kernel in kernels:
        linked = linked | kernel
    _, member = connected_components(csr_array(linked), directed=False)
    rows = [np.flatnonzero(member == i) for i in range(int(member.max()) + 1)]
    largest = np.abs(matrix).max(axis=0)
    orthonormal, triangle = np.linalg.qr(matrix / largest)
    y, x = np.append(effect, 0.0), np.vstack([orthonormal, np.zeros((1, p))])
    padded = [np.pad(part, (0, 1)) for part in (covariance, *(kernel.astype(float) for kernel in kernels))]
    by_size: dict[int, list[np.ndarray]] = {}
    for block in rows:
        size = 1 << (block.size - 1).bit_length()
        by_size.setdefault(size, []).append(np.append(block, np.full(size - block.size, k)))
    groups = []
    for size, members in sorted(by_size.items()):
        place = np.array(members)
        across = place[:, :, None], place[:, None, :]
        fill = np.eye(size) * (place == k)[:, :, None]
        groups.append(
            Group(
                y[place],
                x[place],
                padded[0][across] + fill,
                np.array([kernel[across] for kernel in padded[1:]]).reshape(
                    len(kernels), *across[0].shape[:1], size, size
                ),
            )
        )
    return Blocks(groups, k, p, triangle * largest)


def evaluate(blocks: Blocks, coefficients: Floats, *, restricted: bool) -> Evaluation:
    """Evaluate likelihood, gradient and estimates at the coefficients of the kernels.

    Raises
    ------
    ModelError
        If M is not positive definite to working precision.
    """
    p = blocks.p
    log_determinant, cross, moment = 0.0, np.zeros((p, p)), np.zeros(p)
    inverses, solved = [], []
    for group in blocks.groups:
        marginal = group.covariance + np.tensordot(coefficients, group.kernels, axes=1)
        try:
            root = np.linalg.cholesky(marginal)
        except np.linalg.LinAlgError as error:
            raise ModelError(
                "the covariance of the effects is not positive definite to working precision; sampling variances "
                "may span too many decades within a group, or correlations be too near 1."
            ) from error
        log_determinant += 2.0 * float(np.log(np.diagonal(root, axis1=1, axis2=2)).sum())
        root_inverse = np.linalg.inv(root)
        inverse = root_inverse.swapaxes(1, 2) @ root_inverse
        inverses.append(inverse)
        solved.append(inverse @ group.matrix)
        cross += np.einsum("nbp,nbq->pq", group.matrix, solved[-1])
        moment += np.einsum("nbp,nb->p", solved[-1], group.effect)
    scale = 1.0 / np.sqrt(np.diagonal(cross))
    try:
        covariance = np.linalg.inv(cross * scale[:, None] * scale) * scale[:, None] * scale
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "the coefficients cannot be told apart to working precision, since the sampling variances span too many "
            "decades; use fewer moderators."
        ) from error
    estimate = covariance @ moment
    rss, gradient = 0.0, np.zeros(len(coefficients))
    for group, inverse, zed in zip(blocks.groups, inverses, solved, strict=True):
        residual = group.effect - group.matrix @ estimate
        q = (inverse @ residual[..., None])[..., 0]
        rss += float((residual * q).sum())
        middle = inverse - q[:, :, None] * q[:, None, :]
        if restricted:
            middle = middle - zed @ covariance @ zed.swapaxes(1, 2)
        gradient += np.einsum("nij,cnij->c", middle, group.kernels)
    deviance = log_determinant + rss + (blocks.k - p * restricted) * log(2.0 * pi)
    if restricted:
        deviance += float(np.linalg.slogdet(cross)[1])
    transform = np.linalg.inv(blocks.triangle)
    return Evaluation(deviance, gradient, transform @ estimate, transform @ covariance @ transform.T, rss)


def kernel_products(blocks: Blocks) -> Floats:
    """Traces of P K_c P K_d, P the projection off the design; singular if the kernels cannot be told apart."""
    size = len(blocks.groups[0].kernels)
    total = np.zeros((size, size))
    first = np.zeros((size, blocks.p, blocks.p))
    for group in blocks.groups:
        total += np.einsum("cnij,dnij->cd", group.kernels, group.kernels)
        carried = group.kernels @ group.matrix
        total -= 2.0 * np.einsum("cnip,dnip->cd", carried, carried)
        first += np.einsum("nip,cniq->cpq", group.matrix, carried)
    return total + np.einsum("cpq,dqp->cd", first, first)


def _padding(group: Group) -> np.ndarray:
    """Places outside the real effects: rows without any part in the design or kernels."""
    absent = ~np.asarray(group.kernels.any(axis=(0, 3)) | group.matrix.any(axis=2))
    return absent[:, :, None] | absent[:, None, :]
