from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import evidence as ev


@pytest.fixture(scope="session")
def held(review: Any) -> pd.DataFrame:
    """Tell what the evidence base of the repository holds."""
    return ev.inventory(review)


def test_every_trial_stands_once_in_the_order_of_its_table(review: Any, held: pd.DataFrame) -> None:
    assert held["trial_id"].tolist() == review.trials["trial_id"].tolist()


def test_at_least_fifty_trials_are_poolable_and_each_other_has_a_reason(held: pd.DataFrame) -> None:
    poolable = held["status"] == "poolable"
    assert poolable.sum() >= 50
    assert (held["reason"][~poolable] != "").all()
    unused = poolable & (held["analyses"] == 0)
    assert (held["reason"][unused] != "").all()
    assert (held["reason"][poolable & ~unused] == "").all()
    mains = held["main_reason"][unused]
    assert (mains != "").all()
    assert not mains.str.contains("; or: |as printed: ").any()


def test_poolable_trials_are_those_with_recovered_contrasts(review: Any, held: pd.DataFrame) -> None:
    assert (held["recovered"] > 0).equals(held["status"] == "poolable")
    assert (held["recovered"] <= held["contrasts"]).all()
    assert held["rows"].sum() == len(review.arm_results) + len(review.contrast_results)
    used = {trial for name in review.analyses for trial in review.effects(name)["trial_id"]}
    assert used == set(held["trial_id"][held["analyses"] > 0])


def test_each_kind_of_loss_is_named(small: Any) -> None:
    for trial in (
        "used",
        "doubted",
        "onlyp",
        "bound",
        "bare",
        "baseline",
        "silent",
        "late",
        "untimed",
        "aside",
        "other",
    ):
        small.trial(trial, song="singing, 40", quiet="silence, 50" if trial != "other" else "singing, 50")
    small.contrast("used", "song", "quiet", estimate=-1, se=1)
    small.contrast("doubted", "song", "quiet", estimate=-1, se=1, note="CHECK: odd")
    small.contrast("onlyp", "song", "quiet", p_value=0.03, p_operator="=")
    small.contrast("bound", "song", "quiet", estimate=-1, p_value=0.05, p_operator="<")
    small.contrast("bare", "song", "quiet", estimate=-1)
    small.arm("baseline", "song", mean=5, sd=2, timepoint_weeks=0)
    small.contrast("late", "song", "quiet", estimate=-1, se=1, timepoint_weeks=100)
    small.contrast("untimed", "song", "quiet", estimate=-1, se=1, timepoint_weeks="")
    small.contrast("aside", "song", "quiet", estimate=-1, se=1)
    small.contrast("other", "song", "quiet", estimate=-1, se=1)
    small.protocol["set_aside"] = [{"trial": "aside", "reason": "copied"}]
    found = ev.inventory(small.read()).set_index("trial_id")
    assert found["status"].to_dict() == {
        "used": "poolable", "doubted": "reported, not poolable", "onlyp": "reported, not poolable",
        "bound": "reported, not poolable", "bare": "reported, not poolable",
        "baseline": "reported, not poolable", "silent": "no numbers", "late": "poolable", "aside": "poolable",
        "other": "poolable", "untimed": "reported, not poolable",
    }  # fmt: skip
    assert found["reason"].to_dict() == {
        "used": "",
        "doubted": "doubtful as printed (1)",
        "onlyp": "only a P value (1)",
        "bound": "P value only a bound, no interval (1)",
        "bare": "no standard deviation, interval or P value (1)",
        "baseline": "only baseline values or a single arm",
        "silent": "no outcome numbers in the text that was seen",
        "late": "its poolable results are of other outcomes or times than the analyses ask for",
        "untimed": "the time since randomisation is not stated (1)",
        "aside": "set aside by the protocol: copied",
        "other": "no analysis asks for its comparison",
    }
    used = ["rows", "contrasts", "recovered", "forms", "analyses"]
    assert [found.loc["used", name] for name in used] == [1, 1, 1, "difference with SE", 1]


def test_of_several_hindrances_the_first_is_the_one_that_analyses_name(filled: Any) -> None:
    filled.trial("eve", song="singing, 40", quiet="silence, 50")
    filled.contrast("eve", "song", "quiet", p_value=0.03, p_operator="=", timepoint_weeks="")
    review = filled.read()
    told = ev.reports_on(review, "singing-crying-short").trials.set_index("trial_id")["reason"]
    stock = ev.inventory(review).set_index("trial_id")["main_reason"]
    assert str(stock["eve"]) == str(told["eve"])


def test_why_no_analysis_uses_a_poolable_trial_is_no_lack_of_numbers(small: Any) -> None:
    for trial in ("ava", "ben", "cid"):
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        small.contrast(
            trial, "song", "quiet", estimate=-1, se=1, timepoint_weeks=100 if trial == "ava" else 10
        )
    small.contrast("ava", "song", "quiet", estimate=-1, p_value=0.001, p_operator="<")
    small.protocol["indirect"] = [
        {"trial": trial, "reason": words} for trial, words in (("ben", "adults"), ("cid", "toddlers"))
    ]
    small.protocol["model"] = {"indirect": False}
    found = ev.inventory(small.read()).set_index("trial_id")
    other = "its poolable results are of other outcomes or times than the analyses ask for"
    assert found["reason"].tolist() == [other, "indirect: adults", "indirect: toddlers"]
    assert found["main_reason"].tolist() == [other, *["indirect: it fits the question only in part"] * 2]


def test_a_review_without_results_has_an_inventory(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    assert ev.inventory(small.read())["status"].tolist() == ["no numbers"]
