"""Pool subsets of the studies of a fit, in one batch, with the options of that fit."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from evidence.errors import ModelError
from evidence.models.pool import pool
from evidence.models.pool_many import PooledMany, pool_many
from evidence.models.pooled import Pooled
from evidence.models.studies import Floats

__all__ = ["deleted_scale", "drop_each", "need", "pool_subsets"]


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
    names = [field.name for field in fields(PooledMany)]
    arrays = {
        name: np.array([getattr(one, name) for one in fits], dtype=np.float64)
        for name in names[: names.index("method")]
    }
    return PooledMany(**arrays, method=fit.method, ci=fit.ci, level=fit.level, prediction=fit.prediction)


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
