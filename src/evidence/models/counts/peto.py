"""Peto's one-step odds ratio, pooled over two-by-two tables."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import chdtrc

from evidence.errors import ModelError
from evidence.measures import check_level
from evidence.models.counts.common_effect import FixedCounts, common_result
from evidence.models.counts.tables import check_tables

__all__ = ["Peto", "peto"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Peto(FixedCounts):
    """Result of `peto`.

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> ev.peto(a, b, c, d).to_frame().columns[:3].tolist()
    ['label', 'a', 'b']
    """


def peto(
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    *,
    level: float = 0.95,
    labels: Any = None,
    data: Any = None,
    missing: str = "refuse",
) -> Peto:
    """Pool two-by-two tables by Peto's method: sum of observed minus expected events over the sum of their variances.

    The method is good for rare events, groups of similar size and moderate effects, and biased elsewhere.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2; 0 to 1e12.
    level : float
        Level of the confidence interval, between 0 and 1.
    labels : array-like of str, or str, optional
        Study labels, or with `data` their column.
    data : DataFrame, optional
        Table (pandas, polars or alike) whose columns the arguments name.
    missing : {"refuse", "omit"}
        What is done with a study of which a count is missing: refuse, or leave it out and say so in the note.

    Returns
    -------
    Peto
        The estimate is a log odds ratio; studies in which nobody or everybody has the event count for nothing.

    Raises
    ------
    DataError
        If counts are wrong; the message names the study.
    ModelError
        If no study has both events and non-events.

    References
    ----------
    Yusuf S, Peto R, Lewis J, Collins R, Sleight P (1985). Prog Cardiovasc Dis 27(5), 335-371.

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> f"{ev.peto(a, b, c, d).estimate:.3f}"
    '-1.265'
    """
    check_level(level)
    tables = check_tables(a, b, c, d, labels, data=data, missing=missing)
    events, others = tables.a + tables.c, tables.b + tables.d
    share1, share2 = tables.n1 / tables.n, tables.n2 / tables.n
    information = events * share1 * share2 * (others / (tables.n - 1.0))
    excess = tables.a - events * share1
    total = float(information.sum())
    if total == 0.0:
        raise ModelError("Peto's odds ratio cannot be estimated: no study has both events and non-events.")
    result = common_result(tables, "OR", float(excess.sum()) / total, 1.0 / sqrt(total), information, level)
    told = information > 0.0
    q = float((excess[told] ** 2 / information[told]).sum()) - float(excess[told].sum()) ** 2 / total
    q, df = max(q, 0.0), int(told.sum()) - 1
    result |= {
        "q": q if df else 0.0,
        "q_df": df,
        "q_p": float(chdtrc(df, q)) if df else 1.0,
        "i2": max(0.0, 100.0 * (q - df) / q) if df and q > 0.0 else 0.0,
        "h2": q / df if df else 1.0,
        "effect": np.where(told, excess / np.where(told, information, 1.0), np.nan),
        "variance": np.where(told, 1.0 / np.where(told, information, 1.0), np.nan),
    }
    return Peto(title="Peto's method", **result)
