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
from evidence.models.likelihood_ratio import compare_fits
from evidence.models.linear_contrasts import linear_contrasts
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.regression.fit import regress
from evidence.models.regression.robust import robust

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "robust.json").read_text())


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


def grouped(seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "effect": generator.normal(0.0, 1.0, 14),
            "variance": generator.uniform(0.05, 0.5, 14),
            "x": generator.normal(0.0, 1.0, 14),
            "study": np.resize(list("abcdef"), 14),
        }
    )


def test_order_of_effects_and_names_of_clusters_do_not_matter() -> None:
    data = grouped(1)
    other = data.sample(frac=1.0, random_state=2)
    first = robust(regress("effect ~ x", data), data["study"])
    second = robust(regress("effect ~ x", other), other["study"].str.upper())
    np.testing.assert_allclose(second.coefficients, first.coefficients, rtol=1e-9)


def test_rescaling_the_effects() -> None:
    data = grouped(3)
    large = data.assign(effect=1e4 * data["effect"], variance=1e8 * data["variance"])
    first = robust(regress("effect ~ x", data), data["study"])
    second = robust(regress("effect ~ x", large), data["study"])
    np.testing.assert_allclose(second.coefficients["df"], first.coefficients["df"], rtol=1e-8)
    np.testing.assert_allclose(second.coefficients["se"], 1e4 * first.coefficients["se"], rtol=1e-8)


def test_clusters_of_rows_left_out_may_be_given() -> None:
    data = grouped(4)
    data.loc[2, "x"] = np.nan
    fit = regress("effect ~ x", data)
    whole, kept = robust(fit, data["study"]), robust(fit, data["study"].drop(index=2))
    pd.testing.assert_frame_equal(whole.to_frame(), kept.to_frame())


def test_few_degrees_of_freedom_are_pointed_out() -> None:
    data = grouped(5)
    found = robust(pool(data["effect"], data["variance"]), np.repeat(["a", "b", "c"], [5, 5, 4]))
    assert "Fewer than 4 degrees of freedom" in found.summary()


def test_unusable_clusters_are_explained() -> None:
    data = grouped(6)
    fit = pool(data["effect"], data["variance"])
    with pytest.raises(DataError, match="correction"):
        robust(fit, data["study"], correction="CR3")
    with pytest.raises(DataError, match="13 values for 14"):
        robust(fit, data["study"].iloc[1:])
    with pytest.raises(ModelError, match="one cluster"):
        robust(fit, ["a"] * 14)
    with pytest.raises(DataError, match="int"):
        robust(3, data["study"])  # type: ignore[arg-type]
    nested = multilevel(
        "x", "variance", levels=["g"], data=data.assign(x=np.arange(14.0), g=np.arange(14) // 5)
    )
    with pytest.raises(ModelError, match="different clusters"):
        robust(nested, range(14))
    lone = data.assign(first=(np.arange(14) == 0).astype(float))
    with pytest.raises(ModelError, match="'first'"):
        robust(regress("effect ~ first + I(1 - first) - 1", lone), np.arange(14))


@pytest.mark.parametrize(
    "case",
    [case for case in REFERENCE["cases"] if "wald" in case],
    ids=lambda c: f"{c['data']}-{c['model']}-{c['formula']}-{c['correction']}",
)
def test_joint_test_agrees_with_clubsandwich(case: dict[str, Any]) -> None:
    levels = case.get("levels") or ()
    levels = (levels,) if isinstance(levels, str) else tuple(levels)
    fit = fit_case(case["data"], case["formula"], case["model"], levels, case["covariance"], case["method"])
    found = robust(fit, REFERENCE["data"][case["data"]][case["cluster"]], correction=case["correction"])
    together = linear_contrasts(found)
    rel = 1e-4 if case["model"] == "multilevel" else 1e-6
    assert together.statistic == pytest.approx(case["wald"]["statistic"], rel=rel)
    assert together.statistic_df == case["wald"]["df"]
    assert together.df_error == pytest.approx(case["wald"]["df_error"], rel=rel)
    assert together.p_value == pytest.approx(case["wald"]["p_value"], rel=rel)
    # Each contrast by itself is the test of its coefficient.
    own = linear_contrasts(found, adjust="none").table
    rows = found.coefficients.loc[own.index]
    for name in ("estimate", "se", "ci_low", "ci_high", "df", "p_value"):
        np.testing.assert_allclose(own[name], rows[name], rtol=1e-8, err_msg=name)


def test_robust_fits_are_compared_by_the_moderators_that_one_has_more() -> None:
    data = grouped(3)
    larger = robust(regress("effect ~ x + I(x**2)", data), data["study"])
    smaller = robust(regress("effect ~ 1", data), data["study"])
    found = compare_fits(larger, smaller)
    together = linear_contrasts(larger)
    assert found.statistic == pytest.approx(together.statistic)
    assert found.df_error == pytest.approx(together.df_error)
    assert found.p_value == pytest.approx(together.p_value)
    assert found.df == 2
    assert "robust Wald, CR2" in found.summary()
    # One more coefficient: the test of that coefficient, however the others are coded.
    middle = robust(regress("effect ~ I(2 * x + 1)", data), data["study"])
    one = compare_fits(middle, larger)
    assert one.p_value == pytest.approx(larger.coefficients["p_value"].iloc[2])
    assert one.df_error == pytest.approx(larger.coefficients["df"].iloc[2])


def test_robust_fits_that_cannot_be_compared_are_refused() -> None:
    data = grouped(3)
    larger, plain = regress("effect ~ x", data), regress("effect ~ 1", data)
    found = robust(larger, data["study"])
    with pytest.raises(DataError, match="give both fits to robust"):
        compare_fits(found, plain)
    with pytest.raises(DataError, match="differ in their clusters"):
        compare_fits(found, robust(plain, data["study"], correction="CR1"))
    with pytest.raises(DataError, match="need no likelihood"):
        compare_fits(found, robust(plain, data["study"]), refit=True)
    with pytest.raises(DataError, match="nothing to test"):
        compare_fits(found, found)
    with pytest.raises(DataError, match="choose 'holm'"):
        linear_contrasts(found, adjust="single-step")
    with pytest.raises(DataError, match="one pooled mean"):
        linear_contrasts(robust(pool(data["effect"], data["variance"]), data["study"]))


def test_holm_is_what_robust_contrasts_are_adjusted_by() -> None:
    data = grouped(4)
    found = linear_contrasts(robust(regress("effect ~ x + I(x**2)", data), data["study"]))
    assert found.adjust == "holm"
    p = found.table["p_value"].to_numpy()
    small, large = np.sort(p)
    expected = np.where(p == small, min(1.0, 2.0 * small), max(min(1.0, 2.0 * small), large))
    np.testing.assert_allclose(found.table["p_adjusted"], expected)
    assert np.isnan(found.df)
    assert found.table["df"].gt(0.0).all()
    assert f"and {found.df_error:.3g}" in found.summary()
