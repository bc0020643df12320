"""Write a figure, its numbers and its description, the same bytes every time."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence.errors import DataError
from evidence.figures.drawing.canvas import EvidenceFigure

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
    stem.parent.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, dict[str, str | None]] = {
        "svg": {"Date": None, "Creator": None, "Title": figure.alt_text},
        "png": {"Software": None, "Description": figure.alt_text},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": figure.alt_text},
    }
    paths = []
    for kind in formats:
        path, draft = _names(stem, kind)
        figure.savefig(draft, format=kind, dpi=dpi, metadata=metadata[kind])
        os.replace(draft, path)
        paths.append(path)
    path, draft = _names(stem, "json")
    content = {
        "alt_text": figure.alt_text,
        "numbers": [_plain(row) for row in figure.numbers.to_dict("records")],
    }
    draft.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, path)
    return [*paths, path]


def _names(stem: Path, kind: str) -> tuple[Path, Path]:
    """Name of the file, and of its draft, which carries the process so that two writers never share one."""
    return stem.with_name(f"{stem.name}.{kind}"), stem.with_name(f".{stem.name}.{os.getpid()}.{kind}")


def _plain(row: dict[Any, Any]) -> dict[str, object]:
    """Numbers to 12 significant digits, the same on every machine; missing ones are null."""
    plain: dict[str, object] = {}
    for name, value in row.items():
        native = value.item() if hasattr(value, "item") else value
        if isinstance(native, float):
            native = float(f"{native:.12g}") if math.isfinite(native) else None
        plain[str(name)] = native
    return plain
