"""Models of dependent effects against metafor on public data sets; the numbers come from validation/multilevel.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.multilevel.fit import multilevel
from evidence.models.multilevel.result import Multilevel
from evidence.models.pool import pool

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "multilevel.json").read_text())
CASES = REFERENCE["cases"]
COLUMNS = {"estimate", "se", "ci_low", "ci_high", "statistic", "p_value"}


def levels_of(case: dict[str, Any]) -> list[str]:
    return [case["levels"]] if isinstance(case["levels"], str) else case["levels"]


@cache
def fit_case(number: int) -> Multilevel:
    case = CASES[number]
    return multilevel(
        case["formula"],
        np.array(REFERENCE["covariances"][case["data"]]) if case["covariance"] else "vi",
        levels=levels_of(case),
        data=pd.DataFrame(REFERENCE["data"][case["data"]]),
        outcome=case.get("outcome"),
        structure=case.get("structure"),
        method=case["method"],
        test=case["test"],
    )


def value(fit: Multilevel, name: str) -> Any:
    if name in COLUMNS:
        return fit.coefficients[name].to_numpy()
    if name.startswith("sigma2_"):
        return fit.sigma2[f"ci_{name[7:]}"].to_numpy()
    if name == "i2":
        return fit.sigma2["i2"].to_numpy()
    if name.startswith("prediction_"):
        return fit.predict()[name].item()
    if name == "tau2" and fit.structure.parts[-1].kind == "CS":  # type: ignore[union-attr]
        return fit.tau2.iloc[0]
    if name == "rho":
        m = len(fit.tau2)
        upper = fit.rho.to_numpy()[np.triu_indices(m, 1)]
        return upper if fit.structure.parts[-1].kind == "UN" else upper[0]  # type: ignore[union-attr]
    found = getattr(fit, name)
    return found.to_numpy() if isinstance(found, pd.Series) else found


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda i: f"{CASES[i]['data']}-{i}")
def test_agrees_with_metafor(number: int) -> None:
    fit, expected = fit_case(number), CASES[number]["values"]
    for name, reference in expected.items():
        if name.startswith("sigma2_") and fit.method == "ML":
            continue  # profiles take time; those of REML are compared
        known = np.array(reference, dtype=float)  # NaN where metafor finds no limit
        found = np.where(np.isnan(known), np.nan, value(fit, name))
        # metafor's own optimum leaves an error of 1e-5 and more in the variances
        np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-8, err_msg=name)
    if "log_likelihood" in expected:
        assert fit.log_likelihood >= expected["log_likelihood"] - 1e-9


def dependent(seed: int, k: int = 16) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    study = np.sort(generator.integers(0, 5, k))
    return pd.DataFrame(
        {
            "effect": generator.normal(0.0, 0.5, k) + generator.normal(0.0, 1.0, 5)[study],
            "variance": generator.uniform(0.02, 0.4, k),
            "study": study,
            "arm": np.arange(k),
            "outcome": np.resize(["pain", "function"], k),
            "x": generator.normal(0.0, 1.0, k),
        }
    )


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_one_level_of_single_effects_equals_pooling(method: str) -> None:
    for seed in range(4):
        data = dependent(seed)
        fit = multilevel("effect", "variance", levels=["arm"], data=data, method=method)
        pooled = pool(data["effect"], data["variance"], method=method, ci="t")
        assert fit.variances[0] == pytest.approx(pooled.tau2, rel=1e-7, abs=1e-12)
        assert fit.log_likelihood == pytest.approx(pooled.log_likelihood, abs=1e-9)
        row = fit.coefficients.iloc[0]
        assert row["estimate"] == pytest.approx(pooled.estimate, rel=1e-8)
        assert row["ci_high"] == pytest.approx(pooled.ci_high, rel=1e-8)
        assert fit.predict()["prediction_low"].item() == pytest.approx(pooled.prediction_low, rel=1e-8)
        assert fit.sigma2["i2"].item() == pytest.approx(pooled.i2, rel=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-3.0, 1e-4, 2e5]))
def test_order_scale_and_sign(seed: int, factor: float) -> None:
    data = dependent(seed)
    fit = multilevel("effect ~ x", "variance", levels=["study", "arm"], data=data)
    other = data.assign(
        effect=factor * data["effect"], variance=factor**2 * data["variance"], study=9 - data["study"]
    ).sample(frac=1.0, random_state=1)
    again = multilevel("effect ~ x", "variance", levels=["study", "arm"], data=other)
    np.testing.assert_allclose(again.estimate, factor * fit.estimate, rtol=1e-5, atol=1e-7 * abs(factor))
    np.testing.assert_allclose(again.variances, factor**2 * fit.variances, rtol=1e-5, atol=1e-7 * factor**2)
    assert again.qm_p == pytest.approx(fit.qm_p, rel=1e-5, abs=1e-9)


def test_compound_symmetry_is_two_nested_levels_if_outcomes_correlate_positively() -> None:
    covariance = np.array(REFERENCE["covariances"]["berkey1998"])
    data = pd.DataFrame(REFERENCE["data"]["berkey1998"]).assign(row=range(10))
    crossed = multilevel(
        "yi ~ outcome", covariance, levels=["trial"], data=data, outcome="outcome", structure="CS"
    )
    nested = multilevel("yi ~ outcome", covariance, levels=["trial", "row"], data=data)
    assert crossed.log_likelihood == pytest.approx(nested.log_likelihood, abs=1e-9)
    assert crossed.tau2.iloc[0] == pytest.approx(nested.variances.sum(), rel=1e-6)
    assert crossed.rho.iloc[0, 1] == pytest.approx(nested.variances[0] / nested.variances.sum(), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_extreme_input_gives_finite_results_or_an_error(seed: int) -> None:
    generator = np.random.default_rng(seed)
    fitted = 0
    for _ in range(12):
        k = int(generator.integers(3, 12))
        data = dependent(int(generator.integers(10**6)), k)
        data["effect"] *= 10.0 ** generator.uniform(-6, 6)
        data["variance"] = 10.0 ** generator.uniform(-6, 4, k)
        if generator.random() < 0.2:
            data["effect"] = 0.25
        options: dict[str, Any] = {"levels": ["study", "arm"]}
        if generator.random() < 0.4:
            structure = str(generator.choice(["CS", "HCS", "UN"]))
            options = {"levels": ["study"], "outcome": "outcome", "structure": structure}
        try:
            fit = multilevel("effect", "variance", data=data, **options)
        except EvidenceError:
            continue
        fitted += 1
        assert np.isfinite([*fit.estimate, fit.log_likelihood, fit.qe, *fit.coefficients["se"]]).all()
        assert (fit.variances >= 0.0).all()
        assert fit.summary()
    assert fitted > 4


def test_summaries_name_levels_boundaries_and_outcomes() -> None:
    data = dependent(3).assign(effect=lambda d: 0.1 * np.cos(d["arm"]))
    text = multilevel("effect", "variance", levels=["study", "arm"], data=data).summary()
    assert "boundary, zero, at the level: study, arm" in text
    levels = {"study": data["study"]}
    both = multilevel(data["effect"], data["variance"], levels=levels, outcome=data["outcome"])
    assert "rho pain" in both.summary()
    assert both.predict(outcome="pain").notna().all(axis=None)
    assert both.sigma2.empty


def test_moderators_and_rows_left_out() -> None:
    data = dependent(5)
    table = data[["x"]].mask(data["arm"] == 3)
    fit = multilevel(data["effect"], data["variance"], levels=[data["study"], data["arm"]], moderators=table)
    assert fit.dropped == ("Study 4",)
    same = multilevel("effect ~ x", "variance", levels=["study", "arm"], data=data.drop(index=3))
    np.testing.assert_allclose(fit.estimate, same.estimate, rtol=1e-9)
    np.testing.assert_allclose(fit.predict(pd.DataFrame({"x": [0.0]}))["estimate"], fit.estimate[0])


def test_models_that_are_not_identified_are_explained() -> None:
    data = dependent(6)
    with pytest.raises(ModelError, match="cannot be told apart"):
        multilevel("effect", "variance", levels={"study": "study", "again": "study"}, data=data)
    with pytest.raises(ModelError, match="single group"):
        multilevel("effect", "variance", levels={"all": np.zeros(16), "arm": data["arm"]}, data=data)
    apart = data.assign(outcome=np.where(data["study"] < 3, "pain", "function"))
    with pytest.raises(ModelError, match="covariance of function and pain"):
        multilevel("effect", "variance", levels=["study"], outcome="outcome", data=apart)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "DL"}, "unknown method"),
        ({"test": "HKSJ"}, "unknown test"),
        ({"structure": "AR"}, "unknown structure"),
        ({"structure": "CS"}, "needs outcome"),
        ({"level": 2.0}, "level"),
        ({"levels": []}, "at least one"),
        ({"levels": ["school"]}, "no column 'school'"),
        ({"levels": [[1, 2]]}, "2 values for 16"),
        ({"outcome": ["pain"] * 16}, "single value"),
        ({"variance": -np.ones(16)}, "not between"),
        ({"variance": np.ones((16, 16))}, "not positive definite"),
        ({"variance": np.ones(3)}, "shape"),
        ({"data": None}, "data="),
    ],
)
def test_unusable_arguments_are_explained(change: dict[str, Any], message: str) -> None:
    options = {"variance": "variance", "levels": ["study", "arm"], "data": dependent(7), **change}
    with pytest.raises(DataError, match=message):
        multilevel("effect", **options)
