"""Two readings of the same publications, compared field by field, and what was agreed on where they differ."""

from __future__ import annotations

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import DataError, Fault
from evidence.files import guarded, write
from evidence.results import Shown
from evidence.tables.agreement import agreement_of
from evidence.tables.protocol.protocol import Protocol, read_protocol
from evidence.tables.read import read_cells
from evidence.tables.review import tables_of
from evidence.tables.schema import TABLES, Table
from evidence.tables.validate import check_cells
from evidence.wording import counted

__all__ = ["ComparedReadings", "compare_readings"]

_WORDS = frozenset(
    {
        "as_reported",
        "basis",
        "batch",
        "citation",
        "description",
        "harms",
        "kind",
        "label",
        "locator",
        "note",
        "notes",
    }
    | {"population", "readers", "result_id", "seen", "source_url", "status"}
)
"""Free text, which two people never write alike, and columns that are no part of a reading."""
_ROWS: dict[str, tuple[str, ...]] = {
    "trials": (),
    "arms": ("arm_id",),
    "arm_results": ("arm_id", "outcome", "instrument", "timepoint_weeks", "statistic"),
    "contrast_results": (
        *("arm_id", "comparator_arm_id", "outcome", "instrument", "timepoint_weeks", "statistic"),
    ),
    "risk_of_bias": ("domain",),
}
"""What tells the rows of one trial apart, the least certain last."""
_MAY_DIFFER = ("statistic", "instrument", "timepoint_weeks", "comparator_arm_id")
"""Rows are still the same if they differ in one of these, and there is but one such row in each reading."""
_COLUMNS = ("table", "field", "trial_id", "result_id", "value_a", "value_b", "consensus", "agreed")
_KEY = ("table", "field", "trial_id", "result_id")


@dataclass(frozen=True, eq=False, repr=False)
class ComparedReadings(Shown):
    """Result of `compare_readings`.

    Attributes
    ----------
    names : tuple of str
        The two readings.
    fields : DataFrame of str
        One row for each value that a reading gives, in the form of the table ``agreement``: table, field, trial_id,
        result_id (what tells the row from others of its trial), value_a, value_b, consensus, agreed. The field
        "row" stands for a whole row that only one reading has.

    Examples
    --------
    >>> import evidence as ev
    >>> compared = ev.compare_readings("data/readings/a", "data/readings/b")
    >>> compared.fields.columns[:3].tolist()
    ['table', 'field', 'trial_id']
    """

    names: tuple[str, str]
    fields: pd.DataFrame

    @property
    def differences(self) -> pd.DataFrame:
        """The fields in which the readings differ."""
        return self.fields[self.fields["agreed"] == "no"]

    @property
    def open(self) -> pd.DataFrame:
        """The differences of which nobody has said what holds."""
        return self.differences[self.differences["consensus"] == ""]

    @property
    def agreement(self) -> pd.DataFrame:
        """How far they agree, field by field, with Cohen's kappa for categories, as `agreement` gives it."""
        return agreement_of(self.fields)

    def to_frame(self) -> pd.DataFrame:
        """The fields."""
        return self.fields

    def summary(self) -> str:
        """How many values agree, overall and by field, and how many differences are open."""
        n, same = len(self.fields), int((self.fields["agreed"] == "yes").sum())
        lines = [f"{' and '.join(self.names)}: {same} of {counted(n, 'value')} agree"]
        for row in self.agreement.to_dict("records"):
            kappa = f", kappa {row['kappa']:.2f}" if row["kappa"] == row["kappa"] else ""
            lines.append(f"  {row['table']}.{row['field']}: {row['agreed']} of {row['n']}{kappa}")
        differ = counted(len(self.differences), "difference")
        lines.append(f"{differ}, {len(self.open)} without a consensus" if len(self.differences) else differ)
        return "\n".join(lines)

    def decided(self, place: Any, value: str) -> ComparedReadings:
        """Give the same with the consensus on one field.

        Parameters
        ----------
        place
            The field's label in the index of `fields`.
        value : str
            What holds.

        Raises
        ------
        DataError
            If the value cannot stand there.
        """
        row = self.fields.loc[place]
        if row["field"] == "row":
            if value not in ("present", "absent"):
                raise DataError(f"a row is present or absent, not '{value}'")
        elif faults := _cell_faults(str(row["table"]), str(row["field"]), value):
            raise DataError("; ".join(fault.expected for fault in faults))
        fields = self.fields.copy()
        fields.loc[place, "consensus"] = value
        return replace(self, fields=fields)

    def with_consensus(self, path: str | Path) -> ComparedReadings:
        """Take over what a file written before says of the same differences; it need not be there.

        A consensus on values that have changed since is not taken over.

        Raises
        ------
        DataError
            If the file cannot be read or is of another form.
        """
        file = Path(path)
        if not file.exists():
            return self
        cells, faults = read_cells(file, file.name)
        spec = next(table for table in TABLES if table.name == "agreement")
        faults += check_cells(cells, spec, file.name)
        if faults:
            raise DataError(faults)
        names = [*_KEY, "value_a", "value_b"]
        known = {
            tuple(row[name] for name in names): row["consensus"]
            for row in cells.to_dict("records")
            if row["agreed"] == "no"
        }
        fields = self.fields.copy()
        for place, row in fields.iterrows():
            if row["agreed"] == "no":
                fields.loc[place, "consensus"] = known.get(tuple(row[name] for name in names), "")
        return replace(self, fields=fields)

    def write(self, path: str | Path) -> Path:
        """Write the fields as CSV, in one step; named ``agreement.csv`` in a review, `agreement` counts them."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([guarded(cell) for cell in row] for row in self.fields[list(_COLUMNS)].to_numpy())
        file = Path(os.path.abspath(path))
        return write(file.parent, file.name, text.getvalue())


def compare_readings(
    first: str | Path, second: str | Path, *, data: str | Path | None = None
) -> ComparedReadings:
    """Compare two readings of the same publications field by field.

    Parameters
    ----------
    first, second : str or Path
        Folders with any of ``trials.csv``, ``arms.csv``, ``arm_results.csv``, ``contrast_results.csv`` and
        ``risk_of_bias.csv``. They need no ``result_id``: rows are found by what they report on. A trial or an arm
        that the readers named differently is found by its DOI or PubMed number, or by its components. Free text is
        not compared.
    data : str or Path, optional
        Folder of the review, whose protocol may add columns; by default the one that holds ``readings``, if there is
        one.

    Returns
    -------
    ComparedReadings

    Raises
    ------
    DataError
        If a folder has no tables, or cells that cannot be read; every fault is named.

    Examples
    --------
    >>> import evidence as ev
    >>> compared = ev.compare_readings("data/readings/a", "data/readings/b")
    >>> len(compared.fields) > 100
    True
    """
    folders = Path(first), Path(second)
    protocol = _protocol(folders[0], Path(data) if data is not None else None)
    faults: list[Fault] = []
    tables = [_read(folder, protocol, faults) for folder in folders]
    if faults:
        raise DataError(faults)
    one, other = tables
    _name_alike(one, other)
    rows = [row for name in _ROWS for row in _compared(name, one.get(name), other.get(name))]
    fields = pd.DataFrame(rows, columns=list(_COLUMNS), dtype="str")
    names = [folder.name for folder in folders]
    if names[0] == names[1]:
        names = [str(folder) for folder in folders]
    return ComparedReadings((names[0], names[1]), fields)


def _protocol(reading: Path, data: Path | None) -> Protocol | None:
    above = reading.resolve().parent.parent if data is None else data
    return read_protocol(above / "review.yaml") if data or (above / "review.yaml").is_file() else None


def _specs(protocol: Protocol | None = None) -> dict[str, Table]:
    return {table.name: table for table in tables_of(protocol, readings=True)}


def _read(folder: Path, protocol: Protocol | None, faults: list[Fault]) -> dict[str, pd.DataFrame]:
    """Read the tables of a reading as text, with the ids that tell its rows apart."""
    if not folder.is_dir():
        raise DataError(f"there is no folder '{folder}'")
    found = {}
    for name, spec in _specs(protocol).items():
        path = folder / spec.file
        if not path.exists():
            continue
        file = f"{folder.name}/{spec.file}"
        cells, broken = read_cells(path, file)
        own = ("trial_id", *_ROWS[name])
        columns = [replace(column, optional=column.name not in own) for column in spec.columns]
        faults += broken or check_cells(cells, replace(spec, columns=tuple(columns)), file)
        found[name] = cells
    if not found:
        raise DataError(f"'{folder}' has none of {', '.join(spec.file for spec in _specs().values())}")
    return found


def _name_alike(one: Mapping[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    """Give trials and arms of the second reading the names that they have in the first, where they are the same."""
    trials: dict[str, str] = {}
    if "trials" in one and "trials" in other:
        first, second = one["trials"], other["trials"]
        alone = first[~first["trial_id"].isin(second["trial_id"])]
        for column in ("doi", "pmid"):
            if column not in first or column not in second:
                continue
            known = {
                row[column].casefold(): row["trial_id"] for row in alone.to_dict("records") if row[column]
            }
            for row in second[~second["trial_id"].isin(first["trial_id"])].to_dict("records"):
                if (name := known.get(row[column].casefold())) and row["trial_id"] not in trials:
                    trials[row["trial_id"]] = name
    for name, table in other.items():
        other[name] = table.assign(trial_id=table["trial_id"].replace(trials))
    if "arms" not in one or "arms" not in other:
        return
    arms: dict[tuple[str, str], str] = {}
    mine, theirs = (_arms(tables["arms"]) for tables in (one, other))
    for trial, named in theirs.items():
        left = {name: parts for name, parts in mine.get(trial, {}).items() if name not in named}
        for name, parts in named.items():
            same = [known for known, held in left.items() if held == parts]
            if name not in mine.get(trial, {}) and len(same) == 1 and list(named.values()).count(parts) == 1:
                arms[trial, name] = same[0]
    for table in other.values():
        for column in {"arm_id", "comparator_arm_id"} & set(table):
            table[column] = [
                arms.get((trial, name), name)
                for trial, name in zip(table["trial_id"], table[column], strict=True)
            ]


def _arms(table: pd.DataFrame) -> dict[str, dict[str, frozenset[str]]]:
    """Components of each arm, by trial and arm."""
    found: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    for row in table.to_dict("records"):
        found[row["trial_id"]][row["arm_id"]] = frozenset(row.get("components", "").split("+"))
    return found


def _compared(name: str, first: pd.DataFrame | None, second: pd.DataFrame | None) -> Iterator[dict[str, str]]:
    """Compare two tables of one name."""
    if first is None and second is None:
        return
    one, other = (
        []
        if table is None
        else [{str(key): str(cell) for key, cell in row.items()} for row in table.to_dict("records")]
        for table in (first, second)
    )
    spec = _specs()[name]
    kinds = {column.name: column.kind for column in spec.columns}
    columns = [*dict.fromkeys(str(name) for table in (first, second) if table is not None for name in table)]
    identity = {"trial_id", "arm_id", "outcome", "domain"}
    compared = [column for column in columns if column not in _WORDS and column not in identity]
    for mine, theirs in _pairs(name, one, other):
        row = mine or theirs or {}
        about = {"table": name, "trial_id": row["trial_id"], "result_id": _label(name, row)}
        if mine is None or theirs is None:
            sides = {
                "value_a": "absent" if mine is None else "present",
                "value_b": "absent" if theirs is None else "present",
            }
            yield {**about, "field": "row", **sides, "consensus": "", "agreed": "no"}
            continue
        for column in compared:
            a, b = mine.get(column, ""), theirs.get(column, "")
            if not (a or b):
                continue
            same = _same(a, b, kinds.get(column, "text"))
            field = column if name != "risk_of_bias" else mine["domain"]
            yield {
                **about,
                "field": field,
                "value_a": a,
                "value_b": b,
                "consensus": a if same else "",
                "agreed": "yes" if same else "no",
            }


Pair = tuple[dict[str, str] | None, dict[str, str] | None]


def _pairs(name: str, one: Sequence[dict[str, str]], other: Sequence[dict[str, str]]) -> list[Pair]:
    """Find the rows that are about the same: by all that tells rows apart, then by all but one thing."""
    whole = ("trial_id", *_ROWS[name])
    tries = [whole, *(tuple(key for key in whole if key != less) for less in _MAY_DIFFER if less in whole)]
    found: dict[int, dict[str, str]] = {}
    taken: set[int] = set()
    for keys in tries:
        mine, theirs = _by_key(one, keys, found), _by_key(other, keys, taken)
        for key, places in mine.items():
            there = theirs.get(key, [])
            if keys != whole and not (len(places) == len(there) == 1):
                continue
            for place, match in zip(places, there, strict=False):
                found[place] = other[match]
                taken.add(match)
    pairs: list[Pair] = [(row, found.get(place)) for place, row in enumerate(one)]
    return pairs + [(None, row) for place, row in enumerate(other) if place not in taken]


def _by_key(
    rows: Sequence[Mapping[str, str]], keys: Sequence[str], without: Mapping[int, Any] | set[int]
) -> dict[tuple[str, ...], list[int]]:
    """Places of rows by the values of some columns."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if place not in without:
            found[tuple(_plain(row.get(key, ""), key) for key in keys)].append(place)
    return found


def _plain(text: str, column: str) -> str:
    if column == "timepoint_weeks":
        try:
            return f"{float(text):g}"
        except ValueError:
            return text
    return " ".join(text.casefold().split())


def _label(name: str, row: Mapping[str, str]) -> str:
    """Say which row of its trial it is."""
    arm = " v ".join(row[key] for key in ("arm_id", "comparator_arm_id") if row.get(key))
    weeks = f"week {row['timepoint_weeks']}" if row.get("timepoint_weeks") else ""
    rest = [row.get("outcome", ""), row.get("instrument", ""), weeks]
    if row.get("statistic") == "change":
        rest.append("change")
    return ", ".join(filter(None, [arm, *rest])) if name != "risk_of_bias" else ""


def _same(a: str, b: str, kind: str) -> bool:
    if kind != "text":
        try:
            return float(a) == float(b)
        except ValueError:
            return a == b
    if "+" in a and "+" in b:
        return sorted(a.split("+")) == sorted(b.split("+"))
    return " ".join(a.casefold().split()) == " ".join(b.casefold().split())


def _cell_faults(table: str, field: str, value: str) -> list[Fault]:
    """Say what is wrong with a value of a field; those of the risk of bias stand under their domains."""
    spec = _specs()[table]
    column = next((one for one in spec.columns if one.name == field), None)
    if table == "risk_of_bias":
        column = next(one for one in spec.columns if one.name == "judgement")
    if column is None:
        return []
    alone = replace(spec, columns=(column,), key=())
    return check_cells(pd.DataFrame({column.name: [value]}, dtype="str"), alone, spec.file)
