"""Models of proportions, rates and rate ratios by `glmm`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, gammaln, logsumexp

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.counts.events import Events
from evidence.models.counts.glmm import glmm
from evidence.models.counts.glmm_kernel import build_events
from evidence.models.counts.glmm_likelihood import evaluate

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "rates.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "glmm"]
DATA: dict[str, dict[str, Any]] = {
    "PLO": {"events": [0, 3, 5, 20, 1], "n": [30, 40, 22, 200, 35]},
    "IRLN": {"events": [0, 3, 5, 20, 1], "time": [30, 40, 22.5, 200, 35]},
    "IRR": {
        "events1": [0, 3, 5, 20, 1, 0],
        "time1": [30, 40, 22.5, 200, 35, 5],
        "events2": [9, 2, 4, 21, 6, 1],
        "time2": [30, 44, 20, 190, 36, 6],
    },
}
MODELS = [("PLO", None), ("IRLN", None), ("IRR", "UM.FS"), ("IRR", "UM.RS"), ("IRR", "CM.EL")]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c['data']}-{c['options'].get('model', '')}-{c['reference'][:7]}"
)
def test_agrees_with_references(case: dict[str, Any]) -> None:
    """As exact as the optimisers of the references: 1e-5 by integration in R, 5e-5 by lme4."""
    exact = case["reference"].startswith("numerical")
    fit = glmm(**REFERENCE["data"][case["data"]], **case["options"])
    for name, value in case["expected"].items():
        tolerance = (1e-5 if exact else 5e-5) if name != "log_likelihood" else 1e-7
        assert getattr(fit, name) == pytest.approx(value, rel=tolerance, abs=1e-6), name
    if "log_likelihood" in case["expected"]:
        assert fit.log_likelihood >= case["expected"]["log_likelihood"] - 1e-7


def poisson(x: Any, mean: Any) -> Any:
    return x * np.log(mean) - mean - gammaln(x + 1)


def brute_force(data: Events, model: str | None, fixed: Any, spread: Any, z: Any) -> Any:
    """Log-likelihood of each study on a dense grid of standard normal random effects."""
    cells = {name: values[:, None] for name, values in data.cells.items()}
    log_weight = -0.5 * z**2 - 0.5 * np.log(2 * np.pi) + np.log(z[1] - z[0])
    if data.measure == "IRLN":
        mean = cells["time"] * np.exp(fixed[:, :1] + spread[0] * z)
        return logsumexp(poisson(cells["events"], mean) + log_weight, axis=1)
    if data.measure == "PLO" or model == "CM.EL":
        x, n = (cells["events"], cells["n"]) if data.measure == "PLO" else (cells["events1"], None)
        eta = fixed[:, :1] + spread[0] * z
        if n is None:
            n = x + cells["events2"]
            eta = eta + np.log(cells["time1"] / cells["time2"])
        ways = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        joint = ways + x * np.log(expit(eta)) + (n - x) * np.log(expit(-eta))
        return logsumexp(joint + log_weight, axis=1)
    x1, t1, x2, t2 = (cells[name][..., None] for name in ("events1", "time1", "events2", "time2"))
    level, slope = fixed[:, :1, None], fixed[:, 1:2, None]
    half = 0.5 * spread[0] * z[:, None]
    if model == "UM.FS":
        joint = poisson(x1, t1 * np.exp(level + slope + half)) + poisson(x2, t2 * np.exp(level - half))
        return logsumexp(joint + log_weight[:, None], axis=(1, 2))
    shift = spread[1] * z[None, :]
    joint = poisson(x1, t1 * np.exp(level + slope + half + shift))
    joint = joint + poisson(x2, t2 * np.exp(level - half + shift))
    return logsumexp(joint + log_weight[:, None] + log_weight[None, :], axis=(1, 2))


@pytest.mark.parametrize(("measure", "model"), MODELS)
def test_likelihood_and_derivatives_against_brute_force(measure: str, model: str | None) -> None:
    cells = {name: np.array(values, dtype=float) for name, values in DATA[measure].items()}
    data = Events(measure, cells, tuple("abcdef"[: len(next(iter(cells.values())))]))
    kernel = build_events(model or "", data)
    fixed = kernel.start.copy()
    fixed[:, kernel.slope] += 0.3
    spread = np.array([0.7, 0.4])[: kernel.loading.shape[1]]
    points = 41 if spread.size == 1 else 25
    value, gradient, hessian = evaluate(kernel, fixed, spread, points)
    z = np.linspace(-9, 9, 1201 if spread.size == 1 else 241)
    assert value == pytest.approx(brute_force(data, model, fixed, spread, z), rel=1e-8)
    p, step = fixed.shape[1], 1e-4
    for i in range(p + spread.size):
        sides = []
        for move in (step, -step):
            at, width = fixed.copy(), spread.copy()
            if i < p:
                at[:, i] += move
            else:
                width[i - p] += move
            sides.append(evaluate(kernel, at, width, points))
        high, low = sides
        assert gradient[:, i] == pytest.approx((high[0] - low[0]) / (2 * step), rel=1e-5, abs=1e-6)
        assert hessian[:, i] == pytest.approx((high[1] - low[1]) / (2 * step), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(("measure", "model"), MODELS)
def test_order_of_studies_and_unit_of_time_make_no_difference(measure: str, model: str | None) -> None:
    fit = glmm(measure=measure, model=model, **DATA[measure])
    shuffled = glmm(measure=measure, model=model, **{name: x[::-1] for name, x in DATA[measure].items()})
    assert shuffled.estimate == pytest.approx(fit.estimate, rel=1e-6)
    assert shuffled.tau2 == pytest.approx(fit.tau2, rel=1e-5, abs=1e-9)
    assert fit.prediction_low <= fit.ci_low <= fit.estimate <= fit.ci_high <= fit.prediction_high
    days = {
        name: np.multiply(x, 365.25) if name.startswith("time") else x for name, x in DATA[measure].items()
    }
    moved = glmm(measure=measure, model=model, **days)
    shift = np.log(365.25) if measure == "IRLN" else 0.0
    assert moved.estimate == pytest.approx(fit.estimate - shift, rel=1e-6)
    assert moved.se == pytest.approx(fit.se, rel=1e-5)


def test_conditional_and_unconditional_models_agree_without_heterogeneity() -> None:
    same: dict[str, Any] = {
        "events1": [4, 8, 12],
        "time1": [10, 20, 30],
        "events2": [6, 12, 18],
        "time2": [10, 20, 30],
    }
    fits = [glmm(measure="IRR", model=model, **same) for model in ("UM.FS", "CM.EL")]
    assert [fit.tau2 for fit in fits] == [0.0, 0.0]
    for fit in fits:
        assert fit.ratio()[0] == pytest.approx(24 / 36, rel=1e-8)
        assert fit.se == pytest.approx(np.sqrt(1 / 24 + 1 / 36), rel=1e-6)


def test_natural_scale_and_summary() -> None:
    fit = glmm(measure="PLO", **DATA["PLO"], labels=["A", "B", "C", "D", "E"])
    assert fit.on().estimate == pytest.approx(expit(fit.estimate))
    assert "Proportion" in fit.summary()
    assert "z =" not in fit.summary()
    with pytest.raises(DataError, match="PLO is no ratio"):
        fit.ratio()
    frame = fit.to_frame()
    assert frame["label"].tolist() == ["A", "B", "C", "D", "E"]
    assert frame["effect"].iloc[1] == pytest.approx(np.log(3 / 37))
    rate = glmm(measure="IRLN", **DATA["IRLN"])
    assert rate.on().estimate == pytest.approx(np.exp(rate.estimate))
    assert "Poisson-normal" in rate.summary()


def test_studies_without_events_are_left_out_of_a_ratio_and_named() -> None:
    more: dict[str, Any] = {
        name: [*values, extra]
        for (name, values), extra in zip(DATA["IRR"].items(), (0, 9, 0, 8), strict=True)
    }
    for model in ("UM.FS", "CM.EL"):
        fit = glmm(measure="IRR", model=model, **more)
        assert fit.k == 6
        assert "1 of 7 studies without events say nothing about the rate ratio: Study 7" in fit.note
        assert np.isnan(fit.to_frame()["effect"].iloc[-1])
        expected = glmm(measure="IRR", model=model, **DATA["IRR"]).estimate
        assert fit.estimate == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"measure": "PLO", "events": [0, 0], "n": [5, 6]}, ModelError, "nobody has the event"),
        ({"measure": "PLO", "events": [5, 6], "n": [5, 6]}, ModelError, "everybody has the event"),
        ({"measure": "IRLN", "events": [0], "time": [5]}, ModelError, "no study has an event"),
        ({"measure": "PLO", "events": [7], "n": [5]}, DataError, "Study 1: events = 7 exceed n = 5"),
        (
            {"measure": "PLO", "events": [0.5], "n": [5]},
            DataError,
            r"Study 1: events = 0\.5, but it must be a whole",
        ),
        ({"measure": "IRLN", "events": [1], "time": [0]}, DataError, "time = 0, but person-time"),
        ({"measure": "PLO", "events": [1], "time": [5]}, DataError, "missing: n; superfluous: time"),
        ({"measure": "PLO", "a": [1], "b": [1], "c": [1], "d": [1]}, DataError, "superfluous: a, b, c, d"),
        (
            {"measure": "OR", "events": [1], "n": [3]},
            DataError,
            "missing: a, b, c, d; superfluous: events, n",
        ),
        ({"measure": "PLO", "events": [1], "n": [3], "model": "CM.EL"}, DataError, "one model"),
        ({"measure": "IRR", "model": "CM.AL", **DATA["IRR"]}, DataError, "unknown model 'CM.AL' for IRR"),
        ({"measure": "RR"}, DataError, "unknown measure 'RR'"),
        ({"measure": "PLO", "events": [1, 2], "n": [3]}, DataError, "differ in length"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        glmm(**given)


def test_index_of_series_names_the_studies() -> None:
    events = pd.Series([3, 5], index=["Ahn", "Bao"])
    assert glmm(measure="PLO", events=events, n=[30, 40]).labels == ("Ahn", "Bao")


def test_finite_or_explained() -> None:
    rng = np.random.default_rng(5)
    for _ in range(25):
        k, scale = int(rng.integers(1, 7)), float(rng.choice([0.01, 1.0, 1000.0]))
        times = rng.uniform(0.1, 20, (2, k)) * scale
        counts = rng.poisson(rng.choice([0.02, 1.0, 200.0], (2, 1)) * rng.gamma(1.0, 1.0, (2, k)))
        cases: list[dict[str, Any]] = [
            {"measure": "IRLN", "events": counts[0], "time": times[0]},
            {"measure": "PLO", "events": counts[0], "n": counts.sum(axis=0) + 1},
        ]
        for model in ("UM.FS", "CM.EL"):
            rates = {"events1": counts[0], "time1": times[0], "events2": counts[1], "time2": times[1]}
            cases.append({"measure": "IRR", "model": model, **rates})
        for case in cases:
            try:
                fit = glmm(**case)
            except EvidenceError:
                continue
            assert np.isfinite([fit.estimate, fit.se, fit.tau2, fit.log_likelihood]).all()
            assert fit.se > 0.0
