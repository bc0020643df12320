"""The command compare: differences, kappa, exit codes, and what was agreed on."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from evidence import cli
from evidence.cli import asking


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the command beside two readings; return exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    for name, weeks, size in (("a", "8", "40"), ("b", "6", "41")):
        folder = Path("readings", name)
        folder.mkdir(parents=True)
        rows = ["trial_id,arm_id,components,n_randomised,weeks", f"ava,song,singing,{size},{weeks}"]
        (folder / "arms.csv").write_text("\n".join([*rows, "ava,quiet,silence,50,\n"]), "utf-8")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", "compare", "readings/a", "readings/b", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def recorded(name: str) -> dict[str, str]:
    with Path("agreement.csv").open(encoding="utf-8", newline="") as file:
        return {row["field"]: row[name] for row in csv.DictReader(file) if row["agreed"] == "no"}


def test_differences_and_kappa_are_shown(run: Any) -> None:
    code, out, err = run()
    assert code == 1
    assert "2 differences, 2 without a consensus" in err
    lines = [line.split() for line in out.splitlines()]
    assert ["arms", "ava", "song", "n_randomised", "40", "41"] in lines
    assert ["arms", "components", "category", "2", "2", "100.0", "1.00"] in lines
    code, out, _ = run("--format", "json")
    assert [row["value_b"] for row in json.loads(out)] == ["41", "6"]


def test_what_was_agreed_on_can_be_filled_in(run: Any) -> None:
    code, _, _ = run("--record", "agreement.csv")
    assert (code, recorded("consensus")) == (1, {"n_randomised": "", "weeks": ""})
    text = Path("agreement.csv").read_text("utf-8")
    Path("agreement.csv").write_text(
        text.replace("40,41,,no", "40,41,40,no").replace("8,6,,no", "8,6,8,no"), "utf-8"
    )
    code, _, err = run("--record", "agreement.csv")
    assert (code, recorded("consensus")) == (0, {"n_randomised": "40", "weeks": "8"})
    assert "0 without a consensus" in err


def test_it_asks_and_keeps_each_answer_at_once(run: Any, monkeypatch: Any) -> None:
    answers: Any = iter(["many", "2", typer.Abort])

    def answer(*_: Any, **__: Any) -> str:
        text = next(answers)
        if not isinstance(text, str):
            raise text
        return text

    monkeypatch.setattr(asking.typer, "prompt", answer)
    monkeypatch.setattr(sys.modules["evidence.cli.compare"], "somebody_there", lambda: True)
    code, _, err = run("--record", "agreement.csv")
    assert code == 1
    assert "a whole number" in err
    assert recorded("consensus") == {"n_randomised": "41", "weeks": ""}
    answers = iter(["7"])
    code, _, err = run("--record", "agreement.csv")
    assert (code, recorded("consensus")) == (0, {"n_randomised": "41", "weeks": "7"})
    assert "1 of 1: arms.csv, ava, song, weeks" in err


def test_wrong_use_is_told(run: Any) -> None:
    Path("readings/b/arms.csv").write_text("trial_id,arm_id,weeks\nava,song,two\n", "utf-8")
    code, _, err = run()
    assert code == 2
    assert "b/arms.csv, row 2, column weeks: found 'two'" in err
