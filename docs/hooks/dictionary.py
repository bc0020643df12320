"""The data dictionary: every table and column that a review may have, from the schema that validates them."""

from __future__ import annotations

from evidence.report.export.codebook import DESCRIPTIONS
from evidence.tables.schema import TABLES, Column, Table

__all__ = ["dictionary"]

HEAD = """# Data dictionary

A review is a folder of CSV files, one fact a row, and its protocol `review.yaml`. This page lists every table that a
review may have, and every column, as the program checks them; tables marked *needed* must be there. A review may add
columns of its own, declared under `columns:` in `review.yaml`. An empty cell means that the value is not known.

"""

EXPORTED = """## Columns of exported results

What `evidence effects --format csv`, `evidence pool --format csv` and `evidence export data` write, beside columns of
the tables above. `evidence export data` writes the same descriptions as `codebook.csv`.

| column | what it says |
| --- | --- |
"""


def dictionary() -> str:
    """Write the page."""
    own = {column.name for table in TABLES for column in table.columns}
    rows = (f"| `{name}` | {_cell(text)} |\n" for name, text in DESCRIPTIONS.items() if name not in own)
    return HEAD + "\n".join(_table(table) for table in TABLES) + "\n" + EXPORTED + "".join(rows)


def _table(table: Table) -> str:
    key = f"Key: {', '.join(f'`{name}`' for name in table.key)}. " if table.key else ""
    links = "".join(
        f"{', '.join(f'`{name}`' for name in names)} must be found in `{target}.csv`. "
        for names, target in table.references
    )
    head = f"## {table.file}\n\n{'*Needed.* ' if table.needed else ''}{key}{links}".rstrip()
    rows = "\n".join(_column(column) for column in table.columns)
    return f"{head}\n\n| column | kind | what it says | values |\n| --- | --- | --- | --- |\n{rows}\n"


def _column(column: Column) -> str:
    kind = column.kind + (", required" if column.required else ", may be missing" if column.optional else "")
    says = column.description or column.name.replace("_", " ")
    return f"| `{column.name}` | {kind} | {_cell(says)} | {_values(column)} |"


def _values(column: Column) -> str:
    if column.choices:
        return ", ".join(f"`{_cell(choice)}`" for choice in column.choices)
    low, high = column.minimum, column.maximum
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    return f"at least {low:g}" if low is not None else f"at most {high:g}" if high is not None else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
