import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, gammaln, logsumexp

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.counts.glmm import glmm
from evidence.models.counts.glmm_kernel import build
from evidence.models.counts.glmm_likelihood import evaluate
from evidence.models.counts.tables import check_tables

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "rare.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "glmm"]
TABLE = (
    np.array([3, 5, 2, 0, 11, 17.0]),
    np.array([97, 45, 60, 50, 30, 200.0]),
    np.array([5, 19, 3, 4, 2, 6.0]),
    np.array([95, 30, 55, 47, 33, 190.0]),
)
MODELS = ("UM.FS", "UM.RS", "CM.EL", "CM.AL")


@pytest.mark.parametrize(
    "case", CASES, ids=lambda c: f"{c['data']}-{c['options']['model']}-{c['reference'][:7]}"
)
def test_agrees_with_references(case):
    """The references are as exact as their optimisers: 1e-5 by integration in R, 3e-5 by lme4."""
    exact = case["reference"].startswith("numerical")
    data = REFERENCE["data"][case["data"]]
    fit = glmm(data["a"], data["b"], data["c"], data["d"], **case["options"])
    for name, value in case["expected"].items():
        tolerance = (1e-5 if exact else 5e-5) if name != "log_likelihood" else 1e-7
        assert getattr(fit, name) == pytest.approx(value, rel=tolerance, abs=1e-6), name
    if "log_likelihood" in case["expected"]:
        assert fit.log_likelihood >= case["expected"]["log_likelihood"] - 1e-7


def brute_force(model, fixed, spread, z):
    """Log-likelihood of each study on a dense grid of standard normal random effects."""
    a, b, c, d = (cell[:, None] for cell in TABLE)
    log_weight = -0.5 * z**2 - 0.5 * np.log(2 * np.pi) + np.log(z[1] - z[0])
    choose = lambda n, x: gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)  # noqa: E731
    binomial = lambda x, y, eta: choose(x + y, x) + x * np.log(expit(eta)) + y * np.log(expit(-eta))  # noqa: E731
    if model == "CM.AL":
        eta = fixed[:, :1] + np.log((a + b) / (c + d)) + spread[0] * z
        return logsumexp(binomial(a, c, eta) + log_weight, axis=1)
    if model == "CM.EL":
        out = []
        for i in range(a.size):
            n1, n2, m = a[i, 0] + b[i, 0], c[i, 0] + d[i, 0], a[i, 0] + c[i, 0]
            x = np.arange(max(0, m - n2), min(n1, m) + 1)[:, None]
            theta = fixed[i, 0] + spread[0] * z
            joint = choose(n1, x) + choose(n2, m - x) + x * theta
            out.append(logsumexp(joint[x[:, 0] == a[i, 0]][0] - logsumexp(joint, axis=0) + log_weight))
        return np.array(out)
    level, slope = fixed[:, :1], fixed[:, 1:2]
    if model == "UM.FS":
        half = 0.5 * spread[0] * z
        return logsumexp(
            binomial(a, b, level + slope + half) + binomial(c, d, level - half) + log_weight, axis=1
        )
    half, shift = 0.5 * spread[0] * z[:, None], spread[1] * z[None, :]
    a, b, c, d, level, slope = (part[..., None] for part in (a, b, c, d, level, slope))
    joint = binomial(a, b, level + slope + half + shift) + binomial(c, d, level - half + shift)
    return logsumexp(joint + log_weight[:, None] + log_weight[None, :], axis=(1, 2))


@pytest.mark.parametrize("model", MODELS)
def test_likelihood_and_derivatives_against_brute_force(model):
    kernel = build(model, check_tables(*TABLE, None))
    fixed = kernel.start.copy()
    fixed[:, kernel.slope] += 0.3
    spread = np.array([0.7, 0.4])[: kernel.loading.shape[1]]
    value, gradient, hessian = evaluate(kernel, fixed, spread, 41 if spread.size == 1 else 25)
    z = np.linspace(-9, 9, 1201 if spread.size == 1 else 241)
    assert value == pytest.approx(brute_force(model, fixed, spread, z), rel=1e-9)
    p = fixed.shape[1]
    step = 1e-4
    for i in range(p + spread.size):
        sides = []
        for move in (step, -step):
            at, width = fixed.copy(), spread.copy()
            if i < p:
                at[:, i] += move
            else:
                width[i - p] += move
            sides.append(evaluate(kernel, at, width, 41 if spread.size == 1 else 25))
        high, low = sides
        assert gradient[:, i] == pytest.approx((high[0] - low[0]) / (2 * step), rel=1e-5, abs=1e-6)
        assert hessian[:, i] == pytest.approx((high[1] - low[1]) / (2 * step), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("model", ["UM.FS", "CM.EL", "CM.AL"])
def test_no_point_of_a_dense_grid_lies_higher(model):
    fit = glmm(*TABLE, model=model)
    z = np.linspace(-9, 9, 301)
    kernel = build(model, check_tables(*TABLE, None))
    best = -np.inf
    for slope in np.linspace(fit.estimate - 0.5, fit.estimate + 0.5, 11):
        for tau in np.linspace(0.0, 2.5, 11):
            if model == "UM.FS":
                levels = np.linspace(-6, 2, 81)
                rows = [
                    brute_force(
                        model, np.stack([np.full(6, level), np.full(6, slope)], 1), np.array([tau]), z
                    )
                    for level in levels
                ]
                value = np.max(rows, axis=0).sum()
            else:
                value = brute_force(model, np.full_like(kernel.start, slope), np.array([tau]), z).sum()
            best = max(best, value)
    assert fit.log_likelihood >= best - 1e-9


@pytest.mark.parametrize("model", MODELS)
def test_relabelling_swapping_and_points(model):
    a, b, c, d = TABLE
    fit = glmm(a, b, c, d, model=model)
    shuffled = glmm(*(cell[::-1] for cell in TABLE), model=model)
    assert shuffled.estimate == pytest.approx(fit.estimate, rel=1e-6)
    assert shuffled.tau2 == pytest.approx(fit.tau2, rel=1e-5)
    if model != "CM.AL":
        swapped = glmm(c, d, a, b, model=model)
        assert swapped.estimate == pytest.approx(-fit.estimate, rel=1e-6)
        assert swapped.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-9)
    assert fit.prediction_low <= fit.ci_low <= fit.estimate <= fit.ci_high <= fit.prediction_high
    assert fit.model in fit.summary()
    assert len(fit.to_frame()) == 6


def test_silent_studies_are_left_out_and_named():
    more = [np.append(cells, extra) for cells, extra in zip(TABLE, (0, 30, 0, 30), strict=True)]
    for model in ("UM.FS", "CM.EL", "CM.AL"):
        fit = glmm(*more, model=model)
        assert fit.k == 6
        assert fit.used[-1] is False
        assert "Study 7" in fit.note
        assert fit.estimate == pytest.approx(glmm(*TABLE, model=model).estimate, rel=1e-9)


def test_boundary_and_single_study_are_reported():
    assert "boundary" in glmm([5, 6], [95, 94], [5, 6], [95, 94]).note
    single = glmm([5], [95], [8], [92], model="CM.EL")
    assert single.tau2 == 0.0
    assert "One study" in single.note


def test_infinite_estimates_are_explained():
    with pytest.raises(ModelError, match="minus infinity"):
        glmm([0, 0], [50, 60], [3, 2], [47, 58])
    with pytest.raises(ModelError, match="no study has both"):
        glmm([0], [50], [0], [60])
    with pytest.raises(DataError, match=r"Study 1: a = 0\.5"):
        glmm([0.5], [50], [1], [60])
    with pytest.raises(DataError, match="unknown model"):
        glmm([5], [50], [1], [60], model="UM")


def test_finite_or_explained():
    rng = np.random.default_rng(11)
    for _ in range(25):
        k, scale = int(rng.integers(1, 7)), rng.choice([2, 20, 1000])
        n1, n2 = rng.integers(1, scale + 1, (2, k))
        p1, p2 = rng.choice([0.0, 0.02, 0.3, 0.97, 1.0], 2)
        a, c = rng.binomial(n1, p1), rng.binomial(n2, p2)
        if rng.random() < 0.2:
            a = np.where(rng.random(k) < 0.5, n1, 0)
        for model in ("UM.FS", "CM.EL", "CM.AL"):
            try:
                fit = glmm(a, n1 - a, c, n2 - c, model=model)
            except EvidenceError:
                continue
            assert np.isfinite([fit.estimate, fit.se, fit.tau2, fit.log_likelihood, fit.p_value]).all()
            assert fit.se > 0.0
