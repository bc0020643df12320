"""Some hundred of the inputs, and some dozen of the files, that `make fuzz` tries by the thousand."""

from __future__ import annotations

import contextlib
import importlib
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


def test_every_statistical_function_is_tried() -> None:
    tried = set()
    for _, draw in fuzz.TARGETS.values():
        for number in range(20):
            with contextlib.suppress(ev.ModelError):  # of the network on which a split is to be tried
                tried.add(draw(np.random.default_rng([3, number])).function)
    for function in (ev.pool, ev.regress, ev.multilevel, ev.robust, ev.bayes, ev.glmm, ev.gosh, ev.network):
        assert function in tried


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
