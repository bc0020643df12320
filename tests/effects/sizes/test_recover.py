from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evidence.effects.sizes.effect_size import effect_size
from evidence.effects.sizes.recover import recover
from evidence.errors import DataError

ESTIMATES = st.floats(0.01, 100).flatmap(lambda x: st.sampled_from([x, -x]))
ERRORS = st.floats(0.01, 50)
SIZES = st.integers(2, 1000)
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@given(ESTIMATES, ERRORS, LEVELS)
def test_interval_gives_back_its_standard_error(estimate: float, se: float, level: float) -> None:
    half = stats.norm.ppf(0.5 + level / 2) * se
    found = recover(estimate=estimate, ci_low=estimate - half, ci_high=estimate + half, level=level)
    assert found.se == pytest.approx(se, rel=1e-9)
    assert found.asymmetry == 0


@given(ESTIMATES, ERRORS, LEVELS, SIZES, SIZES)
def test_t_interval_gives_back_its_standard_error(
    estimate: float, se: float, level: float, n1: int, n2: int
) -> None:
    half = stats.t.ppf(0.5 + level / 2, n1 + n2 - 2) * se
    limits: dict[str, Any] = {"ci_low": estimate - half, "ci_high": estimate + half, "level": level}
    by_sizes = recover(estimate=estimate, **limits, n1=n1, n2=n2, distribution="t")
    by_df = recover(estimate=estimate, **limits, df=n1 + n2 - 2)
    assert by_sizes.se == pytest.approx(se, rel=1e-9)
    assert by_df.se == by_sizes.se


@given(ESTIMATES, st.floats(0.01, 20), SIZES, SIZES)
def test_test_statistics_give_back_the_standard_error(estimate: float, t: float, n1: int, n2: int) -> None:
    se = abs(estimate) / t
    p = 2 * stats.t.sf(t, n1 + n2 - 2)
    z_p = 2 * stats.norm.sf(t)
    assert recover(estimate=estimate, statistic=-t).se == pytest.approx(se)
    assert recover(estimate=estimate, f_value=t**2).se == pytest.approx(se)
    assert recover(estimate=estimate, p_value=p, n1=n1, n2=n2).se == pytest.approx(se, rel=1e-8)
    assert recover(estimate=estimate, p_value=z_p).se == pytest.approx(se, rel=1e-8)
    by_choice = recover(estimate=estimate, p_value=z_p, n1=n1, n2=n2, distribution="normal")
    assert by_choice.se == pytest.approx(se, rel=1e-8)


@given(st.floats(-3, 3), st.floats(0.01, 2))
def test_ratio_is_recovered_on_the_log_scale(estimate: float, se: float) -> None:
    low, high = np.exp(estimate - stats.norm.ppf(0.975) * se), np.exp(estimate + stats.norm.ppf(0.975) * se)
    found = recover(estimate=np.exp(estimate), ci_low=low, ci_high=high, log=True)
    assert found.estimate == pytest.approx(estimate, abs=1e-9)
    assert found.se == pytest.approx(se, rel=1e-8)
    assert recover(ci_low=low, ci_high=high, log=True).estimate == pytest.approx(estimate, abs=1e-9)


@given(st.floats(0.1, 30), SIZES, SIZES)
def test_standard_deviation_and_error_lead_to_each_other(sd: float, n1: int, n2: int) -> None:
    forward = recover(estimate=1, sd=sd, n1=n1, n2=n2)
    back = recover(estimate=1, se=forward.se, n1=n1, n2=n2)
    assert forward.sd == sd
    assert back.sd == pytest.approx(sd, rel=1e-12)


def test_group_sds_give_the_error_of_the_mean_difference() -> None:
    found = recover(estimate=-1.1, sd1=2.0, n1=50, sd2=2.2, n2=48)
    reference = effect_size("MD", m1=0, sd1=2.0, n1=50, m2=1.1, sd2=2.2, n2=48)
    assert found.se == pytest.approx(np.sqrt(reference["variance"].item()))
    assert found.sd == pytest.approx(np.sqrt((49 * 2.0**2 + 47 * 2.2**2) / 96))


def test_written_derivation_carries_the_numbers() -> None:
    found = recover(estimate=-2.9, ci_low=-4.0, ci_high=-1.8, n1=60, n2=55)
    assert found.se == pytest.approx(0.5612, abs=5e-5)
    assert found.method == "95% confidence interval, normal"
    assert found.steps == (
        "SE = (-1.8 - (-4)) / (2 × 1.96) = 0.5612",
        "SD = 0.5612 / √(1/60 + 1/55) = 3.006",
    )
    assert found.summary().splitlines() == list(found.steps)


@pytest.mark.parametrize(
    ("reported", "steps"),
    [
        ({"estimate": 2, "se": 0.5}, ("SE = 0.5, as reported",)),
        ({"estimate": 2, "f_value": 16}, ("t = √16 = 4", "SE = |2| / 4 = 0.5")),
        (
            {"estimate": 2, "p_value": 0.0455},
            ("P = 0.0455 belongs to a statistic of 2 (normal)", "SE = |2| / 2 = 1"),
        ),
        (
            {"ci_low": 0.5, "ci_high": 2, "log": True},
            (
                "log(0.5) = -0.6931, log(2) = 0.6931",
                "SE = (0.6931 - (-0.6931)) / (2 × 1.96) = 0.3537",
                "estimate = middle of the interval = 0",
            ),
        ),
        ({"sd": 2, "n1": 8, "n2": 8}, ("SE = 2 × √(1/8 + 1/8) = 1",)),
        ({"sd1": 3, "sd2": 3, "n1": 18, "n2": 18}, ("SE = √(3²/18 + 3²/18) = 1", "pooled SD = 3")),
    ],
)
def test_steps_of_every_way(reported: dict[str, Any], steps: tuple[str, ...]) -> None:
    assert recover(**reported).steps == steps


def test_asymmetry_beyond_rounding_is_told() -> None:
    assert recover(estimate=1.1, ci_low=0.4, ci_high=1.7).asymmetry == 0
    skewed = recover(estimate=1.5, ci_low=0.0, ci_high=2.0)
    assert skewed.asymmetry == pytest.approx(0.5)
    assert "off the middle" in skewed.steps[-1]
    # A ratio is symmetric on the log scale, not on its own.
    assert recover(estimate=1.5, ci_low=1.13, ci_high=2.0, log=True).asymmetry == 0
    assert np.isnan(recover(estimate=1.5, se=1).asymmetry)


def test_rows_of_a_table_use_what_each_has() -> None:
    table = pd.DataFrame(
        {
            "estimate": [-2.9, 1.0, 2.0],
            "low": [-4.0, np.nan, np.nan],
            "high": [-1.8, np.nan, np.nan],
            "p": [np.nan, np.nan, 0.01],
            "se": [np.nan, 0.5, np.nan],
        },
        index=["Ahn", "Bao", "Cruz"],
    )
    found = recover(
        estimate=table["estimate"], ci_low=table["low"], ci_high=table["high"], p_value=table["p"],
        se=table["se"], n1=20, n2=20,
    )  # fmt: skip
    frame = found.to_frame()
    assert list(frame.index) == ["Ahn", "Bao", "Cruz"]
    assert frame["method"].tolist() == [
        "95% confidence interval, normal", "standard error", "exact P value, t with 38 df",
    ]  # fmt: skip
    one_by_one = [
        recover(estimate=-2.9, ci_low=-4.0, ci_high=-1.8).se,
        0.5,
        recover(estimate=2.0, p_value=0.01, df=38).se,
    ]
    np.testing.assert_array_equal(found.se, one_by_one)
    assert found.summary().startswith("Ahn: SE = ")
    assert "<table" in found._repr_html_()


def test_a_single_row_still_prints_as_a_table() -> None:
    frame = recover(estimate=2, se=0.5).to_frame()
    assert frame[["estimate", "se", "method"]].to_numpy().tolist() == [[2.0, 0.5, "standard error"]]


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        ({}, "Nothing to recover from"),
        ({"estimate": 1}, "no standard error can be recovered from estimate"),
        ({"estimate": [1, 2], "se": [1, np.nan]}, "row 1: no standard error"),
        ({"estimate": 1, "p_value": 1}, "P = 1 belongs to a test statistic of 0"),
        ({"estimate": 1, "p_value": 0}, "only a bound"),
        ({"estimate": 1, "p_value": 1.2}, "at most 1"),
        ({"estimate": 0, "p_value": 0.4}, "an estimate of 0 .* fits any standard error"),
        ({"estimate": 1, "p_value": 0.4, "log": True}, "a log ratio of 0"),
        ({"estimate": 1, "statistic": 0}, "fits any standard error"),
        ({"estimate": 1, "ci_low": 2, "ci_high": 0}, "swapped or equal"),
        ({"estimate": 9.1, "ci_low": 0, "ci_high": 2}, "lies outside its interval"),
        ({"estimate": 0.5, "ci_low": -1, "ci_high": 2, "log": True}, "positive, being a ratio"),
        ({"ci_low": 0, "ci_high": 2, "level": 95}, "level must be"),
        ({"ci_low": 0, "ci_high": 2, "distribution": "t"}, "needs df"),
        ({"ci_low": 0, "ci_high": 2, "distribution": "z"}, "distribution must be"),
        ({"ci_low": -1.7e308, "ci_high": 1.7e308}, "no positive, finite standard error"),
        ({"sd": 1, "n1": 5, "n2": 5, "log": True}, "leave them out"),
        ({"se": 0}, "se must be positive"),
        ({"sd": 1, "n1": 0.5, "n2": 5}, "n1 must be at least 1"),
        ({"estimate": 1, "f_value": -1}, "f_value must be 0 or more"),
    ],
)
def test_what_tells_no_standard_error_is_refused(reported: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        recover(**reported)
