"""Cumulative forests: how the pooled estimate moved as studies were added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evidence.credibility.cumulative import cumulative as growing
from evidence.errors import DataError
from evidence.figures.canvas import EvidenceFigure
from evidence.figures.measure import measure_code, measure_name
from evidence.figures.refits import draw_refits, refit_scale
from evidence.figures.sentences import estimate_text, pooled_text
from evidence.figures.studies import read_studies
from evidence.figures.text import clean
from evidence.wording import counted

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["cumulative"]


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
