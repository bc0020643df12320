"""A fit of any class as tables and figures read it, on the scale of its analysis or on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.columns import study_numbers
from evidence.errors import DataError
from evidence.measures import Measure, find_measure, measure_of
from evidence.models.core.studies import Floats
from evidence.results import Shown, number, span

__all__ = ["HasScales", "OnScale", "harmonic_mean", "needs_size", "on_scale", "read_fit", "study_sizes"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class OnScale(Shown):
    """A pooled result and its studies on one scale.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> shown = fit.on("RR")
    >>> f"{shown.estimate:.2f} ({shown.ci_low:.2f} to {shown.ci_high:.2f})"
    '0.49 (0.33 to 0.73)'
    """

    scale: str
    """Name of the scale."""
    measure: str
    """Code of the measure; empty if it is not known."""
    labels: tuple[str, ...]
    effect: Floats
    """Effects of the studies, shape (k,); NaN where a study has none."""
    low: Floats
    """Limits of their intervals (normal on the scale of the analysis), shape (k,)."""
    high: Floats
    weights: Floats
    """Weights of the studies in percent, shape (k,); NaN where the model has none."""
    level: float
    k: int
    """Number of studies that the fit uses."""
    estimate: float
    """Pooled estimate; NaN if the model has moderators."""
    ci_low: float
    ci_high: float
    prediction_low: float
    """Limits of the prediction interval; NaN if there is none."""
    prediction_high: float
    note: str = ""

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, effect, ci_low, ci_high and weight (percent)."""
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "effect": self.effect,
                "ci_low": self.low,
                "ci_high": self.high,
                "weight": self.weights,
            }
        )

    def summary(self) -> str:
        """Describe the result as text."""
        percent = f"{100 * self.level:g}%"
        lines = [
            f"{self.scale} (k = {self.k})",
            "",
            f"  Estimate  {number(self.estimate)}   {percent} CI {span(self.ci_low, self.ci_high)}",
        ]
        if not np.isnan(self.prediction_low):
            lines.append(
                f"  New study           {percent} PI {span(self.prediction_low, self.prediction_high)}"
            )
        return "\n".join([*lines, *(["", self.note] if self.note else [])])


class HasScales(Shown):
    """A fit that can be taken to another scale."""

    def on(
        self, scale: str | Callable[[Any], Any] = "natural", *, n: Any = None, name: str | None = None
    ) -> OnScale:
        """Take the estimate, its intervals and the studies to another scale, such as proportions for logits.

        `evidence.models.on_scale.on_scale` has the parameters.
        """
        return on_scale(self, scale, n=n, name=name)


def read_fit(fit: Any) -> OnScale:
    """Read a fit of any class on the scale of its analysis.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
        A model with moderators has no pooled estimate.
    """
    effect, variance, weights = _studies(fit)
    half = float(ndtri(0.5 + 0.5 * fit.level)) * np.sqrt(variance)
    code = getattr(fit, "measure", "")
    estimate, low, high = _pooled(fit)
    return OnScale(
        scale=_title(measure_of(code)) if code else "Effect",
        measure=code,
        labels=fit.labels,
        effect=effect,
        low=effect - half,
        high=effect + half,
        weights=weights,
        level=fit.level,
        k=fit.k,
        estimate=estimate,
        ci_low=low,
        ci_high=high,
        prediction_low=float(getattr(fit, "prediction_low", nan)),
        prediction_high=float(getattr(fit, "prediction_high", nan)),
    )


def _title(measure: Measure) -> str:
    return measure.title[:1].upper() + measure.title[1:]


def _studies(fit: Any) -> tuple[Floats, Floats, Floats]:
    """Effects, variances and weights of the studies; of robust inference those of the model under it."""
    fit = getattr(fit, "fit", fit)
    if hasattr(fit, "tables") and not hasattr(fit, "effect"):
        frame = fit.to_frame()  # of a model of counts, which has no weights
        effect, variance = frame["effect"].to_numpy(float), frame["variance"].to_numpy(float)
        return effect, variance, np.full(effect.size, nan)
    variance = fit.variance if np.ndim(fit.variance) == 1 else np.diagonal(fit.variance)
    if hasattr(fit, "marginal"):
        weights = np.full(variance.size, nan)
        if fit.p == 1 and fit.design.intercept:
            rows = np.linalg.inv(fit.marginal).sum(axis=1)
            weights = 100.0 * rows / rows.sum()
        return fit.effect, variance, weights
    return fit.effect, variance, fit.weights


def _pooled(fit: Any) -> tuple[float, float, float]:
    """Estimate and interval; NaN of a model with moderators."""
    if not hasattr(fit, "coefficients"):
        return float(fit.estimate), float(fit.ci_low), float(fit.ci_high)
    if tuple(fit.names) not in (("Intercept",), ("mean",)):
        return nan, nan, nan
    row = fit.coefficients.iloc[0]
    return float(row["estimate"]), float(row["ci_low"]), float(row["ci_high"])


def on_scale(
    fit: Any, scale: str | Callable[[Any], Any] = "natural", *, n: Any = None, name: str | None = None
) -> OnScale:
    """Take a fit to another scale than that of its analysis.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel or Robust
    scale : str or callable
        ``natural``: a ratio for its logarithm, a proportion for its logit or arcsine, a rate for its logarithm or
        root, a correlation for Fisher's z, by the measure of the fit; ``analysis``; a measure by code or name, for
        a fit that does not know its own, or that of the natural scale (``PR`` for ``PLO``); or a monotone function
        of an array.
    n : array-like, shape (k,), optional
        For double arcsines (PFT) the participants, for double roots (IRFT) the person-time of the studies, where
        the fit does not know them.
    name : str, optional
        What the new scale is called.

    Returns
    -------
    OnScale
        Each study of a double arcsine or double root is taken back with its own size, the pooled result with the
        harmonic mean of the sizes [1]_; the note has the reserve of [2]_.

    Raises
    ------
    DataError
        If the measure is not known or another one than that of the fit, or sizes are needed and not known.

    References
    ----------
    .. [1] Miller JJ (1978), Am Stat 32(4), 138.
    .. [2] Schwarzer G, Chemaitelly H, Abu-Raddad LJ, Rücker G (2019), Res Synth Methods 10(3), 476-483.
    """
    read = read_fit(fit)
    if scale == "analysis":
        return read
    if callable(scale):
        if n is not None:
            raise DataError("n belongs to the measures PFT and IRFT; leave it out.")
        return _apply(read, lambda value, _: np.asarray(scale(value), float), name or "Transformed", nan, nan)
    code = read.measure if scale == "natural" else scale
    if not code:
        raise DataError(
            "the fit does not know what its effects are; name the measure, such as on('PLO'), or give "
            "pool(..., measure=...)."
        )
    measure = find_measure(code)
    if measure is None:
        raise DataError(f"unknown scale {scale!r}; give 'natural', 'analysis', a measure, or a function.")
    own = find_measure(read.measure) if read.measure else None
    if own is not None and own.code != measure.code:
        if own.name != measure.name or measure.title.lower() != measure.name.lower():
            raise DataError(
                f"the effects of this fit are measured as {own.title} ({own.code}), of which no {measure.title} can "
                "be made; give 'natural', 'analysis' or a function."
            )
        measure = own  # asked for by the name of its natural scale, as PR of PLO
    sizes: Any = nan
    note = ""
    if needs_size(measure):
        sizes = study_sizes(fit, measure, n)
        common = harmonic_mean(sizes)
        note = (
            f"Taken back with the harmonic mean of the {'person-time' if measure.of == 'rate' else 'sizes'}, "
            f"{common:.4g}, which can mislead where these differ much; compare with "
            f"{'IRLN' if measure.of == 'rate' else 'PLO, or glmm(measure=' + repr('PLO') + ')'}."
        )
    elif n is not None:
        raise DataError(f"n belongs to the measures PFT and IRFT; leave it out for {measure.code}.")
    common = harmonic_mean(sizes)
    found = _apply(read, measure.natural, name or measure.name, sizes, common)
    return replace(found, measure=measure.code, note=note)


def _apply(read: OnScale, back: Callable[[Any, Any], Any], name: str, sizes: Any, common: float) -> OnScale:
    """Take every number back, those of studies with their own size."""
    pooled = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
    values: dict[str, Any] = {one: float(back(np.array([getattr(read, one)]), common)[0]) for one in pooled}
    arrays: dict[str, Any] = {one: back(getattr(read, one), sizes) for one in ("effect", "low", "high")}
    if arrays["low"].size and (arrays["low"] > arrays["high"]).any():  # a falling function
        arrays["low"], arrays["high"] = arrays["high"], arrays["low"]
        for low, high in (("ci_low", "ci_high"), ("prediction_low", "prediction_high")):
            values[low], values[high] = values[high], values[low]
    return replace(read, scale=name, **values, **arrays)


def needs_size(measure: Measure) -> bool:
    """Whether the way back to the natural scale depends on the size of the study."""
    return measure.code in ("PFT", "IRFT")


def study_sizes(fit: Any, measure: Measure, n: Any = None) -> Floats:
    """Participants or person-time of the studies: as given, or as the fit knows them."""
    what = "time" if measure.of == "rate" else "n"
    if n is None:
        n = dict(getattr(fit, "columns", ())).get(what)
        n = getattr(fit, "n", None) if n is None and what == "n" else n
    if n is None:
        raise DataError(
            f"{measure.code} is taken back with the {'person-time' if what == 'time' else 'sizes'} of the studies, "
            f"which the fit does not know; give n=..., or pool effect_size(..., data=...)."
        )
    sizes = study_numbers(fit, n, "n")
    bad = ~(np.isfinite(sizes) & (sizes > 0.0))
    if bad.any():
        raise DataError(f"{fit.labels[int(bad.argmax())]}: n must be a number above 0.")
    return sizes


def harmonic_mean(sizes: Any) -> float:
    """Harmonic mean of sizes; NaN stays NaN."""
    return float(1.0 / np.mean(1.0 / np.asarray(sizes, dtype=float)))
