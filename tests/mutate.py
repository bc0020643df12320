"""Change single lines of the library at random and see whether a test notices: a check of the tests, run by hand.

    python tests/mutate.py --mutants 40 --seed 1

Each mutant is one small change (a comparison turned, a sign, a number, a condition) in a copy of the tree. The tests
of the module itself run first, then those of its folder and of its floor. A mutant that no test notices is shown as a
difference, to be judged by a person: a gap in the tests, or a change that changes nothing (equivalent).
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = Path("src/evidence")
TREES = ("src", "tests", "data", "notebooks", "validation", "figures", "benchmarks", ".github")
FILES = (
    "pyproject.toml",
    "README.md",
    "Makefile",
    "environment.yml",
    "requirements.lock",
    "requirements-lab.lock",
)
TURNED = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip


def turned(node: ast.AST) -> str | None:
    """Write a node after a small change; None where there is nothing to change."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in TURNED:
        new: ast.expr = ast.Compare(node.left, [TURNED[type(node.ops[0])]()], node.comparators)  # type: ignore[list-item]
    elif isinstance(node, ast.BinOp) and type(node.op) in TURNED and not _text(node):
        new = ast.BinOp(node.left, TURNED[type(node.op)](), node.right)  # type: ignore[arg-type]
    elif isinstance(node, ast.BoolOp):
        new = ast.BoolOp(TURNED[type(node.op)](), node.values)  # type: ignore[arg-type]
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        new = ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        new = ast.Constant(node.value + 1)
    elif isinstance(node, ast.IfExp):
        new = ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        new = node.operand
    else:
        return None
    return f"({ast.unparse(new)})"


def _text(node: ast.BinOp) -> bool:
    """Whether an operation joins texts or types, where turning it only breaks the program."""
    return any(
        isinstance(one, ast.JoinedStr) or isinstance(getattr(one, "value", None), str)
        for one in (node.left, node.right)
    )


def places(path: Path) -> Iterator[ast.expr]:
    """List what can be changed in the functions of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                for node in ast.walk(statement):
                    if isinstance(node, ast.expr) and node.lineno == node.end_lineno and turned(node):
                        yield node


def mutate(path: Path, chance: random.Random) -> tuple[str, str] | None:
    """Change one place of a module; return its text before and after."""
    found = list(places(path))
    if not found:
        return None
    node = chance.choice(found)
    before = path.read_text(encoding="utf-8")
    lines = before.splitlines(keepends=True)
    line = lines[node.lineno - 1].encode()
    new = line[: node.col_offset] + str(turned(node)).encode() + line[node.end_col_offset :]
    lines[node.lineno - 1] = new.decode()
    after = "".join(lines)
    try:
        ast.parse(after)
    except SyntaxError:  # within an f-string the places of nodes are not those of the text
        return None
    return before, after


def noticed(tree: Path, module: Path) -> bool:
    """Run the tests of a module, of its folder and of its floor; say whether one fails."""
    mirror = Path("tests", *module.relative_to(SOURCE).parts[:-1])
    floor = Path("tests", *mirror.parts[1:2])
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    for folder in dict.fromkeys((mirror / f"test_{module.name}", mirror, floor)):
        if not (tree / folder).exists():
            continue
        call = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "2", "-p", "no:cacheprovider", str(folder)]
        try:
            code = subprocess.run(
                call, cwd=tree, env=environment, capture_output=True, timeout=900
            ).returncode
        except subprocess.TimeoutExpired:
            return True
        if code not in (0, 5):
            return True
    return False


def main() -> None:
    """Make the mutants and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    floors = sorted(
        path for path in (ROOT / SOURCE).iterdir() if path.is_dir() and path.name != "__pycache__"
    )
    killed = lived = 0
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch)
        for name in TREES:
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(ROOT / name, tree / name)
        while killed + lived < options.mutants:
            floor = floors[(killed + lived) % len(floors)]
            path = chance.choice(sorted(floor.rglob("*.py")))
            module = path.relative_to(ROOT)
            change = mutate(tree / module, chance)
            if change is None:
                continue
            before, after = change
            (tree / module).write_text(after, encoding="utf-8")
            found = noticed(tree, module)
            (tree / module).write_text(before, encoding="utf-8")
            killed, lived = killed + found, lived + (not found)
            print(f"{killed + lived:3d} {'killed' if found else 'LIVED '} {module}", flush=True)
            if not found:
                lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
                print("\n".join(f"      {line}" for line in [*lines][3:]), flush=True)
    print(f"{killed} killed, {lived} lived; judge each that lived: a gap, or equivalent")


if __name__ == "__main__":
    main()
