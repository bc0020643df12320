"""Read the CSV exports of RevMan: the data rows of RevMan Web and the settings beside them, or those of RevMan 5."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path

from evidence.errors import DataError, Fault
from evidence.tables.importing.collected import Collected, Comparison, Entry, Numbers, Study, measure_of
from evidence.tables.read import read_cells

__all__ = ["collect_csv", "is_revman", "rows_of"]

Row = dict[str, str]

# What each cell is headed by RevMan Web, RevMan 5 and their forest plots, in small letters.
_NAMES = {
    "comparison": ("comparison number", "analysis group", "comparison"),
    "outcome": ("outcome number", "analysis number", "outcome"),
    "outcome name": ("analysis name", "outcome name"),
    "subgroup": ("subgroup", "subgroup name"),
    "study": ("study", "name", "study or subgroup"),
    "year": ("study year", "year of study", "year"),
    "events_1": ("experimental cases", "events 1", "experimental events"),
    "mean_1": ("experimental mean", "mean 1"),
    "sd_1": ("experimental sd", "sd 1"),
    "total_1": ("experimental n", "total 1", "experimental total"),
    "events_2": ("control cases", "events 2", "control events"),
    "mean_2": ("control mean", "mean 2"),
    "sd_2": ("control sd", "sd 2"),
    "total_2": ("control n", "total 2", "control total"),
    "estimate": ("giv mean", "effect estimate"),
    "se": ("giv se", "se"),
}
_NEEDED = ("comparison", "outcome", "study")
_SETTINGS = "overall-estimates-and-settings"
_EMPTY = ("", "#N/A", "NA", "Not applicable")

# RevMan 5 writes the settings of an outcome into the row that heads it; these are their names in RevMan Web.
_OF_REVMAN_5 = {
    "Effect Measure": "Effect measure",
    "Analysis Model": "Analysis model",
    "Statistical Method": "Statistical method",
    "Group Label 1": "Experimental group label",
    "Group Label 2": "Control group label",
    "Left Graph Label": "Graph label (left)",
    "Effect Estimate": "Mean",
    "CI Start": "CI start",
    "CI End": "CI end",
    "I²(Q)": "Heterogeneity I²",
}
_POOLED = {"estimate": "Mean", "ci_low": "CI start", "ci_high": "CI end", "i2": "Heterogeneity I²"}


def rows_of(path: Path) -> list[tuple[int, Row]]:
    """Read a CSV file: the number of each row, and its cells by column.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    cells, faults = read_cells(path, path.name)
    if faults:
        raise DataError(faults)
    records = cells.to_dict("records")
    found = [{str(name): str(cell) for name, cell in record.items()} for record in records]
    return list(zip(map(int, cells.index), found, strict=True))


def is_revman(header: Iterable[str]) -> bool:
    """Tell whether the columns of a table are those of an export of RevMan."""
    found = {_plain(name) for name in header}
    return all(found & set(_NAMES[name]) for name in _NEEDED)


def collect_csv(path: Path, measure: str | None) -> Collected:
    """Collect what an export of RevMan as CSV holds.

    Parameters
    ----------
    path : Path
        The data rows of RevMan Web (the file of settings that was exported with them is looked for beside it) or the
        analyses that RevMan 5 exports.
    measure : str or None
        Measure of the outcomes for which no file gives one.

    Returns
    -------
    Collected

    Raises
    ------
    DataError
        If columns are missing or values are wrong; every fault is named with its row and column.
    """
    rows = rows_of(path)
    columns = _columns(rows[0][1] if rows else {}, path.name)
    numbers = Numbers(path.name)
    if "Data Type" in (rows[0][1] if rows else {}):
        found, entries = _of_revman_5(rows, columns, numbers)
    else:
        found, entries = _of_revman_web(rows, columns, _settings(path), numbers)
    collected = Collected(file=path.name, title=path.stem.replace("_", " "), program="RevMan")
    for row, one, subgroup, cells in entries:
        label = cells["study"]
        if not label:
            fault = Fault(path.name, row, columns["study"], "", "the name of the study is missing")
            numbers.faults.append(fault)
            continue
        entry = _entry(one, cells, row, columns, numbers)
        if entry is None:
            collected.left_out.append(
                f"row {row} of {path.name}: it has neither numbers of arms nor an estimate"
            )
            continue
        year = cells["year"] if re.fullmatch(r"(19|20)\d\d", cells["year"]) else ""
        collected.studies.setdefault(label, Study(label, year))
        entry.subgroup = "" if subgroup in _EMPTY else subgroup
        one.entries.append(entry)
    for one in found:
        if one.entries:
            one.measure = one.measure or measure or _usual_measure(one, path.name)
            collected.comparisons.append(one)
    numbers.done()
    return collected


def _of_revman_5(
    rows: list[tuple[int, Row]], columns: dict[str, str], numbers: Numbers
) -> tuple[list[Comparison], list[tuple[int, Comparison, str, Row]]]:
    """Sort the rows of RevMan 5, in which headings of comparisons, outcomes and subgroups stand above the studies."""
    found: list[Comparison] = []
    entries = []
    heading = subgroup = ""
    for row, record in rows:
        cells = _cells(record, columns)
        if cells["outcome"] in ("", "0"):
            heading = cells["study"]
        elif record["Data Type"]:
            settings = {name: record.get(old, "") for old, name in _OF_REVMAN_5.items()}
            settings["Analysis group name"] = heading
            found.append(
                _comparison(settings, cells["comparison"], cells["outcome"], cells["study"], row, numbers)
            )
            subgroup = ""
        elif record.get("df"):
            subgroup = cells["study"]  # A subgroup has a test of heterogeneity, a study has none.
        elif not found:
            expected = "a row that heads the outcome, with its Data Type, should stand above its studies"
            numbers.faults.append(Fault(numbers.file, row, "Data Type", "", expected))
        else:
            entries.append((row, found[-1], subgroup, cells))
    return found, entries


def _of_revman_web(
    rows: list[tuple[int, Row]],
    columns: dict[str, str],
    settings: dict[tuple[str, str], tuple[int, Row]],
    numbers: Numbers,
) -> tuple[list[Comparison], list[tuple[int, Comparison, str, Row]]]:
    """Sort the rows of RevMan Web, each of which names its comparison and outcome."""
    found: dict[tuple[str, str], Comparison] = {}
    entries = []
    for row, record in rows:
        cells = _cells(record, columns)
        key = cells["comparison"], cells["outcome"]
        if key not in found:
            line, known = settings.get(key, (row, {}))
            found[key] = _comparison(known, *key, cells["outcome name"] or key[1], line, numbers)
        entries.append((row, found[key], cells["subgroup"], cells))
    return list(found.values()), entries


def _plain(name: str) -> str:
    return re.sub(r"\s+", " ", name.strip().lower())


def _columns(header: Iterable[str], file: str) -> dict[str, str]:
    """Find the columns by their headings."""
    given = {_plain(name): name for name in header}
    columns = {}
    for name, known in _NAMES.items():
        present = [given[other] for other in known if other in given]
        if present:
            columns[name] = present[0]
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        words = ((name, f"the column is missing; head it {' or '.join(_NAMES[name])}") for name in missing)
        raise DataError([Fault(file, 1, name, "", expected) for name, expected in words])
    return columns


def _cells(record: Row, columns: dict[str, str]) -> Row:
    return {name: record[columns[name]] if name in columns else "" for name in _NAMES}


def _settings(path: Path) -> dict[tuple[str, str], tuple[int, Row]]:
    """Read the settings of each analysis from the file that RevMan Web writes beside the data rows."""
    beside = path.with_name(path.name.replace("data-rows", _SETTINGS))
    if beside == path or not beside.exists():
        return {}
    rows = rows_of(beside)
    for name in ("Analysis group", "Analysis number"):
        if rows and name not in rows[0][1]:
            raise DataError([Fault(beside.name, 1, name, "", "the column is missing; export the file again")])
    return {(record["Analysis group"], record["Analysis number"]): (row, record) for row, record in rows}


def _comparison(
    settings: Row, number: str, outcome: str, name: str, row: int, numbers: Numbers
) -> Comparison:
    """Make an outcome of its settings, under the names of RevMan Web; any of them may be absent."""
    given = {key: "" if text in _EMPTY else text for key, text in settings.items()}
    comparator = given.get("Control group label", "")
    names = {word for word in (comparator.lower(), "control", "placebo") if word}
    left = given.get("Graph label (left)", "").lower()
    model = next(
        (word for word in ("random", "fixed") if word in given.get("Analysis model", "").lower()), ""
    )
    pooled = {key: numbers.read(given.get(name, ""), row, name) for key, name in _POOLED.items()}
    return Comparison(
        number=number,
        comparison=given.get("Analysis group name", "") or number,
        outcome=given.get("Analysis name", "") or name,
        measure=measure_of(given.get("Effect measure", "")),
        arm=given.get("Experimental group label", ""),
        comparator=comparator,
        better="higher" if any(word in left for word in names) else "lower",
        model=model,
        method=", ".join(
            word for word in (given.get("Statistical method", ""), model and f"{model} effects") if word
        ),
        pooled=pooled if pooled["estimate"] else {},
        place=f"comparison {number}, outcome {outcome}",
    )


def _entry(one: Comparison, cells: Row, row: int, columns: dict[str, str], numbers: Numbers) -> Entry | None:
    """Read the numbers of one study; None if it has none. A measure of means passes over the zeros of events."""

    def read(name: str, *, whole: bool = False, low: float = -math.inf) -> str:
        return numbers.read(cells[name], row, columns.get(name, name), whole=whole, low=low)

    def has(name: str) -> bool:
        return cells[f"{name}_1"] not in _EMPTY or cells[f"{name}_2"] not in _EMPTY

    kinds = ("mean", "events") if one.measure in ("MD", "SMD") else ("events", "mean")
    sizes = {cells["total_1"], cells["total_2"]} - {*_EMPTY, "0"}
    kind = next((name for name in kinds if has(name) and sizes), "estimate")
    values = {name: read(name, whole=True, low=0) for name in ("total_1", "total_2")}
    if kind == "events":
        values |= {name: read(name, whole=True, low=0) for name in ("events_1", "events_2")}
        printed = f"{values['events_1']}/{values['total_1']} v {values['events_2']}/{values['total_2']}"
    elif kind == "mean":
        for arm in "12":
            values |= {f"mean_{arm}": read(f"mean_{arm}"), f"sd_{arm}": read(f"sd_{arm}", low=0)}
        sides = (
            f"{cells[f'mean_{arm}']} (SD {cells[f'sd_{arm}']}), n {cells[f'total_{arm}']}" for arm in "12"
        )
        printed = " v ".join(sides)
    else:
        values |= {"estimate": read("estimate"), "se": read("se", low=0)}
        printed = f"estimate {cells['estimate']}, SE {cells['se']}"
        if not values["estimate"]:
            return None
    return Entry(cells["study"], values, f"{one.place}, {cells['study']} (row {row})", printed)


def _usual_measure(one: Comparison, file: str) -> str:
    """Choose a measure where no file names one: counts and means allow any of theirs, estimates are of one."""
    given = one.entries[0].values.keys()
    if "estimate" in given:
        raise DataError(
            f"{file}: '{one.outcome}' has estimates, and no file says of which measure; name it with measure= "
            "(--measure): MD, SMD, RR, OR, RD or HR"
        )
    return "RR" if "events_1" in given else "MD"
