"""Selection models against metafor, brute force and closed forms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from evidence.diagnostics.selection.fit import selection_model
from evidence.diagnostics.selection.weights import (
    SMOOTH,
    beta_weights,
    interval_of,
    log_likelihood,
    p_values,
    smooth_weights,
    step_weights,
)
from evidence.errors import DataError, ModelError
from evidence.models.pool import pool

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "small_study.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "selection_model"]
EFFECT = np.array([0.9, 0.5, 0.1, 0.7, 0.3, -0.1, 0.45, 0.6])
SE = np.array([0.4, 0.2, 0.1, 0.3, 0.15, 0.1, 0.2, 0.25])


def test_likelihood_is_at_least_as_high_as_metafors() -> None:
    same = 0
    for case in CASES:
        data, options, values = REFERENCE["data"][case["data"]], case["options"], case["values"]
        fit = pool(data["effect"], data["variance"], method=case["method"], ci="z")
        arguments = fit, options["steps"] if options["type"] == "step" else None, options["type"]
        sign = -1 if options["alternative"] == "less" else 1
        p = p_values(
            sign * fit.effect / np.sqrt(fit.variance), two_sided=options["alternative"] == "two-sided"
        )
        if options["type"] == "step" and p.min() > min(options["steps"]):
            # The likelihood rises with all other chances of being seen; the reference stops at a bound.
            with pytest.raises(ModelError, match="holds no study"):
                selection_model(*arguments, alternative=options["alternative"])
            continue
        result = selection_model(*arguments, alternative=options["alternative"])
        label = f"{case['data']} {case['method']} {options}"
        gain = result.log_likelihood - values["log_likelihood"]
        assert gain > -1e-5, label
        assert result.unadjusted_log_likelihood == pytest.approx(values["unadjusted_log_likelihood"]), label
        assert result.lrt_df == values["lrt_df"], label
        if gain > 1e-6 or not values.get("polished"):
            continue
        same += 1
        size = float(np.sqrt(np.median(data["variance"]) + fit.tau2))
        assert result.estimate == pytest.approx(values["estimate"], rel=1e-4, abs=1e-5 * size), label
        assert result.tau2 == pytest.approx(values["tau2"], rel=1e-4, abs=1e-5 * size**2), label
        assert result.lrt == pytest.approx(values["lrt"], rel=1e-4, abs=1e-5), label
        np.testing.assert_allclose(result.delta, values["delta"], rtol=1e-4, err_msg=label)
        if "se" in values and result.tau2 > 0.0:
            assert result.se == pytest.approx(values["se"], rel=1e-4), label
    assert same > 0.6 * len(CASES)


@pytest.mark.parametrize("two_sided", [False, True])
@pytest.mark.parametrize("threshold", [0.0, 0.05])
@pytest.mark.parametrize("kind", ["step", "beta", *SMOOTH])
def test_likelihood_and_gradient_by_quadrature(kind: str, threshold: float, two_sided: bool) -> None:
    p = p_values(EFFECT / SE, two_sided=two_sided)
    steps = np.array([0.05, 0.4, 1.0])
    if kind == "step":
        weights, eta = step_weights(p, steps, two_sided=two_sided), np.array([-0.4, 0.7])
    elif kind == "beta":
        weights, eta = beta_weights(p, two_sided=two_sided), np.array([-0.4, 0.7])
    else:
        weights, eta = smooth_weights(p, kind, threshold, two_sided=two_sided), np.array([1.7])
    beta, tau2 = np.array([0.25, 0.1]), 0.03
    design = np.column_stack([np.ones(EFFECT.size), np.linspace(-1.0, 1.0, EFFECT.size)])

    def smooth(value: float) -> float:
        if kind == "power":
            value = min(max(value, 1e-5), 1 - 1e-5)
        forms = {
            "halfnorm": np.exp(-eta[0] * value**2),
            "negexp": np.exp(-eta[0] * value),
            "logistic": 2.0 / (1.0 + np.exp(eta[0] * value)),
            "power": (1.0 - value) ** eta[0],
        }
        return float(forms[kind])

    def weight(z: float) -> Any:
        value = p_values(np.array([z]), two_sided=two_sided)
        if kind == "step":
            return float(np.exp(np.append(0.0, eta)[interval_of(value, steps)][0]))
        if kind == "beta":
            value = np.clip(value, 1e-5, 1 - 1e-5)
            return float((value ** eta[0] * (1 - value) ** eta[1])[0])
        return 1.0 if value[0] <= threshold else smooth(value[0]) / smooth(threshold)

    expected = 0.0
    cuts = -ndtri(np.append(steps[:-1], [1e-5, 1 - 1e-5]) * (0.5 if two_sided else 1.0))
    breaks = sorted({0.0, *cuts, *-cuts})
    for y, se, mean in zip(EFFECT, SE, design @ beta, strict=True):
        spread = se * se + tau2

        def density(x: float, spread: float = spread, mean: float = mean) -> float:
            return float(np.exp(-0.5 * (x - mean) ** 2 / spread) / np.sqrt(2 * np.pi * spread))

        seen = quad(lambda z, s=se: weight(z) * density(z * s) * s, -40, 40, points=breaks, limit=500)[0]
        expected += np.log(weight(y / se)) + np.log(density(y)) - np.log(seen)
    value, gradient = log_likelihood(weights, EFFECT, SE, design, beta, tau2, eta)
    assert value == pytest.approx(expected, rel=1e-5)
    at = np.array([*beta, tau2, *eta])
    for i in range(at.size):
        shift = np.zeros(at.size)
        shift[i] = 1e-6
        up, down = (
            log_likelihood(weights, EFFECT, SE, design, t[:2], t[2], t[3:])[0]
            for t in (at + shift, at - shift)
        )
        assert gradient[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


def test_atoms_of_the_line_have_probability_one() -> None:
    for two_sided in (False, True):
        p = p_values(EFFECT / SE, two_sided=two_sided)
        for weights in (
            step_weights(p, np.array([0.025, 0.5, 1.0]), two_sided=two_sided),
            beta_weights(p, two_sided=two_sided),
            *(
                smooth_weights(p, kind, threshold, two_sided=two_sided)
                for kind in SMOOTH
                for threshold in (0.0, 0.025, 0.6)
            ),
        ):
            total = weights.probabilities(0.3, 0.5, SE)[0].sum(axis=1)
            np.testing.assert_allclose(total, 1.0, rtol=1e-12)


def test_one_step_agrees_with_the_share_of_studies_expected_in_each_interval() -> None:
    fit = pool(EFFECT, SE**2, method="EE", ci="z")
    result = selection_model(fit, [0.025], alternative="greater")
    chance = ndtr((result.estimate - 1.959963984540054 * SE) / SE)
    delta = result.delta[1]
    # The score for delta is zero where as many studies are expected in the second interval as are seen there.
    assert (delta * (1 - chance) / (chance + delta * (1 - chance))).sum() == pytest.approx(result.counts[1])


def test_less_mirrors_greater() -> None:
    for kind in ("step", "beta", *SMOOTH):
        one = selection_model(pool(EFFECT, SE**2), type=kind)
        other = selection_model(pool(-EFFECT, SE**2), type=kind)
        assert (one.alternative, other.alternative) == ("greater", "less")
        assert one.estimate == pytest.approx(-other.estimate)
        assert one.se == pytest.approx(other.se)
        assert one.ci_low == pytest.approx(-other.ci_high)


def test_unit_of_the_effects_does_not_matter() -> None:
    one = selection_model(pool(EFFECT, SE**2))
    other = selection_model(pool(50 * EFFECT, 2500 * SE**2))
    assert 50 * one.estimate == pytest.approx(other.estimate, rel=1e-5)
    assert 2500 * one.tau2 == pytest.approx(other.tau2, rel=1e-4, abs=1e-4)
    assert one.lrt == pytest.approx(other.lrt, rel=1e-6, abs=1e-8)


def test_wrong_arguments_and_empty_intervals_are_refused() -> None:
    fit = pool(EFFECT, SE**2)
    with pytest.raises(DataError, match="unknown type"):
        selection_model(fit, type="probit")
    with pytest.raises(DataError, match="did you mean 'step'"):
        selection_model(fit, type="stepfun")
    with pytest.raises(DataError, match="takes a result of class Pooled or Regression; got dict"):
        selection_model({})  # type: ignore[call-overload]
    with pytest.raises(DataError, match="has no steps"):
        selection_model(fit, [0.025], "beta")
    with pytest.raises(DataError, match="takes one step"):
        selection_model(fit, [0.025, 0.5], "negexp")
    with pytest.raises(DataError, match="unknown alternative"):
        selection_model(fit, alternative="two.sided")
    for steps in ([], [0.0], [0.5, 1.5]):
        with pytest.raises(DataError, match="between 0 and 1"):
            selection_model(fit, steps)
    with pytest.raises(ModelError, match=r"holds no study \(0 up to 1e-09"):
        selection_model(fit, [1e-9])
    with pytest.raises(ModelError, match="2 studies are too few"):
        selection_model(pool(EFFECT[:2], SE[:2] ** 2))


def test_results_show_themselves() -> None:
    for kind, rows in (("step", 2), ("beta", 2), ("negexp", 1)):
        result = selection_model(pool(EFFECT, SE**2), type=kind)
        assert len(result.to_frame()) == rows
        assert "fewer than 10" in result.note
        assert result.summary() == repr(result)
        assert result._repr_html_().startswith("<pre>")
