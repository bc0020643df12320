from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evidence.effects.sizes.quartiles import from_quartiles
from evidence.errors import DataError

SCENARIOS: list[tuple[str, ...]] = [
    ("minimum", "median", "maximum"),
    ("q1", "median", "q3"),
    ("minimum", "q1", "median", "q3", "maximum"),
]
METHODS = ["Luo/Wan", "Wan2014", "Shi2020"]
FIVE: dict[str, float] = {"minimum": 1.0, "q1": 3.0, "median": 5.0, "q3": 6.0, "maximum": 10.0}


def summary(names: tuple[str, ...], values: dict[str, float] = FIVE) -> dict[str, Any]:
    return {name: values[name] for name in names}


@pytest.mark.parametrize("names", SCENARIOS)
@pytest.mark.parametrize("method", METHODS)
@given(scale=st.floats(0.1, 50), shift=st.floats(-100, 100), n=st.integers(5, 2000))
def test_mean_and_sd_follow_the_unit(
    names: tuple[str, ...], method: str, scale: float, shift: float, n: int
) -> None:
    plain = from_quartiles(**summary(names), n=n, method=method)
    moved = from_quartiles(
        **summary(names, {name: scale * value + shift for name, value in FIVE.items()}), n=n, method=method
    )
    assert moved.mean == pytest.approx(scale * plain.mean + shift, rel=1e-9, abs=1e-9)
    assert moved.sd == pytest.approx(scale * plain.sd, rel=1e-9)
    assert moved.skewness == pytest.approx(plain.skewness, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("names", SCENARIOS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [9, 50, 1001])
def test_expected_normal_sample_gives_its_mean_and_sd(names: tuple[str, ...], method: str, n: int) -> None:
    # Blom's plotting positions, on which the estimators of the SD rest, come back as mean 20 and SD 3.
    third = 0.75 * n - 0.125
    places = (0.625, n + 0.25 - third, (n + 0.25) / 2, third, n - 0.375)
    at = dict(zip(FIVE, places, strict=True))
    values = {name: 20 + 3 * float(stats.norm.ppf(place / (n + 0.25))) for name, place in at.items()}
    found = from_quartiles(**summary(names, values), n=n, method=method)
    assert found.mean == pytest.approx(20)
    assert found.sd == pytest.approx(3)
    assert found.skewness == pytest.approx(0, abs=1e-9)
    assert not found.skewed


def test_weights_as_published() -> None:
    n, m, hinge, middle = 40, 5.0, 4.5, 5.5
    normal = stats.norm.ppf
    xi, eta = 2 * normal((n - 0.375) / (n + 0.25)), 2 * normal((0.75 * n - 0.125) / (n + 0.25))

    s1 = from_quartiles(**summary(SCENARIOS[0]), n=n)
    w = 4 / (4 + n**0.75)
    assert s1.mean == pytest.approx(w * middle + (1 - w) * m)
    assert s1.sd == pytest.approx(9 / xi)
    assert (s1.mean_method, s1.sd_method) == ("Luo 2018, S1", "Wan 2014, S1")

    s2 = from_quartiles(**summary(SCENARIOS[1]), n=n)
    w = 0.7 + 0.39 / n
    assert s2.mean == pytest.approx(w * hinge + (1 - w) * m)
    assert s2.sd == pytest.approx(3 / eta)

    s3 = from_quartiles(**summary(SCENARIOS[2]), n=n, method="Shi2020")
    w1, w2, w = 2.2 / (2.2 + n**0.75), 0.7 - 0.72 / n**0.55, 1 / (1 + 0.07 * n**0.6)
    assert s3.mean == pytest.approx(w1 * middle + w2 * hinge + (1 - w1 - w2) * m)
    assert s3.sd == pytest.approx(w * 9 / xi + (1 - w) * 3 / eta)
    assert s3.sd_method == "Shi 2020, S3"


def test_fixed_weights_of_wan() -> None:
    assert from_quartiles(**summary(SCENARIOS[0]), n=40, method="Wan2014").mean == pytest.approx(
        (1 + 10 + 10) / 4
    )
    assert from_quartiles(**summary(SCENARIOS[1]), n=40, method="Wan2014").mean == pytest.approx(
        (3 + 5 + 6) / 3
    )
    five = from_quartiles(**summary(SCENARIOS[2]), n=40, method="Wan2014")
    assert five.mean == pytest.approx((1 + 2 * 3 + 2 * 5 + 2 * 6 + 10) / 8)
    parts = [from_quartiles(**summary(names), n=40).sd for names in SCENARIOS[:2]]
    assert five.sd == pytest.approx(sum(parts) / 2)


@pytest.mark.parametrize("names", SCENARIOS)
def test_skewness_test_has_its_size_in_normal_samples(names: tuple[str, ...]) -> None:
    n, rng = 60, np.random.default_rng(20)
    samples = rng.normal(size=(3000, n))
    cuts = np.quantile(samples, [0, 0.25, 0.5, 0.75, 1], axis=1)
    found = from_quartiles(**{name: cuts[list(FIVE).index(name)] for name in names}, n=n)
    assert 0.03 < np.mean(found.skewed) < 0.07
    skewed = np.quantile(np.exp(samples), [0, 0.25, 0.5, 0.75, 1], axis=1)
    found = from_quartiles(**{name: skewed[list(FIVE).index(name)] for name in names}, n=n)
    assert np.mean(found.skewed) > 0.3


def test_mixed_rows_print_as_a_table() -> None:
    values = pd.DataFrame({"q1": [3.0, np.nan], "q3": [6.0, np.nan]}, index=["Ahn", "Bao"])
    found = from_quartiles(
        minimum=[np.nan, 1.0], q1=values["q1"], median=5.0, q3=values["q3"], maximum=[np.nan, 20.0], n=40
    )
    frame = found.to_frame()
    assert frame["mean_method"].to_dict() == {"Ahn": "Luo 2018, S2", "Bao": "Luo 2018, S1"}
    assert frame["skewed"].tolist() == [False, True]
    assert "doubtful" in frame["note"].iloc[1]
    assert len(found.summary().splitlines()) == 2
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"q1": 6, "median": 5, "q3": 7, "n": 40}, "q1 = 6, median = 5, q3 = 7 must rise"),
        ({"q1": 5, "median": 5, "q3": 5, "n": 40}, "not be all equal"),
        ({"minimum": 1, "q1": 5, "median": 5, "q3": 5, "maximum": 9, "n": 40}, "nothing of the spread"),
        ({"q1": 3, "median": 5, "n": 40}, "q1, median given"),
        ({"q1": 3, "median": 5, "q3": 6, "n": 4}, "n must be 5 or more"),
        ({"q1": 3, "median": 5, "q3": 6, "n": 40, "method": "Hozo"}, "method must be"),
        ({"q1": -1.7e308, "median": 0, "q3": 1.7e308, "n": 40}, "no finite mean and SD"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_quartiles(**given)
