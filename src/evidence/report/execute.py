"""Running notebooks side by side, each in a process of its own with a kernel of its own."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import nbformat
import psutil
from traitlets.config import Config

from evidence.errors import ReportError
from evidence.report import FOLDER_VARIABLE
from evidence.report.plan import Job

__all__ = ["Executed", "execute", "execute_all"]

# Several kernels share the cores already, so each computes in one thread.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Executed:
    """A notebook with its outputs, when it began (UTC) and how many seconds it took."""

    job: Job
    notebook: Any
    started: datetime
    seconds: float


def execute(job: Job, folder: Path, scratch: Path) -> Executed:
    """Run one notebook in the folder it lies in.

    Parameters
    ----------
    job : Job
        The notebook and its parameters.
    folder : Path
        The report being made: figures and tables that the notebook publishes are written there.
    scratch : Path
        An empty folder for the kernel's own files, with a short path.

    Returns
    -------
    Executed
        The notebook with its outputs and without anything that changes from run to run.

    Raises
    ------
    ReportError
        If a cell fails; the message names the notebook, the cell, the line and the error.
    """
    logging.getLogger("papermill").setLevel(
        logging.CRITICAL
    )  # what goes wrong is said in the message of the error
    started, clock = datetime.now(UTC), time.perf_counter()
    with warnings.catch_warnings(), _surroundings(folder, scratch):
        warnings.simplefilter(
            "ignore"
        )  # of papermill and its parts; what a kernel warns of stands in the notebook
        import papermill

        try:
            notebook = papermill.execute_notebook(
                job.path,
                None,
                job.parameters,
                kernel_name="python3",
                language="python",
                cwd=str(job.path.parent),
                progress_bar=False,
                config=Config(KernelManager=_connection(scratch)),
                extra_arguments=["--log-level=CRITICAL"],
            )
        except papermill.PapermillExecutionError as error:
            raise ReportError(_failure(job, error)) from error
        except Exception as error:  # the kernel died or could not start
            raise ReportError(f"{job.path.name} could not be run: {type(error).__name__}: {error}") from error
    return Executed(job, _steady(notebook), started, time.perf_counter() - clock)


def execute_all(
    jobs: Sequence[Job],
    folder: Path,
    workers: int,
    on_start: Callable[[Job], None],
    on_end: Callable[[Executed], None],
) -> list[Executed]:
    """Run notebooks in up to `workers` processes at a time; the first failure ends them all.

    Parameters
    ----------
    jobs : sequence of Job
        The notebooks, begun in this order.
    folder : Path
        The report being made.
    workers : int
        Number of processes, at least 1.
    on_start, on_end : callable
        Called in this process as notebooks begin and end.

    Returns
    -------
    list of Executed
        In the order of the jobs.

    Raises
    ------
    ReportError
        If a notebook fails or its process dies; no process and no kernel is left.
    """
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(jobs))
    running: dict[Any, tuple[Job, BaseProcess]] = {}
    done: dict[str, Executed] = {}
    with tempfile.TemporaryDirectory() as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    job = waiting.pop()
                    place = Path(scratch, str(len(waiting)))
                    place.mkdir()
                    receiver, sender = context.Pipe(duplex=False)
                    process: BaseProcess = context.Process(target=_work, args=(sender, job, folder, place))
                    running[receiver] = job, process
                    with _interrupts_ignored():
                        process.start()
                    sender.close()
                    on_start(job)
                connections: list[Any] = wait(list(running))
                for ready in connections:
                    job, process = running[ready]
                    answer = _answer(ready, job, process)
                    del running[ready]
                    done[job.name] = answer
                    on_end(answer)
        finally:
            for _, process in running.values():
                _end(process)
    return [done[job.name] for job in jobs]


def _answer(receiver: Connection, job: Job, process: BaseProcess) -> Executed:
    try:
        answer: Executed | ReportError = receiver.recv()
    except EOFError:
        process.join()
        raise ReportError(
            f"{job.path.name} was not finished: its process ended with code {process.exitcode} "
            "(a negative code is the number of a signal; -9 often means that memory ran out)."
        ) from None
    if isinstance(answer, ReportError):
        raise answer
    process.join()
    return answer


@contextlib.contextmanager
def _surroundings(folder: Path, scratch: Path) -> Iterator[None]:
    """Let kernels started inside know the report and nothing of the user's own settings of Jupyter."""
    before = dict(os.environ)
    os.environ.update({FOLDER_VARIABLE: str(folder.resolve()), **ONE_THREAD})
    os.environ.update(
        dict.fromkeys(("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"), str(scratch))
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _connection(scratch: Path) -> dict[str, str]:
    """Take sockets in the file system where there are any: two kernels that start at once cannot share one."""
    return {} if sys.platform == "win32" else {"transport": "ipc", "ip": str(scratch / "kernel")}


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes begun inside ignore the keyboard's interrupt; it reaches them all, but their parent ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(sender: Connection, job: Job, folder: Path, scratch: Path) -> None:
    answer: Executed | ReportError
    try:
        answer = execute(job, folder, scratch)
    except ReportError as error:
        answer = error
    sender.send(answer)


def _end(process: BaseProcess) -> None:
    """End a process and the kernel it started."""
    if process.pid is None:  # interrupted before it began
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        worker = psutil.Process(process.pid)
        worker.suspend()  # so that it starts nothing more
        for member in [worker, *worker.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.join()


def _steady(notebook: Any) -> Any:
    """Take out times, paths and random marks, so that equal runs give equal files."""
    notebook.metadata.pop("papermill", None)
    for number, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{number}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.get("execution_count") is None:
            cell.pop("execution_count", None)
    return notebook


def _failure(job: Job, error: Any) -> str:
    # Papermill counts from 0, with the cell of parameters it put in; the reader counts the cells of the file from 1.
    cells = nbformat.read(job.path, as_version=4).cells
    first = next(
        (i for i, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])), len(cells)
    )
    number = error.cell_index + (0 if job.parameters and error.cell_index > first else 1)
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    lines = error.source.splitlines()
    place, found = f"cell {number}", re.search(r"Cell In\[\d+\], line (\d+)", trace)
    if found and int(found[1]) <= len(lines):
        place += f", line {found[1]} ({lines[int(found[1]) - 1].strip()})"
    return f"{job.path.name}, {place}: {error.ename}: {error.evalue}"
