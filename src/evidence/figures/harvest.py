"""Harvest plots: which way each study points, and how large it is, question by question."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from evidence.errors import DataError, takes
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import Key, keys_height, page, write_keys
from evidence.figures.drawing.studies import question_rows
from evidence.figures.drawing.style import (
    BLUE,
    BODY,
    FAINT,
    GREY,
    HAIRLINE,
    MARGIN,
    ORANGE,
    SKY,
    SMALL,
    page_width,
    style,
)
from evidence.figures.drawing.text import wrap
from evidence.models.without_effects import effect_direction, read_direction
from evidence.wording import counted, number

__all__ = ["harvest"]

ROW, BAR, GAP = 46.0, 30.0, 4.0
NAMES, HEAD, LINE = 130.0, 30.0, 9.6
COLOURS = (BLUE, SKY, ORANGE, GREY)


@redrawable
@takes("DataFrame")
def harvest(
    data: pd.DataFrame,
    *,
    by: str = "question",
    kind: str | None = None,
    sides: tuple[str, str, str] = ("effect negative", "no direction", "effect positive"),
    title: str | None = None,
) -> EvidenceFigure:
    """Draw one bar a study under the direction of its effect, one row a question; significance is ignored.

    Parameters
    ----------
    data : DataFrame
        One row a study and question, with the columns `direction` (-1, 0, 1) and `by`; `label` and `n` (people) are
        used where present.
    by : str
        Column that holds the question.
    kind : str, optional
        Column of up to four kinds of studies, told apart by colour, in their order of appearance.
    sides : (str, str, str)
        Headings of the three columns.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a bar: question, label, direction, n, kind.

    Raises
    ------
    DataError
        If a column is missing, there is no row, a direction cannot be read, or there are more than four kinds.

    References
    ----------
    Ogilvie D et al. (2008). BMC Med Res Methodol 8, 8. Boon MH, Thomson H (2021). Res Synth Methods 12(1), 29-33.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> reported = pd.DataFrame(
    ...     {
    ...         "question": ["pain"] * 4 + ["disability"] * 3,
    ...         "label": list("ABCDABC"),
    ...         "direction": [1, 1, -1, 0, 1, 1, -1],
    ...         "n": [80, 40, 60, 30, 80, 40, 60],
    ...     }
    ... )
    >>> figure = ev.figures.harvest(reported)
    """
    table = question_rows(data, by, "direction", *([kind] if kind else [])).assign(
        direction=read_direction(data["direction"], len(data)).astype(int),
        kind=data[kind].astype(str).to_numpy() if kind else "",
    )[["question", "label", "direction", "n", "kind"]]
    kinds = [*dict.fromkeys(table["kind"])]
    if len(kinds) > len(COLOURS):
        raise DataError(f"{kind!r} holds {len(kinds)} kinds, and {len(COLOURS)} can be told apart.")
    largest = table["n"].max()
    # Bars grow with the square root of the size, as standard errors do; a study of unknown size gets the lowest bar.
    share = (
        np.sqrt(table["n"] / largest).fillna(0.0).clip(lower=0.12)
        if largest > 0
        else pd.Series(0.5, table.index)
    )
    keys: list[Key] = [
        (name, {"color": COLOURS[place], "marker": "s", "markersize": 5.0})
        for place, name in enumerate(kinds)
        if name
    ]
    questions = [*dict.fromkeys(table["question"])]
    heads = [wrap(name, NAMES - 8, BODY) for name in questions]
    counts = {q: effect_direction(table.loc[table["question"] == q, "direction"]) for q in questions}
    foot = keys_height(keys, MARGIN, page_width()) + 4 if keys else 0.0
    sizes = (
        f"Heights grow with the square root of the number of people, {number(table['n'].min(), 0)} to "
        f"{number(largest, 0)}. "
        if largest > 0
        else ""
    )
    caption = (
        f"One bar a study. {sizes}Where a bar stands is the direction of its effect; P values do not count."
    )
    with style():
        figure, top = page(
            HEAD + ROW * len(questions) + foot, title=title, caption=caption, width=page_width()
        )
        height = figure.get_figheight() * 72
        cell = (page_width() - 2 * MARGIN - NAMES) / 3
        for column, side in enumerate(sides):
            middle = MARGIN + NAMES + (column + 0.5) * cell
            for line, text in enumerate(wrap(side, cell - 8, BODY)[:2]):
                figure.write(middle, top + 10 + LINE * line, text, ha="center")
        for row, question in enumerate(questions):
            base = top + HEAD + ROW * (row + 1) - 8
            _rectangle(figure, height, MARGIN, base, page_width() - 2 * MARGIN, HAIRLINE, FAINT)
            lines = heads[row][:4]
            for line, text in enumerate(lines):
                figure.write(MARGIN, base - ROW / 2 + BODY + LINE * (line - (len(lines) - 1) / 2), text)
            for column, sign in enumerate((-1, 0, 1)):
                here = table[(table["question"] == question) & (table["direction"] == sign)]
                here = here.loc[share[here.index].sort_values(ascending=False, kind="stable").index]
                step = min(12.0, (cell - 16) / max(len(here), 1))
                start = MARGIN + NAMES + (column + 0.5) * cell - step * len(here) / 2
                for place, (tall, name) in enumerate(zip(share[here.index], here["kind"], strict=True)):
                    colour = COLOURS[kinds.index(name)]
                    _rectangle(figure, height, start + place * step, base, 0.75 * step, BAR * tall, colour)
                if len(here):
                    figure.write(
                        start + step * len(here) + 3, base - 2, str(len(here)), size=SMALL, color=GREY
                    )
        if keys:
            write_keys(figure, MARGIN, top + HEAD + ROW * len(questions) - 2, keys)
    figure.numbers = table
    figure.kind = "harvest plot"
    figure.alt_text = "Harvest plot. " + " ".join(
        f"{question}, {counted(sum(found), 'study', 'studies')}: "
        + ", ".join(f"{side} {count}" for side, count in zip(sides, found, strict=True))
        + "."
        for question, one in counts.items()
        for found in [(one.negative, one.unclear, one.positive)]
    )
    return figure


def _rectangle(
    figure: EvidenceFigure, page: float, left: float, base: float, width: float, tall: float, colour: str
) -> None:
    """Fill a rectangle that stands on `base`, in points from the top left corner."""
    figure.add_artist(
        Rectangle(
            (left / page_width(), 1 - base / page),
            width / page_width(),
            tall / page,
            color=colour,
            linewidth=0,
            transform=figure.transFigure,
        )
    )
