from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.appraisal.checks.spreads import possible_mean, possible_sd


@st.composite
def scores(draw: st.DrawFn) -> tuple[list[int], int]:
    """Whole scores of a group, and the decimals with which mean and SD are printed."""
    return draw(st.lists(st.integers(0, 24), min_size=2, max_size=200)), draw(st.integers(0, 3))


@given(scores())
def test_means_and_sds_of_whole_scores_are_never_flagged(drawn: tuple[list[int], int]) -> None:
    values, places = drawn
    mean, sd = round(float(np.mean(values)), places), round(float(np.std(values, ddof=1)), places)
    assert possible_mean(mean, len(values), places)
    assert possible_sd(mean, sd, len(values), places, places)


@given(scores(), st.sampled_from([0.5, 2.0, 5.0]))
def test_a_scale_in_steps_is_the_scale_in_whole_numbers(drawn: tuple[list[int], int], step: float) -> None:
    values, places = np.array(drawn[0]) * step, drawn[1]
    mean, sd = round(float(np.mean(values)), places), round(float(np.std(values, ddof=1)), places)
    assert possible_mean(mean, len(values), places, step)
    assert possible_sd(mean, sd, len(values), places, places, step)


@given(st.integers(2, 40), st.integers(0, 2000))
def test_grim_agrees_with_all_possible_sums(n: int, hundredths: int) -> None:
    mean = hundredths / 100
    # A half may be rounded either way.
    listed = any(abs(total / n - mean) <= 0.005 + 1e-9 for total in range(20 * n + 1))
    assert possible_mean(mean, n, 2) == listed


@pytest.mark.parametrize(
    ("n", "mean", "fits"), [(28, 5.19, False), (28, 5.18, True), (18, 3.44, True), (19, 3.44, False)]
)
def test_grim_on_single_means(n: int, mean: float, fits: bool) -> None:
    assert possible_mean(mean, n, 2) is fits


def test_grimmer_agrees_with_all_groups_of_four() -> None:
    possible = set()
    for group in np.ndindex(5, 5, 5, 5):
        possible.add((round(float(np.mean(group)), 2), round(float(np.std(group, ddof=1)), 2)))
    for mean, sd in possible:
        assert possible_sd(mean, sd, 4, 2, 2)
    # The mean 1.5 with a sum of squares of 12 or 14 is possible (SD 1 or 1.29), between them it is not.
    assert not possible_sd(1.5, 1.15, 4, 2, 2)
    assert math.isclose(np.std([0, 1, 2, 3], ddof=1), 1.29, abs_tol=0.005)
