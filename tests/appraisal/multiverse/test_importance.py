from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.appraisal.multiverse.importance import decompose, main_shares

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_bounds_on_a_complete_table(shape: list[int], seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=shape)
    first, total = decompose(values)
    assert (first >= 0).all()
    assert (total >= first - 1e-9).all()
    if values.size > 1:
        assert first.sum() <= 1 + 1e-9
        assert total.sum() >= 1 - 1e-9


@given(SHAPES, st.integers(0, 2**32 - 1), st.floats(-50, 50), st.sampled_from([-3.0, 0.01, 1e6]))
def test_shift_and_scale_change_nothing(shape: list[int], seed: int, shift: float, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=shape)
    for known, other in zip(decompose(values), decompose(shift + scale * values), strict=True):
        np.testing.assert_allclose(other, known, atol=1e-6)


@given(SHAPES, st.integers(0, 2**32 - 1))
def test_order_of_choices_and_options_changes_nothing(shape: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(shape) < 0.2, np.nan, rng.normal(size=shape))
    order = rng.permutation(len(shape))
    turned = np.flip(values.transpose(order), axis=0)
    for known, other in zip(decompose(values), decompose(turned), strict=True):
        np.testing.assert_allclose(other, known[order], atol=1e-10)


def test_additive_and_pure_interaction() -> None:
    a, b = np.array([0.0, 3.0])[:, None], np.array([0.0, 4.0])[None, :]
    first, total = decompose(a + b)
    np.testing.assert_allclose(first, [9 / 25, 16 / 25])
    np.testing.assert_allclose(total, first)
    first, total = decompose(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    np.testing.assert_allclose(first, [0, 0])
    np.testing.assert_allclose(total, [1, 1])


def test_nothing_varies_or_nothing_is_there() -> None:
    for values in (np.full((2, 3), 7.1), np.full((2, 3), np.nan)):
        for shares in decompose(values):
            assert shares.tolist() == [0, 0]
        assert main_shares(values.ravel(), [np.repeat([0, 1], 3)]).tolist() == [0]


def test_sample_of_everything_is_everything() -> None:
    rng = np.random.default_rng(3)
    values = np.where(rng.random((3, 4, 2)) < 0.3, np.nan, rng.normal(size=(3, 4, 2)))
    codes = [code.ravel() for code in np.indices(values.shape)]
    np.testing.assert_allclose(main_shares(values.ravel(), codes), decompose(values)[0], rtol=1e-12)
    assert decompose(values)[0][0] == pytest.approx(main_shares(values.ravel(), codes[:1])[0])
