"""Import a review that was made with RevMan, or a data set in the form of metafor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evidence.errors import DataError
from evidence.measures import REVIEW_MEASURES
from evidence.tables.importing.collected import Collected
from evidence.tables.importing.effects_csv import collect_effects
from evidence.tables.importing.imported import Imported, imported
from evidence.tables.importing.revman_csv import collect_csv, is_revman, rows_of
from evidence.tables.importing.revman_xml import collect_xml

__all__ = ["import_effects", "import_revman", "is_revman_file"]


def import_revman(
    path: str | Path,
    *,
    measure: str | None = None,
    weeks: float | None = None,
    source_url: str = "",
    title: str = "",
) -> Imported:
    """Import a review that was made with RevMan.

    Parameters
    ----------
    path : str or Path
        A review of RevMan 5 (``.rm5``), the analyses that RevMan 5 exports as CSV, or the data rows that RevMan Web
        exports (``...-data-rows.csv``; the ``...-overall-estimates-and-settings.csv`` beside them is read too).
    measure : {"MD", "SMD", "RR", "OR", "RD", "HR"}, optional
        Measure of outcomes for which the file names none; by default MD for means and RR for counts.
    weeks : float, optional
        Weeks from randomisation, above 0, at which all outcomes were measured. Such files do not say it; without
        it 1 stands in, and a note on every row says so.
    source_url : str
        Address at which the review is published; by default that of its DOI, if it has one.
    title : str
        Title; by default that in the file, or the name of the file.

    Returns
    -------
    Imported
        With one analysis for each outcome of each comparison. ``write`` makes the folder of a review of it.

    Raises
    ------
    DataError
        If the file cannot be read; every fault is named with its row or line, column, value and what to do.
    """
    file = Path(path)
    _check(file, measure, weeks, source_url)
    collected = collect_csv(file, measure) if file.suffix.lower() == ".csv" else collect_xml(file)
    return imported(_named(collected, source_url, title), weeks)


def import_effects(
    path: str | Path,
    *,
    measure: str | None = None,
    columns: Mapping[str, str] | None = None,
    intervention: str = "treatment",
    comparator: str = "control",
    outcome: str = "outcome",
    better: str = "lower",
    weeks: float | None = None,
    source_url: str = "",
    title: str = "",
) -> Imported:
    """Import a data set in the form of metafor: one study a row.

    Parameters
    ----------
    path : str or Path
        CSV with ``yi`` and ``vi`` or ``sei``; or ``m1i sd1i n1i m2i sd2i n2i``; or ``ai bi ci di``; or
        ``ai n1i ci n2i``; and labels of the studies (``slab``, ``author`` and ``year``, ``study``, ...). Other
        columns become columns of the table of trials.
    measure : {"MD", "SMD", "RR", "OR", "RD", "HR"}, optional
        Measure; for ``yi`` it must be named (ratios are logs there), else it is MD for means and RR for counts.
    columns : mapping of str to str, optional
        Headings of the file for names of metafor, such as ``{"ai": "tpos"}``; also ``study`` and ``year``.
    intervention, comparator, outcome : str
        What was compared, and by which outcome.
    better : {"lower", "higher"}
        Which direction of the outcome is good.
    weeks, source_url, title
        As in `import_revman`.

    Returns
    -------
    Imported
        With one analysis. ``write`` makes the folder of a review of it.

    Raises
    ------
    DataError
        If the file cannot be read; every fault is named with its row, column, value and what to do.
    """
    file = Path(path)
    _check(file, measure, weeks, source_url)
    if better not in ("lower", "higher"):
        raise DataError(f"better is '{better}'; use lower or higher")
    for name in (intervention, comparator, outcome):
        if not name.strip():
            raise DataError("the intervention, the comparator and the outcome need names")
    names = (intervention, comparator)
    collected = collect_effects(
        file, measure=measure, columns=columns or {}, names=names, outcome=outcome, better=better
    )
    return imported(_named(collected, source_url, title), weeks)


def is_revman_file(path: str | Path) -> bool:
    """Tell whether a file comes from RevMan, by its ending or, for CSV, by its columns.

    Raises
    ------
    DataError
        If it is of another kind, or a CSV file that cannot be read.
    """
    file = Path(path)
    if file.suffix.lower() in (".rm5", ".xml"):
        return True
    if file.suffix.lower() != ".csv":
        raise DataError(f"{file.name} is neither a review of RevMan 5 (.rm5) nor a table (.csv)")
    rows = rows_of(file)
    return bool(rows) and is_revman(rows[0][1])


def _named(collected: Collected, source_url: str, title: str) -> Collected:
    return replace(
        collected, source_url=source_url or collected.source_url, title=title.strip() or collected.title
    )


def _check(file: Path, measure: str | None, weeks: float | None, source_url: str) -> None:
    if not file.is_file():
        raise DataError(f"there is no file '{file}'")
    if measure is not None and measure not in REVIEW_MEASURES:
        raise DataError(f"measure is '{measure}'; use one of {', '.join(REVIEW_MEASURES)}")
    if weeks is not None and not 0 < weeks < math.inf:
        raise DataError(f"weeks is {weeks:g}; it must be above 0")
    if source_url and not source_url.startswith(("http://", "https://")):
        raise DataError(f"the address is '{source_url}'; it must begin with http:// or https://")
