"""Nothing needs a POSIX system: read from the source, and tried with what Windows lacks taken away."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evidence as ev
from evidence import files

SOURCE = Path(__file__).parents[1] / "src" / "evidence"
TREES = {
    path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text("utf-8")) for path in SOURCE.rglob("*.py")
}
POSIX_MODULES = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    *("fork", "forkpty", "killpg", "setsid", "getuid", "geteuid", "getgid", "getpgid", "register_at_fork"),
    *(
        "WNOHANG",
        "wait3",
        "wait4",
        "waitid",
        "mkfifo",
        "nice",
        "uname",
        "statvfs",
        "chown",
        "fchmod",
        "fchown",
    ),
    *("sched_getaffinity", "getloadavg", "getrusage", "SIGKILL", "SIGCHLD", "SIGHUP", "SIGALRM", "SIGUSR1"),
    *("alarm", "setitimer", "pthread_sigmask", "sigwait", "prctl"),
}
WHERE_FORKED = {"report/running/zygote.py", "report/running/kernel.py"}
"""What runs only where processes are forked."""

WINDOWS = """
# What Windows does not have, taken away once the standard library and other packages have been imported.
import os, signal, sys
import asyncio, multiprocessing.connection, multiprocessing.util, shutil, subprocess, tempfile, webbrowser
import concurrent.futures.process, filelock, psutil, ipykernel.kernelapp, jupyter_client.manager
import jupyter_client.provisioning.local_provisioner, nbclient, papermill, zmq.asyncio
import matplotlib.pyplot, pandas, scipy.stats, pandera.pandas, narwhals, fastparquet, PIL.Image

for name in ("fork", "forkpty", "killpg", "setsid", "getuid", "geteuid", "register_at_fork", "mkfifo"):
    delattr(os, name)
for name in ("SIGCHLD", "SIGHUP", "SIGALRM", "pthread_sigmask"):  # SIGKILL subprocess itself asks for here
    delattr(signal, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
"""


def calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_modules_of_posix_are_imported_only_where_their_absence_is_met() -> None:
    for name, tree in TREES.items():
        tried = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.Try)
            and any(isinstance(one.type, ast.Name) and "ImportError" in one.type.id for one in node.handlers)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                modules = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
                assert not (modules & POSIX_MODULES) or node in tried, f"{name}, line {node.lineno}"


def test_functions_of_posix_are_called_only_where_they_are_asked_for() -> None:
    for name in set(TREES) - WHERE_FORKED:
        asked = {
            node.args[1].value
            for node in calls(TREES[name])
            if getattr(node.func, "id", "") == "hasattr" and isinstance(node.args[1], ast.Constant)
        }
        for node in ast.walk(TREES[name]):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") in ("os", "signal"):
                assert node.attr not in POSIX_NAMES - asked, f"{name}, line {node.lineno}"


def test_text_is_read_and_written_as_utf_8_everywhere() -> None:
    for name, tree in TREES.items():
        for node in calls(tree):
            function = (
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            )
            owner = getattr(getattr(node.func, "value", None), "id", "")
            said = "encoding" in {word.arg for word in node.keywords}
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            where = f"{name}, line {node.lineno}: {ast.unparse(node)}"
            if function in ("read_text", "write_text"):
                assert said or {"utf-8", "utf-8-sig", "ascii"} & set(map(str, texts)), where
            elif function == "open" and owner not in ("os", "Image", "self"):
                assert said or any(
                    isinstance(text, str) and "b" in text and len(text) < 4 for text in texts
                ), where


def test_no_path_is_that_of_one_system() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not node.value.startswith(("/tmp/", "/home/", "/usr/bin")), (
                    f"{name}, line {node.lineno}"
                )


@pytest.fixture
def windows(tmp_path: Path) -> dict[str, str]:
    """An environment in which every Python, also that of a worker and of a kernel, lacks what Windows lacks."""
    place = tmp_path / "windows"
    place.mkdir()
    (place / "windows_like.py").write_text(WINDOWS, "utf-8")
    (place / "sitecustomize.py").write_text("import windows_like\n", "utf-8")
    path = os.pathsep.join([str(place), str(SOURCE.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def python(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    assert "sitecustomize" not in run.stderr
    return run.stdout


def test_every_module_is_imported_without_posix(windows: dict[str, str], tmp_path: Path) -> None:
    modules = [
        ".".join(("evidence", *Path(name).with_suffix("").parts)).removesuffix(".__init__")
        for name in TREES
        if not name.endswith("__main__.py")
    ]
    code = "import importlib, os, sys\nassert not hasattr(os, 'fork')\n"
    code += "for name in sys.argv[1:]: importlib.import_module(name)\nprint('all')"
    assert python(windows, tmp_path, "-c", code, *modules).strip() == "all"


def test_a_review_is_begun_and_reported_without_posix(windows: dict[str, str], tmp_path: Path) -> None:
    python(windows, tmp_path, "-m", "evidence", "init", "my review")
    folder = tmp_path / "my review"
    assert "index.html" in python(windows, folder, "-m", "evidence", "report")
    assert (folder / "report" / "bright-light.html").exists()
    python(windows, folder, "-m", "evidence", "verify")


def test_an_empty_folder_is_taken_where_no_folder_replaces_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def as_windows(source: Any, target: Any) -> None:
        if Path(target).is_dir():
            raise PermissionError(13, "Access is denied", str(target))
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", as_windows)
    monkeypatch.setattr(files.sys, "platform", "win32")
    (tmp_path / "new").mkdir()
    ev.init_review(tmp_path / "new")
    assert ev.read_review(tmp_path / "new").protocol.title == "A new review"


@pytest.mark.parametrize("name", ["con", "aux.csv", "CON", "a<b", "a:b", "x" * 300, "end."])
def test_names_of_files_are_those_that_windows_takes(name: str) -> None:
    made = files.file_name(name)
    assert not set(made) & set('<>:"/\\|?*')
    assert made.split(".")[0] not in ("con", "aux", "nul")
    assert len(made) < 100
    assert not made.endswith((".", " "))


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_signs_that_a_code_page_lacks_end_no_command(tmp_path: Path, encoding: str) -> None:
    ev.init_review(tmp_path / "new")
    run = subprocess.run(
        [sys.executable, "-m", "evidence", "pool", "bright-light-fatigue-short", "--data", "new"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert b"Mean difference ?8.1" in run.stdout
