"""Estimators of the between-study variance, their standard errors, and the measures of heterogeneity.

All estimators are written for a common mean. Definitions follow Viechtbauer (2005), Veroniki et al. (2016) and the
papers named beside each; all are truncated at zero.

References
----------
Viechtbauer W (2005). J Educ Behav Stat 30(3), 261-293.
Veroniki AA et al. (2016). Res Synth Methods 7(1), 55-79.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import chdtri

from evidence.models.core.likelihood import likeliest_tau2
from evidence.models.core.studies import (
    Floats,
    Studies,
    Sums,
    dispersion,
    either,
    others,
    positive,
    sums,
    trace_p,
)

__all__ = [
    "estimate_tau2",
    "heterogeneity_share",
    "q_and_trace",
    "solve_q",
    "tau2_standard_error",
]


def q_and_trace(studies: Studies, tau2: Any, known: Sums | None = None) -> tuple[Any, Any]:
    """Generalised Q statistic Y'PY with weights 1 / (variance + tau2), and tr P.

    Parameters
    ----------
    studies : Studies
    tau2 : scalar or ndarray, as for `evidence.models.core.studies.sums`
    known : list, optional
        Those sums up to the second power of the weights or higher, if they are known already.
    """
    w, (r, f, s), (r2, _, _), *_ = known or sums(studies, tau2, 2)
    return positive(s - f * f / (w + r)), trace_p(w, r, r2)


def estimate_tau2(
    studies: Studies,
    method: str,
    q: Any,
    trace: Any,
    weights: Floats | None = None,
    zero: Sums | None = None,
) -> Any:
    """Estimate the between-study variance.

    Parameters
    ----------
    studies : Studies
    method : str
        A key of `evidence.measures.ESTIMATORS`.
    q, trace : scalar or ndarray
        `q_and_trace` at tau2 = 0.
    weights : ndarray, shape (k,), optional
        For GENQ: weights of the studies in the order of `studies`, the anchor first.
    zero : list, optional
        `evidence.models.core.studies.sums` at tau2 = 0 up to the third power of the weights, if they are known.

    Returns
    -------
    float, or ndarray of shape (n, 1) for a batch
        Zero with fewer than two studies.
    """
    df = studies.k - 1
    if method in ("REML", "ML"):
        return likeliest_tau2(studies, restricted=method == "REML", zero=zero)
    if method in ("PM", "EB"):
        return solve_q(studies, df)
    if method == "PMM":
        return solve_q(studies, _chi2_quantile(df, 0.5))
    if method == "GENQ" and weights is not None:
        return np.maximum(_moments(studies, weights), 0.0)
    trace = either(trace == 0.0, np.inf, trace)  # a single study
    if method == "EE":
        tau2 = 0.0 * q
    elif method == "DL":
        tau2 = (q - df) / trace
    elif method == "DL2":
        first = np.maximum((q - df) / trace, 0.0)
        q2, trace2 = q_and_trace(studies, first)
        tau2 = first + (q2 - df) / either(trace2 == 0.0, np.inf, trace2)
    elif method == "HS":
        w, (r, _, _) = sums(studies, 0.0 * q, 1)
        tau2 = (q - studies.k) / (w + r)
    elif method == "HE":
        tau2 = dispersion(studies) / np.maximum(df, 1) - _mean_variance(studies)
    else:
        start = dispersion(studies) / studies.k
        tau2 = start * q_and_trace(studies, start)[0] / np.maximum(df, 1)
    return np.maximum(tau2, 0.0)


def solve_q(studies: Studies, target: Any) -> Any:
    """Find tau2 >= 0 at which the generalised Q statistic equals `target`; zero if Q is smaller already at tau2 = 0.

    The reciprocal of Q is concave and increasing in tau2, as Q = sum z^2 / (tau2 + l) for the eigenvalues l of the
    sampling covariance of the contrasts. Newton's method on it therefore climbs to the root from below without
    overshooting. In a batch a fit that has arrived takes no further step, so that none depends on the others.
    """
    tau2 = 0.0 * studies.anchor_variance
    if studies.powers.ndim == 3:
        target = np.broadcast_to(target, tau2.shape)
        climbing = np.arange(len(tau2))
        for _ in range(200):
            step = _q_step(studies, tau2[climbing], target)
            tau2[climbing] += step
            going = (step > 1e-8 * (tau2[climbing] + studies.anchor_variance))[:, 0]
            if not going.any():
                break
            climbing, target, studies = climbing[going], target[going], studies.take(going)
        return tau2
    for _ in range(200):
        step = _q_step(studies, tau2, target)
        tau2 = tau2 + step
        if not np.any(step > 1e-8 * (tau2 + studies.anchor_variance)):
            break
    return tau2


def _q_step(studies: Studies, tau2: Any, target: Any) -> Any:
    """One step of `solve_q`; zero where Q is at its target or below."""
    w, (r, f, s), (r2, f2, s2) = sums(studies, tau2, 2)
    mean = f / (w + r)
    q = s - mean * f
    slope = s2 - mean * (2.0 * f2 - mean * (w * w + r2))
    above = q > target
    return either(above, q * (q - target), 0.0) / either(above, target * slope, 1.0)


def heterogeneity_share(method: str, k: Any, q: Any, trace: Any, tau2: Any) -> tuple[Any, Any]:
    """I2 in percent and H2 (Higgins and Thompson 2002).

    From tau2 and the typical sampling variance (k - 1) / tr P; in an equal-effects model from Q, as
    I2 = (Q - df) / Q, not below zero, and H2 = Q / df. With one study 0 and 1.

    Parameters
    ----------
    method : str
    k, q, trace, tau2 : scalar or ndarray
        Number of studies, `q_and_trace` at tau2 = 0 and the estimate of tau2.
    """
    df = either(k > 1, k - 1, 1)
    if method == "EE":
        h2 = either(k > 1, q / df, 1.0)
        return 100.0 * np.maximum(1.0 - 1.0 / np.maximum(h2, 1.0), 0.0), h2
    ratio = tau2 * trace / df
    return 100.0 * ratio / (1.0 + ratio), 1.0 + ratio


def tau2_standard_error(
    method: str, effect: Floats, variance: Floats, tau2: Any, weights: Floats | None = None
) -> Any:
    """Large-sample standard error of the between-study variance.

    Parameters
    ----------
    effect, variance : ndarray, shape (..., k)
        Studies; NaN marks an absent one.
    tau2 : float or ndarray, shape (...)
        Estimate by `method`.
    weights : ndarray, shape (..., k), optional
        For GENQ.

    Returns
    -------
    float or ndarray, shape (...)
        NaN for EE and with fewer than two studies. For DL2 the weights of the second step count as given.

    References
    ----------
    Viechtbauer (2005), section on standard errors; Jackson, Turner, Rhodes and Viechtbauer (2014),
    BMC Med Res Methodol 14, 103, for the generalised method of moments.
    """
    present = ~np.isnan(variance)
    one = present.astype(np.float64)
    k = one.sum(axis=-1)
    missing = np.where((k > 1) & (method != "EE"), 0.0, np.nan)
    df = np.maximum(k - 1, 1)
    tau2 = np.asarray(tau2, dtype=np.float64)
    effect, variance = np.where(present, effect, 0.0), np.where(present, variance, 1.0)

    def inverse(between: Any) -> Floats:
        return one / (variance + np.asarray(between)[..., None])

    if method == "EE":
        return missing
    weight = inverse(tau2)
    if method in ("EB", "PM", "PMM"):
        return missing + np.sqrt(2.0 * k * k / df) / weight.sum(axis=-1)
    if method == "ML":
        return missing + np.sqrt(2.0 / np.square(weight).sum(axis=-1))
    if method == "REML":
        return missing + np.sqrt(2.0 / _not_zero(_trace(weight, one, one)))
    start = np.square(one * (effect - effect.sum(axis=-1, keepdims=True) / k[..., None])).sum(axis=-1) / k
    if method == "GENQ" and weights is not None:
        a = np.where(present, weights, 0.0)
    elif method == "DL2":
        a = inverse(_first_step(effect, inverse(0.0)))
    elif method == "SJ":
        a = inverse(start)
    else:
        a = one if method == "HE" else inverse(0.0)
    if method == "HS":
        scale = 1.0 / a.sum(axis=-1)
    elif method == "SJ":
        scale = start / df
    else:
        scale = 1.0 / _not_zero(_trace_p(a))
    moments = (
        2.0 * _trace(a, variance, variance)
        + 4.0 * tau2 * _trace(a, variance, one)
        + 2.0 * tau2 * tau2 * _trace(a, one, one)
    )
    return missing + scale * np.sqrt(moments)


def _mean_variance(studies: Studies) -> Any:
    batch = studies.powers.ndim == 3
    rest = np.sum(studies.variance, axis=-1, keepdims=batch, where=np.isfinite(studies.variance))
    return (studies.anchor_variance + rest) / studies.k


def _moments(studies: Studies, weights: Floats) -> Any:
    """Untruncated method-of-moments estimate with given weights, one fit."""
    variance = np.append(studies.anchor_variance, studies.variance)
    difference = np.append(0.0, studies.difference)
    residual = difference - weights @ difference / weights.sum()
    free = weights * others(weights) / weights.sum()
    return (weights @ np.square(residual) - free @ variance) / free.sum() if variance.size > 1 else 0.0


def _first_step(effect: Floats, w: Floats) -> Any:
    """DerSimonian-Laird estimate, the first step of DL2, from inverse variances w, zero where absent."""
    mean = (w * effect).sum(axis=-1) / w.sum(axis=-1)
    q = (w * np.square(effect - mean[..., None])).sum(axis=-1)
    df = (w > 0.0).sum(axis=-1) - 1
    return np.maximum((q - df) / _not_zero(_trace_p(w)), 0.0)


def _not_zero(value: Any) -> Any:
    """Infinity in place of zero: the trace of P with a single study."""
    return np.where(value > 0.0, value, np.inf)


def _trace_p(a: Floats) -> Any:
    """Trace of P = A - a a' / sum a, A the diagonal matrix of weights a."""
    return (a * others(a)).sum(axis=-1) / a.sum(axis=-1)


def _trace(a: Floats, d: Floats, e: Floats) -> Any:
    """Trace of P D P E for diagonal matrices D and E."""
    total = a.sum(axis=-1)
    own = d * e * np.square(a * others(a) / total[..., None])
    return own.sum(axis=-1) + (d * a * a * others(e * a * a)).sum(axis=-1) / (total * total)


def _chi2_quantile(df: Any, probability: float) -> Any:
    return either(df > 0, chdtri(either(df > 0, df, 1), 1.0 - probability), 0.0)
