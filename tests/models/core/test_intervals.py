from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtri, stdtrit

from evidence.models.core.intervals import (
    mean_effect,
    prediction_interval,
    profile_interval,
    q_profile_interval,
)
from evidence.models.core.likelihood import likeliest_tau2, log_likelihood
from evidence.models.core.studies import arrange

EFFECT = np.array([0.4, -0.9, 1.7, 0.2, 0.8, 1.1])
VARIANCE = np.array([0.02, 0.3, 0.05, 0.1, 0.04, 0.2])


@pytest.mark.parametrize("ci", ["HKSJ", "KR"])
def test_equal_variances_give_the_t_interval_of_a_mean(ci: str) -> None:
    studies, _ = arrange(EFFECT, np.full(6, 0.1))
    mean = mean_effect(studies, likeliest_tau2(studies, restricted=True), ci, 0.9)
    se = EFFECT.std(ddof=1) / np.sqrt(6)
    assert mean.estimate == pytest.approx(EFFECT.mean())
    assert mean.se == pytest.approx(se)
    assert mean.df == pytest.approx(5)
    assert mean.high - mean.estimate == pytest.approx(se * stdtrit(5, 0.95))


def test_ad_hoc_interval_is_never_shorter_than_by_t() -> None:
    for tau2 in (0.0, 0.1, 5.0):
        studies, _ = arrange(EFFECT, VARIANCE)
        t, hksj, adhoc = (mean_effect(studies, tau2, ci, 0.95).se for ci in ("t", "HKSJ", "HKSJ-adhoc"))
        assert adhoc == pytest.approx(max(t, hksj))


def test_kenward_roger_covers_as_stated_with_many_studies_and_is_cautious_with_few() -> None:
    """By simulation, as Partlett and Riley (2017) found: 4,000 meta-analyses, three standard errors allowed."""
    rng = np.random.default_rng(11)
    covered = {}
    for k, tau2 in ((20, 2.0), (4, 0.05)):
        variance = np.tile(np.geomspace(0.1, 1.0, k), (4000, 1))
        studies, _ = arrange(rng.normal(0.0, np.sqrt(variance + tau2)), variance)
        mean = mean_effect(studies, likeliest_tau2(studies, restricted=True), "KR", 0.95)
        covered[k] = np.mean((mean.low <= 0.0) & (mean.high >= 0.0))
    assert covered[20] == pytest.approx(0.95, abs=0.0104)
    assert covered[4] > 0.98


def test_kenward_roger_does_not_break_when_one_study_outweighs_all() -> None:
    studies, _ = arrange(np.array([0.1, 3.0, -2.0]), np.array([1e-12, 1e6, 1e6]))
    mean = mean_effect(studies, 0.0, "KR", 0.95)
    assert mean.df == 0.02
    assert np.isfinite([mean.se, mean.low, mean.high]).all()


@pytest.mark.parametrize(("prediction", "df"), [("V", 5), ("HTS", 4), ("z", np.inf)])
def test_prediction_interval(prediction: str, df: float) -> None:
    studies, _ = arrange(EFFECT, VARIANCE)
    mean = mean_effect(studies, 0.4, "HKSJ", 0.95)
    low, high = prediction_interval(6, mean.estimate, mean.se, 0.4, prediction, 0.95)
    half = stdtrit(df, 0.975) * np.sqrt(0.4 + mean.se**2)
    assert (low, high) == (pytest.approx(mean.estimate - half), pytest.approx(mean.estimate + half))


def test_limits_of_the_q_profile_solve_for_the_quantiles() -> None:
    studies, _ = arrange(EFFECT, VARIANCE)
    for limit, tail in zip(q_profile_interval(studies, 0.9), (0.05, 0.95), strict=True):
        w = 1.0 / (VARIANCE + limit)
        q = w @ np.square(EFFECT - w @ EFFECT / w.sum())
        assert q == pytest.approx(chdtri(5, tail), rel=1e-10)


def test_q_profile_of_effects_closer_than_chance() -> None:
    studies, _ = arrange(np.full(6, 0.3), VARIANCE)
    assert q_profile_interval(studies, 0.95) == (0.0, 0.0)


@pytest.mark.parametrize("restricted", [True, False])
def test_profile_limits_lie_a_quantile_below_the_maximum(restricted: bool) -> None:
    studies, _ = arrange(EFFECT, VARIANCE)
    top = log_likelihood(studies, likeliest_tau2(studies, restricted=restricted), restricted=restricted)
    low, high = profile_interval(studies, 0.8, restricted=restricted)
    assert 0.0 < low < high
    for limit in (low, high):
        drop = top - log_likelihood(studies, limit, restricted=restricted)
        assert drop == pytest.approx(0.5 * chdtri(1, 0.2), rel=1e-9)


def test_one_study_keeps_its_own_interval() -> None:
    studies, _ = arrange(np.array([0.4]), np.array([0.25]))
    for ci in ("z", "t", "HKSJ", "HKSJ-adhoc", "KR"):
        mean = mean_effect(studies, 0.0, ci, 0.95)
        assert (mean.estimate, mean.se) == (0.4, 0.5)
        assert mean.low == pytest.approx(0.4 - 0.5 * 1.959963984540054)
    assert np.isnan(q_profile_interval(studies, 0.95)).all()
    assert np.isnan(profile_interval(studies, 0.95, restricted=True)).all()
    assert np.isnan(prediction_interval(1, mean.estimate, mean.se, 0.0, "V", 0.95)).all()
