"""Writing files and folders so that no reader meets half of one, and values as JSON holds them."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evidence.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["draft", "folder", "new_folder", "plain", "plain_rows"]


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


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside the wanted one; it takes its place when all is well, else it is removed.

    Parameters
    ----------
    folder : Path
        The wanted folder; folders above it are made if need be.

    Raises
    ------
    DataError
        If it holds something, is a file, or cannot be written.
    """
    place = Path(os.path.abspath(folder))
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError(
            f"'{folder}' exists and is not an empty folder; nothing was written. Name a new folder."
        )
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{place.name}.making-", dir=place.parent))
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be made: {error.strerror or error}") from None
    try:
        yield beside
        beside.chmod(0o777 & ~_umask())
        os.replace(beside, place)
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def plain(value: Any, digits: int | None = None) -> Any:
    """Turn a value into what JSON holds: numbers of Python's own, null for what is missing or infinite, else a text.

    Parameters
    ----------
    value
        A cell of a table.
    digits : int, optional
        Significant digits of floats, so that they are the same on every machine; by default all.
    """
    native = value.item() if hasattr(value, "item") else value
    if isinstance(native, float):
        if not math.isfinite(native):
            return None
        return native if digits is None else float(f"{native:.{digits}g}")
    if native is None or isinstance(native, bool | int | str | list | tuple | dict):
        return native
    return None if str(native) in ("<NA>", "NaT") else str(native)


def plain_rows(frame: pd.DataFrame, digits: int | None = None) -> list[dict[str, Any]]:
    """Turn a table into records that JSON holds, see `plain`."""
    return [
        {str(name): plain(value, digits) for name, value in row.items()} for row in frame.to_dict("records")
    ]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
