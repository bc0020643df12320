from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.synthesis.sensitivity import (
    BAYES,
    DOUBTFUL,
    MAIN,
    NOTHING_SHOWN,
    ONE_EACH,
    SELECTED,
    scores_and_changes,
)


def test_rows_are_those_of_the_protocol_and_the_bound(review: Any) -> None:
    name = "manual-inactive-pain-short"
    frame: Any = ev.sensitivity(review, name).set_index("title")
    fit = ev.synthesise(review, name).fit
    assert fit is not None
    assert frame.loc[MAIN, "estimate"] == fit.estimate
    assert frame.loc[MAIN, "difference"] == 0
    for entry in review.protocol.sensitivity:
        other = ev.synthesise(review, name, **entry.model_dump(exclude={"title"}, exclude_none=True))
        assert other.fit is not None
        assert frame.loc[entry.title, "estimate"] == other.fit.estimate
        assert frame.loc[entry.title, "trials"] == other.trials
    # A trial after childbirth with -48 points comes in.
    assert frame.loc[review.protocol.sensitivity[0].title, "estimate"] < fit.estimate
    assert frame.loc[NOTHING_SHOWN, "trials"] > frame.loc[MAIN, "trials"]
    assert abs(frame.loc[NOTHING_SHOWN, "estimate"]) < abs(fit.estimate)


def test_what_an_analysis_chooses_itself_is_no_other_choice(review: Any) -> None:
    added, packages = (entry.title for entry in review.protocol.sensitivity)
    told = {
        name: {added, packages} & set(ev.sensitivity(review, name)["title"])
        for name in ("manual-usual-pain-short", "with-exercise-usual-disability-short")
    }
    assert list(told.values()) == [{added, packages}, {added}]


def test_trials_that_showed_nothing_have_the_precision_of_their_size(small: Any) -> None:
    for trial, mean in (("ava", 3.0), ("ben", 4.0), ("cy", 3.5)):
        small.trial(trial, song="singing, 50", quiet="silence, 50")
        small.arm(trial, "song", mean=mean, sd=2.0, n=50)
        small.arm(trial, "quiet", mean=5.0, sd=2.0, n=50)
    small.trial("dot", song="singing, 200", quiet="silence, 200", n=400)
    small.contrast("dot", "song", "quiet", p_value=0.2, p_operator="=")
    review = small.read()
    main = ev.synthesise(review, "singing-crying-short")
    frame: Any = ev.sensitivity(review, "singing-crying-short").set_index("title")
    variance = np.append(main.effects["variance"], np.median(main.effects["variance"]) / 4)
    by_hand = ev.pool(np.append(main.effects["effect"], 0.0), variance)
    assert frame.loc[NOTHING_SHOWN, "estimate"] == pytest.approx(by_hand.estimate, rel=1e-9)
    assert frame.loc[NOTHING_SHOWN, "n"] == 700
    assert frame.loc[NOTHING_SHOWN, "note"] == "1 trial added without a difference"


def test_without_such_trials_there_is_no_bound(filled: Any) -> None:
    assert list(ev.sensitivity(filled.read(), "singing-crying-short")["title"]) == [MAIN]


def test_a_bayesian_result_stands_beside_few_trials(review: Any) -> None:
    few = review.protocol.model.few_studies
    found = {}
    for name in (
        "massage-usual-pain-short",
        "with-exercise-usual-disability-short",
        "manual-usual-pain-short",
    ):
        main = ev.synthesise(review, name)
        frame: Any = ev.sensitivity(review, name).set_index("title")
        found[name] = BAYES in frame.index
        assert found[name] == (main.trials <= few)
        if main.bayes is not None:
            assert frame.loc[BAYES, "estimate"] == main.bayes.estimate
            assert frame.loc[BAYES, "ci_high"] == main.bayes.ci_high
            assert main.bayes.tau_prior.source in frame.loc[BAYES, "note"]
    assert list(found.values()) == [True, True, False]
    said = ev.answer_question(review, "with-exercise-usual", deep=False).changes["sentence"]
    assert said.str.startswith("With a published distribution of the heterogeneity (Bayes): ").sum() == 1


def test_the_selection_model_stands_beside_ten_comparisons_or_more(review: Any) -> None:
    seen = set()
    for name, analysis in review.analyses.items():
        fit = ev.synthesise(review, name).fit if analysis.spec.pooled else None
        if fit is None or "pain-short" not in name:
            continue
        frame: Any = ev.sensitivity(review, name).set_index("title")
        assert (SELECTED in frame.index) == (fit.k >= 10)
        if fit.k < 10:
            continue
        row = frame.loc[SELECTED]
        if np.isfinite(row["estimate"]):
            assert row["estimate"] == ev.selection_model(fit).estimate
            assert "times as often as others" in row["note"]
            seen.add("fitted")
        else:
            assert row["note"]
    assert "fitted" in seen


def test_the_page_shows_each_combined_result_first_and_then_what_would_be(review: Any) -> None:
    answer = ev.answer_question(review, "manual-usual", deep=False)
    table = ev.sensitivity_table(review, answer.findings)
    combined = [one for one in answer.findings if one.fit is not None]
    first = table.shown[table.shown["What is different"] == "Main analysis"]
    assert list(first["Result"]) == [one.analysis.title for one in combined]
    assert list(first["Trials"]) == [one.trials for one in combined]
    assert len(table.numbers) == len(table.shown)
    assert set(table.shown["What is different"]) >= {"Main analysis", NOTHING_SHOWN.capitalize()}


def test_what_would_change_a_result_names_the_bound(review: Any) -> None:
    answer = ev.answer_question(review, "manual-usual", deep=False)
    bound = answer.changes[answer.changes["kind"] == "missing results"]
    frame: Any = ev.sensitivity(review, answer.lead.analysis).set_index("title")
    assert list(bound["estimate"]) == [frame.loc[NOTHING_SHOWN, "estimate"]]
    assert bound["sentence"].iloc[0].startswith("If the trials that report without usable numbers")


def test_comparisons_of_one_trial_stand_as_one_effect_too(review: Any) -> None:
    name = "massage-usual-pain-short"
    frame: Any = ev.sensitivity(review, name).set_index("title")
    averaged = ev.synthesise(review, name, multi_arm="average").fit
    assert averaged is not None
    assert frame.loc[ONE_EACH, "estimate"] == averaged.estimate
    assert frame.loc[ONE_EACH, "k"] == frame.loc[ONE_EACH, "trials"] == frame.loc[MAIN, "trials"]
    assert frame.loc[ONE_EACH, "n"] == pytest.approx(frame.loc[MAIN, "n"])
    # Two comparisons of one trial are half of the result, and without their agreement it leaves no difference open.
    assert frame.loc[MAIN, "ci_high"] < 0 < frame.loc[ONE_EACH, "ci_high"]
    assert ONE_EACH not in set(ev.sensitivity(review, "manual-active-pain-short")["title"])


def test_results_that_are_doubtful_as_printed_stand_beside(review: Any) -> None:
    frame: Any = ev.sensitivity(review, "massage-usual-disability-short").set_index("kind")
    assert frame.loc["doubtful", "title"] == f"{DOUBTFUL} (Little 2008 (ATEAM))"
    # The questionnaire that goes first, whose interval lost a sign in print, shows a benefit.
    assert frame.loc["doubtful", "ci_high"] < 0 < frame.loc["main", "ci_high"]
    assert "doubtful" not in set(ev.sensitivity(review, "massage-usual-pain-short")["kind"])


def test_final_scores_alone_stand_beside_a_standardised_difference_that_holds_changes_too(
    review: Any,
) -> None:
    names = (
        "manual-usual-disability-short",
        "with-exercise-usual-disability-short",
        "manual-usual-pain-short",
    )
    for name in names:
        main = ev.synthesise(review, name)
        kinds = main.effects["statistic"]
        frame: Any = ev.sensitivity(review, name).set_index("kind")
        both = main.measure == "SMD"  # in points of a scale the two may stand together
        assert {"post", "change"} == set(kinds)
        assert ("final scores" in frame.index) == both == bool(scores_and_changes(main))
        if not both:
            continue
        row, scores = frame.loc["final scores"], main.effects[kinds == "post"]
        assert row["k"] == len(scores)
        told = f" of final scores, {len(main.effects) - len(scores)} of changes from baseline."
        assert scores_and_changes(main).startswith(f"{len(scores)} comparison")
        assert scores_and_changes(main).endswith(told)
        if scores["study"].nunique() >= review.protocol.model.minimum_studies:
            fit = ev.pool(scores["effect"], scores["variance"], ci="HKSJ-adhoc")
            assert (row["estimate"], row["ci_low"]) == pytest.approx((fit.estimate, fit.ci_low))
        else:
            assert np.isnan(row["estimate"])
