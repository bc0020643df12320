"""Pooled estimates beside each other: this review's results next to published ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import estimate_text, interval_name
from evidence.figures.drawing.text import clean
from evidence.wording import number

__all__ = ["comparison"]

REQUIRED = ("group", "label", "estimate", "ci_low", "ci_high", "kind")
KINDS: dict[str, Literal["own", "published"]] = {"this review": "own", "published": "published"}
COUNTS = {"k": "Studies\n(k)", "n": "People\n(n)"}


@redrawable
@takes("DataFrame")
def comparison(
    frame: pd.DataFrame,
    *,
    panel: str | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    reference: float | None = 0.0,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    level: float = 0.95,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Set pooled estimates of this review (filled squares) beside published ones (open circles), by group.

    Parameters
    ----------
    frame : DataFrame
        One row an estimate, in the order of the plot: `group`, `label`, `estimate`, `ci_low`, `ci_high` (on
        the analysis scale; bounds may be missing, and the estimate too where nothing could be pooled) and
        `kind` (`this review` or `published`); optional are `k`, `n`, `prediction_low`, `prediction_high`
        (a pale bar) and `measure`.
    panel : str, optional
        Column by which the plot is cut into panels with axes of their own, such as the outcome's scale.
    measure_label, favours, transform, reference, title, digits, notes
        As for `forest`. With `panel`, the measure is named by the column `measure` of its rows.
    xlim : (float, float), optional
        As for `forest`, for all panels.
    level : float
        Confidence level of the intervals.

    Returns
    -------
    EvidenceFigure
        Its `numbers` are the rows as given, with estimates on the shown scale.

    Raises
    ------
    DataError
        If the table is empty, lacks a column, has an unknown kind, or a panel would mix measures.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> results = pd.DataFrame(
    ...     {
    ...         "group": ["pain, short term"] * 2,
    ...         "label": ["this review", "an earlier review"],
    ...         "kind": ["this review", "published"],
    ...         "estimate": [-0.71, -0.67],
    ...         "ci_low": [-1.10, -0.98],
    ...         "ci_high": [-0.33, -0.36],
    ...     }
    ... )
    >>> figure = ev.figures.comparison(results)
    """
    _check(frame, panel)
    parts = {"": frame} if panel is None else {str(name): p for name, p in frame.groupby(panel, sort=False)}
    blocks, shown = [], []
    for heading, part in parts.items():
        measures = sorted(set(part["measure"].dropna())) if "measure" in part else []
        if len(measures) > 1:
            raise DataError(f"One axis cannot show {', '.join(measures)}: give panel='measure'.")
        code = measure_code(measure_label, part)
        half = float((part["ci_high"] - part["ci_low"]).median() / 2)
        scale = choose_scale(half, code, transform, digits)
        blocks.append(
            Block(
                rows=tuple(_rows(part)),
                scale=scale,
                limits=_limits(part, reference) if xlim is None else scale.limits(xlim),
                measure=measure_name(measure_label, code),
                interval_heading=f"{code or 'Estimate'} ({interval_name(level)})",
                reference=reference,
                favours=favours,
                heading=clean(heading),
            )
        )
        shown.append(_shown(part, scale))
    columns = [TextColumn(heading, "right") for name, heading in COUNTS.items() if name in frame]
    keys = "Filled square: this review. Open circle: published review."
    if "prediction_low" in frame:
        keys += " Pale bar: prediction interval."
    footer = [("", keys), *(("", clean(note)) for note in notes)]
    figure = draw(blocks, columns, title=title, label_heading="Review", footer=footer)
    figure.numbers = pd.concat(shown)
    figure.kind = "comparison of estimates"
    figure.alt_text = _describe(parts, [block.scale for block in blocks], level)
    return figure


def _check(frame: pd.DataFrame, panel: str | None) -> None:
    if frame.empty:
        raise DataError("There is no estimate to compare: the table is empty.")
    for column in (*REQUIRED, *([panel] if panel else [])):
        if column not in frame:
            raise DataError(f"The table to compare has no column '{column}'.")
    for label, kind in zip(frame["label"], frame["kind"], strict=True):
        if kind not in KINDS:
            raise DataError(f"Row '{label}' is of kind '{kind}': use {' or '.join(KINDS)}.")


def _rows(part: pd.DataFrame) -> list[Row]:
    rows: list[Row] = []
    for group, members in part.groupby("group", sort=False):
        if rows:
            rows.append(Row("gap"))
        rows.append(Row("heading", clean(group)))
        for record in members.to_dict("records"):
            missing = math.isnan(record["estimate"])
            row = Row(
                KINDS[record["kind"]],
                clean(record["label"]) + (" (not pooled)" if missing else ""),
                cells=tuple(_count(record[name]) for name in COUNTS if name in part),
                interval=None if missing else (record["estimate"], record["ci_low"], record["ci_high"]),
                prediction=(record.get("prediction_low", math.nan), record.get("prediction_high", math.nan)),
                area=0.6,
            )
            rows.append(row)
    return rows


def _count(value: Any) -> str:
    return "" if pd.isna(value) else number(float(value), 0)


def _limits(part: pd.DataFrame, reference: float | None) -> tuple[float, float]:
    estimates, bounds = list(part["estimate"]), [*part["ci_low"], *part["ci_high"]]
    names = [name for name in ("prediction_low", "prediction_high") if name in part]
    predictions = [value for name in names for value in part[name]]
    return range_of(estimates, bounds if np.isfinite(bounds).any() else estimates, predictions, reference)


def _shown(part: pd.DataFrame, scale: Scale) -> pd.DataFrame:
    names = [n for n in ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high") if n in part]
    return part.assign(**{name: [scale.show(float(value)) for value in part[name]] for name in names})


def _describe(parts: dict[str, pd.DataFrame], scales: Sequence[Scale], level: float) -> str:
    count = sum(len(part) for part in parts.values())
    sentences = [f"Comparison of {count} pooled estimates."]
    for (heading, part), scale in zip(parts.items(), scales, strict=True):
        for group, members in part.groupby("group", sort=False):
            rows = members[["label", "estimate", "ci_low", "ci_high"]].itertuples(index=False, name=None)
            texts = (f"{row[0]} {estimate_text(row[1], row[2], row[3], scale, level)}" for row in rows)
            sentences.append(f"{f'{heading}, ' if heading else ''}{group}: {'; '.join(texts)}.")
    return " ".join(sentences)
