from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t

from evidence.errors import DataError

CRYING = "singing-crying-short"
SLEEP = "singing-sleep-short"


@pytest.fixture(scope="session")
def everything(review: Any) -> pd.DataFrame:
    """Every effect of every analysis of the review, with unsplit arms."""
    return pd.concat([review.effects(name) for name in review.analyses], ignore_index=True)


def one(frame: pd.DataFrame, trial: str, arm: str) -> dict[str, Any]:
    found = frame[(frame["trial_id"] == trial) & (frame["arm_id"] == arm)]
    assert len(found) == 1
    (row,) = found.to_dict("records")
    return {str(name): value for name, value in row.items()}


def test_relaxation_massage_from_its_interval(review: Any) -> None:
    """Cherkin 2011: RMDQ -2.9 (-4.0 to -1.8) at 10 weeks."""
    row = one(review.effects("massage-inactive-disability-short"), "cherkin-2011", "relaxation")
    assert (row["reported_effect"], row["timepoint_weeks"], row["instrument"]) == (-2.9, 10, "RMDQ")
    assert row["reported_se"] == pytest.approx(0.5612, abs=5e-5)
    assert row["reported_se"] == pytest.approx((4.0 - 1.8) / (2 * norm.ppf(0.975)), rel=1e-12)
    for text in ("-2.9", "-4", "-1.8", "0.5612", "RMDQ"):
        assert text in row["derivation"]


def test_massage_against_self_care_from_its_p_value(review: Any) -> None:
    """Cherkin 2001: symptom scores 3.41 v 4.71 of 10 at 10 weeks, P = .01."""
    row = one(review.effects("massage-inactive-pain-short"), "cherkin-2001", "massage")
    assert row["comparator_arm_id"] == "selfcare"
    assert row["reported_effect"] == pytest.approx(-1.3)
    assert row["effect"] == pytest.approx(-13)
    assert row["reported_se"] == pytest.approx(1.3 / t.ppf(0.995, row["n"] - 2), rel=1e-12)
    assert row["form"] == "means with P"
    assert "P = 0.01" in row["derivation"]


def test_favourable_ratios_are_above_one(review: Any) -> None:
    """UK BEAM 2004: 67% v 49% improved."""
    row = one(review.effects("manual-inactive-responder-short"), "uk-beam-2004", "manipulation")
    assert row["effect"] == pytest.approx(math.log((193 / 287) / (125 / 256)))


def test_higher_scores_that_are_better_are_turned(review: Any) -> None:
    """Ferreira 2007: function (PSFS) 2.3 points better."""
    row = one(review.effects("manual-exercise-disability-short"), "ferreira-2007", "smt")
    assert row["reported_effect"] == 2.3
    assert row["effect"] < 0
    assert "the sign is turned" in row["derivation"]


def test_every_effect_is_complete_and_can_be_traced(review: Any, everything: pd.DataFrame) -> None:
    known = set(review.arm_results["result_id"]) | set(review.contrast_results["result_id"])
    sources = pd.concat([review.arm_results, review.contrast_results]).set_index("result_id")["source_url"]
    for row in everything.to_dict("records"):
        ids = row["result_ids"].split("; ")
        assert set(ids) <= known
        assert row["source_url"] in set(sources[ids])
        assert row["source_url"]
    assert np.isfinite(everything[["effect", "se", "variance"]]).all(axis=None)
    np.testing.assert_allclose(everything["se"] ** 2, everything["variance"])
    np.testing.assert_allclose(
        everything["ci_high"] - everything["ci_low"], 2 * 1.959964 * everything["se"], rtol=1e-6
    )
    assert everything["arm_share"].between(0, 1, inclusive="neither").all()


def test_derivations_hold_the_numbers(everything: pd.DataFrame) -> None:
    for row in everything.to_dict("records"):
        text = row["derivation"]
        numbers = [float(word) for word in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]
        reported, se = row["reported_effect"], row["reported_se"]
        close = [
            # Without any event in either arm there is no reported ratio, only a difference of 0.
            any(math.isclose(abs(value), abs(number), rel_tol=1e-3) or value == number for number in numbers)
            for value in (reported, se)
            if not math.isnan(value)
        ]
        assert all(close), text
        assert text.startswith(f"{row['arm']} v {row['comparator']}, {row['instrument']}")
        scaled = row["effect"] if row["measure"] != "MD" else reported
        assert any(
            math.isclose(abs(scaled), abs(number), rel_tol=1e-3, abs_tol=5e-4) for number in numbers
        ), text


def test_no_doubtful_or_set_aside_row_is_used(review: Any, everything: pd.DataFrame) -> None:
    used = {name for ids in everything["result_ids"] for name in ids.split("; ")}
    assert not used & set(review.doubtful["result_id"])
    aside = {entry.trial for entry in review.protocol.set_aside if entry.trial}
    assert not aside & set(everything["trial_id"])
    instruments = {entry.instrument for entry in review.protocol.set_aside if entry.instrument}
    assert not instruments & set(everything["instrument"])


def test_doubtful_rows_come_in_when_asked_for(review: Any) -> None:
    doubtful = set(review.doubtful["result_id"])
    brought = set()
    for name in review.analyses:
        used = review.effects(name, doubtful=True)["result_ids"]
        brought |= {one for ids in used for one in ids.split("; ")} & doubtful
    assert len(brought) >= 5


def test_margins_and_cells_of_a_factorial_trial_are_never_together(
    review: Any, everything: pd.DataFrame
) -> None:
    kinds = review.arms.set_index(["trial_id", "arm_id"])["kind"]
    seen = 0
    for _, group in everything.groupby(["analysis", "trial_id"]):
        margins = {
            kinds[row["trial_id"], row[side]] == "margin"
            for row in group.to_dict("records")
            for side in ("arm_id", "comparator_arm_id")
        }
        assert len(margins) == 1
        seen += margins == {True}
    assert seen >= 2


def test_trials_of_the_same_patients_are_never_together(review: Any, everything: pd.DataFrame) -> None:
    for _, group in everything.groupby("analysis"):
        for same in review.protocol.same_patients:
            assert len(set(same.trials) & set(group["trial_id"])) <= 1


def test_smd_never_mixes_statistics_within_a_trial(everything: pd.DataFrame) -> None:
    smd = everything[everything["measure"] == "SMD"]
    assert (smd.groupby(["analysis", "trial_id"])["statistic"].agg(set).str.len() == 1).all()


def test_smd_brings_in_more_trials(review: Any) -> None:
    more = 0
    for name, analysis in review.analyses.items():
        if analysis.outcome == "pain":
            usual, wider = review.effects(name), review.effects(name, measure="SMD")
            more += wider["trial_id"].nunique() > usual["trial_id"].nunique()
            assert set(wider["measure"]) <= {"SMD"}
    assert more >= 3


def test_intervals_have_the_level_of_the_protocol(review: Any) -> None:
    model = review.protocol.model.model_copy(update={"level": 0.8})
    narrow = replace(review, protocol=review.protocol.model_copy(update={"model": model}))
    effects = narrow.effects("manual-inactive-disability-short", multi_arm="average")
    np.testing.assert_allclose(effects["ci_high"] - effects["effect"], 1.281552 * effects["se"], rtol=1e-6)


def test_refusing_assumptions_leaves_only_effects_without_them(review: Any) -> None:
    name = "manual-inactive-disability-short"
    every, strict = review.effects(name), review.effects(name, refuse=("adjusted", "allocation"))
    assert 0 < len(strict) < len(every)
    assert not strict["assumptions"].str.contains("adjusted|allocation").any()


def test_all_comparisons_have_a_status_and_a_reason(review: Any) -> None:
    frame = review.comparisons("massage-inactive-pain-short")
    pooled = frame["status"] == "pooled"
    assert set(frame["status"]) == {"pooled", "not poolable"}
    assert (frame["reason"][~pooled] != "").all()
    assert (frame["reason"][pooled] == "").all()
    assert frame["effect"].notna().equals(pooled)
    assert frame["status"].is_monotonic_decreasing


def test_unknown_analysis(review: Any) -> None:
    with pytest.raises(DataError, match="did you mean massage-inactive-pain-short"):
        review.effects("massage-inactive-pain-shrt")


def test_an_analysis_object_will_do(review: Any) -> None:
    analysis = review.analyses["massage-inactive-pain-short"]
    pd.testing.assert_frame_equal(review.effects(analysis), review.effects(analysis.id))


def test_columns_are_the_same_with_and_without_results(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3, sd=2)
    small.arm("ava", "quiet", mean=4, sd=2)
    review = small.read()
    full, empty = review.effects(CRYING), review.effects("singing-crying-long")
    assert len(full) == 1
    assert empty.empty
    assert list(full) == list(empty)


def test_descriptions(small: Any) -> None:
    small.trial("ava", song="singing+rocking+routine, 40", habit="routine, 50")
    small.contrast("ava", "song", "habit", estimate=-1, se=1, locator="table 2")
    for domain in ("sequence", "blinding"):
        small.add("risk_of_bias", trial_id="ava", domain=domain, judgement="low", basis="said so")
    (row,) = small.read().effects(CRYING).to_dict("records")
    expected = {
        "label": "Ava", "year": 2001, "arm": "Song", "comparator": "Habit", "comparator_group": "usual",
        "rocking": "with the intervention", "risk_of_bias": "low", "source": "full text: table 2",
        "unit": "points of 0 to 100", "n": 90, "assumptions": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("judgements", "overall"),
    [
        ({"sequence": "low", "blinding": "low"}, "low"),
        ({"sequence": "low"}, "not fully judged"),  # blinding may be worse
        ({"sequence": "low", "blinding": "unclear"}, "some concerns"),
        ({"sequence": "high", "blinding": "low"}, "high"),
        ({}, "not judged"),
    ],
)
def test_risk_of_bias_is_the_worst_judgement(filled: Any, judgements: dict[str, str], overall: str) -> None:
    filled.add("risk_of_bias", trial_id="ben", domain="sequence", judgement="high", basis="x")
    filled.add("risk_of_bias", trial_id="ben", domain="blinding", judgement="high", basis="x")
    for domain, judgement in judgements.items():
        filled.add("risk_of_bias", trial_id="ava", domain=domain, judgement=judgement, basis="x")
    frame = filled.read().effects(CRYING)
    assert one(frame, "ava", "song")["risk_of_bias"] == overall


def test_one_low_domain_of_three_is_not_low_risk(filled: Any) -> None:
    for domain in ("sequence", "blinding", "attrition"):
        filled.add("risk_of_bias", trial_id="ben", domain=domain, judgement="high", basis="x")
    filled.add("risk_of_bias", trial_id="ava", domain="sequence", judgement="low", basis="x")
    assert one(filled.read().effects(CRYING), "ava", "song")["risk_of_bias"] == "not fully judged"


def test_the_protocol_names_the_domains_that_must_be_judged(filled: Any) -> None:
    filled.protocol["risk_of_bias"] = {"key_domains": ["sequence"]}
    for domain, judgement in (("sequence", "low"), ("blinding", "high")):
        filled.add("risk_of_bias", trial_id="ben", domain=domain, judgement=judgement, basis="x")
    filled.add("risk_of_bias", trial_id="ava", domain="sequence", judgement="low", basis="x")
    frame = filled.read().effects(CRYING)
    assert one(frame, "ava", "song")["risk_of_bias"] == "low"
    assert one(frame, "ben", "song")["risk_of_bias"] == "high"


# What must not matter ------------------------------------------------------------------------------------------


def rich(small: Any) -> Any:
    """Fill a review with results in many forms, on two outcomes."""
    small.trial(
        "ava", song="singing, 40", both="singing+rocking, 44", quiet="silence, 50", habit="routine, 30"
    )
    small.trial("ben", song="singing, 20", quiet="humming, 20")
    small.trial("cas", n=120, song="singing+routine", habit="routine")
    for arm, mean in (("song", 3.0), ("both", 2.5), ("quiet", 5.0), ("habit", 4.0)):
        small.arm("ava", arm, mean=mean, sd=2.0)
        small.arm("ava", arm, "SLEEP", mean=20 - mean, se=0.3)
    small.arm("ben", "song", median=4, q1=3, q3=5)
    small.arm("ben", "quiet", mean=5, ci_low=4, ci_high=6)
    small.contrast("ben", "song", "quiet", "NAP", estimate=2, p_value=0.02, p_operator="=")
    small.contrast("cas", "song", "habit", estimate=-1, ci_low=-2, ci_high=0.1, ci_level=95)
    small.contrast("cas", "song", "habit", "SLEEP", estimate=1.5, se=0.5)
    return small


def values(frame: pd.DataFrame) -> np.ndarray:
    return frame[["effect", "variance", "n_arm", "n_comparator"]].to_numpy(dtype=float)


NAMES = st.lists(st.text("abcdefghij", min_size=1, max_size=6), min_size=3, max_size=3, unique=True)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES)
def test_names_of_trials_do_not_matter(small: Any, tmp_path_factory: Any, names: list[str]) -> None:
    renamed = dict(zip(("ava", "ben", "cas"), names, strict=True))
    small = rich(type(small)(tmp_path_factory.mktemp("named")))
    before = small.read()
    for rows in small.rows.values():
        for row in rows:
            if "trial_id" in row:
                row["trial_id"] = renamed[row["trial_id"]]
    after = small.read()
    for analysis in (CRYING, SLEEP):
        first = before.effects(analysis).replace({"trial_id": renamed})
        second = after.effects(analysis)
        keys = ["trial_id", "arm_id", "comparator_arm_id"]
        np.testing.assert_array_equal(values(first.sort_values(keys)), values(second.sort_values(keys)))


def test_exchanged_columns_with_negated_numbers_change_nothing(small: Any) -> None:
    before = rich(small).read()
    for row in small.rows["contrast_results"]:
        row["arm_id"], row["comparator_arm_id"] = row["comparator_arm_id"], row["arm_id"]
        row["estimate"] = -row["estimate"]
        if "ci_low" in row:
            row["ci_low"], row["ci_high"] = -row["ci_high"], -row["ci_low"]
    after = small.read()
    for analysis in (CRYING, SLEEP):
        np.testing.assert_allclose(
            values(before.effects(analysis)), values(after.effects(analysis)), rtol=1e-12
        )


def test_unit_of_a_scale_changes_nothing(small: Any) -> None:
    before = rich(small).read()
    for table in ("arm_results", "contrast_results"):
        for row in small.rows[table]:
            if row["instrument"] == "CRY":
                row.update(scale_min=0, scale_max=100)
                for name in ("mean", "sd", "se", "ci_low", "ci_high", "median", "q1", "q3", "estimate"):
                    if name in row:
                        row[name] *= 10
    after = small.read()
    for options in ({}, {"measure": "SMD"}):
        first, second = before.effects(CRYING, **options), after.effects(CRYING, **options)
        np.testing.assert_allclose(values(first), values(second), rtol=1e-10)


def test_direction_of_an_instrument_turns_its_effects_only(small: Any) -> None:
    before = rich(small).read()
    (row,) = (row for row in small.rows["instruments"] if row["instrument"] == "SLEEP")
    row["higher_means"] = "worse"
    after = small.read()
    np.testing.assert_array_equal(values(before.effects(CRYING)), values(after.effects(CRYING)))
    first, second = before.effects(SLEEP), after.effects(SLEEP)
    turned = first["instrument"] == "SLEEP"
    assert 0 < turned.sum() < len(turned)
    np.testing.assert_array_equal(second["effect"], np.where(turned, -first["effect"], first["effect"]))
    np.testing.assert_array_equal(second["variance"], first["variance"])
