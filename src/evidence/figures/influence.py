"""Influence of single studies: eight measures side by side, one row a study."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import chdtri, ndtri

from evidence.diagnostics.influence import influence as measures
from evidence.errors import takes
from evidence.figures.drawing.axis import Axis, make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import add_plot, dots, padded, page
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.style import (
    BLUE,
    BODY,
    FAINT,
    GREY,
    HAIRLINE,
    INK,
    MARGIN,
    ORANGE,
    SMALL,
    page_width,
    style,
)
from evidence.figures.drawing.text import text_width, wrap
from evidence.models.core.studies import Floats
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.diagnostics.influence import Influence
    from evidence.models.pooled import Pooled

__all__ = ["influence"]

LABEL_WIDEST, GAP, LINE, HEADER, TICKS = 120.0, 9.0, 9.0, 24.0, 24.0
FLAGGED = "#FBEFD6"


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure: its heading, values, the line from which it is counted, and limits beyond which it stands out."""

    heading: str
    value: Floats
    origin: float
    limits: tuple[float, ...] = ()


@redrawable
@takes("Pooled")
def influence(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw how far each study lies from the others and what leaving it out changes.

    Grey lines are what all studies together give, or zero; dashed lines are the limits of
    `evidence.diagnostics.influence` and, for residuals, the normal quantiles at the level of the fit. A study
    that passes a limit of DFFITS, DFBETAS, Cook's distance or weight is influential and coloured.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    measure_label, transform, title, digits
        As for `forest`; they serve the caption.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study and one column a measure.

    Raises
    ------
    ModelError
        With one study.

    References
    ----------
    Viechtbauer W, Cheung MW-L (2010). Res Synth Methods 1(2), 112-125.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.influence(fit)
    """
    studies, result = read_studies(fit, data, ()), measures(fit)
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    weights = np.where(result.influential, "bold", "normal")
    longest = max(text_width(n, BODY, w) for n, w in zip(studies.labels, weights, strict=True))
    room = max(min(longest, LABEL_WIDEST), text_width("Study", BODY, "bold"))
    labels = [wrap(name, room, BODY, weight) for name, weight in zip(studies.labels, weights, strict=True)]
    heights = np.array([LINE * len(lines) + 3 for lines in labels])
    middles = np.cumsum(heights) - heights / 2
    body = float(heights.sum())
    panels = _panels(fit, result)
    left = MARGIN + room + GAP
    width = (page_width() - MARGIN - left) / len(panels) - GAP
    flagged = [name for name, flag in zip(studies.labels, result.influential, strict=True) if flag]
    caption = (
        f"{fit.k} studies; pooled estimate {pooled_text(fit, scale)}, {fit.method}. Grey lines: value with all "
        "studies, or no influence. Dashed lines: limits. "
        f"{'Bold and coloured: influential.' if flagged else 'No study is influential.'}"
    )
    with style():
        figure, top = page(HEADER + body + TICKS, title=title, caption=caption, width=page_width())
        figure.write(MARGIN, top + HEADER - 6, "Study", weight="bold")
        backs = figure.add_axes((0, 0, 1, 1), zorder=-1)
        backs.set(xlim=(0, page_width()), ylim=(figure.get_figheight() * 72, 0))
        backs.axis("off")
        backs.plot([MARGIN, page_width() - MARGIN], [top + HEADER - 1] * 2, color=INK, linewidth=1.0)
        for i, lines in enumerate(labels):
            middle = top + HEADER + middles[i]
            if result.influential[i]:
                edges = (middle - heights[i] / 2, middle + heights[i] / 2)
                backs.fill_between(
                    [MARGIN - 3, page_width() - MARGIN + 3], *edges, color=FLAGGED, linewidth=0
                )
            for down, line in enumerate(lines):
                base = middle + 0.36 * BODY + LINE * (down - (len(lines) - 1) / 2)
                figure.write(MARGIN, base, line, weight=weights[i])
        for count, panel in enumerate(panels):
            place = left + count * (width + GAP) + GAP / 2
            x = _axis(padded(panel.value, [panel.origin, *panel.limits], room=0.12), width)
            axes = add_plot(figure, (place, top + HEADER, width, body), x, None)
            axes.set_ylim(body, 0)
            for up, line in enumerate(reversed(panel.heading.split("\n"))):
                figure.write(place + width / 2, top + HEADER - 5 - 8.4 * up, line, size=SMALL, ha="center")
            axes.axvline(panel.origin, color=GREY, linewidth=HAIRLINE, zorder=1)
            for limit in panel.limits:
                axes.axvline(limit, color=INK, linewidth=0.7, linestyle=(0, (3, 2)), zorder=1)
            axes.hlines(middles, panel.origin, panel.value, color=FAINT, linewidth=1.0, zorder=2)
            for chosen, colour in ((~result.influential, BLUE), (result.influential, ORANGE)):
                dots(axes, panel.value[chosen], middles[chosen], color=colour, markersize=4.5)
    figure.numbers = result.to_frame().assign(label=studies.labels)
    strongest = int(np.argmax(np.nan_to_num(result.cook)))
    cook = f"{number(float(result.cook[strongest]))} ({studies.labels[strongest]})"
    if np.isnan(result.cook).all():
        cook = "not defined"
    figure.kind = "influence plot"
    figure.alt_text = (
        f"Influence plot of {fit.k} studies. {measure_name(measure_label, code)}, pooled: "
        f"{pooled_text(fit, scale)}. Largest Cook's distance: {cook}. "
        f"Influential: {', '.join(flagged) or 'none'}."
    )
    return figure


def _panels(fit: Pooled, result: Influence) -> list[Panel]:
    z, dffits = float(ndtri(0.5 + fit.level / 2)), 3 / math.sqrt(fit.k - 1)
    return [
        Panel("Studentised\nresidual", result.studentised, 0.0, (-z, z)),
        Panel("DFFITS", result.dffits, 0.0, (-dffits, dffits)),
        Panel("DFBETAS", result.dfbetas, 0.0, (-1.0, 1.0)),
        Panel("Cook's\ndistance", result.cook, 0.0, (float(chdtri(1.0, 0.5)),)),
        Panel("Covariance\nratio", result.covariance_ratio, 1.0),
        Panel("τ² without\nthe study", result.tau2_deleted, fit.tau2),
        Panel("Q without\nthe study", result.q_deleted, fit.q),
        Panel("Weight, %\n(100 × hat)", result.weights, 0.0, (300.0 / fit.k,)),
    ]


def _axis(limits: tuple[float, float], width: float) -> Axis:
    """Axis of a narrow panel: two ticks or more that stay over it, if there are such."""
    plain, fine = make_axis(limits, width, ratio=False), make_axis(limits, 8 * width, ratio=False)
    labels = {tick: _short(tick, label) for tick, label in zip(fine.ticks, fine.labels, strict=True)}
    pairs = sorted(combinations(fine.ticks, 2), key=lambda pair: pair[0] - pair[1])
    for axis in (
        plain,
        *(replace(fine, ticks=pair, labels=tuple(labels[tick] for tick in pair)) for pair in pairs),
    ):
        halves = [text_width(label, SMALL) / 2 for label in axis.labels]
        places = [axis.share(tick) * width for tick in axis.ticks]
        starts = [place - half for place, half in zip(places, halves, strict=True)]
        ends = [place + half for place, half in zip(places, halves, strict=True)]
        apart = all(end + 3 <= start for end, start in zip(ends, starts[1:], strict=False))
        if len(places) > 1 and apart and starts[0] > -2 and ends[-1] < width + 2:
            return axis
    return replace(plain, ticks=(), labels=())


def _short(tick: float, label: str) -> str:
    """Write a number that is too long for a narrow panel with a power of ten."""
    return (
        label
        if len(label) <= 6
        else f"{tick:.2g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-").replace("-", "−")
    )
