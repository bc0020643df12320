"""Sampling covariance of effects that come from the same patients, from assumed correlations."""

from __future__ import annotations

from typing import Any

import numpy as np

from evidence.columns import align, as_frame, factor, numbers, variance_from
from evidence.errors import DataError
from evidence.models.core.given import squared
from evidence.models.core.weighted import Floats

__all__ = ["check_covariance", "covariance_matrix", "groups_of"]


def covariance_matrix(
    variance: Any = None,
    cluster: Any = None,
    rho: float = 0.5,
    *,
    outcome: Any = None,
    rho_outcome: float | None = None,
    time: Any = None,
    phi: float | None = None,
    se: Any = None,
    data: Any = None,
) -> Floats:
    """Build a covariance matrix of effects that correlate within clusters.

    Two effects of a cluster correlate by the product of what separates them: `rho_outcome` if their outcomes
    differ, `phi` to the power of the time between them, and `rho` if they have outcome and time in common.
    For arms that several comparisons share see `evidence.shared_covariance`, which needs no assumption.

    Parameters
    ----------
    variance : array-like, shape (k,), or str
        Sampling variances, positive; with `data`, here and below, a column.
    cluster : array-like, shape (k,), or str
        Group of patients, for example the trial; effects of different clusters are independent.
    rho : float
        Correlation of effects of the same outcome and time, between -1 and 1.
    outcome : array-like, shape (k,), optional
    rho_outcome : float, optional
        Correlation of different outcomes at the same time; by default `rho`.
    time : array-like of numbers, shape (k,), optional
    phi : float, optional
        Autocorrelation over one unit of time, between 0 and 1; required with `time`.
    se : array-like, shape (k,), or str, optional
        Standard errors, in place of `variance`.
    data : DataFrame, optional

    Returns
    -------
    ndarray, shape (k, k)

    Raises
    ------
    DataError
        If shapes differ, a value is missing or out of range, or the correlations contradict each other, so
        that the matrix of a cluster, which the message names, is not positive definite.

    References
    ----------
    Pustejovsky JE, Tipton E (2022). Prev Sci 23(3), 425-438.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.covariance_matrix([0.04, 0.09, 0.01], ["a", "a", "b"], rho=0.5)
    array([[0.04, 0.03, 0.  ],
           [0.03, 0.09, 0.  ],
           [0.  , 0.  , 0.01]])
    """
    name, spread = variance_from(variance, se)
    columns, _ = align(
        {name: spread, "cluster": cluster, "outcome": outcome, "time": time},
        data=None if data is None else as_frame(data),
    )
    variances, cluster, outcome, time = _finite(columns[name], name), *list(columns.values())[1:]
    k = variances.size
    if se is not None:
        variances = squared(variances, tuple(f"row {i}" for i in range(k)))
    if not (variances > 0.0).all():
        i = int(np.argmin(variances > 0.0))
        raise DataError(f"row {i}: the variance {variances[i]:g} is not positive; check the standard error.")
    clusters, names = groups_of(cluster, k, "cluster")
    correlation = np.full((k, k), _within(rho, "rho", -1.0))
    apart = np.ones((k, k))
    separate = np.zeros((k, k), dtype=bool)
    if outcome is not None:
        outcomes, _ = groups_of(outcome, k, "outcome")
        differs = outcomes[:, None] != outcomes
        apart[differs] *= _within(rho if rho_outcome is None else rho_outcome, "rho_outcome", -1.0)
        separate |= differs
    elif rho_outcome is not None:
        raise DataError("rho_outcome needs outcome, one value a row.")
    if (time is None) != (phi is None):
        raise DataError("time and phi belong together: give both, or neither.")
    if time is not None:
        times = _finite(time, "time")
        if times.size != k:
            raise DataError(f"time has {times.size} values for {k} effects; give one of each an effect.")
        distance = np.abs(times[:, None] - times)
        apart *= _within(phi, "phi", 0.0) ** distance
        separate |= distance > 0.0
    correlation = np.where(separate, apart, correlation)
    correlation[clusters[:, None] != clusters] = 0.0
    np.fill_diagonal(correlation, 1.0)
    for code, name in enumerate(names):
        rows = np.flatnonzero(clusters == code)
        smallest = float(np.linalg.eigvalsh(correlation[np.ix_(rows, rows)])[0])
        if smallest < 1e-10:
            raise DataError(
                f"cluster {name}: the correlations of its {rows.size} effects contradict each other (smallest "
                f"eigenvalue {smallest:.3g}); use correlations closer to zero."
            )
    se = np.sqrt(variances)
    return correlation * se[:, None] * se


def groups_of(values: Any, k: int, name: str) -> tuple[np.ndarray, list[str]]:
    """Number the distinct values in sorted order; values that look the same are one.

    Returns
    -------
    codes : ndarray of int, shape (k,)
    names : list of str

    Raises
    ------
    DataError
        If there are not k values or one is missing.
    """
    codes, names = factor(values, name)
    if codes.size != k:
        raise DataError(f"{name} has {codes.size} values for {k} effects; give one an effect.")
    if (codes < 0).any():
        raise DataError(f"{name} is missing in row {int(np.argmax(codes < 0))}; give every row a value.")
    return codes, names


def check_covariance(variance: Any, k: int, labels: tuple[str, ...]) -> Floats:
    """Check a vector of variances or a covariance matrix; return the matrix.

    Raises
    ------
    DataError
        If the shape is wrong, or the matrix is not finite, symmetric and positive definite.
    """
    out = numbers(variance, "variance", ndim=None)
    if out.shape not in ((k,), (k, k)):
        raise DataError(
            f"variance has shape {out.shape}; give {k} variances or a {k} x {k} covariance matrix."
        )
    diagonal = out if out.ndim == 1 else np.diagonal(out)
    good = (diagonal >= 1e-30) & (diagonal <= 1e30)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{labels[i]}: the variance {diagonal[i]:g} is not between 1e-30 and 1e30; check it.")
    if out.ndim == 1:
        return np.diag(out)
    if not np.isfinite(out).all():
        i, j = np.argwhere(~np.isfinite(out))[0]
        raise DataError(
            f"the covariance of {labels[i]} and {labels[j]} is {out[i, j]}; give a finite number."
        )
    se = np.sqrt(diagonal)
    correlation = out / se[:, None] / se
    unequal = np.abs(correlation - correlation.T) > 1e-8
    if unequal.any():
        i, j = np.argwhere(unequal)[0]
        raise DataError(
            f"the covariances of {labels[i]} and {labels[j]} differ above and below the diagonal."
        )
    if np.linalg.eigvalsh(0.5 * (correlation + correlation.T))[0] < 1e-10:
        raise DataError(
            "the covariance matrix is not positive definite: correlations in it contradict each other or are 1; "
            "use smaller ones, or leave out one of two effects that carry the same information."
        )
    return 0.5 * (out + out.T)


def _finite(values: Any, name: str) -> Floats:
    out = numbers(values, name)
    if not np.isfinite(out).all():
        raise DataError(f"{name} must be finite numbers, one an effect.")
    return out


def _within(value: Any, name: str, low: float) -> float:
    if not low <= value <= 1.0:
        raise DataError(f"{name} must lie between {low:g} and 1, not {value!r}.")
    return float(value)
