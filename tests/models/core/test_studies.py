from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evidence.models.core.studies import arrange, dispersion, either, others, sums, trace_p, trace_pp

VARIANCE = arrays(float, st.integers(2, 8), elements=st.floats(1e-6, 1e6))


def projection(variance: np.ndarray, tau2: float) -> np.ndarray:
    w = 1.0 / (variance + tau2)
    return np.diag(w) - np.outer(w, w) / w.sum()


def test_most_precise_study_is_the_anchor() -> None:
    studies, order = arrange(np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.1, 0.2]))
    assert order.tolist() == [1, 2, 0]
    assert (studies.k, studies.anchor_effect, studies.anchor_variance, studies.largest_variance) == (
        3,
        2.0,
        0.1,
        0.3,
    )
    assert studies.variance.tolist() == [0.2, 0.3]
    assert studies.difference.tolist() == [2.0, -1.0]


def test_absent_studies_have_no_weight() -> None:
    effect, variance = np.array([[1.0, np.nan, 4.0]]), np.array([[0.3, np.nan, 0.2]])
    batch, _ = arrange(effect, variance)
    alone, _ = arrange(effect[0, ::2], variance[0, ::2])
    assert batch.k.tolist() == [[2]]
    assert batch.largest_variance.tolist() == [[0.3]]
    for got, expected in zip(sums(batch, np.array([[0.5]]), 3)[1:], sums(alone, 0.5, 3)[1:], strict=True):
        np.testing.assert_allclose(np.ravel(got), expected, rtol=1e-14)


def test_sums_have_the_shape_of_tau2() -> None:
    studies, _ = arrange(np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.1, 0.2]))
    grid = np.array([0.0, 0.1, 1.0, 5.0])
    w, (r, f, s), (r2, *_) = sums(studies, grid, 2)
    for i, tau2 in enumerate(grid):
        others_weight = 1.0 / (np.array([0.3, 0.2]) + tau2)
        assert w[i] == pytest.approx(1.0 / (0.1 + tau2))
        assert r[i] == pytest.approx(others_weight.sum())
        assert f[i] == pytest.approx(others_weight @ [-1.0, 2.0])
        assert s[i] == pytest.approx(others_weight @ [1.0, 4.0])
        assert r2[i] == pytest.approx(np.square(others_weight).sum())


@given(VARIANCE, st.floats(0.0, 1e3))
def test_traces_are_those_of_the_projection(variance: np.ndarray, tau2: float) -> None:
    studies, _ = arrange(np.arange(variance.size, dtype=float), variance)
    w, (r, *_), (r2, *_), (r3, *_) = sums(studies, tau2, 3)
    p = projection(variance, tau2)
    scale = 1.0 / (variance.min() + tau2)
    assert trace_p(w, r, r2) == pytest.approx(np.trace(p), rel=1e-9, abs=1e-12 * scale)
    assert trace_pp(w, r, r2, r3) == pytest.approx(np.trace(p @ p), rel=1e-9, abs=1e-12 * scale**2)


def test_traces_survive_a_study_that_outweighs_the_rest() -> None:
    studies, _ = arrange(np.zeros(3), np.array([1e-12, 1e6, 1e6]))
    w, (r, *_), (r2, *_), (r3, *_) = sums(studies, 0.0, 3)
    # P tends to diag(0, w2, w2) plus the share of the first study, 2 w2, as its weight grows without bound
    assert trace_p(w, r, r2) == pytest.approx(4e-6, rel=1e-12)
    # rows (2w, -w, -w), (-w, w, 0), (-w, 0, w) in the limit: the sum of squares is 10 w^2
    assert trace_pp(w, r, r2, r3) == pytest.approx(10e-12, rel=1e-12)


@given(arrays(float, st.integers(1, 9), elements=st.floats(0, 1e6)))
def test_others_sum_all_but_one(values: np.ndarray) -> None:
    expected = [np.delete(values, i).sum() for i in range(values.size)]
    np.testing.assert_allclose(others(values), expected, rtol=1e-12)


def test_dispersion_ignores_a_shift() -> None:
    effect, variance = np.array([1.0, 2.0, 4.0]), np.array([0.3, 0.1, 0.2])
    expected = np.square(effect - effect.mean()).sum()
    assert dispersion(arrange(effect, variance)[0]) == pytest.approx(expected)
    assert dispersion(arrange(effect + 2.0**40, variance)[0]) == pytest.approx(expected)


def test_choose_takes_scalars_and_arrays() -> None:
    assert either(True, 1.0, 2.0) == 1.0
    assert either(np.array([True, False]), 1.0, 2.0).tolist() == [1.0, 2.0]
