"""Figures at print quality; each carries the numbers it shows and a description in words.

The functions share their names with their modules, so they are imported here and not on first use.
"""

from __future__ import annotations

from evidence.figures.bars import bars
from evidence.figures.canvas import EvidenceFigure
from evidence.figures.comparison import comparison
from evidence.figures.forest import forest
from evidence.figures.funnel import funnel
from evidence.figures.save import save

__all__ = ["EvidenceFigure", "bars", "comparison", "forest", "funnel", "save"]
