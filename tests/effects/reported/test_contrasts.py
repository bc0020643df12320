from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
from scipy.stats import norm, t

from evidence.effects.reported.contrasts import Contrast, contrast_words, reported_contrasts
from evidence.effects.reported.reasons import Assumption, Form, Reason


@pytest.fixture
def only(small: Any) -> Any:
    """Read the only contrast of a trial of 30 v 40 that reports one difference."""

    def read(**cells: Any) -> Contrast:
        small.trial("ava", song="singing, 30", quiet="silence, 40")
        small.contrast("ava", "song", "quiet", **cells)
        (contrast,) = reported_contrasts(small.read())
        return contrast

    return read


def test_interval_of_a_large_trial_is_normal(only: Any) -> None:
    found = only(estimate=-2.9, ci_low=-4.0, ci_high=-1.8, ci_level=95, n_arm=100, n_comparator=100)
    assert found.se == pytest.approx(2.2 / (2 * norm.ppf(0.975)), rel=1e-12)
    assert (found.forms, found.assumptions) == ((Form.DIFFERENCE_CI,), ())


def test_interval_of_a_small_trial_uses_t(only: Any) -> None:
    found = only(estimate=-2, ci_low=-3, ci_high=-1, ci_level=95)
    assert found.se == pytest.approx(1 / t.ppf(0.975, 68), rel=1e-12)
    assert found.assumptions == (Assumption.RANDOMISED_AS_ANALYSED,)


@pytest.mark.parametrize("level", [90, 0.9])
def test_level_of_the_interval_in_percent_or_as_a_share(only: Any, level: float) -> None:
    found = only(estimate=-2, ci_low=-3, ci_high=-1, ci_level=level, n_arm=99, n_comparator=99)
    assert found.se == pytest.approx(1 / norm.ppf(0.95), rel=1e-12)


def test_unstated_level_is_an_assumption(only: Any) -> None:
    found = only(estimate=-2, ci_low=-3, ci_high=-1, n_arm=99, n_comparator=99)
    assert found.assumptions == (Assumption.LEVEL_ASSUMED,)


def test_exact_p_value(only: Any) -> None:
    found = only(estimate=-1.3, p_value=0.01, p_operator="=", n_arm=78, n_comparator=90)
    assert found.se == pytest.approx(1.3 / t.ppf(0.995, 166), rel=1e-12)
    assert found.forms == (Form.DIFFERENCE_P,)


def test_p_value_of_a_trial_of_unknown_size_is_normal(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    small.contrast("ava", "song", "quiet", estimate=-1.3, p_value=0.01, p_operator="=")
    (found,) = reported_contrasts(small.read())
    assert found.se == pytest.approx(1.3 / norm.ppf(0.995), rel=1e-12)


@pytest.mark.parametrize(
    "beside", [{}, {"p_value": 0.2, "p_operator": "="}, {"p_value": 0.001, "p_operator": "<"}]
)
def test_the_sizes_give_the_se_of_a_standardised_difference_whatever_its_p(only: Any, beside: Any) -> None:
    found = only(measure="SMD", estimate=-0.45, n_arm=30, n_comparator=40, **beside)
    assert found.se == pytest.approx(math.sqrt(1 / 30 + 1 / 40 + 0.45**2 / 140), rel=1e-12)
    assert (found.estimate, found.forms) == (-0.45, (Form.DIFFERENCE_SIZES,))
    assert "SE = √(1/30 + 1/40 + (-0.45)²/(2 × 70)) = 0.2445" in [str(one) for one in found.steps]


def test_reported_se_goes_before_interval_and_p(only: Any) -> None:
    found = only(estimate=-2, se=0.7, ci_low=-3, ci_high=-1, p_value=0.2, p_operator="=")
    assert (found.se, found.forms) == (0.7, (Form.DIFFERENCE_SE,))


@pytest.mark.parametrize("measure", ["RR", "OR"])
def test_ratio_is_recovered_on_the_log_scale(only: Any, measure: str) -> None:
    found = only(instrument="settled", measure=measure, estimate=1.5, ci_low=1.0, ci_high=2.25, ci_level=95)
    assert found.estimate == pytest.approx(math.log(1.5))
    assert found.se == pytest.approx(math.log(2.25) / (2 * norm.ppf(0.975)))


def test_risk_difference_of_small_arms_is_normal(only: Any) -> None:
    found = only(instrument="settled", measure="RD", estimate=0.1, ci_low=-0.1, ci_high=0.3, ci_level=95)
    assert found.se == pytest.approx(0.2 / norm.ppf(0.975))


def test_pair_of_means_with_p_value(small: Any) -> None:
    small.trial("ava", song="singing, 30", quiet="silence, 40")
    small.arm("ava", "song", mean=3.41)
    small.arm("ava", "quiet", mean=4.71)
    small.contrast("ava", "song", "quiet", p_value=0.01, p_operator="=")
    found, of_arms = reported_contrasts(small.read())
    assert found.forms == (Form.MEANS_P,)
    assert found.estimate == pytest.approx(-1.3)
    assert found.se == pytest.approx(1.3 / t.ppf(0.995, 68))
    assert found.result_ids == ("contrast_results-1", "arm_results-1", "arm_results-2")
    assert of_arms.reason == Reason("no spread", "no SD, SE, interval or quartiles in either arm")


@pytest.mark.parametrize(
    ("cells", "kind", "words"),
    [
        (
            {"p_value": 0.03, "p_operator": "="},
            "only a P value",
            "only a P value (P = 0.03), no difference and no pair of means",
        ),
        (
            {"estimate": -2, "p_value": 0.05, "p_operator": "<"},
            "only a bound",
            "the P value is only a bound (P < 0.05) and there is no interval",
        ),
        (
            {"estimate": -2, "p_value": 1, "p_operator": "="},
            "uninformative P value",
            "a P value printed as 1 says nothing",
        ),
        (
            {"estimate": -2, "p_value": 0, "p_operator": "="},
            "uninformative P value",
            "a P value printed as 0 says nothing",
        ),
        ({"estimate": 0, "p_value": 0.9, "p_operator": "="}, "uninformative P value", "the difference is 0"),
        ({"estimate": -2}, "no spread", "neither interval, standard error nor P value"),
        ({}, "no estimate", "no estimate"),
    ],
)
def test_why_not(only: Any, cells: dict[str, Any], kind: str, words: str) -> None:
    found = only(**cells)
    assert found.reason.kind == kind
    assert found.reason.words.startswith(words)
    assert math.isnan(found.se)


def test_doubtful_row_is_kept_with_its_doubt(only: Any) -> None:
    found = only(estimate=-2, ci_low=1, ci_high=3, note="CHECK: lost minus sign")
    assert found.doubt == "lost minus sign"
    assert found.reason.kind == "inconsistent"
    assert "outside its interval" in found.reason.words


@pytest.mark.parametrize(("note", "doubt"), [("CHECK:", "no reason given"), ("see CHECK: above", "")])
def test_a_mark_without_words_is_a_doubt(only: Any, note: str, doubt: str) -> None:
    assert only(estimate=2, ci_low=1, ci_high=3, note=note).doubt == doubt


@pytest.fixture
def of_arms(small: Any) -> Any:
    """Read the contrast of two arms of 40 and 50."""

    def read(first: dict[str, Any], second: dict[str, Any], **both: Any) -> Contrast:
        small.trial("ava", song="singing, 40", quiet="silence, 50")
        small.arm("ava", "song", **{**both, **first})
        small.arm("ava", "quiet", **{**both, **second})
        (contrast,) = reported_contrasts(small.read())
        return contrast

    return read


def test_means_and_sds(of_arms: Any) -> None:
    found = of_arms({"mean": 3, "sd": 2, "n": 40}, {"mean": 5, "sd": 3, "n": 50})
    variances = 4 / 40, 9 / 50
    assert found.estimate == -2
    assert found.se == pytest.approx(math.sqrt(sum(variances)))
    assert found.arm_share == pytest.approx(variances[0] / sum(variances))
    assert found.sd == pytest.approx(math.sqrt((39 * 4 + 49 * 9) / 88))
    assert found.steps[2] == "MD = 3 - 5 = -2"


def test_standard_errors_need_no_sizes(of_arms: Any) -> None:
    found = of_arms({"mean": 3, "se": 0.3}, {"mean": -5, "se": 0.4})
    assert found.se == pytest.approx(0.5)
    assert found.assumptions == ()
    assert "MD = 3 - (-5) = 8" in found.steps


def test_one_arm_without_spread(of_arms: Any) -> None:
    found = of_arms({"mean": 3, "sd": 2, "n": 40}, {"mean": 5})
    assert found.reason == Reason("no spread", "no SD, SE, interval or quartiles in one of the arms")
    assert found.estimate == -2


def test_unknown_size(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    small.arm("ava", "song", mean=3, sd=2)
    small.arm("ava", "quiet", mean=5, sd=2)
    (found,) = reported_contrasts(small.read())
    assert found.reason == Reason("no size", "the number of patients is not stated")


def test_counts(of_arms: Any) -> None:
    found = of_arms({"events": 20}, {"events": 10}, instrument="settled")
    assert found.estimate == pytest.approx(math.log((20 / 40) / (10 / 50)))
    assert found.se == pytest.approx(math.sqrt(1 / 20 - 1 / 40 + 1 / 10 - 1 / 50))
    assert found.arm_share == pytest.approx((1 / 20 - 1 / 40) / found.se**2)
    assert found.assumptions == (Assumption.RANDOMISED_AS_ANALYSED,)


def test_empty_cell_gets_half_a_patient(of_arms: Any) -> None:
    found = of_arms({"events": 0, "n": 40}, {"events": 10, "n": 50}, instrument="settled")
    assert found.estimate == pytest.approx(math.log((0.5 / 41) / (10.5 / 51)))
    assert found.se == pytest.approx(math.sqrt(1 / 0.5 - 1 / 41 + 1 / 10.5 - 1 / 51))
    assert found.arm_share == pytest.approx((1 / 0.5 - 1 / 41) / found.se**2)
    assert "0.5 added" in found.steps[0]


def test_no_event_at_all(of_arms: Any) -> None:
    found = of_arms({"events": 0}, {"events": 0}, instrument="settled")
    assert found.reason == Reason("no events", "no event in either arm: the ratio is not defined")


def test_events_not_stated(of_arms: Any) -> None:
    found = of_arms({"events": 3}, {}, instrument="settled")
    assert found.reason == Reason("no events", "the number of events is not stated")


def test_events_over_time_are_rates_not_people(of_arms: Any) -> None:
    """One patient may have several, so there may be more than patients."""
    found = of_arms(
        {"events": 60, "person_time": 100}, {"events": 20, "person_time": 110}, instrument="settled"
    )
    assert found.measure == "IRR"
    assert found.estimate == pytest.approx(math.log((60 / 100) / (20 / 110)), rel=1e-12)
    assert found.se == pytest.approx(math.sqrt(1 / 60 + 1 / 20), rel=1e-12)
    assert found.arm_share == pytest.approx((1 / 60) / (1 / 60 + 1 / 20), rel=1e-12)
    assert found.assumptions == ()
    assert found.events is None  # no share of people can be taken from them


def test_no_event_in_one_arm_over_time_gets_half_an_event(of_arms: Any) -> None:
    found = of_arms(
        {"events": 0, "person_time": 100}, {"events": 10, "person_time": 50}, instrument="settled"
    )
    assert found.estimate == pytest.approx(math.log((0.5 / 100) / (10.5 / 50)), rel=1e-12)
    assert found.se == pytest.approx(math.sqrt(1 / 0.5 + 1 / 10.5), rel=1e-12)
    assert "0.5 added" in found.steps[0]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (0, 0, "no event in either arm: the ratio is not defined"),
        (3, "", "the number of events is not stated"),
    ],
)
def test_events_over_time_without_a_ratio(of_arms: Any, first: int, second: Any, words: str) -> None:
    found = of_arms(
        {"events": first, "person_time": 100}, {"events": second, "person_time": 50}, instrument="settled"
    )
    assert found.reason == Reason("no events", words)


def test_results_of_different_measurements_are_not_subtracted(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3, sd=2)
    small.arm("ava", "quiet", mean=5, sd=2, timepoint_weeks=11)
    small.arm("ava", "quiet", mean=5, sd=2, statistic="change")
    small.arm("ava", "quiet", mean=5, sd=2, instrument="CRY now")
    assert reported_contrasts(small.read()) == ()


def test_baseline_is_left_out(of_arms: Any, small: Any) -> None:
    with pytest.raises(ValueError, match="unpack"):
        of_arms({"mean": 3, "sd": 2}, {"mean": 5, "sd": 2}, timepoint_weeks=0)


def test_reversed_twice_is_the_same_comparison(of_arms: Any) -> None:
    found = of_arms({"events": 20}, {"events": 10}, instrument="settled")
    other = found.reversed()
    assert (other.estimate, other.arm_share) == (-found.estimate, 1 - found.arm_share)
    assert other.events == (10, 50, 20, 40)
    again = other.reversed()
    assert (again.estimate, again.arm_id, again.events) == (found.estimate, "song", found.events)
    assert again.arm_share == pytest.approx(found.arm_share)


def test_description_names_scale_time_and_statistic(only: Any) -> None:
    found = only(estimate=-2, se=1, scale_min=0, scale_max=10, adjusted="yes")
    assert list(contrast_words(found)) == ["CRY 0-10 at 10 weeks", "final scores", "adjusted"]
    untimed = dataclasses.replace(found, weeks=math.nan)
    assert next(iter(contrast_words(untimed))) == "CRY 0-10, time not stated"


def test_exchanged_columns_with_negated_numbers_are_the_same_comparison(small: Any) -> None:
    small.trial("ava", song="singing, 30", quiet="silence, 40")
    small.contrast("ava", "song", "quiet", estimate=-2, ci_low=-3, ci_high=-1, ci_level=95)
    small.contrast("ava", "quiet", "song", estimate=2, ci_low=1, ci_high=3, ci_level=95)
    first, second = reported_contrasts(small.read())
    other = second.reversed()
    assert (other.estimate, other.n_arm, other.arm_share) == (first.estimate, first.n_arm, first.arm_share)
    assert other.se == pytest.approx(first.se, rel=1e-14)


MISPRINT = {"estimate": -2, "ci_low": 1, "ci_high": 3, "ci_level": 95, "note": "CHECK: a lost sign"}


def test_beside_a_misprinted_interval_the_p_value_is_left(only: Any) -> None:
    found = only(**MISPRINT, p_value=0.01, p_operator="=", n_arm=78, n_comparator=90)
    assert (found.reason, found.forms) == (None, (Form.DIFFERENCE_P,))
    assert found.se == pytest.approx(2 / t.ppf(0.995, 166), rel=1e-12)
    assert found.df == 166
    assert found.steps[0] == "The interval, 1 to 3, does not hold the estimate"


def test_a_misprinted_interval_is_refused_without_an_exact_p_value(only: Any) -> None:
    found = only(**MISPRINT, p_value=0.01, p_operator="<")
    assert found.reason.kind == "inconsistent"


def test_sizes_of_a_difference_may_stand_beside_the_means(small: Any) -> None:
    small.trial("ava", song="singing, 30", quiet="silence, 40")
    small.contrast("ava", "song", "quiet", estimate=-2, ci_low=-3, ci_high=-1, ci_level=95)
    small.arm("ava", "quiet", mean=5.0, n=36)
    (found,) = (one for one in reported_contrasts(small.read()) if not one.from_arms)
    assert (found.n_arm, found.n_comparator) == (30, 36)
    assert found.assumptions == (Assumption.RANDOMISED_AS_ANALYSED,)
    assert found.df == 64
