"""The page on validation says what its script would write."""

from __future__ import annotations

import importlib
import re
import sys
from math import log10
from pathlib import Path

import pytest

import evidence as ev

VALIDATION = Path(__file__).parents[1] / "validation"
sys.path.append(str(VALIDATION))
summary = importlib.import_module("summary")

PAGE = (VALIDATION / "README.md").read_text(encoding="utf-8")


def rows_of(family: str) -> list[list[str]]:
    """Read the table of a family from the page."""
    part = PAGE.partition(f"### {family}\n")[2].partition("\nData: ")[0]
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| ")][2:]


def agree(written: str, found: str) -> bool:
    """Whether two differences are of about the same order; what is rounding error depends on the processor."""
    one, other = (log10(float(text) or 1e-16) for text in (written, found))
    return abs(one - other) <= 2 or max(one, other) <= -9


@pytest.mark.parametrize("family", list(summary.FAMILIES))
def test_table_is_up_to_date(family: str) -> None:
    written, found = rows_of(family), [row.cells() for row in summary.collect([family])]
    assert [row[:4] for row in written] == [row[:4] for row in found]
    for one, other in zip(written, found, strict=True):
        assert all(agree(*pair) for pair in zip(one[4:], other[4:], strict=True)), (one, other)


def test_totals_are_those_of_the_rows() -> None:
    counts = [int(row[3].replace(",", "")) for family in summary.FAMILIES for row in rows_of(family)]
    assert f"In all {sum(counts):,} values on " in PAGE


def test_missing_values_are_not_passed_over() -> None:
    row = summary.Row("Pooling", "pool", "metafor")
    row.add(summary.Comparison("pool", "metafor", "dat.bcg", [1.0, 2.0], [1.0, 2.0 + 3e-7]))
    assert row.cells() == ["pool", "metafor", "1", "2", "1e-06", "1e-06"]
    assert row.data == {"bcg"}
    equal = ev.pool([1.0, 1.0], [0.1, 0.2])
    with pytest.raises(ValueError, match="a value is missing"):
        row.add(summary.Comparison("pool", "metafor", "dat.bcg", equal.statistic, 1.0))


def test_every_reference_is_compared() -> None:
    compare = (VALIDATION / "compare.py").read_text(encoding="utf-8")
    names = re.findall(r'tests\("([^"]+)"\)', compare)
    tests = [(VALIDATION.parent / "tests" / f"{name}.py").read_text(encoding="utf-8") for name in names]
    files = {path.relative_to(VALIDATION).as_posix() for path in VALIDATION.rglob("*.json")}
    assert len(files) > 20
    assert {name for name in files if not any(name in text for text in [compare, *tests])} == set()
