"""Data frames on the terminal: as a table to read, or as CSV or JSON for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from evidence.files import plain_rows, write_csv

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Format", "print_frame"]


class Format(StrEnum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"


def print_frame(
    frame: pd.DataFrame,
    form: Format,
    *,
    columns: Mapping[str, str] | None = None,
    decimals: Mapping[str, int] | None = None,
) -> None:
    """Print a data frame on standard output.

    Parameters
    ----------
    frame : DataFrame
        The rows; the index is not printed.
    form : Format
        CSV and JSON hold all columns and all digits; a missing value is empty or null.
    columns : mapping from column name to heading, optional
        Columns of the table to read, where present; all by default.
    decimals : mapping from column name to int, optional
        Decimal places of floating-point numbers in the table to read; 2 by default.
    """
    if form is Format.csv:
        write_csv(frame, sys.stdout)
    elif form is Format.json:
        print(json.dumps(plain_rows(frame), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        names = columns or {str(name): str(name) for name in frame}
        headings = {name: heading for name, heading in names.items() if name in frame}
        _print_table(frame[list(headings)], headings, decimals or {})


def _print_table(frame: pd.DataFrame, headings: Mapping[str, str], decimals: Mapping[str, int]) -> None:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, kind in frame.dtypes.items():
        is_number = pd.api.types.is_numeric_dtype(kind)
        table.add_column(
            headings[str(name)], justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    for row in frame.itertuples(index=False, name=None):
        # Text objects, so that brackets in data are not taken for markup.
        table.add_row(*(Text(_cell(v, decimals.get(str(n), 2))) for n, v in zip(frame, row, strict=True)))
    # A pipe has no width: there nothing is folded.
    Console(width=None if sys.stdout.isatty() else 10_000).print(table)


def _cell(value: Any, places: int) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.{places}f}" if isinstance(value, float) else str(value)
