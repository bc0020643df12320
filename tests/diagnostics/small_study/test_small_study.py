"""Small-study effects against metafor and least squares, and what must hold for any studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.diagnostics.coordinates import doi_plot
from evidence.diagnostics.small_study.begg import begg, kendall
from evidence.diagnostics.small_study.counts import debray, harbord, peters
from evidence.diagnostics.small_study.egger import egger
from evidence.diagnostics.small_study.excess_significance import excess_significance
from evidence.diagnostics.small_study.failsafe import failsafe_n
from evidence.diagnostics.small_study.limit_meta import limit_meta
from evidence.diagnostics.small_study.pet_peese import pet_peese
from evidence.diagnostics.small_study.trim_and_fill import trim_and_fill
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError, ModelError
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "small_study.json").read_text())
CASES = [case | {"options": dict(case["options"])} for case in REFERENCE["cases"]]
REGRESSION = ("slope", "slope_se", "p_value", "limit")


def cases_of(function: str) -> list[dict[str, Any]]:
    return [case for case in CASES if case["function"] == function]


def fit_of(case: dict[str, Any]) -> Pooled:
    data = REFERENCE["data"][case["data"]]
    return pool(data["effect"], data["variance"], method=case["method"], ci=case["ci"])


def agrees(result: Any, case: dict[str, Any], rtol: float = 1e-6, skip: tuple[str, ...] = ()) -> None:
    """Compare every reference value with the attribute of the same name."""
    for name, expected in case["values"].items():
        if name in skip:
            continue
        reference = np.array(expected, dtype=float)
        np.testing.assert_allclose(
            np.asarray(getattr(result, name), dtype=float),
            reference,
            rtol=rtol,
            atol=1e-8 * max(1e-3, float(np.max(abs(reference)))),
            err_msg=f"{case['function']} {case['data']} {case['method']} {case['options']} {name}",
        )


def test_egger_agrees_with_metafor() -> None:
    for case in cases_of("egger"):
        sizes = REFERENCE["data"][case["data"]]["n"]
        n = None if case["options"]["predictor"] in ("sei", "vi") else sizes
        agrees(egger(fit_of(case), **case["options"], n=n), case)


def test_begg_agrees_with_metafor() -> None:
    for case in cases_of("begg"):
        agrees(begg(fit_of(case)), case)


def test_trim_and_fill_agrees_with_metafor() -> None:
    for case in cases_of("trim_and_fill"):
        side, values = case["options"]["side"], case["values"]
        result = trim_and_fill(fit_of(case), None if side == "auto" else side, case["options"]["estimator"])
        agrees(
            result, case, skip=("right", "estimate", "se", "ci_low", "ci_high", "tau2", "q", "last_effect")
        )
        assert (result.side == "right") == bool(values["right"])
        filled = {name: values[name] for name in ("estimate", "se", "ci_low", "ci_high", "tau2", "q")}
        agrees(result.filled, case | {"values": filled})
        assert result.filled.effect[-1] == pytest.approx(values["last_effect"], rel=1e-6)


def test_failsafe_n_agrees_with_metafor() -> None:
    for case in cases_of("failsafe_n"):
        agrees(failsafe_n(fit_of(case), **case["options"]), case)


def test_excess_significance_agrees_with_metafor() -> None:
    for case in cases_of("excess_significance"):
        agrees(excess_significance(fit_of(case), **case["options"]), case, 1e-6)


def test_pet_peese_agrees_with_least_squares() -> None:
    for case in cases_of("pet_peese"):
        result = pet_peese(fit_of(case), **case["options"])
        for name, one in (("pet", result.pet), ("peese", result.peese)):
            np.testing.assert_allclose(list(vars(one).values()), case["values"][name], rtol=1e-6, atol=1e-12)
        assert (result.chosen == "PEESE") == bool(case["values"]["is_peese"])
        assert result.estimate == (result.peese if result.chosen == "PEESE" else result.pet).estimate


def test_limit_meta_agrees_with_radial_regressions() -> None:
    for case in cases_of("limit_meta"):
        agrees(limit_meta(fit_of(case), **case["options"]), case)


def test_lfk_index_agrees_with_its_definition() -> None:
    for case in cases_of("doi_plot"):
        agrees(doi_plot(fit_of(case)), case)


@pytest.mark.parametrize("function", ["harbord", "peters"])
def test_tests_from_counts_agree_with_least_squares(function: str) -> None:
    for case in cases_of(function):
        cells = REFERENCE["tables"][case["data"]]
        agrees({"harbord": harbord, "peters": peters}[function](**cells), case)


def test_debray_agrees_with_least_squares() -> None:
    for case in cases_of("debray"):
        cells = {
            name: np.array(values, dtype=float) for name, values in REFERENCE["tables"][case["data"]].items()
        }
        keep = (cells["a"] + cells["c"] > 0) & (cells["b"] + cells["d"] > 0)
        a, b, c, d = (cells[name][keep] for name in "abcd")
        sizes = effect_size("OR", a=a, b=b, c=c, d=d, add=0.5, to="only0")
        agrees(debray(pool(sizes["effect"], sizes["variance"]), a, c, **case["options"]), case)


STUDIES = st.integers(3, 12).flatmap(
    lambda k: st.tuples(
        st.lists(st.floats(-3, 3), min_size=k, max_size=k, unique_by=lambda x: round(x, 4)),
        st.lists(st.floats(0.01, 2), min_size=k, max_size=k, unique_by=lambda x: round(x, 4)),
    )
)


@given(STUDIES, st.sampled_from(["EE", "DL", "REML", "PM"]))
@settings(max_examples=40, deadline=None)
def test_signs_turn_with_the_effects(studies: tuple[list[float], list[float]], method: str) -> None:
    effect, variance = (np.array(values) for values in studies)
    plus, minus = (pool(sign * effect, variance, method=method, ci="z") for sign in (1, -1))
    one, other = egger(plus), egger(minus)
    for name in ("slope", "statistic", "limit"):
        np.testing.assert_allclose(getattr(one, name), -getattr(other, name), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(begg(plus).tau, -begg(minus).tau, atol=1e-12)
    pets = [pet_peese(fit, form="FE").pet.estimate for fit in (plus, minus)]
    np.testing.assert_allclose(pets[0], -pets[1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(limit_meta(plus).estimate, -limit_meta(minus).estimate, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(
        excess_significance(plus).p_value, excess_significance(minus).p_value, rtol=1e-6
    )
    left, right = trim_and_fill(plus, "left"), trim_and_fill(minus, "right")
    assert left.missing == right.missing
    np.testing.assert_allclose(left.filled.estimate, -right.filled.estimate, rtol=1e-6, atol=1e-8)


@given(STUDIES, st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_units_do_not_matter(studies: tuple[list[float], list[float]], unit: float) -> None:
    effect, variance = (np.array(values) for values in studies)
    one, other = pool(effect, variance, ci="z"), pool(unit * effect, unit**2 * variance, ci="z")
    np.testing.assert_allclose(egger(one).statistic, egger(other).statistic, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(limit_meta(one).g2, limit_meta(other).g2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(doi_plot(one).lfk, doi_plot(other).lfk, rtol=1e-6, atol=1e-9)
    assert failsafe_n(one, "Fisher").n == failsafe_n(other, "Fisher").n


@pytest.mark.parametrize(
    ("tau2", "z", "limit"), [(0.0, 3.2093807394, -0.3603410713), (0.1, 1.7938760286, -0.2974735746)]
)
def test_a_tau2_that_was_given_stays(tau2: float, z: float, limit: float) -> None:
    effect, variance = [0.3, -0.1, 0.55, 0.2, 0.9, 0.05], [0.02, 0.01, 0.09, 0.03, 0.16, 0.015]
    fit = pool(effect, variance, tau2=tau2, ci="z")
    found = egger(fit)  # the numbers are those of regtest of metafor
    assert (found.statistic, found.limit) == pytest.approx((z, limit), abs=1e-9)
    filled = trim_and_fill(fit, "left").filled
    assert (filled.tau2, filled.tau2_given) == (tau2, True)


def test_trim_and_fill_restores_a_symmetrical_funnel() -> None:
    effect = np.array([0.0, -0.1, 0.1, -0.2, 0.2, -0.5, 0.5, -0.9, 0.9])
    variance = np.array([0.01, 0.02, 0.02, 0.05, 0.05, 0.2, 0.2, 0.5, 0.5])
    whole = pool(effect, variance, method="EE", ci="z")
    assert trim_and_fill(whole, "left").missing == 0
    kept = effect >= -0.3
    result = trim_and_fill(pool(effect[kept], variance[kept], method="EE", ci="z"), "left")
    assert result.missing == 2
    assert result.filled.estimate == pytest.approx(0, abs=0.02)
    assert result.is_filled.tolist() == [False] * 7 + [True] * 2
    assert result.to_frame()["label"].tolist()[-2:] == ["Filled 1", "Filled 2"]


def test_general_failsafe_n_is_the_smallest_that_suffices() -> None:
    data = REFERENCE["data"]["bcg"]
    fit = pool(data["effect"], data["variance"], method="DL", ci="z")
    number = int(failsafe_n(fit, "General").n)
    new = 1 / np.mean(1 / fit.variance) + fit.tau2
    weight = 1 / (fit.variance + fit.tau2)
    for count, significant in ((number - 1, True), (number, False)):
        total = weight.sum() + count / new
        assert (abs(weight @ fit.effect) / np.sqrt(total) > 1.959963984540054) == significant
    target = failsafe_n(fit, "General", target=0.1)
    assert weight @ fit.effect / (weight.sum() + target.n / new) == pytest.approx(-0.1, rel=0.05)


def test_excess_limit_is_where_the_test_turns() -> None:
    data = REFERENCE["data"]["dorn2007"]
    fit = pool(data["effect"], data["variance"], method="EE", ci="z")
    result = excess_significance(fit)
    assert excess_significance(fit, effect=result.limit).p_value == pytest.approx(0.1, rel=1e-9)


@pytest.mark.parametrize("k", [2, 3, 6])
def test_exact_rank_distribution_by_enumeration(k: int) -> None:
    from itertools import permutations

    scores = [
        abs(sum(np.sign(order[j] - order[i]) for i in range(k) for j in range(i + 1, k)))
        for order in permutations(range(k))
    ]
    y = np.arange(float(k))
    for x in ([*range(k)], [1, 0, *range(2, k)]):
        result = kendall(np.array(x, dtype=float), y)
        observed = abs(round(result.tau * k * (k - 1) / 2))
        assert result.p_value == pytest.approx(min(1.0, np.mean([score >= observed for score in scores])))


def test_few_studies_are_tested_with_a_note() -> None:
    fit = pool([0.1, 0.5, 0.9, 0.2], [0.1, 0.2, 0.5, 0.05])
    for result in (egger(fit), begg(fit), pet_peese(fit), limit_meta(fit), trim_and_fill(fit)):
        assert "With 4 studies (fewer than 10)" in result.note
        assert result.note in result.summary()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: egger(f, "se"), DataError, "unknown predictor"),
        (lambda f: egger(f, model="ols"), DataError, "unknown model"),
        (lambda f: egger(f, "ninv"), DataError, "needs sample sizes"),
        (lambda f: egger(f, "ni", n=[10, 20, -3, 5]), DataError, "c: the sample size -3 is not"),
        (lambda f: egger(f, "ni", n=[10, 10, 10, 10]), ModelError, "predictor ni is the same in all"),
        (lambda f: trim_and_fill(f, "up"), DataError, "unknown side"),
        (lambda f: trim_and_fill(f, estimator="L1"), DataError, "unknown estimator"),
        (lambda f: failsafe_n(f, "Cohen"), DataError, "unknown type"),
        (lambda f: failsafe_n(f, target=0.1), DataError, "belongs to 'Orwin' or 'General'"),
        (lambda f: excess_significance(f, test="z"), DataError, "unknown test"),
        (lambda f: pet_peese(f, form="RE"), DataError, "unknown form"),
        (lambda f: limit_meta(f, adjustment="beta"), DataError, "unknown adjustment"),
        (lambda f: debray(f, [1, 2, 3], [1, 2, 3]), DataError, "each of the 4 studies"),
        (lambda f: debray(f, [1, 2, 3, -4], [1, 2, 3, 4]), DataError, "d: events1 is -4"),
    ],
)
def test_wrong_arguments_are_refused(call: Any, error: type[Exception], message: str) -> None:
    fit = pool([0.1, 0.5, 0.9, 0.2], [0.1, 0.2, 0.5, 0.05], labels=["a", "b", "c", "d"])
    with pytest.raises(error, match=message):
        call(fit)


def test_degenerate_studies_are_refused() -> None:
    equal = pool([0.1, 0.5, 0.9], [0.1] * 3)
    with pytest.raises(ModelError, match="same in all studies"):
        egger(equal)
    with pytest.raises(ModelError, match="equal"):
        begg(equal)
    with pytest.raises(ModelError, match="no limbs"):
        doi_plot(pool([0.5] * 3, [0.1, 0.2, 0.3]))
    with pytest.raises(ModelError, match="at least 3 studies; there are 2: a, b"):
        egger(pool([0.1, 0.2], [0.1, 0.3], labels=["a", "b"]))
    with pytest.raises(ModelError, match="lie exactly on a line"):
        egger(pool([0.5] * 4, [0.1, 0.2, 0.3, 0.4], ci="HKSJ"))


def test_studies_without_contrast_are_named() -> None:
    table = [3, 0, 5, 9, 2], [30, 20, 25, 50, 9], [6, 0, 4, 12, 1], [28, 22, 26, 60, 12]
    for test in (harbord, peters):
        result = test(*table, labels=["v", "w", "x", "y", "z"])
        assert result.k == 4
        assert "Left out, without contrast between the groups: w." in result.note


@pytest.mark.parametrize(
    "function",
    [egger, begg, trim_and_fill, pet_peese, limit_meta, doi_plot, failsafe_n, excess_significance],
)
def test_results_show_themselves(function: Any) -> None:
    result = function(pool([0.1, 0.4, -0.2, 0.9], [0.2, 0.1, 0.3, 0.5], labels=["a", "b", "<c>", "d"]))
    assert len(result.to_frame())
    assert result.summary() == repr(result)
    assert "<c>" not in result._repr_html_()
