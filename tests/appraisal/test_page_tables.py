"""Tables as pages print them: their headings, and that what is printed is what was found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import evidence as ev
from evidence.appraisal.audit.bearings import bearing_of
from evidence.appraisal.certainty.absolute_data import instrument_sd
from evidence.appraisal.page_tables import conclusions_explained
from evidence.report.site.cards import card_html
from evidence.tables.review import Review
from evidence.wording import number


def test_a_sequential_analysis_says_of_which_distribution_its_z_is(review: Review) -> None:
    name = "manual-inactive-pain-short"
    table = ev.sequential_table(review, [ev.finding(review, name)])
    [z] = table.shown["z (normal distribution)"]
    last = ev.sequential_analysis(review, name).looks.iloc[-1]
    fit = ev.synthesise(review, name, ci="z").fit
    assert fit is not None
    assert z == number(last["z"])
    assert abs(last["z"]) == pytest.approx(abs(fit.statistic))


def test_a_sequential_conclusion_agrees_with_the_interval_of_the_result(review: Review) -> None:
    seen = set()
    for one in [ev.finding(review, name) for name in ev.combined_analyses(review)]:
        table = ev.sequential_table(review, [one])
        if one.fit is None or table.shown.empty:
            continue
        [said], [boundary] = table.shown["Conclusion"], table.shown["Boundary"]
        # The conclusion that no effect is likely rests on another boundary than that of an effect.
        last = ev.sequential_analysis(review, one.analysis).looks.iloc[-1]
        within = said.startswith(("A difference that matters is unlikely", "A difference is not shown"))
        assert within == boundary.endswith("futility")
        if within:
            assert boundary.startswith(f"{number(last['futility'])};")
            assert abs(last["z"]) < last["futility"]
        seen.add(said.partition(";")[0])
        assert one.level != "very low" or not said.startswith("A difference is shown")
        if said.startswith(("A difference is shown", "Beyond what chance alone gives")):
            assert not one.fit.ci_low <= 0 <= one.fit.ci_high
        if said == "A difference that matters is unlikely":
            assert "that matters" not in one.leaves_open
        if said.startswith("A difference is not shown"):
            assert said.endswith(f"also allows for {one.leaves_open}")
    assert {"A difference that matters is unlikely", "A difference is not shown", "Open"} <= seen


def test_a_boundary_that_the_interval_of_the_result_does_not_bear_out_leaves_it_open(
    review: Review,
) -> None:
    one = ev.finding(review, "massage-usual-pain-short")
    assert one.fit is not None
    wide = replace(one, fit=replace(one.fit, ci_low=-30.0, ci_high=2.0))  # type: ignore[type-var]
    told = [ev.sequential_table(review, [each]).shown["Conclusion"].item() for each in (one, wide)]
    assert told == ["Beyond what chance alone gives, in favour of the treatment", "Open"]


def test_smallest_differences_are_named_where_there_are_any(review: Review) -> None:
    assert ev.differences_statement(review) == (
        "Smallest differences that matter: pain 10 points of 100 and disability 0.3 SD (1.35 points of 24); for "
        "patients who improve, quality of life, any adverse event and serious adverse events 0.5 SD or a ratio of "
        "1.25."
    )


def test_a_difference_that_the_protocol_does_not_name_is_not_declared(filled: Any) -> None:
    said = ev.differences_statement(filled.read())
    assert said.startswith("None is declared for ")
    assert said.endswith("their certainty is rated with 0.5 SD or a ratio of 1.25.")


def test_people_of_one_trial_are_not_given_for_two(review: Review) -> None:
    name = "massage-active-pain-long"
    one = ev.finding(review, name)
    assert one.trials == 2
    assert one.effects["n"].isna().any()
    assert ev.results_table(review, [name]).shown["People"].item() == one.people == f"at least {one.n:,.0f}"
    table = ev.analyses_table(review).set_index("question")
    assert table.loc[one.analysis.title, "patients in them"] == one.people
    bearing = replace(bearing_of(review, one.analysis), estimate=-1.0, ci_low=-2.0, ci_high=0.0)
    assert f"{one.people} people" in bearing.told


def test_numbers_against_a_third_group_are_said_to_stand_in_the_network(review: Review) -> None:
    name = "added-to-exercise-disability-short"
    table = ev.reports_table(review, [name]).set_index("Trial")
    why = str(table.loc["UK BEAM 2004", "Why it is not pooled"])
    assert why.endswith("; the network of treatments takes them")
    networked = set(ev.network_data(review, "disability", "short", nodes="coarse")["trial_id"])
    assert "uk-beam-2004" in networked
    # Where nothing else answers the question, the result itself says so.
    shown = ev.results_table(review, ["combined-manual-disability-short"]).shown["Result"]
    assert shown.item() == "No usable numbers but in the network of treatments"


def test_what_is_not_known_of_a_new_trial_says_why(review: Review) -> None:
    same, apart = "manual-inactive-disability-short", "manual-usual-pain-short"
    found = [ev.finding(review, name) for name in (same, apart)]
    assert [bool(one.predicted) for one in found] == [False, True]
    why = "Not known: no difference between the trials was found, and few cannot rule one out"
    told = ev.results_table(review, [same, apart]).shown["True effect in a new trial"].tolist()
    assert told[0] == why
    assert told[1] != why
    chances = ev.patients_table(review, found).shown.filter(like="Chance").iloc[:, 0].tolist()
    assert chances[0] == why
    assert chances[1].endswith("%")


def test_guidelines_keep_their_words(review: Review) -> None:
    table = ev.guidelines_table(review)
    assert table["recommendation"].tolist() == review.guidelines["recommendation"].tolist()
    assert table["source"].str.startswith("http").all()


def test_points_of_a_familiar_scale_name_the_standard_deviation_and_its_trials(review: Any) -> None:
    sd, trials = instrument_sd(review, "RMDQ")
    said = f"1 standard deviation = {sd:.1f} RMDQ points (median of {trials} trials)"
    assert ev.points_statement(review).endswith(f": for disability {said}.")
    answer = ev.answer_question(review, "manual-usual", deep=False)
    page = card_html(answer.record(), whole=False)
    assert page.count(said) == 1  # beside the unit
    assert said not in card_html(answer.record())
    assert said in ev.absolute_effects(review, "manual-usual-disability-short").summary()


def test_without_an_instrument_differences_stay_in_standard_deviations(filled: Any) -> None:
    assert ev.points_statement(filled.read()) == "Standardised differences are told in standard deviations."


def test_every_conclusion_of_a_sequential_table_is_explained_and_no_other(review: Any) -> None:
    every = set()
    for question in review.protocol.question_groups.values():
        shown = ev.sequential_table(review, [ev.finding(review, one) for one in question]).shown
        said = conclusions_explained(shown)
        begun = [text.partition(",")[0].partition(";")[0] for text in shown["Conclusion"]]
        assert {one.partition(":")[0] for one in said.split(". ") if one} == set(begun)
        every.update(begun)
    assert {"Open", "Beyond what chance alone gives", "A difference that matters is unlikely"} <= every


def test_each_domain_of_certainty_is_told_with_the_levels_that_it_took(review: Review) -> None:
    found = ev.finding(review, "with-exercise-usual-disability-long")
    table = ev.certainty_reasons([found, ev.finding(review, "massage-sham-pain-short")]).shown
    assert table["Domain"].str.lower().tolist() == [domain.name for domain in found.certainty.domains]
    assert table["Levels"].tolist() == [domain.downgrade for domain in found.certainty.domains]
    # A domain that takes no level has a reason as well.
    spared = table[table["Levels"] == 0].set_index("Domain")
    assert str(spared.loc["Inconsistency", "Why"]).startswith("I\u00b2 is 76%")
