"""Networks built from the tables: nodes, consistent contrasts, nobody counted twice."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import evidence as ev
from evidence.effects.choosing.network_data import network_refused, node_of
from evidence.errors import DataError
from evidence.tables.review import Review


@pytest.mark.parametrize(
    ("parts", "coarse", "fine"),
    [
        ("massage+usual_care", "massage", "massage"),
        ("exercise+massage", "massage+exercise", "massage+exercise"),
        ("sham+exercise", "exercise", "exercise"),
        ("sham+usual_care", "sham", "sham"),
        ("usual_care+education", "usual care", "usual_care+education"),
        ("electrotherapy+exercise", "exercise+other active", "exercise+electrotherapy"),
        ("electrotherapy+traction", "other active", "electrotherapy+traction"),
    ],
)
def test_background_is_no_part_of_a_node(review: Review, parts: str, coarse: str, fine: str) -> None:
    protocol = review.protocol
    assert node_of(parts, protocol.components, protocol.nodes["coarse"]) == coarse
    assert node_of(parts, protocol.components, protocol.nodes["fine"]) == fine


@pytest.mark.parametrize("nodes", ["coarse", "fine"])
@pytest.mark.parametrize("outcome", ["pain", "disability"])
def test_contrasts_of_a_trial_add_up_and_share_arm_variances(
    review: Review, outcome: str, nodes: str
) -> None:
    data = ev.network_data(review, outcome, "short", nodes=nodes)
    assert (data["treat1"] != data["treat2"]).all()
    assert np.isfinite(data[["effect", "se"]].to_numpy()).all()
    several = 0
    for _, trial in data.groupby("trial_id"):
        nodes_of_trial = sorted(set(trial["treat1"]) | set(trial["treat2"]))
        assert len(trial) == len(nodes_of_trial) * (len(nodes_of_trial) - 1) / 2
        place = dict.fromkeys(nodes_of_trial, 0.0)
        first = trial["treat1"].iloc[0]
        for row in trial[trial["treat1"] == first].itertuples():
            place[row.treat2] = -row.effect
        for row in trial.itertuples():
            assert row.effect == pytest.approx(place[row.treat1] - place[row.treat2], abs=1e-9)
        several += len(nodes_of_trial) > 2
        sizes = Counter(dict(zip(trial["treat1"], trial["n1"], strict=True)))
        assert set(sizes) <= set(nodes_of_trial)
    assert several


def test_what_a_network_cannot_use_is_listed_with_its_reason(review: Review) -> None:
    for outcome in ("pain", "disability"):
        used = ev.network_data(review, outcome, "short")
        rest = network_refused(review, outcome, "short")
        assert not set(rest["trial_id"]) & set(used["trial_id"])
        assert (rest["treat1"] < rest["treat2"]).all()
        assert not rest.duplicated(["trial_id", "treat1", "treat2", "reason"]).any()
        assert all(kind.parts for kind in rest["reason_kind"])
        doubles = {name for group in review.protocol.same_patients for name in group.trials[1:]}
        first = {group.trials[0]: group.trials[1:] for group in review.protocol.same_patients}
        counted = {name for one, others in first.items() if one in set(used["trial_id"]) for name in others}
        assert not counted & set(rest["trial_id"]) & doubles


def test_two_arm_trials_keep_their_effect_and_standard_error(review: Review) -> None:
    data = ev.network_data(review, "disability", "short", mixed=True).set_index("trial_id")
    effects = review.effects("with-exercise-usual-disability-short").set_index("trial_id")
    row = effects.loc["frost-2004"]
    edge = data.loc["frost-2004"]
    sign = 1 if edge["treat1"] == "manual_therapy+exercise" else -1
    assert sign * edge["effect"] == pytest.approx(row["effect"], rel=1e-12)
    assert edge["se"] == pytest.approx(row["se"], rel=1e-12)


def test_arms_of_one_node_are_averaged(review: Review) -> None:
    data = ev.network_data(review, "disability", "short").set_index("trial_id")
    massage = review.effects("massage-inactive-disability-short", multi_arm="correlated")
    arms = massage[massage["trial_id"] == "cherkin-2011"]
    edge = data.loc["cherkin-2011"]
    sign = 1 if edge["treat1"] == "massage" else -1
    assert sign * edge["effect"] == pytest.approx(arms["effect"].mean(), rel=1e-12)
    assert edge["se"] < arms["se"].min()


@pytest.mark.parametrize(
    "given", [{"outcome": "joy"}, {"window": "tomorrow"}, {"nodes": "huge"}, {"multi": 1}]
)
def test_unknown_words_are_named(review: Review, given: dict[str, object]) -> None:
    words = {"outcome": "pain", "window": "short", **given}
    outcome, window = str(words.pop("outcome")), str(words.pop("window"))
    with pytest.raises(DataError, match=str(next(iter(given.values()))) if "multi" not in given else "multi"):
        ev.network_data(review, outcome, window, **words)  # type: ignore[arg-type]
