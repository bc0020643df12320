"""Inference about the mean, a new study's effect and the between-study variance, for a given estimate of tau2.

Arrays in, arrays out, as in `evidence.models.core.studies`: scalars for one fit, shape (n, 1) for a batch.

References
----------
Hartung J, Knapp G (2001). Stat Med 20(24), 3875-3889; Sidik K, Jonkman JN (2002). Stat Med 21(21), 3153-3159.
Kenward MG, Roger JH (1997). Biometrics 53(3), 983-997.
Partlett C, Riley RD (2017). Stat Med 36(2), 301-317.
Higgins JPT, Thompson SG, Spiegelhalter DJ (2009). J R Stat Soc A 172(1), 137-159.
Veroniki AA, Jackson D, Bender R, et al. (2019). Res Synth Methods 10(1), 23-43.
Viechtbauer W (2007). Stat Med 26(1), 37-52.
Hardy RJ, Thompson SG (1996). Stat Med 15(6), 619-629.
"""

from __future__ import annotations

from functools import lru_cache
from math import nan
from typing import Any, NamedTuple

import numpy as np
from scipy.special import chdtri, ndtri, stdtr, stdtrit

from evidence.models.core.heterogeneity import solve_q
from evidence.models.core.likelihood import likeliest_tau2, log_likelihood, narrow
from evidence.models.core.studies import Floats, Studies, either, positive, sums, trace_pp

__all__ = [
    "Mean",
    "mean_effect",
    "prediction_interval",
    "profile_interval",
    "q_profile_interval",
]

LEAST_DF = 0.02
"""Least degrees of freedom of Kenward and Roger: with fewer the t distribution has no quantile that is a number."""


class Mean(NamedTuple):
    """The mean effect with its inference."""

    estimate: Any
    se: Any
    low: Any
    high: Any
    statistic: Any
    p_value: Any
    df: Any


def mean_effect(studies: Studies, tau2: Any, ci: str, level: float, weights: Floats | None = None) -> Mean:
    """Estimate the mean and its confidence interval, given tau2.

    Parameters
    ----------
    studies : Studies
    tau2 : scalar, or shape (n, 1)
    ci : str
        A key of `evidence.measures.INTERVALS`. With one study all are "z". HKSJ scales the variance by the weighted
        mean square about the inverse-variance weighted mean; with zero scatter the standard error is zero and the
        test is not defined (NaN). KR is cautious with few studies or little heterogeneity (Partlett and Riley 2017).
    level : float
        Confidence level, between 0 and 1.
    weights : ndarray, shape (k,), optional
        Weights to use in place of inverse variances, in the order of `studies`; one fit only.

    Returns
    -------
    Mean
        `df` is infinite for the normal distribution.
    """
    w, (r, f, s), *higher = sums(studies, tau2, 3 if ci == "KR" else 1)
    total = w + r
    several = studies.k > 1
    df = either(several, studies.k - 1.0, np.inf)
    if weights is None:
        centre, variance = f / total, 1.0 / total
    else:
        share = weights / weights.sum()
        centre = share[1:] @ studies.difference
        variance = np.square(share) @ (np.append(studies.anchor_variance, studies.variance) + tau2)
    if ci in ("HKSJ", "HKSJ-adhoc"):
        mean_square = positive(s - f * f / total) / either(several, df, 1.0)
        if ci == "HKSJ-adhoc":
            mean_square = np.maximum(mean_square, 1.0)
        variance = either(several, mean_square, 1.0) * variance
    elif ci == "KR":
        variance, df = _kenward_roger(w, r, higher[0][0], higher[1][0])
    elif ci == "z":
        df = np.inf + 0.0 * variance
    estimate = studies.anchor_effect + centre
    se = variance**0.5  # a float stays a float, which is the faster to compute with
    if ci == "KR":
        half = _t_quantile(df, 0.5 + 0.5 * level) * se
    elif ci == "z":
        half = ndtri(0.5 + 0.5 * level) * se
    else:
        probability = 0.5 + 0.5 * level
        batch = isinstance(df, np.ndarray)
        half = (_quantiles(studies.k, probability, 1) if batch else _one_t_quantile(df, probability)) * se
    statistic = estimate / either(se > 0.0, se, nan)
    p_value = 2.0 * stdtr(df, -abs(statistic))
    return Mean(estimate, se, estimate - half, estimate + half, statistic, p_value, df)


def prediction_interval(
    k: Any, estimate: Any, se: Any, tau2: Any, prediction: str, level: float
) -> tuple[Any, Any]:
    """Interval for the true effect of a new study: estimate -/+ quantile x sqrt(tau2 + se^2).

    With two studies "HTS" keeps one degree of freedom, as metafor does. NaN with one study.

    Parameters
    ----------
    k, estimate, se, tau2 : scalar, or shape (n, 1)
        The standard error is that of the confidence interval in use, hence with HKSJ the scaled one.
    prediction : str
        A key of `evidence.measures.PREDICTIONS`.
    level : float
    """
    probability = 0.5 + 0.5 * level
    less = 1 if prediction == "V" else 2
    quantile = ndtri(probability) if prediction == "z" else _quantiles(k, probability, less)
    half = either(k > 1, quantile, np.nan) * np.sqrt(tau2 + se * se)
    return estimate - half, estimate + half


def q_profile_interval(studies: Studies, level: float) -> tuple[Any, Any]:
    """Interval for tau2 by inverting the generalised Q statistic (Viechtbauer 2007); NaN with one study.

    Both limits are zero if Q at tau2 = 0 lies below the lower quantile already.
    """
    df = np.maximum(studies.k - 1, 1)
    tail = 0.5 - 0.5 * level
    missing = either(studies.k > 1, 0.0, np.nan)
    low = solve_q(studies, chdtri(df, tail))
    high = solve_q(studies, chdtri(df, 1.0 - tail))
    return low + missing, high + missing


def profile_interval(studies: Studies, level: float, *, restricted: bool) -> tuple[float, float]:
    """Interval for tau2 of one fit from the profile of its (restricted) likelihood (Hardy and Thompson 1996).

    The smallest and the largest tau2 whose log-likelihood is within half a chi-squared quantile (1 df) of the
    maximum; with two peaks the interval spans what lies between. NaN with one study.
    """
    if studies.k < 2:
        return float("nan"), float("nan")
    best = likeliest_tau2(studies, restricted=restricted)
    floor = log_likelihood(studies, best, restricted=restricted) - 0.5 * chdtri(1.0, 1.0 - level)

    def inside(tau2: Floats) -> Any:
        return log_likelihood(studies, tau2, restricted=restricted) >= floor

    smallest = float(studies.anchor_variance)
    top = 2.0 * (float(best) + smallest)
    while inside(np.array([top]))[0]:
        top *= 2.0
    steps = int(np.log1p(top / smallest) / 0.1) + 2
    grid = np.unique(np.append(smallest * np.expm1(np.linspace(0.0, np.log1p(top / smallest), steps)), best))
    within = np.flatnonzero(inside(grid))
    first, last = int(within[0]), int(within[-1])
    low = narrow(inside, grid[first], grid[first - 1]) if first else 0.0
    return low, narrow(inside, grid[last], grid[last + 1])


def _quantiles(k: Any, probability: float, less: int) -> Any:
    """Quantiles of t with k - `less` degrees of freedom, at least one; of the normal distribution with one study."""
    if not isinstance(k, np.ndarray):
        return _one_t_quantile(max(k - less, 1) if k > 1 else np.inf, probability)
    return _t_table(int(k.max(initial=1)), probability, less)[k]


@lru_cache(maxsize=64)
def _t_table(largest: int, probability: float, less: int) -> Floats:
    df = np.maximum(np.arange(largest + 1.0) - less, 1.0)
    df[:2] = np.inf
    return np.asarray(stdtrit(df, probability))


def _t_quantile(df: Any, probability: float) -> Any:
    return stdtrit(df, probability) if isinstance(df, np.ndarray) else _one_t_quantile(df, probability)


@lru_cache(maxsize=1024)
def _one_t_quantile(df: float, probability: float) -> float:
    return float(stdtrit(df, probability))


def _kenward_roger(w: Any, r: Any, r2: Any, r3: Any) -> tuple[Any, Any]:
    """Adjusted variance of the mean and its degrees of freedom, from the anchor's weight and the sums over the rest.

    For a common mean and one variance component the adjustment (Kenward and Roger 1997, eqs 3 and 7 to 9) comes to
    V + 2 V^2 (sum w^3 - (sum w^2)^2 / sum w) / I with V = 1 / sum w and I = tr(PP) / 2, the expected information
    about tau2, and to 2 I / (V sum w^2)^2 degrees of freedom with scale 1. At least `LEAST_DF` are kept, for a
    finite interval.
    """
    total = w + r
    information = 0.5 * trace_pp(w, r, r2, r3)
    information = either(information > 0.0, information, np.inf)
    pairs = w * (w * (w * r - 2.0 * r2) + r3) + (r * r3 - r2 * r2)
    variance = 1.0 / total + 2.0 * np.maximum(pairs, 0.0) / (total * total * total * information)
    df = np.maximum(2.0 * information * np.square(total / (w * w + r2)), LEAST_DF)
    return variance, df
