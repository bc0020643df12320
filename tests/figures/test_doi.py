from __future__ import annotations

import re

import numpy as np
import pytest

from evidence.diagnostics.coordinates import doi_plot
from evidence.errors import ModelError
from evidence.figures import doi


def test_carries_the_numbers_of_the_result(trials, fit):
    result = fit(trials(12))
    numbers, expected = doi(result).numbers, doi_plot(result)
    np.testing.assert_array_equal(numbers.estimate, np.sort(result.effect))
    np.testing.assert_array_equal(numbers.z, expected.z)
    assert tuple(numbers.label) == expected.labels


@pytest.mark.parametrize("k", [2, 3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(doi(fit(table), data=table, labels=True, title="Doi")) == []


def test_says_the_index_and_the_estimate(trials, fit, texts):
    result = fit(trials(12))
    index = f"LFK index {doi_plot(result).lfk:.2f}".replace("-", "−")
    figure = doi(result)
    assert index in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text
    assert index in " ".join(texts(figure))


def test_says_less_with_few_studies(trials, fit, texts):
    figure = doi(fit(trials(9)))
    for said in (figure.alt_text, " ".join(texts(figure))):
        assert "asymmetry" in said
        assert "LFK index −" not in said
        assert not re.search(r"LFK index \d", said)
        assert "major" not in said
        assert "minor" not in said


def test_ratios_are_shown_as_ratios(trials, fit):
    table = trials(6, measure="OR")
    figure = doi(fit(table), data=table)
    np.testing.assert_allclose(figure.numbers.estimate, np.sort(np.exp(table.effect)))


def test_refuses_equal_effects(trials, fit):
    table = trials(4)
    table["effect"] = 0.3
    with pytest.raises(ModelError, match="all effects are equal"):
        doi(fit(table))
