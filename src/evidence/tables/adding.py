"""Rows that are added to the tables of a review: completed, checked as they are typed, and written all at once."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import DataError, Fault, closest
from evidence.files import guarded, replace_together
from evidence.measures import measure_of
from evidence.tables.read import read_cells
from evidence.tables.review import Review, read_review, tables_of
from evidence.tables.schema import Column, Table
from evidence.tables.validate import check_cells
from evidence.wording import capital, counted, slug

__all__ = [
    "ADDED_TABLES",
    "AddedRows",
    "Rows",
    "added_rows",
    "answer_faults",
    "as_new",
    "columns_of",
    "complete",
]

Rows = dict[str, list[dict[str, str]]]

ADDED_TABLES = ("instruments", "trials", "arms", "arm_results", "contrast_results", "risk_of_bias")
"""What belongs to a trial, in the order in which each row may refer to one above it."""
_RESULTS = ("arm_results", "contrast_results")


@dataclass(frozen=True, eq=False)
class AddedRows:
    """Rows that would be added to a review, and the review with them.

    Attributes
    ----------
    folder : Path
    rows : dict of str to list of dict
        The rows that are not there yet, by table.
    review : Review
        The review with them: checked as `read_review` does.
    numbers : dict of str to list of int
        Rows of each file that they would take, as a spreadsheet counts.
    """

    folder: Path
    rows: Rows
    review: Review
    numbers: dict[str, list[int]]
    _before: dict[str, bytes | None]
    _after: dict[str, bytes]

    def write(self) -> Review:
        """Write the rows, all or none, and read the review.

        Raises
        ------
        DataError
            If a table was changed since it was read; nothing is written then.
        ReportError
            If the disk is full.
        """
        replace_together(self.folder, self._after, self._before)
        return replace(self.review, path=self.folder)

    def words(self) -> str:
        """Count the rows by file."""
        sizes = [f"{counted(len(rows), 'row')} in {name}.csv" for name, rows in self.rows.items() if rows]
        return ", ".join(sizes) or "nothing that is not there already"


def columns_of(review: Review, table: str) -> tuple[Column, ...]:
    """Give the columns of a table of a review, with those that its protocol adds."""
    return _spec(review, table).columns


def _spec(review: Review, table: str) -> Table:
    return next(spec for spec in tables_of(review.protocol) if spec.name == table)


def complete(review: Review, rows: Mapping[str, Sequence[Mapping[str, str]]]) -> Rows:
    """Fill in what follows from the rest: ids, labels of arms, the kind of a value and of a row.

    Parameters
    ----------
    review : Review
    rows : mapping of str to sequence of mapping
        Cells by column, by table; ``trials`` has one row. Empty cells count as not given.

    Raises
    ------
    DataError
        If a table or a column is unknown, or it is not one trial.
    """
    made: Rows = {name: [] for name in ADDED_TABLES}
    for name, given in rows.items():
        if name not in made:
            raise DataError(f"rows of a trial stand in {', '.join(ADDED_TABLES)}, not in '{name}'")
        known = [column.name for column in columns_of(review, name)]
        for row in given:
            for column in row:
                if column not in known:
                    near = closest(column, known)
                    hint = f"did you mean {near}? " if near else ""
                    raise DataError(f"{name}.csv has no column '{column}'; {hint}it has {', '.join(known)}")
            made[name].append(
                {column: str(text).strip() for column, text in row.items() if str(text).strip()}
            )
    if len(made["trials"]) != 1:
        raise DataError(f"give one row for trials, not {len(made['trials'])}")
    (trial,) = made["trials"]
    trial.setdefault("trial_id", slug(trial.get("label", ""), "-"))
    if (year := re.search(r"\b(19|20)\d\d\b", trial.get("label", ""))) and "year" not in trial:
        trial["year"] = year[0]
    for name in ("arms", *_RESULTS, "risk_of_bias"):
        for row in made[name]:
            if row.setdefault("trial_id", trial["trial_id"]) != trial["trial_id"]:
                raise DataError(
                    f"{name}.csv: a row is of the trial '{row['trial_id']}'; add one trial at a time"
                )
    for arm in made["arms"]:
        arm.setdefault("kind", "randomised")
        arm.setdefault("arm_id", slug(arm.get("components", ""), "-"))
        arm.setdefault("label", capital(arm.get("components", "").replace("_", " ").replace("+", " and ")))
    taken: set[str] = set()
    for name in _RESULTS:
        for row in made[name]:
            outcome = review.protocol.outcomes.get(row.get("outcome", ""))
            if name == "contrast_results" and outcome and set(row) & {"estimate", "p_value"}:
                row.setdefault("measure", outcome.measure)
            counts = (
                "events" in row or measure_of(row["measure"]).counted
                if row.get("measure")
                else "events" in row
            )
            row.setdefault("statistic", "count" if counts else "post")
            if "ci_low" in row and name == "contrast_results":
                row.setdefault("ci_level", "95")
            if "p_value" in row:
                row.setdefault("p_operator", "=")
            if row.get("readers"):
                row.setdefault("status", "single")
            parts = [row.get(key, "") for key in ("trial_id", "arm_id", "comparator_arm_id", "outcome")]
            wanted = slug(" ".join([*parts, row.get("timepoint_weeks", "")]), "-", 120)
            number, name_of = 1, row.get("result_id") or wanted
            while name_of in taken:
                number += 1
                name_of = f"{wanted}-{number}"
            taken.add(name_of)
            row["result_id"] = name_of
    return made


def answer_faults(
    review: Review, table: str, column: str, text: str, row: Mapping[str, str], new: Rows | None = None
) -> list[str]:
    """Say what is wrong with one cell, given those of its row so far.

    Parameters
    ----------
    review : Review
    table, column : str
    text : str
        What was typed; empty for an empty cell.
    row : mapping of str to str
        The cells before it.
    new : mapping of str to list of dict, optional
        Rows to be added with it, whose ids count as known.

    Returns
    -------
    list of str
        What is expected instead; empty if the cell can stand.
    """
    spec = _spec(review, table)
    before = _faults(spec, row)
    cells = {**row, column: text}
    said = [fault.expected for fault in _faults(spec, cells) if fault not in before]
    rows = new or {}
    protocol = review.protocol
    if column == "components" and text:
        known = protocol.components.all
        said += [
            f"'{part}' is no component of review.yaml; use {', '.join(known)}"
            for part in text.split("+")
            if part not in known
        ]
    keys: dict[str, set[str]] = {
        "outcome": {*protocol.outcomes, *review.instruments["construct"]},
        "instrument": {*review.instruments["instrument"], *_values(rows, "instruments", "instrument")},
        "arm_id": _values(rows, "arms", "arm_id"),
        "comparator_arm_id": _values(rows, "arms", "arm_id"),
    }
    if column in keys and table in _RESULTS and text and text not in keys[column]:
        near = closest(text, keys[column])
        hint = f"did you mean '{near}'? " if near else ""
        said.append(f"there is no such {column}; {hint}use one of {', '.join(sorted(keys[column]))}")
    if spec.key == (column,) and text in {*getattr(review, table)[column]}:
        said.append(f"{table}.csv has '{text}' already; give another")
    if table == "arms" and column == "arm_id" and text in _values(rows, "arms", "arm_id"):
        said.append(f"the trial has an arm '{text}' already; give another")
    if column in ("mean", "median", "q1", "q3") and not said:
        said += _off_the_scale(review, text, row, rows)
    if column == "n" and table == "arm_results" and not said:
        said += _more_than_randomised(text, row.get("arm_id", ""), rows)
    if column in ("n_arm", "n_comparator") and not said:
        said += _more_than_randomised(
            text, row.get("arm_id" if column == "n_arm" else "comparator_arm_id", ""), rows
        )
    return said


def _off_the_scale(review: Review, text: str, row: Mapping[str, str], rows: Rows) -> list[str]:
    """Say that a score cannot be on the scale of its instrument; a change may be anything."""
    if not text or row.get("statistic") == "change":
        return []
    name = row.get("instrument", "")
    known: list[Any] = [one for one in rows.get("instruments", ()) if one.get("instrument") == name]
    table = review.instruments
    known += table[table["instrument"] == name].astype("str").to_dict("records")
    for one in known:
        low, high = (_number(one.get(bound, "")) for bound in ("scale_min", "scale_max"))
        if float(text) < low or float(text) > high:
            return [f"{name} goes from {low:g} to {high:g}"]
    return []


def _number(text: str) -> float:
    """Read a bound; NaN, which nothing is beyond, where there is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _more_than_randomised(text: str, arm: str, rows: Rows) -> list[str]:
    there = next((row for row in rows.get("arms", ()) if row.get("arm_id") == arm), {})
    if text and there.get("n_randomised") and float(text) > float(there["n_randomised"]):
        return [f"only {there['n_randomised']} were randomised to this arm"]
    return []


def _values(rows: Rows, table: str, column: str) -> set[str]:
    return {row[column] for row in rows.get(table, ()) if column in row}


def _faults(spec: Table, row: Mapping[str, str]) -> list[Fault]:
    """Check the cells of a row that are there, as those of a file that has no others."""
    if "estimate" in row and "ci_low" not in row:  # a ratio is looked at together with its lower bound
        row = {**row, "ci_low": ""}
    columns = tuple(column for column in spec.columns if column.name in row)
    cells = pd.DataFrame([{column.name: row[column.name] for column in columns}], index=[2], dtype="str")
    if not columns:
        return []
    alone = replace(spec, columns=columns, key=())
    if "note" not in row and any(column.name == "note" for column in spec.columns):
        cells["note"] = ""  # without it any contradiction might stand
        alone = replace(spec, columns=(*columns, *(c for c in spec.columns if c.name == "note")), key=())
    return check_cells(cells, alone, spec.file)


def added_rows(folder: str | Path, rows: Mapping[str, Sequence[Mapping[str, str]]]) -> AddedRows:
    """Check rows of a trial together with the review that they are to be added to.

    Parameters
    ----------
    folder : str or Path
        Folder of the review.
    rows : mapping of str to sequence of mapping
        As `complete` gives them. Rows that are there already, just so, are passed over: what an interruption left
        undone is done by giving the same rows again.

    Returns
    -------
    AddedRows

    Raises
    ------
    DataError
        If the review has faults, or would have some with these rows; every fault is named.
    """
    place = Path(folder)
    specs = {spec.name: spec for spec in tables_of(read_review(place).protocol)}
    kept: Rows = {}
    before: dict[str, bytes | None] = {}
    after: dict[str, bytes] = {}
    numbers: dict[str, list[int]] = {}
    for name in ADDED_TABLES:
        spec, path = specs[name], place / specs[name].file
        old = path.read_bytes() if path.exists() else None
        cells = read_cells(path, spec.file)[0] if old is not None else pd.DataFrame()
        kept[name] = [dict(row) for row in rows.get(name, ()) if not _is_there(cells, spec, row)]
        if not kept[name]:
            continue
        before[spec.file], after[spec.file] = old, _appended(old, spec, kept[name])
        whole = read_cells_of(after[spec.file], spec.file)
        numbers[spec.file] = [int(row) for row in whole.index[-len(kept[name]) :]]
    with tempfile.TemporaryDirectory(prefix="evidence-") as scratch:
        copy = Path(scratch, "review")
        copy.mkdir()
        for path in place.iterdir():
            if path.is_file() and path.suffix in (".csv", ".yaml"):
                shutil.copyfile(path, copy / path.name)
        for file, content in after.items():
            (copy / file).write_bytes(content)
        try:
            review = read_review(copy)
        except DataError as error:
            raise DataError([as_new(fault, numbers) for fault in error.faults]) from None
    return AddedRows(place, kept, review, numbers, before, after)


def as_new(fault: Fault, numbers: Mapping[str, Sequence[int]]) -> Fault:
    """Name the place of a fault in a row that is in no file yet: the first, the second, ... of those to be added."""
    own = numbers.get(fault.file, ())
    if fault.row not in own:
        return fault
    return replace(fault, file=f"{fault.file}, new row {own.index(fault.row) + 1}", row=None)


def read_cells_of(content: bytes, file: str) -> pd.DataFrame:
    """Read the cells of a table that is not in a file yet."""
    with tempfile.TemporaryDirectory(prefix="evidence-") as scratch:
        path = Path(scratch, file)
        path.write_bytes(content)
        return read_cells(path, file)[0]


def _is_there(cells: pd.DataFrame, spec: Table, row: Mapping[str, str]) -> bool:
    """Tell whether a table has a row of this key with these very cells."""
    if cells.empty or not set(spec.key) <= set(cells) or not set(row) <= set(cells):
        return False
    same = cells[list(row)].eq(pd.Series(dict(row))).all(axis=1)
    return bool(same.any())


def _appended(old: bytes | None, spec: Table, rows: Sequence[Mapping[str, str]]) -> bytes:
    """Write rows below those of a file, which stay as they are to the byte.

    Raises
    ------
    DataError
        If the file lacks a column that a row has.
    """
    names = [one.name for one in spec.columns if not one.rare or any(row.get(one.name) for row in rows)]
    ending = "\n"
    start = b""
    if old is None:
        header = names
        start = (",".join(header) + "\n").encode()
    else:
        first = next(csv.reader(io.StringIO(old.decode("utf-8-sig"), newline="")))
        header = [name.strip() for name in first]
        ending = "\r\n" if b"\r\n" in old.partition(b"\n")[0] + b"\n" else "\n"
        start = old if old.endswith(b"\n") else old + ending.encode()
    lacking = [name for row in rows for name in row if name not in header]
    if lacking:
        raise DataError(
            [
                Fault(spec.file, 1, name, "", "the file has no such column; add it to the header")
                for name in dict.fromkeys(lacking)
            ]
        )
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending)
    writer.writerows([guarded(row.get(name, "")) for name in header] for row in rows)
    return start + text.getvalue().encode("utf-8")
