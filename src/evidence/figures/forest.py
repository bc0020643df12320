"""Forest plots: studies with intervals and weights, subgroups, pooled estimate, prediction interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.layout import Block, Row
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import (
    between_groups_line,
    heterogeneity_line,
    interval_name,
    model_line,
    pooled_text,
)
from evidence.figures.drawing.studies import DrawnStudies, read_studies
from evidence.figures.drawing.text import clean

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled
    from evidence.models.regression.subgroups import Subgroups

__all__ = ["forest"]


def forest(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    subgroups: Subgroups | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    reference: float | None = 0.0,
    title: str | None = None,
    columns: Sequence[str] | Mapping[str, str] | None = None,
    sort: str | None = None,
    show_prediction: bool = True,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw a forest plot of a pooled result.

    The area of a square is proportional to the study's weight; a diamond spans the confidence interval of a
    pooled estimate; the bar under it is the prediction interval. An arrow marks an interval that goes on
    beyond the axis.

    Parameters
    ----------
    fit : Pooled
        The pooled result; its `effect`, `variance`, `labels` and `weights` are the studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order. Used where present: `label`, `n_arm`,
        `n_comparator`, `measure`, and for notes under the plot `adjusted`, `form`, `assumptions`.
    subgroups : Subgroups, optional
        The same studies, pooled by group.
    measure_label : str, optional
        Heading of the axis, or a code such as `SMD`; by default from the column `measure`.
    favours : (str, str), optional
        What lies below and above the reference.
    transform : {"exp", "identity"}, optional
        `exp` shows effects on the log scale as ratios; by default so for ratio measures.
    reference : float, optional
        The value of no difference on the analysis scale (0 also for log ratios).
    title : str, optional
    columns : sequence of str or mapping of str to str, optional
        Columns of `data` to print beside the labels, with their headings; by default the group sizes.
    sort : str, optional
        `effect`, `weight`, `label` or a column of `data`; by default the order of the fit.
    show_prediction : bool
        Whether to show prediction intervals, where there are any.
    xlim : (float, float), optional
        Range of the axis on the shown scale; chosen from the data by default.
    digits : int, optional
        Decimals of effects; by default 2, or 1 for measures in units with wide intervals.
    notes : sequence of str
        Further lines under the plot, such as sources.

    Returns
    -------
    EvidenceFigure
        With `numbers` (one row for each study and pooled result, on the shown scale) and `alt_text`.

    Raises
    ------
    DataError
        If `data` or `subgroups` do not belong to the fit, a column is missing, or the range is not usable.
    """
    studies = read_studies(fit, data, columns)
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    order = studies.order(sort, data)
    groups = {} if subgroups is None else subgroups.groups
    members = {} if subgroups is None else _members(fit, subgroups, order)

    rows: list[Row] = []
    for name, group in groups.items():
        inside = members[name]
        weight = float(np.sum(fit.weights[inside]))
        rows += [Row("heading", clean(name)), *(studies.row(i) for i in inside)]
        rows += _summary("subtotal", group, studies.totals(inside), weight, show_prediction)
        rows += [Row("note", heterogeneity_line(group)), Row("gap")]
    if not groups:
        rows += [*(studies.row(i) for i in order), Row("gap")]
    rows += _summary("pooled", fit, studies.totals(order), 100.0, show_prediction)

    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=_limits(rows, reference) if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code),
        interval_heading=f"{code or 'Estimate'} ({interval_name(fit.level)})",
        reference=reference,
        favours=favours,
        centre=fit.estimate,
    )
    lines = [model_line(fit), heterogeneity_line(fit)]
    if subgroups is not None:
        lines.append(between_groups_line(subgroups))
    footer = [*(("", line) for line in lines), *studies.legend, *(("", clean(note)) for note in notes)]
    figure = draw([block], studies.columns, title=title, footer=footer)
    figure.numbers = _numbers(studies, members or {"": order}, groups, scale)
    figure.kind = "forest plot"
    figure.alt_text = _describe(studies, subgroups, block)
    return figure


def _members(fit: Pooled, subgroups: Subgroups, order: Sequence[int]) -> dict[str, list[int]]:
    """Give the studies of every group in the order of the plot."""
    grouped = np.full(fit.k, False)
    for name, group in subgroups.groups.items():
        places = subgroups.rows[name]
        same = places[-1] < fit.k and all(
            np.array_equal(getattr(group, value), getattr(fit, value)[places])
            for value in ("effect", "variance")
        )
        if not same:
            raise DataError(
                f"Group '{name}' does not hold the studies of the fit: give groups and fit the same rows."
            )
        grouped[places] = True
    if not grouped.all():
        raise DataError(f"Study '{fit.labels[int(np.argmin(grouped))]}' is in the fit but in no group.")
    return {name: [i for i in order if i in places] for name, places in subgroups.rows.items()}


def _summary(
    kind: Literal["pooled", "subtotal"],
    fit: Pooled,
    cells: tuple[str, ...],
    weight: float,
    prediction: bool,
) -> list[Row]:
    label = f"{'All studies' if kind == 'pooled' else 'Subtotal'} (k = {fit.k})"
    interval = (fit.estimate, fit.ci_low, fit.ci_high)
    rows = [Row(kind, label, cells=cells, interval=interval, weight=weight)]
    if prediction and math.isfinite(fit.prediction_low):
        bounds = (math.nan, fit.prediction_low, fit.prediction_high)
        rows.append(Row("prediction", "Prediction interval", interval=bounds))
    return rows


def _limits(rows: Sequence[Row], reference: float | None) -> tuple[float, float]:
    studies = [row.interval for row in rows if row.interval is not None and row.kind == "study"]
    summaries = [row.interval for row in rows if row.interval is not None and row.kind != "study"]
    estimates, *bounds = zip(*studies, strict=True)
    return range_of(
        estimates, [*bounds[0], *bounds[1]], [value for row in summaries for value in row], reference
    )


def _numbers(
    studies: DrawnStudies, members: Mapping[str, Sequence[int]], groups: Mapping[str, Pooled], scale: Scale
) -> pd.DataFrame:
    """One row for each study and pooled result, in the order of the plot."""
    fit = studies.fit
    records: list[dict[str, object]] = []
    for name, inside in members.items():
        for i in inside:
            record = _record("study", name, studies.labels[i], studies.interval(i), scale)
            record |= {"weight": float(fit.weights[i]), "effect": fit.effect[i], "variance": fit.variance[i]}
            records.append(record | {str(column): studies.cells[column].iloc[i] for column in studies.cells})
        if name in groups:
            weight = float(np.sum(fit.weights[list(inside)]))
            records.append(_pooled_record("subtotal", name, groups[name], weight, scale))
    records.append(_pooled_record("overall", "", fit, 100.0, scale))
    return pd.DataFrame.from_records(records)


def _record(
    row: str, group: str, label: str, interval: tuple[float, float, float], scale: Scale
) -> dict[str, object]:
    estimate, low, high = (scale.show(value) for value in interval)
    return {"row": row, "group": group, "label": label, "estimate": estimate, "ci_low": low, "ci_high": high}


def _pooled_record(row: str, group: str, fit: Pooled, weight: float, scale: Scale) -> dict[str, object]:
    record = _record(row, group, "", (fit.estimate, fit.ci_low, fit.ci_high), scale)
    record |= {
        "prediction_low": scale.show(fit.prediction_low),
        "prediction_high": scale.show(fit.prediction_high),
    }
    record |= {name: getattr(fit, name) for name in ("k", "p_value", "tau2", "i2", "q", "q_df", "q_p")}
    return record | {"weight": weight}


def _describe(studies: DrawnStudies, subgroups: Subgroups | None, block: Block) -> str:
    """Say what the plot shows."""
    fit, scale = studies.fit, block.scale

    count = "1 study" if fit.k == 1 else f"{fit.k} studies"
    effects = [scale.text(value) for value in (np.min(fit.effect), np.max(fit.effect))]
    sentences = [
        f"Forest plot of {count}. {block.measure}, pooled: {pooled_text(fit, scale)}.",
        f"Estimates of single studies run from {effects[0]} to {effects[1]}." if fit.k > 1 else "",
    ]
    if block.reference is not None and block.favours is not None:
        below, above = block.favours
        sentences.append(f"Values below {scale.show(block.reference):g}: {below}; above: {above}.")
    if math.isfinite(fit.prediction_low):
        bounds = (scale.text(fit.prediction_low), scale.text(fit.prediction_high))
        sentences.append(f"Prediction interval {bounds[0]} to {bounds[1]}.")
    if subgroups is not None:
        groups = (
            f"{name}: {pooled_text(group, scale)}, k = {group.k}" for name, group in subgroups.groups.items()
        )
        sentences += ["; ".join(groups) + ".", between_groups_line(subgroups) + "."]
    sentences.append(heterogeneity_line(fit) + ".")
    return " ".join(sentence for sentence in sentences if sentence)
