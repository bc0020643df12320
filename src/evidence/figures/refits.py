"""Forests of pooled estimates: one row for every time that the studies were pooled again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evidence.diagnostics.subsets import cumulative as growing
from evidence.diagnostics.subsets import leave_one_out as without_each
from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale, range_of
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.sentences import (
    estimate_text,
    heterogeneity_line,
    interval_name,
    model_line,
    pooled_text,
)
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.text import clean, significant
from evidence.wording import counted, number, p_number

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["cumulative", "draw_refits", "leave_one_out", "refit_scale"]


NUMBERS = ["label", "estimate", "ci_low", "ci_high", "k", "p_value", "tau2", "i2", "q"]


def refit_scale(
    fit: Pooled,
    data: pd.DataFrame | None,
    measure_label: str | None,
    transform: str | None,
    digits: int | None,
) -> Scale:
    """Scale and decimals of pooled estimates: those that suit the interval of the fit."""
    return choose_scale((fit.ci_high - fit.ci_low) / 2, measure_code(measure_label, data), transform, digits)


def draw_refits(
    fit: Pooled,
    refits: pd.DataFrame,
    *,
    scale: Scale,
    heading: str,
    data: pd.DataFrame | None,
    measure_label: str | None,
    favours: tuple[str, str] | None,
    title: str | None,
    xlim: tuple[float, float] | None,
    notes: Sequence[str],
) -> EvidenceFigure:
    """Draw one row for each fit, and the fit of all studies as a diamond below.

    Parameters
    ----------
    fit : Pooled
        All studies.
    refits : DataFrame
        One row a fit: label, k, estimate, ci_low, ci_high, p_value, tau2, i2, q.
    scale : Scale
        As from `refit_scale`.
    heading : str
        What the labels name.
    data, measure_label, favours, title, xlim
        As for `forest`.
    notes : sequence of str
        Lines under the plot.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row for each row of the plot, estimates on the shown scale; it has no `alt_text` yet.
    """
    code = measure_code(measure_label, data)
    columns = ["k"] if refits["k"].min() < refits["k"].max() else []
    columns += ["I²", "P"] if fit.method == "EE" else ["τ²", "I²", "P"]
    rows = [
        Row(
            "study",
            one["label"],
            cells=_cells(columns, one["k"], one["tau2"], one["i2"], one["p_value"]),
            interval=(one["estimate"], one["ci_low"], one["ci_high"]),
            area=0.35,
        )
        for one in refits.to_dict("records")
    ]
    whole = (fit.estimate, fit.ci_low, fit.ci_high)
    cells = _cells(columns, fit.k, fit.tau2, fit.i2, fit.p_value)
    rows += [Row("gap"), Row("pooled", f"All studies (k = {fit.k})", cells=cells, interval=whole)]
    limits = range_of(list(refits.estimate), [*refits.ci_low, *refits.ci_high], whole, 0.0)
    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=limits if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code),
        interval_heading=f"{code or 'Estimate'} ({interval_name(fit.level)})",
        favours=favours,
        centre=fit.estimate,
    )
    footer = [("", clean(line)) for line in (*notes, model_line(fit), heterogeneity_line(fit)) if line]
    headings = [TextColumn(name, "right") for name in columns]
    figure = draw([block], headings, title=title, label_heading=heading, footer=footer)
    overall = {name: getattr(fit, name, "All studies") for name in NUMBERS}
    numbers = pd.concat([refits[NUMBERS], pd.DataFrame([overall])], ignore_index=True)
    for name in ("estimate", "ci_low", "ci_high"):
        numbers[name] = [scale.show(value) for value in numbers[name]]
    figure.numbers = numbers
    return figure


def _cells(columns: Sequence[str], k: float, tau2: float, i2: float, p: float) -> tuple[str, ...]:
    """Texts of the columns; one study has no heterogeneity."""
    texts = {
        "k": number(float(k), 0),
        "τ²": "" if k < 2 else significant(float(tau2), 2),
        "I²": "" if k < 2 else f"{number(float(i2), 0)}%",
        "P": p_number(float(p)),
    }
    return tuple(texts[name] for name in columns)


def leave_one_out(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    sort: str | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the pooled estimate without each study, with the method and interval of the fit.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    sort : str, optional
        As for `forest`, by what the left-out study has; or `estimate`, by the estimate without it.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a left-out study (estimate, ci_low, ci_high on the shown scale, k, p_value, tau2,
        i2, q), the fit of all studies last.

    Raises
    ------
    ModelError
        With one study.
    """
    studies, result = read_studies(fit, data, ()), without_each(fit)
    every = result.deleted.estimate
    by_estimate = sort == "estimate"
    order = list(np.argsort(every, kind="stable")) if by_estimate else studies.order(sort, data)
    scale = refit_scale(fit, data, measure_label, transform, digits)
    figure = draw_refits(
        fit,
        result.to_frame().assign(label=studies.labels).iloc[order],
        scale=scale,
        heading="Study left out",
        data=data,
        measure_label=measure_label,
        favours=favours,
        title=title,
        xlim=xlim,
        notes=(result.note, *notes),
    )
    lowest, highest = int(np.argmin(every)), int(np.argmax(every))
    figure.kind = "leave-one-out plot"
    figure.alt_text = (
        f"Leave-one-out forest plot of {fit.k} studies. "
        f"{measure_name(measure_label, measure_code(measure_label, data))}, pooled: {pooled_text(fit, scale)}. "
        f"Without one study the estimate runs from {scale.text(float(every[lowest]))} "
        f"(without {studies.labels[lowest]}) to {scale.text(float(every[highest]))} "
        f"(without {studies.labels[highest]}). {clean(result.note)}"
    ).strip()
    return figure


def cumulative(
    fit: Pooled,
    order: Any = None,
    *,
    data: pd.DataFrame | None = None,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the pooled estimate of the first study, the first two, and so on, by the method of the fit.

    Parameters
    ----------
    fit : Pooled
    order : str or array-like, shape (k,), optional
        Column of `data`, or values, by which studies are added, ascending; by default the order of the fit.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    measure_label, favours, transform, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a step (the study added, estimate, ci_low, ci_high on the shown scale, k, p_value,
        tau2, i2, q), the fit of all studies last.

    Raises
    ------
    DataError
        If `order` names no column, does not have one value a study, or cannot be sorted.
    """
    studies = read_studies(fit, data, ())
    values, by = _order(fit, order, data)
    place = values.argsort(kind="stable")
    steps = growing(fit, values).to_frame().assign(label=[studies.labels[i] for i in place])
    scale = refit_scale(fit, data, measure_label, transform, digits)
    figure = draw_refits(
        fit,
        steps,
        scale=scale,
        heading="Study added",
        data=data,
        measure_label=measure_label,
        favours=favours,
        title=title,
        xlim=xlim,
        notes=(f"Studies are added {by}; every row pools all studies down to it.", *notes),
    )
    first = steps.iloc[0]
    figure.kind = "cumulative plot"
    figure.alt_text = (
        f"Cumulative forest plot of {counted(fit.k, 'study', 'studies')}, added {by}. "
        f"{measure_name(measure_label, measure_code(measure_label, data))}, first study ({first.label}): "
        f"{estimate_text(first.estimate, first.ci_low, first.ci_high, scale, fit.level)}; "
        f"all studies: {pooled_text(fit, scale)}. {_settled(steps)}"
    )
    return figure


def _order(fit: Pooled, order: Any, data: pd.DataFrame | None) -> tuple[pd.Series[Any], str]:
    """Values to order by, and how to say so."""
    if order is None:
        return pd.Series(range(fit.k)), "as listed"
    if not isinstance(order, str):
        return pd.Series(order).reset_index(drop=True), "in the order given"
    if data is None or order not in data:
        raise DataError(f"order='{order}' is not known: give a column of the table, or one value a study.")
    return data[order].reset_index(drop=True), f"by {clean(order).replace('_', ' ')}"


def _settled(steps: pd.DataFrame) -> str:
    """Say from which study on the interval stays on one side of no difference."""
    includes = np.flatnonzero((steps.ci_low <= 0.0) & (steps.ci_high >= 0.0))
    since = int(includes[-1]) + 1 if includes.size else 0
    if since == len(steps):
        return "The interval of all studies includes no difference."
    return f"From {steps.label.iloc[since]} on the interval excludes no difference."
