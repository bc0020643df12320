from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from evidence.errors import DataError
from evidence.figures import component_forest, waterfall
from evidence.models.network.components import components
from evidence.models.network.fit import network

ROWS = [
    ("s1", "massage", "usual_care", -0.4, 0.2),
    ("s2", "manual_therapy", "usual_care", -0.3, 0.15),
    ("s3", "massage+manual_therapy", "usual_care", -0.9, 0.25),
    ("s4", "massage+manual_therapy", "massage", -0.2, 0.2),
    ("s5", "massage+exercise", "massage", 0.1, 0.3),
    ("s6", "exercise", "usual_care", -0.2, 0.25),
    ("s7", "manual_therapy", "exercise", 0.1, 0.2),
]
TABLE = pd.DataFrame(ROWS, columns=["study", "treat1", "treat2", "effect", "se"])
COMP = components(TABLE, inactive="usual_care")
APART = pd.DataFrame(
    [("s8", "laser+heat", "heat+cold", 0.1, 0.2)], columns=["study", "treat1", "treat2", "effect", "se"]
)


@pytest.mark.parametrize("size", [2, 22])
def test_nothing_covers_or_leaves(faults, size):
    names = [f"component with a name of some length {i}" for i in range(size)]
    rows = [(f"s{i}", name, "nothing", 0.1 * i, 0.2) for i, name in enumerate(names)]
    rows += [("sum", "+".join(names), "nothing", 1.0, 0.3)]
    comp = components(pd.DataFrame(rows, columns=TABLE.columns), inactive="nothing")
    assert faults(component_forest(comp, title="Components", notes=["A note."])) == []
    assert faults(waterfall(comp, "+".join(names))) == []
    assert (
        faults(waterfall(comp, names[0], against=names[1], favours=None, title="One against the other")) == []
    )


def test_component_forest_carries_the_effects(texts):
    figure = component_forest(COMP, measure_label="SMD")
    numbers, table = figure.numbers.set_index("component"), COMP.to_frame()
    for name in ("estimate", "ci_low", "ci_high", "p_value"):
        assert numbers[name].tolist() == table[name].tolist()
    assert numbers.studies.to_dict() == {"exercise": 3, "manual_therapy": 4, "massage": 4}
    assert "Standardised mean difference, v usual care" in texts(figure)
    assert "manual therapy −" in figure.alt_text
    assert f"Q = {COMP.q_difference:.2f} on {COMP.df_difference} df" in figure.alt_text
    assert any(text.startswith("Test of additivity") for text in texts(figure))


def test_component_forest_shows_interactions_and_what_cannot_be_estimated(texts, faults):
    comp = components(TABLE, inactive="usual_care", interactions=["massage:manual_therapy"])
    written = texts(component_forest(comp))
    assert {"massage × manual therapy", "Interactions: both beyond their sum"} <= set(written)
    comp = components(pd.concat([TABLE, APART]), inactive="usual_care")
    figure = component_forest(comp)
    assert faults(figure) == []
    assert "laser (cannot be estimated)" in texts(figure)
    assert "laser cannot be estimated" in figure.alt_text
    assert np.isnan(figure.numbers.set_index("component").estimate["laser"])


def test_additivity_that_cannot_be_tested_is_said():
    comp = components(TABLE.iloc[[0, 1]], inactive="usual_care")
    assert "Additivity: cannot be tested" in component_forest(comp).alt_text


def test_waterfall_adds_up():
    numbers = waterfall(COMP, "massage+manual_therapy").numbers
    parts, total = numbers[numbers.kind == "component"], numbers[numbers.kind == "sum"].iloc[0]
    assert parts.label.tolist() == ["+ manual therapy", "+ massage"]
    assert parts.estimate.sum() == pytest.approx(total.estimate)
    np.testing.assert_allclose(parts.start, [0, parts.end.iloc[0]])
    assert parts.end.iloc[-1] == pytest.approx(total.estimate)
    expected = COMP.combination("massage+manual_therapy")
    assert (total.ci_low, total.ci_high) == (expected.ci_low, expected.ci_high)


def test_bars_of_a_waterfall_stand_beside_their_labels():
    figure = waterfall(COMP, "massage+manual_therapy")
    figure.draw_without_rendering()
    (panel,) = figure.axes
    bars = [patch.get_window_extent() for patch in panel.patches if isinstance(patch, Rectangle)]
    labels = {text.get_text(): text.get_window_extent() for text in figure.findobj(Text)}
    numbers = figure.numbers[figure.numbers.kind == "component"]
    assert len(bars) == len(numbers) == 2
    for bar, (_, row) in zip(bars, numbers.iterrows(), strict=True):
        label = labels[row.label]
        assert bar.y0 < (label.y0 + label.y1) / 2 < bar.y1
        assert bar.height == pytest.approx(9.0 * figure.dpi / 72)
        left, right = panel.transData.inverted().transform([(bar.x0, 0), (bar.x1, 0)])[:, 0]
        assert [left, right] == pytest.approx(sorted((row.start, row.end)))


def test_waterfall_sets_the_network_estimate_beside():
    own = waterfall(COMP, "manual_therapy+massage").numbers.iloc[-1]
    table = COMP.combinations().loc["massage+manual_therapy"]
    assert (own.kind, own.estimate) == ("network", table.network)
    assert own.ci_high == pytest.approx(table.network + 1.959963984540054 * table.network_se)
    net = network(TABLE)
    against = waterfall(COMP, "massage+manual_therapy", against="exercise", net=net)
    own = against.numbers.iloc[-1]
    assert own.estimate == pytest.approx(net.effects.loc["massage+manual_therapy", "exercise"])
    assert own.ci_low == pytest.approx(net.ci_low.loc["massage+manual_therapy", "exercise"])
    assert "− exercise" in set(against.numbers.label)


def test_waterfall_says_when_the_network_has_no_estimate(texts):
    for net in (None, network(TABLE)):
        figure = waterfall(COMP, "massage+manual_therapy+exercise", net=net)
        assert set(figure.numbers.kind) == {"component", "sum"}
        assert "no estimate of its own of massage + manual therapy + exercise v usual care" in figure.alt_text
        assert "Network estimate" not in texts(figure)


def test_waterfall_of_ratios_multiplies():
    numbers = waterfall(COMP, "massage+manual_therapy", measure_label="OR").numbers
    parts, total = numbers[numbers.kind == "component"], numbers[numbers.kind == "sum"].iloc[0]
    assert parts.estimate.prod() == pytest.approx(total.estimate)
    assert parts.start.iloc[0] == 1.0


def test_waterfall_refuses_what_does_not_add_up():
    with pytest.raises(DataError, match="no component is called 'tea'"):
        waterfall(COMP, "massage+tea")
    with pytest.raises(DataError, match="'massage' adds no component"):
        waterfall(COMP, "massage", against="massage")
    with pytest.raises(DataError, match="laser cannot be estimated"):
        waterfall(components(pd.concat([TABLE, APART]), inactive="usual_care"), "laser")
