"""Selection models: the effect, allowing for results that were not seen because of their P values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtri

from evidence.diagnostics.selection.maximum import likeliest_weights
from evidence.diagnostics.selection.result import SelectionModel, SelectionRegression
from evidence.diagnostics.selection.weights import (
    SMOOTH,
    Weights,
    beta_weights,
    interval_of,
    p_values,
    smooth_weights,
    step_weights,
)
from evidence.errors import DataError, ModelError, choose, must_be
from evidence.models.core.coefficients import joint_test, two_sided
from evidence.models.core.studies import Floats
from evidence.models.core.weighted import Model
from evidence.models.core.weighted_tau2 import estimate_tau2, model_log_likelihood
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.results import few_studies, sentences

__all__ = ["SelectionModel", "SelectionRegression", "selection_model"]

TYPES = ("step", "beta", *SMOOTH)
ALSO = {"stepfun": "step", "weightfunct": "step", "half-normal": "halfnorm", "negative exponential": "negexp"}
"""What others call the weight functions."""


@overload
def selection_model(
    fit: Pooled,
    steps: Sequence[float] | None = None,
    type: str = "step",
    *,
    alternative: str | None = None,
) -> SelectionModel: ...


@overload
def selection_model(
    fit: Regression,
    steps: Sequence[float] | None = None,
    type: str = "step",
    *,
    alternative: str | None = None,
) -> SelectionRegression: ...


def selection_model(
    fit: Pooled | Regression,
    steps: Sequence[float] | None = None,
    type: str = "step",
    *,
    alternative: str | None = None,
) -> SelectionModel | SelectionRegression:
    """Fit a selection model by maximum likelihood.

    Parameters
    ----------
    fit : Pooled or Regression
        Its effects, variances, moderators and level; tau2 is zero for method EE, else it is estimated by maximum
        likelihood.
    steps : sequence of float, optional
        For "step": P values, between 0 and 1, at which the chance of being seen changes; by default 0.025. For
        "halfnorm", "negexp", "logistic" and "power" one P value up to which all results are seen alike; by
        default none.
    type : str
        "step" (Hedges 1992), "beta" (Citkowicz and Vevea 2017), or a chance of being seen that falls smoothly
        with the P value (Preston et al. 2004): "halfnorm" exp(-delta p^2), "negexp" exp(-delta p), "logistic"
        2 / (1 + exp(delta p)) or "power" (1 - p)^delta, with delta of at least 0, where there is no selection.
    alternative : str, optional
        Of the P values that govern selection: "greater" (large effects are favoured), "less" or "two-sided".
        By default "greater" or "less", by the sign of the estimate, with moderators of the pooled effect.

    Returns
    -------
    SelectionModel or, of a meta-regression, SelectionRegression
        Standard errors from the observed information, intervals and tests from the normal distribution. Relative
        chances of being seen and delta are bounded by 100, parameters of the beta function lie between 1e-5 and
        100. Where delta is bounded by zero, the P value of the likelihood-ratio test is conservative.

    Raises
    ------
    DataError
        If the fit is of another class, an option is unknown or of no meaning for the weight function, or a step
        lies outside (0, 1).
    ModelError
        If there are fewer studies than parameters, an interval holds no study, or the likelihood has no
        usable maximum.

    References
    ----------
    Hedges LV (1992). Stat Sci 7(2), 246-255. Vevea JL, Hedges LV (1995). Psychometrika 60(3), 419-435.
    Preston C, Ashby D, Smyth R (2004). J Eval Clin Pract 10(2), 313-322.
    Citkowicz M, Vevea JL (2017). Psychol Methods 22(1), 28-41.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> model = ev.selection_model(fit)
    >>> f"{model.estimate:.2f}"
    '-0.62'
    """
    must_be(fit, (Pooled, Regression), "selection_model()")
    type = choose("type", type, TYPES, ALSO)
    if alternative not in (None, "greater", "less", "two-sided"):
        raise DataError(f"unknown alternative {alternative!r}; choose 'greater', 'less' or 'two-sided'.")
    alternative = alternative or ("less" if _mean(fit) < 0.0 else "greater")
    two_tailed = alternative == "two-sided"
    sign = -1.0 if alternative == "less" else 1.0
    ends = _ends(steps, type)
    design = fit.matrix if isinstance(fit, Regression) else np.ones((fit.k, 1))
    estimates_tau2, own = fit.method != "EE", {"step": ends.size - 1, "beta": 2}.get(type, 1)
    parameters = design.shape[1] + estimates_tau2 + own
    if fit.k < parameters:
        raise ModelError(f"this selection model has {parameters} parameters; {fit.k} studies are too few.")
    p = p_values(sign * fit.effect / np.sqrt(fit.variance), two_sided=two_tailed)
    counts = (
        np.bincount(interval_of(p, ends), minlength=ends.size) if type == "step" else np.empty(0, dtype=int)
    )
    if (counts == 0).any():
        found = ", ".join(f"{count} up to {end:g}" for count, end in zip(counts, ends, strict=True))
        raise ModelError(f"an interval of P values holds no study ({found}); choose other steps.")
    plain, plain_tau2, plain_value = _without_selection(fit, design)
    weights = _weights(p, type, ends, two_tailed)
    scale = float(np.sqrt(np.median(fit.variance) + plain_tau2))
    basis, change = _orthogonal(design)
    best = likeliest_weights(
        weights, sign * fit.effect / scale, np.sqrt(fit.variance) / scale, basis, estimates_tau2
    )
    value = best.value - fit.k * float(np.log(scale))
    if value < plain_value - 1e-6 * max(1.0, abs(plain_value)):
        raise ModelError(
            "the likelihood of the selection model could not be maximised; use other steps or fewer."
        )
    m = design.shape[1]
    errors = np.full(best.parameters.size, np.nan)
    errors[best.free] = np.sqrt(np.diag(best.covariance))
    eta, eta_se = best.parameters[m + 1 :], errors[m + 1 :]
    if type == "step":
        delta, delta_se = np.append(1.0, np.exp(eta)), np.append(np.nan, np.exp(eta) * eta_se)
    elif type == "beta":
        delta, delta_se = eta + 1.0, eta_se
    else:
        delta, delta_se = eta, eta_se
    lrt = max(0.0, 2.0 * (value - plain_value))
    none = type in SMOOTH and bool(delta[0] == 0.0)
    common: dict[str, Any] = {
        "type": type,
        "alternative": alternative,
        "steps": tuple(ends.tolist()),
        "counts": tuple(counts.tolist()),
        "k": fit.k,
        "tau2": float(best.parameters[m]) * scale * scale,
        "tau2_se": float(errors[m]) * scale * scale,
        "delta": delta,
        "delta_se": delta_se,
        "log_likelihood": value,
        "unadjusted_log_likelihood": plain_value,
        "lrt": lrt,
        "lrt_df": eta.size,
        "lrt_p": float(chdtrc(eta.size, lrt)),
        "note": sentences(
            few_studies(fit.k),
            "Few studies in an interval: its chance of being seen is hardly known."
            if (counts < 4).any()
            else "",
            "Delta is zero: by this weight function the likelihood is largest without selection."
            if none
            else "A parameter of the weight function is on its bound; treat the result with caution."
            if not best.free[m + 1 :].all()
            else "",
            "The likelihood is too flat to say how uncertain the result is: no standard errors."
            if np.isnan(errors[:m]).any()
            else "",
        ),
    }
    free = np.cumsum(best.free)[:m] - 1  # coefficients have no bounds, so that they come first
    covariance = change @ best.covariance[np.ix_(free, free)] @ change.T * scale * scale
    estimate = sign * scale * (change @ best.parameters[:m])
    se = np.sqrt(np.diagonal(covariance))
    half, statistic = float(ndtri(0.5 + 0.5 * fit.level)) * se, estimate / se
    if isinstance(fit, Pooled):
        return SelectionModel(
            **common,
            estimate=float(estimate[0]),
            se=float(se[0]),
            ci_low=float(estimate[0] - half[0]),
            ci_high=float(estimate[0] + half[0]),
            p_value=float(two_sided(statistic, np.inf)[0]),
            unadjusted=float(plain[0]),
        )
    tested = slice(int(fit.design.intercept and m > 1), m)
    qm, qm_p = joint_test(estimate[tested], covariance[tested, tested], np.inf)
    return SelectionRegression(
        **common,
        formula=fit.formula,
        coefficients=pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "statistic": statistic,
                "p_value": two_sided(statistic, np.inf),
                "unadjusted": plain,
            },
            index=pd.Index(fit.names, name="coefficient"),
        ),
        covariance=pd.DataFrame(covariance, index=list(fit.names), columns=list(fit.names)),
        qm=float(qm),
        qm_df=m - tested.start,
        qm_p=float(qm_p),
    )


def _mean(fit: Pooled | Regression) -> float:
    """Pooled effect, by whose sign the direction of selection is chosen."""
    if isinstance(fit, Pooled):
        return fit.estimate
    return float(pool(fit.effect, fit.variance, method="ML", ci="z").estimate)


def _ends(steps: Sequence[float] | None, type: str) -> Floats:
    """Upper ends of the intervals of P values; for a smooth function up to where it is 1, if that is given."""
    if type == "beta" and steps is not None:
        raise DataError("type='beta' has no steps; leave them out.")
    if type in SMOOTH and steps is None:
        return np.empty(0)
    if type == "beta":
        return np.empty(0)
    given = [0.025] if steps is None else np.atleast_1d(np.asarray(steps, dtype=np.float64)).tolist()
    ends = np.array([*sorted(set(given) - ({1.0} if type in SMOOTH else set())), 1.0])
    if ends.size < 2 or not ((ends[:-1] > 0.0) & (ends[:-1] < 1.0)).all():
        raise DataError(f"steps must be P values between 0 and 1, for example [0.025]; got {given!r}.")
    if type in SMOOTH and ends.size > 2:
        raise DataError(
            f"type={type!r} takes one step, up to which all results are seen alike; got {given!r}."
        )
    return ends


def _weights(p: Floats, type: str, ends: Floats, two_tailed: bool) -> Weights:
    if type == "step":
        return step_weights(p, ends, two_sided=two_tailed)
    if type == "beta":
        return beta_weights(p, two_sided=two_tailed)
    return smooth_weights(p, type, float(ends[0]) if ends.size else 0.0, two_sided=two_tailed)


def _without_selection(fit: Pooled | Regression, design: Floats) -> tuple[Floats, float, float]:
    """Coefficients, tau2 and log-likelihood of the fit by maximum likelihood, or with tau2 = 0 for EE."""
    method = "EE" if fit.method == "EE" else "ML"
    if isinstance(fit, Pooled):
        null = pool(fit.effect, fit.variance, method=method, ci="z")
        return np.array([null.estimate]), null.tau2, null.log_likelihood
    model = Model(design, fit.effect, fit.variance)
    tau2 = float(estimate_tau2(model, method))
    return model.at(tau2).coefficients, tau2, float(model_log_likelihood(model, tau2, restricted=False))


def _orthogonal(design: Floats) -> tuple[Floats, Floats]:
    """Orthogonal columns of the same span, of the order of one, and the way back to the coefficients."""
    if design.shape[1] == 1 and (design == 1.0).all():
        return design, np.eye(1)
    columns, triangle = np.linalg.qr(design)
    size = np.sqrt(design.shape[0])
    return columns * size, np.linalg.inv(triangle) * size
