"""One effect for each study from several that depend on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import (
    align_square,
    as_frame,
    check_missing,
    numbers,
    texts,
    variance_from,
)
from evidence.errors import DataError
from evidence.models.core.given import squared
from evidence.models.multilevel.covariance import check_covariance, covariance_matrix, groups_of

__all__ = ["aggregate"]


def aggregate(
    data: Any,
    cluster: str,
    effect: str = "effect",
    variance: str | None = None,
    *,
    rho: float = 0.5,
    covariance: Any = None,
    weighted: bool = True,
    se: str | None = None,
    missing: str = "refuse",
) -> pd.DataFrame:
    """Combine the effects of each cluster into one.

    Parameters
    ----------
    data : DataFrame
    cluster, effect, variance : str
        Columns: group to combine, effects, sampling variances (by default "variance").
    rho : float
        Correlation assumed between effects of a cluster, between -1 and 1.
    covariance : array-like, shape (k, k), optional
        Covariance matrix to use in place of `variance` and `rho`.
    weighted : bool
        Whether to weigh by the inverse of the covariance matrix, for the smallest variance; else the plain
        mean. With high correlations and unequal variances some weights can be negative.
    se : str, optional
        Column of standard errors, in place of `variance`.
    missing : {"refuse", "omit"}
        What is done with rows whose effect or variance is missing. How many were left out of a cluster is then in the
        column `left_out`; a cluster of which nothing is left is refused.

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

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> rows = pd.DataFrame(
    ...     {"trial": ["a", "a", "b"], "effect": [0.2, 0.4, 0.1], "variance": [0.04, 0.05, 0.03]}
    ... )
    >>> ev.aggregate(rows, "trial", variance="variance", rho=0.6).round(4)
      trial  effect  variance  effects
    0     a  0.2725    0.0352        2
    1     b  0.1000    0.0300        1
    """
    check_missing(missing)
    data = as_frame(data)
    name, spread = variance_from(variance or (None if se else "variance"), se)
    for column in (cluster, effect, *([spread] if covariance is None else [])):
        if column not in data.columns:
            raise DataError(
                f"the table has no column {column!r}; its columns are {', '.join(map(str, data.columns))}."
            )
    names = tuple(texts(data[cluster], cluster))
    groups_of(data[cluster], len(data), cluster)
    effects = numbers(data[effect], effect, labels=names)
    square: np.ndarray | None = None
    if covariance is not None:
        if isinstance(covariance, pd.DataFrame):
            covariance = align_square(covariance, data.index, names, "covariance")
        square = numbers(covariance, "covariance", ndim=None)
        gone = np.isnan(effects)
    else:
        variances = numbers(data[spread], spread, labels=names)
        variances = squared(variances, names) if name == "se" else variances
        gone = np.isnan(effects) | np.isnan(variances)
    without = pd.Series(dtype=int)
    if missing == "omit" and gone.any():
        without = pd.Series(names)[gone].value_counts()
        if lost := [one for one in without.index if one not in set(pd.Series(names)[~gone])]:
            raise DataError(f"{lost[0]}: every row lacks its effect or variance; leave it out of the data.")
        kept = np.flatnonzero(~gone)
        data, effects, names = data.iloc[kept], effects[kept], tuple(names[i] for i in kept)
        if square is None:
            variances = variances[kept]
        else:
            square = square[np.ix_(kept, kept)]
    k = len(data)
    codes, _ = groups_of(data[cluster], k, cluster)
    bad = ~np.isfinite(effects)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"{names[i]}, row {i}: the effect is {data[effect].iloc[i]}; give a finite number.")
    if square is None:
        matrix = covariance_matrix(
            np.diagonal(check_covariance(variances, k, names)), list(data[cluster]), rho
        )
    else:
        matrix = check_covariance(square, k, names)
        if ((matrix != 0.0) & (codes[:, None] != codes)).any():
            raise DataError(
                "the covariance matrix links effects of different clusters; combine coarser clusters."
            )
    constant = [
        column
        for column in data.columns
        if column not in (cluster, effect, spread)
        and data[column].equals(data.groupby(codes)[column].transform("first"))
    ]
    rows = []
    for code in pd.unique(codes):
        members = np.flatnonzero(codes == code)
        block = matrix[np.ix_(members, members)]
        weight = np.linalg.solve(block, np.ones(members.size)) if weighted else np.ones(members.size)
        weight = weight / weight.sum()
        first = data.iloc[members[0]]
        value = float(weight @ block @ weight)
        rows.append(
            {
                cluster: first[cluster],
                effect: float(weight @ effects[members]),
                spread: float(np.sqrt(value) if name == "se" else value),
                "effects": members.size,
                **({"left_out": int(without.get(names[members[0]], 0))} if len(without) else {}),
                **{column: first[column] for column in constant},
            }
        )
    return pd.DataFrame(rows)
