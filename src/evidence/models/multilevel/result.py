"""The result of a model for dependent effects."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, nan

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.columns import Origin, left_out_note
from evidence.errors import DataError
from evidence.models.core.coefficients import joint_test, quantile, two_sided
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.likelihood import Blocks, Evaluation, arrange_blocks, evaluate
from evidence.models.multilevel.search import profile_interval
from evidence.models.multilevel.structure import Nested, Outcomes, Structure
from evidence.models.on_scale import HasScales
from evidence.models.regression.design import Design, new_rows
from evidence.results import lasting_property, number, p_text

__all__ = ["Multilevel"]


@dataclass(frozen=True, eq=False, repr=False)
class Multilevel(HasScales):
    """Result of `multilevel`; what a plain fit does not need is computed when first asked for."""

    formula: str
    design: Design
    effect: Floats
    """Effects in the model, shape (k,)."""
    variance: Floats
    """Their sampling covariance, shape (k, k)."""
    labels: tuple[str, ...]
    dropped: tuple[str, ...]
    """Effects left out because a moderator, the effect or its variance is missing."""
    structure: Structure
    method: str
    test: str
    level: float
    theta: Floats
    """Parameters of the structure, in units of `scale`."""
    scale: float
    measure: str = ""
    """What the effects are, by code; empty if it is not known."""
    origin: Origin | None = None
    """Where the effects stood among the rows given."""
    crossed: tuple[tuple[str, str], ...] = ()
    """Levels whose groups occur in several groups of the level before, with that level."""

    @property
    def k(self) -> int:
        """Number of effects."""
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
    def df(self) -> float:
        """Degrees of freedom of the tests; infinite for the normal distribution."""
        return float(self.k - self.p) if self.test == "t" and self.k > self.p else np.inf

    @property
    def estimate(self) -> Floats:
        """Coefficients, shape (p,)."""
        return np.array(self._fit.estimate)

    @property
    def covariance(self) -> pd.DataFrame:
        """Covariance matrix of the coefficients."""
        return pd.DataFrame(self._fit.covariance, index=self.names, columns=self.names)

    @lasting_property
    def coefficients(self) -> pd.DataFrame:
        """One row a coefficient: estimate, se, ci_low, ci_high, statistic, p_value."""
        se = np.sqrt(np.diagonal(self._fit.covariance))
        half, statistic = quantile(self.df, self.level) * se, self.estimate / se
        return pd.DataFrame(
            {
                "estimate": self.estimate,
                "se": se,
                "ci_low": self.estimate - half,
                "ci_high": self.estimate + half,
                "statistic": statistic,
                "p_value": two_sided(statistic, self.df),
            },
            index=pd.Index(self.names, name="coefficient"),
        )

    @lasting_property
    def sigma2(self) -> pd.DataFrame:
        """One row a level: estimate of its variance, ci_low, ci_high (profile likelihood), groups, i2 (percent)."""
        nested = self._nested
        if nested is None:
            return pd.DataFrame(columns=["estimate", "ci_low", "ci_high", "groups", "i2"], dtype=float)
        blocks = self._blocks.scaled(self.scale)
        limits = np.array(
            [
                profile_interval(
                    blocks, self.structure, self.theta, j, self.level, restricted=self.method == "REML"
                )
                for j in range(nested.size)
            ]
        )
        variances = self.variances
        share = nan if self._outcomes is not None else 100.0 / (variances.sum() + self._typical_variance)
        return pd.DataFrame(
            {
                "estimate": variances,
                "ci_low": limits[:, 0] * self.scale,
                "ci_high": limits[:, 1] * self.scale,
                "groups": [int(np.unique(code).size) for code in nested.codes],
                "i2": share * variances,
            },
            index=pd.Index(nested.names, name="level"),
        )

    @property
    def variances(self) -> Floats:
        """Variance of each nested level, from the outermost; shape (levels,)."""
        return self.theta[: self._nested.size] * self.scale if self._nested is not None else np.empty(0)

    @property
    def tau2(self) -> pd.Series:
        """Variance of the true effects of each outcome; empty without outcomes."""
        if self._outcomes is None:
            return pd.Series(dtype=float, name="tau2")
        return pd.Series(np.diagonal(self.between), index=list(self._outcomes.names), name="tau2")

    @property
    def between(self) -> pd.DataFrame:
        """Covariance matrix of the outcomes' true effects; empty without outcomes."""
        if self._outcomes is None:
            return pd.DataFrame()
        matrix = self._outcomes.matrix(self.structure.split(self.theta)[-1])
        names = list(self._outcomes.names)
        return pd.DataFrame(matrix * self.scale, index=names, columns=names)

    @property
    def rho(self) -> pd.DataFrame:
        """Correlation matrix of the outcomes' true effects; NaN where a variance is zero."""
        sd = np.sqrt(self.tau2.to_numpy())
        sd = np.where(sd > 0.0, sd, nan)
        return self.between.div(np.outer(sd, sd)) if sd.size else self.between

    @property
    def marginal(self) -> Floats:
        """Marginal covariance matrix of the effects, shape (k, k)."""
        out = self.variance.copy()
        coefficients, _ = self.structure.coefficients(self.theta)
        for coefficient, kernel in zip(coefficients, self.structure.kernels, strict=True):
            out += coefficient * self.scale * kernel
        return out

    @property
    def residuals(self) -> Floats:
        """Effects less fitted values, shape (k,)."""
        return self.effect - self.matrix @ self.estimate

    @property
    def qm(self) -> float:
        """Omnibus test of all coefficients but the intercept: Wald chi-squared (z), else F statistic."""
        return float(self._omnibus[0])

    @property
    def qm_df(self) -> int:
        """Number of coefficients in the omnibus test."""
        return self.p - int(self.design.intercept and self.p > 1)

    @property
    def qm_p(self) -> float:
        """P value of the omnibus test."""
        return float(self._omnibus[1])

    @lasting_property
    def qe(self) -> float:
        """Residual heterogeneity: Q of the effects about the model, with the sampling covariance alone."""
        return evaluate(self._blocks, np.zeros(len(self.structure.kernels)), restricted=False).rss

    @property
    def qe_df(self) -> int:
        """Residual degrees of freedom, k - p."""
        return self.k - self.p

    @property
    def qe_p(self) -> float:
        """P value of residual heterogeneity."""
        return float(chdtrc(self.qe_df, self.qe))

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood: the restricted one for REML, else the full one."""
        return -0.5 * self._fit.deviance

    @property
    def aic(self) -> float:
        """Akaike's information criterion."""
        return -2.0 * self.log_likelihood + 2.0 * self._parameters

    @property
    def bic(self) -> float:
        """Bayesian information criterion; under REML the sample size is k - p."""
        return -2.0 * self.log_likelihood + self._parameters * log(self._sample)

    @property
    def aicc(self) -> float:
        """Akaike's information criterion, corrected for small samples."""
        m = self._parameters
        n = max(self._sample, m + 2)
        return -2.0 * self.log_likelihood + 2.0 * m * n / (n - m - 1)

    def predict(self, new_data: pd.DataFrame | None = None, *, outcome: str | None = None) -> pd.DataFrame:
        """Predict the mean effect for given moderators.

        Parameters
        ----------
        new_data : DataFrame, optional
            Columns that the formula uses; by default the mean, in a model without moderators, else the
            effects of the model.
        outcome : str, optional
            Outcome whose between-study variance the prediction interval includes; needed if they differ.

        Returns
        -------
        DataFrame
            Columns estimate, se, ci_low, ci_high, prediction_low, prediction_high (for the true effect of a
            new group at every level; NaN where `outcome` is needed and not given).
        """
        if new_data is not None:
            rows, index = new_rows(self.design.spec, new_data), new_data.index
        elif self.p == 1 and self.design.intercept:
            rows, index = np.ones((1, 1)), pd.Index(["mean"])
        else:
            rows, index = self.matrix, pd.Index(self.labels, name="label")
        between = float(self.variances.sum())
        if self._outcomes is not None:
            if outcome is not None and outcome not in self.tau2.index:
                raise DataError(f"no outcome {outcome!r}; choose among {', '.join(self.tau2.index)}.")
            shared = float(self.tau2.iloc[0]) if self._outcomes.kind == "CS" else nan
            between += shared if outcome is None else float(self.tau2[outcome])
        estimate = rows @ self.estimate
        variance = ((rows @ self._fit.covariance) * rows).sum(axis=1)
        factor = quantile(self.df, self.level)
        half, wide = factor * np.sqrt(variance), factor * np.sqrt(variance + between)
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

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        notes = []
        if self.dropped:
            notes.append(left_out_note(self.dropped, "a moderator, effect or variance"))
        notes += [
            f"Groups of {inner} occur in several groups of {outer}; within each they count as groups of their own "
            f"(nested). If a {inner} is the same wherever it occurs, the levels are crossed, and this model does not "
            "hold."
            for inner, outer in self.crossed
        ]
        if self._nested is not None:
            zero = [
                name for name, value in zip(self._nested.names, self.variances, strict=True) if value == 0.0
            ]
            if zero:
                notes.append(f"The variance is on its boundary, zero, at the level: {', '.join(zero)}.")
        if self._outcomes is not None:
            correlation = self.rho.to_numpy()
            if np.isnan(correlation).any() or np.linalg.eigvalsh(correlation)[0] < 1e-6:
                notes.append(
                    "The covariance matrix of the outcomes is on its boundary: a variance is zero, or a "
                    "correlation is at its limit."
                )
        return " ".join(notes)

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient, as `coefficients`."""
        return self.coefficients.copy()

    def summary(self) -> str:
        """Describe the fit as text."""
        table = self.coefficients.rename_axis(None).to_string(float_format=number)
        lines = [f"Multilevel model (k = {self.k}, {self.method}): {self.formula}", "", table]
        if self._nested is not None:
            parts = self.sigma2.rename_axis(None).to_string(float_format=number)
            lines += ["", f"Variance by level, {100 * self.level:g}% profile-likelihood intervals", parts]
        if self._outcomes is not None:
            outcomes = self.rho.rename(columns=lambda name: f"rho {name}").assign(tau2=self.tau2)
            lines += [
                "",
                f"Outcomes ({self._outcomes.kind})",
                outcomes.to_string(float_format=number),
            ]
        lines += [
            "",
            f"  Test of moderators {number(self.qm)}, df = {self.qm_df}, P {p_text(self.qm_p)} ({self.test})",
            f"  Residual heterogeneity Q {number(self.qe)}, df = {self.qe_df}, P {p_text(self.qe_p)}",
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)

    @property
    def _nested(self) -> Nested | None:
        return next((part for part in self.structure.parts if isinstance(part, Nested)), None)

    @property
    def _outcomes(self) -> Outcomes | None:
        return next((part for part in self.structure.parts if isinstance(part, Outcomes)), None)

    @lasting_property
    def _blocks(self) -> Blocks:
        return arrange_blocks(self.effect, self.matrix, self.variance, self.structure.kernels)

    @lasting_property
    def _fit(self) -> Evaluation:
        coefficients, _ = self.structure.coefficients(self.theta)
        return evaluate(self._blocks, coefficients * self.scale, restricted=self.method == "REML")

    @lasting_property
    def _typical_variance(self) -> float:
        """Sampling variance of a typical effect: (k - p) / tr P."""
        inverse = np.linalg.inv(self.variance)
        carried = inverse @ self.matrix
        trace = np.trace(inverse) - np.trace(carried @ np.linalg.solve(self.matrix.T @ carried, carried.T))
        return float(self.qe_df / trace)

    @lasting_property
    def _omnibus(self) -> tuple[float, float]:
        columns = list(range(self.p - self.qm_df, self.p))
        covariance = self._fit.covariance[np.ix_(columns, columns)]
        return joint_test(self.estimate[columns], covariance, self.df)

    @property
    def _parameters(self) -> int:
        return self.p + self.theta.size

    @property
    def _sample(self) -> int:
        return self.k - self.p * (self.method == "REML")
