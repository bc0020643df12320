"""Adjustments for the design of a trial: clusters, periods, several arms, change from baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from evidence.columns import variance_from
from evidence.effects.sizes.arguments import Array, Columns, columns
from evidence.effects.sizes.continuous import change_sd
from evidence.errors import DataError
from evidence.results import Shown

__all__ = [
    "CombinedArms",
    "change_correlation",
    "combine_arms",
    "combine_events",
    "crossover_smd",
    "design_effect",
    "effective_size",
    "inflate_variance",
    "sd_from_interval",
    "sd_from_se",
    "sd_of_change",
]

Result = float | Array | pd.Series


@np.errstate(all="ignore")  # what is not finite is reported
def design_effect(cluster_size: ArrayLike, icc: ArrayLike, *, cv: ArrayLike = 0.0) -> Result:
    """Factor by which randomising clusters inflates the variance.

    Parameters
    ----------
    cluster_size : array-like or float
        Mean number of participants in a cluster, at least 1.
    icc : array-like or float
        Intracluster correlation, 0 to 1.
    cv : array-like or float
        Coefficient of variation of the cluster sizes, 0 or more; 0 for clusters of equal size.

    Returns
    -------
    float, ndarray or Series
        1 + ((1 + cv^2) cluster_size - 1) icc.

    Raises
    ------
    DataError
        If a value is out of range.

    References
    ----------
    .. [1] Eldridge, Ashby & Kerry (2006), Int J Epidemiol 35(5), 1292-1300.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.design_effect(20, 0.05), 2)
    1.95
    """
    table = columns(cluster_size=cluster_size, icc=icc, cv=cv)
    return table.unwrap(_design_effect(table), "the design effect")


@np.errstate(all="ignore")  # what is not finite is reported
def effective_size(n: ArrayLike, cluster_size: ArrayLike, icc: ArrayLike, *, cv: ArrayLike = 0.0) -> Result:
    """Sample size, or number of events, of a cluster trial divided by its `design_effect`.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.effective_size(240, 12, 0.05), 1)
    154.8
    """
    table = columns(n=n, cluster_size=cluster_size, icc=icc, cv=cv)
    table.refuse(table["n"] < 0, "n", "0 or more")
    return table.unwrap(table["n"] / _design_effect(table), "the effective size")


@np.errstate(all="ignore")  # what is not finite is reported
def inflate_variance(
    variance: ArrayLike | None = None,
    cluster_size: ArrayLike | None = None,
    icc: ArrayLike | None = None,
    *,
    cv: ArrayLike = 0.0,
    se: ArrayLike | None = None,
) -> Result:
    """Variance of a cluster trial analysed as if individuals had been randomised, times `design_effect`.

    In place of the variance its root, the standard error, may be given as `se`; a variance is returned.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.inflate_variance(0.04, 12, 0.05), 3)
    0.062
    """
    name, _ = variance_from(variance, se)
    if cluster_size is None or icc is None:
        raise DataError(
            "give cluster_size and icc, the mean size of the clusters and the intracluster correlation."
        )
    table = columns(variance=variance, se=se, cluster_size=cluster_size, icc=icc, cv=cv)
    table.refuse(table[name] < 0, name, "0 or more")
    if name == "se":
        table.data["variance"] = np.square(table.data.pop("se"))
    return table.unwrap(table["variance"] * _design_effect(table), "the inflated variance")


def _design_effect(table: Columns) -> Array:
    table.refuse(table["cluster_size"] < 1, "cluster_size", "at least 1")
    table.refuse((table["icc"] < 0) | (table["icc"] > 1), "icc", "between 0 and 1")
    table.refuse(table["cv"] < 0, "cv", "0 or more")
    return 1 + ((1 + table["cv"] ** 2) * table["cluster_size"] - 1) * table["icc"]


@dataclass(frozen=True, repr=False)
class CombinedArms(Shown):
    """Arms of one trial merged into one group: its mean, standard deviation and size."""

    mean: float
    sd: float
    n: float

    def to_frame(self) -> pd.DataFrame:
        """One row: mean, sd, n."""
        return pd.DataFrame({"mean": [self.mean], "sd": [self.sd], "n": [self.n]})

    def summary(self) -> str:
        """The merged group in words."""
        return f"mean {self.mean:.4g}, SD {self.sd:.4g}, n {self.n:g}"


@np.errstate(all="ignore")  # what is not finite is reported
def combine_arms(m: ArrayLike, sd: ArrayLike, n: ArrayLike) -> CombinedArms:
    """Merge two or more arms of a trial into one group.

    The result is what the individual data of all arms together would give, so the order of the arms does not
    matter; for two arms it is the formula of the Cochrane Handbook.

    Parameters
    ----------
    m, sd, n : array-like, shape (k,)
        Means, standard deviations (0 or more) and sizes (at least 1) of the arms.

    Returns
    -------
    CombinedArms

    Raises
    ------
    DataError
        If a value is absent or out of range, or there is only one participant.

    References
    ----------
    .. [1] Higgins, Li & Deeks, Cochrane Handbook for Systematic Reviews of Interventions, section 6.5.2.10.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.combine_arms(m=[3.0, 4.0], sd=[1.0, 2.0], n=[20, 30]).summary()
    'mean 3.6, SD 1.732, n 50'
    """
    table = columns(m=m, sd=sd, n=n)
    for name, values in table.data.items():
        table.refuse(np.isnan(values), name, "known for every arm")
    table.refuse(table["sd"] < 0, "sd", "0 or more")
    table.refuse(table["n"] < 1, "n", "at least 1")
    size = float(table["n"].sum())
    if size <= 1:
        raise DataError(f"The arms hold {size:g} participants; a standard deviation needs two or more.")
    mean = float(table["n"] @ table["m"] / size)
    squares = (table["n"] - 1) * table["sd"] ** 2 + table["n"] * (table["m"] - mean) ** 2
    combined = CombinedArms(mean, float(np.sqrt(squares.sum() / (size - 1))), size)
    if not np.isfinite([combined.mean, combined.sd, combined.n]).all():
        raise DataError("The combined mean or standard deviation is not finite; the values are too large.")
    return combined


@np.errstate(all="ignore")  # what is not finite is reported
def combine_events(events: ArrayLike, n: ArrayLike) -> tuple[float, float]:
    """Merge arms of a trial with a binary outcome: the sums of the events and of the sizes.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.combine_events([3, 5], [20, 22])
    (8.0, 42.0)
    """
    table = columns(events=events, n=n)
    for name, values in table.data.items():
        table.refuse(np.isnan(values), name, "known for every arm")
    table.refuse(table["events"] < 0, "events", "0 or more")
    table.refuse(table["events"] > table["n"], "events", "at most n")
    total = float(table["events"].sum()), float(table["n"].sum())
    if not np.isfinite(total).all():
        raise DataError("The combined numbers are not finite; the values are too large.")
    return total


@np.errstate(all="ignore")  # what is not finite is reported
def sd_from_se(se: ArrayLike, n: ArrayLike) -> Result:
    """Standard deviation of one group from the standard error of its mean (0 or more) and its size.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.sd_from_se(0.6, 30), 3)
    3.286
    """
    table = columns(se=se, n=n)
    table.refuse(table["se"] < 0, "se", "0 or more")
    table.refuse(table["n"] < 1, "n", "at least 1")
    return table.unwrap(table["se"] * np.sqrt(table["n"]), "the SD")


@np.errstate(all="ignore")  # what is not finite is reported
def sd_from_interval(
    low: ArrayLike, high: ArrayLike, n: ArrayLike, *, level: float = 0.95, distribution: str = "t"
) -> Result:
    """Standard deviation of one group from the confidence interval of its mean.

    Parameters
    ----------
    low, high : array-like or float
        Limits of the interval, low below high.
    n : array-like or float
        Group size; more than 1 for the t distribution.
    level : float
        Confidence level, between 0.01 and 1.
    distribution : {"t", "normal"}
        Behind the interval: t with n - 1 degrees of freedom, or normal.

    Returns
    -------
    float, ndarray or Series

    Raises
    ------
    DataError
        If a value is out of range or the limits are swapped.

    References
    ----------
    .. [1] Higgins, Li & Deeks, Cochrane Handbook for Systematic Reviews of Interventions, section 6.5.2.2.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.sd_from_interval(4.1, 6.3, 30), 3)
    2.946
    """
    if not 0.01 < level < 1:
        raise DataError(f"level must be between 0.01 and 1, such as 0.95, not {level!r}.")
    if distribution not in ("t", "normal"):
        raise DataError(f'distribution must be "t" or "normal", not {distribution!r}.')
    table = columns(low=low, high=high, n=n)
    table.refuse(table["low"] >= table["high"], "low", "below high; the limits are swapped or equal")
    tail = 0.5 + level / 2
    if distribution == "t":
        table.refuse(table["n"] <= 1, "n", "above 1")
        quantile = stdtrit(table["n"] - 1, tail)
    else:
        table.refuse(table["n"] < 1, "n", "at least 1")
        quantile = ndtri(tail)
    sd = np.sqrt(table["n"]) * (table["high"] - table["low"]) / (2 * quantile)
    return table.unwrap(sd, "the SD")


@np.errstate(all="ignore")  # what is not finite is reported
def sd_of_change(sd_baseline: ArrayLike, sd_final: ArrayLike, r: ArrayLike) -> Result:
    """Standard deviation of the change from baseline, given an assumed correlation.

    Parameters
    ----------
    sd_baseline, sd_final : array-like or float
        Standard deviations at baseline and at follow-up, 0 or more.
    r : array-like or float
        Correlation of the two measurements, -1 to 1.

    Returns
    -------
    float, ndarray or Series

    Raises
    ------
    DataError
        If a value is out of range.

    References
    ----------
    .. [1] Higgins, Li & Deeks, Cochrane Handbook for Systematic Reviews of Interventions, section 6.5.2.8.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.sd_of_change(5.0, 5.4, 0.6), 3)
    4.665
    """
    table = columns(sd_baseline=sd_baseline, sd_final=sd_final, r=r)
    for name in ("sd_baseline", "sd_final"):
        table.refuse(table[name] < 0, name, "0 or more")
    table.refuse(np.abs(table["r"]) > 1, "r", "between -1 and 1")
    sd = change_sd(table["sd_baseline"], table["sd_final"], table["r"])
    return table.unwrap(sd, "the SD of the change")


@np.errstate(all="ignore")  # what is not finite is reported
def change_correlation(sd_baseline: ArrayLike, sd_final: ArrayLike, sd_change: ArrayLike) -> Result:
    """Correlation of two measurements from their standard deviations and that of their difference.

    Serves change from baseline and, with the two treatments of a cross-over trial in place of the two times,
    the correlation within its patients. The inverse of `sd_of_change`.

    Raises
    ------
    DataError
        If a standard deviation is not positive (of the change: negative), or the three contradict each other, so
        that the correlation would lie outside -1 to 1.

    Examples
    --------
    >>> import evidence as ev
    >>> round(ev.change_correlation(5.0, 5.4, 4.1), 3)
    0.692
    """
    table = columns(sd_baseline=sd_baseline, sd_final=sd_final, sd_change=sd_change)
    first, last, change = table["sd_baseline"], table["sd_final"], table["sd_change"]
    table.refuse(first <= 0, "sd_baseline", "positive")
    table.refuse(last <= 0, "sd_final", "positive")
    slack = 1e-9 * (first + last)
    impossible = (change < np.abs(first - last) - slack) | (change > first + last + slack)
    table.refuse(impossible, "sd_change", "between the difference and the sum of the other two SDs")
    r = (first / last + last / first - change / first * (change / last)) / 2
    return table.unwrap(np.clip(r, -1, 1), "the correlation")


@np.errstate(all="ignore")  # what is not finite is reported
def crossover_smd(
    m1: ArrayLike,
    sd1: ArrayLike,
    m2: ArrayLike,
    sd2: ArrayLike,
    n: ArrayLike,
    r: ArrayLike,
    *,
    variance_form: str = "LS",
) -> pd.DataFrame:
    """Standardised mean difference of a cross-over trial, on the scale of parallel trials.

    Parameters
    ----------
    m1, sd1, m2, sd2 : array-like or float
        Mean and standard deviation under each treatment.
    n : array-like or float
        Number of participants, at least 2.
    r : array-like or float
        Correlation of a participant's two outcomes, -1 to 1.
    variance_form : {"LS", "Handbook"}
        ``LS``: large-sample variance by the delta method [1]_. ``Handbook``: (1/n + effect^2 / (2 n)) 2 (1 - r)
        of [2]_, which is too small for large effects with a high correlation [3]_.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect``, the mean difference over the root of the mean variance, and ``variance``. The mean
        difference itself is ``effect_size("MC", ...)``.

    Raises
    ------
    DataError
        If a value is out of range, both standard deviations are 0, or the form is unknown.

    References
    ----------
    .. [1] Bonett (2008), Psychol Methods 13(2), 99-109.
    .. [2] Higgins, Eldridge & Li, Cochrane Handbook for Systematic Reviews of Interventions, chapter 23.
    .. [3] Kitchenham & Madeyski (2020), Stat Med 39(27), 4101-4104.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.crossover_smd(21.3, 5.0, 24.1, 5.4, 20, 0.6).round(4)
       effect  variance
    0 -0.5381    0.0451
    """
    if variance_form not in ("LS", "Handbook"):
        raise DataError(f'variance_form must be "LS" or "Handbook", not {variance_form!r}.')
    table = columns(m1=m1, sd1=sd1, m2=m2, sd2=sd2, n=n, r=r)
    for name in ("sd1", "sd2"):
        table.refuse(table[name] < 0, name, "0 or more")
    table.refuse((table["sd1"] == 0) & (table["sd2"] == 0), "sd1", "positive if sd2 is 0")
    table.refuse(table["n"] < 2, "n", "at least 2")
    table.refuse(np.abs(table["r"]) > 1, "r", "between -1 and 1")
    sd = np.hypot(table["sd1"], table["sd2"]) / np.sqrt(2)
    effect = (table["m1"] - table["m2"]) / sd
    if variance_form == "Handbook":
        variance = (1 + effect**2 / 2) / table["n"] * 2 * (1 - table["r"])
    else:
        first, second = table["sd1"] / sd, table["sd2"] / sd
        of_sd = effect**2 * (first**4 + second**4 + 2 * (table["r"] * first * second) ** 2) / 8
        variance = (change_sd(first, second, table["r"]) ** 2 + of_sd) / table["n"]
    return table.frame(effect, variance, "the standardised mean difference or its variance")
