"""Generalised linear mixed models for proportions, rates and their ratios: exact use of counts, whatever is zero."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.columns import left_out_note
from evidence.errors import DataError, ModelError
from evidence.measures import MEASURES, check_level, choose_measure
from evidence.models.counts.common_effect import FromCounts, study_effects
from evidence.models.counts.events import NEEDS, Events, check_events
from evidence.models.counts.glmm_kernel import MODELS, build, build_events
from evidence.models.counts.glmm_likelihood import climb, likeliest_fit
from evidence.models.counts.tables import TwoByTwo, check_tables
from evidence.results import number, p_text, span

__all__ = ["BinomialNormal", "glmm"]


SCALES = {
    "OR": ("log OR", "OR"),
    "IRR": ("log IRR", "IRR"),
    "PLO": ("logit", "Proportion"),
    "IRLN": ("log rate", "Rate"),
}
"""Names of each measure on the scale of the analysis and on its own."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class BinomialNormal(FromCounts):
    """Result of `glmm`: mean effect under a binomial-normal model, or for rates a Poisson-normal model.

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> fit = ev.glmm(a, b, c, d)
    >>> fit.tau2 >= 0
    True
    """

    measure: str
    """OR, IRR (log ratios), PLO (logit of a proportion) or IRLN (log rate)."""
    model: str
    """Empty for PLO and IRLN, which have one model."""
    tables: TwoByTwo | Events
    used: tuple[bool, ...]
    """Which studies the likelihood uses; those without or with only events say nothing about a ratio."""
    level: float
    points: int
    k: int
    """Number of studies used."""
    estimate: float
    """Mean effect, on the log scale, for PLO on the logit scale."""
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    tau2: float
    sigma2: float
    """Variance of the study effects on the log or logit scale, for model UM.RS; else NaN."""
    prediction_low: float
    prediction_high: float
    log_likelihood: float
    parameters: int
    lrt: float
    """Likelihood-ratio test of equal effects against one effect for each study; NaN for UM.RS."""
    lrt_df: int
    lrt_p: float
    tau2_lrt: float
    """Likelihood-ratio test of tau2 = 0 within the model."""
    tau2_p: float
    """Its P value, from an equal mixture of chi-squared distributions with 0 and 1 df."""
    note: str

    @property
    def tau(self) -> float:
        """Between-study standard deviation of the effect."""
        return sqrt(self.tau2)

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self.parameters

    def ratio(self) -> tuple[float, float, float]:
        """Odds or rate ratio and its confidence limits; infinite beyond about 1e308.

        Raises
        ------
        DataError
            For a proportion or a rate; `natural` gives those.
        """
        if not MEASURES[self.measure].ratio:
            raise DataError(f"{self.measure} is no ratio; on() gives it on its own scale.")
        return self._natural()

    def _natural(self) -> tuple[float, float, float]:
        """Estimate and confidence limits as a ratio, a proportion, or a rate."""
        back = MEASURES[self.measure].natural
        return back(self.estimate), back(self.ci_low), back(self.ci_high)

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, counts, used, and its effect with 1/2 added where a count is zero."""
        if isinstance(self.tables, Events):
            effect, variance = self.tables.effects()
            cells = self.tables.cells
        else:
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
        estimate, low, high = self._natural()
        scale, shown = SCALES[self.measure]
        kind = "Binomial" if self.measure in ("OR", "PLO") or self.model == "CM.EL" else "Poisson"
        # No difference is 0 on the log scale of a ratio; a proportion or a rate has no such value.
        test = f"   z = {number(self.statistic)}, P {p_text(self.p_value)}" if self.model else ""
        model = f" {self.model}, {MODELS[self.model]}" if self.model else ""
        tau2_test = f"LR test of tau2 = 0: {number(self.tau2_lrt)}, P {p_text(self.tau2_p)}"
        lines = [
            f"{kind}-normal model{model} (k = {self.k})",
            "",
            f"  {shown:<12}{number(estimate):>10}   {percent} CI {span(low, high)}",
            f"  {scale:<12}{number(self.estimate):>10}   {percent} CI {span(self.ci_low, self.ci_high)}",
            f"  SE          {number(self.se):>10}{test}",
            f"  Prediction              {percent} PI {span(self.prediction_low, self.prediction_high)}",
            f"  tau2        {number(self.tau2):>10}   {tau2_test}",
        ]
        if not np.isnan(self.lrt):
            lines.append(
                f"  LR test     {number(self.lrt):>10}   of equal effects, df = {self.lrt_df}, P {p_text(self.lrt_p)}"
            )
        lines.append(f"  log-lik.    {number(self.log_likelihood):>10}   AIC {number(self.aic)}")
        return "\n".join([*lines, "", self.note] if self.note else lines)


def glmm(
    a: Any = None,
    b: Any = None,
    c: Any = None,
    d: Any = None,
    *,
    measure: str = "OR",
    events: Any = None,
    n: Any = None,
    time: Any = None,
    events1: Any = None,
    time1: Any = None,
    events2: Any = None,
    time2: Any = None,
    model: str | None = None,
    level: float = 0.95,
    points: int | None = None,
    labels: Any = None,
    data: Any = None,
    missing: str = "refuse",
) -> BinomialNormal:
    """Fit a binomial-normal or Poisson-normal model by maximum likelihood.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        For the odds ratio: events and non-events of group 1, events and non-events of group 2; whole numbers.
    measure : {"OR", "IRR", "PLO", "IRLN"}
        Log odds ratio; log rate ratio, from `events1`, `time1`, `events2`, `time2`; logit of one proportion, from
        `events` and `n`; log of one rate, from `events` and `time`.
    events, events1, events2, n : array-like, shape (k,)
        Events, of one group or of each of two, and participants; whole numbers.
    time, time1, time2 : array-like, shape (k,)
        Person-time, above 0, in any unit.
    model : {"UM.FS", "UM.RS", "CM.EL", "CM.AL"}
        For OR and IRR, by default UM.FS. Unconditional with fixed or random study effects, or conditional on the
        total number of events with the exact likelihood (non-central hypergeometric; for rates binomial) or, for
        OR, the approximate one (binomial, for rare events). In the unconditional models the random ratio moves
        the two groups by half each. PLO and IRLN have one model, with random study effects.
    level : float
        Level of the intervals, between 0 and 1.
    points : int, optional
        Quadrature points for each random effect, 5 to 100; by default 41, and 15 for UM.RS, which has two.
    labels : array-like of str, or str, optional
        Study labels, or with `data` their column.
    data : DataFrame, optional
        Table (pandas, polars or alike) whose columns the arguments name.
    missing : {"refuse", "omit"}
        What is done with a study of which a count is missing: refuse, or leave it out and say so in the note.

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

    Examples
    --------
    >>> import evidence as ev
    >>> a, b = [4, 6, 3, 62], [119, 300, 228, 13536]
    >>> c, d = [11, 29, 11, 248], [128, 274, 209, 12619]
    >>> fit = ev.glmm(a, b, c, d, measure="OR")
    >>> f"{fit.estimate:.2f}"
    '-1.45'
    """
    measure = choose_measure(measure, SCALES)
    model = _choose_model(model, measure)
    check_level(level)
    points = (15 if model == "UM.RS" else 41) if points is None else points
    if not 5 <= points <= 100:
        raise DataError(f"points must lie between 5 and 100; got {points!r}.")
    others: dict[str, Any] = {
        "events": events, "n": n, "time": time,
        "events1": events1, "time1": time1, "events2": events2, "time2": time2,
    }  # fmt: skip
    cells: dict[str, Any] = {"a": a, "b": b, "c": c, "d": d}
    tables = _check(measure, cells, others, labels, data, missing)
    used = tables if model == "UM.RS" else tables.take(~tables.silent)
    if used.k == 0:
        told = "both events and non-events" if measure == "OR" else "an event"
        raise ModelError(f"the {MEASURES[measure].name.lower()} cannot be estimated: no study has {told}.")
    kernel = build_events(model, used) if isinstance(used, Events) else build(model, used)
    common = likeliest_fit(kernel, points, tau_zero=True)
    fit = likeliest_fit(kernel, points) if used.k > 1 else common
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
        measure=measure,
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
        note=_note(tables, measure, model, used.k, tau2),
    )


def _choose_model(model: str | None, measure: str) -> str:
    """Check the model against the measure; empty for measures that have one model only."""
    if measure in ("PLO", "IRLN"):
        if model is not None:
            raise DataError(f"measure {measure!r} has one model; leave out model={model!r}.")
        return ""
    known = [name for name in MODELS if measure == "OR" or name != "CM.AL"]
    model = "UM.FS" if model is None else model
    if model not in known:
        raise DataError(f"unknown model {model!r} for {measure}; choose one of {', '.join(known)}.")
    return model


def _check(
    measure: str, cells: dict[str, Any], others: dict[str, Any], labels: Any, data: Any, missing: str
) -> TwoByTwo | Events:
    """Check the counts that the measure is made from; refuse missing and superfluous ones."""
    if measure in NEEDS:
        return check_events(measure, cells | others, labels, data, missing)
    absent = [name for name, value in cells.items() if value is None]
    extra = [name for name, value in others.items() if value is not None]
    if absent or extra:
        faults = [f"missing: {', '.join(absent)}"] if absent else []
        faults += [f"superfluous: {', '.join(extra)}"] if extra else []
        raise DataError(f"measure 'OR' takes a, b, c, d; {'; '.join(faults)}.")
    return check_tables(**cells, labels=labels, whole=True, data=data, missing=missing)


def _note(tables: TwoByTwo | Events, measure: str, model: str, k: int, tau2: float) -> str:
    notes = []
    if tables.origin is not None and tables.origin.left_out:
        notes.append(left_out_note(tables.origin.left_out, "a count"))
    silent = int(tables.silent.sum())
    if silent and model != "UM.RS":
        told = "or with only events " if measure == "OR" else "events "
        notes.append(
            f"{silent} of {tables.k} studies without {told}say nothing about the {MEASURES[measure].name.lower()}: "
            f"{tables.name_silent()}."
        )
    if k == 1:
        notes.append("One study: tau2 cannot be estimated and is set to zero.")
    elif tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    return " ".join(notes)
