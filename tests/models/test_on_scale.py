"""Pooled results on their natural scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.models.counts.glmm import glmm
from evidence.models.counts.mantel_haenszel import mantel_haenszel
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.regression.fit import regress

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "rates.json").read_text())
CASES = [case for case in REFERENCE["cases"] if case["function"] == "on"]


def compute(case: dict[str, Any]) -> Any:
    data = pd.DataFrame(REFERENCE["data"][case["data"]])
    columns: dict[str, Any] = {str(name): name for name in data}
    es = effect_size(case["options"]["measure"], **columns, data=data)
    return pool(es, method="DL", ci="z", prediction="z").on()


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['data']}-{c['options']['measure']}")
def test_agrees_with_metafor(case: dict[str, Any]) -> None:
    found = compute(case)
    for name, expected in case["expected"].items():
        assert getattr(found, name) == pytest.approx(expected, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize("measure", ["PR", "PLO", "PAS", "PFT"])
def test_each_proportion_comes_back_with_its_own_size(measure: str) -> None:
    data = pd.DataFrame({"who": ["A", "B", "C"], "x": [1, 5, 40], "of": [9, 20, 400]})
    es = effect_size(measure, events="x", n="of", data=data, labels="who")
    found = pool(es, ci="z").on()
    np.testing.assert_allclose(found.effect, data["x"] / data["of"], rtol=1e-9)
    assert found.labels == ("A", "B", "C")
    assert found.scale == "Proportion"
    assert found.to_frame()["weight"].sum() == pytest.approx(100)
    if measure != "PR":
        assert (found.low >= 0).all()
        assert (found.high <= 1).all()
    assert ("harmonic mean" in found.note) == (measure == "PFT")


@pytest.mark.parametrize("measure", ["IR", "IRLN", "IRS", "IRFT"])
def test_each_rate_comes_back(measure: str) -> None:
    data = pd.DataFrame({"x": [1, 5, 40], "t": [9.5, 20, 400]})
    es = effect_size(measure, events="x", time="t", data=data)
    found = pool(es, ci="z").on()
    np.testing.assert_allclose(found.effect, data["x"] / data["t"], rtol=1e-9)


def test_sizes_may_be_given_and_are_paired_by_label() -> None:
    sizes = pd.Series([10, 20, 400], index=["A", "B", "C"])
    es = effect_size("PFT", events=[1, 5, 40], n=sizes.to_numpy())
    fit = pool(es["effect"], es["variance"], labels=["A", "B", "C"])
    with pytest.raises(DataError, match=r"name the measure, such as on\('PLO'\)"):
        fit.on()
    with pytest.raises(DataError, match="PFT is taken back with the sizes of the studies"):
        fit.on("PFT")
    given = fit.on("PFT", n=sizes.iloc[::-1])
    np.testing.assert_allclose(given.effect, [0.1, 0.25, 0.1])
    with pytest.raises(DataError, match="n must be a number above 0"):
        fit.on("PFT", n=[10, 0, 400])
    with pytest.raises(DataError, match="n belongs to the measures PFT and IRFT"):
        fit.on("PLO", n=[10, 20, 400])
    with pytest.raises(DataError, match="unknown scale 'logits'"):
        fit.on("logits")


def test_every_class_of_fit_can_be_taken_to_its_scale() -> None:
    cells: dict[str, Any] = {"a": [4, 6, 0], "b": [119, 300, 30], "c": [11, 29, 0], "d": [128, 274, 31]}
    ratio = mantel_haenszel(**cells, measure="RR")
    assert (ratio.on().estimate, ratio.on().ci_low, ratio.on().ci_high) == pytest.approx(ratio.ratio())
    assert np.isnan(ratio.on().effect[2])
    model = glmm(**cells)
    assert model.on().estimate == pytest.approx(model.ratio()[0])
    assert np.isnan(model.on().weights).all()
    frame = pd.DataFrame(
        {"effect": [0.1, 0.4, 0.3], "variance": [0.02, 0.03, 0.05], "g": ["x", "x", "y"], "d": [1, 2, 4]}
    )
    levels = multilevel("effect", "variance", levels=["g"], data=frame)
    assert levels.on("OR").estimate == pytest.approx(np.exp(levels.coefficients["estimate"].iloc[0]))
    rows = np.linalg.inv(levels.marginal).sum(axis=1)
    np.testing.assert_allclose(levels.on("OR").weights, 100 * rows / rows.sum())
    line = regress("effect ~ d", frame, method="EE", ci="z")
    assert np.isnan(line.on("OR").estimate)
    np.testing.assert_allclose(line.on("OR").effect, np.exp(frame["effect"]))


def test_any_monotone_function_will_do() -> None:
    fit = pool([0.1, 0.4, 0.3], [0.02, 0.03, 0.05])
    found = fit.on(lambda x: -100 * x, name="Reduction in percent")
    assert found.scale == "Reduction in percent"
    assert found.estimate == pytest.approx(-100 * fit.estimate)
    assert (found.ci_low, found.ci_high) == pytest.approx((-100 * fit.ci_high, -100 * fit.ci_low))
    assert found.prediction_low < found.ci_low < found.ci_high < found.prediction_high
    assert (found.low < found.high).all()
    assert "Reduction in percent" in found.summary()
    analysis = fit.on("analysis")
    assert (analysis.estimate, analysis.scale) == (fit.estimate, "Effect")


@pytest.mark.parametrize(("measure", "natural"), [("PLO", "PR"), ("PAS", "PR"), ("PLO", "proportion")])
def test_the_natural_scale_may_be_named(measure: str, natural: str) -> None:
    fit = pool(effect_size(measure, events=[10, 20, 15], n=[40, 50, 30]))
    assert fit.on(natural).estimate == fit.on("natural").estimate
    assert 0.0 < fit.on(natural).estimate < 1.0


@pytest.mark.parametrize("other", ["IR", "OR", "PLN"])
def test_a_scale_that_the_effects_do_not_have_is_refused(other: str) -> None:
    fit = pool(effect_size("PLO", events=[10, 20, 15], n=[40, 50, 30]))
    with pytest.raises(DataError, match="logit of a proportion \\(PLO\\), of which no"):
        fit.on(other)
