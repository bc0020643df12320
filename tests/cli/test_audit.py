"""The command ``evidence audit``."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import evidence as ev
from evidence import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(filled: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command, by default on a small review; return exit code, standard output and standard error."""
    folder = str(filled.write())

    def run(*arguments: str, data: str = folder) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["evidence", "audit", "--data", data, *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def claims_file(tmp_path: Path, *rows: str) -> str:
    path = tmp_path / "claims.csv"
    path.write_text("\n".join(["claim_id,claim,kind", *rows]) + "\n", "utf-8")
    return str(path)


def test_help_shows_an_example_and_what_strict_means(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "Example: evidence audit" in out
    assert "--strict" in out


def test_verdicts_come_as_a_table_and_citations_in_sentences(run: Any) -> None:
    code, out, err = run(data=str(ROOT / "data"))
    assert code == 0
    audited = ev.audit(ev.read_review(ROOT / "data"))
    for row in audited.claims.to_dict("records"):
        assert f"{row['claim_id']}  " in out
        assert row["verdict"] in out
    for sentence in audited.citations["sentence"]:
        assert sentence in out
    assert err == ", ".join(f"{n} {verdict}" for verdict, n in audited.counts.items() if n) + "\n"


def test_strict_fails_for_claims_and_citations_that_fail(run: Any, tmp_path: Path) -> None:
    claims = tmp_path / "bold.csv"
    claims.write_text(
        "claim_id,claim,intervention,comparator,outcome,window\n1,It calms,singing,inactive,crying,short\n",
        "utf-8",
    )
    assert run("--claims", str(claims))[0] == 0
    assert run("--strict", "--claims", str(claims))[0] == 1
    # What the evidence does not address does not fail; a citation that the claims rest on does.
    unasked = claims_file(tmp_path, "1,Singing is old,background")
    assert run("--strict", "--claims", unasked)[0] == 0
    citations = tmp_path / "citations.csv"
    citations.write_text("citation_id,field,as_cited,found,agrees,evidence\nx,year,2001,2002,no,\n", "utf-8")
    assert run("--strict", "--claims", unasked, "--citations", str(citations))[0] == 1
    citations.write_text("citation_id,field,as_cited,found,agrees\nx,year,2001,2001,no\n", "utf-8")
    code, out, _ = run("--strict", "--claims", unasked, "--citations", str(citations))
    assert code == 1
    assert "the table says that year does not agree" in out
    citations.write_text("citation_id,field,as_cited,found,agrees\nx,year,2001,2001,yes\n", "utf-8")
    assert run("--strict", "--claims", unasked, "--citations", str(citations))[0] == 0


def test_csv_and_json_hold_all_columns(run: Any, tmp_path: Path) -> None:
    claims = claims_file(tmp_path, "1,Singing is old,background", "2,So is humming,mechanism")
    code, out, _ = run("--claims", claims, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, [row["claim_id"] for row in rows]) == (0, ["1", "2"])
    _, out, _ = run("--claims", claims, "--format", "json")
    assert [set(row) for row in json.loads(out)] == [set(rows[0])] * 2


@pytest.mark.parametrize(
    ("row", "message"),
    [("1,Singing helps,rumour", "row 2, column kind: found 'rumour'"), ("1", "row 2: the row has 1 cells")],
)
def test_unreadable_input_ends_with_2_and_names_the_place(
    run: Any, tmp_path: Path, row: str, message: str
) -> None:
    path = claims_file(tmp_path, row)
    code, out, err = run("--claims", path)
    assert (code, out) == (2, "")
    assert f"{path}, {message}" in err
    assert "Traceback" not in err


def test_a_missing_file_ends_with_2(run: Any, tmp_path: Path) -> None:
    for option in ("--claims", "--citations"):
        code, _, err = run(option, str(tmp_path / "none.csv"))
        assert code == 2
        assert "none.csv: cannot be read" in err


def test_no_claims_are_no_failure(run: Any, tmp_path: Path) -> None:
    code, _, err = run("--strict", "--claims", claims_file(tmp_path))
    assert (code, err) == (0, "No claims: give some with --claims\n")
