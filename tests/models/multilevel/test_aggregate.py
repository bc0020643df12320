"""Aggregation within studies against metafor; the numbers come from validation/multilevel.R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.models.multilevel.aggregate import aggregate

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "multilevel.json").read_text())


@pytest.mark.parametrize(
    "case", REFERENCE["aggregate"], ids=lambda case: f"{case.get('rho')}-{case['weighted']}"
)
def test_agrees_with_metafor(case: dict[str, Any]) -> None:
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    if "rho" in case:
        found = aggregate(data, "study", "yi", "vi", rho=case["rho"], weighted=case["weighted"])
    else:
        covariance = REFERENCE["covariances"][case["data"]]
        found = aggregate(data, "trial", "yi", "vi", covariance=covariance)
    np.testing.assert_allclose(found["yi"], case["values"]["effect"], rtol=1e-10)
    np.testing.assert_allclose(found["vi"], case["values"]["variance"], rtol=1e-10)


def test_keeps_columns_that_are_constant_within_clusters() -> None:
    data = pd.DataFrame(
        {
            "effect": [1.0, 3.0, 2.0],
            "variance": [1.0, 1.0, 4.0],
            "trial": ["b", "b", "a"],
            "year": [1990, 1990, 2000],
            "arm": ["x", "y", "x"],
        }
    )
    found = aggregate(data, "trial", rho=0.5)
    assert list(found.columns) == ["trial", "effect", "variance", "effects", "year"]
    assert found["trial"].tolist() == ["b", "a"]
    np.testing.assert_allclose(found["effect"], [2.0, 2.0])
    np.testing.assert_allclose(found["variance"], [0.75, 4.0])


def test_unusable_tables_are_explained() -> None:
    data = pd.DataFrame({"effect": [1.0, np.nan], "variance": [1.0, 1.0], "trial": ["a", "b"]})
    with pytest.raises(DataError, match="b, row 1: the effect is nan"):
        aggregate(data, "trial")
    with pytest.raises(DataError, match="no column 'study'"):
        aggregate(data, "study")
    full = data.fillna(0.0)
    with pytest.raises(DataError, match="different clusters"):
        aggregate(full, "trial", covariance=[[1.0, 0.2], [0.2, 1.0]])
    with pytest.raises(DataError, match="not between"):
        aggregate(full.assign(variance=[1.0, 0.0]), "trial")
