from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from rich.console import Console

import evidence as ev
from evidence import cli
from evidence.cli.output import Format, print_frame
from evidence.cli.progress import Progress
from evidence.files import unguarded

ROOT = Path(__file__).parents[2]
ANALYSIS = "massage-inactive-pain-short"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command on the review of the repository; return exit code, standard output and standard error."""
    monkeypatch.chdir(ROOT)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def broken(tmp_path: Path) -> Path:
    """A copy of the review with one fault."""
    for path in (ROOT / "data").glob("*.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    trials = (tmp_path / "trials.csv").read_text("utf-8").splitlines()
    (tmp_path / "trials.csv").write_text(
        "\n".join([trials[0].replace("trial_id", "trial"), *trials[1:]]), "utf-8"
    )
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        *("audit", "bench", "check", "effects", "export", "figures", "import", "init", "multiverse"),
        *("pool", "report", "verify"),
    ],
)
def test_help_of_each_command_shows_an_example(run: Any, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"Example: evidence {command}" in out


def test_importing_the_command_is_light() -> None:
    code = (
        "import sys, evidence.cli; "
        "print([m for m in ('numpy', 'pandas', 'scipy', 'matplotlib', 'papermill') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_effects_as_csv_are_the_comparisons_of_the_library(run: Any) -> None:
    code, out, err = run("effects", ANALYSIS, "--format", "csv")
    assert (code, err) == (0, "")
    printed = pd.read_csv(io.StringIO(out))
    expected = ev.read_review(ROOT / "data").comparisons(ANALYSIS)
    assert list(printed["effect"].dropna()) == list(expected["effect"].dropna())
    assert set(printed["status"]) == {"pooled", "not poolable"}
    assert len(printed) == len(expected)


def test_effects_as_a_table_name_reasons(run: Any) -> None:
    code, out, _ = run("effects", ANALYSIS)
    assert code == 0
    assert "Cherkin 2011" in out.split("Not poolable:")[0]
    assert "the time since randomisation is not stated" in out.split("Not poolable:")[1]


def test_pool_as_json_takes_options(run: Any) -> None:
    code, out, err = run(
        "pool", ANALYSIS, "--method", "DL", "--ci", "z", "--level", "0.9", "--format", "json"
    )
    assert (code, err) == (0, "")
    (record,) = json.loads(out)
    fit = ev.synthesise(ev.read_review(ROOT / "data"), ANALYSIS, method="DL", ci="z", level=0.9).fit
    assert fit is not None
    assert (record["estimate"], record["ci_low"], record["tau2"]) == (fit.estimate, fit.ci_low, fit.tau2)
    assert record["model"] == "DL, z"


def test_pool_as_a_table_shows_the_studies_and_the_result(run: Any) -> None:
    code, out, _ = run("pool", ANALYSIS)
    assert code == 0
    assert "Cherkin 2001" in out
    assert "tau2 by REML" in out


def test_pool_with_too_few_comparisons_says_so(run: Any) -> None:
    code, out, _ = run("pool", "massage-inactive-disability-long")
    assert code == 0
    assert "Not combined" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pool", "massage-inactive-pain-shrt"], "did you mean massage-inactive-pain-short"),
        (["effects", "nothing-like-it"], "nothing-like-it"),
        (["pool", ANALYSIS, "--ci", "exact"], "exact"),
        (["pool", ANALYSIS, "--level", "95"], "95"),
        (["check", "--data", "no-such-folder"], "no-such-folder"),
        (["report", "--param", "level"], "NAME=VALUE"),
        (["report", "--notebooks", "no-such-folder"], "no-such-folder"),
        (["report", "--param", "no_such_parameter=1"], "no_such_parameter"),
        (["report", "--only", "99"], "99"),
        (["report", "--output", "data"], "not a report made before"),
    ],
)
def test_wrong_usage_ends_with_one_message_and_code_2(run: Any, arguments: list[str], message: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("evidence: ")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["pol"], ["pool"], ["pool", ANALYSIS, "--format", "xml"], ["report", "--jobs", "0"]]
)
def test_wrong_words_have_code_2(run: Any, arguments: list[str]) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert "Traceback" not in err


def test_unreadable_data_are_named_and_have_code_2(run: Any, tmp_path: Path) -> None:
    code, out, err = run("check", "--data", str(broken(tmp_path)))
    assert (code, out) == (2, "")
    assert "trials.csv" in err
    assert "trial_id" in err


def test_check_prints_the_findings(run: Any) -> None:
    code, out, err = run("check", "--format", "csv")
    findings = pd.read_csv(io.StringIO(out))
    expected = ev.check(ev.read_review(ROOT / "data"))
    assert code == (1 if "error" in set(expected["severity"]) else 0)
    assert list(findings["message"].map(unguarded)) == list(expected["message"])
    assert err.strip()


def test_check_has_code_1_with_an_error(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = {
        "severity": "error",
        "file": "arms.csv",
        "row": 3,
        "column": "n",
        "value": "[bold]x",
        "message": "wrong",
    }
    monkeypatch.setattr("evidence.appraisal.checks.findings.check", lambda review: pd.DataFrame([finding]))
    monkeypatch.setattr(ev, "check", lambda review: pd.DataFrame([finding]), raising=False)
    code, out, err = run("check")
    assert code == 1
    assert "[bold]x" in out
    assert err == "1 error\n"


def test_unexpected_errors_are_one_sentence_unless_debugging(
    monkeypatch: pytest.MonkeyPatch, run: Any
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr(ev, "read_review", fail, raising=False)
    code, out, err = run("check")
    assert (code, out) == (1, "")
    assert (
        err == "evidence: an unexpected RuntimeError: the sky fell. Add --debug to see where it comes from.\n"
    )
    for arguments in (["--debug", "check"], ["check", "--debug"]):
        monkeypatch.setattr(sys, "argv", ["evidence", *arguments])
        with pytest.raises(RuntimeError, match="the sky fell"):
            cli.main()


def test_report_runs_notebooks_and_says_where_it_is(run: Any, filled: Any, tmp_path: Path) -> None:
    cells = [
        nbformat.v4.new_markdown_cell("# The only page"),
        nbformat.v4.new_code_cell("data_dir = 'x'\nlevel = 0.95", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(
            "import pathlib\nprint(level, (pathlib.Path(data_dir) / 'review.yaml').exists())"
        ),
    ]
    notebook = tmp_path / "notebooks" / "01-only.ipynb"
    notebook.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    where = ["--data", str(filled.write()), "--notebooks", str(notebook.parent)]
    where += ["--output", str(tmp_path / "report")]
    code, out, err = run("report", *where, "--param", "level=0.5", "--jobs", "1")
    assert (code, out) == (0, f"The report is in {tmp_path / 'report' / 'index.html'}\n")
    assert err.startswith("01-only: ")
    assert "0.5 True" in (tmp_path / "report" / "01-only.html").read_text("utf-8")

    cells.append(nbformat.v4.new_code_cell("1 / 0"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    before = (tmp_path / "report" / "manifest.json").read_bytes()
    code, out, err = run("report", *where)
    assert (code, out) == (1, "")
    assert err == "evidence: 01-only.ipynb, cell 4, line 1 (1 / 0): ZeroDivisionError: division by zero\n"
    assert (tmp_path / "report" / "manifest.json").read_bytes() == before


def test_figures_says_what_it_drew(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evidence.report.gallery.write_gallery", lambda review, folder: (["a", "b"], ["c"]))
    code, out, _ = run("figures", "--output", str(tmp_path))
    assert code == 0
    assert out == f"Figures drawn into {tmp_path}: 2. Analyses with too few poolable comparisons: 1.\n"


def test_json_has_null_for_what_is_missing_or_infinite(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame(
        {
            "a": [1.5, float("nan")],
            "b": [float("inf"), -1.0],
            "c": ["x", None],
            "d": [True, False],
            "e": [1, 2],
        }
    )
    print_frame(frame, Format.json)
    assert json.loads(capsys.readouterr().out) == [
        {"a": 1.5, "b": None, "c": "x", "d": True, "e": 1},
        {"a": None, "b": -1.0, "c": None, "d": False, "e": 2},
    ]


def test_tables_take_chosen_columns_and_leave_markup_alone(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"study": ["[red]A[/red]"], "effect": [1.2345], "n": [10.0], "other": ["hidden"]})
    print_frame(
        frame,
        Format.table,
        columns={"study": "trial", "effect": "effect", "n": "n", "k": "k"},
        decimals={"n": 0},
    )
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["trial", "effect", "n"]
    assert row.split() == ["[red]A[/red]", "1.23", "10"]


def test_progress_is_live_on_a_terminal() -> None:
    class Named:
        name = "01-only"

    class Done:
        job, seconds, kept = Named(), 1.0, False

    screen = io.StringIO()
    with Progress(Console(file=screen, force_terminal=True, width=80)) as progress:
        progress.plan([Named()])  # type: ignore[list-item]
        progress.start(Named())  # type: ignore[arg-type]
        progress.end(Done())  # type: ignore[arg-type]
    assert "1 notebook " in screen.getvalue()
    assert "01-only" in screen.getvalue()


def test_bench_times_the_library(run: Any) -> None:
    code, out, _ = run("bench", "--rounds", "1", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [row["computation"].split(",")[0] for row in rows] == ["pool", "pool", "pool_many", "bayes"]
    assert all(0 < row["least_ms"] <= row["median_ms"] for row in rows)
