"""Network meta-regression: equality with regression, invariances, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError, ModelError
from evidence.models.network.fit import network
from evidence.models.network.regression import network_regression
from evidence.models.regression.fit import regress


def two_arm_data(seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    pairs = ["ab", "ac", "bc", "ab", "ac", "bc", "ab", "ac", "ab", "bc"]
    return pd.DataFrame(
        {
            "study": [f"s{i}" for i in range(10)],
            "treat1": [pair[1] for pair in pairs],
            "treat2": [pair[0] for pair in pairs],
            "effect": generator.normal(0.5, 0.5, 10),
            "se": generator.uniform(0.1, 0.3, 10),
            "dose": generator.integers(0, 20, 10).astype(float),
        }
    )


def test_equals_regression_on_indicators() -> None:
    data = two_arm_data()
    model = network_regression(data, "dose", reference="a", interaction="each", centre=0.0)
    for name in "bc":
        data[name] = (data["treat1"] == name).astype(float) - (data["treat2"] == name)
        data[name + "dose"] = data[name] * data["dose"]
    data["variance"] = data["se"] ** 2
    fit = regress("effect ~ 0 + b + c + bdose + cdose", data, ci="z", labels="study")
    frame = model.to_frame()
    np.testing.assert_allclose(frame["estimate"], fit.coefficients["estimate"], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(frame["p_value"], fit.coefficients["p_value"], rtol=1e-6)
    assert model.tau2 == pytest.approx(fit.tau2, rel=1e-7)
    assert (model.q, model.q_df, model.q_p) == pytest.approx((fit.qe, fit.qe_df, fit.qe_p))
    joint = fit.test(["bdose", "cdose"])
    assert (model.qm, model.qm_df, model.qm_p) == pytest.approx(tuple(joint[["statistic", "df", "p_value"]]))


def test_common_slope_leaves_effects_between_others_alone() -> None:
    data = two_arm_data()
    model = network_regression(data, "dose", reference="a")
    low, high = model.at(0.0)["estimate"], model.at(10.0)["estimate"]
    assert (high - low).tolist() == pytest.approx([10.0 * model.slopes["estimate"].iloc[0]] * 2)
    assert high["b"] - high["c"] == pytest.approx(low["b"] - low["c"])


def test_centre_and_unit_only_reexpress() -> None:
    data = two_arm_data()
    one = network_regression(data, "dose", reference="a", interaction="each")
    two = network_regression(
        data.assign(dose=7.0 * data["dose"]), "dose", reference="a", interaction="each", centre=3.0
    )
    assert two.tau2 == pytest.approx(one.tau2, rel=1e-7)
    np.testing.assert_allclose(7.0 * two.slopes["estimate"], one.slopes["estimate"], rtol=1e-7)
    np.testing.assert_allclose(two.at(70.0)["se"], one.at(10.0)["se"], rtol=1e-7)
    assert two.qm == pytest.approx(one.qm, rel=1e-6)


def test_slopes_of_named_treatments_and_given_tau2() -> None:
    net = network(data=two_arm_data(), reference="a")
    dose = two_arm_data().set_index("study")["dose"]
    model = network_regression(net, dose, interaction=["b"], tau2=0.1)
    assert (model.covariate, model.slope_names, model.tau2) == ("dose", ("b",), 0.1)
    assert model.at(0.0).loc["c", "estimate"] == pytest.approx(model.at(9.0).loc["c", "estimate"])
    assert model.tau2_without == net.tau2
    assert model.summary().startswith("Network meta-regression on dose")
    assert repr(model) == model.summary()
    assert model._repr_html_().startswith("<pre>")


def test_wrong_input() -> None:
    data = two_arm_data()
    net = network(data=data)
    dose: dict[str, Any] = dict(zip(data["study"], data["dose"], strict=True))
    with pytest.raises(DataError, match=r"^s3: it has no value of covariate \(nor have s4\)"):
        network_regression(net, {name: value for name, value in dose.items() if name not in ("s3", "s4")})
    with pytest.raises(DataError, match=r"^s3: it has no value of covariate; "):
        network_regression(net, dose | {"s3": np.nan})
    with pytest.raises(DataError, match=r"^s0: dose differs between its rows"):
        network_regression(pd.concat([data, data.iloc[[0]].assign(dose=99.0, treat1="c")]), "dose")
    with pytest.raises(DataError, match="needs a DataFrame"):
        network_regression(net, "dose")
    with pytest.raises(DataError, match="no column 'missing'"):
        network_regression(data, "missing")
    for interaction in ("all", ["zz"], []):
        with pytest.raises(DataError, match="interaction"):
            network_regression(net, dose, interaction=interaction)
    with pytest.raises(DataError, match="the reference 'zz'"):
        network_regression(net, dose, reference="zz")
    with pytest.raises(ModelError, match="dose is 1 in every study"):
        network_regression(data.assign(dose=1.0), "dose")
    alone = pd.concat([data, pd.DataFrame([["x", "d", "a", 0.1, 0.2, 3.0]], columns=data.columns)])
    with pytest.raises(ModelError, match=r"^the slope of d cannot be estimated"):
        network_regression(alone, "dose", reference="a", interaction="each")
