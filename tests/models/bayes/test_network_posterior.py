"""Bayesian networks against the pairwise model, and against brute force over tau."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.stats import halfnorm, multivariate_normal, norm

import evidence as ev

PRIOR = ev.priors.half_normal(0.5)


def contrasts(seed: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for i, arms in enumerate(["ab", "bc", "abc", "ac", "ab", "bcd", "ad"]):
        variance, value = rng.uniform(0.03, 0.1, len(arms)), rng.normal(0.0, 0.3, len(arms))
        for x in range(len(arms)):
            for y in range(x + 1, len(arms)):
                se = np.sqrt(variance[x] + variance[y])
                rows.append((f"s{i}", arms[x], arms[y], value[x] - value[y], se))
    return pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se"])


def dense(data: pd.DataFrame, treatments: tuple[str, ...], reference: str) -> tuple[np.ndarray, ...]:
    """Contrasts with the first arm of each study: response, design, sampling and between-study covariance."""
    response, design, blocks, between = [], [], [], []
    others = [name for name in treatments if name != reference]
    for _, rows in data.groupby("study", sort=False):
        first = rows["treat1"].iloc[0]
        star = rows[rows["treat1"] == first]
        variance = {
            frozenset((a, b)): s**2 for a, b, s in rows[["treat1", "treat2", "se"]].itertuples(index=False)
        }
        ends = list(star["treat2"])
        block = np.empty((len(ends), len(ends)))
        for i, one in enumerate(ends):
            for j, other in enumerate(ends):
                both = variance[frozenset((first, one))] + variance[frozenset((first, other))]
                block[i, j] = 0.5 * (both - (variance[frozenset((one, other))] if one != other else 0.0))
        blocks.append(block)
        between.append(0.5 * (np.eye(len(ends)) + 1.0))
        for value, end in zip(star["effect"], ends, strict=True):
            response.append(value)
            design.append([float(name == first) - float(name == end) for name in others])
    size = len(response)
    sampling, spread = np.zeros((size, size)), np.zeros((size, size))
    at = 0
    for block, one in zip(blocks, between, strict=True):
        here = slice(at, at + len(block))
        sampling[here, here], spread[here, here] = block, one
        at += len(block)
    return np.array(response), np.array(design), sampling, spread


@pytest.mark.parametrize("sd", [0.8, 300.0])
def test_every_comparison_by_brute_force(sd: float) -> None:
    data = contrasts()
    net = ev.network(data, reference="a")
    # So wide a normal prior as 300 stands for the flat one.
    prior = None if sd > 100.0 else ev.priors.normal(0.1, sd)
    found = ev.bayes_network(net, tau_prior=PRIOR, effect_prior=prior)
    mean0 = 0.0 if prior is None else 0.1
    y, x, sampling, between = dense(data, net.treatments, "a")

    def at(tau: float) -> tuple[float, np.ndarray, np.ndarray]:
        spread = sampling + tau**2 * between
        height = multivariate_normal(x @ np.full(3, mean0), spread + sd**2 * x @ x.T).logpdf(y)
        w = np.linalg.inv(spread)
        covariance = np.linalg.inv(x.T @ w @ x + np.eye(3) / sd**2)
        return height, covariance @ (x.T @ w @ y + mean0 / sd**2), covariance

    top = at(0.1)[0]

    def weight(tau: float) -> float:
        return float(halfnorm(scale=0.5).pdf(tau) * np.exp(at(tau)[0] - top))

    total = quad(weight, 0.0, 4.0, epsabs=0.0, epsrel=1e-9, limit=200)[0]
    for one, other in (("b", "a"), ("d", "a"), ("d", "c")):
        direction = np.array([float(one == name) - float(other == name) for name in "bcd"])
        for point in (-0.4, 0.0, 0.3):

            def below(tau: float, point: float = point, direction: np.ndarray = direction) -> float:
                _, mean, covariance = at(tau)
                return weight(tau) * norm.cdf(
                    (point - direction @ mean) / np.sqrt(direction @ covariance @ direction)
                )

            expected = quad(below, 0.0, 4.0, epsabs=0.0, epsrel=1e-9, limit=200)[0] / total
            assert float(found.effect(one, other).cdf(point)) == pytest.approx(expected, rel=1e-5)
    expected = quad(weight, 0.0, 0.2, epsabs=0.0, epsrel=1e-9)[0] / total
    assert float(found.tau.cdf(0.2)) == pytest.approx(expected, rel=1e-5)
    if prior is not None:
        assert found.log_marginal_likelihood == pytest.approx(np.log(total) + top, rel=1e-8)


@pytest.mark.parametrize("prior", [None, ev.priors.normal(0.0, 2.0)])
def test_two_treatments_are_the_pairwise_model(prior: object) -> None:
    rng = np.random.default_rng(1)
    effect, variance = rng.normal(0.3, 0.3, 8), rng.uniform(0.02, 0.2, 8)
    net = ev.network(
        [f"s{i}" for i in range(8)], ["b"] * 8, ["a"] * 8, effect, np.sqrt(variance), reference="a"
    )
    one = ev.bayes_network(net, tau_prior=PRIOR, effect_prior=prior)  # type: ignore[arg-type]
    other = ev.bayes(effect, variance, tau_prior=PRIOR, effect_prior=prior)  # type: ignore[arg-type]
    row = one.relative_to().loc["b"]
    assert row["estimate"] == pytest.approx(other.estimate, abs=1e-9)
    assert row["ci_low"] == pytest.approx(other.ci_low, abs=1e-8)
    assert row["prediction_high"] == pytest.approx(other.prediction_high, abs=1e-8)
    assert one.tau.median == pytest.approx(other.tau.median, rel=1e-8)
    assert row["below"] == pytest.approx(other.probability(), abs=1e-10)


def test_the_reference_matters_only_for_what_is_told() -> None:
    data = contrasts()
    one, other = (ev.bayes_network(ev.network(data, reference=name), tau_prior=PRIOR) for name in "ad")
    np.testing.assert_allclose(one.effects, other.effects, atol=1e-8)
    np.testing.assert_allclose(one.ci_low, other.ci_low, atol=1e-7)
    shuffled = ev.bayes_network(
        ev.network(data.sample(frac=1.0, random_state=3), reference="a"), tau_prior=PRIOR
    )
    np.testing.assert_allclose(one.effects, shuffled.effects, atol=1e-8)


def test_improper_posteriors_and_wrong_arguments_are_refused() -> None:
    few = ev.network(["s1", "s2"], ["a", "b"], ["b", "c"], [0.1, 0.2], [0.1, 0.1])
    with pytest.raises(ev.ModelError, match="improper"):
        ev.bayes_network(few)
    assert np.isfinite(ev.bayes_network(few, tau_prior=PRIOR).effects.to_numpy()).all()
    with pytest.raises(ev.DataError, match="takes a result of class Network; got DataFrame"):
        ev.bayes_network(contrasts())  # type: ignore[arg-type]
    with pytest.raises(ev.DataError, match="tau_prior must come from"):
        ev.bayes_network(few, tau_prior=0.5)  # type: ignore[arg-type]
    with pytest.raises(ev.DataError, match="level"):
        ev.bayes_network(few, tau_prior=PRIOR, level=95)
    found = ev.bayes_network(few, tau_prior=PRIOR)
    with pytest.raises(ev.DataError, match="not in the network"):
        found.effect("z")
    with pytest.raises(ev.DataError, match="compared with itself"):
        found.effect("b", "b")


def test_results_show_themselves_and_last() -> None:
    found = ev.bayes_network(ev.network(contrasts(), reference="a"), tau_prior=PRIOR)
    text = found.summary()
    assert "half-normal" in text
    assert pickle.loads(pickle.dumps(found)).summary() == text
    assert found.sucra().between(0.0, 1.0).all()
    assert found.sucra("undesirable").index[0] == found.sucra().index[-1]
    assert found.sucra().mean() == pytest.approx(0.5)
    table: Any = found.league_table()
    assert table.loc["a", "b"].startswith(f"{float(found.effects.loc['b', 'a']):.2f} (")  # type: ignore[arg-type]
    figure = ev.figures.network_forest(found)
    assert figure.alt_text.endswith(").") or "Bayesian" in figure.alt_text
    assert figure.numbers["below"].between(0.0, 1.0).all()
