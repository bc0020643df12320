from __future__ import annotations

import math
from math import nan

import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.figures import comparison

LONG = "Another review with a name as long as a sentence"
COLUMNS = [
    "group",
    "label",
    "estimate",
    "ci_low",
    "ci_high",
    "kind",
    "k",
    "n",
    "prediction_low",
    "prediction_high",
    "measure",
]


@pytest.fixture
def frame():
    rows = [
        ("Massage", "This review", -0.42, -0.70, -0.14, "this review", 9, 812, -1.1, 0.3, "SMD"),
        ("Massage", "A published review", -0.72, -1.05, -0.39, "published", 7, 761, nan, nan, "SMD"),
        ("Massage", LONG, -0.3, nan, nan, "published", nan, 300, nan, nan, "SMD"),
        ("Therapy", "This review", -9.1, -14.0, -4.2, "this review", 5, 400, -22.0, 4.0, "MD"),
        ("Therapy", "A published review", -7.0, -11.0, -3.0, "published", 12, 1500, nan, nan, "MD"),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_carries_the_rows_as_given(frame):
    figure = comparison(frame, panel="measure")
    pd.testing.assert_frame_equal(figure.numbers, frame)
    assert "Massage: This review −0.42 (95% CI −0.70 to −0.14)" in figure.alt_text
    assert "−0.30 (no interval)" in figure.alt_text
    assert len(figure.axes) == 2


def test_nothing_covers_or_leaves(frame, faults):
    assert (
        faults(comparison(frame, panel="measure", title="Beside published reviews", notes=["A note."])) == []
    )
    assert faults(comparison(frame[frame.measure == "SMD"].drop(columns=["k", "n", "prediction_low"]))) == []


def test_ratios_are_shown_as_ratios(frame):
    rows = frame.head(2).assign(measure="RR")
    numbers = comparison(rows).numbers
    assert numbers.estimate.tolist() == pytest.approx([math.exp(-0.42), math.exp(-0.72)])


def test_own_and_published_results_look_different(frame):
    panel = comparison(frame.head(2)).axes[0]
    markers = [line.get_marker() for line in panel.lines if line.get_marker() in ("s", "o")]
    assert markers == ["s", "o"]


def test_shows_estimates_without_any_interval(frame, faults):
    bare = frame.iloc[[2]]
    figure = comparison(bare)
    assert faults(figure) == []
    assert "−0.30" in figure.alt_text


def test_says_what_was_not_pooled(frame, texts):
    frame.loc[0, ["estimate", "ci_low", "ci_high", "prediction_low", "prediction_high"]] = nan
    figure = comparison(frame.head(3))
    assert "This review (not pooled)" in texts(figure)
    assert "This review not pooled" in figure.alt_text
    assert "This review (not pooled)" in texts(comparison(frame.head(1)))


def test_refuses_unusable_tables(frame):
    with pytest.raises(DataError, match="empty"):
        comparison(frame.head(0))
    with pytest.raises(DataError, match="no column 'kind'"):
        comparison(frame.drop(columns="kind"))
    with pytest.raises(DataError, match="'This review' is of kind 'ours'"):
        comparison(frame.replace("this review", "ours"))
    with pytest.raises(DataError, match="cannot show MD, SMD"):
        comparison(frame)
    with pytest.raises(DataError, match="no column 'scale'"):
        comparison(frame, panel="scale")
