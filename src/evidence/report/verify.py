"""Whether a report is what its manifest says, and its inputs are what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evidence.errors import DataError
from evidence.files import checksum
from evidence.report.manifest import FILE_NAME, hashes, read_manifest
from evidence.report.running.inputs import apart_from, visible

__all__ = ["Difference", "verify_report"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as the manifest says: ``changed``, ``missing`` or ``added``.

    ``changed while the report was made`` is an input that the manifest itself names so.
    """

    kind: str
    file: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.file}"


def verify_report(
    folder: Path, *, data: Path | None = None, notebooks: Path | None = None
) -> list[Difference]:
    """Compare a report with its manifest.

    Parameters
    ----------
    folder : Path
        The report.
    data, notebooks : Path, optional
        Folders of the review and the notebooks now, to be compared with those it was made from.

    Returns
    -------
    list of Difference
        Files of the report by their path in it, inputs as ``data/...`` and ``notebooks/...``; empty if all is the
        same.

    Raises
    ------
    DataError
        If the folder is no report or its manifest cannot be read.
    """
    manifest = read_manifest(folder)
    if not all(isinstance(manifest.get(part), dict) for part in ("inputs", "outputs")):
        raise DataError(f"{folder} is not a report: it has no {FILE_NAME} that can be read.")
    found = _differences(manifest["outputs"], hashes(folder))
    if manifest.get("state", "") is None:
        names = manifest.get("changed_meanwhile") or ["inputs"]
        found += [Difference("changed while the report was made", str(name)) for name in names]
    for root, place in (("data", data), ("notebooks", notebooks)):
        if place is None:
            continue
        if not place.is_dir():
            raise DataError(f"There is no folder {place}.")
        others = apart_from(place, notebooks) if root == "data" else {data.resolve()} if data else set()
        apart = others - {place.resolve()}
        now = {
            f"{root}/{path.relative_to(place).as_posix()}": checksum(path) for path in visible(place, apart)
        }
        then = {name: code for name, code in manifest["inputs"].items() if name.startswith(f"{root}/")}
        found += _differences(then, now)
    return found


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[Difference]:
    kinds = {
        name: "missing" if name not in now else "added" if name not in then else "changed"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    }
    return [Difference(kind, name) for name, kind in kinds.items()]
