from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evidence import cli

ROOT = Path(__file__).parents[2]
ANALYSIS = "manual-inactive-responder-long"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on the review of the repository; return exit code, standard output and standard error."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", "multiverse", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_summary_and_paths(run: Any) -> None:
    code, text, err = run(ANALYSIS)
    assert (code, err) == (0, "")
    code, table, _ = run(ANALYSIS, "--format", "csv")
    paths = pd.read_csv(io.StringIO(table))
    assert code == 0
    assert f"{len(paths):,} paths through" in text
    assert paths["changed"].iloc[0] == 0


def test_help_and_unknown_analysis(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Example: evidence multiverse" in out
    code, _, err = run("manual-inactive-responder-lang")
    assert code == 2
    assert ANALYSIS in err
