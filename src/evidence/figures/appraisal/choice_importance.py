"""How much each choice of a multiverse moves the estimate and the conclusion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evidence.errors import DataError, takes
from evidence.figures.drawing.axis import make_axis
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import BELOW, Key, add_plot, keys_height, page, write_keys
from evidence.figures.drawing.style import BLUE, BODY, GREY, MARGIN, SKY, SMALL, page_width, style
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.wording import number

if TYPE_CHECKING:
    from evidence.appraisal.multiverse.result import Multiverse

__all__ = ["choice_importance"]

STEP, BAR, BETWEEN, WIDEST = 16.0, 9.0, 44.0, 200.0
KEYS: list[Key] = [
    ("by itself", {"marker": "s", "markersize": 7.0, "color": BLUE}),
    ("together with other choices", {"marker": "s", "markersize": 7.0, "color": SKY}),
]


@redrawable
@takes("Multiverse")
def choice_importance(result: Multiverse, *, title: str | None = None) -> EvidenceFigure:
    """Draw for every choice the share of the variance that it accounts for, of the estimate and of the conclusion.

    The dark part of a bar is the first-order share, what the choice does by itself; the whole bar the total share,
    with the interactions in which it takes part. The bars do not add up to 100%: an interaction stands in the bar of
    each choice that has a part in it.

    Parameters
    ----------
    result : Multiverse
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` is `Multiverse.importance`.

    Raises
    ------
    DataError
        If no choice makes a difference.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> paths = ev.multiverse(review, "massage-inactive-pain-short", progress=False)
    >>> figure = ev.figures.choice_importance(paths)
    """
    table = result.importance
    if table.empty:
        raise DataError("There is nothing to draw: no choice makes a difference.")
    labels = [_short(str(name)) for name in table["choice"]]
    left = MARGIN + max(text_width(label) for label in labels) + 8
    width = (page_width() - left - MARGIN - 2 * BETWEEN) / 2
    names = ("the estimate", "the conclusion")
    columns = (("first_order", "total"), ("conclusion_first_order", "conclusion_total"))
    keys = KEYS[:1] if result.sample else KEYS
    key_room = keys_height(keys, left, page_width())
    together = (
        "What choices do together is not shown, so the bars may add up to less than 100%."
        if result.sample
        else "An interaction counts for each choice that takes part in it, so the bars may add up to more than 100%."
    )
    caption = (
        "Shares of the variance over the paths that can be pooled: of the estimate, and of whether the conclusion is "
        f"the protocol's own. {together}"
    )
    height = STEP * len(labels)
    with style():
        figure, top = page(key_room + height + BELOW, title=title, caption=caption, width=page_width())
        write_keys(figure, left, top, keys)
        top += key_room
        for panel, (first, total) in enumerate(columns):
            start = left + panel * (width + BETWEEN)
            axis = make_axis((0.0, 100.0), width, ratio=False)
            axes = add_plot(
                figure,
                (start, top, width, height),
                axis,
                None,
                f"Variance of {names[panel]} (%)",
            )
            axes.set_ylim(len(labels), 0)
            alone = 100 * table[first].to_numpy()
            whole = (
                alone if result.sample else 100 * np.maximum(table[total].to_numpy(), table[first].to_numpy())
            )
            middles = np.arange(len(labels)) + 0.5
            axes.barh(middles, whole, height=BAR / STEP, color=SKY)
            axes.barh(middles, alone, height=BAR / STEP, color=BLUE)
            axes.axvline(0, color=GREY, linewidth=0.5)
            for middle, share in zip(middles, whole, strict=True):
                figure.write(
                    start + width * share / 100 + 4,
                    top + STEP * middle + SMALL / 3,
                    f"{number(share, 0)}%",
                    size=SMALL,
                    color=GREY,
                )
        for place, label in enumerate(labels):
            figure.write(MARGIN, top + STEP * (place + 0.5) + BODY / 3, label)
    figure.numbers = table
    said = [
        f"{row['choice']} {number(100 * row['first_order' if result.sample else 'total'], 0)}%"
        for row in table.head(3).to_dict("records")
    ]
    most = table.sort_values(
        "conclusion_first_order" if result.sample else "conclusion_total", ascending=False
    )
    figure.kind = "figure of the importance of choices"
    figure.alt_text = (
        f"Importance of the choices for {result.analysis.title}. Of the variance of the estimate: {', '.join(said)}. "
        f"The conclusion depends most on {most['choice'].iloc[0]}."
    )
    return figure


def _short(text: str) -> str:
    """Cut a label that is too wide."""
    first, *rest = wrap(clean(text), WIDEST, BODY)
    return first + ("…" if rest else "")
