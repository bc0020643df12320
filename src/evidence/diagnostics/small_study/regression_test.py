"""What regression tests for funnel asymmetry have in common: their result, and how it is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from evidence.diagnostics.small_study.line import fit_line
from evidence.errors import ModelError
from evidence.models.core.studies import Floats
from evidence.results import Shown, few_studies, number, p_clause, sentences, span

__all__ = ["FunnelTest", "regression_test"]

MODELS = {
    "rma": "mixed-effects meta-regression",
    "lm": "weighted regression with a multiplicative dispersion",
}
"""The models that one can choose between for a pooled fit."""
ALL_MODELS = {
    **MODELS,
    "regression": "mixed-effects meta-regression beside the moderators of the fit",
    "multilevel": "the multilevel model of the fit",
    "robust": "the model of the fit with cluster-robust errors",
}
TITLES = {
    "rma": "by mixed-effects meta-regression",
    "lm": "by weighted regression",
    "regression": "by mixed-effects meta-regression",
    "multilevel": "by a multilevel model",
    "robust": "by a model with cluster-robust errors",
}
"""How the title of Egger's test and its relatives says which of the models it is."""


@dataclass(frozen=True, repr=False)
class FunnelTest(Shown):
    """Result of a regression test for funnel asymmetry."""

    test: str
    """Name of the test."""
    predictor: str
    model: str
    """"rma" (additive heterogeneity tau2) or "lm" (multiplicative dispersion); of other fits than pooled means
    "regression", "multilevel" or "robust"."""
    k: int
    slope: float
    """Change of the effect with the predictor; zero if the funnel is symmetrical."""
    slope_se: float
    statistic: float
    df: float
    """Degrees of freedom of the statistic; infinite for the normal distribution."""
    p_value: float
    """Two-sided."""
    limit: float
    """Effect predicted where the predictor is zero (a study of infinite size); NaN if that is not its meaning."""
    limit_low: float
    limit_high: float
    tau2: float
    """Between-study variance about the line, of a multilevel model summed over levels; NaN for "lm"."""
    note: str = ""

    @property
    def title(self) -> str:
        """Name of the test with its model."""
        if self.test not in ("Egger's test", "Regression test"):
            return self.test
        own = ", as Egger et al. proposed it" if (self.model, self.predictor) == ("lm", "sei") else ""
        return f"{self.test} {TITLES[self.model]}{own}"

    def to_frame(self) -> pd.DataFrame:
        """One row with every value of the result."""
        names = ["test", "predictor", "model", "k", "slope", "slope_se", "statistic", "df", "p_value"]
        names += ["limit", "limit_low", "limit_high", "tau2", "note"]
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def summary(self) -> str:
        """Describe the test in a few lines."""
        letter = "z" if np.isinf(self.df) else "t"
        df = "" if np.isinf(self.df) else f", df = {self.df:g}"
        lines = [
            f"{self.title} for funnel asymmetry (k = {self.k})",
            "",
            f"  Model       {ALL_MODELS[self.model]}, predictor {self.predictor}",
            f"  Slope       {number(self.slope)} (SE {number(self.slope_se)})",
            f"  Test        {letter} = {number(self.statistic)}{df}, {p_clause(self.p_value)}",
        ]
        if not np.isnan(self.limit):
            lines.append(f"  Limit       {number(self.limit)} ({span(self.limit_low, self.limit_high)})")
        return "\n".join([*lines, "", self.note] if self.note else lines)


def regression_test(
    test: str,
    predictor: str,
    x: Floats,
    y: Floats,
    variance: Floats,
    *,
    level: float,
    has_limit: bool = True,
    model: str = "lm",
    tau2: float = 0.0,
    ci: str = "HKSJ",
    note: str = "",
) -> FunnelTest:
    """Regress effects on a predictor and test the slope.

    Parameters
    ----------
    test, predictor, model, note : str
        For the result; `model` also tells whether the dispersion is multiplicative ("lm") or tau2 ("rma").
    x, y, variance : ndarray, shape (k,)
    level : float
        Of the interval of the limit.
    has_limit : bool
        Whether the predictor is zero for a study of infinite size.
    tau2 : float
        Added to the variances.
    ci : str
        For "rma": "z", "t", "HKSJ" or "HKSJ-adhoc".

    Raises
    ------
    ModelError
        With fewer than three studies, a constant predictor, or effects exactly on a line where that leaves no
        error.
    """
    k = y.size
    if k < 3:
        raise ModelError(f"{test} needs at least 3 studies; there are {k}.")
    line = fit_line(x, y, variance, tau2, what=f"the predictor {predictor}")
    df = np.inf if ci == "z" and model == "rma" else float(k - 2)
    scale = 1.0 if model == "rma" and ci in ("z", "t") else line.squares / (k - 2)
    if ci == "HKSJ-adhoc" and model == "rma":
        scale = max(1.0, scale)
    if scale == 0.0:
        raise ModelError(
            f"{test}: the effects lie exactly on a line, so that there is no error to test against."
        )
    slope_se = float(np.sqrt(scale * line.slope_variance))
    statistic = line.slope / slope_se
    half = float(stdtrit(df, 0.5 + 0.5 * level) * np.sqrt(scale * line.intercept_variance))
    limit = line.intercept if has_limit else np.nan
    return FunnelTest(
        test,
        predictor,
        model,
        k,
        line.slope,
        slope_se,
        statistic,
        df,
        float(2.0 * stdtr(df, -abs(statistic))),
        limit,
        limit - half,
        limit + half,
        tau2 if model == "rma" else np.nan,
        sentences(few_studies(k), note),
    )
