"""Pool the effects of independent studies: the model most reviews need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.errors import DataError
from evidence.measures import check_level, choose_interval, choose_method, choose_prediction
from evidence.models.core.given import given
from evidence.models.core.heterogeneity import estimate_tau2, q_and_trace
from evidence.models.core.intervals import mean_effect
from evidence.models.core.studies import Floats, Studies, arrange, sums
from evidence.models.pooled import Pooled

__all__ = [
    "EFFECT_LIMIT",
    "VARIANCE_LIMITS",
    "check_options",
    "describe_fault",
    "pool",
    "within_limits",
]

EFFECT_LIMIT = 1e20
"""Largest absolute effect; beyond it, squares leave the range of floating-point numbers."""
VARIANCE_LIMITS = (1e-30, 1e30)
"""Smallest and largest variance."""


def pool(
    effect: Any,
    variance: Any = None,
    *,
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    prediction: str = "V",
    labels: Any = None,
    weights: Any = None,
    tau2: float | None = None,
    se: Any = None,
    data: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
    n: Any = None,
) -> Pooled:
    """Pool effects of independent studies under an equal-effects or random-effects model.

    Parameters
    ----------
    effect : array-like, shape (k,), str or DataFrame
        Study effects, on an additive scale (log for ratios); absolute values up to 1e20. With `data` the name of a
        column. Alone, a table with the columns effect and variance (or se), as `effect_size` returns it: it brings
        labels, measure and sizes along.
    variance : array-like, shape (k,), or str
        Sampling variances, strictly positive, between 1e-30 and 1e30.
    method : str
        Estimator of the between-study variance: EE, DL, DL2, HE, HS, SJ, ML, REML, EB, PM, PMM or GENQ (see
        `evidence.measures.ESTIMATORS`). REML and ML give the global maximum.
    ci : str
        Confidence interval of the mean: "z", "t", "HKSJ", "HKSJ-adhoc" or, with REML, "KR" (Kenward-Roger, at least
        0.02 degrees of freedom). With one study it is the study's own, by the normal distribution.
    level : float
        Level of all intervals, between 0 and 1.
    prediction : str
        Distribution of the prediction interval: "V" (t, k - 1 df), "HTS" (t, k - 2 df, at least 1) or "z".
    labels : array-like of str, or str, optional
        Study labels, or with `data` their column. By default the index of what is given if it is text, else
        "Study 1", ...
    weights : array-like, shape (k,), optional
        For GENQ, and required there: positive weights that define both the moment equation for tau2 and the mean.
    tau2 : float, optional
        A between-study variance to use as given instead of estimating it, at least 0.
    se : array-like, shape (k,), or str, optional
        Standard errors, in place of `variance`.
    data : DataFrame, optional
        Table (pandas, polars or alike) whose columns the other arguments name.
    missing : {"refuse", "omit"}
        What is done if an effect or a variance is missing: refuse, or leave the study out and say so in the note.
    measure : str, optional
        What the effects are, by code or name (such as "OR"), for summaries and figures; ratios on the log scale.
    n : array-like, shape (k,), or str, optional
        Participants of the studies; NaN where not known.

    Returns
    -------
    Pooled

    Raises
    ------
    DataError
        If labels or shapes differ, there is no study, a value is not finite or out of range, a variance is not
        positive, or an option is unknown; the message names the study.

    References
    ----------
    Viechtbauer W (2005). J Educ Behav Stat 30(3), 261-293.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> f"{fit.estimate:.3f} ({fit.ci_low:.3f} to {fit.ci_high:.3f}), tau2 {fit.tau2:.3f}"
    '-0.989 (-1.550 to -0.429), tau2 0.223'
    """
    method, ci, prediction = check_options(method, ci, level, prediction)
    read = given(
        effect,
        variance,
        se=se,
        data=data,
        labels=labels,
        missing=missing,
        measure=measure,
        n=n,
        weights=weights,
    )
    effects, variances, names = read.effect, read.variance, read.labels
    studies, order = _arrange_checked(effects, variances, names)
    own = sorted_weights = None
    if method == "GENQ":
        own = _check_weights(read.weights, names)
        sorted_weights = own[order]
    elif weights is not None:
        raise DataError(
            f"weights belong to method='GENQ'; method is {method!r}. Leave weights out or change the method."
        )
    zero = sums(studies, 0.0, 3)
    q, trace = q_and_trace(studies, 0.0, zero)
    if tau2 is None:
        between = float(estimate_tau2(studies, method, q, trace, sorted_weights, zero))
    elif method == "EE" or not 0.0 <= tau2 <= VARIANCE_LIMITS[1]:
        raise DataError(
            f"tau2 as given must lie between 0 and {VARIANCE_LIMITS[1]:g} and suits no method 'EE'; got {tau2!r}."
        )
    else:
        between = float(tau2)
    mean = mean_effect(studies, between, ci, level, sorted_weights)
    return Pooled(
        effect=effects,
        variance=variances,
        labels=names,
        method=method,
        ci=ci,
        level=level,
        prediction=prediction,
        estimate=float(mean.estimate),
        se=float(mean.se),
        ci_low=float(mean.low),
        ci_high=float(mean.high),
        statistic=float(mean.statistic),
        p_value=float(mean.p_value),
        df=float(mean.df),
        tau2=between,
        q=float(q),
        trace=float(trace),
        studies=studies,
        given_weights=own,
        tau2_given=tau2 is not None,
        measure=read.measure,
        n=read.n,
        origin=read.origin,
        columns=read.reported,
    )


def check_options(method: str, ci: str, level: float, prediction: str) -> tuple[str, str, str]:
    """Return method, interval and prediction of `pool` and `pool_many`, if they are known and go together."""
    method = choose_method(method)
    ci = choose_interval(ci)
    prediction = choose_prediction(prediction)
    if ci == "KR" and method != "REML":
        raise DataError(f"ci='KR' (Kenward-Roger) needs method='REML', not {method!r}.")
    check_level(level)
    return method, ci, prediction


def _arrange_checked(
    effects: Floats, variances: Floats, names: tuple[str, ...]
) -> tuple[Studies, NDArray[np.intp]]:
    """Arrange the studies, or say which has an effect or variance that cannot be computed with.

    Looks at single studies only if the largest effect or the smallest or largest variance gives a reason to.
    """
    smallest, largest = VARIANCE_LIMITS
    size = abs(effects)
    if size[size.argmax()] <= EFFECT_LIMIT:  # `argmax` finds NaN, and is quicker than a reduction
        studies, order = arrange(effects, variances)
        if smallest <= studies.anchor_variance and studies.largest_variance <= largest:
            return studies, order
    good = within_limits(effects, variances)
    if not good.all():
        i = int(good.argmin())
        raise DataError(f"{names[i]}: {describe_fault(float(effects[i]), float(variances[i]))}")
    return arrange(effects, variances)


def within_limits(effect: Floats, variance: Floats) -> NDArray[np.bool_]:
    """Whether each study can be computed with; not so if a value is not finite."""
    smallest, largest = VARIANCE_LIMITS
    return (abs(effect) <= EFFECT_LIMIT) & (variance >= smallest) & (variance <= largest)


def describe_fault(effect: float, variance: float) -> str:
    """Say what is wrong with a study's effect or variance, and what to do."""
    if not np.isfinite(effect):
        return f"the effect is {effect}; leave the study out or give a finite number."
    if abs(effect) > EFFECT_LIMIT:
        return f"the effect {effect:g} exceeds {EFFECT_LIMIT:g}; use another unit."
    if not np.isfinite(variance):
        return f"the variance is {variance}; leave the study out or give a finite number."
    if variance <= 0.0:
        return f"the variance {variance:g} is not positive; check the standard error."
    smallest, largest = VARIANCE_LIMITS
    return f"the variance {variance:g} lies outside {smallest:g} to {largest:g}; use another unit."


def _check_weights(weights: Floats | None, names: tuple[str, ...]) -> Floats:
    if weights is None:
        raise DataError("method='GENQ' needs weights, one positive number a study.")
    smallest, largest = VARIANCE_LIMITS
    good = (weights >= smallest) & (weights <= largest)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(
            f"{names[i]}: the weight {weights[i]:g} must be positive and within {smallest:g} to {largest:g}."
        )
    return weights
