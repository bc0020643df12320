"""Effects against a reference with their intervals, and prediction intervals."""

from __future__ import annotations

from math import nan

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtrit

from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts
from evidence.models.network.least_squares import NetworkFit

__all__ = ["against_reference", "prediction_quantile"]


def prediction_quantile(prediction: str, df: int, level: float) -> float:
    """Quantile of prediction intervals; NaN where heterogeneity cannot be estimated.

    Parameters
    ----------
    prediction : str
        A key of `evidence.measures.PREDICTIONS`.
    df : int
        Degrees of freedom of Q.
    level : float
    """
    own = df - (prediction == "HTS")
    if not df or own < 1:
        return nan
    return float(ndtri(0.5 + 0.5 * level) if prediction == "z" else stdtrit(own, 0.5 + 0.5 * level))


def against_reference(
    contrasts: Contrasts, fit: NetworkFit, reference: int, z: float, prediction_half: Floats
) -> pd.DataFrame:
    """Tell the effects of all other treatments minus the reference; columns as in `Network.relative_to`.

    Parameters
    ----------
    contrasts : Contrasts
    fit : NetworkFit
    reference : int
        Place of the reference among the treatments.
    z : float
        Normal quantile of the confidence intervals.
    prediction_half : ndarray, shape (t, t)
        Half widths of the prediction intervals.
    """
    estimate, se = fit.effects[:, reference], np.sqrt(fit.variances[:, reference])
    half = prediction_half[:, reference]
    direct = [sum({reference, i} <= {*arms} for arms in contrasts.arms) for i in range(len(estimate))]
    frame = pd.DataFrame(
        {
            "estimate": estimate,
            "se": se,
            "ci_low": estimate - z * se,
            "ci_high": estimate + z * se,
            "prediction_low": estimate - half,
            "prediction_high": estimate + half,
            "studies": direct,
        },
        index=pd.Index(contrasts.treatments, name="treatment"),
    ).drop(contrasts.treatments[reference])
    frame.insert(4, "z", frame["estimate"] / frame["se"])
    frame.insert(5, "p_value", 2.0 * ndtr(-frame["z"].abs()))
    return frame
