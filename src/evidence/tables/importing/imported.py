"""A review that was imported, to be looked at and written as a folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from evidence.errors import DataError, Fault
from evidence.files import new_folder
from evidence.results import Shown
from evidence.tables.importing.collected import Collected
from evidence.tables.importing.compose import compose
from evidence.tables.review import Review, read_review
from evidence.tables.starting import write_readme, write_surroundings
from evidence.tables.write import write_table
from evidence.wording import counted

__all__ = ["Imported", "imported"]

_COMMENTS = {
    "components": "What arms received, by the names that the file gives its two sides.",
    "outcomes": "One for each outcome of each comparison of the file; `better` as its figures say.",
    "windows": "A window without ends takes all results. Where times are known, enter timepoint_weeks.",
    "model": "That of most analyses of the file; an analysis may have a `model` of its own.",
    "analyses": "One for each total of the file, named <id>-<outcome>-any; without a total `pooled` is false.",
}


MOST_PAGES = 30
"""Comparisons that get a page of the report each, unless the notebook is changed."""


@dataclass(frozen=True, eq=False, repr=False)
class Imported(Shown):
    """The tables and the protocol that a file of another program became.

    Attributes
    ----------
    file : str
        Name of the file.
    tables : dict of str to list of dict
        Rows by table; cells that the file does not give are absent.
    protocol : dict
        The content of ``review.yaml``.
    left_out : tuple of str
        What the file holds and the tables cannot.
    said : tuple of str
        How the file was read, and what was taken for granted.

    Examples
    --------
    >>> import evidence as ev
    >>> imported = ev.import_effects(
    ...     "examples/rosiglitazone/rosiglitazone.csv", measure="OR", better="lower"
    ... )
    >>> imported.said[0]
    'columns: study = study, ai = ai, n1i = n1i, ci = ci, n2i = n2i; kept as columns of trials: weeks'
    """

    file: str
    tables: dict[str, list[dict[str, str]]]
    protocol: dict[str, Any]
    left_out: tuple[str, ...]
    said: tuple[str, ...] = ()

    @property
    def analyses(self) -> tuple[str, ...]:
        """Ids of the analyses, in the order of the file."""
        return tuple(
            f"{one['id']}-{one['outcomes'][0]}-{one['windows'][0]}".replace("_", "-")
            for one in self.protocol["analyses"]
        )

    def write(self, folder: str | Path) -> Review:
        """Write the folder of the review, with a notebook, and read it.

        Parameters
        ----------
        folder : str or Path
            Where; it must not exist or be empty.

        Returns
        -------
        Review

        Raises
        ------
        DataError
            If the folder holds something or cannot be written, or if values of the file cannot stand in the tables;
            nothing is left behind then.
        """
        place = Path(folder)
        columns = self.protocol.get("columns", {})
        with new_folder(place) as fresh:
            for name, rows in self.tables.items():
                write_table(fresh, name, rows, extra=columns.get(name, ()))
            (fresh / "review.yaml").write_text(self._yaml(), encoding="utf-8")
            self._surroundings(fresh)
            try:
                review = read_review(fresh)
            except DataError as error:
                raise DataError([self._in_file(fault) for fault in error.faults]) from None
        return replace(review, path=place)

    def _surroundings(self, folder: Path) -> None:
        """Write what stands beside the tables; the page of each analysis comes from one notebook."""
        write_surroundings(folder, most_pages=MOST_PAGES if self._entries > MOST_PAGES else None)
        words = {
            "TITLE": self.protocol["title"],
            "FILE": self.file,
            "ANALYSIS": next(iter(self.analyses), "ID"),
        }
        write_readme(folder, "import", words)

    @property
    def _entries(self) -> int:
        """How many pages the report would have: one for each id of an entry."""
        return len({one["id"] for one in self.protocol["analyses"]})

    def _in_file(self, fault: Fault) -> Fault:
        """Name the place in the imported file of a fault in a table that is not kept."""
        rows = self.tables.get(fault.file.removesuffix(".csv"), [])
        if fault.row is None or not 2 <= fault.row <= len(rows) + 1:
            return replace(fault, file=f"{self.file}, as {fault.file}")
        row = rows[fault.row - 2]
        place = row.get("locator") or f"{self.file}: {row.get('label') or row.get('trial_id') or fault.file}"
        return replace(fault, file=place, row=None)

    def _yaml(self) -> str:
        lines = [
            f"# Protocol of the review, made from {' '.join(self.file.split())}. Names and choices may be changed."
        ]
        for key, value in self.protocol.items():
            if key in _COMMENTS:
                lines.append(f"\n# {_COMMENTS[key]}")
            lines.append(
                yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110).rstrip()
            )
        return "\n".join(lines) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """One row per analysis: analysis, measure, arm, comparator ("" for single groups), studies, note."""
        results = [row for name in ("arm_results", "contrast_results") for row in self.tables[name]]
        return pd.DataFrame(
            [
                {
                    "analysis": name,
                    "measure": self.protocol["outcomes"][one["outcomes"][0]]["measure"],
                    "arm": one["intervention"],
                    "comparator": next(iter(one.get("comparator", ())), ""),
                    "studies": _studies(one, results),
                    "note": one.get("note", ""),
                }
                for name, one in zip(self.analyses, self.protocol["analyses"], strict=True)
            ],
            columns=["analysis", "measure", "arm", "comparator", "studies", "note"],
        )

    def summary(self) -> str:
        """Counts of what was read, the analyses, and what was left out."""
        sizes = ", ".join(f"{len(rows)} in {name}.csv" for name, rows in self.tables.items() if rows)
        lines = [f"{self.file}: {counted(len(self.analyses), 'analysis', 'analyses')}; rows: {sizes}"]
        lines += [
            f"  {row.analysis}: {row.measure}, {counted(int(str(row.studies)), 'study', 'studies')}"
            for row in self.to_frame().itertuples()
        ]
        lines += [f"  read: {text}" for text in self.said]
        if self._entries > MOST_PAGES:
            lines.append(
                f"  pages: the report has one for each of the first {MOST_PAGES} comparisons; change `most` in the "
                "metadata of notebooks/01-question.ipynb for more"
            )
        lines += [f"  not imported: {text}" for text in self.left_out]
        return "\n".join(lines)


def _studies(analysis: dict[str, Any], results: list[dict[str, str]]) -> int:
    """Count the trials with a result that an analysis takes."""
    arms = {analysis["intervention"], *analysis.get("comparator", ())}
    held: dict[str, set[str]] = {}
    for row in results:
        where = analysis.get("where", {}).items()
        if row["outcome"] == analysis["outcomes"][0] and all(row.get(key) in values for key, values in where):
            own = {row["arm_id"], row.get("comparator_arm_id", row["arm_id"])}
            if own <= arms:
                held.setdefault(row["trial_id"], set()).update(own)
    return sum(found == arms for found in held.values())


def imported(collected: Collected, weeks: float | None) -> Imported:
    """Make tables of what was collected from a file.

    Raises
    ------
    DataError
        If there is nothing to import.
    """
    if not any(one.entries for one in collected.comparisons):
        left = f" ({'; '.join(collected.left_out)})" if collected.left_out else ""
        raise DataError(f"{collected.file} holds no results that the tables can take{left}")
    tables, protocol = compose(collected, weeks)
    told = (tuple(dict.fromkeys(lines)) for lines in (collected.left_out, collected.said))
    return Imported(collected.file, tables, protocol, *told)
