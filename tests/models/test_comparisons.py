"""Likelihood-ratio tests and linear contrasts against metafor and mvtnorm; numbers from validation/comparisons.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, studentized_range

from evidence.errors import DataError
from evidence.models.counts.peto import peto
from evidence.models.likelihood_ratio import FitComparison, compare_fits
from evidence.models.linear_contrasts import LargestStatistic, LinearContrasts, linear_contrasts
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.regression.fit import regress

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "comparisons.json").read_text())
TESTS, CONTRASTS = REFERENCE["tests"], REFERENCE["contrasts"]
CRITERIA = ["parameters", "log_likelihood", "aic", "bic", "aicc", "qe"]


def frame(name: str) -> pd.DataFrame:
    return pd.DataFrame(REFERENCE["data"][name])


def fit_model(data: str, model: dict[str, Any]) -> Any:
    table = frame(data)
    if "levels" in model:
        options = {name: model[name] for name in ("outcome", "structure") if name in model}
        return multilevel(
            model["formula"],
            "vi",
            levels=model["levels"],
            data=table,
            method=model.get("method", "REML"),
            test=model.get("test", "z"),
            **options,
        )
    if model["formula"] == "yi ~ 1":
        return pool(table["yi"], table["vi"], method=model["method"], ci="z")
    ci, method = model.get("test", "z"), model.get("method", "REML")
    return regress(model["formula"], table, variance="vi", method=method, ci=ci)


@cache
def compared(number: int) -> FitComparison:
    case = TESTS[number]
    models = (fit_model(case["data"], case[which]) for which in ("smaller", "larger"))
    return compare_fits(*models, refit=case["refit"])


def compare_values(number: int) -> dict[str, tuple[Any, Any]]:
    """Ours and metafor's, by name."""
    found, values = compared(number), TESTS[number]["values"]
    pairs = {name: (getattr(found, name), values[name]) for name in ("statistic", "df", "p_value")}
    rows = {row: (found.models.loc[row, CRITERIA].to_numpy(), values[row]) for row in ("larger", "smaller")}
    return pairs | rows


@cache
def contrasted(number: int, adjust: str = "single-step") -> LinearContrasts:
    case = CONTRASTS[number]
    fit = fit_model(case["data"], case)
    rows = dict(zip(case["names"], case["weights"], strict=True))
    return linear_contrasts(fit, rows, adjust=adjust)


def contrast_values(number: int) -> dict[str, tuple[Any, Any]]:
    """Ours and the reference's, by name."""
    case, found = CONTRASTS[number], contrasted(number)
    values = dict(case["values"])
    pairs: dict[str, tuple[Any, Any]] = {"critical": (found.critical, values.pop("critical"))}
    for name, adjust in (("holm", "holm"), ("bonferroni", "bonferroni"), ("single_step", "single-step")):
        ours = contrasted(number, adjust).table["p_adjusted"].to_numpy()
        pairs[name] = ours, values.pop(name)
    pairs |= {name: (found.table[name].to_numpy(), expected) for name, expected in values.items()}
    if case.get("together"):
        pairs["together"] = (found.statistic, found.p_value), case["together"]
    return pairs


@pytest.mark.parametrize("number", range(len(TESTS)))
def test_likelihood_ratio_agrees_with_metafor(number: int) -> None:
    for name, (ours, theirs) in compare_values(number).items():
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("number", range(len(CONTRASTS)))
def test_contrasts_agree_with_metafor_and_mvtnorm(number: int) -> None:
    for name, (ours, theirs) in contrast_values(number).items():
        # by a mean over directions, and the reference by a random lattice
        rtol, atol = (2e-4, 1e-4) if name in ("single_step", "critical") else (1e-5, 1e-9)
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    ("groups", "df", "tolerance"), [(2, 5, 1e-8), (3, 10, 1e-8), (4, 7, 1e-4), (5, 20, 1e-3)]
)
def test_largest_difference_has_the_studentised_range(groups: int, df: int, tolerance: float) -> None:
    pairs = np.array([(a, b) for b in range(groups) for a in range(b)])
    rows = (np.eye(groups)[pairs[:, 1]] - np.eye(groups)[pairs[:, 0]]) / np.sqrt(2.0)
    largest = LargestStatistic(rows @ rows.T, df)
    assert largest.rank == groups - 1
    for bound in (1.0, 2.5, 5.0):
        expected = studentized_range.sf(bound * np.sqrt(2.0), groups, df)
        assert largest.exceeds(bound) == pytest.approx(expected, rel=tolerance)
    expected = studentized_range.ppf(0.95, groups, df) / np.sqrt(2.0)
    assert largest.bound(0.95) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_independent_statistics_multiply(size: int) -> None:
    largest = LargestStatistic(np.eye(size), np.inf)
    for bound in (0.5, 2.0, 4.0):
        expected = -np.expm1(size * np.log1p(-2.0 * norm.sf(bound)))
        assert largest.exceeds(bound) == pytest.approx(expected, rel=2e-3)
    assert largest.exceeds(0.0) == 1.0


def test_pairwise_differences_of_a_factor_do_not_depend_on_its_coding() -> None:
    table = frame("bcg")
    baseline = linear_contrasts(regress("yi ~ alloc + ablat", table, variance="vi"), "alloc")
    means = linear_contrasts(regress("yi ~ alloc + ablat - 1", table, variance="vi"), "alloc")
    assert list(baseline.table.index) == [
        "random - alternate",
        "systematic - alternate",
        "systematic - random",
    ]
    pd.testing.assert_frame_equal(baseline.table, means.table, rtol=1e-6)
    expected = contrasted(1 if CONTRASTS[0]["test"] == "HKSJ" else 2)
    np.testing.assert_allclose(baseline.table, expected.table, rtol=1e-8)
    # three differences of which two say all
    assert baseline.statistic_df == 2
    assert baseline.p_value == pytest.approx(
        regress("yi ~ alloc + ablat", table, variance="vi").test(["alloc[T.random]", "alloc[T.systematic]"])[
            "p_value"
        ]
    )


def test_ways_to_give_contrasts_agree() -> None:
    fit = regress("yi ~ alloc + ablat", frame("bcg"), variance="vi")
    row = [0.0, 1.0, -1.0, 0.0]
    table = linear_contrasts(fit, {"d": {"alloc[T.random]": 1, "alloc[T.systematic]": -1}}).table
    for given in (
        {"d": row},
        pd.DataFrame([row], index=["d"], columns=fit.names),
        pd.DataFrame([[-1.0, 1.0]], index=["d"], columns=["alloc[T.systematic]", "alloc[T.random]"]),
    ):
        pd.testing.assert_frame_equal(linear_contrasts(fit, given).table, table)
    named = linear_contrasts(fit, row)
    assert list(named.table.index) == ["alloc[T.random] - alloc[T.systematic]"]
    assert named.table["p_adjusted"].item() == pytest.approx(named.table["p_value"].item())
    default = linear_contrasts(fit)
    assert list(default.table.index) == [name for name in fit.names if name != "Intercept"]
    assert "simultaneous" in default.summary()
    plain = linear_contrasts(fit, adjust="none").table
    pd.testing.assert_frame_equal(
        plain[["ci_low", "ci_high"]], fit.coefficients.iloc[1:][["ci_low", "ci_high"]], check_names=False
    )
    assert (
        (default.table["p_adjusted"] >= plain["p_value"]) & (default.table["ci_low"] < plain["ci_low"])
    ).all()
    shifted = linear_contrasts(fit, row, null=-0.3).table
    assert shifted["statistic"].item() == pytest.approx(
        (shifted["estimate"].item() + 0.3) / shifted["se"].item()
    )
    assert "Bonferroni" in linear_contrasts(fit, adjust="Holm").note


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"d": {"allocation": 1}}, "no coefficient 'allocation'"),
        ([1.0, 2.0], "one weight for each of 4"),
        ({"d": [0.0, 0.0, 0.0, 0.0]}, "'d': weights must be finite"),
        ({"d": [0.0, np.nan, 0.0, 1.0]}, "'d': weights must be finite"),
        ({"d": ["a", 0, 0, 0]}, "must be numbers"),
        ({}, "no contrast"),
        ([[0, 1, 0, 0], [0, 1, 0, 0]], "two contrasts are called"),
        ("ablat", "no factor 'ablat'; it has alloc"),
    ],
)
def test_contrasts_that_cannot_be(given: Any, message: str) -> None:
    fit = regress("yi ~ alloc + ablat", frame("bcg"), variance="vi")
    with pytest.raises(DataError, match=message):
        linear_contrasts(fit, given)


def test_differences_of_an_interacting_factor_are_refused() -> None:
    fit = regress("yi ~ alloc * ablat", frame("bcg"), variance="vi")
    with pytest.raises(DataError, match="interacts with another moderator"):
        linear_contrasts(fit, "alloc")
    with pytest.raises(
        DataError, match="takes a result of class Regression, Multilevel or Robust; got Pooled"
    ):
        linear_contrasts(pool([0.1, 0.2], [1.0, 1.0]))  # type: ignore[arg-type]


def test_likelihoods_that_cannot_be_compared() -> None:
    table = frame("bcg")
    plain = {method: pool(table["yi"], table["vi"], method=method, ci="z") for method in ("ML", "REML", "DL")}
    small = regress("yi ~ ablat", table, variance="vi", method="ML")
    large = regress("yi ~ ablat", table, variance="vi", method="REML")
    for one, other, message in (
        (plain["REML"], large, "different fixed effects"),
        (plain["ML"], large, "one model was fitted by ML and the other by REML"),
        (plain["DL"], small, "does not maximise a likelihood"),
        (plain["ML"], plain["ML"], "both models have 2 parameters"),
        (
            regress("yi ~ alloc", table, variance="vi", method="ML"),
            small,
            "are not among those of the larger",
        ),
        (
            plain["ML"],
            regress("yi ~ ablat", table[1:], variance="vi", method="ML"),
            "13 effects and the other 12|12",
        ),
        (small, pool(table["yi"], 2.0 * table["vi"], method="ML"), "sampling variances or covariances of"),
        (small, pool(table["yi"] + 1.0, table["vi"], method="ML"), "has the effect"),
        (small, pool(table["yi"], table["vi"], method="ML", tau2=0.1), "its tau2 was given"),
        (small, peto([1, 2], [9, 8], [3, 4], [7, 6]), "got Peto"),
    ):
        for pair in ((one, other), (other, one)):
            with pytest.raises(DataError, match=message):
                compare_fits(*pair)
    assert compare_fits(plain["DL"], large, refit=True).statistic == pytest.approx(
        compare_fits(plain["ML"], small).statistic
    )


def test_covariances_that_are_not_nested() -> None:
    table = frame("bcg")
    by_allocation = multilevel("yi ~ 1", "vi", levels=["alloc"], data=table, method="ML")
    by_both = multilevel("yi ~ 1", "vi", levels=["alloc", "trial"], data=table, method="ML")
    by_trial = multilevel("yi ~ ablat", "vi", levels=["trial"], data=table, method="ML")
    with pytest.raises(DataError, match="covariance of the smaller model is not a special case"):
        compare_fits(by_allocation, by_trial)
    with pytest.raises(DataError, match="both models have 3 parameters"):
        compare_fits(by_both, by_trial)
    # one level at which each effect is a group of its own is the model of regress
    plain = pool(table["yi"], table["vi"], method="ML", ci="z")
    assert compare_fits(by_both, plain).df == 1


def test_boundary_is_said() -> None:
    found = compared(0)
    assert found.on_boundary
    assert "half of it" in found.note
    assert "conservative" in found.summary()
    outcomes = next(
        i
        for i, case in enumerate(TESTS)
        if case["data"] == "berkey1998" and case["smaller"]["method"] == "ML"
    )
    assert not compared(outcomes).on_boundary
    assert compared(outcomes).to_frame()["df"].iloc[1] == compared(outcomes).df == 1
