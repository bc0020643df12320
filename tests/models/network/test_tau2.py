"""The between-study variance of a network: against the estimators of meta-regression, and the global maximum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.models.core.weighted import Model
from evidence.models.core.weighted_tau2 import estimate_tau2, model_log_likelihood
from evidence.models.network.tau2 import network_tau2


def random_model(seed: int, decades: float) -> Model:
    generator = np.random.default_rng(seed)
    k, p = int(generator.integers(4, 14)), int(generator.integers(1, 4))
    variance = 10.0 ** generator.uniform(-decades, decades, k)
    return Model(generator.normal(size=(k, p)), generator.normal(0.0, np.sqrt(variance + 0.5)), variance)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([0.3, 1.5, 4.0]), st.sampled_from(["REML", "DL"]))
def test_equals_meta_regression(seed: int, decades: float, method: str) -> None:
    model = random_model(seed, decades)
    ours, theirs = network_tau2(model, method), float(estimate_tau2(model, method))
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7 * float(model.variance.min()))


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_no_other_value_is_more_likely(seed: int) -> None:
    model = random_model(seed, 1.5)
    best = network_tau2(model, "REML")
    grid = np.append(0.0, np.geomspace(1e-3, 1e3, 200))
    others = model_log_likelihood(model.on_grid(), grid, restricted=True)
    assert float(model_log_likelihood(model, best, restricted=True)) >= others.max() - 1e-9


@pytest.mark.parametrize(("far", "highest"), [(40.0, 0.0), (50.0, 903.5018)])
def test_of_two_peaks_the_higher_counts(far: float, highest: float) -> None:
    # precise studies that agree, and imprecise ones far apart: the likelihood peaks at zero and far from it
    effect = np.array([0.0, 0.03, -0.02, 0.01, far, -far, 0.8 * far])
    variance = np.array([1e-3] * 4 + [100.0] * 3)
    model = Model(np.ones((7, 1)), effect, variance)
    grid = np.append(0.0, np.geomspace(1e-5, 1e4, 400))
    height = model_log_likelihood(model.on_grid(), grid, restricted=True)
    assert (np.diff(np.sign(np.diff(height))) < 0).sum() == 1  # the second peak; the first is at the boundary
    assert height[1] < height[0]
    assert network_tau2(model, "REML") == pytest.approx(highest, rel=1e-5)


def test_no_degrees_of_freedom_or_common_effects() -> None:
    model = random_model(1, 0.3)
    assert network_tau2(model, "EE") == 0.0
    assert network_tau2(Model(np.eye(3), np.arange(3.0), np.ones(3)), "REML") == 0.0
