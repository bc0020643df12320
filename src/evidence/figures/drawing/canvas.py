"""The figure class: a matplotlib figure that carries the numbers it shows and a description in words."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from evidence.figures.drawing.renderers import Ruler
from evidence.figures.drawing.style import BODY, style

__all__ = ["EvidenceFigure", "redrawable"]


class EvidenceFigure(Figure):
    """A figure, its numbers and its description; it shows itself in a notebook without any set-up.

    Positions are in points (1/72 inch) from the top left corner, the way a page is read.

    Parameters
    ----------
    width, height : float
        Size in points.

    Attributes
    ----------
    numbers : DataFrame
        One row for each thing drawn, on the scale on which it is shown.
    kind : str
        What kind of figure it is, such as "forest plot".
    alt_text : str
        What the figure says, computed from the numbers, for readers who cannot see it.
    again : callable or None
        Draws the figure anew, for a page of another width.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> figure = ev.figures.forest(fit)
    >>> figure.kind
    'forest plot'
    >>> figure.numbers.columns[:3].tolist()
    ['row', 'group', 'label']
    """

    def __init__(self, width: float, height: float) -> None:
        # Without pyplot, so that figures are not kept alive behind the reader's back.
        super().__init__(figsize=(width / 72, height / 72))
        FigureCanvasAgg(self)
        self.numbers = pd.DataFrame()
        self.kind = ""
        self.alt_text = ""
        self.again: Callable[[], EvidenceFigure] | None = None

    def write(self, x: float, y: float, text: str, *, size: float = BODY, **look: Any) -> None:
        """Put one line of text with its baseline at `y` points from the top."""
        if not text:
            return
        width, height = self.get_size_inches() * 72
        self.text(x / width, 1 - y / height, text, fontsize=size, parse_math=False, va="baseline", **look)

    def add_below(self, lines: Sequence[str], size: float, step: float) -> None:
        """Make the page longer at its foot and write lines there; everything else stays where it is."""
        width, height = self.get_size_inches() * 72
        taller = height + step * len(lines)

        def moved(y: float) -> float:
            return 1 - (1 - y) * height / taller

        for text in self.texts:
            text.set_y(moved(text.get_position()[1]))
        for line in (one for one in (*self.lines, *self.artists) if isinstance(one, Line2D)):
            line.set_ydata([moved(y) for y in np.atleast_1d(line.get_ydata())])
        for axes in self.axes:
            left, low, wide, high = axes.get_position().bounds
            axes.set_position((left, moved(low), wide, high * height / taller))
        self.set_size_inches(width / 72, taller / 72)
        for place, words in enumerate(lines):
            self.write(9.0, height - 9.0 + size + step * place, words, size=size)

    def places(self) -> list[tuple[str, float, float, float, float]]:
        """Tell where each line of text stands: the text, and left, top, width and height in percent of the figure."""
        width, height = self.bbox.width, self.bbox.height
        found = []
        with style():
            renderer = Ruler(self.dpi)
            for text in self.findobj(Text):
                if text.get_visible() and text.get_text().strip():
                    box = text.get_window_extent(renderer)
                    found.append(
                        (
                            text.get_text(),
                            100 * box.x0 / width,
                            100 * (1 - box.y1 / height),
                            100 * box.width / width,
                            100 * box.height / height,
                        )
                    )
        return found

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write the figure as `matplotlib.figure.Figure.savefig` does, always in the package's own look."""
        with style():
            super().savefig(fname, **options)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=192, metadata={"Software": None})
        image = buffer.getvalue()
        width = round(96 * self.get_figwidth())
        # As HTML, because notebook pages drop the description of a plain image; the image itself is for the rest.
        page = (
            f'<img alt="{html.escape(self.alt_text)}" width="{width}" style="max-width: 100%; height: auto" '
            f'src="data:image/png;base64,{base64.b64encode(image).decode()}">'
        )
        return {"text/html": page, "image/png": image, "text/plain": self.alt_text}, {}


P = ParamSpec("P")


def redrawable(draw: Callable[P, EvidenceFigure]) -> Callable[P, EvidenceFigure]:
    """Let a figure remember how it was drawn, so that it can be laid out for a page of another width."""

    @wraps(draw)
    def remembered(*given: P.args, **options: P.kwargs) -> EvidenceFigure:
        figure = draw(*given, **options)
        figure.again = partial(draw, *given, **options)
        return figure

    return remembered
