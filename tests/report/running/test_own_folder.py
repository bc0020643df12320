"""A review in its own folder, with the report inside it; and what runs leave behind or repeat."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import nbformat.v4 as nb
import psutil
import pytest

from evidence.report.build import build_report
from evidence.report.running.execute import CAN_FORK, execute_all
from evidence.report.running.plan import Job


def write(path: Path, *cells: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = [nb.new_code_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    nbformat.write(nb.new_notebook(cells=made), path)
    return path


@pytest.fixture
def evidence(command: Any) -> Any:
    def given(folder: Path, *arguments: str) -> tuple[int, str]:
        code, out, err = command(folder, *arguments)
        return code, out + err

    return given


def test_a_report_in_the_folder_of_its_review_is_no_input_of_the_next(evidence: Any, filled: Any) -> None:
    folder = filled.write()
    write(folder / "notebooks" / "01-a.ipynb", "len(open('../review.yaml').read())")
    assert evidence(folder, "report")[0] == 0
    assert "Nothing has changed" in evidence(folder, "report")[1]
    assert evidence(folder, "verify", "--data", ".", "--notebooks", "notebooks") == (
        0,
        "All as the manifest says.\n",
    )
    assert evidence(folder, "verify", "--data", ".")[0] == 0
    assert evidence(folder.parent, "verify", f"{folder.name}/report", "--data", folder.name)[0] == 0
    (folder / "report" / "index.html").unlink()
    assert "01-a: unchanged" in evidence(folder, "report")[1]
    (folder / "notebooks" / "helper.py").write_text("x = 1", "utf-8")
    code, told = evidence(folder, "verify", "--notebooks", "notebooks")
    assert (code, told.splitlines()[0]) == (1, "added: notebooks/helper.py")
    assert "Nothing has changed" not in evidence(folder, "report")[1]
    assert evidence(folder, "check")[0] == 0


@pytest.mark.parametrize("look", ["sorted(os.listdir('..'))", "len(list(os.walk('..'))) > 0"])
def test_a_notebook_that_lists_the_folder_of_the_review_is_kept(
    evidence: Any, filled: Any, look: str
) -> None:
    folder = filled.write()
    write(folder / "notebooks" / "01-a.ipynb", f"import os; {look}")
    assert evidence(folder, "report")[0] == 0
    (folder / "report" / "index.html").unlink()
    assert "01-a: unchanged" in evidence(folder, "report")[1]
    (folder / "more.csv").write_text("x", "utf-8")
    assert "01-a: unchanged" not in evidence(folder, "report")[1]


NAMES = ["01 a b", "02-50% & #1?", "03-naïve Übersicht"]


def test_names_of_any_kind_lead_to_pages_and_back(tmp_path: Path, filled: Any) -> None:
    from urllib.parse import unquote

    from bs4 import BeautifulSoup

    text = nb.new_markdown_cell("# Title\n\n[next](<02-50%25 & %231%3F.ipynb>) ![x](plot.png)")
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "plot.png").write_bytes(b"x")
    for name in NAMES:
        write(tmp_path / "n" / f"{name}.ipynb", text, "import warnings\nwarnings.warn('careful')\nobject()")
    data, output = filled.write(), tmp_path / "report"

    def make() -> dict[str, bytes]:
        build_report(data, tmp_path / "n", output, title="T", force=True)
        return {str(path): path.read_bytes() for path in output.rglob("*") if path.is_file()}

    first = make()
    for page in output.glob("*.html"):
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        for tag in soup.find_all(["a", "img"]):
            address = str(tag.get("href") or tag.get("src") or "")
            if not address.startswith(("http", "data:", "#")):
                assert (output / unquote(address.partition("#")[0])).is_file(), address
    listed = BeautifulSoup((output / "index.html").read_text("utf-8"), "html.parser").select("nav a")
    assert {f"{name}.html" for name in NAMES} < {unquote(str(link["href"])) for link in listed}
    assert {**make(), str(output / "manifest.json"): b""} == {**first, str(output / "manifest.json"): b""}


def test_what_a_notebook_left_beside_itself_is_said(
    tmp_path: Path, filled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = filled.write()
    write(tmp_path / "n" / "a.ipynb", "open('results.csv', 'w').write('1')")
    notes: list[str] = []
    build_report(data, tmp_path / "n", tmp_path / "report", title="T", on_note=notes.append)
    assert notes == ["a.ipynb left n/results.csv; it will run again each time."]
    build_report(data, tmp_path / "n", tmp_path / "report", title="T", on_note=notes.append)
    assert notes[1:] == ["Nothing has changed since the report was made."]


START = """
import subprocess, sys
sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print(sleeper.pid)"""
DAEMON = """
import os, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    open({!r}, "w").write(str(os.getpid()))
    time.sleep(300)
    os._exit(0)
time.sleep(1)"""


@pytest.mark.skipif(sys.platform == "win32", reason="sessions of POSIX")
@pytest.mark.parametrize(
    "fork", [pytest.param(True, marks=pytest.mark.skipif(not CAN_FORK, reason="cannot fork")), False]
)
def test_processes_in_a_session_of_their_own_end_with_the_report(tmp_path: Path, fork: bool) -> None:
    note = tmp_path / "pid"
    jobs = [
        Job(write(tmp_path / "a.ipynb", START), {}),
        Job(write(tmp_path / "b.ipynb", DAEMON.format(str(note))), {}),
    ]
    done = execute_all(jobs, tmp_path / "parts", tmp_path, workers=2, fork=fork)
    for pid in (int(done[0].notebook.cells[0].outputs[0].text), int(note.read_text("utf-8"))):
        with contextlib.suppress(psutil.NoSuchProcess):
            assert psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert os.getpid() in psutil.pids()


def test_the_cell_that_runs_is_told_and_a_notebook_may_have_its_own_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ipynb", "1", "import time; time.sleep(2.5)", "2")
    told: list[tuple[int, int]] = []
    execute_all(
        [Job(path, {}, timeout=60)],
        tmp_path / "parts",
        tmp_path,
        workers=1,
        timeout=1,
        on_cell=lambda job, reached: told.append((reached.cell, reached.cells)),
    )
    assert (2, 3) in told
