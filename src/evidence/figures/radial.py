"""Radial (Galbraith) plots: precise studies far from the origin, effects as slopes read off an arc."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from evidence.diagnostics.coordinates import radial as coordinates
from evidence.errors import takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.labels import place_labels
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import BELOW, add_plot, dots, page, plot_width
from evidence.figures.drawing.sentences import pooled_text
from evidence.figures.drawing.studies import read_studies
from evidence.figures.drawing.style import GREY, HAIRLINE, INK, LINE, MARGIN, ORANGE, SMALL, VERMILLION, style
from evidence.figures.drawing.text import text_width
from evidence.models.core.studies import Floats
from evidence.wording import counted, number

if TYPE_CHECKING:
    from evidence.models.pooled import Pooled

__all__ = ["radial"]

HEIGHT = 290.0
NEAREST = 9.0  # points between two marks of the arc, one above the other
BAND = "#F6E3D8"


@dataclass(frozen=True, slots=True)
class Fan:
    """Where things stand on the page: the origin of the slopes, points for each unit, and the arc's radius.

    All in points, `up` and `down` from the origin to the ends of the vertical axis.
    """

    across: float
    upward: float
    radius: float
    up: float
    down: float

    def arc(self, effect: float, beyond: float = 0.0) -> tuple[float, float]:
        """Place on the arc, in data units, to which the slope `effect` leads; `beyond` points further out."""
        angle = math.atan2(effect * self.upward, self.across)
        reach = self.radius + beyond
        return reach * math.cos(angle) / self.across, reach * math.sin(angle) / self.upward


@redrawable
@takes("Pooled")
def radial(
    fit: Pooled,
    *,
    data: pd.DataFrame | None = None,
    labels: bool | Literal["outside"] = "outside",
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw a radial plot: each study's effect divided by its error, against its precision.

    A line from the origin through a study meets the arc at the study's effect. Studies of one effect scatter
    about the line of the pooled estimate with the same vertical spread, whatever their size; the band holds
    the share `fit.level` of them.

    Parameters
    ----------
    fit : Pooled
        Its tau2 joins the variances, so that the band allows for heterogeneity.
    data : DataFrame, optional
        The rows that went into the fit, in the same order; `label` and `measure` are used where present.
    labels : bool or "outside"
        Name every study, or those outside the band, where there is room.
    measure_label, transform, title, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a study: label, effect on the shown scale, x (precision), z (effect times
        precision on the analysis scale), and whether it lies outside the band.

    References
    ----------
    Galbraith RF (1988). Technometrics 30(3), 271-281.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> figure = ev.figures.radial(fit)
    """
    studies, points = read_studies(fit, data, ()), coordinates(fit)
    code = measure_code(measure_label, data)
    scale = choose_scale(studies.typical_half_width, code, transform, digits)
    outside = np.abs(points.z - points.estimate * points.x) > points.critical
    limits = range_of(list(fit.effect), list(fit.effect), (fit.ci_low, fit.ci_high), 0.0)
    far = float(points.x.max())
    centre = points.estimate * far
    edges = [points.z.min(), points.z.max(), -points.critical, points.critical]
    edges += [centre - points.critical, centre + points.critical]

    measure = measure_name(measure_label, code)
    note = counted(int(outside.sum()), "study", "studies") + " outside the band"
    shown_as = measure.lower() if code else measure
    caption = (
        f"{counted(fit.k, 'study', 'studies')}, {note}. The arc shows effects ({shown_as}): a line from the "
        f"origin through a study leads to its own. Coloured line: pooled estimate "
        f"{pooled_text(fit, scale)}, {fit.method}, its interval thick on the arc; the band around it holds "
        f"{100 * fit.level:.12g}% of studies of one effect. Grey line: no difference."
    )
    with style():
        figure, top = page(HEIGHT + BELOW, title=title, caption=caption)
        left = MARGIN + 42.0
        ticks = make_axis(limits, HEIGHT, ratio=scale.ratio)
        room = 8 + max(text_width(label, SMALL) for label in ticks.labels)
        fan = _fan(points.x, points.z, (min(edges), max(edges)), limits, plot_width() - MARGIN - left - room)
        box = (left, top, plot_width() - MARGIN - left, HEIGHT)
        x = Axis(0.0, box[2] / fan.across, (), ())
        inner = make_axis((0.0, far), far * fan.across, ratio=False)
        y = make_axis((-fan.down / fan.upward, fan.up / fan.upward), HEIGHT, ratio=False)
        name = "Effect / standard error, √(variance + τ²)" if fit.tau2 else "Effect / standard error"
        axes = add_plot(figure, box, x, y, "", name)
        axes.set_xticks(inner.ticks, inner.labels)
        axes.spines["bottom"].set_bounds(0, far)
        figure.write(
            left + far * fan.across / 2, top + HEIGHT + 28, "Precision, 1 / standard error", ha="center"
        )
        _lines(axes, fan, far, fit, points.critical)
        taken = _arc(axes, fan, limits, fit, scale)
        for chosen, look in ((~outside, {}), (outside, {"color": ORANGE, "marker": "D", "markersize": 4.5})):
            dots(axes, points.x[chosen], points.z[chosen], **look)
        if labels:
            shown = [
                n if labels is True or out else "" for n, out in zip(studies.labels, outside, strict=True)
            ]
            # The arc and its marks count as points without names, so that no name covers them.
            x_all, z_all = np.append(points.x, taken[:, 0]), np.append(points.z, taken[:, 1])
            place_labels(axes, x_all, z_all, [*shown, *[""] * len(taken)])
    figure.numbers = pd.DataFrame(
        {
            "label": studies.labels,
            "estimate": [scale.show(value) for value in fit.effect],
            "x": points.x,
            "z": points.z,
            "outside": outside,
        }
    )
    names = [name for name, out in zip(studies.labels, outside, strict=True) if out]
    figure.kind = "radial plot"
    figure.alt_text = (
        f"Radial plot of {counted(fit.k, 'study', 'studies')}. {measure}, pooled: {pooled_text(fit, scale)}. "
        f"Precision runs from {number(float(points.x.min()))} to {number(far)}. "
        f"Studies outside the {100 * fit.level:.12g}% band: {', '.join(names) or 'none'}."
    )
    return figure


def _fan(x: Floats, z: Floats, ends: tuple[float, float], limits: tuple[float, float], radius: float) -> Fan:
    """Find the steepest slopes with which points, band and arc still fit the height, points inside the arc."""
    across = 0.86 * radius / float(x.max())

    def needs(upward: float) -> tuple[float, float, float]:
        sines = [math.sin(math.atan2(limit * upward, across)) for limit in limits]
        up = max(ends[1] * upward, radius * sines[1]) + 7
        down = max(-ends[0] * upward, -radius * sines[0]) + 7
        return up, down, float(np.hypot(x * across, z * upward).max())

    low, high = 0.0, HEIGHT / (ends[1] - ends[0])
    for _ in range(50):
        middle = 0.5 * (low + high)
        up, down, furthest = needs(middle)
        low, high = (middle, high) if up + down <= HEIGHT and furthest <= 0.95 * radius else (low, middle)
    up, down, _ = needs(low)
    spare = 0.5 * (HEIGHT - up - down)
    return Fan(across, low, radius, up + spare, down + spare)


def _lines(axes: Axes, fan: Fan, far: float, fit: Pooled, critical: float) -> None:
    """Draw the band, the line of the pooled estimate and that of no difference."""
    end = fit.estimate * far
    corners = [(0, -critical), (far, end - critical), (far, end + critical), (0, critical)]
    axes.add_patch(Polygon(corners, facecolor=BAND, edgecolor="none", zorder=0))
    for effect, colour, width in ((0.0, GREY, HAIRLINE), (fit.estimate, VERMILLION, LINE)):
        to = fan.arc(effect)
        axes.plot([0, to[0]], [0, to[1]], color=colour, linewidth=width, zorder=2)


def _arc(axes: Axes, fan: Fan, limits: tuple[float, float], fit: Pooled, scale: Scale) -> Floats:
    """Draw the scale of effects on the arc, and the interval of the pooled estimate thick upon it.

    Returns the places, shape (n, 2) and in data units, that arc and marks cover.
    """
    taken: list[Any] = []
    for ends, colour, width in (
        (limits, INK, HAIRLINE),
        ((max(fit.ci_low, limits[0]), min(fit.ci_high, limits[1])), VERMILLION, 2.6),
    ):
        places = np.array([fan.arc(effect) for effect in np.linspace(*ends, 200)])
        axes.plot(*places.T, color=colour, linewidth=width, solid_capstyle="butt", clip_on=False, zorder=3)
        taken += list(places[::2])
    ticks = _ticks(fan, limits, scale)
    for effect, label in zip(ticks.ticks, ticks.labels, strict=True):
        start, end, text = (fan.arc(effect, beyond) for beyond in (0.0, 3.0, 6.0))
        axes.plot(*zip(start, end, strict=True), color=INK, linewidth=HAIRLINE, clip_on=False)
        axes.text(*text, label, fontsize=SMALL, ha="left", va="center_baseline", parse_math=False)
        steps = np.arange(0.0, text_width(label, SMALL) + 3, 3.0) / fan.across
        taken += [(text[0] + step, text[1]) for step in steps]
    return np.array(taken)


def _ticks(fan: Fan, limits: tuple[float, float], scale: Scale) -> Axis:
    """Marks of the arc, so few that no label covers another."""
    for width in np.linspace(HEIGHT, 20.0, 12):
        axis = make_axis(limits, float(width), ratio=scale.ratio)
        heights = np.array([fan.arc(effect)[1] for effect in axis.ticks]) * fan.upward
        if not (np.diff(heights) < NEAREST).any():
            break
    return axis
