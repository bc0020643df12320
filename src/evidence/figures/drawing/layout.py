"""Rows of estimates beside their text: what a row holds, and how much room every column needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale
from evidence.figures.drawing.style import BODY, MARGIN, SMALL, page_width, superscript
from evidence.figures.drawing.text import text_width, wrap

__all__ = ["Block", "Layout", "Placed", "Row", "Sign", "TextColumn", "indent", "interval_texts", "lay_out"]

GAP, INDENT, LINE_HEIGHT = 10.0, 8.0, 10.0
SIGN_STEP = 12.5
LABEL_WIDEST, CELL_WIDEST, PANEL_NARROWEST = 170.0, 110.0, 180.0
PANEL_LEAST = 60.0
NARROWER = (0.85, 0.7, 0.55, 0.42, 0.33)
"""Shares of the usual widths that are tried one after another."""

Kind = Literal["study", "pooled", "subtotal", "prediction", "own", "published", "heading", "note", "gap"]


@dataclass(frozen=True, slots=True)
class Sign:
    """A coloured disc with a letter or sign on it; without colour there is nothing to draw."""

    text: str
    colour: str
    ink: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the figure.

    Attributes
    ----------
    kind : str
        How the row is drawn: as a square, a diamond, a prediction bar, a circle, or text alone.
    label : str
    cells : tuple of str
        Texts of the further columns on the left; may be empty.
    interval : (estimate, low, high) or None
        On the analysis scale; missing bounds are NaN.
    prediction : (low, high)
        Drawn as a thin line behind the interval; NaN when there is none.
    weight : float
        In percent; NaN when there is none.
    area : float
        Area of the mark as a share of the largest one's, 0 to 1.
    notes : str
        Letters of the notes below the figure, raised behind the label.
    second_weight : float
        In percent, under a second model; NaN when there is none.
    signs : tuple of Sign
        Judgements, as coloured discs on the right; may be empty.
    """

    kind: Kind
    label: str = ""
    cells: tuple[str, ...] = ()
    interval: tuple[float, float, float] | None = None
    prediction: tuple[float, float] = (math.nan, math.nan)
    weight: float = math.nan
    area: float = 1.0
    notes: str = ""
    second_weight: float = math.nan
    signs: tuple[Sign, ...] = ()

    @property
    def bold(self) -> str:
        """Font weight of the row."""
        return "bold" if self.kind in ("pooled", "subtotal", "heading", "own") else "normal"

    @property
    def size(self) -> float:
        """Font size of the row."""
        return SMALL if self.kind == "note" else BODY

    @property
    def spans(self) -> bool:
        """Whether the label runs across all columns on the left of the panel."""
        return self.kind in ("heading", "note")


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A text column on the left: its heading (lines parted by a line break) and its alignment."""

    heading: str
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that share one axis.

    Attributes
    ----------
    rows : tuple of Row
    scale : Scale
    limits : (low, high)
        Range of the axis on the analysis scale.
    measure : str
        What the axis shows, written above the panel.
    interval_heading : str
        Heading of the numbers, such as `SMD (95% CI)`.
    reference : float or None
        The value of no difference.
    favours : (str, str) or None
        What lies below and above the reference.
    heading : str
        Written above the block.
    centre : float or None
        A pooled estimate to which a dotted line leads.
    band : (low, high) or None
        Shaded on the analysis scale: differences too small to matter.
    weight_headings : tuple of str
        Headings of the weights, lines parted by a line break; two if the rows have a second weight.
    sign_headings : tuple of str
        Headings of the signs.
    """

    rows: tuple[Row, ...]
    scale: Scale
    limits: tuple[float, float]
    measure: str
    interval_heading: str
    reference: float | None = 0.0
    favours: tuple[str, str] | None = None
    heading: str = ""
    centre: float | None = None
    band: tuple[float, float] | None = None
    weight_headings: tuple[str, ...] = ("Weight",)
    sign_headings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with its label and its cells broken into lines."""

    row: Row
    label: list[str]
    cells: list[list[str]]

    @property
    def step(self) -> float:
        """Distance between two lines of text in points."""
        return 8.6 if self.row.kind == "note" else LINE_HEIGHT

    @property
    def height(self) -> float:
        """Height of the row in points."""
        return 5.0 if self.row.kind == "gap" else self.step * max(map(len, (self.label, *self.cells))) + 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of the columns in points from the left edge, and the rows of every block."""

    width: float
    cells: tuple[float, ...]
    panel: float
    panel_width: float
    estimate: float
    low: float
    to: float
    high: float
    weights: tuple[float, ...]
    signs: tuple[float, ...]
    blocks: tuple[tuple[Placed, ...], ...]


def interval_texts(row: Row, scale: Scale) -> tuple[str, str, str]:
    """Estimate, lower and upper bound as printed; the parentheses stay with the bounds."""
    if row.interval is None:
        return "", "", ""
    estimate, low, high = row.interval
    if math.isnan(estimate) and row.kind == "study":
        return "not estimable", "", ""
    bounds = ("", "") if math.isnan(low) else (f"({scale.text(low)}", f"{scale.text(high)})")
    return scale.text(estimate), *bounds


def lay_out(blocks: Sequence[Block], columns: Sequence[TextColumn], label_heading: str) -> Layout:
    """Measure every text and place the columns so that nothing touches.

    On a page whose width was asked for, names and cells break into more lines, and the panel becomes narrower, as far
    as it takes.

    Raises
    ------
    DataError
        If a row has another number of cells than there are columns.
    """
    layout = _lay_out(blocks, columns, label_heading, 1.0)
    for share in NARROWER if page_width(0.0) else ():
        if layout.width <= page_width() + 0.5:
            break
        layout = _lay_out(blocks, columns, label_heading, share)
    return layout


def _lay_out(
    blocks: Sequence[Block], columns: Sequence[TextColumn], label_heading: str, share: float
) -> Layout:
    rows = [row for block in blocks for row in block.rows]
    for row in rows:
        if row.cells and len(row.cells) != len(columns):
            raise DataError(f"Row '{row.label}' has {len(row.cells)} cells for {len(columns)} columns.")

    label_widest, cell_widest = LABEL_WIDEST * share, CELL_WIDEST * share
    panel_narrowest = max(PANEL_LEAST, PANEL_NARROWEST * share)
    labels = [
        text_width(row.label, row.size, row.bold) + indent(row) + notes_width(row.notes)
        for row in rows
        if not row.spans
    ]
    label_width = max(
        [min(max(labels, default=0.0), label_widest), text_width(label_heading, BODY, "bold"), 60.0 * share]
    )
    x = MARGIN + label_width
    cells, widths = [], []
    for number, column in enumerate(columns):
        texts = [text_width(row.cells[number], row.size, row.bold) for row in rows if row.cells]
        heading = [text_width(line, BODY, "bold") for line in column.heading.split("\n")]
        wide = max(*heading, min(max(texts, default=0.0), cell_widest))
        widths.append(wide)
        cells.append(x + GAP + (wide if column.align == "right" else 0.0))
        x += GAP + wide
    left = x + GAP

    pieces = [(row, interval_texts(row, block.scale)) for block in blocks for row in block.rows]
    parts = [max((text_width(t[i], BODY, row.bold) for row, t in pieces), default=0.0) for i in range(3)]
    to_width = text_width("to", BODY, "bold") + 6
    numbers = parts[0] + 5 + parts[1] + to_width + parts[2]
    numbers = max(numbers, *(text_width(block.interval_heading, BODY, "bold") for block in blocks))
    weighted = [any(not math.isnan(row.weight) for row in rows)]
    weighted.append(any(not math.isnan(row.second_weight) for row in rows))
    headings = [heading.split("\n") for block in blocks[:1] for heading in block.weight_headings]
    weight_widths = [
        GAP + max(text_width(line, BODY, "bold") for line in lines)
        for lines, shown in zip(headings, weighted, strict=False)
        if shown
    ]
    weight_width = sum(weight_widths)
    signs = max((len(block.sign_headings) for block in blocks), default=0)
    sign_width = GAP + SIGN_STEP * signs if signs else 0.0

    panel_width = max(
        panel_narrowest, page_width() - left - GAP - numbers - weight_width - sign_width - MARGIN
    )
    high = left + panel_width + GAP + numbers
    low = high - parts[2] - to_width

    def place(row: Row) -> Placed:
        room = (left - GAP - MARGIN if row.spans else label_width) - indent(row) - notes_width(row.notes)
        cells = [wrap(cell, wide, row.size, row.bold) for cell, wide in zip(row.cells, widths, strict=False)]
        return Placed(row, wrap(row.label, room, row.size, row.bold), cells)

    return Layout(
        width=high + weight_width + sign_width + MARGIN,
        cells=tuple(cells),
        panel=left,
        panel_width=panel_width,
        estimate=low - parts[1] - 5,
        low=low,
        to=low + to_width / 2,
        high=high,
        weights=tuple(high + sum(weight_widths[: place + 1]) for place in range(len(weight_widths))),
        signs=tuple(high + weight_width + GAP + SIGN_STEP * (place + 0.5) for place in range(signs)),
        blocks=tuple(tuple(place(row) for row in block.rows) for block in blocks),
    )


def notes_width(notes: str) -> float:
    """Room for the raised letters behind a label."""
    return text_width(notes, superscript()) + 1.5 if notes else 0.0


def indent(row: Row) -> float:
    """Indent of the label in points."""
    return INDENT if row.kind not in ("pooled", "subtotal", "heading") else 0.0
