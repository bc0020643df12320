from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from evidence.effects.choosing.rescale import Instrument, put_on_scale
from evidence.effects.reported.contrasts import Contrast
from evidence.effects.reported.reasons import Assumption, Reason, ReasonKind, step
from evidence.tables.protocol.protocol import Outcome

CRY = Instrument("CRY", "worse", 0.0, 10.0)
SLEEP = Instrument("SLEEP", "better", 0.0, 24.0)
PAIN = Outcome(measure="MD", rescale=(0, 100), rescalable=("CRY",))
PLAIN = Outcome(measure="MD")
HIGHER = Outcome(measure="RR", better="higher")


def contrast(**changes: Any) -> Contrast:
    """Give a difference of -2 with SE 0.5 in 40 v 60 patients."""
    base = Contrast(
        "ava", "song", "quiet", "crying", "CRY", "post", "no", math.nan, math.nan, 10.0, "MD",
        estimate=-2.0, se=0.5, n_arm=40.0, n_comparator=60.0,
    )  # fmt: skip
    return replace(base, **changes)


def hedges(df: float) -> float:
    """Exact correction of Hedges (1981)."""
    return math.exp(gammaln(df / 2) - gammaln((df - 1) / 2)) / math.sqrt(df / 2)


def test_range_of_the_instrument_gives_the_factor() -> None:
    found = put_on_scale(contrast(), CRY, PAIN, "MD")
    assert (found.effect, found.variance) == (-20.0, 25.0)
    assert found.unit == "points of 0 to 100"
    assert found.steps == ("on 0-100: × 10 gives MD -20, SE 5",)


@given(st.floats(0.01, 1000), st.floats(-100, 100))
def test_unit_of_the_scale_does_not_matter(unit: float, start: float) -> None:
    low, high = start, start + 10 * unit
    scaled = contrast(estimate=-2 * unit, se=0.5 * unit, scale_min=low, scale_max=high)
    found = put_on_scale(scaled, CRY, PAIN, "MD")
    assert found.effect == pytest.approx(-20, rel=1e-6)
    assert found.variance == pytest.approx(25, rel=1e-6)


def test_range_printed_in_the_trial_goes_before_that_of_the_instrument() -> None:
    found = put_on_scale(contrast(scale_min=0, scale_max=20), CRY, PAIN, "MD")
    assert found.effect == -10


def test_no_rescaling_without_a_target() -> None:
    found = put_on_scale(contrast(), CRY, PLAIN, "MD")
    assert (found.effect, found.variance, found.unit) == (-2.0, 0.25, "points")


@pytest.mark.parametrize(
    ("changes", "instrument", "measure", "kind", "words"),
    [
        ({}, Instrument("WAIL", "worse", 0, 10), "MD", "not rescalable", "CRY cannot be put on 0 to 100"),
        (
            {},
            Instrument("CRY", "worse", math.nan, math.nan),
            "MD",
            "range not stated",
            "the range of the scale is not stated",
        ),
        (
            {"measure": "SMD"},
            CRY,
            "MD",
            "other measure",
            "reported as SMD, which cannot be turned into scale points",
        ),
        (
            {"measure": "RR"},
            CRY,
            "SMD",
            "other measure",
            "reported as RR, which cannot be turned into an SMD",
        ),
        (
            {"measure": "HR"},
            CRY,
            "RR",
            "other measure",
            "reported as HR, which cannot be turned into RR without counts",
        ),
        ({"reason": Reason("no estimate", "none")}, CRY, "MD", "no estimate", "none"),
        (
            {"n_arm": math.nan},
            CRY,
            "SMD",
            "no size",
            "no SD of the scores, and no arm sizes to derive one from the standard error",
        ),
    ],
)
def test_reasons(
    changes: dict[str, Any], instrument: Instrument, measure: str, kind: ReasonKind, words: str
) -> None:
    found = put_on_scale(contrast(**changes), instrument, PAIN, measure)
    assert found.reason == Reason(kind, words)
    assert math.isnan(found.effect)


@pytest.mark.parametrize("instrument", [CRY, SLEEP])
@pytest.mark.parametrize("better", ["lower", "higher"])
def test_direction_is_that_of_the_outcome(instrument: Instrument, better: Any) -> None:
    outcome = Outcome(measure="MD", better=better)
    found = put_on_scale(contrast(), instrument, outcome, "MD")
    agree = (instrument.higher_means == "better") == (better == "higher")
    assert found.effect == (-2.0 if agree else 2.0)
    assert found.variance == 0.25
    assert any("sign is turned" in step for step in found.steps) == (not agree)


def test_hedges_g_of_two_arms() -> None:
    found = put_on_scale(contrast(sd=4.0, sd_steps=(step("SD 4"),), from_arms=True), CRY, PAIN, "SMD")
    g = -0.5 * hedges(98)
    assert found.effect == pytest.approx(g, rel=1e-12)
    assert found.variance == pytest.approx(1 / 40 + 1 / 60 + g**2 / 200, rel=1e-12)


def test_reported_difference_keeps_its_own_standard_error() -> None:
    found = put_on_scale(contrast(sd=4.0, sd_steps=(step("SD 4"),)), CRY, PAIN, "SMD")
    g = -0.5 * hedges(98)
    assert found.effect == pytest.approx(g, rel=1e-12)
    assert found.variance == pytest.approx((0.5 / 4) ** 2 + g**2 / 200, rel=1e-12)


def test_sd_from_the_standard_error_gives_the_usual_variance() -> None:
    found = put_on_scale(contrast(), CRY, PAIN, "SMD")
    sd = 0.5 / math.sqrt(1 / 40 + 1 / 60)
    g = -2 / sd * hedges(98)
    assert found.effect == pytest.approx(g, rel=1e-12)
    assert found.variance == pytest.approx(1 / 40 + 1 / 60 + g**2 / 200, rel=1e-12)


@given(st.floats(0.001, 1000))
def test_smd_has_no_unit(unit: float) -> None:
    here = put_on_scale(contrast(), CRY, PAIN, "SMD")
    there = put_on_scale(contrast(estimate=-2 * unit, se=0.5 * unit), CRY, PAIN, "SMD")
    assert there.effect == pytest.approx(here.effect, rel=1e-9)
    assert there.variance == pytest.approx(here.variance, rel=1e-9)


def test_assumptions_of_the_sd_are_passed_on() -> None:
    derived = put_on_scale(
        contrast(adjusted="yes", size_assumptions=(Assumption.RANDOMISED_AS_ANALYSED,)), CRY, PAIN, "SMD"
    )
    assert derived.assumptions == (Assumption.RANDOMISED_AS_ANALYSED, Assumption.SD_FROM_ADJUSTED)
    printed = put_on_scale(
        contrast(
            adjusted="yes",
            sd=4.0,
            sd_steps=(step("SD 4"),),
            sd_assumptions=(Assumption.SD_FROM_ADJUSTED_MEAN,),
        ),
        CRY,
        PAIN,
        "SMD",
    )
    assert printed.assumptions == (Assumption.SD_FROM_ADJUSTED_MEAN,)


def test_reported_smd_is_taken_as_it_is() -> None:
    found = put_on_scale(contrast(measure="SMD", estimate=-0.4, se=0.2), CRY, PAIN, "SMD")
    assert (found.effect, found.variance) == pytest.approx((-0.4, 0.04))


@pytest.mark.parametrize("measure", ["RR", "OR", "RD"])
def test_other_ratios_come_from_the_counts(measure: str) -> None:
    counted = contrast(measure="HR", events=(20.0, 40.0, 15.0, 60.0))
    found = put_on_scale(counted, SLEEP, HIGHER, measure)
    expected = {
        "RR": (math.log(0.5 / 0.25), 1 / 20 - 1 / 40 + 1 / 15 - 1 / 60),
        "OR": (math.log(1 / (15 / 45)), 1 / 20 + 1 / 20 + 1 / 15 + 1 / 45),
        "RD": (0.25, 0.5 * 0.5 / 40 + 0.25 * 0.75 / 60),
    }[measure]
    assert (found.effect, found.variance) == pytest.approx(expected, rel=1e-12)
    assert found.steps[0].startswith(f"{measure} from the counts")


def test_ratio_of_the_right_kind_is_taken_as_it_is() -> None:
    found = put_on_scale(contrast(measure="RR", estimate=0.3, se=0.1), SLEEP, HIGHER, "RR")
    assert (found.effect, found.variance) == pytest.approx((0.3, 0.01))
    assert found.unit == "log risk ratio"


@pytest.mark.parametrize("measure", ["OR", "RD"])
def test_an_arm_brings_its_own_variance_into_every_comparison_of_its_trial(measure: str) -> None:
    """The arm of 20 of 40 has one variance, whomever it is compared with: odds 1/20 + 1/20, risks 20 20 / 40^3."""
    expected = {"OR": 1 / 20 + 1 / 20, "RD": 20 * 20 / 40**3}[measure]
    for events, n in ((15.0, 60.0), (30.0, 45.0)):
        counts = contrast(measure="RR", estimate=0.1, se=0.2, arm_share=0.123, events=(20.0, 40.0, events, n))
        found = put_on_scale(counts, CRY, HIGHER, measure)
        assert found.arm_share is not None
        assert found.arm_share * found.variance == pytest.approx(expected)
        turned = put_on_scale(counts.reversed(), CRY, HIGHER, measure)
        assert turned.arm_share == pytest.approx(1 - found.arm_share)


def test_the_share_of_a_ratio_of_risks_stays_that_of_the_contrast() -> None:
    counts = contrast(measure="RR", estimate=0.1, se=0.2, events=(20.0, 40.0, 15.0, 60.0))
    assert put_on_scale(counts, CRY, HIGHER, "RR").arm_share is None
