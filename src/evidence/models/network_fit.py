"""Weighted least squares in a connected network, for a given between-study variance: arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evidence.models.network_contrasts import Contrasts
from evidence.models.regression_core import Floats, Model

__all__ = ["NetworkFit", "edge_weights", "fit_network", "network_model"]


class NetworkFit(NamedTuple):
    """Estimates of a network."""

    tau2: float
    position: Floats
    """Effect of each treatment against the first, shape (t,)."""
    covariance: Floats
    """Covariance matrix of the positions, zero for the first; shape (t, t)."""
    q: float
    """Weighted residual sum of squares: Cochran's Q if tau2 = 0."""

    @property
    def effects(self) -> Floats:
        """Effect of the row's treatment minus the column's, shape (t, t)."""
        return self.position[:, None] - self.position[None, :]

    @property
    def variances(self) -> Floats:
        """Variance of each effect, shape (t, t)."""
        own = np.diagonal(self.covariance)
        out = np.maximum(own[:, None] + own[None, :] - 2.0 * self.covariance, 0.0)
        np.fill_diagonal(out, 0.0)
        return out


def network_model(contrasts: Contrasts) -> Model:
    """Regression of the rows on the treatments; parameters are effects against the first treatment of each part."""
    return Model(contrasts.matrix[:, contrasts.free_columns], contrasts.response, contrasts.variance)


def fit_network(contrasts: Contrasts, tau2: float) -> NetworkFit:
    """Fit a connected network."""
    weighted = network_model(contrasts).at(tau2)
    size = len(contrasts.treatments)
    position, covariance = np.zeros(size), np.zeros((size, size))
    free = contrasts.free_columns
    position[free] = weighted.coefficients
    covariance[np.ix_(free, free)] = weighted.covariance
    return NetworkFit(tau2, position, covariance, float(weighted.rss))


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
