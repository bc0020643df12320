from __future__ import annotations

import numpy as np
import pytest

from evidence.errors import DataError, ModelError
from evidence.figures import cumulative, leave_one_out


@pytest.mark.parametrize("draw", [cumulative, leave_one_out])
@pytest.mark.parametrize("k", [3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, draw, k, measure):
    table = trials(k, measure=measure)
    assert faults(draw(fit(table), data=table, title="Pooled again", notes=("A note. " * 30,))) == []


def test_leave_one_out_carries_the_fits_without_each_study(trials, fit):
    table = trials(6)
    result = fit(table)
    numbers = leave_one_out(result, data=table).numbers
    for i in range(6):
        rest = table.drop(index=i)
        one = fit(rest)
        row = numbers.iloc[i]
        assert row.label == table.label[i]
        for name in ("estimate", "ci_low", "ci_high", "tau2", "i2", "k"):
            assert row[name] == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12)
    assert numbers.estimate.iloc[-1] == result.estimate


def test_leave_one_out_says_what_it_shows(trials, fit, texts):
    table = trials(6)
    result = fit(table)
    figure = leave_one_out(result, data=table, sort="estimate")
    every = figure.numbers.estimate[:-1]
    assert every.is_monotonic_increasing
    first, last = (f"{value:.2f}".replace("-", "−") for value in (every.iloc[0], every.iloc[-1]))
    assert f"runs from {first} (without {figure.numbers.label[0]}) to {last}" in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text
    assert {"Study left out", "All studies (k = 6)"} <= set(texts(figure))


def test_leave_one_out_tells_on_which_study_the_result_hangs(trials, fit, texts):
    table = trials(4)
    table["effect"], table["variance"] = [1.0, 0.1, 0.1, 0.1], [0.01, 0.04, 0.04, 0.04]
    result = fit(table, method="EE", ci="z")
    figure = leave_one_out(result)
    assert "includes zero without: Author 0 2000" in figure.alt_text
    assert "includes zero without: Author 0 2000" in " ".join(texts(figure))


def test_leave_one_out_refuses_one_study(trials, fit):
    with pytest.raises(ModelError, match="at least 2"):
        leave_one_out(fit(trials(1)))


def test_cumulative_carries_the_fits_of_the_first_studies(trials, fit):
    table = trials(6)
    order = np.array([2003, 2001, 2006, 2002, 2005, 2004])
    numbers = cumulative(fit(table), order, data=table).numbers
    sorted_table = table.iloc[np.argsort(order)].reset_index(drop=True)
    assert list(numbers.label[:-1]) == list(sorted_table.label)
    for i in range(6):
        one = fit(sorted_table.head(i + 1))
        for name in ("estimate", "ci_low", "ci_high", "tau2", "k"):
            assert numbers[name][i] == pytest.approx(getattr(one, name), rel=1e-9, abs=1e-12)


def test_cumulative_says_what_it_shows(trials, fit, texts):
    table = trials(8)
    result = fit(table)
    figure = cumulative(result, "n_arm", data=table)
    assert "added by n arm" in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text
    assert {"Study added", "k", "1", "8"} <= set(texts(figure))
    numbers = figure.numbers.iloc[:-1]
    includes = (numbers.ci_low <= 0) & (numbers.ci_high >= 0)
    since = numbers.label[includes[includes].index.max() + 1]
    assert f"From {since} on the interval excludes no difference." in figure.alt_text


def test_cumulative_says_when_nothing_is_settled(trials, fit):
    table = trials(4, centre=0.0, spread=0.0)
    table["effect"] = [0.1, -0.1, 0.1, -0.1]
    assert "includes no difference" in cumulative(fit(table)).alt_text


def test_ratios_are_shown_as_ratios(trials, fit):
    table = trials(5, measure="OR")
    result = fit(table)
    for draw in (cumulative, leave_one_out):
        assert draw(result, data=table).numbers.estimate.iloc[-1] == pytest.approx(np.exp(result.estimate))


def test_equal_effects_have_no_column_of_tau2(trials, fit, texts):
    figure = leave_one_out(fit(trials(4), method="EE", ci="z"))
    assert "τ²" not in texts(figure)
    assert "I²" in texts(figure)


def test_cumulative_refuses_an_order_it_does_not_know(trials, fit):
    table = trials(4)
    with pytest.raises(DataError, match="order='age'"):
        cumulative(fit(table), "age", data=table)
    with pytest.raises(DataError, match="3 values for 4 studies"):
        cumulative(fit(table), [1, 2, 3])
