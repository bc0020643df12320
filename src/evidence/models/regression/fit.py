"""Meta-regression: how the effect varies with features of the studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.measures import choose_interval, choose_method, choose_prediction
from evidence.models.core.coefficients import TESTS
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import METHODS, estimate_tau2
from evidence.models.pool import EFFECT_LIMIT, VARIANCE_LIMITS, describe_fault
from evidence.models.regression.design import build_design, study_labels
from evidence.models.regression.result import Regression

__all__ = ["regress"]


def regress(
    formula: str,
    data: pd.DataFrame,
    *,
    variance: str | Sequence[float] = "variance",
    labels: str | Sequence[str] | None = "label",
    method: str = "REML",
    ci: str = "HKSJ",
    level: float = 0.95,
    prediction: str = "V",
) -> Regression:
    """Fit a mixed-effects meta-regression.

    Parameters
    ----------
    formula : str
        "effect ~ exercise + weeks": the column of effects, and moderators in the notation of formulas, with factors,
        interactions (a:b, a*b), transformations, and `- 1` for no intercept. The effects are on an additive
        scale (log for ratios), absolute values up to 1e20.
    data : DataFrame
        One row a study. Rows with a missing moderator are left out, and named in the result.
    variance : str or array-like
        Column of the sampling variances, or one value a row; between 1e-30 and 1e30.
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
    """
    method = choose_method(method, METHODS)
    ci = choose_interval(ci, TESTS)
    prediction = choose_prediction(prediction)
    if not 0.0 < level < 1.0:
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")
    if not isinstance(data, pd.DataFrame) or data.empty:
        raise DataError("data must be a DataFrame with at least one row.")
    names = np.array(study_labels(labels, data), dtype=object)
    variances = _variances(variance, data)
    design = build_design(formula, data)
    if not design.response.size:
        raise DataError(f"the formula {formula!r} has no effect on its left side; write 'effect ~ ...'.")
    kept = tuple(map(str, names[design.kept]))
    _check_studies(design.response, variances[design.kept], kept)
    model = Model(design.matrix, design.response, variances[design.kept])
    return Regression(
        formula,
        design,
        model.effect,
        model.variance,
        kept,
        tuple(map(str, names[~design.kept])),
        method,
        ci,
        level,
        prediction,
        float(estimate_tau2(model, method)),
    )


def _variances(variance: Any, data: pd.DataFrame) -> Floats:
    if isinstance(variance, str):
        if variance not in data.columns:
            raise DataError(
                f"the table has no column {variance!r} of sampling variances; name it by variance=..."
            )
        variance = data[variance]
    try:
        out = np.array(variance, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"variances must be numbers, one a row: {error}") from error
    if out.shape != (len(data),):
        raise DataError(f"variance has shape {out.shape} for {len(data)} rows; give one value a row.")
    return out


def _check_studies(effect: Floats, variance: Floats, labels: tuple[str, ...]) -> None:
    smallest, largest = VARIANCE_LIMITS
    good = (np.abs(effect) <= EFFECT_LIMIT) & (variance >= smallest) & (variance <= largest)
    if not good.all():
        i = int(np.argmin(good))
        raise DataError(f"{labels[i]}: {describe_fault(float(effect[i]), float(variance[i]))}")
