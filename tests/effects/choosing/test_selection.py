from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.tables.review import Review

CRYING = "singing-crying-short"
SLEEP = "singing-sleep-short"


@pytest.fixture
def song(small: Any) -> Any:
    """Give a review with one trial of 40 v 50 and no results yet."""
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    return small


def taken(small: Any, analysis: str = CRYING, **options: Any) -> dict[str, Any]:
    """Read the one comparison that is pooled."""
    frame = small.read().effects(analysis, **options)
    assert len(frame) == 1
    row: dict[str, Any] = frame.iloc[0].to_dict()
    return row


def refused(small: Any, analysis: str = CRYING, **options: Any) -> str:
    """Read why the one comparison is not pooled."""
    frame = small.read().comparisons(analysis, **options)
    assert frame["status"].tolist() == ["not poolable"]
    return str(frame["reason"].iloc[0])


def test_what_is_set_aside_is_so_whatever_its_time(review: Any) -> None:
    found = review.comparisons("manual-sham-responder-long").query("trial_id == 'licciardone-2013'")
    assert list(found["reason_kind"]) == ["set aside"]


def test_order_of_instruments(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "FUSS", estimate=-1, se=1, scale_min=0, scale_max=10)
    song.contrast("ava", "song", "quiet", "CRY now", estimate=-2, se=1)
    song.contrast("ava", "song", "quiet", "CRY", estimate=-3, se=1, timepoint_weeks=2)
    assert taken(song)["reported_effect"] == -3


def test_variant_of_a_preferred_instrument_goes_before_the_next_one(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "FUSS", estimate=-1, se=1, scale_min=0, scale_max=10)
    song.contrast("ava", "song", "quiet", "CRY now", estimate=-2, se=1)
    assert taken(song)["instrument"] == "CRY now"


def test_the_protocol_may_prefer_an_instrument_within_a_family(song: Any) -> None:
    for instrument, ratio in (("settled", 1.2), ("settled at once", 1.5)):
        song.contrast("ava", "song", "quiet", instrument, measure="RR", estimate=ratio, se=0.2)
    assert taken(song, "singing-settled-short")["instrument"] == "settled at once"


@pytest.mark.parametrize(
    ("weeks", "expected"), [((2, 8), 8), ((9, 13), 9), ((9, 10, 11), 10), ((9, 11), 9), ((11, 9), 9)]
)
def test_time_nearest_to_the_target(song: Any, weeks: tuple[float, ...], expected: float) -> None:
    for week in weeks:
        song.contrast("ava", "song", "quiet", estimate=-week, se=1, timepoint_weeks=week)
    assert taken(song)["timepoint_weeks"] == expected


@pytest.mark.parametrize(
    ("week", "short", "long"), [(1, 1, 0), (13, 1, 0), (13.5, 0, 1), (0.5, 0, 0), (79, 0, 0)]
)
def test_edges_of_the_windows(song: Any, week: float, short: int, long: int) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1, timepoint_weeks=week)
    review = song.read()
    assert len(review.effects(CRYING)) == short
    assert len(review.effects("singing-crying-long")) == long


@pytest.mark.parametrize(("adjusted", "expected"), [("prefer", -2), ("avoid", -1), ("ignore", -1)])
def test_adjusted_results(song: Any, adjusted: str, expected: float) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1, adjusted="no")
    song.contrast("ava", "song", "quiet", estimate=-2, se=1, adjusted="yes")
    assert taken(song, adjusted=adjusted)["reported_effect"] == expected


@pytest.mark.parametrize(("statistic", "expected"), [(("post", "change"), -1), (("change", "post"), -2)])
def test_order_of_statistics(song: Any, statistic: tuple[str, ...], expected: float) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1, statistic="post")
    song.contrast("ava", "song", "quiet", estimate=-2, se=1, statistic="change")
    assert taken(song, statistic=statistic)["reported_effect"] == expected


def test_interval_goes_before_p_value_and_reported_difference_before_arms(song: Any) -> None:
    song.arm("ava", "song", mean=2, sd=2, n=40)
    song.arm("ava", "quiet", mean=5, sd=2, n=50)
    song.contrast("ava", "song", "quiet", estimate=-1, p_value=0.1, p_operator="=", n_arm=40, n_comparator=50)
    song.contrast("ava", "song", "quiet", estimate=-2, se=1)
    assert taken(song)["reported_effect"] == -2
    song.rows["contrast_results"].pop()
    assert taken(song)["form"] == "means and SDs"


def test_preferred_result_that_cannot_be_pooled_gives_way(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "CRY", estimate=-1)
    song.contrast("ava", "song", "quiet", "CRY now", estimate=-2, se=1)
    assert taken(song)["reported_effect"] == -2


def test_reasons_of_all_results_are_joined_in_order_of_preference(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "FUSS", estimate=-1, se=1)
    song.contrast("ava", "song", "quiet", "CRY", p_value=0.05, p_operator="<")
    preferred = "only a P value (P < 0.05), no difference and no pair of means"
    assert refused(song) == f"{preferred}; or: the range of the scale is not stated"
    (kinds,) = song.read().comparisons(CRYING)["reason_kind"]
    assert kinds.parts == ("only a P value", "range not stated")
    assert kinds == "only a P value; range not stated"


def test_nothing_reported(song: Any) -> None:
    assert refused(song) == "no result for crying in this window was seen"
    assert song.read().comparisons(CRYING)["reason_kind"].tolist() == ["not reported"]


def test_unstated_time_and_unnamed_instrument(song: Any) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1, timepoint_weeks="")
    assert refused(song) == "the time since randomisation is not stated"
    song.rows["contrast_results"][0].update(timepoint_weeks=10, instrument="")
    assert refused(song) == "the instrument is not named"


def test_doubtful_results_wait_for_permission(song: Any) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1, note="CHECK: printed twice")
    assert refused(song) == "doubtful as printed: printed twice"
    assert taken(song, doubtful=True)["reported_effect"] == -1


@pytest.mark.parametrize(
    "entry",
    [
        {"instrument": "CRY"},
        {"trial": "ava"},
        {"result": "contrast_results-1"},
        {"trial": "ava", "instrument": "CRY"},
    ],
)
def test_results_set_aside(song: Any, entry: dict[str, str]) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, se=1)
    song.protocol["set_aside"] = [{**entry, "reason": "too loud"}]
    assert refused(song) == "set aside by the protocol: too loud"
    assert taken(song, set_aside=False)["reported_effect"] == -1


def test_refused_assumption(song: Any) -> None:
    song.contrast("ava", "song", "quiet", estimate=-1, ci_low=-2, ci_high=0)
    assert taken(song)["assumptions"].startswith("95% assumed")
    for entry in ("randomised", ("other", "95% assumed")):
        assert refused(song, refuse=entry).startswith("needs an assumption that is refused")
    assert taken(song, refuse=("equal allocation",))["reported_effect"] == -1


def test_smd_does_not_mix_final_scores_and_changes_within_a_trial(small: Any) -> None:
    small.trial("ava", song="singing, 40", both="singing+rocking, 40", quiet="silence, 50")
    small.contrast("ava", "song", "quiet", "SLEEP", estimate=1, se=1, statistic="post")
    small.contrast("ava", "both", "quiet", "SLEEP", estimate=2, se=1, statistic="change")
    frame = small.read().comparisons(SLEEP)
    assert frame["status"].tolist() == ["pooled", "not poolable"]
    assert frame["statistic"].iloc[0] == "post"
    assert "not standardised together" in frame["reason"].iloc[1]
    # With changes for both comparisons, both can be had.
    small.contrast("ava", "song", "quiet", "SLEEP", estimate=3, se=1, statistic="change")
    frame = small.read().effects(SLEEP)
    assert frame["statistic"].tolist() == ["change", "change"]
    assert sorted(frame["reported_effect"]) == [2, 3]


def test_difference_on_one_scale_may_mix_them(small: Any) -> None:
    small.trial("ava", song="singing, 40", both="singing+rocking, 40", quiet="silence, 50")
    small.contrast("ava", "song", "quiet", estimate=-1, se=1, statistic="post")
    small.contrast("ava", "both", "quiet", estimate=-2, se=1, statistic="change")
    assert len(small.read().effects(CRYING)) == 2


def test_margins_stand_for_their_cells(small: Any) -> None:
    small.trial(
        "ava",
        sung="singing+routine, 40, margin", unsung="routine, 40, margin",
        both="singing+rocking+routine, 20, cell", neither="routine, 20, cell",
    )  # fmt: skip
    small.contrast("ava", "both", "neither", estimate=-2, se=1)
    assert taken(small)["arm_id"] == "both"
    small.contrast("ava", "sung", "unsung", estimate=-1, se=1)
    frame = small.read().comparisons(CRYING)
    assert frame["arm_id"].tolist() == ["sung", "both"]
    assert frame["reason"].iloc[1] == "the same patients stand in the margins of the factorial trial"


def test_same_patients_count_once(filled: Any) -> None:
    filled.protocol["same_patients"] = [{"trials": ["ben", "ava"], "reason": "one ward"}]
    frame = filled.read().comparisons(CRYING)
    assert frame["trial_id"].tolist() == ["ben", "ava"]
    assert frame["reason"].tolist() == ["", "may hold the same patients as Ben: one ward"]
    filled.rows["arm_results"] = filled.rows["arm_results"][:2]
    assert taken(filled)["trial_id"] == "ava"  # the other has no result


def test_same_patients_count_once_among_the_trials_without_usable_numbers(filled: Any) -> None:
    """Neither as a further trial that reports nor as a further P value."""
    for name in ("cid", "dan"):
        filled.trial(name, song="singing, 40", quiet="silence, 50")
        filled.contrast(
            name,
            "song",
            "quiet",
            "CRY now",
            p_value=0.01,
            p_operator="=",
            direction="arm",
            n_arm=40,
            n_comparator=50,
        )
    filled.protocol["same_patients"] = [{"trials": ["cid", "dan"], "reason": "one ward"}]
    reports = ev.reports_on(filled.read(), CRYING)
    kinds = reports.trials.set_index("trial_id")["kind"]
    assert (kinds["cid"], kinds["dan"]) == ("P value", "left out")
    assert reports.combined is not None
    assert reports.combined.k == 3
    assert ev.finding(filled.read(), CRYING).reported == 1
    # The one with an effect stands for the other.
    filled.protocol["same_patients"] = [{"trials": ["cid", "ava"], "reason": "one ward"}]
    kinds = ev.reports_on(filled.read(), CRYING).trials.set_index("trial_id")["kind"]
    assert (kinds["cid"], kinds["ava"], kinds["dan"]) == ("left out", "effect", "P value")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiarm": "average"}, "did you mean 'multi_arm'"),
        ({"multi_arm": "half"}, "multi_arm is 'half'; use one of split_comparator, average, one, correlated"),
        ({"measure": "WMD"}, "measure is 'WMD'"),
        ({"adjusted": "yes"}, "adjusted is 'yes'; use one of prefer, avoid, ignore"),
        ({"statistic": "final"}, "statistic holds 'final'"),
    ],
)
def test_unknown_options(filled: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        filled.read().effects(CRYING, **options)


def test_order_of_rows_changes_nothing(review: Any, small: Any) -> None:
    """Shuffle every table of a review with many choices and compare."""
    small.trial(
        "ava", song="singing, 40", both="singing+rocking, 40", quiet="silence, 50", habit="routine, 30"
    )
    for number, arm in enumerate(("song", "both", "quiet", "habit")):
        small.arm("ava", arm, mean=number, sd=2)
        small.arm("ava", arm, mean=number, sd=2, timepoint_weeks=9)
        small.arm("ava", arm, mean=number + 1, sd=2, timepoint_weeks=11)
    small.contrast("ava", "song", "quiet", estimate=-1, se=1)
    small.contrast("ava", "quiet", "song", estimate=1.5, se=1)
    keys = ["trial_id", "arm_id", "comparator_arm_id"]
    before = small.read().effects(CRYING).sort_values(keys, ignore_index=True)
    for rows in small.rows.values():
        rows.reverse()
    after = small.read().effects(CRYING).sort_values(keys, ignore_index=True)
    words = ["derivation", "result_ids"]
    pd.testing.assert_frame_equal(before.drop(columns=words), after.drop(columns=words))


def test_indirect_trials_take_part_only_if_they_are_asked_for(review: Review) -> None:
    name = "manual-inactive-pain-short"
    listed = {entry.trial for entry in review.protocol.indirect}
    with_them, without = review.effects(name, indirect=True), review.comparisons(name)
    dropped = without[without["trial_id"].isin(set(with_them["trial_id"]) & listed)]
    assert len(dropped)
    assert (dropped["status"] == "not poolable").all()
    assert dropped["reason"].str.startswith("indirect: ").all()
    kept = without[without["status"] == "pooled"]
    assert set(kept["trial_id"]) == set(with_them["trial_id"]) - listed


@pytest.mark.parametrize("shared", [True, False])
def test_groups_that_differ_from_a_third_one_in_numbers_are_no_silence(small: Any, shared: bool) -> None:
    small.trial("ava", song="singing, 40", rock="rocking, 40", quiet="silence, 50")
    small.contrast("ava", "song", "quiet", estimate=-3, se=1)
    if shared:
        small.contrast("ava", "rock", "quiet", estimate=-1, se=1)
    small.protocol["analyses"][0] |= {"comparator": ["rocking"], "rocking": "either"}
    review = small.read()
    frame = review.comparisons(CRYING)
    told = frame.loc[frame["comparator_arm_id"] == "rock", "reason_kind"].tolist()
    assert told == ["shared group" if shared else "not reported"]
    assert ev.finding(review, CRYING).lacking == ("1 trial" if shared else "no trial reports it")


def test_time_may_be_an_end_of_the_window(song: Any) -> None:
    for week in (2, 9, 13):
        song.contrast("ava", "song", "quiet", estimate=-week, se=1, timepoint_weeks=week)
    assert taken(song)["timepoint_weeks"] == 9
    assert taken(song, time="earliest")["timepoint_weeks"] == 2
    assert taken(song, time="latest")["timepoint_weeks"] == 13


def test_instruments_may_go_before_the_protocols_order(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "FUSS", estimate=-1, se=1, scale_min=0, scale_max=10)
    song.contrast("ava", "song", "quiet", "CRY", estimate=-3, se=1)
    assert taken(song, instruments="FUSS")["instrument"] == "FUSS"
    assert taken(song, instruments=("CRY", "FUSS"))["instrument"] == "CRY"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ({"single": False}, "read by one reader only"),
        ({"no_sources": "full_text"}, "results from the source full text are left out"),
        ({"no_trials": ["ava"]}, "the trial ava is left out"),
    ],
)
def test_results_left_out(song: Any, option: dict[str, Any], reason: str) -> None:
    song.contrast("ava", "song", "quiet", estimate=-3, se=1)
    assert refused(song, **option) == reason


def test_doubtful_results_may_come_in_one_by_one(song: Any) -> None:
    song.arm("ava", "song", mean=3.0, sd=2.0, n=40, note="CHECK: odd", result_id="one")
    song.arm("ava", "quiet", mean=5.0, sd=2.0, n=50, note="CHECK: odd", result_id="two")
    assert refused(song).startswith("doubtful")
    assert refused(song, doubtful="one").startswith("doubtful")
    assert taken(song, doubtful=("one", "two"))["reported_effect"] == -2
    assert taken(song, doubtful=True)["reported_effect"] == -2


def test_an_instrument_that_would_go_first_and_cannot_is_told(song: Any) -> None:
    song.contrast("ava", "song", "quiet", "CRY", estimate=-3, se=1, note="CHECK: printed twice")
    song.contrast("ava", "song", "quiet", "FUSS", estimate=-1, se=1, scale_min=0, scale_max=10)
    row = taken(song)
    assert row["instrument"] == "FUSS"
    assert "CRY would go before FUSS; doubtful as printed: printed twice. " in row["derivation"]
    assert "would go before" not in taken(song, doubtful=True)["derivation"]


def test_instruments_of_equal_right_are_told(review: Any) -> None:
    outcomes = dict(review.protocol.outcomes)
    outcomes["quality_of_life"] = outcomes["quality_of_life"].model_copy(update={"prefer": ()})
    row = (
        replace(review, protocol=review.protocol.model_copy(update={"outcomes": outcomes}))
        .effects("manual-usual-quality-of-life-short")
        .iloc[0]
    )
    assert row["instrument"] == "SF-36 MCS"
    assert (
        "SF-36 PCS is preferred no less; that SF-36 MCS is taken is by the order of the rows' names"
        in row["derivation"]
    )
    assert "no less" not in review.effects("manual-usual-quality-of-life-short")["derivation"].iloc[0]
