"""The same model on some of its studies: what leave-one-out, cumulation and subgroups do with any fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from math import nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2
from evidence.models.counts.common_effect import FixedCounts
from evidence.models.counts.events import Events
from evidence.models.counts.glmm import BinomialNormal, glmm
from evidence.models.counts.mantel_haenszel import MantelHaenszel, mantel_haenszel
from evidence.models.counts.peto import Peto, peto
from evidence.models.multilevel.likelihood import arrange_blocks
from evidence.models.multilevel.result import Multilevel
from evidence.models.multilevel.search import check_identified, likeliest_parameters
from evidence.models.multilevel.structure import Nested, Outcomes, Structure
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.regression.design import check_rank
from evidence.models.regression.fit import regress
from evidence.models.regression.result import Regression
from evidence.models.regression.robust import Robust, robust

__all__ = [
    "FITS",
    "Fit",
    "Refit",
    "Refits",
    "choose_coefficient",
    "estimate_of",
    "refit",
    "refit_each",
    "refuse_counts",
    "with_cluster",
    "with_column",
]

Fit = Pooled | FixedCounts | BinomialNormal | Regression | Multilevel | Robust
"""Results that a subset of their studies can be fitted like."""
FITS = (Pooled, MantelHaenszel, Peto, BinomialNormal, Regression, Multilevel, Robust)
"""Their classes."""
Rows = NDArray[np.bool_] | NDArray[np.intp]


class Refit(NamedTuple):
    """What one fit says of one coefficient."""

    k: float
    estimate: float
    se: float
    ci_low: float
    ci_high: float
    p_value: float
    tau2: float
    """Between-study variance, of a multilevel model summed over levels; NaN if the model has none."""
    i2: float
    q: float
    """Cochran's Q, residual if there are moderators; NaN for models of counts without one."""
    q_p: float
    note: str = ""
    """Why the model could not be fitted; the numbers are then NaN."""


def choose_coefficient(fit: Fit, coefficient: str | None) -> str | None:
    """Check which coefficient of a model with moderators is meant; None for a model of one mean.

    Raises
    ------
    DataError
        If the model has several and none is named, or it has none of that name.
    """
    if not isinstance(fit, (Regression, Multilevel, Robust)):
        if coefficient is not None:
            raise DataError(
                f"{type(fit).__name__} estimates one effect; leave out coefficient={coefficient!r}."
            )
        return None
    names = fit.names
    if coefficient is None:
        others = [name for name in names if name != "Intercept"]
        if len(names) > 1 and len(others) != 1:
            raise DataError(f"the model has several coefficients; name one: {', '.join(names)}.")
        return names[0] if len(names) == 1 else others[0]
    if coefficient not in names:
        raise DataError(f"the model has no coefficient {coefficient!r}; it has {', '.join(names)}.")
    return coefficient


def estimate_of(fit: Fit, coefficient: str | None = None) -> Refit:
    """Read what a fit says of its mean effect, or of one coefficient."""

    def read(source: Any, tau2: float, i2: float = nan, q: float = nan, q_p: float = nan) -> Refit:
        return Refit(
            k=fit.k,
            estimate=float(source["estimate"]),
            se=float(source["se"]),
            ci_low=float(source["ci_low"]),
            ci_high=float(source["ci_high"]),
            p_value=float(source["p_value"]),
            tau2=tau2,
            i2=i2,
            q=q,
            q_p=q_p,
        )

    if isinstance(fit, Regression):
        row = fit.coefficients.loc[coefficient or fit.names[0]]
        return read(row, fit.tau2, fit.i2, fit.qe, fit.qe_p)
    if isinstance(fit, Multilevel):
        row = fit.coefficients.loc[coefficient or fit.names[0]]
        tau2 = float(fit.variances.sum()) if fit.variances.size else nan
        return read(row, tau2, q=fit.qe, q_p=fit.qe_p)
    if isinstance(fit, Robust):
        model = estimate_of(fit.fit, None if isinstance(fit.fit, Pooled) else coefficient or fit.names[0])
        row = fit.coefficients.loc[coefficient or fit.names[0]]
        return read(row, model.tau2, model.i2, model.q, model.q_p)
    if isinstance(fit, BinomialNormal):
        return read(vars(fit), fit.tau2)
    tau2 = fit.tau2 if isinstance(fit, Pooled) else nan
    return read(vars(fit), tau2, fit.i2, fit.q, fit.q_p)


def refit(fit: Fit, rows: Rows, *, tau2: float | None = None) -> Fit:
    """Fit the same model, with the same options, to some of the studies.

    Parameters
    ----------
    fit : Pooled, MantelHaenszel, Peto, BinomialNormal, Regression or Multilevel
    rows : ndarray of bool or int
        The studies, or effects, to keep.
    tau2 : float, optional
        For Pooled: the between-study variance to use as given; by default as in the fit.

    Raises
    ------
    DataError, ModelError
        If the model cannot be fitted to them.
    """
    labels = np.array(fit.labels, dtype=object)[rows].tolist()
    if not labels:
        raise DataError("there is no study to pool.")
    found = _refit(fit, rows, labels, tau2)
    if fit.origin is None:
        return found
    origin = fit.origin.take(rows)
    if isinstance(found, Robust):
        model: Any = replace(found.fit, origin=origin)
        return replace(found, fit=model)
    if isinstance(found, (FixedCounts, BinomialNormal)):
        tables: Any = replace(found.tables, origin=origin)
        return replace(found, tables=tables)
    return replace(found, origin=origin)


def _refit(fit: Fit, rows: Rows, labels: list[str], tau2: float | None) -> Fit:
    if isinstance(fit, Pooled):
        refuse_counts(fit)
        return pool(
            fit.effect[rows],
            fit.variance[rows],
            method=fit.method,
            ci=fit.ci,
            level=fit.level,
            prediction=fit.prediction,
            labels=labels,
            weights=None if fit.given_weights is None else fit.given_weights[rows],
            tau2=fit.tau2 if tau2 is None and fit.tau2_given else tau2,
            measure=fit.measure,
            n=None if fit.n is None else fit.n[rows],
        )
    if isinstance(fit, Regression):
        return _regression(fit, rows, labels)
    if isinstance(fit, Multilevel):
        return _multilevel(fit, rows, labels)
    if isinstance(fit, Robust):
        model: Any = _refit(fit.fit, rows, labels, tau2)
        return with_cluster(model, fit, rows)
    if isinstance(fit.tables, Events):
        given: dict[str, Any] = {name: cell[rows] for name, cell in fit.tables.cells.items()}
    else:
        given = {name: getattr(fit.tables, name)[rows] for name in "abcd"}
    given |= {"level": fit.level, "labels": labels}
    if isinstance(fit, BinomialNormal):
        return glmm(**given, measure=fit.measure, model=fit.model or None, points=fit.points)
    if isinstance(fit, MantelHaenszel):
        return mantel_haenszel(
            **given,
            measure=fit.measure,
            add=fit.add,
            to=fit.to,
            correct=fit.correct,
            variance=fit.variance_form,
        )
    return peto(**given)


def with_cluster(fit: Any, like: Robust, rows: Any = slice(None)) -> Robust:
    """Robust inference for a fit of some of the effects, with the clusters and the correction of another."""
    names = np.array(like.cluster_names, dtype=object)[like.cluster]
    return robust(replace(fit, origin=None), names[rows], correction=like.correction)


def with_column(
    fit: Pooled | Regression | Multilevel | Robust, name: str, values: Floats
) -> Regression | Multilevel | Robust:
    """Fit the same model with one more moderator, whose coefficient is the last.

    The result cannot be asked for predictions from new data, since its formula does not know the moderator.

    Parameters
    ----------
    fit : Pooled, Regression, Multilevel or Robust
    name : str
    values : ndarray, shape (k,)

    Raises
    ------
    DataError
        If tau2 was given.
    ModelError
        If the moderator follows from the others, or too few effects are left to estimate variances from.
    """
    if isinstance(fit, Robust):
        model: Any = with_column(fit.fit, name, values)
        return with_cluster(model, fit)
    if isinstance(fit, Pooled):
        if fit.tau2_given:
            raise DataError("tau2 was given; a model with a moderator estimates its own. Pool without tau2.")
        frame = pd.DataFrame({"effect": fit.effect, "variance": fit.variance, name: values})
        return regress(
            f"effect ~ `{name}`",
            frame,
            labels=fit.labels,
            method={"DL2": "DL"}.get(fit.method, fit.method),
            ci="t" if fit.ci == "KR" else fit.ci,
            level=fit.level,
        )
    design = replace(fit.design, matrix=np.column_stack([fit.matrix, values]), names=(*fit.names, name))
    every = np.arange(fit.k)
    changed: Any = replace(fit, design=design, origin=None)
    return (
        _regression(changed, every, list(fit.labels))
        if isinstance(fit, Regression)
        else _multilevel(changed, every, list(fit.labels))
    )


def refuse_counts(fit: Pooled) -> None:
    """Raise DataError if the estimate was made from counts that the fit does not hold."""
    if fit.counts != "IV" and fit.method == "EE":
        raise DataError(
            f"subsets of a {'Mantel-Haenszel' if fit.counts == 'MH' else 'Peto'} estimate cannot be pooled from "
            "effects and variances; use mantel_haenszel() or peto(), or pool the effects by inverse variance "
            "(counts: IV)."
        )


def _regression(fit: Regression, rows: Rows, labels: list[str]) -> Regression:
    matrix, effect, variance = fit.matrix[rows], fit.effect[rows], fit.variance[rows]
    check_rank(matrix, fit.names)
    model = Model(matrix, effect, variance)
    return replace(
        fit,
        design=replace(fit.design, matrix=matrix, response=effect),
        effect=model.effect,
        variance=model.variance,
        labels=tuple(labels),
        tau2=float(estimate_tau2(model, fit.method)),
    )


def _multilevel(fit: Multilevel, rows: Rows, labels: list[str]) -> Multilevel:
    matrix, effect = fit.matrix[rows], fit.effect[rows]
    covariance = fit.variance[rows][:, rows]
    check_rank(matrix, fit.names)
    if len(labels) <= fit.p:
        raise ModelError(
            f"{fit.p} coefficients leave nothing of {len(labels)} effects to estimate variances from."
        )
    structure = Structure([_some(part, rows) for part in fit.structure.parts])
    blocks = arrange_blocks(effect, matrix, covariance, structure.kernels)
    check_identified(blocks, structure)
    theta = likeliest_parameters(blocks.scaled(fit.scale), structure, restricted=fit.method == "REML")
    return replace(
        fit,
        design=replace(fit.design, matrix=matrix, response=effect),
        effect=effect,
        variance=covariance,
        labels=tuple(labels),
        structure=structure,
        theta=theta,
    )


def _some(part: Nested | Outcomes, rows: Rows) -> Nested | Outcomes:
    """Groups and outcomes of some effects."""
    if isinstance(part, Nested):
        return Nested(part.names, [code[rows] for code in part.codes])
    which = part.outcome[rows]
    absent = [name for j, name in enumerate(part.names) if not (which == j).any()]
    if absent:
        raise ModelError(f"no effect of outcome {absent[0]!r} is left.")
    return Outcomes(part.kind, part.names, which, part.group[rows], part.times)


@dataclass(frozen=True, eq=False)
class Refits:
    """What many fits of subsets say; each array has one entry a fit, NaN where the model could not be fitted."""

    k: Floats
    estimate: Floats
    se: Floats
    ci_low: Floats
    ci_high: Floats
    p_value: Floats
    tau2: Floats
    i2: Floats
    q: Floats
    q_p: Floats
    note: tuple[str, ...]
    """Why a model could not be fitted; empty where it was."""

    @property
    def statistic(self) -> Floats:
        """Estimates over standard errors."""
        return self.estimate / self.se

    def to_frame(self) -> pd.DataFrame:
        """One row a fit."""
        return pd.DataFrame({field.name: getattr(self, field.name) for field in fields(self)})


def refit_each(fit: Fit, subsets: Iterable[Rows], coefficient: str | None = None) -> Refits:
    """Fit the model to each subset of its studies, and keep what the fits say of one coefficient."""
    found = []
    for rows in subsets:
        try:
            found.append(estimate_of(refit(fit, rows), coefficient))
        except EvidenceError as error:
            numbers: dict[str, Any] = dict.fromkeys(Refit._fields, nan)
            numbers |= {"k": float(np.arange(len(fit.labels))[rows].size), "note": str(error)}
            found.append(Refit(**numbers))
    columns = dict(zip(Refit._fields, zip(*found, strict=True), strict=True))
    notes = columns.pop("note")
    return Refits(**{name: np.array(values, dtype=float) for name, values in columns.items()}, note=notes)
