"""Egger's regression test and its relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from evidence.columns import study_numbers
from evidence.diagnostics.small_study.line import line_tau2
from evidence.diagnostics.small_study.regression_test import MODELS, FunnelTest, regression_test
from evidence.diagnostics.subsets import need
from evidence.errors import DataError, ModelError, choose, must_be
from evidence.models.core.studies import Floats
from evidence.models.multilevel.result import Multilevel
from evidence.models.pooled import Pooled
from evidence.models.refit import with_column
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.results import few_studies, sentences

__all__ = ["PREDICTORS", "egger", "predictor_values"]

PREDICTORS = {
    "sei": "standard error",
    "vi": "sampling variance",
    "ni": "sample size",
    "ninv": "1 / sample size",
    "sqrtni": "square root of the sample size",
    "sqrtninv": "1 / square root of the sample size",
}


def egger(
    fit: Pooled | Regression | Multilevel | Robust,
    predictor: str = "sei",
    model: str = "rma",
    *,
    n: Any = None,
) -> FunnelTest:
    """Test for funnel asymmetry by regressing the effects on a measure of the studies' size.

    Parameters
    ----------
    fit : Pooled, Regression, Multilevel or Robust
        Its effects and variances are tested; with `model="rma"` its estimator of tau2 and its kind of
        interval are used too (Kenward-Roger becomes t with k - 2 degrees of freedom). Other fits than pooled means
        are fitted anew with the predictor as one more moderator, by their own model, levels and clusters.
    predictor : str
        A key of `PREDICTORS`: "sei" (standard error), "vi" (variance), or, from the sample sizes, "ni",
        "ninv", "sqrtni" or "sqrtninv".
    model : str
        "rma": mixed-effects meta-regression. "lm": weighted least squares with a multiplicative dispersion;
        with the predictor "sei" this is the test as Egger et al. proposed it. For pooled fits only.
    n : array-like, shape (k,), optional
        Total sample sizes of the studies, with labels those of the fit; by default the fit's own, if it has some.

    Returns
    -------
    FunnelTest
        With the limit, the effect predicted for a study of infinite size, where the predictor has that
        meaning and there are no other moderators.

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
    Rodgers MA, Pustejovsky JE (2021). Psychol Methods 26(2), 141-160 (dependent effects).

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
    must_be(fit, (Pooled, Regression, Multilevel, Robust), "egger()")
    predictor = choose("predictor", predictor, PREDICTORS)
    if model not in MODELS:
        raise DataError(f"unknown model {model!r}; choose 'rma' or 'lm'.")
    need(fit, 3, "Egger's test")
    x = predictor_values(fit, predictor, n)
    if not isinstance(fit, Pooled):
        if model != "rma":
            raise DataError(
                "model='lm' is for the result of pool; leave it out, for the fit brings its model."
            )
        return _by_own_model(fit, predictor, x)
    tau2, note = 0.0, ""
    if model == "rma":
        if fit.given_weights is not None:
            raise ModelError("Egger's test has no method='GENQ'; use model='lm' or pool by another method.")
        tau2 = line_tau2(fit, x, what=f"the predictor {predictor}")
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


def _by_own_model(fit: Regression | Multilevel | Robust, predictor: str, x: Floats) -> FunnelTest:
    """Test the coefficient of the predictor in the model of the fit."""
    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        raise ModelError(f"the predictor {predictor} does not vary, so that no slope can be estimated.")
    name = {"sei": "se"}.get(predictor, predictor)
    while name in fit.names:
        name += "_"
    wider = with_column(fit, name, x)
    row: Any = wider.coefficients.loc[name]
    if not row["se"] > 0.0:
        raise ModelError(
            "Egger's test: the effects lie exactly on a line, so that there is no error to test against."
        )
    inner = wider.fit if isinstance(wider, Robust) else wider
    # The first coefficient is the effect at a predictor of zero only where there is nothing else.
    plain = wider.p == 2 and wider.names[0] == "Intercept" and predictor in ("sei", "vi", "ninv", "sqrtninv")
    limit = wider.coefficients.iloc[0][["estimate", "ci_low", "ci_high"]].to_numpy(float)
    limit = limit if plain else np.full(3, np.nan)
    kind = {Regression: "regression", Multilevel: "multilevel", Robust: "robust"}[type(fit)]
    variances = inner.variances if isinstance(inner, Multilevel) else np.array([inner.tau2])
    return FunnelTest(
        "Egger's test" if predictor == "sei" else "Regression test",
        predictor,
        kind,
        fit.k,
        float(row["estimate"]),
        float(row["se"]),
        float(row["statistic"]),
        float(row["df"] if isinstance(wider, Robust) else wider.df),
        float(row["p_value"]),
        float(limit[0]),
        float(limit[1]),
        float(limit[2]),
        float(variances.sum()) if variances.size else np.nan,
        sentences(few_studies(fit.clusters if isinstance(fit, Robust) else fit.k), wider.note),
    )


def predictor_values(fit: Any, predictor: str, n: Any = None) -> Floats:
    """Return the values of a predictor, shape (k,); DataError if sample sizes are needed and wrong."""
    if predictor in ("sei", "vi"):
        variance = fit.variance if fit.variance.ndim == 1 else np.diagonal(fit.variance)
        return np.sqrt(variance) if predictor == "sei" else variance
    n = getattr(fit, "n", None) if n is None else n
    if n is None:
        raise DataError(f"the predictor {predictor!r} needs sample sizes; give n, one number a study.")
    sizes = study_numbers(fit, n, "n")
    good = np.isfinite(sizes) & (sizes > 0.0)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{fit.labels[i]}: the sample size {sizes[i]:g} is not a positive number.")
    size = sizes if predictor in ("ni", "ninv") else np.sqrt(sizes)
    return 1.0 / size if predictor in ("ninv", "sqrtninv") else size
