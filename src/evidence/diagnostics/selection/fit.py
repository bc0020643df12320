"""Selection models: the mean effect, allowing for results that were not seen because of their P values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.diagnostics.selection.maximum import BETA_BOUNDS, STEP_BOUNDS, likeliest_weights
from evidence.diagnostics.selection.weights import beta_weights, interval_of, p_values, step_weights
from evidence.errors import DataError, ModelError
from evidence.models.core.studies import Floats
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.results import Shown, few_studies, number, p_clause, sentences, span

__all__ = ["SelectionModel", "selection_model"]


@dataclass(frozen=True, eq=False, repr=False)
class SelectionModel(Shown):
    """Result of `selection_model`."""

    type: str
    alternative: str
    steps: tuple[float, ...]
    """Upper ends of the intervals of P values, the last 1; empty for the beta function."""
    counts: tuple[int, ...]
    """Number of studies in each interval."""
    k: int
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    tau2: float
    tau2_se: float
    """NaN where tau2 is zero or fixed."""
    delta: Floats
    """Relative chances of being seen (the first interval's is 1), or the two parameters of the beta function."""
    delta_se: Floats
    """NaN where a parameter is fixed or on its bound."""
    log_likelihood: float
    unadjusted: float
    """Maximum-likelihood estimate without selection."""
    unadjusted_log_likelihood: float
    lrt: float
    """Likelihood-ratio statistic of selection."""
    lrt_df: int
    lrt_p: float
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """One row a parameter of the weight function: parameter, studies (step function), delta, se."""
        if self.type == "beta":
            return pd.DataFrame({"parameter": ["a", "b"], "delta": self.delta, "se": self.delta_se})
        ends = [0.0, *self.steps]
        names = [f"{low:g} < P <= {high:g}" for low, high in pairwise(ends)]
        columns = {"parameter": names, "studies": self.counts, "delta": self.delta, "se": self.delta_se}
        return pd.DataFrame(columns)

    def summary(self) -> str:
        """Describe the model and its test."""
        lines = [
            f"Selection model ({self.type} function, alternative {self.alternative}, k = {self.k})",
            "",
            f"  Adjusted     {number(self.estimate)} ({span(self.ci_low, self.ci_high)}), {p_clause(self.p_value)}"
            f", tau2 {number(self.tau2)}",
            f"  Unadjusted   {number(self.unadjusted)}",
            f"  Selection    LRT = {number(self.lrt)}, df = {self.lrt_df}, {p_clause(self.lrt_p)}",
            "",
            self.to_frame().to_string(index=False, float_format=number, na_rep="-"),
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)


def selection_model(
    fit: Pooled,
    steps: Sequence[float] = (0.025,),
    type: str = "step",
    *,
    alternative: str | None = None,
) -> SelectionModel:
    """Fit a selection model by maximum likelihood.

    Parameters
    ----------
    fit : Pooled
        Its effects, variances and level; tau2 is zero for method EE, else it is estimated by maximum
        likelihood.
    steps : sequence of float
        For "step": P values, between 0 and 1, at which the chance of being seen changes.
    type : str
        "step" (Hedges 1992) or "beta" (Citkowicz and Vevea 2017).
    alternative : str, optional
        Of the P values that govern selection: "greater" (large effects are favoured), "less" or "two-sided".
        By default "greater" or "less", by the sign of the estimate.

    Returns
    -------
    SelectionModel
        Standard errors from the observed information, intervals from the normal distribution. Relative
        chances of being seen are bounded by 100, parameters of the beta function lie between 1e-5 and 100.

    Raises
    ------
    DataError
        If an option is unknown or a step lies outside (0, 1).
    ModelError
        If there are fewer studies than parameters, an interval holds no study, or the likelihood has no
        usable maximum.

    References
    ----------
    Hedges LV (1992). Stat Sci 7(2), 246-255. Vevea JL, Hedges LV (1995). Psychometrika 60(3), 419-435.
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
    if type not in ("step", "beta"):
        raise DataError(f"unknown type {type!r}; choose 'step' or 'beta'.")
    if alternative not in (None, "greater", "less", "two-sided"):
        raise DataError(f"unknown alternative {alternative!r}; choose 'greater', 'less' or 'two-sided'.")
    alternative = alternative or ("less" if fit.estimate < 0.0 else "greater")
    two_sided = alternative == "two-sided"
    sign = -1.0 if alternative == "less" else 1.0
    ends = np.array([*sorted({float(step) for step in steps}), 1.0]) if type == "step" else np.empty(0)
    if type == "step" and (ends.size < 2 or not ((ends[:-1] > 0.0) & (ends[:-1] < 1.0)).all()):
        raise DataError(f"steps must be P values between 0 and 1, for example [0.025]; got {list(steps)!r}.")
    estimate_tau2 = fit.method != "EE"
    parameters = 1 + estimate_tau2 + (ends.size - 1 if type == "step" else 2)
    if fit.k < parameters:
        raise ModelError(f"this selection model has {parameters} parameters; {fit.k} studies are too few.")
    p = p_values(sign * fit.effect / np.sqrt(fit.variance), two_sided=two_sided)
    counts = (
        np.bincount(interval_of(p, ends), minlength=ends.size) if type == "step" else np.empty(0, dtype=int)
    )
    if (counts == 0).any():
        found = ", ".join(f"{count} up to {end:g}" for count, end in zip(counts, ends, strict=True))
        raise ModelError(f"an interval of P values holds no study ({found}); choose other steps.")
    null = pool(fit.effect, fit.variance, method="ML" if estimate_tau2 else "EE", ci="z")
    weights = (
        step_weights(p, ends, two_sided=two_sided) if type == "step" else beta_weights(p, two_sided=two_sided)
    )
    bounds = STEP_BOUNDS if type == "step" else BETA_BOUNDS
    scale = float(np.sqrt(np.median(fit.variance) + null.tau2))
    best = likeliest_weights(
        weights, sign * fit.effect / scale, np.sqrt(fit.variance) / scale, bounds, estimate_tau2
    )
    value = best.value - fit.k * float(np.log(scale))
    if value < null.log_likelihood - 1e-6 * max(1.0, abs(null.log_likelihood)):
        raise ModelError(
            "the likelihood of the selection model could not be maximised; use other steps or fewer."
        )
    errors = np.full(best.parameters.size, np.nan)
    errors[best.free] = np.sqrt(np.diag(best.covariance))
    eta, eta_se = best.parameters[2:], errors[2:]
    if type == "step":
        delta, delta_se = np.append(1.0, np.exp(eta)), np.append(np.nan, np.exp(eta) * eta_se)
    else:
        delta, delta_se = eta + 1.0, eta_se
    estimate, se = sign * float(best.parameters[0]) * scale, float(errors[0]) * scale
    half = float(ndtri(0.5 + 0.5 * fit.level)) * se
    lrt = max(0.0, 2.0 * (value - null.log_likelihood))
    on_bound = bool((~best.free[2:]).any())
    return SelectionModel(
        type,
        alternative,
        tuple(ends.tolist()),
        tuple(counts.tolist()),
        fit.k,
        estimate,
        se,
        estimate - half,
        estimate + half,
        float(2.0 * ndtr(-abs(estimate) / se)),
        float(best.parameters[1]) * scale * scale,
        float(errors[1]) * scale * scale,
        delta,
        delta_se,
        value,
        null.estimate,
        null.log_likelihood,
        lrt,
        eta.size,
        float(chdtrc(eta.size, lrt)),
        sentences(
            few_studies(fit.k),
            "Few studies in an interval: its chance of being seen is hardly known."
            if (counts < 4).any()
            else "",
            "A parameter of the weight function is on its bound; treat the result with caution."
            if on_bound
            else "",
            "The information matrix is not positive definite: no standard errors." if np.isnan(se) else "",
        ),
    )
