"""Forests of pooled estimates: one row for every time that the studies were pooled again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evidence.figures.axis import Scale, range_of
from evidence.figures.canvas import EvidenceFigure
from evidence.figures.layout import Block, Column, Row
from evidence.figures.measure import choose_scale, measure_code, measure_name
from evidence.figures.rows import draw
from evidence.figures.sentences import heterogeneity_line, interval_name, model_line
from evidence.figures.text import clean, significant
from evidence.wording import number, p_value

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["draw_refits", "refit_scale"]

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
    headings = [Column(name, "right") for name in columns]
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
        "P": "" if np.isnan(p) else p_value(p).removeprefix("P ").removeprefix("= "),
    }
    return tuple(texts[name] for name in columns)
