"""The result of a meta-regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import left_out_note
from evidence.errors import DataError
from evidence.models.core.coefficients import Coefficients, coefficients, invert
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import (
    estimate_tau2,
    model_log_likelihood,
    q_profile_interval,
    tau2_standard_error,
)
from evidence.models.regression.linear import LinearFit
from evidence.results import frame_text, lasting_property, number, p_text, tested
from evidence.wording import counted

__all__ = ["Regression", "regression_remarks", "regression_summary"]


@dataclass(frozen=True, eq=False, repr=False)
class Regression(LinearFit):
    """Result of `regress`.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> f"R2 {fit.r2:.0f}%, residual I2 {fit.i2:.0f}%"
    'R2 76%, residual I2 68%'
    """

    ci: str
    prediction: str
    tau2: float
    """Residual between-study variance."""

    @lasting_property
    def qe(self) -> float:
        """Residual heterogeneity: Cochran's Q about the regression."""
        return float(self._model.at(0.0).rss)

    @property
    def i2(self) -> float:
        """Percent of the unexplained variance of a typical study that is due to heterogeneity."""
        if self.method == "EE":
            return 100.0 * max(0.0, 1.0 - 1.0 / max(self.h2, 1.0))
        return 100.0 * (1.0 - 1.0 / self.h2)

    @property
    def h2(self) -> float:
        """Unexplained over sampling variance of a typical study; 1 without residual degrees of freedom."""
        if not self.qe_df:
            return 1.0
        if self.method == "EE":
            return self.qe / self.qe_df
        return 1.0 + self.tau2 * float(self._model.at(0.0).trace_p) / self.qe_df

    @lasting_property
    def r2(self) -> float:
        """Percent of the between-study variance that the moderators explain, by the same estimator of tau2.

        Zero if there is none to explain; for EE the adjusted R2 of the weighted regression; NaN without
        moderators or without intercept.
        """
        if not self.design.intercept or self.p == 1:
            return nan
        plain = Model(self.matrix[:, :1], self.effect, self.variance)
        if self.method == "EE":
            total = float(plain.at(0.0).rss) / (self.k - 1)
            return 100.0 * max(0.0, 1.0 - self.qe / self.qe_df / total) if total and self.qe_df else nan
        total = float(estimate_tau2(plain, self.method))
        return 100.0 * max(0.0, 1.0 - self.tau2 / total) if total else 0.0

    @lasting_property
    def vif(self) -> pd.Series:
        """Variance inflation factor of each coefficient but the intercept."""
        columns = list(range(int(self.design.intercept), self.p))
        covariance = self._model.at(self.tau2).covariance[np.ix_(columns, columns)]
        se = np.sqrt(np.diagonal(covariance))
        inverse = invert(covariance / np.outer(se, se))
        return pd.Series(np.diagonal(inverse), index=[self.names[j] for j in columns], name="vif")

    @lasting_property
    def tau2_se(self) -> float:
        """Standard error of tau2; NaN for EE."""
        return tau2_standard_error(self._model, self.method, self.tau2)

    @property
    def tau2_low(self) -> float:
        """Lower limit of the Q-profile interval for tau2; NaN for EE."""
        return self._tau2_interval[0]

    @property
    def tau2_high(self) -> float:
        """Upper limit of the Q-profile interval for tau2; NaN for EE."""
        return self._tau2_interval[1]

    @lasting_property
    def log_likelihood(self) -> float:
        """Log-likelihood: the restricted one for REML, else the full one."""
        return float(model_log_likelihood(self._model, self.tau2, restricted=self.method == "REML"))

    @property
    def fitted(self) -> Floats:
        """Fitted values, shape (k,)."""
        return self.effect - self.residuals

    @property
    def residuals(self) -> Floats:
        """Effects less fitted values, shape (k,)."""
        return self._model.at(self.tau2).residual

    @property
    def hat(self) -> Floats:
        """Diagonal of the hat matrix, shape (k,)."""
        return 1.0 - self._model.at(self.tau2).free

    @property
    def weights(self) -> Floats:
        """Weights of the studies in percent, shape (k,)."""
        weight = 1.0 / (self.variance + self.tau2)
        return 100.0 * weight / weight.sum()

    def predict(self, new_data: Any = None) -> pd.DataFrame:
        """Predict the mean effect for given moderators.

        Parameters
        ----------
        new_data : DataFrame (pandas, polars or alike), optional
            Columns that the formula uses; by default the studies of the model.

        Returns
        -------
        DataFrame
            Columns estimate, se, ci_low, ci_high, prediction_low, prediction_high (for the true effect of a
            new study; NaN for EE); index of `new_data`, or the labels.
        """
        df = np.inf
        if self.prediction != "z":
            df = float(max(self.qe_df - (self.prediction == "HTS"), 1))
        known = self.method != "EE" and self.qe_df > 0
        return self._predicted(*self._new_rows(new_data), self.tau2, df, known=known)

    def test(self, names: Sequence[str]) -> pd.Series:
        """Test that some coefficients are all zero.

        Parameters
        ----------
        names : sequence of str
            Names of coefficients.

        Returns
        -------
        Series
            statistic (Wald chi-squared for "z", else F), df, df_residual, p_value.
        """
        names = [names] if isinstance(names, str) else list(names)
        unknown = [name for name in names if name not in self.names]
        if unknown or not names:
            raise DataError(f"no coefficient {unknown}; choose among {', '.join(self.names)}.")
        columns = [self.names.index(name) for name in dict.fromkeys(names)]
        statistic, p_value = self._joint(columns)
        return pd.Series(
            {
                "statistic": float(statistic),
                "df": len(columns),
                "df_residual": self.df,
                "p_value": float(p_value),
            }
        )

    def anova(self) -> pd.DataFrame:
        """Test each term of the formula: one row a term, columns as in `test`."""
        rows = {
            term: self.test([self.names[j] for j in columns]) for term, columns in self.design.terms.items()
        }
        return pd.DataFrame.from_dict(
            rows, orient="index", columns=["statistic", "df", "df_residual", "p_value"]
        ).rename_axis("term")

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        return regression_remarks(self)

    def summary(self) -> str:
        """Describe the fit as text."""
        return regression_summary(self)

    @lasting_property
    def _model(self) -> Model:
        return Model(self.matrix, self.effect, self.variance)

    @lasting_property
    def _coefficients(self) -> Coefficients:
        return coefficients(self._model, self.tau2, self.ci)

    @lasting_property
    def _tau2_interval(self) -> tuple[float, float]:
        if self.method == "EE":
            return nan, nan
        low, high = q_profile_interval(self._model, self.level)
        return float(low), float(high)

    @property
    def _parameters(self) -> int:
        return self.p + (self.method != "EE")


def regression_summary(fit: Regression) -> str:
    """Coefficients, heterogeneity and tests as a text table."""
    percent = f"{100 * fit.level:g}%"
    kind = "Equal-effects" if fit.method == "EE" else "Mixed-effects"
    tau2 = "" if fit.method == "EE" else f", tau2 by {fit.method}"
    with pd.option_context("display.width", 110, "display.max_columns", 10):
        table = frame_text(fit.coefficients)
    degrees = f"{fit.qm_df}" if np.isinf(fit.df) else f"{fit.qm_df} and {fit.df:g}"
    lines = [f"{kind} meta-regression (k = {fit.k}{tau2}): {fit.formula}", "", table, ""]
    if fit.method != "EE":
        lines.append(
            f"  Residual tau2 {number(fit.tau2)} ({percent} CI {number(fit.tau2_low)} to {number(fit.tau2_high)}), "
            f"I2 {fit.i2:.1f}%" + ("" if np.isnan(fit.r2) else f", R2 {fit.r2:.1f}%")
        )
    lines += [
        f"  {tested(fit.names)} {number(fit.qm)}, df = {degrees}, P {p_text(fit.qm_p)} ({fit.ci})",
        f"  Residual heterogeneity Q {number(fit.qe)}, df = {fit.qe_df}, P {p_text(fit.qe_p)}",
    ]
    return "\n".join([*lines, "", fit.note] if fit.note else lines)


def regression_remarks(fit: Regression) -> str:
    """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
    notes = []
    if fit.dropped:
        notes.append(left_out_note(fit.dropped, "a moderator, effect or variance"))
    if not fit.qe_df:
        notes.append(
            "There are as many coefficients as studies: tau2 cannot be estimated, and intervals rest on the "
            "sampling variances alone (normal distribution)."
        )
    elif fit.method != "EE" and fit.tau2 == 0.0:
        notes.append("The estimate of tau2 is on its boundary, zero.")
    if fit.qe_df and fit.ci == "HKSJ" and fit.qe == 0.0:
        notes.append("The regression fits without error, so HKSJ intervals have no width; prefer HKSJ-adhoc.")
    if fit.qe_df and fit.names != ("Intercept",) and fit.k < 10 * fit.qm_df:
        notes.append(
            f"{fit.k} studies for {counted(fit.qm_df, 'coefficient')} of moderators: fewer than ten each."
        )
    return " ".join(notes)
