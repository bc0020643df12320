"""Absolute effects: formulas against R, what they take from data, and how they read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evidence as ev
from evidence.appraisal.certainty.absolute_data import comparator_responses, implied_sd, instrument_sd
from evidence.appraisal.certainty.absolute_formulas import (
    METHODS,
    improved,
    needed_to_treat,
    probability_beyond,
    risk_with,
)
from evidence.errors import DataError

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "certainty.json").read_text())
effects = st.floats(-3, 3)
shares = st.floats(0.01, 0.99)


def improved_values() -> Iterator[tuple[Any, Any]]:
    """Shares of patients who improve: ours and those of R, for each method."""
    rows = REFERENCE["improved"]
    for method in METHODS:
        found = improved([row["d"] for row in rows], [row["p"] for row in rows], method=method)
        yield found, [row[method] for row in rows]


def beyond_values() -> Iterator[tuple[Any, Any]]:
    """Probabilities of effects above thresholds: ours and those of R, for each prediction interval."""
    for prediction in ("V", "HTS", "z"):
        fit = ev.pool(REFERENCE["bcg"]["yi"], REFERENCE["bcg"]["vi"], prediction=prediction)
        rows = REFERENCE["beyond"]
        yield [probability_beyond(fit, row["threshold"]) for row in rows], [row[prediction] for row in rows]


def test_share_improved_is_that_of_r() -> None:
    for ours, theirs in improved_values():
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_probability_beyond_is_that_of_r() -> None:
    for ours, theirs in beyond_values():
        np.testing.assert_allclose(ours, theirs, rtol=1e-7)


@pytest.mark.parametrize("prediction", ["V", "HTS", "z"])
def test_prediction_limits_leave_the_same_tails(prediction: str) -> None:
    fit = ev.pool(REFERENCE["bcg"]["yi"], REFERENCE["bcg"]["vi"], prediction=prediction, level=0.9)
    assert probability_beyond(fit, fit.prediction_high) == pytest.approx(0.05, rel=1e-9)
    assert probability_beyond(fit, fit.prediction_low) == pytest.approx(0.95, rel=1e-9)


def test_no_probability_without_a_predictive_distribution() -> None:
    assert math.isnan(probability_beyond(ev.pool([0.1], [0.2]), 0))
    assert math.isnan(probability_beyond(ev.pool([0.1, 0.3], [0.2, 0.1], method="EE", ci="z"), 0))
    assert math.isnan(probability_beyond(ev.pool([0.1, 0.1], [0.2, 0.1]), 0))


@given(d=effects, p=shares)
@pytest.mark.parametrize("method", METHODS)
def test_harm_mirrors_benefit(method: str, d: float, p: float) -> None:
    assert improved(d, p, method=method) == pytest.approx(1 - improved(-d, 1 - p, method=method), abs=1e-12)
    assert improved(0.0, p, method=method) == pytest.approx(p, rel=1e-12)


@given(p=shares, low=effects, more=st.floats(0.01, 2))
def test_more_benefit_means_more_patients(p: float, low: float, more: float) -> None:
    assert improved(low + more, p) >= improved(low, p)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, math.nan])
def test_a_response_must_be_a_share(share: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        improved(0.5, share)


def test_unknown_method() -> None:
    with pytest.raises(DataError, match="choose one of"):
        improved(0.5, 0.5, method="probit")


def test_risks() -> None:
    assert risk_with(math.log(2), 0.2, "RR") == pytest.approx(0.4)
    assert risk_with(math.log(4), 0.5, "RR") == 1.0
    assert risk_with(math.log(2), 0.5, "OR") == pytest.approx(2 / 3)
    assert risk_with(-0.3, 0.2, "RD") == 0.0
    assert risk_with(math.log(2), 0.2, "HR") == pytest.approx(1 - 0.8**2)


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        ((0.2, 0.1, 0.4), "5 (3 to 10)"),
        ((0.1, -0.05, 0.2), "no number: the interval runs from gain to loss"),
        ((-0.1, -0.25, 0.05), "no number: the interval runs from gain to loss"),
        ((-0.2, -0.5, -0.1), "5 for one to lose (2 to 10)"),
        ((0.1, 0.0, 0.2), "10 (5 or more)"),
        ((math.nan, math.nan, math.nan), ""),
    ],
)
def test_number_needed_to_treat(gain: tuple[float, float, float], text: str) -> None:
    assert needed_to_treat(*gain) == text


def _singing(small: Any, **outcome: Any) -> Any:
    """Two trials of sleep (higher is better) whose comparators also report who settled."""
    small.protocol["outcomes"]["sleep"] |= {"better": "higher", **outcome}
    small.protocol["certainty"] = {"response_outcome": "settled"}
    for trial, mean, events in (("ava", 8.0, 10), ("ben", 9.0, 20)):
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        small.arm(trial, "song", "SLEEP", mean=mean, sd=2.0, n=40)
        small.arm(trial, "quiet", "SLEEP", mean=7.0, sd=2.5, n=50)
        small.arm(trial, "quiet", "settled", n=50, events=events)
    return small


def test_response_is_the_median_of_comparator_arms(small: Any) -> None:
    review = _singing(small).read()
    analysis = review.analysis("singing-sleep-short")
    arms = comparator_responses(review, analysis, "settled")
    assert list(arms["risk"]) == [0.2, 0.4]
    assert arms["own"].all()
    found = ev.absolute_effects(review, analysis)
    fit = ev.synthesise(review, analysis).fit
    assert fit is not None
    assert found.response == pytest.approx(0.3)
    assert found.improved[0] == pytest.approx(improved(fit.estimate, 0.3))
    assert found.gain[0] > 0
    assert found.unit == "standard deviations"
    assert "median of 2 comparator arms of this analysis" in found.summary()


@pytest.mark.parametrize("own", [True, False])
def test_of_a_hundred_people_the_gain_is_told_with_its_interval_and_where_the_share_is_from(
    small: Any, own: bool
) -> None:
    review = _singing(small)
    for row in review.rows["arm_results"]:
        if row["instrument"] == "settled" and not own:
            row["timepoint_weeks"] = 52
    answer = ev.answer_question(review.read(), "singing", deep=False)
    found = answer.absolute
    more, low, high = (100 * value for value in found.gain)
    assert found.own is own
    # The gain has an interval of its own, and is no difference of rounded shares.
    assert answer.people == pytest.approx({"without": 30, "more": more, "low": low, "high": high})
    said = answer.people_sentence
    assert said.startswith(f"If the average holds ({answer.lead.level} certainty) and 30 of 100 improve with")
    assert f"(median of 2 groups{'' if own else ' of other analyses'}: settled), about" in said
    assert f"about {more:.0f} more (" in said
    assert f"{low:.0f} to {high:.0f}) would with the treatment (sleep, short term)." in said.replace(
        "\u2212", "-"
    )


def test_the_share_of_one_group_names_its_trial(small: Any) -> None:
    review = _singing(small)
    last = [row for row in review.rows["arm_results"] if row["instrument"] == "settled"][-1]
    review.rows["arm_results"].remove(last)
    made = review.read()
    found = ev.answer_question(made, "singing", deep=False)
    (label,) = [
        made.trials.set_index("trial_id")["label"][name]
        for name in comparator_responses(made, found.lead.analysis, "settled")["trial_id"]
    ]
    assert f"improve with the comparator ({label}: settled), about" in found.people_sentence
    shown = ev.patients_table(made, [found.lead]).shown
    assert shown["Improve with the comparator"].item().endswith(f" ({label}: settled)")


def test_of_a_hundred_people_those_with_and_without_differ_by_what_is_told(review: Any) -> None:
    seen = 0
    for name in review.protocol.question_groups:
        answer = ev.answer_question(review, name, deep=False)
        if not (people := answer.people):
            continue
        without, (with_it, low, high) = answer.absolute.of_100
        told = [round(people[key]) for key in ("without", "more", "low", "high")]
        assert [without, with_it - without, low - without, high - without] == told
        shown = ev.patients_table(review, [answer.lead]).shown
        assert shown["Improve with the treatment"].item() == f"{with_it} ({low} to {high})"
        seen += 1
    assert seen > 3


def test_response_of_other_analyses_where_there_is_none_of_its_own(small: Any) -> None:
    review = _singing(small).read()
    arms = comparator_responses(review, review.analysis("singing-sleep-long"), "settled")
    assert len(arms) == 2
    assert not arms["own"].any()


def test_response_of_analyses_with_the_same_comparators_before_all_others(small: Any) -> None:
    made = _singing(small)
    for row in made.rows["arm_results"]:
        if row["instrument"] == "settled":
            row["timepoint_weeks"] = 52
    made.protocol["analyses"].append(
        made.protocol["analyses"][0]
        | {"id": "rock", "intervention": "rocking", "title": "Rocking v nothing", "singing": "no"}
        | {"comparator": ["usual", "inactive"], "outcomes": ["sleep"], "windows": ["short"]}
    )
    made.trial("cid", rock="rocking, 40", quiet="silence, 50")
    made.arm("cid", "quiet", "settled", n=50, events=35)
    made.trial("dora", song="singing, 40", rock="rocking, 50")  # another question: rocking is no silence
    made.arm("dora", "rock", "settled", n=50, events=45)
    review = made.read()
    arms = comparator_responses(review, review.analysis("singing-sleep-short"), "settled")
    assert arms["trial_id"].tolist() == ["cid"]
    assert not arms["own"].any()


def test_points_of_an_instrument_by_its_own_spread(small: Any) -> None:
    review = _singing(small, present_as={"instrument": "SLEEP", "sd": "from data"}).read()
    sd, trials = instrument_sd(review, "SLEEP")
    assert (sd, trials) == (2.25, 2)
    found = ev.absolute_effects(review, "singing-sleep-short")
    fit = ev.synthesise(review, "singing-sleep-short").fit
    assert fit is not None
    assert found.unit == "SLEEP points"
    np.testing.assert_allclose(found.difference, np.array([fit.estimate, fit.ci_low, fit.ci_high]) * 2.25)
    given_sd = _singing_again(small, 4.0)
    assert given_sd.difference[0] == pytest.approx(fit.estimate * 4.0)


def _singing_again(small: Any, sd: Any) -> ev.AbsoluteEffects:
    small.protocol["outcomes"]["sleep"]["present_as"] = {"instrument": "SLEEP", "sd": sd}
    return ev.absolute_effects(small.read(), "singing-sleep-short")


@pytest.mark.parametrize("sd", [-1, "from memory"])
def test_a_presented_spread_must_be_usable(small: Any, sd: Any) -> None:
    with pytest.raises(DataError, match="present_as"):
        _singing_again(_singing(small), sd)


def test_presenting_needs_an_instrument(small: Any) -> None:
    with pytest.raises(DataError, match="name the instrument"):
        ev.absolute_effects(_singing(small, present_as={"sd": 2}).read(), "singing-sleep-short")


def test_ratios_per_thousand(small: Any) -> None:
    for trial, quiet, song in (("ava", 10, 20), ("ben", 20, 30)):
        small.trial(trial, song="singing, 50", quiet="silence, 50")
        small.arm(trial, "song", "settled", n=50, events=song)
        small.arm(trial, "quiet", "settled", n=50, events=quiet)
    review = small.read()
    found = ev.absolute_effects(review, "singing-settled-short")
    fit = ev.synthesise(review, "singing-settled-short").fit
    assert fit is not None
    assert found.response == pytest.approx(0.3)
    assert found.difference[0] == pytest.approx(1000 * 0.3 * (math.exp(fit.estimate) - 1))
    assert found.gain[0] == pytest.approx(found.difference[0] / 1000)
    low = ev.absolute_effects(review, "singing-settled-short", response=0.1)
    assert low.difference[0] == pytest.approx(100 * (math.exp(fit.estimate) - 1))


def test_nothing_without_evidence(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    found = ev.absolute_effects(small.read(), "singing-crying-short")
    assert found.unit == ""
    assert found.needed == ""
    assert math.isnan(found.beyond)


def test_bad_options(filled: Any) -> None:
    review = filled.read()
    with pytest.raises(DataError, match="between 0 and 1"):
        ev.absolute_effects(review, "singing-crying-short", response=1.0)
    with pytest.raises(DataError, match="unknown method"):
        ev.absolute_effects(review, "singing-crying-short", method="guess")


def test_implied_spread_is_the_common_one(filled: Any) -> None:
    frame = filled.read().effects("singing-crying-short")
    # On 0 to 100; both trials have SDs 2.0 and 2.5 of 40 and 50 babies, whose unpooled se implies about 23.
    expected = 10 * math.sqrt((4.0 / 40 + 6.25 / 50) / (1 / 40 + 1 / 50))
    assert implied_sd(frame, "MD") == pytest.approx(expected, rel=0.05)
    assert implied_sd(frame, "SMD") == 1.0
    assert math.isnan(implied_sd(frame.assign(n_arm=math.nan), "MD"))


def test_responses_that_are_varied(review: ev.Review, combining_two: ev.Review) -> None:
    table = ev.improved_by_response(review, "massage-inactive-disability-short")
    assert set(table["source"]) == {"data", "varied"}
    assert (table["improved"] > table["response"]).all()
    events = ev.improved_by_response(combining_two, "manual-inactive-responder-short", [0.2, 0.4])
    assert list(events["response"]) == [0.2, 0.4]


@pytest.mark.parametrize("measure", ["HR", "IRR", "ROM"])
def test_a_ratio_without_counts_is_rated_without_inventing_risks(small: Any, measure: str) -> None:
    small.protocol["outcomes"]["settled"] |= {"measure": measure}
    for trial, estimate in (("ava", 0.3), ("ben", 0.9), ("cam", 0.2)):
        small.trial(trial, song="singing, 40", quiet="silence, 50")
        small.contrast(
            trial, "song", "quiet", "settled", measure=measure, estimate=estimate, ci_low=estimate / 2,
            ci_high=estimate * 2, ci_level=95, n_arm=40, n_comparator=50,
        )  # fmt: skip
    review = small.read()
    analysis = review.analysis("singing-settled-short")
    found = ev.absolute_effects(review, analysis)
    assert found.unit == ""
    assert all(math.isnan(value) for value in found.difference)
    assert 0.0 < found.better < 1.0
    assert ev.grade(review, analysis).level
