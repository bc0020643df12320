"""Network graphs: which treatments were compared, in how many studies and people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Polygon
from numpy.typing import NDArray

from evidence.errors import DataError, takes
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import Key, keys_height, page, plot_width, write_keys
from evidence.figures.drawing.style import (
    BLUE,
    BODY,
    GREY,
    HAIRLINE,
    INK,
    MARGIN,
    ORANGE,
    SKY,
    VERMILLION,
    style,
)
from evidence.figures.drawing.text import clean
from evidence.figures.network.circle import LINE_STEP, Label, circle_order, circle_places, place_labels_around
from evidence.figures.network.scales import LARGEST, PLAIN, Sizes, write_scales
from evidence.figures.network.table import CERTAINTY, NetworkTable, read_network
from evidence.figures.network.treatments import treatment_name
from evidence.wording import counted, number

if TYPE_CHECKING:
    from evidence.models.network.result import Network

__all__ = ["network_graph"]

GAP = 5.0  # points between a node and its name
MANY_DESIGNS = 8  # more shaded areas than this hide each other
COLOURS = dict(zip(CERTAINTY, (BLUE, SKY, ORANGE, VERMILLION), strict=True))
FADED = "#DADADA"


@redrawable
@takes("Network", "DataFrame")
def network_graph(
    net_or_frame: Network | pd.DataFrame,
    *,
    sizes: Mapping[str, float] | pd.DataFrame | None = None,
    certainty: Mapping[Any, str] | str | None = None,
    highlight: str | Sequence[str] | None = None,
    title: str | None = None,
    notes: Sequence[str] = (),
) -> EvidenceFigure:
    """Draw treatments as circles around a ring, joined where studies compared them.

    The area of a circle is proportional to the people (or, without their numbers, the studies) of the treatment, the
    width of a line to the studies of the comparison. A small open circle has an unknown number of people. Shaded
    areas are studies with three or more arms, unless there are too many for them to be told apart. The order around
    the ring makes few lines cross.

    Parameters
    ----------
    net_or_frame : Network or DataFrame
        A fitted network, or contrasts with columns study, treat1, treat2; these need not hang together.
    sizes : mapping or DataFrame, optional
        People by treatment (NaN if not known), or contrasts with n1 and n2 to count them from; by default from the
        frame, if it has these columns.
    certainty : mapping or str, optional
        `high`, `moderate`, `low` or `very low`, by comparison: keys are pairs of treatments or texts `a v b`, in any
        order. Or the name of a column of the frame. Comparisons without one are grey.
    highlight : str or sequence of str, optional
        Treatments to stand out; comparisons without any of them fade.
    title : str, optional
    notes : sequence of str
        Lines under the graph.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a treatment and one a comparison: row, treatment, against, studies, people, certainty.

    Raises
    ------
    DataError
        If a column or size is missing, or a treatment, comparison or certainty is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> smoking = pd.read_csv("examples/smoking-cessation/smoking.csv")
    >>> smoking["study"] = smoking["author"] + " " + smoking["year"].astype(str)
    >>> contrasts = ev.contrasts_from_arms(
    ...     "study", "arm", events="events", n="n", measure="OR", data=smoking
    ... )
    >>> net = ev.network(contrasts, reference="no contact")
    >>> figure = ev.figures.network_graph(net)
    """
    table = read_network(net_or_frame, sizes, certainty)
    marked = [highlight] if isinstance(highlight, str) else list(highlight or ())
    for name in marked:
        if name not in table.treatments:
            raise DataError(f"{name!r} is not in the network; choose among {', '.join(table.treatments)}.")
    size = len(table.treatments)
    radius = min(max(60.0 + 5.0 * size, 85.0), 165.0)
    order = circle_order(size, list(table.edges), list(table.edges.values()))
    places = np.empty((size, 2))
    places[order] = circle_places(size, radius)
    largest = min(LARGEST, 0.42 * float(np.hypot(*(places[order[1]] - places[order[0]]))))
    sizes_of = Sizes(largest, float(np.nanmax(table.areas)), max(table.edges.values()))
    radii = [sizes_of.radius(count) for count in table.areas]
    labels = place_labels_around(places, radii, [treatment_name(name) for name in table.treatments], GAP)

    ring = radius + largest
    left = max([ring, *(label.width - label.x for label in labels if not label.right)])
    right = max([ring, *(label.width + label.x for label in labels if label.right)])
    above = max([ring, *(label.top for label in labels)])
    below = max([ring, *(label.height - label.top for label in labels)])
    width = max(plot_width(), left + right + 2 * MARGIN)
    x = width / 2 + (left - right) / 2
    keys = _keys(table, bool(marked))
    scale_room = 2 * largest + 8
    with style():
        caption = clean(" ".join([_caption(table), *notes]))
        foot = scale_room + keys_height(keys, MARGIN, width) + 6
        figure, top = page(above + below + 10 + foot, title=title, caption=caption, width=width)
        y = top + above
        axes = _canvas(figure, x, y)
        _draw_shades(axes, table, places)
        _draw_edges(axes, table, places, sizes_of, marked)
        for i, (place, size_of) in enumerate(zip(places, radii, strict=True)):
            colour = VERMILLION if table.treatments[i] in marked else INK
            known = not math.isnan(table.areas[i])
            fill, rim = (colour, "white") if known else ("white", colour)
            axes.add_patch(
                Circle(tuple(place), size_of, facecolor=fill, edgecolor=rim, linewidth=1, zorder=4)
            )
        for i, label in enumerate(labels):
            _write_label(figure, axes, x, y, label, places[i], radii[i], table.treatments[i] in marked)
        y = top + above + below + 10
        write_scales(figure, axes, (x, top + above), y + largest + 2, table, sizes_of)
        write_keys(figure, MARGIN, y + scale_room, keys)
    figure.numbers = table.to_frame()
    figure.kind = "network graph"
    figure.alt_text = _describe(table)
    return figure


def _canvas(figure: EvidenceFigure, x: float, y: float) -> Axes:
    """Axes over the whole page in points, with the middle of the ring at zero and upwards positive."""
    width, height = figure.get_size_inches() * 72
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-x, width - x), ylim=(y - height, y))
    axes.axis("off")
    return axes


def _draw_shades(axes: Axes, table: NetworkTable, places: NDArray[np.float64]) -> None:
    if len(table.designs) > MANY_DESIGNS:
        return
    for design in table.designs:
        corners = places[list(design)]
        around = np.argsort(np.arctan2(*corners.T))
        axes.add_patch(Polygon(corners[around], facecolor=SKY, alpha=0.16, edgecolor="none", zorder=1))


def _draw_edges(
    axes: Axes, table: NetworkTable, places: NDArray[np.float64], sizes: Sizes, marked: Sequence[str]
) -> None:
    for pair, studies in table.edges.items():
        ends = places[list(pair)]
        colour = COLOURS.get(table.certainty.get(pair, ""), PLAIN)
        faded = bool(marked) and not any(table.treatments[i] in marked for i in pair)
        axes.plot(
            *ends.T,
            color=FADED if faded else colour,
            linewidth=sizes.width(studies),
            solid_capstyle="butt",
            zorder=2 if faded else 3,
        )


def _write_label(
    figure: EvidenceFigure,
    axes: Axes,
    x: float,
    y: float,
    label: Label,
    place: NDArray[np.float64],
    radius: float,
    marked: bool,
) -> None:
    """Write the lines of a label, with a thin line from its node if they stand apart."""
    middle = label.top - label.height / 2
    near = np.array([label.x, min(max(place[1], label.top - label.height), label.top)])
    way = near - place
    distance = float(np.hypot(*way))
    if distance > radius + 2.5 * GAP:
        ends = np.array(
            [place + way * (radius + 1) / distance, [near[0] - math.copysign(1.5, near[0]), middle]]
        )
        axes.plot(*ends.T, color=GREY, linewidth=HAIRLINE, zorder=1)
    for down, line in enumerate(label.lines):
        figure.write(
            x + label.x,
            y - label.top + LINE_STEP * down + BODY,
            line,
            ha="left" if label.right else "right",
            color=VERMILLION if marked else INK,
        )


def _keys(table: NetworkTable, marked: bool) -> list[Key]:
    used = set(table.certainty.values())
    keys: list[Key] = [
        (f"{grade} certainty", {"color": COLOURS[grade], "linewidth": 3.0})
        for grade in CERTAINTY
        if grade in used
    ]
    if used and len(table.certainty) < len(table.edges):
        keys.append(("certainty not rated", {"color": PLAIN, "linewidth": 3.0}))
    if 0 < len(table.designs) <= MANY_DESIGNS:
        keys.append(("studies with three or more arms", {"color": SKY, "alpha": 0.3, "linewidth": 7.0}))
    if marked:
        keys.append(("highlighted", {"color": VERMILLION, "marker": "o", "markersize": 6.0}))
    return keys


def _caption(table: NetworkTable) -> str:
    text = (
        f"{counted(len(table.arms), 'study', 'studies')}, {len(table.treatments)} treatments, "
        f"{counted(len(table.edges), 'direct comparison')}."
    )
    if len(table.parts) > 1:
        text += f" No study connects the {len(table.parts)} parts of the network."
    if table.silent_arms:
        text += f" Without the people of {counted(table.silent_arms, 'arm')} whose number is not known."
    if any(map(math.isnan, table.areas)):
        text += " Open circle: number of people not known."
    return text


def _describe(table: NetworkTable) -> str:
    names = [treatment_name(name) for name in table.treatments]
    most = sorted(table.edges.items(), key=lambda item: -item[1])[:3]
    compared = "; ".join(
        f"{names[i]} v {names[j]} ({counted(count, 'study', 'studies')})" for (i, j), count in most
    )
    sentences = [f"Network graph. {_caption(table)} Most often compared: {compared}."]
    if table.people is not None:
        known = [pair for pair in zip(table.people, names, strict=True) if not math.isnan(pair[0])]
        people = sorted(known, key=lambda pair: -pair[0])
        sentences.append("People: " + ", ".join(f"{name} {number(count, 0)}" for count, name in people) + ".")
    if table.designs:
        several = sum(len(arms) > 2 for arms in table.arms)
        sentences.append(f"{counted(several, 'study has', 'studies have')} three or more arms.")
    rated = [f"{grade} {list(table.certainty.values()).count(grade)}" for grade in CERTAINTY]
    if table.certainty:
        sentences.append(f"Comparisons by certainty: {', '.join(rated)}.")
    return " ".join(sentences)
