"""Two-by-two tables of events in two groups: the input of the methods for rare events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.columns import Origin, align, as_frame, check_missing, labels_of, numbers
from evidence.effects.sizes.binary import add_to_cells
from evidence.errors import DataError
from evidence.models.core.studies import Floats

__all__ = ["COUNT_LIMIT", "TwoByTwo", "check_tables", "name_some", "read_columns"]

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
    origin: Origin | None = None
    """Where the studies stood among the rows given; None for arrays without labels of which none was left out."""

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
        return TwoByTwo(a, b, c, d, self.labels, self.origin)

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
    given: dict[str, Any], labels: Any, data: Any = None, missing: str = "refuse"
) -> tuple[dict[str, Floats], tuple[str, ...], Origin | None]:
    """Read columns of numbers, one value a study, paired by their labels, and the labels of the studies.

    Parameters
    ----------
    given : dict of str to array-like or str
    labels : array-like of str, or str, optional
        By default the index of what is given if it is text, else "Study 1", ...
    data : DataFrame, optional
        The table whose columns are named.
    missing : {"refuse", "omit"}
        Whether studies of which a number is missing are left out.

    Raises
    ------
    DataError
        If a column is not numeric, labels or lengths differ, or there is no study.
    """
    check_missing(missing)
    columns, index = align(given, data=None if data is None else as_frame(data), labels=labels)
    cells = {name: numbers(columns[name], name, labels=index) for name in given}
    k = next(iter(cells.values())).size
    if any(cell.size != k for cell in cells.values()):
        sizes = ", ".join(f"{name} has {cell.size}" for name, cell in cells.items())
        raise DataError(f"the counts differ in length: {sizes}; give one count of each kind a study.")
    if k == 0:
        raise DataError("there is no study to pool; give the counts of at least one.")
    names = labels_of(columns.get("labels"), index, k)
    kept = np.ones(k, dtype=bool)
    if missing == "omit":
        kept = ~np.any([np.isnan(cell) for cell in cells.values()], axis=0)
        if not kept.any():
            raise DataError("there is no study to pool: every one lacks a count.")
    origin = Origin(names, index, kept) if index is not None or not kept.all() else None
    if not kept.all():
        cells = {name: cell[kept] for name, cell in cells.items()}
        names = tuple(name for name, keep in zip(names, kept, strict=True) if keep)
    return cells, names, origin


def check_tables(
    a: Any,
    b: Any,
    c: Any,
    d: Any,
    labels: Any,
    *,
    whole: bool = False,
    data: Any = None,
    missing: str = "refuse",
) -> TwoByTwo:
    """Check counts and labels.

    Parameters
    ----------
    a, b, c, d : array-like, shape (k,)
        Events and non-events of group 1, events and non-events of group 2.
    labels, data, missing
        As for `read_columns`.
    whole : bool
        Whether counts must be whole numbers.

    Raises
    ------
    DataError
        If lengths differ, there is no study, a group is empty, or a count is absent, negative, too large or, with
        `whole`, not whole; the message names the study.
    """
    cells, names, origin = read_columns(dict(zip(CELLS, (a, b, c, d), strict=True)), labels, data, missing)
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
    tables = TwoByTwo(**cells, labels=names, origin=origin)
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
