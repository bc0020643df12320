from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

import evidence as ev
from evidence.appraisal.audit.bearings import bearing_of
from evidence.appraisal.audit.judge import UNCERTAIN, judge
from evidence.appraisal.harms import harms_accounted
from evidence.tables.protocol.audit import AuditRule


@pytest.fixture
def harmed(filled: Any) -> Any:
    """Of four trials one counts hoarse babies, one says something in words; hoarseness is a harm."""
    filled.protocol["outcomes"]["hoarse"] = {"measure": "RR"}
    filled.protocol["groups"] = {"harms": {"title": "Harms"}}
    filled.protocol["windows"]["ever"] = {}
    filled.protocol["analyses"].append(
        {
            "id": "hoarse",
            "group": "harms",
            "intervention": "singing",
            "rocking": "either",
            "comparator": ["inactive"],
            "outcomes": ["hoarse"],
            "windows": ["ever"],
        }
    )
    for arm, events, n in (("song", 2, 40), ("quiet", 0, "")):
        filled.arm(
            "ava",
            arm,
            "",
            outcome="hoarse",
            statistic="count",
            events=events,
            n=n,
            as_reported=f"{events} hoarse",
        )
    for name in ("cid", "dora"):
        filled.trial(name, song="singing, 30", quiet="silence, 30")
    filled.rows["trials"][-1]["harms"] = "nobody was hoarse"
    return filled


def test_each_trial_in_its_own_words(harmed: Any) -> None:
    told = ev.harms_table(harmed.read())
    assert told["Trial"].tolist() == ["Ava", "Dora"]
    assert told["Counted"].tolist() == ["Song 2 of 40, Quiet 0 (of how many is not stated)", ""]
    assert told["In words"].tolist() == ["2 hoarse; 0 hoarse", "Nobody was hoarse"]
    assert told["Place"].tolist()[1] == "remark of a reader"


def test_how_little_is_known(harmed: Any) -> None:
    said = ev.harms_statement(harmed.read())
    assert said.startswith(
        "2 of 4 trials say anything about harm in the texts read, and 1 counts it, among 40 people with "
        "singing. "
    )
    # Three over 40 people are 7.5 in 100.
    assert "Among so many, a harm of fewer than about 8 in 100 could easily stay unseen." in said


def test_a_group_without_its_size_is_not_given_that_of_its_arm(harmed: Any) -> None:
    harmed.add(
        "instruments", instrument="any hoarseness", construct="hoarse", family="any", higher_means="worse"
    )
    for row in harmed.rows["arm_results"]:
        if row["outcome"] == "hoarse":
            row.update(n="", instrument="any hoarseness")
    review = harmed.read()
    counted = '"any hoarseness": Song 2 (of how many is not stated), Quiet 0 (of how many is not stated)'
    assert ev.harms_table(review)["Counted"].iloc[0] == counted
    said = ev.harms_statement(review)
    assert "among 40 people with singing (40 as randomised). " in said


def test_people_of_an_effect_are_said_to_be_those_randomised(harmed: Any) -> None:
    harmed.add(
        "instruments", instrument="any hoarseness", construct="hoarse", family="any", higher_means="worse"
    )
    for row in harmed.rows["arm_results"]:
        row["instrument"] = row["instrument"] or "any hoarseness"
    assert ev.finding(harmed.read(), "hoarse-hoarse-ever").numbers.endswith("1 trial, 90 people randomised")


def test_without_counts_and_without_the_question(harmed: Any, filled: Any) -> None:
    harmed.rows["arm_results"] = harmed.rows["arm_results"][:4]
    assert "how often harm happens is not known" in ev.harms_statement(harmed.read())
    harmed.protocol["groups"], harmed.protocol["analyses"] = {}, harmed.protocol["analyses"][:3]
    review = harmed.read()
    assert ev.harms_statement(review) == ""
    assert ev.harms_table(review)["Trial"].tolist() == ["Dora"]


def test_no_harm_that_a_trial_reports_is_lost(review: Any) -> None:
    told = ev.harms_table(review)
    labels = review.trials.set_index("trial_id")["label"]
    outcomes = {one.outcome for one in review.protocol.question_groups["harms"]}
    for table in (review.arm_results, review.contrast_results):
        rows = table[table["outcome"].isin(outcomes)]
        assert set(labels[rows["trial_id"]]) <= set(told["Trial"])
    assert set(review.trials.loc[review.trials["harms"] != "", "label"]) <= set(told["Trial"])
    assert str(len(told)) in ev.harms_statement(review)


def test_people_without_the_treatment_do_not_count(harmed: Any) -> None:
    """Among those who were not treated the treatment can do no harm."""
    for row in harmed.rows["arm_results"]:
        if row["outcome"] == "hoarse":
            row["n"] = 40
    assert "among 40 people with singing. " in ev.harms_statement(harmed.read())


def test_the_treatment_is_named_and_the_one_for_which_nobody_counts(harmed: Any) -> None:
    """What befell people with one treatment says nothing of another one."""
    harmed.add("instruments", instrument="any", construct="hoarse", family="any", higher_means="worse")
    for row in harmed.rows["arm_results"]:
        if row["outcome"] == "hoarse":
            row.update(n=40, instrument="any")
    harmed.protocol["analyses"].append(
        deepcopy(harmed.protocol["analyses"][-1])
        | {"id": "rocked", "intervention": "rocking", "singing": "either"}
    )
    del harmed.protocol["analyses"][-1]["rocking"]
    said = ev.harms_statement(harmed.read())
    assert "among 40 people with singing; none counts it for rocking. " in said
    assert "Hoarse: Ava, 2 of 40 (Song) and 0 of 40 (Quiet). " in said


def test_every_trial_that_tells_of_harm_is_accounted_for(harmed: Any) -> None:
    """It counts for a comparison, or is named with the reason: the protocol leaves it out, or none is asked."""
    harmed.trial("ewa", song="singing, 30", quiet="silence, 30")
    harmed.rows["trials"][-1]["harms"] = "none"
    harmed.protocol["set_aside"] = [{"trial": "ewa", "reason": "two accounts of it"}]
    harmed.trial("fay", song="singing, 30", other="singing+humming, 30")
    harmed.rows["trials"][-1]["harms"] = "none"
    review = harmed.read()
    table = ev.harms_table(review).set_index("Trial")["Counts for"]
    assert table["Ava"] == table["Dora"] == review.analysis("hoarse-hoarse-ever").comparison
    assert table["Ewa"] == "left out (set aside by the protocol: two accounts of it)"
    assert table["Fay"] == "none: no two groups that differ in singing alone"
    assert harms_accounted(review) == (
        "Of the 4 trials, 2 count for a comparison above; the protocol leaves out 1 (Ewa); 1 (Fay) has no two "
        "groups that differ in singing alone."
    )
    found = ev.finding(review, "hoarse-hoarse-ever")
    assert (found.in_words, found.left_out) == (1, 1)
    counts = ev.reports_counts(review, ["hoarse-hoarse-ever"]).iloc[0]
    assert counts["Trials"] == counts["With an effect":"Nothing usable"].sum() == 2
    assert counts["Left out by the protocol"] == 1


def test_what_is_added_to_what_both_have_is_compared_with_anything(review: Any) -> None:
    """Who asks for any comparison asks for that with nothing beside the same treatment, too."""
    trials = set(ev.reports_on(review, "manual-harms-adverse-event-whole-trial").trials["trial_id"])
    assert "bronfort-2014" in trials  # manipulation with exercise against the same exercise


def test_harm_told_in_words_alone_is_not_said_to_be_reported_by_nobody(harmed: Any) -> None:
    del harmed.rows["arm_results"][-2:]
    review = harmed.read()
    found = ev.finding(review, "hoarse-hoarse-ever")
    assert (found.in_words, found.reported) == (1, 0)
    assert found.lacking == "1 trial tells of harm in words alone"
    assert found.clause.endswith("; one tells of harm in words alone")
    judged = judge(bearing_of(review, found.analysis), AuditRule())
    assert (judged.verdict, judged.step) == (UNCERTAIN, "not pooled")
    assert "1 with words alone" in judged.reason


def test_words_on_harm_stand_beside_counts_and_speak_of_any_harm_alone(harmed: Any) -> None:
    """Who tells of harm in words is named with those who count it; of which outcome they speak is not said."""
    harmed.protocol["outcomes"]["hospital"] = {"measure": "RR"}
    harmed.protocol["analyses"][-1]["outcomes"].append("hospital")
    for row in harmed.rows["arm_results"][-2:]:
        row["events"] = ""
    review = harmed.read()
    found = ev.finding(review, "hoarse-hoarse-ever")
    assert (found.in_words, found.reported) == (1, 1)
    assert found.lacking == "1 trial; 1 trial tells of harm in words alone"
    table = ev.reports_table(review, ["hoarse-hoarse-ever"]).set_index("Trial")
    assert table.loc["Dora", "As printed"] == "nobody was hoarse"
    assert table.loc["Dora", "Why it is not pooled"] == "Harm is told in words alone"
    assert set(ev.evidence_map(review, ["harms"])["label"]) == {"Ava", "Dora"}
    other = ev.finding(review, "hoarse-hospital-ever")
    assert (other.in_words, other.lacking) == (0, "no trial reports it in numbers")
    assert ev.reports_on(review, "hoarse-hospital-ever").trials.empty
