"""The place of a report: what may be replaced, the new one made beside it, and the change from one to the other."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evidence.errors import DataError, ReportError
from evidence.report.manifest import is_ours

__all__ = ["explained", "made_beside", "put", "refuse_foreign"]


def refuse_foreign(output: Path) -> None:
    """Raise a DataError if a folder holds anything but a report made before."""
    if output.exists() and not (output.is_dir() and (is_ours(output) or not any(output.iterdir()))):
        raise DataError(
            f"{output} is not empty and not a report made before, so it is not replaced; "
            "name another folder with --output."
        )


@contextlib.contextmanager
def made_beside(output: Path) -> Iterator[Path]:
    """Give an empty folder beside a report, on the same disk; at the end it is gone.

    The caller holds the lock of the report, so what lies there from before was left by a run that was cut off: it is
    removed, and a report that had just been moved away is brought back.

    Raises
    ------
    DataError
        If the report or the folder that holds it cannot be written to.
    """
    for folder in (output.parent, output):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise DataError(f"{folder} cannot be written to; name another folder with --output.")
    prefix = f".{output.name}.making-"
    for left in output.parent.glob(f"{glob.escape(prefix)}*"):
        _leave(left, output)
    fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=output.parent))
    try:
        yield fresh
    finally:
        _leave(fresh, output)


def put(site: Path, output: Path) -> None:
    """Put a site that was made in the folder of `made_beside` in the place of the report."""
    if output.exists():
        output.rename(site.parent / "previous")
    site.rename(output)


def explained(error: OSError, output: Path) -> DataError | ReportError:
    """Say in one sentence what the system refused."""
    place = error.filename or output
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ReportError(
            f"There is no room left on the disk for {output}; the previous report is unchanged."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return DataError(f"{place} cannot be read or written ({error.strerror}).")
    return ReportError(f"{place}: {error.strerror or error}.")


def _leave(fresh: Path, output: Path) -> None:
    if (fresh / "previous").exists() and not output.exists():
        (fresh / "previous").rename(output)
    shutil.rmtree(fresh, ignore_errors=True)
