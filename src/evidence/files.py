"""Names and places of files: what is written stays in its folder, whole or not at all; values as JSON has them."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import math
import os
import re
import shutil
import stat
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from evidence.errors import DataError, ReportError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "abandoned",
    "checksum",
    "content",
    "draft",
    "drafts",
    "explained",
    "file_name",
    "files_below",
    "folder",
    "guarded",
    "inside",
    "json_content",
    "new_folder",
    "plain",
    "plain_rows",
    "refuse_taken",
    "remove",
    "replace_together",
    "scratch",
    "unguarded",
    "write",
    "write_csv",
]

_PLAIN = re.compile(r"[a-z0-9_]+([.-]+[a-z0-9_]+)*")
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{name}{number}" for name in ("com", "lpt") for number in range(10)),
}
"""What Windows takes for devices, whatever the ending."""
_LONGEST = 80
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that spreadsheets take for a formula, also after apostrophes that stood there before."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MOST_BYTES = 50_000_000
"""Of a table, a protocol or a manifest."""


def file_name(id_: str) -> str:
    """Make the name of a file, without its ending, of an id.

    Small letters, digits, ``_``, and ``-`` and ``.`` between them stay as they are, up to 80; any other id becomes a
    name that can be read, ``~`` and a checksum of the whole id. So two ids never share a name, also where a system
    does not tell capital letters apart, the same id always has the same, and none leads to another folder.

    Parameters
    ----------
    id_ : str
        From a table or a protocol: any text.
    """
    if len(id_) <= _LONGEST and _PLAIN.fullmatch(id_) and id_.split(".")[0] not in _RESERVED:
        return id_
    letters = unicodedata.normalize("NFKD", id_[:1000]).encode("ascii", "ignore").decode().lower()
    readable = re.sub(r"[^a-z0-9_]+", "-", letters)[: _LONGEST // 2].strip("-")
    code = hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{readable or 'id'}~{code}"


def inside(folder: Path, name: str | Path) -> Path:
    """Return the path of a file in a folder, links followed.

    Raises
    ------
    DataError
        If the name leads out of the folder, or to the folder itself.
    """
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except (OSError, ValueError, RuntimeError):  # a null byte, too long, a circle of links
        path = None
    if path is None or path == root or not path.is_relative_to(root):
        raise DataError(
            f"'{str(name)[:200]}' is no file in the folder {folder}; nothing was written or removed."
        )
    return path


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """Write a file into a folder, and nowhere else, in one step; text as UTF-8 with line feeds.

    Parameters
    ----------
    folder : Path
        Made if need be, with those between it and the file.
    name : str
        Path of the file in it.
    content : str or bytes

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If the name leads out of the folder.
    """
    path = inside(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as beside:
        beside.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def content(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file that comes from elsewhere.

    Raises
    ------
    OSError
        As reading does, and if it is no ordinary file (a pipe would be waited for without end) or holds more than
        `most` bytes.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode) and not stat.S_ISDIR(state.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device; name a file", str(path))
    if state.st_size > most:
        held, limit = state.st_size / 1e6, most / 1e6
        raise OSError(
            errno.EFBIG, f"it holds {held:,.0f} MB, and at most {limit:,.0f} MB are read", str(path)
        )
    return path.read_bytes()


def json_content(path: Path) -> Any:
    """Read a JSON file that comes from elsewhere.

    Raises
    ------
    OSError
        As `content` does.
    ValueError
        If it is no JSON, or nests too deeply to be read.
    """
    try:
        return json.loads(content(path))
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file; of a link or anything else that is no file, a word for what it is."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if not stat.S_ISREG(mode):
        return "no file"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> dict[str, Path]:
    """Return all below a folder that is no folder, hidden or not, by its path in it; links are not followed."""
    found = []
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if Path(root, name).is_symlink()]
        found += [Path(root, name) for name in (*files, *links)]
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def remove(folder: Path, noted: Mapping[str, str]) -> list[str]:
    """Remove files that were noted when they were written, and are as they were then.

    Parameters
    ----------
    folder : Path
    noted : mapping from str to str
        SHA-256 of each file by its path in the folder. A list from a file proves nothing: what leads out of the
        folder, is a link or has another checksum stays.

    Returns
    -------
    list of str
        Names of files that are there and stay.
    """
    root, kept = folder.resolve(), []
    for name, code in noted.items():
        path = root / name
        if not os.path.lexists(path):
            continue
        try:
            own = inside(folder, name) == path and checksum(path) == code
        except (DataError, OSError):
            own = False
        if own:
            path.unlink()
        else:
            kept.append(name)
    return kept


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


def replace_together(place: Path, contents: Mapping[str, bytes], before: Mapping[str, bytes | None]) -> None:
    """Write several files of a folder: all, or none if anything goes wrong or this process is interrupted.

    Parameters
    ----------
    place : Path
        The folder; it exists.
    contents : mapping from str to bytes
        New content by name. The files change in this order, so that a power cut leaves the first of them new.
    before : mapping from str to bytes or None
        What each file held when the new content was made of it; None if there was none.

    Raises
    ------
    DataError
        If a file holds something else by now; nothing is written then.
    ReportError
        If the disk is full.
    """
    try:
        with scratch(place, ".adding-") as beside:
            for name, new in contents.items():
                with (beside / name).open("wb") as file:
                    file.write(new)
                    file.flush()
                    os.fsync(file.fileno())
            for name in contents:
                path = inside(place, name)
                if (path.read_bytes() if path.exists() else None) != before[name]:
                    raise DataError(f"{name} was changed meanwhile, so nothing was written; do it again")
            try:
                for name in contents:
                    os.replace(beside / name, place / name)
            except BaseException:
                for name, old in before.items():
                    if old is None:
                        (place / name).unlink(missing_ok=True)
                    elif (place / name).read_bytes() != old:
                        write(place, name, old)
                raise
    except OSError as error:
        raise explained(error, place) from error


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


def explained(error: OSError, place: Path) -> DataError | ReportError:
    """Say in one sentence what the system refused."""
    at = error.filename or place
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return ReportError(f"There is no room left on the disk for {place}; what was there is unchanged.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(f"{at} cannot be read or written ({error.strerror}).")
    return ReportError(f"{at}: {error.strerror or error}.")


@contextlib.contextmanager
def drafts(place: Path) -> Iterator[Path]:
    """Give an empty folder to write files to; all go into the wanted folder when all are done, else none does.

    Parameters
    ----------
    place : Path
        The wanted folder; it is made if need be, and not left behind empty. Other files in it stay.

    Raises
    ------
    DataError
        If the folder cannot be made or written to.
    ReportError
        If the disk is full.
    """
    made = [one for one in (place, *place.parents) if not one.exists()]
    try:
        with scratch(folder(place), ".making-") as beside:
            yield beside
            for name, path in files_below(beside).items():
                inside(place, name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, inside(place, name))
    except OSError as error:
        raise explained(error, place) from error
    finally:
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()  # holds nothing


@contextlib.contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a new empty folder that is gone at the end, and remove those with this prefix that killed runs left."""
    for left in abandoned(parent, prefix):
        if not (left / "previous").exists():  # a report that waits to be brought back
            shutil.rmtree(left, ignore_errors=True)
    beside = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    held = _hold(beside)
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if held is not None:
            os.close(held)


def abandoned(parent: Path, prefix: str) -> list[Path]:
    """List the folders of `scratch` whose process is no more."""
    found = []
    for left in sorted(parent.glob(f"{glob.escape(prefix)}*")):
        if left.is_dir() and not left.is_symlink() and (held := _hold(left)) is not None:
            os.close(held)
            found.append(left)
    return found


def _hold(place: Path) -> int | None:
    """Lock a folder as long as this process lives; None if another holds it or the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        handle = os.open(place, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def refuse_taken(folder: Path) -> None:
    """Raise a DataError if a folder that is to be made is there and holds something, or is a file."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            f"'{folder}' exists and is not an empty folder; nothing was written. Name a new folder."
        )


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
    refuse_taken(folder)
    made = [one for one in place.parents if not one.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch(place.parent, f".{place.name}.making-") as beside:
            yield beside
            beside.chmod(0o777 & ~_umask())
            if sys.platform == "win32" and place.exists():  # there no folder takes the place of another
                place.rmdir()
            os.replace(beside, place)
    except OSError as error:
        raise DataError(f"the folder '{folder}' cannot be written: {error.strerror or error}") from None
    finally:
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()  # holds nothing


def guarded(value: Any) -> Any:
    """Return a text that a spreadsheet would take for a formula with an apostrophe before it; anything else as it is.

    Texts that are numbers stay numbers. `unguarded` takes the apostrophe away, so nothing is lost on the way.
    """
    is_formula = isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def unguarded(text: str) -> str:
    """Return a text as it was before `guarded`."""
    bare = text[1:]
    return bare if text[:1] == "'" and _FORMULA.match(bare) and not _NUMBER.fullmatch(bare) else text


def write_csv(table: pd.DataFrame, target: Path | TextIO, *, index: bool = False) -> None:
    """Write a table as CSV with all digits, in which no text is a formula; see `guarded`."""
    safe = table.reset_index() if index else table
    safe = safe.rename(columns=guarded)
    for place, kind in enumerate(safe.dtypes):
        if kind.kind not in "iufcbmM":
            safe.isetitem(place, safe.iloc[:, place].astype(object).map(_guarded_cell).to_numpy())
    safe.to_csv(target, index=False, lineterminator="\n")


def _guarded_cell(value: Any) -> Any:
    """Guard a cell that is written as text, also one of a class of our own."""
    if value is None or isinstance(value, int | float) or str(value) in ("<NA>", "NaT"):
        return value
    return guarded(str(value))


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
