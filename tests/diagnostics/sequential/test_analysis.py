from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.errors import DataError, ModelError

YEARS = [2004, 2001, 2001, 2010, 2007, 2012]


@pytest.fixture(scope="module")
def fit():
    return ev.pool([-0.5, -0.1, -0.6, -0.3, 0.0, -0.4], [0.04, 0.02, 0.05, 0.01, 0.03, 0.02], method="DL")


@pytest.fixture(scope="module")
def result(fit):
    return ev.sequential(fit, YEARS, delta=0.3, n=[100, 200, 80, 400, 130, 190])


def test_each_look_pools_what_was_there(fit, result):
    looks = result.looks
    assert list(looks["order"]) == [2001, 2004, 2007, 2010, 2012]
    assert looks["added"].iloc[0] == "Study 2; Study 3"
    assert list(looks["k"]) == [2, 3, 4, 5, 6]
    assert list(looks["n"]) == [280, 380, 510, 910, 1100]
    for look in looks.itertuples():
        there = np.array(YEARS) <= look.order
        one = ev.pool(fit.effect[there], fit.variance[there], method="DL", ci="z")
        assert look.z == pytest.approx(one.statistic, rel=1e-12)
        assert look.estimate == pytest.approx(one.estimate, rel=1e-12)
        assert look.information == pytest.approx((1 / fit.variance[there]).sum())


@pytest.mark.parametrize("kind", ["float", "Int64", "object"])
def test_years_stay_whole_numbers(fit, kind):
    found = ev.sequential(fit, pd.Series(YEARS, dtype="float").astype(kind), delta=0.3)
    assert found.note.startswith("At the last look (2012) ")


def test_required_information_is_corrected_for_diversity(fit, result):
    random, common = (ev.pool(fit.effect, fit.variance, method=method, ci="z") for method in ("DL", "EE"))
    share = 1 - common.se**2 / random.se**2
    assert ev.diversity(fit) == pytest.approx(share)
    assert ev.diversity(common) == pytest.approx(0, abs=1e-12)
    plain = ((1.959963985 + 1.281551566) / 0.3) ** 2
    assert result.required == pytest.approx(plain / (1 - share), rel=1e-8)
    assert ev.sequential(fit, YEARS, delta=0.3, heterogeneity="none").required == pytest.approx(
        plain, rel=1e-8
    )
    given = ev.sequential(fit, YEARS, delta=0.3, heterogeneity=0.5)
    assert given.required == pytest.approx(2 * plain, rel=1e-8)
    assert result.fraction == pytest.approx((1 / fit.variance).sum() / result.required)
    # With the diversity found, the fraction is the information of the pooled estimate itself.
    assert result.fraction == pytest.approx(1 / random.se**2 / plain, rel=1e-8)
    assert result.required_n == pytest.approx(1100 / result.fraction)


def test_crossings_follow_from_z_and_the_boundaries(result):
    for look in result.looks.itertuples():
        if abs(look.z) >= look.boundary:
            assert look.crossed == "benefit"
        elif abs(look.z) < (look.futility if look.futility > 0 else 0):
            assert look.crossed == "futility"
        else:
            assert look.crossed == ""
    assert result.conclusion == (result.looks["crossed"].iloc[-1] or "open")


def test_conclusions_in_words():
    few: dict[str, Any] = {"variance": [0.02] * 4, "method": "EE", "ci": "z"}
    strong = ev.sequential(ev.pool([-0.8, -0.9, -0.7, -0.8], **few), delta=0.3)
    assert strong.conclusion == "benefit"
    assert "beyond the boundary for benefit" in strong.note
    assert "With 4 studies this is a rough guide" in strong.note
    assert strong.ci_high < 0
    turned = ev.sequential(ev.pool([-0.8, -0.9, -0.7, -0.8], **few), delta=0.3, better="higher")
    assert turned.conclusion == "harm"
    none = ev.sequential(ev.pool([0.01, -0.02, 0.02, -0.01], **few), delta=0.35, power=0.8)
    assert none.conclusion == "futility"
    assert "unlikely" in none.note
    # Full information, 1.7 standard errors: no difference is shown, and the interval holds the planned one.
    wide = ev.sequential(ev.pool([-0.17] * 5, [0.05] * 5, method="EE", ci="z"), delta=0.32)
    assert wide.conclusion == "futility"
    assert wide.ci_low < -0.32
    assert "not shown, and not ruled out" in wide.note
    early = ev.sequential(ev.pool([-0.3, -0.3, -0.3, -0.3], **few), delta=0.05)
    assert early.conclusion == "open"
    assert "too often chance" in early.note
    assert np.isnan(early.ci_low) or early.ci_low < 0 < early.ci_high
    dull = ev.sequential(ev.pool([-0.05, 0.05, 0.0, 0.0], **few), delta=0.1)
    assert "neither shown nor refuted" in dull.note
    assert "bias" in dull.summary()
    back = ev.sequential(ev.pool([-1.5, 1.5, 0.2, 0.0], **few), delta=0.4)
    assert "moved back" in back.note


def test_the_note_names_an_interval_of_another_distribution_that_says_otherwise():
    for ci, told in (("z", False), ("t", True)):
        fit = ev.pool([-0.4, -0.2, -0.3], [0.04] * 3, method="EE", ci=ci)
        assert (fit.ci_low < 0 < fit.ci_high) == told
        found = ev.sequential(fit, delta=0.3)
        assert abs(found.looks["z"].iloc[-1]) > found.usual
        assert ("the interval of the result itself" in found.note) == told


def test_the_plan_ends_with_full_information(result):
    ahead = result.ahead()
    assert ahead["fraction"].iloc[-1] == pytest.approx(max(1.0, ahead["fraction"].iloc[-1]))
    assert ahead["boundary"].iloc[-1] == ahead["futility"].iloc[-1]
    shared = min(len(ahead), len(result.looks))
    np.testing.assert_allclose(
        ahead["boundary"][: shared - 1], result.looks["boundary"][: shared - 1], rtol=1e-10
    )


def test_scale_and_order_of_the_rows_do_not_matter(fit, result):
    scaled = ev.pool(10 * fit.effect, 100 * fit.variance, method="DL")
    places = np.array([5, 3, 1, 2, 0, 4])
    moved = ev.pool(scaled.effect[places], scaled.variance[places], method="DL")
    other = ev.sequential(moved, np.array(YEARS)[places], delta=-3.0)
    for name in ("fraction", "z", "boundary"):
        np.testing.assert_allclose(other.looks[name], result.looks[name], rtol=1e-9)


def test_a_given_tau2_and_given_weights_stay():
    effect, variance = [0.3, -0.1, 0.55, 0.2], [0.02, 0.01, 0.09, 0.03]
    for options in ({"tau2": 0.1}, {"tau2": 0.0}, {"method": "GENQ", "weights": [1.0, 2.0, 3.0, 4.0]}):
        fit = ev.pool(effect, variance, ci="z", **options)
        last = ev.sequential(fit, delta=0.3).looks.iloc[-1]
        assert last["z"] == pytest.approx(fit.statistic)
        assert last["estimate"] == pytest.approx(fit.estimate)


def test_a_diversity_of_one_is_refused():
    fit = ev.pool([0.1, -0.4, 3e6], [1e-12, 1e-12, 1e-12], method="DL", ci="z")
    with pytest.raises(ModelError, match="diversity is 1"):
        ev.sequential(fit, delta=0.3)
    assert np.isfinite(ev.sequential(fit, delta=0.3, heterogeneity="none").required)


def test_looks_too_close_to_tell_apart_are_one():
    fit = ev.pool([0.1, 0.2, 0.1], [0.01, 1e6, 0.01], method="EE", ci="z")
    looks = ev.sequential(fit, delta=0.2).looks
    assert list(looks["added"]) == ["Study 1; Study 2", "Study 3"] or len(looks) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": 0.0}, "delta is 0"),
        ({"delta": float("nan")}, "delta is nan"),
        ({"alpha": 0.0}, "alpha is 0"),
        ({"power": 0.4}, "power 0.4"),
        ({"heterogeneity": "some"}, "heterogeneity is 'some'"),
        ({"heterogeneity": 1.0}, "heterogeneity is 1"),
        ({"n": [1, 2]}, "n has 2 values for 6"),
        ({"better": "up"}, "better is 'up'"),
        ({"order": [2001, 2002]}, "order has 2 values"),
        ({"order": [2001, None, 2003, 2004, 2005, 2006]}, "Study 2: the value to order by is missing"),
    ],
)
def test_impossible_plans_are_refused(fit, options, message):
    with pytest.raises(DataError, match=message):
        ev.sequential(fit, **{"delta": 0.3, **options})


def test_the_protocol_plans_the_analysis(review, combining_two):
    plan = review.protocol.sequential
    found = ev.sequential_analysis(review, "manual-inactive-disability-short")
    assert (found.alpha, found.power) == (plan.alpha, plan.power)
    assert found.delta == review.protocol.outcomes["disability"].minimal_important_difference
    assert found.looks["order"].is_monotonic_increasing
    fit = ev.synthesise(review, "manual-inactive-disability-short").fit
    assert fit is not None
    assert found.fit.k == fit.k
    ratio = ev.sequential_analysis(combining_two, "manual-inactive-responder-short")
    assert ratio.delta == pytest.approx(np.log(plan.delta["responder"]))
    assert ratio.better == "higher"
    other = ev.sequential_analysis(
        review, "manual-inactive-disability-short", delta=0.15, heterogeneity="none", method="DL"
    )
    assert other.delta == 0.15
    assert other.fit.method == "DL"


def test_what_is_not_planned_or_not_pooled_is_named(filled, review):
    with pytest.raises(DataError, match=r"give sequential.delta.crying in review.yaml"):
        ev.sequential_analysis(filled.read(), "singing-crying-short")
    with pytest.raises(ModelError, match="Not combined: no poolable comparisons"):
        ev.sequential_analysis(review, "massage-inactive-pain-long")
    with pytest.raises(DataError, match=r"no effect \(SMD\) is planned"):
        ev.sequential_analysis(review, "manual-inactive-pain-short", measure="SMD")


def test_a_protocol_may_plan_otherwise(filled):
    filled.protocol["sequential"] = {"delta": {"crying": 20}, "power": 0.8, "heterogeneity": 0.25}
    found = ev.sequential_analysis(filled.read(), "singing-crying-short")
    assert (found.delta, found.power, found.diversity) == (20, 0.8, 0.25)
    assert isinstance(found.to_frame(), pd.DataFrame)
    filled.protocol["sequential"] = {"alpha": 2}
    with pytest.raises(DataError, match=r"sequential\.alpha"):
        filled.read()
