"""Egger's regression test and its relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from evidence.columns import study_numbers
from evidence.diagnostics.small_study.line import line_tau2
from evidence.diagnostics.small_study.regression_test import MODELS, FunnelTest, regression_test
from evidence.diagnostics.subsets import need
from evidence.errors import DataError, ModelError, choose
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled

__all__ = ["PREDICTORS", "egger", "predictor_values"]

PREDICTORS = {
    "sei": "standard error",
    "vi": "sampling variance",
    "ni": "sample size",
    "ninv": "1 / sample size",
    "sqrtni": "square root of the sample size",
    "sqrtninv": "1 / square root of the sample size",
}


def egger(fit: Pooled, predictor: str = "sei", model: str = "rma", *, n: Any = None) -> FunnelTest:
    """Test for funnel asymmetry by regressing the effects on a measure of the studies' size.

    Parameters
    ----------
    fit : Pooled
        Its effects and variances are tested; with `model="rma"` its estimator of tau2 and its kind of
        interval are used too (Kenward-Roger becomes t with k - 2 degrees of freedom).
    predictor : str
        A key of `PREDICTORS`: "sei" (standard error), "vi" (variance), or, from the sample sizes, "ni",
        "ninv", "sqrtni" or "sqrtninv".
    model : str
        "rma": mixed-effects meta-regression. "lm": weighted least squares with a multiplicative dispersion;
        with the predictor "sei" this is the test as Egger et al. proposed it.
    n : array-like, shape (k,), optional
        Total sample sizes of the studies, with labels those of the fit; by default the fit's own, if it has some.

    Returns
    -------
    FunnelTest
        With the limit, the effect predicted for a study of infinite size, where the predictor has that
        meaning.

    Raises
    ------
    DataError
        If an option is unknown, or sample sizes are needed and not given, or are not positive.
    ModelError
        With fewer than three studies, a predictor that does not vary, or a fit by GENQ with `model="rma"`.

    Notes
    -----
    For standardised differences and odds ratios effects and standard errors are correlated by construction,
    so that "sei" and "vi" reject too often; a predictor made of sample sizes avoids that.

    References
    ----------
    Egger M, Davey Smith G, Schneider M, Minder C (1997). BMJ 315, 629-634.
    Sterne JAC, Egger M (2005). In: Publication Bias in Meta-Analysis, chapter 6. Wiley.
    Moreno SG et al. (2009). BMC Med Res Methodol 9, 2.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> test = ev.egger(fit)
    >>> f"P = {test.p_value:.2f}"
    'P = 0.45'
    """
    predictor = choose("predictor", predictor, PREDICTORS)
    if model not in MODELS:
        raise DataError(f"unknown model {model!r}; choose 'rma' or 'lm'.")
    need(fit, 3, "Egger's test")
    x = predictor_values(fit, predictor, n)
    tau2, note = 0.0, ""
    if model == "rma":
        if fit.given_weights is not None:
            raise ModelError("Egger's test has no method='GENQ'; use model='lm' or pool by another method.")
        tau2 = line_tau2(x, fit.effect, fit.variance, fit.method, what=f"the predictor {predictor}")
        if fit.ci == "KR":
            note = "The test uses t with k - 2 degrees of freedom in place of Kenward-Roger."
    return regression_test(
        "Egger's test" if predictor == "sei" else "Regression test",
        predictor,
        x,
        fit.effect,
        fit.variance,
        level=fit.level,
        has_limit=predictor in ("sei", "vi", "ninv", "sqrtninv"),
        model=model,
        tau2=tau2,
        ci="t" if fit.ci == "KR" else fit.ci,
        note=note,
    )


def predictor_values(fit: Pooled, predictor: str, n: Any = None) -> Floats:
    """Return the values of a predictor, shape (k,); DataError if sample sizes are needed and wrong."""
    if predictor in ("sei", "vi"):
        return np.sqrt(fit.variance) if predictor == "sei" else fit.variance
    n = fit.n if n is None else n
    if n is None:
        raise DataError(f"the predictor {predictor!r} needs sample sizes; give n, one number a study.")
    sizes = study_numbers(fit, n, "n")
    good = np.isfinite(sizes) & (sizes > 0.0)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{fit.labels[i]}: the sample size {sizes[i]:g} is not a positive number.")
    size = sizes if predictor in ("ni", "ninv") else np.sqrt(sizes)
    return 1.0 / size if predictor in ("ninv", "sqrtninv") else size
