from __future__ import annotations

import ast
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.effects.sizes.effect_size import RECIPES
from evidence.errors import choose, closest
from evidence.measures import (
    ESTIMATORS,
    INTERVALS,
    MEASURES,
    PREDICTIONS,
    choose_interval,
    choose_measure,
    choose_method,
    choose_prediction,
    find_measure,
    measure_of,
)

ROOT = Path(__file__).parents[1]
REFERENCE = json.loads((ROOT / "validation" / "measures.json").read_text())
EFFECT, VARIANCE = [0.1, 0.3, 0.5, 0.2], [0.05, 0.04, 0.06, 0.03]


SHOWN = ("PLO", "ZCOR", "RR", "PAS", "PFT", "IRS", "IRFT")


def natural_values(code: str) -> tuple[np.ndarray, np.ndarray]:
    """Our values and those of metafor, where a study could have them."""
    shown = np.asarray(MEASURES[code].natural(REFERENCE["value"], REFERENCE["size"]))
    if code in ("PAS", "PFT"):  # below 0 metafor gives shares that no effect has; ours stay within the range
        assert shown[0] == shown[1] == 0.0
    kept = np.array(REFERENCE["value"]) >= (0.0 if code in ("PAS", "PFT", "IRS", "IRFT") else -np.inf)
    return shown[kept], np.array(REFERENCE[code], dtype=float)[kept]


@pytest.mark.parametrize("code", SHOWN)
def test_natural_scale_is_that_of_metafor(code: str) -> None:
    np.testing.assert_allclose(*natural_values(code), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("code", "scale"), [("PFT", 20.0), ("IRFT", 20.0)])
def test_double_transforms_of_one_study_lead_back_to_its_numbers(code: str, scale: float) -> None:
    shown = MEASURES[code].natural(REFERENCE[f"{code}_of_events"], scale)
    np.testing.assert_allclose(shown, np.array(REFERENCE["events"]) / 20, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("code", sorted(set(MEASURES) - {"PFT", "IRFT"}))
def test_there_and_back(code: str) -> None:
    one = MEASURES[code]
    for value in (0.05, 0.4, 0.9):
        assert one.natural(one.analysed(value)) == pytest.approx(value, rel=1e-14)
    assert math.isnan(one.natural(math.nan))


def test_double_transforms_of_many_people_are_the_simple_ones() -> None:
    assert MEASURES["PFT"].natural(0.6) == MEASURES["PAS"].natural(0.6)
    assert MEASURES["PFT"].natural(0.6, 1e12) == pytest.approx(MEASURES["PAS"].natural(0.6), rel=1e-9)
    assert MEASURES["IRFT"].natural(0.6) == 0.36


def test_a_ratio_that_is_too_large_is_infinite() -> None:
    assert MEASURES["OR"].natural(709.0) == math.exp(709.0)
    assert MEASURES["OR"].natural([710.0, -800.0]).tolist() == [math.inf, 0.0]


def test_which_are_ratios() -> None:
    assert {code for code, one in MEASURES.items() if one.ratio} == {
        "ROM",
        "VR",
        "CVR",
        "RR",
        "OR",
        "PETO",
        "HR",
        "IRR",
    }
    assert not measure_of("").ratio
    assert measure_of("NNT").name == "NNT"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("OR", "OR"),
        ("or", "OR"),
        ("Odds ratio", "OR"),
        ("odds-ratio", "OR"),
        ("HR", "HR"),
        ("Hazard ratio", "HR"),
        ("IRR", "IRR"),
        ("rate ratio", "IRR"),
        ("relative risk", "RR"),
        ("Standardized mean difference", "SMD"),
        ("Hedges' g", "SMD"),
        ("Fisher's z", "ZCOR"),
        ("Correlation", "COR"),
        ("Proportion", "PR"),
    ],
)
def test_a_measure_is_found_by_any_of_its_names(name: str, code: str) -> None:
    found = find_measure(name)
    assert found is not None
    assert found.code == code


def test_what_names_no_measure() -> None:
    assert find_measure("log odds ratio") is None  # a person who writes this wants logarithms
    assert find_measure("Pain, 0 to 100") is None


def test_every_measure_that_can_be_computed_is_described() -> None:
    assert set(RECIPES) <= set(MEASURES)
    assert choose_measure("Odds ratio", RECIPES) == "OR"
    with pytest.raises(ev.DataError, match=r"unknown measure 'Hazard ratio'; choose one of OR, RR\."):
        choose_measure("Hazard ratio", ("OR", "RR"))
    pd = ev.effect_size("Risk ratio", a=1, b=2, c=3, d=4)
    assert pd.equals(ev.effect_size("RR", a=1, b=2, c=3, d=4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "FE"}, r"unknown method 'FE' \(did you mean 'EE'\?\); choose one of EE, DL"),
        ({"method": "ce"}, r"did you mean 'EE'"),
        ({"method": "Paule-Mandel"}, r"did you mean 'PM'"),
        ({"method": "REMLL"}, r"did you mean 'REML'"),
        ({"ci": "knha"}, r"unknown ci 'knha' \(did you mean 'HKSJ'\?\)"),
        ({"ci": "adhoc"}, r"did you mean 'HKSJ-adhoc'"),
        ({"prediction": "normal"}, r"did you mean 'z'"),
        ({"method": 7}, r"unknown method 7; choose one of"),
    ],
)
def test_what_others_call_a_method_is_answered(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ev.DataError, match=message):
        ev.pool(EFFECT, VARIANCE, **options)


def test_a_method_is_known_in_any_case() -> None:
    fit = ev.pool(EFFECT, VARIANCE, method="reml", ci="hksj-ADHOC", prediction="hts")
    assert (fit.method, fit.ci, fit.prediction) == ("REML", "HKSJ-adhoc", "HTS")
    many = ev.pool_many([EFFECT], [VARIANCE], method="dl2", ci="Z")
    assert (many.method, many.ci) == ("DL2", "z")
    for name, chosen in (
        (ESTIMATORS, choose_method),
        (INTERVALS, choose_interval),
        (PREDICTIONS, choose_prediction),
    ):
        assert [chosen(code.swapcase()) for code in name] == list(name)


def test_choosing() -> None:
    assert closest("mehtod", ["method", "ci"]) == "method"
    assert closest("xyz", ["method"]) == ""
    with pytest.raises(ev.DataError, match=r"unknown side 'up'; choose one of left, right\."):
        choose("side", "up", ("left", "right"), {"top": "upper"})


def test_no_other_module_lists_the_ratios() -> None:
    """A list of codes of measures that are ratios, and of no others, is a decision which are."""
    ratios = {code for code, one in MEASURES.items() if one.ratio}
    for path in (ROOT / "src" / "evidence").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set) and len(node.elts) > 1:
                named = {one.value for one in node.elts if isinstance(one, ast.Constant)}
                assert len(named) < len(node.elts) or not named <= ratios, f"{path}, line {node.lineno}"
