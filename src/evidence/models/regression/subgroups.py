"""Pool within subgroups, with separate or common between-study variance, and test whether the subgroups differ."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, chdtri

from evidence.errors import DataError, ModelError
from evidence.models.core.heterogeneity import q_and_trace
from evidence.models.core.likelihood import log_likelihood, narrow, score, tau2_grid
from evidence.models.core.studies import Floats, Studies, arrange, dispersion
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

__all__ = ["Subgroups", "subgroups"]


@dataclass(frozen=True, eq=False, repr=False)
class Subgroups:
    """Result of `subgroups`."""

    by: str
    groups: dict[str, Pooled]
    """The pooled result of each subgroup, in order of appearance."""
    rows: dict[str, np.ndarray]
    """Places of each subgroup's studies among the rows of the data, from 0."""
    common_tau2: bool
    q_between: float
    """Heterogeneity between the subgroups' estimates (chi-squared)."""
    df: int
    p_value: float

    def to_frame(self) -> pd.DataFrame:
        """One row a subgroup."""
        names = ["k", "estimate", "se", "ci_low", "ci_high", "p_value", "tau2", "i2", "q", "q_p"]
        rows = [
            {self.by: group} | {name: getattr(fit, name) for name in names}
            for group, fit in self.groups.items()
        ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Describe the subgroups as a text table, with the test for differences."""
        tau2 = "common" if self.common_tau2 else "separate"
        table = self.to_frame().to_string(index=False, float_format="{:.4f}".format)
        test = (
            f"Test for subgroup differences: Q = {self.q_between:.4f}, df = {self.df}, P = {self.p_value:.4f}"
        )
        return f"Subgroups by {self.by} ({tau2} tau2)\n\n{table}\n\n{test}"

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def subgroups(
    data: pd.DataFrame,
    by: str,
    *,
    effect: str = "effect",
    variance: str = "variance",
    labels: str = "label",
    common_tau2: bool = False,
    **options: Any,
) -> Subgroups:
    """Pool within each subgroup and test for differences between subgroups.

    Parameters
    ----------
    data : DataFrame
        One row a study.
    by : str
        Column that names each study's subgroup.
    effect, variance, labels : str
        Columns with effects, sampling variances and study labels; a missing label column is ignored.
    common_tau2 : bool
        Use one between-study variance in all subgroups: the residual tau2 of the mixed model with the subgroup as a
        factor, by the same estimator. It is advisable when some subgroups have few studies.
    **options
        Options of `pool`.

    Returns
    -------
    Subgroups
        The test compares the subgroups' estimates by Cochran's Q with their model-based variances, 1 / sum of
        weights; with a common tau2 it equals the omnibus test of the mixed model. The option `ci` changes the
        subgroups' own intervals, not this test.

    Raises
    ------
    DataError
        If a column is missing, a study has no subgroup, or `pool` rejects a study (the message names the subgroup).
    ModelError
        If a common tau2 is asked for and no subgroup has two studies.

    References
    ----------
    Borenstein M et al. (2009). Introduction to Meta-Analysis, chapter 19. Wiley.
    """
    for column in (by, effect, variance):
        if column not in data.columns:
            raise DataError(
                f"there is no column {column!r}; the data have {', '.join(map(str, data.columns))}."
            )
    missing = data[by].isna()
    if missing.any():
        raise DataError(f"row {data.index[missing][0]}: {by!r} is missing; give every study a subgroup.")
    if len(data) == 0:
        raise DataError("there is no study to pool; the data have no row.")
    names = data[by].astype(str).to_numpy()
    rows = {str(name): np.flatnonzero(names == name) for name in dict.fromkeys(names)}
    pieces = {name: data.iloc[places] for name, places in rows.items()}
    groups = {
        name: _pool_group(name, piece, effect, variance, labels, options) for name, piece in pieces.items()
    }
    method = options.get("method", "REML")
    if common_tau2 and method != "EE":
        tau2 = _common_tau2(list(groups.values()), method)
        groups = {
            name: _pool_group(name, piece, effect, variance, labels, options | {"tau2": tau2})
            for name, piece in pieces.items()
        }
    weight = np.array([np.sum(1.0 / (fit.variance + fit.tau2)) for fit in groups.values()])
    estimate = np.array([fit.estimate for fit in groups.values()])
    q_between = float(weight @ np.square(estimate - weight @ estimate / weight.sum()))
    df = len(groups) - 1
    p_value = float(chdtrc(df, q_between)) if df else 1.0
    return Subgroups(by, groups, rows, common_tau2, q_between, df, p_value)


def _pool_group(
    name: str, rows: pd.DataFrame, effect: str, variance: str, labels: str, options: dict[str, Any]
) -> Pooled:
    names = rows[labels].astype(str).tolist() if labels in rows.columns else None
    try:
        return pool(rows[effect].to_numpy(), rows[variance].to_numpy(), labels=names, **options)
    except DataError as error:
        raise DataError(f"subgroup {name!r}: {error}") from error


def _common_tau2(fits: list[Pooled], method: str) -> float:
    """Residual between-study variance of the model with a mean for each subgroup.

    The projection P of that model is block diagonal: Q, tr P, the score and the likelihood are sums over subgroups.
    """
    k = np.array([[fit.k] for fit in fits])
    df = int(k.sum()) - len(fits)
    if df == 0:
        raise ModelError("a common tau2 needs at least one subgroup with two studies; use common_tau2=False.")
    effect, variance = (np.full((len(fits), k.max()), np.nan) for _ in range(2))
    for row, fit in enumerate(fits):
        effect[row, : fit.k], variance[row, : fit.k] = fit.effect, fit.variance
    studies, _ = arrange(effect, variance)

    def q_trace(tau2: Any) -> tuple[Any, Any]:
        q, trace = q_and_trace(studies, np.broadcast_to(tau2, (len(fits), np.size(tau2))))
        return q.sum(axis=0), trace.sum(axis=0)

    q, trace = q_trace(0.0)
    squares = dispersion(studies)
    if method == "DL":
        tau2 = (q - df) / trace
    elif method == "DL2":
        first = np.maximum((q - df) / trace, 0.0)
        q2, trace2 = q_trace(first)
        tau2 = first + (q2 - df) / trace2
    elif method == "HS":
        tau2 = (q - k.sum()) / np.nansum(1.0 / variance)
    elif method == "HE":
        tau2 = (squares.sum() - np.nansum((1.0 - 1.0 / k) * variance)) / df
    elif method == "SJ":
        start = np.var(effect[~np.isnan(effect)])
        tau2 = start * q_trace(start)[0] / df
    elif method in ("ML", "REML"):
        return _common_maximum(studies, squares.sum() / df, method == "REML")
    elif method in ("EB", "PM", "PMM"):
        target = chdtri(df, 0.5) if method == "PMM" else df
        above = squares.sum() / target  # Q falls below squares / tau2
        return narrow(lambda t: q_trace(t)[0] >= target, 0.0, 1.001 * above) if q[0] > target else 0.0
    else:
        raise DataError(f"no common tau2 by method {method!r}; choose another method or common_tau2=False.")
    return max(0.0, float(np.squeeze(tau2)))


def _common_maximum(studies: Studies, s2: float, restricted: bool) -> float:
    """Common tau2 at the global maximum of the likelihood, or the restricted one, of all subgroups together."""

    def everywhere(tau2: Floats) -> Floats:
        return np.broadcast_to(tau2, (len(studies.powers), np.size(tau2)))

    def rises(tau2: Floats) -> Any:
        fit, penalty = score(studies, everywhere(tau2), restricted)
        return fit.sum(axis=0) > penalty.sum(axis=0)

    smallest = studies.anchor_variance.min()
    largest = max(smallest, studies.variance[np.isfinite(studies.variance)].max())
    grid = tau2_grid(smallest, largest, s2)
    up = rises(grid)
    peaks = [0.0] + [narrow(rises, grid[i], grid[i + 1]) for i in np.flatnonzero(up[:-1] & ~up[1:])]
    height = log_likelihood(studies, everywhere(np.array(peaks)), restricted=restricted).sum(axis=0)
    return peaks[int(np.argmax(height))]
