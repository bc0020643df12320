"""Write a figure, its numbers and its description, the same bytes every time."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib
from matplotlib.text import Text

from evidence.errors import DataError, takes
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.figures.drawing.renderers import write_svg
from evidence.figures.drawing.style import SMALL, at_width, style
from evidence.figures.drawing.text import text_width
from evidence.files import draft, folder, plain_rows
from evidence.wording import number

__all__ = ["JOURNAL_WIDTHS", "save"]

FORMATS = ("svg", "png", "pdf", "tiff")
JOURNAL_WIDTHS = (85.0, 114.0, 174.0)
"""Usual widths of a column, a column and a half, and a page of a journal, in mm."""
DPI = (50, 1200)
"""The least and the most dots per inch of an image."""
MM = 72 / 25.4
"""Points in a millimetre."""
_HALO = (
    ".halo text{paint-order:stroke;stroke:#fff;stroke-width:1.6px;stroke-opacity:.8;stroke-linejoin:round}"
)
_FAMILY = re.compile(r"font-family: [^;\"]*")
_TEXT = re.compile(r'<text style="([^"]*)"([^>]*)>([^<]+)</text>')


@takes("EvidenceFigure")
def save(
    figure: EvidenceFigure,
    path: str | Path,
    format: str | Sequence[str] | None = None,
    *,
    width: float | None = None,
    dpi: int = 300,
    text: Literal["outlines", "text"] = "outlines",
) -> list[Path]:
    """Save a figure in one or several formats, and its numbers and description as JSON.

    A PDF holds its fonts. Every file is first written beside its place and then renamed, so that no reader meets
    half a file. No date and no version goes into a file; on one version of matplotlib the same figure gives the same
    bytes.

    Parameters
    ----------
    figure : EvidenceFigure
    path : str or Path
        With the ending of a format, or without one; missing folders are made.
    format : str or sequence of str, optional
        Of `svg`, `png`, `pdf`, `tiff`; by default what the path ends with, else `svg` and `png`.
    width : float, optional
        Width in millimetres, such as 85, 114 or 174 in journals: the figure is laid out anew for that width, in which
        no letter is smaller than 7 points. By default it stays as wide as it was drawn.
    dpi : int, default 300
        Dots per inch of a PNG or TIFF; journals ask for 300 to 600.
    text : {"outlines", "text"}
        How an SVG holds its letters: as outlines, which look alike everywhere, or as text, which can be changed,
        searched and read aloud; each line then keeps its width, whatever font it is shown in.

    Returns
    -------
    list of Path
        The files written, in the order of the formats, the JSON file last.

    Raises
    ------
    DataError
        If a format is not known, or the figure does not fit the width with letters that can be read.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> paths = ev.figures.save(ev.figures.forest(fit), mkdtemp() + "/trials")
    >>> [path.suffix for path in paths]
    ['.svg', '.png', '.json']
    """
    stem, kinds = _kinds(Path(path), format)
    if not DPI[0] <= dpi <= DPI[1]:
        raise DataError(
            f"{dpi} dots per inch is out of range: use {DPI[0]} to {DPI[1]}; journals ask for 300 to 600."
        )
    if text not in ("outlines", "text"):
        raise DataError(f"Letters of an SVG are 'outlines' or 'text', not {text!r}.")
    shown = figure if width is None else _fitted(figure, width)
    folder(stem.parent)
    paths = []
    for kind in kinds:
        written = stem.with_name(f"{stem.name}.{kind}")
        with draft(written) as beside:
            _write(shown, beside, kind, dpi, text)
        paths.append(written)
    written = stem.with_name(f"{stem.name}.json")
    content = {"alt_text": shown.alt_text, "numbers": plain_rows(shown.numbers, digits=12)}
    with draft(written) as beside:
        beside.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [*paths, written]


def _kinds(path: Path, format: str | Sequence[str] | None) -> tuple[Path, list[str]]:
    """The path without its ending, and the formats."""
    ending = path.suffix[1:].lower()
    ending = "tiff" if ending == "tif" else ending
    if format is None:
        kinds = [ending] if ending in FORMATS else ["svg", "png"]
    else:
        kinds = [format] if isinstance(format, str) else list(format)
    kinds = [kind.lower().lstrip(".") for kind in kinds]
    if unknown := [kind for kind in kinds if kind not in FORMATS]:
        raise DataError(f"Figures cannot be saved as '{unknown[0]}': use {', '.join(FORMATS)}.")
    return (path.with_suffix("") if ending in kinds else path), kinds


def _fitted(figure: EvidenceFigure, width: float) -> EvidenceFigure:
    """The figure laid out for a width in mm."""
    if not 40 <= width <= 1000:
        raise DataError(f"A width of {width:g} mm is out of range: journals use 85, 114 or 174 mm.")
    needed = figure.get_figwidth() * 25.4
    if figure.again is not None:
        with at_width(width * MM):
            figure = figure.again()
        needed = figure.get_figwidth() * 25.4
    letters = min((one.get_fontsize() for one in figure.findobj(Text) if one.get_text()), default=SMALL)
    needed *= max(SMALL / float(letters), 1.0)
    if needed > width + 0.5:
        raise DataError(
            f"At {width:g} mm the letters of this figure would be smaller than {SMALL:g} points; it needs "
            f"{number(needed, 0)} mm. Leave out columns or shorten names, or take a wider page."
        )
    return figure


def _write(figure: EvidenceFigure, path: Path, kind: str, dpi: int, text: str) -> None:
    metadata: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Title": figure.alt_text},
        "png": {"Software": None, "Description": figure.alt_text},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": figure.alt_text},
    }
    options: dict[str, Any] = {"format": kind, "dpi": dpi}
    if kind in metadata:
        options["metadata"] = metadata[kind]
    if kind == "tiff":
        options["pil_kwargs"] = {"compression": "tiff_lzw"}
    if kind == "svg" and text == "text":
        _write_text_svg(figure, path, metadata["svg"], dpi)
    else:
        figure.savefig(path, **options)


def _write_text_svg(
    figure: EvidenceFigure, beside: Path, metadata: Mapping[str, str | None], dpi: int
) -> None:
    """Write an SVG whose letters are text; a halo around letters, which matplotlib would draw as outlines, too."""
    halos = [one for one in figure.findobj(Text) if one.get_path_effects()]
    effects = [one.get_path_effects() for one in halos]
    try:
        for place, one in enumerate(halos):
            one.set_gid(f"halo-{place}")
            one.set_path_effects([])
        with style(), matplotlib.rc_context({"svg.fonttype": "none"}):
            write_svg(figure, beside, metadata, dpi)
    finally:
        for one, kept in zip(halos, effects, strict=True):
            one.set_gid(None)
            one.set_path_effects(kept)
    text = _TEXT.sub(_with_width, beside.read_text("utf-8"))
    if halos:
        text = re.sub(r'<g id="halo-\d+">', '<g class="halo">', text).replace(
            "</style>", _HALO + "</style>", 1
        )
    beside.write_text(text, "utf-8", newline="\n")


def _with_width(found: re.Match[str]) -> str:
    """A text of an SVG with the width that the layout gave it, and fonts like the one it was measured in."""
    look, place, text = found.groups()
    size = float(re.search(r"font-size: ([\d.]+)px", look)[1])  # type: ignore[index]
    wide = text_width(html.unescape(text), size, "bold" if "font-weight: 700" in look else "normal")
    look = _FAMILY.sub("font-family: 'DejaVu Sans', Verdana, sans-serif", look)
    fixed = f' textLength="{wide:.2f}" lengthAdjust="spacingAndGlyphs"' if len(text) > 1 else ""
    return f'<text style="{look}"{place}{fixed}>{text}</text>'
