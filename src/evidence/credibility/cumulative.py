"""How did the evidence grow? Pool the first study, the first two, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.credibility.show import Shown, table_text
from evidence.credibility.subsets import pool_subsets
from evidence.errors import DataError
from evidence.models.pool_many import PooledMany
from evidence.models.pooled import Pooled

__all__ = ["Cumulative", "cumulative"]


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
