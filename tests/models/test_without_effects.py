from __future__ import annotations

import json
import pickle
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

import evidence as ev

REFERENCE = json.loads((Path(__file__).parents[2] / "validation" / "without_effects.json").read_text("utf-8"))


def values(case: dict[str, Any]) -> dict[str, float]:
    """Our values of a reference case, by the reference's names."""
    p, direction, weight = case["p"], case["direction"], case["weight"]
    fisher, weighted = ev.combine_p(p), ev.combine_p(p, method="stouffer", weights=weight)
    directed = ev.combine_p(p, direction)
    sided = ev.combine_p(p, direction, method="stouffer", weights=weight)
    return {
        "fisher": fisher.p_value,
        "fisher_chisq": fisher.statistic,
        "stouffer": ev.combine_p(p, method="stouffer").p_value,
        "stouffer_weighted": weighted.p_value,
        "stouffer_z": weighted.statistic,
        "fisher_positive": directed.p_positive,
        "fisher_negative": directed.p_negative,
        "stouffer_positive": sided.p_positive,
        "stouffer_negative": sided.p_negative,
    }


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: case["data"])
def test_combined_p_equals_metap(case):
    for name, ours in values(case).items():
        assert ours == pytest.approx(case[name], rel=1e-12), name


@pytest.mark.parametrize("case", REFERENCE["signs"], ids=str)
def test_direction_equals_base_r(case):
    result = ev.effect_direction([1] * case["positive"] + [-1] * case["negative"] + [0, 0])
    assert result.p_value == pytest.approx(case["p"], rel=1e-12)
    assert (result.ci_low, result.ci_high) == pytest.approx(case["wilson"], rel=1e-12)
    assert (result.k, result.unclear) == (case["positive"] + case["negative"], 2)


def test_a_bound_counts_as_its_least_favourable_value():
    assert ev.combine_p(["<0.05", 0.2]).p_value == ev.combine_p([0.05, 0.2]).p_value
    assert ev.combine_p([">0.05", 0.2]).p_value == ev.combine_p([1.0, 0.2]).p_value
    toward = ev.combine_p(["<0.05", "> .05"], [1, -1])
    by_hand = ev.combine_p([0.025, 1 - 0.05 / 2])
    assert toward.p_positive == pytest.approx(by_hand.p_value)
    assert toward.bounds == 2
    assert "at most" in toward.note
    # Nothing is known of how small a P value below its bound is, so that it may deny the other side altogether.
    assert ev.combine_p(["<0.05"], [-1], method="stouffer").p_positive == 1.0


def test_directions_make_the_test_two_sided():
    one = ev.combine_p([0.03], [-1], method="stouffer")
    assert one.p_value == pytest.approx(0.03)
    assert one.statistic < 0
    assert one.df == inf


def test_tiny_p_values_against_each_other_do_not_cancel_all_evidence():
    z = [float(-ndtri(0.5 * p)) for p in (1e-30, 1e-20)]
    found = ev.combine_p([1e-30, 1e-20], [1, -1], "stouffer")
    assert found.statistic == pytest.approx((z[0] - z[1]) / np.sqrt(2.0))
    assert found.p_value == pytest.approx(0.12185466, rel=1e-6)
    turned = ev.combine_p([1e-30, 1e-20], [-1, 1], "stouffer")
    assert (turned.statistic, turned.p_value) == (-found.statistic, found.p_value)


def test_p_curve_counts_exact_values_only():
    result = ev.p_curve(["<0.05", 0.001, 0.02, 0.049, 0.3, "0,012"])
    assert (result.k, result.low, result.left_out) == (4, 3, 2)
    assert result.p_effect == pytest.approx(5 / 16)
    assert result.p_piling == pytest.approx(15 / 16)
    assert ev.p_curve([0.3]).k == 0


def test_labelled_columns_are_aligned():
    p = pd.Series([0.01, 0.9, 0.2], index=["a", "b", "c"])
    sign = pd.Series([-1, 1, 1], index=["c", "b", "a"])
    assert ev.combine_p(p, sign).p_value == ev.combine_p(p.to_numpy(), [1, 1, -1]).p_value
    with pytest.raises(ev.DataError, match="labels of direction"):
        ev.combine_p(p, sign.rename({"c": "d"}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": []}, "one a study"),
        ({"p": [0.0]}, "P value 1 is 0.0"),
        ({"p": [0.2, "small"]}, "P value 2 is 'small'"),
        ({"p": [0.2, None]}, "P value 2 is None"),
        ({"p": [0.2, 0.3], "direction": [1, 2]}, "direction 2 is 2; give -1, 0 or 1"),
        ({"p": [0.2], "direction": [1, 1]}, "2 values for 1"),
        ({"p": [0.2], "weights": [1.0]}, "belong to method='stouffer'"),
        ({"p": [0.2], "weights": [0.0], "method": "stouffer"}, "positive"),
        ({"p": [0.2], "method": "edgington"}, "fisher, stouffer"),
    ],
)
def test_refuses(arguments, message):
    with pytest.raises(ev.DataError, match=message):
        ev.combine_p(**arguments)


@given(
    st.lists(
        st.tuples(st.floats(1e-12, 1.0), st.sampled_from([-1, 0, 1]), st.floats(0.1, 10)),
        min_size=1,
        max_size=9,
    ),
    st.sampled_from(["fisher", "stouffer"]),
    st.randoms(),
)
def test_order_does_not_matter_and_turning_directions_turns_sides(rows, method, random):
    def combined(rows: list[Any], turn: int = 1) -> ev.CombinedP:
        p, sign, weight = (list(column) for column in zip(*rows, strict=True))
        extra = {"weights": weight} if method == "stouffer" else {}
        return ev.combine_p(p, [turn * one for one in sign], method=method, **extra)

    mixed = random.sample(rows, len(rows))
    here, there, turned = combined(rows), combined(mixed), combined(rows, -1)
    np.testing.assert_allclose([here.p_positive, here.p_value], [there.p_positive, there.p_value], rtol=1e-9)
    assert here.p_positive == turned.p_negative
    assert 0.0 <= here.p_value <= 1.0


def test_results_show_themselves_and_travel():
    for result in (
        ev.combine_p([0.2], [1]),
        ev.effect_direction([1, 0]),
        ev.effect_direction([0]),
        ev.p_curve([0.01]),
    ):
        assert pickle.loads(pickle.dumps(result)).summary() == result.summary()
        assert len(result.to_frame()) == 1
        assert result.note in result.summary()
