"""Running notebooks side by side, each in a process of its own with a kernel of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any, Protocol

from evidence.errors import ReportError
from evidence.report.running.imports import load_nbformat
from evidence.report.running.marks import RUN_VARIABLE, end_marked
from evidence.report.running.plan import Job

__all__ = ["CAN_FORK", "DISK_FULL", "Executed", "Order", "Place", "Reached", "execute_all"]

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
"""Whether a process may go on in a copy of itself; on macOS the system's own libraries do not stand it."""

DISK_FULL = 74
"""Exit code of a worker that could not write because there is no room."""

WORTH_IT = 4
"""From this many notebooks on the review is read, and what they share worked out, before the first of them begins."""

STACK = (
    "numpy.random",
    "pandas",
    "scipy.linalg",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "mpl_toolkits.mplot3d",
    "pandera.pandas",
    "pydantic",
    "yaml",
)
"""What nearly every notebook comes to import, and the library for it.

Not pyplot: it asks when it is imported whether there is a notebook that shall show its figures.
"""


@dataclass(frozen=True, slots=True)
class Executed:
    """A notebook with its outputs, when it was run (UTC), and how many seconds that took.

    Attributes
    ----------
    job : Job
        The notebook and its parameters.
    notebook : NotebookNode
        The notebook with its outputs.
    started : datetime
        When the run began whose outputs these are.
    seconds : float
        How long it took.
    kept : bool
        Whether the outputs are those of an earlier run.
    """

    job: Job
    notebook: Any
    started: datetime
    seconds: float
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What a worker is told: the notebook, where it publishes, the review, and the seconds a cell may take."""

    job: Job
    output: Path
    data: Path
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Place:
    """The folder in which a worker finds its order and leaves what came of it."""

    folder: Path

    @property
    def answer(self) -> Path:
        """When the run began and how long it took, or what went wrong (JSON)."""
        return self.folder / "answer.json"

    @property
    def record(self) -> Path:
        """What the notebook depends on (JSON, see `Recorder.write`)."""
        return self.folder / "record.json"

    @property
    def notebook(self) -> Path:
        """The notebook with its outputs."""
        return self.folder / "executed.ipynb"

    def give(self, order: Order) -> None:
        """Leave an order."""
        self.folder.mkdir()
        order.output.mkdir(parents=True)
        (self.folder / "order.pickle").write_bytes(pickle.dumps(order))

    def order(self) -> Order:
        """Read the order."""
        order: Order = pickle.loads((self.folder / "order.pickle").read_bytes())  # of our own making
        return order

    def reach(self, cell: int, cells: int) -> None:
        """Say that a cell begins, counted from 1."""
        (self.folder / "reached.json").write_text(json.dumps([cell, cells, time.time()]), "utf-8")

    def reached(self) -> Reached | None:
        """Return which cell runs, if any does."""
        try:
            return Reached(*json.loads((self.folder / "reached.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):  # none yet, or it is just being written
            return None


@dataclass(frozen=True, slots=True)
class Reached:
    """The cell that runs, counted from 1, how many there are, and when it began (seconds since the epoch)."""

    cell: int
    cells: int
    since: float


class Workers(Protocol):
    """Processes that each run one notebook."""

    def start(self, place: Path) -> None:
        """Begin with the order in a place."""

    def ended(self, seconds: float) -> tuple[Path, int] | None:
        """Wait until one has ended; returns its place and its exit code, or None when that takes too long."""

    def stop(self) -> None:
        """End all of them and their kernels."""


class ForkedWorkers:
    """Workers forked from one process that has imported what they need (see `evidence.report.running.zygote`)."""

    def __init__(self, mark: str, folder: Path, modules: Sequence[str], ahead: Path | None = None) -> None:
        self.control, theirs = Pipe()
        program = [sys.executable, "-P", "-m", "evidence.report.running.zygote", str(theirs.fileno())]
        self.server = subprocess.Popen(
            [*program, str(folder), str(ahead or ""), *modules], pass_fds=[theirs.fileno()], **_quiet(mark)
        )
        theirs.close()

    def start(self, place: Path) -> None:
        """Begin with the order in a place."""
        with contextlib.suppress(BrokenPipeError):  # what is wrong shows when it should have ended
            self.control.send(str(place))

    def ended(self, seconds: float) -> tuple[Path, int] | None:
        """Wait until one has ended; returns its place and its exit code, or None when that takes too long."""
        try:
            if not self.control.poll(seconds):
                return None
            place, code = self.control.recv()
        except (EOFError, ConnectionResetError):
            raise ReportError(
                f"The process that runs the notebooks has ended with code {self.server.wait()}."
            ) from None
        return Path(place), code

    def stop(self) -> None:
        """End all of them and their kernels."""
        self.control.close()
        self.server.terminate()
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            _kill_tree(self.server)


class SpawnedWorkers:
    """Workers each started anew, where processes cannot be forked."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.running: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, place: Path) -> None:
        """Begin with the order in a place."""
        command = [sys.executable, "-P", "-m", "evidence.report.running.worker", str(place)]
        self.running[place] = subprocess.Popen(command, **_quiet(self.mark))

    def ended(self, seconds: float) -> tuple[Path, int] | None:
        """Wait until one has ended; returns its place and its exit code, or None when that takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for place, process in self.running.items():
                if (code := process.poll()) is not None:
                    del self.running[place]
                    return place, code
            time.sleep(0.05)
        return None

    def stop(self) -> None:
        """End all of them and their kernels."""
        for process in self.running.values():
            _kill_tree(process)


def execute_all(
    jobs: Sequence[Job],
    folder: Path,
    data: Path,
    *,
    workers: int,
    timeout: float | None = None,
    fork: bool = CAN_FORK,
    meanwhile: Callable[[], None] = lambda: None,
    on_start: Callable[[Job], None] = lambda job: None,
    on_cell: Callable[[Job, Reached], None] = lambda job, reached: None,
    on_end: Callable[[Executed, Path, Path], None] = lambda done, output, record: None,
) -> list[Executed]:
    """Run notebooks in up to `workers` processes at a time; the first failure ends them all.

    Parameters
    ----------
    jobs : sequence of Job
        The notebooks, begun in this order.
    folder : Path
        Each notebook publishes in a folder of its own name in this one.
    data : Path
        Folder of the review.
    workers : int
        Number of processes, at least 1.
    timeout : float, optional
        Seconds that a cell may take, unless its notebook says otherwise; without end by default.
    fork : bool, optional
        Whether the processes are forked from one that has imported what they need; by default where that is safe.
    meanwhile : callable
        Called once while that process makes ready; no notebook begins before it is done.
    on_cell : callable
        Called in this process about once a second with the cell that each notebook has reached.
    on_start, on_end : callable
        Called in this process as notebooks begin and end; at the end with the folder that the notebook published in
        and the record of what it depends on.

    Returns
    -------
    list of Executed
        In the order of the jobs.

    Raises
    ------
    ReportError
        If a notebook fails or its process dies; no process and no kernel is left.
    """
    waiting = list(reversed(list(enumerate(jobs))))
    running: dict[Path, Job] = {}
    done: dict[str, Executed] = {}
    with tempfile.TemporaryDirectory(prefix="evidence-", ignore_cleanup_errors=True) as scratch:
        beside = jobs[0].path.parent.resolve()
        pool: Workers
        if fork and not _shadowing(beside):
            modules = _modules(jobs)
            ahead = data.resolve() if modules and len(jobs) >= WORTH_IT else None
            pool = ForkedWorkers(scratch, beside, modules, ahead)
        else:
            pool = SpawnedWorkers(scratch)
        try:
            meanwhile()
            while waiting or running:
                while waiting and len(running) < workers:
                    number, job = waiting.pop()
                    place = Path(scratch, str(number))
                    limit = timeout if job.timeout is None else job.timeout
                    Place(place).give(Order(job, folder / job.name, data.resolve(), limit))
                    running[place] = job
                    pool.start(place)
                    on_start(job)
                ended = pool.ended(1.0)
                if ended is None:
                    for place, job in running.items():
                        if reached := Place(place).reached():
                            on_cell(job, reached)
                    continue
                place, code = ended
                job = running.pop(place)
                done[job.name] = _result(job, Place(place), code)
                on_end(done[job.name], folder / job.name, Place(place).record)
        finally:
            pool.stop()
            end_marked(scratch)
    return [done[job.name] for job in jobs]


def _shadowing(folder: Path) -> list[str]:
    """Name the modules in a folder that are also installed: its own are to be imported, so nothing may be already."""
    own = [path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    return [
        name
        for name in own
        if name not in sys.stdlib_module_names and importlib.util.find_spec(name) is not None
    ]


def _modules(jobs: Sequence[Job]) -> list[str]:
    """Choose what to import beforehand: much only if a notebook names this package or one of that stack."""
    text = "".join(job.path.read_text("utf-8", "replace") for job in jobs)
    needed = any(f"import {name}" in text for name in ("evidence", "pandas", "scipy", "matplotlib"))
    return list(STACK) if needed else []


def _quiet(mark: str) -> dict[str, Any]:
    """Options for processes that say what they have to say in files and do not hear the keyboard."""
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    backend = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # as ipykernel sets it
    return {
        "env": {**backend, **os.environ, **threads, RUN_VARIABLE: mark},
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "start_new_session": True,
    }


def _result(job: Job, place: Place, code: int) -> Executed:
    if code == DISK_FULL:
        raise ReportError(f"{job.path.name} was not finished: there is no room left on the disk.")
    try:
        answer = json.loads(place.answer.read_text("utf-8"))
    except (OSError, ValueError):
        raise ReportError(
            f"{job.path.name} was not finished: its process ended with code {code} "
            "(a negative code is the number of a signal; -9 often means that memory ran out)."
        ) from None
    if "error" in answer:
        raise ReportError(answer["error"])
    notebook = load_nbformat().v4.reads(place.notebook.read_text("utf-8"))  # the worker has validated it
    return Executed(job, notebook, datetime.fromisoformat(answer["started"]), answer["seconds"])


def _kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(process.pid)
        first.suspend()  # so that it starts nothing more
        for member in [first, *first.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait()
