"""Long tables of studies, cut into blocks of whole comparisons: a table in memory, or a file as a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.scale.store import arrow

__all__ = ["Source", "open_table"]

CHUNK = 2**17
"""Rows read at a time."""
SMALL = 2**20
"""Up to this many rows a file is read whole, and the rows of a comparison may stand apart."""
SMALL_BYTES = 2**26
"""... of CSV and Arrow files: up to this size."""
ENDINGS = (".parquet", ".csv", ".arrow", ".feather")


@dataclass(frozen=True)
class Source:
    """A table whose rows stand comparison by comparison."""

    fingerprint: str
    comparisons: int
    rows: int
    whole: pd.DataFrame | None
    path: Path | None
    by: tuple[str, ...]
    columns: tuple[str, ...]

    def blocks(self, size: int) -> Iterator[pd.DataFrame]:
        """Blocks of whole comparisons with about `size` rows; their index is the number of the row, from 1."""
        chunks = iter([self.whole]) if self.whole is not None else _chunks(self.path, self.columns, self.by)
        rest: pd.DataFrame | None = None
        for chunk in chunks:
            frame = chunk if rest is None else pd.concat([rest, chunk])
            starts = np.append(_starts(frame, self.by), len(frame))
            begun = 0
            # The last comparison of a chunk may go on in the next.
            while starts[-2] - begun >= size:
                end = int(starts[np.searchsorted(starts, begun + size)])
                if end > starts[-2]:
                    break
                yield frame.iloc[begun:end]
                begun = end
            rest = frame.iloc[begun:]
        if rest is not None and len(rest):
            yield rest


def open_table(
    source: Any, by: Sequence[str], columns: Sequence[str], optional: Sequence[str] = ()
) -> Source:
    """Look through a table: see that its columns are there, put the rows of each comparison together, and count.

    Parameters
    ----------
    source : DataFrame (of pandas, polars, pyarrow, ...) or path
        A path ends in .parquet, .csv, .arrow or .feather.
    by : sequence of str
        Columns that name a comparison.
    columns, optional : sequence of str
        Further columns that are needed, or used where they are there.

    Raises
    ------
    DataError
        If a column is missing, the file cannot be read, or a file too large for memory is not sorted by comparison.
    """
    by = tuple(by)
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_file():
            raise DataError(f"there is no file '{path}'")
        if path.suffix.lower() not in ENDINGS:
            raise DataError(f"{path.name}: a table ends in {', '.join(ENDINGS)}")
        used = _used(_names(path), by, columns, optional, path.name)
        with path.open("rb") as file:
            fingerprint = hashlib.file_digest(file, "sha256").hexdigest()
        if not _is_small(path):
            comparisons, rows = _look_through(path, by)
            return Source(fingerprint, comparisons, rows, None, path, by, used)
        chunks = list(_chunks(path, used, by))
        whole = pd.concat(chunks) if chunks else pd.DataFrame(columns=list(used))
    else:
        frame = _as_pandas(source)
        used = _used(frame.columns, by, columns, optional, "the table")
        whole = frame[list(used)].set_axis(np.arange(1, len(frame) + 1))
        parts = pd.util.hash_pandas_object(whole.astype(dict.fromkeys(by, str)), index=False)
        fingerprint = hashlib.sha256(parts.to_numpy().tobytes()).hexdigest()
    if whole.empty:
        raise DataError("the table has no rows; give one row a study.")
    codes = whole.groupby(list(by), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    if (np.diff(codes) < 0).any():
        whole = whole.iloc[np.argsort(codes, kind="stable")]
    return Source(fingerprint, int(codes.max()) + 1, len(whole), whole, None, by, used)


def _used(
    names: Any, by: Sequence[str], columns: Sequence[str], optional: Sequence[str], where: str
) -> tuple[str, ...]:
    names = [str(name) for name in names]
    missing = [name for name in (*by, *columns) if name not in names]
    if missing:
        raise DataError(
            f"{where} has no column {' or '.join(map(repr, missing))}; its columns are {', '.join(names)}. "
            "Name yours by by=, effect=, variance=, se= or measure=."
        )
    return tuple(dict.fromkeys((*by, *columns, *(name for name in optional if name in names))))


def _as_pandas(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        return source
    import narwhals

    try:
        return narwhals.from_native(source, eager_only=True).to_pandas()
    except TypeError as error:
        raise DataError(f"give a data frame or the path of a table, not {type(source).__name__}.") from error


def _is_small(path: Path) -> bool:
    if path.suffix.lower() == ".parquet":
        return bool(arrow().parquet.ParquetFile(path).metadata.num_rows <= SMALL)
    return path.stat().st_size <= SMALL_BYTES


def _names(path: Path) -> list[str]:
    try:
        match path.suffix.lower():
            case ".csv":
                return [str(name) for name in pd.read_csv(path, nrows=0)]
            case ".parquet":
                return list(arrow().parquet.ParquetFile(path).schema_arrow.names)
            case _:
                return list(arrow().ipc.open_file(path).schema.names)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as {path.suffix}: {error}") from error


def _chunks(path: Path | None, columns: Sequence[str], by: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Read a file in chunks, with the number of the row, from 1, as index. In CSV all is text: "007" stays "007"."""
    assert path is not None
    start = 1
    for chunk in _raw(path, list(columns)):
        yield chunk[list(columns)].set_axis(np.arange(start, start + len(chunk)))
        start += len(chunk)


def _raw(path: Path, columns: list[str]) -> Iterator[pd.DataFrame]:
    match path.suffix.lower():
        case ".csv":
            try:
                yield from pd.read_csv(path, usecols=columns, dtype=str, chunksize=CHUNK)
            except (ValueError, UnicodeDecodeError) as error:
                raise DataError(f"{path.name} cannot be read as CSV: {error}") from error
        case ".parquet":
            with arrow().parquet.ParquetFile(path, pre_buffer=False) as file:
                for batch in file.iter_batches(CHUNK, columns=columns):
                    yield batch.to_pandas()
        case _:
            pa = arrow()
            with pa.memory_map(str(path)) as mapped:
                file = pa.ipc.open_file(mapped)
                for number in range(file.num_record_batches):
                    batch = file.get_batch(number).select(columns)
                    for start in range(0, batch.num_rows, CHUNK):
                        yield batch.slice(start, CHUNK).to_pandas()


def _hashes(frame: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    return pd.util.hash_pandas_object(frame[list(by)], index=False).to_numpy()


def _starts(frame: pd.DataFrame, by: Sequence[str]) -> np.ndarray:
    """Where comparisons begin in rows that stand together."""
    if frame.empty:
        return np.zeros(1, dtype=int)
    marks = _hashes(frame, by)
    return np.append(0, np.flatnonzero(marks[1:] != marks[:-1]) + 1)


def _look_through(path: Path, by: tuple[str, ...]) -> tuple[int, int]:
    """Count comparisons and rows of a large file, and see that the rows of each stand together."""
    found, rows, last = [], 0, None
    for chunk in _chunks(path, by, by):
        marks = _hashes(chunk, by)
        new = np.append(last is None or marks[0] != last, marks[1:] != marks[:-1])
        found.append(marks[new])
        last, rows = marks[-1], rows + len(chunk)
    every = np.concatenate(found) if found else np.zeros(0, np.uint64)
    found.clear()
    if not every.size:
        raise DataError(f"{path.name} has no rows; give one row a study.")
    every.sort()  # in place: a set of ten million would take half a gigabyte
    if (every[1:] == every[:-1]).any():
        raise DataError(
            f"{path.name} has more than {SMALL:,} rows and those of a comparison do not stand together; sort it by "
            f"{', '.join(by)} first."
        )
    return int(every.size), rows
