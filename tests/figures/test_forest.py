from __future__ import annotations

import base64

import matplotlib
import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.figures import forest


def test_carries_the_numbers_of_the_fit(trials, fit):
    table = trials(9)
    result = fit(table)
    numbers = forest(result, data=table).numbers
    studies, overall = numbers[numbers.row == "study"], numbers[numbers.row == "overall"].iloc[0]
    np.testing.assert_allclose(studies.estimate, result.effect)
    np.testing.assert_allclose(studies.weight, result.weights)
    np.testing.assert_allclose(
        studies.ci_high - studies.ci_low, 2 * 1.959963984540054 * np.sqrt(result.variance)
    )
    assert list(studies.n_arm) == list(table.n_arm)
    for name in (
        "estimate",
        "ci_low",
        "ci_high",
        "prediction_low",
        "prediction_high",
        "tau2",
        "i2",
        "q",
        "q_p",
        "k",
    ):
        assert overall[name] == getattr(result, name)


def test_says_what_it_shows(trials, fit, texts):
    table = trials(9)
    result = fit(table)
    figure = forest(result, data=table, favours=("favours massage", "favours rest"), title="Disability")
    shown = (f"{value:.2f}".replace("-", "−") for value in (result.estimate, result.ci_low, result.ci_high))
    estimate, low, high = shown
    assert f"{estimate} (95% CI {low} to {high})" in figure.alt_text
    assert "9 studies" in figure.alt_text
    assert "below 0: favours massage; above: favours rest" in figure.alt_text
    written = texts(figure)
    assert {"Disability", "← favours massage", "favours rest →", "SMD (95% CI)", estimate, f"({low}"} <= set(
        written
    )
    assert any(line.startswith("Random-effects model (REML); 95% CI: Hartung-Knapp") for line in written)
    assert any(line.startswith("Heterogeneity: τ² = ") for line in written)


@pytest.mark.parametrize("k", [1, 2, 3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(forest(fit(table), data=table, title="Massage against usual care")) == []


def test_nothing_covers_with_subgroups(trials, fit, split, faults):
    table = trials(12)
    table.loc[11, "group"] = "one trial alone in a group with a name that is longer than all the columns"
    assert faults(forest(fit(table), data=table, subgroups=split(table))) == []


def test_nothing_covers_with_extreme_texts_and_intervals(trials, fit, faults):
    table = trials(6, measure="MD", centre=-9, spread=4)
    table["label"] = [
        "$x_1$ and \\alpha",
        "word" * 60,
        "A trial with a long name, " * 5,
        "b",
        "李明 2004",
        "\n",
    ]
    table["n_comparator"] = 33.5
    table.loc[0, "variance"] = 1e8
    table.loc[3, "effect"] = -4e5
    figure = forest(
        fit(table),
        data=table,
        title="A title that goes on " * 8,
        favours=(
            "favours the intervention with all its parts and more",
            "favours any comparator of the review",
        ),
        notes=["A note that goes on and on. " * 8],
    )
    assert faults(figure) == []


def test_direction_labels_stay_on_the_page_when_the_reference_is_off_the_axis(trials, fit, faults):
    table = trials(5)
    assert faults(forest(fit(table), data=table, xlim=(-3.0, -0.3))) == []
    turned = table.assign(effect=-table["effect"])
    assert faults(forest(fit(turned), data=turned, xlim=(0.3, 2.0))) == []


def test_ratios_are_shown_as_ratios(trials, fit, texts):
    table = trials(6, measure="OR")
    result = fit(table)
    figure = forest(result, data=table)
    overall = figure.numbers.iloc[-1]
    assert overall.estimate == pytest.approx(np.exp(result.estimate))
    assert overall.prediction_high == pytest.approx(np.exp(result.prediction_high))
    assert "below 1:" in figure.alt_text
    assert {"Odds ratio", "OR (95% CI)", "0.5"} <= set(texts(figure))
    plain = forest(result, data=table, transform="identity").numbers.iloc[-1]
    assert plain.estimate == result.estimate


def test_subgroups_have_headings_subtotals_and_a_test(trials, fit, split, texts):
    table = trials(10)
    result, groups = fit(table), split(table)
    figure = forest(result, data=table, subgroups=groups)
    subtotals = figure.numbers[figure.numbers.row == "subtotal"].set_index("group")
    for name, group in groups.groups.items():
        assert subtotals.loc[name, "estimate"] == group.estimate
        assert name in texts(figure)
    assert subtotals.weight.sum() == pytest.approx(100)
    assert f"Difference between groups by group: Q = {groups.q_between:.2f} on 2 df" in figure.alt_text
    study_order = figure.numbers[figure.numbers.row == "study"]
    assert dict(zip(study_order.label, study_order.group, strict=True)) == dict(
        zip(table.label, table.group, strict=True)
    )


def test_prediction_interval_is_left_out_when_missing_or_unwanted(trials, fit, texts):
    table = trials(4)
    assert "Prediction interval" in texts(forest(fit(table)))
    assert "Prediction interval" not in texts(forest(fit(table), show_prediction=False))
    equal = forest(fit(table, method="EE", ci="z"))
    assert "Prediction interval" not in texts(equal)
    assert "τ²" not in equal.alt_text


def test_notes_explain_every_letter(trials, fit, texts):
    table = trials(12)
    figure = forest(fit(table), data=table)
    written = texts(figure)
    assert "Adjusted result." in written
    assert "Standard error recovered from the P value of the difference." in written
    assert {"95% assumed.", "n of randomisation."} <= set(written)
    assert {"a", "b", "c", "d", "a,b"} <= set(written)


def test_arms_of_one_trial_are_told_apart(trials, fit, texts):
    table = trials(3)
    table["label"] = ["Cherkin 2011", "Cherkin 2011", "Little 2008"]
    table["arm"] = ["relaxation", "structural", "massage"]
    table["comparator"] = "usual care"
    written = texts(forest(fit(table), data=table))
    assert {"Cherkin 2011: relaxation", "Cherkin 2011: structural", "Little 2008"} <= set(written)


def test_arrows_mark_intervals_beyond_the_axis(trials, fit, lines):
    table = trials(5)
    table["effect"], table["variance"] = [0.0, 0.1, 3.0, -0.1, 0.2], [0.01, 0.01, 0.01, 9.0, 0.01]
    result = fit(table, method="EE", ci="z")
    panel = forest(result, xlim=(-1, 1)).axes[0]
    # The third study lies beyond the axis altogether, the fourth runs past both of its ends.
    assert [(marker, *x) for marker, x, _ in lines(panel) if marker in "<>"] == [
        (">", 1.0),
        ("<", -1.0),
        (">", 1.0),
    ]


def test_squares_grow_with_the_weight(trials, fit):
    result = fit(trials(6))
    panel = forest(result).axes[0]
    sides = np.array([line.get_markersize() for line in panel.lines if line.get_marker() == "s"])
    np.testing.assert_allclose((sides / sides.max()) ** 2, result.weights / result.weights.max())


@pytest.mark.parametrize("sort", ["effect", "weight", "label", "n_arm"])
def test_sort(trials, fit, sort):
    table = trials(8)
    numbers = forest(fit(table), data=table, sort=sort).numbers
    column = numbers[numbers.row == "study"]["estimate" if sort == "effect" else sort]
    assert column.is_monotonic_decreasing if sort == "weight" else column.is_monotonic_increasing


def test_columns_of_the_readers_choice(trials, fit, texts, faults):
    table = trials(3)
    table["label"] = "Cherkin 2011"
    table["arm"] = ["relaxation", "structural massage " * 5, "m"]
    figure = forest(fit(table), data=table, columns={"arm": "Massage", "n_arm": "n"})
    assert faults(figure) == []
    assert texts(figure).count("Cherkin 2011") == 3
    written = texts(forest(fit(table), data=table, columns={"group": "Exercise"}))
    assert {"Exercise", "with exercise"} <= set(written)
    assert "Intervention" not in written


def test_digits_follow_the_unit(trials, fit, texts):
    points = trials(4, measure="MD", centre=-10)
    points["variance"] = 25.0
    assert f"{points.effect[0]:.1f}".replace("-", "−") in texts(forest(fit(points), data=points))
    tiny = trials(3)
    tiny["effect"], tiny["variance"] = [1e-5, 2e-5, -1e-5], 1e-10
    assert "0.00001" in " ".join(texts(forest(fit(tiny))))


def test_leaves_the_readers_settings_alone(trials, fit):
    before = dict(matplotlib.rcParams)
    forest(fit(trials(3)))._repr_mimebundle_()
    assert dict(matplotlib.rcParams) == before


def test_shows_itself_in_a_notebook(trials, fit):
    figure = forest(fit(trials(3)))
    bundle, _ = figure._repr_mimebundle_()
    assert figure.kind == "forest plot"
    assert bundle["text/plain"].startswith("Forest plot of 3 studies")
    assert 'alt="Forest plot of 3 studies' in bundle["text/html"]
    assert base64.b64encode(bundle["image/png"]).decode() in bundle["text/html"]


def test_refuses_rows_of_another_fit(trials, fit, split):
    table = trials(4)
    result = fit(table)
    with pytest.raises(DataError, match="3 rows, the fit 4 studies"):
        forest(result, data=table.head(3))
    with pytest.raises(DataError, match="same order"):
        forest(result, data=table[::-1])
    for other in (fit(table.tail(2)), fit(table[::-1])):
        with pytest.raises(DataError, match="does not hold the studies of the fit"):
            forest(other, subgroups=split(table))
    with pytest.raises(DataError, match="'Author 3 2003' is in the fit but in no group"):
        forest(result, subgroups=split(table.head(3)))


def test_studies_with_equal_effects_stand_in_their_own_groups_whose_names_keep_their_case(fit, split, texts):
    table = pd.DataFrame(
        {
            "label": ["A", "B", "C", "D"],
            "effect": [0.2, 0.2, 0.2, 0.5],
            "variance": [0.1, 0.1, 0.1, 0.2],
            "group": ["mHealth", "in person", "mHealth", "in person"],
        }
    )
    figure = forest(fit(table), data=table, subgroups=split(table), sort="label")
    studies = figure.numbers[figure.numbers.row == "study"]
    assert studies[["group", "label"]].to_numpy().tolist() == [
        ["mHealth", "A"],
        ["mHealth", "C"],
        ["in person", "B"],
        ["in person", "D"],
    ]
    assert {"mHealth", "in person"} <= set(texts(figure))


def test_refuses_options_it_does_not_know(trials, fit):
    table = trials(3)
    result = fit(table)
    with pytest.raises(DataError, match="No column 'age'"):
        forest(result, data=table, columns=["age"])
    with pytest.raises(DataError, match="sort='age'"):
        forest(result, sort="age")
    with pytest.raises(DataError, match="transform='log'"):
        forest(result, transform="log")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="must be positive"):
        forest(result, transform="exp", xlim=(0, 2))
    with pytest.raises(DataError, match="lower one first"):
        forest(result, xlim=(2, 0))
