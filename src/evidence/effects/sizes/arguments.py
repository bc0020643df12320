"""Numbers as they come from callers: broadcast to columns of equal length and checked row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from evidence.columns import column, numbers, same_order
from evidence.errors import DataError

__all__ = ["Array", "Columns", "Mask", "columns"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Columns:
    """Float columns of equal length.

    Attributes
    ----------
    data : dict of str to ndarray, shape (k,)
        The columns by argument name; NaN marks an absent value.
    index : pandas.Index or None
        The index of the Series given, if any.
    scalar : bool
        True if every argument was a single number.
    """

    data: dict[str, Array]
    index: pd.Index | None
    scalar: bool

    def __getitem__(self, name: str) -> Array:
        return self.data[name]

    def __len__(self) -> int:
        return len(next(iter(self.data.values())))

    def row(self, position: int) -> str:
        """Name a row as its reader knows it: by index label, else by position from 0."""
        if self.index is None:
            return f"row {position}"
        return f"row {self.index[position]}"

    def absent(self) -> Mask:
        """Rows in which a value is absent."""
        return np.logical_or.reduce([np.isnan(values) for values in self.data.values()])

    def frame(
        self, effect: Array, variance: Array, what: str, *, left_out: Mask | None = None, hint: str = ""
    ) -> pd.DataFrame:
        """Give effects and variances as a table; NaN in rows left out, by default those with an absent value.

        Raises
        ------
        DataError
            If an effect or variance of another row is not finite or a variance is negative.
        """
        left_out = self.absent() if left_out is None else left_out
        sound = np.isfinite(effect) & np.isfinite(variance) & (variance >= 0)
        self._refuse_failed(sound | left_out, what, hint)
        return pd.DataFrame(
            {"effect": np.where(left_out, np.nan, effect), "variance": np.where(left_out, np.nan, variance)},
            index=self.index,
        )

    def unwrap(self, values: Array, what: str) -> float | Array | pd.Series:
        """Give a finite result the form of the arguments: a number, a Series with their index, or an array."""
        absent = self.absent()
        self._refuse_failed(np.isfinite(values) | absent, what, "")
        if self.scalar:
            return float(values[0])
        values = np.where(absent, np.nan, values)
        return values if self.index is None else pd.Series(values, index=self.index)

    def _refuse_failed(self, sound: Mask, what: str, hint: str) -> None:
        if not sound.all():
            position = int(np.argmin(sound))
            values = ", ".join(f"{name} = {column[position]:g}" for name, column in self.data.items())
            raise DataError(f"{self.row(position)}: {what} cannot be computed from {values}.{hint}")

    def refuse(self, bad: Mask, name: str, rule: str) -> None:
        """Raise DataError for the first row in which `bad` holds, naming row, argument, value and rule."""
        if bad.any():
            position = int(np.argmax(bad))
            value = self.data[name][position]
            raise DataError(f"{self.row(position)}: {name} = {value:g}, but {name} must be {rule}.")


def columns(**given: ArrayLike | None) -> Columns:
    """Broadcast the arguments that are not None to float columns of one length.

    Raises
    ------
    DataError
        If an argument is not numeric, has more than one dimension, is infinite, or if lengths or the
        indexes of Series differ.
    """
    for name, value in given.items():
        if isinstance(value, str):
            raise DataError(f"{name} must hold numbers, not {value!r}; a name of a column needs its table.")
    present = {name: column(value, name, None) for name, value in given.items() if value is not None}
    arrays = {name: _floats(name, value) for name, value in present.items()}
    lengths = {name: array.size for name, array in arrays.items() if array.ndim == 1}
    if len(set(lengths.values()) - {1}) > 1:
        listed = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise DataError(
            f"Arguments differ in length: {listed}. Give columns of one length, or single numbers."
        )
    k = max((length for length in lengths.values() if length != 1), default=1)
    if 0 in lengths.values():
        k = 0
    table = Columns(
        {name: np.broadcast_to(array, (k,)).copy() for name, array in arrays.items()},
        same_order({name: value for name, value in present.items() if np.size(value) == k}),
        scalar=not lengths,
    )
    for name, values in table.data.items():
        table.refuse(np.isinf(values), name, "finite")
    return table


def _floats(name: str, value: ArrayLike) -> Array:
    array = numbers(value, name, labels=value.index if isinstance(value, pd.Series) else None, ndim=None)
    if array.ndim > 1:
        raise DataError(
            f"{name} must be a number or one column of numbers, not an array of shape {array.shape}."
        )
    return array
