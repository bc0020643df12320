"""Smooth selection models, and such with moderators, against metafor; numbers from validation/selection.R."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "selection.json").read_text())
CASES = REFERENCE["cases"]
SAME = 1e-7
"""How far apart the logarithms of two likelihoods at the same maximum may be."""
TOLERANCES = {
    "estimate": (0.0, 1e-4),
    "tau2": (1e-3, 1e-5),
    "delta": (1e-3, 1e-3),
    "lrt": (1e-3, 2e-5),
    "se": (1e-3, 0.0),
}
"""Relative and absolute; absolute ones of the estimate and tau2 in units of the largest effect."""


def fit_case(case: dict[str, Any]) -> Any:
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    if not case["moderator"]:
        return ev.pool(data["yi"], data["vi"], method=case["method"], ci="z")
    return ev.regress(f"yi ~ {case['moderator']}", data, variance="vi", method=case["method"], ci="z")


@cache
def select(number: int) -> Any:
    case = CASES[number]
    steps = case["steps"] or None
    return ev.selection_model(fit_case(case), steps, case["type"], alternative=case["alternative"])


def compare_values(number: int) -> dict[str, tuple[Any, Any]]:
    """Ours and metafor's, by name; what follows from the maximum only where both found the same one."""
    case, result = CASES[number], select(number)
    values = case["values"]
    names = ["unadjusted_log_likelihood"]
    if "estimate" in values and abs(result.log_likelihood - values["log_likelihood"]) < SAME:
        names += ["log_likelihood", "estimate", "tau2", "delta", "lrt", "lrt_df"]
        # On the numerical bound of the beta function the reference takes its parameter as given, we as estimated.
        bound = case["type"] == "beta" and min(result.delta) < 1.1e-5
        if "se" in values and not bound and (result.tau2 > 0.0 or case["method"] == "EE"):
            names += ["se"]
    ours: dict[str, Any] = {name: getattr(result, name, None) for name in names}
    if "se" in names and case["moderator"]:
        ours["se"] = result.coefficients["se"].to_numpy()
    return {name: (np.ravel(value), np.ravel(values[name])) for name, value in ours.items()}


def test_every_kind_of_model_has_cases() -> None:
    kinds = {(case["type"], bool(case["moderator"]), bool(case["steps"])) for case in CASES}
    for kind in ("halfnorm", "negexp", "logistic", "power"):
        assert {(kind, False, False), (kind, True, False)} <= kinds
    assert {("negexp", True, True), ("step", True, True), ("beta", True, False)} <= kinds
    assert sum("estimate" in case["values"] for case in CASES) > 0.6 * len(CASES)


@pytest.mark.parametrize("data", sorted(REFERENCE["data"]))
def test_agrees_with_metafor(data: str) -> None:
    numbers = [number for number, case in enumerate(CASES) if case["data"] == data]
    same = 0
    for number in numbers:
        case, found = CASES[number], compare_values(number)
        label = str({key: value for key, value in case.items() if key != "values"})
        assert select(number).log_likelihood > case["values"]["log_likelihood"] - SAME, label
        same += "estimate" in found
        size = float(np.abs(fit_case(case).effect).max())
        for name, (ours, theirs) in found.items():
            rtol, atol = TOLERANCES.get(name, (1e-6, 1e-6))
            unit = {"estimate": size, "tau2": size**2}.get(name, 1.0)
            np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol * unit, err_msg=f"{label}: {name}")
    assert same > 0.7 * len(numbers)


def regression(seed: int = 3, k: int = 24) -> ev.Regression:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"se": rng.uniform(0.1, 0.4, k), "year": rng.integers(1950, 2000, k).astype(float)})
    data["effect"] = 0.2 + 0.01 * (data["year"] - 1975) + rng.normal(0.0, np.sqrt(0.02 + data["se"] ** 2))
    return ev.regress("effect ~ year", data, ci="z")


@pytest.mark.parametrize("kind", ["step", "beta", "negexp", "logistic"])
def test_the_origin_of_a_moderator_does_not_matter(kind: str) -> None:
    fit = regression()
    moved = ev.regress(
        "effect ~ year",
        pd.DataFrame(
            {"effect": fit.effect, "variance": fit.variance, "year": 100.0 * (fit.matrix[:, 1] - 1975.0)}
        ),
        ci="z",
    )
    one, other = (ev.selection_model(model, type=kind, alternative="greater") for model in (fit, moved))
    year, moved_year = (model.coefficients.loc["year"].astype(float) for model in (one, other))
    for name in ("estimate", "se"):
        assert year[name] == pytest.approx(100.0 * moved_year[name], rel=1e-4)
    assert one.lrt == pytest.approx(other.lrt, abs=1e-6)
    assert one.qm == pytest.approx(other.qm, rel=1e-4)


def test_a_regression_without_moderators_is_the_model_of_the_mean() -> None:
    fit = regression()
    data = pd.DataFrame({"effect": fit.effect, "variance": fit.variance})
    plain = ev.selection_model(ev.pool(fit.effect, fit.variance, ci="z"), type="power")
    alone = ev.selection_model(ev.regress("effect ~ 1", data, ci="z"), type="power")
    assert alone.estimate[0] == pytest.approx(plain.estimate)
    assert alone.coefficients.loc["Intercept", "se"] == pytest.approx(plain.se)
    assert alone.qm == pytest.approx((plain.estimate / plain.se) ** 2)
    assert alone.lrt == pytest.approx(plain.lrt)


def test_without_selection_delta_is_zero_and_the_note_says_so() -> None:
    data = REFERENCE["data"]["bcg"]
    fit = ev.pool(data["yi"], data["vi"], method="ML", ci="z")
    result = ev.selection_model(fit, type="logistic", alternative="two-sided")
    assert result.delta[0] == 0.0
    assert np.isnan(result.delta_se[0])
    assert result.lrt == pytest.approx(0.0, abs=1e-8)
    assert result.estimate == pytest.approx(result.unadjusted, abs=1e-6)
    assert "without selection" in result.note


def test_selection_of_a_regression_shows_itself() -> None:
    result = ev.selection_model(regression(), [0.05], "negexp")
    text = result.summary()
    assert "negative exponential function beyond P = 0.05" in text
    assert "effect ~ year" in text
    assert "QM =" in text
    assert list(result.to_frame().index) == ["Intercept", "year"]
    assert result.qm_df == 1
    assert result.steps == (0.05, 1.0)
