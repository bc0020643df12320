from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def noted(tmp_path: Path, review: Path, source: str) -> dict[str, Any]:
    """Run a program that is listened to, in a folder of its own; give its record."""
    (tmp_path / "own").mkdir(exist_ok=True)
    (tmp_path / "cwd").mkdir(exist_ok=True)
    program = f"""
import json, os, sys
from pathlib import Path
from evidence.report.running.track import Recorder
recorder = Recorder(Path({str(review)!r}), [Path({str(tmp_path / "own")!r})])
recorder.start()
{source}
recorder.write(Path({str(tmp_path / "own" / "record.json")!r}))
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path / "own")}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path / "cwd", env=environment)
    record: dict[str, Any] = json.loads((tmp_path / "own" / "record.json").read_text("utf-8"))
    return record


def names(record: dict[str, Any], folder: Path) -> set[str]:
    real = folder.resolve()
    return {
        path.relative_to(real).as_posix() for path in map(Path, record["read"]) if path.is_relative_to(real)
    }


@pytest.mark.parametrize(
    ("taken", "files"),
    [
        ("", set()),
        ("review.protocol", set()),
        ("review.trials", {"trials.csv"}),
        ("getattr(review, 'arms'), review.claims", {"arms.csv", "claims.csv"}),
        ("review.readings", {"readings", "readings/ann", "readings/ann/trials.csv"}),
    ],
)
def test_a_review_is_noted_table_by_table(tmp_path: Path, filled: Any, taken: str, files: set[str]) -> None:
    folder = filled.write()
    reading = folder / "readings" / "ann"
    reading.mkdir(parents=True)
    header = (folder / "trials.csv").read_text("utf-8").splitlines()[0]
    (reading / "trials.csv").write_text(f"{header},batch\n", "utf-8")
    source = f"import evidence as ev\nreview = ev.read_review({str(folder)!r})\n{taken}"
    record = noted(tmp_path, folder, source)
    assert names(record, folder) == {"review.yaml", *files}
    assert record["unknowable"] == ""
    modules = {Path(path).name for path in record["read"] if path.endswith(".py")}
    assert {"review.py", "schema.py", "errors.py"} <= modules
    assert "pool.py" not in modules


@pytest.mark.parametrize(
    "taken",
    ["vars(review)", "import copy; copy.copy(review)", "import pickle; pickle.dumps(review)", "repr(review)"],
)
def test_a_review_taken_as_a_whole_is_all_its_tables(tmp_path: Path, filled: Any, taken: str) -> None:
    folder = filled.write()
    record = noted(
        tmp_path, folder, f"import evidence as ev\nreview = ev.read_review({str(folder)!r})\n{taken}"
    )
    assert {"trials.csv", "arms.csv", "claims.csv", "guidelines.csv"} <= names(record, folder)


def test_another_review_is_noted_whole(tmp_path: Path, filled: Any) -> None:
    folder = filled.write()
    source = f"import evidence as ev\nev.read_review({str(folder)!r})"
    assert {"trials.csv", "claims.csv"} <= names(noted(tmp_path, tmp_path / "data", source), folder)


def test_a_review_with_faults_is_noted_whole(tmp_path: Path, filled: Any) -> None:
    folder = filled.write()
    (folder / "guidelines.csv").write_text("wrong\n1\n", "utf-8")
    source = f"""import evidence as ev
try:
    ev.read_review({str(folder)!r})
except ev.DataError:
    pass"""
    assert {"guidelines.csv", "trials.csv"} <= names(noted(tmp_path, folder, source), folder)


def test_files_and_folders_that_are_read(tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    for name in ("a.txt", "b.txt", "helper.py"):
        (tmp_path / "cwd" / name).write_text("x = 1\n", "utf-8")
    source = """
open("a.txt").close()
os.close(os.open("b.txt", os.O_RDONLY))
sys.path.insert(0, "")
import helper
Path("absent.txt").exists()
try:
    open("absent.txt")
except FileNotFoundError:
    pass
list(Path("..").iterdir())
open("../own/result", "w").close()
open("../own/result").close()"""
    record = noted(tmp_path, tmp_path / "data", source)
    assert names(record, tmp_path) == {
        ".",
        "cwd/a.txt",
        "cwd/b.txt",
        "cwd/helper.py",
        "cwd/absent.txt",
    }
    assert record["unknowable"] == ""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import subprocess; subprocess.run(['true'])", "started a program"),
        ("os.system('true')", "started a program"),
        ("os.fork() or os._exit(0)", "started a process"),
        ("import socket; socket.socket().connect_ex(('127.0.0.1', 9))", ""),
        (
            "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError: pass",
            "used the network",
        ),
        ("open('result', 'w').close()", "wrote "),
        ("open('result', 'w').close(); os.remove('result')", "wrote "),
    ],
)
def test_what_cannot_be_known_is_said(tmp_path: Path, source: str, reason: str) -> None:
    unknowable = noted(tmp_path, tmp_path / "data", source)["unknowable"]
    assert unknowable.startswith(reason)
