"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Data", "review_here"]


def review_here(data: Path) -> Path:
    """Take this folder for the review if it is one and there is none where reviews are looked for."""
    return Path() if data == Path("data") and not data.exists() and Path("review.yaml").is_file() else data


Data = Annotated[
    Path,
    typer.Option(
        "--data",
        callback=review_here,
        help="Folder of the review: its tables and review.yaml. This folder, if it is one and there is no data.",
    ),
]
