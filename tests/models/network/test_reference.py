"""Networks and component models against netmeta and metafor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.models.network.arms import contrasts_from_arms
from evidence.models.network.components import components
from evidence.models.network.fit import network
from evidence.models.network.regression import network_regression
from evidence.models.network.result import Network

VALIDATION = Path(__file__).parents[3] / "validation"


def read(name: str) -> list[dict[str, Any]]:
    return json.loads((VALIDATION / name).read_text(encoding="utf-8"))["cases"]


NETMETA = read("netmeta.json")
METAFOR = read("network/models.json")
PIMETA = read("network/second_opinion.json")


def cases(analysis: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{case['dataset']}-{case['method_tau']}-{i}")
        for i, case in enumerate(NETMETA)
        if case["analysis"] == analysis
    ]


def fit(case: dict[str, Any], **options: Any) -> Network:
    table = case["input"]
    return network(*(table[name] for name in ("study", "treat1", "treat2", "effect", "se")), **options)


@pytest.mark.parametrize("case", cases("network"))
def test_networks_of_netmeta(case: dict[str, Any]) -> None:
    expected = case["expected"]
    # from contrasts alone, netmeta's REML leaves out the covariance of the contrasts of a study (see below)
    given = expected["tau2"] if case["method_tau"] == "REML" else None
    net = fit(case, method=case["method_tau"], reference=case["reference"], tau2=given)
    for ours, theirs in (
        (net.effects, "effects_random"),
        (net.se, "se_random"),
        (net.effects_common, "effects_common"),
        (net.se_common, "se_common"),
    ):
        table = expected[theirs]
        np.testing.assert_allclose(
            ours.loc[table["rows"], table["cols"]], table["values"], rtol=1e-9, atol=1e-11
        )
    assert net.tau2 == pytest.approx(expected["tau2"], rel=1e-10)
    assert net.q == pytest.approx(expected["q"], rel=1e-10)
    assert net.q_df == expected["df_q"]
    assert net.i2 == pytest.approx(100.0 * expected["i2"], rel=1e-10)
    parts = net.decomposition()
    assert parts.q_within == pytest.approx(expected["q_within"], rel=1e-10)
    assert parts.q_between == pytest.approx(expected["q_between"], rel=1e-10)
    small = "undesirable" if case["dataset"] == "smoking" else "desirable"
    scores = pd.Series(expected["p_scores_random"])
    np.testing.assert_allclose(net.p_scores(small)[scores.index], scores, atol=1e-11)


SPLIT = ("direct", "indirect", "difference", "se_difference", "p_value")


def split_values(case: dict[str, Any]) -> Iterator[tuple[list[float], list[float]]]:
    """Our values and those of netmeta, for each comparison in the direction of netmeta."""
    expected = pd.DataFrame(case["expected"]).astype({"direct": float, "difference": float})
    table = fit(case, method=case["method_tau"]).split().set_index("comparison")
    assert len(table) == len(expected)
    for _, row in expected.iterrows():
        one, other = row["comparison"].split(":")
        sign = 1.0 if f"{one} v {other}" in table.index else -1.0
        ours: Any = table.loc[f"{one} v {other}" if sign > 0.0 else f"{other} v {one}"]
        turned = [float(sign * ours[name]) for name in SPLIT[:3]]
        yield [*turned, ours["difference_se"], ours["p_value"]], [float(row[name]) for name in SPLIT]


@pytest.mark.parametrize("case", cases("split"))
def test_direct_and_indirect_evidence_of_netmeta(case: dict[str, Any]) -> None:
    for ours, theirs in split_values(case):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", cases("components"))
def test_component_models_of_netmeta(case: dict[str, Any]) -> None:
    expected = case["expected"]
    model = components(fit(case, method="DL"), inactive=case["inactive"])
    assert list(model.components) == expected["components"]
    for ours, theirs in (
        (model.effects, "effects_random"),
        (model.se, "se_random"),
        (model.effects_common, "effects_common"),
        (model.se_common, "se_common"),
    ):
        np.testing.assert_allclose(ours, expected[theirs], rtol=1e-10)
    assert model.tau2 == pytest.approx(expected["tau2"], rel=1e-10)
    assert model.q_additive == pytest.approx(expected["q_additive"], rel=1e-10)
    assert model.df_additive == expected["df_q_additive"]
    assert model.q_difference == pytest.approx(expected["q_difference"], rel=1e-9)
    assert model.df_difference == expected["df_q_difference"]


@cache
def inputs(dataset: str) -> dict[str, Any]:
    return next(case for case in NETMETA if case["dataset"] == dataset)


@pytest.mark.parametrize("case", METAFOR, ids=lambda case: case["dataset"])
def test_restricted_likelihood_of_metafor(case: dict[str, Any]) -> None:
    expected = case["network"]
    net = fit(inputs(case["dataset"]), reference=case["reference"])
    rows = net.relative_to().loc[case["treatments"]]
    assert net.tau2 == pytest.approx(expected["tau2"], rel=1e-6)
    assert net.q == pytest.approx(expected["q"], rel=1e-9)
    np.testing.assert_allclose(rows["estimate"], expected["estimate"], atol=1e-6)
    np.testing.assert_allclose(rows["se"], expected["se"], rtol=1e-6)


@pytest.mark.parametrize("case", METAFOR, ids=lambda case: case["dataset"])
def test_network_regression_of_metafor(case: dict[str, Any]) -> None:
    expected = case["regression_common"]
    net = fit(inputs(case["dataset"]), reference=case["reference"])
    covariate = dict(zip(map(str, case["studies"]), case["covariate"], strict=True))
    model = network_regression(net, covariate, centre=0.0)
    frame = model.to_frame().loc[[*case["treatments"], "slope: all treatments"]]
    assert model.tau2 == pytest.approx(expected["tau2"], rel=1e-6)
    assert model.q == pytest.approx(expected["q"], rel=1e-9)
    np.testing.assert_allclose(frame["estimate"], expected["estimate"], atol=1e-6)
    np.testing.assert_allclose(frame["se"], expected["se"], rtol=1e-6)


def test_arms_give_the_same_network_as_contrasts() -> None:
    case = inputs("components")
    arms = pd.DataFrame(case["input"]["arms"])
    table = contrasts_from_arms("study", "treat", mean="mean", sd="sd", n="n", data=arms)
    one, two = network(data=table), fit(case)
    np.testing.assert_allclose(one.effects, two.effects, atol=1e-10)
    np.testing.assert_allclose(one.se, two.se, rtol=1e-10)


def side(name: str, index: pd.Index) -> str:
    """Turn "a:b" into the label of the same comparison in the index."""
    one, other = name.split(":")
    return f"{one} v {other}" if f"{one} v {other}" in index else f"{other} v {one}"


def diagnostic_values(case: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """What a network says of itself: function, our values and those of pimeta."""
    net = fit(inputs(case["dataset"]), method="DL")
    parts = net.decomposition()
    yield "decomposition", parts.tau2_within, case["tau_within"] ** 2
    yield "decomposition", parts.q_interaction, case["q_interaction"]
    detached = {tuple(sorted(name.split(":"))): values for name, values in case["detached"].items()}
    ours = {
        tuple(sorted(str(name).split(":"))): list(row[["q", "df"]]) for name, row in parts.detached.iterrows()
    }
    assert ours.keys() == detached.keys()
    for name, values in detached.items():
        yield "decomposition", ours[name], values
    measures = net.measures()
    for column in ("direct_share", "mean_path", "parallelism"):
        theirs = pd.Series({side(name, measures.index): value for name, value in case[column].items()})
        yield "measures", measures.loc[theirs.index, column], theirs
    table, walk = net.contributions(), case["contributions"]
    rows = [side(name, table.index) for name in walk["rows"]]
    columns = [side(name, table.index) for name in walk["cols"]]
    yield "contributions", table.loc[rows, columns], 100.0 * np.array(walk["values"])


@pytest.mark.parametrize("case", PIMETA, ids=lambda case: case["dataset"])
def test_diagnostics_of_pimeta(case: dict[str, Any]) -> None:
    for function, ours, theirs in diagnostic_values(case):
        atol = 1e-9 if function == "contributions" else 1e-12
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=atol, err_msg=function)
