from __future__ import annotations

import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.figures import bars


def test_bars_carry_their_counts_and_shares(faults, texts):
    frame = pd.DataFrame(
        {"status": ["poolable", "reported, not poolable", "no numbers"], "trials": [30, 10, 0]}
    )
    figure = bars(frame, label="status", value="trials", title="Trials")
    assert faults(figure) == []
    assert {"Trials", "poolable", "30 (75%)", "10 (25%)", "0 (0%)"} <= set(texts(figure))
    assert figure.alt_text == "Trials: poolable 30 (75%), reported, not poolable 10 (25%), no numbers 0 (0%)."
    pd.testing.assert_frame_equal(figure.numbers, frame)


def test_bars_are_as_long_as_their_counts():
    axes = bars(pd.DataFrame({"a": ["x", "y"], "n": [4, 1]}), label="a", value="n").axes[0]
    long, short = (patch.get_window_extent().width for patch in axes.patches)
    assert long == pytest.approx(4 * short)


def test_bars_refuse_counts_that_are_none():
    with pytest.raises(DataError, match="no rows"):
        bars(pd.DataFrame({"a": [], "n": []}), label="a", value="n")
    with pytest.raises(DataError, match="'y' must be 0 or more"):
        bars(pd.DataFrame({"a": ["x", "y"], "n": [4, -1]}), label="a", value="n")
