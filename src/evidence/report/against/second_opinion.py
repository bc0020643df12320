"""The results of a review computed again by statsmodels, for those who have no R at hand."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtr, stdtrit

from evidence.errors import DataError
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.report.against.compare import TOLERANCE, Agreement, compare
from evidence.synthesis.synthesis import synthesise
from evidence.tables.review import Review

__all__ = ["against_statsmodels", "by_statsmodels"]

MEAN = ("estimate", "se", "ci_low", "ci_high", "p_value", "q")
OWN = {"EE": "fixed", "DL": "dl", "PM": "pm"}
"""Estimators of the variance between studies that statsmodels has."""


def against_statsmodels(review: Review, tolerance: float = TOLERANCE) -> Agreement:
    """Let statsmodels pool the analyses, and compare every value with this package's.

    statsmodels estimates the variance between studies by DerSimonian and Laird and by Paule and Mandel alone
    (`combine_effects`). An analysis under another estimator is therefore compared three times: its mean as the
    protocol asks for it with tau2 given, by weighted least squares, and all of it under each of the two.

    Parameters
    ----------
    review : Review
    tolerance : float
        Largest difference, relative for values beyond 1.

    Returns
    -------
    Agreement
        Ratios are compared as logarithms. Networks, and totals that are made from counts, are not compared.

    Raises
    ------
    DataError
        If nothing can be compared.
    """
    mine: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    left: list[str] = []
    for name in review.analyses:
        fit = synthesise(review, name).fit
        if fit is None:
            continue
        if fit.counts != "IV" or fit.k < 2 or fit.ci == "KR":
            left.append(name)
            continue
        for method in dict.fromkeys([fit.method, *(() if fit.method in OWN else ("DL", "PM"))]):
            same = method == fit.method
            ours = fit if same else pool(fit.effect, fit.variance, method=method, ci=fit.ci, level=fit.level)
            names = (*MEAN, "tau2") if method in OWN else MEAN
            label = name if same else f"{name} as {method}"
            mine.append({"analysis": label, **{key: float(getattr(ours, key)) for key in names}})
            theirs.append({"analysis": label, **by_statsmodels(ours, given=method not in OWN)})
    if not mine:
        raise DataError("the review has no pooled result that statsmodels can compute.")
    values = (*MEAN, "tau2")
    expected = pd.DataFrame(mine).reindex(columns=["analysis", *values])
    found = pd.DataFrame(theirs).reindex(columns=["analysis", *values])
    notes = ["Networks and prediction intervals are not compared: statsmodels has none."]
    if any(" as " in one["analysis"] for one in mine):
        notes.append(
            "statsmodels has the estimators DL and PM alone; of others the mean was compared with tau2 given, and "
            "the whole under DL and PM."
        )
    if left:
        notes.append(f"Not compared, because statsmodels has no such model: {', '.join(left)}.")
    table = compare(expected, found, ["analysis"], values, tolerance)
    return Agreement(f"statsmodels {version('statsmodels')}", table, tolerance, tuple(notes))


def by_statsmodels(fit: Pooled, *, given: bool = False) -> dict[str, float]:
    """Pool the effects of a fit of at least two studies again, under its estimator and interval.

    Parameters
    ----------
    fit : Pooled
        Method EE, DL or PM, or any with `given`; interval z, t, HKSJ or HKSJ-adhoc.
    given : bool
        Whether tau2 is taken from the fit; it is then not among the values.

    Returns
    -------
    dict of str to float
        estimate, se, ci_low, ci_high, p_value, q and tau2.
    """
    from statsmodels.regression.linear_model import WLS
    from statsmodels.stats.meta_analysis import combine_effects

    kind = "dl" if given else OWN[fit.method]
    # Iterations of Paule and Mandel that land a rounding error beyond the root make it 0; a coarser end avoids that.
    for end in (1e-12, 1e-10, 1e-8, 1e-6, 1e-5):
        options: dict[str, Any] = {"method_re": "dl"}
        if kind == "pm":
            options = {"method_re": "pm", "atol": end, "maxiter": 10_000}
        with np.errstate(invalid="ignore"):  # one of its intervals, not used here, is none for one study
            combined = combine_effects(fit.effect, fit.variance, **options)
        if combined.tau2 > 0.0 or combined.q <= fit.q_df:
            break
    # Below the degrees of freedom statsmodels leaves the moment of DerSimonian and Laird negative.
    tau2 = fit.tau2 if given else 0.0 if kind == "fixed" else max(0.0, float(combined.tau2))
    mean = WLS(fit.effect, np.ones((fit.k, 1)), weights=1.0 / (fit.variance + tau2)).fit()
    estimate, scaled, scale = float(mean.params[0]), float(mean.bse[0]), float(mean.scale)
    plain = float(np.sqrt(mean.normalized_cov_params[0, 0]))
    se = {"HKSJ": scaled, "HKSJ-adhoc": plain * math.sqrt(max(1.0, scale))}.get(fit.ci, plain)
    df = math.inf if fit.ci == "z" else float(mean.df_resid)
    tail = 0.5 + 0.5 * fit.level
    half = se * float(ndtri(tail) if fit.ci == "z" else stdtrit(df, tail))
    p_value = 2.0 * float(stdtr(df, -abs(estimate / se))) if se else math.nan
    values = {"estimate": estimate, "se": se, "ci_low": estimate - half, "ci_high": estimate + half}
    values |= {"p_value": p_value, "q": float(combined.q)}
    return values if given else values | {"tau2": tau2}
