"""The between-study variance of a network, of a component model or of a network regression.

All three are regressions on independent rows whose variance is v + tau2, so the estimators are those of
meta-regression. For speed the restricted likelihood is written in its eigenbasis: with K an orthonormal basis of
the contrasts that are free of the coefficients, and K'VK = U diag(l) U', the values z = U'K'y are independent
with mean zero and variance l + tau2, and the likelihood is one of a single unknown.

References
----------
Rücker G (2012). Res Synth Methods 3(4), 312-324.
Jackson D, White IR, Riley RD (2012). Stat Med 31(29), 3805-3820 (generalised method of moments).
Viechtbauer W (2005). J Educ Behav Stat 30(3), 261-293 (REML).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2

__all__ = ["METHODS", "moments", "network_tau2"]

METHODS = ("EE", "DL", "REML")
"""Of these "DL" is the generalised method of moments."""
SPREAD = 1e6
"""Ratio of the largest to the smallest variance up to which the eigenvalues are accurate enough."""
STEP = 0.35
"""Spacing of the grid in log(tau2 + smallest variance); a finer one sees no further peak."""


def network_tau2(model: Model, method: str) -> float:
    """Estimate the between-study variance; zero without residual degrees of freedom.

    Parameters
    ----------
    model : Model
        Independent rows, the design of full column rank.
    method : str
        One of `METHODS`.

    Returns
    -------
    float
    """
    df = model.k - model.p
    if method == "EE" or df == 0:
        return 0.0
    if method == "DL":
        fit = model.at(0.0)
        return moments(float(fit.rss), df, float(fit.trace_p))
    if model.variance.max() > SPREAD * model.variance.min():
        return float(estimate_tau2(model, "REML"))
    return _maximise(*_spectrum(model))


def moments(q: float, df: int, trace: float) -> float:
    """Solve Q = df + tau2 tr(P) for tau2, not below zero."""
    return max(0.0, (q - df) / trace)


def _spectrum(model: Model) -> tuple[Floats, Floats]:
    """Variances l and squared values z^2 of the independent contrasts, shape (k - p,)."""
    basis = np.linalg.qr(model.matrix, mode="complete")[0][:, model.p :]
    variance, vectors = np.linalg.eigh((basis.T * model.variance) @ basis)
    return np.maximum(variance, model.variance.min()), np.square(vectors.T @ (basis.T @ model.effect))


def _maximise(variance: Floats, square: Floats) -> float:
    """Global maximum over tau2 >= 0 of the likelihood of independent values N(0, variance + tau2).

    The score, sum of (z^2 - l - tau2) / (l + tau2)^2, is negative above the largest z^2 - l.
    """
    smallest = float(variance.min())
    top = float((square - variance).max())
    if top <= 0.0:
        return 0.0

    def score(tau2: float) -> float:
        total = variance + tau2
        return float(((square - total) / np.square(total)).sum())

    width = float(np.log1p(1.001 * top / smallest))
    steps = max(8, int(width / STEP) + 1)
    grid = smallest * np.expm1(width / steps * np.arange(steps + 1))
    rises = np.array([score(tau2) > 0.0 for tau2 in grid])
    peaks = [] if rises[0] else [0.0]
    peaks += [
        float(brentq(score, grid[i], grid[i + 1], xtol=1e-300, rtol=1e-13))
        for i in np.flatnonzero(rises[:-1] & ~rises[1:])
    ]
    if len(peaks) == 1:
        return peaks[0]
    return min(peaks, key=lambda tau2: float((np.log(variance + tau2) + square / (variance + tau2)).sum()))
