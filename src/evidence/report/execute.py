"""Running notebooks side by side, each in a process of its own with a kernel of its own."""

from __future__ import annotations

import contextlib
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
from traitlets.config import Config

from evidence.errors import ReportError
from evidence.report.plan import Job
from evidence.report.publish import FOLDER_VARIABLE

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


def execute(job: Job, folder: Path) -> Executed:
    """Run one notebook in the folder it lies in.

    Parameters
    ----------
    job : Job
        The notebook and its parameters.
    folder : Path
        The report being made: figures and tables that the notebook publishes are written there.

    Returns
    -------
    Executed
        The notebook with its outputs and without anything that changes from run to run.

    Raises
    ------
    ReportError
        If a cell fails; the message names the notebook, the cell, the line and the error.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    with warnings.catch_warnings(), _surroundings(folder) as scratch:
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
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                job = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                process: BaseProcess = context.Process(target=_work, args=(sender, job, folder), daemon=True)
                running[receiver] = job, process
                process.start()
                sender.close()
                on_start(job)
            connections: list[Any] = wait(list(running))
            for ready in connections:
                job, process = running[ready]
                try:
                    answer = ready.recv()
                except EOFError:
                    process.join()
                    raise ReportError(
                        f"{job.path.name} was not finished: its process ended with code {process.exitcode} "
                        "(a negative code is the number of a signal; -9 often means that memory ran out)."
                    ) from None
                if isinstance(answer, ReportError):
                    raise answer
                process.join()
                del running[ready]
                done[job.name] = answer
                on_end(answer)
    finally:
        _stop([process for _, process in running.values()])
    return [done[job.name] for job in jobs]


@contextlib.contextmanager
def _surroundings(folder: Path) -> Iterator[Path]:
    """Let kernels started inside know the report and nothing of the user's own settings of Jupyter."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update({FOLDER_VARIABLE: str(folder.resolve()), **ONE_THREAD})
        os.environ.update(dict.fromkeys(("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"), scratch))
        try:
            yield Path(scratch)
        finally:
            os.environ.clear()
            os.environ.update(before)


def _connection(scratch: Path) -> dict[str, str]:
    """Take sockets in the file system where there are any: two kernels that start at once cannot share one."""
    return {} if sys.platform == "win32" else {"transport": "ipc", "ip": str(scratch / "kernel")}


def _work(sender: Connection, job: Job, folder: Path) -> None:
    # An interrupt from the keyboard reaches all processes; the one that started this one ends it in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer: Executed | ReportError
    try:
        answer = execute(job, folder)
    except ReportError as error:
        answer = error
    with contextlib.suppress(BrokenPipeError):
        sender.send(answer)


def _stop(processes: Sequence[BaseProcess]) -> None:
    """End processes; on the first, polite signal a process shuts its kernel down."""
    for process in processes:
        if process.pid is not None:
            process.terminate()
    for process in processes:
        if process.pid is not None:
            process.join(10)
            if process.is_alive():
                process.kill()
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
