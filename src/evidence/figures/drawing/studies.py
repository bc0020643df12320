"""The studies of a forest plot, with labels that tell them apart and the values printed beside them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.errors import DataError
from evidence.figures.drawing.layout import Row, TextColumn
from evidence.figures.drawing.notes import source_notes
from evidence.figures.drawing.text import clean
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["DrawnStudies", "read_studies", "study_labels"]

GROUP_SIZES = {"n_arm": "Intervention\n(n)", "n_comparator": "Comparator\n(n)"}


@dataclass(frozen=True, slots=True)
class DrawnStudies:
    """The studies of a fit with all that is printed beside them, in the order of the fit.

    Attributes
    ----------
    fit : Pooled
    labels : list of str
    columns : list of TextColumn
    cells : DataFrame
        What the columns show, one row a study.
    letters : list of str
        Letters of the notes that belong to each study.
    legend : list of (str, str)
        Every letter with its meaning.
    """

    fit: Pooled
    labels: list[str]
    columns: list[TextColumn]
    cells: pd.DataFrame
    letters: list[str]
    legend: list[tuple[str, str]]

    def interval(self, i: int) -> tuple[float, float, float]:
        """Effect and normal confidence interval of study `i` on the analysis scale."""
        half = float(ndtri(0.5 + self.fit.level / 2)) * math.sqrt(self.fit.variance[i])
        effect = float(self.fit.effect[i])
        return effect, effect - half, effect + half

    @property
    def typical_half_width(self) -> float:
        """Half the width of the median study's interval."""
        return float(ndtri(0.5 + self.fit.level / 2) * np.sqrt(np.median(self.fit.variance)))

    def row(self, i: int) -> Row:
        """Row of study `i`, its mark as large as its weight."""
        weight = float(self.fit.weights[i])
        return Row(
            "study",
            self.labels[i],
            cells=_texts(self.cells[name].iloc[i] for name in self.cells),
            interval=self.interval(i),
            weight=weight,
            area=weight / float(np.max(self.fit.weights)),
            notes=self.letters[i],
        )

    def totals(self, members: Sequence[int]) -> tuple[str, ...]:
        """Group sizes summed over some studies; other columns stay empty."""
        return _texts(
            self.cells[name].iloc[list(members)].sum() if name in GROUP_SIZES else "" for name in self.cells
        )

    def order(self, sort: str | None, data: pd.DataFrame | None) -> list[int]:
        """Places of the studies, sorted by `effect`, `weight` (heaviest first), `label` or a column.

        Raises
        ------
        DataError
            If there is nothing of that name to sort by.
        """
        if sort is None:
            return list(range(self.fit.k))
        key: pd.Series[Any]
        if sort == "effect":
            key = pd.Series(self.fit.effect)
        elif sort == "weight":
            key = -pd.Series(self.fit.weights)
        elif sort == "label":
            key = pd.Series([label.casefold() for label in self.labels])
        elif data is not None and sort in data:
            key = data[sort].reset_index(drop=True)
        else:
            raise DataError(
                f"sort='{sort}' is not known: use effect, weight, label or a column of the table."
            )
        return [int(i) for i in key.sort_values(kind="stable").index]


def read_studies(
    fit: Pooled, data: pd.DataFrame | None, columns: Sequence[str] | Mapping[str, str] | None
) -> DrawnStudies:
    """Bring together the studies of a fit and the rows they came from.

    Parameters
    ----------
    fit : Pooled
    data : DataFrame or None
        The rows that went into the fit, in the same order.
    columns : sequence of str, mapping of str to str, or None
        Columns to print, with their headings; by default the group sizes.

    Raises
    ------
    DataError
        If the rows are not those of the fit, or a column is missing.
    """
    labels = study_labels(fit, data, beside=columns or ())
    shown, cells = _cells(data, columns)
    letters, legend = source_notes(data, fit.k)
    return DrawnStudies(fit, labels, shown, cells, letters, legend)


def _check_rows(fit: Pooled, data: pd.DataFrame) -> None:
    if len(data) != fit.k:
        raise DataError(
            f"The table has {len(data)} rows, the fit {fit.k} studies: give the rows that went into the fit."
        )
    if "effect" in data and not np.array_equal(data["effect"].to_numpy(dtype=float), fit.effect):
        raise DataError(
            "The effects of the table are not those of the fit: give the same rows in the same order."
        )


def study_labels(fit: Pooled, data: pd.DataFrame | None, beside: Collection[str] = ()) -> list[str]:
    """Labels in the order of the fit; comparisons of one trial are told apart by their arms.

    Parameters
    ----------
    fit : Pooled
    data : DataFrame or None
        The rows that went into the fit, in the same order.
    beside : collection of str
        Columns that stand beside the labels and need not be repeated in them.

    Raises
    ------
    DataError
        If the rows of `data` are not those of the fit.
    """
    if data is not None:
        _check_rows(fit, data)
    if data is None or "label" not in data:
        return [clean(label) for label in fit.labels]
    labels = data["label"].astype(str)
    told = labels
    for column, link in (("arm", ": "), ("comparator", " v ")):
        if column in data and column not in beside:
            differ = data[column].groupby(labels).transform("nunique") > 1
            told = told.where(~differ, told + link + data[column].astype(str))
    return [clean(label) for label in told]


def _cells(
    data: pd.DataFrame | None, columns: Sequence[str] | Mapping[str, str] | None
) -> tuple[list[TextColumn], pd.DataFrame]:
    table = pd.DataFrame() if data is None else data.reset_index(drop=True)
    if columns is None:
        headings = {name: heading for name, heading in GROUP_SIZES.items() if name in table}
    else:
        headings = dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}
    missing = [name for name in headings if name not in table]
    if missing:
        raise DataError(
            f"No column '{missing[0]}' to print beside the studies: `data` has {list(table.columns)}."
        )
    cells = table[list(headings)]
    shown = [
        TextColumn(clean_heading, "right" if pd.api.types.is_numeric_dtype(cells[name]) else "left")
        for name, clean_heading in headings.items()
    ]
    return shown, cells


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    """Write counts as whole numbers, unless a shared arm was split into fractions."""
    texts = []
    for value in values:
        if isinstance(value, int | float | np.number):
            texts.append(number(float(value), 0 if round(float(value), 1).is_integer() else 1))
        else:
            texts.append("" if value is None or value is pd.NA else clean(value))
    return tuple(texts)
