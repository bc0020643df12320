"""Smooth selection models, and such with moderators, against metafor; numbers from validation/selection.R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "selection.json").read_text())
CASES = REFERENCE["cases"]


def fit_case(case: dict[str, Any]) -> Any:
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    if not case["moderator"]:
        return ev.pool(data["yi"], data["vi"], method=case["method"], ci="z")
    return ev.regress(f"yi ~ {case['moderator']}", data, variance="vi", method=case["method"], ci="z")


def select(case: dict[str, Any]) -> Any:
    steps = case["steps"] or None
    return ev.selection_model(fit_case(case), steps, case["type"], alternative=case["alternative"])


def test_every_kind_of_model_has_cases() -> None:
    kinds = {(case["type"], bool(case["moderator"]), bool(case["steps"])) for case in CASES}
    for kind in ("halfnorm", "negexp", "logistic", "power"):
        assert {(kind, False, False), (kind, True, False)} <= kinds
    assert {("negexp", True, True), ("step", True, True), ("beta", True, False)} <= kinds
    assert sum("estimate" in case["values"] for case in CASES) > 0.6 * len(CASES)


@pytest.mark.parametrize("data", sorted(REFERENCE["data"]))
def test_agrees_with_metafor(data: str) -> None:
    same = total = 0
    for case in (one for one in CASES if one["data"] == data):
        label, values = str({key: value for key, value in case.items() if key != "values"}), case["values"]
        result = select(case)
        total += 1
        assert result.unadjusted_log_likelihood == pytest.approx(values["unadjusted_log_likelihood"]), label
        gain = result.log_likelihood - values["log_likelihood"]
        assert gain > -1e-5, label
        if gain > 1e-5 or "estimate" not in values:
            continue
        same += 1
        size = float(np.abs(fit_case(case).effect).max())
        # Where the reference is this much lower than the maximum, it is so many standard errors away from it.
        off = 2.0 * np.sqrt(2.0 * max(gain, 0.0))
        ours = np.ravel(result.coefficients["se"].to_numpy() if case["moderator"] else result.se)
        difference = np.abs(np.ravel(result.estimate) - np.ravel(values["estimate"]))
        assert (difference <= 1e-4 * size + off * ours).all(), label
        assert result.tau2 == pytest.approx(
            values["tau2"], rel=1e-3, abs=1e-5 * size**2 + off * np.nan_to_num(result.tau2_se)
        ), label
        np.testing.assert_allclose(
            result.delta, np.ravel(values["delta"]), rtol=1e-3, atol=1e-3, err_msg=label
        )
        assert result.lrt == pytest.approx(values["lrt"], rel=1e-3, abs=2e-5), label
        assert result.lrt_df == values["lrt_df"], label
        on_bound = case["type"] in ("halfnorm", "negexp", "logistic", "power") and result.delta[0] == 0.0
        # At the bound of delta the reference has it among the free parameters, we do not. The power function has
        # corners, over which R integrates too roughly for second derivatives; test_fit.py has those by quadrature.
        if (
            "se" in values
            and not on_bound
            and case["type"] != "power"
            and (result.tau2 > 0.0 or case["method"] == "EE")
        ):
            se = result.coefficients["se"].to_numpy() if case["moderator"] else result.se
            np.testing.assert_allclose(se, np.ravel(values["se"]), rtol=1e-3, err_msg=label)
    assert same > 0.6 * total


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
