"""Weighted least squares in a connected network, for a given between-study variance: arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evidence.models.core.weighted import Floats, Model, Weighted
from evidence.models.network.contrasts import Contrasts

__all__ = ["NetworkFit", "covariance_root", "edge_weights", "fit_network", "network_model"]


class NetworkFit(NamedTuple):
    """Estimates of a network.

    The covariance matrix of the positions is F F' with F = transform root. A contrast is multiplied by the transform
    first, whose entries are small numbers that cancel exactly; two treatments that are compared precisely, both far
    from the first by imprecise studies, then keep their small variance.
    """

    tau2: float
    position: Floats
    """Effect of each treatment against the first, shape (t,)."""
    transform: Floats
    """Shape (t, t - 1); zero for the first treatment."""
    root: Floats
    """Shape (t - 1, t - 1)."""
    q: float
    """Weighted residual sum of squares: Cochran's Q if tau2 = 0."""

    @property
    def effects(self) -> Floats:
        """Effect of the row's treatment minus the column's, shape (t, t)."""
        return self.position[:, None] - self.position[None, :]

    @property
    def variances(self) -> Floats:
        """Variance of each effect, shape (t, t)."""
        out = np.zeros((len(self.position), len(self.position)))
        i, j = np.triu_indices(len(out), 1)
        out[i, j] = out[j, i] = np.square(self.pairs).sum(axis=1)
        return out

    @property
    def pairs(self) -> Floats:
        """Factor of the covariance matrix of all effects a minus b, in order, shape (t (t - 1) / 2, t - 1)."""
        i, j = np.triu_indices(len(self.position), 1)
        return (self.transform[i] - self.transform[j]) @ self.root


def covariance_root(weighted: Weighted) -> Floats:
    """Root L of the covariance matrix of the coefficients, which is T L L' T' for the transform T of a fit."""
    scale = np.sqrt(np.diagonal(weighted.inverse))
    return scale[:, None] * np.linalg.cholesky(weighted.inverse / np.outer(scale, scale))


def network_model(contrasts: Contrasts) -> Model:
    """Regression of the rows on the treatments; parameters are effects against the first treatment of each part."""
    return Model(contrasts.matrix[:, contrasts.free_columns], contrasts.response, contrasts.variance)


def fit_network(contrasts: Contrasts, tau2: float) -> NetworkFit:
    """Fit a connected network."""
    weighted = network_model(contrasts).at(tau2)
    size = len(contrasts.treatments)
    position, transform = np.zeros(size), np.zeros((size, len(contrasts.free_columns)))
    free = contrasts.free_columns
    position[free] = weighted.coefficients
    transform[free] = weighted.transform
    return NetworkFit(tau2, position, transform, covariance_root(weighted), float(weighted.rss))


def edge_weights(contrasts: Contrasts, tau2: float) -> Floats:
    """Weights of each study's contrasts that reproduce its covariance as if they were independent.

    Rücker (2012): minus the off-diagonal elements of the study's Laplacian matrix; for a study with two arms the
    inverse variance.

    Returns
    -------
    ndarray, shape (studies, t, t)
        Symmetric, zero on the diagonal and where the study has no such arms.
    """
    size = len(contrasts.treatments)
    weight = 1.0 / (contrasts.variance + tau2)
    out = np.zeros((len(contrasts.studies), size, size))
    matrix = contrasts.matrix
    np.add.at(out, contrasts.row_study, -weight[:, None, None] * matrix[:, :, None] * matrix[:, None, :])
    np.einsum("sii->si", out)[...] = 0.0
    return out
