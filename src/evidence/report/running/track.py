"""What a notebook depends on, seen from inside its kernel: files, folders, modules, tables of a review."""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from evidence.report.running.ahead import DRAWN_ON

__all__ = ["RECORD_VARIABLE", "Recorder", "find_sources"]

RECORD_VARIABLE = "EVIDENCE_RECORD"
"""Environment variable by which a kernel knows where to leave its record, and the folder of the review."""

REVIEW_MODULE = "evidence.tables.review"
IMPORTER = "<frozen importlib"
OUTSIDE = {
    "os.exec": "started a program",
    "os.fork": "started a process",
    "os.forkpty": "started a process",
    "os.posix_spawn": "started a program",
    "os.spawn": "started a program",
    "os.startfile": "started a program",
    "os.system": "started a program",
    "socket.connect": "used the network",
    "subprocess.Popen": "started a program",
}
"""What a notebook can do whose result nobody can know to be the same next time."""
CHANGES = {"os.remove", "os.rename"}
HEARD = {"open", "os.listdir", "os.scandir", *CHANGES, *OUTSIDE}
WHOLE = {"__dict__", "__getstate__", "__reduce__", "__reduce_ex__"}
"""Attributes of a review by which all its tables can be taken."""


class Recorder:
    """Notes what is read from now on in this process.

    Tables are noted one by one: reading a review opens all its files, but a notebook depends only on the tables that
    it, or the library for it, takes from the review.

    Parameters
    ----------
    data : Path
        Folder of the review that the report checks before it runs notebooks.
    own : sequence of Path
        Folders whose files are the notebook's own.
    """

    def __init__(self, data: Path, own: Sequence[Path]) -> None:
        self.data = str(data.resolve())
        system = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
        users = [str(Path.home() / name) for name in (".cache", ".config", ".local", ".matplotlib")]
        self.ignored = _folders(
            [*system, *users, "/dev", "/etc", "/proc", "/sys", "/usr/share", *map(str, own)]
        )
        self.own = _folders(list(map(str, own)))
        self.lasting, self.temporary = _folders([self.data, os.getcwd()]), _folders([tempfile.gettempdir()])
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.unknowable = ""
        self.reading: list[str] | None = None

    def start(self) -> None:
        """Begin to listen; it ends with the process."""
        sys.addaudithook(self._hear)
        if REVIEW_MODULE in sys.modules:
            self.watch(sys.modules[REVIEW_MODULE])
        else:
            sys.meta_path.insert(0, _Finder(self.watch))

    def write(self, path: Path) -> None:
        """Write what was noted as JSON.

        It holds ``read`` (paths), ``left`` (paths of files that were written where they last), and ``unknowable``
        (empty, or why the record is not enough).
        """
        read = sorted(self.read | set(self._modules()))
        kept = sorted(path for path in self.written if not self._passing(path))
        if kept:
            self.unknowable = self.unknowable or f"wrote {kept[0]}"
        left = [path for path in kept if os.path.isfile(path)]
        path.write_text(json.dumps({"read": read, "left": left, "unknowable": self.unknowable}), "utf-8")

    def watch(self, module: ModuleType) -> None:
        """Note which tables are taken from each review that the module reads."""
        read_review, review = module.read_review, module.Review
        files = {table.name: table.file for table in module.TABLES}
        get = review.__getattribute__
        noted: set[tuple[str, str]] = set()

        @functools.wraps(read_review)
        def watched(path: str | Path = "data") -> Any:
            for table in DRAWN_ON if module.is_ahead(path) else ():
                self._note(Path(path, files[table]))
            with self._all_tables(path):
                return read_review(path)

        def taken(self_: Any, name: str) -> Any:
            folder = get(self_, "__dict__").get("path")  # None while one is being put together
            if folder is not None and (name in files or name == "readings" or name in WHOLE):
                if (known := (str(folder), name)) in noted:
                    return get(self_, name)
                if self.reading is None:
                    noted.add(known)
                for table, file in files.items():
                    if name in WHOLE or name == table:
                        self._note(Path(folder, file))
                if name in WHOLE or name == "readings":
                    for root, _, names in os.walk(Path(folder, "readings")):
                        for found in (Path(root), *(Path(root, each) for each in names)):
                            self._note(found)
            return get(self_, name)

        module.read_review = watched  # type: ignore[attr-defined]
        review.__getattribute__ = taken

    @contextlib.contextmanager
    def _all_tables(self, path: str | Path) -> Iterator[None]:
        """Leave out the files of the review while it is read, unless it cannot be or is another review."""
        if self.reading is not None or _real(path) != self.data:
            yield
            return
        self.reading = []
        try:
            yield
        except BaseException:
            self.read.update(self.reading)
            raise
        finally:
            self.reading = None
            self._note(Path(path) / "review.yaml")

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in HEARD or sys._getframe(1).f_code.co_filename.startswith(IMPORTER):
            return
        if event == "open":
            self._opened(*arguments)
        elif event in OUTSIDE:
            self.unknowable = self.unknowable or OUTSIDE[event]
        elif event in CHANGES:
            self.written.add(_real(arguments[0]))
        else:
            self._note(arguments[0] or ".")

    def _opened(self, path: Any, mode: str | None, flags: int) -> None:
        if isinstance(path, int):
            return
        if flags & os.O_TRUNC or (flags & os.O_CREAT and flags & os.O_EXCL):
            if (real := _real(path)) not in self.read:
                self.written.add(real)
            return
        self._note(path)

    def _note(self, path: Any) -> None:
        if isinstance(path, int):
            return
        real = _real(path)
        if (real + os.sep).startswith(self.ignored) or real in self.written:
            return
        if self.reading is not None and (real == self.data or real.startswith(self.data + os.sep)):
            self.reading.append(real)
        else:
            self.read.add(real)

    def _passing(self, path: str) -> bool:
        """Return whether a file that was written is of no use to anyone after the run."""
        place = path + os.sep
        if place.startswith(self.lasting) and not place.startswith(self.own):
            return False
        return place.startswith((*self.ignored, *self.temporary))

    def _modules(self) -> Iterator[str]:
        """Give the source of the modules that no installed package holds, and of this package."""
        for name, module in list(sys.modules.items()):
            own = name.partition(".")[0] == "evidence"
            file = getattr(module, "__file__", None)
            if file and (
                own or not file.startswith(self.ignored)
            ):  # most are of packages: no need to look closer
                sources = _sources(file)
                if own or not sources[0].startswith(self.ignored):
                    yield from sources


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the module of reviews as the others would, and lets it be watched from its first moment."""

    def __init__(self, watch: Callable[[ModuleType], None]) -> None:
        self.watch = watch

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != REVIEW_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute, watch = spec.loader.exec_module, self.watch

            def exec_module(module: ModuleType) -> None:
                execute(module)
                watch(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def find_sources() -> None:
    """Find the files of this package's modules that are here, for the processes that are copied from this one."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "evidence" and (file := getattr(module, "__file__", None)):
            _sources(file)


@functools.cache
def _sources(file: str) -> tuple[str, ...]:
    """Name the file of a module, and that of its types if there is one."""
    real = _real(file)
    stub = real.removesuffix(".py") + ".pyi"
    return (real, stub) if os.path.exists(stub) else (real,)


def _real(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


def _folders(places: Sequence[str | None]) -> tuple[str, ...]:
    # As they are written and as they really are: the modules of an environment that is linked to have the former.
    return tuple({path + os.sep for place in places if place for path in (place, _real(place))})
