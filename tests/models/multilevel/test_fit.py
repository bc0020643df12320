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
from evidence.models.multilevel.structure import ONE_VARIANCE
from evidence.models.pool import pool

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "multilevel.json").read_text())
CASES = REFERENCE["cases"]
COLUMNS = {"estimate", "se", "ci_low", "ci_high", "statistic", "p_value"}


def levels_of(case: dict[str, Any], kind: str = "levels") -> list[str]:
    given = case.get(kind) or []
    return [given] if isinstance(given, str) else given


@cache
def fit_case(number: int) -> Multilevel:
    case = CASES[number]
    return multilevel(
        case["formula"],
        np.array(REFERENCE["covariances"][case["data"]]) if case["covariance"] else "vi",
        levels=levels_of(case),
        crossed=levels_of(case, "crossed"),
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
    if name == "tau2" and fit.structure.parts[-1].kind in ONE_VARIANCE:  # type: ignore[union-attr]
        return fit.tau2.iloc[0]
    if name == "rho" and not np.isnan(fit.autocorrelation):
        return fit.autocorrelation
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
        unit = 100.0 if name == "i2" else 1.0  # a percentage
        np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-8 * unit, err_msg=name)
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


OPTIONS: list[dict[str, Any]] = [
    {"levels": None, "crossed": ["study", "lab"]},
    {"levels": ["study", "arm"], "crossed": "lab"},
    {"levels": "study", "outcome": "time", "structure": "ID"},
    {"levels": "study", "outcome": "time", "structure": "DIAG"},
    {"levels": "study", "outcome": "time", "structure": "AR"},
    {"levels": "study", "outcome": "time", "structure": "HAR"},
    {"levels": "study", "outcome": "time", "structure": "CAR", "crossed": "lab"},
]


def repeated(seed: int) -> pd.DataFrame:
    """Studies with three times each, in laboratories that cross the studies."""
    generator = np.random.default_rng(seed)
    study = np.repeat(np.arange(12), 3)
    return pd.DataFrame(
        {
            "effect": generator.normal(0.0, 0.6, 36) + generator.normal(0.0, 0.8, 12)[study],
            "variance": generator.uniform(0.02, 0.3, 36),
            "study": study,
            "arm": np.arange(36),
            "lab": generator.permutation(np.resize(np.arange(4), 36)),
            "time": np.resize([1.0, 2.5, 7.0], 36),
            "x": generator.normal(0.0, 1.0, 36),
        }
    )


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: str(o.get("structure", o.get("crossed"))))
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.sampled_from([-3.0, -1.0, 1e-4, 2e5]))
def test_order_names_scale_and_sign_of_crossed_levels_and_times(
    options: dict[str, Any], seed: int, factor: float
) -> None:
    data = repeated(seed)
    fit = multilevel("effect ~ x", "variance", data=data, **options)
    other = data.assign(
        effect=factor * data["effect"],
        variance=factor**2 * data["variance"],
        study=[f"study {19 - one}" for one in data["study"]],
        lab=3 - data["lab"],
        time=100.0 + data["time"],  # only the order, or the time between, counts
    ).sample(frac=1.0, random_state=1)
    again = multilevel("effect ~ x", "variance", data=other, **options)
    shift = (36 - 2) * np.log(abs(factor))
    assert again.log_likelihood == pytest.approx(fit.log_likelihood - shift, abs=1e-6)
    np.testing.assert_allclose(again.estimate, factor * fit.estimate, rtol=1e-4, atol=1e-5 * abs(factor))
    np.testing.assert_allclose(again.marginal.trace(), factor**2 * fit.marginal.trace(), rtol=1e-3)
    assert again.qm_p == pytest.approx(fit.qm_p, rel=1e-3, abs=1e-6)


def test_levels_that_are_coded_apart_are_the_same_nested_or_crossed() -> None:
    data = dependent(8)
    nested = multilevel("effect", "variance", levels=["study", "arm"], data=data)
    crossed = multilevel("effect", "variance", crossed={"study": "study", "arm": "arm"}, data=data)
    mixed = multilevel("effect", "variance", levels="arm", crossed="study", data=data)
    for other in (crossed, mixed):
        assert other.log_likelihood == pytest.approx(nested.log_likelihood, abs=1e-9)
        assert dict(other.sigma2["estimate"]) == pytest.approx(dict(nested.sigma2["estimate"]), rel=1e-5)
    assert list(mixed.sigma2.index) == ["arm", "study"]


def test_crossed_levels_taken_for_nested_ones_are_told_how_to_be_crossed() -> None:
    data = repeated(1)
    note = multilevel("effect", "variance", levels=["study", "lab"], data=data).note
    assert "Groups of lab occur in several groups of study" in note
    assert "take lab out of levels and give crossed='lab'" in note
    assert "crossed=" not in multilevel("effect", "variance", levels="study", crossed="lab", data=data).note


def test_a_crossed_level_correlates_effects_of_different_studies() -> None:
    data = repeated(2)
    data["effect"] += data["lab"]
    fit = multilevel("effect", "variance", levels="arm", crossed="lab", data=data)
    lab, apart = data["lab"].to_numpy(), ~np.eye(36, dtype=bool)
    assert fit.variances[1] > 0.1
    shared = fit.marginal[(lab[:, None] == lab) & apart]
    np.testing.assert_allclose(shared, fit.variances[1], atol=1e-12)
    assert not fit.marginal[lab[:, None] != lab].any()


@pytest.mark.parametrize("seed", range(3))
def test_structures_of_times_agree_where_they_are_the_same(seed: int) -> None:
    data = repeated(seed)
    fits = {
        kind: multilevel("effect", "variance", levels="study", outcome="time", structure=kind, data=data)
        for kind in ("ID", "DIAG", "CS", "HCS", "AR", "HAR", "CAR", "UN")
    }
    height = {kind: fit.log_likelihood for kind, fit in fits.items()}
    for smaller, larger in [
        *(("ID", kind) for kind in ("DIAG", "CS", "AR", "CAR")),
        *(("DIAG", kind) for kind in ("HCS", "HAR")),
        *(("CS", "HCS"), ("AR", "HAR"), ("HCS", "UN"), ("HAR", "UN"), ("CAR", "UN")),
    ]:
        assert height[smaller] <= height[larger] + 1e-6, (smaller, larger)
    # the time between counts, in any unit; steps are all alike for AR
    slower = multilevel(
        "effect", "variance", levels="study", outcome=7.0 * data["time"], structure="CAR", data=data
    )
    assert slower.log_likelihood == pytest.approx(height["CAR"], abs=1e-8)
    assert slower.autocorrelation**7.0 == pytest.approx(fits["CAR"].autocorrelation, abs=1e-5)
    even = multilevel(
        "effect", "variance", levels="study", outcome=np.resize([1, 2, 3], 36), structure="CAR", data=data
    )
    if fits["AR"].autocorrelation >= 0.0:
        assert even.log_likelihood == pytest.approx(height["AR"], abs=1e-8)
    rho = fits["AR"].rho.to_numpy()
    assert rho[0, 2] == pytest.approx(rho[0, 1] ** 2, abs=1e-9)
    assert fits["HAR"].tau2.nunique() == fits["DIAG"].tau2.nunique() == 3
    assert np.isnan(fits["CS"].autocorrelation)
    assert "autoregressive" in fits["AR"].summary()
    assert fits["CAR"].predict(outcome="2.5").notna().all(axis=None)


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
        ({"structure": "SPEXP"}, "unknown structure"),
        ({"outcome": "outcome", "structure": "AR"}, "outcome is 'pain'; outcome must be numbers"),
        ({"outcome": [np.nan] * 16, "structure": "CAR"}, "the time of each of the 16 effects"),
        ({"outcome": [1.0, 2.0], "structure": "HAR"}, "the time of each of the 16 effects"),
        ({"outcome": "outcome", "levels": None, "crossed": "study"}, "outcome needs levels"),
        ({"crossed": "study"}, "two levels are called 'study'"),
        ({"levels": None}, "at least one grouping"),
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
