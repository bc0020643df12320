"""What a report was made from, by what, and what it consists of."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from evidence.files import checksum, files_below, json_content, write
from evidence.report.running.execute import Executed
from evidence.report.running.plan import literal
from evidence.version import DISTRIBUTION, __version__

__all__ = [
    "FILE_NAME",
    "add_output",
    "commit",
    "hashes",
    "is_ours",
    "others",
    "read_manifest",
    "write_manifest",
]

FILE_NAME = "manifest.json"
GENERATOR = "evidence report"


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of all that is in the folder of a report, hidden or not, but the manifest, by its path."""
    return {name: checksum(path) for name, path in files_below(folder).items() if name != FILE_NAME}


def others(folder: Path) -> tuple[list[str], list[str]]:
    """List what was added to the folder of a report, and those of its own files that were changed."""
    outputs, now = read_manifest(folder).get("outputs", {}), hashes(folder)
    added = [name for name in now if name not in outputs]
    return added, [name for name, code in now.items() if name in outputs and outputs[name] != code]


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a report; empty if the folder is none."""
    try:
        manifest = json_content(folder / FILE_NAME)
        own = manifest["generator"] == GENERATOR and isinstance(manifest["outputs"], dict)
        return manifest if own and "index.html" in manifest["outputs"] else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def is_ours(folder: Path) -> bool:
    """Return whether a folder is a report made before."""
    return bool(read_manifest(folder))


def write_manifest(
    folder: Path,
    *,
    inputs: Mapping[str, str],
    state: str | None,
    changed: Sequence[str],
    commit: str | None,
    parameters: Mapping[str, Any],
    executed: Sequence[Executed],
    start: datetime,
) -> None:
    """Write ``manifest.json`` into a report that is otherwise complete.

    Parameters
    ----------
    folder : Path
        The report.
    inputs : mapping
        The hash of every file it was made from when the run began.
    state : str or None
        A hash of all that the report depends on; None if that changed while it was made.
    changed : sequence of str
        Names of the inputs that changed while it was made, even if they are now as they were.
    commit : str or None
        The git commit of the notebooks when the run began.
    parameters : mapping
        What was set for this run.
    executed : sequence of Executed
        The notebooks, run now or kept from an earlier run.
    start : datetime
        When the run began (UTC).
    """
    end = datetime.now(UTC)
    manifest = {
        "generator": GENERATOR,
        "started": start.isoformat(timespec="seconds"),
        "finished": end.isoformat(timespec="seconds"),
        "seconds": round((end - start).total_seconds(), 1),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": _versions(),
        "commit": commit,
        "parameters": _plain(parameters),
        "notebooks": [
            {
                "name": done.job.name,
                "parameters": _plain(done.job.parameters),
                "started": done.started.isoformat(timespec="seconds"),
                "seconds": round(done.seconds, 1),
                "kept": done.kept,
            }
            for done in executed
        ],
        "state": state,
        "changed_meanwhile": list(changed),
        "inputs": dict(inputs),
        "outputs": hashes(folder),
    }
    write(folder, FILE_NAME, json.dumps(manifest, indent=1, default=str) + "\n")


def add_output(folder: Path, name: str) -> None:
    """Note a file that was written into a report after it was made."""
    manifest = read_manifest(folder)
    manifest["outputs"][name] = checksum(folder / name)
    write(folder, FILE_NAME, json.dumps(manifest, indent=1) + "\n")


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as JSON holds them, and those that it cannot hold as Python writes them."""
    plain = {}
    for name, value in parameters.items():
        try:
            same = json.loads(json.dumps(value, allow_nan=False)) == value
        except (TypeError, ValueError):
            same = False
        plain[name] = value if same else literal(value)
    return plain


def _versions() -> dict[str, str]:
    """Return the version of the package and of each package it names, if installed."""
    from packaging.requirements import Requirement

    versions = {"evidence": __version__}
    try:
        required = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # the source tree, put on the path
        required = []
    for text in required:
        name = Requirement(text).name
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(versions.items()))


def commit(folder: Path) -> str | None:
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
