"""How often the method matters in a batch of comparisons, and how heterogeneous they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from evidence.errors import takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import BELOW, Key, add_plot, keys_height, left_margin, page, write_keys
from evidence.figures.drawing.style import BLUE, BODY, GREY, MARGIN, ORANGE, SMALL, page_width, style
from evidence.figures.drawing.text import text_width
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.models.scale.summary import BatchSummary

__all__ = ["batch"]

STEP, BAR, LEAST, BETWEEN = 18.0, 10.0, 110.0, 40.0
KEYS: list[Key] = [
    ("comes to exclude zero", {"marker": "s", "markersize": 7.0, "color": ORANGE}),
    ("no longer does, or changes sides", {"marker": "s", "markersize": 7.0, "color": BLUE}),
]


@redrawable
@takes("BatchSummary")
def batch(summary: BatchSummary, *, title: str | None = None) -> EvidenceFigure:
    """Draw for each method and interval how often the conclusion differs from the reference, and the spread of I2.

    Parameters
    ----------
    summary : BatchSummary
        As from `evidence.batch_summary`.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` is `BatchSummary.changes`.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> comparisons = pd.DataFrame(
    ...     {
    ...         "review": ["r"] * 3,
    ...         "comparison": ["c"] * 3,
    ...         "effect": [-0.89, -1.59, -1.35],
    ...         "variance": [0.326, 0.195, 0.415],
    ...     }
    ... )
    >>> fits = ev.batch(comparisons, methods=["REML", "DL"], ci=["HKSJ", "z"])
    >>> figure = ev.figures.batch(ev.batch_summary(fits))
    """
    table = summary.changes
    others = table.iloc[1:] if len(table) > 1 else table
    labels = [f"{row['method']}, {row['ci']}" for row in others.to_dict("records")]
    gained = 100.0 * others["gained"].to_numpy()
    changed = 100.0 * others["changed"].to_numpy()
    left = MARGIN + max(text_width(label) for label in labels) + 8
    width = (page_width() - left - MARGIN - BETWEEN) / 2 - 20
    height = max(LEAST, STEP * len(labels))
    key_room = keys_height(KEYS, MARGIN, page_width())
    reference = " with ".join(summary.reference)
    fitted = summary.comparisons - summary.failed
    caption = (
        f"{fitted:,} comparisons. Left: share whose conclusion (interval above, below or with zero) "
        f"differs from that of {reference}. Right: I² by {summary.reference[0]}, comparisons of at least "
        "two studies."
    )
    counts = summary.i2_counts[summary.i2_counts["method"] == summary.reference[0]]
    x = make_axis((0.0, max(1.25 * float(changed.max(initial=0.0)), 1.0)), width, ratio=False)
    across = make_axis((0.0, 100.0), width, ratio=False)
    up = make_axis((0.0, 1.05 * max(float(counts["comparisons"].max()), 1.0)), height, ratio=False)
    with style():
        figure, top = page(key_room + height + BELOW, title=title, caption=caption, width=page_width())
        write_keys(figure, MARGIN, top, KEYS)
        top += key_room
        axes = add_plot(
            figure, (left, top, width, height), x, None, "Comparisons with another conclusion (%)"
        )
        axes.set_ylim(len(labels), 0)
        middles = np.arange(len(labels)) + 0.5
        tall = BAR * len(labels) / height
        axes.barh(middles, gained, height=tall, color=ORANGE)
        axes.barh(middles, changed - gained, left=gained, height=tall, color=BLUE)
        axes.axvline(0, color=GREY, linewidth=0.5)
        for middle, share, label in zip(middles, changed, labels, strict=True):
            level = top + height * middle / len(labels)
            figure.write(MARGIN, level + BODY / 3, label)
            x_end = left + width * x.share(float(share)) + 4
            figure.write(x_end, level + SMALL / 3, f"{number(float(share), 1)}%", size=SMALL, color=GREY)
        start = page_width() - MARGIN - width + left_margin(up) / 2
        beside = add_plot(
            figure, (start, top, page_width() - MARGIN - start, height), across, up, "I² (%)", "Comparisons"
        )
        beside.bar(
            counts["low"],
            counts["comparisons"],
            width=counts["high"] - counts["low"],
            align="edge",
            color=BLUE,
            alpha=0.6,
            linewidth=0,
        )
    figure.kind = "method comparison"
    figure.numbers = pd.DataFrame(table)
    said = "; ".join(
        f"{label} {number(float(share), 1)}%" for label, share in zip(labels, changed, strict=True)
    )
    figure.alt_text = f"Of {fitted:,} comparisons the conclusion differs from that of {reference} in: {said}."
    return figure
