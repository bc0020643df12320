from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest

from evidence.errors import DataError
from evidence.report.running.plan import declared_parameters, parse_parameters, plan


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
    [(["level"], "NAME=VALUE"), (["=1"], "NAME=VALUE"), (["a b=1"], "NAME=VALUE"), (["a=1", "a=2"], "twice")],
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
