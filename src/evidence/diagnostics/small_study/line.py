"""A weighted straight line through the studies: what regression tests for small-study effects rest on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2
from evidence.models.pooled import Pooled

__all__ = ["Line", "fit_line", "line_tau2"]


class Line(NamedTuple):
    """A line fitted by weights 1 / (variance + tau2). Variances are those of the model without a dispersion."""

    intercept: float
    intercept_variance: float
    slope: float
    slope_variance: float
    squares: float
    """Weighted sum of squared residuals."""


def fit_line(x: Floats, y: Floats, variance: Floats, tau2: float = 0.0, *, what: str) -> Line:
    """Fit y = intercept + slope x.

    Parameters
    ----------
    x, y, variance : ndarray, shape (k,)
        Predictor, effects and sampling variances of two studies or more.
    tau2 : float
        Between-study variance about the line.
    what : str
        Name of the predictor, for the message.

    Raises
    ------
    ModelError
        If the predictor does not vary.
    """
    try:
        fit = _model(x, y, variance).at(tau2)
    except ModelError:
        raise ModelError(f"{what} is the same in all studies, so no line can be fitted.") from None
    (intercept, slope), covariance = fit.coefficients.tolist(), fit.covariance
    return Line(intercept, float(covariance[0, 0]), slope, float(covariance[1, 1]), float(fit.rss))


def line_tau2(fit: Pooled, x: Floats, *, what: str) -> float:
    """Estimate the between-study variance about the line by the method of a fit, not GENQ; DL2 takes one step, as DL.

    A tau2 that was given to the fit stays as it is.

    Raises
    ------
    ModelError
        If the predictor does not vary.
    """
    fit_line(x, fit.effect, fit.variance, what=what)
    if fit.tau2_given:
        return fit.tau2
    model = _model(x, fit.effect, fit.variance)
    return float(estimate_tau2(model, "DL" if fit.method == "DL2" else fit.method))


def _model(x: Floats, y: Floats, variance: Floats) -> Model:
    return Model(np.column_stack([np.ones_like(x), x]), y, variance)
