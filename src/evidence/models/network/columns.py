"""Columns of a network's table, given as arrays or by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.core.weighted import Floats

__all__ = ["column_of", "floats", "texts"]


def column_of(values: Any, label: str, data: pd.DataFrame | None) -> Any:
    """Return the column of the data that `values` names, or `values` itself."""
    if isinstance(values, str):
        if data is None:
            raise DataError(f"{label}={values!r} names a column, but no data were given.")
        if values not in data.columns:
            raise DataError(f"the data have no column {values!r} for {label}; name the column that holds it.")
        return data[values]
    return values


def texts(values: Any, label: str, data: pd.DataFrame | None) -> list[str]:
    """Read names; empty where one is missing."""
    column = np.asarray(column_of(values, label, data), dtype=object)
    if column.ndim != 1:
        raise DataError(
            f"{label} must have one dimension, one value a contrast; its shape is {column.shape}."
        )
    missing = pd.isna(column)
    return ["" if gone else str(value).strip() for value, gone in zip(column, missing, strict=True)]


def floats(values: Any, label: str, data: pd.DataFrame | None) -> Floats:
    """Read numbers into a new one-dimensional array."""
    try:
        out = np.array(column_of(values, label, data), dtype=np.float64)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{label} must be numbers, one a contrast: {error}") from error
    if out.ndim != 1:
        raise DataError(f"{label} must have one dimension, one value a contrast; its shape is {out.shape}.")
    return out
