"""The list of what was exported into a folder, by which the folder is known to hold results and no inputs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from evidence.errors import DataError
from evidence.files import checksum, drafts, inside, json_content, write
from evidence.report.manifest import FILE_NAME

__all__ = ["list_export"]

GENERATOR = "evidence export"


def list_export(folder: Path, written: Iterable[Path]) -> Path | None:
    """Note in ``manifest.json`` of a folder which files were exported into it, beside those noted before.

    A folder with such a list may lie in that of a review: reports and `evidence verify` do not take it for a part of
    the data.

    Parameters
    ----------
    folder : Path
        The folder of the export.
    written : iterable of Path
        Files; those elsewhere are passed over.

    Returns
    -------
    Path or None
        The list; None where there is none to write: nothing was written into the folder, it is that of a review,
        or it has a ``manifest.json`` of something else.

    Raises
    ------
    DataError
        If the folder cannot be written to.
    ReportError
        If the disk is full.
    """
    names = {}
    for path in written:
        try:
            place = inside(folder, path.resolve())
        except DataError:  # an archive goes into the report
            continue
        names[place.relative_to(folder.resolve()).as_posix()] = checksum(place)
    before = _listed(folder)
    if not names or before is None or (folder / "review.yaml").exists():
        return None
    files = dict(sorted((before | names).items()))
    with drafts(folder) as beside:
        write(beside, FILE_NAME, json.dumps({"generator": GENERATOR, "files": files}, indent=1) + "\n")
    return folder / FILE_NAME


def _listed(folder: Path) -> dict[str, str] | None:
    """Give what was noted before, without what is gone; None if the list is not ours."""
    path = folder / FILE_NAME
    if not path.is_symlink() and not path.exists():
        return {}
    try:
        manifest = json_content(path)
        if manifest["generator"] != GENERATOR:
            return None
        return {str(name): str(code) for name, code in manifest["files"].items() if (folder / name).is_file()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
