"""Standard errors and standard deviations from what a publication prints: a CI, P, t, F or the arms' SDs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evidence.effects.arguments import Array, Columns, columns
from evidence.effects.standard_error import NEEDED, Reported
from evidence.errors import DataError

__all__ = ["Recovered", "recover"]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was recovered from reported statistics; single values for single numbers, else columns.

    Attributes
    ----------
    estimate : float or ndarray
        The estimate, a log ratio with ``log=True``; the middle of the interval if none was reported; NaN if
        unknown.
    se : float or ndarray
        Its standard error, on the scale of the estimate.
    sd : float or ndarray
        Standard deviation of the outcome in one group, from `se` and the group sizes if not reported; NaN if
        these are unknown or the estimate is a log ratio.
    asymmetry : float or ndarray
        Distance of the reported estimate from the middle of the interval, as a share of half its width; 0 if
        rounding of the printed numbers explains it; NaN without an interval and an estimate.
    method : str or tuple of str
        What the standard error was recovered from.
    steps : tuple of str, or tuple of such tuples
        The derivation, with numbers.
    index : pandas.Index or None
        Labels of the rows.
    """

    estimate: float | Array
    se: float | Array
    sd: float | Array
    asymmetry: float | Array
    method: str | tuple[str, ...]
    steps: tuple[str, ...] | tuple[tuple[str, ...], ...]
    index: pd.Index | None = None

    def to_frame(self) -> pd.DataFrame:
        """One row per estimate: estimate, se, sd, asymmetry, method, steps (joined by semicolons)."""
        single = isinstance(self.method, str)
        steps = cast(tuple[tuple[str, ...], ...], (self.steps,) if single else self.steps)
        return pd.DataFrame(
            {
                "estimate": np.atleast_1d(self.estimate),
                "se": np.atleast_1d(self.se),
                "sd": np.atleast_1d(self.sd),
                "asymmetry": np.atleast_1d(self.asymmetry),
                "method": [self.method] if single else list(self.method),
                "steps": ["; ".join(row) for row in steps],
            },
            index=self.index,
        )

    def summary(self) -> str:
        """The derivation as text, one step a line."""
        frame = self.to_frame()
        if isinstance(self.method, str):
            return frame["steps"].iloc[0].replace("; ", "\n")
        return "\n".join(f"{label}: {steps}" for label, steps in frame["steps"].items())

    def _repr_html_(self) -> str:
        return self.to_frame().to_html()


def recover(
    *,
    estimate: ArrayLike | None = None,
    ci_low: ArrayLike | None = None,
    ci_high: ArrayLike | None = None,
    level: float = 0.95,
    se: ArrayLike | None = None,
    p_value: ArrayLike | None = None,
    statistic: ArrayLike | None = None,
    f_value: ArrayLike | None = None,
    df: ArrayLike | None = None,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    sd: ArrayLike | None = None,
    sd1: ArrayLike | None = None,
    sd2: ArrayLike | None = None,
    distribution: str = "auto",
    log: bool = False,
) -> Recovered:
    """Recover the standard error of an estimate, and the SD of the outcome, from reported statistics.

    Each row uses the first of these that is there: the standard error; both limits of the interval; the
    standard deviations and sizes of the groups; the t statistic; the F statistic (one numerator degree of
    freedom); the exact two-sided P value. NaN marks an absent value, so columns of a table can be given as
    they are.

    Parameters
    ----------
    estimate : array-like or float, optional
        Difference, or ratio with ``log=True``. The t, F and P routes need it.
    ci_low, ci_high : array-like or float, optional
        Limits of the confidence interval, on the scale of the estimate.
    level : float
        Confidence level of the interval, between 0.01 and 1.
    se : array-like or float, optional
        Standard error; of the log ratio with ``log=True``.
    p_value : array-like or float, optional
        Exact two-sided P value, above 0 and below 1.
    statistic, f_value : array-like or float, optional
        t (or z) statistic; F statistic of two groups.
    df : array-like or float, optional
        Degrees of freedom of the t distribution, at least 1; n1 + n2 - 2 if not given.
    n1, n2 : array-like or float, optional
        Group sizes.
    sd, sd1, sd2 : array-like or float, optional
        Standard deviation common to both groups, or of each.
    distribution : {"auto", "normal", "t"}
        Distribution behind the interval and the P value. ``auto``: for an interval, t if `df` is given, else
        normal; for a P value, t if `df` or both sizes are known, else normal. ``t`` uses n1 + n2 - 2 where
        `df` is absent and is apt for intervals of small trials.
    log : bool
        The estimate and interval are ratios; results are on the log scale.

    Returns
    -------
    Recovered

    Raises
    ------
    DataError
        If a row has nothing to recover from, a value is impossible, the limits are swapped, the estimate lies
        outside them, or P is 0 or 1 (or the estimate is 0) with nothing else to go by.

    References
    ----------
    .. [1] Higgins, Li & Deeks, Cochrane Handbook for Systematic Reviews of Interventions, chapter 6.

    Examples
    --------
    >>> recover(estimate=-2.9, ci_low=-4.0, ci_high=-1.8).steps[0]
    'SE = (-1.8 - (-4)) / (2 × 1.96) = 0.5612'
    """
    if not 0.01 < level < 1:
        raise DataError(f"level must be between 0.01 and 1, such as 0.95, not {level!r}.")
    if distribution not in ("auto", "normal", "t"):
        raise DataError(f'distribution must be "auto", "normal" or "t", not {distribution!r}.')
    reported = {
        "estimate": estimate, "ci_low": ci_low, "ci_high": ci_high, "se": se, "p_value": p_value,
        "statistic": statistic, "f_value": f_value, "df": df, "n1": n1, "n2": n2,
        "sd": sd, "sd1": sd1, "sd2": sd2,
    }  # fmt: skip
    if all(value is None for value in reported.values()):
        raise DataError(f"Nothing to recover from. {NEEDED}")
    table = columns(**reported)
    _check_ranges(table, log)
    rows = [
        Reported(
            {name: float(values[i]) for name, values in table.data.items() if not np.isnan(values[i])},
            table.row(i),
            level,
            distribution,
            log,
        ).recover()
        for i in range(len(table))
    ]
    if table.scalar:
        return Recovered(*rows[0])
    estimates, ses, sds, asymmetries = np.array([row[:4] for row in rows], dtype=float).reshape(-1, 4).T
    methods, steps = tuple(row[4] for row in rows), tuple(row[5] for row in rows)
    return Recovered(estimates, ses, sds, asymmetries, methods, steps, table.index)


def _check_ranges(table: Columns, log: bool) -> None:
    for name, values in table.data.items():
        if name in ("se", "sd", "sd1", "sd2"):
            table.refuse(values <= 0, name, "positive")
        elif name in ("df", "n1", "n2"):
            table.refuse(values < 1, name, "at least 1")
        elif name == "f_value":
            table.refuse(values < 0, name, "0 or more")
        elif name == "p_value":
            rule = "above 0: a P printed as 0 is only a bound, such as P < 0.001, and tells no standard error"
            table.refuse(values <= 0, name, rule)
            table.refuse(values > 1, name, "at most 1")
        elif log and name in ("estimate", "ci_low", "ci_high"):
            table.refuse(values <= 0, name, "positive, being a ratio (log=True)")
    if log and any(name in table.data for name in ("sd", "sd1", "sd2")):
        raise DataError("Standard deviations do not give the standard error of a log ratio; leave them out.")
    if "ci_low" in table.data and "ci_high" in table.data:
        table.refuse(
            table["ci_low"] >= table["ci_high"],
            "ci_low",
            "below ci_high; the limits are swapped or equal",
        )
