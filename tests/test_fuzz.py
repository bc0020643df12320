"""Some hundred of the inputs that `make fuzz` tries by the thousand."""

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
