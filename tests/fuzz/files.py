"""One try of a corrupted file: the command has to end with a result or in words, soon, in its own folder."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from evidence import cli
from evidence.cli.export import Kind
from evidence.errors import DataError, EvidenceError
from evidence.files import checksum

from .attempt import Outcome
from .corrupt import corrupt
from .draw import Rng
from .right_files import Right, make

SECONDS, BYTES = 5.0, 350_000_000
"""Of processor and of memory beyond what the process held before; that and the package itself are under 500 MB."""
DRAWING = 20.0
"""Seconds for figures and exports of all analyses."""
OF_REPORT = ("page", "pdf", "archive")


class TooLongError(BaseException):
    """A command does not end."""


def draw_file(number: int, seed: int, around: Path) -> tuple[Rng, Right]:
    """Write the corrupted input with this number into ``around/given``."""
    rng = np.random.default_rng([seed, 1, number])
    given, outside = around / "given", around / "outside"
    for place in (given, outside, around / "work" / "here", around / "tmp"):
        place.mkdir(parents=True)
    (outside / "secret.txt").write_text("study,yi,vi\nsecret,1,1\n", "utf-8")
    (around / "work" / "x").write_text("kept", "utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = make(rng, given)
    corrupt(rng, given, right, outside)
    return rng, right


def commands(rng: Rng, right: Right, around: Path) -> Iterator[tuple[float, list[str]]]:
    """Give the commands to try in turn, each with the seconds that it may take."""
    file, target = around / "given" / right.file, around / "work" / "here" / "target"
    review = file
    if right.kind != "review":
        review = target
        dry = ["--dry-run"] if rng.random() < 0.1 else []
        yield SECONDS, ["import", str(file), "--output", str(target), *right.options, *dry]
    if not review.is_dir():
        return
    if rng.random() < 0.25:
        yield SECONDS, ["check", "--data", str(review)]
    elif right.kind == "review":
        yield SECONDS, ["pool", "none", "--data", str(review)]  # reads the review and knows no such analysis
    if rng.random() < 0.03:
        yield SECONDS, ["audit", "--data", str(review)]
    if rng.random() < 0.02:
        yield DRAWING, ["figures", "--data", str(review), "--output", str(target / "figures")]
    if rng.random() < 0.03:
        kinds = [kind.value for kind in Kind if kind.value not in OF_REPORT]
        yield DRAWING, ["export", *kinds, "--data", str(review), "--output", str(target / "export")]


def attempt_file(number: int, seed: int, around: Path) -> Outcome:
    """Corrupt one file and run the commands that read it; `around` is an empty folder."""
    rng, right = draw_file(number, seed, around)
    target = around / "work" / "here" / "target"
    kind, cause = "result", ""
    with (
        contextlib.chdir(around / "work" / "here"),
        mock.patch.object(tempfile, "tempdir", str(around / "tmp")),
    ):
        for limit, arguments in commands(rng, right, around):
            before, had = listing(around, target), target.exists()
            code, told, seconds, held = measured(arguments, 4 * limit)
            problem = told if code is None else ""
            if seconds > limit:
                problem = f"took {seconds:.1f} s"
            elif held > BYTES:
                problem = f"took {held / 1e6:.0f} MB"
            elif changed := differences(before, listing(around, target)):
                problem = f"outside the target: {', '.join(changed[:5])}"
            elif code and arguments[0] == "import" and target.exists() and not had:
                problem = "a refused import left its folder"
            elif left := leftovers(target):
                problem = f"left behind: {', '.join(left)}"
            if problem:
                return Outcome(number, right.kind, "failed", f"{arguments[0]}: {problem}")
            if code == 2:
                kind, cause = "refused", told
    return Outcome(number, right.kind, kind, cause)


def measured(arguments: list[str], patience: float) -> tuple[int | None, str, float, int]:
    """Run a command; give its exit code (None for an error of ours), what it said, its seconds and bytes."""
    out, err = io.StringIO(), io.StringIO()
    start, held = time.process_time(), memory("VmRSS")
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    code: int | None = 0
    try:
        with (
            timer(patience),
            mock.patch.object(sys, "argv", ["evidence", "--debug", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            cli.main()
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except EvidenceError as error:
        code = 2 if isinstance(error, DataError) else 1
        print(error, file=err)
    except OSError as error:  # which the command tells in words
        code = 2
        print(error, file=err)
        if error.errno is None:
            code = None
    except (Exception, TooLongError) as error:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if "evidence" in frame.filename
        ]
        place = frames[-1]
        where = f"{'/'.join(Path(place.filename).parts[-2:])}:{place.lineno}"
        return None, f"{type(error).__name__}: {str(error)[:300]} ({where})", time.process_time() - start, 0
    told = err.getvalue()
    if code not in (0, 1, 2):
        return None, f"exit code {code}: {told[-300:]}", 0.0, 0
    if len(told) > 500_000:
        return None, f"a message of {len(told):,} characters", 0.0, 0
    return code, told, time.process_time() - start, memory("VmHWM") - held


def memory(name: str) -> int:
    """Give a number of bytes that the system tells of this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found.group(1)) * 1024 if found else 0


@contextlib.contextmanager
def timer(seconds: float) -> Iterator[None]:
    """Raise TooLongError after some seconds."""

    def ring(*_: Any) -> None:
        raise TooLongError(f"did not end within {seconds:g} s")

    known = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 3 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, known)


def listing(around: Path, target: Path) -> dict[str, str]:
    """List all below a folder, hidden or not, with what it is, except the target."""
    found = {}
    for root, folders, files in os.walk(around):
        folders[:] = [name for name in folders if Path(root, name) != target]
        for name in (*folders, *files):
            path = Path(root, name)
            state = path.lstat()
            told = checksum(path) if os.access(path, os.R_OK) or path.is_symlink() else "closed"
            found[str(path.relative_to(around))] = f"{state.st_mode:o} {told}"
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Name what came, went or changed."""
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def leftovers(target: Path) -> list[str]:
    """Name drafts that were not removed."""
    found = target.rglob(".*") if target.is_dir() else ()
    return [path.name for path in found if ".making-" in path.name or re.search(r"\.\d+(\.\w+)?$", path.name)]


def attempt_files(numbers: range, seed: int) -> list[Outcome]:
    """Try the inputs with the given numbers, each in an empty folder deep below another."""
    outcomes = []
    for number in numbers:
        top = Path(tempfile.mkdtemp(prefix="fuzz-")).resolve()
        try:
            around = top.joinpath(*"abcdef")
            around.mkdir(parents=True)
            outcomes.append(attempt_file(number, seed, around))
            above = sorted(path.name for path in top.rglob("*") if not path.is_relative_to(around))
            if above != list("abcde"):
                outcomes[-1] = Outcome(number, outcomes[-1].target, "failed", f"written above: {above}")
        finally:
            shutil.rmtree(top, ignore_errors=True)
    return outcomes
