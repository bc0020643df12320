from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import nbformat
import pytest

from evidence.errors import DataError
from evidence.report.running.plan import TAKEN, declared_parameters, literal, parse_parameters, plan


def write(path: Path, parameters: str | None = None) -> Path:
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# Title")]
    if parameters is not None:
        cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "notebooks" / "02-pooled.ipynb", "data_dir = '../data'\nlevel: float = 0.95")
    write(tmp_path / "notebooks" / "01-question.ipynb", "data_dir = '../data'")
    write(tmp_path / "notebooks" / "10-plain.ipynb")
    return tmp_path / "notebooks"


def test_settings_are_literals_or_else_text() -> None:
    settings = ["level=0.9", "method=REML", "draw=True", "weeks=[4, 12]", "note=a=b", "empty="]
    expected = {"level": 0.9, "method": "REML", "draw": True, "weeks": [4, 12], "note": "a=b", "empty": ""}
    assert parse_parameters(settings) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["level"], "NAME=VALUE"),
        (["=1"], "NAME=VALUE"),
        (["a b=1"], "NAME=VALUE"),
        (["a=1", "a=2"], "twice"),
        (["a=" + "[" * 500 + "]" * 500], "nested too deeply"),
        (["a=" + "9" * 5000], "more digits than can be read"),
    ],
)
def test_settings_that_cannot_be_read(settings: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_parameters(settings)


def test_notebooks_come_in_order_with_what_they_declare(folder: Path) -> None:
    jobs = plan(folder, folder.parent / "other", {"level": 0.9})
    assert [job.name for job in jobs] == ["01-question", "02-pooled", "10-plain"]
    assert [job.parameters for job in jobs] == [
        {"data_dir": "../other"},
        {"data_dir": "../other", "level": 0.9},
        {},
    ]


def test_some_notebooks_by_name(folder: Path) -> None:
    for name in ("02", "02-pooled", "02-pooled.ipynb"):
        assert [job.name for job in plan(folder, folder, {}, [name])] == ["02-pooled"]
    with pytest.raises(DataError, match=r"03; there are 01-question, 02-pooled, 10-plain"):
        plan(folder, folder, {}, ["03"])


def test_unknown_parameters_are_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean level\? Known: level"):
        plan(folder, folder, {"levle": 1})
    with pytest.raises(DataError, match="--data"):
        plan(folder, folder, {"data_dir": "x"})
    with pytest.raises(DataError, match="Known: none"):
        plan(folder, folder, {"level": 1}, ["01"])


def test_a_folder_without_notebooks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no notebook"):
        plan(tmp_path, tmp_path, {})


def test_files_that_are_no_notebooks(tmp_path: Path) -> None:
    path = tmp_path / "broken.ipynb"
    for text in ("{", "[]", '{"cells": 1}'):
        path.write_text(text, "utf-8")
        with pytest.raises(DataError, match=r"broken\.ipynb is not a readable notebook"):
            declared_parameters(path)
    with pytest.raises(DataError, match=r"parameters cell of x\.ipynb"):
        declared_parameters(write(tmp_path / "x.ipynb", "level = = 1"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(1, 'a')", (1, "a")),
        ("{2, 1}", {1, 2}),
        ("1+2j", 1 + 2j),
        ("{1: 'a', 'b': None}", {1: "a", "b": None}),
        ("1e999", math.inf),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("007", 7),
        ("b'x'", b"x"),
        (" 5 ", 5),
        ("[", "["),
        ("{[]}", "{[]}"),
    ],
)
def test_a_value_arrives_as_what_python_or_papermill_reads(text: str, value: Any) -> None:
    (found,) = parse_parameters([f"x={text}"]).values()
    assert found == value
    assert type(found) is type(value)
    assert eval(literal(found)) == value  # as the cell of parameters does


def test_what_is_no_number_and_what_is_hardly_meant_as_a_text() -> None:
    notes: list[str] = []
    found = parse_parameters(["x=nan", "draw=true", "y=null", "name=REML"], notes.append)
    assert math.isnan(found.pop("x"))
    assert found == {"draw": "true", "y": "null", "name": "REML"}
    assert notes == [
        "The parameter draw is the text 'true'; for the value write True.",
        "The parameter y is the text 'null'; for the value write None.",
    ]


def test_a_literal_is_the_same_text_for_equal_values() -> None:
    assert literal({"b", "a"}) == "{'a', 'b'}"
    assert (
        literal([(1,), float("nan"), frozenset({2}), set()])
        == "[(1,), float('nan'), frozenset([2]), set([])]"
    )
    assert eval(literal(complex(math.inf, 1))) == complex(math.inf, 1)


def test_what_cannot_be_passed_on_is_refused_before_anything_runs(folder: Path) -> None:
    with pytest.raises(DataError, match=r"The parameter level: .*PosixPath.* cannot be a parameter"):
        plan(folder, folder, {"level": [Path("x")]})


def test_several_names_in_one_assignment_are_declared(tmp_path: Path) -> None:
    source = "%matplotlib inline\na, (b, *c) = 1, (2, 3)\nd = e = 0\nif d:\n    f: int = 1"
    assert declared_parameters(write(tmp_path / "x.ipynb", source)) == ["a", "b", "c", "d", "e", "f"]


def test_two_cells_of_parameters_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ipynb", "level = 0.95")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("level = 0.9", metadata={"tags": ["parameters"]}))
    nbformat.write(notebook, path)
    with pytest.raises(DataError, match=r"x\.ipynb has 2 cells tagged parameters \(2 and 3\)"):
        plan(tmp_path, tmp_path, {})


@pytest.mark.parametrize("name", [*TAKEN, "Index"])
def test_names_of_other_pages_are_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"{name}.ipynb")
    with pytest.raises(DataError, match=rf"{name}\.ipynb cannot be a page: every report has one of its own"):
        plan(tmp_path, tmp_path, {})


def test_names_that_differ_in_capital_letters_only_are_refused(tmp_path: Path) -> None:
    for name in ("a", "A"):
        write(tmp_path / f"{name}.ipynb")
    if len(list(tmp_path.iterdir())) == 2:
        with pytest.raises(DataError, match=r"A\.ipynb and a\.ipynb would be one page"):
            plan(tmp_path, tmp_path, {})


def test_hidden_files_are_no_notebooks(folder: Path) -> None:
    (folder / "._01-question.ipynb").write_bytes(b"\x00\x05\x16\x07")
    (folder / ".ipynb_checkpoints").mkdir()
    assert len(plan(folder, folder, {})) == 3


def test_a_mark_of_the_order_of_bytes_is_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "x.ipynb", "level = 1")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert declared_parameters(path) == ["level"]


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}, r"the kernel R \(R\)"),
        ({"kernelspec": {"name": "julia-1.10", "display_name": "Julia 1.10"}}, "the kernel Julia 1.10"),
        ({"language_info": {"name": "bash"}}, "the kernel bash"),
        ({"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}, ""),
        ({"kernelspec": {"name": "ours", "display_name": "Python (ours)"}}, ""),
        ({"kernelspec": {"name": "conda-env", "display_name": "x", "language": "python"}}, ""),
        ({}, ""),
    ],
)
def test_other_languages_are_refused_by_name(tmp_path: Path, metadata: dict[str, Any], named: str) -> None:
    path = write(tmp_path / "x.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata = nbformat.from_dict(metadata)
    nbformat.write(notebook, path)
    if named:
        with pytest.raises(DataError, match=named):
            plan(tmp_path, tmp_path, {})
    else:
        assert len(plan(tmp_path, tmp_path, {})) == 1


@pytest.mark.parametrize(
    ("timeout", "fine"), [(1200, True), (0.5, True), (None, True), (0, False), ("1h", False)]
)
def test_a_notebook_may_say_how_long_its_cells_take(tmp_path: Path, timeout: Any, fine: bool) -> None:
    path = write(tmp_path / "x.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["evidence"] = {"timeout": timeout}
    nbformat.write(notebook, path)
    if fine:
        assert plan(tmp_path, tmp_path, {})[0].timeout == timeout
    else:
        with pytest.raises(DataError, match=r"x\.ipynb: evidence\.timeout in its metadata is"):
            plan(tmp_path, tmp_path, {})


def test_names_inside_functions_and_classes_are_no_parameters(tmp_path: Path) -> None:
    source = "a = 1\nif a:\n    b: int = 2\n\n\ndef f():\n    c = 3\n\n\nclass D:\n    e = 4"
    assert declared_parameters(write(tmp_path / "x.ipynb", source)) == ["a", "b"]
