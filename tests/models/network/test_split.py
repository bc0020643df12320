"""Direct and indirect evidence: closed forms and independent refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.models.network.fit import network

TRIANGLE = pd.DataFrame(
    [
        ("s1", "a", "b", 1.0, 0.3),
        ("s2", "b", "c", 0.5, 0.2),
        ("s3", "a", "c", 2.0, 0.4),
        ("s4", "a", "b", 1.4, 0.5),
    ],
    columns=["study", "treat1", "treat2", "effect", "se"],
)


@pytest.mark.parametrize("method", ["back-calculation", "SIDDE"])
def test_triangle_of_two_arm_studies(method: str) -> None:
    net = network(data=TRIANGLE, method="EE")
    row = net.split(method).set_index("comparison").loc["a v b"]
    weight = np.array([1.0 / 0.09, 1.0 / 0.25])
    direct, variance = weight @ [1.0, 1.4] / weight.sum(), 1.0 / weight.sum()
    assert row["direct"] == pytest.approx(direct)
    assert row["direct_se"] == pytest.approx(np.sqrt(variance))
    assert row["indirect"] == pytest.approx(1.5)
    assert row["indirect_se"] == pytest.approx(np.sqrt(0.16 + 0.04))
    assert row["difference_se"] ** 2 == pytest.approx(variance + 0.2)
    assert row["z"] == pytest.approx((direct - 1.5) / np.sqrt(variance + 0.2))
    assert row["studies"] == 2
    assert row["direct_share"] == pytest.approx((1.0 / variance) / (1.0 / variance + 1.0 / 0.2))
    # the three comparisons of a single loop disagree by the same amount
    z = net.split(method)["z"].abs()
    np.testing.assert_allclose(z, z.iloc[0])


def test_no_indirect_evidence_in_a_tree_and_no_direct_evidence_between_its_ends() -> None:
    for method in ("back-calculation", "SIDDE"):
        table = network(data=TRIANGLE.iloc[:2]).split(method).set_index("comparison")
        assert table.loc["a v b", "direct_share"] == 1.0
        assert table["indirect"].isna()["a v b"]
        assert table["direct"].isna()["a v c"]
        assert table.loc["a v c", "indirect"] == pytest.approx(1.5)
        assert table["difference"].isna().all()


def test_sidde_equals_a_network_without_the_studies_that_compare_directly() -> None:
    generator = np.random.default_rng(4)
    rows = []
    for study in range(12):
        arms = generator.choice(list("abcd"), 3 if study % 3 == 0 else 2, replace=False)
        variance, value = generator.uniform(0.05, 0.3, len(arms)), generator.normal(size=len(arms))
        rows += [
            (f"s{study}", arms[i], arms[j], value[i] - value[j], np.sqrt(variance[i] + variance[j]))
            for i in range(len(arms))
            for j in range(i)
        ]
    data = pd.DataFrame(rows, columns=TRIANGLE.columns)
    net = network(data=data)
    table = net.split("SIDDE").set_index("comparison")
    for one, other in (("a", "b"), ("b", "d")):
        both = {s for s, t in data.groupby("study") if {one, other} <= {*t["treat1"], *t["treat2"]}}
        rest = network(data=data[~data["study"].isin(both)], tau2=net.tau2)
        assert table.loc[f"{one} v {other}", "indirect"] == pytest.approx(rest.effects.loc[one, other])
        assert table.loc[f"{one} v {other}", "indirect_se"] == pytest.approx(rest.se.loc[one, other])


def test_unknown_method() -> None:
    with pytest.raises(DataError, match="unknown method 'guess'"):
        network(data=TRIANGLE).split("guess")
