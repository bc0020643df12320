from __future__ import annotations

import csv
import re
from pathlib import Path

import nbformat
import pytest
import yaml

import evidence as ev
from evidence.tables import starting
from evidence.tables.schema import TABLES
from evidence.version import DISTRIBUTION

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
                assert next(csv.reader(file)) == [column.name for column in table.columns if not column.rare]


def test_every_key_of_its_protocol_is_explained(tmp_path: Path) -> None:
    text = (ev.init_review(tmp_path / "new") / "review.yaml").read_text("utf-8")
    lines = text.splitlines()
    for key in yaml.safe_load(text):
        first = next(number for number, line in enumerate(lines) if line.startswith(f"{key}:"))
        above = next(
            line for line in reversed(lines[:first]) if not line or line.startswith("#") or line[0] == " "
        )
        assert above.startswith("#") or key in ("version", "title", "scope_note")


def test_its_notebooks_name_no_analysis(tmp_path: Path) -> None:
    """The protocol can be changed in every respect without a look at a notebook."""
    place = ev.init_review(tmp_path / "new")
    for path in (place / "notebooks").iterdir():
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        assert len(tagged) == 1
        assert 'data_dir = ".."' in tagged[0].source
        assert not any(cell.get("outputs") for cell in notebook.cells)
        assert "bright" not in path.read_text("utf-8")


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("measure", starting.START_MEASURES)
def test_words_of_the_user_make_a_review_that_pools(tmp_path: Path, measure: str, better: str) -> None:
    place = ev.init_review(
        tmp_path / "new",
        title="It's: #1",
        population="adults, 40 to 60",
        intervention="Exercise, any",
        comparator="usual care",
        outcome="back pain",
        measure=measure,
        better=better,
    )
    review = ev.read_review(place)
    assert review.protocol.title == "It's: #1"
    assert review.protocol.question["population"] == "adults, 40 to 60"
    assert ev.check(review).empty
    result = ev.synthesise(review, "exercise-any-back-pain-short")
    assert (result.k, result.measure) == (3, measure)
    assert result.fit is not None
    assert (result.fit.estimate < 0) == (better == "lower")
    assert "bright" not in "".join(path.read_text("utf-8") for path in place.iterdir() if path.is_file())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"intervention": "tea", "comparator": "Tea"}, "name what is studied"),
        ({"intervention": "usual care"}, "name what is studied"),
        ({"outcome": "no"}, "Latin letters"),
        ({"outcome": "痛"}, "Latin letters"),
        ({"population": "a\nb"}, "the population must be one line"),
        ({"measure": "HR"}, "unknown measure 'HR'"),
        ({"better": "up"}, "unknown direction 'up'"),
    ],
)
def test_words_that_cannot_be_used_are_refused(tmp_path: Path, words: dict[str, str], message: str) -> None:
    with pytest.raises(ev.DataError, match=message):
        ev.init_review(tmp_path / "new", **words)
    assert not list(tmp_path.iterdir())


def test_its_readme_lists_every_file(tmp_path: Path) -> None:
    place = ev.init_review(tmp_path / "new")
    readme = (place / "README.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(\S+)` \|", readme, re.MULTILINE))
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert listed == there - {"README.md"}
    assert not re.search("@[A-Z_]+@", "".join((place / name).read_text("utf-8") for name in there))


def test_its_workflow_checks_reports_and_publishes(tmp_path: Path) -> None:
    place = ev.init_review(tmp_path / "new")
    workflow = yaml.safe_load((place / ".github" / "workflows" / "publish.yml").read_text("utf-8"))
    report, publish = workflow["jobs"]["report"], workflow["jobs"]["publish"]
    run = [step["run"] for step in report["steps"] if "run" in step]
    assert run == [
        "python -m pip install --requirement requirements.txt",
        "evidence check",
        "evidence report",
    ]
    uploaded = next(step for step in report["steps"] if "upload-pages" in step.get("uses", ""))
    assert uploaded["with"]["path"] == "report"
    assert publish["permissions"] == {"pages": "write", "id-token": "write"}
    assert (place / "requirements.txt").read_text("utf-8") == f"{DISTRIBUTION}=={ev.__version__}\n"


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
