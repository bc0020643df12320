"""Mantel-Haenszel pooling of two-by-two tables: odds ratio, risk ratio and risk difference."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, nan, sqrt
from typing import Any

import numpy as np
from scipy.special import chdtrc

from evidence.errors import DataError, ModelError
from evidence.measures import check_level, choose_measure
from evidence.models.core.studies import Floats
from evidence.models.counts.common_effect import FixedCounts, common_result
from evidence.models.counts.tables import TwoByTwo, check_tables
from evidence.results import number, p_text

__all__ = ["MantelHaenszel", "mantel_haenszel"]

ADDING = ("none", "only0", "all", "if0all")
NOTHING = 1e-12
"""A variance this small, relative to the terms it is summed from, is rounding error of zero."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MantelHaenszel(FixedCounts):
    """Result of `mantel_haenszel`. The tests are those of the odds ratio; for other measures they are NaN.

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> print(ev.mantel_haenszel(a, b, c, d).summary().splitlines()[0])
    Mantel-Haenszel method (k = 4)
    """

    add: float
    """What was added to cells, where `to` says."""
    to: str
    variance_form: str
    """Of the risk difference: "sato" or "greenland"."""
    correct: bool
    """Whether the tests of association have a continuity correction."""
    cochran: float
    """Cochran's test of association, chi-squared with 1 df."""
    cochran_p: float
    cmh: float
    """Cochran-Mantel-Haenszel test of association, chi-squared with 1 df."""
    cmh_p: float
    breslow_day: float
    """Breslow-Day test of equal odds ratios, chi-squared."""
    breslow_day_p: float
    tarone: float
    """The same with Tarone's correction."""
    tarone_p: float
    homogeneity_df: int
    """Degrees of freedom of the Breslow-Day and Tarone tests."""

    def _tests(self) -> list[str]:
        if self.measure != "OR":
            return []
        corrected = ", continuity corrected" if self.correct else ""
        df = self.homogeneity_df
        return [
            f"  CMH         {number(self.cmh):>10}   df = 1, P {p_text(self.cmh_p)}{corrected}",
            f"  Breslow-Day {number(self.breslow_day):>10}   df = {df}, P {p_text(self.breslow_day_p)}",
            f"  Tarone      {number(self.tarone):>10}   df = {df}, P {p_text(self.tarone_p)}",
        ]


def mantel_haenszel(
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    *,
    measure: str = "OR",
    add: float = 0.0,
    to: str = "none",
    correct: bool = True,
    variance: str = "sato",
    level: float = 0.95,
    labels: Any = None,
    data: Any = None,
    missing: str = "refuse",
) -> MantelHaenszel:
    """Pool two-by-two tables by the Mantel-Haenszel method.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2; 0 to 1e12.
    measure : {"OR", "RR", "RD"}
        Odds ratio, risk ratio or risk difference. Ratios are estimated on the log scale.
    add, to : float, str
        What is added to cells before pooling, and where: "none", "only0", "all", "if0all". The method needs no
        addition, hence none by default.
    correct : bool
        Continuity correction in the tests of association.
    variance : {"sato", "greenland"}
        Variance of the risk difference: that of Sato et al. (1989), which holds for few large and for many small
        tables; or that of Greenland and Robins (1985), for few large ones, as in RevMan.
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
    MantelHaenszel
        Q, I2 and the effects of single studies come from tables with 1/2 added where a cell is zero and leave out
        studies in which nobody or everybody has the event.

    Raises
    ------
    DataError
        If counts or options are wrong; the message names the study.
    ModelError
        If the counts of all studies together do not determine the effect.

    References
    ----------
    Mantel N, Haenszel W (1959). J Natl Cancer Inst 22(4), 719-748.
    Robins J, Breslow N, Greenland S (1986). Biometrics 42(2), 311-323 (variance of the log odds ratio).
    Greenland S, Robins JM (1985). Biometrics 41(1), 55-68 (variance of the log risk ratio; of the
    risk difference, `variance="greenland"`).
    Sato T, Greenland S, Robins JM (1989). Biometrics 45(4), 1323-1324 (variance of the risk difference).
    Breslow NE, Day NE (1980). Statistical Methods in Cancer Research, volume 1. Lyon: IARC.
    Tarone RE (1985). Biometrika 72(1), 91-95.

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> fit = ev.mantel_haenszel(a, b, c, d, measure="RR")
    >>> f"{fit.estimate:.3f}"
    '-1.426'
    """
    measure = choose_measure(measure, ("OR", "RR", "RD"))
    if to not in ADDING:
        raise DataError(f"unknown rule to={to!r}; choose one of {', '.join(ADDING)}.")
    if not 0.0 <= add <= 1e6:
        raise DataError(f"add must lie between 0 and 1e6; got {add!r}.")
    if variance not in ("sato", "greenland"):
        raise DataError(f"unknown variance {variance!r}; choose 'sato' or 'greenland'.")
    check_level(level)
    given = check_tables(a, b, c, d, labels, data=data, missing=missing)
    tables = given.add(add, to)
    difference = _risk_difference if variance == "sato" else _risk_difference_of_strata
    estimate, se, weight = {"OR": _odds_ratio, "RR": _risk_ratio, "RD": difference}[measure](tables)
    tests: dict[str, Any] = dict.fromkeys(TESTS, nan) | {"homogeneity_df": 0}
    if measure == "OR":
        tests = dict(zip(TESTS, _tests(tables, estimate, correct), strict=True))
    return MantelHaenszel(
        title="Mantel-Haenszel method",
        **common_result(given, measure, estimate, se, weight, level),
        add=add,
        to=to,
        variance_form=variance,
        correct=correct,
        **tests,
    )


TESTS = (
    *("cochran", "cochran_p", "cmh", "cmh_p"),
    *("breslow_day", "breslow_day_p", "tarone", "tarone_p", "homogeneity_df"),
)


def _odds_ratio(t: TwoByTwo) -> tuple[float, float, Floats]:
    r, s = t.a / t.n * t.d, t.b / t.n * t.c
    p, q = (t.a + t.d) / t.n, (t.b + t.c) / t.n
    total_r, total_s = float(r.sum()), float(s.sum())
    if total_r == 0.0 or total_s == 0.0:
        first, second = ("1", "2") if total_r == 0.0 else ("2", "1")
        raise ModelError(
            f"the pooled odds ratio is 0, infinite or not defined: no study has both events in group {first} and "
            f"non-events in group {second}. Pool the risk difference, or add to zero cells."
        )
    variance = 0.5 * (
        (p * r).sum() / total_r**2 + (p * s + q * r).sum() / (total_r * total_s) + (q * s).sum() / total_s**2
    )
    return log(total_r) - log(total_s), sqrt(variance), s


def _risk_ratio(t: TwoByTwo) -> tuple[float, float, Floats]:
    r, s = t.a * (t.n2 / t.n), t.c * (t.n1 / t.n)
    total_r, total_s = float(r.sum()), float(s.sum())
    if total_r == 0.0 or total_s == 0.0:
        raise ModelError(
            f"the pooled risk ratio cannot be estimated: group {1 if total_r == 0.0 else 2} has no events in any "
            "study. Pool the risk difference, or add to zero cells."
        )
    events = (t.n1 / t.n) * (t.n2 / t.n) * (t.a + t.c)
    variance = float((events - t.a / t.n * t.c).sum())
    if variance <= NOTHING * events.sum():
        raise ModelError(
            "the risk ratio has no sampling variance: every participant of every study has the event."
        )
    return log(total_r) - log(total_s), sqrt(variance / (total_r * total_s)), s


def _risk_difference(t: TwoByTwo) -> tuple[float, float, Floats]:
    share1, share2 = t.n1 / t.n, t.n2 / t.n
    weight = t.n1 * share2
    total = weight.sum()
    estimate = float((t.a * share2 - t.c * share1).sum() / total)
    skew = (t.c * share1**2 - t.a * share2**2 + share1 * share2 * (t.n2 - t.n1) / 2.0).sum()
    mixed = (t.a * (t.d / t.n) + t.c * (t.b / t.n)).sum() / 2.0
    variance = float(estimate * skew + mixed)
    if variance <= NOTHING * (abs(estimate * skew) + mixed):
        raise ModelError(
            "the risk difference has no sampling variance: in every study each group has only events or only "
            "non-events. Add to zero cells (add=0.5, to='only0')."
        )
    return estimate, sqrt(variance) / float(total), weight


def _risk_difference_of_strata(t: TwoByTwo) -> tuple[float, float, Floats]:
    """Risk difference with the variance of Greenland and Robins (1985), which sums that of each table."""
    weight = t.n1 * (t.n2 / t.n)
    total = weight.sum()
    estimate = float((weight * (t.a / t.n1 - t.c / t.n2)).sum() / total)
    each = t.a * t.b / t.n1**3 + t.c * t.d / t.n2**3
    variance = float((weight**2 * each).sum())
    if variance == 0.0:
        raise ModelError(
            "the risk difference has no sampling variance: in every study each group has only events or only "
            "non-events. Add to zero cells (add=0.5, to='only0')."
        )
    return estimate, sqrt(variance) / float(total), weight


def _tests(t: TwoByTwo, estimate: float, correct: bool) -> tuple[float, ...]:
    """Tests of association and of equal odds ratios, in the order of `TESTS`."""
    events, others = t.a + t.c, t.b + t.d
    deviation = abs(float((t.a - t.n1 / t.n * events).sum())) - (0.5 if correct else 0.0)
    spread = (t.n1 / t.n) * (t.n2 / t.n) * events
    cochran = deviation**2 / float((spread * (others / t.n)).sum())
    cmh = deviation**2 / float((spread * (others / (t.n - 1.0))).sum())

    odds = exp(estimate)
    told = ~t.silent
    n1, n2, m = t.n1[told], t.n2[told], events[told]
    half = 0.5 * (odds * (n1 + m) + (n2 - m))
    # The root between max(0, m - n2) and min(n1, m), in the form that does not cancel when the odds ratio is near 1.
    root = np.sqrt(np.maximum(half * half - n1 * m * odds * (odds - 1.0), 0.0))
    fitted = np.where(
        half > 0.0,
        n1 * m * odds / np.where(half + root > 0.0, half + root, 1.0),
        (half - root) / (odds - 1.0 or 1.0),
    )
    cells = np.stack([fitted, n1 - fitted, m - fitted, n2 - m + fitted])
    inside = (cells > 0.0).all(axis=0)
    precision = (1.0 / cells[:, inside]).sum(axis=0)
    residual = (t.a[told] - fitted)[inside]
    breslow_day = float((residual**2 * precision).sum())
    tarone = (
        max(0.0, breslow_day - float(residual.sum()) ** 2 / float((1.0 / precision).sum()))
        if inside.any()
        else nan
    )
    df = int(inside.sum()) - 1
    tail = (chdtrc(df, breslow_day), chdtrc(df, tarone)) if df > 0 else (nan, nan)
    return (
        *(cochran, float(chdtrc(1, cochran)), cmh, float(chdtrc(1, cmh))),
        *(breslow_day, float(tail[0]), tarone, float(tail[1]), max(df, 0)),
    )
