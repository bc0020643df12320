"""The short answer: five sentences that follow from the results."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.appraisal.answer import comparator, key_analyses
from evidence.appraisal.audit.effect_words import outcome_words
from evidence.errors import DataError
from evidence.tables.review import Review


def certain(level: str) -> Any:
    return lambda review, analysis: SimpleNamespace(level=level)


@pytest.fixture(scope="module")
def answered(review: Review) -> ev.Answer:
    return ev.answer(review, certainty=certain("low"))


def test_key_numbers_are_those_of_the_syntheses_in_readable_units(
    review: Review, answered: ev.Answer
) -> None:
    assert list(answered.key["analysis"]) == [
        one.id for analyses in key_analyses(review).values() for one in analyses
    ]
    for row in answered.key.to_dict("records"):
        result = ev.synthesise(review, row["analysis"])
        assert (row["k"], row["trials"]) == (result.k, result.trials)
        if result.fit is None:
            assert np.isnan(row["estimate"])
            assert row["certainty"] == ""
            continue
        words = outcome_words(review, result.analysis.outcome, result.measure)
        assert row["estimate"] == pytest.approx(words.shown(result.fit.estimate), rel=1e-12)
        assert row["certainty"] == "low"
    assert len(answered.certainty) == answered.key["estimate"].notna().sum()


def test_there_are_five_sentences_without_terms_of_the_trade(answered: ev.Answer) -> None:
    assert len(answered.sentences) == 5
    text = " ".join([answered.headline, *answered.sentences])
    assert all(sentence.endswith(".") for sentence in (answered.headline, *answered.sentences))
    for term in (
        "CI",
        "SMD",
        "random",
        "heterogeneity",
        "pooled",
        "meta-analysis",
        "standard deviation",
        "_",
    ):
        assert term not in text
    assert answered.headline in answered.summary()


def test_sentences_are_short_and_list_comparators_once(review: Review, answered: ev.Answer) -> None:
    # Up to a full stop, a semicolon or a dash a reader has to keep no more than this in mind.
    parts = [part for text in answered.sentences for part in re.split(r"[;?–]", text)]
    assert max(len(part.split()) for part in parts) <= 70
    listed = comparator(key_analyses(review)["short"][0], review.protocol)
    assert " ".join(answered.sentences).count(listed) == 1
    known = review.trials.set_index("trial_id")["n_randomised"]
    arms = review.arms[review.arms["kind"] != "margin"].groupby("trial_id")["n_randomised"].sum()
    assert f"{known.fillna(arms).sum():,.0f} people let chance decide" in answered.sentences[0]


def test_the_last_sentence_counts_the_verdicts(review: Review, answered: ev.Answer) -> None:
    counts = ev.audit(review, certainty=certain("low")).counts
    for verdict, count in counts.items():
        assert (f"{count} {verdict}" in answered.sentences[4]) == bool(count)
    assert list(answered.verdicts["claim_id"]) == list(review.claims["claim_id"])


def test_words_follow_the_results(filled: Any) -> None:
    for name in ("cleo", "dan", "eve"):
        filled.trial(name, song="singing, 400", quiet="silence, 400")
        filled.arm(name, "song", mean=3.5, sd=2.0, n=400)
        filled.arm(name, "quiet", mean=5.0, sd=2.0, n=400)
    filled.protocol["outcomes"]["crying"]["minimal_important_difference"] = 10
    good = ev.answer(filled.read(), certainty=certain("high"))
    assert good.headline.startswith("After 1 to 13 weeks a benefit for crying large enough to matter")
    assert "a difference matters from 10 points of 100 in crying on" in good.sentences[0]
    assert "compared with silence, humming or routine, people with singing had about 1" in good.sentences[1]
    assert "points of 100 less crying (" in good.sentences[1]
    assert "less is possible) – this is certain" in good.sentences[1]
    assert "oo few trials give numbers to combine after" in good.sentences[2]
    assert "for singing added to rocking" in good.sentences[3]
    filled.protocol["outcomes"]["crying"]["minimal_important_difference"] = 30
    small = ev.answer(filled.read(), certainty=certain("very low"))
    assert small.headline.startswith(
        "After 1 to 13 weeks a small benefit for crying, but this is very uncertain"
    )
    assert "less crying (too little to matter; " in small.sentences[1]
    for row in filled.rows["arm_results"]:
        row["mean"] = 4.0
    none = ev.answer(filled.read(), certainty=certain("high"))
    assert "no clear benefit or harm" in none.headline
    assert "had no clear difference in crying (" in none.sentences[1]
    for row in filled.rows["arm_results"]:
        row["mean"] = 6.0 if row["arm_id"] == "song" else 4.0
    worse = ev.answer(filled.read(), certainty=certain("high"))
    assert "a small harm for crying, this is certain" in worse.headline
    assert "more crying (too little to matter; " in worse.sentences[1]


def test_an_analysis_that_the_protocol_does_not_have_is_named(filled: Any) -> None:
    filled.protocol["audit"] = {"answer": {"short": ["singing-crying-shrt"]}}
    with pytest.raises(DataError, match="did you mean singing-crying-short"):
        ev.answer(filled.read(), certainty=certain("low"))


def test_a_review_without_results_has_an_answer(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    found = ev.answer(small.read())
    assert "too few numbers to tell for singing" in found.headline
    assert "nothing could be combined" in found.sentences[4]


def test_effects_in_words(review: Review) -> None:
    words = outcome_words(review, "pain", "MD")
    assert words.change(-11.44) == "11.4 points of 100 less pain"
    assert words.change(11.44, rough=True) == "11 points of 100 more pain"
    assert words.span(-18.3, -4.6) == "4.6 to 18.3 less"
    assert words.span(-27.5, 11.9) == "27.5 less to 11.9 more"
    assert words.span(-27.5, 11.9, unit=True) == "27.5 points of 100 less to 11.9 more"
    assert words.important == "10.0 points of 100"
    # The same spread as in the summary of findings.
    disability = outcome_words(review, "disability", "SMD")
    name = "manual-inactive-disability-short"
    shown, fit = ev.absolute_effects(review, name).difference[0], ev.synthesise(review, name).fit
    assert fit is not None
    assert disability.factor * fit.estimate == pytest.approx(shown, rel=1e-12)
    # Another measure has another scale, on which nothing is declared.
    assert outcome_words(review, "pain", "SMD").important == ""
    ratio = outcome_words(review, "responder", "RR")
    assert ratio.change(float(np.log(1.4))) == "'responder' 1.40 times as often"
    assert ratio.span(float(np.log(1.3)), float(np.log(1.5))) == "1.30 to 1.50 times"


def test_an_import_is_told_by_what_its_tables_have(tmp_path: Path) -> None:
    table = tmp_path / "set.csv"
    table.write_text("study,ai,n1i,ci,n2i\nA,10,100,30,100\nB,12,110,41,120\n", "utf-8")
    review = ev.import_effects(table, measure="OR").write(tmp_path / "review")
    answered = ev.answer(review, certainty=certain("low"))
    assert "2 trials with about 430 people are in the review" in answered.sentences[0]
    assert "let chance decide" not in answered.summary()
    assert "times the odds of 'outcome'" in answered.sentences[1]
    assert "times as often" not in answered.summary()
    assert "matter" not in answered.headline
    assert answered.headline.startswith("At any time")
