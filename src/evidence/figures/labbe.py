"""L'Abbé plots: the risk in one group against that in the other, study by study."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale
from evidence.figures.drawing.plot import BELOW, add_plot, dots, left_margin, page, plot_width
from evidence.figures.drawing.reported import reported_of
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import GROUPS, read_studies
from evidence.figures.drawing.style import GREY, HAIRLINE, MARGIN, VERMILLION, style
from evidence.measures import measure_of
from evidence.models.core.studies import Floats
from evidence.wording import counted, number

__all__ = ["labbe"]

SIDE = plot_width() - 2 * MARGIN - 40.0
LARGEST, SMALLEST = 13.0, 2.5  # points


@redrawable
@takes("Pooled", "MantelHaenszel", "Peto", "BinomialNormal")
def labbe(
    fit: Any,
    *,
    data: pd.DataFrame | None = None,
    groups: tuple[str, str] = GROUPS,
    labels: bool = False,
    title: str | None = None,
) -> EvidenceFigure:
    """Draw a L'Abbé plot: each study a circle at its two risks, as large as its weight or precision.

    On the grey diagonal the risks are equal. The coloured line has the pooled risk ratio, odds ratio or risk
    difference throughout: circles that follow it show one effect at every risk.

    Parameters
    ----------
    fit : MantelHaenszel, Peto, BinomialNormal or Pooled
        A fit of events in two groups: by `mantel_haenszel`, `peto`, `glmm`, or by `pool` of
        ``effect_size("RR", ..., data=...)``, which knows the events.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; events1, n1, events2, n2 are read from it where the fit
        does not know them, and `label` where present.
    groups : (str, str)
        Names of the groups; the second is on the horizontal axis.
    labels : bool
        Name every study, where there is room.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study: label, events, sizes and risks of both groups, and weight (percent).

    Raises
    ------
    DataError
        If the events of the studies are not known, or the measure is none of OR, PETO, RR and RD.

    References
    ----------
    .. [1] L'Abbé, Detsky & O'Rourke (1987), Ann Intern Med 107(2), 224-233.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.labbe(fit)
    """
    code = getattr(fit, "measure", "")
    if code not in ("OR", "PETO", "RR", "RD"):
        raise DataError(
            "a L'Abbé plot is of events in two groups, with measure OR, PETO, RR or RD; "
            + (f"the measure of the fit is {code}." if code else "the fit does not know its measure.")
        )
    studies = read_studies(fit, data, ())
    reported = reported_of(fit) if reported_of(fit) is not None else data
    needs = ["events1", "n1", "events2", "n2"]
    if reported is None or not set(needs) <= set(reported.columns):
        raise DataError(
            "the fit does not know the events of its studies; pool effect_size(..., data=...), or give data= with "
            f"the columns {', '.join(needs)}."
        )
    counts = {name: reported[name].to_numpy(dtype=float) for name in needs}
    first, second = counts["events1"] / counts["n1"], counts["events2"] / counts["n2"]
    known = ~(np.isnan(first) | np.isnan(second))
    if not known.any():
        raise DataError("no study has the events and sizes of both groups.")
    highest = float(np.max(np.r_[first[known], second[known]]))
    end = 1.0 if highest > 0.5 else min(1.0, 1.15 * highest or 1.0)
    x = y = make_axis((0.0, end), SIDE, ratio=False)
    scale = choose_scale(studies.typical_half_width, code, None, None)
    measure = measure_of(code)
    left = left_margin(y)
    side = plot_width() - left - 2 * MARGIN
    curve = np.linspace(0.0, end, 401)
    line = _line(curve, code, fit.estimate)
    inside = (line >= 0.0) & (line <= end)
    size_of = "precisions" if np.isnan(studies.read.weights).all() else "weights"
    caption = (
        f"{counted(int(known.sum()), 'study', 'studies')}; circles as large as their {size_of}. Coloured line: "
        f"{measure.name} {pooled_text(fit, scale)} at every risk. Grey line: equal risks."
    )
    with style():
        figure, top = page(side + BELOW, title=title, caption=caption)
        axes = add_plot(figure, (left, top, side, side), x, y, f"Risk, {groups[1]}", f"Risk, {groups[0]}")
        axes.plot([0, end], [0, end], color=GREY, linewidth=HAIRLINE, zorder=1)
        axes.plot(curve[inside], line[inside], color=VERMILLION, linewidth=1.2, zorder=2)
        for i in np.flatnonzero(known):
            size = max(LARGEST * math.sqrt(float(studies.areas[i])), SMALLEST)
            dots(axes, [second[i]], [first[i]], markersize=size, alpha=0.75)
        if labels:
            names = [label for label, shown in zip(studies.labels, known, strict=True) if shown]
            place_labels(axes, second[known], first[known], names)
    figure.numbers = pd.DataFrame(
        {
            "label": studies.labels,
            **counts,
            "risk1": first,
            "risk2": second,
            "weight": studies.read.weights,
        }
    )
    figure.kind = "L'Abbé plot"
    lower = int(np.sum(first[known] < second[known]))
    figure.alt_text = (
        f"L'Abbé plot of {counted(int(known.sum()), 'study', 'studies')}. {measure.name}, pooled: "
        f"{pooled_text(fit, scale)}. Risks of {groups[1]} run from {number(float(second[known].min()), 3)} to "
        f"{number(float(second[known].max()), 3)}, of {groups[0]} from {number(float(first[known].min()), 3)} to "
        f"{number(float(first[known].max()), 3)}. Studies with a lower risk in {groups[0]}: {lower}."
    )
    return figure


def _line(risk: Floats, code: str, estimate: float) -> Floats:
    """Risk in the first group that the pooled effect makes of a risk in the second."""
    if code == "RD":
        return risk + estimate
    if code == "RR":
        return risk * math.exp(estimate)
    odds = math.exp(estimate) * risk
    return odds / (1.0 - risk + odds)
