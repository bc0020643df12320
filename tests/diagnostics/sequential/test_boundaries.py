from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from evidence.diagnostics.sequential.boundaries import (
    drift,
    efficacy_boundary,
    futility_boundary,
    obrien_fleming_spending,
    planned_boundaries,
)
from evidence.errors import DataError

REFERENCE = json.loads((Path(__file__).parents[3] / "validation/sequential.json").read_text(encoding="utf-8"))


def values(case):
    """Compute what a case of the reference holds."""
    efficacy = efficacy_boundary(case["fraction"], case["alpha"])
    # Each function on its own: the futility boundary with the reference's efficacy boundary.
    futility = futility_boundary(case["fraction"], case["efficacy"], case["drift"], 1.0 - case["power"])
    spent = obrien_fleming_spending(case["fraction"], case["alpha"] / 2.0)
    return {"efficacy": efficacy, "futility": futility, "spent": spent}


@pytest.mark.parametrize(
    "case", REFERENCE["cases"], ids=lambda case: f"{case['data']}-{case['alpha']}-{case['power']}"
)
def test_boundaries_are_those_of_multivariate_normal_probabilities(case):
    found = values(case)
    # The reference's probabilities have absolute errors, which small tails magnify.
    np.testing.assert_allclose(found["efficacy"], case["efficacy"], rtol=1e-6)
    np.testing.assert_allclose(found["futility"], case["futility"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(found["spent"], case["spent"], rtol=1e-6, atol=1e-15)
    assert case["drift"] == pytest.approx(drift(case["alpha"], case["power"]), rel=1e-12)


def test_errors_are_kept_in_simulation():
    random = np.random.default_rng(20)
    t = np.array([0.15, 0.3, 0.55, 0.6, 1.0])
    upper, lower = planned_boundaries(t, 0.05, 0.9)
    steps = random.standard_normal((400_000, t.size)) * np.sqrt(np.diff(t, prepend=0.0))
    z = steps.cumsum(axis=1) / np.sqrt(t)
    first_error = (abs(z) >= upper).any(axis=1).mean()
    assert first_error == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / len(z)))
    # Under the planned effect the futility boundary is crossed first with the type II error, up to the last look, at
    # which the two boundaries meet.
    z += drift(0.05, 0.9) * np.sqrt(t)
    early = slice(0, -1)
    stopped = np.where((z >= upper).any(axis=1), (z >= upper).argmax(axis=1), t.size)
    failed = np.where((z < lower)[:, early].any(axis=1), (z < lower).argmax(axis=1), t.size)
    spent = float(obrien_fleming_spending(t, 0.1)[-2])
    assert (failed < stopped).mean() == pytest.approx(spent, abs=4 * np.sqrt(spent / len(z)))


def test_one_look_is_a_plain_test():
    assert efficacy_boundary([1.0], 0.05)[0] == pytest.approx(-ndtri(0.025), rel=1e-12)
    assert efficacy_boundary([1.7], 0.05)[0] == pytest.approx(-ndtri(0.025), rel=1e-12)


def test_early_looks_without_error_to_spend_change_nothing():
    np.testing.assert_allclose(
        efficacy_boundary([0.001, 0.004, 0.01, 0.5, 1.0], 0.05)[3:],
        efficacy_boundary([0.5, 1.0], 0.05),
        rtol=1e-10,
    )
    assert np.isinf(efficacy_boundary([0.001, 0.01], 0.05)).all()


def test_after_full_information_a_single_look_counts():
    upper, lower = planned_boundaries(np.array([0.5, 1.1, 1.4]), 0.05, 0.8)
    assert upper[2] == lower[2] == pytest.approx(1.959964, abs=1e-6)
    assert lower[1] == upper[1]


@given(st.lists(st.floats(0.01, 0.3), min_size=1, max_size=8), st.floats(0.001, 0.2), st.floats(0.55, 0.98))
def test_boundaries_lie_as_they_should(steps, alpha, power):
    t = np.cumsum(steps)
    upper, lower = planned_boundaries(t, alpha, power)
    assert (upper >= -ndtri(alpha / 2) - 1e-9).all()
    assert (lower <= upper).all()
    assert np.isfinite(upper[t >= 1]).all()


@pytest.mark.parametrize(
    "fraction", [[], [0.0, 1.0], [0.5, 0.4], [0.5, 0.5], [np.nan], [[0.5]], [0.5, 1.0, 1.2]]
)
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(DataError, match="information"):
        efficacy_boundary(fraction, 0.05)
