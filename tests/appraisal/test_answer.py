"""The answer of a review: what its main questions come to, and on what it rests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.appraisal.answer import status
from evidence.appraisal.effect_words import outcome_words
from evidence.tables.protocol.questions import main_questions
from evidence.tables.review import Review


def certain(level: str) -> Any:
    return lambda review, analysis: SimpleNamespace(level=level)


@pytest.fixture(scope="module")
def answered(review: Review) -> ev.Answer:
    return ev.answer(review)


def test_key_numbers_are_those_of_the_syntheses_in_readable_units(
    review: Review, answered: ev.Answer
) -> None:
    asked = [one.id for question in main_questions(review.protocol) for one in question.analyses]
    assert list(answered.key["analysis"]) == asked
    for row in answered.key.to_dict("records"):
        result = ev.synthesise(review, row["analysis"])
        assert (row["k"], row["trials"], row["n"]) == (result.k, result.trials, result.n)
        if result.fit is None:
            assert np.isnan(row["estimate"])
            assert row["certainty"] == ""
            continue
        words = outcome_words(review, result.analysis.outcome, result.measure)
        assert row["estimate"] == pytest.approx(words.shown(result.fit.estimate), rel=1e-12)
        assert row["certainty"] == ev.grade(review, row["analysis"]).level
    assert len(answered.certainty) == answered.key["estimate"].notna().sum()


def test_the_headline_counts_the_main_questions(review: Review, answered: ev.Answer) -> None:
    main = main_questions(review.protocol)
    assert f"Of the {len(main)} main questions" in answered.headline
    assert f"{len(answered.certainty)} results" in answered.headline
    assert answered.headline in answered.summary()
    assert list(answered.verdicts["claim_id"]) == list(review.claims["claim_id"])


def test_without_groups_each_entry_is_a_question(filled: Any) -> None:
    review = filled.read()
    assert [question.id for question in main_questions(review.protocol)] == [
        spec.id for spec in review.protocol.analyses
    ]


def test_a_review_without_results_has_an_answer(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    found = ev.answer(small.read(), certainty=certain("low"))
    assert "no trial with usable numbers" in found.headline
    assert found.certainty.empty


def test_the_status_counts_trials_sources_and_readers(review: Review) -> None:
    said = status(review)
    trials = review.protocol.count_trials(review.trials["trial_id"])
    assert f"{trials} trials" in said["Trials"]
    # Every page has the same numbers of trials, and of those in an analysis.
    used = ev.prisma_flow(review).stages["trials"].iloc[-1]
    assert f"({used} with the questions of other reviews)" in said["Trials"]
    assert f"**{trials} trials**" in ev.holdings(review).statement
    rows = len(review.arm_results) + len(review.contrast_results)
    abstracts = sum(
        int((t["source_kind"] == "abstract").sum()) for t in (review.arm_results, review.contrast_results)
    )
    assert f"{abstracts:,} of {rows:,} results" in said["Sources"]
    assert "not registered" in said["What this is"]
    assert "not a new systematic search" in said["What this is"]
    assert said["Harm"].startswith("Little is known about harm: ")


def test_effects_in_words(review: Review) -> None:
    words = outcome_words(review, "pain", "MD")
    assert words.change(-11.44) == "11.4 points of 100 less pain"
    assert words.change(11.44, rough=True) == "11 points of 100 more pain"
    assert words.span(-18.3, -4.6) == "4.6 to 18.3 less"
    assert words.span(-27.5, 11.9) == "27.5 less to 11.9 more"
    assert words.span(-27.5, 11.9, unit=True) == "27.5 points of 100 less to 11.9 more"
    assert words.within(-18.3, -4.6) == "95% interval: 4.6 to 18.3 less"
    assert words.within(-153.0, 144.0) == "its interval leaves the scale"
    assert words.important == "10 points of 100"
    assert words.change(-0.04) == "0.0 points of 100 difference in pain"
    # A limit is not rounded to where an estimate below it is.
    assert replace(words, mid=1.35).important == "1.35 points of 100"
    assert words.change(-1.34) == "1.3 points of 100 less pain"
    # The same spread as in the summary of findings.
    disability = outcome_words(review, "disability", "SMD")
    name = "manual-inactive-disability-short"
    shown, fit = ev.absolute_effects(review, name).difference[0], ev.synthesise(review, name).fit
    assert fit is not None
    assert disability.factor * fit.estimate == pytest.approx(shown, rel=1e-12)
    # Another measure has another scale, on which nothing is declared.
    assert outcome_words(review, "pain", "SMD").important == ""
    ratio = outcome_words(review, "responder", "RR")
    assert ratio.change(float(np.log(1.4))) == "the share of patients who improve 1.40 times as large"
    assert ratio.span(float(np.log(1.3)), float(np.log(1.5))) == "1.30 to 1.50 times"


def test_an_import_is_told_by_what_its_tables_have(tmp_path: Path) -> None:
    table = tmp_path / "set.csv"
    rows = "A,10,100,30,100\nB,12,110,41,120\nC,9,90,25,95\n"
    table.write_text(f"study,ai,n1i,ci,n2i\n{rows}", "utf-8")
    review = ev.import_effects(table, measure="OR").write(tmp_path / "review")
    answered = ev.answer(review, certainty=certain("low"))
    assert "3 trials with 615 people are in the tables" in status(review)["Trials"]
    assert "times the odds of outcome" in answered.summary()
    assert "times as large" not in answered.summary()


@pytest.mark.parametrize(("whole", "people"), [(50, 140), ("", 130), (None, 130)])
def test_strata_of_a_trial_are_one_trial_with_its_people(filled: Any, whole: Any, people: int) -> None:
    """The two filled trials, 90 people each, are strata of the third, which may have a row of its own."""
    for row in filled.rows["trials"]:
        row["n_randomised"] = 20
    filled.trial("cid", 90, song="singing, 45", quiet="silence, 45")
    if whole is not None:
        filled.trial("dot", whole, song="singing", quiet="silence")
    filled.protocol["strata"] = [{"whole": "dot", "parts": ["ava", "ben"]}]
    review = filled.read()
    assert status(review)["Trials"].startswith(f"2 trials with {people} people are in the tables.")
    held = ev.holdings(review)
    assert held.statement.startswith("The tables hold **2 trials**")
    assert held.poolable["trial"].tolist() == ["Ava" if whole is None else "Dot"]
    assert held.poolable["poolable comparisons"].tolist() == [2]
    assert ev.prisma_flow(review).stages["trials"].tolist() == [2, 2, 1, 1, 1]


def test_without_usable_numbers_that_is_all_the_status_says(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    assert (
        status(small.read())["Trials"]
        == "1 trial is in the tables. None gives numbers that an analysis can use."
    )
