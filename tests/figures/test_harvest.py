from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from evidence.errors import DataError
from evidence.figures import harvest


@pytest.fixture
def table():
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "question": random.choice(["Singing against silence, crying in the short term", "Sleep"], 30),
            "label": [f"Author {i}" for i in range(30)],
            "direction": random.choice([-1, 0, 1], 30),
            "n": [*random.integers(10, 800, 29), np.nan],
            "kind": random.choice(["pooled", "P value only"], 30),
        }
    )


def bars(figure):
    """Bars without the lines on which they stand: left edge and height, in shares of the page."""
    found = [one for one in figure.artists if isinstance(one, Rectangle)]
    return [(one.get_x(), one.get_height()) for one in found if one.get_width() < 0.5]


def test_one_bar_a_study_under_its_direction(table):
    figure = harvest(table, kind="kind")
    edges = np.array([x for x, _ in bars(figure)])
    left, width = 139 / 540, (540 - 18 - 130) / 3 / 540
    columns = np.floor((edges - left) / width).astype(int) - 1
    assert sorted(columns) == sorted(table["direction"])
    pd.testing.assert_series_equal(figure.numbers["n"], table["n"], check_dtype=False)


def test_heights_follow_the_root_of_the_size():
    data = pd.DataFrame({"question": "one", "direction": [1, 1], "n": [400, 100]})
    tall, low = (height for _, height in bars(harvest(data)))
    assert tall == pytest.approx(2 * low)


def test_nothing_covers_or_leaves_the_page(table, faults):
    assert (
        faults(harvest(table, kind="kind", title="Directions", sides=("better", "no direction", "worse")))
        == []
    )


def test_describes_itself(table):
    text = harvest(table, sides=("favours A", "none", "worse")).alt_text
    counts = table[table["question"] == "Sleep"]["direction"].value_counts()
    said = f"Sleep, {counts.sum()} studies: favours A {counts[-1]}, none {counts[0]}, worse {counts[1]}."
    assert said in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="direction"), "no column 'direction'"),
        (lambda table: table.iloc[:0], "no rows"),
        (lambda table: table.assign(direction=3), "-1, 0 or 1"),
    ],
)
def test_refuses(table, change, message):
    with pytest.raises(DataError, match=message):
        harvest(change(table))
    with pytest.raises(DataError, match="5 kinds"):
        harvest(table.assign(kind=list("abcde") * 6), kind="kind")
