"""Q by design and net heat: against explicit models, by least squares written out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import ModelError
from evidence.models.network.fit import network
from evidence.models.network.result import Network


def mixed_network(seed: int) -> Network:
    """Two studies of each of several designs on four treatments, some with three arms."""
    generator = np.random.default_rng(seed)
    rows = []
    for study, arms in enumerate([*["ab", "bc", "cd", "ad", "ac", "abd"] * 2, "bcd"]):
        variance, value = generator.uniform(0.05, 0.5, len(arms)), generator.normal(size=len(arms))
        rows += [
            (f"s{study}", arms[i], arms[j], value[i] - value[j], np.sqrt(variance[i] + variance[j]))
            for i in range(len(arms))
            for j in range(i)
        ]
    return network(data=pd.DataFrame(rows, columns=["study", "treat1", "treat2", "effect", "se"]))


networks = st.builds(mixed_network, st.integers(0, 10**6))


def residual_q(net: Network, tau2: float, free: Callable[[tuple[int, ...]], bool]) -> float:
    """Q when the designs that `free` names have effects of their own; rows are independent of each other."""
    data = net.contrasts
    columns = [data.matrix]
    for arms in {arms for arms in data.arms if free(arms)}:
        inside = np.array([data.arms[study] == arms for study in data.row_study])
        columns.append(np.where(inside[:, None], data.matrix[:, list(arms)], 0.0))
    root = 1.0 / np.sqrt(data.variance + tau2)
    design, response = np.hstack(columns) * root[:, None], data.response * root
    fitted = design @ np.linalg.lstsq(design, response, rcond=None)[0]
    return float(np.square(response - fitted).sum())


@settings(max_examples=20)
@given(networks)
def test_parts_of_q_equal_differences_between_explicit_models(net: Network) -> None:
    parts = net.decomposition()
    within = residual_q(net, 0.0, lambda arms: True)
    assert parts.q_within == pytest.approx(within, rel=1e-8)
    assert parts.q_between == pytest.approx(net.q - within, rel=1e-7, abs=1e-9)
    assert parts.df_within + parts.df_between == net.q_df
    assert parts.within["q"].sum() == pytest.approx(parts.q_within)
    tau2 = parts.tau2_within
    random = residual_q(net, tau2, lambda arms: False) - residual_q(net, tau2, lambda arms: True)
    assert parts.q_interaction == pytest.approx(random, rel=1e-7, abs=1e-9)
    for name, row in parts.detached.iterrows():
        arms = tuple(net.treatments.index(part) for part in str(name).split(":"))
        left = residual_q(net, 0.0, lambda own, arms=arms: own == arms) - within  # type: ignore[misc]
        assert row["q"] == pytest.approx(left, rel=1e-7, abs=1e-8)
        assert row["df"] == parts.df_between - len(arms) + 1


def test_single_studies_have_no_heterogeneity() -> None:
    parts = mixed_network(1).decomposition()
    single = parts.within.loc[parts.within["studies"] == 1]
    assert (single["df"] == 0).all()
    assert single["p_value"].isna().all()
    assert parts.summary().startswith("Cochran's Q by design")
    assert parts._repr_html_().startswith("<pre>")
    assert list(parts.to_frame().index)[-1] == "between designs, random effects"
    assert parts.p_interaction == pytest.approx(parts.table["p_value"].iloc[-1])


@settings(max_examples=10)
@given(networks, st.booleans())
def test_net_heat(net: Network, random: bool) -> None:
    heat = net.net_heat(random=random)
    parts = net.decomposition()
    total = parts.q_interaction if random else parts.q_between
    assert heat.q_design.sum() == pytest.approx(total, rel=1e-7, abs=1e-9)
    assert heat.tau2 == (parts.tau2_within if random else 0.0)
    for name, column in heat.heat.items():
        own = [label for label in heat.heat.index if label.endswith(f"({name})")] or [
            label for label in heat.heat.index if set(label.split(" v ")) == set(str(name).split(":"))
        ]
        # a detached design has no inconsistency left: the diagonal is its own share
        np.testing.assert_allclose(column[own], heat.q_design[own], rtol=1e-9)
        if not random:
            left = parts.detached["q"].loc[str(name)]
            assert (heat.q_design[heat.heat.index] - column).sum() == pytest.approx(left, rel=1e-7, abs=1e-9)
    # network estimates of the designs' effects are weighted sums of these effects
    np.testing.assert_allclose(heat.hat @ heat.hat, heat.hat, atol=1e-8)
    assert heat.summary().startswith("Net heat")
    assert heat.to_frame().equals(heat.heat)
    assert "<table" in heat._repr_html_()


def test_net_heat_needs_loops() -> None:
    tree = network(["s1", "s2"], ["a", "b"], ["b", "c"], [1.0, 2.0], [0.3, 0.4])
    with pytest.raises(ModelError, match="at least two designs"):
        tree.net_heat()
