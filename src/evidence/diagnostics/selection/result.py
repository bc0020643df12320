"""What selection models say: of one mean effect, or of the coefficients of moderators."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from evidence.diagnostics.selection.weights import SMOOTH
from evidence.models.core.studies import Floats
from evidence.results import Shown, frame_text, number, p_clause, span

__all__ = ["Selected", "SelectionModel", "SelectionRegression"]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Selected(Shown):
    """The part of a selection model that says which results were seen."""

    type: str
    alternative: str
    steps: tuple[float, ...]
    """Upper ends of the intervals of P values, the last 1; empty without steps."""
    counts: tuple[int, ...]
    """Number of studies in each interval."""
    k: int
    tau2: float
    tau2_se: float
    """NaN where tau2 is zero or fixed."""
    delta: Floats
    """Relative chances of being seen (the first interval's is 1), or the parameters of another function."""
    delta_se: Floats
    """NaN where a parameter is fixed or on its bound."""
    log_likelihood: float
    unadjusted_log_likelihood: float
    """Maximum without selection."""
    lrt: float
    """Likelihood-ratio statistic of selection."""
    lrt_df: int
    lrt_p: float
    note: str = ""

    @property
    def weights_frame(self) -> pd.DataFrame:
        """One row a parameter of the weight function: parameter, studies (step function), delta, se."""
        if self.type != "step":
            names = ["a", "b"] if self.type == "beta" else ["delta"]
            return pd.DataFrame({"parameter": names, "delta": self.delta, "se": self.delta_se})
        names = [f"{low:g} < P <= {high:g}" for low, high in pairwise([0.0, *self.steps])]
        columns = {"parameter": names, "studies": self.counts, "delta": self.delta, "se": self.delta_se}
        return pd.DataFrame(columns)

    @property
    def _heading(self) -> str:
        name = SMOOTH.get(self.type, self.type)
        from_step = f" beyond P = {self.steps[0]:g}" if self.type in SMOOTH and self.steps else ""
        return f"Selection model ({name} function{from_step}, alternative {self.alternative}, k = {self.k})"

    @property
    def _test(self) -> str:
        return f"  Selection    LRT = {number(self.lrt)}, df = {self.lrt_df}, {p_clause(self.lrt_p)}"

    @property
    def _weights_text(self) -> str:
        return frame_text(self.weights_frame, index=False)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SelectionModel(Selected, Shown):
    """Result of `selection_model` for one mean effect."""

    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    unadjusted: float
    """Maximum-likelihood estimate without selection."""

    def to_frame(self) -> pd.DataFrame:
        """One row a parameter of the weight function: parameter, studies (step function), delta, se."""
        return self.weights_frame

    def summary(self) -> str:
        """Describe the model and its test."""
        lines = [
            self._heading,
            "",
            f"  Adjusted     {number(self.estimate)} ({span(self.ci_low, self.ci_high)}), {p_clause(self.p_value)}"
            f", tau2 {number(self.tau2)}",
            f"  Unadjusted   {number(self.unadjusted)}",
            self._test,
            "",
            self._weights_text,
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class SelectionRegression(Selected, Shown):
    """Result of `selection_model` for a meta-regression."""

    formula: str
    coefficients: pd.DataFrame
    """One row a coefficient: estimate, se, ci_low, ci_high, statistic (z), p_value, unadjusted."""
    covariance: pd.DataFrame
    """Covariance matrix of the coefficients; NaN if the information matrix is not positive definite."""
    qm: float
    """Wald chi-squared test of all coefficients but the intercept."""
    qm_df: int
    qm_p: float

    @property
    def estimate(self) -> Floats:
        """Coefficients, shape (p,)."""
        return np.asarray(self.coefficients["estimate"], dtype=np.float64)

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient, as `coefficients`."""
        return self.coefficients.copy()

    def summary(self) -> str:
        """Describe the coefficients, the weight function and its test."""
        lines = [
            f"{self._heading}: {self.formula}",
            "",
            frame_text(self.coefficients),
            "",
            "  Moderators   QM not defined"
            if np.isnan(self.qm)
            else f"  Moderators   QM = {number(self.qm)}, df = {self.qm_df}, {p_clause(self.qm_p)}",
            f"  tau2         {number(self.tau2)}",
            self._test,
            "",
            self._weights_text,
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)
