"""How did the evidence grow? Pool the first study, the first two, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.errors import DataError, ModelError
from evidence.models.core.studies import Floats
from evidence.models.pool import pool
from evidence.models.pool_many import QUANTITIES, PooledMany, pool_many
from evidence.models.pooled import Pooled
from evidence.results import Shown, table_text

__all__ = [
    "Cumulative",
    "LeaveOneOut",
    "cumulative",
    "deleted_scale",
    "drop_each",
    "leave_one_out",
    "need",
    "pool_subsets",
]


def need(fit: Pooled, least: int, what: str) -> None:
    """Raise ModelError unless the fit has at least `least` studies."""
    if fit.k < least:
        raise ModelError(
            f"{what} needs at least {least} studies; there are {fit.k}: {', '.join(fit.labels)}."
        )


def pool_subsets(fit: Pooled, present: NDArray[np.bool_]) -> PooledMany:
    """Pool each subset of the studies of a fit, with its method, interval and level.

    Parameters
    ----------
    fit : Pooled
    present : ndarray of bool, shape (n, k)
        One row a subset, with at least one study each.
    """
    if fit.counts != "IV" and fit.method == "EE":
        raise DataError(
            f"subsets of a {'Mantel-Haenszel' if fit.counts == 'MH' else 'Peto'} estimate cannot be pooled from "
            "effects and variances; pool the effects by inverse variance (counts: IV) first"
        )
    if fit.given_weights is None:
        return pool_many(
            np.where(present, fit.effect, np.nan),
            np.where(present, fit.variance, np.nan),
            method=fit.method,
            ci=fit.ci,
            level=fit.level,
            prediction=fit.prediction,
        )
    fits = [
        pool(
            fit.effect[row],
            fit.variance[row],
            method=fit.method,
            ci=fit.ci,
            level=fit.level,
            prediction=fit.prediction,
            weights=fit.given_weights[row],
        )
        for row in present
    ]
    arrays = {name: np.array([getattr(one, name) for one in fits], dtype=np.float64) for name in QUANTITIES}
    return PooledMany(
        **arrays,
        method=fit.method,
        ci=fit.ci,
        level=fit.level,
        prediction=fit.prediction,
        effect=np.where(present, fit.effect, np.nan),
        variance=np.where(present, fit.variance, np.nan),
        given_weights=np.where(present, fit.given_weights, np.nan),
    )


def drop_each(fit: Pooled) -> PooledMany:
    """Pool k times, each time without one study."""
    return pool_subsets(fit, ~np.eye(fit.k, dtype=bool))


def deleted_scale(fit: Pooled, deleted: PooledMany) -> Floats:
    """Factor by which HKSJ scales the variance of the mean when a study is deleted; 1 for other intervals."""
    if fit.ci not in ("HKSJ", "HKSJ-adhoc"):
        return np.ones(fit.k)
    spread = fit.variance + deleted.tau2[:, None]
    weight = 1.0 / spread if fit.given_weights is None else fit.given_weights + 0.0 * spread
    np.fill_diagonal(weight, 0.0)
    share = weight / weight.sum(axis=1, keepdims=True)
    return np.square(deleted.se) / (np.square(share) * spread).sum(axis=1)


@dataclass(frozen=True, eq=False, repr=False)
class LeaveOneOut(Shown):
    """Result of `leave_one_out`: the fit of all studies and, in the order of its studies, the fits without one."""

    fit: Pooled
    deleted: PooledMany

    @property
    def note(self) -> str:
        """Name the studies without which the interval changes sides of zero; empty if there is none."""
        covers = self.fit.ci_low <= 0.0 <= self.fit.ci_high
        turned = ((self.deleted.ci_low <= 0.0) & (self.deleted.ci_high >= 0.0)) != covers
        names = ", ".join(label for label, turns in zip(self.fit.labels, turned, strict=True) if turns)
        if not names:
            return ""
        return f"The interval {'no longer includes' if covers else 'includes'} zero without: {names}."

    def to_frame(self) -> pd.DataFrame:
        """One row a left-out study: omitted, estimate, se, ci_low, ci_high, p_value, tau2, i2, q, q_p and so on."""
        frame = self.deleted.to_frame()
        frame.insert(0, "omitted", list(self.fit.labels))
        return frame

    def summary(self) -> str:
        """Describe the fits as a text table."""
        columns = ["omitted", "estimate", "ci_low", "ci_high", "p_value", "tau2", "i2", "q"]
        heading = (
            f"Leave-one-out (k = {self.fit.k}); all studies: {self.fit.estimate:.4f} "
            f"({self.fit.ci_low:.4f} to {self.fit.ci_high:.4f})"
        )
        return table_text(heading, self.to_frame()[columns], self.note)


def leave_one_out(fit: Pooled) -> LeaveOneOut:
    """Pool without each study in turn, with the method, interval and level of the fit.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    ModelError
        With one study.
    """
    need(fit, 2, "leave-one-out")
    return LeaveOneOut(fit, drop_each(fit))


@dataclass(frozen=True, eq=False, repr=False)
class Cumulative(Shown):
    """Result of `cumulative`: fits of a growing set of studies."""

    labels: tuple[str, ...]
    """The study that each step adds, shape (k,)."""
    order: tuple[Any, ...]
    """Its value of the variable by which the studies were ordered."""
    fits: PooledMany
    """Step i holds the first i + 1 studies."""

    def to_frame(self) -> pd.DataFrame:
        """One row a step: added, order, k, estimate, se, ci_low, ci_high, p_value, tau2, i2, q and so on."""
        frame = self.fits.to_frame()
        frame.insert(0, "added", list(self.labels))
        frame.insert(1, "order", list(self.order))
        return frame

    def summary(self) -> str:
        """Describe the steps as a text table."""
        columns = ["added", "order", "estimate", "ci_low", "ci_high", "p_value", "tau2", "i2"]
        return table_text(f"Cumulative meta-analysis (k = {len(self.labels)})", self.to_frame()[columns])


def cumulative(fit: Pooled, order: Any = None) -> Cumulative:
    """Pool the studies one after the other, with the method, interval and level of the fit.

    Parameters
    ----------
    fit : Pooled
    order : array-like, shape (k,), optional
        Values by which to order the studies, ascending, for example years; equal values keep the order of the
        fit. By default the order of the fit.

    Returns
    -------
    Cumulative

    Raises
    ------
    DataError
        If `order` does not have one value a study, or a value is missing or cannot be compared with the
        others.
    """
    values = pd.Series(range(fit.k) if order is None else order).reset_index(drop=True)
    if len(values) != fit.k:
        raise DataError(f"order has {len(values)} values for {fit.k} studies; give one a study.")
    if values.isna().any():
        missing = fit.labels[int(np.argmax(values.isna()))]
        raise DataError(f"{missing}: the value to order by is missing; give one.")
    try:
        place = values.argsort(kind="stable").to_numpy()
    except TypeError as error:
        raise DataError(
            f"the values to order by cannot be compared: {error}; give all of one kind."
        ) from error
    present = np.empty((fit.k, fit.k), dtype=bool)
    present[:, place] = np.tri(fit.k, dtype=bool)
    labels = tuple(fit.labels[i] for i in place)
    return Cumulative(labels, tuple(values.iloc[place]), pool_subsets(fit, present))
