"""A new folder that is there whole or not at all."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evidence.errors import DataError
from evidence.tables.schema import TABLES

__all__ = ["new_folder", "write_table"]


@contextmanager
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


def write_table(
    folder: Path, name: str, rows: Iterable[Mapping[str, object]], extra: Iterable[str] = ()
) -> None:
    """Write a table of a review with all columns of its schema; cells that a row does not have stay empty.

    Parameters
    ----------
    folder : Path
    name : str
        Name of the table in the schema.
    rows : iterable of mapping
        Cells by column.
    extra : iterable of str
        Columns beside those of the schema.
    """
    table = next(table for table in TABLES if table.name == name)
    header = [*(column.name for column in table.columns), *extra]
    with (folder / table.file).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
