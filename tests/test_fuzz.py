"""Some hundred of the inputs, and some dozen of the files, that `make fuzz` tries by the thousand."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evidence as ev

sys.path.append(str(Path(__file__).parent))
fuzz = importlib.import_module("fuzz.attempt")
files = importlib.import_module("fuzz.files")


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_random_and_adversarial_input(start: int) -> None:
    outcomes = fuzz.attempt_all(range(start, start + 100), seed=1)
    assert not [outcome for outcome in outcomes if outcome.kind == "failed"]
    assert sum(outcome.kind == "result" for outcome in outcomes) > 50


NOT_TRIED = {
    "simulate": "takes situations to simulate, no data",
    "shared_covariance": "takes what a review has chosen",
    "inventory": "takes a review",
    "network_data": "takes a review",
    "overall_risk_of_bias": "takes judgements in words",
}
"""Functions of effects, models and diagnostics that are no target, and why."""


def takes_data(function: Any) -> bool:
    """Whether a public function stands on a floor that knows no review, and is given data or a fit."""
    floors = ("evidence.effects.", "evidence.models.", "evidence.diagnostics.", "evidence.synthesis.batch")
    parameters = inspect.signature(function).parameters
    return function.__module__.startswith(floors) and not {"path", "folder"} & set(parameters)


def test_every_statistical_function_is_tried() -> None:
    tried = set()
    for _, draw in fuzz.TARGETS.values():
        for number in range(24):
            with contextlib.suppress(ev.EvidenceError):  # of the fit on which something is to be tried
                tried.add(inspect.unwrap(draw(np.random.default_rng([3, number])).function))
    public = {name for name in dir(ev) if inspect.isfunction(getattr(ev, name))}
    public = {name for name in public if takes_data(getattr(ev, name))}
    assert {name for name in public if inspect.unwrap(getattr(ev, name)) not in tried} == set(NOT_TRIED)
    assert {function.__name__ for function in tried if inspect.ismethod(function)} >= {
        "on",
        "predict",
        "split",
    }


def test_failures_are_seen() -> None:
    def problem(value: Any, **options: Any) -> str:
        return str(fuzz.look_at(value, fuzz.Call(ev.pool, **options)))

    assert "not finite" in problem(np.array([1.0, np.nan]))
    assert "is not finite" in problem(ev.pool([1.0, 1.0], [1.0, 1.0]))
    assert problem(ev.pool([1.0, 1.0], [1.0, 1.0]), missing=frozenset({"statistic", "p_value"})) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="memory and time are measured as Linux tells them")
@pytest.mark.parametrize("start", [0, 12])
def test_corrupted_files(start: int) -> None:
    outcomes = files.attempt_files(range(start, start + 12), seed=7)
    assert not [outcome for outcome in outcomes if outcome.kind == "failed"]
    assert {outcome.kind for outcome in outcomes} == {"result", "refused"}


def test_what_a_command_does_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "kept").write_text("x", "utf-8")
    before = files.listing(tmp_path, tmp_path / "target")
    (tmp_path / "target" / "new").write_text("y", "utf-8")
    assert files.differences(before, files.listing(tmp_path, tmp_path / "target")) == []
    (tmp_path / "kept").write_text("changed", "utf-8")
    (tmp_path / ".hidden").mkdir()
    assert files.differences(before, files.listing(tmp_path, tmp_path / "target")) == [".hidden", "kept"]
    code, told, _, _ = files.measured(["check", "--data", str(tmp_path / "nowhere")], 60)
    assert (code, "there is no folder" in told) == (2, True)
