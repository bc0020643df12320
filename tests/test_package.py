from __future__ import annotations

import ast
import pickle
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import evidence as ev
from evidence.errors import Fault

SOURCE = Path(__file__).parents[1] / "src" / "evidence"
FLOORS = ("tables", "effects", "models", "diagnostics", "synthesis", "appraisal", "figures", "report", "cli")
NO_TABLES = ("models", "diagnostics")
"""Floors that know no review: arrays in, results out."""
BESIDE = ("columns.py", "errors.py", "wording.py", "results.py", "measures.py", "files.py", "version.py")
MOST_MODULES = 21


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
    if floor in NO_TABLES:
        allowed.remove("tables")
    # A review is asked for its effects: the two methods that call the floor below are the only exception.
    exceptions = {("review.py", "effects", "comparisons"), ("review.py", "effects", "effects")}
    for path in (SOURCE / floor).glob("**/*.py"):
        for target, function in imported(path):
            assert target in allowed or (path.name, target, function) in exceptions, (
                f"{path} imports {target}"
            )


def test_a_folder_is_seen_at_a_glance() -> None:
    for folder in (SOURCE, *(path for path in SOURCE.rglob("*") if path.is_dir())):
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, (
            f"{folder} holds {len(modules)} modules; make a folder of a subject"
        )


def test_each_package_says_what_is_in_it() -> None:
    for path in SOURCE.rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), (
            f"{path} says nothing of its folder"
        )


def test_no_import_goes_round() -> None:
    """Imports at the head of modules have an order; those within functions and for types alone do not count."""
    modules = {
        ".".join(("evidence", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in SOURCE.rglob("*.py")
    }
    needs: dict[str, set[str]] = {}
    for name, path in modules.items():
        heads = [
            node
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        named = {
            full
            for node in heads
            for alias in node.names
            for full in (
                (alias.name,)
                if isinstance(node, ast.Import)
                else (node.module or "", f"{node.module}.{alias.name}")
            )
        }
        needs[name] = named & set(modules) - {name}
    TopologicalSorter(needs).prepare()  # raises CycleError, which names the circle


def test_tests_mirror_the_folders() -> None:
    tests = Path(__file__).parent
    apart = {"browser", "docs", "fuzz"}
    for folder in (path for path in tests.rglob("*") if path.is_dir() and any(path.glob("test_*.py"))):
        place = folder.relative_to(tests)
        assert place.parts[0] in apart or (SOURCE / place).is_dir(), (
            f"{place} mirrors no folder of src/evidence"
        )


def test_what_stands_beside_the_floors_imports_none_of_them() -> None:
    for name in BESIDE:
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
