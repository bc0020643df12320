"""The flow of trials through a review, as PRISMA 2020 asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from evidence.errors import takes
from evidence.figures.drawing.canvas import EvidenceFigure, redrawable
from evidence.figures.drawing.plot import page
from evidence.figures.drawing.style import BODY, INK, MARGIN, SMALL, page_width, style
from evidence.figures.drawing.text import clean, wrap
from evidence.wording import counted

if TYPE_CHECKING:
    from evidence.appraisal.prisma import PrismaFlow

__all__ = ["prisma_flow"]

STAGE_WIDTH, ACROSS = 200.0, 34.0
LINE, PAD, BETWEEN = 10.6, 7.0, 22.0
INDENT = 10.0
TINT = "#E3F1FA"

Line = tuple[str, float, str, float]
"""Text, size, weight and indent of a line in a box."""


@dataclass(frozen=True, slots=True)
class Box:
    """Lines of a box, and its height."""

    lines: tuple[Line, ...]

    @property
    def height(self) -> float:
        """Height in points."""
        return 2 * PAD + LINE * len(self.lines) - 2


@redrawable
@takes("PrismaFlow")
def prisma_flow(
    flow: PrismaFlow, *, title: str | None = None, unit: str = "trial", notes: Sequence[str] = ()
) -> EvidenceFigure:
    """Draw one box for each stage, and beside it those that leave, with their reasons.

    Parameters
    ----------
    flow : PrismaFlow
        From `evidence.prisma_flow`.
    title : str, optional
    unit : str
        What is counted.
    notes : sequence of str
        Sentences below the diagram.

    Returns
    -------
    EvidenceFigure
        `numbers` are the rows of `PrismaFlow.to_frame`. Reasons that hold for one trial each are drawn as one line.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> figure = ev.figures.prisma_flow(ev.prisma_flow(review))
    """
    side_width = page_width() - 2 * MARGIN - STAGE_WIDTH - ACROSS
    stages, sides = [], []
    for row in flow.stages.to_dict("records"):
        head = f"{unit.capitalize()}s {row['stage']}: {row['trials']}"
        stages.append(_box(head, [(row["detail"], 0.0)] if row["detail"] else [], STAGE_WIDTH))
        reasons = _reasons(flow.reasons[flow.reasons["stage"] == row["stage"]])
        why = row["why"][:1].upper() + row["why"][1:]
        sides.append(_box(f"{why}: {row['left']}", reasons, side_width) if row["left"] else None)
    # A stage and those that leave after it stand side by side; the taller of both sets the step to the next stage.
    heights = [max(one.height, two.height if two else 0.0) for one, two in zip(stages, sides, strict=True)]
    caption = clean(" ".join(notes))
    with style():
        body = sum(heights) + BETWEEN * (len(heights) - 1) + 8
        figure, top = page(body, title=title, caption=caption, width=page_width())
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, page_width()), ylim=(figure.get_figheight() * 72, 0))
        axes.axis("off")
        y = top
        for place, (stage, side, height) in enumerate(zip(stages, sides, heights, strict=True)):
            _draw(figure, axes, MARGIN, y, STAGE_WIDTH, stage, TINT)
            if side is not None:
                left = MARGIN + STAGE_WIDTH
                _draw(figure, axes, left + ACROSS, y, side_width, side, "white")
                level = y + min(stage.height, side.height) / 2
                _arrow(axes, (left, level), (left + ACROSS, level))
            if place + 1 < len(stages):
                middle = MARGIN + STAGE_WIDTH / 2
                _arrow(axes, (middle, y + stage.height), (middle, y + height + BETWEEN))
            y += height + BETWEEN
    figure.numbers = flow.to_frame()
    figure.kind = "flow diagram"
    figure.alt_text = _describe(flow, unit)
    return figure


def _box(head: str, rest: Sequence[tuple[str, float]], width: float) -> Box:
    inner = width - 2 * PAD
    lines: list[Line] = [(line, BODY, "bold", 0.0) for line in wrap(clean(head), inner, BODY, "bold")]
    for text, indent in rest:
        for number, line in enumerate(wrap(clean(text), inner - indent, SMALL)):
            lines.append((line, SMALL, "normal", indent if number else 0.0))
    return Box(tuple(lines))


def _reasons(reasons: pd.DataFrame) -> list[tuple[str, float]]:
    """Lines of the reasons, the commonest first; those of one trial each are taken together if they are many."""
    single = reasons["trials"] == 1
    if single.sum() > 2:
        rest = pd.DataFrame([{"reason": "other reasons, one each", "trials": int(single.sum())}])
        reasons = pd.concat([reasons[~single], rest])
    return [(f"{row['trials']}  {row['reason']}", INDENT) for row in reasons.to_dict("records")]


def _draw(
    figure: EvidenceFigure, axes: Axes, left: float, top: float, width: float, box: Box, fill: str
) -> None:
    axes.add_patch(Rectangle((left, top), width, box.height, facecolor=fill, edgecolor=INK, linewidth=0.7))
    for number, (text, size, weight, indent) in enumerate(box.lines):
        figure.write(
            left + PAD + indent, top + PAD + BODY + LINE * number - 0.5, text, size=size, weight=weight
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 8, "shrinkA": 0, "shrinkB": 0}
    axes.add_patch(FancyArrowPatch(start, end, color=INK, linewidth=0.8, **look))


def _describe(flow: PrismaFlow, unit: str) -> str:
    parts = []
    for stage in flow.stages.to_dict("records"):
        detail = f" ({stage['detail']})" if stage["detail"] else ""
        parts.append(f"{stage['stage']}: {counted(stage['trials'], unit)}{detail}.")
        if stage["left"]:
            found = flow.reasons[flow.reasons["stage"] == stage["stage"]]
            reasons = "; ".join(f"{row['reason']} {row['trials']}" for row in found.to_dict("records"))
            parts.append(f"{stage['why']}: {stage['left']} ({reasons}).")
    return "Flow of trials. " + " ".join(text[0].upper() + text[1:] for text in parts)
