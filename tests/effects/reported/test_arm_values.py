from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import norm, t

from evidence.effects.reported.arm_values import (
    ArmSizes,
    ArmValues,
    arm_values,
    score_sd,
    signed,
)
from evidence.effects.reported.reasons import Assumption, Form


@pytest.fixture
def value_of(small: Any) -> Any:
    """Read one result of an arm of a trial of 90 in which two arms of three have no stated size."""

    def read(**cells: Any) -> ArmValues:
        small.trial("ava", n=90, song="singing", tale="storytelling", quiet="silence, 30")
        small.arm("ava", cells.pop("arm", "song"), **cells)
        review = small.read()
        return arm_values(next(review.arm_results.itertuples()), ArmSizes(review.trials, review.arms))

    return read


def test_mean_and_sd(value_of: Any) -> None:
    found = value_of(mean=3.5, sd=2.0, n=16)
    assert (found.mean, found.sd, found.n, found.form) == (3.5, 2.0, 16, "means and SDs")
    assert found.se == pytest.approx(0.5)
    assert found.steps == ("song: mean 3.5, SD 2, n 16",)
    assert (found.n_assumptions, found.sd_assumptions, found.reason) == ((), (), None)


def test_standard_error_gives_sd(value_of: Any) -> None:
    found = value_of(mean=3.5, se=0.5, n=16)
    assert found.sd == pytest.approx(2.0)
    assert found.form == "means and SEs"
    assert found.sd_assumptions == ()


@pytest.mark.parametrize("n", [12, 59, 60, 400])
def test_interval_uses_t_in_arms_below_60(value_of: Any, n: int) -> None:
    found = value_of(mean=4, ci_low=3, ci_high=5, n=n)
    quantile = t.ppf(0.975, n - 1) if n < 60 else norm.ppf(0.975)
    assert found.se == pytest.approx(1 / quantile, rel=1e-12)
    assert found.sd == pytest.approx(math.sqrt(n) / quantile, rel=1e-12)
    assert ("t with" in found.steps[0]) == (n < 60)


def test_sd_of_an_adjusted_mean_is_named_as_an_assumption(value_of: Any) -> None:
    found = value_of(mean=4, ci_low=3, ci_high=5, n=80, adjusted="yes")
    assert found.sd_assumptions == (Assumption.SD_FROM_ADJUSTED_MEAN,)


def test_quartiles(value_of: Any) -> None:
    found = value_of(median=5.0, q1=4.0, q3=6.0, n=40)
    assert found.form == "medians and quartiles"
    assert found.mean == pytest.approx(5.0)
    # Wan 2014, eq. 16: IQR / (2 Phi^-1((0.75 n - 0.125) / (n + 0.25)))
    assert found.sd == pytest.approx(2.0 / (2 * norm.ppf((0.75 * 40 - 0.125) / 40.25)))


def test_skewed_quartiles_give_no_mean(value_of: Any) -> None:
    found = value_of(median=0.2, q1=0.0, q3=6.0, n=200)
    assert found.reason is not None
    assert found.reason.kind == "skewed"
    assert math.isnan(found.se)


@pytest.mark.parametrize("mean", ["", 4.0])
def test_quartiles_without_a_median_give_no_mean(mean: Any, value_of: Any) -> None:
    found = value_of(mean=mean, q1=1.0, q3=6.0, n=40)
    assert found.reason is not None
    assert found.reason.words.startswith("quartiles without a median")
    assert math.isnan(found.se)


def test_nothing_but_a_mean(value_of: Any) -> None:
    found = value_of(mean=4, n=20)
    assert found.mean == 4
    assert math.isnan(found.se)
    assert math.isnan(found.sd)


def test_size_falls_back_to_randomised_and_then_to_a_share(value_of: Any) -> None:
    assert value_of(mean=4, sd=1, arm="quiet").n_assumptions == (Assumption.RANDOMISED_AS_ANALYSED,)


def test_share_of_a_trials_total(value_of: Any) -> None:
    found = value_of(mean=4, sd=1)
    assert (found.n, found.n_assumptions) == (30, (Assumption.EQUAL_ALLOCATION,))
    assert found.sd_assumptions == ()  # a printed SD does not rest on n
    assert found.se == pytest.approx(1 / math.sqrt(30))


def test_no_share_where_margins_overlap(small: Any) -> None:
    small.trial("ava", n=90, song="singing, , margin", quiet="silence, , margin")
    review = small.read()
    size, assumptions = ArmSizes(review.trials, review.arms).analysed("ava", "song", math.nan)
    assert math.isnan(size)
    assert assumptions == ()


def _arm(sd: float, n: float) -> ArmValues:
    class Row:
        arm_id = "song"

    return ArmValues(1.0, sd, sd, n, (), (), Form.SDS, (), None, Row)


def test_sd_pooled_over_two_arms() -> None:
    sd, steps, _ = score_sd([_arm(2.0, 11), _arm(3.0, 21)])
    assert sd == pytest.approx(math.sqrt((10 * 4 + 20 * 9) / 30))
    assert len(steps) == 1
    assert steps[0].startswith("SD pooled over the arms (2 and 3)")


@pytest.mark.parametrize("order", [1, -1])
def test_sd_of_arms_of_unknown_size_does_not_depend_on_their_order(order: int) -> None:
    sd, _, _ = score_sd([_arm(2.0, math.nan), _arm(3.0, math.nan)][::order])
    assert sd == pytest.approx(math.sqrt(6.5))


def test_sd_of_one_arm_or_none() -> None:
    sd, steps, _ = score_sd([_arm(2.0, 11), _arm(math.nan, 21)])
    assert (sd, *steps) == (2.0, "SD of the arm song = 2")
    assert steps[0].naming({"song": "Singing", "arm": "x"}) == "SD of the arm Singing = 2"
    assert math.isnan(score_sd([])[0])


def test_negative_numbers_stand_in_parentheses() -> None:
    assert [signed(value) for value in (-1.5, 0.0, 2.25)] == ["(-1.5)", "0", "2.25"]
