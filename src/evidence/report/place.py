"""The place of a report: what may be replaced, the new one made beside it, and the change from one to the other."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from evidence.errors import DataError
from evidence.files import abandoned, inside, scratch
from evidence.report.manifest import is_ours, others

__all__ = ["made_beside", "put", "refuse_foreign"]


def refuse_foreign(output: Path) -> None:
    """Raise a DataError if a folder holds no report made before, or one that somebody has changed.

    Files that were added to a report are no reason: they stay.
    """
    if not os.path.lexists(output):
        return
    if not (output.is_dir() and (is_ours(output) or not any(output.iterdir()))):
        raise DataError(
            f"{output} is not empty and not a report made before, so it is not replaced; "
            "name another folder with --output."
        )
    if changed := others(output)[1] if is_ours(output) else []:
        more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
        raise DataError(
            f"In {output} somebody changed {', '.join(changed[:5])}{more} since the report was made, so it is not "
            "replaced; move what was changed away, or name another folder with --output."
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
    for left in abandoned(output.parent, prefix):
        _leave(left, output)
        shutil.rmtree(left, ignore_errors=True)
    with scratch(output.parent, prefix) as fresh:
        try:
            yield fresh
        finally:
            _leave(fresh, output)


def put(site: Path, output: Path) -> None:
    """Put a site that was made in the folder of `made_beside` in the place of the report.

    What somebody added to the old report goes along.

    Raises
    ------
    DataError
        If the new report has a file of the same name as one that was added, or the old one was changed meanwhile.
    """
    refuse_foreign(output)
    if output.exists():
        for name in others(output)[0]:
            if os.path.lexists(site / name):
                raise DataError(
                    f"{output / name} is none of the report, which now has such a file; move it away."
                )
            inside(site, name).parent.mkdir(parents=True, exist_ok=True)
            _same(output / name, site / name)
        output.rename(site.parent / "previous")
    site.rename(output)


def _leave(fresh: Path, output: Path) -> None:
    """Before a folder goes: bring back the old report, or what came into it while it was replaced."""
    previous = fresh / "previous"
    if previous.exists() and not output.exists():
        previous.rename(output)
    elif previous.exists():
        for name in others(previous)[0]:
            if not os.path.lexists(output / name):
                inside(output, name).parent.mkdir(parents=True, exist_ok=True)
                (previous / name).rename(output / name)


def _same(source: Path, target: Path) -> None:
    """Give a file a second name; where the system has no such thing, copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        shutil.copy2(source, target, follow_symlinks=False)
