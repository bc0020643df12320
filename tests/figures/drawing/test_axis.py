from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.figures.drawing.axis import make_axis, range_of
from evidence.figures.drawing.style import SMALL
from evidence.figures.drawing.text import text_width

values = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@given(st.lists(st.tuples(values, st.floats(0.01, 1e4)), min_size=1, max_size=30), st.floats(0.01, 100))
def test_range_follows_the_unit(studies, factor):
    def limits(scale):
        bounds = [scale * (centre + sign * half) for centre, half in studies for sign in (-1, 1)]
        return range_of([scale * centre for centre, _ in studies], bounds)

    assert limits(factor) == pytest.approx(tuple(factor * limit for limit in limits(1.0)), rel=1e-6, abs=1e-6)
    low, high = limits(1.0)
    assert low < 0 < high


def test_one_wide_interval_does_not_squeeze_the_rest():
    bounds = [-1, 1] * 10 + [-1000, 1000]
    low, high = range_of([0] * 11, bounds)
    assert -10 < low < -1
    assert 1 < high < 10


@given(st.floats(-50, 50), st.floats(0.01, 30), st.booleans())
def test_ticks_lie_on_the_axis_and_their_labels_do_not_touch(low, length, ratio):
    axis = make_axis((low, low + length), 180.0, ratio=ratio)
    assert all(axis.low - 1e-9 <= tick <= axis.high + 1e-9 for tick in axis.ticks)
    places = [180 * axis.share(tick) for tick in axis.ticks]
    widths = [text_width(label, SMALL) for label in axis.labels]
    gaps = [b - a - (v + w) / 2 for a, b, v, w in zip(places, places[1:], widths, widths[1:], strict=False)]
    assert all(gap > 0 for gap in gaps)


def test_ratio_ticks_are_round_ratios():
    axis = make_axis((math.log(0.08), math.log(12)), 200.0, ratio=True)
    assert axis.labels == ("0.1", "0.2", "0.5", "1", "2", "5", "10")
    assert axis.ticks[3] == 0


def test_linear_labels_share_their_decimals():
    assert make_axis((-1.2, 1.1), 200.0, ratio=False).labels == ("−1.0", "−0.5", "0.0", "0.5", "1.0")
