from __future__ import annotations

import csv
from pathlib import Path

import nbformat
import pytest
import yaml

import evidence as ev
from evidence.tables import starting
from evidence.tables.schema import TABLES

ANALYSIS = "bright-light-fatigue-short"


def test_a_new_review_is_valid_without_findings_and_pools(tmp_path: Path) -> None:
    place = ev.init_review(tmp_path / "new", title='Light: "bright" or not')
    review = ev.read_review(place)
    assert review.protocol.title == 'Light: "bright" or not'
    assert ev.check(review).empty
    result = ev.synthesise(review, ANALYSIS)
    assert result.k == 3
    assert result.fit is not None
    assert result.not_poolable.empty


def test_its_trials_say_that_they_are_fictional(tmp_path: Path) -> None:
    review = ev.read_review(ev.init_review(tmp_path / "new"))
    assert review.trials["notes"].str.contains("fictional, delete").all()
    for table in (review.arm_results, review.contrast_results):
        assert table["note"].str.contains("fictional, delete").all()


def test_its_tables_have_all_columns(tmp_path: Path) -> None:
    place = ev.init_review(tmp_path / "new")
    names = {path.stem for path in place.glob("*.csv")}
    assert {table.name for table in TABLES if table.needed} <= names
    for table in TABLES:
        if table.name in names:
            with (place / table.file).open(encoding="utf-8") as file:
                assert next(csv.reader(file)) == [column.name for column in table.columns]


def test_every_key_of_its_protocol_is_explained(tmp_path: Path) -> None:
    text = (ev.init_review(tmp_path / "new") / "review.yaml").read_text("utf-8")
    lines = text.splitlines()
    for key in yaml.safe_load(text):
        first = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
        above = next(
            line for line in reversed(lines[:first]) if not line or line.startswith("#") or line[0] == " "
        )
        assert above.startswith("#") or key in ("version", "title", "scope_note")


def test_its_notebook_has_parameters_and_publishes_a_figure(tmp_path: Path) -> None:
    place = ev.init_review(tmp_path / "new")
    notebook = nbformat.read(place / "notebooks" / "01-results.ipynb", as_version=4)
    nbformat.validate(notebook)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert 'data_dir = ".."' in tagged[0].source
    assert any("publish_figure" in cell.source for cell in notebook.cells)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept", "utf-8")
    with pytest.raises(ev.DataError, match="not an empty folder"):
        ev.init_review(tmp_path)
    with pytest.raises(ev.DataError, match="not an empty folder"):
        ev.init_review(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_an_empty_folder_and_missing_ones_above_are_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ev.init_review(tmp_path / "empty")
    ev.init_review(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "review.yaml").exists()
    assert (tmp_path / "empty" / "review.yaml").exists()


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(starting, "write_table", fail)
    with pytest.raises(ev.DataError, match="No space left"):
        ev.init_review(tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["", "  ", "two\nlines"])
def test_a_title_is_one_line(tmp_path: Path, title: str) -> None:
    with pytest.raises(ev.DataError, match="one line"):
        ev.init_review(tmp_path / "new", title=title)
