"""What notebooks gave before, to be taken again as long as all that they depend on is the same."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import secrets
import shutil
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from evidence.report.running.execute import Executed
from evidence.report.running.imports import load_nbformat
from evidence.report.running.inputs import Inputs, digest
from evidence.report.running.plan import Job, literal, read_cells

__all__ = ["Cache", "Kept"]

FORM = 1
"""Of the entries; another form is not read."""

LIMIT = 1_000_000_000
"""Bytes that the folder may hold; the entries not used for longest go first."""

PICTURES = {".png", ".jpg", ".pdf", ".gz", ".zip"}


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry that still holds: its file and what it says of its run."""

    job: Job
    path: Path
    record: Mapping[str, Any]


class Cache:
    """A folder with one file for each notebook and state of its inputs.

    Entries are written beside their place and then renamed, so runs at the same time do not harm each other. Whatever
    cannot be read is as good as absent.

    Parameters
    ----------
    folder : Path
        Made when the first entry is.
    inputs : Inputs
        The present state of what notebooks depend on.
    limit : int
        Bytes that the folder may hold.
    """

    def __init__(self, folder: Path, inputs: Inputs, limit: int = LIMIT) -> None:
        self.folder, self.inputs, self.limit = folder, inputs, limit
        self._common = inputs.common()

    def find(self, job: Job) -> Kept | None:
        """Return the entry of a notebook whose inputs are as they were, if there is one."""
        for path in self._entries(f"{glob.escape(self._stem(job))}.*.zip"):
            with contextlib.suppress(Exception), zipfile.ZipFile(path) as entry:
                record = json.loads(entry.read("record.json"))
                datetime.fromisoformat(record["started"])
                float(record["seconds"])
                if all(self.inputs.hash(name) == code for name, code in record["reads"].items()):
                    return Kept(job, path, record)
        return None

    def take(self, kept: Kept, folder: Path) -> Executed | None:
        """Write what the notebook published into a new folder; None, and no folder, if the entry is broken."""
        try:
            with zipfile.ZipFile(kept.path) as entry:
                notebook = load_nbformat().v4.reads(entry.read("notebook.ipynb").decode("utf-8"))
                files = [name for name in entry.namelist() if name.startswith("output/")]
                entry.extractall(folder.with_name(f"{folder.name}.part"), files)
        except Exception:  # a broken file breaks in many ways
            shutil.rmtree(folder.with_name(f"{folder.name}.part"), ignore_errors=True)
            return None
        part = folder.with_name(f"{folder.name}.part")
        (part / "output").mkdir(parents=True, exist_ok=True)
        (part / "output").rename(folder)
        part.rmdir()
        with contextlib.suppress(OSError):  # a cache that can only be read
            os.utime(kept.path)
        started, seconds = datetime.fromisoformat(kept.record["started"]), kept.record["seconds"]
        return Executed(kept.job, notebook, started, seconds, kept=True)

    def keep(self, done: Executed, output: Path, reads: Mapping[str, str | None]) -> None:
        """Store what a notebook gave.

        Parameters
        ----------
        done : Executed
            The notebook.
        output : Path
            The folder in which it published.
        reads : mapping
            What it depends on and the hash of each.
        """
        self._make()
        record = {"started": done.started.isoformat(), "seconds": done.seconds, "reads": dict(reads)}
        state = digest(record["reads"])[:16]
        path = self.folder / f"{self._stem(done.job)}.{state}.zip"
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        try:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as entry:
                entry.writestr("record.json", json.dumps(record))
                entry.writestr("notebook.ipynb", load_nbformat().v4.writes(done.notebook))
                for file in sorted(path for path in output.rglob("*") if path.is_file()):
                    how = zipfile.ZIP_STORED if file.suffix in PICTURES else zipfile.ZIP_DEFLATED
                    entry.write(file, f"output/{file.relative_to(output).as_posix()}", how)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    def seconds(self, job: Job) -> float:
        """Return how long a notebook took when it was last run in whatever state; infinity if nobody knows."""
        for path in self._entries(f"{glob.escape(job.name)}.{'?' * 16}.{'?' * 16}.zip"):
            with contextlib.suppress(Exception), zipfile.ZipFile(path) as entry:
                return float(json.loads(entry.read("record.json"))["seconds"])
        return float("inf")

    def prune(self) -> None:
        """Remove the entries not used for longest until the rest fits, and what broken-off runs left."""
        held = 0
        for path in self._entries("*.zip*"):
            with contextlib.suppress(OSError):
                held += path.stat().st_size
                if held > self.limit or (path.suffix == ".part" and _used(path) < time.time() - 3600):
                    path.unlink()

    def _make(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in (
            (".gitignore", "*\n"),
            ("CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n"),
        ):
            if not (self.folder / name).exists():
                (self.folder / name).write_text(text, "utf-8")

    def _stem(self, job: Job) -> str:
        what = [FORM, self._common, read_cells(job.path), literal(dict(sorted(job.parameters.items())))]
        return f"{job.name}.{digest(what)[:16]}"

    def _entries(self, pattern: str) -> list[Path]:
        """Return files, those used last first."""
        return sorted(self.folder.glob(pattern), key=_used, reverse=True)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another run has removed it
        return 0.0
