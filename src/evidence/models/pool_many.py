"""Pool many sets of studies at once: simulations, subsets, specifications."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.errors import DataError
from evidence.models.core.heterogeneity import estimate_tau2, heterogeneity_share, q_and_trace
from evidence.models.core.intervals import mean_effect, prediction_interval
from evidence.models.core.studies import Floats, arrange
from evidence.models.pool import as_floats, check_options, describe_fault, within_limits

__all__ = ["PooledGrid", "PooledMany", "pool_grid", "pool_many"]

CHUNK = 2**15
"""Number of study values worked on at a time: it bounds memory and keeps the work in the processor's cache."""


@dataclass(frozen=True, eq=False, repr=False)
class PooledMany:
    """Result of `pool_many`: arrays of shape (n,), one entry a fit, named as in `Pooled`; NaN without a study."""

    k: Floats
    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    statistic: Floats
    p_value: Floats
    df: Floats
    tau2: Floats
    q: Floats
    q_df: Floats
    q_p: Floats
    i2: Floats
    h2: Floats
    prediction_low: Floats
    prediction_high: Floats
    method: str
    ci: str
    level: float
    prediction: str

    def __len__(self) -> int:
        return self.estimate.size

    def to_frame(self) -> pd.DataFrame:
        """One row a fit, one column a quantity."""
        names = [field.name for field in fields(self)]
        return pd.DataFrame({name: getattr(self, name) for name in names[: names.index("method")]})

    def summary(self) -> str:
        """Describe the distribution of the fits' main results."""
        quantities = self.to_frame()[["k", "estimate", "se", "tau2", "i2", "p_value"]]
        table = quantities.describe().loc[["mean", "std", "min", "50%", "max"]]
        head = f"{len(self)} fits, method {self.method}, {100 * self.level:g}% CI {self.ci}"
        return f"{head}\n\n{table.to_string(float_format='{:.4f}'.format)}"

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{self.summary()}</pre>"


@dataclass(frozen=True, eq=False, repr=False)
class PooledGrid:
    """Result of `pool_grid` for n sets of studies, m methods and c intervals; NaN without a study."""

    methods: tuple[str, ...]
    intervals: tuple[str, ...]
    level: float
    k: Floats
    """Shape (n,)."""
    estimate: Floats
    """Shape (n, m)."""
    tau2: Floats
    """Shape (n, m)."""
    ci_low: Floats
    """Shape (n, m, c)."""
    ci_high: Floats
    """Shape (n, m, c)."""
    p_value: Floats
    """Shape (n, m, c)."""

    def to_frame(self) -> pd.DataFrame:
        """One row a set of studies, method and interval."""
        n, m, c = self.ci_low.shape
        of_fits = {name: np.repeat(getattr(self, name).ravel(), c) for name in ("estimate", "tau2")}
        of_intervals = {name: getattr(self, name).ravel() for name in ("ci_low", "ci_high", "p_value")}
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), m * c),
                "method": np.tile(np.repeat(self.methods, c), n),
                "ci": np.tile(self.intervals, n * m),
                "k": np.repeat(self.k, m * c),
                **of_fits,
                **of_intervals,
            }
        )

    def summary(self) -> str:
        """Describe the distribution of the estimates, by method."""
        table = self.to_frame().groupby("method", sort=False)["estimate"].describe()
        head = f"{len(self.k)} sets of studies, {len(self.methods)} methods, {len(self.intervals)} intervals"
        return f"{head}\n\n{table.to_string(float_format='{:.4f}'.format)}"

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{self.summary()}</pre>"


def pool_many(
    effect: Any,
    variance: Any,
    *,
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    prediction: str = "V",
) -> PooledMany:
    """Pool each row of studies; the same numbers as `pool`, at the cost of array arithmetic.

    Parameters
    ----------
    effect, variance : array-like, shape (n, k)
        One row a fit, one column a study, within the limits of `pool`. A study is absent where both are NaN.
    method, ci, level, prediction
        As for `pool`; GENQ, which needs weights of its own, is left to `pool`.

    Returns
    -------
    PooledMany
        Memory beyond input and result stays bounded, whatever the number of rows.

    Raises
    ------
    DataError
        If shapes differ or are not two-dimensional, an option is unknown, or a present value is out of range; the
        message names row and column, counted from zero.
    """
    check_options(method, ci, level, prediction)
    if method == "GENQ":
        raise DataError("pool_many has no method='GENQ': it needs weights for each fit; use pool.")
    effects, variances = _check_table(effect, variance)
    n, k = effects.shape
    names = [field.name for field in fields(PooledMany)][:16]
    out = {name: np.full(n, np.nan) for name in names}
    out["k"] = np.isfinite(variances).sum(axis=1).astype(np.float64)
    rows = np.flatnonzero(out["k"])
    step = max(1, CHUNK // max(k, 1))
    for start in range(0, rows.size, step):
        here = rows[start : start + step]
        for name, values in _fit(effects[here], variances[here], method, ci, level, prediction).items():
            out[name][here] = values[:, 0]
    return PooledMany(**out, method=method, ci=ci, level=level, prediction=prediction)


def pool_grid(
    effect: Any,
    variance: Any,
    *,
    methods: Sequence[str],
    intervals: Sequence[str],
    level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
) -> PooledGrid:
    """Pool each row of studies by every method, with every interval; the same numbers as `pool`.

    Studies are arranged once and the between-study variance is estimated once a method, so that a further interval
    costs next to nothing.

    Parameters
    ----------
    effect, variance : array-like, shape (n, k)
        As for `pool_many`.
    methods, intervals : sequence of str
        Values of `method` and `ci`, each of which must go with each.
    level : float
    progress : callable, optional
        Called with the number of rows done and of all rows.

    Returns
    -------
    PooledGrid

    Raises
    ------
    DataError
        As for `pool_many`.
    """
    for method, ci in product(methods, intervals):
        check_options(method, ci, level, "V")
    if "GENQ" in methods:
        raise DataError("pool_grid has no method 'GENQ': it needs weights for each fit; use pool.")
    effects, variances = _check_table(effect, variance)
    n, width = effects.shape
    m, c = len(methods), len(intervals)
    k = np.isfinite(variances).sum(axis=1).astype(np.float64)
    of_fits = np.full((2, n, m), np.nan)
    of_intervals = np.full((3, n, m, c), np.nan)
    rows = np.flatnonzero(k)
    step = max(1, CHUNK // max(width, 1))
    for start in range(0, rows.size, step):
        here = rows[start : start + step]
        studies, _ = arrange(effects[here], variances[here])
        q, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
        for i, method in enumerate(methods):
            tau2 = estimate_tau2(studies, method, q, trace)
            for j, ci in enumerate(intervals):
                mean = mean_effect(studies, tau2, ci, level)
                for out, value in zip(of_intervals, (mean.low, mean.high, mean.p_value), strict=True):
                    out[here, i, j] = value[:, 0]
                of_fits[:, here, i] = mean.estimate[:, 0], tau2[:, 0]
        if progress is not None:
            progress(min(start + step, rows.size), rows.size)
    return PooledGrid(tuple(methods), tuple(intervals), level, k, *of_fits, *of_intervals)


def _fit(
    effect: Floats, variance: Floats, method: str, ci: str, level: float, prediction: str
) -> dict[str, Floats]:
    studies, _ = arrange(effect, variance)
    q, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
    tau2 = estimate_tau2(studies, method, q, trace)
    mean = mean_effect(studies, tau2, ci, level)
    i2, h2 = heterogeneity_share(method, studies.k, q, trace, tau2)
    q_df = studies.k - 1
    low, high = prediction_interval(studies.k, mean.estimate, mean.se, tau2, prediction, level)
    if method == "EE":
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    return {
        "estimate": mean.estimate,
        "se": mean.se,
        "ci_low": mean.low,
        "ci_high": mean.high,
        "statistic": mean.statistic,
        "p_value": mean.p_value,
        "df": mean.df,
        "tau2": tau2,
        "q": q,
        "q_df": q_df,
        "q_p": np.where(q_df > 0, chdtrc(np.maximum(q_df, 1), q), 1.0),
        "i2": i2,
        "h2": h2,
        "prediction_low": low,
        "prediction_high": high,
    }


def _check_table(effect: Any, variance: Any) -> tuple[Floats, Floats]:
    """Return both tables as arrays, with NaN in the variance where a study is absent."""
    try:
        effects, variances = as_floats(effect), as_floats(variance)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"effect and variance must be tables of numbers: {error}") from error
    if effects.ndim != 2 or effects.shape != variances.shape:
        raise DataError(
            f"effect and variance must have the same shape (n, k); theirs are {effects.shape} and {variances.shape}."
        )
    good = within_limits(effects, variances) | (np.isnan(effects) & np.isnan(variances))
    if not good.all():
        row, column = np.argwhere(~good)[0]
        fault = describe_fault(float(effects[row, column]), float(variances[row, column]))
        raise DataError(f"row {row}, column {column}: {fault}")
    return effects, variances
