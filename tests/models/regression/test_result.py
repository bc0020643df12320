"""Meta-regression against metafor on public data sets; the numbers come from validation/regression.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evidence.models.regression.fit import regress
from evidence.models.regression.result import Regression

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "regression.json").read_text())
CASES = REFERENCE["cases"]
COLUMNS = {"estimate", "se", "ci_low", "ci_high", "statistic", "p_value"}


@cache
def fit_case(data: str, formula: str, method: str, ci: str) -> Regression:
    frame = pd.DataFrame(REFERENCE["data"][data])
    # metafor predicts by the distribution of the test
    prediction = "z" if ci == "z" else "V"
    return regress(formula, frame, variance="vi", method=method, ci=ci, prediction=prediction)


@cache
def predicted(fit: Regression) -> pd.DataFrame:
    return fit.predict()


@cache
def joint_test_of(fit: Regression) -> pd.Series:
    return fit.test(fit.names[1:3])


def value(fit: Regression, name: str) -> Any:
    if name in COLUMNS:
        return fit.coefficients[name].to_numpy()
    if name.startswith("predict_"):
        if fit.formula.endswith("~ 1"):
            return predicted(fit).iloc[0][name.removeprefix("predict_")]
        return predicted(fit).head(3)[name.removeprefix("predict_")].to_numpy()
    if name.startswith("test_"):
        return joint_test_of(fit)["statistic" if name == "test_statistic" else "p_value"]
    found = getattr(fit, name)
    return found.to_numpy() if isinstance(found, pd.Series) else found


def test_predictions_take_tables_of_others() -> None:
    data = pd.DataFrame({"effect": [0.1, 0.4, 0.3, 0.9], "variance": [0.1, 0.2, 0.1, 0.3], "x": [1, 2, 3, 4]})
    fit = regress("effect ~ x", data)
    new = pd.DataFrame({"x": [0.5, 2.5]})
    pd.testing.assert_frame_equal(fit.predict(pl.from_pandas(new)), fit.predict(new))


def test_without_moderators_the_test_is_that_of_the_mean() -> None:
    data = pd.DataFrame({"effect": [0.1, 0.4, 0.3, 0.9], "variance": [0.1, 0.2, 0.1, 0.3], "x": [1, 2, 3, 4]})
    text = regress("effect ~ 1", data).summary()
    assert "Test of the mean" in text
    assert "moderator" not in text
    assert "nan" not in text
    assert "Test of moderators" in regress("effect ~ x", data).summary()


@pytest.mark.parametrize("data", REFERENCE["data"])
def test_agrees_with_metafor(data: str) -> None:
    for case in (case for case in CASES if case["data"] == data):
        key = (case["data"], case["formula"], case["method"], case["ci"])
        fit = fit_case(*key)
        for name, expected in case["values"].items():
            if expected is None or (isinstance(expected, list) and None in expected):
                continue
            scale = fit.tau2 if name.startswith("tau2") else 0.0
            np.testing.assert_allclose(
                value(fit, name), expected, rtol=1e-6, atol=1e-7 * scale + 1e-10, err_msg=f"{key} {name}"
            )


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_likelihood_at_least_as_high_as_metafor(method: str) -> None:
    cases = [case for case in CASES if case["method"] == method and case["ci"] == "z"]
    assert len(cases) >= 20
    for case in cases:
        ours = fit_case(case["data"], case["formula"], method, "z").log_likelihood
        assert ours >= case["values"]["log_likelihood"] - 1e-10
