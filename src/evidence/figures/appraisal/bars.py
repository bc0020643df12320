"""Horizontal bars for counts."""

from __future__ import annotations

import pandas as pd

from evidence.errors import DataError, takes
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.style import BLUE, BODY, GREY, INK, MARGIN, TITLE, page_width, style
from evidence.figures.drawing.text import clean, text_width

__all__ = ["bars"]

_BAR, _STEP = 12.0, 20.0


@redrawable
@takes("DataFrame")
def bars(frame: pd.DataFrame, *, label: str, value: str, title: str = "") -> EvidenceFigure:
    """Draw one horizontal bar for each count, with the count and its share of the total beside it.

    Parameters
    ----------
    frame : DataFrame
        One row per bar, from top to bottom.
    label, value : str
        Columns that name the bars and hold the counts, 0 or more.
    title : str

    Returns
    -------
    EvidenceFigure

    Raises
    ------
    DataError
        If there is no row, or a count is negative or missing.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> counts = pd.DataFrame({"design": ["parallel", "cross-over", "cluster"], "trials": [41, 6, 2]})
    >>> figure = ev.figures.bars(counts, label="design", value="trials")
    """
    if frame.empty:
        raise DataError("There is nothing to draw: the frame has no rows.")
    counts = frame[value].astype(float)
    if not (counts >= 0).all():
        worst = frame.loc[~(counts >= 0), label].iloc[0]
        raise DataError(f"The count of '{worst}' must be 0 or more.")
    labels = [clean(text) for text in frame[label]]
    total = counts.sum()
    shares = [f"{count:g} ({100 * count / total:.0f}%)" if total else f"{count:g}" for count in counts]
    with style():
        top = MARGIN + (TITLE + 10 if title else 0)
        height = top + _STEP * len(labels) + MARGIN
        left = MARGIN + max(text_width(text) for text in labels) + 8
        right = page_width() - MARGIN - max(text_width(text) for text in shares) - 8
        figure = EvidenceFigure(page_width(), height)
        figure.write(MARGIN, MARGIN + TITLE, clean(title), size=TITLE, weight="bold", color=INK)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, page_width()), ylim=(height, 0))
        axes.axis("off")
        longest = max(float(counts.max()), 1.0)
        for position, (text, count, share) in enumerate(zip(labels, counts, shares, strict=True)):
            middle = top + _STEP * (position + 0.5)
            length = (right - left) * count / longest
            axes.barh(middle, length, height=_BAR, left=left, color=BLUE)
            figure.write(MARGIN, middle + BODY / 3, text, color=INK)
            figure.write(left + length + 4, middle + BODY / 3, share, color=GREY if count == 0 else INK)
        axes.plot([left, left], [top, top + _STEP * len(labels)], color=INK, linewidth=0.5)
    figure.numbers = frame[[label, value]].reset_index(drop=True)
    listed = ", ".join(f"{text} {share}" for text, share in zip(labels, shares, strict=True))
    figure.kind = "bar chart"
    figure.alt_text = f"{clean(title) or 'Counts'}: {listed}."
    return figure
