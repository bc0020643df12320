"""Import a review that was made with RevMan, or a data set in the form of metafor."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evidence.errors import DataError
from evidence.measures import PAIR_MEASURES, REVIEW_MEASURES, find_measure
from evidence.tables.importing.collected import Collected
from evidence.tables.importing.effects_csv import collect_effects
from evidence.tables.importing.imported import Imported, imported
from evidence.tables.importing.revman_csv import beside_data_rows, collect_csv, is_revman
from evidence.tables.importing.revman_xml import collect_xml
from evidence.tables.importing.spreadsheet import WORKBOOKS, read_sheet

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
        exports (``...-data-rows.csv``; the settings, estimates of subgroups, study information and risk of bias
        beside them are read too). Each analysis keeps its method, model and level.
    measure : {"MD", "SMD", "ROM", "RR", "OR", "RD", "HR", "IRR"}, optional
        Measure of outcomes for which the file names none; by default MD for means and RR for counts, which
        `Imported.said` tells.
    weeks : float, optional
        Weeks from randomisation, above 0, at which all outcomes were measured. Such files do not say it; without
        it the times stay empty.
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

    Examples
    --------
    >>> import evidence as ev
    >>> imported = ev.import_revman("tests/tables/importing/cases/mix.rm5")
    >>> list(imported.tables)[:3]
    ['trials', 'arms', 'instruments']
    """
    file = Path(path)
    _check(file, measure, weeks, source_url, PAIR_MEASURES)
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
    better: str | None = None,
    sheet: str | None = None,
    weeks: float | None = None,
    source_url: str = "",
    title: str = "",
) -> Imported:
    """Import a data set: columns as metafor, meta and netmeta have them, or as people head them.

    Parameters
    ----------
    path : str or Path
        Text (parted by commas, semicolons or tabs; decimal points or commas; UTF-8, UTF-16 or Latin-1) or a workbook
        (.xlsx), with ``yi`` and ``vi``, ``sei``, ``ci.lb ci.ub`` or ``pval``; ``or`` (``rr hr irr rom``) with
        ``lower upper``; ``m1i sd1i n1i m2i sd2i n2i``; ``ai bi ci di``; ``ai n1i ci n2i``; ``x1i t1i x2i t2i``; or
        one arm a row: ``arm events n``, ``arm mean sd n``, ``arm events time``; or one group a study: ``events n``,
        ``events time``, ``mean sd n``, ``ri n``. Headings count in any case, and under many other usual names. Labels
        of the studies stand under ``study``, ``author`` and ``year``, ``slab``, ...; ``treat1 treat2``, ``outcome``
        and ``subgroup`` may tell rows of one study apart. Other columns become columns of the table of trials. How
        the columns were understood stands in `Imported.said`.
    measure : str, optional
        MD, SMD, ROM, RR, OR, RD, HR or IRR; for ``yi`` it must be named (ratios are logs there), else it is MD for
        means and RR for counts. Of one group a study PR, PLN, PLO, PAS (proportions; PLO by default), IR, IRLN, IRS
        (rates; IRLN), MN, MNLN (means; MN), COR or ZCOR (correlations; ZCOR); with one of these each arm of a row for
        itself is a group.
    columns : mapping of str to str, optional
        Headings of the file for names of metafor, such as ``{"ai": "tpos"}``; also ``study`` and ``year``.
    intervention, comparator, outcome : str
        What was compared, and by which outcome, where the rows do not say it. With one arm a row `comparator` names
        the arm that others are compared with. Of one group a study `intervention` names the group.
    better : {"lower", "higher"}, optional
        Which direction of the outcome is good. Without it lower is taken, and `Imported.said` tells it.
    sheet : str, optional
        Sheet of a workbook; the first by default.
    weeks, source_url, title
        As in `import_revman`.

    Returns
    -------
    Imported
        With one analysis for each outcome and pair of arms, or group. ``write`` makes the folder of a review of it.

    Raises
    ------
    DataError
        If the file cannot be read; every fault is named with its row, column, value and what to do.

    Examples
    --------
    >>> import evidence as ev
    >>> imported = ev.import_effects(
    ...     "examples/bcg-vaccine/bcg.csv",
    ...     measure="RR",
    ...     columns={"ai": "tpos", "bi": "tneg", "ci": "cpos", "di": "cneg"},
    ...     better="lower",
    ... )
    >>> print(imported.summary().splitlines()[0])
    bcg.csv: 1 analysis; rows: 13 in trials.csv, 26 in arms.csv, 1 in instruments.csv, 26 in arm_results.csv
    """
    file = Path(path)
    _check(file, measure, weeks, source_url)
    if better not in (None, "lower", "higher"):
        raise DataError(f"better is '{better}'; use lower or higher")
    for name in (intervention, comparator, outcome):
        if not name.strip():
            raise DataError("the intervention, the comparator and the outcome need names")
    names = (intervention, comparator)
    collected = collect_effects(
        file,
        measure=measure,
        columns=columns or {},
        names=names,
        outcome=outcome,
        better=better or "",
        sheet=sheet,
    )
    return imported(_named(collected, source_url, title), weeks)


def is_revman_file(path: str | Path, sheet: str | None = None) -> bool:
    """Tell whether a file comes from RevMan, by its ending or, for a table, by its columns.

    Raises
    ------
    DataError
        If it is of another kind, cannot be read, or is a table of RevMan Web that is read beside the data rows.
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix in (".rm5", ".xml"):
        return True
    if suffix not in (".csv", ".tsv", ".txt", *WORKBOOKS):
        raise DataError(f"{file.name} is neither a review of RevMan 5 (.rm5) nor a table (.csv, .tsv, .xlsx)")
    header = read_sheet(file, sheet, may_be_empty=True).header
    if what := beside_data_rows(header):
        raise DataError(
            f"{file.name} holds {what}; name the file of the data rows (...-data-rows.csv), beside which it is read"
        )
    return suffix == ".csv" and is_revman(header)


def _named(collected: Collected, source_url: str, title: str) -> Collected:
    return replace(
        collected, source_url=source_url or collected.source_url, title=title.strip() or collected.title
    )


def _check(
    file: Path,
    measure: str | None,
    weeks: float | None,
    source_url: str,
    measures: tuple[str, ...] = REVIEW_MEASURES,
) -> None:
    if not file.exists() or file.is_dir():  # what a pipe is, is said where it would be read
        raise DataError(f"there is no file '{file}'")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in file.name):
        raise DataError(f"the name of the file {file.name!r} cannot be written down; give it another")
    if measure is not None and measure not in measures:
        found = find_measure(measure)
        doubled = found is not None and found.code in ("PFT", "IRFT")
        why = ", whose way back depends on the sizes of the studies" if doubled else ""
        raise DataError(f"measure is '{measure}'{why}; use one of {', '.join(measures)}")
    if weeks is not None and not 0 < weeks < math.inf:
        raise DataError(f"weeks is {weeks:g}; it must be above 0")
    if source_url and not source_url.startswith(("http://", "https://")):
        raise DataError(f"the address is '{source_url}'; it must begin with http:// or https://")
