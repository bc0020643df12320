"""Leave-one-out forests: the pooled estimate without each study in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from evidence.credibility.leave_one_out import leave_one_out as without_each
from evidence.figures.canvas import EvidenceFigure
from evidence.figures.measure import measure_code, measure_name
from evidence.figures.refits import draw_refits, refit_scale
from evidence.figures.sentences import pooled_text
from evidence.figures.studies import read_studies
from evidence.figures.text import clean

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["leave_one_out"]


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
    figure.alt_text = (
        f"Leave-one-out forest plot of {fit.k} studies. "
        f"{measure_name(measure_label, measure_code(measure_label, data))}, pooled: {pooled_text(fit, scale)}. "
        f"Without one study the estimate runs from {scale.text(float(every[lowest]))} "
        f"(without {studies.labels[lowest]}) to {scale.text(float(every[highest]))} "
        f"(without {studies.labels[highest]}). {clean(result.note)}"
    ).strip()
    return figure
