"""Synthesis of studies that report no effect: combined P values, directions of effect, and how P values pile up.

What such a synthesis answers is less than what a pooled effect does: whether there is evidence of an effect in at
least one study, or whether effects tend one way. It never says how large an effect is (Cochrane Handbook,
chapter 12).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, isnan, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import bdtr, chdtrc, ndtr, ndtri

from evidence.columns import align
from evidence.errors import DataError
from evidence.measures import check_level
from evidence.results import Shown, number, p_clause, sentences

__all__ = [
    "CombinedP",
    "EffectDirection",
    "PCurve",
    "combine_p",
    "effect_direction",
    "p_curve",
    "read_direction",
    "read_p",
]

Floats = NDArray[np.float64]
METHODS = {"fisher": "Fisher's sum of logarithms", "stouffer": "Stouffer's sum of normal quantiles"}
_BOUND = re.compile(r"\s*(<=?|>=?|=|≤|≥)?\s*([0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*")


@dataclass(frozen=True, repr=False)
class CombinedP(Shown):
    """Result of `combine_p`.

    Examples
    --------
    >>> import evidence as ev
    >>> p = [0.002, 0.04, 0.3, 0.01]
    >>> combined = ev.combine_p(p, direction=[1, 1, -1, 1], method="stouffer")
    >>> f"z = {combined.statistic:.2f}, P = {combined.p_value:.4f}"
    'z = 3.34, P = 0.0008'
    """

    method: str
    """"fisher" or "stouffer"."""
    k: int
    """Number of P values."""
    bounds: int
    """How many of them are known only as a bound, such as "<0.05"."""
    statistic: float
    """Chi-squared ("fisher") or z ("stouffer"); with directions, of the side with the smaller P value. z is infinite
    where a P value counts as 1."""
    df: float
    """2 k for "fisher"; infinite for "stouffer", whose statistic is normal."""
    p_value: float
    """Combined P value; two-sided where directions are given. At most this, where some P values are bounds."""
    p_positive: float
    """One-sided P value towards positive effects; NaN without directions."""
    p_negative: float
    """One-sided P value towards negative effects; NaN without directions."""

    @property
    def note(self) -> str:
        """What the test answers and what not."""
        known = (
            ""
            if not self.bounds
            else (
                f"{self.bounds} of {self.k} P values are known only as a bound; each counts as its least favourable "
                "value, so that the combined P value is at most the one shown."
            )
        )
        return sentences(
            "The test asks whether there is evidence of an effect in at least one study; it does not say how large "
            "an effect is, in how many studies, or whether studies agree.",
            known,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        names = ("method", "k", "bounds", "statistic", "df", "p_value", "p_positive", "p_negative", "note")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def summary(self) -> str:
        """Describe the test in a few lines."""
        letter = "z" if self.df == inf else "chi-squared"
        df = "" if self.df == inf else f", df = {self.df:g}"
        lines = [
            f"Combined P value of {self.k} studies, {METHODS[self.method]}",
            "",
            f"  {letter} = {number(self.statistic)}{df}, {p_clause(self.p_value)}",
        ]
        if not isnan(self.p_positive):
            lines.append(
                f"  Towards positive effects {p_clause(self.p_positive)}, negative {p_clause(self.p_negative)}"
            )
        return "\n".join([*lines, "", self.note])


@dataclass(frozen=True, repr=False)
class EffectDirection(Shown):
    """Result of `effect_direction`.

    Examples
    --------
    >>> import evidence as ev
    >>> print(ev.effect_direction([1, 1, -1, 1, 0, 1]).summary().splitlines()[0])
    Direction of effect: 4 positive, 1 negative, 1 without direction
    """

    k: int
    """Number of studies whose effect points to a side."""
    positive: int
    negative: int
    unclear: int
    """Studies without a direction (0); they take no part in the test."""
    share: float
    """Share of positive directions among `k`, 0 to 1; NaN if there is none."""
    ci_low: float
    """Wilson's interval for the share."""
    ci_high: float
    level: float
    p_value: float
    """Two-sided exact sign test of a share of one half."""

    @property
    def note(self) -> str:
        """What the test answers and what not."""
        return (
            "The sign test asks whether effects tend one way, each study counting the same whatever its size and "
            "its P value; it does not say how large effects are."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        names = (
            "k",
            "positive",
            "negative",
            "unclear",
            "share",
            "ci_low",
            "ci_high",
            "level",
            "p_value",
            "note",
        )
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def summary(self) -> str:
        """Describe the directions in a few lines."""
        counts = f"{self.positive} positive, {self.negative} negative, {self.unclear} without direction"
        head = f"Direction of effect: {counts}"
        if not self.k:
            return f"{head}\n\n{self.note}"
        percent = f"{100 * self.level:g}% interval"
        return (
            f"{head}\n\n  Share positive {self.share:.3f} ({percent} {self.ci_low:.3f} to {self.ci_high:.3f}), "
            f"sign test {p_clause(self.p_value)}\n\n{self.note}"
        )


@dataclass(frozen=True, repr=False)
class PCurve(Shown):
    """Result of `p_curve`.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.p_curve([0.001, 0.003, 0.01, 0.02, 0.2]).k
    4
    """

    alpha: float
    k: int
    """Number of exact P values below alpha."""
    low: int
    """How many of them lie below half of alpha."""
    share: float
    """`low` as a share of `k`; one half is expected without any effect, more with one."""
    ci_low: float
    """Wilson's 95 % interval for the share."""
    ci_high: float
    p_effect: float
    """One-sided exact test: are low values more frequent than without any effect?"""
    p_piling: float
    """One-sided exact test: are values just below alpha more frequent than without any effect?"""
    left_out: int
    """P values that are bounds or not below alpha."""

    @property
    def note(self) -> str:
        """What the curve can show and what not."""
        few = (
            ""
            if self.k >= 10
            else f"{self.k} P values below {self.alpha:g} are too few to tell."
            if self.k
            else ""
        )
        return sentences(
            f"If results were chosen until P fell below {self.alpha:g}, values would pile up just under it; without "
            "any effect they would spread evenly, and true effects give mostly small ones.",
            few or ("" if self.k else f"There is no exact P value below {self.alpha:g}."),
        )

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        names = (
            "alpha",
            "k",
            "low",
            "share",
            "ci_low",
            "ci_high",
            "p_effect",
            "p_piling",
            "left_out",
            "note",
        )
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def summary(self) -> str:
        """Describe the curve in a few lines."""
        half = self.alpha / 2
        return (
            f"P values below {self.alpha:g}: {self.k} exact ones, {self.low} of them below {half:g}; "
            f"{self.left_out} left out (bounds, or not below {self.alpha:g})\n\n"
            f"  More small ones than without effect {p_clause(self.p_effect)}; "
            f"more just below {self.alpha:g} {p_clause(self.p_piling)}\n\n{self.note}"
        )


def combine_p(p: Any, direction: Any = None, method: str = "fisher", weights: Any = None) -> CombinedP:
    """Combine the P values of independent studies.

    Parameters
    ----------
    p : array-like, shape (k,)
        P values above 0 and at most 1. A text such as "<0.05" or ">0.05" is a bound and counts as the value within it
        that speaks least for an effect. Two-sided if directions are given; else as they are.
    direction : array-like of -1, 0 or 1, shape (k,), optional
        Sign of each effect. A two-sided P value becomes one-sided with it: P / 2 towards its side, 1 - P / 2 towards
        the other. 0 stands for no difference, one half to both sides.
    method : {"fisher", "stouffer"}
    weights : array-like, shape (k,), optional
        For "stouffer": positive weights, for instance square roots of sample sizes.

    Returns
    -------
    CombinedP
        With directions, the P value is two-sided: twice the smaller of the two one-sided ones, at most 1.

    Raises
    ------
    DataError
        If there is no P value, one is missing, not a number or outside (0, 1], a direction is not -1, 0 or 1, labels
        or lengths differ, or weights are given to "fisher" or are not positive.

    References
    ----------
    Fisher RA (1932). Statistical Methods for Research Workers, 4th ed.
    Stouffer SA et al. (1949). The American Soldier, volume 1.
    Cochrane Handbook for Systematic Reviews of Interventions, section 12.2.1.2.

    Examples
    --------
    >>> import evidence as ev
    >>> p = [0.002, 0.04, 0.3, 0.01]
    >>> f"{ev.combine_p(p).p_value:.5f}"
    '0.00017'
    """
    name = str(method).lower()
    if name not in METHODS:
        raise DataError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}.")
    if weights is not None and name == "fisher":
        raise DataError("weights belong to method='stouffer'; Fisher's sum has none.")
    p, direction, weights = align({"p": p, "direction": direction, "weights": weights})[0].values()
    values, operators = read_p(p)
    weight = np.ones(values.size) if weights is None else _numbers(weights, "weights")
    if weight.size != values.size or not (np.isfinite(weight) & (weight > 0.0)).all():
        raise DataError("weights must be positive numbers, one a study.")
    bounds = int(np.isin(operators, ("<", ">")).sum())
    # The largest P value within a bound.
    highest = np.where(operators == ">", 1.0, values)
    if direction is None:
        statistic, df, combined = _combine(highest, name, weight, ndtri(highest))
        return CombinedP(name, values.size, bounds, statistic, df, combined, nan, nan)
    sign = read_direction(direction, values.size)
    lowest = np.where(operators == "<", 0.0, values)
    sides = []
    for side in (1.0, -1.0):
        toward, away = 0.5 * highest, 1.0 - 0.5 * lowest
        one_sided = np.where(sign == 0.0, 0.5, np.where(sign == side, toward, away))
        # 1 - P / 2 rounds to 1 where P is tiny; its normal quantile is that of P / 2 with the other sign.
        quantile = np.where(sign == -side, -ndtri(0.5 * lowest), ndtri(one_sided))
        sides.append(_combine(one_sided, name, weight, quantile))
    (up, df, p_up), (down, _, p_down) = sides
    statistic = up if p_up <= p_down else -down if name == "stouffer" else down
    return CombinedP(
        name, values.size, bounds, statistic, df, min(1.0, 2.0 * min(p_up, p_down)), p_up, p_down
    )


def effect_direction(direction: Any, *, level: float = 0.95) -> EffectDirection:
    """Count the directions of effects, with a sign test; significance is ignored.

    Parameters
    ----------
    direction : array-like of -1, 0 or 1
        Sign of each study's effect; 0 if it points nowhere.
    level : float
        Confidence level of the interval, between 0 and 1.

    Returns
    -------
    EffectDirection

    Raises
    ------
    DataError
        If there is no direction or one is not -1, 0 or 1.

    References
    ----------
    Cochrane Handbook, section 12.2.1.3. Campbell M et al. (2020). BMJ 368, l6890 (SWiM). Wilson EB (1927). JASA 22.

    Examples
    --------
    >>> import evidence as ev
    >>> counted = ev.effect_direction([1, 1, -1, 1, 0, 1])
    >>> f"{counted.share:.2f}, P = {counted.p_value:.2f}"
    '0.80, P = 0.38'
    """
    check_level(level)
    sign = read_direction(direction, None)
    positive, negative = int((sign > 0).sum()), int((sign < 0).sum())
    share, low, high, p_value = _share(positive, positive + negative, "two-sided", level)
    unclear = sign.size - positive - negative
    return EffectDirection(positive + negative, positive, negative, unclear, share, low, high, level, p_value)


def p_curve(p: Any, *, alpha: float = 0.05) -> PCurve:
    """Ask whether significant P values pile up just below the limit, as selective reporting would make them.

    Parameters
    ----------
    p : array-like
        P values above 0 and at most 1, or bounds such as "<0.05", which take no part.
    alpha : float
        Limit of significance, between 0 and 1.

    Returns
    -------
    PCurve

    Raises
    ------
    DataError
        As `combine_p`.

    References
    ----------
    Simonsohn U, Nelson LD, Simmons JP (2014). J Exp Psychol Gen 143(2), 534-547: the binomial test.

    Examples
    --------
    >>> import evidence as ev
    >>> curve = ev.p_curve([0.001, 0.003, 0.01, 0.02, 0.2])
    >>> print(curve.summary().splitlines()[0])
    P values below 0.05: 4 exact ones, 4 of them below 0.025; 1 left out (bounds, or not below 0.05)
    """
    if not 0.0 < alpha < 1.0:
        raise DataError(f"alpha must lie between 0 and 1; got {alpha!r}.")
    values, operators = read_p(p)
    exact = values[(operators == "=") & (values < alpha)]
    low = int((exact < alpha / 2).sum())
    share, ci_low, ci_high, p_effect = _share(low, exact.size, "greater", 0.95)
    p_piling = _share(low, exact.size, "less", 0.95)[3]
    left_out = values.size - exact.size
    return PCurve(alpha, exact.size, low, share, ci_low, ci_high, p_effect, p_piling, left_out)


def _share(count: int, total: int, alternative: str, level: float) -> tuple[float, float, float, float]:
    """Share with Wilson's interval and the P value of an exact test of one half."""
    if not total:
        return nan, nan, nan, nan
    share, z = count / total, float(ndtri(0.5 + level / 2.0))
    middle = (share + z**2 / (2.0 * total)) / (1.0 + z**2 / total)
    half = z * sqrt(share * (1.0 - share) / total + (z / (2.0 * total)) ** 2) / (1.0 + z**2 / total)
    low, high = middle - half if count else 0.0, middle + half if count < total else 1.0
    at_most, at_least = float(bdtr(count, total, 0.5)), float(bdtr(total - count, total, 0.5))
    p_value = {"less": at_most, "greater": at_least, "two-sided": min(2.0 * min(at_most, at_least), 1.0)}
    return share, low, high, p_value[alternative]


def _combine(p: Floats, method: str, weight: Floats, quantile: Floats) -> tuple[float, float, float]:
    """Statistic, degrees of freedom and P value; a one-sided P value of 1 leaves Stouffer's sum without evidence."""
    if method == "fisher":
        statistic = -2.0 * float(np.log(p).sum())
        return statistic, 2.0 * p.size, float(chdtrc(2.0 * p.size, statistic))
    z = float(-(weight @ quantile) / np.sqrt(weight @ weight))
    return z, inf, float(ndtr(-z))


def read_p(p: Any) -> tuple[Floats, NDArray[np.str_]]:
    """Read P values or bounds: the values, and their relation signs "=", "<" or ">"."""
    cells = np.atleast_1d(np.asarray(p, dtype=object))
    if cells.ndim != 1 or not cells.size:
        raise DataError("p must hold P values, one a study.")
    values, operators = np.empty(cells.size), np.full(cells.size, "=")
    for place, cell in enumerate(cells):
        match = _BOUND.fullmatch(cell) if isinstance(cell, str) else None
        if match:
            operators[place] = {"≤": "<", "≥": ">"}.get(match[1] or "=", (match[1] or "=")[0])
        try:
            values[place] = float(match[2].replace(",", ".")) if match else float(cell)
        except (TypeError, ValueError):
            values[place] = nan
        if not 0.0 < values[place] <= 1.0:
            raise DataError(
                f"P value {place + 1} is {cell!r}; give a number above 0 and at most 1, or a bound such as '<0.05'."
            )
    return values, operators


def read_direction(direction: Any, size: int | None) -> Floats:
    """Read signs, as many as `size` if it is given; refuse all but -1, 0 and 1."""
    sign = _numbers(direction, "direction")
    known = np.isin(sign, (-1.0, 0.0, 1.0))
    if not known.all():
        place = int(np.argmin(known))
        raise DataError(f"direction {place + 1} is {sign[place]:g}; give -1, 0 or 1 for each study.")
    if not sign.size:
        raise DataError("direction must be -1, 0 or 1 for each study; there is none.")
    if size is not None and sign.size != size:
        raise DataError(f"direction has {sign.size} values for {size} P values; give one a study.")
    return sign


def _numbers(values: Any, name: str) -> Floats:
    try:
        return np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers: {error}") from error
