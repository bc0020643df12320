"""Cluster-robust inference: standard errors that hold whatever the dependence within clusters.

References
----------
Hedges LV, Tipton E, Johnson MC (2010). Res Synth Methods 1(1), 39-65.
Tipton E (2015). Psychol Methods 20(3), 375-393.
Pustejovsky JE, Tipton E (2018). J Bus Econ Stat 36(4), 672-683.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import beside
from evidence.errors import DataError, ModelError, choose
from evidence.models.core.coefficients import Coefficients, coefficient_table
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.covariance import groups_of
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.results import Shown, number

__all__ = ["CORRECTIONS", "Robust", "robust"]

CORRECTIONS = {
    "CR0": "no correction",
    "CR1": "m / (m - 1), m the number of clusters",
    "CR2": "bias-reduced linearisation",
}


@dataclass(frozen=True, eq=False, repr=False)
class Robust(Shown):
    """Result of `robust`.

    Attributes
    ----------
    coefficients : DataFrame
        One row a coefficient: estimate, se, ci_low, ci_high, statistic, df (Satterthwaite), p_value.
    covariance : DataFrame
        Robust covariance matrix of the coefficients.
    correction : str
    clusters : int
        Number of clusters.
    k : int
        Number of effects.
    level : float
        Level of the intervals.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> ev.robust(fit, ["a", "a", "b", "c", "d", "e"]).correction
    'CR2'
    """

    coefficients: pd.DataFrame
    covariance: pd.DataFrame
    correction: str
    clusters: int
    k: int
    level: float

    @property
    def note(self) -> str:
        """What a reader should know, in plain sentences; empty if there is nothing."""
        few = self.coefficients.index[self.coefficients["df"] < 4.0]
        if not len(few):
            return ""
        return (
            f"Fewer than 4 degrees of freedom for {', '.join(map(str, few))}: the t distribution is then a poor "
            "guide, and P values may be too small."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient, as `coefficients`."""
        return self.coefficients.copy()

    def summary(self) -> str:
        """Describe the result as text."""
        head = f"Cluster-robust inference ({self.correction}): {self.k} effects in {self.clusters} clusters"
        table = self.coefficients.rename_axis(None).to_string(float_format=number)
        return "\n".join([head, "", table, *(["", self.note] if self.note else [])])


def robust(fit: Pooled | Regression | Multilevel, cluster: Any, *, correction: str = "CR2") -> Robust:
    """Test the coefficients of a fit with a sandwich covariance that allows any dependence within clusters.

    Parameters
    ----------
    fit : Pooled, Regression or Multilevel
        Its weights and estimates are kept; its covariance of the effects serves as the working model.
    cluster : array-like, shape (k,)
        Cluster of each effect in the model, or of each row of its table if rows were left out; with labels, those of
        the table or of the studies.
    correction : str
        "CR0", "CR1" or "CR2" (preferred with fewer than 40 clusters). Degrees of freedom are Satterthwaite's in each.

    Returns
    -------
    Robust

    Raises
    ------
    DataError
        If `cluster` does not fit the data, or the correction is unknown.
    ModelError
        If there is a single cluster, effects of different clusters are correlated in the model, or a
        coefficient has no robust variance because one cluster alone determines it.

    References
    ----------
    Pustejovsky JE, Tipton E (2018). J Bus Econ Stat 36(4), 672-683.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> sandwich = ev.robust(fit, ["a", "a", "b", "c", "d", "e"])
    >>> sandwich.coefficients.round(3)
                 estimate     se  ci_low  ci_high  statistic     df  p_value
    coefficient
    mean           -0.989  0.235  -1.671   -0.308     -4.203  3.621    0.017
    """
    correction = choose("correction", correction, CORRECTIONS)
    matrix, residual, marginal, names, estimate = _parts(fit)
    k, p = matrix.shape
    codes, _ = groups_of(beside(fit, cluster, "cluster"), k, "cluster")
    m = int(codes.max()) + 1
    if m < 2:
        raise ModelError(
            "all effects are in one cluster; robust inference needs at least two, better ten or more."
        )
    crossing = np.argwhere((marginal != 0.0) & (codes[:, None] != codes))
    if crossing.size:
        i, j = crossing[0]
        raise ModelError(
            f"{fit.labels[i]} and {fit.labels[j]} are in different clusters but correlated in the model; "
            "cluster by its outermost level, or a coarser grouping."
        )
    blocks = [np.flatnonzero(codes == code) for code in range(m)]
    weighted = [np.linalg.solve(marginal[np.ix_(rows, rows)], matrix[rows]) for rows in blocks]
    scale = np.abs(matrix).max(axis=0)
    scale = np.outer(scale, scale)
    cross = sum(matrix[rows].T @ part for rows, part in zip(blocks, weighted, strict=True))
    bread = np.linalg.inv(cross / scale) / scale
    bread_root = np.linalg.cholesky(0.5 * (bread + bread.T))
    scores, own, shared = np.empty((m, p)), np.empty((m, p)), np.empty((m, p, p))
    for j, (rows, part) in enumerate(zip(blocks, weighted, strict=True)):
        spread = marginal[np.ix_(rows, rows)]
        lower = np.linalg.cholesky(spread)
        influence = bread @ part.T
        if correction == "CR1":
            influence = influence * np.sqrt(m / (m - 1))
        elif correction == "CR2":
            left = spread - matrix[rows] @ bread @ matrix[rows].T
            influence = influence @ lower @ _inverse_root(lower.T @ left @ lower, spread) @ lower.T
        scores[j] = influence @ residual[rows]
        own[j] = np.square(influence @ lower).sum(axis=1)
        shared[j] = influence @ matrix[rows] @ bread_root
    covariance = scores.T @ scores
    df = np.empty(p)
    for c in range(p):
        dependence = np.diag(own[:, c]) - shared[:, c] @ shared[:, c].T
        total = float(np.trace(dependence))
        if not total > 1e-10 * own[:, c].sum():
            raise ModelError(
                f"one cluster alone determines the coefficient {names[c]!r}, so it has no robust variance; leave the "
                "moderator out or use other clusters."
            )
        df[c] = total**2 / float(np.square(dependence).sum())
    table = coefficient_table(Coefficients(estimate, covariance, df), names, fit.level)
    table.insert(len(table.columns) - 1, "df", df)
    return Robust(table, pd.DataFrame(covariance, index=names, columns=names), correction, m, k, fit.level)


def _parts(fit: Any) -> tuple[Floats, Floats, Floats, tuple[str, ...], Floats]:
    """Design, residuals, marginal covariance, names and estimates of a fit."""
    if isinstance(fit, Pooled):
        if fit.given_weights is not None:
            raise DataError(
                "robust inference needs inverse-variance weights; pool by another method than GENQ."
            )
        marginal = np.diag(fit.variance + fit.tau2)
        return np.ones((fit.k, 1)), fit.effect - fit.estimate, marginal, ("mean",), np.array([fit.estimate])
    if isinstance(fit, Regression):
        return fit.matrix, fit.residuals, np.diag(fit.variance + fit.tau2), fit.names, fit.estimate
    if isinstance(fit, Multilevel):
        return fit.matrix, fit.residuals, fit.marginal, fit.names, fit.estimate
    raise DataError(f"robust takes the result of pool, regress or multilevel, not {type(fit).__name__}.")


def _inverse_root(middle: Floats, spread: Floats) -> Floats:
    """Inverse square root of a symmetric matrix, zero where it is singular to working precision."""
    values, vectors = np.linalg.eigh(0.5 * (middle + middle.T))
    smallest = 1e-12 * float(np.square(np.diagonal(spread)).max())
    good = values > smallest
    root = np.where(good, 1.0 / np.sqrt(np.where(good, values, 1.0)), 0.0)
    return (vectors * root) @ vectors.T
