from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import chdtri

from evidence.measures import ESTIMATORS
from evidence.models.core.heterogeneity import (
    estimate_tau2,
    heterogeneity_share,
    q_and_trace,
    solve_q,
    tau2_standard_error,
)
from evidence.models.core.studies import arrange

EFFECT = np.array([0.4, -0.9, 1.7, 0.2, 0.8, 1.1])
VARIANCE = np.array([0.02, 0.3, 0.05, 0.1, 0.04, 0.2])


def q_statistic(effect: np.ndarray, variance: np.ndarray, tau2: float) -> float:
    w = 1.0 / (variance + tau2)
    return float(w @ np.square(effect - w @ effect / w.sum()))


@pytest.mark.parametrize(("method", "target"), [("PM", 5.0), ("EB", 5.0), ("PMM", chdtri(5, 0.5))])
def test_estimators_that_solve_for_q(method: str, target: float) -> None:
    studies, _ = arrange(EFFECT, VARIANCE)
    tau2 = float(estimate_tau2(studies, method, *q_and_trace(studies, 0.0)))
    assert tau2 > 0.0
    assert q_statistic(EFFECT, VARIANCE, tau2) == pytest.approx(target, rel=1e-12)


@given(st.integers(2, 12), st.integers(0, 2**32 - 1), st.floats(0.05, 30.0))
def test_q_is_solved_whatever_the_spread_of_variances(k: int, seed: int, target: float) -> None:
    rng = np.random.default_rng(seed)
    variance = 10.0 ** rng.uniform(-12, 6, k)
    effect = rng.normal(size=k) * 10.0 ** rng.uniform(-6, 6)
    studies, _ = arrange(effect, variance)
    tau2 = float(solve_q(studies, target))
    if tau2 == 0.0:
        assert q_and_trace(studies, 0.0)[0] <= target
    else:
        assert q_and_trace(studies, tau2)[0] == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize("method", sorted(ESTIMATORS.keys() - {"EE", "GENQ", "HS"}))
def test_equal_variances_give_the_excess_of_the_sample_variance(method: str) -> None:
    studies, _ = arrange(EFFECT, np.full(6, 0.1))
    tau2 = float(estimate_tau2(studies, method, *q_and_trace(studies, 0.0)))
    s2 = EFFECT.var(ddof=1)
    expected = {
        "ML": EFFECT.var() - 0.1,
        "PMM": s2 * 5.0 / chdtri(5, 0.5) - 0.1,
        "SJ": EFFECT.var() * s2 / (0.1 + EFFECT.var()),
    }
    assert tau2 == pytest.approx(expected.get(method, s2 - 0.1), rel=1e-12)


def test_given_weights_include_the_other_moment_estimators() -> None:
    studies, order = arrange(EFFECT, VARIANCE)
    q, trace = q_and_trace(studies, 0.0)
    first = float(estimate_tau2(studies, "DL", q, trace))
    for method, weights in (
        ("DL", 1.0 / VARIANCE),
        ("HE", np.ones(6)),
        ("DL2", 1.0 / (VARIANCE + first)),
    ):
        by_weights = float(estimate_tau2(studies, "GENQ", q, trace, weights[order]))
        assert by_weights == pytest.approx(float(estimate_tau2(studies, method, q, trace)), rel=1e-12)
        se = tau2_standard_error("GENQ", EFFECT, VARIANCE, by_weights, weights)
        assert se == pytest.approx(tau2_standard_error(method, EFFECT, VARIANCE, by_weights, None), rel=1e-12)


def test_moment_estimators_are_unbiased_without_truncation() -> None:
    # the expectation of Q is linear in tau2, hence Q evaluated at its expectation gives tau2 back
    tau2 = 0.7
    w = 1.0 / VARIANCE
    p = np.diag(w) - np.outer(w, w) / w.sum()
    expected_q = np.trace(p @ np.diag(VARIANCE + tau2))
    studies, _ = arrange(EFFECT, VARIANCE)
    _, trace = q_and_trace(studies, 0.0)
    assert float(estimate_tau2(studies, "DL", expected_q, trace)) == pytest.approx(tau2)


def test_share_of_heterogeneity() -> None:
    i2, h2 = heterogeneity_share("DL", 4, 12.0, 6.0, 0.5)
    assert (i2, h2) == (pytest.approx(50.0), pytest.approx(2.0))
    i2, h2 = heterogeneity_share("EE", 4, 12.0, 6.0, 0.0)
    assert (i2, h2) == (pytest.approx(75.0), pytest.approx(4.0))
    i2, h2 = heterogeneity_share("EE", 4, 0.0, 6.0, 0.0)
    assert (i2, h2) == (0.0, 0.0)
    i2, h2 = heterogeneity_share("REML", 1, 0.0, 0.0, 0.0)
    assert (i2, h2) == (0.0, 1.0)
