from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError, ModelError
from evidence.models.pool import pool
from evidence.models.subgroups import subgroups

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "pool.json").read_text())


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
