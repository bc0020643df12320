from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evidence.effects.sizes.designs import (
    change_correlation,
    combine_arms,
    combine_events,
    crossover_smd,
    design_effect,
    effective_size,
    inflate_variance,
    sd_from_interval,
    sd_from_se,
    sd_of_change,
)
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError

SDS = st.floats(0.1, 50)


def test_design_effect_and_what_follows_from_it() -> None:
    assert design_effect(21, 0.05) == pytest.approx(2)
    assert design_effect(1, 0.9) == 1
    assert design_effect(20, 0.05, cv=0.6) == pytest.approx(1 + (1.36 * 20 - 1) * 0.05)
    assert effective_size(100, 21, 0.05) == pytest.approx(50)
    assert inflate_variance(0.04, 21, 0.05) == pytest.approx(0.08)


def test_effective_table_has_the_inflated_variance() -> None:
    cells = {"a": 12.0, "b": 30.0, "c": 20.0, "d": 25.0}
    reduced: dict[str, Any] = {name: effective_size(count, 15, 0.02) for name, count in cells.items()}
    plain = effect_size("OR", a=12, b=30, c=20, d=25)
    small = effect_size("OR", **reduced)
    assert small["effect"].item() == pytest.approx(plain["effect"].item())
    assert small["variance"].item() == pytest.approx(inflate_variance(plain["variance"].item(), 15, 0.02))


def test_combined_arms_are_the_pooled_data() -> None:
    rng = np.random.default_rng(8)
    arms = [rng.normal(size, 2, size=size) for size in (3, 8, 21)]
    combined = combine_arms(
        [arm.mean() for arm in arms], [arm.std(ddof=1) for arm in arms], [len(arm) for arm in arms]
    )
    everyone = np.concatenate(arms)
    assert combined.mean == pytest.approx(everyone.mean())
    assert combined.sd == pytest.approx(everyone.std(ddof=1))
    assert combined.n == 32
    assert combined.to_frame()["sd"].item() == combined.sd
    assert "n 32" in combined.summary()
    assert "<table" in combined._repr_html_()


@given(st.lists(st.tuples(st.floats(-50, 50), SDS, st.integers(1, 300)), min_size=2, max_size=5))
def test_arms_combine_in_any_order_and_grouping(arms: list[tuple[float, float, int]]) -> None:
    means, sds, sizes = zip(*arms, strict=True)
    at_once = combine_arms(means, sds, sizes)
    reversed_ = combine_arms(means[::-1], sds[::-1], sizes[::-1])
    first = combine_arms(means[:2], sds[:2], sizes[:2])
    stepwise = combine_arms([first.mean, *means[2:]], [first.sd, *sds[2:]], [first.n, *sizes[2:]])
    for other in (reversed_, stepwise):
        assert other.mean == pytest.approx(at_once.mean, abs=1e-9)
        assert other.sd == pytest.approx(at_once.sd, rel=1e-9)
        assert other.n == at_once.n


def test_combined_events_are_sums() -> None:
    assert combine_events([3, 0, 8], [10, 12, 20]) == (11, 42)


def test_sd_from_standard_error_and_interval_of_a_mean() -> None:
    assert sd_from_se(0.5, 16) == 2
    for distribution, quantile in (("t", stats.t.ppf(0.95, 15)), ("normal", stats.norm.ppf(0.95))):
        low, high = 10 - quantile * 0.5, 10 + quantile * 0.5
        found = sd_from_interval(low, high, 16, level=0.9, distribution=distribution)
        assert found == pytest.approx(2)


@given(SDS, SDS, st.floats(-1, 1))
def test_change_sd_and_correlation_lead_to_each_other(first: float, last: float, r: float) -> None:
    change = sd_of_change(first, last, r)
    # Near r = 1 with equal SDs the change has almost no spread, and its rounding is all that is left.
    assert change_correlation(first, last, change) == pytest.approx(r, abs=1e-6)


def test_change_sd_is_that_of_differences() -> None:
    rng = np.random.default_rng(5)
    before = rng.normal(size=30)
    after = 0.6 * before + rng.normal(size=30)
    r = float(np.corrcoef(before, after)[0, 1])
    change = sd_of_change(before.std(ddof=1), after.std(ddof=1), r)
    assert change == pytest.approx((after - before).std(ddof=1))


def test_crossover_example_of_the_handbook() -> None:
    found = crossover_smd(7.0, 2.38, 6.5, 2.21, 10, 0.68, variance_form="Handbook")
    assert found["effect"].item() == pytest.approx(0.218, abs=5e-4)
    assert np.sqrt(found["variance"].item()) == pytest.approx(0.256, abs=5e-4)


@pytest.mark.parametrize("r", [0.0, 0.6, 0.9])
def test_crossover_variance_is_that_over_repeated_trials(r: float) -> None:
    rng = np.random.default_rng(3)
    n, trials = 200, 8000
    common = rng.normal(size=(trials, n, 1)) * np.sqrt(r)
    both = common + rng.normal(size=(trials, n, 2)) * np.sqrt(1 - r)
    first, second = 1.2 + both[..., 0], 1.5 * both[..., 1]
    found = crossover_smd(
        first.mean(1), first.std(1, ddof=1), second.mean(1), second.std(1, ddof=1), n, r
    )  # fmt: skip
    assert found["variance"].mean() == pytest.approx(found["effect"].var(), rel=0.05)


def test_series_come_back_as_series() -> None:
    sizes = pd.Series([10.0, 20.0], index=["Ahn", "Bao"])
    found = sd_from_se(0.5, sizes)
    assert isinstance(found, pd.Series)
    assert found.index.equals(sizes.index)
    np.testing.assert_allclose(sd_from_se([0.5, np.nan], 16), [2, np.nan])


@pytest.mark.parametrize(
    ("function", "given", "message"),
    [
        (design_effect, {"cluster_size": 0, "icc": 0.1}, "cluster_size must be at least 1"),
        (design_effect, {"cluster_size": 5, "icc": 1.1}, "icc must be between 0 and 1"),
        (design_effect, {"cluster_size": 5, "icc": 0.1, "cv": -1}, "cv must be 0 or more"),
        (effective_size, {"n": -5, "cluster_size": 5, "icc": 0.1}, "n must be 0 or more"),
        (inflate_variance, {"variance": -5, "cluster_size": 5, "icc": 0.1}, "variance must be"),
        (combine_arms, {"m": [1, np.nan], "sd": [1, 1], "n": [4, 4]}, "row 1: m = nan"),
        (combine_arms, {"m": [1, 2], "sd": [1, -1], "n": [4, 4]}, "sd must be 0 or more"),
        (combine_arms, {"m": [1], "sd": [1], "n": [1]}, "two or more"),
        (combine_arms, {"m": [1e300, -1e300], "sd": [1, 1], "n": [4, 4]}, "not finite"),
        (combine_events, {"events": [3, 9], "n": [4, 4]}, "events must be at most n"),
        (combine_events, {"events": [3, np.nan], "n": [4, 4]}, "known for every arm"),
        (sd_from_se, {"se": -1, "n": 4}, "se must be 0 or more"),
        (sd_from_interval, {"low": 2, "high": 1, "n": 4}, "swapped or equal"),
        (sd_from_interval, {"low": 1, "high": 2, "n": 1}, "n must be above 1"),
        (sd_from_interval, {"low": 1, "high": 2, "n": 9, "level": 95}, "level must be"),
        (sd_from_interval, {"low": 1, "high": 2, "n": 9, "distribution": "z"}, "distribution must be"),
        (sd_of_change, {"sd_baseline": 1, "sd_final": 2, "r": 1.5}, "r must be between"),
        (change_correlation, {"sd_baseline": 1, "sd_final": 2, "sd_change": 4}, "sd_change must be"),
        (crossover_smd, {"m1": 1, "sd1": 0, "m2": 2, "sd2": 0, "n": 9, "r": 0}, "sd1 must be positive"),
        (
            crossover_smd,
            {"m1": 1, "sd1": 1, "m2": 2, "sd2": 1, "n": 9, "r": 0, "variance_form": "UB"},
            "variance_form must be",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(
    function: Callable[..., object], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        function(**given)
