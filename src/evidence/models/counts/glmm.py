"""Generalised linear mixed models for the odds ratio: exact use of counts, whatever cells are zero."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.errors import DataError, ModelError
from evidence.models.counts.common_effect import study_effects
from evidence.models.counts.glmm_kernel import MODELS, build
from evidence.models.counts.glmm_likelihood import climb, maximise
from evidence.models.counts.tables import TwoByTwo, check_level, check_tables
from evidence.results import p_text

__all__ = ["BinomialNormal", "glmm"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BinomialNormal:
    """Result of `glmm`: log odds ratio under a binomial-normal model."""

    model: str
    tables: TwoByTwo
    used: tuple[bool, ...]
    """Which studies the likelihood uses; those in which nobody or everybody has the event say nothing."""
    level: float
    points: int
    k: int
    """Number of studies used."""
    estimate: float
    """Mean log odds ratio."""
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    tau2: float
    sigma2: float
    """Variance of the study effects on the logit scale, for model UM.RS; else NaN."""
    prediction_low: float
    prediction_high: float
    log_likelihood: float
    parameters: int
    lrt: float
    """Likelihood-ratio test of equal odds ratios against one odds ratio for each study; NaN for UM.RS."""
    lrt_df: int
    lrt_p: float
    tau2_lrt: float
    """Likelihood-ratio test of tau2 = 0 within the model."""
    tau2_p: float
    """Its P value, from an equal mixture of chi-squared distributions with 0 and 1 df."""
    note: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the studies."""
        return self.tables.labels

    @property
    def tau(self) -> float:
        """Between-study standard deviation of the log odds ratio."""
        return sqrt(self.tau2)

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self.parameters

    def ratio(self) -> tuple[float, float, float]:
        """Odds ratio and its confidence limits; infinite beyond about 1e308."""
        return tuple(exp(x) if x < 709.0 else inf for x in (self.estimate, self.ci_low, self.ci_high))  # type: ignore[return-value]

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, a, b, c, d, used, and the log odds ratio with 1/2 added where a cell is zero."""
        effect, variance = study_effects(self.tables, "OR")
        cells = {name: getattr(self.tables, name) for name in "abcd"}
        return pd.DataFrame(
            {
                "label": list(self.labels),
                **cells,
                "used": list(self.used),
                "effect": effect,
                "variance": variance,
            }
        )

    def summary(self) -> str:
        """Describe the fit as a compact text table."""
        percent = f"{100 * self.level:g}%"
        estimate, low, high = self.ratio()
        lines = [
            f"Binomial-normal model {self.model}, {MODELS[self.model]} (k = {self.k})",
            "",
            f"  log OR      {self.estimate:10.4f}   {percent} CI {self.ci_low:.4f} to {self.ci_high:.4f}",
            f"  OR          {estimate:10.4f}   {percent} CI {low:.4f} to {high:.4f}",
            f"  SE          {self.se:10.4f}   z = {self.statistic:.4f}, P {p_text(self.p_value)}",
            f"  Prediction              {percent} PI {self.prediction_low:.4f} to {self.prediction_high:.4f}",
            f"  tau2        {self.tau2:10.4f}   LR test of tau2 = 0: {self.tau2_lrt:.4f}, P {p_text(self.tau2_p)}",
        ]
        if not np.isnan(self.lrt):
            lines.append(
                f"  LR test     {self.lrt:10.4f}   of equal odds ratios, df = {self.lrt_df}, P {p_text(self.lrt_p)}"
            )
        lines.append(f"  log-lik.    {self.log_likelihood:10.4f}   AIC {self.aic:.4f}")
        return "\n".join([*lines, "", self.note] if self.note else lines)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def glmm(
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    *,
    model: str = "UM.FS",
    level: float = 0.95,
    points: int | None = None,
    labels: Sequence[str] | None = None,
) -> BinomialNormal:
    """Fit a binomial-normal model for the odds ratio by maximum likelihood.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2; whole numbers.
    model : {"UM.FS", "UM.RS", "CM.EL", "CM.AL"}
        Unconditional with fixed or random study effects, or conditional on the total number of events with the exact
        (non-central hypergeometric) or approximate (binomial, for rare events) likelihood. In the unconditional
        models the random odds ratio moves the two groups by half each.
    level : float
        Level of the intervals, between 0 and 1.
    points : int, optional
        Quadrature points for each random effect, 5 to 100; by default 41, and 15 for UM.RS, which has two.
    labels : sequence of str, optional
        Study labels.

    Returns
    -------
    BinomialNormal
        Intervals are by the normal distribution. If tau2 is on its boundary, zero, the note says so.

    Raises
    ------
    DataError
        If counts or options are wrong; the message names the study.
    ModelError
        If the maximum of the likelihood is not finite; the message says why.

    References
    ----------
    Stijnen T, Hamza TH, Ozdemir P (2010). Stat Med 29(29), 3046-3067.
    Jackson D, Law M, Stijnen T, Viechtbauer W, White IR (2018). Stat Med 37(7), 1059-1085.
    """
    if model not in MODELS:
        raise DataError(f"unknown model {model!r}; choose one of {', '.join(MODELS)}.")
    check_level(level)
    points = (15 if model == "UM.RS" else 41) if points is None else points
    if not 5 <= points <= 100:
        raise DataError(f"points must lie between 5 and 100; got {points!r}.")
    tables = check_tables(a, b, c, d, labels, whole=True)
    used = tables if model == "UM.RS" else tables.take(~tables.silent)
    if used.k == 0:
        raise ModelError("the odds ratio cannot be estimated: no study has both events and non-events.")
    kernel = build(model, used)
    common = maximise(kernel, points, tau_zero=True)
    fit = maximise(kernel, points) if used.k > 1 else common
    fit = fit if fit.value > common.value else common
    free = fit.spread > 0.0
    fit = climb(kernel, fit.fixed, fit.spread, free, points)
    estimate = float(fit.fixed[0, kernel.slope])
    place = kernel.slope - int(kernel.own)
    se = sqrt(np.linalg.inv(fit.information)[place, place])
    tau2 = float(fit.spread[0] ** 2)
    half = float(ndtri(0.5 + 0.5 * level))
    reach = half * sqrt(se**2 + tau2)
    tau2_lrt = max(0.0, 2.0 * (fit.value - common.value)) if tau2 else 0.0
    lrt = nan if np.isnan(kernel.saturated) else max(0.0, 2.0 * (kernel.saturated - common.value))
    df = used.k - 1
    return BinomialNormal(
        model=model,
        tables=tables,
        used=tuple((~tables.silent | (model == "UM.RS")).tolist()),
        level=level,
        points=points,
        k=used.k,
        estimate=estimate,
        se=se,
        ci_low=estimate - half * se,
        ci_high=estimate + half * se,
        statistic=estimate / se,
        p_value=float(2.0 * ndtr(-abs(estimate / se))),
        tau2=tau2,
        sigma2=float(fit.spread[1] ** 2) if model == "UM.RS" else nan,
        prediction_low=estimate - reach,
        prediction_high=estimate + reach,
        log_likelihood=fit.value,
        parameters=kernel.coefficient.shape[1] + kernel.loading.shape[1] + (used.k - 1 if kernel.own else 0),
        lrt=lrt,
        lrt_df=df,
        lrt_p=nan if np.isnan(lrt) else float(chdtrc(df, lrt)) if df else 1.0,
        tau2_lrt=tau2_lrt,
        tau2_p=0.5 * float(chdtrc(1, tau2_lrt)) if tau2_lrt else 1.0,
        note=_note(tables, model, used.k, tau2),
    )


def _note(tables: TwoByTwo, model: str, k: int, tau2: float) -> str:
    notes = []
    silent = int(tables.silent.sum())
    if silent and model != "UM.RS":
        notes.append(
            f"{silent} of {tables.k} studies without or with only events say nothing about the odds ratio: "
            f"{tables.name_silent()}."
        )
    if k == 1:
        notes.append("One study: tau2 cannot be estimated and is set to zero.")
    elif tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    return " ".join(notes)
