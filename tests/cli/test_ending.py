from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

WAITING = """
import os, pathlib, time
def wait(*paths):
    pathlib.Path("mark").touch()
    time.sleep(600)
os.replace = wait
from evidence.cli import main
main()
"""
"""The command, which waits when its files are about to take their place."""


@pytest.mark.parametrize(
    "command", [["import", "a.csv", "--measure", "MD"], ["init"], ["figures"], ["export", "data"]]
)
def test_a_command_that_is_asked_to_end_leaves_nothing(
    filled: Any, tmp_path: Path, command: list[str]
) -> None:
    data, folder = filled.write(), tmp_path / "work"
    folder.mkdir()
    (folder / "a.csv").write_text("study,yi,vi\nA,1,1\nB,2,1\n", "utf-8")
    given = {
        "init": ["out"],
        "import": ["--output", "out"],
    }.get(command[0], ["--data", str(data), "--output", "out"])
    run = [sys.executable, "-B", "-c", WAITING, *command, *given]
    with subprocess.Popen(
        run, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + 60
        while not (folder / "mark").exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        assert any(".making-" in path.name for path in folder.rglob(".*"))
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert error == "evidence: ended by a signal.\n"
    assert sorted(path.name for path in folder.rglob("*")) == ["a.csv", "mark"]
