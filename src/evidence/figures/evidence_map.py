"""Evidence maps: which trial bears on which question, with what, how large, and which way."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

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
    page_width,
    style,
)
from evidence.figures.drawing.text import wrap
from evidence.wording import counted, number

__all__ = ["evidence_map"]

NAMES, HEAD, LINE, LARGEST = 160.0, 26.0, 9.6, 15.0
LOOKS = (
    (BLUE, BLUE, "o"),
    (SKY, SKY, "o"),
    (SKY, SKY, "D"),
    ("white", GREY, "o"),
    (ORANGE, ORANGE, "s"),
    (FAINT, GREY, "s"),
)
"""Fill, edge and marker of kinds, in their order of appearance."""
SIDES = (-1.0, 0.0, 1.0)


@redrawable
@takes("DataFrame")
def evidence_map(
    data: pd.DataFrame,
    *,
    by: str = "title",
    kinds: dict[str, str] | None = None,
    sides: tuple[str, str, str] = ("favours comparator", "neither, or not told", "favours treatment"),
    title: str | None = None,
) -> EvidenceFigure:
    """Draw one mark a question and trial: its place says which way it points, its area how many people it has.

    Parameters
    ----------
    data : DataFrame
        One row a question and trial, with the columns `by`, `kind`, `favours` (-1, 0, 1 or missing); `n` and `label`
        are used where present. `evidence.evidence_map` makes it.
    by : str
        Column that holds the question; one row of the figure each, in order of appearance.
    kinds : dict of str to str, optional
        Words for up to six kinds, in the order in which they are drawn; by default the kinds as they are.
    sides : (str, str, str)
        Headings of the three columns.
    title : str, optional

    Returns
    -------
    EvidenceFigure
        `numbers` has one row a mark: question, label, kind, n, favours.

    Raises
    ------
    DataError
        If a column is missing, there is no row, a kind has no words or there are more than six, or a direction is not
        -1, 0 or 1.

    References
    ----------
    Miake-Lye IM et al. (2016). Syst Rev 5, 28.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> figure = ev.figures.evidence_map(ev.evidence_map(review))
    """
    table = question_rows(data, by, "kind", "favours").assign(
        kind=data["kind"].astype(str).to_numpy(),
        favours=pd.to_numeric(data["favours"], errors="coerce").to_numpy(float),
    )[["question", "label", "kind", "n", "favours"]]
    words = kinds or {name: name for name in dict.fromkeys(table["kind"])}
    if strange := sorted(set(table["kind"]) - set(words)):
        raise DataError(f"no words are given for the kind {strange[0]!r}; kinds names {', '.join(words)}.")
    if len(words) > len(LOOKS):
        raise DataError(f"there are {len(words)} kinds, and {len(LOOKS)} can be told apart.")
    if not (table["favours"].isna() | table["favours"].isin(SIDES)).all():
        raise DataError("favours must be -1, 0 or 1 for each row, or missing.")
    looks = dict(zip(words, LOOKS, strict=False))
    order = {name: place for place, name in enumerate(words)}
    largest = float(table["n"].max())
    # The area of a mark grows with the people; a trial of unknown size gets the smallest mark.
    share = table["n"] / largest if largest > 0 else pd.Series(0.3, table.index)
    table["size"] = LARGEST * np.sqrt(share.fillna(0.0).clip(lower=0.06))
    sizes, drawn = table["size"].tolist(), [*map(str, table["kind"])]
    table["column"] = table["favours"].fillna(0.0)
    cell = (page_width() - 2 * MARGIN - NAMES) / 3
    questions = [*dict.fromkeys(table["question"])]
    packed = {name: _packed(table[table["question"] == name], order, cell - 12) for name in questions}
    heads = {name: wrap(name, NAMES - 10, BODY) for name in questions}
    tall = {
        name: max(len(heads[name]) * LINE, *(high for _, high in packed[name].values())) + 8
        for name in questions
    }
    present = [name for name in words if (table["kind"] == name).any()]
    keys: list[Key] = [
        (
            words[name],
            {
                "marker": looks[name][2],
                "markersize": 5.0,
                "markerfacecolor": looks[name][0],
                "markeredgecolor": looks[name][1],
            },
        )
        for name in present
    ]
    areas = (
        f" Areas grow with the number of people, {number(float(table['n'].min()), 0)} to {number(largest, 0)}."
        if largest > 0
        else ""
    )
    caption = f"One mark a question and trial.{areas} P values do not decide the side."
    with style():
        figure, top = page(
            HEAD + sum(tall.values()) + keys_height(keys, MARGIN, page_width()) + 6,
            title=title,
            caption=caption,
            width=page_width(),
        )
        width, height = figure.get_size_inches() * 72
        for column, side in enumerate(sides):
            for line, text in enumerate(wrap(side, cell - 8, BODY)[:2]):
                figure.write(
                    MARGIN + NAMES + (column + 0.5) * cell, top + 10 + LINE * line, text, ha="center"
                )
        base = top + HEAD
        for name in questions:
            edge = 1 - base / height
            figure.add_artist(
                Line2D([MARGIN / width, 1 - MARGIN / width], [edge, edge], color=FAINT, linewidth=HAIRLINE)
            )
            middle = base + tall[name] / 2
            for line, text in enumerate(heads[name]):
                figure.write(MARGIN, middle + 3 + LINE * (line - (len(heads[name]) - 1) / 2), text)
            for column, place in enumerate(SIDES):
                left = MARGIN + NAMES + column * cell + 6
                marks, high = packed[name][place]
                for row, x, y in marks:
                    fill, line_colour, marker = looks[drawn[row]]
                    figure.add_artist(
                        Line2D(
                            [(left + x) / width],
                            [1 - (middle - high / 2 + y) / height],
                            marker=marker,
                            markersize=sizes[row] * (0.85 if marker != "o" else 1.0),
                            markerfacecolor=fill,
                            markeredgecolor=line_colour,
                            markeredgewidth=0.6,
                        )
                    )
            base += tall[name]
        write_keys(figure, MARGIN, base + 2, keys)
    figure.numbers = table.drop(columns=["size", "column"])
    figure.kind = "evidence map"
    figure.alt_text = "Evidence map. " + " ".join(_told(name, table, words, present) for name in questions)
    return figure


def _packed(
    rows: pd.DataFrame, order: dict[str, int], width: float
) -> dict[float, tuple[list[tuple[int, float, float]], float]]:
    """Set the marks of a question in lines: for each side, row, x and y of each mark, and the height of all."""
    found = {}
    for side in SIDES:
        here = rows[rows["column"] == side]
        here = here.assign(order=here["kind"].map(order)).sort_values(
            ["order", "size"], ascending=[True, False]
        )
        marks: list[tuple[int, float, float]] = []
        x = y = tall = 0.0
        for row, size in zip(here.index, here["size"], strict=True):
            if x and x + size > width:
                x, y, tall = 0.0, y + tall + 2.0, 0.0
            marks.append((int(row), x + size / 2, y))
            x, tall = x + size + 2.5, max(tall, float(size))
        # Marks of one line share a middle.
        lines = [[*line] for _, line in groupby(marks, key=lambda mark: mark[2])]
        middled = []
        for line in lines:
            half = max(here["size"][row] for row, _, _ in line) / 2
            middled += [(row, place, level + half) for row, place, level in line]
        found[side] = middled, y + tall
    return found


def _told(question: str, table: pd.DataFrame, words: dict[str, str], present: list[str]) -> str:
    here = table[table["question"] == question]
    counts = [
        f"{(here['kind'] == name).sum()} {words[name]}" for name in present if (here["kind"] == name).any()
    ]
    towards, against = (int((here["favours"] == side).sum()) for side in (1.0, -1.0))
    return (
        f"{question}: {counted(len(here), 'trial')} ({', '.join(counts)}); {towards} in favour of the treatment, "
        f"{against} of the comparator."
    )
