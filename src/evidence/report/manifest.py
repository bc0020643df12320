"""What a report was made from, by what, and what it consists of."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

import evidence
from evidence.report.execute import Executed

__all__ = ["FILE_NAME", "hashes", "is_ours", "write_manifest"]

FILE_NAME = "manifest.json"
GENERATOR = "evidence report"


def hashes(folder: Path, prefix: str = "", skip: Sequence[str] = ()) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path in it.

    Hidden files, byte code and the paths of `skip` are left out.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden and relative.as_posix() not in skip:
            found[prefix + relative.as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def is_ours(folder: Path) -> bool:
    """Return whether a folder is a report made before."""
    try:
        return bool(json.loads((folder / FILE_NAME).read_text("utf-8"))["generator"] == GENERATOR)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_manifest(
    folder: Path,
    data: Path,
    notebooks: Path,
    parameters: Mapping[str, Any],
    executed: Sequence[Executed],
    start: datetime,
) -> None:
    """Write ``manifest.json`` into a report that is otherwise complete.

    Parameters
    ----------
    folder : Path
        The report.
    data, notebooks : Path
        The folders it was made from.
    parameters : mapping
        What was set for this run.
    executed : sequence of Executed
        The notebooks that were run.
    start : datetime
        When the run began (UTC).
    """
    library = Path(evidence.__file__).parent
    end = datetime.now(UTC)
    manifest = {
        "generator": GENERATOR,
        "started": start.isoformat(timespec="seconds"),
        "finished": end.isoformat(timespec="seconds"),
        "seconds": round((end - start).total_seconds(), 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": _versions(),
        "commit": _commit(notebooks),
        "parameters": dict(parameters),
        "notebooks": [
            {
                "name": done.job.name,
                "parameters": done.job.parameters,
                "started": done.started.isoformat(timespec="seconds"),
                "seconds": round(done.seconds, 1),
            }
            for done in executed
        ],
        "inputs": {
            **hashes(data, "data/"),
            **{
                path: code
                for path, code in hashes(notebooks, "notebooks/").items()
                if path.endswith(".ipynb")
            },
            **hashes(library, "evidence/"),
        },
        "outputs": hashes(folder, skip=[FILE_NAME]),
    }
    (folder / FILE_NAME).write_text(json.dumps(manifest, indent=1, default=str) + "\n", "utf-8")


def _versions() -> dict[str, str]:
    """Return the version of the package and of each package it names, if installed."""
    versions = {"evidence": metadata.version("evidence")}
    for text in metadata.requires("evidence") or []:
        name = Requirement(text).name
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def _commit(folder: Path) -> str | None:
    """Return the git commit of a folder, marked if files differ from it; None outside a repository."""
    try:
        run = [
            "git",
            "-C",
            str(folder),
            "describe",
            "--always",
            "--abbrev=40",
            "--exclude=*",
            "--dirty=, with changes",
        ]
        return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
