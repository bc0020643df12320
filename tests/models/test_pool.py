from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, EvidenceError
from evidence.measures import ESTIMATORS
from evidence.models.pool import pool
from evidence.models.pooled import Pooled, tau2_interval

EFFECT = [0.4, -0.9, 1.7, 0.2, 0.8, 1.1]
VARIANCE = [0.02, 0.3, 0.05, 0.1, 0.04, 0.2]
NUMBERS = [
    *(
        "estimate",
        "se",
        "ci_low",
        "ci_high",
        "statistic",
        "p_value",
        "df",
        "tau2",
        "tau2_se",
        "tau2_low",
        "tau2_high",
    ),
    *("i2", "i2_low", "i2_high", "h2", "h2_low", "h2_high", "q", "q_p", "prediction_low", "prediction_high"),
    *("log_likelihood", "aic", "bic", "aicc", "tau"),
]
LOCATION = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")


def options(method: str) -> dict[str, Any]:
    """Options for a method that do not break the invariances."""
    return {"method": method, "ci": "KR" if method == "REML" else "HKSJ-adhoc"}


def weights_for(method: str, variance: np.ndarray) -> np.ndarray | None:
    return 1.0 / np.sqrt(variance) if method == "GENQ" else None


@st.composite
def studies(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    k = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    variance = 10.0 ** rng.uniform(-draw(st.sampled_from([1, 2, 6])), 0, k)
    return rng.normal(size=k) * np.sqrt(variance + draw(st.sampled_from([0.0, 0.05, 2.0]))), variance


METHOD = st.sampled_from(sorted(ESTIMATORS))


def assert_same(got: Pooled, expected: Pooled, names: list[str] | tuple[str, ...]) -> None:
    for name in names:
        scale = max(expected.se, 1e-3) if name in LOCATION or name == "statistic" else 1.0
        np.testing.assert_allclose(
            getattr(got, name), getattr(expected, name), rtol=1e-7, atol=1e-8 * scale, err_msg=name
        )


@given(studies(), METHOD, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_order_of_studies_does_not_matter(
    data: tuple[np.ndarray, np.ndarray], method: str, random: Any
) -> None:
    effect, variance = data
    order = list(range(effect.size))
    random.shuffle(order)
    first = pool(effect, variance, weights=weights_for(method, variance), **options(method))
    moved = pool(
        effect[order], variance[order], weights=weights_for(method, variance[order]), **options(method)
    )
    assert_same(moved, first, NUMBERS)
    np.testing.assert_allclose(moved.weights, first.weights[order], rtol=1e-7)


@given(studies(), METHOD)
@settings(deadline=None)
def test_change_of_sign_mirrors_the_result(data: tuple[np.ndarray, np.ndarray], method: str) -> None:
    effect, variance = data
    weights = weights_for(method, variance)
    first = pool(effect, variance, weights=weights, **options(method))
    mirrored = pool(-effect, variance, weights=weights, **options(method))
    assert mirrored.estimate == pytest.approx(-first.estimate, abs=1e-12)
    assert mirrored.ci_low == pytest.approx(-first.ci_high, abs=1e-12)
    assert mirrored.prediction_low == pytest.approx(-first.prediction_high, abs=1e-12, nan_ok=True)
    assert_same(
        mirrored, first, ["se", "p_value", "tau2", "tau2_low", "tau2_high", "q", "i2", "log_likelihood"]
    )


@given(studies(), METHOD, st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_change_of_unit_scales_the_result(
    data: tuple[np.ndarray, np.ndarray], method: str, unit: float
) -> None:
    effect, variance = data
    first = pool(effect, variance, weights=weights_for(method, variance), **options(method))
    scaled_variance = variance * unit**2
    scaled = pool(
        effect * unit, scaled_variance, weights=weights_for(method, scaled_variance), **options(method)
    )
    typical = unit**2 * float(np.median(variance))
    for name in ("tau2", "tau2_se", "tau2_low", "tau2_high"):
        expected = getattr(first, name) * unit**2
        np.testing.assert_allclose(
            getattr(scaled, name), expected, rtol=1e-7, atol=1e-9 * typical, err_msg=name
        )
    for name in LOCATION:
        expected = getattr(first, name) * unit
        np.testing.assert_allclose(
            getattr(scaled, name), expected, rtol=1e-7, atol=1e-8 * scaled.se, err_msg=name
        )
    assert_same(scaled, first, ["p_value", "q", "i2", "h2"])


@given(studies(), METHOD, st.sampled_from([-(2.0**20), 1.0, 2.0**20]))
@settings(deadline=None)
def test_shift_moves_the_mean_alone(data: tuple[np.ndarray, np.ndarray], method: str, shift: float) -> None:
    effect, variance = data
    effect = (effect + shift) - shift  # representable after the shift
    weights = weights_for(method, variance)
    first = pool(effect, variance, weights=weights, **options(method))
    moved = pool(effect + shift, variance, weights=weights, **options(method))
    assert_same(moved, first, ["se", "df", "tau2", "tau2_se", "tau2_low", "tau2_high", "q", "i2"])
    assert moved.estimate - shift == pytest.approx(first.estimate, abs=1e-9)


@st.composite
def adversarial(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    k = draw(st.integers(1, 7))
    value = st.floats(-1e20, 1e20) | st.sampled_from([0.0, 1.0, 1.0 + 1e-15, -1e20, 1e-300])
    variance = st.floats(1e-30, 1e30) | st.sampled_from([1e-12, 1.0, 1e6])
    return draw(st.lists(value, min_size=k, max_size=k)), draw(st.lists(variance, min_size=k, max_size=k))


@given(adversarial(), METHOD, st.sampled_from(["z", "t", "HKSJ", "HKSJ-adhoc", "KR"]))
@settings(max_examples=300, deadline=None)
def test_any_valid_input_gives_finite_results(
    data: tuple[list[float], list[float]], method: str, ci: str
) -> None:
    if ci == "KR":
        method = "REML"
    effect, variance = data
    fit = pool(effect, variance, method=method, ci=ci, weights=weights_for(method, np.array(variance)))
    undefined = set()
    if fit.se == 0.0:
        undefined |= {"statistic", "p_value"}
    if fit.k == 1 or method == "EE":
        undefined |= {n for n in NUMBERS if n.startswith("prediction") or n.endswith(("_low", "_high"))} - {
            "ci_low"
        }
        undefined |= {"tau2_se", "bic"} - {"ci_high"}
    for name in NUMBERS:
        if name == "df" and (ci == "z" or fit.k == 1):
            assert fit.df == np.inf
        elif name not in undefined:
            assert np.isfinite(getattr(fit, name)), name
    assert fit.ci_low <= fit.estimate <= fit.ci_high
    assert fit.weights.sum() == pytest.approx(100.0)
    assert fit.summary()


@given(
    st.lists(st.floats(), max_size=4),
    st.lists(st.floats(), max_size=4),
    st.sampled_from(["REML", "PM", "SJ"]),
)
@settings(max_examples=300, deadline=None)
def test_invalid_input_raises_our_own_error(effect: list[float], variance: list[float], method: str) -> None:
    try:
        fit = pool(effect, variance, method=method)
        outcome = f"study pooled: {np.isfinite([fit.estimate, fit.se, fit.tau2]).all()}"
    except EvidenceError as error:
        outcome = str(error)
    assert re.search(r"Study \d: the|values and variance|no study to pool|study pooled: True", outcome)


def test_one_study() -> None:
    fit = pool([0.4], [0.25])
    assert (fit.k, fit.estimate, fit.se, fit.tau2, fit.q, fit.q_p, fit.i2, fit.h2) == (
        1,
        0.4,
        0.5,
        0,
        0,
        1,
        0,
        1,
    )
    assert np.isnan([fit.prediction_low, fit.tau2_low, fit.tau2_se, fit.i2_high]).all()
    assert "cannot be estimated" in fit.note


def test_equal_effects_leave_hksj_without_a_test() -> None:
    fit = pool([0.5, 0.5], [0.1, 0.2])
    assert (fit.estimate, fit.se, fit.tau2) == (0.5, 0.0, 0.0)
    assert np.isnan([fit.statistic, fit.p_value]).all()
    assert "HKSJ-adhoc" in fit.note
    assert pool([0.5, 0.5], [0.1, 0.2], ci="HKSJ-adhoc").p_value < 1.0


def test_boundary_flat_and_bimodal_likelihoods_are_reported() -> None:
    assert "boundary" in pool([0.1, 0.12, 0.09], [0.1, 0.2, 0.1]).note
    flat = pool([0.0, 1.42], [1.0, 1.0])
    assert flat.tau2 > 0.0
    assert "flat down to tau2 = 0" in flat.note
    two = pool([0.0, 0.001, -0.001, 0.0005, 30.0, -30.0], [1e-6, 1e-6, 1e-6, 1e-6, 90.0, 90.0])
    assert "another peak" in two.note
    assert pool(EFFECT, VARIANCE).note == ""


def test_results_are_plain_numbers() -> None:
    fit = pool(EFFECT, VARIANCE)
    assert {type(getattr(fit, name)) for name in NUMBERS} == {float}
    assert {type(fit.k), type(fit.q_df)} == {int}


def test_given_tau2_is_used_and_not_estimated() -> None:
    fit = pool(EFFECT, VARIANCE)
    given_value = pool(EFFECT, VARIANCE, tau2=fit.tau2)
    assert (given_value.estimate, given_value.se) == (fit.estimate, fit.se)
    assert np.isnan([given_value.tau2_se, given_value.tau2_low]).all()
    assert given_value.aic == pytest.approx(fit.aic - 2.0)
    with pytest.raises(DataError, match="not estimated"):
        tau2_interval(given_value)
    with pytest.raises(DataError, match="tau2"):
        pool(EFFECT, VARIANCE, tau2=-0.1)


def test_accepts_lists_arrays_and_series() -> None:
    index = ["Ada 2001", "Bell 2003", "Cox 2010", "Dee 2011", "Eck 2015", "Fox 2020"]
    by_series = pool(pd.Series(EFFECT, index=index), pd.Series(VARIANCE))
    assert by_series.labels == tuple(index)
    assert by_series.estimate == pool(EFFECT, np.array(VARIANCE)).estimate
    assert pool(pd.Series(EFFECT), VARIANCE).labels[0] == "Study 1"
    assert pool(EFFECT, VARIANCE, labels=list("abcdef")).labels == tuple("abcdef")


def test_result_keeps_its_own_copy_of_the_data() -> None:
    effect = np.array(EFFECT)
    fit = pool(effect, VARIANCE)
    effect[:] = 0.0
    assert fit.effect.tolist() == EFFECT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"effect": [0.1, np.nan]}, "Study 2: the effect is nan"),
        ({"effect": [0.1, 1e30]}, "Study 2: the effect 1e.30 exceeds"),
        ({"effect": ["a", "b"]}, "effect must be numbers"),
        ({"effect": [[0.1, 0.2]]}, "one dimension"),
        ({"effect": [0.1]}, "1 values and variance 2"),
        ({"effect": [], "variance": []}, "no study to pool"),
        ({"variance": [0.1, 0.0]}, "Study 2: the variance 0 is not positive"),
        ({"variance": [np.inf, 0.1]}, "Study 1: the variance is inf"),
        ({"variance": [0.1, 1e40]}, "Study 2: the variance 1e.40 lies outside"),
        ({"labels": ["a"]}, "labels has 1 values for 2"),
        ({"labels": ["Ada", "Bell"], "variance": [0.1, -1]}, "Bell: the variance -1"),
        ({"method": "XX"}, "unknown method 'XX'; choose one of EE, DL"),
        ({"ci": "HK"}, "unknown ci"),
        ({"prediction": "t"}, "unknown prediction"),
        ({"method": "DL", "ci": "KR"}, "needs method='REML'"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"method": "GENQ"}, "needs weights"),
        ({"method": "GENQ", "weights": [1.0]}, "weights has 1"),
        ({"method": "GENQ", "weights": [1.0, -1.0]}, "Study 2: the weight -1"),
        ({"weights": [1.0, 1.0]}, "weights belong to method='GENQ'"),
    ],
)
def test_errors_name_the_place(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        pool(**{"effect": [0.1, 0.2], "variance": [0.1, 0.2]} | change)


def test_interval_of_tau2_has_to_fit_the_method() -> None:
    with pytest.raises(DataError, match="'ML' or 'REML'"):
        tau2_interval(pool(EFFECT, VARIANCE, method="DL"), "PL")
    with pytest.raises(DataError, match="'QP' or 'PL'"):
        tau2_interval(pool(EFFECT, VARIANCE), "Wald")


def test_shows_itself() -> None:
    fit = pool(EFFECT, VARIANCE, labels=list("abcdef"))
    text = fit.summary()
    for part in ("REML", "k = 6", f"{fit.estimate:.4f}", f"{fit.prediction_low:.4f}", "HKSJ", "t(5)", "I2"):
        assert part in text
    assert html.escape(text) in fit._repr_html_()
    table = fit.to_frame()
    assert table.columns.tolist() == ["label", "effect", "variance", "se", "ci_low", "ci_high", "weight"]
    assert table["weight"].sum() == pytest.approx(100.0)
    assert (table["ci_low"] < table["effect"]).all()
    assert "Equal-effects" in pool(EFFECT, VARIANCE, method="EE").summary()
    assert "tau2 given" in pool(EFFECT, VARIANCE, tau2=0.1).summary()
    assert "nan" not in pool([0.1], [0.2]).summary()


@pytest.mark.parametrize("k", [3, 5, 12])
@pytest.mark.parametrize("seed", range(20))
def test_a_single_peak_is_not_called_two(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    variance = rng.uniform(0.5, 1.5, k)
    fit = pool(rng.normal(0.0, 2.0, k), variance, method="REML")
    # With variances this alike the likelihood has one peak.
    assert "another peak" not in fit.note


def test_few_degrees_of_freedom_of_kenward_and_roger_are_kept() -> None:
    """They come to 2 I / (V sum w^2)^2, here to less than 0.1."""
    w = np.array([1 / 0.07, 1.0, 1.0])
    v = 1 / w.sum()
    p = np.diag(w) - np.outer(w, w) * v
    fit = pool([0.0, 0.1, -0.1], 1 / w, ci="KR")
    assert fit.tau2 == 0.0
    assert fit.df == pytest.approx(np.trace(p @ p) / (v * np.square(w).sum()) ** 2, rel=1e-9)
    assert 0.02 < fit.df < 0.1
