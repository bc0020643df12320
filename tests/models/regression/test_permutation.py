"""Permutation tests against metafor's exact ones, and against themselves where R is not at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError, ModelError
from evidence.models.regression.fit import regress
from evidence.models.regression.permutation import permutation_test

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "regression.json").read_text())


def frame(data: str, rows: list[int] | slice) -> pd.DataFrame:
    return pd.DataFrame(REFERENCE["data"][data]).iloc[rows]


@pytest.mark.parametrize(
    "case", REFERENCE["permutations"], ids=lambda c: f"{c['data']}-{c['formula']}-{c['method']}-{c['ci']}"
)
def test_exact_test_agrees_with_metafor(case: dict[str, Any]) -> None:
    data = frame(case["data"], case["rows"])
    fit = regress(case["formula"], data, variance="vi", method=case["method"], ci=case["ci"])
    found = permutation_test(fit, exact=True)
    assert found.exact
    assert found.count == found.iterations == case["count"]
    np.testing.assert_allclose(found.coefficients["p_value"], case["values"]["p_value"], atol=1e-12)
    assert found.qm_p == pytest.approx(case["values"]["qm_p"], abs=1e-12)


def test_random_rearrangements_approach_the_exact_test() -> None:
    fit = regress("yi ~ ablat", frame("bcg", slice(0, 7)), variance="vi", method="DL", ci="z")
    exact, sampled = permutation_test(fit), permutation_test(fit, exact=False, iterations=4000, seed=3)
    assert exact.exact
    assert not sampled.exact
    assert sampled.count == exact.count == 2520
    gap = np.abs(exact.coefficients["p_value"] - sampled.coefficients["p_value"])
    assert (gap < 4 * sampled.coefficients["p_se"] + 1e-3).all()
    assert "of 2.52e+03 rearrangements" in sampled.summary()


def test_same_seed_same_result() -> None:
    fit = regress("yi ~ 1", frame("bcg", slice(None)), variance="vi", method="DL")
    one, two = (permutation_test(fit, iterations=300, exact=False, seed=8) for _ in range(2))
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())


def test_equal_effects_give_the_smallest_p_value_possible() -> None:
    data = pd.DataFrame({"effect": np.ones(6), "variance": np.arange(1.0, 7.0)})
    found = permutation_test(regress("effect ~ 1", data))
    assert found.coefficients["p_value"].item() == 2 / 64


def test_unusable_options_are_named() -> None:
    fit = regress("yi ~ 1", frame("raudenbush1985", slice(None)), variance="vi")
    with pytest.raises(DataError, match="iterations"):
        permutation_test(fit, iterations=1)
    with pytest.raises(DataError, match="exact"):
        permutation_test(fit, exact="often")  # type: ignore[arg-type]
    long = pd.concat([frame("bcg", slice(None)), frame("bcg", slice(None))])
    with pytest.raises(ModelError, match="too many"):
        permutation_test(regress("yi ~ 1", long, variance="vi"), exact=True)
    with pytest.raises(ModelError, match="as many coefficients"):
        permutation_test(regress("yi ~ 1", frame("bcg", slice(0, 1)), variance="vi"))
