"""How judgements on risk of bias look: a colour and a sign each, so that no reader depends on the colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.figures.drawing.style import DEEP_GREEN, DEEP_ORANGE, INK, ORANGE
from evidence.tables.bias_tools import NOT_JUDGED

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import RiskOfBias

__all__ = ["Look", "looks"]


@dataclass(frozen=True, slots=True)
class Look:
    """Colour of a level, its sign and hatching, and the colour of what is written on it."""

    name: str
    colour: str
    sign: str
    ink: str
    hatch: str = ""


def looks(bias: RiskOfBias) -> dict[str, Look]:
    """Look of each level of a tool, from best to worst, and of no judgement."""
    best, middle, worst = bias.tool.levels
    return {
        best: Look(f"{best} risk", DEEP_GREEN, "+", "white"),
        middle: Look(middle, ORANGE, "?", INK, "..."),
        worst: Look(f"{worst} risk", DEEP_ORANGE, "\u2212", "white", "////"),
        NOT_JUDGED: Look(NOT_JUDGED, "#EEEEEE", "", INK),
    }
