from __future__ import annotations

import numpy as np
import pytest

from evidence.diagnostics.coordinates import baujat as coordinates
from evidence.errors import ModelError
from evidence.figures import baujat


def test_carries_the_numbers_of_the_result(trials, fit):
    result = fit(trials(12))
    numbers = baujat(result, names=3).numbers
    expected = coordinates(result)
    np.testing.assert_array_equal(numbers.heterogeneity, expected.heterogeneity)
    np.testing.assert_array_equal(numbers.influence, expected.influence)
    assert numbers.named.sum() == 3
    assert numbers.named.to_numpy()[np.argmax(expected.heterogeneity)]


@pytest.mark.parametrize("k", [2, 3, 12, 40])
def test_nothing_covers_or_leaves(trials, fit, faults, k):
    table = trials(k)
    assert faults(baujat(fit(table), data=table, names=k, title="Baujat")) == []


def test_names_the_outlier(trials, fit, texts):
    table = trials(15)
    table.loc[6, ["effect", "variance"]] = [1.8, 0.02]
    result = fit(table)
    figure = baujat(result, data=table, names=1)
    assert "Author 6 2006" in texts(figure)
    assert "Author 5 2005" not in texts(figure)
    assert "Furthest from the origin: Author 6 2006." in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text


def test_draws_equal_effects(trials, fit, faults):
    """With HKSJ and equal effects no influence is defined."""
    table = trials(4)
    table["effect"] = 0.3
    figure = baujat(fit(table))
    assert faults(figure) == []
    assert figure.numbers.influence.isna().all()
    assert not figure.numbers.named.any()


def test_refuses_one_study(trials, fit):
    with pytest.raises(ModelError, match="at least 2"):
        baujat(fit(trials(1)))
