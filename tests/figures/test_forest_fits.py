"""Forest plots of fits of every class, on natural scales, with columns and signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.figures import cumulative, forest, leave_one_out
from evidence.models.counts.glmm import glmm
from evidence.models.counts.mantel_haenszel import mantel_haenszel
from evidence.models.counts.peto import peto
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.regression.fit import regress
from evidence.models.regression.subgroups import subgroups

LABELS = [
    "Ahn 2001",
    "Bao 2002",
    "A very long name of a study group with many words 2003",
    "Dee 2004",
    "Eve 2005",
]
CELLS: dict[str, Any] = {
    "a": [4, 62, 33, 180, 0],
    "b": [119, 13536, 5036, 1361, 10],
    "c": [11, 248, 47, 372, 0],
    "d": [128, 12619, 5761, 1079, 12],
}
ARMS = pd.DataFrame(
    {
        "who": LABELS, "m1": [30.1, 20, 28.5, 31, 25], "sd1": [8, 9.5, 11, 10, 12], "n1": [20, 31, 45, 120, 8],
        "m2": [35, 29, 28, 36, 33], "sd2": [9, 8, 12, 10, 11], "n2": [22, 30, 44, 118, 9], "dose": [1, 2, 3, 5, 4],
    }
)  # fmt: skip
SHARES = pd.DataFrame(
    {"who": LABELS, "x": [0, 3, 5, 20, 30], "n": [30, 40, 22, 200, 30], "t": [4.5, 2000, 30, 100, 9]}
)


def means():
    given: dict[str, Any] = {name: name for name in ("m1", "sd1", "n1", "m2", "sd2", "n2")}
    return effect_size("MD", **given, data=ARMS, labels="who")


def every_fit():
    table = means().assign(dose=ARMS["dose"], lab=list("xxyyz"))
    shares = effect_size("PFT", events="x", n="n", data=SHARES, labels="who")
    rates = effect_size("IRFT", events="x", time="t", data=SHARES, labels="who")
    return {
        "mantel_haenszel": mantel_haenszel(**CELLS, measure="RR", labels=LABELS),
        "difference": mantel_haenszel(**CELLS, measure="RD", labels=LABELS),
        "peto": peto(**CELLS, labels=LABELS),
        "glmm": glmm(**CELLS, model="CM.AL", labels=LABELS),
        "proportion": glmm(measure="PLO", events=SHARES["x"], n=SHARES["n"], labels=LABELS),
        "rate": glmm(measure="IRLN", events=SHARES["x"], time=SHARES["t"], labels=LABELS),
        "means": pool(table),
        "double arcsine": pool(shares),
        "double root": pool(rates),
        "correlation": pool(effect_size("ZCOR", r=[0.3, 0.8, -0.1, 0.95, 0.5], n=[20, 40, 12, 300, 9])),
        "regress": regress("effect ~ dose", table),
        "multilevel": multilevel("effect", "variance", levels=["lab"], data=table, labels="label"),
    }


@pytest.fixture(scope="module")
def fits():
    return every_fit()


@pytest.mark.parametrize("draw", [forest, leave_one_out, cumulative])
@pytest.mark.parametrize("name", list(every_fit()))
def test_nothing_covers_or_leaves(fits, faults, name, draw):
    figure = draw(fits[name], title="A title")
    assert faults(figure) == []
    assert figure.alt_text
    assert len(figure.numbers) >= 5


@pytest.mark.parametrize("name", [name for name in every_fit() if name not in ("regress", "multilevel")])
def test_groups_of_every_fit_can_be_drawn(fits, faults, texts, name):
    by = pd.Series(["with", "without", "with", "without", "with"], name="exercise")
    figure = forest(fits[name], subgroups=subgroups(fits[name], by))
    assert faults(figure) == []
    assert {"with", "without"} <= set(texts(figure))


def test_counts_stand_beside_the_studies(fits, texts):
    shown = texts(forest(fits["mantel_haenszel"], groups=("Vaccine", "Control")))
    counts = {"4/123", "248/12,867", "279/20,341", "678/20,277"}
    assert {"Vaccine", "events/n", "not estimable"} | counts <= set(shown)
    assert "Mantel-Haenszel method, equal effects; 95% CI: normal" in " ".join(shown)
    assert "Not estimable from the study alone: Eve 2005." in " ".join(shown)


def test_means_stand_beside_the_studies(fits, texts):
    shown = texts(forest(fits["means"]))
    assert {"mean (SD)", "30 (8)", "25 (12)", "224", "223"} <= set(shown)
    assert "30 (8)" not in texts(forest(fits["means"], columns=()))


def test_an_unknown_size_makes_a_total_a_least_one(texts):
    table = ARMS.assign(
        n1=[20, np.nan, 45, 120, 8], effect=[0.1, 0.2, 0.3, 0.1, 0.0], variance=0.1, label=LABELS
    )
    data = table.rename(columns={"n1": "n_arm", "n2": "n_comparator"})
    fit = pool(table["effect"], table["variance"], labels=LABELS)
    assert {"at least 193", "223"} <= set(texts(forest(fit, data=data)))


def test_proportions_are_shown_as_proportions(fits, texts):
    figure = forest(fits["double arcsine"])
    studies = figure.numbers[figure.numbers["row"] == "study"]
    np.testing.assert_allclose(studies["estimate"], SHARES["x"] / SHARES["n"], atol=1e-12)
    overall = figure.numbers.iloc[-1]
    assert overall["estimate"] == pytest.approx(fits["double arcsine"].on().estimate)
    shown = " ".join(texts(figure))
    assert "Proportion (95% CI)" in shown
    assert "favours" not in shown
    assert "test of no difference" not in shown
    assert "harmonic mean" in shown
    plain = forest(fits["double arcsine"], transform="identity")
    assert plain.numbers["estimate"].iloc[0] == pytest.approx(fits["double arcsine"].effect[0])


def test_fishers_z_is_shown_as_r(fits):
    figure = forest(fits["correlation"])
    np.testing.assert_allclose(figure.numbers["estimate"].iloc[:5], [0.3, 0.8, -0.1, 0.95, 0.5])


def test_groups_of_double_arcsines_use_their_own_sizes(fits):
    by = pd.Series(["u", "v", "u", "v", "v"])
    parts = subgroups(fits["double arcsine"], by)
    numbers = forest(fits["double arcsine"], subgroups=parts).numbers
    found = numbers[numbers["row"] == "subtotal"]["estimate"].to_numpy()
    sizes = [SHARES["n"].to_numpy()[by == group] for group in "uv"]
    expected = [parts.groups[g].on("PFT", n=n).estimate for g, n in zip("uv", sizes, strict=True)]
    np.testing.assert_allclose(found, expected)


def test_a_model_with_moderators_shows_fitted_values_and_no_diamond(fits, texts):
    figure = forest(fits["regress"], measure_label="MD")
    assert set(figure.numbers["row"]) == {"study"}
    shown = " ".join(texts(figure))
    assert "Pale bars: fitted value of each study, 95% CI." in shown
    assert "dose" in shown
    assert "All studies" not in shown


def test_two_models_beside_each_other(fits, faults, texts):
    equal = pool(means(), method="EE", ci="z")
    figure = forest(fits["means"], beside=equal)
    assert faults(figure) == []
    shown = texts(figure)
    assert {"Random effects, REML (k = 5)", "Equal effects (k = 5)", "(REML)", "(EE)"} <= set(shown)
    last = figure.numbers.iloc[-1]
    assert (last["label"], last["estimate"]) == ("Equal effects", equal.estimate)
    with pytest.raises(DataError, match="other studies"):
        forest(fits["means"], beside=pool([1.0, 2], [1.0, 2]))
    with pytest.raises(DataError, match="fits by pool"):
        forest(fits["peto"], beside=equal)


@pytest.mark.parametrize(("important", "low", "high"), [(5, "−5.0", "5.0"), ((-2, 3), "−2.0", "3.0")])
def test_band_of_unimportant_differences(fits, texts, important, low, high):
    shown = " ".join(texts(forest(fits["means"], important=important)))
    assert f"differences too small to be important ({low} to {high})" in shown


def test_band_of_a_ratio_runs_from_its_inverse(fits, texts):
    shown = " ".join(texts(forest(fits["mantel_haenszel"], important=1.25)))
    assert "(0.80 to 1.25)" in shown
    with pytest.raises(DataError, match="above 0"):
        forest(fits["mantel_haenszel"], important=-1)


def test_judgements_stand_on_the_right(fits, faults, texts):
    judged = pd.DataFrame(
        {"Randomisation": ["low", "High risk", "some concerns", "", None], "Missing data": ["low"] * 5},
        index=LABELS,
    )
    figure = forest(fits["means"], risk_of_bias=judged.iloc[::-1])
    assert faults(figure) == []
    shown = texts(figure)
    assert [shown.count(sign) for sign in ("A", "B", "+", "?", "−")] == [1, 1, 6, 1, 1]
    assert "A Randomisation; B Missing data." in " ".join(shown)
    with pytest.raises(DataError, match="Ahn 2001: 'good' is no judgement on 'Randomisation'"):
        forest(fits["means"], risk_of_bias=judged.replace("low", "good"))
    with pytest.raises(DataError, match="no domain"):
        forest(fits["means"], risk_of_bias=judged[[]])


def test_no_difference_is_drawn_only_where_there_is_one(fits):
    assert "Values below" not in forest(fits["rate"]).alt_text
    assert "Values below 1:" in forest(fits["glmm"]).alt_text
    assert "P" not in set(leave_one_out(fits["proportion"]).numbers) - {"p_value"}
