"""Meta-regression: how the effect varies with features of the studies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.columns import Origin, align, as_frame, check_missing, numbers
from evidence.errors import DataError
from evidence.measures import check_level, choose_interval, choose_method, choose_prediction
from evidence.models.core.coefficients import TESTS
from evidence.models.core.given import code_of, squared
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import METHODS, estimate_tau2
from evidence.models.pool import EFFECT_LIMIT, VARIANCE_LIMITS, describe_fault
from evidence.models.regression.design import Design, build_design, study_labels
from evidence.models.regression.result import Regression

__all__ = ["build_effects", "check_studies", "model_rows", "regress", "row_variances"]


def regress(
    formula: str,
    data: Any,
    *,
    variance: Any = None,
    labels: Any = "label",
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    prediction: str = "V",
    se: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
) -> Regression:
    """Fit a mixed-effects meta-regression.

    Parameters
    ----------
    formula : str
        "effect ~ exercise + weeks": the column of effects, and moderators in the notation of formulas, with factors,
        interactions (a:b, a*b), transformations, and `- 1` for no intercept. The effects are on an additive
        scale (log for ratios), absolute values up to 1e20.
    data : DataFrame
        One row a study (pandas, polars or alike). Rows with a missing moderator are left out, and counted in the
        note. Text that holds numbers is read as numbers, with a warning.
    variance : str or array-like
        Column of the sampling variances, by default "variance", or one value a row; between 1e-30 and 1e30.
    labels : str, sequence of str or None
        Column of the study labels, or one a row. Without such a column the index, if it is text, else "Study
        1", ...
    method : str
        Estimator of the residual between-study variance: EE, DL, HE, HS, SJ, ML, REML, EB, PM or PMM. REML
        and ML give the global maximum.
    ci : str
        Tests and intervals of the coefficients: "z", "t" (k - p degrees of freedom), "HKSJ" (Knapp and
        Hartung 2003) or "HKSJ-adhoc" (the same, never narrower than "t").
    level : float
        Level of all intervals, between 0 and 1.
    prediction : str
        Distribution of prediction intervals: "V" (t, k - p df), "HTS" (t, k - p - 1 df, at least 1) or "z".
    se : str or array-like, optional
        Standard errors, in place of `variance`.
    missing : {"refuse", "omit"}
        What is done if an effect or a variance is missing: refuse, or leave the row out and say so in the note.
    measure : str, optional
        What the effects are, for figures; by default what the table says, if `effect_size` made it.

    Returns
    -------
    Regression

    Raises
    ------
    DataError
        If the formula or an option cannot be used, or a study's effect or variance is missing or out of
        range.
    ModelError
        If the coefficients cannot be estimated; the message names the column of the design.

    References
    ----------
    Thompson SG, Higgins JPT (2002). Stat Med 21(11), 1559-1573.
    Knapp G, Hartung J (2003). Stat Med 22(17), 2693-2710.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> fit.coefficients["estimate"].round(3)
    coefficient
    Intercept    0.251
    ablat       -0.029
    Name: estimate, dtype: float64
    """
    method = choose_method(method, METHODS)
    ci = choose_interval(ci, TESTS)
    prediction = choose_prediction(prediction)
    data, names, variances, gone = model_rows(data, variance, se, labels, level, missing)
    design = build_effects(formula, data, missing=gone)
    origin = Origin(names, data.index, design.kept)
    kept = tuple(name for name, keep in zip(names, design.kept, strict=True) if keep)
    check_studies(design.response, variances[design.kept], kept)
    model = Model(design.matrix, design.response, variances[design.kept])
    return Regression(
        formula,
        design,
        model.effect,
        model.variance,
        kept,
        origin.left_out,
        method,
        level,
        ci=ci,
        prediction=prediction,
        tau2=float(estimate_tau2(model, method)),
        measure=code_of(data.attrs.get("measure") if measure is None else measure),
        origin=origin,
    )


def model_rows(
    data: Any, variance: Any, se: Any, labels: Any, level: float, missing: str
) -> tuple[pd.DataFrame, tuple[str, ...], Floats, NDArray[np.bool_] | None]:
    """Read the table of a model: rows, labels, variances, and which rows to leave out for want of one."""
    check_level(level)
    check_missing(missing)
    data = as_frame(data)
    if data.empty:
        raise DataError("data must be a DataFrame with at least one row.")
    names = study_labels(labels, data)
    variances = row_variances(variance, se, data, names)
    return data, names, variances, np.isnan(variances) if missing == "omit" else None


def build_effects(formula: str, data: pd.DataFrame, *, missing: NDArray[np.bool_] | None = None) -> Design:
    """Build the design of a formula that has the effects on its left side."""
    design = build_design(formula, data, missing=missing)
    if not design.response.size:
        raise DataError(f"the formula {formula!r} has no effect on its left side; write 'effect ~ ...'.")
    return design


def row_variances(variance: Any, se: Any, data: pd.DataFrame, labels: tuple[str, ...]) -> Floats:
    """Variances of the rows of a table, from a column of it, one value a row, or standard errors."""
    if variance is not None and se is not None:
        raise DataError("variance and se are both given; give one of them.")
    if variance is None and se is None:
        if "variance" not in data.columns and "se" in data.columns:
            se = "se"
        else:
            variance = "variance"
    name, given = ("variance", variance) if se is None else ("se", se)
    if isinstance(given, str) and given not in data.columns:
        raise DataError(f"the table has no column {given!r} of sampling variances; name it by {name}=...")
    values = align({name: given}, data=data)[0][name]
    out = numbers(values, name, labels=labels)
    if out.shape != (len(data),):
        raise DataError(f"{name} has shape {out.shape} for {len(data)} rows; give one value a row.")
    return out if se is None else squared(out, labels)


def check_studies(effect: Floats, variance: Floats, labels: tuple[str, ...]) -> None:
    """Raise DataError naming the first study that cannot be computed with."""
    smallest, largest = VARIANCE_LIMITS
    good = (np.abs(effect) <= EFFECT_LIMIT) & (variance >= smallest) & (variance <= largest)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{labels[i]}: {describe_fault(float(effect[i]), float(variance[i]))}")
