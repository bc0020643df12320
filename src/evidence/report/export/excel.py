"""A review as one workbook: its tables, the results, and what each column says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.files import drafts, plain, write
from evidence.report.export.codebook import codebook
from evidence.report.export.results import result_tables
from evidence.tables.review import Review, tables_of

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

__all__ = ["LONGEST", "workbook_tables", "write_excel"]

LONGEST = 32_767
"""Letters that a cell holds."""
_CUT = " [... cut: the cell holds no more]"
_WIDEST = 60


def workbook_tables(review: Review) -> dict[str, pd.DataFrame]:
    """Give the sheets of the workbook by name: results, comparisons, every table that the review has, codebook."""
    results = result_tables(review)
    tables = {
        table.name: getattr(review, table.name).reset_index(drop=True)
        for table in tables_of(review.protocol)
        if (review.path / table.file).exists()
    }
    described = codebook(review, results)
    schema = pd.DataFrame(
        [
            {
                "table": table.name,
                "column": column.name,
                "type": column.kind,
                "missing": _missing(tables[table.name], column.name),
                "description": column.description or column.name.replace("_", " "),
                "allowed": _allowed(column),
            }
            for table in tables_of(review.protocol)
            if table.name in tables
            for column in table.columns
        ]
    )
    return {**results, **tables, "codebook": pd.concat([described, schema], ignore_index=True)}


def write_excel(review: Review, output: Path) -> list[Path]:
    """Write ``review.xlsx``. Every text is a text, also one that begins like a formula.

    Parameters
    ----------
    review : Review
    output : Path
        Folder of the file; it is made if need be.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If the folder cannot be written to.
    ReportError
        If the disk is full.
    """
    from openpyxl import Workbook

    tables = workbook_tables(review)
    book = Workbook()
    first = book.create_sheet("about")
    del book["Sheet"]
    for row in _about(review, tables):
        first.append([_plain_text(text) for text in row])
        for cell in first[first.max_row]:
            _as_text(cell)
    first.column_dimensions["A"].width, first.column_dimensions["B"].width = 24, 100
    for name, table in tables.items():
        _fill(book.create_sheet(name[:31]), table)
    packed = io.BytesIO()  # not at once into the file: a full disk would be told twice
    with drafts(output) as beside:
        book.save(packed)
        write(beside, "review.xlsx", packed.getvalue())
    return [output / "review.xlsx"]


def _about(review: Review, tables: dict[str, pd.DataFrame]) -> list[tuple[str, str]]:
    said = {
        "results": "one row an analysis: the combined result, or why nothing was combined",
        "comparisons": "one row a comparison that bears on an analysis, poolable or not",
        "codebook": "what each column of each sheet says",
    }
    return [
        ("title", review.protocol.title),
        ("scope", review.protocol.scope_note.strip()),
        ("sheet", "what it holds"),
        *((name, said.get(name, f"table {name}.csv of the review")) for name in tables),
    ]


def _fill(sheet: Worksheet, table: pd.DataFrame) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    columns = list(map(str, table))
    sheet.append([_plain_text(name) for name in columns])
    for heading in sheet[1]:
        _as_text(heading)
        heading.font = Font(bold=True)
    for place, values in enumerate(table.itertuples(index=False, name=None), 2):
        for column, value in enumerate(values, 1):
            held = plain(value)
            if held is None or held == "":
                continue
            cell: Any = sheet.cell(place, column)
            if isinstance(held, bool | int | float):
                cell.value = held
            else:
                cell.value = _plain_text(str(held))
                _as_text(cell)
    sheet.freeze_panes = "A2"
    if columns:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(table) + 1}"
    for number, name in enumerate(columns, 1):
        longest = max([len(name), *table.iloc[:200, number - 1].astype(str).str.len()], default=8)
        sheet.column_dimensions[get_column_letter(number)].width = min(longest + 2, _WIDEST)


def _as_text(cell: Any) -> None:
    """Keep a text from being read as a formula, now and when somebody edits it."""
    if isinstance(cell.value, str):
        cell.data_type = "s"
        cell.quotePrefix = cell.value[:1] in ("=", "+", "-", "@")


def _plain_text(text: str) -> str:
    """Take away what no cell holds: control characters, and what is beyond its length, which is said."""
    kept = "".join(letter for letter in text if letter in "\t\n\r" or ord(letter) >= 32)
    return kept if len(kept) <= LONGEST else kept[: LONGEST - len(_CUT)] + _CUT


def _missing(table: pd.DataFrame, column: str) -> int:
    values = table[column] if column in table else pd.Series(dtype=str)
    return int((values.isna() | (values.astype(str) == "")).sum())


def _allowed(column: Any) -> str:
    if column.choices:
        return ", ".join(column.choices)
    ends = [f"from {column.minimum:g}" if column.minimum is not None else ""]
    ends.append(f"to {column.maximum:g}" if column.maximum is not None else "")
    return " ".join(filter(None, ends))
