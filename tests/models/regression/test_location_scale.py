"""Location-scale models against metafor on public data sets; the numbers come from validation/location_scale.R."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Model
from evidence.models.core.weighted_tau2 import model_log_likelihood
from evidence.models.regression.location_scale import LocationScale, location_scale

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "location_scale.json").read_text())
CASES = REFERENCE["cases"]
TABLES = ("estimate", "se", "ci_low", "ci_high", "statistic", "p_value")


def fit_case(number: int) -> LocationScale:
    case = CASES[number]
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    return location_scale(
        case["formula"], case["scale"], data, variance="vi", method=case["method"], test=case["test"]
    )


def value(fit: LocationScale, name: str) -> Any:
    if name in TABLES:
        return fit.coefficients[name].to_numpy()
    if name.startswith("scale_"):
        return fit.scale_coefficients[name.removeprefix("scale_")].to_numpy()
    return getattr(fit, name)


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda i: f"{CASES[i]['data']}-{i}")
def test_agrees_with_metafor(number: int) -> None:
    fit, expected = fit_case(number), CASES[number]["values"]
    assert fit.log_likelihood >= expected["log_likelihood"] - 1e-9
    for name, reference in expected.items():
        # the coefficients of the scale are where metafor's optimiser stops, some 1e-5 short of the summit
        np.testing.assert_allclose(value(fit, name), reference, rtol=1e-4, atol=2e-5, err_msg=name)


def studies(seed: int, k: int = 60) -> pd.DataFrame:
    """Studies whose variance rises with z: log tau2 = -1.5 + z."""
    generator = np.random.default_rng(seed)
    z = generator.uniform(-1.5, 1.5, k)
    variance = generator.uniform(0.01, 0.1, k)
    effect = 0.3 + generator.normal(0.0, np.sqrt(variance + np.exp(-1.5 + z)))
    return pd.DataFrame(
        {
            "effect": effect,
            "variance": variance,
            "z": z,
            "x": generator.normal(0.0, 1.0, k),
            "group": np.resize(["a", "b", "c"], k),
            "label": [f"S{i}" for i in range(k)],
        }
    )


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-1.0, 1e-4, -3e5]))
def test_order_labels_scale_and_sign(seed: int, factor: float) -> None:
    data = studies(seed)
    fit = location_scale("effect ~ x", "~ z", data)
    other = data.assign(effect=factor * data["effect"], variance=factor**2 * data["variance"])
    other = other.assign(label=[f"T{i}" for i in range(60)], z=5.0 - 2.0 * other["z"]).sample(
        frac=1.0, random_state=2
    )
    again = location_scale("effect ~ x", "~ z", other)
    slope = -0.5 * fit.scale_estimate[1]
    np.testing.assert_allclose(again.scale_estimate[1], slope, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(again.estimate, factor * fit.estimate, rtol=1e-5, atol=1e-7 * abs(factor))
    np.testing.assert_allclose(np.sort(again.tau2), factor**2 * np.sort(fit.tau2), rtol=1e-5)
    assert again.qs == pytest.approx(fit.qs, rel=1e-4)
    assert again.scale_coefficients["se"].iloc[1] == pytest.approx(
        fit.scale_coefficients["se"].iloc[1] / 2.0, rel=1e-4
    )
    assert again.labels[0] == other["label"].iloc[0]
    shift = (60 - 2) * np.log(abs(factor))
    assert again.log_likelihood == pytest.approx(fit.log_likelihood - shift, abs=1e-6)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_a_constant_scale_is_a_meta_regression(method: str) -> None:
    data = studies(3)
    fit = location_scale("effect ~ x", "~ 1", data, method=method)
    plain = ev.regress("effect ~ x", data, method=method, ci="t")
    np.testing.assert_allclose(fit.tau2, plain.tau2, rtol=1e-6)
    pd.testing.assert_frame_equal(fit.coefficients, plain.coefficients, rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)
    assert (fit.aic, fit.bic, fit.aicc) == pytest.approx((plain.aic, plain.bic, plain.aicc))
    np.testing.assert_allclose(fit.scale_estimate, np.log(plain.tau2), rtol=1e-6)
    step = 1e-3
    model = Model(plain.matrix, plain.effect, plain.variance)
    low, middle, high = (
        model_log_likelihood(model, plain.tau2 * np.exp(d), restricted=method == "REML")
        for d in (-step, 0.0, step)
    )
    information = -(low - 2.0 * middle + high) / step**2
    assert fit.scale_coefficients["se"].item() == pytest.approx(information**-0.5, rel=1e-4)


@pytest.mark.parametrize("method", ["REML", "ML"])
def test_groups_of_their_own_variance_are_fits_of_their_own(method: str) -> None:
    data = studies(4).assign(effect=lambda d: d["effect"] + (d["group"] == "a"))
    fit = location_scale("effect ~ group - 1", "~ group - 1", data, method=method)
    for group, rows in data.groupby("group"):
        own = ev.pool(rows["effect"], rows["variance"], method=method, ci="z")
        at = fit.predict(pd.DataFrame({"group": [group]})).iloc[0]
        assert at["tau2"] == pytest.approx(own.tau2, rel=1e-5)
        assert (at["estimate"], at["se"]) == pytest.approx((own.estimate, own.se), rel=1e-5)


def test_what_was_planted_is_found() -> None:
    fit = location_scale("effect ~ 1", "~ z", studies(5, 400))
    table = fit.scale_coefficients
    assert (table["ci_low"] < [-1.5, 1.0]).all()
    assert (table["ci_high"] > [-1.5, 1.0]).all()
    assert table["se"].max() < 0.2
    assert fit.qs_p < 1e-6


def test_rows_that_lack_a_moderator_of_either_kind_are_left_out() -> None:
    data = studies(6)
    holes = data.assign(z=data["z"].where(data.index != 4), x=data["x"].where(data.index != 7))
    fit = location_scale("effect ~ x", "~ z", holes)
    assert fit.dropped == ("S4", "S7")
    assert "2 rows left out" in fit.note
    same = location_scale("effect ~ x", "~ z", data.drop(index=[4, 7]))
    np.testing.assert_allclose(fit.scale_estimate, same.scale_estimate, rtol=1e-9)
    holes.loc[9, "effect"] = np.nan
    assert location_scale("effect ~ x", "~ z", holes, missing="omit").dropped == ("S4", "S7", "S9")
    with pytest.raises(DataError, match="S9: the effect is nan"):
        location_scale("effect ~ x", "~ z", holes)


def test_the_result_is_read_only_travels_and_shows_itself() -> None:
    fit = location_scale("effect ~ x", "~ z", studies(7), measure="OR")
    for array in (fit.tau2, fit.scale_estimate, fit.scale_covariance, fit.effect):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    again = pickle.loads(pickle.dumps(fit))
    pd.testing.assert_frame_equal(again.scale_coefficients, fit.scale_coefficients)
    pd.testing.assert_frame_equal(fit.to_frame(), fit.coefficients)
    text = fit.summary()
    assert "log tau2 ~ z" in text
    assert "Test of the scale" in text
    assert "<details>" in fit._repr_html_()
    assert fit.weights.sum() == pytest.approx(100.0)
    shown = fit.on("natural")
    np.testing.assert_allclose(shown.effect, np.exp(fit.effect))
    new = fit.predict(pd.DataFrame({"x": [0.0], "z": [1.0]}))
    assert new["tau2"].item() == pytest.approx(float(np.exp(fit.scale_estimate.sum())))
    half = (new["prediction_high"] - new["estimate"]) / (new["ci_high"] - new["estimate"])
    assert half.item() == pytest.approx(float(np.sqrt(1.0 + new["tau2"] / new["se"] ** 2).item()))


def test_a_variance_that_tends_to_zero_is_explained() -> None:
    data = studies(8).assign(effect=lambda d: 0.01 * d["effect"])
    with pytest.raises(ModelError, match="no finite estimate"):
        location_scale("effect ~ 1", "~ z", data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "effect ~ z"}, "without a left side"),
        ({"scale": None}, "without a left side"),
        ({"formula": "~ x"}, "no effect on its left side"),
        ({"scale": "~ nothing"}, "nothing"),
        ({"method": "DL"}, "unknown method"),
        ({"test": "HKSJ"}, "unknown test"),
        ({"level": 1.0}, "level must lie"),
        ({"data": studies(0).iloc[:0]}, "at least one row"),
        ({"data": studies(0).iloc[:2]}, "nothing of 2 effects"),
        ({"data": studies(0).assign(z=np.nan)}, "no row has all moderators"),
    ],
)
def test_unusable_arguments_are_explained(change: dict[str, Any], message: str) -> None:
    options = {"formula": "effect ~ x", "scale": "~ z", "data": studies(0), **change}
    with pytest.raises((DataError, ModelError), match=message):
        location_scale(**options)
