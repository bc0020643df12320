from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.effects.sizes.effect_size import RECIPES, effect_size
from evidence.errors import DataError
from evidence.models.counts.peto import peto
from evidence.models.pool import pool

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "effect_size.json").read_text())
CASES = REFERENCE["cases"]

COUNTS = st.integers(0, 60)
MEANS = st.floats(-50, 50)
SDS = st.floats(0.1, 30)
SIZES = st.integers(2, 500)


def column(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def arguments(case: dict[str, Any]) -> dict[str, Any]:
    data = dict(REFERENCE["data"][case["data"]])
    if case["measure"] == "SMCR":
        del data["sd2"]
    return data


@pytest.mark.parametrize("measure", sorted(RECIPES))
def test_every_measure_agrees_with_metafor(measure: str) -> None:
    compared = 0
    for case in CASES:
        if case["measure"] != measure:
            continue
        effect, variance = column(case["effect"]), column(case["variance"])
        data = arguments(case)
        options = {"variance_form": case["variance_form"], **case["options"]}
        finite = np.isfinite(effect) & np.isfinite(variance)
        if not finite.all() and not case["options"].get("drop00", False):
            with pytest.raises(DataError, match="cannot be computed"):
                effect_size(measure, **data, **options)
            continue
        if not finite.all():
            # Whole tables without contrast were dropped; tables with one infinite effect are refused.
            if "events1" in data:
                dropped = (np.array(data["events1"]) == 0) & (np.array(data["events2"]) == 0)
            else:
                a, b, c, d = (np.array(data[name]) for name in "abcd")
                dropped = ((a == 0) & (c == 0)) | ((b == 0) & (d == 0))
            if (~finite & ~dropped).any():
                with pytest.raises(DataError, match="cannot be computed"):
                    effect_size(measure, **data, **options)
                continue
        found = effect_size(measure, **data, **options)
        label = f"{case['data']} {options}"
        np.testing.assert_allclose(found["effect"], effect, rtol=1e-10, atol=1e-13, err_msg=label)
        np.testing.assert_allclose(found["variance"], variance, rtol=1e-10, atol=1e-14, err_msg=label)
        compared += 2 * int(finite.sum())
    assert compared > 0


@pytest.mark.parametrize("measure", ["MD", "SMD", "SMDH"])
@given(m1=MEANS, sd1=SDS, n1=SIZES, m2=MEANS, sd2=SDS, n2=SIZES)
def test_swapping_groups_flips_the_sign_alone(
    measure: str, m1: float, sd1: float, n1: int, m2: float, sd2: float, n2: int
) -> None:
    there = effect_size(measure, m1=m1, sd1=sd1, n1=n1, m2=m2, sd2=sd2, n2=n2)
    back = effect_size(measure, m1=m2, sd1=sd2, n1=n2, m2=m1, sd2=sd1, n2=n1)
    np.testing.assert_allclose(there["effect"], -back["effect"])
    np.testing.assert_allclose(there["variance"], back["variance"])


@pytest.mark.parametrize("measure", ["RR", "OR", "RD", "AS", "PETO"])
@given(cells=st.tuples(COUNTS, COUNTS, COUNTS, COUNTS).filter(lambda x: x[0] + x[1] > 1 and x[2] + x[3] > 1))
def test_swapping_groups_of_a_table_flips_the_sign_alone(
    measure: str, cells: tuple[int, int, int, int]
) -> None:
    a, b, c, d = cells
    there = effect_size(measure, a=a, b=b, c=c, d=d)
    back = effect_size(measure, a=c, b=d, c=a, d=b)
    np.testing.assert_allclose(there["effect"], -back["effect"], atol=1e-12)
    np.testing.assert_allclose(there["variance"], back["variance"])


@pytest.mark.parametrize("form", ["LS", "LS2", "UB", "AV"])
@given(m1=MEANS, m2=MEANS, sd1=SDS, sd2=SDS, scale=st.floats(0.01, 100), shift=st.floats(-100, 100))
def test_smd_does_not_depend_on_the_unit(
    form: str, m1: float, m2: float, sd1: float, sd2: float, scale: float, shift: float
) -> None:
    raw = effect_size("SMD", m1=m1, sd1=sd1, n1=12, m2=m2, sd2=sd2, n2=15, variance_form=form)
    rescaled = effect_size(
        "SMD", m1=scale * m1 + shift, sd1=scale * sd1, n1=12, m2=scale * m2 + shift, sd2=scale * sd2, n2=15,
        variance_form=form,
    )  # fmt: skip
    np.testing.assert_allclose(rescaled, raw, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("measure", ["SMDH", "SMD"])
@pytest.mark.parametrize("form", ["LS", "LS2"])
def test_variance_does_not_depend_on_the_unit_for_unequal_sds(measure: str, form: str) -> None:
    raw = effect_size(measure, m1=4, sd1=2, n1=12, m2=3, sd2=5, n2=15, variance_form=form)
    rescaled = effect_size(measure, m1=40, sd1=20, n1=12, m2=30, sd2=50, n2=15, variance_form=form)
    np.testing.assert_allclose(rescaled, raw)


def test_smdh_second_form_is_the_delta_method() -> None:
    found = effect_size("SMDH", m1=4, sd1=2, n1=12, m2=3, sd2=5, n2=15, variance_form="LS2")
    g, s2 = found["effect"].item(), (2**2 + 5**2) / 2
    expected = 2**2 / (12 * s2) + 5**2 / (15 * s2) + g**2 / (8 * s2**2) * (2**4 / 12 + 5**4 / 15)
    assert found["variance"].item() == pytest.approx(expected, rel=1e-12)


def test_correction_is_exact_and_can_be_left_out() -> None:
    data: dict[str, Any] = {"m1": 10, "sd1": 2, "n1": 3, "m2": 8, "sd2": 2, "n2": 3}
    d = effect_size("SMD", **data, correct=False)["effect"].item()
    g = effect_size("SMD", **data)["effect"].item()
    assert d == pytest.approx(1.0)
    # With four degrees of freedom gamma(2) / (sqrt(2) gamma(3/2)) = sqrt(2 / pi).
    assert g == pytest.approx(np.sqrt(2 / np.pi), rel=1e-14)


def test_correction_keeps_its_digits_in_large_groups() -> None:
    data: dict[str, Any] = {"m1": 1, "sd1": 1, "m2": 0, "sd2": 1}
    for n in (1e3, 1e6, 1e9):
        df = 2 * n - 2
        # Asymptotic series of gamma(x + 1/2) / gamma(x) with x = y / 2; its next term is below 1e-13 here.
        y = df - 1
        series = np.sqrt(y / df) * (1 - 1 / (4 * y) + 1 / (32 * y**2) + 5 / (128 * y**3))
        assert effect_size("SMD", **data, n1=n, n2=n)["effect"].item() == pytest.approx(series, rel=1e-10)


def test_ratio_of_means_with_bias_correction() -> None:
    data: dict[str, Any] = {"m1": 10, "sd1": 4, "n1": 5, "m2": 8, "sd2": 2, "n2": 8}
    plain, corrected = effect_size("ROM", **data), effect_size("ROM", **data, correct=True)
    first, second = 4**2 / (5 * 10**2), 2**2 / (8 * 8**2)
    assert corrected["effect"].item() == pytest.approx(plain["effect"].item() + (first - second) / 2)
    assert corrected["variance"].item() == pytest.approx(
        plain["variance"].item() + (first**2 + second**2) / 2
    )


WILD = st.lists(
    st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 40).map(float), st.floats(0, 5)),
    min_size=3,
    max_size=3,
)


@pytest.mark.parametrize("measure", sorted(RECIPES))
@given(given_=st.data())
def test_any_numbers_give_a_sound_result_or_a_reason(measure: str, given_: st.DataObject) -> None:
    spec = RECIPES[measure]
    needs = spec.needs if spec.needs != ("x", "m") else ("events", "n")
    data: dict[str, Any] = {name: given_.draw(WILD) for name in needs}
    form = given_.draw(st.sampled_from(spec.forms))
    try:
        found = effect_size(measure, **data, variance_form=form)
    except DataError:
        return
    known = np.isfinite(np.array(list(data.values()))).all(axis=0)
    assert np.isfinite(found.to_numpy()[known]).all()
    assert np.isnan(found.to_numpy()[~known]).all()
    assert (found["variance"].dropna() >= 0).all()


def test_second_sd_makes_no_difference_to_a_change_in_sds_of_the_first() -> None:
    given: dict[str, Any] = {
        "m1": [3.1, 2.0],
        "sd1": [2.0, 1.5],
        "m2": [4.2, 1.0],
        "n": [50, 20],
        "r": [0.5, 0.7],
    }
    expected = effect_size("SMCR", **given)
    pd.testing.assert_frame_equal(effect_size("SMCR", **given, sd2=[2.2, np.nan]), expected)
    with pytest.raises(DataError, match="superfluous: n2"):
        effect_size("SMCR", **given, n2=5)


def test_observed_minus_expected_events_pool_to_petos_odds_ratio() -> None:
    cells: dict[str, Any] = {
        "a": [4, 6, 0, 9],
        "b": [119, 300, 40, 20],
        "c": [11, 29, 2, 12],
        "d": [128, 274, 38, 15],
    }
    a, b, c, d = (np.array(values, dtype=float) for values in cells.values())
    n1, n = a + b, a + b + c + d
    expected = (a + c) * n1 / n
    v = expected * (b + d) * (c + d) / (n * (n - 1))
    from_score = effect_size("OR", o_minus_e=a - expected, v=v)
    pd.testing.assert_frame_equal(from_score, effect_size("PETO", **cells, to="none"))
    pooled = pool(from_score["effect"], from_score["variance"], method="EE", ci="z")
    np.testing.assert_allclose([pooled.estimate, pooled.se], [peto(**cells).estimate, peto(**cells).se])
    with pytest.raises(
        DataError, match="RD takes a, b, c, d; missing: a, b, c, d; superfluous: o_minus_e, v"
    ):
        effect_size("RD", o_minus_e=a - expected, v=v)


def test_rates_do_not_depend_on_the_unit_of_time() -> None:
    rates: dict[str, Any] = {"events1": [3, 0], "events2": [5, 4]}
    years = effect_size("IRR", **rates, time1=[10.0, 20.0], time2=[9.0, 21.0])
    days = effect_size("IRR", **rates, time1=[3652.5, 7305.0], time2=[3287.25, 7670.25])
    pd.testing.assert_frame_equal(years, days)


def test_events_and_sizes_stand_for_cells() -> None:
    by_cells = effect_size("RR", a=[3, 0], b=[7, 10], c=[5, 4], d=[5, 6])
    by_events = effect_size("RR", events1=[3, 0], n1=10, events2=[5, 4], n2=10)
    pd.testing.assert_frame_equal(by_cells, by_events)


def test_index_of_series_is_kept_and_absent_values_stay_absent() -> None:
    arms = pd.DataFrame({"m": [3.0, np.nan], "sd": [1.0, 1.0], "n": [10, 10]}, index=["Smith", "Jones"])
    found = effect_size("MD", m1=arms["m"], sd1=arms["sd"], n1=arms["n"], m2=1.0, sd2=1.0, n2=10)
    assert list(found.index) == ["Smith", "Jones"]
    np.testing.assert_allclose(found.to_numpy(), [[2.0, 0.2], [np.nan, np.nan]])


def test_no_rows_give_no_rows() -> None:
    assert effect_size("COR", r=[], n=[]).empty


TWO_GROUPS: dict[str, Any] = {"m1": 1, "sd1": 1, "n1": 9, "m2": 2, "sd2": 1, "n2": 9}


@pytest.mark.parametrize(
    ("measure", "given", "message"),
    [
        ("XX", {}, "unknown measure"),
        ("SMD", {"m1": 1}, "missing: sd1, n1, m2, sd2, n2"),
        ("MD", {**TWO_GROUPS, "r": 0.5}, "superfluous: r"),
        ("RR", {"a": 1, "b": 2, "c": 3, "n2": 4}, "missing: events1, n1, events2; superfluous: a, b, c"),
        ("MD", {**TWO_GROUPS, "sd1": [1, -1]}, "row 1: sd1 = -1, but sd1 must be 0 or more"),
        ("MD", {**TWO_GROUPS, "n2": pd.Series([5, 0], index=["Ahn", "Bao"])}, "row Bao: n2 = 0"),
        ("MD", {**TWO_GROUPS, "m1": [1, 2], "m2": [1, 2, 3]}, "differ in length"),
        ("MD", {**TWO_GROUPS, "m1": [[1, 2]]}, "not an array of shape"),
        ("MD", {**TWO_GROUPS, "m1": "three"}, "m1 must hold numbers"),
        ("MD", {**TWO_GROUPS, "m1": np.inf}, "m1 must be finite"),
        ("SMD", {**TWO_GROUPS, "sd1": 0, "sd2": 0}, "cannot be computed"),
        ("SMD", {**TWO_GROUPS, "n1": 1, "n2": 2}, "cannot be computed"),
        ("ROM", {**TWO_GROUPS, "m1": -1}, "log ratio of means or its variance cannot be computed"),
        ("OR", {"a": 0, "b": 0, "c": 3, "d": 4}, "the group is empty"),
        ("OR", {"a": 0, "b": 1, "c": 3, "d": 4, "to": "none"}, "Add a constant"),
        ("OR", {"a": -1, "b": 1, "c": 3, "d": 4}, "a = -1"),
        ("RR", {"events1": 5, "n1": 4, "events2": 1, "n2": 4}, "events1 must be at most n1"),
        ("COR", {"r": 1.2, "n": 20}, "r must be between -1 and 1"),
        ("ZCOR", {"r": 0.2, "n": 3}, "n must be above 3"),
        ("RD", {"a": 0.2, "b": 0.1, "c": 1, "d": 3, "variance_form": "UB"}, "cannot be computed"),
        ("IRR", {"events1": 1, "time1": 0, "events2": 1, "time2": 4}, "time1 = 0, but time1 must be above 0"),
        ("IR", {"events": 3, "n": 10}, "IR takes events, time; missing: time; superfluous: n"),
        ("IRLN", {"events": 0, "time": 10, "to": "none"}, "Add a constant"),
        ("CVR", {**TWO_GROUPS, "m2": -2}, "coefficients of variation or its variance cannot be computed"),
        ("MNLN", {"m": -1, "sd": 1, "n": 8}, "log mean or its variance cannot be computed"),
        ("HR", {"o_minus_e": 1, "v": 0}, "v = 0, but v must be above 0"),
        ("HR", {"a": 1, "b": 2, "c": 3, "d": 4}, "HR takes o_minus_e, v"),
        ("MD", {**TWO_GROUPS, "variance_form": "LS2"}, "no variance form 'LS2'"),
        ("OR", {"a": 1, "b": 1, "c": 3, "d": 4, "to": "some"}, "to must be"),
        ("OR", {"a": 1, "b": 1, "c": 3, "d": 4, "add": -1}, "add must be"),
        ("MD", {**TWO_GROUPS, "add": 0.5}, "leave out add and to"),
        ("PR", {"events": 1, "n": 3, "drop00": True}, "leave out drop00"),
        ("MD", {**TWO_GROUPS, "correct": True}, "no bias correction"),
        ("SMD", {**TWO_GROUPS, "correct": False, "variance_form": "UB"}, "corrected effect"),
    ],
)
def test_what_cannot_be_used_is_refused(measure: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        effect_size(measure, **given)


def test_series_with_other_index_are_refused() -> None:
    left, right = pd.Series([0.1, 0.2], index=["a", "b"]), pd.Series([10, 20], index=["b", "a"])
    with pytest.raises(DataError, match="index of n differs"):
        effect_size("COR", r=left, n=right)
