"""Writing a table of a review."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from evidence.files import guarded
from evidence.tables.schema import TABLES

__all__ = ["write_table"]


def write_table(
    folder: Path, name: str, rows: Iterable[Mapping[str, object]], extra: Iterable[str] = ()
) -> None:
    """Write a table of a review with the columns of its schema; cells that a row does not have stay empty.

    Parameters
    ----------
    folder : Path
    name : str
        Name of the table in the schema.
    rows : iterable of mapping
        Cells by column.
    extra : iterable of str
        Columns beside those of the schema.
    """
    table = next(table for table in TABLES if table.name == name)
    rows = list(rows)
    own = (one.name for one in table.columns if not one.rare or any(row.get(one.name) for row in rows))
    header = [*own, *extra]
    with (folder / table.file).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        csv.writer(file, lineterminator="\n").writerow(map(guarded, header))
        # An empty cell of a column that the table does without is none; one with a value has its column.
        writer.writerows(
            {name: guarded(cell) for name, cell in row.items() if cell or name in header} for row in rows
        )
