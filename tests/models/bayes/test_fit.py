import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.bayes import priors
from evidence.models.bayes.fit import bayes
from evidence.models.pool import pool

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "bayes.json").read_text())
Y = np.array([-0.5, -0.1, 0.3, -0.8])
V = np.array([0.04, 0.02, 0.09, 0.1])


@pytest.mark.parametrize(
    "case",
    REFERENCE["cases"],
    ids=lambda c: (
        f"{c['data']}-{c['options']['tau_prior']}-{'flat' if 'effect_sd' not in c['expected'] else 'x'}"
    ),
)
def test_agrees_with_integration_in_r(case):
    options, expected, data = case["options"], case["expected"], REFERENCE["data"][case["data"]]
    sd = options.get("effect_sd")
    fit = bayes(
        data["yi"],
        data["vi"],
        tau_prior=getattr(priors, options["tau_prior"])(**options["tau_arguments"]),
        effect_prior=priors.normal(options["effect_mean"], sd) if sd else None,
    )
    marginals = {"effect": fit.mean_effect, "tau": fit.tau, "prediction": fit.prediction}
    for name, value in expected.items():
        part, _, what = name.partition("_")
        if part in marginals and what[0].isdigit():
            found = marginals[part].quantile(float(what))
        elif part in marginals:
            found = getattr(marginals[part], what)
        else:
            found = fit.probability() if name == "probability" else getattr(fit, name)
        assert found == pytest.approx(value, rel=1e-6, abs=1e-8), name


def test_against_two_dimensional_quadrature():
    fit = bayes(Y, V, tau_prior=priors.half_normal(0.5), effect_prior=priors.normal(0.1, 1.0))
    nodes, weights = np.polynomial.legendre.leggauss(300)

    def mass(mu_high, tau_high):
        mu = -4 + 0.5 * (mu_high + 4) * (nodes + 1)
        tau = 0.5 * tau_high * (nodes + 1)
        spread = np.sqrt(V + tau[:, None] ** 2)
        likelihood = norm.pdf(Y, mu[:, None, None], spread).prod(axis=-1)
        joint = likelihood * norm.pdf(mu, 0.1, 1.0)[:, None] * 2 * norm.pdf(tau, 0, 0.5)
        return 0.25 * (mu_high + 4) * tau_high * (weights @ joint @ weights)

    total = mass(4.0, 4.0)
    assert fit.log_marginal_likelihood == pytest.approx(np.log(total), rel=1e-10)
    for p in (0.1, 0.5, 0.9):
        assert mass(fit.mean_effect.quantile(p), 4.0) / total == pytest.approx(p, rel=1e-9)
        assert mass(4.0, fit.tau.quantile(p)) / total == pytest.approx(p, rel=1e-9)


def test_tau_near_zero_gives_the_conjugate_posterior():
    fit = bayes(Y, V, tau_prior=priors.half_normal(1e-9), effect_prior=priors.normal(0.2, 0.3))
    precision = (1 / V).sum() + 1 / 0.3**2
    mean = ((Y / V).sum() + 0.2 / 0.3**2) / precision
    assert fit.mean_effect.mean == pytest.approx(mean, rel=1e-12)
    assert fit.mean_effect.sd == pytest.approx(precision**-0.5, rel=1e-12)
    assert fit.estimate == pytest.approx(mean, rel=1e-12)
    low, high = norm.interval(0.95, mean, precision**-0.5)
    assert fit.mean_effect.interval(kind="central") == pytest.approx((low, high), rel=1e-10)
    assert (fit.ci_low, fit.ci_high) == pytest.approx((low, high), rel=1e-6)
    assert fit.bayes_factor_tau == pytest.approx(1.0, abs=1e-12)
    common = pool(Y, V, method="EE", ci="z")
    flat = bayes(Y, V, tau_prior=priors.half_normal(1e-9))
    assert (flat.ci_low, flat.ci_high) == pytest.approx((common.ci_low, common.ci_high), rel=1e-6)


def test_one_study_leaves_the_prior_of_tau_as_it_is():
    fit = bayes([0.4], [0.01], tau_prior=priors.half_normal(0.5))
    assert fit.tau.quantile([0.1, 0.5, 0.9]) == pytest.approx(
        priors.half_normal(0.5).quantile(np.array([0.1, 0.5, 0.9]))
    )
    assert fit.estimate == pytest.approx(0.4, rel=1e-12)
    spread, _ = quad(lambda t: t**2 * 2 * norm.pdf(t, 0, 0.5), 0, 8)
    assert fit.mean_effect.sd == pytest.approx(np.sqrt(0.01 + spread), rel=1e-9)


def test_densities_and_distribution_functions_belong_together():
    fit = bayes(Y, V, tau_prior=priors.rhodes2015("mental", "non"))
    for marginal in (fit.mean_effect, fit.prediction, fit.tau, fit.study(2)):
        low, high = marginal.quantile([0.2, 0.8])
        mass, _ = quad(lambda x, m=marginal: float(m.density(x)), low, high, epsabs=1e-12, limit=200)
        assert mass == pytest.approx(0.6, rel=1e-8)
        assert marginal.cdf([low, high]) == pytest.approx([0.2, 0.8], rel=1e-10)
        ends = marginal.interval(0.9)
        central = marginal.interval(0.9, "central")
        assert ends[1] - ends[0] <= central[1] - central[0] + 1e-12
        assert np.diff(marginal.cdf(ends))[0] == pytest.approx(0.9, abs=1e-6)


def test_log_t_mass_near_zero_is_kept():
    """Half of this prior lies below 1e-20, where the likelihood is constant."""
    prior = priors.log_t(-46.0, 10.0)
    fit = bayes([0.1, 0.1], [1.0, 1.0], tau_prior=prior)
    at_zero = np.exp(fit.log_bayes_factor_tau)
    assert float(fit.tau.cdf(1e-20)) == pytest.approx(
        at_zero * float(prior.cdf(np.array([1e-20]))[0]), rel=1e-10
    )
    assert fit.tau.quantile(0.3) < 1e-20


def test_mode_and_probabilities():
    fit = bayes(Y, V, tau_prior=priors.half_cauchy(0.5), effect_prior=priors.normal(0, 1))
    grid = np.linspace(fit.tau.mode - 0.05, fit.tau.mode + 0.05, 11)
    assert int(np.argmax(fit.tau.density(grid))) == 5
    grid = fit.mean_effect.mode + np.linspace(-0.05, 0.05, 11)
    assert int(np.argmax(fit.mean_effect.density(grid))) == 5
    assert fit.probability(np.inf) == pytest.approx(1.0)
    assert fit.probability(fit.prediction.median, of="prediction") == pytest.approx(0.5)
    assert bayes([0.1, 0.11, 0.1], [1, 1, 1], tau_prior=priors.half_normal(1)).tau.mode == 0.0


def test_shrinkage_lies_between_study_and_mean():
    fit = bayes(Y, V, tau_prior=priors.half_normal(0.5), labels=list("abcd"))
    frame = fit.shrinkage
    inside = (frame["mean"] - Y) * (frame["mean"] - fit.mean_effect.mean) <= 0
    assert inside.all()
    assert frame["label"].tolist() == list("abcd")
    assert (frame["sd"] < frame["se"]).all()


def test_results_print_and_tabulate():
    fit = bayes(Y, V, tau_prior=priors.turner2015(), effect_prior=priors.normal(0, 1))
    assert fit.to_frame()["quantity"].tolist() == ["effect", "tau", "prediction"]
    assert "Bayes factor for effect = 0" in fit.summary()
    assert fit._repr_html_().startswith("<pre>Bayesian")


def test_moments_that_do_not_exist_are_nan_and_said():
    fit = bayes(Y[:2], V[:2], tau_prior=priors.half_cauchy(0.5))
    assert np.isfinite(fit.mean_effect.mean)
    assert np.isnan(fit.mean_effect.sd)
    assert "too heavy" in fit.note
    assert np.isnan(fit.bayes_factor_effect)
    assert np.isnan(fit.log_marginal_likelihood)


def test_improper_posterior_and_faulty_input_are_refused():
    with pytest.raises(ModelError, match="needs 3 studies, not 2"):
        bayes(Y[:2], V[:2])
    assert np.isfinite(bayes(Y[:2], V[:2], effect_prior=priors.normal(0, 1)).estimate)
    with pytest.raises(DataError, match="b: the variance"):
        bayes([1, 2], [1, -1], labels=["a", "b"], tau_prior=priors.half_normal(1))
    with pytest.raises(DataError, match="tau_prior must come from"):
        bayes(Y, V, tau_prior=0.5)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="quantile needs"):
        bayes(Y, V).tau.quantile(1.0)


def test_a_posterior_far_narrower_than_its_range_is_found():
    """The prior keeps tau near 1e-3, one effect is a million away: log tau is known to about 1e-5."""
    fit = bayes([1e6, 0.0, 0.5], [0.25, 2.0, 0.7], tau_prior=priors.half_normal(1e-3))
    grid = fit.tau.mode * (1.0 + np.linspace(-1e-4, 1e-4, 2001))
    density = fit.tau.density(grid)
    assert int(np.argmax(density)) == pytest.approx(1000, abs=1)
    share = np.cumsum(density) / density.sum()
    assert fit.tau.median == pytest.approx(float(np.interp(0.5, share, grid)), rel=1e-7)
    with pytest.raises(ModelError, match="contradict each other"):
        bayes([1e6, 0.0], [1e-9, 1e-9], tau_prior=priors.uniform(1e-6))


numbers = st.floats(-1e3, 1e3, allow_nan=False)
spreads = st.floats(-12, 6).map(lambda x: 10.0**x)
tau_priors = st.sampled_from(
    [
        priors.half_normal(1e-3),
        priors.half_cauchy(1.0),
        priors.rhodes2015(),
        priors.uniform(50.0),
        priors.exponential(10.0),
    ]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(numbers, spreads), min_size=1, max_size=6), tau_priors)
def test_finite_or_explained(studies, tau_prior):
    effect, variance = (np.array(column) for column in zip(*studies, strict=True))
    try:
        fit = bayes(effect, variance, tau_prior=tau_prior)
    except EvidenceError:
        return
    values = [fit.estimate, *fit.mean_effect.quantile([0.025, 0.975]), *fit.tau.quantile([0.025, 0.5, 0.975])]
    assert np.isfinite(values).all()
    assert values[1] <= values[0] <= values[2]
    turned = bayes(-effect[::-1], variance[::-1], tau_prior=tau_prior)
    scale = values[2] - values[1]
    assert turned.estimate == pytest.approx(-fit.estimate, abs=1e-6 * scale + 1e-9 * abs(effect).max())
