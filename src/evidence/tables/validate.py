"""Check text cells against the schema of their table and turn them into typed columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
import pandera.pandas as pa

from evidence.errors import Fault, closest
from evidence.measures import measure_of
from evidence.tables.schema import MOST_PEOPLE, Column, Table, doubt

__all__ = ["check_cells", "check_references", "typed"]


def check_cells(cells: pd.DataFrame, table: Table, file: str) -> list[Fault]:
    """Check the cells of one table on their own: columns, vocabularies, numbers and their ranges, keys.

    Parameters
    ----------
    cells : DataFrame of str
        Cells as read, indexed by spreadsheet row.
    table : Table
        What the table should hold.
    file : str
        Name of the file for messages.

    Returns
    -------
    list of Fault
        Every fault, in order of row.
    """
    present = [column for column in table.columns if column.name in cells]
    faults = [
        fault
        for column in table.columns
        if column not in present
        for fault in _missing_column(column, cells, table, file)
    ]
    if cells.empty:
        return faults
    numbers = _numbers(cells, present)
    schema = pa.DataFrameSchema(
        {column.name: _pandera_column(column, numbers.get(column.name)) for column in present}
    )
    try:
        schema.validate(cells, lazy=True)
    except pa.errors.SchemaErrors as error:
        faults += [
            Fault(file, int(case["index"]), column, value, _remedy(column, value, str(case["check"])))
            for case in error.failure_cases.to_dict("records")
            for column, value in [(str(case["column"]), str(case["failure_case"]))]
        ]
    if table.key and set(table.key) <= set(cells):
        faults.extend(_repeated_keys(cells, table, file))
    known = {(fault.row, fault.column) for fault in faults}
    together = _row_faults(numbers, cells, table, file)
    faults.extend(fault for fault in together if (fault.row, fault.column) not in known)
    return sorted(faults, key=lambda fault: (fault.row or 0, fault.column))


def _remedy(column: str, value: str, expected: str) -> str:
    """Say what to do about a cell; a bound of a P value has a column of its own for its sign."""
    if column == "p_value" and (bound := re.fullmatch(r"\s*([<>])\s*(0?[.,]\d+)", value)):
        number = bound.group(2).replace(",", ".")
        number = number if number.startswith("0") else f"0{number}"
        return f"write {number} in p_value and {bound.group(1)} in p_operator"
    return expected


def typed(cells: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Turn checked cells into columns of their kind.

    Parameters
    ----------
    cells : DataFrame of str
        Cells without faults.
    table : Table
        What the table holds.

    Returns
    -------
    DataFrame
        Numbers as float64 with NaN for empty cells, years as nullable integers, text with "" for empty cells.
        A confidence level given as a fraction becomes a percentage.
    """
    absent = [column for column in table.columns if column.optional and column.name not in cells]
    frame = cells.assign(**{column.name: "" for column in absent})
    numbers = _numbers(frame, table.columns)
    for name in numbers:
        frame[name] = numbers[name].astype("Int64") if name == "year" else numbers[name]
    if "ci_level" in numbers:
        frame["ci_level"] = frame["ci_level"].where(~(frame["ci_level"] <= 1), frame["ci_level"] * 100)
    return frame


def check_references(tables: dict[str, pd.DataFrame], specs: tuple[Table, ...]) -> list[Fault]:
    """Check that every key that a table uses exists in the table that it refers to.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Typed or text tables by name. A table that could not be read is left out, and so is every check that
        needs it or a column that it lacks.
    specs : tuple of Table
        Their descriptions.

    Returns
    -------
    list of Fault
        One for each cell that points nowhere.
    """
    keys = {table.name: table.key for table in specs}
    faults: list[Fault] = []
    for table in specs:
        for columns, target in table.references:
            frame, other = tables.get(table.name), tables.get(target)
            if frame is None or other is None:
                continue
            if set(columns) <= set(frame) and set(keys[target]) <= set(other):
                known = set(other[list(keys[target])].itertuples(index=False, name=None))
                faults.extend(_dangling(frame, table.file, columns, target, known))
    return faults


def _dangling(
    frame: pd.DataFrame, file: str, columns: tuple[str, ...], target: str, known: set[tuple[str, ...]]
) -> Iterator[Fault]:
    """Find the keys that are not in another table; of two columns the one is blamed that no key fits."""
    firsts = {key[0] for key in known}
    for row, values in zip(frame.index, frame[list(columns)].itertuples(index=False, name=None), strict=True):
        if not any(values) or values in known:
            continue
        place = 0 if values[0] not in firsts else len(columns) - 1
        candidates = firsts if place == 0 else {key[-1] for key in known if key[0] == values[0]}
        close = closest(values[place], candidates)
        hint = f" (did you mean '{close}'?)" if close else ""
        expected = f"{'/'.join(values)} is not in {target}.csv{hint}; add it there or correct it here"
        yield Fault(file, int(row), columns[place], values[place], expected)


def _missing_column(column: Column, cells: pd.DataFrame, table: Table, file: str) -> Iterator[Fault]:
    """Miss a column; an optional one only where another seems to be meant for it."""
    extra = [str(name) for name in cells.columns if name not in {known.name for known in table.columns}]
    close = closest(column.name, extra)
    if column.optional and not close:
        return
    filled = " and fill in every cell" if column.required else ", its cells may be empty"
    hint = f"is it the column headed '{close}'?" if close else f"add it to the header{filled}"
    yield Fault(file, 1, column.name, "", f"the column is missing; {hint}")


def _pandera_column(column: Column, numbers: pd.Series | None) -> pa.Column:
    """Describe a column of text cells and the numbers they are read as; a check says what the user is to do."""
    checks = []
    if column.required:
        checks.append(pa.Check(lambda cells: cells != "", error="may not be empty"))
    if numbers is not None:
        whole = (numbers % 1 == 0) if column.kind == "integer" else numbers.notna()
        word = (
            "a whole number such as 2"
            if column.kind == "integer"
            else "a number with a decimal point such as 2.5"
        )
        checks.append(
            pa.Check(lambda cells: (cells == "") | whole, error=f"expected {word}, or an empty cell")
        )
        if (low := column.minimum) is not None:
            checks.append(
                pa.Check(lambda _: ~(numbers < low), error=f"must be {_range(column, low, 'more')}")
            )
        if (high := column.maximum) is not None:
            checks.append(
                pa.Check(lambda _: ~(numbers > high), error=f"must be {_range(column, high, 'less')}")
            )
    if column.choices:
        allowed = column.choices if column.required else ("", *column.choices)
        checks.append(
            pa.Check(
                lambda cells, allowed=allowed: cells.isin(allowed),
                error=f"use one of {', '.join(column.choices)}",
            )
        )
    return pa.Column(checks=checks, nullable=False)


def _range(column: Column, bound: float, side: str) -> str:
    """Say between which bounds a number must be, or, if it has one or is a count, on which side of one."""
    both = column.minimum is not None and column.maximum is not None and column.maximum < MOST_PEOPLE
    return f"between {column.minimum:g} and {column.maximum:g}" if both else f"{bound:,.15g} or {side}"


def _numbers(cells: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """Read the columns of numbers as float64; what is no finite number becomes NaN."""
    names = [column.name for column in columns if column.kind != "text"]
    read = {name: pd.to_numeric(cells[name].to_numpy(dtype=object), errors="coerce") for name in names}
    numbers = pd.DataFrame(read, index=cells.index, dtype=np.float64)
    return numbers.where(np.isfinite(numbers))


def _repeated_keys(cells: pd.DataFrame, table: Table, file: str) -> Iterator[Fault]:
    first: dict[tuple[str, ...], int] = {}
    for row, key in zip(cells.index, cells[list(table.key)].itertuples(index=False, name=None), strict=True):
        if key in first:
            expected = (
                f"this key already stands in row {first[key]}; give each row its own {', '.join(table.key)}"
            )
            yield Fault(file, int(row), table.key[-1], "/".join(key), expected)
        else:
            first[key] = int(row)


def _row_faults(numbers: pd.DataFrame, cells: pd.DataFrame, table: Table, file: str) -> Iterator[Fault]:
    """Find numbers of one row that cannot stand together.

    Printed values that contradict each other may stand in a table kept as printed and in rows marked ``CHECK:``;
    bounds, quartiles and counts that are in the wrong order are mistakes of entry everywhere.
    """
    columns = set(numbers.columns)
    marked = pd.Series(table.as_printed, index=cells.index)
    if any(column.name == "note" for column in table.columns):
        # Without its notes a table may hold any contradiction.
        marked |= cells["note"].map(doubt).astype(bool) if "note" in cells else True
    if {"ci_low", "ci_high"} <= columns:
        low, high = numbers["ci_low"], numbers["ci_high"]
        swapped = low > high
        yield from _flag(
            swapped, "ci_low", cells, file, "is above ci_high; write the smaller bound in ci_low"
        )
        half = low.isna() != high.isna()
        yield from _flag(half, "ci_low", cells, file, "an interval needs both bounds; fill in or empty both")
        for name in ("estimate", "mean"):
            if name in columns:
                outside = ~marked & ~swapped & ((numbers[name] < low) | (numbers[name] > high))
                expected = (
                    "lies outside its confidence interval; correct it, or, if it is printed so, "
                    "begin the note of the row with CHECK:"
                )
                yield from _flag(outside, name, cells, file, expected)
    if {"q1", "median", "q3"} <= columns:
        wrong = (numbers["q1"] > numbers["median"]) | (numbers["median"] > numbers["q3"])
        wrong |= numbers["q1"] > numbers["q3"]
        yield from _flag(wrong, "median", cells, file, "quartiles must rise: q1, median, q3")
    if {"n", "events"} <= columns:
        wrong = numbers["events"] > numbers["n"]
        if "person_time" in columns:  # events over time may come more than once
            wrong &= numbers["person_time"].isna()
        yield from _flag(wrong, "events", cells, file, "there cannot be more events than participants (n)")
    if {"scale_min", "scale_max"} <= columns:
        wrong = numbers["scale_min"] >= numbers["scale_max"]
        yield from _flag(wrong, "scale_min", cells, file, "must be below scale_max")
    if "measure" in cells and {"estimate", "ci_low"} <= columns:
        ratio = cells["measure"].map(lambda code: measure_of(code).ratio).astype(bool)
        wrong = ratio & (numbers[["estimate", "ci_low"]].min(axis=1) <= 0)
        yield from _flag(wrong, "estimate", cells, file, "a ratio and its interval must be above 0")
    if "p_value" in columns and "p_operator" in cells:
        wrong = numbers["p_value"].notna() & (cells["p_operator"] == "")
        yield from _flag(
            wrong, "p_operator", cells, file, "say whether the P value is exact (=) or a bound (< or >)"
        )
    if "source_url" in cells:
        wrong = (cells["source_url"] != "") & ~cells["source_url"].str.match(r"https?://\S+$")
        yield from _flag(
            wrong, "source_url", cells, file, "must be an address that begins with http:// or https://"
        )
    if {"arm_id", "comparator_arm_id"} <= set(cells.columns):
        wrong = (cells["arm_id"] == cells["comparator_arm_id"]) & (cells["arm_id"] != "")
        yield from _flag(wrong, "comparator_arm_id", cells, file, "an arm cannot be its own comparator")


def _flag(wrong: pd.Series, column: str, cells: pd.DataFrame, file: str, expected: str) -> Iterator[Fault]:
    for row in wrong.index[wrong.to_numpy(dtype=bool)]:
        yield Fault(file, int(row), column, str(cells.loc[row, column]), expected)
