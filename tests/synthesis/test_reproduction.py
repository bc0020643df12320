from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.synthesis.reproduction import PLACES


def test_values_of_another_review_give_what_it_printed_nearly(review: Any) -> None:
    found = ev.reproduce(review, "rubinstein-2019-frame-pain-one-month")
    assert found.theirs is not None
    printed = found.published["estimate"].item()
    # 19 of its 23 comparisons were seen, so only the neighbourhood can be asked for.
    assert abs(found.theirs.estimate - printed) < 2
    wilkey = found.trials[found.trials["trial_id"] == "wilkey-2008"].iloc[0]
    assert wilkey["place"] == "in both"
    assert (wilkey["their_effect"], wilkey["effect"]) == (pytest.approx(-27.2), pytest.approx(-27.2))
    assert "Rubinstein 2019 printed −3.2 on the scale 0-100 (95% CI " in found.note
    people = f"from {found.own.k} comparisons in {found.own.trials} trials with {found.own.n:,.0f} people."
    assert " points of 0 to 100 (95% CI " in found.note
    assert people in found.note
    standardised = ev.reproduce(review, review.protocol.reproductions[0].title).note
    assert "printed −0.75 SD (95% CI −0.90 to −0.60), 7 studies, 761 people." in standardised
    assert found.note in found.summary()


def test_every_trial_has_a_place_and_the_lost_ones_a_reason(review: Any) -> None:
    for entry in review.protocol.reproductions:
        found = ev.reproduce(review, entry.title)
        frame = found.to_frame()
        assert set(frame["place"]) <= set(PLACES)
        lost = frame[frame["place"] == PLACES[1]]
        assert (lost["reason"] != "").all()
        assert lost["effect"].isna().all()
        known = review.review_trials[review.review_trials["review_id"] == entry.review]
        assert set(known["trial_id"]) <= set(frame["trial_id"])
        # Nothing of its own analysis is missing, and nothing stands twice.
        np.testing.assert_allclose(np.sort(frame["effect"].dropna()), np.sort(found.own.effects["effect"]))


def test_trials_that_only_the_other_review_has_are_named(review: Any) -> None:
    added = review.review_trials.iloc[:1].assign(label="Nobody 1999", trial_id="", m1=math.nan)
    wider = dataclasses.replace(review, review_trials=added)
    frame = ev.reproduce(wider, "rubinstein-2019-frame-pain-one-month").trials
    assert frame.loc[frame["label"] == "Nobody 1999", "place"].item() == PLACES[2]


def test_trials_known_not_to_be_in_the_other_review_are_said_to_be(review: Any) -> None:
    absent = set(review.trials.loc[review.trials["in_furlan_2015"] == "no", "trial_id"])
    frame = ev.reproduce(review, "furlan-2015-frame-pain-cochrane-short").trials
    ours = frame[frame["place"].str.startswith("here, not")]
    assert set(ours.loc[ours["place"] == PLACES[6], "trial_id"]) == set(ours["trial_id"]) & absent
    assert frame.set_index("trial_id").loc["arguisuelas-2017", "place"] == "here, not in the other review"
    entry = review.protocol.reproductions[0].model_copy(update={"included": "in_nothing"})
    protocol = review.protocol.model_copy(update={"reproductions": (entry,)})
    with pytest.raises(DataError, match="no column in_nothing"):
        ev.reproduce(dataclasses.replace(review, protocol=protocol), entry.title)


def test_a_trial_of_which_one_group_alone_has_a_result_says_so(review: Any) -> None:
    trials = ev.reproduce(review, "rubinstein-2019-frame-pain-one-month").trials.set_index("trial_id")
    said = "a result for pain in this window was seen of one of the two groups only"
    assert trials.loc["uk-beam-2004", "reason"] == said
    # A final score of one group at four weeks, a change of the other at three.
    said = "the results of the two groups for pain in this window differ in time, scale or kind"
    assert set(trials.loc[["cecchi-2010"], "reason"]) == {said}


def test_a_trial_has_the_name_of_these_tables(review: Any) -> None:
    names = set(review.trials["label"])
    for entry in review.protocol.reproductions:
        trials = ev.reproduce(review, entry.title).trials
        assert set(trials["label"][trials["trial_id"] != ""]) <= names | set(review.excluded["label"])


def test_unknown_reproductions_are_refused(review: Any) -> None:
    with pytest.raises(DataError, match="reproduces nothing called 'x'"):
        ev.reproduce(review, "x")


def test_a_page_shows_labels_and_no_ids(review: Any) -> None:
    for entry in review.protocol.reproductions:
        table = ev.reproduce(review, entry.title).table
        assert table.columns.tolist()[1:3] == ["place", "effect there"]
        told = " ".join(table["why there are no numbers here"])
        assert not [name for name in review.trials["trial_id"] if name in told]
