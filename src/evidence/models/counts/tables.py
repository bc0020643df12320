"""Two-by-two tables of events in two groups: the input of the methods for rare events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.effects.sizes.binary import add_to_cells
from evidence.errors import DataError
from evidence.models.core.studies import Floats

__all__ = ["COUNT_LIMIT", "TwoByTwo", "check_level", "check_tables", "name_some", "read_columns"]

COUNT_LIMIT = 1e12
"""Largest count; beyond it, products of four counts lose digits that matter."""
SMALLEST = 1e-6
"""Smallest count above zero; counts adjusted for clusters are fractions."""
CELLS = ("a", "b", "c", "d")


@dataclass(frozen=True, eq=False)
class TwoByTwo:
    """One table a study: a of a + b participants of group 1 and c of c + d of group 2 have the event."""

    a: Floats
    b: Floats
    c: Floats
    d: Floats
    labels: tuple[str, ...]

    @property
    def k(self) -> int:
        """Number of studies."""
        return self.a.size

    @property
    def n1(self) -> Floats:
        """Size of group 1."""
        return self.a + self.b

    @property
    def n2(self) -> Floats:
        """Size of group 2."""
        return self.c + self.d

    @property
    def n(self) -> Floats:
        """Participants of the study."""
        return self.a + self.b + self.c + self.d

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Studies in which nobody or everybody has the event: they say nothing about a ratio."""
        return (self.a + self.c == 0.0) | (self.b + self.d == 0.0)

    def add(self, add: float, to: str) -> TwoByTwo:
        """Add a constant to cells; `to` as in `evidence.effects.sizes.binary.add_to_cells`."""
        a, b, c, d = add_to_cells([self.a, self.b, self.c, self.d], add, to)
        return TwoByTwo(a, b, c, d, self.labels)

    def take(self, which: NDArray[np.bool_]) -> TwoByTwo:
        """Keep some of the studies."""
        labels = tuple(np.array(self.labels, dtype=object)[which])
        return TwoByTwo(self.a[which], self.b[which], self.c[which], self.d[which], labels)

    def name_silent(self) -> str:
        """List the studies that say nothing about a ratio, shortened after five."""
        return name_some(self.labels, self.silent)


def name_some(labels: Sequence[str], chosen: NDArray[np.bool_]) -> str:
    """List the chosen studies, shortened after five."""
    names = [label for label, take in zip(labels, chosen, strict=True) if take]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def read_columns(
    given: dict[str, Any], labels: Sequence[str] | None
) -> tuple[dict[str, Floats], tuple[str, ...]]:
    """Read columns of numbers, one value a study, and the labels of the studies.

    Parameters
    ----------
    given : dict of str to array-like
    labels : sequence of str, optional
        By default the text index of the first column if it is a Series, else "Study 1", ...

    Raises
    ------
    DataError
        If a column is not numeric, lengths differ, or there is no study.
    """
    first = next(iter(given.values()))
    if labels is None and isinstance(first, pd.Series) and all(isinstance(name, str) for name in first.index):
        labels = list(first.index)
    cells = {name: _column(values, name) for name, values in given.items()}
    k = next(iter(cells.values())).size
    if any(cell.size != k for cell in cells.values()):
        sizes = ", ".join(f"{name} has {cell.size}" for name, cell in cells.items())
        raise DataError(f"the counts differ in length: {sizes}; give one count of each kind a study.")
    if k == 0:
        raise DataError("there is no study to pool; give the counts of at least one.")
    names = tuple(f"Study {i}" for i in range(1, k + 1)) if labels is None else tuple(map(str, labels))
    if len(names) != k:
        raise DataError(f"labels has {len(names)} values for {k} studies; give one label a study.")
    return cells, names


def check_tables(
    a: Any, b: Any, c: Any, d: Any, labels: Sequence[str] | None, *, whole: bool = False
) -> TwoByTwo:
    """Check counts and labels.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2.
    labels : sequence of str, optional
        By default the text index of `a` if it is a Series, else "Study 1", ...
    whole : bool
        Whether counts must be whole numbers.

    Raises
    ------
    DataError
        If lengths differ, there is no study, a group is empty, or a count is absent, negative, too large or, with
        `whole`, not whole; the message names the study.
    """
    cells, names = read_columns(dict(zip(CELLS, (a, b, c, d), strict=True)), labels)
    for name, cell in cells.items():
        good = (cell == 0.0) | ((cell >= SMALLEST) & (cell <= COUNT_LIMIT))
        if whole:
            good &= cell == np.rint(cell)
        if not good.all():
            i = int(np.argmin(good))
            kind = "a whole number" if whole else "a number"
            raise DataError(
                f"{names[i]}: {name} = {cell[i]:g}, but a count must be 0 or {kind} "
                f"from {1 if whole else SMALLEST:g} to {COUNT_LIMIT:g}."
            )
    tables = TwoByTwo(**cells, labels=names)
    for group, size in ((1, tables.n1), (2, tables.n2)):
        if (size == 0.0).any():
            raise DataError(
                f"{names[int(np.argmax(size == 0.0))]}: group {group} has no participants; leave the study out."
            )
    if (tables.n <= 1.0).any():
        raise DataError(
            f"{names[int(np.argmax(tables.n <= 1.0))]}: the study has no more than one participant; leave it out."
        )
    return tables


def check_level(level: float) -> None:
    """Raise DataError unless the level lies between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")


def _column(values: Any, name: str) -> Floats:
    try:
        out = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be counts, one a study: {error}") from error
    if out.ndim != 1:
        raise DataError(f"{name} must have one dimension, one count a study; its shape is {out.shape}.")
    return out
