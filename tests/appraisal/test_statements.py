"""Every statement about a result: its verb follows the certainty, its object the size, and it carries k and n."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import evidence as ev
from evidence.appraisal.audit.bearings import bearing_of
from evidence.appraisal.audit.judge import NOT_ADDRESSED, judge
from evidence.appraisal.certainty.evidence import Evidence, gather
from evidence.appraisal.certainty.grade import LEVELS, rate
from evidence.appraisal.changes import changes, reading
from evidence.appraisal.statements import SIZES, Finding, certainty_levels, compared_with, finding_of
from evidence.tables.protocol.audit import AuditRule
from evidence.tables.review import Review
from evidence.wording import capital

if TYPE_CHECKING:
    from tests.conftest import SmallReview

COMBINED = "manual-usual-disability-short"


@pytest.fixture(scope="module")
def findings(review: Review) -> list[Finding]:
    return [ev.finding(review, name) for name in review.analyses]


def at(review: Review, level: str, *, estimate: float | None = None, half: float = 0.01) -> Finding:
    """The same finding with another level, and another estimate with an interval of this half width."""
    body = gather(review, COMBINED)
    assert body.fit is not None
    if estimate is not None:
        fit = replace(body.fit, estimate=estimate, ci_low=estimate - half, ci_high=estimate + half)
        body = replace(body, fit=fit)
    return finding_of(review, body, replace(rate(body), level=level))


@pytest.mark.parametrize(
    ("level", "start"),
    [
        ("high", "Manual therapy reduces disability"),
        ("moderate", "Manual therapy probably reduces disability"),
        ("low", "Manual therapy may reduce disability"),
        ("very low", "The evidence is very uncertain about the effect of manual therapy on disability"),
    ],
)
def test_the_verb_says_how_certain_the_result_is(review: Review, level: str, start: str) -> None:
    assert at(review, level).sentence.startswith(start)


@pytest.mark.parametrize(
    ("estimate", "size", "words"),
    [
        (-0.01, SIZES[0], "may make little to no difference to disability"),
        (-0.2, SIZES[1], "may slightly reduce disability"),
        (0.2, SIZES[1], "may slightly increase disability"),
        (-0.3, SIZES[2], "may reduce disability"),
        (-0.9, SIZES[3], "may result in a large reduction in disability"),
    ],
)
def test_the_object_says_how_large_the_effect_is(
    review: Review, estimate: float, size: str, words: str
) -> None:
    one = at(review, "low", estimate=estimate)
    assert one.size == size
    assert words in one.clause


def test_little_difference_never_hides_that_the_interval_holds_one_that_matters(review: Review) -> None:
    wide = at(review, "low", estimate=-0.05, half=0.5)
    assert "little to no difference" in wide.clause
    assert "also allows for a benefit that matters, no difference or a harm that matters" in wide.numbers
    assert wide.fit is not None
    assert reading(wide, wide.fit) == "no clear difference"
    open_ = at(review, "low", estimate=-0.2, half=0.15)
    assert open_.fit is not None
    assert reading(open_, open_.fit) == "a benefit that may matter"
    small = at(review, "low", estimate=-0.1, half=0.05)
    assert small.fit is not None
    assert reading(small, small.fit) == "a benefit too small to matter"


def test_very_uncertain_is_said_of_very_low_certainty_alone(findings: list[Finding]) -> None:
    for one in findings:
        assert ("very uncertain" in one.sentence) == (one.level == "very low"), one.analysis.id
        for strength, level in (("probably", "moderate"), (" may ", "low")):
            assert (strength in one.clause) == (one.level == level), one.analysis.id


def test_every_statement_with_a_number_carries_its_trials_and_people(findings: list[Finding]) -> None:
    for one in findings:
        if one.k:
            assert re.search(r"\b\d+ trials?, (at least )?[\d,]+ people", one.sentence), one.analysis.id
            assert f"{one.trials} trial" in one.sentence
        if one.k != one.trials:
            assert f"{one.k} comparisons from {one.trials} trial" in one.sentence


def test_few_trials_are_shown_and_not_combined(review: Review, findings: list[Finding]) -> None:
    few = [one for one in findings if 0 < one.trials < review.protocol.model.minimum_studies]
    assert few
    for one in few:
        assert one.fit is None
        assert "shown and not combined" in one.sentence
        assert all(str(label) in one.numbers for label in one.effects["label"])
        assert one.level == ""


def test_an_interval_beyond_the_scale_is_never_printed(findings: list[Finding]) -> None:
    for one in findings:
        for low, high in zip(one.effects["ci_low"], one.effects["ci_high"], strict=True):
            if one.words.leaves(low, high):
                assert one.words.within(low, high) == "its interval leaves the scale"
        assert "inf" not in re.findall(r"\w+", one.sentence)
        assert "∞" not in one.sentence


def test_no_machine_language_in_a_statement(review: Review, findings: list[Finding]) -> None:
    for one in findings:
        assert not one.sentence[0].islower()
        assert not re.search(r"_|\bnan\b|None", one.sentence), one.sentence
        assert one.analysis.id not in one.sentence


def test_there_is_one_definition_of_each_level() -> None:
    table = certainty_levels()
    assert list(table["certainty"]) == list(reversed(LEVELS))
    assert not table["meaning"].duplicated().any()


def effects_judged(body: Evidence, row: int) -> Evidence:
    """The same body of evidence with the trial of one row judged fully."""
    study = body.effects.loc[row, "study"]
    risk = body.effects["risk_of_bias"].mask(body.effects["study"] == study, "some concerns")
    return replace(body, effects=body.effects.assign(risk_of_bias=risk))


def test_what_would_change_a_result_is_worked_out(review: Review) -> None:
    name = "manual-usual-pain-short"
    body = gather(review, name)
    one = finding_of(review, body, rate(body))
    found = changes(review, one, body)
    without = ev.bias_sensitivity(review, name).fits["without high risk"]
    row = found[found["what"].str.startswith("Without the trials judged at high risk")].iloc[0]
    assert without is not None
    assert (row["estimate"], row["ci_low"]) == pytest.approx((without.estimate, without.ci_low), rel=1e-12)
    assert row["changed"] == (row["reading"] != reading(one, one.fit)) if one.fit else False
    # What nobody judged fully is not shown to be any better.
    left = body.effects[body.effects["risk_of_bias"] != "high"]
    assert set(left["risk_of_bias"]) <= {"not judged", "not fully judged"}
    assert f" (none of the {left['study'].nunique()} left was fully judged): " in row["sentence"]
    some = effects_judged(body, left.index[0])
    found = changes(review, finding_of(review, some, rate(some)), some)
    assert found["sentence"].str.contains(" left were not fully judged): ", regex=False).any()
    # Leaving out a trial is what `leave_one_out` does, but with all its comparisons.
    first = found[found["kind"] == "trial"].iloc[0]
    label = first["what"].removeprefix("Without ")
    keep = (body.effects["label"] != label).to_numpy()
    again = body.rule.combine(body.effects[keep])[0]
    assert again is not None
    assert first["estimate"] == pytest.approx(again.estimate, rel=1e-12)


def test_a_question_without_a_combined_result_says_what_is_lacking(review: Review) -> None:
    found = ev.answer_question(review, "massage-sham", deep=False)
    assert found.lead.fit is None
    assert found.people == {}
    assert "more trial" in found.changes["sentence"].iloc[0]
    assert found.record()["findings"][0]["single"]


def test_an_unknown_question_is_named(review: Review) -> None:
    with pytest.raises(ev.DataError, match="did you mean massage-sham"):
        ev.answer_question(review, "massage-sam")


def test_results_of_one_trial_that_are_shown_apart_name_their_groups(findings: list[Finding]) -> None:
    seen = 0
    for one in (one for one in findings if one.fit is None and one.k):
        for label, rows in one.effects.groupby("label"):
            seen += len(rows) > 1
            for row in rows.itertuples():
                apart = len(rows) > 1 or one.beyond[list(one.effects.index).index(row.Index)]
                name = f"{label} ({row.arm} v {row.comparator}): " if apart else f"{label}: "
                assert name in one.numbers
    assert seen


@pytest.mark.parametrize(
    ("times", "lacking", "clause"),
    [
        ([10, 10], "2 trials", "Two trials report the effect"),
        (
            ["", ""],
            "2 trials without a stated time",
            "; two do not state their time",
        ),
        (
            [10, ""],
            "2 trials, 1 of them without a stated time",
            "Two trials, one of which does not state the ",
        ),
        (
            [""],
            "1 trial without a stated time",
            "No trial is known to report the effect",
        ),
        ([10], "1 trial", "One trial reports the effect"),
    ],
)
def test_a_result_without_its_time_is_no_report_of_every_time(
    small: SmallReview, times: list[Any], lacking: str, clause: str
) -> None:
    for name, weeks in zip(("ava", "ben"), times, strict=False):
        small.trial(name, a="singing, 40", b="silence, 40")
        small.contrast(name, "a", "b", p_value=0.04, p_operator="=", timepoint_weeks=weeks)
    answer = ev.answer_question(small.read(), "singing", deep=False)
    found = answer.findings[0]
    assert found.lacking == lacking
    assert clause in found.sentence
    more = f" more trials would allow combining \u201c{found.analysis.title}\u201d."
    assert more in answer.summary()
    assert f"Without such numbers: {lacking}." in answer.summary()


@pytest.mark.parametrize(
    ("reported", "lacking", "clause"),
    [
        (0, "no trial reports it", "No trial reports the effect"),
        (1, "the protocol leaves out 1 trial", "The protocol leaves out the trial that reports the effect"),
        (2, "the protocol leaves out 2 trials", "The protocol leaves out the trials that report the effect"),
    ],
)
def test_what_no_trial_reports_and_what_the_protocol_leaves_out_are_two_things(
    small: SmallReview, reported: int, lacking: str, clause: str
) -> None:
    for name in ("ava", "ben"):
        small.trial(name, a="singing, 40", b="silence, 40")
    for name in ("ava", "ben")[:reported]:
        small.contrast(name, "a", "b", p_value=0.04, p_operator="=")
    small.protocol["set_aside"] = [{"trial": name, "reason": "adults"} for name in ("ava", "ben")]
    review = small.read()
    found = ev.finding(review, "singing-crying-short")
    assert (found.lacking, found.reported) == (lacking, 0)
    assert found.sentence.startswith(clause)
    assert ev.results_table(review, ["singing-crying-short"]).shown["Result"].item() == capital(lacking)
    judged = judge(bearing_of(review, found.analysis), AuditRule())
    assert judged.verdict == NOT_ADDRESSED
    left = f"no trial that the protocol takes reports it; {lacking}"
    assert judged.reason == (left if reported else "no trial reports it")


def test_no_event_in_either_group_is_no_finding_of_no_difference(small: SmallReview) -> None:
    small.protocol["outcomes"]["settled"] = {"measure": "RD", "better": "higher", "prefer": ["settled"]}
    for name, events in (("ava", (0, 0)), ("ben", (2, 2))):
        small.trial(name, a="singing, 40", b="silence, 40")
        for arm, count in zip("ab", events, strict=True):
            small.arm(name, arm, "settled", events=count, n=40)
    small.protocol["model"] = {"minimum_studies": 3}
    numbers = ev.finding(small.read(), "singing-settled-short").numbers
    assert "Ava: none in either group (95% interval: " in numbers
    # Nor is an estimate that rounds to nothing.
    assert "Ben: 0.0 fewer or more of 100 people (" in numbers


def test_people_are_a_least_number_where_a_trial_does_not_state_its_size(filled: SmallReview) -> None:
    name = "singing-crying-short"
    for said, unknown in (("180", False), ("at least 180", True)):
        if unknown:
            filled.trial("cy", song="singing", quiet="silence")
            filled.contrast("cy", "song", "quiet", estimate=-1.5, ci_low=-2.5, ci_high=-0.5)
        review = filled.read()
        found, bearing = ev.finding(review, name), bearing_of(review, review.analyses[name])
        assert found.people == said
        assert found.base == f"{2 + unknown} trials, {said} people"
        assert bearing.told.endswith(f"{found.base}; {bearing.certainty} certainty")
        table = ev.analyses_table(review).set_index("question")["patients in them"]
        assert table[found.analysis.title] == said


def test_a_comparison_of_packages_names_its_groups(review: Review) -> None:
    electrotherapy = ev.finding(review, "massage-electrotherapy-disability-short")
    assert electrotherapy.numbers.startswith("Hsieh 2006 (Acupressure v Physical therapy): ")
    other = ev.finding(review, "massage-active-pain-long").numbers
    assert "Little 2008 (ATEAM) (Massage + exercise prescription v 24 Alexander lessons alone): " in other
    assert other.startswith("Cherkin 2001: ")


def test_what_the_combined_trials_compared_with_follows_from_their_arms(review: Review) -> None:
    said = {
        name: compared_with(review, ev.finding(review, name).effects)
        for name in ("massage-usual-pain-short", "with-exercise-usual-disability-short")
    }
    assert list(said.values()) == [
        "usual care (2 trials) and education (1 trial)",
        "usual care (3 trials) and education (1 trial)",
    ]


def test_a_group_without_its_part_says_so(review: Review) -> None:
    told = ev.answer_question(review, "manual-other", deep=False).changes["sentence"]
    assert told.str.startswith("Compared with another active treatment other than exercise: ").any()
    assert told.str.contains(r"; \d trials, [\d,]+ people\)").any()
    usual = ev.answer_question(review, "manual-usual", deep=False).changes["sentence"]
    assert usual.str.startswith(
        "Compared with usual care alone: "
    ).any()  # no trial of the group had education
    assert not usual.str.contains("sham").any()


def test_what_is_not_combined_is_told_as_its_trial_printed_it(review: Any) -> None:
    printed: Any = review.contrast_results.set_index("result_id")
    seen = 0
    for name in review.analyses:
        found = ev.finding(review, name)
        for own, row in zip(found.own, found.effects.to_dict("records"), strict=bool(found.own)):
            ids = row["result_ids"]
            if ids not in printed.index or (source := printed.loc[ids])["ci_low"] != source["ci_low"]:
                continue
            if row["reported_measure"] == "MD":
                factor = abs(own.value / source["estimate"]) if source["estimate"] else 1.0
                told = own.low, own.high
            else:
                factor, told = 1.0, (math.exp(own.low), math.exp(own.high))
            bounds = sorted(factor * abs(source[bound]) for bound in ("ci_low", "ci_high"))
            assert sorted(map(abs, told)) == pytest.approx(bounds), row["label"]
            seen += 1
    assert seen >= 15


def test_a_trial_on_the_instrument_of_the_unit_keeps_its_own_points(review: Any) -> None:
    found = ev.finding(review, "manual-exercise-disability-long")
    assert (
        "Petersen 2011: 1.5 points of 24 more disability (RMDQ; 95% interval: 0.2 to 2.9 more)"
        in found.numbers
    )
    other = ev.finding(review, "manual-psychological-disability-short").numbers
    assert other.startswith(
        "Castro 2022: 4.8 points of 100 more disability (ODI; 95% interval: 1.1 to 8.4 more)"
    )
    # The scale of the row goes before the usual one, and where none is known there are points and no more.
    assert "1.9 points of 23 less" in ev.finding(review, "massage-acupuncture-disability-long").numbers
    assert "0.068 points more" in ev.finding(review, "massage-usual-quality-of-life-short").numbers


def test_remarks_name_what_a_reader_could_take_for_something_else(review: Any) -> None:
    assert "(from medians; 95%" in ev.finding(review, "manual-sham-pain-short").numbers
    assert "(RMDQ; from group means; 95%" in ev.finding(review, "massage-sham-disability-short").numbers
    assert "(complete remission; 95%" in ev.finding(review, "manual-usual-responder-long").numbers
