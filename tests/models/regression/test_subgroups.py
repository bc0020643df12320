from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError, ModelError
from evidence.models.pool import pool
from evidence.models.regression.robust import robust
from evidence.models.regression.subgroups import subgroups

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "pool.json").read_text())


def frame(name: str) -> pd.DataFrame:
    return pd.DataFrame(REFERENCE["grouped"][name]).rename(columns={"yi": "effect", "vi": "variance"})


@pytest.mark.parametrize(
    "case",
    REFERENCE["subgroups"],
    ids=lambda c: f"{c['data']}-{c['method']}-{c['ci']}-{'common' if c['common_tau2'] else 'separate'}",
)
def test_agrees_with_metafor(case: dict[str, Any]) -> None:
    result = subgroups(
        frame(case["data"]), "group", method=case["method"], ci=case["ci"], common_tau2=case["common_tau2"]
    )
    expected = case["values"]
    for name in ("q_between", "df", "p_value"):
        assert getattr(result, name) == pytest.approx(expected[name], rel=1e-8, abs=1e-13), name
    for name in ("estimate", "se", "ci_low", "ci_high", "tau2"):
        got = [getattr(fit, name) for fit in result.groups.values()]
        np.testing.assert_allclose(got, expected[name], rtol=1e-8, atol=1e-13, err_msg=name)


def test_separate_subgroups_are_separate_fits() -> None:
    data = frame("bcg_alloc")
    result = subgroups(data, "group", labels="missing", ci="z")
    assert list(result.groups) == data["group"].unique().tolist()
    for name, fit in result.groups.items():
        alone = data[data["group"] == name]
        assert fit.estimate == pool(alone["effect"], alone["variance"], ci="z").estimate
    assert result.df == len(result.groups) - 1


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "SJ", "ML", "REML", "PM", "PMM", "DL2"])
def test_one_subgroup_with_a_common_tau2_is_the_plain_fit(method: str) -> None:
    data = frame("bcg_alloc").assign(group="all")
    together = pool(data["effect"], data["variance"], method=method)
    result = subgroups(data, "group", common_tau2=True, method=method)
    assert result.groups["all"].tau2 == pytest.approx(together.tau2, rel=1e-9)
    assert (result.df, result.p_value) == (0, 1.0)


def test_common_tau2_of_subgroups_that_agree_within_is_zero() -> None:
    data = pd.DataFrame(
        {"g": ["a", "a", "b", "b"], "effect": [0.0, 0.0, 5.0, 5.0], "variance": [0.1, 0.2, 0.1, 0.3]}
    )
    for method in ("REML", "ML", "PM", "DL", "SJ"):
        result = subgroups(data, "g", common_tau2=True, method=method, ci="z")
        assert [fit.tau2 for fit in result.groups.values()] == [0.0, 0.0]
        assert result.p_value < 1e-6


def test_errors_say_what_to_do() -> None:
    data = frame("bcg_alloc")
    with pytest.raises(DataError, match="no column 'colour'"):
        subgroups(data, "colour")
    with pytest.raises(DataError, match="row 2: 'group' is missing"):
        subgroups(data.assign(group=data["group"].where(data.index != 2)), "group")
    with pytest.raises(DataError, match=r"subgroup 'random': Study \d+: the variance -1"):
        subgroups(data.assign(variance=-1.0), "group")
    with pytest.raises(ModelError, match="two studies"):
        subgroups(data.assign(group=data.index), "group", common_tau2=True)
    with pytest.raises(DataError, match="no row"):
        subgroups(data.iloc[:0], "group")


def test_shows_itself() -> None:
    result = subgroups(frame("bcg_alloc"), "group", common_tau2=True)
    assert result.to_frame()["group"].tolist() == list(result.groups)
    assert "common tau2" in result.summary()
    assert "Test for subgroup differences" in result._repr_html_()


def test_groups_know_their_rows_whatever_the_index() -> None:
    data = pd.DataFrame(
        {"effect": [0.2, 0.2, 0.2, 0.5], "variance": [0.1] * 4, "group": ["b", "a", "b", "a"]},
        index=[7, 7, 1, 0],
    )
    found = subgroups(data, "group")
    assert {name: rows.tolist() for name, rows in found.rows.items()} == {"b": [0, 2], "a": [1, 3]}
    for name, rows in found.rows.items():
        np.testing.assert_array_equal(found.groups[name].effect, data["effect"].to_numpy()[rows])


def test_a_given_tau2_is_common_already() -> None:
    fit = pool([0.1, 0.4, 0.3, 0.9], [0.1, 0.2, 0.1, 0.3], tau2=0.2)
    found = subgroups(fit, list("aabb"))
    assert {one.tau2 for one in found.groups.values()} == {0.2}
    with pytest.raises(DataError, match="common to all subgroups already"):
        subgroups(fit, list("aabb"), common_tau2=True)


def test_a_subgroup_without_error_is_named() -> None:
    fit = robust(pool([0.3, 0.3, 0.3, 0.1, 0.5, 0.2], [0.1, 0.2, 0.1, 0.3, 0.2, 0.1]), list("xyxxyz"))
    with pytest.raises(ModelError, match="subgroup 'a': its effects fit the model without error"):
        subgroups(fit, list("aaabbb"))
