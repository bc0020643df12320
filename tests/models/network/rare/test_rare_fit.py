"""Networks of counts against metafor, BiasedUrn and brute force; numbers from validation/network_counts.R."""

from __future__ import annotations

import json
import pickle
from itertools import product
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.models.network.rare.hypergeometric import conditional_moments
from evidence.models.network.rare.mantel_haenszel import design_odds_ratios
from evidence.models.network.rare.trials import Trial

REFERENCE = json.loads((Path(__file__).parents[4] / "validation" / "network_counts.json").read_text())


def compute(case: dict[str, Any]) -> dict[str, Any]:
    """Our values by the names of the reference."""
    arms = pd.DataFrame(case["arms"])
    net = ev.network_counts("study", "treatment", "events", "n", data=arms, method=case["method"])
    if "contrast" in case:
        row, column = case["contrast"]
        return {"effect": net.effects.loc[row, column], "se": net.se.loc[row, column]}
    se = np.sqrt(np.diagonal(net.covariance))[1:]
    return {"position": net.position, "se": se, "log_likelihood": net.log_likelihood}


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: f"{c['data']}-{c['method']}")
def test_agrees_with_r(case: dict[str, Any]) -> None:
    found, values = compute(case), case["values"]
    if "contrast" in case:
        # Mantel-Haenszel is a formula; rma.glmm searches numerically, and BiasedUrn below is exact
        close = (1e-10, 1e-10) if case["method"] == "MH" else (1e-4, 3e-3)
        assert found["effect"] == pytest.approx(values["effect"], rel=close[0])
        assert found["se"] == pytest.approx(values["se"], rel=close[1])
        return
    np.testing.assert_allclose(found["position"], values["position"], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found["se"], values["se"], rtol=1e-5)
    assert found["log_likelihood"] == pytest.approx(values["log_likelihood"], rel=1e-8)


def test_conditional_moments_by_enumeration() -> None:
    events, size, theta = np.array([1.0, 2.0, 0.0]), np.array([4.0, 5.0, 3.0]), np.array([0.0, 0.7, -1.1])
    found = conditional_moments(Trial("s", (0, 1, 2), events, size), theta)
    weights = {}
    for x in product(*(range(int(n) + 1) for n in size)):
        if sum(x) == events.sum():
            weights[x] = np.prod(
                [comb(int(n), k) * np.exp(t * k) for n, k, t in zip(size, x, theta, strict=True)]
            )
    total = sum(weights.values())
    mean = sum(np.array(x) * w for x, w in weights.items()) / total
    square = sum(np.outer(x, x) * w for x, w in weights.items()) / total
    assert found.log_probability == pytest.approx(np.log(weights[1, 2, 0] / total))
    np.testing.assert_allclose(found.mean, mean)
    np.testing.assert_allclose(found.covariance, square - np.outer(mean, mean), atol=1e-12)
    # Counting those without the event is the same distribution.
    other = conditional_moments(Trial("s", (0, 1, 2), size - events, size), -theta)
    np.testing.assert_allclose(other.mean, size - mean)
    np.testing.assert_allclose(other.covariance, found.covariance, atol=1e-12)
    assert other.log_probability == pytest.approx(found.log_probability)


def test_large_trials_neither_overflow_nor_vanish() -> None:
    events, size = np.array([900.0, 1200.0]), np.array([2000.0, 2000.0])
    found = conditional_moments(Trial("s", (0, 1), events, size), np.array([0.0, np.log(9.0)]))
    assert np.isfinite(found.log_probability)
    assert found.mean.sum() == pytest.approx(2100.0)
    np.testing.assert_allclose(found.covariance.sum(axis=0), 0.0, atol=1e-5)


def test_covariances_of_multi_arm_mantel_haenszel_by_simulation() -> None:
    rng = np.random.default_rng(3)
    size = np.array(
        [[60, 80, 50], [90, 40, 70], [50, 50, 100], [70, 90, 60], [80, 60, 80], [60, 70, 90]], dtype=float
    )
    base = np.array([-2.6, -2.2, -2.9, -2.5, -2.0, -2.7])
    rate = 1.0 / (1.0 + np.exp(-(base[:, None] + np.array([0.0, 0.4, 0.8]))))
    positions, covariances = [], []
    for _ in range(4000):
        events = rng.binomial(size.astype(int), rate).astype(float)
        if (events.sum(axis=0) == 0.0).any():
            continue
        position, covariance = design_odds_ratios(events, size)
        positions.append(position)
        covariances.append(covariance)
    empirical = np.cov(np.array(positions).T)
    expected = np.mean(covariances, axis=0)
    contrast = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
    np.testing.assert_allclose(contrast @ expected @ contrast.T, contrast @ empirical @ contrast.T, rtol=0.08)
    np.testing.assert_allclose(np.mean(positions, axis=0) @ contrast.T, [0.4, 0.8], atol=0.03)


def test_one_common_trial_of_large_arms_agrees_with_logistic_regression() -> None:
    events, size = np.array([[300.0, 420.0, 510.0]]), np.array([[3000.0, 3000.0, 3000.0]])
    position, covariance = design_odds_ratios(events, size)
    odds = np.log(events / (size - events))[0]
    np.testing.assert_allclose(position - position[0], odds - odds[0], atol=1e-12)
    arm = (1.0 / events + 1.0 / (size - events))[0]
    spread = np.diagonal(covariance)
    np.testing.assert_allclose(
        (spread[:, None] + spread - 2.0 * covariance)[np.triu_indices(3, 1)],
        [arm[0] + arm[1], arm[0] + arm[2], arm[1] + arm[2]],
        rtol=2e-3,
    )


def network(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    designs = ["ab", "bc", "abc", "ab", "ac", "abc"]
    rows = [
        {
            "study": f"s{i}",
            "treatment": arm,
            "n": int(n),
            "events": int(rng.binomial(n, 0.1 + 0.05 * "abc".index(arm))),
        }
        for i, design in enumerate(designs)
        for arm, n in zip(design, rng.integers(60, 120, len(design)), strict=True)
    ]
    return pd.DataFrame(rows)


@given(st.permutations(range(14)), st.sampled_from(["MH", "NCH"]))
@settings(max_examples=15, deadline=None)
def test_order_of_arms_changes_nothing(order: list[int], method: str) -> None:
    arms = network()
    one = ev.network_counts("study", "treatment", "events", "n", data=arms, method=method)
    other = ev.network_counts("study", "treatment", "events", "n", data=arms.iloc[order], method=method)
    np.testing.assert_allclose(one.effects, other.effects, atol=1e-9)
    np.testing.assert_allclose(one.se, other.se, atol=1e-9)


@pytest.mark.parametrize("method", ["MH", "NCH"])
def test_counting_the_others_turns_the_sign(method: str) -> None:
    arms = network()
    turned = arms.assign(events=arms["n"] - arms["events"])
    one, other = (
        ev.network_counts("study", "treatment", "events", "n", data=data, method=method)
        for data in (arms, turned)
    )
    np.testing.assert_allclose(one.effects, -other.effects, atol=1e-8)
    np.testing.assert_allclose(one.se, other.se, atol=1e-8)


def test_trials_and_arms_without_events_are_named() -> None:
    arms = network()
    more = pd.DataFrame(
        {
            "study": ["none", "none", "odd", "odd"],
            "treatment": ["a", "b", "c", "d"],
            "events": [0, 0, 0, 3],
            "n": [50, 50, 40, 40],
        }
    )
    data = pd.concat([arms, more.iloc[:2]])
    plain = ev.network_counts("study", "treatment", "events", "n", data=arms)
    with_empty = ev.network_counts("study", "treatment", "events", "n", data=data)
    np.testing.assert_allclose(with_empty.effects, plain.effects)
    assert "none, which says nothing" in with_empty.note
    assert with_empty.k == plain.k
    with pytest.raises(ev.ModelError, match="exist only within the parts"):
        ev.network_counts("study", "treatment", "events", "n", data=pd.concat([arms, more]))
    with pytest.raises(ev.ModelError, match="no finite estimate"):
        ev.network_counts("study", "treatment", "events", "n", data=pd.concat([arms, more]), method="NCH")
    three = pd.DataFrame({"study": "t", "treatment": list("abd"), "events": [3, 4, 0], "n": 50})
    fourth = pd.DataFrame({"study": "u", "treatment": list("cd"), "events": [3, 4], "n": 50})
    found = ev.network_counts("study", "treatment", "events", "n", data=pd.concat([arms, three, fourth]))
    assert "d has no odds ratio in the design a:b:d" in found.note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": [1, 2, 3, 99]}, "s1, arm c: 99 of 50"),
        ({"events": [1, 2, 3, 1.5]}, "whole numbers"),
        ({"study": ["s0", "s0", "s0", "s1"]}, "two arms have the treatment"),
        ({"study": ["s0", "s0", "s1", "s2"]}, "one arm only"),
        ({"events": [0, 0, 0, 0]}, "nobody or everybody"),
        ({"events": [1, 2, 0, 0]}, "every study of c has no events"),
        ({"treatment": ["a", "b", "c", "d"]}, "falls into 2 parts"),
    ],
)
def test_bad_input_is_refused(change: dict[str, Any], message: str) -> None:
    arms = {
        "study": ["s0", "s0", "s1", "s1"],
        "treatment": ["a", "b", "b", "c"],
        "events": [1, 2, 3, 1],
        "n": [50] * 4,
    }
    with pytest.raises(ev.EvidenceError, match=message):
        ev.network_counts("study", "treatment", "events", "n", data=pd.DataFrame(arms | change))


def test_designs_too_sparse_for_covariances_are_named() -> None:
    arms = pd.DataFrame(
        {
            "study": ["s"] * 4 + ["t"] * 4,
            "treatment": list("abcd") * 2,
            "events": [53, 164, 4, 602, 794, 4, 0, 384],
            "n": [136, 319, 4, 840, 964, 4, 3, 506],
        }
    )
    with pytest.raises(ev.ModelError, match=r"design a:b:c:d \(s, t\) has too few .* method=\"NCH\""):
        ev.network_counts("study", "treatment", "events", "n", data=arms)
    net = ev.network_counts("study", "treatment", "events", "n", data=arms, method="NCH")
    assert np.isfinite(net.se.to_numpy()).all()


def test_unknown_options_are_refused() -> None:
    arms = network()
    with pytest.raises(ev.DataError, match="did you mean 'NCH'"):
        ev.network_counts("study", "treatment", "events", "n", data=arms, method="CM.EL")
    with pytest.raises(ev.DataError, match="not in the network"):
        ev.network_counts("study", "treatment", "events", "n", data=arms, reference="z")
    with pytest.raises(ev.DataError, match="level"):
        ev.network_counts("study", "treatment", "events", "n", data=arms, level=95)


def test_results_show_themselves_and_last() -> None:
    net: Any = ev.network_counts("study", "treatment", "events", "n", data=network(), reference="a")
    text = net.summary()
    assert "Mantel-Haenszel, common effects (6 studies, 3 treatments)" in text
    assert f"{np.exp(net.effects.loc['b', 'a']):.4f}" in text
    assert "Q between designs" in text
    assert net.q_df == 3
    again = pickle.loads(pickle.dumps(net))
    assert again.summary() == text
    with pytest.raises(ValueError, match="read-only"):
        again.position[0] = 1.0
    table = net.league_table()
    low, high = np.exp(net.ci_low.loc["b", "a"]), np.exp(net.ci_high.loc["b", "a"])
    assert table.loc["a", "b"] == f"{np.exp(net.effects.loc['b', 'a']):.2f} ({low:.2f} to {high:.2f})"
    assert net.p_scores().index[0] == "a"
    figure: Any = ev.figures.network_forest(net, measure_label="OR")
    assert figure.numbers.set_index("treatment").loc["b", "estimate"] == pytest.approx(
        np.exp(net.effects.loc["b", "a"])
    )
    assert "Mantel-Haenszel" in figure.alt_text
