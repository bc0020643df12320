"""Certainty of the evidence: analyses by domains, each cell the levels that a domain takes away."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from evidence.errors import DataError, takes
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import page
from evidence.figures.drawing.style import (
    BODY,
    DEEP_ORANGE,
    FAINT,
    GREY,
    INK,
    MARGIN,
    SMALL,
    TITLE,
    page_width,
    style,
)
from evidence.figures.drawing.text import clean, text_width, wrap
from evidence.wording import counted, parts_of

__all__ = ["certainty"]

ROW, LINE_STEP, HEADING, KEY = 15.0, 9.5, 26.0, 16.0
CELL, COUNT, LEVEL, GAP = 52.0, 18.0, 86.0, 6.0

# Colour and colour of the text by levels lost; every cell also bears its number.
CELLS = {0: ("#FFFFFF", GREY), 1: ("#F9DDA0", INK), 2: (DEEP_ORANGE, "white")}


@redrawable
@takes("DataFrame")
def certainty(table: pd.DataFrame, *, label: str = "title", title: str | None = None) -> EvidenceFigure:
    """Draw how certain the evidence of each analysis is, and which domains lower it.

    Parameters
    ----------
    table : DataFrame
        As from `evidence.certainty_table`: one row an analysis with k, levels lost by domain, overridden, level and
        symbols.
    label : str
        Column that names the rows.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` is the table.

    Raises
    ------
    DataError
        If there is no row or a column is missing.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> table = ev.certainty_table(review, ["massage-inactive-pain-short", "massage-inactive-pain-long"])
    >>> figure = ev.figures.certainty(table)
    """
    if table.empty:
        raise DataError("There is nothing to draw: the table has no rows.")
    domains = [name for name in table.columns if pd.api.types.is_integer_dtype(table[name]) and name != "k"]
    for name in (label, "k", "overridden", "level", "symbols"):
        if name not in table:
            raise DataError(f"The table has no column '{name}'; give what evidence.certainty_table gives.")
    room = page_width() - 2 * MARGIN - COUNT - CELL * len(domains) - LEVEL - 2 * GAP
    labels = [wrap(clean(text), room - 4) for text in table[label]]
    heights = [ROW + LINE_STEP * (len(lines) - 1) for lines in labels]
    caption = (
        "Randomised trials start at high certainty; each domain takes away 0, 1 or 2 levels. k: comparisons. "
        "An asterisk marks a written judgement in place of the rule's."
    )
    with style():
        figure, top = page(HEADING + sum(heights) + KEY, title=title, caption=caption, width=page_width())
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, page_width()), ylim=(figure.get_figheight() * 72, 0))
        axes.axis("off")
        first = MARGIN + room + COUNT
        figure.write(MARGIN + room + COUNT - 6, top + HEADING - 7, "k", size=SMALL, ha="right")
        for place, name in enumerate(domains):
            lines = wrap(clean(name[0].upper() + name[1:]), CELL, SMALL)
            for up, line in enumerate(reversed(lines)):
                x = first + CELL * (place + 0.5)
                figure.write(x, top + HEADING - 7 - 8.5 * up, line, size=SMALL, ha="center")
        level_x = first + CELL * len(domains) + GAP
        figure.write(level_x, top + HEADING - 7, "Certainty", size=SMALL)
        y = top + HEADING
        for row, lines, height in zip(table.to_dict("records"), labels, heights, strict=True):
            axes.plot([MARGIN, page_width() - MARGIN], [y, y], color=FAINT, linewidth=0.4)
            middle = y + height / 2
            for down, line in enumerate(lines):
                at = middle + BODY / 3 + LINE_STEP * (down - (len(lines) - 1) / 2)
                figure.write(MARGIN, at, line)
            figure.write(first - 6, middle + BODY / 3, str(row["k"]), color=GREY, ha="right")
            written = parts_of(row["overridden"], "; ")
            for place, name in enumerate(domains):
                mark = "*" if name in written else ""
                _cell(figure, axes, first + CELL * place, y, height, row[name], mark)
            _level(figure, level_x, middle, row)
            y += height
        _key(figure, axes, y + 11)
    figure.numbers = table.reset_index(drop=True)
    figure.kind = "table of certainty"
    figure.alt_text = _describe(table, domains, label)
    return figure


def _cell(
    figure: EvidenceFigure, axes: Axes, x: float, y: float, height: float, lost: int | None, mark: str
) -> None:
    if pd.isna(lost):
        figure.write(x + CELL / 2, y + height / 2 + BODY / 3, "–", color=GREY, ha="center")
        return
    colour, ink = CELLS[int(lost)]
    axes.add_patch(Rectangle((x + 1.5, y + 1.5), CELL - 3, height - 3, facecolor=colour, linewidth=0))
    text = (f"−{lost}" if lost else "0") + mark
    figure.write(x + CELL / 2, y + height / 2 + BODY / 3, text, color=ink, ha="center")


def _level(figure: EvidenceFigure, x: float, middle: float, row: dict[Any, Any]) -> None:
    if not row["k"]:
        figure.write(x, middle + BODY / 3, "no usable evidence", color=GREY, size=SMALL)
        return
    symbols = str(row["symbols"])
    figure.write(x, middle + BODY / 3, symbols, size=TITLE)
    figure.write(x + text_width(symbols, TITLE) + 4, middle + BODY / 3, str(row["level"]))


def _key(figure: EvidenceFigure, axes: Axes, y: float) -> None:
    x = MARGIN
    for lost, words in ((0, "not lowered"), (1, "lowered by one level"), (2, "lowered by two levels")):
        axes.add_patch(Rectangle((x, y - 6), 9, 8, facecolor=CELLS[lost][0], edgecolor=INK, linewidth=0.4))
        figure.write(x + 12, y + 1, words, size=SMALL)
        x += 26 + text_width(words, SMALL)


def _describe(table: pd.DataFrame, domains: list[str], label: str) -> str:
    rows = []
    for row in table.to_dict("records"):
        lost = ", ".join(f"{name} −{row[name]}" for name in domains if not pd.isna(row[name]) and row[name])
        known = f"{row['level']} ({lost or 'nothing lowers it'})" if row["k"] else "no usable evidence"
        rows.append(f"{clean(row[label])}: {known}")
    return f"Certainty of the evidence of {counted(len(table), 'analysis', 'analyses')}. {'; '.join(rows)}."
