"""Shrinkage forests: what each study says once it borrows strength from the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import pandas as pd
from scipy.special import ndtri

from evidence.errors import takes
from evidence.figures.drawing.axis import range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.layout import Block, Row, TextColumn
from evidence.figures.drawing.measure import measure_code, measure_name
from evidence.figures.drawing.rows import draw
from evidence.figures.drawing.text import clean
from evidence.figures.posterior import credible_text, posterior_scale, priors_text, tau_text
from evidence.wording import counted

if TYPE_CHECKING:
    from evidence.models.bayes.posterior import Posterior

__all__ = ["shrinkage"]


@redrawable
@takes("Posterior")
def shrinkage(
    result: Posterior,
    *,
    measure_label: str | None = None,
    favours: tuple[str, str] | None = ("favours intervention", "favours comparator"),
    transform: Literal["exp", "identity"] | None = None,
    reference: float | None = 0.0,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw the posterior of each study's true effect before its own estimate.

    Squares and lines are posterior medians and shortest credible intervals of the true effects; the pale bar
    behind is the study's own confidence interval.

    Parameters
    ----------
    result : Posterior
    measure_label, favours, transform, reference, title, xlim, digits, notes
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study, then the mean effect and the effect in a new study: row, label, effect
        as reported, median, low and high, on the shown scale.

    Raises
    ------
    DataError
        If the range of the axis is not usable.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> result = ev.bayes(effect, variance, tau_prior=ev.priors.half_normal(0.5))
    >>> figure = ev.figures.shrinkage(result)
    """
    code = measure_code(measure_label, None)
    scale = posterior_scale(result, measure_label, transform, digits)
    table = result.shrinkage.assign(label=[clean(label) for label in result.labels])
    half = float(ndtri(0.5 + result.level / 2)) * table["se"]
    table = table.assign(own_low=table["effect"] - half, own_high=table["effect"] + half)
    rows = [
        Row(
            "study",
            one["label"],
            cells=(scale.text(one["effect"]),),
            interval=(one["median"], one["low"], one["high"]),
            prediction=(one["own_low"], one["own_high"]),
            area=0.35,
        )
        for one in table.to_dict("records")
    ]
    mean = (result.estimate, result.ci_low, result.ci_high)
    new = (result.prediction.median, result.prediction_low, result.prediction_high)
    rows += [Row("gap"), Row("pooled", f"Mean effect (k = {result.k})", interval=mean)]
    rows.append(Row("prediction", "True effect in a new study", interval=new))
    bounds = [*table["low"], *table["high"], *table["own_low"], *table["own_high"]]
    limits = range_of([*table["median"], *table["effect"]], bounds, [*mean, *new], reference)
    block = Block(
        rows=tuple(rows),
        scale=scale,
        limits=limits if xlim is None else scale.limits(xlim),
        measure=measure_name(measure_label, code),
        interval_heading=f"{code or 'Median'} ({100 * result.level:.12g}% CrI)",
        reference=reference,
        favours=favours,
        centre=result.estimate,
    )
    lines = [
        "Squares: posterior medians of the true effects. Pale bars: the studies' own confidence intervals.",
        f"Bayesian random-effects model. {priors_text(result)} {tau_text(result)}.",
    ]
    footer = [("", clean(line)) for line in (*lines, *notes)]
    figure = draw([block], [TextColumn("As\nreported", "right")], title=title, footer=footer)
    extra = pd.DataFrame(
        [("mean", "", *mean), ("prediction", "", *new)], columns=["row", "label", "median", "low", "high"]
    )
    studies = table.assign(row="study")[["row", "label", "effect", "median", "low", "high"]]
    figure.numbers = pd.concat([studies, extra], ignore_index=True)
    for name in ("effect", "median", "low", "high"):
        figure.numbers[name] = [scale.show(value) for value in figure.numbers[name]]
    spans = [(scale.text(table[name].min()), scale.text(table[name].max())) for name in ("effect", "median")]
    figure.kind = "shrinkage plot"
    figure.alt_text = (
        f"Shrinkage forest plot of {counted(result.k, 'study', 'studies')}. "
        f"{measure_name(measure_label, code)}, mean effect {credible_text(*mean, scale, result.level)}. "
        f"Estimates as reported run from {spans[0][0]} to {spans[0][1]}, "
        f"posterior medians of the true effects from {spans[1][0]} to {spans[1][1]}."
    )
    return figure
