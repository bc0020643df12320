"""The evidence map as a page wants it: a table of questions by direction with one mark a trial, to be filtered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.results import Shown
from evidence.wording import counted, number

__all__ = ["MapTable", "map_table"]

SIDES = (-1.0, 0.0, 1.0)
SIZES = 6
"""Sizes of marks that the style sheet of the site knows."""
LOOKS = 6
"""Kinds that it can tell apart."""


@dataclass(frozen=True, eq=False, repr=False)
class MapTable(Shown):
    """Result of `map_table`.

    Attributes
    ----------
    numbers : DataFrame
        One row a mark: question, label, kind, n, favours.
    html : str
        The table without its caption; every text in it is escaped.
    text : str
        The same in words.
    """

    numbers: pd.DataFrame
    html: str
    text: str

    kind: ClassVar[str] = "evidence map"
    """As of the figure: which guide explains it."""

    def to_frame(self) -> pd.DataFrame:
        """One row a mark."""
        return self.numbers

    def summary(self) -> str:
        """Describe the map in words."""
        return self.text

    def _repr_html_(self) -> str:
        return self.html


@takes("DataFrame")
def map_table(
    data: pd.DataFrame,
    *,
    by: str = "title",
    kinds: Mapping[Any, str] | None = None,
    sides: tuple[str, str, str] = ("favours comparator", "neither, or not told", "favours treatment"),
) -> MapTable:
    """Show an evidence map as a table whose cells hold one mark a trial; in the report it leads to the trial.

    On a page of the report, boxes take kinds of marks in or out, and a field finds trials by name.

    Parameters
    ----------
    data : DataFrame
        As for `evidence.figures.evidence_map`.
    by, kinds, sides
        As for `evidence.figures.evidence_map`.

    Returns
    -------
    MapTable
        Show it as the last value of a cell, or hand it to `evidence.publish_table`.

    Raises
    ------
    DataError
        If a column is missing, there is no row, or a kind has no words.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> table = ev.figures.map_table(ev.evidence_map(review))
    >>> "Aronson" in table._repr_html_()
    True
    """
    if missing := [name for name in (by, "kind", "favours") if name not in data]:
        raise DataError(f"the map needs the column {missing[0]!r}.")
    if data.empty:
        raise DataError("there is no trial to show on the map.")
    table = pd.DataFrame(
        {
            "question": data[by].astype(str).to_numpy(),
            "label": pd.Series(data.get("label", data.index)).astype(str).to_numpy(),
            "kind": data["kind"].astype(str).to_numpy(),
            "n": pd.to_numeric(data["n"], errors="coerce").to_numpy(float) if "n" in data else np.nan,
            "favours": pd.to_numeric(data["favours"], errors="coerce").to_numpy(float),
        }
    ).reset_index(drop=True)
    words = kinds or {name: name for name in dict.fromkeys(table["kind"])}
    if strange := sorted(set(table["kind"]) - set(words)):
        raise DataError(f"no words are given for the kind {strange[0]!r}; kinds names {', '.join(words)}.")
    if len(words) > LOOKS:
        raise DataError(f"there are {len(words)} kinds, and {LOOKS} can be told apart.")
    looks = {name: place for place, name in enumerate(words)}
    most = float(np.nanmax([1.0, *table["n"]]))
    rows, told = [], []
    for question, here in table.groupby("question", sort=False):
        cells = []
        for side in SIDES:
            marks = here[here["favours"].fillna(0.0) == side]
            marks = marks.assign(order=marks["kind"].map(looks)).sort_values(
                ["order", "n"], ascending=[True, False]
            )
            drawn = "".join(_mark(row, looks, words, most) for row in marks.to_dict("records"))
            count = f'<small class="count">{len(marks)}</small>' if len(marks) else ""
            cells.append(f"<td>{count}{drawn}</td>")
        rows.append(f'<tr><th scope="row">{escape(str(question))}</th>{"".join(cells)}</tr>')
        towards, against = (int((here["favours"] == side).sum()) for side in (1.0, -1.0))
        told.append(
            f"{question}: {counted(len(here), 'trial')}; {towards} in favour of the treatment, "
            f"{against} of the comparator."
        )
    heads = "".join(f'<th scope="col">{escape(side[0].upper() + side[1:])}</th>' for side in sides)
    legend = "".join(
        f'<span class="key"><span class="mark k{place} s3"></span> '
        f'<span class="words">{escape(words[name])}</span></span> '
        for name, place in looks.items()
        if (table["kind"] == name).any()
    )
    markup = (
        f'<table class="map-table"><thead><tr><th scope="col">Question</th>{heads}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + f'\n</tbody>\n<tfoot><tr><td colspan="4">{legend}<div>One mark a question and trial; '
        "the larger, the more people. P values do not decide the side.</div></td></tr></tfoot></table>"
    )
    return MapTable(table, markup, " ".join(told))


def _mark(row: dict[Any, Any], looks: dict[str, int], words: Mapping[Any, str], most: float) -> str:
    known = row["n"] == row["n"]
    size = max(1, round(SIZES * (row["n"] / most) ** 0.5)) if known else 1
    people = f", {number(float(row['n']), 0)} people" if known else ""
    said = escape(f"{row['label']}: {words[row['kind']]}{people}")
    return f'<span class="mark k{looks[row["kind"]]} s{size}" title="{said}"><b>{escape(row["label"])}</b></span>'
