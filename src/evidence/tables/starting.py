"""A new review to start from: small, valid, with fictional trials to be replaced."""

from __future__ import annotations

import csv
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from evidence.errors import DataError
from evidence.files import new_folder
from evidence.tables.write import write_table

__all__ = ["init_review"]

_TITLE = "TITLE OF THE REVIEW"
"""What stands for the title in the templates."""


def init_review(folder: str | Path, *, title: str = "A new review") -> Path:
    """Write the folder of a new review that can be checked, pooled and reported at once.

    Parameters
    ----------
    folder : str or Path
        Where; it must not exist or be empty.
    title : str
        Title of the review, one line.

    Returns
    -------
    Path
        The folder: ``review.yaml`` with a comment for each key, the tables with three fictional trials, a notebook,
        and a ``README.md`` with the next steps.

    Raises
    ------
    DataError
        If the folder holds something or cannot be written; nothing is left behind then.
    """
    title = title.strip()
    if not title or not title.isprintable():
        raise DataError("the title must be one line of text")
    place = Path(folder)
    with new_folder(place) as fresh:
        _copy(files("evidence.tables").joinpath("templates", "init"), fresh, title)
    return place


def _copy(source: Traversable, target: Path, title: str) -> None:
    for entry in source.iterdir():
        if entry.is_dir():
            (target / entry.name).mkdir()
            _copy(entry, target / entry.name, title)
            continue
        text = entry.read_text(encoding="utf-8")
        if entry.name.endswith(".csv"):
            # A template holds the columns that it fills in; the schema knows the others.
            write_table(target, entry.name.removesuffix(".csv"), csv.DictReader(text.splitlines()))
            continue
        written = _quoted(title) if entry.name.endswith(".yaml") else title
        (target / entry.name).write_text(text.replace(_TITLE, written), encoding="utf-8")


def _quoted(text: str) -> str:
    """Write a text as one YAML value."""
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=10_000).strip()
