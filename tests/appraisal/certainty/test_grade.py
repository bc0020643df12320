"""The rating of certainty: each rule on made cases, invariances, written judgements, and the small review."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evidence as ev
from evidence.appraisal.certainty.domains import RULES, optimal_information_size
from evidence.appraisal.certainty.evidence import Evidence, combine
from evidence.appraisal.certainty.grade import LEVELS, rate
from evidence.errors import DataError
from evidence.synthesis.rule import PoolingRule
from evidence.tables.protocol.certainty import CertaintyRules
from evidence.tables.protocol.protocol import Analysis, AnalysisSpec

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "certainty.json").read_text())
SPEC = AnalysisSpec(id="a", intervention=("x",), comparator=("y",), outcomes=("o",), windows=("w",))
CRYING = "singing-crying-short"


def body(
    effect: Any,
    se: Any,
    *,
    risk: Any = "low",
    n: float = 1000.0,
    mid: float = 10.0,
    direct: Any = True,
    missing: int = 0,
    withheld: int = 0,
    told: tuple[int, int, int] = (0, 0, 0),
    measure: str = "MD",
    rules: dict[str, Any] | None = None,
    ci: str = "HKSJ",
) -> Evidence:
    """Make a body of evidence out of effects and standard errors."""
    effect = np.atleast_1d(np.asarray(effect, float))
    k = effect.size
    frame = pd.DataFrame(
        {
            "trial_id": [f"t{i}" for i in range(k)],
            "study": [f"t{i}" for i in range(k)],
            "label": [f"Trial {i}" for i in range(k)],
            "effect": effect,
            "variance": np.broadcast_to(np.square(se), k),
            "n": np.broadcast_to(n, k),
            "risk_of_bias": np.broadcast_to(risk, k),
        }
    )
    rule = PoolingRule(2, 4, math.inf, None, {"method": "REML", "ci": ci, "level": 0.95, "prediction": "V"})
    held = np.broadcast_to(direct, k).astype(bool)
    return Evidence(
        analysis=Analysis(id="a-o-w", spec=SPEC, outcome="o", window="w"),
        measure=measure,
        effects=frame,
        missing=tuple(f"m{i}" for i in range(missing)),
        withheld=tuple(f"m{i}" for i in range(withheld)),
        told=told,
        fit=combine(frame, rule),
        direct=held,
        mid=mid,
        sd=20.0 if measure == "MD" else 1.0,
        risk=0.4,
        rules=CertaintyRules(**(rules or {})),
        rule=rule,
    )


def lost(evidence: Evidence) -> dict[str, int]:
    """Levels by domain."""
    return {domain.name: domain.downgrade for domain in rate(evidence).domains}


SOUND: dict[str, Any] = {"effect": [-20.0, -21.0, -19.5], "se": 1.0}


def test_sound_evidence_stays_high() -> None:
    found = rate(body(**SOUND))
    assert found.level == "high"
    assert found.symbols == "⊕⊕⊕⊕"
    assert found.reasons == ()


@pytest.mark.parametrize(
    ("risk", "levels"),
    [
        (["low", "low", "high"], 0),
        (["low", "some concerns", "not judged"], 1),
        (["not judged", "not judged", "not judged"], 1),
        (["low", "high", "high"], 2),  # too few are left without the high ones
        (["high", "high", "high"], 2),  # nothing is left without them
    ],
)
def test_risk_of_bias_by_weight(risk: list[str], levels: int) -> None:
    assert lost(body(**SOUND, risk=risk))["risk of bias"] == levels


def test_the_reason_says_how_many_trials_nobody_judged_fully() -> None:
    found = rate(body(**SOUND, risk=["low", "high", "not judged"]))
    assert found.domains[0].inputs["trials not fully judged"] == 1
    assert "; 1 of 3 trials was not fully judged; " in found.domains[0].reason
    judged = rate(body(**SOUND, risk=["low", "high", "some concerns"]))
    assert "was not" not in judged.domains[0].reason


def test_high_risk_costs_one_level_where_the_result_is_the_same_without_it() -> None:
    risk = ["low"] * 3 + ["high"] * 5
    assert lost(body([-20.0, -21.0, -19.5] + [-20.2] * 5, 1.0, risk=risk))["risk of bias"] == 1


def test_high_risk_costs_two_levels_when_it_carries_the_result() -> None:
    risk = ["high"] * 6 + ["low"] * 3
    found = rate(body([-30.0, -29.0] * 3 + [-5.0] * 3, 1.0, risk=risk))
    domain = found.domains[0]
    assert domain.downgrade == 2
    assert domain.inputs["estimate without high risk"] == pytest.approx(-5.0)
    assert domain.inputs["share high"] == pytest.approx(2 / 3, abs=0.01)


@settings(max_examples=25)
@given(
    risks=st.lists(st.sampled_from(["low", "some concerns", "not judged", "high"]), min_size=1, max_size=6),
    ses=st.lists(st.floats(0.5, 5.0), min_size=7, max_size=7),
)
def test_another_trial_at_high_risk_never_helps(risks: list[str], ses: list[float]) -> None:
    # Where it agrees with the others: one that contradicts them may cancel an opposite bias.
    k = len(risks)
    before = lost(body([-20.0] * k, ses[:k], risk=risks, ci="z"))["risk of bias"]
    more = lost(body([-20.0] * (k + 1), ses[: k + 1], risk=[*risks, "high"], ci="z"))["risk of bias"]
    only_high = all(risk == "high" for risk in risks)
    assert more >= before or only_high


@pytest.mark.parametrize(
    ("effect", "se", "levels"),
    [
        ([-20.0, -21.0, -19.5], 1.0, 0),
        ([-20.0], 1.0, 0),
        ([-22.0, -13.0, -18.0, -11.0, -24.0, -16.0, -19.0, -8.0], 3.5, 1),
        ([-30.0, -2.0, -25.0, 3.0, -28.0, 5.0, -20.0, -1.0], 2.0, 2),
    ],
)
def test_inconsistency(effect: list[float], se: float, levels: int) -> None:
    found = {domain.name: domain for domain in rate(body(effect, se)).domains}["inconsistency"]
    assert found.downgrade == levels, found


def test_one_sign_of_inconsistency_is_not_enough() -> None:
    # A large I2, but nearly all intervals overlap and every effect is far beyond what matters.
    evidence = body([-40.0, -50.0, -46.0, -44.0, -48.0, -53.0], 2.9, mid=2.0)
    found = {domain.name: domain for domain in rate(evidence).domains}["inconsistency"]
    assert found.inputs["I2"] > 50
    assert found.inputs["share of pairs apart"] < 0.2
    assert found.inputs["further thresholds in the prediction interval"] == ""
    assert found.downgrade == 0


def test_indirect_trials() -> None:
    assert lost(body(**SOUND, direct=[True, True, False]))["indirectness"] == 1
    assert (
        lost(body([-20.0, -21.0, -19.5, -20.0], [1.0, 1.0, 1.0, 3.0], direct=[1, 1, 1, 0]))["indirectness"]
        == 0
    )
    assert lost(body([-20.0, -40.0, -41.0], 1.0, direct=[True, False, False]))["indirectness"] == 2
    found = {domain.name: domain for domain in rate(body(**SOUND, direct=[True, True, False])).domains}
    assert "Trial 2" in found["indirectness"].reason


@pytest.mark.parametrize(
    ("effect", "se", "n", "levels"),
    [
        (-20.0, 1.0, 1000.0, 0),
        (-2.0, 1.0, 1000.0, 0),  # surely unimportant
        (-12.0, 4.0, 1000.0, 1),  # an important benefit or less
        (-1.0, 9.0, 1000.0, 2),  # an important benefit, or an important harm
        (-20.0, 1.0, 100.0, 1),  # fewer patients than one trial needs
        (-20.0, 1.0, 30.0, 2),  # far fewer
    ],
)
def test_imprecision(effect: float, se: float, n: float, levels: int) -> None:
    assert lost(body(effect, se, n=n))["imprecision"] == levels


def test_imprecision_without_an_important_difference() -> None:
    assert lost(body(-2.0, 3.0, mid=math.nan))["imprecision"] == 1
    assert lost(body(-20.0, 3.0, mid=math.nan))["imprecision"] == 0


def size_values() -> Iterator[tuple[float, float]]:
    """Optimal information sizes: ours and those of R."""
    for row in REFERENCE["size_means"]:
        evidence = replace(body(-1.0, 1.0, mid=row["mid"]), sd=row["sd"])
        yield optimal_information_size(evidence), row["n"]
    for row in REFERENCE["size_risks"]:
        evidence = replace(body(-1.0, 1.0, mid=math.log(row["ratio"]), measure="RR"), risk=row["p0"])
        yield optimal_information_size(evidence), row["n"]


def test_optimal_information_size_is_that_of_r() -> None:
    for ours, theirs in size_values():
        assert ours == pytest.approx(theirs, rel=1e-12)
    assert math.isnan(optimal_information_size(replace(body(-1.0, 1.0, measure="OR"), risk=math.nan)))


def test_publication_bias_by_each_sign() -> None:
    assert lost(body(**SOUND))["publication bias"] == 0
    # Three can be pooled: most of the others by far, or few that may be missing because of their result.
    assert lost(body(**SOUND, missing=9))["publication bias"] == 1
    assert lost(body(**SOUND, missing=8))["publication bias"] == 0
    assert lost(body(**SOUND, missing=2, withheld=1))["publication bias"] == 1
    assert lost(body(**SOUND, missing=3, withheld=1))["publication bias"] == 0
    assert lost(body(**SOUND, missing=2, rules={"missing_share": 0.4}))["publication bias"] == 1
    assert lost(body(**SOUND, n=60.0))["publication bias"] == 1
    assert lost(body([-1.0, 1.5, 0.2], 1.0, n=60.0))["publication bias"] == 0
    se = np.linspace(1.0, 6.0, 12)
    noise = np.tile([0.4, -0.4], 6) * se
    assert lost(body(-20.0 - 4.0 * se + noise, se))["publication bias"] == 1
    assert lost(body(-20.0 + noise, se))["publication bias"] == 0
    # All alike: the test has nothing to look at, and nothing is held against the evidence.
    assert lost(body([-20.0] * 12, 1.0))["publication bias"] == 0


@settings(max_examples=25)
@given(
    effect=st.lists(st.floats(-40, 40), min_size=1, max_size=12),
    se=st.floats(0.5, 8),
    n=st.floats(20, 400),
    missing=st.integers(0, 6),
    risk=st.sampled_from(["low", "high", "not judged"]),
)
def test_turning_every_sign_changes_nothing(
    effect: list[float], se: float, n: float, missing: int, risk: str
) -> None:
    ses = se * (1 + 0.1 * np.arange(len(effect)))
    risks = [risk, *["low"] * (len(effect) - 1)]
    one, other = (
        lost(body(sign * np.array(effect), ses, n=n, missing=missing, risk=risks)) for sign in (1.0, -1.0)
    )
    assert one == other


@settings(max_examples=25)
@given(
    effect=st.lists(st.floats(-40, 40), min_size=2, max_size=8),
    factor=st.sampled_from([0.25, 4.0]),
    order=st.randoms(),
)
def test_rescaling_and_order_change_nothing(effect: list[float], factor: float, order: Any) -> None:
    ses = 1.0 + 0.3 * np.arange(len(effect))
    one = body(effect, ses)
    places = list(range(len(effect)))
    order.shuffle(places)
    other = body(factor * np.array(effect)[places], factor * ses[places], mid=10.0 * factor)
    assert lost(one) == lost(replace(other, sd=20.0 * factor))


def test_the_level_falls_with_what_is_lost_and_no_further_than_very_low() -> None:
    found = rate(body([-30.0, -2.0, -25.0, 30.0], 2.0, risk="high", missing=9, direct=[1, 1, 0, 0]))
    assert sum(domain.downgrade for domain in found.domains) > 3
    assert found.level == "very low"
    assert len(found.to_frame()) == len(RULES)
    assert len(found.reasons) == sum(domain.downgrade > 0 for domain in found.domains)


def test_without_comparisons() -> None:
    found = rate(body([], 1.0, missing=2))
    assert (found.level, found.k, found.domains) == ("very low", 0, ())
    assert "2 trials reported" in found.note
    assert found.to_frame()["domain"].tolist() == ["no evidence"]
    assert "No evidence" in found.summary()


def override(small: Any, **entry: Any) -> Any:
    small.protocol["certainty"] = {"overrides": [{"analysis": CRYING, "reason": "read in full", **entry}]}
    return small


def test_an_override_stands_beside_the_rule(filled: Any) -> None:
    plain = ev.grade(filled.read(), CRYING)
    computed = {domain.name: domain for domain in plain.domains}["risk of bias"]
    assert computed.downgrade == 1
    assert not computed.overridden
    found = ev.grade(override(filled, domain="risk of bias", downgrade=0).read(), CRYING)
    domain = found.domains[0]
    assert (domain.downgrade, domain.computed, domain.overridden) == (0, 1, True)
    assert domain.reason == "read in full"
    assert domain.computed_reason == computed.reason
    assert LEVELS.index(found.level) == LEVELS.index(plain.level) + 1
    assert "Written judgement" in found.summary()
    assert ev.certainty_table(filled.read(), [CRYING])["overridden"].tolist() == ["risk of bias"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"domain": "taste", "downgrade": 1}, "certainty.overrides.0.domain"),
        ({"domain": "imprecision", "downgrade": 3}, "less than or equal to 2"),
        ({"domain": "imprecision", "downgrade": 1, "reason": ""}, "at least 1 character"),
    ],
)
def test_an_override_must_be_sound(filled: Any, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        override(filled, **entry).read()


def test_names_in_the_rules_must_exist(filled: Any) -> None:
    review = override(filled, analysis="singing-crying-shrot", domain="imprecision", downgrade=1).read()
    with pytest.raises(DataError, match="singing-crying-shrot"):
        ev.grade(review, CRYING)
    for key, value in (("mid_range", {"laughing": [1, 2]}), ("response_outcome", "laughing")):
        filled.protocol["certainty"] = {key: value}
        review = filled.read()
        with pytest.raises(DataError, match="laughing"):
            ev.grade(review, CRYING)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"i2_serious": 80}, "i2_serious must not be above"),
        ({"mid_range": {"crying": [5, 2]}}, "ascending"),
        ({"response_varied": [0.2, 1.0]}, "strictly between"),
        (
            {"overrides": [{"analysis": "a", "domain": "imprecision", "downgrade": 1, "reason": "r"}] * 2},
            "keep one",
        ),
    ],
)
def test_rules_must_be_sound(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CertaintyRules(**rules)


def test_a_small_review_without_rules_is_rated(filled: Any) -> None:
    review = filled.read()
    assert ev.grade(review, CRYING).k == 2
    assert ev.grade(review, "singing-sleep-long").level == "very low"
    with pytest.raises(DataError, match="above 0"):
        ev.grade(review, CRYING, mid=-1)
    with pytest.raises(DataError, match="above 1"):
        ev.grade(review, "singing-settled-short", mid=0.8)
    # Without a named important difference it is half a standard deviation, here of scores on 0 to 100.
    assert ev.grade(review, CRYING).mid == pytest.approx(0.5 * 10 * 2.3, rel=0.05)


def test_a_single_comparison_is_rated_by_its_own_interval(small: Any) -> None:
    small.trial("ava", song="singing, 400", quiet="silence, 400")
    small.arm("ava", "song", mean=3.0, sd=2.0, n=400)
    small.arm("ava", "quiet", mean=5.0, sd=2.0, n=400)
    found = ev.grade(small.read(), CRYING)
    assert found.k == 1
    assert {domain.name: domain.downgrade for domain in found.domains} == {
        "risk of bias": 1,
        "inconsistency": 0,
        "indirectness": 0,
        "imprecision": 0,
        "publication bias": 0,
    }
    assert found.level == "moderate"


def test_what_is_shown_and_not_combined_is_rated_without_a_common_estimate(filled: Any) -> None:
    filled.protocol["model"] = {"minimum_studies": 3}
    review = filled.read()
    assert ev.synthesise(review, CRYING).fit is None
    found = ev.grade(review, CRYING)
    assert found.k == 2
    assert "shown and not combined" in found.note
    assert found.note in found.reasons
    lost_by = {domain.name: domain for domain in found.domains}
    assert lost_by["imprecision"].downgrade == 2
    assert "2 trials" in lost_by["imprecision"].reason
    # No interval of a combination that nobody should make.
    assert not any("CI" in domain.reason for domain in found.domains)


def test_comparisons_that_share_an_arm_and_stay_correlated_count_once(small: Any) -> None:
    small.protocol["model"] = {"multi_arm": "correlated", "minimum_studies": 2}
    for trial in ("ava", "ben"):
        small.trial(trial, song="singing, 36", hum="singing+rocking, 64", quiet="silence, 100")
        for arm, mean, n in (("song", 3.0, 36), ("hum", 2.0, 64), ("quiet", 5.0, 100)):
            small.arm(trial, arm, mean=mean, sd=3.0, n=n)
    review = small.read()
    assert ev.synthesise(review, CRYING).k == 4
    assert ev.grade(review, CRYING).k == 2


def test_equal_effects_have_no_prediction_interval(filled: Any) -> None:
    filled.protocol["model"] = {"method": "EE", "interval": "z", "minimum_studies": 2}
    found = {domain.name: domain for domain in ev.grade(filled.read(), CRYING).domains}
    assert "no prediction interval" in found["inconsistency"].reason


def test_trials_set_aside_or_repeated_are_not_missing(filled: Any) -> None:
    filled.trial("cat", song="singing, 40", quiet="silence, 50")
    filled.contrast("cat", "song", "quiet", "CRY now", p_value=0.01, p_operator="=")
    filled.trial("dan", song="singing, 40", quiet="silence, 50")
    filled.arm("dan", "song", mean=3.0, sd=2.0, n=40)
    filled.arm("dan", "quiet", mean=5.0, sd=2.0, n=50)
    filled.protocol["same_patients"] = [{"trials": ["ava", "dan"], "reason": "same parents"}]
    share = {d.name: d.inputs for d in ev.grade(filled.read(), CRYING).domains}["publication bias"]
    assert share["trials not poolable"] == 1
    filled.protocol["set_aside"] = [{"instrument": "CRY now", "reason": "another question"}]
    share = {d.name: d.inputs for d in ev.grade(filled.read(), CRYING).domains}["publication bias"]
    assert share["trials not poolable"] == 0


@pytest.mark.parametrize(
    ("columns", "withheld"),
    [
        ({"p_value": 0.4, "p_operator": "=", "timepoint_weeks": 8}, 1),
        ({"p_value": 0.05, "p_operator": ">", "timepoint_weeks": 8}, 1),
        ({"estimate": -1.0, "timepoint_weeks": 8}, 1),
        ({"p_value": 0.01, "p_operator": "=", "timepoint_weeks": 8}, 0),
        ({"estimate": -1.0, "p_value": 0.001, "p_operator": "<", "timepoint_weeks": 8}, 0),
        ({"estimate": -1.0, "se": 0.4, "timepoint_weeks": ""}, 0),
        ({"estimate": -1.0, "se": 0.4, "timepoint_weeks": 8, "note": "CHECK: too good"}, 0),
    ],
)
def test_what_may_be_missing_because_of_the_result(
    filled: Any, columns: dict[str, Any], withheld: int
) -> None:
    filled.trial("cat", song="singing, 40", quiet="silence, 50")
    filled.contrast("cat", "song", "quiet", "CRY", **columns)
    inputs = {d.name: d.inputs for d in ev.grade(filled.read(), CRYING).domains}["publication bias"]
    assert inputs["trials not poolable"] == 1
    assert inputs["trials with nothing usable or significant"] == withheld


def test_the_review_is_rated(review: ev.Review) -> None:
    table = ev.certainty_table(review)
    assert set(table["level"]) <= set(LEVELS)
    assert len(table) == len(review.analyses)
    assert table.loc[table["k"] == 0, "imprecision"].isna().all()
    rules = ev.certainty_rules(review)
    assert rules["meaning"].notna().all()
    assert set(RULES) < set(rules["domain"])


def test_other_important_differences(review: ev.Review) -> None:
    name = "massage-inactive-pain-short"
    table = ev.certainty_by_difference(review, name, [5.0, 10.0, 20.0])
    assert table["level"].iloc[1] == ev.grade(review, name).level
    assert table["probability_important"].is_monotonic_decreasing
    assert len(ev.certainty_by_difference(review, name)) == 7
    assert ev.certainty_by_difference(review, name)["important_difference"].iloc[[0, -1]].tolist() == [5, 20]
    standardised = ev.certainty_by_difference(review, "furlan-2015-frame-pain-cochrane-short")
    assert standardised["important_difference"].iloc[[0, -1]].tolist() == pytest.approx([0.25, 1.0])


@pytest.mark.parametrize(
    ("told", "downgrade"),
    [((1, 4, 0), 1), ((0, 0, 5), 1), ((3, 2, 0), 0), ((1, 3, 0), 0), ((5, 0, 0), 0)],
)
def test_trials_without_numbers_that_point_elsewhere_make_publication_bias_suspected(
    told: tuple[int, int, int], downgrade: int
) -> None:
    """A clear result of less; told are trials that point to less, to more, and to neither side."""
    found = rate(body(**SOUND, missing=sum(told), told=told, rules={"missing_share": 1.0}))
    (domain,) = (one for one in found.domains if one.name == "publication bias")
    assert domain.downgrade == downgrade
    if downgrade:
        assert f"that tell a direction only {told[0]} point the same way" in domain.reason
    else:
        assert f"{told[0]} of {sum(told)} that tell a direction point the same way" in domain.reason


def test_the_same_holds_for_a_result_of_more() -> None:
    effects = SOUND | {"effect": [20.0, 21.0, 19.5]}
    downgrades = [
        rate(body(**effects, missing=5, told=told, rules={"missing_share": 1.0})).domains[-1].downgrade
        for told in ((4, 1, 0), (1, 4, 0))
    ]
    assert downgrades == [1, 0]
