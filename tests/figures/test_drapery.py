from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from evidence.figures import drapery


def test_carries_the_numbers_of_the_fit(trials, fit):
    table = trials(9)
    result = fit(table)
    numbers = drapery(result, data=table).numbers
    studies = numbers[numbers.row == "study"]
    np.testing.assert_allclose(studies.estimate, result.effect)
    np.testing.assert_allclose(studies.p_value, 2 * norm.sf(abs(result.effect) / np.sqrt(result.variance)))
    pooled, prediction = (numbers[numbers.row == name].iloc[0] for name in ("pooled", "prediction"))
    assert (pooled.estimate, pooled.ci_low, pooled.ci_high) == (
        result.estimate,
        result.ci_low,
        result.ci_high,
    )
    assert pooled.p_value == pytest.approx(result.p_value)
    assert (prediction.ci_low, prediction.ci_high) == (result.prediction_low, result.prediction_high)
    spread = np.sqrt(result.tau2 + result.se**2)
    assert prediction.p_value == pytest.approx(2 * t.sf(abs(result.estimate) / spread, 8))


@pytest.mark.parametrize("k", [1, 3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(drapery(fit(table), data=table, title="Drapery")) == []


@pytest.mark.parametrize("prediction", ["V", "HTS", "z"])
def test_curves_cut_at_the_level_give_the_intervals(trials, fit, lines, prediction):
    result = fit(trials(7), prediction=prediction, level=0.9)
    figure = drapery(result)
    curves = [(x, y) for _, x, y in lines(figure.axes[0]) if len(x) > 100]
    assert len(curves) == 8
    x, y = map(np.array, curves[-1])
    left = x < result.estimate
    assert np.interp(0.1, y[left], x[left]) == pytest.approx(result.ci_low, abs=2e-3)
    (area,) = (patch for patch in figure.axes[0].collections)
    corners = np.asarray(area.get_paths()[0].vertices)
    upper = corners[(corners[:, 0] < result.estimate) & (corners[:, 1] > 0)]
    upper = upper[np.argsort(upper[:, 0])]
    assert np.interp(0.1, upper[:, 1], upper[:, 0]) == pytest.approx(result.prediction_low, abs=2e-3)


def test_says_what_it_shows(trials, fit, texts):
    result = fit(trials(9))
    figure = drapery(result)
    for value in (result.estimate, result.ci_low, result.prediction_high):
        assert f"{value:.2f}".replace("-", "−") in figure.alt_text
    assert {"study", "pooled", "new study (prediction)", "95%", "0.05"} <= set(texts(figure))
    assert "prediction" not in " ".join(texts(drapery(result, show_prediction=False)))


def test_draws_a_pooled_estimate_without_error(trials, fit, faults):
    """With HKSJ and equal effects the curve of the pooled estimate is a spike."""
    table = trials(4)
    table["effect"] = 0.3
    figure = drapery(fit(table))
    assert faults(figure) == []
    assert figure.numbers[figure.numbers.row == "pooled"].p_value.item() == 0
