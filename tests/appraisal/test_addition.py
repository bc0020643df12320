"""A trial more: what is completed, what is refused, what it does to the results, and how it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import evidence as ev
from evidence import files
from evidence.tables.adding import answer_faults

ANALYSIS = "bright-light-fatigue-short"
TRIAL = {"label": "Smith 2020", "design": "parallel", "citation": "Smith J. Light; and dark. 2020."}
ARMS = [
    {"components": "bright_light", "n_randomised": "41"},
    {"components": "dim_light", "n_randomised": "41"},
]
SOURCE = {"source_url": "https://example.org/smith", "source_kind": "full_text", "locator": "Table 2"}


def scores(arm: str, n: str, mean: str, sd: str, **more: str) -> dict[str, str]:
    given = {"arm_id": arm, "outcome": "fatigue", "instrument": "VAS fatigue", "timepoint_weeks": "8"}
    return {**given, "n": n, "mean": mean, "sd": sd, **more}


RESULTS = [scores("bright-light", "40", "40.2", "17.9"), scores("dim-light", "39", "49.9", "19")]


def smith(folder: Path, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "trial": TRIAL,
        "arms": ARMS,
        "arm_results": RESULTS,
        "source": SOURCE,
        "reader": "A",
    }
    return ev.add_trial(folder, **{**given, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ev.init_review(tmp_path / "light")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_it_shows_each_result_without_and_with_the_trial_and_writes_nothing(folder: Path) -> None:
    before, result = contents(folder), ev.synthesise(ev.read_review(folder), ANALYSIS)
    added = smith(folder)
    assert contents(folder) == before
    (row,) = added.to_frame().to_dict("records")
    assert result.fit
    expected = ev.effect_size("MD", m1=40.2, sd1=17.9, n1=40, m2=49.9, sd2=19, n2=39)
    assert row["analysis"] == ANALYSIS
    assert row["estimate"] == pytest.approx(expected["effect"].iloc[0])
    assert (row["k_before"], row["estimate_before"]) == (3, pytest.approx(result.fit.estimate))
    after = ev.synthesise(added.write(), ANALYSIS).fit
    again = ev.synthesise(ev.read_review(folder), ANALYSIS).fit
    assert after
    assert again
    assert (row["k_after"], row["estimate_after"]) == (4, pytest.approx(after.estimate))
    assert again.estimate == after.estimate
    text = added.summary()
    assert "1 row in trials.csv, 2 rows in arms.csv, 2 rows in arm_results.csv" in text
    assert "without it" in text
    assert "with it" in text


def test_what_follows_is_filled_in_and_the_source_and_reader_recorded(folder: Path) -> None:
    review = smith(folder).write()
    (trial,) = review.trials[review.trials["trial_id"] == "smith-2020"].to_dict("records")
    assert trial["year"] == 2020
    arms = review.arms[review.arms["trial_id"] == "smith-2020"]
    assert arms[["arm_id", "label", "kind"]].to_numpy().tolist() == [
        ["bright-light", "Bright light", "randomised"],
        ["dim-light", "Dim light", "randomised"],
    ]
    results = review.arm_results[review.arm_results["trial_id"] == "smith-2020"]
    for name, text in {**SOURCE, "readers": "A", "status": "single", "statistic": "post"}.items():
        assert (results[name] == text).all()
    assert results["result_id"].is_unique


def test_only_lines_are_added_whatever_the_file_is_like(folder: Path) -> None:
    """Line ends, quotes, the mark of Windows and a missing last line end stay as they are."""
    trials, arms = folder / "trials.csv", folder / "arms.csv"
    trials.write_bytes(b"\xef\xbb\xbf" + trials.read_bytes().replace(b"\n", b"\r\n"))
    arms.write_bytes(arms.read_bytes().rstrip(b"\n"))
    before = contents(folder)
    smith(folder).write()
    after = contents(folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"trials.csv", "arms.csv", "arm_results.csv"}
    assert all(after[name].startswith(before[name]) for name in after)
    assert after["trials.csv"].endswith(b"\r\n")
    assert len(ev.read_review(folder).trials) == 4


def test_a_missing_table_is_made(folder: Path) -> None:
    (folder / "contrast_results.csv").unlink()
    contrast = {
        **{key: RESULTS[0][key] for key in ("arm_id", "outcome", "instrument", "timepoint_weeks")},
        "comparator_arm_id": "dim-light",
        "estimate": "-9",
        "ci_low": "-17",
        "ci_high": "-1",
    }
    review = smith(folder, arm_results=[], contrast_results=[contrast]).write()
    (row,) = review.contrast_results.to_dict("records")
    assert (row["measure"], row["ci_level"]) == ("MD", 95)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"n": "60"}, "new row 1, column n: found '60'; 60 patients analysed, but 41 were randomised"),
        ({"sd": "-1"}, "column sd: found '-1'; must be 0 or more"),
        ({"mean": "140"}, "mean 140 cannot be on the scale 0 to 100"),
        ({"mean": "4,2"}, "a number with a decimal point"),
        ({"instrument": "VAS fatige"}, "did you mean 'VAS fatigue'"),
        ({"outcome": "fatige"}, "use an outcome of review.yaml"),
        ({"arm_id": "bright"}, "did you mean 'bright-light'"),
        ({"source_url": "table 2"}, "begins with http"),
        ({"source_kind": "book"}, "use one of abstract"),
        ({"meen": "4"}, "did you mean mean"),
        ({"events": "50"}, "more events than participants"),
        ({"ci_low": "30"}, "an interval needs both bounds"),
    ],
)
def test_nonsense_is_refused_and_nothing_written(folder: Path, cells: dict[str, str], message: str) -> None:
    before = contents(folder)
    with pytest.raises(ev.DataError) as caught:
        smith(folder, arm_results=[{**RESULTS[0], **cells}, RESULTS[1]])
    assert message in str(caught.value)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trial": {**TRIAL, "trial_id": "fictional-a"}}, "already stands"),
        ({"trial": {"label": "Smith 2020", "design": "parallel"}}, "may not be empty"),
        ({"trial": {**TRIAL, "sponsor": "x"}}, "no column 'sponsor'"),
        ({"arms": [{"components": "bright_lite"}]}, "use components of review.yaml"),
        ({"arms": [{**ARMS[0], "trial_id": "other"}]}, "one trial at a time"),
    ],
)
def test_rows_that_do_not_fit_are_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ev.DataError, match=message):
        smith(folder, **changes)


def test_what_is_printed_so_goes_in_with_a_note(folder: Path) -> None:
    results = [{**RESULTS[0], "mean": "140", "note": "CHECK: printed so"}, RESULTS[1]]
    added = smith(folder, arm_results=results)
    assert added.effects["status"].tolist() != ["pooled"]
    assert "not combined" in added.summary()
    assert len(added.write().doubtful) == 1


def test_doing_it_again_adds_nothing(folder: Path) -> None:
    smith(folder).write()
    before = contents(folder)
    again = smith(folder)
    assert not any(again.rows.values())
    assert "nothing that is not there already" in again.summary()
    again.write()
    assert contents(folder) == before


def test_what_an_interruption_left_undone_is_done_by_doing_it_again(folder: Path) -> None:
    whole = contents(smith(folder).write().path)
    (folder / "arm_results.csv").write_bytes(whole["arm_results.csv"].rpartition(b"smith-2020-bright")[0])
    assert len(smith(folder).rows["arm_results"]) == 2
    smith(folder).write()
    assert contents(folder) == whole


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interruption_leaves_all_or_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException
) -> None:
    added, before, replace = smith(folder), contents(folder), os.replace
    seen: list[Any] = []

    def stop(source: Any, target: Any) -> None:
        if Path(target).parent == folder:
            seen.append(target)
            if len(seen) == at:
                raise error
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", stop)
    with pytest.raises((KeyboardInterrupt, ev.EvidenceError)):
        added.write()
    assert contents(folder) == before
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".adding")]


def test_a_table_that_changed_meanwhile_is_not_written_over(folder: Path) -> None:
    added = smith(folder)
    arms = folder / "arms.csv"
    arms.write_bytes(arms.read_bytes() + b"\n")
    before = contents(folder)
    with pytest.raises(ev.DataError, match="changed meanwhile"):
        added.write()
    assert contents(folder) == before


def test_a_trial_that_no_analysis_takes_says_so(folder: Path) -> None:
    late = [{**row, "timepoint_weeks": "300"} for row in RESULTS]
    assert "No analysis takes a result" in smith(folder, arm_results=late).summary()


@pytest.mark.parametrize(
    ("table", "column", "text", "row", "message"),
    [
        ("trials", "year", "20201", {}, "between 1900 and 2100"),
        ("trials", "label", "", {}, "may not be empty"),
        ("trials", "trial_id", "fictional-a", {}, "already"),
        ("arms", "components", "bright_light+tea", {}, "'tea' is no component"),
        ("arm_results", "mean", "120", {"instrument": "VAS fatigue"}, "from 0 to 100"),
        ("arm_results", "ci_high", "1", {"ci_low": "2"}, "above ci_high"),
        ("arm_results", "ci_high", "", {"ci_low": "2"}, "both bounds"),
        ("contrast_results", "estimate", "-2", {"measure": "RR"}, "must be above 0"),
        ("contrast_results", "p_value", "<0.05", {}, "in p_operator"),
    ],
)
def test_an_answer_is_judged_as_it_is_typed(
    folder: Path, table: str, column: str, text: str, row: dict[str, str], message: str
) -> None:
    review = ev.read_review(folder)
    assert message in " ".join(answer_faults(review, table, column, text, row))


def test_an_answer_that_can_stand_passes(folder: Path) -> None:
    review = ev.read_review(folder)
    for column, text in (("mean", "40"), ("sd", ""), ("instrument", "VAS fatigue"), ("n", "12")):
        assert not answer_faults(review, "arm_results", column, text, {"instrument": "VAS fatigue"})
    assert not answer_faults(
        review, "arm_results", "mean", "-120", {"statistic": "change", "instrument": "VAS fatigue"}
    )
