from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evidence.effects.sizes.convert import convert, or_to_smd, r_to_smd, r_to_z, smd_to_or, smd_to_r, z_to_r
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError

MEASURES = ["OR", "SMD", "COR", "ZCOR"]


@pytest.mark.parametrize("from_", MEASURES)
@pytest.mark.parametrize("to", MEASURES)
@given(
    effect=st.floats(-0.9, 0.9),
    variance=st.floats(1e-6, 2),
    n1=st.integers(2, 500),
    n2=st.integers(2, 500),
    method=st.sampled_from(["logistic", "Cox"]),
)
def test_there_and_back_again(
    from_: str, to: str, effect: float, variance: float, n1: int, n2: int, method: str
) -> None:
    options: dict[str, Any] = {"n1": n1, "n2": n2, "method": method}
    there = convert(effect, variance, from_=from_, to=to, **options)
    back = convert(there["effect"], there["variance"], from_=to, to=from_, **options)
    np.testing.assert_allclose(back.to_numpy(), [[effect, variance]], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("from_", MEASURES)
@pytest.mark.parametrize("to", MEASURES)
def test_variance_is_that_of_the_delta_method(from_: str, to: str) -> None:
    def moved(effect: float) -> float:
        return float(convert(effect, 0.0, from_=from_, to=to, n1=30, n2=50)["effect"].iloc[0])

    step = 1e-6
    slope = (moved(0.4 + step) - moved(0.4 - step)) / (2 * step)
    found = convert(0.4, 0.09, from_=from_, to=to, n1=30, n2=50)["variance"].iloc[0]
    assert found == pytest.approx(0.09 * slope**2, rel=1e-7)


def test_chain_is_the_single_steps_in_turn() -> None:
    smd = or_to_smd(0.8, 0.1)
    r = smd_to_r(smd["effect"], smd["variance"], n1=20, n2=60)
    z = r_to_z(r["effect"], r["variance"])
    pd.testing.assert_frame_equal(convert(0.8, 0.1, from_="OR", to="ZCOR", n1=20, n2=60), z)
    back = z_to_r(z["effect"], z["variance"])
    smd = r_to_smd(back["effect"], back["variance"], n1=20, n2=60)
    odds = smd_to_or(smd["effect"], smd["variance"])
    np.testing.assert_allclose(odds.to_numpy(), [[0.8, 0.1]])


def test_logistic_outcomes_of_equal_variance_convert_exactly() -> None:
    shift, cut = 0.7, 0.3
    log_odds = stats.logistic.logsf(cut - shift) - stats.logistic.logcdf(cut - shift)
    log_odds -= stats.logistic.logsf(cut) - stats.logistic.logcdf(cut)
    smd = shift / stats.logistic.std()
    assert smd_to_or(smd, 0.1)["effect"].item() == pytest.approx(log_odds)


def test_correlation_is_the_point_biserial_one() -> None:
    first, second = np.array([1.0, 3.0, 4.0, 8.0]), np.array([0.0, 1.0, 1.5, 2.0, 2.0, 4.0])
    r = stats.pearsonr(np.r_[np.ones(4), np.zeros(6)], np.r_[first, second]).statistic
    # With deviations divided by n rather than n - 2, the standardised difference gives exactly this r.
    pooled = math.sqrt((first.var() * 4 + second.var() * 6) / 10)
    smd = (first.mean() - second.mean()) / pooled
    assert smd_to_r(smd, 0.1, n1=4, n2=6)["effect"].item() == pytest.approx(r)


def test_fisher_z_agrees_with_effect_size() -> None:
    r = effect_size("COR", r=0.45, n=40)
    z = r_to_z(r["effect"], r["variance"])
    assert z["effect"].item() == pytest.approx(effect_size("ZCOR", r=0.45, n=40)["effect"].item())
    assert z["variance"].item() == pytest.approx(1 / 39)


def test_sizes_default_to_equal_groups_and_index_is_kept() -> None:
    effects = pd.Series([0.2, np.nan], index=["Ahn", "Bao"])
    found = smd_to_r(effects, 0.05)
    assert list(found.index) == ["Ahn", "Bao"]
    pd.testing.assert_frame_equal(found, smd_to_r(effects, 0.05, n1=17, n2=17))
    assert found["effect"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"from_": "HR", "to": "SMD"}, "Cannot convert 'HR'"),
        ({"from_": "OR", "to": "SMD", "method": "probit"}, "method must be"),
        ({"from_": "SMD", "to": "COR", "n1": 20}, "both group sizes"),
        ({"from_": "SMD", "to": "COR", "n1": 20, "n2": 0}, "n2 = 0"),
        ({"from_": "SMD", "to": "OR", "variance": -1}, "variance must be 0 or more"),
        ({"from_": "COR", "to": "ZCOR", "effect": 1}, "strictly between -1 and 1"),
        ({"from_": "SMD", "to": "OR", "effect": 1.7e308}, "cannot be computed"),
    ],
)
def test_what_cannot_be_converted_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        convert(**{"effect": 0.4, "variance": 0.1, **given})
