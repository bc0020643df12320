"""What a report depends on, told apart by content: files under short names, folders, packages, the environment."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import evidence

__all__ = ["LIBRARY", "Inputs", "apart_from", "digest", "environment", "listed", "visible"]

LIBRARY = Path(evidence.__file__).parent
"""The folder of this package."""

SETTINGS = ("EVIDENCE_", "LANG", "LC_", "MKL_", "MPL", "NUMBA_", "OMP_", "OPENBLAS_", "PYTHON", "TZ")
"""How the names of environment variables begin that can change what a notebook shows."""

TEXT_FILES = {"", ".csv", ".json", ".md", ".tsv", ".txt", ".yaml", ".yml"}
"""Endings of files that Python itself opens, so that it is known which notebook read them."""


def digest(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can hold, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()


def visible(folder: Path, apart: Collection[Path] = ()) -> Iterator[Path]:
    """Give the files below a folder in order, without hidden ones, byte code, reports, and what stands apart."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if _is_content(Path(root, name)) and not (apart and Path(root, name).resolve() in apart)
        )
        yield from (Path(root, name) for name in sorted(files) if not name.startswith("."))


def apart_from(data: Path, notebooks: Path | None = None) -> set[Path]:
    """Return the folders of notebooks that may lie in that of a review and are no part of its data."""
    return {path.resolve() for path in (data / "notebooks", notebooks) if path}


def _is_content(path: Path) -> bool:
    """Return whether a file or folder can be an input: not hidden, no byte code, and nothing that a command made."""
    if path.name.startswith(".") or path.name == "__pycache__":
        return False
    try:
        with (path / "manifest.json").open(encoding="utf-8") as manifest:
            return re.search('"generator": "evidence (report|figures|export)"', manifest.read(200)) is None
    except (OSError, UnicodeDecodeError):
        return True


def listed(folder: Path) -> str:
    """Return a hash of the names in a folder, without what `visible` leaves out."""
    return digest(sorted(entry for entry in os.listdir(folder) if _is_content(folder / entry)))


def environment() -> str:
    """Return a hash of the Python, the system, the installed packages and the settings of the process."""
    places = {sysconfig.get_path(name) for name in ("purelib", "platlib")} | set(sys.path)
    packages = sorted(
        name
        for place in places
        if os.path.isdir(place)
        for name in os.listdir(place)
        if name.endswith((".dist-info", ".egg-info"))
    )
    settings = {name: value for name, value in os.environ.items() if name.startswith(SETTINGS)}
    return digest([sys.version, platform.system(), platform.machine(), packages, settings])


class Inputs:
    """The files that go into a report, by names that hold on every machine, each hashed once.

    Parameters
    ----------
    data, notebooks : Path
        The folders the report is made from; their files are named ``data/...`` and ``notebooks/...``, those of
        this package ``evidence/...``, and any other by its full path.
    """

    def __init__(self, data: Path, notebooks: Path) -> None:
        self.roots = {"data": data.resolve(), "notebooks": notebooks.resolve(), "evidence": LIBRARY.resolve()}
        self.environment = environment()
        self._hashes: dict[str, str | None] = {}

    def name(self, path: Path) -> str:
        """Return the name of a file."""
        # The folder of the notebooks may lie in that of the review, or the other way round.
        for root, folder in sorted(self.roots.items(), key=lambda item: -len(item[1].parts)):
            if path.is_relative_to(folder):
                return f"{root}/{path.relative_to(folder).as_posix()}"
        return path.as_posix()

    def path(self, name: str) -> Path:
        """Return the file of a name."""
        root, _, rest = name.partition("/")
        return self.roots[root] / rest if root in self.roots else Path(name)

    def hash(self, name: str) -> str | None:
        """Return the SHA-256 of a file, or of the names in a folder; None if there is no such thing."""
        if name not in self._hashes:
            path = self.path(name)
            try:
                if path.is_dir():
                    self._hashes[name] = listed(path)
                else:
                    self._hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                self._hashes[name] = None
        return self._hashes[name]

    def touched(self, name: str, since: int) -> bool:
        """Return whether a file was written or put in place after a time in ns, whatever it holds now."""
        try:
            status = self.path(name).stat()
        except OSError:
            return True
        return max(status.st_mtime_ns, status.st_ctime_ns) >= since

    def every(self) -> dict[str, str]:
        """Return the hash of every file of the review, of the folder of the notebooks, and of this package."""
        return {
            name: code
            for root in self.roots
            for name in map(self.name, self._files(root))
            if (code := self.hash(name))
        }

    def _files(self, root: str) -> Iterator[Path]:
        apart = set(self.roots.values()) - {self.roots[root]}
        if root == "data" and self.roots["data"] != self.roots["notebooks"]:
            apart |= apart_from(self.roots["data"])
        return visible(self.roots[root], apart)

    def common(self) -> str:
        """Return a hash of what every notebook depends on, whatever it was seen to read.

        A file that appears or goes can change a notebook that only looks whether it is there, and a file that is not
        text can be read by a library unseen.
        """
        data = dict.fromkeys(map(self.name, self._files("data")), "")
        beside = dict.fromkeys(map(self.name, self._files("notebooks")), "")
        known = {name: code for name, code in (data | beside).items() if not name.endswith(".ipynb")}
        for name in known:
            if Path(name).suffix not in {*TEXT_FILES, ".py"}:
                known[name] = self.hash(name) or ""
        return digest([self.environment, known])
