"""Fit one meta-regression to many sets of effects at once: simulations, bootstrap samples, many outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from evidence.errors import DataError
from evidence.measures import check_level
from evidence.models.core.coefficients import TESTS, coefficients, joint_test, quantile, two_sided
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import (
    METHODS,
    estimate_tau2,
    model_log_likelihood,
    q_profile_interval,
)
from evidence.models.pool_many import check_table
from evidence.models.regression.design import Design, build_design
from evidence.results import Shown, lasting_property, table_text

__all__ = ["RegressedMany", "fit_many", "regress_many"]

CELLS = 2**17
"""Size of the arrays of one block."""
QUANTITIES = ("k", "df", "tau2", "qm", "qm_p", "qe", "qe_p", "i2", "h2")


@dataclass(frozen=True, eq=False, repr=False)
class RegressedMany(Shown):
    """Result of `regress_many`: one entry a fit, named as in `Regression`; NaN where there are too few studies.

    The interval of tau2 and the likelihood are computed when first asked for.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> latitude = pd.DataFrame({"ablat": [44, 55, 42, 52]})
    >>> many = ev.regress_many(
    ...     "effect ~ ablat", latitude, [[-0.89, -1.59, -1.35, -1.44]], [[0.1, 0.1, 0.1, 0.1]]
    ... )
    >>> many.names
    ('Intercept', 'ablat')
    """

    names: tuple[str, ...]
    """The p coefficients."""
    estimate: Floats
    """Shape (n, p), as the next five."""
    se: Floats
    ci_low: Floats
    ci_high: Floats
    statistic: Floats
    p_value: Floats
    k: Floats
    """Number of studies, shape (n,), as the next eight."""
    df: Floats
    tau2: Floats
    qm: Floats
    qm_p: Floats
    qe: Floats
    qe_p: Floats
    i2: Floats
    h2: Floats
    method: str
    ci: str
    level: float
    matrix: Floats
    """Design, shape (k, p)."""
    effect: Floats
    """Shape (n, k); NaN where a study is absent."""
    variance: Floats

    def __len__(self) -> int:
        return len(self.estimate)

    @property
    def tau2_low(self) -> Floats:
        """Lower limit of the Q-profile interval for tau2, shape (n,)."""
        return self._interval[0]

    @property
    def tau2_high(self) -> Floats:
        """Upper limit of the Q-profile interval for tau2, shape (n,)."""
        return self._interval[1]

    @lasting_property
    def log_likelihood(self) -> Floats:
        """Log-likelihood at tau2, shape (n,): the restricted one for REML, else the full one."""

        def height(model: Model, rows: NDArray[np.intp]) -> Any:
            return model_log_likelihood(model, self.tau2[rows], restricted=self.method == "REML")

        return self._by_rows(height, 1)[0]

    def to_frame(self) -> pd.DataFrame:
        """One row a fit and coefficient: row, coefficient, estimate, se, interval, statistic, p_value, tau2."""
        n, p = self.estimate.shape
        each = {
            name: getattr(self, name).ravel()
            for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "p_value")
        }
        head = {"row": np.repeat(np.arange(n), p), "coefficient": np.tile(self.names, n)}
        return pd.DataFrame(head | each | {"tau2": np.repeat(self.tau2, p)})

    def summary(self) -> str:
        """Describe the distribution of the coefficients."""
        table = self.to_frame().groupby("coefficient", sort=False)["estimate"].describe().reset_index()
        return table_text(f"{len(self)} meta-regressions, method {self.method}, {self.ci}", table)

    @lasting_property
    def _interval(self) -> Floats:
        if self.method == "EE":
            return np.full((2, len(self)), np.nan)
        return self._by_rows(lambda model, rows: q_profile_interval(model, self.level), 2)

    def _by_rows(self, compute: Callable[[Model, NDArray[np.intp]], Any], count: int) -> Floats:
        out = np.full((count, len(self)), np.nan)
        for model, rows in _models(self.matrix, self.effect, self.variance):
            if model.k > model.p:
                out[:, rows] = compute(model, rows)
        return out


def regress_many(
    formula: str,
    data: pd.DataFrame,
    effect: Any,
    variance: Any = None,
    *,
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    se: Any = None,
) -> RegressedMany:
    """Fit a meta-regression to each row of effects; the same numbers as `regress`, at the cost of array arithmetic.

    Parameters
    ----------
    formula : str
        "~ exercise + weeks": the moderators, as in `regress`; a left side is not looked at.
    data : DataFrame
        One row a study, k in all, without missing moderators; shared by all fits.
    effect, variance : array-like, shape (n, k)
        One row a fit, one column a study. A study is absent where both are NaN.
    method, ci, level
        As for `regress`.
    se : array-like, shape (n, k), optional
        Standard errors, in place of `variance`.

    Returns
    -------
    RegressedMany
        A fit with fewer studies than coefficients, or whose studies cannot tell the coefficients apart, is NaN.

    Raises
    ------
    DataError
        If shapes differ, an option is unknown, a moderator is missing, or a value is out of range; the message names
        row and column.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> latitude = pd.DataFrame({"ablat": [44, 55, 42, 52, 13, 44]})
    >>> many = ev.regress_many(
    ...     "effect ~ ablat",
    ...     latitude,
    ...     [[-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]],
    ...     [[0.326, 0.195, 0.415, 0.02, 0.051, 0.007]],
    ... )
    >>> many.estimate.round(3)
    array([[ 0.25 , -0.029]])
    """
    for name, value, known in (("method", method, METHODS), ("ci", ci, tuple(TESTS))):
        if value not in known:
            raise DataError(f"unknown {name} {value!r}; choose one of {', '.join(known)}.")
    check_level(level)
    design = build_design("~" + formula.rpartition("~")[2], data)
    if not design.kept.all():
        raise DataError(
            f"row {int(np.argmin(design.kept))} of the data has no value of a moderator; give all."
        )
    effects, variances = check_table(effect, variance, se, "refuse")
    width = effects.shape[1]
    if width != len(design.matrix):
        raise DataError(
            f"effect has {width} columns and data {len(design.matrix)} rows; give one of each a study."
        )
    return fit_many(design, effects, variances, method, ci, level)


def fit_many(
    design: Design, effects: Floats, variances: Floats, method: str, ci: str, level: float
) -> RegressedMany:
    """As `regress_many`, for a design and checked tables of shape (n, k); NaN marks an absent study."""
    n, p = len(effects), design.matrix.shape[1]
    columns = list(range(int(design.intercept and p > 1), p))
    each = {
        name: np.full((n, p), np.nan)
        for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "p_value")
    }
    one = {name: np.full(n, np.nan) for name in QUANTITIES}
    one["k"] = np.isfinite(variances).sum(axis=1).astype(np.float64)
    for model, rows in _models(design.matrix, effects, variances):
        tau2 = estimate_tau2(model, method)
        found, plain = coefficients(model, tau2, ci), model.at(0.0)
        half = quantile(found.df, level) * found.se
        values = (found.estimate, found.se, found.estimate - half, found.estimate + half, found.statistic)
        for name, value in zip(each, (*values, two_sided(found.statistic, found.df)), strict=True):
            each[name][rows] = value
        qm, qm_p = joint_test(
            found.estimate[:, columns], found.covariance[:, columns][:, :, columns], found.df
        )
        df, qe = model.k - p, plain.rss
        h2 = np.ones(rows.size)
        if df:
            h2 = qe / df if method == "EE" else 1.0 + tau2 * plain.trace_p / df
        qe_p = chdtrc(df, qe) if df else np.ones(rows.size)
        i2 = 100.0 * np.maximum(1.0 - 1.0 / (np.maximum(h2, 1.0) if method == "EE" else h2), 0.0)
        for name, value in zip(QUANTITIES[1:], (found.df, tau2, qm, qm_p, qe, qe_p, i2, h2), strict=True):
            one[name][rows] = value
    return RegressedMany(
        tuple(map(str, design.names)),
        **each,
        **one,
        method=method,
        ci=ci,
        level=level,
        matrix=design.matrix,
        effect=effects,
        variance=variances,
    )


def _models(matrix: Floats, effect: Floats, variance: Floats) -> Iterator[tuple[Model, NDArray[np.intp]]]:
    """Blocks of fits that have the same studies, with their rows; only studies that tell all coefficients apart."""
    present = ~np.isnan(variance)
    patterns, which = np.unique(present, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows = np.flatnonzero(which.ravel() == number)
        k = int(pattern.sum())
        if k < matrix.shape[1] or np.linalg.matrix_rank(matrix[pattern]) < matrix.shape[1]:
            continue
        step = max(1, CELLS // (k * (matrix.shape[1] + 1)))
        for start in range(0, rows.size, step):
            here = rows[start : start + step]
            at = np.ix_(here, np.flatnonzero(pattern))
            yield Model(matrix[pattern], effect[at], variance[at]), here
