"""Cluster-robust inference: standard errors that hold whatever the dependence within clusters.

References
----------
Hedges LV, Tipton E, Johnson MC (2010). Res Synth Methods 1(1), 39-65.
Tipton E (2015). Psychol Methods 20(3), 375-393.
Pustejovsky JE, Tipton E (2018). J Bus Econ Stat 36(4), 672-683.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import fdtrc

from evidence.columns import Origin, beside
from evidence.errors import DataError, ModelError, choose, must_be
from evidence.models.core.coefficients import Coefficients, coefficient_table, joint_test
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.covariance import groups_of
from evidence.models.multilevel.result import Multilevel
from evidence.models.on_scale import HasScales
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.results import frame_text

__all__ = ["CORRECTIONS", "Robust", "WaldTest", "robust"]


class WaldTest(NamedTuple):
    """F test of several combinations of coefficients."""

    statistic: float
    """NaN, as the P value, where there are too few clusters or the covariance matrix is singular."""
    df: int
    """Number of combinations."""
    df_error: float
    p_value: float


CORRECTIONS = {
    "CR0": "no correction",
    "CR1": "m / (m - 1), m the number of clusters",
    "CR2": "bias-reduced linearisation",
}


@dataclass(frozen=True, eq=False, repr=False)
class Robust(HasScales):
    """Result of `robust`.

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
    """One row a coefficient: estimate, se, ci_low, ci_high, statistic, df (Satterthwaite), p_value."""
    covariance: pd.DataFrame
    """Robust covariance matrix of the coefficients."""
    correction: str
    clusters: int
    """Number of clusters."""
    k: int
    """Number of effects."""
    level: float
    """Level of the intervals."""
    fit: Pooled | Regression | Multilevel
    """The fit whose coefficients are tested."""
    cluster: NDArray[np.intp]
    """Cluster of each effect, by its place in `cluster_names`; shape (k,)."""
    cluster_names: tuple[str, ...]
    own: Floats
    """Covariance of each cluster's part of the coefficients were the residuals errors; shape (clusters, p, p)."""
    shared: Floats
    """What estimation takes off it: the parts of i and j covary by -shared[i] shared[j]'; shape (clusters, p, p)."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the effects."""
        return self.fit.labels

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return tuple(str(name) for name in self.coefficients.index)

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.coefficients)

    @property
    def estimate(self) -> Floats:
        """Coefficients, shape (p,)."""
        return self.coefficients["estimate"].to_numpy()

    @property
    def effect(self) -> Floats:
        """Effects in the model, shape (k,)."""
        return self.fit.effect

    @property
    def variance(self) -> Floats:
        """Their sampling variances or covariance matrix, as the fit has them."""
        return self.fit.variance

    @property
    def measure(self) -> str:
        """What the effects are, by code; empty if it is not known."""
        return self.fit.measure

    @property
    def origin(self) -> Origin | None:
        """Where the effects stood among the rows given."""
        return self.fit.origin

    def wald(self, matrix: Floats, difference: Floats) -> WaldTest:
        """Test that combinations of the coefficients are zero together, by Hotelling's T2 with estimated df.

        Parameters
        ----------
        matrix : ndarray, shape (q, p)
            Weights of the coefficients, of full rank.
        difference : ndarray, shape (q,)
            The combinations, less what is tested.

        References
        ----------
        Tipton E, Pustejovsky JE (2015). J Educ Behav Stat 40(6), 604-634 (the test HTZ).
        """
        q = len(matrix)
        own, shared = matrix @ self.own @ matrix.T, matrix @ self.shared
        expected = own.sum(axis=0) - np.einsum("isp,itp->st", shared, shared)
        values, vectors = np.linalg.eigh(expected)
        if not values[0] > 1e-12 * values[-1]:
            return WaldTest(np.nan, q, np.nan, np.nan)
        root = (vectors / np.sqrt(values)) @ vectors.T
        own, shared = root @ own @ root, root @ shared
        m = len(own)
        # parts[s, t, i, j]: covariance of component s of cluster i's part with component t of cluster j's
        parts = -np.einsum("isp,jtp->stij", shared, shared)
        parts[:, :, np.arange(m), np.arange(m)] += own.transpose(1, 2, 0)
        spread = np.einsum("ssij,ttij->", parts, parts) + np.einsum("stij,tsij->", parts, parts)
        eta = q * (q + 1.0) / spread
        covariance = matrix @ self.covariance.to_numpy() @ matrix.T
        wald, _ = joint_test(difference, covariance, np.inf)
        df = eta - q + 1.0
        if not df > 0.0:
            return WaldTest(np.nan, q, df, np.nan)
        statistic = float(wald) * df / (eta * q)
        return WaldTest(statistic, q, df, float(fdtrc(q, df, statistic)))

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
        table = frame_text(self.coefficients)
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
    must_be(fit, (Pooled, Regression, Multilevel), "robust()")
    correction = choose("correction", correction, CORRECTIONS)
    matrix, residual, marginal, names, estimate = _parts(fit)
    k, p = matrix.shape
    codes, found = groups_of(beside(fit, cluster, "cluster"), k, "cluster")
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
    scores, own, shared = np.empty((m, p)), np.empty((m, p, p)), np.empty((m, p, p))
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
        own[j] = influence @ spread @ influence.T
        shared[j] = influence @ matrix[rows] @ bread_root
    covariance = scores.T @ scores
    df = np.empty(p)
    for c in range(p):
        dependence = np.diag(own[:, c, c]) - shared[:, c] @ shared[:, c].T
        total = float(np.trace(dependence))
        if not total > 1e-10 * own[:, c, c].sum():
            raise ModelError(
                f"one cluster alone determines the coefficient {names[c]!r}, so it has no robust variance; leave the "
                "moderator out or use other clusters."
            )
        df[c] = total**2 / float(np.square(dependence).sum())
    table = coefficient_table(Coefficients(estimate, covariance, df), names, fit.level)
    table.insert(len(table.columns) - 1, "df", df)
    return Robust(
        table,
        pd.DataFrame(covariance, index=names, columns=names),
        correction,
        m,
        k,
        fit.level,
        fit,
        codes,
        tuple(found),
        own,
        shared,
    )


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
    return fit.matrix, fit.residuals, fit.marginal, fit.names, fit.estimate


def _inverse_root(middle: Floats, spread: Floats) -> Floats:
    """Inverse square root of a symmetric matrix, zero where it is singular to working precision."""
    values, vectors = np.linalg.eigh(0.5 * (middle + middle.T))
    smallest = 1e-12 * float(np.square(np.diagonal(spread)).max())
    good = values > smallest
    root = np.where(good, 1.0 / np.sqrt(np.where(good, values, 1.0)), 0.0)
    return (vectors * root) @ vectors.T
