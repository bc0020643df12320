"""Every public name has an example in its docstring, and every example gives what it says."""

from __future__ import annotations

import ast
import doctest
import functools
import importlib
import inspect
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import evidence as ev

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "hooks"))

from reference import path_of, public_names  # noqa: E402

NAMES = public_names()
FLOORS = sorted({path_of(name, thing).split(".")[1] for name, thing in NAMES.items()})


def docstring(name: str, thing: Any) -> str:
    """Take the docstring; that of a constant stands under it in its module."""
    if isinstance(thing, ModuleType) or hasattr(thing, "__module__"):
        return inspect.getdoc(thing) or ""
    module, _, short = path_of(name, thing).rpartition(".")
    body = ast.parse(inspect.getsource(importlib.import_module(module))).body
    for statement, below in pairwise(body):
        if (
            isinstance(statement, ast.AnnAssign | ast.Assign)
            and short in ast.unparse(statement).split("=")[0]
        ):
            assert isinstance(below, ast.Expr)
            return str(ast.literal_eval(below.value))
    return ""


def test_every_public_name_has_an_example() -> None:
    without = [name for name, thing in NAMES.items() if ">>>" not in docstring(name, thing)]
    assert not without


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the back-pain review once for all examples of a floor, at the root of the repository."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(ev, "read_review", _read)


@functools.cache
def _read(path: Any = "data") -> Any:
    from evidence.tables.review import read_review

    return read_review(path)


@pytest.mark.parametrize("floor", FLOORS)
def test_examples_give_what_they_say(floor: str, capsys: pytest.CaptureFixture[str]) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    parser = doctest.DocTestParser()
    for name, thing in NAMES.items():
        if path_of(name, thing).split(".")[1] == floor:
            runner.run(parser.get_doctest(docstring(name, thing), {}, name, None, None))
    assert runner.summarize().failed == 0, capsys.readouterr().out
