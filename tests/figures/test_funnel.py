from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from evidence.diagnostics.small_study.trim_and_fill import trim_and_fill
from evidence.errors import DataError
from evidence.figures import funnel


def test_carries_the_numbers_of_the_fit(trials, fit):
    table = trials(15)
    result = fit(table)
    numbers = funnel(result, data=table).numbers
    np.testing.assert_allclose(numbers.estimate, result.effect)
    np.testing.assert_allclose(numbers.se, np.sqrt(result.variance))
    np.testing.assert_allclose(numbers.p_value, 2 * norm.sf(abs(result.effect) / numbers.se))
    z = abs(result.effect - result.estimate) / numbers.se
    assert list(numbers.outside) == list(z > norm.ppf(0.975))


def test_says_what_it_shows(trials, fit, texts):
    result = fit(trials(15))
    figure = funnel(result, title="Small studies", contours=True)
    estimate = f"{result.estimate:.2f}".replace("-", "−")
    assert f"Pooled estimate {estimate} (95% CI" in figure.alt_text
    assert "15 studies" in figure.alt_text
    assert {"P > .10", ".05 < P ≤ .10", ".01 < P ≤ .05", "P ≤ .01", "Small studies"} <= set(texts(figure))


@pytest.mark.parametrize("k", [1, 3, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(funnel(fit(table), data=table, labels=True, contours=(0.05, 0.01), title="Funnel")) == []


def test_nothing_leaves_when_the_reference_is_off_the_axis(trials, fit, faults):
    result = fit(trials(5))
    assert faults(funnel(result, xlim=(0.2, 2.0))) == []
    assert faults(funnel(result, xlim=(-3.0, -0.2))) == []


def test_region_is_a_triangle_around_the_estimate(trials, fit, lines):
    result = fit(trials(8))
    axes = funnel(result).axes[0]
    ((_, x, y),) = (line for line in lines(axes) if len(line[1]) == 3)
    np.testing.assert_allclose((x[2] - x[0]) / (2 * y[0]), norm.ppf(0.975))
    assert x[1] == result.estimate


def test_names_only_studies_outside(trials, fit, texts):
    table = trials(10)
    table.loc[4, ["effect", "variance"]] = [2.0, 0.01]
    result = fit(table)
    figure = funnel(result, labels="outside")
    named = {label for label in table.label if label in texts(figure)}
    assert named == set(figure.numbers.label[figure.numbers.outside])
    assert "Author 4 2004" in named


def test_studies_beyond_the_axis_are_arrows_at_its_edge(trials, fit, lines):
    table = trials(6)
    table.loc[0, "effect"] = 5.0
    axes = funnel(fit(table), xlim=(-1.5, 1.0)).axes[0]
    assert [x for marker, x, _ in lines(axes) if marker == ">"] == [[1.0]]


def test_refuses_contours_that_are_no_p_values(trials, fit):
    with pytest.raises(DataError, match="between 0 and 1"):
        funnel(fit(trials(3)), contours=(5,))


def lopsided(trials):
    """Trials of which the small ones with small effects are absent."""
    table = trials(30, centre=-0.2)
    return table[(table.effect < -0.2) | (table.variance < 0.05)].reset_index(drop=True)


def test_filled_studies_are_open_circles_and_move_the_estimate(trials, fit, lines, texts):
    result = fit(lopsided(trials))
    filled = trim_and_fill(result, side="right")
    assert filled.missing > 0
    figure = funnel(result, filled=filled)
    numbers = figure.numbers
    np.testing.assert_allclose(numbers.estimate, filled.filled.effect)
    assert list(numbers.filled) == list(filled.is_filled)
    adjusted = filled.filled.estimate
    assert [adjusted, adjusted] in [x for _, x, _ in lines(figure.axes[0])]
    white = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert sum(len(np.atleast_1d(line.get_xdata())) for line in white) == filled.missing
    assert f"Estimate with them {adjusted:.2f}".replace("-", "−") in figure.alt_text
    assert "filled study" in texts(figure)


def test_nothing_covers_with_filled_studies(trials, fit, faults):
    result = fit(lopsided(trials))
    figure = funnel(result, filled=trim_and_fill(result, side="right"), contours=(0.1, 0.05, 0.01, 0.001))
    assert faults(figure) == []


def test_says_when_no_study_is_filled(trials, fit, texts):
    result = fit(trials(8))
    filled = trim_and_fill(result, side="right" if trim_and_fill(result, side="left").missing else "left")
    assert filled.missing == 0
    figure = funnel(result, filled=filled)
    assert "No study needs filling" in figure.alt_text
    assert "filled study" not in texts(figure)


def test_refuses_studies_filled_for_another_fit(trials, fit):
    with pytest.raises(DataError, match="another fit"):
        funnel(fit(trials(6)), filled=trim_and_fill(fit(trials(7))))
