"""Read claims and citations from any file, and check them as the tables of a review are checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from evidence.appraisal.audit.claims import parts_of
from evidence.errors import DataError, Fault
from evidence.tables.protocol.protocol import Protocol
from evidence.tables.read import read_cells
from evidence.tables.schema import TABLES
from evidence.tables.validate import check_cells

__all__ = ["CLAIM_KINDS", "read_table"]

CLAIM_KINDS = ("", "effect", "superiority", "responder", "harm")
"""Kinds of claims that are judged; the rule's ``not_effects`` are known besides. Without a kind it is an effect."""

_WITH = ("", "yes", "no", "either")


def read_table(source: pd.DataFrame | str | Path, name: str, protocol: Protocol) -> pd.DataFrame:
    """Read and check a table of claims or of citations.

    Parameters
    ----------
    source : DataFrame, str or Path
        Rows, or a CSV file with the columns of ``claims.csv`` or ``citations.csv``.
    name : {"claims", "citations"}
    protocol : Protocol
        Its components, comparators and windows are the words that claims may use.

    Returns
    -------
    DataFrame
        All columns of the table as text, those that the file lacks empty.

    Raises
    ------
    DataError
        If the table cannot be read or used; every fault is named with file, row, column and value.
    """
    faults: list[Fault] = []
    table = next(one for one in TABLES if one.name == name)
    if isinstance(source, pd.DataFrame):
        file = table.file
        cells = source.astype("str").where(source.notna(), "")
        if not pd.api.types.is_integer_dtype(cells.index.dtype):
            cells.index = pd.RangeIndex(2, len(cells) + 2)  # as a spreadsheet would count the rows
    else:
        file = str(source)
        cells, faults = read_cells(Path(source), file)
        if faults and cells.empty:
            raise DataError(faults)
    for column in table.columns:
        if column.name not in cells and not column.required:
            cells[column.name] = ""
    faults += check_cells(cells, table, file)
    if not faults and name == "claims":
        faults += _unknown_words(cells, protocol, file)
    if faults:
        raise DataError(faults)
    return cells


def _unknown_words(claims: pd.DataFrame, protocol: Protocol, file: str) -> Iterator[Fault]:
    """Find words in claims that the protocol does not know; an unknown outcome is one that it does not study."""
    groups = protocol.comparator_groups
    for column, allowed in (
        ("kind", {*CLAIM_KINDS, *protocol.audit.not_effects}),
        ("intervention", {*protocol.components.all}),
        ("comparator", {"", *groups, *protocol.components.all}),
        ("window", {"", *protocol.windows}),
        *((name, {*_WITH}) for name in claims if str(name).startswith("with_")),
    ):
        for row, cell in claims[column].items():
            words = parts_of(cell) if column == "intervention" else (cell,)
            for word in words:
                if word not in allowed:
                    known = ", ".join(sorted(allowed - {""}))
                    yield Fault(
                        file, int(str(row)), str(column), word, f"use one of {known}, or leave it empty"
                    )
