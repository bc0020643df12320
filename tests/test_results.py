from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

import evidence as ev
from evidence.figures.drawing.text import significant
from evidence.results import MOST_ROWS, Shown, number, table_text
from evidence.wording import interval

SOURCE = Path(__file__).parents[1] / "src" / "evidence"
CLASSES = [
    (path, node)
    for path in SOURCE.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef)
]


BASES = {node.name: set(map(ast.unparse, node.bases)) for _, node in CLASSES}


def _ancestors(name: str) -> set[str]:
    bases = BASES.get(name, set())
    return bases.union(*map(_ancestors, bases))


def test_results_show_themselves_in_one_place() -> None:
    for path, node in CLASSES:
        methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
        if node.name == "Shown" or "figures" in path.parts:  # figures show themselves as drawings
            continue
        assert "_repr_html_" not in methods, f"{node.name} in {path} shows itself"
        if {"to_frame", "summary"} <= methods:
            assert "Shown" in _ancestors(node.name), f"{node.name} in {path} is no Shown"
            assert any("repr=False" in ast.unparse(one) for one in node.decorator_list), node.name


def test_no_two_classes_have_one_name() -> None:
    names = [node.name for _, node in CLASSES]
    assert sorted(names) == sorted(set(names))


def cells(page: str) -> list[list[str]]:
    """Texts of the only table of a page."""
    table = ElementTree.fromstring(page[page.index("<table") : page.index("</table>") + len("</table>")])
    return [["".join(cell.itertext()) for cell in row] for row in table.iter("tr")]


@pytest.fixture(scope="module")
def fit() -> ev.Pooled:
    return ev.pool([0.1, 0.5, 0.3], [0.04, 0.05, 0.06], labels=["<b>Ahn</b>", "Bao & Co", "Cruz"])


def test_a_summary_in_words_has_the_frame_folded_below_it(fit: ev.Pooled) -> None:
    page = fit._repr_html_()
    assert page.startswith("<pre>")
    assert "<summary>Table of 3 rows</summary>" in page
    assert "&lt;b&gt;Ahn&lt;/b&gt;" in page
    assert "<b>Ahn</b>" not in page
    assert [len(row) for row in cells(page)] == [fit.to_frame().shape[1]] * 4
    assert repr(fit) == fit.summary()


def test_a_summary_that_is_a_table_is_shown_as_one(fit: ev.Pooled) -> None:
    left = ev.leave_one_out(fit)
    page = left._repr_html_()
    assert page.count("<table") == 1
    assert "<pre>" not in page
    head, *rows = cells(page)
    shown = [float(row[head.index("estimate")]) for row in rows]
    assert shown == left.to_frame()["estimate"].round(4).tolist()


def test_single_numbers_show_themselves_too() -> None:
    found = ev.recover(estimate=-2.9, ci_low=-4.0, ci_high=-1.8)
    assert isinstance(found, Shown)
    assert repr(found) == found.summary()
    assert "Table of 1 row<" in found._repr_html_()


def test_a_long_table_is_cut_in_a_notebook() -> None:
    class Long(Shown):
        def to_frame(self) -> pd.DataFrame:
            return pd.DataFrame({"x": range(1000)})

        def summary(self) -> str:
            return table_text("Long", self.to_frame(), "a <note>")

    page = Long()._repr_html_()
    assert page.count("<tr") < MOST_ROWS + 5
    assert "a &lt;note&gt;" in page


def test_small_numbers_keep_their_digits() -> None:
    assert significant(1e-14) == "0"
    assert interval(0.05, 0.0031, 0.8, ratio=True) == "0.05 (95% CI 0.0031 to 0.80)"
    assert interval(0.002, 1e-9, 2.54, ratio=True) == "0.0020 (95% CI <0.000001 to 2.54)"
    data = pd.DataFrame(
        {"effect": [0.0, 9.0, 0.1, 9.1], "variance": 0.001, "g": list("abab"), "x": [1e5, 2e5, 3e5, 5e5]}
    )
    assert "P < 0.0001" in ev.subgroups(data, "g").summary()
    slope = ev.regress("effect ~ x", data, method="EE", ci="z")
    assert number(slope.coefficients["estimate"].iloc[1]) in slope.summary()
    assert "0.0000" not in slope.summary().splitlines()[3]
    given = ev.pool([0.1, 0.3], [0.04, 0.05], tau2=0.1).summary()
    assert "nan" not in given


HUGE = pd.DataFrame(
    {
        "effect": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "variance": 1e-6,
        "x": [1.0, 2.0, 3.0, 4.1, 5.0, 6.0],
        "study": list("aabbcc"),
        "row": range(6),
    }
)
"""Effects so far from 0 beside their standard errors that P values are 0 in double precision."""

SURE: dict[str, Callable[[], Shown]] = {
    "regress": lambda: ev.regress("effect ~ x", HUGE, method="EE", ci="z"),
    "robust": lambda: ev.robust(ev.regress("effect ~ x", HUGE, method="EE", ci="z"), list("abcdef")),
    "linear_contrasts": lambda: ev.linear_contrasts(ev.regress("effect ~ x", HUGE, method="EE", ci="z")),
    "multilevel": lambda: ev.multilevel(
        HUGE["effect"], HUGE["variance"], levels={"row": HUGE["row"]}, moderators=HUGE[["x"]], test="z"
    ),
    "location_scale": lambda: ev.location_scale("effect ~ x", "1", HUGE),
    "subgroups": lambda: ev.subgroups(HUGE, "study", method="EE", ci="z"),
    "pool_many": lambda: ev.pool_many(
        HUGE[["effect"]].T.to_numpy(), HUGE[["variance"]].T.to_numpy(), method="EE", ci="z"
    ),
    "leave_one_out": lambda: ev.leave_one_out(ev.pool(HUGE["effect"], HUGE["variance"], method="EE", ci="z")),
}


@pytest.mark.parametrize("name", SURE)
def test_no_p_value_prints_as_zero(name: str) -> None:
    lines = [line.split() for line in SURE[name]().summary().splitlines()]
    head = next(line for line in lines if "p_value" in line)
    rows = [line for line in lines[lines.index(head) + 1 :] if len(line) >= len(head)]
    cells = [row[head.index("p_value") - len(head)] for row in rows]
    assert "<0.0001" in cells
    assert "0.0000" not in cells


@pytest.mark.parametrize(
    ("p", "written"), [(0.955, "P = .96"), (0.125, "P = .13"), (0.0045, "P = .005"), (0.0501, "P = .050")]
)
def test_p_values_half_way_are_rounded_up(p: float, written: str) -> None:
    assert ev.wording.p_value(p) == written
