"""The ways from the reported numbers of one estimate to its standard error, each with its derivation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from evidence.effects.sizes.arguments import Array, Columns, columns
from evidence.errors import DataError
from evidence.results import Shown

__all__ = ["NEEDED", "Recovered", "Reported", "recover"]


NEEDED = (
    "A standard error needs one of: se; ci_low and ci_high; sd (or sd1 and sd2) with n1 and n2; "
    "or estimate with statistic, f_value or p_value."
)


@dataclass(frozen=True, slots=True)
class Reported:
    """The reported numbers of one estimate and the ways to its standard error.

    Attributes
    ----------
    numbers : dict of str to float
        What was reported, under the argument names of `recover`; what was not is absent.
    where : str
        Name of the row, for messages.
    level, distribution, log
        As in `recover`.
    """

    numbers: dict[str, float]
    where: str
    level: float
    distribution: str
    log: bool

    def recover(self) -> tuple[float, float, float, float, str, tuple[str, ...]]:
        """Estimate, standard error, standard deviation, asymmetry, method and steps."""
        has = self.numbers.keys()
        steps: list[str] = []
        if "se" in has:
            se, method = self.numbers["se"], "standard error"
            steps.append(f"SE = {se:.4g}, as reported")
        elif {"ci_low", "ci_high"} <= has:
            se, method = self.from_interval(steps)
        elif {"n1", "n2"} <= has and ("sd" in has or {"sd1", "sd2"} <= has):
            se, method = self.from_sds(steps)
        elif "estimate" in has and has & {"statistic", "f_value", "p_value"}:
            se, method = self.from_test(steps)
        else:
            known = ", ".join(has) or "nothing"
            raise DataError(f"{self.where}: no standard error can be recovered from {known}. {NEEDED}")
        if not 0 < se < math.inf:
            raise DataError(f"{self.where}: no positive, finite standard error follows from {self.numbers}.")
        return self.estimate(steps), se, self.sd(se, steps), self.asymmetry(steps), method, tuple(steps)

    def scaled(self, name: str) -> float:
        """A reported number on the scale of the analysis."""
        value = self.numbers[name]
        return math.log(value) if self.log else value

    def degrees(self) -> float | None:
        """Degrees of freedom reported, or those of two groups."""
        if "df" in self.numbers:
            return self.numbers["df"]
        if {"n1", "n2"} <= self.numbers.keys() and self.numbers["n1"] + self.numbers["n2"] > 2:
            return self.numbers["n1"] + self.numbers["n2"] - 2
        return None

    def quantile(self, tail: float, use_t: bool) -> tuple[float, str]:
        """Value with probability `tail` above it, and the name of the distribution."""
        if not use_t:
            return -float(ndtri(tail)), "normal"
        df = self.degrees()
        if df is None:
            raise DataError(
                f"{self.where}: the t distribution needs df, or n1 and n2 that sum to more than 2."
            )
        return -float(stdtrit(df, tail)), f"t with {df:g} df"

    def from_interval(self, steps: list[str]) -> tuple[float, str]:
        """Standard error from half the width of the interval over its quantile."""
        low, high = self.scaled("ci_low"), self.scaled("ci_high")
        if self.log:
            printed = {name: self.numbers[f"ci_{name}"] for name in ("low", "high")}
            steps.append(f"log({printed['low']:.4g}) = {low:.4g}, log({printed['high']:.4g}) = {high:.4g}")
        use_t = self.distribution == "t" or (self.distribution == "auto" and "df" in self.numbers)
        quantile, name = self.quantile((1 - self.level) / 2, use_t)
        se = (high - low) / (2 * quantile)
        minus = f"({low:.4g})" if low < 0 else f"{low:.4g}"
        steps.append(f"SE = ({high:.4g} - {minus}) / (2 × {quantile:.4g}) = {se:.4g}")
        return se, f"{100 * self.level:g}% confidence interval, {name}"

    def from_sds(self, steps: list[str]) -> tuple[float, str]:
        """Standard error of a difference of two means."""
        n1, n2 = self.numbers["n1"], self.numbers["n2"]
        if {"sd1", "sd2"} <= self.numbers.keys():
            sd1, sd2 = self.numbers["sd1"], self.numbers["sd2"]
            se = math.hypot(sd1 / math.sqrt(n1), sd2 / math.sqrt(n2))
            steps.append(f"SE = √({sd1:.4g}²/{n1:g} + {sd2:.4g}²/{n2:g}) = {se:.4g}")
            return se, "standard deviations of the groups"
        sd = self.numbers["sd"]
        se = sd * math.sqrt(1 / n1 + 1 / n2)
        steps.append(f"SE = {sd:.4g} × √(1/{n1:g} + 1/{n2:g}) = {se:.4g}")
        return se, "standard deviation common to the groups"

    def from_test(self, steps: list[str]) -> tuple[float, str]:
        """Standard error as the estimate over its test statistic."""
        estimate = self.scaled("estimate")
        null = "1, that is a log ratio of 0," if self.log else "0"
        if "statistic" in self.numbers:
            t, method = abs(self.numbers["statistic"]), "t statistic"
        elif "f_value" in self.numbers:
            f = self.numbers["f_value"]
            t, method = math.sqrt(f), "F statistic"
            steps.append(f"t = √{f:.4g} = {t:.4g}")
        else:
            p = self.numbers["p_value"]
            use_t = self.distribution == "t" or (self.distribution == "auto" and self.degrees() is not None)
            if p == 1:
                raise DataError(
                    f"{self.where}: P = 1 belongs to a test statistic of 0, which fits any standard error; "
                    "look for an interval or standard deviations."
                )
            t, name = self.quantile(p / 2, use_t)
            method = f"exact P value, {name}"
            steps.append(f"P = {p:.4g} belongs to a statistic of {t:.4g} ({name})")
        if estimate == 0 or t == 0:
            raise DataError(
                f"{self.where}: an estimate of {null} or a test statistic of 0 fits any standard error, "
                "since SE = estimate / statistic; look for an interval or standard deviations."
            )
        se = abs(estimate) / t
        steps.append(f"SE = |{estimate:.4g}| / {t:.4g} = {se:.4g}")
        return se, method

    def estimate(self, steps: list[str]) -> float:
        """The estimate reported, else the middle of the interval."""
        if "estimate" in self.numbers:
            value = self.scaled("estimate")
            if self.log:
                steps.append(f"estimate = log({self.numbers['estimate']:.4g}) = {value:.4g}")
            return value
        if {"ci_low", "ci_high"} <= self.numbers.keys():
            value = (self.scaled("ci_low") + self.scaled("ci_high")) / 2
            steps.append(f"estimate = middle of the interval = {value:.4g}")
            return value
        return math.nan

    def sd(self, se: float, steps: list[str]) -> float:
        """The SD reported, else pooled over the groups, else from the standard error."""
        has = self.numbers.keys()
        if "sd" in has:
            return self.numbers["sd"]
        if self.log or not {"n1", "n2"} <= has:
            return math.nan
        n1, n2 = self.numbers["n1"], self.numbers["n2"]
        if {"sd1", "sd2"} <= has and n1 + n2 > 2:
            sd1, sd2 = self.numbers["sd1"], self.numbers["sd2"]
            df = n1 + n2 - 2
            sd = math.hypot(sd1 * math.sqrt((n1 - 1) / df), sd2 * math.sqrt((n2 - 1) / df))
            steps.append(f"pooled SD = {sd:.4g}")
            return sd
        sd = se / math.sqrt(1 / n1 + 1 / n2)
        steps.append(f"SD = {se:.4g} / √(1/{n1:g} + 1/{n2:g}) = {sd:.4g}")
        return sd

    def asymmetry(self, steps: list[str]) -> float:
        """Offset of the estimate from the middle of the interval in half widths; 0 within rounding."""
        names = ("estimate", "ci_low", "ci_high")
        if not set(names) <= self.numbers.keys():
            return math.nan
        estimate, low, high = (self.scaled(name) for name in names)
        # Printed numbers share their decimals, so the most precise of the three tells the rounding of all.
        unit = 10.0 ** -max(_decimals(self.numbers[name]) for name in names)
        errors = [unit / 2 / (self.numbers[name] if self.log else 1) for name in names]
        if estimate < low - errors[0] - errors[1] or estimate > high + errors[0] + errors[2]:
            low, high = self.numbers["ci_low"], self.numbers["ci_high"]
            raise DataError(
                f"{self.where}: estimate = {self.numbers['estimate']:g} lies outside its interval, "
                f"{low:g} to {high:g}; check the source."
            )
        offset, half = estimate - (low + high) / 2, (high - low) / 2
        if abs(offset) <= errors[0] + (errors[1] + errors[2]) / 2 + 1e-9 * half:
            return 0.0
        steps.append(
            f"the estimate is {abs(offset) / half:.1%} of half the width off the middle of the interval"
        )
        return offset / half


def _decimals(value: float) -> int:
    """Decimals that the shortest exact print of a number shows, without trailing zeros."""
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


@dataclass(frozen=True, repr=False)
class Recovered(Shown):
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
        if isinstance(self.method, str):
            return "\n".join(map(str, self.steps))
        return "\n".join(f"{label}: {steps}" for label, steps in self.to_frame()["steps"].items())


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
    >>> import evidence as ev
    >>> ev.recover(estimate=-2.9, ci_low=-4.0, ci_high=-1.8).steps[0]
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
