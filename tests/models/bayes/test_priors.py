import numpy as np
import pytest
from scipy.integrate import quad

from evidence.errors import DataError
from evidence.models.bayes import prior_tables, priors

PRIORS = [
    priors.half_normal(0.5),
    priors.half_cauchy(0.5),
    priors.half_t(0.7, 4),
    priors.exponential(0.3),
    priors.uniform(2.0),
    priors.log_normal(-1.2, 0.8),
    priors.log_t(-1.7, 1.3),
    priors.turner2015(),
]


@pytest.mark.parametrize("prior", PRIORS, ids=str)
def test_density_distribution_and_quantiles_belong_together(prior):
    p = np.array([0.05, 0.3, 0.5, 0.8, 0.97])
    tau = prior.quantile(p)
    assert prior.cdf(tau) == pytest.approx(p, rel=1e-12)
    assert prior.sf(tau) == pytest.approx(1 - p, rel=1e-12)
    for low, high, chance in zip(tau[:-1], tau[1:], np.diff(p), strict=True):
        mass, _ = quad(lambda x: float(np.exp(prior.log_density(np.array([x]))[0])), low, high, epsabs=1e-12)
        assert mass == pytest.approx(chance, rel=1e-8)


def test_turner_marginal_has_the_quantiles_printed_in_2012():
    """Turner et al. (2012), Int J Epidemiol 41(3), 818-827: median 0.08 and 95% range 0.003 to 2.34, the same fit."""
    tau2 = priors.turner2015().quantile(np.array([0.025, 0.5, 0.975])) ** 2
    assert tau2 == pytest.approx([0.003, 0.08, 2.34], rel=0.15)
    assert tau2[2] == pytest.approx(2.34, abs=0.01)


def test_rhodes_medians_printed_for_pharmacological_against_placebo():
    """Medians of tau2 as tabulated by outcome in the paper; they were simulated, hence a coarse tolerance."""
    printed = [0.016, 0.078, 0.086, 0.040, 0.048, 0.049, 0.033, 0.063]
    found = [
        priors.rhodes2015(outcome, "pharmacological vs placebo").quantile(0.5) ** 2
        for outcome in prior_tables.RHODES_OUTCOMES
    ]
    assert np.array(found) == pytest.approx(np.array(printed), rel=0.07)


def test_tables_are_additive_but_for_the_two_entries_that_the_module_names():
    """Both papers fitted additive models: a row of a table is another row plus a constant, up to rounding."""
    reference = np.array(prior_tables.RHODES_LOCATION["respiratory"][1])
    odd = []
    for area, rows in prior_tables.RHODES_LOCATION.items():
        difference = np.array(rows) - reference
        away = difference - np.median(difference, axis=1, keepdims=True)
        odd += [(area, *map(int, place)) for place in np.argwhere(abs(away) > 0.015)]
    assert odd == [("other", 2, 5), ("cancer", 0, 2)]
    difference = np.array(prior_tables.TURNER_MEAN) - np.array(prior_tables.TURNER_MEAN[0])
    assert abs(difference - np.median(difference, axis=1, keepdims=True)).max() < 0.015


def test_published_priors_by_the_beginning_of_a_name():
    prior = priors.rhodes2015("mental", "non", "respiratory")
    assert prior.quantile(0.5) == pytest.approx(np.exp(-4.76 / 2))
    assert "10.1016/j.jclinepi.2014.08.012" in prior.source
    assert priors.turner2015("pain", "non-pharmacological vs non").quantile(0.5) == pytest.approx(
        np.exp(-1.38 / 2)
    )
    with pytest.raises(DataError, match="outcome 'death' is not one of"):
        priors.turner2015("death", "pharmacological vs placebo")
    with pytest.raises(DataError, match="comparison None"):
        priors.rhodes2015("pain")


@pytest.mark.parametrize(
    "make",
    [lambda: priors.half_normal(0.0), lambda: priors.normal(np.nan, 1.0), lambda: priors.log_t(0, 1, of="x")],
)
def test_faulty_parameters_are_refused(make):
    with pytest.raises(DataError):
        make()
