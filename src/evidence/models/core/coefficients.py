"""Coefficients of a meta-regression with their tests, for given tau2; one fit or a batch of fits.

References
----------
Knapp G, Hartung J (2003). Stat Med 22(17), 2693-2710.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc, ndtri, stdtr, stdtrit

from evidence.errors import ModelError
from evidence.measures import INTERVALS
from evidence.models.core.weighted import Floats, Model

__all__ = [
    "TESTS",
    "Coefficients",
    "coefficient_table",
    "coefficients",
    "invert",
    "joint_test",
    "quantile",
    "two_sided",
]

TESTS = tuple(code for code in INTERVALS if code != "KR")


class Coefficients(NamedTuple):
    """Estimates for given tau2."""

    estimate: Floats
    """Shape (..., p)."""
    covariance: Floats
    """Covariance matrix, scaled for HKSJ; shape (..., p, p)."""
    df: Any
    """Degrees of freedom of the tests, one or for each coefficient; infinite for the normal distribution."""

    @property
    def se(self) -> Floats:
        """Standard errors, shape (..., p)."""
        return np.sqrt(np.diagonal(self.covariance, axis1=-2, axis2=-1))

    @property
    def statistic(self) -> Floats:
        """Estimates over standard errors, NaN where the standard error is zero; shape (..., p)."""
        se = self.se
        return self.estimate / np.where(se > 0.0, se, np.nan)


def coefficients(model: Model, tau2: Any, ci: str) -> Coefficients:
    """Estimate the coefficients by weights 1 / (variance + tau2).

    Parameters
    ----------
    model : Model
    tau2 : ndarray or float, batch shape
    ci : str
        One of `TESTS`. HKSJ scales the covariance by the weighted residual mean square. With as many
        coefficients as studies all are "z".
    """
    fit, df = model.at(tau2), model.k - model.p
    covariance = fit.covariance
    if df == 0 or ci == "z":
        return Coefficients(fit.coefficients, covariance, np.inf)
    if ci != "t":
        mean_square = fit.rss / df
        if ci == "HKSJ-adhoc":
            mean_square = np.maximum(mean_square, 1.0)
        covariance = covariance * np.asarray(mean_square)[..., None, None]
    return Coefficients(fit.coefficients, covariance, float(df))


def coefficient_table(found: Coefficients, names: Sequence[str], level: float) -> pd.DataFrame:
    """One row a coefficient: estimate, se, ci_low, ci_high, statistic, p_value."""
    half = quantile(found.df, level) * found.se
    return pd.DataFrame(
        {
            "estimate": found.estimate,
            "se": found.se,
            "ci_low": found.estimate - half,
            "ci_high": found.estimate + half,
            "statistic": found.statistic,
            "p_value": two_sided(found.statistic, found.df),
        },
        index=pd.Index(names, name="coefficient"),
    )


def joint_test(estimate: Floats, covariance: Floats, df: float) -> tuple[Any, Any]:
    """Test that all coefficients given are zero.

    Returns
    -------
    statistic, p_value : float or ndarray, shape (...)
        Wald chi-squared, or with finite `df` the F statistic; NaN if the covariance matrix is singular.
    """
    m = estimate.shape[-1]
    se = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    defined = np.asarray((se > 0.0).all(axis=-1))
    scale = np.where(se > 0.0, se, 1.0)
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    correlation = np.where(defined[..., None, None], correlation, np.eye(m))
    z = estimate / scale
    wald = (z * (invert(correlation) @ z[..., None])[..., 0]).sum(axis=-1)
    statistic = np.where(defined, wald, np.nan) / (1.0 if np.isinf(df) else m)
    return statistic, chdtrc(m, statistic) if np.isinf(df) else fdtrc(m, df, statistic)


def invert(correlation: Floats) -> Floats:
    """Invert correlation matrices of coefficients, or raise ModelError if they are singular to working precision."""
    try:
        inverse: Floats = np.linalg.inv(correlation).astype(np.float64, copy=False)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            "the moderators are so nearly collinear that their coefficients cannot be told apart; subtract "
            "their means (center(x) in the formula), or drop one."
        ) from error
    return inverse


def two_sided(statistic: Any, df: Any) -> Any:
    """P value of a t statistic; `df` may be infinite."""
    return 2.0 * stdtr(df, -np.abs(statistic))


def quantile(df: Any, level: float) -> Any:
    """Quantile for a two-sided interval; `df` may be infinite."""
    normal = ndtri(0.5 + 0.5 * level)
    return np.where(np.isinf(df), normal, stdtrit(np.where(np.isinf(df), 1.0, df), 0.5 + 0.5 * level))
