"""Location-scale models: how the mean effect and the variance between studies vary with features of the studies.

References
----------
Viechtbauer W, López-López JA (2022). Res Synth Methods 13(6), 697-715.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from evidence.columns import Origin, left_out_note
from evidence.errors import DataError, ModelError
from evidence.measures import choose_interval, choose_method
from evidence.models.core.coefficients import Coefficients, coefficient_table, joint_test
from evidence.models.core.given import code_of
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2, model_log_likelihood
from evidence.models.multilevel.likelihood import arrange_blocks
from evidence.models.multilevel.search import check_identified, information, likeliest_parameters
from evidence.models.regression.design import Design, build_design, new_rows
from evidence.models.regression.fit import build_effects, check_studies, model_rows
from evidence.models.regression.linear import LinearFit
from evidence.results import frame_text, lasting_property, number, p_text, tested

__all__ = ["LocationScale", "location_scale"]

LEAST_INFORMATION = 1e-5
"""About a coefficient of the scale, for columns of unit size; with less the standard error of a log exceeds 300."""


@dataclass(frozen=True, eq=False, repr=False)
class LocationScale(LinearFit):
    """Result of `location_scale`; the coefficients of the mean are those of any model with moderators.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> table = pd.concat([effects, bcg["ablat"]], axis=1)
    >>> fit = ev.location_scale("effect ~ ablat", "~ ablat", table, variance="variance")
    >>> fit.coefficients["estimate"].round(3).tolist()
    [0.251, -0.029]
    """

    scale_formula: str
    scale_design: Design
    test: str
    scale_estimate: Floats
    """Coefficients of the logarithm of the variance between studies, shape (q,)."""
    scale_covariance: Floats
    """Their covariance matrix, by the observed information, shape (q, q)."""

    @lasting_property
    def scale_coefficients(self) -> pd.DataFrame:
        """One row a coefficient of log tau2: estimate, se, ci_low, ci_high, statistic, p_value."""
        return coefficient_table(self._scale, self.scale_design.names, self.level)

    @lasting_property
    def tau2(self) -> Floats:
        """Variance between studies like each of them, shape (k,)."""
        return np.exp(self.scale_design.matrix @ self.scale_estimate)

    @property
    def qs(self) -> float:
        """Omnibus test of the scale's coefficients but the intercept: Wald chi-squared (z), else F statistic."""
        return float(self._scale_test[0])

    @property
    def qs_df(self) -> int:
        """Number of coefficients in the omnibus test of the scale."""
        return len(self._scale_columns)

    @property
    def qs_p(self) -> float:
        """P value of the omnibus test of the scale."""
        return float(self._scale_test[1])

    @lasting_property
    def qe(self) -> float:
        """Residual heterogeneity: Cochran's Q about the regression."""
        return float(Model(self.matrix, self.effect, self.variance).at(0.0).rss)

    @lasting_property
    def log_likelihood(self) -> float:
        """Log-likelihood: the restricted one for REML, else the full one."""
        return float(model_log_likelihood(self._model, 0.0, restricted=self.method == "REML"))

    @property
    def weights(self) -> Floats:
        """Weights of the studies in percent, shape (k,)."""
        weight = 1.0 / (self.variance + self.tau2)
        return 100.0 * weight / weight.sum()

    @property
    def residuals(self) -> Floats:
        """Effects less fitted values, shape (k,)."""
        return self._model.at(0.0).residual

    def predict(self, new_data: Any = None) -> pd.DataFrame:
        """Predict the mean effect and the variance between studies for given moderators.

        Parameters
        ----------
        new_data : DataFrame (pandas, polars or alike), optional
            Columns that both formulas use; by default the studies of the model.

        Returns
        -------
        DataFrame
            Columns estimate, se, ci_low, ci_high, prediction_low, prediction_high (for the true effect of a
            new study) and tau2; index of `new_data`, or the labels.
        """
        scale = self.scale_design.matrix
        if new_data is not None:
            scale = new_rows(self.scale_design.spec, new_data)
        tau2 = np.exp(scale @ self.scale_estimate)
        return self._predicted(*self._new_rows(new_data), tau2, self.df).assign(tau2=tau2)

    @property
    def note(self) -> str:
        """What a reader should know about this fit, in plain sentences; empty if there is nothing."""
        notes = [left_out_note(self.dropped, "a moderator, effect or variance")] if self.dropped else []
        if self.k < 10 * (self.qs_df + 1):
            notes.append(
                f"{self.k} studies for {len(self.scale_estimate)} coefficients of the scale: fewer than ten each."
            )
        return " ".join(notes)

    def summary(self) -> str:
        """Describe the fit as text."""
        location, scale = (frame_text(table) for table in (self.coefficients, self.scale_coefficients))
        lines = [
            f"Location-scale model (k = {self.k}, {self.method}): {self.formula}; log tau2 {self.scale_formula}",
            *("", "Mean effect", location, "", "Logarithm of the variance between studies", scale, ""),
            f"  tau2 of the studies {number(self.tau2.min())} to {number(self.tau2.max())}",
            f"  {tested(self.names)} {number(self.qm)}, df = {self.qm_df}, P {p_text(self.qm_p)} ({self.test})",
            f"  Test of the scale {number(self.qs)}, df = {self.qs_df}, P {p_text(self.qs_p)} ({self.test})",
            f"  Residual heterogeneity Q {number(self.qe)}, df = {self.qe_df}, P {p_text(self.qe_p)}",
        ]
        return "\n".join([*lines, "", self.note] if self.note else lines)

    @lasting_property
    def _model(self) -> Model:
        return Model(self.matrix, self.effect, self.variance + self.tau2)

    @lasting_property
    def _coefficients(self) -> Coefficients:
        fit = self._model.at(0.0)
        return Coefficients(fit.coefficients, fit.covariance, self._df(self.p))

    @property
    def _scale(self) -> Coefficients:
        q = self.scale_estimate.size
        return Coefficients(self.scale_estimate, self.scale_covariance, self._df(q))

    @property
    def _scale_columns(self) -> list[int]:
        q = self.scale_estimate.size
        return list(range(int(self.scale_design.intercept and q > 1), q))

    @lasting_property
    def _scale_test(self) -> tuple[float, float]:
        columns = self._scale_columns
        covariance = self.scale_covariance[np.ix_(columns, columns)]
        return joint_test(self.scale_estimate[columns], covariance, self._scale.df)

    def _df(self, coefficients: int) -> float:
        return float(self.k - coefficients) if self.test == "t" and self.k > coefficients else np.inf

    @property
    def _parameters(self) -> int:
        return self.p + self.scale_estimate.size


def location_scale(
    formula: str,
    scale: str,
    data: Any,
    *,
    variance: Any = None,
    labels: Any = "label",
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    se: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
) -> LocationScale:
    """Fit a model in which moderators explain the mean effect and the variance between studies.

    Parameters
    ----------
    formula : str
        "effect ~ x" for the mean effect, or "effect ~ 1", as for `regress`.
    scale : str
        "~ z" for the logarithm of the variance between studies.
    data : DataFrame
        One row a study (pandas, polars or alike). Rows with a missing moderator are left out, and counted in the
        note.
    variance, labels, level, se, missing, measure
        As for `regress`.
    method : str
        "REML" or "ML".
    test : str
        "t" (k - p degrees of freedom, for the scale k - q) or "z".

    Returns
    -------
    LocationScale

    Raises
    ------
    DataError
        If a formula or an option cannot be used, or a study's effect or variance is missing or out of range.
    ModelError
        If coefficients cannot be estimated, as where the variance between studies tends to zero.

    References
    ----------
    Viechtbauer W, López-López JA (2022). Res Synth Methods 13(6), 697-715.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> table = pd.concat([effects, bcg["ablat"]], axis=1)
    >>> fit = ev.location_scale("effect ~ ablat", "~ ablat", table, variance="variance")
    >>> print(fit.summary().splitlines()[0])
    Location-scale model (k = 13, REML): effect ~ ablat; log tau2 ~ ablat
    """
    method = choose_method(method, ("REML", "ML"))
    test = choose_interval(test, ("t", "z"), "test")
    if not isinstance(scale, str) or (scale.split("~")[0].strip() and "~" in scale):
        raise DataError(f"scale={scale!r} must be a formula without a left side, such as '~ weeks'.")
    data, names, variances, gone = model_rows(data, variance, se, labels, level, missing)
    kept = build_design(scale, data).kept & build_effects(formula, data, missing=gone).kept
    if not kept.any():
        raise DataError(f"no row has all moderators of {formula!r} and {scale!r}.")
    design, spread = build_effects(formula, data[kept]), build_design(scale, data[kept])
    origin = Origin(names, data.index, kept)
    shown = tuple(name for name, keep in zip(names, kept, strict=True) if keep)
    effect, variances = design.response, variances[kept]
    check_studies(effect, variances, shown)
    if len(shown) <= len(design.names):
        raise ModelError(
            f"{len(design.names)} coefficients leave nothing of {len(shown)} effects to estimate variances from; use "
            "fewer moderators."
        )
    estimate, covariance = _fit_scale(Model(design.matrix, effect, variances), spread, method == "REML")
    return LocationScale(
        formula,
        design,
        effect,
        variances,
        shown,
        origin.left_out,
        method,
        level,
        scale_formula=scale if "~" in scale else f"~ {scale}",
        scale_design=spread,
        test=test,
        scale_estimate=estimate,
        scale_covariance=covariance,
        measure=code_of(data.attrs.get("measure") if measure is None else measure),
        origin=origin,
    )


@dataclass(frozen=True)
class _LogLinear:
    """Variances between studies whose logarithms are linear in the parameters.

    Attributes
    ----------
    matrix : ndarray, shape (k, q)
        Orthogonal columns of mean square 1.
    names : list of str
    offset : float
        Logarithm of the unit of the variances.
    usual : float
        A variance to start from, in that unit.
    """

    matrix: Floats
    names: list[str]
    offset: float
    usual: float

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Limits of the parameters: none."""
        return [(-np.inf, np.inf)] * self.matrix.shape[1]

    def coefficients(self, theta: Floats) -> tuple[Floats, Floats]:
        """Variances of the studies, and their derivatives."""
        value = np.exp(np.clip(self.matrix @ theta - self.offset, -100.0, 100.0))
        return value, value[:, None] * self.matrix

    def starts(self) -> list[Floats]:
        """A constant variance, and one that depends on each column in turn."""
        out = []
        for variance in (self.usual, 0.1, 1.0):
            flat = (
                self.matrix.T @ np.full(len(self.matrix), np.log(variance) + self.offset) / len(self.matrix)
            )
            steps = np.eye(flat.size)
            out += [flat, *(flat + step for step in steps), *(flat - step for step in steps)]
        return out

    @cached_property
    def kernels(self) -> list[np.ndarray]:
        """One for each study."""
        k = len(self.matrix)
        return [np.outer(row, row) for row in np.eye(k, dtype=bool)]


def _fit_scale(model: Model, spread: Design, restricted: bool) -> tuple[Floats, Floats]:
    """Estimate the coefficients of log tau2, and their covariance."""
    k = model.k
    size = np.sqrt(np.square(spread.matrix).mean(axis=0))
    orthogonal, triangle = np.linalg.qr(spread.matrix / size)
    back = np.linalg.inv(triangle / np.sqrt(k)) / size[:, None]
    scatter = float(np.median(model.variance) + np.var(model.effect))
    usual = max(float(estimate_tau2(model, "REML")) / scatter, 0.01)
    names = [f"coefficient {name} of the scale" for name in spread.names]
    structure = _LogLinear(orthogonal * np.sqrt(k), names, float(np.log(scatter)), usual)
    blocks = arrange_blocks(model.effect, model.matrix, np.diag(model.variance), structure.kernels)
    blocks = blocks.scaled(scatter)
    check_identified(blocks, structure)
    theta = likeliest_parameters(blocks, structure, restricted=restricted)
    known = information(blocks, structure, theta, restricted=restricted)
    values, vectors = np.linalg.eigh(known)
    if values[0] < LEAST_INFORMATION:
        name = spread.names[int(np.abs(back @ vectors[:, 0]).argmax())]
        raise ModelError(
            f"the coefficient {name} of the scale has no finite estimate: the likelihood still rises as the variance "
            "between some studies tends to zero; use fewer moderators of the scale, or regress()."
        )
    return back @ theta, back @ np.linalg.inv(known) @ back.T
