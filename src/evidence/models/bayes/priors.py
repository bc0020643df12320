"""Prior distributions for Bayesian meta-analysis: of the between-study standard deviation tau, and of the effect.

Examples
--------
>>> import evidence as ev
>>> prior = ev.priors.half_normal(0.5)
>>> f"{float(prior.quantile(0.5)):.3f}"
'0.337'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from math import inf, log, pi
from typing import Any, ParamSpec, cast

import numpy as np
from scipy.special import erf, erfc, erfinv, gammaln, ndtr, ndtri, stdtr, stdtrit

from evidence.errors import DataError
from evidence.models.bayes import prior_tables as tables
from evidence.models.core.studies import Floats

__all__ = [
    "EffectPrior",
    "TauPrior",
    "exponential",
    "flat",
    "half_cauchy",
    "half_normal",
    "half_t",
    "log_normal",
    "log_t",
    "normal",
    "rhodes2015",
    "scaled",
    "turner2015",
    "uniform",
]

Function = Callable[[Any], Floats]
P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class TauPrior:
    """A prior for tau, with its density, distribution function and quantiles on the scale of tau."""

    name: str
    log_density: Function
    """Log density at tau > 0."""
    cdf: Function
    """Probability of a smaller tau; for an improper prior the mass below, which is unbounded."""
    sf: Function
    """Probability of a larger tau."""
    quantile: Function
    tail: float
    """Index of the upper tail: the density falls as tau^(-1 - tail); infinite if faster than any power."""
    upper: float = inf
    """Largest possible tau."""
    scale: float = 1.0
    """A value of tau around which the prior has its mass."""
    proper: bool = True
    source: str = ""
    made_by: tuple[str, tuple[Any, ...], dict[str, Any]] | None = None
    """Function of this module that made the prior, and its arguments: how another process makes it again."""

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str | tuple[Any, ...]:
        return super().__reduce__() if self.made_by is None else (_make, self.made_by)


def _make(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> TauPrior:
    return cast("TauPrior", globals()[name](*arguments, **options))


def _remembered(function: Callable[P, TauPrior]) -> Callable[P, TauPrior]:
    """Let a prior remember how it was made, since its functions cannot go from one process to another."""

    @wraps(function)
    def made(*arguments: P.args, **options: P.kwargs) -> TauPrior:
        return replace(function(*arguments, **options), made_by=(function.__name__, arguments, options))

    return made


@dataclass(frozen=True)
class EffectPrior:
    """A normal prior for the mean effect, or a flat one if the standard deviation is infinite."""

    mean: float
    sd: float

    def __repr__(self) -> str:
        return "flat" if self.sd == inf else f"normal(mean={self.mean:g}, sd={self.sd:g})"


def normal(mean: float, sd: float) -> EffectPrior:
    """Return a normal prior for the mean effect; `sd` positive, on the scale of the effects."""
    _check("normal", mean=mean)
    _positive("normal", sd=sd)
    return EffectPrior(float(mean), float(sd))


def flat() -> EffectPrior:
    """Return the improper flat prior for the mean effect."""
    return EffectPrior(0.0, inf)


@_remembered
def half_normal(scale: float) -> TauPrior:
    """Half-normal prior for tau; `scale` is the standard deviation of the normal distribution that is folded."""
    _positive("half_normal", scale=scale)
    root = np.sqrt(2.0)
    return TauPrior(
        f"half-normal({scale:g})",
        lambda tau: 0.5 * log(2.0 / pi) - log(scale) - 0.5 * np.square(tau / scale),
        lambda tau: erf(tau / scale / root),
        lambda tau: erfc(tau / scale / root),
        lambda p: scale * root * erfinv(p),
        tail=inf,
        scale=scale,
    )


@_remembered
def half_t(scale: float, df: float) -> TauPrior:
    """Half-t prior for tau with `df` degrees of freedom (Gelman 2006, Bayesian Anal 1(3), 515-534)."""
    _positive("half_t", scale=scale, df=df)
    constant = (
        log(2.0) + float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df)) - 0.5 * log(df * pi) - log(scale)
    )
    return TauPrior(
        f"half-t(scale={scale:g}, df={df:g})",
        lambda tau: constant - 0.5 * (df + 1.0) * np.log1p(np.square(tau / scale) / df),
        lambda tau: 1.0 - 2.0 * stdtr(df, -np.asarray(tau) / scale),
        lambda tau: 2.0 * stdtr(df, -np.asarray(tau) / scale),
        lambda p: scale * stdtrit(df, 0.5 + 0.5 * np.asarray(p)),
        tail=df,
        scale=scale,
    )


@_remembered
def half_cauchy(scale: float) -> TauPrior:
    """Half-Cauchy prior for tau (Gelman 2006, Bayesian Anal 1(3), 515-534)."""
    _positive("half_cauchy", scale=scale)
    return TauPrior(
        f"half-Cauchy({scale:g})",
        lambda tau: log(2.0 / pi) - log(scale) - np.log1p(np.square(tau / scale)),
        lambda tau: 2.0 / pi * np.arctan(tau / scale),
        lambda tau: 2.0 / pi * np.arctan2(scale, tau),
        lambda p: scale * np.tan(0.5 * pi * np.asarray(p)),
        tail=1.0,
        scale=scale,
    )


@_remembered
def exponential(scale: float) -> TauPrior:
    """Exponential prior for tau; `scale` is its mean."""
    _positive("exponential", scale=scale)
    return TauPrior(
        f"exponential({scale:g})",
        lambda tau: -log(scale) - tau / scale,
        lambda tau: -np.expm1(-tau / scale),
        lambda tau: np.exp(-tau / scale),
        lambda p: -scale * np.log1p(-np.asarray(p)),
        tail=inf,
        scale=scale,
    )


@_remembered
def uniform(upper: float = inf) -> TauPrior:
    """Uniform prior for tau from zero to `upper`; improper if that is infinite."""
    if upper == inf:
        return TauPrior(
            "uniform (improper)",
            lambda tau: np.zeros(np.shape(tau)),
            lambda tau: np.asarray(tau, dtype=float),
            lambda tau: np.full(np.shape(tau), inf),
            lambda p: np.asarray(p, dtype=float),
            tail=-1.0,
            proper=False,
        )
    _positive("uniform", upper=upper)
    return TauPrior(
        f"uniform(0, {upper:g})",
        lambda tau: np.where(np.asarray(tau) <= upper, -log(upper), -inf),
        lambda tau: np.clip(np.asarray(tau) / upper, 0.0, 1.0),
        lambda tau: np.clip(1.0 - np.asarray(tau) / upper, 0.0, 1.0),
        lambda p: upper * np.asarray(p),
        tail=inf,
        upper=upper,
        scale=upper,
    )


@_remembered
def log_normal(mean: float, sd: float, *, of: str = "tau", source: str = "") -> TauPrior:
    """Log-normal prior; `mean` and `sd` are those of log tau, or of log tau2 with `of="tau2"`."""
    _check("log_normal", mean=mean)
    _positive("log_normal", sd=sd)
    location, scale = _of_tau(mean, sd, of)
    return TauPrior(
        f"log-normal({mean:g}, {sd:g}) of {of}",
        lambda tau: _log_normal_density(tau, location, scale),
        lambda tau: ndtr((_log(tau) - location) / scale),
        lambda tau: ndtr((location - _log(tau)) / scale),
        lambda p: np.exp(location + scale * ndtri(p)),
        tail=inf,
        scale=float(np.exp(location)),
        source=source,
    )


@_remembered
def log_t(location: float, scale: float, df: float = 5.0, *, of: str = "tau", source: str = "") -> TauPrior:
    """Log-t prior: log tau, or log tau2 with `of="tau2"`, has a t distribution with this location and scale."""
    _check("log_t", location=location)
    _positive("log_t", scale=scale, df=df)
    middle, width = _of_tau(location, scale, of)
    constant = float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df)) - 0.5 * log(df * pi) - log(width)

    def log_density(tau: Floats) -> Floats:
        u = _log(tau)
        return constant - 0.5 * (df + 1.0) * np.log1p(np.square((u - middle) / width) / df) - u

    return TauPrior(
        f"log-t({location:g}, {scale:g}, df={df:g}) of {of}",
        log_density,
        lambda tau: stdtr(df, (_log(tau) - middle) / width),
        lambda tau: stdtr(df, (middle - _log(tau)) / width),
        lambda p: np.exp(np.clip(middle + width * stdtrit(df, p), -745.0, 700.0)),
        tail=0.0,
        scale=float(np.exp(middle)),
        source=source,
    )


@_remembered
def scaled(prior: TauPrior, factor: float) -> TauPrior:
    """Put a prior for tau on another scale: that of effects `factor` times as large.

    A distribution of the heterogeneity of standardised differences becomes one of mean differences when it is
    multiplied by the standard deviation of the scores.
    """
    _positive("scaled", factor=factor)
    return TauPrior(
        f"{prior.name} × {factor:g}",
        lambda tau: prior.log_density(np.asarray(tau) / factor) - log(factor),
        lambda tau: prior.cdf(np.asarray(tau) / factor),
        lambda tau: prior.sf(np.asarray(tau) / factor),
        lambda p: factor * prior.quantile(p),
        tail=prior.tail,
        upper=prior.upper * factor,
        scale=prior.scale * factor,
        proper=prior.proper,
        source=prior.source,
    )


@_remembered
def rhodes2015(outcome: str | None = None, comparison: str | None = None, area: str = "other") -> TauPrior:
    """Prior for standardised mean differences: log-t with 5 df for tau2, from 6,492 Cochrane meta-analyses.

    Parameters
    ----------
    outcome, comparison : str, optional
        Type of outcome and of comparison, as in `RHODES_OUTCOMES` and `RHODES_COMPARISONS` of
        `evidence.models.bayes.prior_tables`; the beginning of an entry, or of a part between commas, is enough if it
        fits one alone. Without both, the distribution over all settings.
    area : {"other", "respiratory", "cancer"}
        Medical area.

    References
    ----------
    Rhodes KM, Turner RM, Higgins JPT (2015). J Clin Epidemiol 68(1), 52-60. doi:10.1016/j.jclinepi.2014.08.012.
    """
    source = "Rhodes, Turner and Higgins (2015), doi:10.1016/j.jclinepi.2014.08.012"
    if outcome is None and comparison is None:
        return log_t(*tables.RHODES_MARGINAL, of="tau2", source=source + ", all settings")
    column = _find("outcome", outcome, tables.RHODES_OUTCOMES)
    row = _find("comparison", comparison, tables.RHODES_COMPARISONS)
    area = tables.RHODES_AREAS[_find("area", area, tables.RHODES_AREAS)]
    source += f": {tables.RHODES_OUTCOMES[column]}; {tables.RHODES_COMPARISONS[row]}; area {area}"
    location, scale = tables.RHODES_LOCATION[area][row][column], tables.RHODES_SCALE[area][row][column]
    return log_t(location, scale, of="tau2", source=source)


@_remembered
def turner2015(outcome: str | None = None, comparison: str | None = None) -> TauPrior:
    """Prior for log odds ratios: log-normal for tau2, from 14,886 Cochrane meta-analyses.

    Parameters
    ----------
    outcome, comparison : str, optional
        Type of outcome and of comparison, as in `TURNER_OUTCOMES` and `TURNER_COMPARISONS` of
        `evidence.models.bayes.prior_tables`; the beginning of an entry, or of a part between commas, is enough if it
        fits one alone. Without both, the distribution over all settings.

    References
    ----------
    Turner RM, Jackson D, Wei Y, Thompson SG, Higgins JPT (2015). Stat Med 34(6), 984-998. doi:10.1002/sim.6381.
    """
    source = "Turner et al. (2015), doi:10.1002/sim.6381"
    if outcome is None and comparison is None:
        return log_normal(*tables.TURNER_MARGINAL, of="tau2", source=source + ", all settings")
    column = _find("outcome", outcome, tables.TURNER_OUTCOMES)
    row = _find("comparison", comparison, tables.TURNER_COMPARISONS)
    source += f": {tables.TURNER_OUTCOMES[column]}; {tables.TURNER_COMPARISONS[row]}"
    return log_normal(
        tables.TURNER_MEAN[row][column], tables.TURNER_SD[row][column], of="tau2", source=source
    )


def _log(tau: Floats) -> Floats:
    return np.log(np.maximum(tau, 1e-320))


def _log_normal_density(tau: Floats, location: float, scale: float) -> Floats:
    u = _log(tau)
    return -0.5 * log(2.0 * pi) - log(scale) - 0.5 * np.square((u - location) / scale) - u


def _of_tau(location: float, scale: float, of: str) -> tuple[float, float]:
    if of not in ("tau", "tau2"):
        raise DataError(f"of must be 'tau' or 'tau2', not {of!r}.")
    return (0.5 * location, 0.5 * scale) if of == "tau2" else (float(location), float(scale))


def _find(what: str, given: str | None, known: tuple[str, ...]) -> int:
    """Position of the entry that equals what was given or, alone, has a part that begins with it."""
    text = (given or "").strip().lower()
    if text in known:
        return known.index(text)
    fits = [
        i
        for i, entry in enumerate(known)
        if text and any(part.startswith(text) for part in entry.split(", "))
    ]
    if len(fits) == 1:
        return fits[0]
    raise DataError(f"{what} {given!r} is not one of: {'; '.join(known)}.")


def _check(name: str, **values: float) -> None:
    for key, value in values.items():
        if not abs(value) <= 1e20:
            raise DataError(f"{name}: {key} must be a finite number; got {value!r}.")


def _positive(name: str, **values: float) -> None:
    for key, value in values.items():
        if not 1e-15 <= value <= 1e15:
            raise DataError(f"{name}: {key} must be positive, between 1e-15 and 1e15; got {value!r}.")
