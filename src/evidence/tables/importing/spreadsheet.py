"""Read a table that comes from elsewhere: text in any usual encoding and with any usual separator, or a workbook.

What was found out about the file is said, so that a person can tell whether it was read as it is meant.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evidence.errors import DataError, Fault
from evidence.files import MOST_BYTES, content
from evidence.tables.read import MOST_CELLS, frame_of, too_large

__all__ = ["WORKBOOKS", "Sheet", "read_sheet"]

WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml|content\.xml")
"""Parts of a workbook that hold cells: of .xlsx and .ods."""
_CELL = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{1,4})(\d{1,9})[\"']")
_REPEATED = re.compile(rb"number-(?:columns|rows)-repeated\s*=\s*[\"'](\d{1,12})[\"']")
MOST_ROWS = 50_000
"""Of a table that is imported; the largest reviews have some thousand."""
_MOST_UNPACKED = 2 * MOST_BYTES
_SHEET_ROWS = 2**20
"""What a sheet of a spreadsheet can have, filled or not."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table as text.

    Attributes
    ----------
    header : tuple of str
    rows : list of (int, dict of str to str)
        Number of each row as a spreadsheet shows it, and its cells by column.
    said : tuple of str
        How the file was read, where that is not plain from its name.
    """

    header: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]
    said: tuple[str, ...]


def read_sheet(path: Path, sheet: str | None = None, *, may_be_empty: bool = False) -> Sheet:
    """Read a table.

    Parameters
    ----------
    path : Path
        Text (.csv, .tsv, .txt) or a workbook (.xlsx, .xls, .ods).
    sheet : str or None
        Sheet of a workbook; the first by default.
    may_be_empty : bool
        Whether a header without rows is no fault.

    Returns
    -------
    Sheet

    Raises
    ------
    DataError
        If it cannot be read as a table; what to do is said.
    """
    file = path.name
    if path.suffix.lower() in WORKBOOKS:
        rows, said = _workbook(path, sheet)
    elif sheet is not None:
        raise DataError(f"{file} is no workbook and has no sheet '{sheet}'; leave the sheet out")
    else:
        rows, said = _text(path)
    title = _title_rows(rows)
    if title:
        said.append(
            f"passed over row {title}, a title above the header"
            if title == 1
            else f"passed over rows 1 to {title}, a title above the header"
        )
    rows = rows[title:]
    if not rows or not any(cell.strip() for row in rows for cell in row):
        raise DataError([Fault(file, None, "", "", "the file is empty; it needs a header row")])
    width = max((number + 1 for row in rows for number, cell in enumerate(row) if cell.strip()), default=0)
    if path.suffix.lower() in WORKBOOKS or all(len(row) >= width for row in rows if any(row)):
        rows = [row[:width] for row in rows]  # columns that are empty throughout
    cells, faults = frame_of(rows, file, first=title + 2)
    if faults:
        raise DataError(faults)
    if cells.empty and not may_be_empty:
        raise DataError([Fault(file, None, "", "", "the file has a header and no rows")])
    unnamed = cells.columns == ""
    if filled := int((cells.loc[:, unnamed] != "").any().sum()):
        said.append(f"passed over {filled} column{'s' * (filled > 1)} without a heading")
    cells = cells.loc[:, ~unnamed]
    header = tuple(str(name) for name in cells)
    found = [{str(name): str(cell) for name, cell in row.items()} for row in cells.to_dict("records")]
    return Sheet(header, list(zip(map(int, cells.index), found, strict=True)), tuple(said))


def _text(path: Path) -> tuple[list[list[str]], list[str]]:
    """Split a text file into cells: encoding, separator and decimal comma as its content shows them."""
    file = path.name
    try:
        raw = content(path)
    except OSError as error:
        raise DataError([Fault(file, None, "", "", f"cannot be read: {error.strerror or error}")]) from None
    text, encoding = _decoded(raw, file)
    said = [] if encoding == "UTF-8" else [f"read as {encoding}"]
    separator = _separator(text)
    if separator != ",":
        said.append(f"columns are separated by {_SEPARATORS[separator]}")
    if words := too_large(text, separator):
        raise DataError([Fault(file, None, "", "", words)])
    try:
        rows = _bounded(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True), file)
    except csv.Error as error:
        words = f"is not well-formed CSV ({error}); check its quotes"
        raise DataError([Fault(file, None, "", "", words)]) from None
    if separator != ",":
        decimal = [
            (row, cell.strip())
            for row, cells in enumerate(rows, 1)
            for cell in cells
            if _DECIMAL_COMMA.fullmatch(cell.strip())
        ]
        if decimal and all(_THOUSANDS.fullmatch(cell) for _, cell in decimal):
            row, cell = decimal[0]
            expected = (
                f"may mean {cell.replace(',', '')} or {cell.replace(',', '.')}; write numbers without separators "
                "of thousands and with a decimal point"
            )
            raise DataError([Fault(file, row, "", cell, expected)])
        if decimal:
            said.append(
                f"decimal commas are read as points ({decimal[0][1]} as {decimal[0][1].replace(',', '.')})"
            )
            rows = [
                [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell for cell in cells]
                for cells in rows
            ]
    return rows, said


def _bounded(every: Iterable[list[str]], file: str) -> list[list[str]]:
    """List the rows of a table; refuse more than an import takes, and do not hold them all to count them."""
    rows: list[list[str]] = []
    filled = 0
    for row in every:
        filled += any(map(str.strip, row))
        if filled <= MOST_ROWS + 10:  # with a header, and a title above it
            rows.append(row)
    above = 1 + sum(any(map(str.strip, row)) for row in rows[: _title_rows(rows)])
    if filled - above > MOST_ROWS:
        raise DataError(
            f"{file} has {filled - above:,} rows; an import takes {MOST_ROWS:,} at most: split the file"
        )
    return rows


def _decoded(raw: bytes, file: str) -> tuple[str, str]:
    """Decode a file, by its mark, as UTF-8, or as what spreadsheets of western Europe write."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return raw.decode("utf-16"), "UTF-16"
        except UnicodeDecodeError:
            expected = "begins as UTF-16 and is none; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
            raise DataError([Fault(file, None, "", "", expected)]) from None
    try:
        text = raw.decode("utf-8-sig")
        name = "UTF-8"
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        name = "Latin-1 (Windows-1252), for it is not UTF-8"
    if "\x00" in text or "\ufffd" in text:
        expected = "holds bytes that no text has; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
        raise DataError([Fault(file, None, "", "", expected)])
    return text, name


def _separator(text: str) -> str:
    """Find the separator: the one that parts the first lines most often and into equally many cells."""
    lines = [line for line in text[:1_000_000].splitlines()[:20] if line.strip()]
    best, most = ",", 1.0
    for separator in _SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=1)
        score = usual * widths.count(usual) / max(len(widths), 1) if usual > 1 else 0.0
        # Among equals the comma stands first; decimal commas part cells unequally.
        if score > most:
            best, most = separator, score
    return best


def _workbook(path: Path, sheet: str | None) -> tuple[list[list[str]], list[str]]:
    from python_calamine import CalamineWorkbook

    file = path.name
    try:
        content(path)  # refuses what is no file or too large
    except OSError as error:
        raise DataError([Fault(file, None, "", "", f"cannot be read: {error.strerror or error}")]) from None
    try:
        _refuse_bomb(path)
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if not names:
            raise DataError([Fault(file, None, "", "", "the workbook has no sheet")])
        if sheet is not None and sheet not in names:
            raise DataError(f"{file} has no sheet '{sheet}'; it has {', '.join(names)}")
        chosen = sheet or names[0]
        found = book.get_sheet_by_name(chosen)
        if found.total_height * found.total_width > MOST_CELLS:
            raise OSError(f"it has {found.total_height:,} rows and {found.total_width:,} columns")
        cells = found.to_python(skip_empty_area=False)
    except DataError:
        raise
    except BaseException as error:
        # What is wrong inside ends in errors of many kinds, also in those of the other language ("panics").
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        words = f"cannot be read as a workbook ({error}); save it again as .xlsx, or as CSV UTF-8"
        raise DataError([Fault(file, None, "", "", words)]) from None
    others = [name for name in names if name != chosen]
    more = f"; not read: {', '.join(others)} (--sheet NAME)" if others else ""
    rows = _bounded(([_cell(value) for value in row] for row in cells), file)
    return rows, [f"sheet '{chosen}'{more}"]


def _refuse_bomb(path: Path) -> None:
    """Refuse a packed workbook that would unpack to more than can be held."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as packed:
        size = sum(part.file_size for part in packed.infolist())
        if size > _MOST_UNPACKED:
            raise OSError(
                f"it unpacks to {size / 1e6:,.0f} MB, and at most {_MOST_UNPACKED / 1e6:,.0f} MB are read"
            )
        for part in packed.infolist():
            if _SHEET.fullmatch(part.filename):
                _refuse_far(packed.read(part))


def _refuse_far(sheet: bytes) -> None:
    """Refuse a sheet with a cell far out, for what lies between would be held, too, or with too many rows."""
    if (count := sheet.count(b"<row")) > _SHEET_ROWS:
        raise OSError(f"a sheet has {count:,} rows; at most {_SHEET_ROWS:,} are read")
    rows = columns = 1
    for letters, digits in set(_CELL.findall(sheet)):
        columns = max(
            columns, sum(26**i * (letter - 64) for i, letter in enumerate(reversed(letters.upper())))
        )
        rows = max(rows, int(digits))
    if rows * columns > MOST_CELLS:
        raise OSError(
            f"a cell stands in column {columns:,} of row {rows:,}; remove what lies outside the table"
        )
    repeated = 0
    for row in sheet.split(b"<table:table-row")[
        1:
    ]:  # of .ods; empty cells are repeated to the end of the sheet
        held = [
            cell for cell in row.split(b"<table:table-cell")[1:] if b"office:value" in cell.partition(b">")[0]
        ]
        wide = sum(_times(cell.partition(b">")[0]) for cell in held)
        repeated += wide * _times(row.partition(b">")[0])
    if repeated > MOST_CELLS:
        raise OSError(f"it repeats cells {repeated:,} times; at most {MOST_CELLS:,} cells are read")


def _times(tag: bytes) -> int:
    """Give how often a row or cell of .ods stands there."""
    found = _REPEATED.search(tag)
    return int(found.group(1)) if found else 1


def _cell(value: Any) -> str:
    """Write a cell of a workbook as text: whole numbers without a point, dates in ISO form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    return "" if value is None else str(value)


def _title_rows(rows: list[list[str]]) -> int:
    """Count rows of a title: those with at most one cell filled above one with three or more."""
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows[:6]]
    first = next((number for number, count in enumerate(filled) if count > 1), 0)
    return first if first and filled[first] > 2 and any(filled[:first]) else 0
