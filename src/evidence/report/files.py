"""Writing a file so that no reader meets half of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from evidence.errors import DataError

__all__ = ["draft", "folder"]


@contextlib.contextmanager
def draft(path: Path) -> Iterator[Path]:
    """Give a path beside the wanted one to write to; the file takes its place when all is well, else it is removed.

    Parameters
    ----------
    path : Path
        The wanted file; its folder exists.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def folder(path: Path) -> Path:
    """Make a folder, with those above it.

    Raises
    ------
    DataError
        If it cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"the folder '{path}' cannot be made: {error.strerror or error}") from None
    if not os.access(path, os.W_OK):
        raise DataError(f"the folder '{path}' cannot be written to; name another with --output")
    return path
