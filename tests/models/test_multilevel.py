"""Models of dependent effects against metafor on public data sets; the numbers come from validation/multilevel.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.models.multilevel import multilevel
from evidence.models.multilevel_result import Multilevel

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "multilevel.json").read_text())
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
    fit = fit_case(number)
    for name, expected in CASES[number]["values"].items():
        known = np.array(expected, dtype=float)  # NaN where metafor finds no limit
        found = np.where(np.isnan(known), np.nan, value(fit, name))
        np.testing.assert_allclose(found, known, rtol=1e-4, atol=1e-7, err_msg=name)
