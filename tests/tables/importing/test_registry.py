"""Results posted on ClinicalTrials.gov, from a study that was made up here."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence import cli
from evidence.tables.importing.registry import weeks_of

STUDY: dict[str, Any] = json.loads((Path(__file__).parent / "cases" / "lamp.json").read_text("utf-8"))


def file_of(folder: Path, *studies: dict[str, Any]) -> Path:
    path = folder / "studies.json"
    path.write_text(json.dumps(studies[0] if len(studies) == 1 else {"studies": studies}), "utf-8")
    return path


def test_results_become_tables_with_their_sources(tmp_path: Path) -> None:
    made = ev.import_registry(file_of(tmp_path, STUDY))
    review = made.write(tmp_path / "review")
    trial = review.trials.iloc[0]
    assert trial[
        ["trial_id", "label", "year", "design", "country", "n_randomised", "registration"]
    ].tolist() == [*("nct01234567", "LAMP 2015", 2015, "parallel", "Norway", 81, "NCT01234567")]
    arms = review.arms.set_index("arm_id")
    assert arms.loc["bright_light", "description"] == "10,000 lux"
    assert arms.loc["dim_light", "description"] == "50 lux"
    results = review.arm_results
    assert (results["source_kind"] == "registry").all()
    assert (results["source_url"] == "https://clinicaltrials.gov/study/NCT01234567").all()
    fatigue = results[results["outcome"] == "change_in_fatigue_score"]
    assert fatigue[["statistic", "timepoint_weeks", "n", "mean", "sd"]].to_numpy().tolist() == [
        ["change", 12.0, 40, -3.2, 4.1],
        ["change", 12.0, 41, -1.0, 4.4],
    ]
    assert fatigue["as_reported"].iloc[0] == "-3.2 (SD 4.1), n 40"
    sleep = results[results["outcome"] == "sleep_quality"]
    assert sleep[["timepoint_weeks", "n", "mean", "se", "adjusted"]].to_numpy().tolist() == [
        [4.0, 38, 7.0, 0.5, "yes"],
        [4.0, 1040, 6.0, 0.6, "yes"],
    ]  # of week 8 one arm has no number, so there is nothing to compare
    hours = results[results["outcome"] == "hours_awake"]
    assert hours[["median", "q1", "q3"]].to_numpy().tolist() == [[15, 14, 16.5], [14.5, 14, 16]]
    assert hours["timepoint_weeks"].isna().all()
    harms = results[results["outcome"] == "serious_adverse_event"]
    assert harms[["events", "n"]].to_numpy().tolist() == [[1, 40], [3, 41]]
    recovered = review.effects("bright-light-v-dim-light-recovered-any")
    direct = ev.effect_size("RR", a=[20], b=[20], c=[12], d=[29])
    np.testing.assert_allclose(recovered["effect"], direct["effect"])
    effect = review.effects("bright-light-v-dim-light-change-in-fatigue-score-any")
    assert effect["effect"].tolist() == pytest.approx([-2.2])
    left = "\n".join(made.left_out)
    for words in ("geometric mean", "'NA' is no number", "2 single terms", "the group 'Total'"):
        assert words in left
    said = "\n".join(made.said)
    assert "the comparator is 'dim light'" in said
    assert "'1 year' is read as 52.18 weeks" in said
    assert "no time can be read from 'at the end of the study'" in said


def test_two_trials_are_pooled_where_arms_and_outcomes_have_the_same_names(tmp_path: Path) -> None:
    second = copy.deepcopy(STUDY)
    second["protocolSection"]["identificationModule"] |= {"nctId": "NCT07654321", "acronym": "GLOW"}
    second["protocolSection"]["designModule"]["designInfo"]["allocation"] = "NON_RANDOMIZED"
    made = ev.import_registry(file_of(tmp_path, STUDY, second), title="Light")
    review = made.write(tmp_path / "review")
    assert review.protocol.title == "Light"
    fit = ev.synthesise(review, "bright-light-v-dim-light-recovered-any").fit
    assert fit is not None
    assert sorted(fit.labels) == ["GLOW 2015", "LAMP 2015"]
    assert "NCT07654321: its allocation is non_randomized, not randomised" in made.said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "no JSON"),
        ("[1]", "no study of ClinicalTrials.gov"),
        ('{"a": 1}', "no study of ClinicalTrials.gov"),
        ('{"protocolSection": {}, "resultsSection": {"x": 1}}', "expected NCT and eight digits"),
        ('{"protocolSection": {"identificationModule": {"nctId": "NCT01234567"}}}', "has posted no results"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ev.DataError, match=words):
        ev.import_registry(path)


@pytest.mark.parametrize(
    ("text", "weeks"),
    [
        ("Baseline and 12 weeks", 12),
        ("Week 24", 24),
        ("baseline to month 6", 26.0893),
        ("Day 28", 4),
        ("2 years", 104.357),
        ("1-week", 1),
        ("from 2 to 52 wks", 52),
        ("24 hours", 1 / 7),
        ("end of treatment", math.nan),
        ("", math.nan),
    ],
)
def test_times_are_read_from_words(text: str, weeks: float) -> None:
    assert weeks_of(text) == pytest.approx(weeks, rel=1e-4, nan_ok=True)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a nested object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, one in inner for place in places(one, (*way, key)))]


@settings(max_examples=50)
@given(st.sampled_from(places(STUDY)[1:]), values)
def test_any_change_of_a_study_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, way: tuple[Any, ...], value: Any
) -> None:
    study = copy.deepcopy(STUDY)
    inner: Any = study
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    folder = tmp_path_factory.mktemp("x")
    try:
        ev.import_registry(file_of(folder, study)).write(folder / "review")
    except ev.DataError:
        return


def test_the_command_imports_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file_of(tmp_path, STUDY)
    command = ["evidence", "import", str(path), "--output", str(tmp_path / "review")]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert "bright-light-v-dim-light-recovered-any: RR, 1 study" in capsys.readouterr().out
    assert ev.read_review(tmp_path / "review").trials["label"].tolist() == ["LAMP 2015"]
    monkeypatch.setattr("sys.argv", [*command[:-1], str(tmp_path / "b"), "--measure", "OR"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    found = tmp_path / "found.ris"
    found.write_text("TY  - JOUR\nTI  - Lamps\nER  - \n", "utf-8")
    monkeypatch.setattr("sys.argv", ["evidence", "import", str(found)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "evidence references found.ris" in capsys.readouterr().err
