"""What results of models with moderators have in common: coefficients, their tests, and residual heterogeneity."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.columns import Origin, as_frame
from evidence.models.core.coefficients import (
    Coefficients,
    coefficient_table,
    joint_test,
    quantile,
)
from evidence.models.core.criteria import HasCriteria
from evidence.models.core.weighted import Floats
from evidence.models.on_scale import HasScales
from evidence.models.regression.design import Design, new_rows
from evidence.results import lasting_property

__all__ = ["LinearFit"]


@dataclass(frozen=True, eq=False, repr=False)
class LinearFit(HasCriteria, HasScales):
    """A fit of effects by a design matrix; what a plain fit does not need is computed when first asked for."""

    formula: str
    design: Design
    effect: Floats
    """Effects in the model, shape (k,)."""
    variance: Floats
    """Their sampling variances, shape (k,), or in a multilevel model their covariance, shape (k, k)."""
    labels: tuple[str, ...]
    dropped: tuple[str, ...]
    """Rows left out because a moderator, the effect or its variance is missing."""
    method: str
    level: float
    measure: str = field(default="", kw_only=True)
    """What the effects are, by code; empty if it is not known."""
    origin: Origin | None = field(default=None, kw_only=True)
    """Where the effects stood among the rows given."""

    @property
    @abstractmethod
    def _coefficients(self) -> Coefficients:
        """Estimates with their covariance and degrees of freedom."""

    @property
    @abstractmethod
    def qe(self) -> float:
        """Residual heterogeneity: Q of the effects about the model."""

    @property
    def k(self) -> int:
        """Number of effects in the model."""
        return self.effect.size

    @property
    def p(self) -> int:
        """Number of coefficients."""
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients."""
        return self.design.names

    @property
    def matrix(self) -> Floats:
        """Design matrix, shape (k, p)."""
        return self.design.matrix

    @property
    def estimate(self) -> Floats:
        """Coefficients, shape (p,)."""
        return self._coefficients.estimate

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance matrix of the coefficients, scaled for HKSJ."""
        return pd.DataFrame(self._coefficients.covariance, index=self.names, columns=self.names)

    @property
    def df(self) -> float:
        """Degrees of freedom of the tests; infinite for the normal distribution."""
        return self._coefficients.df

    @lasting_property
    def coefficients(self) -> pd.DataFrame:
        """One row a coefficient: estimate, se, ci_low, ci_high, statistic, p_value."""
        return coefficient_table(self._coefficients, self.names, self.level)

    @property
    def qm(self) -> float:
        """Omnibus test of all coefficients but the intercept: Wald chi-squared (z), else F statistic."""
        return float(self._omnibus[0])

    @property
    def qm_df(self) -> int:
        """Number of coefficients in the omnibus test."""
        return len(self._moderators)

    @property
    def qm_p(self) -> float:
        """P value of the omnibus test."""
        return float(self._omnibus[1])

    @property
    def qe_df(self) -> int:
        """Residual degrees of freedom, k - p."""
        return self.k - self.p

    @property
    def qe_p(self) -> float:
        """P value of residual heterogeneity; 1 without residual degrees of freedom."""
        return float(chdtrc(self.qe_df, self.qe)) if self.qe_df else 1.0

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient, as `coefficients`."""
        return self.coefficients.copy()

    @property
    def _moderators(self) -> list[int]:
        """Columns of the omnibus test: all but the intercept, unless there is nothing else."""
        return list(range(int(self.design.intercept and self.p > 1), self.p))

    @lasting_property
    def _omnibus(self) -> tuple[float, float]:
        return self._joint(self._moderators)

    def _joint(self, columns: list[int]) -> tuple[float, float]:
        covariance = self._coefficients.covariance[np.ix_(columns, columns)]
        return joint_test(self.estimate[columns], covariance, self.df)

    @property
    def _sample(self) -> int:
        return self.k - self.p * (self.method == "REML")

    def _new_rows(self, new_data: Any) -> tuple[Floats, pd.Index]:
        """Rows of the design for new data, by default those of the model."""
        if new_data is None:
            return self.matrix, pd.Index(self.labels, name="label")
        new_data = as_frame(new_data, "new data")
        return new_rows(self.design.spec, new_data), new_data.index

    def _predicted(
        self, rows: Floats, index: pd.Index, between: Floats | float, df: float, *, known: bool = True
    ) -> pd.DataFrame:
        """Means at rows of the design, with intervals for them and for true effects of variance `between`."""
        estimate = rows @ self.estimate
        variance = np.maximum(((rows @ self._coefficients.covariance) * rows).sum(axis=1), 0.0)
        half = quantile(self.df, self.level) * np.sqrt(variance)
        wide = (quantile(df, self.level) if known else np.nan) * np.sqrt(variance + between)
        return pd.DataFrame(
            {
                "estimate": estimate,
                "se": np.sqrt(variance),
                "ci_low": estimate - half,
                "ci_high": estimate + half,
                "prediction_low": estimate - wide,
                "prediction_high": estimate + wide,
            },
            index=index,
        )
