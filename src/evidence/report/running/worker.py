"""Running one notebook: papermill in a process of its own, beside the kernel."""

from __future__ import annotations

import codecs
import contextlib
import errno
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import nbformat
import papermill
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.translators import PythonTranslator, papermill_translators
from traitlets.config import Config

from evidence.errors import ReportError
from evidence.report import FOLDER_VARIABLE
from evidence.report.running.execute import DISK_FULL, Executed, Place
from evidence.report.running.kernel import MESSAGES, ForkedKernel
from evidence.report.running.plan import Job, literal
from evidence.report.running.steady import steady
from evidence.report.running.track import RECORD_VARIABLE

__all__ = ["execute", "work", "work_forked"]

# Several kernels share the cores already, so each computes in one thread.
OUTPUT_SECONDS = 120
"""How long the output of a cell may be under way after its end."""

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def work_forked(place: Path) -> int:
    """Run the notebook ordered in a place with a kernel forked from this process; returns the exit code."""
    kernel = ForkedKernel.fork()
    return work(place, kernel) if isinstance(kernel, ForkedKernel) else kernel()


def work(place: Path, kernel: ForkedKernel | None = None) -> int:
    """Run the notebook ordered in a place, and leave what came of it there; returns the exit code."""
    here = Place(place)
    try:
        order = here.order()
        try:
            done = execute(
                order.job,
                order.output,
                place,
                data=order.data,
                timeout=order.timeout,
                record=here.record,
                kernel=kernel,
                on_cell=here.reach,
            )
            nbformat.write(done.notebook, here.notebook)
            answer = {"started": done.started.isoformat(), "seconds": done.seconds}
        except ReportError as error:
            answer = {"error": str(error)}
        here.answer.write_text(json.dumps(answer), "utf-8")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DISK_FULL
        raise
    return 0


def execute(
    job: Job,
    folder: Path,
    scratch: Path,
    *,
    data: Path | None = None,
    timeout: float | None = None,
    record: Path | None = None,
    kernel: ForkedKernel | None = None,
    on_cell: Callable[[int, int], None] = lambda cell, cells: None,
) -> Executed:
    """Run one notebook in the folder it lies in.

    Parameters
    ----------
    job : Job
        The notebook and its parameters.
    folder : Path
        Figures and tables that the notebook publishes are written there.
    scratch : Path
        An empty folder for the kernel's own files, with a short path.
    data : Path, optional
        Folder of the review; reading it is noted table by table.
    timeout : float, optional
        Seconds that a cell may take; without end by default.
    record : Path, optional
        File for what the notebook depends on (see `Recorder.write`); by default in `scratch`.
    kernel : ForkedKernel, optional
        A kernel that waits to begin; by default one is started anew.
    on_cell : callable
        Told the number of each cell that begins, counted as in the file, and how many cells there are.

    Returns
    -------
    Executed
        The notebook with its outputs and without anything that changes from run to run.

    Raises
    ------
    ReportError
        If a cell fails or takes too long, or the kernel dies; the message names the notebook, the cell and, of an
        error, the line.
    """
    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # the message of the error says what goes wrong
    started, clock = datetime.now(UTC), time.perf_counter()
    cell: list[int] = []
    cells = nbformat.reads(job.path.read_text("utf-8-sig"), as_version=4).cells
    notes = [record or scratch / "record.json", data or scratch, folder, scratch]

    def begin(cell_index: int, **_: Any) -> None:
        cell.append(cell_index)
        on_cell(_count(job, cells, cell_index), len(cells))

    expected: dict[int, Any] = {}

    def ended(cell: Any, cell_index: int, **_: Any) -> None:
        if "raises-exception" in cell.metadata.get(
            "tags", []
        ):  # papermill would call the run failed at its end
            expected[cell_index], cell.outputs = cell.outputs, []

    papermill_translators.register("python", _Literals)
    with warnings.catch_warnings(), _surroundings(folder, scratch, notes):
        warnings.simplefilter("ignore")  # of papermill and its parts; a kernel's stand in the notebook
        try:
            notebook = papermill.execute_notebook(
                _readable(job.path, scratch),
                None,
                {name: literal(value) for name, value in job.parameters.items()},
                kernel_name="python3",
                language="python",
                cwd=str(job.path.parent),
                progress_bar=False,
                timeout_func=lambda cell: timeout,  # a fraction, too, which papermill's own option is not
                iopub_timeout=OUTPUT_SECONDS,
                config=Config(KernelManager=_connection(scratch)),
                extra_arguments=["--log-level=CRITICAL"],
                kernel_manager_class=_manager(kernel),
                on_cell_start=begin,
                on_cell_executed=ended,
                skip_cells_with_tag="skip-execution",
            )
        except papermill.PapermillExecutionError as error:
            raise ReportError(_failure(job, cells, error)) from error
        except CellTimeoutError as error:
            late = f"its output had not arrived {OUTPUT_SECONDS} s after its end; let it show less"
            if "IOPub" not in str(error):
                late = f"not done after {timeout or 0:g} s, so it was ended; a cell may take longer with --timeout"
            raise ReportError(f"{job.path.name}, cell {_count(job, cells, cell[-1])}: {late}.") from error
        except DeadKernelError as error:
            where = f", cell {_count(job, cells, cell[-1])}" if cell else ""
            raise ReportError(f"{job.path.name}{where}: {_death(kernel)}.") from error
        except Exception as error:  # the kernel could not start
            raise ReportError(f"{job.path.name} could not be run: {type(error).__name__}: {error}") from error
    for index, outputs in expected.items():
        notebook.cells[index].outputs = outputs
    return Executed(job, steady(notebook, [folder, scratch]), started, time.perf_counter() - clock)


@contextlib.contextmanager
def _surroundings(folder: Path, scratch: Path, notes: list[Path]) -> Iterator[None]:
    """Let kernels started inside know the report and nothing of the user's own settings of Jupyter."""
    before = dict(os.environ)
    os.environ.update({FOLDER_VARIABLE: str(folder.resolve()), **ONE_THREAD})
    os.environ[RECORD_VARIABLE] = json.dumps([str(path.resolve()) for path in notes])
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
    sockets = {} if sys.platform == "win32" else {"transport": "ipc", "ip": str(scratch / "kernel")}
    return {"connection_file": str(scratch / "connection.json"), **sockets}


class _Provisioner(LocalProvisioner):
    """Takes a kernel that waits instead of starting a program."""

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        kernel: Any = self.parent.forked  # type: ignore[union-attr]
        environment = {**options["env"], "JPY_PARENT_PID": str(os.getpid())}
        folder = str(options.get("cwd") or os.getcwd())
        kernel.launch(cmd[3:], environment, folder)
        self.process, self.pid, self.pgid, self.cwd = kernel, kernel.pid, None, folder
        return self.connection_info


class _Manager(AsyncKernelManager):
    """Starts the kernels of this package."""

    forked: ClassVar[ForkedKernel | None] = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.forked:
            self.provisioner = _Provisioner(parent=self, kernel_id="", kernel_spec=self.kernel_spec)

    def _context_default(self) -> Any:
        context = super()._context_default()
        context.rcvhwm = MESSAGES
        return context

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        program = [sys.executable, "-m", "evidence.report.running.kernel"]
        return [*program, "-f", os.path.realpath(self.connection_file), *(extra_arguments or [])]


def _manager(kernel: ForkedKernel | None) -> type[_Manager]:
    return type("Manager", (_Manager,), {"forked": kernel})


class _Literals(PythonTranslator):
    """Writes the cell of parameters, which come as Python; papermill's own makes texts of tuples."""

    @classmethod
    def translate(cls, val: str) -> str:
        return val


def _readable(path: Path, scratch: Path) -> str:
    """Return a path at which papermill can read the notebook: a copy without the mark that Windows puts before."""
    content = path.read_bytes()
    if not content.startswith(codecs.BOM_UTF8):
        return str(path)
    copy = scratch / "notebook.ipynb"
    copy.write_bytes(content.removeprefix(codecs.BOM_UTF8))
    return str(copy)


def _count(job: Job, cells: list[Any], index: int) -> int:
    """Return the number of a cell as the reader counts them.

    Papermill counts from 0, with the cell of parameters it put in; the reader counts the cells of the file from 1.
    """
    tags = [cell.metadata.get("tags", []) for cell in cells]
    if not job.parameters or any("injected-parameters" in found for found in tags):
        return index + 1
    put_in = next((number + 1 for number, found in enumerate(tags) if "parameters" in found), 0)
    return index + (1 if index < put_in else 0)


def _failure(job: Job, cells: list[Any], error: Any) -> str:
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    lines = error.source.splitlines()
    place, found = (
        f"cell {_count(job, cells, error.cell_index)}",
        re.search(r"Cell In\[\d+\], line (\d+)", trace),
    )
    if found and int(found[1]) <= len(lines):
        place += f", line {found[1]} ({lines[int(found[1]) - 1].strip()})"
    value = re.sub(r" \(\d+\.py, line \d+\)$", "", error.evalue)  # a file that only the kernel knows
    return f"{job.path.name}, {place}: {error.ename}: {value}"


def _death(kernel: ForkedKernel | None) -> str:
    code = kernel.returncode if kernel else None
    if code is None:
        return "the kernel died"
    if code >= 0:
        return f"the kernel ended by itself with code {code}"
    return f"the kernel was ended by signal {-code}" + (
        ", often because memory ran out" if code == -9 else ""
    )


if __name__ == "__main__":
    sys.exit(work(Path(sys.argv[1])))
