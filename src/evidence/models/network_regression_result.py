"""The result of a network meta-regression."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from math import nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri

from evidence.models.regression_core import Floats
from evidence.models.text import number, p_text, span

__all__ = ["NetworkRegression"]


@dataclass(frozen=True, eq=False)
class NetworkRegression:
    """A fitted network meta-regression with one covariate."""

    studies: tuple[str, ...]
    covariate: str
    values: Floats
    """Covariate of each study, in the order of `studies`."""
    centre: float
    reference: str
    treatments: tuple[str, ...]
    """All treatments but the reference."""
    slope_names: tuple[str, ...]
    slope_of: Floats
    """Which treatment has which slope: zeros and ones, shape (treatments, slopes)."""
    method: str
    level: float
    tau2: float
    """Between-study variance that the covariate leaves."""
    tau2_without: float
    """Between-study variance of the network without covariate."""
    estimate: Floats
    """Effects of the treatments at the centre, then slopes."""
    transform: Floats
    root: Floats
    """The covariance matrix of the estimates is F F' with F = transform root."""
    q: float
    """Cochran's Q about the regression (common effects)."""
    q_df: int

    @cached_property
    def slopes(self) -> pd.DataFrame:
        """Change of the effect against the reference for one unit more of the covariate; columns as in `at`."""
        start = len(self.treatments)
        rows = np.eye(len(self.estimate))[start:]
        return self._infer(rows, pd.Index(self.slope_names, name="slope"))

    @property
    def covariance(self) -> Floats:
        """Covariance matrix of the estimates."""
        factor = self.transform @ self.root
        return factor @ factor.T

    @property
    def q_p(self) -> float:
        """P value of `q`; NaN without degrees of freedom."""
        return float(chdtrc(self.q_df, self.q)) if self.q_df else nan

    @cached_property
    def qm(self) -> float:
        """Wald chi-squared statistic of all slopes together."""
        start = len(self.treatments)
        slopes, block = self.estimate[start:], self.covariance[start:, start:]
        scale = 1.0 / np.sqrt(np.diagonal(block))
        scaled = scale * slopes
        return float(scaled @ np.linalg.solve(block * scale[:, None] * scale[None, :], scaled))

    @property
    def qm_df(self) -> int:
        """Number of slopes."""
        return len(self.slope_names)

    @property
    def qm_p(self) -> float:
        """P value of `qm`."""
        return float(chdtrc(self.qm_df, self.qm))

    def at(self, value: float) -> pd.DataFrame:
        """Effects of all treatments minus the reference at one value of the covariate.

        Returns
        -------
        DataFrame
            Index treatment; columns estimate, se, ci_low, ci_high, z, p_value (normal distribution).
        """
        rows = np.column_stack([np.eye(len(self.treatments)), (value - self.centre) * self.slope_of])
        return self._infer(rows, pd.Index(self.treatments, name="treatment"))

    def to_frame(self) -> pd.DataFrame:
        """Effects at the centre, then slopes (index "slope: ...")."""
        slopes = self.slopes.rename(index=lambda name: f"slope: {name}")
        return pd.concat([self.at(self.centre), slopes]).rename_axis("coefficient")

    def summary(self) -> str:
        """Describe the fit as text."""
        lines = [
            f"Network meta-regression on {self.covariate}, tau2 by {self.method} ({len(self.studies)} studies)",
            "",
            f"  effects v {self.reference} at {self.covariate} = {self.centre:.4g}, and slopes per unit",
        ]
        frame = self.to_frame()
        width = max(len(str(name)) for name in frame.index) + 2
        for name, row in frame.iterrows():
            limits = span(row["ci_low"], row["ci_high"])
            lines.append(
                f"  {name:<{width}}{number(row['estimate']):>10}   {limits:<22} P {p_text(row['p_value'])}"
            )
        lines += [
            "",
            f"  Slopes together: chi-squared {number(self.qm)}, df = {self.qm_df}, P {p_text(self.qm_p)}",
            f"  tau2 {number(self.tau2)}, without covariate {number(self.tau2_without)}",
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    def _infer(self, rows: Floats, index: pd.Index) -> pd.DataFrame:
        estimate = rows @ self.estimate
        se = np.sqrt(np.square(rows @ self.transform @ self.root).sum(axis=1))
        half = ndtri(0.5 + 0.5 * self.level) * se
        z = estimate / se
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": se,
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "z": z,
                "p_value": 2.0 * ndtr(-np.abs(z)),
            },
            index=index,
        )
