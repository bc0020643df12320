"""Read a data set as metafor uses it: one study a row, with yi and vi, or the numbers that escalc takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from evidence.errors import DataError, Fault, closest
from evidence.measures import REVIEW_MEASURES
from evidence.tables.importing.collected import Collected, Comparison, Entry, Numbers, Study
from evidence.tables.importing.revman_csv import rows_of
from evidence.tables.schema import TABLES

__all__ = ["SHAPES", "collect_effects"]

# Sets of columns, by what they are; the first that is whole is taken.
SHAPES: dict[tuple[str, ...], str] = {
    ("yi", "vi"): "estimates",
    ("yi", "sei"): "estimates",
    ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"): "means",
    ("ai", "bi", "ci", "di"): "counts",
    ("ai", "n1i", "ci", "n2i"): "counts",
}
_MEASURES = {
    "estimates": REVIEW_MEASURES,
    "means": ("MD", "SMD"),
    "counts": ("RR", "OR", "RD"),
}
_LABELS = ("slab", "author", "authors", "study", "trial", "label", "name", "source")
_WHOLE = {"ai", "bi", "ci", "di", "n1i", "n2i"}


def collect_effects(
    path: Path,
    *,
    measure: str | None,
    columns: Mapping[str, str],
    names: tuple[str, str],
    outcome: str,
    better: str,
) -> Collected:
    """Collect the studies of a data set in the form of metafor.

    Parameters
    ----------
    path : Path
        CSV with a header.
    measure : str or None
        Measure; by default MD for means and RR for counts.
    columns : mapping of str to str
        Name of the column in the file for a name of metafor, or for ``study`` and ``year``, where it is another.
    names : tuple of str
        The intervention and the comparator.
    outcome : str
    better : {"lower", "higher"}

    Returns
    -------
    Collected

    Raises
    ------
    DataError
        If columns are missing or values are wrong; every fault is named with its row and column.
    """
    rows = rows_of(path)
    names_of = _renamed([*rows[0][1]] if rows else [], columns, path.name)
    header = set(names_of.values())
    shape, kind = _shape(header, path.name)
    measure = measure or {"means": "MD", "counts": "RR"}.get(kind)
    if measure is None:
        raise DataError(
            f"{path.name} has yi, but does not say of which measure; name it with measure= (--measure): "
            "MD, SMD, RR, OR, RD or HR, ratios as logs"
        )
    if measure not in _MEASURES[kind]:
        raise DataError(f"measure is '{measure}'; {kind} in {path.name} allow {', '.join(_MEASURES[kind])}")
    label_column = _label_column(rows, names_of)
    used = {*shape, "n1i", "n2i", "year", "sei", "vi", label_column}
    known = {column.name for column in TABLES[0].columns}
    kept = {}
    for name in names_of.values():
        # A column may not bear the name of one that the table of trials has anyway.
        column = re.sub(r"\W+", "_", name).strip("_")
        if name not in used and column:
            kept[f"{column}_in_file" if column in known else column] = name
    collected = Collected(path.name, path.stem.replace("_", " "), "metafor")
    one = Comparison("1", f"{names[0]} v {names[1]}", outcome, measure, *names, better=better, place=kind)
    numbers = Numbers(path.name)
    for row, given in rows:
        texts = {name: given[heading] for heading, name in names_of.items()}
        key, year = str(row), texts.get("year", "")
        year = year if re.fullmatch(r"(19|20)\d\d", year) else ""
        label = _label(texts.get(label_column, ""), year, row)
        extra = {column: texts[name] for column, name in kept.items()}
        collected.studies[key] = Study(label, year, extra=extra)
        values = _values(texts, shape, kind, row, numbers)
        if values:
            printed = ", ".join(f"{name} {texts[name]}" for name in shape)
            one.entries.append(Entry(key, values, f"row {row}", printed))
    numbers.done()
    left = len(rows) - len(one.entries)
    if left:
        collected.left_out.append(f"results of {left} rows in which a number is missing")
    collected.comparisons.append(one)
    return collected


def _renamed(header: list[str], columns: Mapping[str, str], file: str) -> dict[str, str]:
    """Give each heading of the file the name that it has for metafor; headings without a name are left out."""
    allowed = {name for shape in SHAPES for name in shape} | {"study", "year"}
    for name, given in columns.items():
        if name not in allowed:
            raise DataError(f"there is no column '{name}' to be named; use {', '.join(sorted(allowed))}")
        if given not in header:
            close = closest(given, header)
            hint = f"; did you mean '{close}'?" if close else f"; it has {', '.join(filter(None, header))}"
            raise DataError([Fault(file, 1, given, "", f"the file has no such column{hint}")])
    # A label that was named goes before all others; a heading that is a wanted name by chance gives way.
    named = {given: "slab" if name == "study" else name for name, given in columns.items()}
    free = {name: name for name in header if name and name not in {*named, *named.values()}}
    return named | free


def _shape(header: set[str], file: str) -> tuple[tuple[str, ...], str]:
    for shape, kind in SHAPES.items():
        if set(shape) <= header:
            return shape, kind
    nearest = max(SHAPES, key=lambda shape: len(set(shape) & header) / len(shape))
    missing = next(name for name in nearest if name not in header)
    sets = "; ".join(" ".join(shape) for shape in SHAPES)
    expected = (
        f"the column is missing; the file has {', '.join(sorted(header))}. Needed is one of: {sets}. "
        f"Name a column that is headed otherwise with columns= (--column {missing}=HEADING)"
    )
    raise DataError([Fault(file, 1, missing, "", expected)])


def _label_column(rows: list[tuple[int, dict[str, str]]], names_of: Mapping[str, str]) -> str:
    """Find the column that names the studies: the first in the list of names with words in it, else with numbers."""
    headings = {name: heading for heading, name in names_of.items()}
    present = [name for name in _LABELS if name in headings]
    worded = (name for name in present if not all(given[headings[name]].isdigit() for _, given in rows))
    return next(worded, present[0] if present else "")


def _label(text: str, year: str, row: int) -> str:
    """Give the label of a study; a bare number becomes "Study 3", an author gets the year."""
    if not text or text == "NA":
        return f"Row {row}"
    if re.fullmatch(r"\d+", text):
        return f"Study {text}"
    return f"{text} {year}" if year and year not in text else text


def _values(
    texts: dict[str, str], shape: tuple[str, ...], kind: str, row: int, numbers: Numbers
) -> dict[str, str] | None:
    """Read the numbers of one row; None if one is missing or wrong."""
    low = dict.fromkeys((*_WHOLE, "sd1i", "sd2i", "vi", "sei"), 0.0)
    before = len(numbers.faults)
    read = {
        name: numbers.read(
            texts[name],
            row,
            name,
            whole=name in _WHOLE,
            low=low.get(name, -math.inf),
            above=name in ("vi", "sei"),
        )
        for name in (*shape, *(name for name in ("n1i", "n2i") if name in texts and name not in shape))
    }
    if len(numbers.faults) > before or not all(read[name] for name in shape):
        return None
    if kind == "estimates":
        se = read["sei"] if "sei" in read else repr(math.sqrt(float(read["vi"])))
        values = {"estimate": read["yi"], "se": se}
        return values | {"total_1": read.get("n1i", ""), "total_2": read.get("n2i", "")}
    if kind == "means":
        names = {"m": "mean", "sd": "sd", "n": "total"}
        return {f"{name}_{arm}": read[f"{short}{arm}i"] for short, name in names.items() for arm in "12"}
    if "bi" in read:
        read |= {"n1i": str(int(read["ai"]) + int(read["bi"])), "n2i": str(int(read["ci"]) + int(read["di"]))}
    return {"events_1": read["ai"], "total_1": read["n1i"], "events_2": read["ci"], "total_2": read["n2i"]}
