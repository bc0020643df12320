"""A data frame as an HTML table: every text escaped, numbers aligned, links that can be followed."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evidence.wording import capital, column_words, number

__all__ = ["table_html"]

LONG = 60
"""Letters above which a text gets a wide column."""
ADDRESS = 40
"""Letters above which an address is shown by the name of its site alone."""


def table_html(table: pd.DataFrame, decimals: int | Mapping[str, int] = 2, caption: str = "") -> str:
    """Return a table element.

    Parameters
    ----------
    table : DataFrame
        The rows; the index is not shown.
    decimals : int or mapping from column name to int, default 2
        Decimal places of floating-point numbers; a column that the mapping leaves out has 2.
    caption : str
        Plain text that stands in the table as its caption; none by default.

    Returns
    -------
    str
        HTML in which every text from the frame is escaped. Missing values are empty cells. The first column names the
        rows if it is text and no two rows have the same. Names of columns become headings: "ci_low" is "CI low".
    """
    columns: list[Any] = list(table.columns)
    names = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name) for name in columns]
    numbers = "integer", "floating", "mixed-integer-float"
    numeric = [
        pd.api.types.infer_dtype(table.iloc[:, i], skipna=False) in numbers for i in range(len(columns))
    ]
    places = [decimals if isinstance(decimals, int) else decimals.get(name, 2) for name in names]
    head = "".join(
        f'<th scope="col"{_look(is_number)}>{html.escape(_heading(n))}</th>'
        for n, is_number in zip(names, numeric, strict=True)
    )
    counts = ["year" not in name.lower() for name in names]  # 1,095 trials, but the year 1995
    looks = list(zip(numeric, places, counts, strict=True))
    rows = [
        [_cell(value, *column) for value, column in zip(row, looks, strict=True)]
        for row in table.itertuples(index=False, name=None)
    ]
    first = list(table.iloc[:, 0]) if len(columns) > 1 else []
    if first and all(isinstance(value, str) for value in first) and len(set(first)) == len(first):
        for row in rows:
            row[0] = re.sub(r"^<td(.*)</td>$", r'<th scope="row"\1</th>', row[0], flags=re.S)
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    title = f"<caption><span>{html.escape(caption)}</span></caption>" if caption else ""
    return f"<table>{title}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _heading(name: str) -> str:
    """Write the name of a column as words; signs of one letter, such as k, stay small."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*,?", name.partition(" ")[0]):
        return name
    words = column_words(name)
    return capital(words) if re.match("[a-z]{2}", words) else words


def _cell(value: Any, is_number: bool, places: int, grouped: bool) -> str:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return f"<td{_look(is_number)}></td>"
    if pd.api.types.is_bool(value):
        return f"<td>{'yes' if value else 'no'}</td>"
    if is_number or isinstance(value, float):
        shown = number(value, places if isinstance(value, float) else 0)
        return f"<td{_look(is_number)}>{shown if grouped else shown.replace(',', '')}</td>"
    text = html.escape(str(value))
    if re.fullmatch(r"https?://[^\s<>\"]+", str(value)):
        site = re.sub(r"^https?://(?:www\.)?([^/?#]+).*", r"\1", text) if len(text) > ADDRESS else text
        return f'<td><a href="{text}">{site}</a></td>'
    return f'<td class="long">{text}</td>' if len(str(value)) > LONG else f"<td>{text}</td>"


def _look(is_number: bool) -> str:
    return ' class="number"' if is_number else ""
