"""What the methods of one common effect for two-by-two tables share: their result, interval and heterogeneity."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.columns import Origin, left_out_note
from evidence.effects.sizes.binary import log_odds_ratio, log_risk_ratio, risk_difference
from evidence.errors import DataError
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.models.counts.tables import TwoByTwo
from evidence.models.on_scale import HasScales
from evidence.results import number, p_text, q_text, span

__all__ = ["FixedCounts", "FromCounts", "common_result", "study_effects"]


class FromCounts(HasScales):
    """A fit of counts, whose studies are those of its tables."""

    tables: Any

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the studies."""
        return tuple(self.tables.labels)

    @property
    def origin(self) -> Origin | None:
        """Where the studies stood among the rows given; None for arrays without labels of which none was left out."""
        found: Origin | None = self.tables.origin
        return found


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FixedCounts(FromCounts):
    """Result of pooling two-by-two tables under one common effect."""

    title: str
    measure: str
    tables: TwoByTwo
    effect: Floats
    """Effects of the single studies, log for ratios, shape (k,); NaN where a study says nothing about a ratio."""
    variance: Floats
    weights: Floats
    """Weights of the studies in percent, shape (k,)."""
    level: float
    k: int
    estimate: float
    """Common effect, log for ratios."""
    se: float
    ci_low: float
    ci_high: float
    statistic: float
    p_value: float
    q: float
    """Cochran's Q about the common effect."""
    q_df: int
    q_p: float
    i2: float
    """Percent of the scatter of effects beyond chance, from Q."""
    h2: float
    note: str

    def ratio(self) -> tuple[float, float, float]:
        """Estimate and confidence limits on the natural scale of a ratio; infinite beyond about 1e308.

        Raises
        ------
        DataError
            For the risk difference.
        """
        if not measure_of(self.measure).ratio:
            raise DataError("a risk difference has no ratio; read estimate, ci_low and ci_high.")
        natural = measure_of(self.measure).natural
        return natural(self.estimate), natural(self.ci_low), natural(self.ci_high)

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, a, b, c, d, effect, variance, ci_low, ci_high (normal, at `level`) and weight."""
        half = ndtri(0.5 + 0.5 * self.level) * np.sqrt(self.variance)
        cells = {name: getattr(self.tables, name) for name in "abcd"}
        return pd.DataFrame(
            {
                "label": list(self.labels),
                **cells,
                "effect": self.effect,
                "variance": self.variance,
                "ci_low": self.effect - half,
                "ci_high": self.effect + half,
                "weight": self.weights,
            }
        )

    def summary(self) -> str:
        """Describe the fit as a compact text table."""
        percent = f"{100 * self.level:g}%"
        ratio = measure_of(self.measure).ratio
        scale = f"log {self.measure}" if ratio else self.measure
        lines = [f"{self.title} (k = {self.k})", ""]
        if ratio:
            estimate, low, high = self.ratio()
            lines.append(f"  {self.measure:<12}{number(estimate):>10}   {percent} CI {span(low, high)}")
        lines += [
            f"  {scale:<12}{number(self.estimate):>10}   {percent} CI {span(self.ci_low, self.ci_high)}",
            f"  SE          {number(self.se):>10}   z = {number(self.statistic)}, P {p_text(self.p_value)}",
            f"  Q           {q_text(self.q):>10}   df = {self.q_df}, P {p_text(self.q_p)}; I2 = {self.i2:.1f}%",
            *self._tests(),
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)

    def _tests(self) -> list[str]:
        return []


def common_result(
    tables: TwoByTwo, measure: str, estimate: float, se: float, weight: Floats, level: float
) -> dict[str, Any]:
    """Complete an estimate with interval, test, heterogeneity and the fields that every result has."""
    half = float(ndtri(0.5 + 0.5 * level)) * se
    effect, variance = study_effects(tables, measure)
    present = ~np.isnan(effect)
    df = max(int(present.sum()) - 1, 0)
    # A variance of zero (a risk difference of groups with only events or none) would make Q infinite.
    weighed = present & (variance > 0.0)
    q = float((np.square(effect[weighed] - estimate) / variance[weighed]).sum()) if df else 0.0
    silent = int(tables.silent.sum())
    note = "" if tables.origin is None else left_out_note(tables.origin.left_out, "a count")
    if silent:
        said = "say nothing about the ratio" if measure_of(measure).ratio else "weigh in"
        note += " " if note else ""
        note += f"{silent} of {tables.k} studies without or with only events {said}: {tables.name_silent()}."
    return {
        "measure": measure,
        "tables": tables,
        "effect": effect,
        "variance": variance,
        "weights": 100.0 * weight / weight.sum(),
        "level": level,
        "k": tables.k,
        "estimate": estimate,
        "se": se,
        "ci_low": estimate - half,
        "ci_high": estimate + half,
        "statistic": estimate / se,
        "p_value": float(2.0 * ndtr(-abs(estimate / se))),
        "q": q,
        "q_df": df,
        "q_p": float(chdtrc(df, q)) if df else 1.0,
        "i2": max(0.0, 100.0 * (q - df) / q) if q > 0.0 else 0.0,
        "h2": q / df if df else 1.0,
        "note": note,
    }


def study_effects(tables: TwoByTwo, measure: str) -> tuple[Floats, Floats]:
    """Effects of single studies from tables with 1/2 added where a cell is zero; NaN for studies without contrast."""
    cells = tables.add(0.5, "only0")
    arrays = cells.a, cells.b, cells.c, cells.d
    if measure == "OR":
        effect, variance = log_odds_ratio(*arrays)
    elif measure == "RR":
        effect, variance = log_risk_ratio(*arrays)
    else:
        effect, variance = risk_difference(*arrays, "LS")
    return np.where(tables.silent, nan, effect), np.where(tables.silent, nan, variance)
