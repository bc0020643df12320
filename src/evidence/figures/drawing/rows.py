"""Draw rows of estimates: columns of text around panels with a common look."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.lines import Line2D

from evidence.figures.drawing.axis import Axis, make_axis
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.directions import (
    Direction,
    directions_height,
    place_directions,
    write_directions,
)
from evidence.figures.drawing.layout import Block, Layout, Placed, TextColumn, indent, interval_texts, lay_out
from evidence.figures.drawing.marks import draw_panel
from evidence.figures.drawing.style import BODY, GREY, INK, LINE, MARGIN, SMALL, TITLE, style, superscript
from evidence.figures.drawing.text import text_width, wrap
from evidence.wording import number

__all__ = ["draw"]

TITLE_LINE, HEADER_LINE, FOOTER_LINE = 14.0, 10.0, 9.6
BLOCK_HEADING, BELOW_HEADER, TICKS, BETWEEN_BLOCKS = 16.0, 6.0, 19.0, 11.0


@dataclass(frozen=True, slots=True)
class Part:
    """A block with everything that decides its height."""

    block: Block
    rows: tuple[Placed, ...]
    axis: Axis
    measure: list[str]
    directions: list[Direction]
    header: float

    @property
    def body(self) -> float:
        """Height of the rows."""
        return sum(placed.height for placed in self.rows)

    @property
    def height(self) -> float:
        """Height of the block with its header and axis."""
        return self.header + self.body + TICKS + directions_height(self.directions)


def draw(
    blocks: Sequence[Block],
    columns: Sequence[TextColumn] = (),
    *,
    title: str | None = None,
    label_heading: str = "Study",
    footer: Sequence[tuple[str, str]] = (),
) -> EvidenceFigure:
    """Draw blocks of rows, one under the other, with common columns.

    Parameters
    ----------
    blocks : sequence of Block
    columns : sequence of TextColumn
        Text columns between the label and the panel.
    title : str, optional
    label_heading : str
        Heading of the first column.
    footer : sequence of (str, str)
        Notes under the figure, each with its letter, which may be empty.

    Returns
    -------
    EvidenceFigure
        As high as its rows need.
    """
    layout = lay_out(blocks, columns, label_heading)
    inner = layout.width - 2 * MARGIN
    title_lines = wrap(title, inner, TITLE, "bold") if title else []
    foot = [(letter, wrap(text, inner - (8 if letter else 0), SMALL)) for letter, text in footer]
    parts = [_part(block, rows, columns, layout) for block, rows in zip(blocks, layout.blocks, strict=True)]
    height = (
        2 * MARGIN
        + TITLE_LINE * len(title_lines)
        + sum(part.height + BETWEEN_BLOCKS for part in parts)
        + FOOTER_LINE * sum(len(lines) for _, lines in foot)
    )
    with style():
        figure = EvidenceFigure(layout.width, height)
        y = MARGIN
        for line in title_lines:
            figure.write(MARGIN, y + TITLE, line, size=TITLE, weight="bold")
            y += TITLE_LINE
        for part in parts:
            _draw_part(figure, y, part, columns, label_heading, layout)
            y += part.height + BETWEEN_BLOCKS
        for letter, lines in foot:
            figure.write(MARGIN, y + SMALL - 2.2, letter, size=superscript())
            for line in lines:
                figure.write(MARGIN + (8 if letter else 0), y + SMALL, line, size=SMALL)
                y += FOOTER_LINE
    return figure


def _part(block: Block, rows: tuple[Placed, ...], columns: Sequence[TextColumn], layout: Layout) -> Part:
    axis = make_axis(
        block.limits,
        layout.panel_width,
        ratio=block.scale.ratio,
        factor=block.scale.factor,
        sign=block.scale.sign,
    )
    measure = wrap(block.measure, layout.panel_width, BODY, "bold")
    others = [*(column.heading for column in columns), *(block.weight_headings if layout.weights else ())]
    lines = max([len(measure), *(heading.count("\n") + 1 for heading in others)])
    header = (BLOCK_HEADING if block.heading else 0) + HEADER_LINE * lines + BELOW_HEADER
    directions = []
    if block.reference is not None:
        x = layout.panel + axis.share(block.reference) * layout.panel_width
        directions = place_directions(block.favours, x, layout.width)
    return Part(block, rows, axis, measure, directions, header)


def _draw_part(
    figure: EvidenceFigure,
    y: float,
    part: Part,
    columns: Sequence[TextColumn],
    label_heading: str,
    layout: Layout,
) -> None:
    block = part.block
    if block.heading:
        figure.write(MARGIN, y + BODY + 2, block.heading, size=BODY + 1, weight="bold")
    y += part.header
    headings = [
        (MARGIN, "left", [label_heading]),
        *((x, c.align, c.heading.split("\n")) for x, c in zip(layout.cells, columns, strict=True)),
        (layout.panel + layout.panel_width / 2, "center", part.measure),
        (layout.high, "right", [block.interval_heading]),
        *(
            (x, "right", heading.split("\n"))
            for x, heading in zip(layout.weights, block.weight_headings, strict=False)
        ),
        *((x, "center", [heading]) for x, heading in zip(layout.signs, block.sign_headings, strict=False)),
    ]
    for x, align, lines in headings:
        for up, line in enumerate(reversed(lines)):
            figure.write(x, y - BELOW_HEADER - HEADER_LINE * up, line, weight="bold", ha=align)
    height = figure.get_figheight() * 72
    ends = (MARGIN / layout.width, 1 - MARGIN / layout.width)
    figure.add_artist(Line2D(ends, (1 - (y - 2) / height,) * 2, color=INK, linewidth=LINE))

    box = (layout.panel / layout.width, 1 - (y + part.body) / height)
    panel = figure.add_axes((*box, layout.panel_width / layout.width, part.body / height))
    draw_panel(panel, part.rows, block, part.axis)
    for placed in part.rows:
        _write_row(figure, y + placed.height / 2, placed, block, columns, layout)
        y += placed.height
    write_directions(figure, y + TICKS + 5, part.directions)


def _write_row(
    figure: EvidenceFigure,
    middle: float,
    placed: Placed,
    block: Block,
    columns: Sequence[TextColumn],
    layout: Layout,
) -> None:
    row = placed.row
    base = middle + 0.36 * row.size
    colour = GREY if row.kind == "note" else INK
    x = MARGIN + indent(row)
    texts = [
        (x, "left", placed.label),
        *zip(layout.cells, (c.align for c in columns), placed.cells, strict=False),
    ]
    for place, align, lines in texts:
        first = base - placed.step * (len(lines) - 1) / 2
        for down, line in enumerate(lines):
            y = first + placed.step * down
            figure.write(place, y, line, size=row.size, weight=row.bold, color=colour, ha=align)
    end = x + text_width(placed.label[-1], row.size, row.bold) + 1.5
    last = base + placed.step * (len(placed.label) - 1) / 2
    figure.write(end, last - 2.6, row.notes, size=superscript())

    estimate, low, high = interval_texts(row, block.scale)
    figure.write(layout.estimate, base, estimate, weight=row.bold, ha="right")
    figure.write(layout.low, base, low, weight=row.bold, ha="right")
    figure.write(layout.to, base, "to" if low else "", weight=row.bold, ha="center")
    figure.write(layout.high, base, high, weight=row.bold, ha="right")
    for place, value in zip(layout.weights, (row.weight, row.second_weight), strict=False):
        weight = "" if math.isnan(value) else f"{number(value, 1)}%"
        figure.write(place, base, weight, weight=row.bold, ha="right")
    width, height = figure.get_size_inches() * 72
    for place, sign in zip(layout.signs, row.signs, strict=False):
        if sign.colour:
            at = ([place / width], [1 - middle / height])
            disc = Line2D(*at, linestyle="none", marker="o", color=sign.colour, markersize=9.0)
            disc.set(markeredgecolor=INK, markeredgewidth=0.4)
            figure.add_artist(disc)
        figure.write(place, middle + 0.36 * BODY, sign.text, weight="bold", color=sign.ink, ha="center")
