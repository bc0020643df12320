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
    from filelock import FileLock, Timeout

    path = output.parent / f".{output.name}.lock"
    lock = FileLock(path, timeout=0, on_acquired=_sign)
    try:
        lock.acquire()
    except Timeout:
        with contextlib.suppress(OSError):  # Windows does not let others read it
            holder = path.read_text("ascii", "replace").strip()
            raise ReportError(_TAKEN.format(output, f" (process {holder})" if holder else "")) from None
        raise ReportError(_TAKEN.format(output, "")) from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows does not remove an open file
            path.unlink()  # a run that opened it meanwhile sees that it is gone, and opens a new one
        lock.release()


def _sign(file: int) -> None:
    os.truncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())


_TAKEN = "{} is being written by another run{}; wait for its end, or name another folder with --output."
