from __future__ import annotations

import os
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer

import evidence as ev
from evidence import cli
from evidence.cli import asking


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


def test_the_readme_of_a_new_review_is_true(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands are given as they stand there, in its folder."""
    run("init", "my-review")
    monkeypatch.chdir("my-review")
    (block,) = re.findall(r"^```\n(.*?)^```", Path("README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = [line.split() for line in block.splitlines()]
    assert [command[:2] for command in commands] == [
        ["evidence", name] for name in ("check", "pool", "report")
    ]
    for _, *arguments in commands:
        code, out, err = run(*arguments)
        assert code == 0, err
    assert str(Path("report/index.html").resolve()) in out
    page = Path("report/bright-light.html").read_text("utf-8")
    assert "Fictional A 2001" in page
    assert Path("report/tables/forest-bright-light-fatigue-short.csv").exists()
    assert Path("report/02-data.html").exists()
    code, _, err = run("check", "--strict")
    assert (code, err.strip()) == (0, "No findings")


def test_questions_are_asked_on_a_terminal_and_again_until_answered(run: Any, monkeypatch: Any) -> None:
    answers = iter(["Tea for colds", "adults", "tea", "cold", "xx", "rr", "higher"])
    asked: list[str] = []

    def prompt(question: str, **_: Any) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr(asking.typer, "prompt", prompt)
    monkeypatch.setattr(sys.modules["evidence.cli.init"], "somebody_there", lambda: True)
    code, _, err = run("init", "cold", "--comparator", "water")
    assert code == 0, err
    assert "unknown answer 'xx'" in err
    review = ev.read_review("cold")
    assert review.protocol.title == "Tea for colds"
    assert (review.protocol.outcomes["cold"].measure, review.protocol.outcomes["cold"].better) == (
        "RR",
        "higher",
    )
    assert not any("compared" in question for question in asked)


def test_nothing_is_asked_where_nobody_sits(run: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(asking.typer, "prompt", lambda *_, **__: pytest.fail("asked"))
    assert run("init", "new")[0] == 0


def test_an_interrupted_question_leaves_nothing(run: Any, monkeypatch: Any) -> None:
    def interrupt(*_: object, **__: object) -> str:
        raise typer.Abort

    monkeypatch.setattr(asking.typer, "prompt", interrupt)
    monkeypatch.setattr(sys.modules["evidence.cli.init"], "somebody_there", lambda: True)
    code, _, _ = run("init", "new")
    assert code == 1
    assert not list(Path().iterdir())


def test_one_command_leads_from_a_table_to_a_report(run: Any) -> None:
    Path("My trials.csv").write_text("study,ai,n1i,ci,n2i\nA,1,20,4,21\nB,3,30,5,31\nC,2,40,6,44\n", "utf-8")
    code, out, err = run("import", "My trials.csv", "--report")
    assert code == 0, err
    index = Path("my-trials/report/index.html")
    assert str(index.resolve()) in out
    assert "treatment" in index.read_text("utf-8").lower()
    assert Path("my-trials/report/treatment.html").exists()
    code, _, err = run("import", "My trials.csv")
    assert code == 2
    assert "not an empty folder" in err


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


@pytest.mark.parametrize("ending", ["csv", "rm5", "xlsx", "json"])
def test_a_pipe_is_no_file_to_import(run: Any, ending: str) -> None:
    os.mkfifo(f"p.{ending}")
    code, _, err = run("import", f"p.{ending}", "--output", "x")
    assert code == 2
    assert f"p.{ending}" in err
    assert "cannot be read: it is a pipe or a device; name a file\n" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.csv",), "there is no file"),
        ((".",), "there is no file"),
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
    assert any(name.endswith("01-question.ipynb") for name in templates)
