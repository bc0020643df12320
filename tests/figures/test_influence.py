from __future__ import annotations

import numpy as np
import pytest

from evidence.diagnostics.influence import influence as measures
from evidence.figures import influence
from evidence.figures.drawing.style import ORANGE


def outlying(trials):
    table = trials(12)
    table.loc[6, ["effect", "variance"]] = [1.8, 0.01]
    return table


def test_carries_the_numbers_of_the_result(trials, fit):
    table = outlying(trials)
    result = fit(table)
    expected = measures(result).to_frame()
    numbers = influence(result, data=table).numbers
    assert list(numbers.label) == list(table.label)
    np.testing.assert_array_equal(numbers.drop(columns="label"), expected.drop(columns="label"))


@pytest.mark.parametrize("k", [2, 3, 12, 40])
def test_nothing_covers_or_leaves(trials, fit, faults, k):
    table = trials(k)
    assert faults(influence(fit(table), data=table, title="Influence")) == []


def test_nothing_covers_with_long_names(trials, fit, faults):
    table = outlying(trials)
    table.loc[2, "label"] = "A trial with a long name, " * 4
    assert faults(influence(fit(table), data=table)) == []


def test_panels_have_ticks_to_read_values_by(trials, fit):
    for k in (3, 12, 40):
        panels = influence(fit(trials(k))).axes[1:]
        assert len(panels) == 8
        assert all(len(panel.get_xticks()) >= 2 for panel in panels)


def test_flagged_studies_are_coloured_and_named(trials, fit, lines):
    table = outlying(trials)
    result = fit(table)
    figure = influence(result, data=table)
    flagged = measures(result).influential
    assert flagged[6]
    for panel in figure.axes[1:]:
        coloured = [line for line in panel.lines if line.get_color() == ORANGE]
        assert sum(len(np.atleast_1d(line.get_xdata())) for line in coloured) == flagged.sum()
    bold = {text.get_text() for text in figure.texts if text.get_fontweight() == "bold"}
    assert bold == {"Study", *table.label[flagged]}
    assert "Influential: Author 6 2006" in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text


def test_says_when_no_study_is_influential(trials, fit, texts):
    table = trials(9)
    table["effect"], table["variance"] = np.tile([-0.2, 0.0, 0.2], 3), 0.04
    figure = influence(fit(table))
    assert "Influential: none." in figure.alt_text
    assert "No study is influential." in " ".join(texts(figure))


def test_draws_equal_effects(trials, fit, faults):
    table = trials(4)
    table["effect"] = 0.3
    assert faults(influence(fit(table))) == []


def test_long_numbers_fit_their_panels(trials, fit, faults):
    table = outlying(trials)
    for unit in (1e-6, 1e6):
        scaled = table.assign(effect=unit * table.effect, variance=unit**2 * table.variance)
        assert faults(influence(fit(scaled))) == []
