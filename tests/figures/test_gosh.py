from __future__ import annotations

import numpy as np
import pytest

from evidence.diagnostics.gosh import gosh as subsets
from evidence.errors import DataError
from evidence.figures import gosh


@pytest.fixture
def pooled_subsets(trials):
    def make(k, most=20_000):
        table = trials(k)
        table.loc[0, "effect"] = 0.6
        labels = list(table.label)
        return subsets(table.effect, table.variance, labels=labels, method="DL", subsets=most)

    return make


@pytest.mark.parametrize("k", [3, 12, 40])
@pytest.mark.parametrize("quantity", ["i2", "tau2"])
def test_nothing_covers_or_leaves(pooled_subsets, faults, k, quantity):
    result = pooled_subsets(k)
    for study in (None, "Author 0 2000"):
        assert faults(gosh(result, quantity=quantity, study=study, measure_label="RR", title="GOSH")) == []


def test_counts_every_subset_once(pooled_subsets):
    result = pooled_subsets(12)
    numbers = gosh(result, study="Author 0 2000", xlim=(-5.0, 5.0)).numbers
    assert numbers.subsets.sum() == len(result)
    assert numbers.with_study.sum() == result.includes("Author 0 2000").sum()
    mean = np.average(numbers.estimate, weights=numbers.subsets)
    assert mean == pytest.approx(result.estimate.mean(), abs=0.05)


def test_draws_few_subsets_as_points(pooled_subsets, lines):
    result = pooled_subsets(3)
    figure = gosh(result)
    np.testing.assert_array_equal(figure.numbers.estimate, result.estimate)
    assert (figure.numbers.i2 == result.i2).all()
    ((_, x, y),) = (line for line in lines(figure.axes[0]) if line[0] == "o")
    assert (x, y) == (list(result.estimate), list(result.i2))


def test_a_cross_marks_all_studies(pooled_subsets, lines, trials):
    result = pooled_subsets(11)
    ((_, x, y),) = (line for line in lines(gosh(result).axes[0]) if line[0] == "x")
    assert (x, y) == ([result.estimate[-1]], [result.i2[-1]])
    sample = pooled_subsets(40)
    assert not [line for line in lines(gosh(sample).axes[0]) if line[0] == "x"]


def test_says_what_it_shows(pooled_subsets, texts):
    result = pooled_subsets(11)
    figure = gosh(result, study="Author 0 2000")
    chosen = result.includes("Author 0 2000")
    shown = [f"{np.median(v):.2f}".replace("-", "−") for v in (result.estimate, result.estimate[chosen])]
    assert f"all 2,047 subsets of 11 studies: median estimate {shown[0]}" in figure.alt_text
    assert f"Median with Author 0 2000 {shown[1]}" in figure.alt_text
    assert {"with Author 0 2000", "without it"} <= set(texts(figure))
    assert "a random sample of 20,000 subsets of 40 studies" in gosh(pooled_subsets(40)).alt_text


def test_refuses_what_it_does_not_know(pooled_subsets):
    result = pooled_subsets(3)
    with pytest.raises(DataError, match="quantity='h2'"):
        gosh(result, quantity="h2")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no study is called 'Little'"):
        gosh(result, study="Little")
