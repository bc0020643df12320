"""The results of reviews computed again by R and by statsmodels."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import evidence as ev
from evidence import cli
from evidence.errors import DataError, ReportError
from evidence.report.against.compare import compare
from evidence.report.against.r import VARIABLE, against_r, find_rscript, missing_in_r
from evidence.report.against.second_opinion import against_statsmodels, by_statsmodels
from evidence.report.export.r.scripts import r_literal, write_r

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").rglob("review.yaml"))
needs_r = pytest.mark.skipif(bool(missing_in_r()), reason=missing_in_r() or "R is there")

COUNTS = """study,ai,n1i,ci,n2i
Ahn 2001,3,40,9,41
Bode 2003,11,120,17,118
Cruz 2004,0,30,4,31
Diaz 2008,25,200,31,190
Elo 2010,6,75,5,77
"""
MEANS = """study,m1i,sd1i,n1i,m2i,sd2i,n2i
Ahn 2001,12.1,4.0,30,14.9,4.4,31
Bode 2003,10.4,3.1,55,10.9,3.3,52
Cruz 2004,15.0,5.2,21,20.3,5.5,20
Diaz 2008,9.2,2.2,80,11.0,2.6,79
Elo 2010,13.7,4.4,44,13.1,4.1,47
"""


def review_of(folder: Path, text: str, measure: str, models: list[dict[str, Any]]) -> ev.Review:
    """Make a review with an analysis for each model."""
    folder.mkdir()
    (folder / "made.csv").write_text(text, "utf-8")
    ev.import_effects(folder / "made.csv", measure=measure, better="lower").write(folder / "review")
    path = folder / "review" / "review.yaml"
    protocol = yaml.safe_load(path.read_text("utf-8"))
    one = protocol["analyses"][0]
    protocol["analyses"] = [{**one, "id": f"a{place}", "model": model} for place, model in enumerate(models)]
    path.write_text(json.dumps(protocol), "utf-8")
    return ev.read_review(folder / "review")


@needs_r
@pytest.mark.parametrize("folder", [ROOT / "data", *EXAMPLES], ids=lambda path: path.name)
def test_r_gives_every_result_of_the_reviews_that_are_here(folder: Path) -> None:
    review = ev.read_review(folder)
    found = against_r(review)
    assert found.differences.empty, found.differences.to_string()
    pooled = [name for name in review.analyses if ev.synthesise(review, name).fit is not None]
    assert set(pooled) <= set(found.by_result()["result"])
    assert "metafor" in found.program


@pytest.mark.parametrize("folder", [ROOT / "data", *EXAMPLES], ids=lambda path: path.name)
def test_statsmodels_gives_every_mean_of_the_reviews_that_are_here(folder: Path) -> None:
    try:
        found = against_statsmodels(ev.read_review(folder))
    except DataError as error:
        pytest.skip(str(error))
    assert found.differences.empty, found.differences.to_string()


@needs_r
def test_r_pools_as_every_model_of_a_protocol_does(tmp_path: Path) -> None:
    methods = ("EE", "DL", "DL2", "HE", "HS", "SJ", "ML", "REML", "EB", "PM", "PMM")
    intervals = ("z", "t", "HKSJ", "HKSJ-adhoc")
    models: list[dict[str, Any]] = [
        {"method": method, "interval": interval, "minimum_studies": 1}
        for method, interval in itertools.product(methods, intervals)
    ]
    models += [
        {"method": "REML", "interval": "KR"},
        {"method": "REML", "prediction": "HTS", "level": 0.9},
        {"method": "PM", "prediction": "z", "level": 0.99},
        {"method": "EE", "interval": "z", "counts": "MH"},  # which concerns no means
        {"method": "REML", "minimum_studies": 6},  # more than there are: not combined
    ]
    review = review_of(tmp_path / "means", MEANS, "MD", models)
    found = against_r(review, 1e-9)
    assert found.differences.empty, found.differences.to_string()
    combined = found.table[found.table["value"] == "combined"].set_index("result")["evidence"]
    assert len(combined) == len(models)
    assert not combined[f"a{len(models) - 1}-outcome-any"]
    assert combined.drop(f"a{len(models) - 1}-outcome-any").all()


@needs_r
@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_r_pools_counts_as_revman_does(tmp_path: Path, measure: str) -> None:
    models: list[dict[str, Any]] = [
        {"counts": "MH", "method": "EE", "interval": "z"},
        {"counts": "MH", "method": "DL", "interval": "z"},
        {"counts": "MH", "method": "REML", "interval": "HKSJ"},
        {"counts": "IV", "method": "DL", "interval": "z"},
    ]
    if measure == "OR":
        models.append({"counts": "PETO", "method": "EE", "interval": "z"})
    found = against_r(review_of(tmp_path / measure, COUNTS, measure, models), 1e-9)
    assert found.differences.empty, found.differences.to_string()
    assert found.by_result()["values"].min() >= 10


@needs_r
def test_r_is_told_of_one_trial_and_of_an_interval_that_leaves_the_scale(tmp_path: Path) -> None:
    few = "\n".join(MEANS.splitlines()[:2])
    review = review_of(tmp_path / "one", few, "MD", [{"minimum_studies": 1}, {"minimum_studies": 2}])
    found = against_r(review)
    assert found.differences.empty, found.differences.to_string()
    assert list(found.by_result()["result"]) == ["a0-outcome-any"]

    two = "\n".join(MEANS.splitlines()[:3])
    folder = tmp_path / "two"
    review = review_of(folder, two, "MD", [{"minimum_studies": 2, "interval": "HKSJ"}])
    path = folder / "review" / "review.yaml"
    protocol = yaml.safe_load(path.read_text("utf-8"))
    next(iter(protocol["outcomes"].values()))["widest"] = 5
    path.write_text(json.dumps(protocol), "utf-8")
    review = ev.read_review(folder / "review")
    assert ev.synthesise(review, "a0-outcome-any").fit is None
    found = against_r(review)
    assert list(found.table["evidence"]) == [0.0]
    assert found.differences.empty


@needs_r
def test_scripts_run_from_elsewhere_and_say_how_far_they_are(tmp_path: Path) -> None:
    text = MEANS.replace("Ahn 2001", '"=1+1 ""Ahn"" \u00fc"').replace("Elo 2010", "NA")
    text = text.replace("Bode 2003", "007").replace("Diaz 2008", "7")  # two trials, and as numbers one
    review = review_of(tmp_path / "odd", text, "MD", [{"method": "REML", "minimum_studies": 5}])
    place = tmp_path / "a folder \u00fc"
    write_r(review, place)
    program = str(find_rscript())
    ran = subprocess.run([program, place / "analyses.R"], capture_output=True, text=True, check=True)
    assert "1 rows in analyses-from-r.csv" in ran.stdout
    assert float(ran.stdout.split("csv: ")[1]) < 1e-9
    shown = pd.read_csv(place / "analyses-evidence.csv")
    shown["estimate"] += 0.5
    shown.to_csv(place / "analyses-evidence.csv", index=False)
    ran = subprocess.run([program, place / "analyses.R"], capture_output=True, text=True, check=True)
    assert float(ran.stdout.split("csv: ")[1]) > 0.1


@needs_r
def test_texts_come_to_r_as_they_are() -> None:
    texts = ["plain", 'a "b" \\ c', "tab\tand\nline", "\u00fc \u2264 \U0001f600", "'", "%s", "\x7f"]
    said = "; ".join(f"cat(utf8ToInt({r_literal(text)}), fill = FALSE); cat('\\n')" for text in texts)
    ran = subprocess.run([str(find_rscript()), "-e", said], capture_output=True, text=True, check=True)
    back = ["".join(chr(int(code)) for code in line.split()) for line in ran.stdout.splitlines()]
    assert back == texts
    assert [r_literal(value) for value in (True, 3, 0.1, math.inf)] == ["TRUE", "3", "0.1", "Inf"]


def test_without_r_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x"
    review = review_of(folder, MEANS, "MD", [{}])
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"R was not found; install R from https://cran\.r-project\.org"):
        against_r(review)
    monkeypatch.setattr(
        "sys.argv", ["evidence", "verify", "--against", "r", "--data", str(folder / "review")]
    )
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "install.packages" in capsys.readouterr().err
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    with pytest.raises(DataError, match="could not be started"):
        against_r(review)


def fake_r(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """Put a program in the place of Rscript."""
    program = folder / "fake-rscript"
    program.write_text(f"#!/bin/sh\n{answer}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(program))


def test_a_script_that_fails_is_an_error_with_what_r_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = review_of(tmp_path / "x", MEANS, "MD", [{}])
    fake_r(
        tmp_path,
        monkeypatch,
        'case "$*" in *requireNamespace*) echo TRUE;; *) echo no luck >&2; exit 1;; esac',
    )
    with pytest.raises(ReportError, match=r"analyses\.R failed in R: no luck"):
        against_r(review)
    fake_r(tmp_path, monkeypatch, "echo FALSE")
    with pytest.raises(DataError, match="R has no package metafor"):
        against_r(review)


def test_values_are_compared_one_by_one() -> None:
    frame = pd.DataFrame(
        {
            "analysis": ["a", "b"],
            "status": ["pooled", "not combined"],
            "estimate": [2.0, math.nan],
            "q": [0.0, 1.0],
        }
    )
    values = "estimate", "q"
    same = compare(frame, frame, ["analysis"], values, 1e-6)
    assert list(same["value"]) == ["combined", "estimate", "q", "combined", "q"]
    assert same["agrees"].all()
    other = frame.assign(estimate=[2.0 + 3e-6, 1.0], status="pooled", q=[2e-7, 1.0])
    found = compare(frame, other, ["analysis"], values, 1e-6)
    wrong = found[~found["agrees"]]
    assert list(zip(wrong["result"], wrong["value"], strict=True)) == [
        ("a", "estimate"),
        ("b", "combined"),
        ("b", "estimate"),
    ]
    assert wrong["difference"].iloc[0] == pytest.approx(1.5e-6)  # relative beyond 1
    assert math.isinf(wrong["difference"].iloc[2])
    lost = compare(frame, frame.iloc[:1], ["analysis"], values, 1e-6)
    assert list(lost.loc[~lost["agrees"], "value"]) == ["row"]
    for tolerance in (0.0, math.nan, math.inf):
        with pytest.raises(DataError, match="tolerance"):
            compare(frame, frame, ["analysis"], values, tolerance)


@pytest.mark.parametrize("method", ["EE", "DL", "PM"])
@pytest.mark.parametrize("ci", ["z", "t", "HKSJ", "HKSJ-adhoc"])
def test_statsmodels_computes_the_same(method: str, ci: str) -> None:
    random = np.random.default_rng(5)
    for k in (2, 3, 8, 30):
        variance = random.uniform(0.01, 2.0, k)
        effect = random.normal(0.3, np.sqrt(variance + random.choice([0.0, 0.5])))
        fit = ev.pool(effect, variance, method=method, ci=ci, level=0.9)
        for name, value in by_statsmodels(fit).items():
            assert value == pytest.approx(getattr(fit, name), rel=1e-6, abs=1e-6), (k, name)


def ended_with() -> object:
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_the_command_ends_with_1_where_values_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x"
    review_of(
        folder, MEANS, "MD", [{"method": "REML"}, {"method": "DL"}, {"method": "REML", "interval": "KR"}]
    )
    command = ["evidence", "verify", "--against", "statsmodels", "--data", str(folder / "review")]
    monkeypatch.setattr("sys.argv", command)
    assert ended_with() == 0
    said = capsys.readouterr()
    assert "all 27 values of 4 results agree within 1e-06" in said.err
    assert "Not compared, because statsmodels has no such model: a2-" in said.err
    assert "a0-outcome-any as PM" in said.out

    def wrong(fit: Any, *, given: bool = False) -> dict[str, float]:
        return by_statsmodels(fit, given=given) | {"se": 7.0}

    monkeypatch.setattr("evidence.report.against.second_opinion.by_statsmodels", wrong)
    assert ended_with() == 1
    said = capsys.readouterr()
    assert "4 of 27 values of 4 results differ by more than 1e-06" in said.err
    assert "Values that differ:" in said.out
    monkeypatch.setattr("sys.argv", [*command, "--format", "csv", "--tolerance", "100"])
    assert ended_with() == 0
    assert capsys.readouterr().out.startswith(
        "result,treatment,value,evidence,other,difference,agrees,program"
    )
    monkeypatch.setattr("sys.argv", [*command, "report"])
    assert ended_with() == 2
    monkeypatch.setattr("sys.argv", ["evidence", "verify", "--tolerance", "1"])
    assert ended_with() == 2
