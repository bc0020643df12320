"""Does the larger of two nested models fit better than chance explains? The likelihood-ratio test.

References
----------
Self SG, Liang KY (1987). J Am Stat Assoc 82(398), 605-610 (parameters on their boundary).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from evidence.errors import DataError, must_be
from evidence.models.core.likelihood import log_likelihood
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2, model_log_likelihood
from evidence.models.multilevel.result import Multilevel
from evidence.models.multilevel.search import likeliest_parameters
from evidence.models.multilevel.structure import Nested, Outcomes
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust
from evidence.results import Shown, frame_text, number, p_clause

__all__ = ["FitComparison", "compare_fits"]

INCLUDED: dict[str, tuple[str, ...]] = {
    "ID": (),
    "DIAG": ("ID",),
    "CS": ("ID",),
    "AR": ("ID",),
    "CAR": ("ID",),
    "HCS": ("ID", "DIAG", "CS"),
    "HAR": ("ID", "DIAG", "AR"),
    "UN": ("ID", "DIAG", "CS", "AR", "CAR", "HCS", "HAR"),
}
"""Covariance matrices of outcomes, with those that are special cases."""


@dataclass(frozen=True, eq=False, repr=False)
class FitComparison(Shown):
    """Result of `compare_fits`.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> one, other = ev.pool(effect, variance, method="ML"), ev.pool(effect, variance, method="EE")
    >>> f"{ev.compare_fits(one, other).statistic:.2f}"
    '14.74'
    """

    statistic: float
    """Twice the difference of the log-likelihoods; of robust fits F."""
    df: int
    """Number of parameters that the larger model has more."""
    p_value: float
    """By the chi-squared distribution with `df`, of robust fits by F; too large if `on_boundary`."""
    method: str
    """Likelihood that was compared: ML, REML, or EE where no variance is estimated; of robust fits the test."""
    on_boundary: bool
    """Whether the smaller model sets variances or correlations of the larger to a limit of their range."""
    models: pd.DataFrame
    """Rows larger and smaller: parameters, log_likelihood, aic, bic, aicc, qe; of robust fits parameters and qe."""
    df_error: float = nan
    """Second degrees of freedom of the F test of robust fits."""

    @property
    def note(self) -> str:
        """Say so if the test is conservative."""
        if not self.on_boundary:
            return ""
        return (
            "The smaller model sets parameters of the between-study covariance to the limit of their range, so the P "
            "value is too large (conservative)"
            + ("; for one variance half of it is nearer the truth." if self.df == 1 else ".")
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a model, as `models`, with the test beside the smaller one."""
        tests = {"statistic": self.statistic, "df": self.df, "p_value": self.p_value}
        return self.models.assign(**{name: [nan, value] for name, value in tests.items()})

    def summary(self) -> str:
        """Describe both models and the test as text."""
        table = frame_text(self.models)
        robust = not np.isnan(self.df_error)
        name = "F" if robust else "chi-squared"
        df = f"{self.df} and {self.df_error:.3g}" if robust else f"{self.df}"
        kind = (
            "Test of the moderators that one model has more"
            if robust
            else "Likelihood-ratio test of two models"
        )
        test = f"{name} {number(self.statistic)}, df = {df}, {p_clause(self.p_value)}"
        lines = [f"{kind} ({self.method}): {test}", "", table]
        return "\n".join([*lines, "", self.note] if self.note else lines)


class _Model(NamedTuple):
    """What the test needs to know of a fit."""

    fit: Any
    matrix: Floats
    effect: Floats
    covariance: Floats
    """Sampling variances, shape (k,), or their covariance matrix, shape (k, k)."""
    parts: list[Nested | Outcomes]
    random: int
    """Number of parameters of the between-study covariance."""
    qe: float

    @property
    def parameters(self) -> int:
        return self.matrix.shape[1] + self.random


def compare_fits(
    one: Pooled | Regression | Multilevel | Robust,
    other: Pooled | Regression | Multilevel | Robust,
    *,
    refit: bool = False,
) -> FitComparison:
    """Test by the likelihood ratio whether the larger of two nested models fits the same effects better.

    Parameters
    ----------
    one, other : Pooled, Regression, Multilevel or Robust
        Two fits of the same effects by ML, or both by REML with the same fixed effects, in either order. A fit
        with equal effects (EE) counts as the model whose between-study variance is zero. Robust inference has no
        likelihood: of two such fits with the same clusters and correction the moderators that one has more are
        tested by its robust covariance (HTZ of Tipton and Pustejovsky), by whatever method they were fitted.
    refit : bool
        Fit both models by ML first, which models with different moderators need.

    Returns
    -------
    FitComparison

    Raises
    ------
    DataError
        If the effects or their variances differ, the likelihoods cannot be compared (methods other than ML, REML and
        EE; ML with REML; REML with different fixed effects), or neither model is a special case of the other.

    References
    ----------
    Self SG, Liang KY (1987). J Am Stat Assoc 82(398), 605-610.
    Tipton E, Pustejovsky JE (2015). J Educ Behav Stat 40(6), 604-634.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> one, other = ev.pool(effect, variance, method="ML"), ev.pool(effect, variance, method="EE")
    >>> f"P = {ev.compare_fits(one, other).p_value:.4f}"
    'P = 0.0001'
    """
    for fit in (one, other):
        must_be(fit, (Pooled, Regression, Multilevel, Robust), "compare_fits()")
    if isinstance(one, Robust) or isinstance(other, Robust):
        return _compare_robust(one, other, refit)
    fits = [_by_ml(fit) if refit else fit for fit in (one, other)]
    first, second = (_read(fit) for fit in fits)
    _refuse_other_data(first, second)
    method = _common_method(first, second)
    larger, smaller = (first, second) if first.parameters >= second.parameters else (second, first)
    if method == "REML" and not (
        _within(first.matrix, second.matrix) and _within(second.matrix, first.matrix)
    ):
        raise DataError(
            "restricted likelihoods of models with different fixed effects cannot be compared; fit both with "
            'method="ML", or give refit=True.'
        )
    df = larger.parameters - smaller.parameters
    if df == 0:
        raise DataError(
            f"both models have {larger.parameters} parameters, so neither is a special case of the other; compare "
            "their AIC."
        )
    if not _within(smaller.matrix, larger.matrix):
        raise DataError(
            f"the moderators of the smaller model ({', '.join(_names(smaller.fit))}) are not among those of the "
            f"larger ({', '.join(_names(larger.fit))}), so the models are not nested; compare their AIC."
        )
    if smaller.random > larger.random or not all(_covers(larger.parts, part) for part in smaller.parts):
        raise DataError(
            "the between-study covariance of the smaller model is not a special case of the larger model's, so the "
            "models are not nested; compare their AIC."
        )
    heights = [_height(model, method) for model in (larger, smaller)]
    statistic = max(2.0 * (heights[0] - heights[1]), 0.0)
    rows = [
        _criteria(model, height, method) for model, height in zip((larger, smaller), heights, strict=True)
    ]
    return FitComparison(
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)),
        method=method,
        on_boundary=_on_boundary(larger.parts, smaller.parts),
        models=pd.DataFrame(rows, index=pd.Index(["larger", "smaller"], name="model")),
    )


def _compare_robust(one: Any, other: Any, refit: bool) -> FitComparison:
    """Wald test of the coefficients that the larger of two robust fits has more."""
    if not (isinstance(one, Robust) and isinstance(other, Robust)):
        raise DataError(
            "one fit has cluster-robust errors and the other a likelihood; give both fits to robust(), or compare "
            "the fits under them."
        )
    if refit:
        raise DataError(
            "refit=True is for likelihood-ratio tests; leave it out, for robust tests need no likelihood."
        )
    larger, smaller = (one, other) if one.p >= other.p else (other, one)
    first, second = (_description(fit.fit) for fit in (larger, smaller))
    _refuse_other_data(first, second)
    if larger.correction != smaller.correction or not _same(larger.cluster, smaller.cluster):
        raise DataError("the fits differ in their clusters or their correction; give both the same.")
    q = larger.p - smaller.p
    if q == 0:
        raise DataError(f"both models have {larger.p} coefficients, so there is nothing to test.")
    if not _within(second.matrix, first.matrix):
        raise DataError(
            f"the moderators of the smaller model ({', '.join(smaller.names)}) are not among those of the larger "
            f"({', '.join(larger.names)}), so the models are not nested."
        )
    # Coefficients of the larger model that give fitted values within the smaller are a subspace; what is orthogonal
    # to it must be zero.
    inside = np.linalg.lstsq(first.matrix, second.matrix, rcond=None)[0]
    weights = np.linalg.qr(inside, mode="complete")[0][:, smaller.p :].T
    test = larger.wald(weights, weights @ larger.estimate)
    frame = pd.DataFrame(
        [{"parameters": model.matrix.shape[1], "qe": model.qe} for model in (first, second)],
        index=pd.Index(["larger", "smaller"], name="model"),
    )
    return FitComparison(
        statistic=test.statistic,
        df=test.df,
        p_value=test.p_value,
        method=f"robust Wald, {larger.correction}",
        on_boundary=False,
        models=frame,
        df_error=test.df_error,
    )


def _description(fit: Any) -> _Model:
    """Data and design of a fit, whatever its method."""
    matrix = np.ones((fit.k, 1)) if isinstance(fit, Pooled) else fit.matrix
    return _Model(fit, matrix, fit.effect, fit.variance, [], 0, fit.q if isinstance(fit, Pooled) else fit.qe)


def _read(fit: Any) -> _Model:
    if isinstance(fit, Multilevel):
        parts = list(fit.structure.parts)
        return _Model(fit, fit.matrix, fit.effect, fit.variance, parts, fit.theta.size, fit.qe)
    if isinstance(fit, Pooled) and (fit.tau2_given or fit.counts != "IV"):
        reason = "its tau2 was given" if fit.tau2_given else "it was made from counts"
        raise DataError(f"{reason}, so the estimate of pool is not where the likelihood is highest.")
    if fit.method not in ("EE", "ML", "REML"):
        raise DataError(
            f'method {fit.method!r} does not maximise a likelihood; fit with method="ML", or give refit=True.'
        )
    matrix = np.ones((fit.k, 1)) if isinstance(fit, Pooled) else fit.matrix
    parts = [] if fit.method == "EE" else [Nested(("study",), [np.arange(fit.k)])]
    return _Model(
        fit, matrix, fit.effect, fit.variance, parts, len(parts), fit.q if isinstance(fit, Pooled) else fit.qe
    )


def _by_ml(fit: Any) -> Any:
    """The same model fitted by maximum likelihood; equal effects stay so."""
    if fit.method in ("EE", "ML"):
        return fit
    if isinstance(fit, Pooled):
        return pool(fit.effect, fit.variance, method="ML", ci="z", level=fit.level, labels=fit.labels)
    if isinstance(fit, Regression):
        return replace(fit, method="ML", tau2=float(estimate_tau2(_model(fit), "ML")))
    theta = likeliest_parameters(fit._blocks.scaled(fit.scale), fit.structure, restricted=False)
    return replace(fit, method="ML", theta=theta)


def _refuse_other_data(first: _Model, second: _Model) -> None:
    sizes = first.effect.size, second.effect.size
    if sizes[0] != sizes[1]:
        gone = [*getattr(first.fit, "dropped", ()), *getattr(second.fit, "dropped", ())]
        why = f" (left out of one: {', '.join(gone)})" if gone else ""
        raise DataError(
            f"one model has {sizes[0]} effects and the other {sizes[1]}{why}; fit both to the same rows."
        )
    differ = first.effect != second.effect
    if differ.any():
        i = int(differ.argmax())
        raise DataError(
            f"row {i + 1} ({first.fit.labels[i]} and {second.fit.labels[i]}) has the effect {first.effect[i]:g} in "
            f"one model and {second.effect[i]:g} in the other; fit both to the same rows, in the same order."
        )
    spreads = [np.diag(m.covariance) if m.covariance.ndim == 1 else m.covariance for m in (first, second)]
    if not np.array_equal(spreads[0], spreads[1]):
        i = int((spreads[0] != spreads[1]).any(axis=1).argmax())
        raise DataError(
            f"sampling variances or covariances of {first.fit.labels[i]} differ between the models; "
            "give both the same."
        )


def _common_method(first: _Model, second: _Model) -> str:
    methods = {first.fit.method, second.fit.method} - {"EE"}
    if len(methods) > 1:
        raise DataError(
            "one model was fitted by ML and the other by REML; fit both by one method, or give refit=True."
        )
    return methods.pop() if methods else "EE"


def _within(inner: Floats, outer: Floats) -> bool:
    """Whether the columns of one design are linear combinations of another's."""
    inner, outer = (matrix / np.sqrt(np.square(matrix).sum(axis=0)) for matrix in (inner, outer))
    basis = np.linalg.qr(outer)[0]
    return float(np.abs(inner - basis @ (basis.T @ inner)).max()) < 1e-8


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two codings sort the effects into the same groups."""
    return np.array_equal(one[:, None] == one, other[:, None] == other)


def _covers(parts: list[Nested | Outcomes], part: Nested | Outcomes) -> bool:
    """Whether a part of the smaller model is a special case of the larger model's covariance."""
    if isinstance(part, Outcomes):
        return any(
            isinstance(whole, Outcomes)
            and part.kind in (whole.kind, *INCLUDED[whole.kind])
            and _same(part.group, whole.group)
            and _same(part.outcome, whole.outcome)
            for whole in parts
        )
    known = [code for whole in parts for code in _groupings(whole)]
    return all(any(_same(code, other) for other in known) for code in part.codes)


def _groupings(part: Nested | Outcomes) -> list[np.ndarray]:
    """Groupings whose variance alone a part can have: outcomes fully correlated, or not at all."""
    if isinstance(part, Nested):
        return list(part.codes)
    return [part.group, part.group * (int(part.outcome.max()) + 1) + part.outcome]


def _on_boundary(larger: list[Nested | Outcomes], smaller: list[Nested | Outcomes]) -> bool:
    """Whether the smaller covariance lies at a limit of the larger; of those of outcomes only ID within CAR does."""

    def outline(parts: list[Nested | Outcomes]) -> list[int]:
        return [len(part.codes) if isinstance(part, Nested) else -1 for part in parts]

    def kinds(parts: list[Nested | Outcomes]) -> list[str]:
        return [part.kind for part in parts if isinstance(part, Outcomes)]

    return outline(larger) != outline(smaller) or (kinds(larger), kinds(smaller)) == (["CAR"], ["ID"])


def _names(fit: Any) -> tuple[str, ...]:
    return ("Intercept",) if isinstance(fit, Pooled) else fit.names


def _model(fit: Regression) -> Model:
    return Model(fit.matrix, fit.effect, fit.variance)


def _height(model: _Model, method: str) -> float:
    """Log-likelihood; of equal effects the restricted one beside a fit by REML."""
    fit = model.fit
    if fit.method != "EE" or method != "REML":
        return float(fit.log_likelihood)
    if isinstance(fit, Pooled):
        return float(log_likelihood(fit.studies, 0.0, restricted=True))
    return float(model_log_likelihood(_model(fit), 0.0, restricted=True))


def _criteria(model: _Model, height: float, method: str) -> dict[str, float]:
    m, n = model.parameters, model.effect.size - model.matrix.shape[1] * (method == "REML")
    size = max(n, m + 2)
    return {
        "parameters": m,
        "log_likelihood": height,
        "aic": -2.0 * height + 2.0 * m,
        "bic": -2.0 * height + m * log(n) if n else nan,
        "aicc": -2.0 * height + 2.0 * m * size / (size - m - 1),
        "qe": model.qe,
    }
