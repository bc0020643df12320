"""Conversions among standardised mean differences, log odds ratios, correlations and Fisher's z."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from evidence.columns import variance_from
from evidence.effects.sizes.arguments import Array, Columns, columns
from evidence.errors import DataError

__all__ = ["convert", "or_to_smd", "r_to_smd", "r_to_z", "smd_to_or", "smd_to_r", "z_to_r"]

# Log odds ratio per standard deviation: of a logistic outcome, and Cox's for a normal one.
_FACTORS = {"logistic": math.pi / math.sqrt(3), "Cox": 1.65}


@np.errstate(all="ignore")  # what is not finite is reported
def smd_to_or(
    effect: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    method: str = "logistic",
    se: ArrayLike | None = None,
) -> pd.DataFrame:
    """Convert a standardised mean difference to a log odds ratio.

    Parameters
    ----------
    effect, variance : array-like or float
        Standardised mean difference and its variance (0 or more), or in place of that `se`, the standard error.
    method : {"logistic", "Cox"}
        Multiply by pi / sqrt(3) [1]_, exact for logistic outcomes of equal variance, or by 1.65 [2]_, apt
        for normal ones.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect`` and ``variance``, with the index of the Series given.

    Raises
    ------
    DataError
        If a value is out of range or the method unknown.

    References
    ----------
    .. [1] Hasselblad & Hedges (1995), Psychol Bull 117(1), 167-178.
    .. [2] Cox & Snell (1989), Analysis of Binary Data, 2nd edition; see Sánchez-Meca, Marín-Martínez &
       Chacón-Moscoso (2003), Psychol Methods 8(4), 448-467.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.smd_to_or([0.44], [0.03]).round(4)
       effect  variance
    0  0.7981    0.0987
    """
    factor = _factor(method)
    return _result(table := _checked(effect, variance, se), table["effect"] * factor, factor)


@np.errstate(all="ignore")  # what is not finite is reported
def or_to_smd(
    effect: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    method: str = "logistic",
    se: ArrayLike | None = None,
) -> pd.DataFrame:
    """Convert a log odds ratio to a standardised mean difference; the inverse of `smd_to_or`.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.or_to_smd([0.8], [0.09]).round(4)
       effect  variance
    0  0.4411    0.0274
    """
    factor = 1 / _factor(method)
    return _result(table := _checked(effect, variance, se), table["effect"] * factor, factor)


@np.errstate(all="ignore")  # what is not finite is reported
def smd_to_r(
    effect: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    se: ArrayLike | None = None,
) -> pd.DataFrame:
    """Convert a standardised mean difference to the point-biserial correlation of outcome and group.

    Parameters
    ----------
    effect, variance : array-like or float
        Standardised mean difference and its variance (0 or more), or in place of that `se`, the standard error.
    n1, n2 : array-like or float, optional
        Group sizes; taken as equal if not given.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect`` (the correlation) and ``variance``, by the delta method.

    Raises
    ------
    DataError
        If a value is out of range or only one size is given.

    References
    ----------
    .. [1] Borenstein, Hedges, Higgins & Rothstein (2009), Introduction to Meta-Analysis, eqs 7.7 to 7.9.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.smd_to_r([0.44], [0.03]).round(4)
       effect  variance
    0  0.2149    0.0065
    """
    table = _checked(effect, variance, se, n1, n2)
    d, imbalance = table["effect"], _imbalance(table)
    distance = np.hypot(d, np.sqrt(imbalance))
    return _result(table, d / distance, imbalance / distance**3)


@np.errstate(all="ignore")  # what is not finite is reported
def r_to_smd(
    effect: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    se: ArrayLike | None = None,
) -> pd.DataFrame:
    """Convert a point-biserial correlation to a standardised mean difference; the inverse of `smd_to_r`.

    The correlation must lie strictly between -1 and 1. Borenstein et al. (2009), eqs 7.5 and 7.6.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.r_to_smd([0.3], [0.01]).round(4)
       effect  variance
    0   0.629    0.0531
    """
    table = _checked(effect, variance, se, n1, n2)
    r = _correlation(table)
    scale, rest = np.sqrt(_imbalance(table)), (1 - r) * (1 + r)
    return _result(table, scale * r / np.sqrt(rest), scale / rest**1.5)


@np.errstate(all="ignore")  # what is not finite is reported
def r_to_z(
    effect: ArrayLike, variance: ArrayLike | None = None, *, se: ArrayLike | None = None
) -> pd.DataFrame:
    """Convert a correlation, strictly between -1 and 1, to Fisher's z, with variance by the delta method.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.r_to_z([0.3], [0.01]).round(4)
       effect  variance
    0  0.3095    0.0121
    """
    table = _checked(effect, variance, se)
    r = _correlation(table)
    return _result(table, np.arctanh(r), 1 / ((1 - r) * (1 + r)))


@np.errstate(all="ignore")  # what is not finite is reported
def z_to_r(
    effect: ArrayLike, variance: ArrayLike | None = None, *, se: ArrayLike | None = None
) -> pd.DataFrame:
    """Convert Fisher's z to a correlation, with variance by the delta method; the inverse of `r_to_z`.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.z_to_r([0.31], [0.012]).round(4)
       effect  variance
    0  0.3004    0.0099
    """
    table = _checked(effect, variance, se)
    r = np.tanh(table["effect"])
    return _result(table, r, (1 - r) * (1 + r))


def convert(
    effect: ArrayLike,
    variance: ArrayLike | None = None,
    *,
    from_: str,
    to: str,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
    method: str = "logistic",
    se: ArrayLike | None = None,
) -> pd.DataFrame:
    """Convert effects and variances from one measure to another.

    Parameters
    ----------
    effect, variance : array-like or float
        Effect and its variance (0 or more), or in place of that `se`, the standard error; odds ratios on the log
        scale.
    from_, to : {"OR", "SMD", "COR", "ZCOR"}
        The measures: log odds ratio, standardised mean difference, correlation of outcome and group, Fisher's
        z. A conversion goes through those that lie between, in this order.
    n1, n2 : array-like or float, optional
        Group sizes, for steps between SMD and COR; taken as equal if not given.
    method : {"logistic", "Cox"}
        For steps between OR and SMD, as in `smd_to_or`.

    Returns
    -------
    pandas.DataFrame
        Columns ``effect`` and ``variance``, with the index of the Series given.

    Raises
    ------
    DataError
        If a measure or method is unknown or a value is out of range.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.convert(0.5, 0.04, from_="SMD", to="OR").round(4)
       effect  variance
    0  0.9069    0.1316
    """
    order = ("OR", "SMD", "COR", "ZCOR")
    for measure in (from_, to):
        if measure not in order:
            raise DataError(f"Cannot convert {measure!r}; choose from {', '.join(order)}.")
    _factor(method)
    table = _checked(effect, variance, se, n1, n2)
    result = _result(table, table["effect"], 1.0)
    sizes = {name: table.data[name] for name in ("n1", "n2") if name in table.data}
    upward = [
        lambda e, v: or_to_smd(e, v, method=method),
        lambda e, v: smd_to_r(e, v, **sizes),
        r_to_z,
    ]
    downward = [
        lambda e, v: smd_to_or(e, v, method=method),
        lambda e, v: r_to_smd(e, v, **sizes),
        z_to_r,
    ]
    start, end = order.index(from_), order.index(to)
    steps = upward[start:end] if start <= end else downward[end:start][::-1]
    for step in steps:
        result = step(result["effect"], result["variance"])
    return result


def _factor(method: str) -> float:
    if method not in _FACTORS:
        raise DataError(f'method must be "logistic" or "Cox", not {method!r}.')
    return _FACTORS[method]


def _checked(
    effect: ArrayLike,
    variance: ArrayLike | None,
    se: ArrayLike | None,
    n1: ArrayLike | None = None,
    n2: ArrayLike | None = None,
) -> Columns:
    name, _ = variance_from(variance, se)
    if (n1 is None) != (n2 is None):
        raise DataError("Give both group sizes, n1 and n2, or neither.")
    table = columns(effect=effect, variance=variance, se=se, n1=n1, n2=n2)
    table.refuse(table[name] < 0, name, "0 or more")
    if name == "se":
        table.data["variance"] = np.square(table.data.pop("se"))
    for size in ("n1", "n2"):
        if size in table.data:
            table.refuse(table[size] < 1, size, "at least 1")
    return table


def _correlation(table: Columns) -> Array:
    table.refuse(np.abs(table["effect"]) >= 1, "effect", "a correlation strictly between -1 and 1")
    return table["effect"]


def _imbalance(table: Columns) -> Array:
    """(n1 + n2)^2 / (n1 n2): 4 for groups of equal size."""
    if "n1" not in table.data:
        return np.full(len(table), 4.0)
    share = table["n1"] / (table["n1"] + table["n2"])
    return 1 / (share * (1 - share))


def _result(table: Columns, effect: Array, slope: Array | float) -> pd.DataFrame:
    """Effect with its variance by the delta method."""
    return table.frame(effect, table["variance"] * slope**2, "the converted effect or its variance")
