"""One effect for each study from several that depend on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.multilevel.covariance import check_covariance, cluster_codes, covariance_matrix

__all__ = ["aggregate"]


def aggregate(
    data: pd.DataFrame,
    cluster: str,
    effect: str = "effect",
    variance: str = "variance",
    *,
    rho: float = 0.5,
    covariance: Any = None,
    weighted: bool = True,
) -> pd.DataFrame:
    """Combine the effects of each cluster into one.

    Parameters
    ----------
    data : DataFrame
    cluster, effect, variance : str
        Columns: group to combine, effects, sampling variances.
    rho : float
        Correlation assumed between effects of a cluster, between -1 and 1.
    covariance : array-like, shape (k, k), optional
        Covariance matrix to use in place of `variance` and `rho`.
    weighted : bool
        Whether to weigh by the inverse of the covariance matrix, for the smallest variance; else the plain
        mean. With high correlations and unequal variances some weights can be negative.

    Returns
    -------
    DataFrame
        One row a cluster, in order of appearance, indexed from 0: the columns `cluster`, `effect`,
        `variance`, `effects` (how many were combined), and the columns of `data` that are constant within
        every cluster.

    Raises
    ------
    DataError
        If a column is absent, an effect is not finite, or the covariances cannot be used.

    References
    ----------
    Borenstein M et al. (2009). Introduction to Meta-Analysis, chapter 24. Wiley.
    """
    for column in (cluster, effect, *([variance] if covariance is None else [])):
        if column not in data.columns:
            raise DataError(
                f"the table has no column {column!r}; its columns are {', '.join(map(str, data.columns))}."
            )
    k = len(data)
    codes, _ = cluster_codes(data[cluster], k, cluster)
    names = tuple(map(str, data[cluster]))
    effects = pd.to_numeric(data[effect], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(effects)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"{names[i]}, row {i}: the effect is {data[effect].iloc[i]}; give a finite number.")
    if covariance is None:
        variances = check_covariance(pd.to_numeric(data[variance], errors="coerce"), k, names)
        matrix = covariance_matrix(np.diagonal(variances), data[cluster], rho)
    else:
        matrix = check_covariance(covariance, k, names)
        if ((matrix != 0.0) & (codes[:, None] != codes)).any():
            raise DataError(
                "the covariance matrix links effects of different clusters; combine coarser clusters."
            )
    constant = [
        column
        for column in data.columns
        if column not in (cluster, effect, variance)
        and data[column].equals(data.groupby(codes)[column].transform("first"))
    ]
    rows = []
    for code in pd.unique(codes):
        members = np.flatnonzero(codes == code)
        block = matrix[np.ix_(members, members)]
        weight = np.linalg.solve(block, np.ones(members.size)) if weighted else np.ones(members.size)
        weight = weight / weight.sum()
        first = data.iloc[members[0]]
        rows.append(
            {
                cluster: first[cluster],
                effect: float(weight @ effects[members]),
                variance: float(weight @ block @ weight),
                "effects": members.size,
                **{column: first[column] for column in constant},
            }
        )
    return pd.DataFrame(rows)
