"""Write a figure, its numbers and its description, the same bytes every time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from evidence.errors import DataError
from evidence.figures.drawing.canvas import EvidenceFigure
from evidence.files import draft, folder, plain_rows

__all__ = ["save"]

FORMATS = ("svg", "png", "pdf")


def save(
    figure: EvidenceFigure, stem: str | Path, formats: Sequence[str] = ("svg", "png"), dpi: int = 200
) -> list[Path]:
    """Save a figure in several formats, and its numbers and description as JSON.

    Every file is first written beside its place and then renamed, so that no reader meets half a file. No date
    and no version goes into a file; on one version of matplotlib the same figure gives the same bytes.

    Parameters
    ----------
    figure : EvidenceFigure
    stem : str or Path
        Path without an ending; missing folders are made.
    formats : sequence of str
        Of `svg`, `png`, `pdf`.
    dpi : int
        Dots per inch of a PNG.

    Returns
    -------
    list of Path
        The files written, in the order of `formats`, the JSON file last.

    Raises
    ------
    DataError
        If a format is not known.
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        raise DataError(f"Figures cannot be saved as '{unknown[0]}': use {', '.join(FORMATS)}.")
    stem = Path(stem)
    folder(stem.parent)
    metadata: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Title": figure.alt_text},
        "png": {"Software": None, "Description": figure.alt_text},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": figure.alt_text},
    }
    paths = []
    for kind in formats:
        path = stem.with_name(f"{stem.name}.{kind}")
        with draft(path) as beside:
            figure.savefig(beside, format=kind, dpi=dpi, metadata=metadata[kind])
        paths.append(path)
    path = stem.with_name(f"{stem.name}.json")
    content = {"alt_text": figure.alt_text, "numbers": plain_rows(figure.numbers, digits=12)}
    with draft(path) as beside:
        beside.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [*paths, path]
