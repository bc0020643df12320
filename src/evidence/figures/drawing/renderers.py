"""How figures are measured and written as SVG: texts are as large as their outlines, whatever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from evidence.figures.drawing.text import Size, known_size

__all__ = ["Ruler", "write_svg"]


class Ruler(RendererBase):
    """Draws nothing, and tells how large texts are at some dots per inch."""

    def __init__(self, dpi: float) -> None:
        super().__init__()
        self.dpi = dpi

    def points_to_pixels(self, points: float) -> float:  # type: ignore[override]
        """Give a length in points in dots."""
        return points * self.dpi / 72

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> Size:
        """Give the size of a text in dots."""
        known = None if ismath else known_size(s, prop)
        if known is None:
            known = self._text2path.get_text_width_height_descent(s, prop, ismath)
        scale = self.dpi / 72
        return known[0] * scale, known[1] * scale, known[2] * scale


class _RendererSVG(RendererSVG):
    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> Size:
        """Give the size of a text in points."""
        known = None if ismath else known_size(s, prop)
        return super().get_text_width_height_descent(s, prop, ismath) if known is None else known


def write_svg(figure: Figure, path: Path, metadata: Mapping[str, str | None], dpi: float) -> None:
    """Write a figure as SVG in one go; matplotlib itself draws it twice, the first time for layouts not used here."""
    width, height = figure.get_size_inches()
    kept = figure.dpi
    with path.open("w", encoding="utf-8", newline="\n") as file:
        try:
            figure.dpi = 72
            svg = _RendererSVG(72 * width, 72 * height, file, image_dpi=dpi, metadata=dict(metadata))
            renderer = MixedModeRenderer(figure, width, height, dpi, svg)
            figure.draw(renderer)  # type: ignore[arg-type]  # it takes the place of one
            renderer.finalize()
        finally:
            figure.dpi = kept
