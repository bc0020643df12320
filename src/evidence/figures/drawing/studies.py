"""The studies of a forest plot, with labels that tell them apart and the values printed beside them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.figures.drawing.layout import Row, TextColumn
from evidence.figures.drawing.notes import source_notes
from evidence.figures.drawing.reported import Count, Share, reported_columns, reported_of
from evidence.figures.drawing.text import clean
from evidence.models.on_scale import OnScale, read_fit
from evidence.wording import number

__all__ = ["DrawnStudies", "question_rows", "read_studies", "study_labels"]

GROUPS = ("Intervention", "Comparator")
GROUP_SIZES = ("n_arm", "n_comparator")
DIVIDED = "Fractions of people: a group is divided among the comparisons that share it."


@dataclass(frozen=True, slots=True)
class DrawnStudies:
    """The studies of a fit with all that is printed beside them, in the order of the fit.

    Attributes
    ----------
    read : OnScale
        Effects, intervals and weights as they are drawn.
    labels : list of str
    columns : list of TextColumn
    cells : DataFrame
        What the columns show, one row a study.
    letters : list of str
        Letters of the notes that belong to each study.
    legend : list of (str, str)
        Every letter with its meaning.
    """

    read: OnScale
    labels: list[str]
    columns: list[TextColumn]
    cells: pd.DataFrame
    letters: list[str]
    legend: list[tuple[str, str]]

    def interval(self, i: int) -> tuple[float, float, float]:
        """Effect and confidence interval of study `i` as drawn."""
        return float(self.read.effect[i]), float(self.read.low[i]), float(self.read.high[i])

    @property
    def typical_half_width(self) -> float:
        """Half the width of the median study's interval."""
        widths = (self.read.high - self.read.low)[~np.isnan(self.read.effect)]
        return float(np.median(widths)) / 2 if widths.size else math.nan

    @property
    def areas(self) -> np.ndarray:
        """Areas of the marks as shares of the largest: weights, or precisions where a model has no weights."""
        weights = self.read.weights
        if np.isnan(weights).all():
            with np.errstate(divide="ignore"):
                weights = 1 / np.square(self.read.high - self.read.low)
        weights = np.nan_to_num(np.maximum(weights, 0.0), nan=0.0, posinf=0.0)
        return weights / (float(np.max(weights, initial=0.0)) or 1.0)

    def row(self, i: int) -> Row:
        """Row of study `i`, its mark as large as its weight."""
        return Row(
            "study",
            self.labels[i],
            cells=_texts(self.cells[name].iloc[i] for name in self.cells),
            interval=self.interval(i),
            weight=float(self.read.weights[i]),
            area=float(self.areas[i]),
            notes=self.letters[i],
        )

    def totals(self, members: Sequence[int]) -> tuple[str, ...]:
        """Sizes and events summed over some studies, in whole people; other columns stay empty."""
        sums = {name: _total(self.cells[name].iloc[list(members)]) for name in self.cells}
        return _texts(
            total.rounded() if name in GROUP_SIZES and isinstance(total, Count) else total
            for name, total in sums.items()
        )

    @property
    def divided(self) -> str:
        """Why some sizes of groups are no whole numbers; empty where all are."""
        sizes = (one for name in GROUP_SIZES if name in self.cells for one in self.cells[name])
        return DIVIDED if any(isinstance(one, Count) and not one.whole for one in sizes) else ""

    def order(self, sort: str | None, data: pd.DataFrame | None) -> list[int]:
        """Places of the studies, sorted by `effect`, `weight` (heaviest first), `label` or a column.

        Raises
        ------
        DataError
            If there is nothing of that name to sort by.
        """
        if sort is None:
            return list(range(len(self.labels)))
        key: pd.Series[Any]
        if sort == "effect":
            key = pd.Series(self.read.effect)
        elif sort == "weight":
            key = -pd.Series(self.read.weights)
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
    fit: Any,
    data: pd.DataFrame | None,
    columns: Sequence[str] | Mapping[str, str] | None,
    *,
    read: OnScale | None = None,
    groups: tuple[str, str] = GROUPS,
) -> DrawnStudies:
    """Bring together the studies of a fit and the rows they came from.

    Parameters
    ----------
    fit : a fit of any class
    data : DataFrame or None
        The rows that went into the fit, in the same order.
    columns : sequence of str, mapping of str to str, or None
        Columns to print, with their headings; by default the group sizes, or what the studies reported.
    read : OnScale, optional
        The fit on the scale on which it is drawn; by default that of its analysis.
    groups : (str, str)
        Names of the groups.

    Raises
    ------
    DataError
        If the rows are not those of the fit, or a column is missing.
    """
    labels = study_labels(fit, data, beside=columns or ())
    shown, cells = _cells(fit, data, columns, groups)
    letters, legend = source_notes(data, len(labels))
    return DrawnStudies(read_fit(fit) if read is None else read, labels, shown, cells, letters, legend)


def _check_rows(fit: Any, data: pd.DataFrame) -> None:
    k = len(fit.labels)
    if len(data) != k:
        raise DataError(
            f"The table has {len(data)} rows, the fit {k} studies: give the rows that went into the fit."
        )
    effect = getattr(fit, "effect", None)
    if (
        "effect" in data
        and effect is not None
        and not np.array_equal(data["effect"].to_numpy(dtype=float), effect, equal_nan=True)
    ):
        raise DataError(
            "The effects of the table are not those of the fit: give the same rows in the same order."
        )


def study_labels(fit: Any, data: pd.DataFrame | None, beside: Collection[str] = ()) -> list[str]:
    """Labels in the order of the fit; comparisons of one trial are told apart by their arms.

    Parameters
    ----------
    fit : a fit of any class
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
    fit: Any,
    data: pd.DataFrame | None,
    columns: Sequence[str] | Mapping[str, str] | None,
    groups: tuple[str, str],
) -> tuple[list[TextColumn], pd.DataFrame]:
    table = pd.DataFrame() if data is None else data.reset_index(drop=True)
    if columns is None and "comparator_arm_id" in table and (table["comparator_arm_id"] == "").all():
        table = _of_one_group(table)
    if columns is None and not set(GROUP_SIZES) & set(table):
        reported = reported_of(fit)
        found = None if reported is None else reported_columns(reported.reset_index(drop=True), groups)
        found = reported_columns(table, groups) if found is None else found
        return ([], pd.DataFrame(index=range(len(fit.labels)))) if found is None else found
    if columns is None:
        titles = zip(GROUP_SIZES, groups, strict=True)
        headings = {name: f"{title}\n(n)" for name, title in titles if name in table}
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
    sizes: dict[str, Any] = {
        name: [Count(float(n)) for n in cells[name]] for name in GROUP_SIZES if name in cells
    }
    return shown, cells.assign(**sizes)


def _of_one_group(table: pd.DataFrame) -> pd.DataFrame:
    """Columns of a review's single groups by the names of `effect_size`; those that nobody reports are left out."""
    renamed = table.drop(columns=[*GROUP_SIZES[1:], "n"], errors="ignore").rename(
        columns={"n_arm": "n", "events_arm": "events"}
    )
    silent = [name for name in ("n", "events") if name in renamed and renamed[name].isna().all()]
    return renamed.drop(columns=silent)


def _total(cells: pd.Series[Any]) -> object:
    """Sum of sizes or shares; empty for anything else."""
    first = cells.iloc[0]
    if not isinstance(first, (Count, Share)):
        return ""
    total: Any = first
    for cell in cells.iloc[1:]:
        total = total + cell
    return total


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    """Write counts as whole numbers, unless a shared arm was split into fractions."""
    texts = []
    for value in values:
        if isinstance(value, int | float | np.number):
            texts.append(number(float(value), 0 if round(float(value), 1).is_integer() else 1))
        else:
            texts.append("" if value is None or value is pd.NA else clean(value))
    return tuple(texts)


def question_rows(data: pd.DataFrame, by: str, *needed: str) -> pd.DataFrame:
    """Read what figures of studies by question show: question, label (empty if there is none) and n (NaN likewise).

    Raises
    ------
    DataError
        If a column is missing, or there is no row.
    """
    for name in (by, *needed):
        if name not in data.columns:
            raise DataError(
                f"the table has no column {name!r}; its columns are {', '.join(map(str, data.columns))}."
            )
    if data.empty:
        raise DataError("the table has no rows, so there is nothing to draw.")
    return pd.DataFrame(
        {
            "question": data[by].astype(str).to_numpy(),
            "label": (data["label"] if "label" in data else pd.Series("", data.index)).astype(str).to_numpy(),
            "n": pd.to_numeric(data["n"], errors="coerce").to_numpy(float) if "n" in data else np.nan,
        }
    )
