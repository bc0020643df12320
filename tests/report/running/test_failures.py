"""What can go wrong while a report is made: each time one clear line, the previous report, and nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from evidence.tables.starting import init_review

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

COMMAND = "from evidence.cli import main; main()"
FULL_DISK = """
import errno, pathlib
write = pathlib.Path.write_bytes
def full(path, *arguments, **options):
    if path.name.startswith(".manifest."):  # the draft beside manifest.json
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    return write(path, *arguments, **options)
pathlib.Path.write_bytes = full
"""
NO_OVERRIDE = """
import ctypes, os
if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, 1, 0, 0, 0):  # root may not write everywhere either
    os._exit(99)
if os.geteuid() == 0:
    os.execv(sys.executable, [sys.executable, "-c", sys.argv.pop(1), *sys.argv[1:]])
"""


class Project:
    """A folder with a review, a notebook, a report made of them, and a place of its own for temporary files."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder, self.temporary = folder, temporary
        self.report = folder / "out" / "report"
        self.environment = {**os.environ, "TMPDIR": str(temporary)}
        if self.environment.pop("PYTHONDONTWRITEBYTECODE", None):  # then the packages may have none either
            self.environment["PYTHONPYCACHEPREFIX"] = f"{temporary}-pyc"

    def notebook(self, *sources: str) -> None:
        """Replace the notebook by one that fails in its own way."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        (self.folder / "notebooks").mkdir(exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.folder / "notebooks" / "01-a.ipynb")

    def start(self, *arguments: str, before: str = "") -> subprocess.Popen[str]:
        """Begin to make the report."""
        return subprocess.Popen(
            [sys.executable, "-c", before + COMMAND, "report", "--output", str(self.report), *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, before: str = "") -> tuple[int, str]:
        """Make the report; returns exit code and standard error."""
        process = self.start(*arguments, before=before)
        error = process.communicate(timeout=120)[1]
        return process.returncode, error

    def files(self) -> dict[str, bytes]:
        """Return the files of the report."""
        found = (path for path in sorted(self.report.rglob("*")) if path.is_file())
        return {path.relative_to(self.report).as_posix(): path.read_bytes() for path in found}

    def processes(self) -> list[psutil.Process]:
        """Return what still runs of those begun here, known by their folder for temporary files."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("TMPDIR") == str(self.temporary):
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("made")
    temporary = Path(tempfile.mkdtemp(prefix="ev-"))  # a short path, for sockets
    project = Project(folder, temporary)
    init_review(folder / "data")
    shutil.rmtree(folder / "data" / "notebooks")
    project.notebook("print(1)")
    code, error = project.run()
    assert code == 0, error
    yield project
    shutil.rmtree(temporary)
    shutil.rmtree(f"{temporary}-pyc", ignore_errors=True)


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Iterator[Project]:
    """Give a copy of the project; at the end its report is the old one and nothing is left."""
    shutil.copytree(made.folder, tmp_path / "p")
    project = Project(tmp_path / "p", made.temporary)
    before = project.files()
    assert "manifest.json" in before
    yield project
    assert project.files() == before
    assert [path.name for path in project.report.parent.iterdir()] == ["report"]
    assert project.processes() == []
    assert list(project.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os; os._exit(3)", "the kernel ended by itself with code 3"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "the kernel was ended by signal 9, often because memory ran out",
        ),
    ],
)
def test_a_kernel_that_dies(project: Project, source: str, message: str) -> None:
    project.notebook("1", source)
    assert project.run() == (1, f"evidence: 01-a.ipynb, cell 2: {message}.\n")


def test_a_cell_without_end(project: Project) -> None:
    project.notebook("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")
    code, error = project.run("--timeout", "1")
    assert code == 1
    assert error == (
        "evidence: 01-a.ipynb, cell 1: not done after 1 s, so it was ended; "
        "a cell may take longer with --timeout.\n"
    )


def test_an_error_of_syntax(project: Project) -> None:
    project.notebook("1", "x = = 1")
    code, error = project.run()
    assert code == 1
    assert error == "evidence: 01-a.ipynb, cell 2, line 1 (x = = 1): SyntaxError: invalid syntax\n"


def test_a_full_disk(project: Project) -> None:
    code, error = project.run("--force", before=FULL_DISK)
    assert code == 1
    assert error.splitlines()[-1] == (
        f"evidence: There is no room left on the disk for {project.report}; what was there is unchanged."
    )


def _begun(project: Project) -> subprocess.Popen[str]:
    """Begin a run and wait until its notebook runs."""
    mark = project.folder / "mark"
    project.notebook(f"import pathlib, time\npathlib.Path({str(mark)!r}).touch()\ntime.sleep(600)")
    process = project.start()
    end = time.monotonic() + 60
    while not mark.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    assert mark.exists()
    return process


def test_an_interrupt_from_the_keyboard(project: Project) -> None:
    process = _begun(project)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert error == "evidence: interrupted; a report made before is as it was.\n"


def test_two_runs_at_once_and_a_request_to_end(project: Project) -> None:
    first = _begun(project)
    assert project.run() == (
        1,
        f"evidence: {project.report} is being written by another run (process {first.pid}); "
        "wait for its end, or name another folder with --output.\n",
    )
    first.send_signal(signal.SIGTERM)
    error = first.communicate(timeout=60)[1]
    assert first.returncode == 143
    assert error == "evidence: ended by a signal; a report made before is as it was.\n"


def test_an_output_that_cannot_be_written(project: Project) -> None:
    project.notebook("2")
    project.report.parent.chmod(0o555)
    try:
        code, error = _without_privileges(project)
    finally:
        project.report.parent.chmod(0o755)
    if code == 99:
        pytest.skip("the superuser cannot be kept from writing here")
    assert code == 2
    assert error.startswith(f"evidence: {project.report.parent}")
    assert error.count("\n") == 1


def _without_privileges(project: Project) -> tuple[int, str]:
    """Run the command so that permissions hold for the superuser too."""
    program = "import sys\n" + NO_OVERRIDE + COMMAND
    arguments: list[Any] = [COMMAND] if os.geteuid() == 0 else []
    process = subprocess.run(
        [sys.executable, "-c", program, *arguments, "report", "--output", str(project.report)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stderr


def test_an_output_that_holds_other_files(project: Project) -> None:
    other = project.folder / "thesis"
    other.mkdir()
    (other / "thesis.docx").write_text("years of work", "utf-8")
    assert project.run("--output", str(other)) == (
        2,
        f"evidence: {other} is not empty and not a report made before, so it is not replaced; "
        "name another folder with --output.\n",
    )
    assert [path.name for path in other.iterdir()] == ["thesis.docx"]
