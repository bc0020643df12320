from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

CRYING = "singing-crying-short"


def test_synthesis_pools_the_effects_of_the_analysis(review: Any) -> None:
    for name in review.analyses:
        found = ev.synthesise(review, name)
        effects = review.effects(name)
        if effects["study"].nunique() < 3:
            assert found.k == len(effects)
            assert found.fit is None
            assert found.note.startswith("Not combined: ")
            assert effects.empty or "fewer than three trials are shown and not combined" in found.note
            assert found.note in found.summary()
            continue
        pd.testing.assert_frame_equal(found.effects, effects)
        assert found.fit is not None
        fit = ev.pool(effects["effect"], effects["variance"], method="REML", ci="HKSJ-adhoc", prediction="V")
        assert (found.fit.estimate, found.fit.ci_low, found.fit.tau2) == (fit.estimate, fit.ci_low, fit.tau2)
        assert found.fit.labels == tuple(effects["label"])
        row = found.to_frame().iloc[0]
        assert (row["k"], row["trials"], row["n"]) == (
            len(effects),
            effects["study"].nunique(),
            effects["n"].sum(),
        )
        shown = np.exp if found.ratio else float
        assert (row["estimate"], row["prediction_low"]) == (shown(fit.estimate), shown(fit.prediction_low))
        assert row["scale"].startswith("risk ratio" if found.ratio else ("mean", "standardised"))
        assert row["model"] == "REML, HKSJ-adhoc"


def test_what_a_caller_does_to_a_result_is_not_seen_by_the_next(review: Any) -> None:
    name = "massage-inactive-pain-short"
    first = ev.synthesise(review, name)
    before = first.effects.copy()
    first.effects["label"] = "changed"
    first.effects["own"] = 1
    del first.not_poolable["reason"]
    with pytest.raises(ValueError, match="read-only"):
        first.effects.loc[0, "effect"] = 3.0
    again = ev.synthesise(review, name)
    pd.testing.assert_frame_equal(again.effects, before)
    assert "reason" in again.not_poolable
    assert [one.parts for one in again.effects["form"]] == [one.parts for one in before["form"]]


def test_overrides_reach_both_the_choice_of_results_and_the_model(review: Any) -> None:
    name = "massage-inactive-pain-short"
    found = ev.synthesise(review, name, method="DL", ci="z", level=0.9, measure="SMD", multi_arm="average")
    effects = review.effects(name, measure="SMD", multi_arm="average")
    fit = ev.pool(effects["effect"], effects["variance"], method="DL", ci="z", level=0.9)
    assert found.measure == "SMD"
    assert found.fit is not None
    assert (found.fit.estimate, found.fit.ci_high) == (fit.estimate, fit.ci_high)


def test_not_poolable_comparisons_are_kept_with_their_reasons(filled: Any) -> None:
    filled.trial("cas", song="singing, 40", quiet="silence, 50")
    filled.trial("dee", song="singing, 40", quiet="silence, 50")
    filled.contrast("cas", "song", "quiet", p_value=0.05, p_operator="<")
    found = ev.synthesise(filled.read(), CRYING)
    assert (found.k, found.trials, found.n) == (2, 2, 180)
    assert found.not_poolable["trial_id"].tolist() == ["cas", "dee"]
    assert found.reported["trial_id"].tolist() == ["cas"]
    assert found.note == (
        "2 poolable comparisons from 2 trials; 1 further comparison reported but not poolable. "
        "2 trials tell little about how much effects vary."
    )
    assert found.to_frame()["not_poolable"].item() == 1


def test_minimum_of_the_protocol_holds(filled: Any) -> None:
    filled.protocol["model"] = {"minimum_studies": 3, "method": "DL", "interval": "z"}
    found = ev.synthesise(filled.read(), CRYING)
    assert found.fit is None
    assert "fewer than three trials" in found.note
    assert "estimate" not in found.to_frame()


def test_correlated_comparisons_are_not_pooled_as_if_they_were_independent(small: Any) -> None:
    small.protocol["model"] = {"minimum_studies": 1, "interval": "z"}
    small.trial("ava", song="singing, 36", both="singing+rocking, 64", quiet="silence, 100")
    for arm in ("song", "both", "quiet"):
        small.arm("ava", arm, mean=3.0, sd=3.0)
    review = small.read()
    assert ev.synthesise(review, CRYING).fit is not None
    found = ev.synthesise(review, CRYING, multi_arm="correlated")
    assert found.fit is None
    assert "kept correlated" in found.note


def test_what_is_not_combined_is_each_trial_s_own(small: Any) -> None:
    """A shared arm is divided for a combined result alone; nobody is counted twice in either."""
    small.trial("ava", song="singing, 36", both="singing+rocking, 64", quiet="silence, 100")
    for arm in ("song", "both", "quiet"):
        small.arm("ava", arm, mean=3.0, sd=3.0)
    review = small.read()
    found, whole = ev.synthesise(review, CRYING), review.effects(CRYING, multi_arm="correlated")
    assert found.fit is None
    assert found.n == 200
    names = ["effect", "ci_low", "ci_high", "n_arm", "n_comparator"]
    pd.testing.assert_frame_equal(found.effects[names], whole[names])
    assert ev.finding(review, CRYING).effects["ci_low"].tolist() == pytest.approx(whole["ci_low"].tolist())
    combined = ev.synthesise(review, CRYING, multi_arm="average").effects
    assert combined["n"].sum() == found.n


def test_html_escapes_text_of_the_data(filled: Any) -> None:
    filled.protocol["analyses"][0]["note"] = "x"
    filled.rows["trials"][0]["label"] = "<b>Ava</b>"
    page = ev.synthesise(filled.read(), CRYING)._repr_html_()
    assert "<b>Ava</b>" not in page
    assert "Singing v inactive or usual: crying, short term" in page


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("singing-crying", {}, "did you mean singing-crying-"),
        (CRYING, {"methd": "DL"}, "unknown option 'methd'; did you mean 'method'"),
        (CRYING, {"method": "D-L"}, "method"),
    ],
)
def test_unknown_names(filled: Any, name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ev.DataError, match=message):
        ev.synthesise(filled.read(), name, **options)


def test_sentence_of_a_pooled_result(filled: Any) -> None:
    found = ev.synthesise(filled.read(), CRYING)
    assert found.fit is not None
    text = found.sentence()
    assert text.startswith(f"Mean difference −{abs(found.fit.estimate):.1f} (95% CI −")
    assert (
        "2 comparisons from 2 trials, 180 patients; REML, interval: Hartung-Knapp-Sidik-Jonkman; 95% " in text
    )
    assert text.endswith(f"I² {found.fit.i2:.0f}%.")


def test_sentence_of_a_single_ratio_is_on_the_ratio_scale(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.contrast(
        "ava", "song", "quiet", "settled", measure="RR", estimate=1.5, ci_low=1, ci_high=2.25, ci_level=95
    )
    text = ev.synthesise(small.read(), "singing-settled-short").sentence()
    assert text.endswith("Ava: risk ratio 1.50 (95% CI 1.00 to 2.25).")


def test_patients_that_are_not_stated_are_not_passed_over(filled: Any) -> None:
    filled.trial("cas", song="singing", quiet="silence")
    filled.contrast("cas", "song", "quiet", estimate=-1, se=1)
    assert "at least 180 patients" in ev.synthesise(filled.read(), CRYING).sentence()


def test_provenance_counts_and_says_where_the_numbers_stand(review: Any) -> None:
    found = ev.synthesise(review, "massage-inactive-pain-short")
    assert found.provenance.startswith(
        f"{found.k} comparisons from {found.trials} trials, {round(found.n)} patients."
    )
    assert found.provenance.endswith("from its source: the review's table of effects.")
