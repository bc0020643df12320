"""Cluster-robust inference against clubSandwich on public data sets; the numbers come from validation/robust.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError, ModelError
from evidence.models.multilevel import multilevel
from evidence.models.pool import pool
from evidence.models.regress import regress
from evidence.models.robust import robust

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "robust.json").read_text())


@cache
def fit_case(
    data: str, formula: str, model: str, levels: tuple[str, ...], covariance: bool, method: str
) -> Any:
    frame = pd.DataFrame(REFERENCE["data"][data])
    if model == "pool":
        return pool(frame["yi"], frame["vi"], method=method)
    if model == "regress":
        return regress(formula, frame, variance="vi", method=method)
    variance = np.array(REFERENCE["covariances"][data]) if covariance else "vi"
    return multilevel(formula, variance, levels=levels, data=frame)


@pytest.mark.parametrize(
    "case", REFERENCE["cases"], ids=lambda c: f"{c['data']}-{c['model']}-{c['formula']}-{c['correction']}"
)
def test_agrees_with_clubsandwich(case: dict[str, Any]) -> None:
    levels = case.get("levels") or ()
    levels = (levels,) if isinstance(levels, str) else tuple(levels)
    fit = fit_case(case["data"], case["formula"], case["model"], levels, case["covariance"], case["method"])
    found = robust(fit, REFERENCE["data"][case["data"]][case["cluster"]], correction=case["correction"])
    # metafor's own optimum is less exact for models with several variances
    rtol = 1e-4 if case["model"] == "multilevel" else 1e-6
    for name, expected in case["values"].items():
        ours = found.covariance.to_numpy() if name == "covariance" else found.coefficients[name].to_numpy()
        np.testing.assert_allclose(
            ours, np.reshape(expected, ours.shape), rtol=rtol, atol=1e-12, err_msg=name
        )
