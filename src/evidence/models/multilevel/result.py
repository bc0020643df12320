"""The result of a model for dependent effects."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import left_out_note
from evidence.errors import DataError
from evidence.models.core.coefficients import Coefficients
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.likelihood import Blocks, Evaluation, arrange_blocks, evaluate
from evidence.models.multilevel.search import profile_interval
from evidence.models.multilevel.structure import ONE_VARIANCE, STRUCTURES, Nested, Outcomes, Structure
from evidence.models.regression.linear import LinearFit
from evidence.results import frame_text, lasting_property, number, p_text, tested

__all__ = ["Multilevel"]


@dataclass(frozen=True, eq=False, repr=False)
class Multilevel(LinearFit):
    """Result of `multilevel`.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [0.10, 0.25, -0.05, 0.40, 0.35, 0.20]
    >>> variance = [0.04, 0.05, 0.03, 0.06, 0.05, 0.04]
    >>> district = ["a", "a", "b", "b", "c", "c"]
    >>> fit = ev.multilevel(effect, variance, levels=[district, [1, 2, 3, 4, 5, 6]])
    >>> len(fit.sigma2)
    2
    """

    structure: Structure
    test: str
    theta: Floats
    """Parameters of the structure, in units of `scale`."""
    scale: float
    recurring: tuple[tuple[str, str], ...] = ()
    """Levels whose groups occur in several groups of the level before, with that level."""

    @lasting_property
    def sigma2(self) -> pd.DataFrame:
        """One row a level: estimate of its variance, ci_low, ci_high (profile likelihood), groups, i2 (percent).

        Levels are in the order given, the crossed ones last.
        """
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
    def autocorrelation(self) -> float:
        """Correlation of true effects one step (AR, HAR) or one unit of time (CAR) apart; NaN without times."""
        if self._outcomes is None:
            return nan
        return self._outcomes.autocorrelation(self.structure.split(self.theta)[-1])

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

    @lasting_property
    def qe(self) -> float:
        """Residual heterogeneity: Q of the effects about the model, with the sampling covariance alone."""
        return evaluate(self._blocks, np.zeros(len(self.structure.kernels)), restricted=False).rss

    @property
    def log_likelihood(self) -> float:
        """Log-likelihood: the restricted one for REML, else the full one."""
        return -0.5 * self._fit.deviance

    def predict(self, new_data: Any = None, *, outcome: str | None = None) -> pd.DataFrame:
        """Predict the mean effect for given moderators.

        Parameters
        ----------
        new_data : DataFrame (pandas, polars or alike), optional
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
        if new_data is None and self.p == 1 and self.design.intercept:
            rows, index = np.ones((1, 1)), pd.Index(["mean"])
        else:
            rows, index = self._new_rows(new_data)
        between = float(self.variances.sum())
        if self._outcomes is not None:
            if outcome is not None and outcome not in self.tau2.index:
                raise DataError(f"no outcome {outcome!r}; choose among {', '.join(self.tau2.index)}.")
            shared = float(self.tau2.iloc[0]) if self._outcomes.kind in ONE_VARIANCE else nan
            between += shared if outcome is None else float(self.tau2[outcome])
        return self._predicted(rows, index, between, self.df)

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        notes = []
        if self.dropped:
            notes.append(left_out_note(self.dropped, "a moderator, effect or variance"))
        notes += [
            f"Groups of {inner} occur in several groups of {outer}; within each they count as groups of their own "
            f"(nested). If a {inner} is the same wherever it occurs, the levels are crossed, and this model does not "
            f"hold: take {inner} out of levels and give crossed={inner!r}, or its groups as crossed."
            for inner, outer in self.recurring
        ]
        if self._nested is not None:
            zero = [
                name for name, value in zip(self._nested.names, self.variances, strict=True) if value == 0.0
            ]
            if zero:
                notes.append(f"The variance is on its boundary, zero, at the level: {', '.join(zero)}.")
        if self._outcomes is not None:
            correlation = self.rho.to_numpy()
            if (
                np.isnan(correlation).any()
                or np.linalg.eigvalsh(correlation)[0] < 1e-6
                or (self._outcomes.kind == "CAR" and self.autocorrelation == 0.0)
            ):
                notes.append(
                    "The covariance matrix of the outcomes is on its boundary: a variance is zero, or a "
                    "correlation is at its limit."
                )
        return " ".join(notes)

    def summary(self) -> str:
        """Describe the fit as text."""
        table = frame_text(self.coefficients)
        lines = [f"Multilevel model (k = {self.k}, {self.method}): {self.formula}", "", table]
        if self._nested is not None:
            parts = frame_text(self.sigma2)
            lines += ["", f"Variance by level, {100 * self.level:g}% profile-likelihood intervals", parts]
        if self._outcomes is not None:
            outcomes = self.rho.rename(columns=lambda name: f"rho {name}").assign(tau2=self.tau2)
            lines += [
                "",
                f"Outcomes ({STRUCTURES[self._outcomes.kind]})",
                frame_text(outcomes),
            ]
        lines += [
            "",
            f"  {tested(self.names)} {number(self.qm)}, df = {self.qm_df}, P {p_text(self.qm_p)} ({self.test})",
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
    def _coefficients(self) -> Coefficients:
        df = float(self.k - self.p) if self.test == "t" and self.k > self.p else np.inf
        return Coefficients(self._fit.estimate, self._fit.covariance, df)

    @lasting_property
    def _typical_variance(self) -> float:
        """Sampling variance of a typical effect: (k - p) / tr P."""
        inverse = np.linalg.inv(self.variance)
        carried = inverse @ self.matrix
        trace = np.trace(inverse) - np.trace(carried @ np.linalg.solve(self.matrix.T @ carried, carried.T))
        return float(self.qe_df / trace)

    @property
    def _parameters(self) -> int:
        return self.p + self.theta.size
