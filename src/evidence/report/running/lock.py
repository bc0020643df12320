"""One run at a time for each report: a lock beside the report that goes with the process that holds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from evidence.errors import ReportError

__all__ = ["locked"]


@contextlib.contextmanager
def locked(output: Path) -> Iterator[None]:
    """Keep other runs from a report.

    The lock is the system's own on a file that tells who holds it, so a run that was ended leaves none behind.

    Parameters
    ----------
    output : Path
        The folder of the report.

    Raises
    ------
    ReportError
        If another run holds it; the message names its process.
    """
    path = output.parent / f".{output.name}.lock"
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(file)
        except OSError:
            holder = os.pread(file, 20, 0).decode("ascii", "replace").strip() if hasattr(os, "pread") else ""
            os.close(file)
            raise ReportError(
                f"{output} is being written by another run"
                + (f" (process {holder})" if holder else "")
                + "; wait for its end, or name another folder with --output."
            ) from None
        # The one who had it before may have removed the file between our opening and our lock.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file), path.stat()):
                break
        os.close(file)
    try:
        os.truncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not remove an open file
            path.unlink()
        os.close(file)


def _take(file: int) -> None:
    try:
        import fcntl
    except ImportError:
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
