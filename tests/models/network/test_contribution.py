"""Contributions and path measures: against paths written out, and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, ModelError
from evidence.models.network.contribution import flows, path_shares
from evidence.models.network.fit import network
from evidence.models.network.least_squares import edge_weights
from evidence.models.network.result import Network

COLUMNS = ["study", "treat1", "treat2", "effect", "se"]


def random_network(seed: int) -> Network:
    generator = np.random.default_rng(seed)
    rows = []
    for study in range(9):
        arms = [study % 5, *generator.permutation([i for i in range(5) if i != study % 5])][: 2 + study % 2]
        if study < 5:
            arms = [study, (study + 1) % 5]
        variance, value = generator.uniform(0.05, 1.0, len(arms)), generator.normal(size=len(arms))
        rows += [
            (
                f"s{study}",
                f"t{arms[i]}",
                f"t{arms[j]}",
                value[i] - value[j],
                np.sqrt(variance[i] + variance[j]),
            )
            for i in range(len(arms))
            for j in range(i)
        ]
    return network(data=pd.DataFrame(rows, columns=COLUMNS))


networks = st.builds(random_network, st.integers(0, 10**6))


def shares_by_path(flow: np.ndarray, start: int, end: int) -> np.ndarray:
    """Follow every path of the random walk."""
    shares = np.zeros_like(flow)

    def walk(path: list[int], chance: float) -> None:
        node = path[-1]
        if node == end:
            for one, other in itertools.pairwise(path):
                shares[one, other] += chance / (len(path) - 1)
            return
        for place in np.flatnonzero(flow[node] > 0.0):
            walk([*path, int(place)], chance * flow[node, place] / flow[node].sum())

    walk([start], 1.0)
    return shares


@settings(max_examples=20)
@given(networks)
def test_shares_equal_the_sum_over_paths(net: Network) -> None:
    flow = flows(edge_weights(net.contrasts, net.tau2).sum(axis=0), net.random)
    shares = path_shares(flow)
    for place, (i, j) in enumerate(zip(*np.triu_indices(len(net.treatments), 1), strict=True)):
        assert flow[place, i].sum() == pytest.approx(1.0)  # all evidence leaves the one and reaches the other
        assert flow[place, :, j].sum() == pytest.approx(1.0)
        np.testing.assert_allclose(shares[place], shares_by_path(flow[place], int(i), int(j)), atol=1e-10)


@settings(max_examples=20)
@given(networks, st.booleans())
def test_contributions_sum_to_hundred(net: Network, common: bool) -> None:
    for of in ("comparisons", "studies"):
        table = net.contributions(of, common=common)
        np.testing.assert_allclose(table.sum(axis=1), 100.0)
        assert (table.to_numpy() >= 0.0).all()
    assert list(net.contributions("studies").columns) == list(net.studies)


@settings(max_examples=20)
@given(networks)
def test_path_measures(net: Network) -> None:
    table = net.measures()
    split = net.split().set_index("comparison")
    np.testing.assert_allclose(table["direct_share"], split["direct_share"])
    assert (table["mean_path"] >= 1.0 - 1e-9).all()
    assert (table["parallelism"] >= 1.0 - 1e-9).all()
    assert (table["parallelism_studies"] >= table["parallelism"] - 1e-9).all()
    assert ((table["shortest_path"] == 1) == (table["studies"] > 0)).all()


def test_with_one_study_a_design_both_parallelisms_agree() -> None:
    rows = []
    for study, arms in enumerate(["ab", "bcd", "acd", "ad", "abc"]):
        rows += [
            (f"s{study}", x, y, ord(y) - ord(x), np.sqrt((study + 1.0) * (ord(x) + ord(y) - 190.0)))
            for x in arms
            for y in arms
            if x < y
        ]
    table = network(data=pd.DataFrame(rows, columns=COLUMNS)).measures()
    np.testing.assert_allclose(table["parallelism"], table["parallelism_studies"])


def test_square_of_equal_studies() -> None:
    data = [
        ("s1", "a", "b", 0.1, 0.3),
        ("s2", "b", "c", 0.2, 0.3),
        ("s3", "c", "d", 0.3, 0.3),
        ("s4", "a", "d", 0.5, 0.3),
    ]
    net = network(data=pd.DataFrame(data, columns=COLUMNS), method="EE")
    # direct path with weight 3/4, the way round (three comparisons) with 1/4
    assert net.contributions().loc["a v b"].to_dict() == pytest.approx(
        {"a v b": 75.0, "a v d": 25.0 / 3.0, "b v c": 25.0 / 3.0, "c v d": 25.0 / 3.0}
    )
    row = net.measures().loc["a v b"]
    assert row["mean_path"] == pytest.approx(0.75 + 3 * 0.25)
    assert row["parallelism"] == pytest.approx(1.0 / 0.75)
    assert net.measures().loc["a v c", "shortest_path"] == 2


def test_messages() -> None:
    net = random_network(1)
    with pytest.raises(DataError, match="contributions are of"):
        net.contributions("patients")
    odd = [("odd", "a", "b", 0.0, 0.30), ("odd", "b", "c", 0.0, 0.30), ("odd", "a", "c", 0.0, 0.59)]
    odd_net = network(data=pd.DataFrame(odd, columns=COLUMNS))
    assert "odd: by the standard errors of its contrasts the variance of b would be negative" in odd_net.note
    with pytest.raises(
        ModelError, match=r"^odd: the standard errors of its contrasts imply a negative weight"
    ):
        odd_net.contributions()
