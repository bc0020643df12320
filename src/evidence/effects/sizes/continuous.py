"""Effects of continuous outcomes: two independent groups, one group measured twice, one group measured once.

Every function takes columns of equal length and returns the effect and its sampling variance. Nothing is
checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np
from scipy.special import poch

from evidence.effects.sizes.arguments import Array

__all__ = [
    "gamma_correction",
    "log_mean",
    "log_variability_ratio",
    "log_variation_ratio",
    "mean_change",
    "mean_difference",
    "ratio_of_means",
    "single_mean",
    "standardised_change",
    "standardised_change_pooled",
    "standardised_change_raw",
    "standardised_difference",
    "standardised_difference_control",
    "standardised_difference_control_unequal",
    "standardised_difference_unequal",
    "weighted_mean",
]

Effect = tuple[Array, Array]


def gamma_correction(df: Array) -> Array:
    """Exact small-sample correction J(df) of a standardised mean difference; NaN where df <= 1.

    J = gamma(df / 2) / (sqrt(df / 2) gamma((df - 1) / 2)), Hedges (1981), J Educ Stat 6(2), 107-128, eq. 6e.
    """
    # The Pochhammer ratio keeps ten digits at any df; a difference of log gammas loses them as df grows.
    safe = np.where(df > 1, df, np.nan)
    return poch((safe - 1) / 2, 0.5) / np.sqrt(safe / 2)


def weighted_mean(values: Array, weights: Array) -> float:
    """Mean of the values weighted by sample size; absent rows are left out."""
    known = np.isfinite(values) & np.isfinite(weights)
    total = weights[known].sum()
    return float(weights[known] @ values[known] / total) if total > 0 else np.nan


def pooled_sd(sd1: Array, n1: Array, sd2: Array, n2: Array) -> Array:
    """Standard deviation within groups, pooled over both."""
    return np.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))


def mean_difference(m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, form: str) -> Effect:
    """MD: m1 - m2. Forms: LS and UB (separate variances), HO (pooled variance)."""
    if form == "HO":
        return m1 - m2, pooled_sd(sd1, n1, sd2, n2) ** 2 * (1 / n1 + 1 / n2)
    return m1 - m2, sd1**2 / n1 + sd2**2 / n2


def standardised_difference(
    m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, form: str, correct: bool
) -> Effect:
    """SMD: Hedges' g with the exact correction, or Cohen's d if `correct` is False.

    Forms of the variance: LS (large sample, from g), LS2 (large sample, from d times the squared correction),
    UB (unbiased), AV (from the average g). Hedges (1982), Psychol Bull 92(2), 490-499; Borenstein (2009).
    """
    total, df = n1 + n2, n1 + n2 - 2
    j = gamma_correction(df) if correct else np.ones_like(df)
    d = (m1 - m2) / pooled_sd(sd1, n1, sd2, n2)
    g = j * d
    sampling = 1 / n1 + 1 / n2
    if form == "LS2":
        return g, j**2 * (sampling + d**2 / (2 * total))
    if form == "UB":
        return g, sampling + (1 - (df - 2) / (df * j**2)) * g**2
    centre = np.full_like(g, weighted_mean(g, total)) if form == "AV" else g
    return g, sampling + np.where(np.isnan(g), np.nan, centre**2 / (2 * total))


def standardised_difference_unequal(
    m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, form: str, correct: bool
) -> Effect:
    """SMDH: difference over the root of the mean variance, for groups with unequal variances.

    Forms: LS with n - 1, after Bonett (2009), Psychol Methods 14(3), 225-238, eq. 5, times the squared
    correction; LS2 with n, by the delta method.
    """
    j = gamma_correction(n1 + n2 - 2) if correct else np.ones_like(n1)
    both = sd1**2 + sd2**2
    g = j * (m1 - m2) / np.sqrt(both / 2)
    less, factor = (1, j**2) if form == "LS" else (0, 1)
    of_sd = g**2 * (sd1**4 / (n1 - less) + sd2**4 / (n2 - less)) / (2 * both**2)
    of_means = (sd1**2 / (n1 - less) + sd2**2 / (n2 - less)) / (both / 2)
    return g, factor * (of_sd + of_means)


def standardised_difference_control(
    m1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, form: str, correct: bool
) -> Effect:
    """SMD1: Glass' delta, the mean difference over the standard deviation of group 2, the SDs taken as equal.

    Forms as for SMD, with the n2 - 1 degrees of freedom of that SD. Glass (1976), Educ Res 5(10), 3-8; Hedges &
    Olkin (1985), Statistical Methods for Meta-Analysis, section 5.A.
    """
    df = n2 - 1
    j = gamma_correction(df) if correct else np.ones_like(df)
    d = (m1 - m2) / sd2
    g = j * d
    sampling = 1 / n1 + 1 / n2
    if form == "LS2":
        return g, j**2 * (sampling + d**2 / (2 * n2))
    if form == "UB":
        return g, sampling + (1 - (df - 2) / (df * j**2)) * g**2
    centre = np.full_like(g, weighted_mean(g, n1 + n2)) if form == "AV" else g
    return g, sampling + np.where(np.isnan(g), np.nan, centre**2 / (2 * n2))


def standardised_difference_control_unequal(
    m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, correct: bool
) -> Effect:
    """SMD1H: Glass' delta, for groups with unequal variances. Bonett (2009), Psychol Methods 14(3), 225-238."""
    g = (gamma_correction(n2 - 1) if correct else 1.0) * (m1 - m2) / sd2
    return g, (sd1 / sd2) ** 2 / n1 + 1 / n2 + g**2 / (2 * n2)


def ratio_of_means(
    m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, form: str, correct: bool
) -> Effect:
    """ROM: log(m1 / m2) of two means of the same sign.

    Forms: LS (separate variances), HO (pooled variance), AV and AVHO (average coefficients of variation, per
    group and over both). Hedges, Gurevitch & Curtis (1999), Ecology 80(4), 1150-1156. With `correct` the
    second-order bias of effect and variance is removed: Lajeunesse (2015), Ecology 96(8), 2056-2063.
    """
    effect = np.log(m1 / m2)
    cv1, cv2 = sd1 / m1, sd2 / m2
    if form == "HO":
        sd = pooled_sd(sd1, n1, sd2, n2)
        cv1, cv2 = sd / m1, sd / m2
    elif form == "AV":
        cv1, cv2 = np.full_like(cv1, weighted_mean(cv1, n1)), np.full_like(cv2, weighted_mean(cv2, n2))
    elif form == "AVHO":
        known = np.isfinite(cv1 + cv2 + n1 + n2)
        mean = weighted_mean(np.r_[cv1[known], cv2[known]], np.r_[n1[known], n2[known]])
        cv1, cv2 = np.full_like(cv1, mean), np.full_like(cv2, mean)
    first, second = cv1**2 / n1, cv2**2 / n2
    variance = np.where(np.isnan(effect), np.nan, first + second)
    if correct:
        return effect + (first - second) / 2, variance + (first**2 + second**2) / 2
    return effect, variance


def log_variability_ratio(sd1: Array, n1: Array, sd2: Array, n2: Array, correct: bool) -> Effect:
    """VR: log(sd1 / sd2), with `correct` less its bias. Nakagawa et al. (2015), Methods Ecol Evol 6(2), 143-152."""
    first, second = 1 / (2 * (n1 - 1)), 1 / (2 * (n2 - 1))
    return np.log(sd1 / sd2) + (first - second if correct else 0.0), first + second


def log_variation_ratio(
    m1: Array, sd1: Array, n1: Array, m2: Array, sd2: Array, n2: Array, correct: bool
) -> Effect:
    """CVR: log ratio of the coefficients of variation of two groups with means above zero; as VR."""
    effect, variance = log_variability_ratio(sd1, n1, sd2, n2, correct)
    effect = effect - np.log(np.where(m1 > 0, m1, np.nan)) + np.log(np.where(m2 > 0, m2, np.nan))
    return effect, variance + sd1**2 / (n1 * m1**2) + sd2**2 / (n2 * m2**2)


def single_mean(m: Array, sd: Array, n: Array) -> Effect:
    """MN: the mean of one group."""
    return m, sd**2 / n


def log_mean(m: Array, sd: Array, n: Array) -> Effect:
    """MNLN: log of the mean, above zero, of one group."""
    return np.log(m), sd**2 / (n * m**2)


def change_sd(sd1: Array, sd2: Array, r: Array) -> Array:
    """Standard deviation of the difference of two measurements that correlate by r."""
    return np.sqrt(np.maximum(sd1**2 + sd2**2 - 2 * r * sd1 * sd2, 0))


def mean_change(m1: Array, sd1: Array, m2: Array, sd2: Array, n: Array, r: Array) -> Effect:
    """MC: mean change m1 - m2 of one group measured twice."""
    return m1 - m2, change_sd(sd1, sd2, r) ** 2 / n


def standardised_change(
    m1: Array, sd1: Array, m2: Array, sd2: Array, n: Array, r: Array, form: str, correct: bool
) -> Effect:
    """SMCC: mean change over the standard deviation of the changes. Gibbons et al. (1993), J Educ Stat 18."""
    return _change((m1 - m2) / change_sd(sd1, sd2, r), np.ones_like(n), n, form, correct)


def standardised_change_raw(
    m1: Array, sd1: Array, m2: Array, n: Array, r: Array, form: str, correct: bool
) -> Effect:
    """SMCR: mean change over the standard deviation of the first measurement.

    Becker (1988), Br J Math Stat Psychol 41(2), 257-278.
    """
    return _change((m1 - m2) / sd1, 2 * (1 - r), n, form, correct)


def standardised_change_pooled(
    m1: Array, sd1: Array, m2: Array, sd2: Array, n: Array, r: Array, correct: bool
) -> Effect:
    """SMCRP: mean change over the root of the mean variance of the two measurements.

    The correction has 2 (n - 1) / (1 + r^2) degrees of freedom. Cousineau (2020), Quant Methods Psychol 16(4),
    418-421.
    """
    j = gamma_correction(2 * (n - 1) / (1 + r**2)) if correct else np.ones_like(n)
    g = j * (m1 - m2) / np.sqrt((sd1**2 + sd2**2) / 2)
    return g, 2 * (1 - r) / n + g**2 * (1 + r**2) / (4 * n)


def _change(d: Array, spread: Array, n: Array, form: str, correct: bool) -> Effect:
    j = gamma_correction(n - 1) if correct else np.ones_like(n)
    if form == "LS2":
        return j * d, j**2 * (spread / n + d**2 / (2 * n))
    return j * d, spread / n + (j * d) ** 2 / (2 * n)
