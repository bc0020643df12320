"""Read as much as possible of a folder that is not valid, so that one wrong cell does not hide all others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import DataError, Fault
from evidence.tables.protocol.protocol import read_protocol
from evidence.tables.read import read_cells
from evidence.tables.review import Review, read_review, tables_of
from evidence.tables.schema import Column, Table
from evidence.tables.validate import check_references, typed

__all__ = ["read_with_faults"]

_HEADER = 1
_PROTOCOL = "review.yaml"
_QUARTILES = ("q1", "median", "q3")


def read_with_faults(path: str | Path) -> tuple[Review, tuple[Fault, ...]]:
    """Read the folder of a review, valid or not.

    A number that is wrong only beside others (an estimate outside its interval) is kept, so that the checks
    can say more about it; a cell that cannot be read is emptied; a row that belongs to nothing is left out.

    Parameters
    ----------
    path : str or Path
        Folder with ``review.yaml`` and the tables.

    Returns
    -------
    review : Review
        Without the readings if the folder has faults.
    faults : tuple of Fault
        What `read_review` objects to; empty for a valid folder.

    Raises
    ------
    DataError
        If the folder, the protocol, or a whole table or column cannot be used.
    """
    try:
        return read_review(path), ()
    except DataError as error:
        faults = error.faults
        # What the protocol names and a table lacks is one fault among others; a table without a column is of no use.
        whole = (fault for fault in faults if fault.file != _PROTOCOL)
        if not faults or any(fault.row is None or fault.row == _HEADER for fault in whole):
            raise
    folder = Path(path)
    protocol = read_protocol(folder / _PROTOCOL)
    specs = tables_of(protocol)
    tables = {spec.name: _readable(folder, spec, faults) for spec in specs}
    while dangling := check_references(tables, specs):
        for fault in dangling:
            name = fault.file.removesuffix(".csv")
            tables[name] = tables[name].drop(index=[fault.row], errors="ignore")
    return Review(path=folder, protocol=protocol, readings={}, **tables), faults


def _readable(folder: Path, spec: Table, faults: Iterable[Fault]) -> pd.DataFrame:
    """Give the typed rows of a table without the cells and rows that cannot be used."""
    names = [column.name for column in spec.columns]
    if not (folder / spec.file).exists():
        return typed(pd.DataFrame({name: pd.Series(dtype="str") for name in names}), spec)
    cells, _ = read_cells(folder / spec.file, spec.file)
    columns = {column.name: column for column in spec.columns}
    # Rows that name something unknown or repeat a key cannot be placed; a missing word elsewhere does no harm.
    placing = {name for part, _ in spec.references for name in part} | set(spec.key)
    dropped: set[int] = set()
    for fault in faults:
        if fault.file != spec.file or fault.column not in columns or fault.row is None:
            continue
        if fault.column in placing:
            dropped.add(fault.row)
        elif not _usable(cells.loc[fault.row, fault.column], columns[fault.column]):
            # The median is used with its quartiles only.
            together = [*_QUARTILES] if fault.column in _QUARTILES else [fault.column]
            cells.loc[fault.row, together] = ""
    return typed(cells.drop(index=sorted(dropped)), spec)


def _usable(cell: Any, column: Column) -> bool:
    """Tell whether a cell that was objected to can stand until the checks have seen it."""
    if column.kind == "text":
        return not column.choices
    # Quartiles and ends of a scale must be in order before anything can be worked out from them.
    if column.name in (*_QUARTILES, "scale_min"):
        return False
    try:
        value = float(cell)
    except ValueError:
        return False
    low = float("-inf") if column.minimum is None else column.minimum
    high = float("inf") if column.maximum is None else column.maximum
    return low <= value <= high and (column.kind != "integer" or value.is_integer())
