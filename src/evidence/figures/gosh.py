"""GOSH plots: where the pooled estimates of all subsets of the studies lie, and how heterogeneous they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import Axis, Scale, make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import choose_scale, measure_code, measure_name
from evidence.figures.drawing.plot import (
    BELOW,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    padded,
    page,
    plot_width,
    write_keys,
)
from evidence.figures.drawing.style import BLUE, MARGIN, ORANGE, SMALL, VERMILLION, style
from evidence.figures.drawing.text import clean, significant, wrap
from evidence.models.core.studies import Floats
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.diagnostics.gosh import Gosh, GoshSummary

__all__ = ["gosh"]

HEIGHT, MARGINAL, APART = 220.0, 46.0, 5.0
CELLS = (96, 72)
FEW = 1000  # up to this many subsets every one is a point
NAMES = {"i2": "I² (%)", "tau2": "Between-study variance τ²"}


@redrawable
@takes("Gosh", "GoshSummary")
def gosh(
    result: Gosh | GoshSummary,
    *,
    quantity: Literal["i2", "tau2"] = "i2",
    study: str | None = None,
    measure_label: str | None = None,
    transform: Literal["exp", "identity"] | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int | None = None,
) -> EvidenceFigure:
    """Draw the density of the results of subsets, with the distributions of both quantities at the sides.

    Parameters
    ----------
    result : Gosh or GoshSummary
        As from `evidence.gosh` or `evidence.gosh_summary`; the latter has I2 alone.
    quantity : {"i2", "tau2"}
        The measure of heterogeneity on the vertical axis.
    study : str, optional
        Label of a study: subsets with it are orange, those without it blue, mixed where both lie.
    measure_label, transform, title, xlim, digits
        As for `forest`.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row for each cell of the density that is not empty, or for each subset if they are
        few: the estimate and the quantity at its centre, the number of subsets, and with `study` how many of
        them have it.

    Raises
    ------
    DataError
        If the quantity or the study is not known.

    References
    ----------
    Olkin I, Dahabreh IJ, Trikalinos TA (2012). Res Synth Methods 3(3), 214-223.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> subsets = ev.gosh(effects, method="DL", progress=False)
    >>> figure = ev.figures.gosh(subsets)
    """
    if quantity not in NAMES:
        raise DataError(f"quantity='{quantity}' is not known: use {' or '.join(NAMES)}.")
    estimate, height, chosen, weights = _points(result, quantity, study)
    code = measure_code(measure_label, None)
    low, middle, high = (float(value) for value in _quantiles(estimate, (0.025, 0.5, 0.975), weights))
    scale = choose_scale((high - low) / 2, code, transform, digits)
    limits = padded(_quantiles(estimate, (0.0005, 0.9995), weights)) if xlim is None else scale.limits(xlim)
    top_height = 100.0 if quantity == "i2" else max(1.05 * float(_quantiles(height, 0.9995, weights)), 1e-12)
    y = make_axis((0.0, top_height), HEIGHT, ratio=False)
    left = left_margin(y)
    width = plot_width() - MARGIN - left - MARGINAL - APART
    x = make_axis(limits, width, ratio=scale.ratio)

    measure, name = measure_name(measure_label, code), "" if study is None else clean(study)
    full = _full(result, quantity)
    text = _sentences(result, scale, (low, middle, high), full, name, (estimate, chosen, weights))
    keys: list[Key] = []
    if chosen is not None:
        box = {"marker": "s", "markersize": 7.0}
        short, *rest = wrap(name, plot_width() - left - 60, SMALL)
        keys = [
            (f"with {short}{'…' if rest else ''}", box | {"color": ORANGE}),
            ("without it", box | {"color": BLUE}),
        ]
    key_room = keys_height(keys, left)
    density = "" if len(result) <= FEW else " The darker, the more subsets."
    caption = f"{text}{density}{' Cross: all studies.' if full else ''} {result.method}."
    parts = [(BLUE, np.ones(len(estimate), dtype=bool))]
    if chosen is not None:
        parts = [(BLUE, ~chosen), (ORANGE, chosen)]
    with style():
        figure, top = page(key_room + MARGINAL + APART + HEIGHT + BELOW, title=title, caption=caption)
        write_keys(figure, left, top, keys)
        top += key_room
        centre = (left, top + MARGINAL + APART, width, HEIGHT)
        axes = add_plot(figure, centre, x, y, measure, NAMES[quantity])
        above = add_plot(figure, (left, top, width, MARGINAL), None, None)
        beside = add_plot(figure, (left + width + APART, centre[1], MARGINAL, HEIGHT), None, None)
        for colour, part in parts:
            look: dict[str, Any] = {"color": colour, "alpha": 0.55, "linewidth": 0}
            shares = None if weights is None else weights[part]
            above.hist(
                estimate[part],
                weights=shares,
                bins=CELLS[0],
                range=(x.low, x.high),
                histtype="stepfilled",
                **look,
            )
            beside.hist(
                height[part],
                bins=CELLS[1],
                range=(y.low, y.high),
                orientation="horizontal",
                **look,
            )
        above.set_xlim(x.low, x.high)
        beside.set_ylim(y.low, y.high)
        if len(result) <= FEW:
            for colour, part in parts:
                dots(
                    axes, estimate[part], height[part], color=colour, markersize=3.5, alpha=0.8, clip_on=True
                )
            numbers = pd.DataFrame({"estimate": estimate, quantity: height, "subsets": 1})
            if chosen is not None:
                numbers["with_study"] = chosen.astype(int)
        else:
            numbers = _density(axes, estimate, height, chosen, (x, y), weights).rename(
                columns={"height": quantity}
            )
        if full is not None:
            axes.plot(*full, marker="x", color=VERMILLION, markersize=8, markeredgewidth=1.8, zorder=5)
    numbers["estimate"] = [scale.show(value) for value in numbers["estimate"]]
    figure.numbers = numbers
    heights = _quantiles(height, (0.025, 0.5, 0.975), weights)
    unit = [f"{number(v, 0)}%" if quantity == "i2" else significant(float(v)) for v in heights]
    figure.kind = "GOSH plot"
    figure.alt_text = (
        f"GOSH plot of {measure} in {text[0].lower()}{text[1:]} "
        f"Median {'I²' if quantity == 'i2' else 'τ²'} {unit[1]}, 95% of the subsets {unit[0]} to {unit[2]}."
    )
    return figure


def _points(
    result: Gosh | GoshSummary, quantity: str, study: str | None
) -> tuple[Floats, Floats, NDArray[np.bool_] | None, Floats | None]:
    """Estimates and heights, which of them have the study, and how many subsets each stands for if not for one."""
    from evidence.diagnostics.gosh import Gosh

    if isinstance(result, Gosh):
        chosen = None if study is None else result.includes(study)
        return result.estimate, getattr(result, quantity), chosen, None
    if quantity != "i2":
        raise DataError("a summary of subsets keeps I2 beside the estimate; use quantity='i2', or gosh().")
    inside = result.histogram if study is None else result.including(study)
    parts = [(inside, True)] if study is None else [(inside, True), (result.histogram - inside, False)]
    centres = [(one[1:] + one[:-1]) / 2 for one in (result.edges, result.i2_edges)]
    rows = [
        (centres[0][i], centres[1][j], has, counts[i, j])
        for counts, has in parts
        for i, j in zip(*np.nonzero(counts), strict=True)
    ]
    estimate, height, has, weights = (np.array(column) for column in zip(*rows, strict=True))
    return estimate, height, None if study is None else has.astype(bool), weights.astype(float)


def _full(result: Gosh | GoshSummary, quantity: str) -> tuple[float, float] | None:
    """The result of all studies together, where it is among the subsets."""
    from evidence.diagnostics.gosh import Gosh

    if not isinstance(result, Gosh):
        return result.whole["estimate"], result.whole[quantity]
    whole = np.flatnonzero(result.k == len(result.labels))
    return (
        (float(result.estimate[whole[0]]), float(getattr(result, quantity)[whole[0]])) if whole.size else None
    )


def _quantiles(values: Floats, p: Any, weights: Floats | None) -> Any:
    if weights is None:
        return np.quantile(values, p)
    return np.quantile(values, p, weights=weights, method="inverted_cdf")


def _density(
    axes: Axes,
    estimate: Floats,
    height: Floats,
    chosen: NDArray[np.bool_] | None,
    ranges: tuple[Axis, Axis],
    weights: Floats | None,
) -> pd.DataFrame:
    """Draw cells, the darker the more subsets lie in them, and list those that are not empty."""
    ends = [(axis.low, axis.high) for axis in ranges]
    counts, *edges = np.histogram2d(estimate, height, bins=CELLS, range=ends, weights=weights)
    share = np.zeros_like(counts)
    frame = {}
    if chosen is not None:
        shares = None if weights is None else weights[chosen]
        inside = np.histogram2d(estimate[chosen], height[chosen], bins=CELLS, range=ends, weights=shares)[0]
        share = inside / np.maximum(counts, 1)
        frame["with_study"] = inside
    colour = share[..., None] * to_rgb(ORANGE) + (1 - share[..., None]) * to_rgb(BLUE)
    # The root lets single subsets be seen beside cells that hold thousands.
    strength = np.where(counts > 0, 0.12 + 0.88 * np.sqrt(counts / counts.max()), 0.0)
    image = np.concatenate([colour, strength[..., None]], axis=-1).transpose(1, 0, 2)
    axes.imshow(
        image, origin="lower", extent=(*ends[0], *ends[1]), aspect="auto", interpolation="nearest", zorder=1
    )
    across, up = np.nonzero(counts)
    centres = [(edge[1:] + edge[:-1]) / 2 for edge in edges]
    cells = {"estimate": centres[0][across], "height": centres[1][up], "subsets": counts[across, up]}
    return pd.DataFrame(cells | {name: values[across, up] for name, values in frame.items()})


def _sentences(
    result: Gosh | GoshSummary,
    scale: Scale,
    middle: tuple[float, float, float],
    full: tuple[float, float] | None,
    name: str,
    points: tuple[Floats, NDArray[np.bool_] | None, Floats | None],
) -> str:
    """What the estimates of the subsets are."""
    low, median, high = map(scale.text, middle)
    many = "All" if result.every else "A random sample of"
    lines = [
        f"{many} {len(result):,} subsets of {len(result.labels)} studies: median estimate {median}, "
        f"95% of the subsets {low} to {high}."
    ]
    if full is not None:
        lines.append(f"All studies: {scale.text(full[0])}.")
    estimate, chosen, weights = points
    if chosen is not None and chosen.any() and not chosen.all():
        with_it, without = (
            scale.text(float(_quantiles(estimate[part], 0.5, None if weights is None else weights[part])))
            for part in (chosen, ~chosen)
        )
        lines.append(f"Median with {name} {with_it}, without it {without}.")
    return " ".join(lines)
