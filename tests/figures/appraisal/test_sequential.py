from __future__ import annotations

import pandas as pd
import pytest

import evidence as ev
from evidence.figures import sequential as draw


def made_up(trials, fit, k, delta, **options):
    table = trials(k)
    return ev.sequential(fit(table), [2000 + i // 2 for i in range(k)], delta=delta, **options)


@pytest.mark.parametrize("k", [1, 4, 40])
@pytest.mark.parametrize("delta", [0.05, 0.4])
def test_nothing_covers_or_leaves(trials, fit, faults, k, delta):
    assert faults(draw(made_up(trials, fit, k, delta), title="Enough?", notes=("A note.",))) == []


def test_the_path_and_the_boundaries_are_drawn(trials, fit, lines, texts):
    result = made_up(trials, fit, 8, 0.25, heterogeneity="none", n=[100] * 8)
    figure = draw(result)
    looks, ahead = result.looks, result.ahead()
    drawn = lines(figure.axes[0])
    path = next(line for line in drawn if line[0] == "o")
    assert path[1] == pytest.approx(list(100 * looks["fraction"]))
    assert path[2] == pytest.approx(list(looks["z"]))
    finite = ahead[ahead["boundary"] <= 8]
    upper = [line[2] for line in drawn if line[0] == "s"]
    assert upper[0] == pytest.approx(list(-finite["boundary"]))
    assert upper[1] == pytest.approx(list(finite["boundary"]))
    pd.testing.assert_frame_equal(figure.numbers, looks)
    assert {"2000", "↓ favours intervention", "↑ favours comparator", "required"} <= set(texts(figure))
    assert result.note in figure.alt_text
    assert f"about {result.required_n:,.0f} people" in figure.alt_text


def test_sides_are_turned_where_more_is_better(trials, fit, texts):
    figure = draw(made_up(trials, fit, 4, 0.2, better="higher", measure="RR"))
    assert "↑ favours intervention" in texts(figure)
    assert "an effect of 1.22 (RR)" in figure.alt_text
