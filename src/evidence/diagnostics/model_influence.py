"""Influence on a model with moderators, levels or robust errors: what changes without a study or a cluster.

References
----------
Cook RD, Weisberg S (1982). Residuals and Influence in Regression. Chapman and Hall.
Viechtbauer W (2021). Model checking in meta-analysis. In: Handbook of Meta-Analysis, chapter 11. CRC Press.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc

from evidence.diagnostics.subsets import clusters_of
from evidence.errors import EvidenceError
from evidence.models.core.weighted import Floats, Model
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.refit import refit, with_cluster
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.results import Shown, sentences, table_text

__all__ = ["ModelInfluence", "model_influence"]


@dataclass(frozen=True, eq=False, repr=False)
class ModelInfluence(Shown):
    """Result of `influence` for a model with coefficients: n things are left out in turn, of k effects."""

    omitted: tuple[str, ...]
    """What is left out in turn: effects, or clusters."""
    clustered: bool
    """Whether it is clusters."""
    sizes: NDArray[np.intp]
    """Number of effects in each, shape (n,)."""
    labels: tuple[str, ...]
    """The effects."""
    groups: NDArray[np.intp]
    """Which of `omitted` each effect belongs to, shape (k,)."""
    hat: Floats
    """Hat value of each effect: its weight in its own fitted value; shape (k,)."""
    studentised: Floats
    """Residual of each effect from the model without it, or its cluster, over its standard error; shape (k,)."""
    cook: Floats
    """Squared change of all coefficients over their covariance (Cook's distance), shape (n,)."""
    dfbetas: pd.DataFrame
    """Change of each coefficient in standard errors, variances estimated without what is left out; n rows."""
    outlying: Floats
    """Squared deleted residuals of each cluster over their covariance matrix, shape (n,)."""
    outlying_p: Floats
    """Its P value by the chi-squared distribution with as many df as effects."""
    covariance_ratio: Floats
    """Determinant of the coefficients' covariance matrix without it over that with it, shape (n,)."""
    tau2_deleted: Floats
    """Between-study variance without it, summed over levels; NaN if the model has none of that kind. Shape (n,)."""
    influential: NDArray[np.bool_]
    """Whether Cook's distance lies above the median of a chi-squared distribution, or a DFBETAS beyond 1; (n,)."""
    failed: tuple[str, ...]
    """What the model cannot be fitted without."""

    @property
    def note(self) -> str:
        """Name what is influential, and what the model cannot be fitted without."""
        flagged = ", ".join(name for name, flag in zip(self.omitted, self.influential, strict=True) if flag)
        return sentences(
            f"Influential: {flagged}." if flagged else "",
            f"The model cannot be fitted without: {', '.join(self.failed)}." if self.failed else "",
        )

    def to_frame(self) -> pd.DataFrame:
        """One row for each thing left out; for single effects with their hat values and residuals."""
        columns: dict[str, Any] = {"omitted": list(self.omitted)}
        if self.clustered:
            columns["effects"] = self.sizes
        else:
            columns |= {"studentised": self.studentised, "hat": self.hat}
        columns["cook"] = self.cook
        columns |= {f"dfbetas {name}": self.dfbetas[name].to_numpy() for name in self.dfbetas}
        if self.clustered:
            columns |= {"outlying": self.outlying, "outlying_p": self.outlying_p}
        columns |= {"covariance_ratio": self.covariance_ratio, "tau2_deleted": self.tau2_deleted}
        return pd.DataFrame(columns | {"influential": self.influential})

    def effects_frame(self) -> pd.DataFrame:
        """One row an effect: label, omitted (its cluster), studentised, hat."""
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "omitted": [self.omitted[group] for group in self.groups],
                "studentised": self.studentised,
                "hat": self.hat,
            }
        )

    def summary(self) -> str:
        """Describe the measures as a text table."""
        what = "clusters" if self.clustered else "single effects"
        table = self.to_frame().dropna(axis=1, how="all")
        return table_text(f"Influence of {what} (k = {len(self.labels)})", table, self.note)


def model_influence(fit: Pooled | Regression | Multilevel | Robust, cluster: Any = None) -> ModelInfluence:
    """Refit without each effect, or each cluster; `influence` has the parameters."""
    groups, names = clusters_of(fit, cluster)
    clustered = groups is not None
    k, p, n = len(fit.labels), len(_names(fit)), len(names)
    groups = np.arange(k) if groups is None else groups
    model = fit.fit if isinstance(fit, Robust) else fit
    whole = _covariance(fit)
    matrix, effect = _matrix(model), model.effect
    studentised, outlying = np.full(k, nan), np.full(n, nan)
    cook, ratio, tau2, dfbetas = np.full(n, nan), np.full(n, nan), np.full(n, nan), np.full((n, p), nan)
    scale = np.sqrt(np.diagonal(whole))
    for i in range(n):
        mine = groups == i
        try:
            without = refit(fit, ~mine)
            deleted = without.fit if isinstance(without, Robust) else without
            kept = _at_variances_of(model, deleted)
            spread = _covariance(with_cluster(kept, fit) if isinstance(fit, Robust) else kept)
        except EvidenceError:
            continue
        # Only classes that can be given are refitted, so that these have what is read here.
        own: Any = deleted
        change = _estimate(fit) - _estimate(without)
        cook[i] = _quadratic(change, whole)
        spread = np.diagonal(spread) * (1.0 if isinstance(fit, Robust) else _factor(own, kept))
        if (spread > 0.0).all() and (scale > 0.0).all():  # not where the model fits without error
            dfbetas[i] = change / np.sqrt(spread)
            ratio[i] = np.exp(
                np.linalg.slogdet(_covariance(without) / np.outer(scale, scale))[1]
                - np.linalg.slogdet(whole / np.outer(scale, scale))[1]
            )
        tau2[i] = float(own.variances.sum()) if isinstance(own, Multilevel) else own.tau2
        if isinstance(own, Multilevel) and not own.variances.size:
            tau2[i] = nan
        residual = effect[mine] - matrix[mine] @ _estimate(own)
        of_residual = (
            _marginal(kept)[np.ix_(mine, mine)] * _dispersion(own)
            + matrix[mine] @ _covariance(own) @ matrix[mine].T
        )
        if (np.diagonal(of_residual) > 0.0).all():
            studentised[mine] = residual / np.sqrt(np.diagonal(of_residual))
        outlying[i] = _quadratic(residual, of_residual)
    sizes = np.bincount(groups, minlength=n)
    with np.errstate(invalid="ignore"):
        influential = (chdtr(float(p), cook) > 0.5) | (abs(dfbetas) > 1.0).any(axis=1)
    weighted = np.linalg.solve(_marginal(model), matrix)
    hat = ((matrix @ np.linalg.inv(matrix.T @ weighted)) * weighted).sum(axis=1)
    return ModelInfluence(
        names,
        clustered,
        sizes,
        fit.labels,
        groups,
        hat,
        studentised,
        cook,
        pd.DataFrame(dfbetas, index=pd.Index(names, name="omitted"), columns=list(_names(fit))),
        outlying,
        chdtrc(sizes.astype(float), outlying),
        ratio,
        tau2,
        influential,
        tuple(name for name, value in zip(names, cook, strict=True) if np.isnan(value)),
    )


def _names(fit: Any) -> tuple[str, ...]:
    return ("mean",) if isinstance(fit, Pooled) else fit.names


def _matrix(fit: Any) -> Floats:
    return np.ones((fit.k, 1)) if isinstance(fit, Pooled) else fit.matrix


def _estimate(fit: Any) -> Floats:
    return np.atleast_1d(np.asarray(fit.estimate, dtype=np.float64))


def _covariance(fit: Any) -> Floats:
    """Covariance matrix of the coefficients, as the fit has it."""
    return np.array([[fit.se**2]]) if isinstance(fit, Pooled) else fit.covariance.to_numpy()


def _marginal(fit: Any) -> Floats:
    """Covariance matrix of the effects by the model."""
    return fit.marginal if isinstance(fit, Multilevel) else np.diag(fit.variance + fit.tau2)


def _at_variances_of(fit: Any, deleted: Any) -> Any:
    """The model of all effects with the between-study variances of another."""
    if isinstance(fit, Multilevel):
        return replace(fit, theta=deleted.theta)
    if isinstance(fit, Pooled):
        return fit if fit.method == "EE" else refit(fit, np.arange(fit.k), tau2=deleted.tau2)
    return replace(fit, tau2=deleted.tau2)


def _dispersion(fit: Any) -> float:
    """Factor by which HKSJ scales the covariance of the coefficients; 1 for other intervals."""
    if isinstance(fit, Multilevel) or fit.ci not in ("HKSJ", "HKSJ-adhoc"):
        return 1.0
    plain = Model(_matrix(fit), fit.effect, fit.variance).at(fit.tau2).covariance
    return float(_covariance(fit)[0, 0] / plain[0, 0])


def _factor(deleted: Any, kept: Any) -> float:
    """What takes the dispersion of all effects to that without some, at the same between-study variance.

    NaN where all effects fit without error.
    """
    whole = _dispersion(kept)
    return _dispersion(deleted) / whole if whole > 0.0 else nan


def _quadratic(values: Floats, covariance: Floats) -> float:
    """Squared length of values in units of their covariance matrix; NaN if that is singular."""
    try:
        root = np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        return nan
    return float(np.square(np.linalg.solve(root, values)).sum())
