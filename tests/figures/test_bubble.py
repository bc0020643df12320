from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from evidence.errors import DataError
from evidence.figures import bubble
from evidence.figures.drawing.text import significant
from evidence.models.regression.fit import regress


@pytest.fixture
def moderated(trials):
    def make(k, measure="SMD"):
        table = trials(k, measure=measure)
        random = np.random.default_rng(3)
        table["weeks"] = random.integers(2, 40, k).astype(float)
        table["exercise"] = random.random(k) < 0.5
        return table

    return make


def test_carries_the_predictions_of_the_regression(moderated):
    table = moderated(15)
    regression = regress("effect ~ weeks + group", table)
    numbers = bubble(regression, "weeks", data=table).numbers
    studies, line = numbers[numbers.row == "study"], numbers[numbers.row == "line"]
    np.testing.assert_array_equal(studies.estimate, regression.effect)
    np.testing.assert_array_equal(studies.weight, regression.weights)
    assert (line.x.min(), line.x.max()) == (table.weeks.min(), table.weeks.max())
    new = pd.DataFrame({"weeks": line.x.astype(float), "group": "not stated"})
    expected = regression.predict(new)
    for name in ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high"):
        np.testing.assert_allclose(line[name], expected[name])


def test_other_numbers_stay_at_their_mean(moderated):
    table = moderated(15)
    regression = regress("effect ~ weeks * n_arm", table)
    line = bubble(regression, "weeks", data=table).numbers.query("row == 'line'")
    expected = regression.predict(pd.DataFrame({"weeks": line.x.astype(float), "n_arm": table.n_arm.mean()}))
    np.testing.assert_allclose(line.estimate, expected.estimate)


@pytest.mark.parametrize("k", [4, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(moderated, faults, k, measure):
    table = moderated(k, measure)
    for moderator in ("weeks", "group"):
        regression = regress(f"effect ~ {moderator}", table)
        assert faults(bubble(regression, moderator, data=table, labels=True, title="Bubble")) == []


def test_levels_of_a_factor_stand_side_by_side(moderated, faults, texts):
    table = moderated(20)
    table["group"] = table["group"].replace("not stated", "a group with a name that is long beyond measure")
    regression = regress("effect ~ C(group) + weeks", table)
    figure = bubble(regression, "group", data=table)
    assert faults(figure) == []
    line = figure.numbers.query("row == 'line'")
    assert list(line.x) == sorted(table.group.unique())
    new = pd.DataFrame({"group": line.x, "weeks": table.weeks.mean()})
    np.testing.assert_allclose(line.estimate, regression.predict(new).estimate)
    assert "with exercise" in texts(figure)


def test_true_and_false_are_levels(moderated):
    table = moderated(12)
    figure = bubble(regress("effect ~ exercise", table), "exercise", data=table)
    line = figure.numbers.query("row == 'line'")
    assert list(line.x) == [False, True]


def test_says_the_coefficient_and_the_predictions(moderated, texts):
    table = moderated(12)
    regression = regress("effect ~ weeks", table)
    slope = float(regression.estimate[1])
    figure = bubble(regression, "weeks", data=table, moderator_label="Follow-up, weeks")
    at = regression.predict(pd.DataFrame({"weeks": [table.weeks.min()]})).estimate[0]
    assert f"coefficient of Follow-up, weeks {significant(slope)} (95% CI" in figure.alt_text
    assert f"{at:.2f}".replace("-", "−") in figure.alt_text
    assert {"Follow-up, weeks", "predicted mean", "95% CI", "prediction interval"} <= set(texts(figure))


def test_bubbles_grow_with_the_weight(moderated):
    table = moderated(12)
    regression = regress("effect ~ weeks", table, method="EE", ci="z")
    figure = bubble(regression, "weeks", data=table)
    (bubbles,) = (c for c in figure.axes[0].collections if isinstance(c, PathCollection))
    sizes = bubbles.get_sizes()
    assert (np.argsort(sizes) == np.argsort(regression.weights)).all()


def test_leaves_out_studies_without_the_moderator(moderated):
    table = moderated(12)
    table.loc[4, "weeks"] = np.nan
    figure = bubble(regress("effect ~ weeks", table), "weeks", data=table)
    studies = figure.numbers.query("row == 'study'")
    assert "Author 4 2004" not in set(studies.label)
    assert len(studies) == 11


def test_refuses_another_table_or_moderator(moderated):
    table = moderated(12)
    regression = regress("effect ~ weeks", table)
    with pytest.raises(DataError, match="does not use 'n_arm'"):
        bubble(regression, "n_arm", data=table)
    with pytest.raises(DataError, match="has 5 rows"):
        bubble(regression, "weeks", data=table.head(5))
    with pytest.raises(DataError, match="not those of the regression"):
        bubble(regression, "weeks", data=table[::-1])
