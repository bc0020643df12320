"""Mean and standard deviation from a median with quartiles, extremes, or both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from evidence.effects.sizes.arguments import Array, Columns, columns
from evidence.errors import DataError
from evidence.results import Shown

__all__ = ["Quartiles", "from_quartiles"]


@dataclass(frozen=True, repr=False)
class Quartiles(Shown):
    """Mean and SD estimated from order statistics; single values for single numbers, else columns.

    Attributes
    ----------
    mean, sd : float or ndarray
        Estimates under normality, in the unit of the data.
    mean_method, sd_method : str or tuple of str
        The estimator and the scenario: S1 (minimum, median, maximum), S2 (quartiles, median), S3 (all five).
    skewness, skewness_critical : float or ndarray
        Statistic of the test of skewness and its critical value at the 5% level.
    skewed : bool or ndarray
        True if the test rejects symmetry; the estimates then deserve little trust.
    note : str or tuple of str
        What the test says, in words.
    index : pandas.Index or None
        Labels of the rows.
    """

    mean: float | Array
    sd: float | Array
    mean_method: str | tuple[str, ...]
    sd_method: str | tuple[str, ...]
    skewness: float | Array
    skewness_critical: float | Array
    skewed: bool | Array
    note: str | tuple[str, ...]
    index: pd.Index | None = None

    def to_frame(self) -> pd.DataFrame:
        """One row per sample, with the attributes as columns."""
        names = [name for name in self.__dataclass_fields__ if name != "index"]
        single = isinstance(self.note, str)
        data = {name: [getattr(self, name)] if single else list(getattr(self, name)) for name in names}
        return pd.DataFrame(data, index=self.index)

    def summary(self) -> str:
        """Mean, SD, methods and the verdict on skewness as text, one sample a line."""
        return "\n".join(
            f"mean {row.mean:.4g} ({row.mean_method}), SD {row.sd:.4g} ({row.sd_method}); {row.note}"
            for row in self.to_frame().itertuples(index=False, name="Sample")
        )


def from_quartiles(
    *,
    minimum: ArrayLike | None = None,
    q1: ArrayLike | None = None,
    median: ArrayLike,
    q3: ArrayLike | None = None,
    maximum: ArrayLike | None = None,
    n: ArrayLike,
    method: str = "Luo/Wan",
) -> Quartiles:
    """Estimate mean and standard deviation from a median with extremes, quartiles, or both.

    Parameters
    ----------
    minimum, q1, median, q3, maximum : array-like or float
        Order statistics, in the unit of the data: minimum, median and maximum (scenario S1), quartiles and
        median (S2), or all five (S3). NaN marks an absent value, so rows may differ in scenario.
    n : array-like or float
        Sample size, at least 5.
    method : {"Luo/Wan", "Wan2014", "Shi2020"}
        ``Luo/Wan``: optimally weighted mean [2]_ and SD of [1]_. ``Wan2014``: both of [1]_, with its fixed
        weights. ``Shi2020``: optimally weighted mean, and in S3 the optimally weighted SD of [3]_, which is
        better there; as ``Luo/Wan`` in S1 and S2.

    Returns
    -------
    Quartiles

    Raises
    ------
    DataError
        If a row fits no scenario, its values are out of order or all equal, or n is below 5.

    Notes
    -----
    The estimators assume a normal distribution. The test of skewness [4]_ has size 5% under it; a row it
    calls skewed is estimated all the same and says so in `note`.

    References
    ----------
    .. [1] Wan, Wang, Liu & Tong (2014), BMC Med Res Methodol 14, 135.
    .. [2] Luo, Wan, Liu & Tong (2018), Stat Methods Med Res 27(6), 1785-1805, eqs 7, 11 and 15.
    .. [3] Shi, Luo, Weng, Zeng, Lin, Chu & Tong (2020), Res Synth Methods 11(5), 641-654, eq. 10.
    .. [4] Shi, Luo, Wan, Liu & Tong (2023), Stat Methods Med Res 32(7), 1338-1360.

    Examples
    --------
    >>> import evidence as ev
    >>> found = ev.from_quartiles(q1=3.0, median=5.0, q3=6.0, n=40)
    >>> round(found.mean, 3), round(found.sd, 3)
    (4.645, 2.307)
    """
    if method not in ("Luo/Wan", "Wan2014", "Shi2020"):
        raise DataError(f'method must be "Luo/Wan", "Wan2014" or "Shi2020", not {method!r}.')
    table = columns(minimum=minimum, q1=q1, median=median, q3=q3, maximum=maximum, n=n)
    table.refuse(~(table["n"] >= 5), "n", "5 or more")
    rows = [_sample(table, i, method) for i in range(len(table))]
    if table.scalar:
        return Quartiles(*rows[0])
    mean, sd, mean_method, sd_method, statistic, critical, skewed, note = zip(*rows, strict=True)
    return Quartiles(
        np.array(mean), np.array(sd), mean_method, sd_method,
        np.array(statistic), np.array(critical), np.array(skewed), note, table.index,
    )  # fmt: skip


_NAMES = ("minimum", "q1", "median", "q3", "maximum")
_SCENARIOS = {
    ("minimum", "median", "maximum"): "S1",
    ("q1", "median", "q3"): "S2",
    _NAMES: "S3",
}


def _sample(table: Columns, i: int, method: str) -> tuple[float, float, str, str, float, float, bool, str]:
    n = float(table["n"][i])
    known = {
        name: float(table[name][i]) for name in _NAMES if name in table.data and not np.isnan(table[name][i])
    }
    scenario = _SCENARIOS.get(tuple(known))
    if scenario is None:
        raise DataError(
            f"{table.row(i)}: {', '.join(known) or 'nothing'} given, but a mean and SD need the "
            "median with minimum and maximum, with both quartiles, or with all four."
        )
    values = list(known.values())
    if values != sorted(values) or values[0] == values[-1]:
        listed = ", ".join(f"{name} = {value:g}" for name, value in known.items())
        raise DataError(f"{table.row(i)}: {listed} must rise in this order and not be all equal.")
    if "q1" in known and known["q1"] == known["q3"]:
        raise DataError(
            f"{table.row(i)}: q1 and q3 are both {known['q1']:g}; they say nothing of the spread."
        )
    mean, mean_method = _mean(known, n, scenario, method)
    sd, sd_method = _sd(known, n, scenario, method)
    statistic, critical = _skewness(known, n, scenario)
    if not (math.isfinite(mean) and 0 < sd < math.inf and math.isfinite(statistic)):
        raise DataError(f"{table.row(i)}: no finite mean and SD follow from {known} with n = {n:g}.")
    skewed = statistic >= critical
    verdict = "skewed, so mean and SD are doubtful" if skewed else "no sign of skewness"
    note = f"{verdict} (statistic {statistic:.3f}, critical value {critical:.3f})"
    return (
        mean,
        sd,
        f"{mean_method}, {scenario}",
        f"{sd_method}, {scenario}",
        statistic,
        critical,
        skewed,
        note,
    )


def _mean(x: dict[str, float], n: float, scenario: str, method: str) -> tuple[float, str]:
    """Weighted mean of mid-range, mid-hinge and median."""
    range_weight, hinge_weight = {
        ("S1", "Wan"): (1 / 2, 0.0),
        ("S2", "Wan"): (0.0, 2 / 3),
        ("S3", "Wan"): (1 / 4, 1 / 2),
        ("S1", "Luo"): (4 / (4 + n**0.75), 0.0),
        ("S2", "Luo"): (0.0, 0.7 + 0.39 / n),
        ("S3", "Luo"): (2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55),
    }[scenario, "Wan" if method == "Wan2014" else "Luo"]
    mean = (1 - range_weight - hinge_weight) * x["median"]
    if range_weight:
        mean += range_weight * (x["minimum"] + x["maximum"]) / 2
    if hinge_weight:
        mean += hinge_weight * (x["q1"] + x["q3"]) / 2
    return mean, "Wan 2014" if method == "Wan2014" else "Luo 2018"


def _sd(x: dict[str, float], n: float, scenario: str, method: str) -> tuple[float, str]:
    """Range and interquartile range over their expectations in a standard normal sample, combined in S3."""
    estimates = []
    if scenario != "S2":
        estimates.append((x["maximum"] - x["minimum"]) / (2 * float(ndtri((n - 0.375) / (n + 0.25)))))
    if scenario != "S1":
        estimates.append((x["q3"] - x["q1"]) / (2 * float(ndtri((0.75 * n - 0.125) / (n + 0.25)))))
    if scenario == "S3" and method == "Shi2020":
        weight = 1 / (1 + 0.07 * n**0.6)
        return weight * estimates[0] + (1 - weight) * estimates[1], "Shi 2020"
    return sum(estimates) / len(estimates), "Wan 2014"


def _skewness(x: dict[str, float], n: float, scenario: str) -> tuple[float, float]:
    """Statistic of the test of skewness and its approximate 5% critical value."""
    statistic, critical = [], math.nan
    if scenario != "S2":
        tails = abs(x["minimum"] + x["maximum"] - 2 * x["median"]) / (x["maximum"] - x["minimum"])
        statistic.append(tails if scenario == "S1" else 2.65 * math.log(0.6 * n) / math.sqrt(n) * tails)
        critical = 1 / math.log(n + 9) + 2.5 / (n + 1)
    if scenario != "S1":
        statistic.append(abs(x["q1"] + x["q3"] - 2 * x["median"]) / (x["q3"] - x["q1"]))
        critical = 2.65 / math.sqrt(n) - 6 / n / n
    if scenario == "S3":
        critical = 3 / math.sqrt(n) - 40 / n / n / n
    return max(statistic), critical
