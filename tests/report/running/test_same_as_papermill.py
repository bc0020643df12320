"""The zoo of notebooks gives cell by cell what papermill gives, forked and spawned."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import nbformat
import papermill
import pytest

from evidence.report.running.execute import CAN_FORK, execute_all
from evidence.report.running.plan import plan
from evidence.report.running.steady import steady

ZOO = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in ZOO.glob("*.ipynb"))

Outcome = Any
"""The outputs of each cell, or what kept a notebook from its end."""

MEANT = {
    "08-expected-error": "papermill fails at the end of a run for an error that its cell was tagged to raise; "
    "Jupyter, nbclient and Jupyter Book show it and go on",
}
"""Notebooks whose outputs differ, and why that is right."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("zoo") / "notebooks"
    shutil.copytree(ZOO, place, ignore=shutil.ignore_patterns("__pycache__"))
    return place


@contextlib.contextmanager
def outside_of_pytest() -> Iterator[None]:
    """Let kernels catch what is written to their descriptors; in a test they leave that to pytest."""
    with mock.patch.dict(os.environ):
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        yield


@pytest.fixture(scope="module")
def papermills(folder: Path) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for path in sorted(folder.glob("*.ipynb")):
        try:
            with outside_of_pytest():
                done = papermill.execute_notebook(path, None, cwd=folder, progress_bar=False)
        except papermill.PapermillExecutionError as error:
            outcomes[path.stem] = error.ename
        else:
            outcomes[path.stem] = outputs(steady(done, []))
    return outcomes


WAYS = [pytest.param(True, marks=pytest.mark.skipif(not CAN_FORK, reason="cannot fork")), False]


@pytest.fixture(scope="module", params=WAYS, ids=lambda fork: "forked" if fork else "spawned")
def ours(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    parts = tmp_path_factory.mktemp("parts")
    with outside_of_pytest():
        done = execute_all(plan(folder, folder, {}), parts, folder, workers=2, fork=request.param)
    return {one.job.name: outputs(one.notebook) for one in done}


def outputs(notebook: Any) -> list[list[dict[str, Any]]]:
    """Return what each cell shows, without the random names by which styled tables are told apart."""
    text = nbformat.writes(notebook)
    cells = nbformat.reads(re.sub(r"T_[0-9a-f]{5}", "T_", text), as_version=4).cells
    return [[dict(output) for output in cell.get("outputs", [])] for cell in cells]


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_shows_what_papermill_shows(
    name: str, ours: dict[str, Outcome], papermills: dict[str, Outcome]
) -> None:
    if name in MEANT:
        assert ours[name] != papermills[name]
    else:
        assert ours[name] == papermills[name]
        assert any(papermills[name])


def test_figures_are_among_what_is_compared(ours: dict[str, Outcome]) -> None:
    def kinds(name: str) -> list[list[str]]:
        return [
            [kind for one in cell for kind in one.get("data", {}) if "image" in kind] for cell in ours[name]
        ]

    png = "image/png"
    assert kinds("01-figures")[1:] == [[png], [png], [png, png], [png], [png, png], [], [], []]
    assert kinds("02-figures-by-magic")[3] == ["image/svg+xml"]


def test_an_early_stop_is_no_failure(ours: dict[str, Outcome]) -> None:
    assert ours["05-early-stop"][-1] == []
    assert ours["07-skip"][-1][0]["text"] == "1\n"
    assert ours["08-expected-error"][1][0]["ename"] == "ZeroDivisionError"
