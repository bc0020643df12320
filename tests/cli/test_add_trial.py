"""The command add-trial: by options, and with questions on a terminal."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import evidence as ev
from evidence import cli
from evidence.cli import asking

OPTIONS = [
    *("--trial", "label=Smith 2020; design=parallel; citation=Smith J. Light; and dark. 2020."),
    *("--arm", "components=bright_light; n_randomised=41"),
    *("--arm", "components=dim_light; n_randomised=41"),
    "--arm-result",
    "arm_id=bright-light; outcome=fatigue; instrument=VAS fatigue; timepoint_weeks=8; n=40; mean=40.2; sd=17.9",
    "--arm-result",
    "arm_id=dim-light; outcome=fatigue; instrument=VAS fatigue; timepoint_weeks=8; n=39; mean=49.9; sd=19",
    *("--source-url", "https://example.org/smith", "--source-kind", "full_text", "--reader", "A"),
]
ANSWERS = [
    *("Smith 2020", "", "", "", "Smith J. 2020.", "adults", "82", ""),  # the trial
    *("nonsense", "https://example.org/smith", "", "A"),  # the source and the reader
    *("brightlight", "bright_light", "", "41", "dim_light", "", "41", False),  # the arms
    *("fatigue", "VAS FATIGUE", "8", "Table 2", ""),  # an outcome
    *("60", "40", "", "400", "40.2", "17.9", "40.2 (17.9)", "39", "49.9", "19", ""),  # as each arm has it
    *("resp", "settled", "Settled down", "better", "", "", "8", "", "diff"),  # another, with a new instrument
    *("", "", "", "1.2", "0.7", "2.1", "", "-", "", "no", ""),  # as a ratio
    "",
]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Run the command in the folder of a new review; return exit code, standard output and standard error."""
    monkeypatch.chdir(ev.init_review(tmp_path / "light"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", "add-trial", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def answering(monkeypatch: pytest.MonkeyPatch, answers: list[Any]) -> list[str]:
    """Answer the questions in turn; returns those that were asked."""
    left = iter(answers)
    asked: list[str] = []

    def answer(question: str, default: Any = None, **_: Any) -> Any:
        asked.append(question)
        text = next(left)
        if isinstance(text, type) and issubclass(text, BaseException):
            raise text
        return default if text == "" else text

    monkeypatch.setattr(asking.typer, "prompt", answer)
    monkeypatch.setattr(asking.typer, "confirm", answer)
    monkeypatch.setattr(sys.modules["evidence.cli.add_trial"], "somebody_there", lambda: True)
    return asked


def trials() -> list[str]:
    return list(ev.read_review(".").trials["trial_id"])


def test_options_say_everything(run: Any) -> None:
    code, out, err = run(*OPTIONS, "--yes")
    assert code == 0, err
    assert "with it" in out
    assert trials()[-1] == "smith-2020"
    assert ev.read_review(".").trials["citation"].iloc[-1] == "Smith J. Light; and dark. 2020."


def test_without_a_word_nothing_is_written(run: Any) -> None:
    code, out, err = run(*OPTIONS)
    assert (code, "add --yes" in err) == (1, True)
    assert "with it" in out
    code, _, err = run(*OPTIONS, "--dry-run")
    assert (code, "--dry-run" in err) == (0, True)
    assert len(trials()) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "there is no terminal to ask on"),
        (("--arm", "components=bright_light"), "say which trial it is"),
        (("--trial", "Smith 2020"), "COLUMN=VALUE"),
        (("--trial", "label=a; label=b"), "gives label twice"),
        (("--trial", "label=Smith 2020"), "may not be empty"),
    ],
)
def test_wrong_use_is_told(run: Any, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
    assert len(trials()) == 3


def test_it_asks_says_at_once_what_cannot_be_and_writes_on_a_yes(run: Any, monkeypatch: Any) -> None:
    asked = answering(monkeypatch, [*ANSWERS, True])
    code, out, err = run()
    assert code == 0, err
    for said in (
        "begins with http",
        "no component of review.yaml",
        "only 41 were randomised",
        "from 0 to 100",
    ):
        assert said in err
    review = ev.read_review(".")
    assert trials()[-1] == "smith-2020"
    ratio = review.contrast_results.iloc[-1]
    assert (ratio["measure"], ratio["instrument"], ratio["statistic"]) == ("RR", "settled", "count")
    assert ratio["n_arm"] != ratio["n_arm"]  # a dash leaves the cell empty
    assert review.instruments["instrument"].iloc[-1] == "settled"
    assert (review.arm_results["readers"].tail(2) == "A").all()
    assert asked[-1] == "Write it?"
    assert "bright-light-responder-short" in out


def test_a_no_writes_nothing_and_gives_the_command(run: Any, monkeypatch: Any) -> None:
    answering(monkeypatch, [*ANSWERS, False])
    code, _, err = run()
    assert code == 1
    assert len(trials()) == 3
    command = shlex.split(re.findall(r"^evidence add-trial.*", err, re.MULTILINE)[0])
    code, _, err = run(*command[2:], "--yes")
    assert code == 0, err
    assert trials()[-1] == "smith-2020"


@pytest.mark.parametrize("after", [1, 9, 20, 30])
def test_an_interruption_writes_nothing_and_loses_nothing(run: Any, monkeypatch: Any, after: int) -> None:
    answering(monkeypatch, [*ANSWERS[:after], typer.Abort])
    code, _, err = run()
    assert code == 1
    assert len(trials()) == 3
    assert "label=Smith 2020" in err
