from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import halfnorm, norm

from evidence.figures import posterior, shrinkage
from evidence.models.bayes import priors
from evidence.models.bayes.fit import bayes


@pytest.fixture
def fitted(trials):
    def make(k, **options):
        table = trials(k)
        return bayes(table.effect, table.variance, labels=list(table.label), **options)

    return make


@pytest.mark.parametrize(
    ("k", "options"),
    [
        (2, {"tau_prior": priors.half_cauchy(0.5)}),
        (3, {}),
        (12, {"tau_prior": priors.half_normal(0.5), "effect_prior": priors.normal(0, 1)}),
        (40, {"tau_prior": priors.log_t(-3.5, 1.3, of="tau2")}),
    ],
)
def test_nothing_covers_or_leaves(fitted, faults, k, options):
    result = fitted(k, **options)
    for draw in (posterior, shrinkage):
        assert faults(draw(result, measure_label="RR" if k == 12 else "SMD", title="Posterior")) == []


def test_carries_the_numbers_of_the_result(fitted):
    result = fitted(12, tau_prior=priors.half_normal(0.5))
    numbers = posterior(result).numbers.set_index("quantity")
    expected = result.to_frame().set_index("quantity")
    for name in ("median", "low", "high"):
        np.testing.assert_allclose(numbers[name], expected.loc[numbers.index, name])
    ratios = posterior(result, measure_label="OR").numbers.set_index("quantity")
    np.testing.assert_allclose(ratios.loc[["effect"], "low"], np.exp(result.ci_low))
    np.testing.assert_allclose(ratios.loc[["tau"], "low"], numbers.loc[["tau"], "low"])


def test_curves_are_the_densities(fitted, lines):
    result = fitted(12, tau_prior=priors.half_normal(0.5), effect_prior=priors.normal(0.1, 0.8))
    figure = posterior(result, xlim=(-3.0, 3.0))
    left, right = ([(np.array(x), np.array(y)) for _, x, y in lines(a) if len(x) > 100] for a in figure.axes)
    (x, mean), (_, prior), (_, new) = left
    np.testing.assert_allclose(mean, result.mean_effect.density(x))
    np.testing.assert_allclose(prior, norm.pdf(x, 0.1, 0.8))
    np.testing.assert_allclose(new, result.prediction.density(x))
    assert trapezoid(mean, x) == pytest.approx(1, abs=1e-3)
    (tau, height), (_, prior) = right
    np.testing.assert_allclose(height, result.tau.density(tau))
    np.testing.assert_allclose(prior, halfnorm.pdf(tau, scale=0.5))


def test_shaded_parts_hold_the_level(fitted):
    result = fitted(12, tau_prior=priors.half_normal(0.5), level=0.9)
    for axes in posterior(result).axes:
        (shade,) = axes.collections
        corners = np.asarray(shade.get_paths()[0].vertices)
        area = abs(trapezoid(corners[:, 1], corners[:, 0]))
        assert area == pytest.approx(0.9, abs=0.01)


def test_improper_priors_are_not_drawn(fitted, texts):
    assert "prior" not in texts(posterior(fitted(6)))
    assert "prior" in texts(posterior(fitted(6, tau_prior=priors.half_cauchy(1))))


def test_says_what_it_shows(fitted, texts):
    result = fitted(12, tau_prior=priors.half_normal(0.5))
    shown = [f"{v:.2f}".replace("-", "−") for v in (result.estimate, result.ci_low, result.ci_high)]
    effect = f"{shown[0]} (95% CrI {shown[1]} to {shown[2]})"
    for draw in (posterior, shrinkage):
        figure = draw(result)
        assert effect in figure.alt_text
        assert "half-normal(0.5)" in " ".join(texts(figure))
    assert "with probability > 0.999 below 0" in posterior(result).alt_text
    probability = result.probability(result.estimate)
    assert (
        f"with probability {probability:.2f} below" in posterior(result, reference=result.estimate).alt_text
    )


def test_shrinkage_carries_the_true_effects(fitted, texts):
    result = fitted(8, tau_prior=priors.half_normal(0.5))
    figure = shrinkage(result)
    studies = figure.numbers[figure.numbers.row == "study"]
    for name in ("effect", "median", "low", "high"):
        np.testing.assert_array_equal(studies[name], result.shrinkage[name])
    mean = figure.numbers[figure.numbers.row == "mean"].iloc[0]
    assert (mean["median"], mean["low"], mean["high"]) == (result.estimate, result.ci_low, result.ci_high)
    assert {"Mean effect (k = 8)", "True effect in a new study", "reported", *result.labels} <= set(
        texts(figure)
    )
    distance = abs(studies["median"] - result.estimate)
    assert (distance < abs(studies.effect - result.estimate) + 0.02).all()
