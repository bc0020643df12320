"""The how-to pages are true: their commands are given in an empty folder, word for word."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.report.against.r import against_r, missing_in_r
from evidence.report.against.second_opinion import against_statsmodels
from evidence.report.export.revman import write_revman

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "how-to"
RM5 = ROOT / "tests" / "tables" / "importing" / "cases" / "sub.rm5"


def blocks(page: str, language: str = "") -> list[str]:
    """Give the blocks of a language; those without one hold commands."""
    text = (PAGES / page).read_text("utf-8")
    return [code for name, code in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S) if name == language]


def commands(page: str) -> list[list[str]]:
    lines = "".join(blocks(page)).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line and not line.startswith("pip install")]


@pytest.fixture
def follow(command: Callable[..., tuple[int, str, str]]) -> Callable[..., list[tuple[str, str]]]:
    """Give each command of a page as it stands there; returns the commands and what they printed."""

    def follow(page: str, folder: Path, codes: dict[str, int] | None = None) -> list[tuple[str, str]]:
        said = []
        for words in commands(page):
            if words[0] == "cd":
                folder = folder / words[1]
                continue
            assert words[0] in ("evidence", "python")
            code, out, err = command(
                folder, *(words[3:] if words[:3] == ["python", "-m", "evidence"] else words[1:])
            )
            text = shlex.join(words)
            expected = next(
                (code for part, code in (codes or {}).items() if text == part or text.startswith(f"{part} ")),
                0,
            )
            assert code == expected, f"{text}\n{err}"
            said.append((text, out + err))
        return said

    return follow


def test_start(follow: Any, tmp_path: Path) -> None:
    follow("start.md", tmp_path)
    assert (tmp_path / "my-review" / "report" / "index.html").exists()
    assert ev.read_review(tmp_path / "my-review" / "exercise").protocol.title == "Exercise for back pain"


def test_from_a_csv(follow: Any, tmp_path: Path) -> None:
    for name, text in zip(("my-trials.csv", "cold.csv"), blocks("from-a-csv.md", "csv"), strict=True):
        (tmp_path / name).write_text(text, "utf-8")
    shutil.copy(RM5, tmp_path / "review.rm5")
    follow("from-a-csv.md", tmp_path)
    for name in ("my-trials", "cold", "revman"):
        assert (tmp_path / name / "report" / "index.html").exists()


def test_single_groups(follow: Any, tmp_path: Path) -> None:
    (table,) = blocks("single-groups.md", "csv")
    (tmp_path / "asthma.csv").write_text(table, "utf-8")
    said = dict(follow("single-groups.md", tmp_path))
    dry = said["evidence import asthma.csv --dry-run --intervention children --outcome asthma"]
    assert "children-asthma-any: PLO, 4 studies" in dry
    assert "columns: study = study, events = cases, n = total, year = year" in dry
    direct = ev.effect_size("PLO", events="cases", n="total", data=pd.read_csv(tmp_path / "asthma.csv"))
    share = f"{100 * ev.pool(direct, ci='z').on().estimate:.1f}%"
    assert f"Proportion {share} (95% CI" in said["evidence pool children-asthma-any --data asthma"]
    review = ev.read_review(tmp_path / "asthma")
    assert ev.check(review).empty
    site = tmp_path / "asthma" / "report"
    page = (site / "children.html").read_text("utf-8")
    shown = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)
    assert f"On average over studies, asthma (children) is {share}" in shown
    assert "0/55" in shown
    assert "Certainty: not rated" in shown
    every = [shown, (site / "index.html").read_text("utf-8"), (site / "explorer.html").read_text("utf-8")]
    for text in every:
        words = re.sub(r"<[^>]*>", " ", text).lower()
        for wrong in ("favours ", "comparator", "control group", "more than", "placebo", "too small"):
            assert wrong not in words, wrong
    assert 'class="zero" x1="' not in shown.partition('<tr class="axis"')[0]
    results = json.loads((tmp_path / "export" / "json" / "results.json").read_text("utf-8"))
    (one,) = results["analyses"]
    fit = ev.synthesise(review, "children-asthma-any").fit
    assert fit is not None
    assert one["result"]["estimate"] == fit.estimate
    assert one["result"]["p_value"] is None
    assert one["result"]["shown"]["estimate"] == pytest.approx(fit.on().estimate, rel=1e-12)
    data = pd.read_csv(tmp_path / "export" / "r" / "data" / "children-asthma-any.csv")
    assert data["yi"].tolist() == pytest.approx(fit.effect.tolist(), rel=1e-12)
    with pytest.raises(DataError, match="RevMan has no outcome of single groups"):
        write_revman(review, tmp_path / "revman")
    assert against_statsmodels(review).differences.empty
    if not missing_in_r():
        assert against_r(review).differences.empty


def test_add_a_trial(follow: Any, tmp_path: Path) -> None:
    folder = ev.init_review(tmp_path / "my-review")
    said = follow("add-a-trial.md", folder, {"evidence add-trial --yes": 0, "evidence add-trial": 2})
    (shown,) = blocks("add-a-trial.md", "text")
    assert shown.rpartition("Write it?")[0] in said[-1][1]
    assert "smith-2020" in set(ev.read_review(folder).trials["trial_id"])


def test_compare_two_readings(follow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ev.init_review(tmp_path / "my-review")
    for name in ("a", "b"):
        place = folder / "readings" / name
        place.mkdir(parents=True)
        for table in ("trials", "arms"):
            text = (folder / f"{table}.csv").read_text("utf-8")
            (place / f"{table}.csv").write_text(
                text.replace(",40,24,", ",41,24,") if name == "b" else text, "utf-8"
            )
    said = follow("compare-two-readings.md", folder, {"evidence compare": 1})
    assert "2 differences" in said[0][1]
    assert (folder / "agreement.csv").exists()
    monkeypatch.chdir(folder)
    (code,) = blocks("compare-two-readings.md", "python")
    exec(compile(code, "compare-two-readings.md", "exec"), {})


def test_leave(
    follow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ev.init_review(tmp_path / "my-review")
    follow("leave.md", tmp_path)
    for name in ("r/analyses.R", "review.xlsx", "frictionless/datapackage.json", "json/results.json"):
        assert (tmp_path / "export" / name).exists()
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("leave.md", "python")
    exec(compile(code, "leave.md", "exec"), {})
    review = ev.read_review(tmp_path / "my-review")
    pooled = [name for name in review.analyses if ev.synthesise(review, name).fit is not None]
    assert len(capsys.readouterr().out.splitlines()) == len(pooled)


def test_check_in_r(follow: Any, tmp_path: Path) -> None:
    if missing := missing_in_r():
        pytest.skip(missing)
    ev.init_review(tmp_path / "my-review")
    said = follow("check-in-r.md", tmp_path)
    assert [text.split("within")[0].split(":")[0].split(",")[0] for _, text in said if "agree within" in text]
    assert (tmp_path / "export" / "r" / "networks.R").exists()


def test_references_and_registries(follow: Any, tmp_path: Path) -> None:
    folder = ev.init_review(tmp_path / "my-review")
    (tmp_path / "pubmed.nbib").write_text("PMID- 1\nTI  - Lamps at work\nAU  - Ahn J\nDP  - 2001\n", "utf-8")
    (tmp_path / "embase.ris").write_text("TY  - JOUR\nTI  - Lamps at work\nPY  - 2001\nER  - \n", "utf-8")
    (tmp_path / "zotero.bib").write_text("@article{a, title={Lamps at home}, author={Bode, K}}", "utf-8")
    shutil.copy(RM5.with_name("lamp.json"), tmp_path / "trial.json")
    said = follow("references-and-registries.md", tmp_path)
    assert "2 references; 1 more that is one of them again" in said[0][1]
    assert {"ahn-2001", "bode"} <= set(ev.read_review(folder).trials["trial_id"])
    assert "bright-light-v-dim-light-recovered-any" in ev.read_review(tmp_path / "light").analyses
