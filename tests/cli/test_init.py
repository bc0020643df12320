from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import evidence as ev
from evidence import cli


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the command in an empty folder; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


@pytest.mark.parametrize("command", ["init", "import"])
def test_help_shows_an_example(run: Any, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: evidence {command}" in out


def test_a_new_review_is_checked_and_pooled_at_once(run: Any) -> None:
    code, out, _ = run("init", "my-review", "--title", "Light")
    assert code == 0
    assert "README.md" in out
    code, _, err = run("check", "--data", "my-review", "--strict")
    assert code == 0
    assert "No findings" in err
    code, out, _ = run("pool", "bright-light-fatigue-short", "--data", "my-review")
    assert code == 0
    assert "3 poolable comparisons" in out
    code, _, err = run("init", "my-review")
    assert code == 2
    assert "not an empty folder" in err


def test_the_report_of_a_new_review_is_made(run: Any) -> None:
    run("init", "my-review")
    folders = ("--data", "my-review", "--notebooks", "my-review/notebooks", "--output", "my-report")
    code, out, err = run("report", *folders)
    assert code == 0, err
    assert "my-report" in out
    page = Path("my-report/01-results.html").read_text("utf-8")
    assert "Fictional A 2001" in page
    assert Path("my-report/figures/forest.svg").exists()


def test_a_table_is_imported_and_pooled(run: Any) -> None:
    Path("set.csv").write_text("trial,e1,n1,e2,n2\nA,1,20,4,21\nB,3,30,5,31\n", "utf-8")
    columns = [text for pair in ("ai=e1", "n1i=n1", "ci=e2", "n2i=n2") for text in ("--column", pair)]
    names = ("--intervention", "Tea", "--comparator", "Water", "--outcome", "Cold", "--better", "lower")
    code, out, err = run(
        "import", "set.csv", "--output", "tea", *columns, *names, "--measure", "OR", "--weeks", "4"
    )
    assert code == 0
    assert "tea-cold-any: OR, 2 studies" in out
    assert "evidence pool tea-cold-any --data tea" in err
    code, out, _ = run("pool", "tea-cold-any", "--data", "tea", "--method", "EE")
    assert code == 0
    effects = ev.effect_size("OR", a=[1, 3], b=[19, 27], c=[4, 5], d=[17, 26])
    assert f"{ev.pool(effects['effect'], effects['variance'], method='EE').estimate:.4f}" in out


def test_what_revman_says_itself_is_not_asked(run: Any) -> None:
    Path("data-rows.csv").write_text("Comparison,Outcome,Study\n1,1,A\n", "utf-8")
    code, _, err = run("import", "data-rows.csv", "--output", "x", "--outcome", "Cold")
    assert code == 2
    assert "leave out --outcome" in err
    code, _, err = run("import", "data-rows.csv", "--output", "x")
    assert code == 2
    assert "no results" in err
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.csv",), "there is no file"),
        (("set.doc",), "neither a review of RevMan 5"),
        (("set.csv", "--column", "ai"), "NAME=HEADING"),
        (("set.csv",), "the column is missing"),
    ],
)
def test_wrong_use_is_told_without_a_traceback(run: Any, arguments: tuple[str, ...], words: str) -> None:
    for name in ("set.doc", "set.csv"):
        Path(name).write_text("study,a\nA,1\n", "utf-8")
    code, _, err = run("import", *arguments, "--output", "x")
    assert code == 2
    assert words in err
    assert not Path("x").exists()


def test_the_wheel_holds_the_templates(tmp_path: Path) -> None:
    hatchling = pytest.importorskip("hatchling.builders.wheel")
    root = Path(__file__).parents[2]
    wheel = next(hatchling.WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    folder = root / "src"
    templates = {
        path.relative_to(folder).as_posix()
        for path in (folder / "evidence" / "tables" / "templates").rglob("*")
        if path.is_file()
    }
    assert templates <= names
    assert any(name.endswith("01-results.ipynb") for name in templates)
