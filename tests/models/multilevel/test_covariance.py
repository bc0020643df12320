"""Assumed covariances against metafor; the numbers come from validation/multilevel.R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evidence.errors import DataError
from evidence.models.multilevel.covariance import covariance_matrix

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "multilevel.json").read_text())


@pytest.mark.parametrize("case", REFERENCE["assumed"], ids=lambda case: "-".join(case["options"]))
def test_agrees_with_metafor(case: dict[str, Any]) -> None:
    options = dict(case["options"])
    rows = options.pop("rows", list(range(7)))
    columns = {name: np.array(values)[rows] for name, values in REFERENCE["frame"].items()}
    options = {name: columns[name] if given is True else given for name, given in options.items()}
    found = covariance_matrix(columns["vi"], columns["cluster"], **options)
    np.testing.assert_allclose(found, case["matrix"], rtol=1e-12, atol=1e-15)


def test_effects_of_different_clusters_are_independent() -> None:
    found = covariance_matrix([1.0, 4.0, 9.0], ["a", "b", "a"], 0.5)
    np.testing.assert_allclose(found, [[1.0, 0.0, 1.5], [0.0, 4.0, 0.0], [1.5, 0.0, 9.0]])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1.0, -1.0], ["a", "a"]), {}, "row 1: the variance -1 is not positive"),
        (([1.0, 1.0], ["a", None]), {}, "cluster is missing in row 1"),
        (([1.0, 1.0], ["a"]), {}, "1 values for 2"),
        (([1.0, 1.0], ["a", "a"], 1.5), {}, "rho must lie"),
        (([1.0, 1.0, 1.0], ["a", "a", "a"], -0.9), {}, "cluster a: the correlations"),
        (([1.0, 1.0], ["a", "a"]), {"time": [0.0, 1.0]}, "belong together"),
        (([1.0, 1.0], ["a", "a"]), {"rho_outcome": 0.3}, "needs outcome"),
        (([1.0, 1.0], ["a", "a"]), {"time": [0.0], "phi": 0.5}, "1 values for 2"),
        (([1.0, np.nan], ["a", "a"]), {}, "finite"),
    ],
)
def test_unusable_arguments_are_explained(
    arguments: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        covariance_matrix(*arguments, **options)
