from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from evidence import cli


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `evidence check` on a folder; return exit code, standard output and standard error."""

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", "check", "--data", str(folder), *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_clean_data_have_code_0(run: Any, filled: Any) -> None:
    code, _, err = run(filled.write(), "--strict")
    assert (code, err) == (0, "No findings\n")


def test_a_file_that_is_not_read_is_noted(run: Any, filled: Any) -> None:
    folder = filled.write()
    (folder / "rob.csv").write_text("trial_id\n", "utf-8")
    code, out, err = run(folder, "--strict", "--format", "csv")
    assert (code, out.count("\n")) == (0, 1)
    assert err == "No findings\nNote: rob.csv is not read, for it has the name of no table\n"


def test_an_error_has_code_1_until_it_is_explained(run: Any, filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean=12)
    rule = ("--rule", "outside the scale")
    code, out, err = run(filled.write(), *rule)
    assert (code, err) == (1, "1 error\n")
    assert "arm_results.csv:2:mean" in out
    filled.add(
        "judgements", rule="outside the scale", file="arm_results.csv", key="arm_results-1", column="mean",
        judgement="explained", comment="another version",
    )  # fmt: skip
    code, out, err = run(filled.write(), "--strict", *rule)
    assert (code, err) == (0, "1 note; 1 of 1 with a judgement\n")
    assert "explained" in out


def test_a_warning_has_code_1_only_if_strict(run: Any, filled: Any) -> None:
    filled.rows["arm_results"][0].update(note="CHECK: smudged")
    folder = filled.write()
    assert run(folder)[0] == 0
    assert run(folder, "--strict")[0] == 1


def test_rules_can_be_chosen(run: Any, filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean=12, note="CHECK: smudged")
    folder = filled.write()
    code, out, err = run(folder, "--rule", "marked as doubtful")
    assert (code, err) == (0, "1 warning\n")
    assert "outside the scale" not in out
    code, out, err = run(folder, "--rule", "marked")
    assert (code, out) == (2, "")
    assert "there is no rule 'marked'" in err


def test_faults_are_listed_among_the_findings(run: Any, filled: Any) -> None:
    filled.rows["arm_results"][0].update(mean="3,0")
    filled.rows["arm_results"][1].update(mean=12)
    code, out, err = run(filled.write())
    assert code == 1
    assert err.startswith("2 errors")
    assert "not valid" in out
    assert "outside the scale" in out
