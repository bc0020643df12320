"""Diagnostics against metafor, and what must hold for any studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.diagnostics.blup import blup
from evidence.diagnostics.coordinates import baujat, radial
from evidence.diagnostics.gosh import gosh
from evidence.diagnostics.influence import influence
from evidence.diagnostics.profile import profile_tau2
from evidence.diagnostics.subsets import cumulative, leave_one_out
from evidence.errors import DataError, ModelError
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "diagnostics.json").read_text())
CASES = [case | {"options": dict(case["options"])} for case in REFERENCE["cases"]]


def fit_of(case: dict[str, Any]) -> Pooled:
    data = REFERENCE["data"][case["data"]]
    count = case["options"].get("studies", len(data["effect"]))
    effect, variance = np.array(data["effect"][:count]), np.array(data["variance"][:count])
    weights = 1 / np.sqrt(variance) if case["method"] == "GENQ" else None
    return pool(effect, variance, method=case["method"], ci=case["ci"], weights=weights)


def compute(case: dict[str, Any], fit: Pooled) -> Any:
    function = case["function"]
    if function == "leave_one_out":
        return leave_one_out(fit).deleted
    if function == "cumulative":
        return cumulative(fit, fit.variance).fits
    if function == "radial":
        return radial(fit, **case["options"])
    if function == "profile_tau2":
        return profile_tau2(fit, case["options"]["grid"])
    if function == "gosh":
        return gosh(fit.effect, fit.variance, method=fit.method)
    functions: dict[str, Any] = {"influence": influence, "baujat": baujat, "blup": blup}
    return functions[function](fit)


@pytest.mark.parametrize("function", sorted({case["function"] for case in CASES}))
def test_agrees_with_metafor(function: str) -> None:
    for case in CASES:
        if case["function"] != function:
            continue
        result = compute(case, fit_of(case))
        for name, expected in case["values"].items():
            found = np.asarray(getattr(result, name), dtype=float)
            if function == "cumulative":
                found = found[1:]
            reference = np.array(expected, dtype=float)
            size = max(1e-3, float(np.nanmax(abs(reference))))
            np.testing.assert_allclose(
                found,
                reference,
                rtol=1e-6,
                atol=1e-8 * size,
                err_msg=f"{case['data']} {case['method']} {name}",
            )


STUDIES = st.integers(2, 9).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k),
        st.lists(st.floats(0.01, 2), min_size=k, max_size=k),
    )
)
METHODS = st.sampled_from(["EE", "DL", "REML", "PM"])


@given(STUDIES, METHODS, st.sampled_from(["z", "HKSJ", "HKSJ-adhoc"]))
@settings(max_examples=60, deadline=None)
def test_signs_turn_with_the_effects(studies: tuple[list[float], list[float]], method: str, ci: str) -> None:
    effect, variance = (np.array(values) for values in studies)
    plus, minus = (pool(sign * effect, variance, method=method, ci=ci) for sign in (1, -1))
    ours, mirrored = influence(plus), influence(minus)
    for name in ("standardised", "dffits", "dfbetas"):
        np.testing.assert_allclose(getattr(ours, name), -getattr(mirrored, name), atol=1e-7, rtol=1e-7)
    np.testing.assert_allclose(ours.cook, mirrored.cook, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.hat.sum(), 1)
    np.testing.assert_allclose(baujat(plus).influence, baujat(minus).influence, rtol=1e-6, atol=1e-9)


@given(STUDIES, METHODS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_studies_does_not_matter(
    studies: tuple[list[float], list[float]], method: str, random: Any
) -> None:
    effect, variance = (np.array(values) for values in studies)
    order = list(range(effect.size))
    random.shuffle(order)
    one = influence(pool(effect, variance, method=method, ci="z"))
    other = influence(pool(effect[order], variance[order], method=method, ci="z"))
    np.testing.assert_allclose(one.studentised[order], other.studentised, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(one.tau2_deleted[order], other.tau2_deleted, rtol=1e-6, atol=1e-9)


@given(STUDIES, METHODS)
@settings(max_examples=40, deadline=None)
def test_cumulation_ends_at_the_fit_and_blups_lie_between(
    studies: tuple[list[float], list[float]], method: str
) -> None:
    fit = pool(*studies, method=method)
    steps = cumulative(fit, fit.effect).fits
    np.testing.assert_allclose(steps.estimate[-1], fit.estimate, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(steps.tau2[-1], fit.tau2, rtol=1e-6, atol=1e-9)
    predicted = blup(fit).prediction
    low, high = np.minimum(fit.effect, fit.estimate), np.maximum(fit.effect, fit.estimate)
    assert (predicted >= low - 1e-9).all()
    assert (predicted <= high + 1e-9).all()


def test_baujat_contributions_add_up_to_q() -> None:
    fit = pool([0.1, 0.9, -0.3, 0.4], [0.1, 0.2, 0.05, 0.3], method="EE", ci="z")
    assert baujat(fit).heterogeneity.sum() == pytest.approx(fit.q)


def test_gosh_samples_subsets_reproducibly() -> None:
    rng = np.random.default_rng(3)
    effect, variance = rng.normal(size=30), rng.uniform(0.1, 1, 30)
    labels = [f"trial {i}" for i in range(30)]
    one, two = (gosh(effect, variance, method="DL", subsets=500, seed=4, labels=labels) for _ in range(2))
    assert not one.every
    np.testing.assert_array_equal(one.estimate, two.estimate)
    present = np.column_stack([one.includes(label) for label in labels])
    np.testing.assert_array_equal(present.sum(axis=1), one.k)
    row = present[17]
    assert pool(effect[row], variance[row], method="DL").estimate == pytest.approx(one.estimate[17])
    with pytest.raises(DataError, match="no study is called 'trial 30'"):
        one.includes("trial 30")


def test_gosh_of_few_studies_is_complete() -> None:
    result = gosh([0.1, 0.5, 0.9], [0.1, 0.1, 0.2])
    assert result.every
    assert len(result) == 7
    assert sorted(result.k) == [1, 1, 1, 2, 2, 2, 3]


def test_profile_marks_the_maximum() -> None:
    fit = pool([0.1, 0.9, -0.3, 0.4, 1.4], [0.1, 0.2, 0.05, 0.3, 0.1])
    profile = profile_tau2(fit)
    assert profile.best_tau2 == fit.tau2
    assert profile.log_likelihood.max() <= profile.best_log_likelihood + 1e-12
    inside = profile.log_likelihood >= profile.cut
    assert ((profile.tau2 >= profile.low) & (profile.tau2 <= profile.high))[inside].all()


def test_dfbetas_beyond_one_alone_flag_a_study() -> None:
    # Values of influence() of metafor 3.8.1, which flags the second study and no other.
    result = influence(pool([0.0, -1.1, -0.1, -0.2, 0.8], [0.03, 0.16, 0.05, 0.18, 0.26], ci="z"))
    np.testing.assert_allclose(
        result.dfbetas, [0.14475799, -1.16387319, 0.03191055, -0.04822009, 0.57742465], rtol=1e-4
    )
    assert abs(result.dffits).max() < 3 * np.sqrt(1 / 4)
    assert result.cook.max() < 0.4549  # median of chi-squared with 1 df
    assert result.hat.max() < 3 / 5
    assert result.influential.tolist() == [False, True, False, False, False]


def test_one_influential_study_is_flagged_and_named() -> None:
    effect = [0.1, 0.12, 0.09, 0.11, 0.1, 0.13, 0.08, 0.9]
    result = influence(pool(effect, [0.02] * 8, method="EE", ci="z", labels=list("abcdefgh")))
    assert result.influential.tolist() == [False] * 7 + [True]
    assert result.note == "Influential: h."


def test_leave_one_out_names_studies_that_turn_the_result() -> None:
    fit = pool([0.5, 0.1, 0.0], [0.01, 0.04, 0.04], ci="z", method="EE", labels=["big", "b", "c"])
    assert leave_one_out(fit).note == "The interval includes zero without: big."


def test_undefined_values_are_missing_and_explained() -> None:
    result = influence(pool([0.2, 0.2, 0.2, 0.9], [0.1] * 4))
    assert np.isnan(result.studentised[3])
    assert "HKSJ leaves no error" in result.note


@pytest.mark.parametrize("function", [leave_one_out, influence, baujat, profile_tau2])
def test_one_study_is_refused_by_name(function: Any) -> None:
    with pytest.raises(ModelError, match="at least 2 studies; there are 1: Smith 2001"):
        function(pool([0.1], [0.2], labels=["Smith 2001"]))


def test_wrong_arguments_are_refused() -> None:
    fit = pool([0.1, 0.4], [0.2, 0.1], labels=["a", "b"])
    with pytest.raises(DataError, match="order has 3 values for 2 studies"):
        cumulative(fit, [1, 2, 3])
    with pytest.raises(DataError, match="b: the value to order by is missing"):
        cumulative(fit, [2001, None])
    with pytest.raises(DataError, match="cannot be compared"):
        cumulative(fit, [2001, "early"])
    with pytest.raises(DataError, match="none negative"):
        profile_tau2(fit, [-1.0, 0.5])
    with pytest.raises(ModelError, match="no tau2 to profile"):
        profile_tau2(pool([0.1, 0.4], [0.2, 0.1], method="EE"))
    with pytest.raises(ModelError, match="GENQ"):
        blup(pool([0.1, 0.4], [0.2, 0.1], method="GENQ", weights=[1, 2]))
    with pytest.raises(DataError, match="subsets must be at least 1"):
        gosh([0.1], [0.2], subsets=0)


@pytest.mark.parametrize(
    "function", [leave_one_out, influence, baujat, blup, radial, cumulative, profile_tau2]
)
def test_results_show_themselves(function: Any) -> None:
    fit = pool([0.1, 0.4, -0.2], [0.2, 0.1, 0.3], labels=["a", "b", "<c>"])
    result = function(fit)
    assert len(result.to_frame()) >= 3
    assert result.summary() == repr(result)
    assert "<c>" not in result._repr_html_()
