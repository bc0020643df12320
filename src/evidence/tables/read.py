"""Read one CSV file into text cells, with a sentence for every way in which a file can be unreadable."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from evidence.errors import Fault
from evidence.files import content, unguarded

__all__ = ["frame_of", "read_cells", "too_large"]

_DELIMITERS = {";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
MOST_COLUMNS = 2_000
MOST_CELLS = 5_000_000
TEXT = pd.StringDtype("python", na_value=float("nan"))
"""The type of texts: tables of some thousand rows are cut far faster so than in the form of pyarrow."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_cells(path: Path, file: str) -> tuple[pd.DataFrame, list[Fault]]:
    """Read a CSV file as text.

    Parameters
    ----------
    path : Path
        The file.
    file : str
        Its name for messages.

    Returns
    -------
    cells : DataFrame
        All cells as str, empty cells as "", indexed by the row number that a spreadsheet shows. Empty when
        the file could not be read.
    faults : list of Fault
        Why it could not be read, or which rows are broken.
    """
    try:
        raw = content(path)
    except OSError as error:
        return pd.DataFrame(), [Fault(file, None, "", "", f"cannot be read: {error.strerror or error}")]
    text, faults = _decode(raw, file)
    if faults:
        return pd.DataFrame(), faults
    if not text.strip():
        return pd.DataFrame(), [Fault(file, None, "", "", "the file is empty; it needs a header row")]
    if words := too_large(text, ","):
        return pd.DataFrame(), [Fault(file, None, "", "", words)]
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        return pd.DataFrame(), [
            Fault(file, None, "", "", f"is not well-formed CSV ({error}); check its quotes")
        ]
    cells, faults = frame_of(rows, file)
    unnamed = cells.columns == ""
    held = cells.loc[:, unnamed]
    filled = held.index[(held != "").any(axis=1)]
    if len(filled):
        value = next(str(cell) for cell in held.loc[filled[0]] if cell)
        expected = "stands in a column without a heading; name the column or remove it"
        faults.append(Fault(file, int(filled[0]), "", value, expected))
    return cells.loc[:, ~unnamed], faults


def too_large(text: str, separator: str) -> str:
    """Say that a table has more cells than can be held; "" if it has not."""
    cells = text.count(separator) + text.count("\n")
    return f"it has some {cells:,} cells; at most {MOST_CELLS:,} are read" if cells > MOST_CELLS else ""


def _decode(raw: bytes, file: str) -> tuple[str, list[Fault]]:
    if raw.startswith(_UTF16_MARKS):
        return "", [Fault(file, None, "", "", "is UTF-16; save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')")]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        place = f"byte 0x{raw[error.start]:02X} on line {line} is not UTF-8"
        return "", [
            Fault(file, None, "", "", f"{place}; save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')")
        ]
    if "\x00" in text:
        return "", [
            Fault(file, None, "", "", "holds null bytes and is not a text file; save it as CSV UTF-8")
        ]
    return text, []


def frame_of(rows: list[list[str]], file: str, *, first: int = 2) -> tuple[pd.DataFrame, list[Fault]]:
    """Make a table of the cells of rows, of which the first is the header.

    Parameters
    ----------
    rows : list of list of str
    file : str
        Name of the file for messages.
    first : int
        Row of the file in which the first row below the header stands.

    Returns
    -------
    cells : DataFrame
    faults : list of Fault
        As in `read_cells`.
    """
    header_row = first - 1
    header = [unguarded(name.strip()) for name in rows[0]]
    if len(header) > MOST_COLUMNS:
        expected = f"the header names {len(header):,} columns; a table has at most {MOST_COLUMNS:,}"
        return pd.DataFrame(), [Fault(file, header_row, "", "", expected)]
    if not any(header):
        return pd.DataFrame(), [
            Fault(file, header_row, "", "", "the first row is empty; it must name the columns")
        ]
    if len(header) == 1:
        for delimiter, name in _DELIMITERS.items():
            if delimiter in header[0]:
                expected = f"columns are separated by {name}; save the file with commas between columns"
                return pd.DataFrame(), [Fault(file, header_row, "", "", expected)]
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        return pd.DataFrame(), [
            Fault(file, header_row, name, "", "the header names this column twice") for name in twice
        ]
    if len(rows) > 1 and sum(map(bool, header)) == 1 and sum(bool(cell.strip()) for cell in rows[1]) > 2:
        expected = "a title stands above the header; remove it, so that the first row names the columns"
        return pd.DataFrame(), [Fault(file, header_row, "", header[0], expected)]
    faults: list[Fault] = []
    numbers, kept = [], []
    for number, cells in enumerate(rows[1:], start=first):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            expected = (
                f"the row has {len(cells)} cells and the header {len(header)}; "
                "a text that holds a comma needs quotes around it"
            )
            faults.append(Fault(file, number, "", "", expected))
            continue
        numbers.append(number)
        kept.append([unguarded(cell.strip()) for cell in cells])
    frame = pd.DataFrame(kept, columns=pd.Index(header), index=pd.Index(numbers, name="row"), dtype=TEXT)
    return frame, faults
