"""Pool many sets of studies at once: simulations, subsets, specifications."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from evidence.columns import align_tables, check_missing, numbers, variance_from
from evidence.errors import DataError
from evidence.measures import choose_interval, choose_method
from evidence.models.core.heterogeneity import (
    estimate_tau2,
    heterogeneity_share,
    q_and_trace,
    tau2_standard_error,
)
from evidence.models.core.intervals import Mean, mean_effect, prediction_interval, q_profile_interval
from evidence.models.core.likelihood import log_likelihood
from evidence.models.core.studies import Floats, Studies, arrange
from evidence.models.pool import check_options, describe_fault, within_limits
from evidence.results import Shown, frame_text, lasting_property
from evidence.wording import counted

__all__ = [
    "QUANTITIES",
    "Fitted",
    "PooledGrid",
    "PooledMany",
    "check_table",
    "fit_each",
    "pool_grid",
    "pool_many",
    "quantities",
]

CHUNK = 2**15
"""Number of study values worked on at a time: it bounds memory and keeps the work in the processor's cache."""


QUANTITIES = (
    *("k", "estimate", "se", "ci_low", "ci_high", "statistic", "p_value", "df", "tau2", "q", "q_df", "q_p"),
    *("i2", "h2", "prediction_low", "prediction_high"),
)
"""What `pool_many` works out for every fit."""
FURTHER = (
    *("tau2_se", "tau2_low", "tau2_high", "i2_low", "i2_high", "h2_low", "h2_high"),
    *("log_likelihood", "aic", "bic", "aicc"),
)
"""What it works out when it is asked for."""


@dataclass(frozen=True, eq=False, repr=False)
class PooledMany(Shown):
    """Result of `pool_many`: arrays of shape (n,), one entry a fit, named as in `Pooled`; NaN without a study.

    As in `Pooled`, what a plain fit does not need (the interval of tau2, likelihoods, weights) is computed when
    first asked for.

    Examples
    --------
    >>> import evidence as ev
    >>> many = ev.pool_many(
    ...     [[-0.89, -1.59, -1.35], [0.2, 0.1, 0.4]], [[0.326, 0.195, 0.415], [0.04, 0.02, 0.09]]
    ... )
    >>> many.estimate.round(3)
    array([-1.333,  0.168])
    """

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
    effect: Floats
    """Study effects, shape (n, k); NaN where a study is absent."""
    variance: Floats
    """Their sampling variances, shape (n, k)."""
    given_weights: Floats | None = None
    """Weights given for GENQ, shape (n, k)."""

    def __len__(self) -> int:
        return self.estimate.size

    @lasting_property
    def weights(self) -> Floats:
        """Weights of the studies in percent, shape (n, k); NaN where a study is absent."""
        weight = 1.0 / (self.variance + self.tau2[:, None])
        if self.given_weights is not None:
            weight = np.where(np.isnan(self.variance), np.nan, self.given_weights)
        total = np.nansum(weight, axis=1, keepdims=True)
        return 100.0 * weight / np.where(total > 0.0, total, np.nan)

    @lasting_property
    def tau2_se(self) -> Floats:
        """Standard error of tau2; NaN for equal effects or one study."""

        def error(rows: NDArray[np.intp]) -> Floats:
            given = None if self.given_weights is None else self.given_weights[rows]
            return tau2_standard_error(
                self.method, self.effect[rows], self.variance[rows], self.tau2[rows], given
            )

        return self._by_rows(error, 1)[0]

    @property
    def tau2_low(self) -> Floats:
        """Lower limit of the Q-profile interval for tau2; NaN for equal effects or one study."""
        return self._tau2_interval[0]

    @property
    def tau2_high(self) -> Floats:
        """Upper limit of the Q-profile interval for tau2; NaN for equal effects or one study."""
        return self._tau2_interval[1]

    @property
    def i2_low(self) -> Floats:
        """I2 at the lower limit of tau2."""
        return 100.0 * (1.0 - 1.0 / self.h2_low)

    @property
    def i2_high(self) -> Floats:
        """I2 at the upper limit of tau2."""
        return 100.0 * (1.0 - 1.0 / self.h2_high)

    @property
    def h2_low(self) -> Floats:
        """H2 at the lower limit of tau2."""
        return 1.0 + self.tau2_low / self._typical_variance

    @property
    def h2_high(self) -> Floats:
        """H2 at the upper limit of tau2."""
        return 1.0 + self.tau2_high / self._typical_variance

    @lasting_property
    def log_likelihood(self) -> Floats:
        """Log-likelihood at tau2 and the estimate: the restricted one for REML, else the full one."""

        def height(rows: NDArray[np.intp]) -> Floats:
            studies, _ = arrange(self.effect[rows], self.variance[rows])
            centre = None
            if self.given_weights is not None:
                centre = self.estimate[rows, None] - studies.anchor_effect
            at = self.tau2[rows, None]
            return log_likelihood(studies, at, restricted=self.method == "REML", centre=centre)[:, 0]

        return self._by_rows(height, 1)[0]

    @property
    def aic(self) -> Floats:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self._parameters

    @property
    def bic(self) -> Floats:
        """Bayesian information criterion; under REML the number of contrasts, k - 1, counts as the sample size."""
        n = self.k - (self.method == "REML")
        return -2.0 * self.log_likelihood + self._parameters * np.log(np.where(n > 0, n, np.nan))

    @property
    def aicc(self) -> Floats:
        """Akaike's information criterion, corrected for small samples."""
        p = self._parameters
        n = np.maximum(self.k - (self.method == "REML"), p + 2)
        return -2.0 * self.log_likelihood + 2.0 * p * n / (n - p - 1)

    def to_frame(self, *, full: bool = False) -> pd.DataFrame:
        """One row a fit, one column a quantity; with `full` also the interval of tau2, I2 and H2, and likelihoods."""
        names = QUANTITIES + (FURTHER if full else ())
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def summary(self) -> str:
        """Describe the distribution of the fits' main results."""
        quantities = self.to_frame()[["k", "estimate", "se", "tau2", "i2", "p_value"]]
        table = quantities.describe().loc[["mean", "std", "min", "50%", "max"]]
        head = f"{counted(len(self), 'fit')}, method {self.method}, {100 * self.level:g}% CI {self.ci}"
        return f"{head}\n\n{frame_text(table)}"

    @property
    def _parameters(self) -> int:
        return 1 if self.method == "EE" else 2

    @lasting_property
    def _tau2_interval(self) -> Floats:
        if self.method == "EE":
            return np.full((2, len(self)), np.nan)

        def limits(rows: NDArray[np.intp]) -> Any:
            studies, _ = arrange(self.effect[rows], self.variance[rows])
            return [limit[:, 0] for limit in q_profile_interval(studies, self.level)]

        return self._by_rows(limits, 2)

    @lasting_property
    def _typical_variance(self) -> Floats:
        """Sampling variance of a typical study (Higgins and Thompson 2002); NaN with one study."""

        def typical(rows: NDArray[np.intp]) -> Floats:
            studies, _ = arrange(self.effect[rows], self.variance[rows])
            _, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
            return ((studies.k - 1) / np.where(trace > 0.0, trace, np.nan))[:, 0]

        return self._by_rows(typical, 1)[0]

    def _by_rows(self, compute: Callable[[NDArray[np.intp]], Any], count: int) -> Floats:
        """Compute `count` quantities of the fits with studies, a block at a time; shape (count, n)."""
        out = np.full((count, len(self)), np.nan)
        for here in _blocks(self.k, self.effect.shape[1]):
            out[:, here] = compute(here)
        return out


@dataclass(frozen=True, eq=False, repr=False)
class PooledGrid(Shown):
    """Result of `pool_grid` for n sets of studies, m methods and c intervals; NaN without a study.

    Examples
    --------
    >>> import evidence as ev
    >>> grid = ev.pool_grid(
    ...     [[-0.89, -1.59, -1.35]],
    ...     [[0.326, 0.195, 0.415]],
    ...     methods=["REML", "DL"],
    ...     intervals=["HKSJ", "z"],
    ... )
    >>> grid.ci_low.shape
    (1, 2, 2)
    """

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
        return f"{head}\n\n{frame_text(table)}"


def pool_many(
    effect: Any,
    variance: Any = None,
    *,
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    prediction: str = "V",
    se: Any = None,
    missing: str = "refuse",
) -> PooledMany:
    """Pool each row of studies; the same numbers as `pool`, at the cost of array arithmetic.

    Parameters
    ----------
    effect, variance : array-like, shape (n, k)
        One row a fit, one column a study, within the limits of `pool`. A study is absent where both are NaN. Tables
        with labels are paired by the labels of their rows and columns.
    method, ci, level, prediction
        As for `pool`; GENQ, which needs weights of its own, is left to `pool`.
    se : array-like, shape (n, k), optional
        Standard errors, in place of `variance`.
    missing : {"refuse", "omit"}
        What is done where only one of effect and variance is missing: refuse, or take the study for absent.

    Returns
    -------
    PooledMany
        Memory beyond input and result stays bounded, whatever the number of rows.

    Raises
    ------
    DataError
        If shapes differ or are not two-dimensional, an option is unknown, or a present value is out of range; the
        message names row and column, counted from zero.

    Examples
    --------
    >>> import evidence as ev
    >>> many = ev.pool_many(
    ...     [[-0.89, -1.59, -1.35], [0.2, 0.1, 0.4]], [[0.326, 0.195, 0.415], [0.04, 0.02, 0.09]]
    ... )
    >>> many.ci_high.round(3)
    array([-0.427,  0.471])
    """
    method, ci, prediction = check_options(method, ci, level, prediction)
    if method == "GENQ":
        raise DataError("pool_many has no method='GENQ': it needs weights for each fit; use pool.")
    effects, variances = check_table(effect, variance, se, missing)
    n, width = effects.shape
    out = {name: np.full(n, np.nan) for name in QUANTITIES}
    out["k"] = np.isfinite(variances).sum(axis=1).astype(np.float64)
    for here in _blocks(out["k"], width):
        (fit,) = fit_each(effects[here], variances[here], (method,), (ci,), level)
        for name, values in quantities(fit, prediction, level).items():
            out[name][here] = values
    return PooledMany(
        **out, method=method, ci=ci, level=level, prediction=prediction, effect=effects, variance=variances
    )


def _blocks(k: Floats, width: int) -> Iterator[NDArray[np.intp]]:
    """Rows that have studies, a block at a time."""
    rows = np.flatnonzero(k)
    step = max(1, CHUNK // max(width, 1))
    for start in range(0, rows.size, step):
        yield rows[start : start + step]


def pool_grid(
    effect: Any,
    variance: Any = None,
    *,
    methods: Sequence[str],
    intervals: Sequence[str],
    level: float = 0.95,
    progress: Callable[[int, int], None] | None = None,
    se: Any = None,
    missing: str = "refuse",
) -> PooledGrid:
    """Pool each row of studies by every method, with every interval; the same numbers as `pool`.

    Studies are arranged once and the between-study variance is estimated once a method, so that a further interval
    costs next to nothing.

    Parameters
    ----------
    effect, variance, se, missing
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

    Examples
    --------
    >>> import evidence as ev
    >>> grid = ev.pool_grid(
    ...     [[-0.89, -1.59, -1.35]],
    ...     [[0.326, 0.195, 0.415]],
    ...     methods=["REML", "DL"],
    ...     intervals=["HKSJ", "z"],
    ... )
    >>> grid.ci_high[0].round(3)
    array([[-0.427, -0.731],
           [-0.427, -0.731]])
    """
    methods = [choose_method(name) for name in methods]
    intervals = [choose_interval(name) for name in intervals]
    for method, ci in product(methods, intervals):
        check_options(method, ci, level, "V")
    if "GENQ" in methods:
        raise DataError("pool_grid has no method 'GENQ': it needs weights for each fit; use pool.")
    effects, variances = check_table(effect, variance, se, missing)
    n, width = effects.shape
    m, c = len(methods), len(intervals)
    k = np.isfinite(variances).sum(axis=1).astype(np.float64)
    of_fits = np.full((2, n, m), np.nan)
    of_intervals = np.full((3, n, m, c), np.nan)
    done, total = 0, int(np.count_nonzero(k))
    for here in _blocks(k, width):
        fits = fit_each(effects[here], variances[here], methods, intervals, level)
        for (i, j), fit in zip(product(range(m), range(c)), fits, strict=True):
            mean = fit.mean
            for out, value in zip(of_intervals, (mean.low, mean.high, mean.p_value), strict=True):
                out[here, i, j] = value[:, 0]
            of_fits[:, here, i] = mean.estimate[:, 0], fit.tau2[:, 0]
        done += here.size
        if progress is not None:
            progress(done, total)
    return PooledGrid(tuple(methods), tuple(intervals), level, k, *of_fits, *of_intervals)


class Fitted(NamedTuple):
    """Fits of a batch by one method, with one interval: arrays of shape (n, 1)."""

    method: str
    studies: Studies
    q: Any
    trace: Any
    tau2: Any
    mean: Mean


def fit_each(
    effect: Floats, variance: Floats, methods: Sequence[str], intervals: Sequence[str], level: float
) -> Iterator[Fitted]:
    """Fit each row by every method, with every interval; methods vary slowest.

    Studies are arranged once, and tau2 is estimated once a method.

    Parameters
    ----------
    effect, variance : ndarray, shape (n, k)
        Checked input; NaN marks an absent study, and each row has at least one.
    """
    studies, _ = arrange(effect, variance)
    q, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
    for method in methods:
        tau2 = estimate_tau2(studies, method, q, trace)
        for ci in intervals:
            yield Fitted(method, studies, q, trace, tau2, mean_effect(studies, tau2, ci, level))


def quantities(fit: Fitted, prediction: str, level: float) -> dict[str, Floats]:
    """Everything in `QUANTITIES`, each of shape (n,)."""
    k, mean = fit.studies.k, fit.mean
    i2, h2 = heterogeneity_share(fit.method, k, fit.q, fit.trace, fit.tau2)
    q_df = k - 1
    low, high = prediction_interval(k, mean.estimate, mean.se, fit.tau2, prediction, level)
    if fit.method == "EE":
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    q_p = np.where(q_df > 0, chdtrc(np.maximum(q_df, 1), fit.q), 1.0)
    values = (k, *mean[:7], fit.tau2, fit.q, q_df, q_p, i2, h2, low, high)
    return {name: value[:, 0] for name, value in zip(QUANTITIES, values, strict=True)}


def check_table(effect: Any, variance: Any, se: Any, missing: str) -> tuple[Floats, Floats]:
    """Return both tables as arrays, with NaN in the variance where a study is absent."""
    check_missing(missing)
    name, spread = variance_from(variance, se)
    tables = align_tables({"effect": effect, name: spread})
    try:
        effects, variances = (numbers(values, one, ndim=None) for one, values in tables.items())
    except DataError as error:
        raise DataError(f"effect and {name} must be tables of numbers: {error}") from error
    if effects.ndim != 2 or effects.shape != variances.shape:
        raise DataError(
            f"effect and {name} must have the same shape (n, k); theirs are {effects.shape} and {variances.shape}."
        )
    if se is not None:
        variances = np.where(variances > 0.0, np.square(variances), -np.abs(variances))
    if missing == "omit":
        gone = np.isnan(effects) | np.isnan(variances)
        effects[gone], variances[gone] = np.nan, np.nan
    good = within_limits(effects, variances) | (np.isnan(effects) & np.isnan(variances))
    if not good.all():
        row, column = np.argwhere(~good)[0]
        fault = describe_fault(float(effects[row, column]), float(variances[row, column]))
        raise DataError(f"row {row}, column {column}: {fault}")
    return effects, variances
