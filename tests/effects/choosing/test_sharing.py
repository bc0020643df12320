from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evidence as ev

CRYING = "singing-crying-short"


@pytest.fixture
def three_arms(small: Any) -> Any:
    """Give a trial with two singing arms (36 and 64) and one control of 100, SD 3 everywhere."""
    small.trial("ava", song="singing, 36", both="singing+rocking, 64", quiet="silence, 100")
    for arm, mean, n in (("song", 3.0, 36), ("both", 2.0, 64), ("quiet", 5.0, 100)):
        small.arm("ava", arm, mean=mean, sd=3.0, n=n)
    return small


def test_split_divides_the_patients_of_the_shared_arm(three_arms: Any) -> None:
    frame = three_arms.read().effects(CRYING)
    assert frame["n_comparator"].tolist() == [50, 50]
    assert frame["n_arm"].tolist() == [36, 64]
    np.testing.assert_allclose(frame["variance"], [100 * 9 * (1 / 36 + 1 / 50), 100 * 9 * (1 / 64 + 1 / 50)])
    np.testing.assert_allclose(frame["arm_share"], [1 / 36 / (1 / 36 + 1 / 50), 1 / 64 / (1 / 64 + 1 / 50)])
    assert frame["derivation"].str.contains("quiet takes part in 2 comparisons").all()
    assert frame["reported_se"].tolist() == pytest.approx([3 * (1 / n + 1 / 100) ** 0.5 for n in (36, 64)])


def test_an_arm_that_stands_on_both_sides_is_divided_too(small: Any) -> None:
    small.trial(
        "ava", song="singing, 40", quiet="silence, 40", habit="routine, 40", tune="singing+rocking, 40"
    )
    for arm in ("song", "quiet", "habit", "tune"):
        small.arm("ava", arm, mean=4.0, sd=3.0, n=40)
    frame = small.read().effects(CRYING)
    assert len(frame) == 4
    assert set(frame["n_arm"]) == set(frame["n_comparator"]) == {20}
    np.testing.assert_allclose(frame["variance"], 100 * 9 * (1 / 20 + 1 / 20))


def test_split_counts_are_halved(small: Any) -> None:
    small.trial("ava", song="singing, 36", both="singing+rocking, 64", quiet="silence, 100")
    for arm, events in (("song", 12), ("both", 32), ("quiet", 20)):
        small.arm("ava", arm, "settled", events=events)
    frame = small.read().effects("singing-settled-short")
    np.testing.assert_allclose(
        frame["variance"], [1 / 12 - 1 / 36 + 1 / 10 - 1 / 50, 1 / 32 - 1 / 64 + 1 / 10 - 1 / 50]
    )


def test_correlated_keeps_each_comparison_whole(three_arms: Any) -> None:
    frame = three_arms.read().effects(CRYING, multi_arm="correlated")
    covariance = ev.shared_covariance(frame)
    arms = 900 * np.array([1 / 36, 1 / 64, 1 / 100])
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    np.testing.assert_allclose(covariance, contrast @ np.diag(arms) @ contrast.T, rtol=1e-12)


def test_average_is_that_of_correlated_comparisons(three_arms: Any) -> None:
    review = three_arms.read()
    (row,) = review.effects(CRYING, multi_arm="average").to_dict("records")
    assert row["effect"] == pytest.approx(-25)
    weights = np.array([0.5, 0.5, -1.0])
    assert row["variance"] == pytest.approx(900 * (weights**2 @ [1 / 36, 1 / 64, 1 / 100]))
    assert (row["n_arm"], row["n_comparator"], row["n"]) == (100, 100, 200)
    assert row["arm_id"] == "song; both"
    assert row["rocking"] == "in neither arm; with the intervention"
    assert row["comparator_arm_id"] == "quiet"
    assert row["result_ids"] == "arm_results-1; arm_results-3; arm_results-2"
    assert row["result_ids"].parts == ("arm_results-1", "arm_results-3", "arm_results-2")
    assert row["derivation"].endswith("Average of 2 comparisons: -25.")
    assert np.isnan(row["reported_effect"])
    assert row["timepoint_weeks"] == 10


def test_average_leaves_single_comparisons_alone(filled: Any) -> None:
    review = filled.read()
    pd.testing.assert_frame_equal(review.effects(CRYING, multi_arm="average"), review.effects(CRYING))


def test_average_of_nothing(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    assert small.read().effects(CRYING, multi_arm="average").empty


def test_gls_of_correlated_comparisons_is_that_of_the_arms(three_arms: Any) -> None:
    """The best combination of two comparisons with one control weighs the two arms by their precision."""
    frame = three_arms.read().effects(CRYING, multi_arm="correlated")
    inverse = np.linalg.inv(ev.shared_covariance(frame))
    estimate = (inverse.sum(axis=0) @ frame["effect"]) / inverse.sum()
    assert estimate == pytest.approx(10 * ((36 * 3.0 + 64 * 2.0) / 100 - 5.0))
    assert 1 / inverse.sum() == pytest.approx(900 * (1 / 100 + 1 / 100))


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0.01, 10), st.floats(0.05, 0.95)),
        min_size=1,
        max_size=6,
    )
)
def test_covariance_is_a_covariance(rows: list[tuple[str, str, float, float]]) -> None:
    frame = pd.DataFrame(rows, columns=["arm_id", "comparator_arm_id", "variance", "arm_share"])
    frame["trial_id"] = "ava"
    covariance = ev.shared_covariance(frame)
    np.testing.assert_array_equal(covariance, covariance.T)
    np.testing.assert_allclose(np.diag(covariance), frame["variance"])
    assert np.linalg.eigvalsh(covariance).min() > -1e-9 * frame["variance"].max()


def test_arm_on_opposite_sides_covaries_negatively() -> None:
    frame = pd.DataFrame(
        {
            "trial_id": ["ava", "ava", "ben"],
            "arm_id": ["song", "tune", "song"],
            "comparator_arm_id": ["quiet", "song", "quiet"],
            "variance": [2.0, 3.0, 5.0],
            "arm_share": [0.5, 2 / 3, 0.5],
        }
    )
    np.testing.assert_allclose(ev.shared_covariance(frame), [[2, -1, 0], [-1, 3, 0], [0, 0, 5]])


def test_nobody_is_counted_twice_in_the_review(review: Any) -> None:
    """The patients that an analysis takes from an arm are never more than the arm has."""
    shared = 0
    for name in review.analyses:
        split, whole = review.effects(name), review.effects(name, multi_arm="correlated")
        shared += whole["trial_id"].duplicated().any()
        sides = [("arm_id", "n_arm"), ("comparator_arm_id", "n_comparator")]
        used, size = (
            pd.concat(
                [frame[["trial_id", arm, n]].set_axis(["trial", "arm", "n"], axis=1) for arm, n in sides]
            )
            for frame in (split, whole)
        )
        total = used.groupby(["trial", "arm"])["n"].sum()
        largest = size.groupby(["trial", "arm"])["n"].max()
        assert not (total > largest + 1e-9).any()
    assert shared >= 5


def test_averages_of_the_review_stand_once_a_trial(review: Any) -> None:
    frame = review.effects("manual-inactive-disability-short", multi_arm="average")
    assert not frame["trial_id"].duplicated().any()
    assert (
        frame["trial_id"].nunique()
        == review.effects("manual-inactive-disability-short")["trial_id"].nunique()
    )


def test_one_comparison_a_trial(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 30", hum="humming, 60")
    for other, n, adjusted in (("quiet", 30, "no"), ("hum", 60, "no")):
        small.contrast(
            "ava", "song", other, estimate=-n / 10, se=1, n_arm=40, n_comparator=n, adjusted=adjusted
        )
    frame = small.read().comparisons("singing-crying-short", multi_arm="one")
    assert frame["status"].tolist() == ["pooled", "not poolable"]
    assert frame.loc[0, "comparator_arm_id"] == "hum"
    assert frame.loc[0, "n"] == 100
    assert frame.loc[1, "reason"] == "another comparison of the trial stands for it"
