from __future__ import annotations

import numpy as np
import pytest

from evidence.diagnostics.profile import profile_tau2
from evidence.errors import ModelError
from evidence.figures import profile


def test_carries_the_numbers_of_the_result(trials, fit):
    table = trials(9, measure="RR")
    result = fit(table)
    numbers, expected = profile(result, data=table).numbers, profile_tau2(result)
    np.testing.assert_array_equal(numbers.tau2, expected.tau2)
    np.testing.assert_array_equal(numbers.log_likelihood, expected.log_likelihood)
    np.testing.assert_allclose(numbers.ci_high, np.exp(expected.ci_high))


@pytest.mark.parametrize("k", [2, 3, 12, 40])
@pytest.mark.parametrize("measure", ["SMD", "RR"])
def test_nothing_covers_or_leaves(trials, fit, faults, k, measure):
    table = trials(k, measure=measure)
    assert faults(profile(fit(table), data=table, title="Profile")) == []


def test_says_where_the_likelihood_is_largest(trials, fit, texts):
    result = fit(trials(12))
    figure = profile(result)
    assert f"largest at τ² = {result.tau2:.4f}" in figure.alt_text
    assert f"{result.estimate:.2f}".replace("-", "−") in figure.alt_text
    assert "Restricted log-likelihood" in texts(figure)
    assert "The fit has" not in figure.alt_text


def test_tells_the_fit_from_the_maximum(trials, fit, texts, lines):
    result = fit(trials(12), method="HE")
    figure = profile(result)
    assert "The fit has τ² = " in figure.alt_text
    assert "Log-likelihood" in texts(figure)
    assert [result.tau2, result.tau2] in [x for _, x, _ in lines(figure.axes[0])]


def test_refuses_equal_effects_models(trials, fit):
    with pytest.raises(ModelError, match="no tau2 to profile"):
        profile(fit(trials(4), method="EE", ci="z"))
