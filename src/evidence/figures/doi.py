"""Doi plots: effects against their place in the weighted order of studies, with the LFK index of asymmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from evidence.diagnostics.coordinates import doi_plot
from evidence.errors import takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, add_plot, dots, left_margin, padded, page, plot_width
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.style import GREY, HAIRLINE, MARGIN, VERMILLION, style
from evidence.results import FEW_STUDIES
from evidence.wording import capital, counted, number

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["doi"]

HEIGHT = 250.0


@redrawable
@takes("Pooled")
def doi(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    labels: bool = False,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw a Doi plot: two limbs of equal reach if small studies are not selected by their results.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies with different effects.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    labels : bool
        Name the studies where there is room.
    measure_label, transform, title, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study, by ascending effect: label, effect on the shown scale, z, and its
        absolute value, which the plot shows.

    Raises
    ------
    ModelError
        With one study, or if all effects are equal.

    References
    ----------
    Furuya-Kanamori L, Barendregt JJ, Doi SAR (2018). Int J Evid Based Healthc 16(4), 195-203.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.doi(fit)
    """
    studies, points = read_studies(fit, data, ()), doi_plot(fit)
    order = np.lexsort((fit.variance, fit.effect))
    names = [studies.labels[i] for i in order]
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    depth = np.abs(points.z)
    tip = float(points.effect[np.argmin(depth)])
    y = make_axis((0.0, padded([0.0], depth)[1]), HEIGHT, ratio=False)
    left = left_margin(y)
    width = plot_width() - MARGIN - left
    x = make_axis(padded(points.effect), width, ratio=scale.ratio)
    measure = measure_name(measure_label, code)
    lfk = f"LFK index {number(points.lfk)} ({points.interpretation})"
    if fit.k < FEW_STUDIES:  # an index of so few says nothing that should be read
        lfk = f"the LFK index is not told for fewer than {FEW_STUDIES} studies, which cannot show asymmetry"
    caption = (
        f"{counted(fit.k, 'study', 'studies')}; {lfk}. Coloured line: pooled estimate {pooled_text(fit, scale)}, "
        f"{fit.method}. Dotted line: tip of the plot, {scale.text(tip)}."
        + (f" {points.note}" if fit.k >= FEW_STUDIES else "")
    )
    with style():
        figure, top = page(HEIGHT + BELOW, title=title, caption=caption)
        axes = add_plot(
            figure, (left, top, width, HEIGHT), x, y, measure, "Absolute normal quantile of the rank"
        )
        axes.invert_yaxis()
        axes.axvline(fit.estimate, color=VERMILLION, linewidth=1.0, zorder=1)
        axes.axvline(tip, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
        axes.plot(points.effect, depth, color=GREY, linewidth=HAIRLINE, zorder=2)
        dots(axes, points.effect, depth)
        if labels:
            place_labels(axes, points.effect, depth, names)
    figure.numbers = pd.DataFrame(
        {
            "label": names,
            "estimate": [scale.show(value) for value in points.effect],
            "z": points.z,
            "abs_z": depth,
        }
    )
    figure.kind = "Doi plot"
    figure.alt_text = (
        f"Doi plot of {counted(fit.k, 'study', 'studies')}. {measure}, pooled: {pooled_text(fit, scale)}. "
        f"{capital(lfk)}. Effects run from {scale.text(float(points.effect[0]))} to "
        f"{scale.text(float(points.effect[-1]))}, "
        f"the tip lies at {scale.text(tip)}."
    )
    return figure
