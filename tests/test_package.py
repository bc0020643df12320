from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import evidence as ev
from evidence.errors import Fault

SOURCE = Path(__file__).parents[1] / "src" / "evidence"
FLOORS = ("tables", "effects", "models", "credibility", "figures", "report")


def imported(path: Path) -> set[tuple[str, str]]:
    """List the floors of the package that a module imports, with the function it does so in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    within = {
        inner: function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for inner in ast.walk(function)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "evidence" and len(parts) > 1 and parts[1] in FLOORS:
                found.add((parts[1], within.get(node, "")))
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_go_one_way(floor: str) -> None:
    allowed = set(FLOORS[: FLOORS.index(floor) + 1])
    # A review is asked for its effects: the two methods that call the floor below are the only exception.
    exceptions = {("review.py", "effects", "comparisons"), ("review.py", "effects", "effects")}
    for path in (SOURCE / floor).glob("**/*.py"):
        for target, function in imported(path):
            assert target in allowed or (path.name, target, function) in exceptions, (
                f"{path} imports {target}"
            )


def test_what_stands_beside_the_floors_imports_none_of_them() -> None:
    for name in ("errors.py", "wording.py"):
        assert imported(SOURCE / name) == set()


def test_importing_the_package_is_light() -> None:
    heavy = "pandas", "matplotlib", "scipy", "pandera", "statsmodels", "numpy"
    code = f"import sys, evidence; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    names = [
        alias.asname or alias.name
        for node in ast.parse((SOURCE / "__init__.pyi").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(names) == sorted(set(names))
    assert set(names) == set(vars(ev)["__all__"])
    for name in names:
        assert getattr(ev, name) is not None
        assert name in dir(ev)


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ev.no_such_name  # type: ignore[attr-defined]


def test_errors_can_be_caught_together_and_pickled() -> None:
    assert issubclass(ev.DataError, ev.EvidenceError)
    assert issubclass(ev.DataError, ValueError)
    assert issubclass(ev.ModelError, ev.EvidenceError)
    assert issubclass(ev.ReportError, ev.EvidenceError)
    fault = Fault("arms.csv", 3, "weeks", "two", "a number")
    error = pickle.loads(pickle.dumps(ev.DataError([fault])))
    assert error.faults == (fault,)
    assert str(error) == "1 fault in the data:\n  arms.csv, row 3, column weeks: found 'two'; a number"
    assert str(pickle.loads(pickle.dumps(ev.DataError("a sentence")))) == "a sentence"
    assert str(Fault("arms.csv", None, "", "", "is missing")) == "arms.csv: is missing"
