"""A review: its validated tables, each row with its source, and its protocol."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.errors import DataError, Fault
from evidence.tables.protocol.protocol import Analysis, Protocol, read_protocol
from evidence.tables.read import read_cells
from evidence.tables.schema import READING_TABLES, TABLES, Column, Table, doubt
from evidence.tables.validate import check_cells, check_references, typed

__all__ = ["Review", "read_review", "tables_of", "unread_tables"]


@dataclass(frozen=True, eq=False)
class Review:
    """The tables and the protocol of one systematic review.

    Every table is a DataFrame indexed by the row number that a spreadsheet shows; empty text is "" and an empty
    number NaN. Tables that the folder does not have are empty.

    Attributes
    ----------
    path : Path
        Folder that was read.
    protocol : Protocol
        What is asked and how tables become answers.
    trials, arms, arm_results, contrast_results, instruments, risk_of_bias : DataFrame
        The evidence base.
    excluded, agreement, important_changes, reviews, review_trials, guidelines, claims, citations : DataFrame
    prisma_checklist, judgements : DataFrame
        What stands beside it.
    readings : dict of str to dict of str to DataFrame
        The independent readings by reader and table, as they were made.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> review.protocol.title
    'Massage and manual therapy for low back pain, with or without exercise'
    """

    path: Path
    protocol: Protocol
    trials: pd.DataFrame
    arms: pd.DataFrame
    arm_results: pd.DataFrame
    contrast_results: pd.DataFrame
    instruments: pd.DataFrame
    risk_of_bias: pd.DataFrame
    excluded: pd.DataFrame
    agreement: pd.DataFrame
    important_changes: pd.DataFrame
    reviews: pd.DataFrame
    review_trials: pd.DataFrame
    guidelines: pd.DataFrame
    claims: pd.DataFrame
    citations: pd.DataFrame
    prisma_checklist: pd.DataFrame
    judgements: pd.DataFrame
    readings: dict[str, dict[str, pd.DataFrame]] = field(default_factory=dict, repr=False)

    @property
    def analyses(self) -> dict[str, Analysis]:
        """Analyses of the protocol by id, one for each entry, outcome and window."""
        return dict(_analyses_of(self))

    def analysis(self, name: str | Analysis) -> Analysis:
        """Find an analysis.

        Parameters
        ----------
        name : str or Analysis
            Its id, for example ``"massage-inactive-pain-short"``; an Analysis is given back.

        Returns
        -------
        Analysis

        Raises
        ------
        DataError
            If the protocol has no such analysis; the message names the closest ones.
        """
        if isinstance(name, Analysis):
            return name
        analyses = self.analyses
        if name not in analyses:
            close = get_close_matches(name, analyses, n=3)
            hint = f"; did you mean {' or '.join(close)}?" if close else f"; it has {', '.join(analyses)}"
            raise DataError(f"the protocol has no analysis '{name}'{hint}")
        return analyses[name]

    @property
    def doubtful(self) -> pd.DataFrame:
        """Results whose note begins with ``CHECK:``: file, row, result_id, trial_id, outcome and the doubt."""
        frames = []
        for table in ("arm_results", "contrast_results"):
            rows = getattr(self, table)
            rows = rows.assign(doubt=rows["note"].map(doubt))
            rows = rows[rows["doubt"] != ""]
            frames.append(
                pd.DataFrame(
                    {
                        "file": f"{table}.csv",
                        "row": rows.index,
                        "result_id": rows["result_id"].to_numpy(),
                        "trial_id": rows["trial_id"].to_numpy(),
                        "outcome": rows["outcome"].to_numpy(),
                        "doubt": rows["doubt"].to_numpy(),
                    }
                )
            )
        return pd.concat(frames, ignore_index=True)

    @property
    def bias_judgements(self) -> pd.DataFrame:
        """Judgements on risk of bias by trial and domain: those on a whole trial hold for its strata too.

        The table `risk_of_bias`, with the rows of a whole trial once more for each of its strata that has none of its
        own for that domain.
        """
        table = self.risk_of_bias
        own = set(zip(table["trial_id"], table["domain"], strict=True))
        held = set(self.trials["trial_id"])
        passed_on = [
            {**row, "trial_id": part}
            for strata in self.protocol.strata
            for row in table[table["trial_id"] == strata.whole].to_dict("records")
            for part in strata.parts
            if part in held and (part, row["domain"]) not in own
        ]
        if not passed_on:
            return table
        return pd.concat([table, pd.DataFrame(passed_on, columns=table.columns)], ignore_index=True)

    # The two methods below are the one place where a floor calls the floor under it: a review is asked for its
    # effects, and a user should not need to know which module works them out.
    def comparisons(self, analysis: str | Analysis, **options: Any) -> pd.DataFrame:
        """All comparisons that bear on an analysis, poolable or not.

        See `evidence.effects.choosing.comparisons.comparisons`.
        """
        from evidence.effects.choosing.comparisons import comparisons

        return comparisons(self, self.analysis(analysis), **options)

    def effects(self, analysis: str | Analysis, **options: Any) -> pd.DataFrame:
        """One effect and variance for each poolable comparison of an analysis.

        See `evidence.effects.choosing.comparisons.effects`.
        """
        from evidence.effects.choosing.comparisons import effects

        return effects(self, self.analysis(analysis), **options)


@lru_cache(maxsize=8)
def _analyses_of(review: Review) -> dict[str, Analysis]:
    return {analysis.id: analysis for analysis in review.protocol.expand()}


_AHEAD: dict[Path, tuple[object, Review]] = {}


def read_ahead(path: str | Path) -> Review:
    """Read a review that `read_review` then gives once, if no file of its folder has changed by then.

    What was worked out of it stays so: a process that reads ahead and is then forked saves its forks the work.
    """
    folder = Path(path).resolve()
    state = _state_of(folder)
    review = read_review(folder)
    _AHEAD[folder] = state, review
    return review


def is_ahead(path: str | Path) -> bool:
    """Tell whether a review was read ahead and not yet given."""
    return Path(path).resolve() in _AHEAD


def _state_of(folder: Path) -> object:
    """Name, size and time of every file in a folder."""
    found = []
    for root, _, names in os.walk(folder):
        for name in names:
            file = Path(root, name)
            told = file.lstat()
            found.append((str(file), told.st_size, told.st_mtime_ns, told.st_ino))
    return sorted(found)


def read_review(path: str | Path = "data") -> Review:
    """Read and check the folder of a review.

    Parameters
    ----------
    path : str or Path
        Folder with ``review.yaml`` and the tables.

    Returns
    -------
    Review

    Raises
    ------
    DataError
        If anything in the folder is wrong: one error that lists every fault with file, row as a spreadsheet
        shows it, column, value and what is expected.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> review.trials.shape[0] > 0
    True
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(
            f"there is no folder '{folder}'; give the folder that holds review.yaml and the tables"
        )
    state, ahead = _AHEAD.pop(folder.resolve(), (None, None))
    if ahead is not None and state == _state_of(folder.resolve()):
        object.__setattr__(
            ahead, "path", folder
        )  # as it is asked for now; a copy would not know what was worked out
        return ahead
    faults: list[Fault] = []
    protocol = None
    try:
        protocol = read_protocol(folder / "review.yaml")
    except DataError as error:
        faults.extend(error.faults)
    specs = tables_of(protocol)
    tables: dict[str, pd.DataFrame] = {}
    for spec in specs:
        table, found = _read_table(folder, spec)
        faults.extend(found)
        if table is not None:
            tables[spec.name] = table
    faults.extend(_misnamed(folder))
    readings, found = _read_readings(folder, tables_of(protocol, readings=True))
    faults.extend(found)
    faults.extend(check_references(tables, specs))
    if protocol is not None:
        faults.extend(_unknown_words(tables, protocol))
    if faults or protocol is None:
        raise DataError(faults)
    return Review(path=folder, protocol=protocol, readings=readings, **tables)


def tables_of(protocol: Protocol | None, *, readings: bool = False) -> tuple[Table, ...]:
    """Give the schemas of a review's tables, or of its readings, with the columns that its protocol adds."""
    columns = protocol.columns if protocol else {}
    return tuple(
        replace(
            table,
            columns=(
                *table.columns,
                *(
                    Column(name, column.description, choices=column.choices)
                    for name, column in columns.get(table.name, {}).items()
                    if column.in_readings or not readings
                ),
            ),
        )
        for table in (READING_TABLES if readings else TABLES)
    )


def _read_table(folder: Path, table: Table, prefix: str = "") -> tuple[pd.DataFrame | None, list[Fault]]:
    """Read a table: typed if it has no faults, as text if its cells have some, None if it could not be read."""
    path, file = folder / table.file, prefix + table.file
    if not path.exists():
        if path.is_symlink():
            return None, [
                Fault(file, None, "", "", f"is a link to '{path.readlink()}', which does not exist")
            ]
        if table.needed:
            return None, [Fault(file, None, "", "", "the file is missing")]
        return typed(_without_rows(table), table), []
    cells, broken = read_cells(path, file)
    if broken and not len(cells.columns):
        return None, broken
    if table.needed and cells.empty and not broken:
        return None, [Fault(file, None, "", "", "the table has a header but no rows")]
    faults = check_cells(cells, table, file)
    if broken:
        return None, broken + faults
    return cells if faults else typed(cells, table), faults


def _without_rows(table: Table) -> pd.DataFrame:
    return pd.DataFrame({column.name: pd.Series(dtype="str") for column in table.columns})


_ENDINGS = (".csv", ".tsv", ".txt", ".xlsx")


def _misnamed(folder: Path) -> Iterator[Fault]:
    """Find files whose names are nearly those of tables that the folder lacks: else they would be passed over."""
    absent = {table.file for table in TABLES if not (folder / table.file).exists()}
    for path in sorted(folder.iterdir()):
        if path.name in {table.file for table in TABLES} or path.suffix.lower() not in _ENDINGS:
            continue
        stem = path.name.lower()
        while stem.endswith(_ENDINGS):  # Windows hides an ending, so that a table may have two.
            stem = stem.rpartition(".")[0]
        same = re.sub(r"[^a-z]", "", stem)
        plain = f"{re.sub(r'[^a-z]+', '_', stem).strip('_')}.csv"
        exact = (file for file in absent if same == file.removesuffix(".csv").replace("_", ""))
        near = () if path.suffix.lower() == ".txt" else get_close_matches(plain, absent, n=1, cutoff=0.85)
        if meant := next(iter((*exact, *near)), ""):
            expected = f"is it the table {meant}? rename it so; under this name it is not read"
            yield Fault(path.name, None, "", "", expected)


def unread_tables(folder: Path) -> list[str]:
    """Name the CSV files of a folder that are no tables of a review and that its protocol and README do not name.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of str
        Names of files in their order.
    """
    known = {table.file for table in TABLES}
    described = "".join(
        (folder / name).read_text("utf-8", errors="replace")
        for name in ("review.yaml", "README.md")
        if (folder / name).is_file()
    )
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.suffix.lower() == ".csv" and path.name not in known and not _names(described, path.name)
    )


def _names(text: str, file: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(file)}(?![\w-])", text) is not None


def _read_readings(
    folder: Path, specs: tuple[Table, ...]
) -> tuple[dict[str, dict[str, pd.DataFrame]], list[Fault]]:
    """Read every folder under ``readings/``: what one reader extracted, before reconciliation."""
    readings: dict[str, dict[str, pd.DataFrame]] = {}
    faults: list[Fault] = []
    for reader in sorted(entry for entry in folder.glob("readings/*") if entry.is_dir()):
        readings[reader.name] = {}
        for table in specs:
            frame, found = _read_table(reader, table, prefix=f"readings/{reader.name}/")
            readings[reader.name][table.name] = _without_rows(table) if frame is None else frame
            faults.extend(found)
    return readings, faults


def _unknown_words(tables: dict[str, pd.DataFrame], protocol: Protocol) -> Iterator[Fault]:
    """Find components, outcomes and protocol entries that the other tables do not know."""
    known = set(protocol.components.all)
    for row, components in _column(tables, "arms", "components").items():
        for component in components.split("+"):
            if components and component not in known:
                expected = f"use components of review.yaml: {', '.join(sorted(known))}"
                yield Fault("arms.csv", int(str(row)), "components", component, expected)
    constructs = set(_column(tables, "instruments", "construct"))
    outcomes = set(protocol.outcomes) | constructs
    for table in ("arm_results", "contrast_results") if constructs else ():
        for row, outcome in _column(tables, table, "outcome").items():
            if outcome and outcome not in outcomes:
                expected = f"use an outcome of review.yaml or instruments.csv: {', '.join(sorted(outcomes))}"
                yield Fault(f"{table}.csv", int(str(row)), "outcome", outcome, expected)
    trials = set(_column(tables, "trials", "trial_id"))
    instruments = set(_column(tables, "instruments", "instrument"))
    results = {
        name for table in ("arm_results", "contrast_results") for name in _column(tables, table, "result_id")
    }
    listed = [
        (f"{name}.{number}", entry)
        for name, entries in (("set_aside", protocol.set_aside), ("indirect", protocol.indirect))
        for number, entry in enumerate(entries)
    ]
    for place, entry in listed:
        for key, value, words in (
            ("trial", entry.trial, trials),
            ("instrument", entry.instrument, instruments),
            ("result", entry.result, results),
        ):
            if value and words and value not in words:
                yield Fault("review.yaml", None, f"{place}.{key}", value, f"no table has this {key}")
    for number, spec in enumerate(protocol.analyses):
        for column, values in spec.where.items():
            held = [
                tables[table][column]
                for table in ("trials", "arm_results", "contrast_results")
                if column in tables.get(table, ())
            ]
            place = f"analyses.{number}.where"
            if not held and "trials" in tables:
                yield Fault(
                    "review.yaml", None, place, column, "no table of results or trials has this column"
                )
            for value in values if held else ():
                if not any((cells == value).any() for cells in held):
                    yield Fault("review.yaml", None, f"{place}.{column}", value, "no row has this value")
    for number, group in enumerate(protocol.same_patients):
        for trial in group.trials:
            if trials and trial not in trials:
                yield Fault(
                    "review.yaml", None, f"same_patients.{number}", trial, "trials.csv has no such trial"
                )


def _column(tables: dict[str, pd.DataFrame], table: str, name: str) -> pd.Series:
    """Give a column of a table, or an empty one if the table could not be read or lacks it."""
    return tables.get(table, pd.DataFrame()).get(name, pd.Series(dtype="str"))
