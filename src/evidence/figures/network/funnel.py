"""Comparison-adjusted funnel plots: whether small studies of a network favour the newer treatments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.diagnostics.small_study.regression_test import FunnelTest, regression_test
from evidence.errors import DataError, ModelError, must_be
from evidence.figures.drawing.axis import make_axis, range_of
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.measure import measure_code, measure_name
from evidence.figures.drawing.plot import (
    BELOW,
    WIDTH,
    Key,
    add_plot,
    dots,
    keys_height,
    left_margin,
    page,
    write_keys,
)
from evidence.figures.drawing.style import BLUE, GREY, HAIRLINE, INK, LINE, MARGIN, VERMILLION, style
from evidence.figures.drawing.text import clean, significant
from evidence.figures.network.treatments import treatment_name
from evidence.models.network.result import Network
from evidence.wording import counted, p_value

__all__ = ["network_funnel"]

PLOT_HEIGHT = 270.0  # points
DASHED = (0, (4, 3))
COLOURS = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#5F4690", "#6B6B6B")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MOST_KEYS = 28
"""Comparisons up to which each has a mark of its own that the key explains."""


@redrawable
def network_funnel(
    net: Network,
    order: Sequence[str],
    *,
    measure_label: str | None = None,
    title: str | None = None,
    xlim: tuple[float, float] | None = None,
) -> EvidenceFigure:
    """Draw each contrast of a network less the pooled direct effect of its comparison against its standard error.

    Without small-study effects the points lie evenly about zero. As every effect is that of the later treatment in
    `order` minus the earlier, small studies that favour what is later stand on one side. The line of a regression
    on the standard error (weighted, with a multiplicative dispersion) shows how strongly; its test is in the caption.

    Parameters
    ----------
    net : Network
    order : sequence of str
        All treatments, from the one that small studies might disfavour (placebo, older) to the one they might
        favour. The plot means nothing without such an order.
    measure_label, title, xlim
        As for `forest`; effects stay on the scale of the analysis.

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a contrast: study, comparison, effect, se, pooled, adjusted, outside (the dashed lines).
        A comparison of a single study lies at zero by definition, is drawn hollow and not in the regression.

    Raises
    ------
    DataError
        If the network is of another class, or `order` does not name every treatment once.

    References
    ----------
    Chaimani A, Salanti G (2012). Res Synth Methods 3(2), 161-176.

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
    >>> order = ["no contact", *[name for name in net.treatments if name != "no contact"]]
    >>> figure = ev.figures.network_funnel(net, order)
    """
    must_be(net, Network, "network_funnel()")
    order = [str(name) for name in order]
    table = net.funnel(order)
    times = table.groupby("comparison")["study"].transform("nunique")
    single = (times == 1).to_numpy()
    z = float(ndtri(0.5 + net.level / 2))
    x, error = table["adjusted"].to_numpy(), table["se"].to_numpy()
    # A comparison of one study differs from its own pooled effect by rounding alone.
    x = np.where(single, 0.0, x)
    test = _test(x[~single], error[~single], net.level)
    deepest = float(error.max()) * 1.08
    reach = z * deepest
    if xlim is not None and not (np.isfinite(xlim).all() and xlim[0] < xlim[1]):
        raise DataError(f"xlim={xlim!r}: give two numbers, the smaller first.")
    limits = range_of(list(x), [-reach, reach], (), 0.0) if xlim is None else xlim
    depth = make_axis((0.0, deepest), PLOT_HEIGHT, ratio=False)
    left = left_margin(depth)
    width = WIDTH - left - 2 * MARGIN
    axis = make_axis(limits, width, ratio=False)
    comparisons = list(dict.fromkeys(table["comparison"]))
    looks = _looks(comparisons)
    keys: list[Key] = [
        (" v ".join(map(treatment_name, name.split(" v "))), {"markersize": 5.0, **looks[name]})
        for name in comparisons
        if len(comparisons) <= MOST_KEYS
    ]
    measure = measure_name(measure_label, measure_code(measure_label, None))
    caption = clean(_caption(net, order, test, int(single.sum())))
    room = keys_height(keys, left)
    with style():
        figure, top = page(room + PLOT_HEIGHT + BELOW, title=title, caption=caption)
        write_keys(figure, left, top, keys)
        top += room
        axes = add_plot(
            figure,
            (left, top, width, PLOT_HEIGHT),
            axis,
            depth,
            f"{measure}, less the pooled effect of its comparison",
            "Standard error",
        )
        axes.invert_yaxis()
        axes.axvline(0.0, color=GREY, linewidth=HAIRLINE, zorder=2)
        axes.plot(
            [-reach, 0.0, reach],
            [deepest, 0.0, deepest],
            color=INK,
            linewidth=0.8,
            linestyle=DASHED,
            zorder=2,
        )
        if test is not None:
            ends = np.array([0.0, deepest])
            axes.plot(test.limit + test.slope * ends, ends, color=VERMILLION, linewidth=LINE, zorder=3)
        for name in comparisons:
            mine = (table["comparison"] == name).to_numpy()
            for hollow in (False, True):
                chosen = mine & (single == hollow) & (x >= axis.low) & (x <= axis.high)
                look = looks[name] | (
                    {"markeredgecolor": looks[name]["color"], "color": "white", "markeredgewidth": 1.0}
                    if hollow
                    else {}
                )
                if chosen.any():
                    dots(axes, x[chosen], error[chosen], **look)
    outside = np.abs(x) > z * error
    figure.numbers = table.assign(adjusted=x, outside=outside)
    figure.kind = "comparison-adjusted funnel plot"
    figure.alt_text = _describe(table, x, outside, test, order)
    return figure


def _looks(comparisons: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and marker of each comparison."""
    return {
        name: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[(i // len(COLOURS) + i) % len(MARKERS)],
        }
        if len(comparisons) <= MOST_KEYS
        else {"color": BLUE, "marker": "o"}
        for i, name in enumerate(comparisons)
    }


def _test(x: np.ndarray, error: np.ndarray, level: float) -> FunnelTest | None:
    try:
        return regression_test("Regression test", "sei", error, x, np.square(error), level=level)
    except ModelError:
        return None


def _caption(net: Network, order: Sequence[str], test: FunnelTest | None, single: int) -> str:
    by = ", ".join(map(treatment_name, order))
    hollow = (
        f" Hollow: {counted(single, 'contrast', 'contrasts')} of a comparison that no other study makes, zero by "
        "definition."
        if single
        else ""
    )
    if test is None:
        line = " Too few contrasts for a test of asymmetry."
    else:
        line = (
            f" Coloured line: regression on the standard error, slope {significant(test.slope)}, "
            f"{p_value(test.p_value)}; contrasts of one study count as independent."
        )
    return (
        f"Effect of the later minus the earlier treatment in the order {by}, less the pooled direct effect. Dashed "
        f"lines: pseudo {100 * net.level:.12g}% confidence region.{line}{hollow}"
    )


def _describe(
    table: pd.DataFrame, x: np.ndarray, outside: np.ndarray, test: FunnelTest | None, order: Sequence[str]
) -> str:
    comparisons = table["comparison"].nunique()
    tested = (
        ""
        if test is None
        else f" Regression on the standard error: slope {significant(test.slope)}, {p_value(test.p_value)}."
    )
    return (
        f"Comparison-adjusted funnel plot of {counted(len(table), 'contrast', 'contrasts')} in "
        f"{counted(comparisons, 'comparison', 'comparisons')}, treatments from {treatment_name(order[0])} to "
        f"{treatment_name(order[-1])}. Above zero: {int((x > 0).sum())}; below: {int((x < 0).sum())}; outside the "
        f"dashed lines: {int(outside.sum())}.{tested}"
    )
