"""Comparison-adjusted funnel plots, and league tables of component models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.figures import league, network_funnel


def table(seed: int = 4, studies: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    names = ["placebo", "old_drug", "new_drug", "newest"]
    rows = []
    for i in range(studies):
        first, second = rng.choice(4, 2, replace=False)
        se = rng.uniform(0.1, 0.6)
        effect = 0.2 * (first - second) + se * rng.normal()
        rows.append((f"s{i}", names[first], names[second], effect, se))
    return pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se"])


ORDER = ["placebo", "old_drug", "new_drug", "newest"]
NET = ev.network(table())


def test_nothing_covers_or_leaves(faults):
    assert faults(network_funnel(NET, ORDER, title="Small studies", measure_label="SMD")) == []
    many = [f"treatment number {i}" for i in range(12)]
    rows = [
        (f"s{i}{j}{k}", many[i], many[j], 0.1 * k, 0.2 + 0.02 * i)
        for i in range(12)
        for j in range(i)
        for k in range(2)
    ]
    large = ev.network(pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se"]))
    assert faults(network_funnel(large, many)) == []


def test_points_stand_where_the_numbers_say():
    figure = network_funnel(NET, ORDER)
    numbers, data = figure.numbers, NET.funnel(ORDER)
    np.testing.assert_allclose(numbers["effect"], data["effect"])
    drawn = {
        (round(float(x), 9), round(float(y), 9))
        for line in figure.axes[0].lines
        if line.get_linestyle() == "None"
        for x, y in np.column_stack([np.asarray(line.get_xdata()), np.asarray(line.get_ydata())])
    }
    assert drawn == {
        (round(x, 9), round(s, 9)) for x, s in zip(numbers["adjusted"], numbers["se"], strict=True)
    }
    weights = 1.0 / (np.square(data["se"]) + NET.tau2)
    for _, rows in data.groupby("comparison"):
        pooled = np.average(rows["effect"], weights=weights[rows.index])
        np.testing.assert_allclose(numbers.loc[rows.index, "adjusted"], rows["effect"] - pooled, atol=1e-9)


def test_small_studies_that_favour_the_newer_treatment_tilt_the_line():
    data = table()
    rank = {name: i for i, name in enumerate(ORDER)}
    later = np.where(data["treat1"].map(rank) > data["treat2"].map(rank), 1.0, -1.0)
    tilted = ev.network(data.assign(effect=data["effect"] + 3.0 * later * data["se"]))
    assert "P < .001" in network_funnel(tilted, ORDER).alt_text
    # With the order turned round every effect turns its sign.
    one, other = network_funnel(NET, ORDER).numbers, network_funnel(NET, ORDER[::-1]).numbers
    np.testing.assert_allclose(one["adjusted"], -other["adjusted"], atol=1e-12)


def test_a_comparison_of_one_study_is_hollow_and_not_tested(faults):
    data = pd.concat(
        [table(), pd.DataFrame([("single", "device", "placebo", 2.0, 0.3)], columns=table().columns)]
    )
    figure = network_funnel(ev.network(data), [*ORDER, "device"])
    row = figure.numbers.set_index("study").loc["single"]
    assert row["adjusted"] == 0.0
    assert faults(figure) == []
    assert "Hollow: 2 contrasts of a" in " ".join(text.get_text() for text in figure.texts)
    assert (
        figure.alt_text.split("Regression")[1] == network_funnel(NET, ORDER).alt_text.split("Regression")[1]
    )


def test_bad_input_is_refused():
    with pytest.raises(ev.DataError, match="every treatment once"):
        network_funnel(NET, ORDER[:3])
    with pytest.raises(ev.DataError, match="takes a result of class Network; got Pooled"):
        network_funnel(ev.pool([0.1, 0.2], [0.1, 0.1]), ORDER)  # type: ignore[arg-type]
    with pytest.raises(ev.DataError, match="the smaller first"):
        network_funnel(NET, ORDER, xlim=(1.0, -1.0))


ROWS = [
    ("s1", "massage", "usual_care", -0.4, 0.2),
    ("s2", "manual_therapy", "usual_care", -0.3, 0.15),
    ("s3", "massage+manual_therapy", "usual_care", -0.9, 0.25),
    ("s4", "massage+manual_therapy", "massage", -0.2, 0.2),
    ("s5", "massage+exercise", "massage", 0.1, 0.3),
    ("s6", "exercise", "usual_care", -0.2, 0.25),
]
COMP = ev.components(pd.DataFrame(ROWS, columns=table().columns), inactive="usual_care")


def test_league_table_of_components_has_both_models():
    written: Any = COMP.league_table()
    assert written.loc["massage", "massage+manual_therapy"].startswith(f"{-NET_EFFECT:.2f} (")
    lower = COMP.combination("massage", "massage+manual_therapy")
    assert written.loc["massage+manual_therapy", "massage"] == (
        f"{lower['estimate']:.2f} ({lower['ci_low']:.2f} to {lower['ci_high']:.2f})"
    )
    ratios: Any = COMP.league_table(["massage", "exercise"], exponentiate=True)
    expected = np.exp(COMP.combination("massage", "exercise")["estimate"])
    assert ratios.loc["exercise", "massage"].startswith(f"{expected:.2f} (")
    with pytest.raises(ev.DataError, match="not in the network"):
        COMP.league_table(["massage", "laser"])


OF_COMPONENTS: Any = ev.network(pd.DataFrame(ROWS, columns=table().columns), method="REML", tau2=COMP.tau2)
NET_EFFECT = float(OF_COMPONENTS.effects.loc["massage+manual_therapy", "massage"])


def test_figure_of_the_league_table_of_components(faults):
    figure = league(COMP, measure_label="SMD")
    assert faults(figure) == []
    numbers = figure.numbers
    for one in numbers.to_dict("records"):
        found = COMP.combination(one["treatment"], one["against"])
        assert one["estimate"] == pytest.approx(found["estimate"])
        assert one["estimate_low"] == pytest.approx(found["ci_low"])
    assert len(numbers) == 15
    assert numbers["p_score"].iloc[0] == numbers["p_score"].max()
    assert "by sums of their components" in figure.alt_text
    assert "Test of additivity" in " ".join(text.get_text() for text in figure.texts)
    undetermined = ev.components(
        pd.DataFrame([("s8", "laser+heat", "heat+cold", 0.1, 0.2), *ROWS[:1]], columns=table().columns)
    )
    with pytest.raises(ev.ModelError, match="cannot compare all treatments"):
        league(undetermined)
