"""A result by every method: each number is that of the function of its own, each sentence that of its table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import evidence as ev
from evidence.appraisal.methods import MethodChoices
from evidence.errors import ModelError
from evidence.tables.review import Review
from evidence.wording import number

ANALYSIS = "manual-inactive-pain-short"


@pytest.fixture(scope="module")
def choices(review: Review) -> MethodChoices:
    return ev.method_choices(review, ANALYSIS)


def test_every_estimator_pools_the_same_comparisons(choices: MethodChoices) -> None:
    table = choices.estimators.set_index(choices.estimators["estimator"].str.extract(r"\((\w+)\)$")[0])
    assert table.loc["EE", "τ²"] == 0.0
    assert table.loc["REML", "τ²"] == pytest.approx(choices.fit.tau2)
    for name in ("DL", "PM"):
        fit = ev.pool(choices.fit.effect, choices.fit.variance, method=name)
        assert table.loc[name, "estimate"] == fit.estimate
        assert table.loc[name, "95% CI"] == f"{number(fit.ci_low, 1)} to {number(fit.ci_high, 1)}"
    spread = table.drop("EE")["τ²"]
    assert f"range from {number(spread.min())} to {number(spread.max())};" in choices.estimators_statement


def test_estimators_that_agree_are_said_to_stay(choices: MethodChoices) -> None:
    alike = ev.pool(np.full(5, -2.0), np.full(5, 1.0))
    same = replace(choices, fit=alike)
    assert "The pooled estimate stays at −2.0 (−2.0 with equal effects)." in same.estimators_statement
    apart = replace(choices, fit=ev.pool([0.0, 0.0, 30.0, 5.0], [1.0, 40.0, 90.0, 0.5]))
    estimates = apart.estimators["estimate"].drop(0)  # of equal effects, which is no estimator of a variance
    low, high = number(estimates.min(), 1), number(estimates.max(), 1)
    assert f"The pooled estimate moves between {low} and {high} (" in apart.estimators_statement


def test_questions_on_the_same_comparisons_stand_once(review: Review, choices: MethodChoices) -> None:
    table = choices.intervals
    assert (table.groupby("question").size() == 5).all()
    own = table[table["question"].str.startswith(f"{choices.result.analysis.title} (")]
    z = ev.synthesise(review, ANALYSIS, ci="z").fit
    assert z is not None
    assert own.iloc[0][["estimate", "ci_low", "ci_high"]].tolist() == [z.estimate, z.ci_low, z.ci_high]
    excludes = (table["ci_low"] > 0) | (table["ci_high"] < 0)
    differ = [name for name, part in excludes.groupby(table["question"]) if part.nunique() > 1]
    start = f"In {len(differ) or 'none'} of the {table['question'].nunique()} combined results "
    assert choices.intervals_statement.startswith(start)
    assert all(str(name) in choices.intervals_statement for name in differ)


def test_predictions_widen_with_fewer_degrees_of_freedom(choices: MethodChoices) -> None:
    fits = [choices.again(prediction=name) for name in ("V", "HTS", "z")]
    assert fits[1].prediction_low < fits[0].prediction_low < fits[2].prediction_low
    assert choices.predictions["prediction interval"].tolist() == [
        f"{number(one.prediction_low, 1)} to {number(one.prediction_high, 1)}" for one in fits
    ]


def test_the_comparison_that_moves_most_is_named(choices: MethodChoices) -> None:
    left_out = ev.leave_one_out(choices.fit).to_frame()
    place = int((left_out["estimate"] - choices.fit.estimate).abs().to_numpy().argmax())
    furthest = left_out.iloc[place]
    assert choices.influence_statement.startswith(f"Leaving out **{furthest['omitted']}** moves")
    assert f"moves it to {number(furthest['estimate'], 1)}." in choices.conclusion


def test_small_studies_and_the_conclusion_have_the_same_ends(choices: MethodChoices) -> None:
    table = choices.small_studies.set_index("method")["estimate"]
    assert table["as pooled"] == choices.fit.estimate
    assert table["PET-PEESE"] == ev.pet_peese(choices.fit).estimate
    assert "average stays at −8.0 (−8.4 with equal effects) whichever random-effects" in choices.conclusion
    said = "trials: Trim and fill adds none. PET-PEESE gives −8.7 (95% CI −13.1 to −4.3). Effects differ"
    assert said in choices.conclusion
    assert "with much heterogeneity PET-PEESE is unreliable. Selection model, one step" in choices.conclusion
    said = "(95% CI −10.9 to 2.2), which leaves open whether there is any difference. **"
    assert said in choices.conclusion
    assert choices.asymmetry_statement.startswith("Egger's test of funnel asymmetry: P ")


def test_what_trim_and_fill_adds_is_counted(choices: MethodChoices) -> None:
    assert choices.funnel_caption == "Contour-enhanced funnel plot; trim and fill adds none."
    effect = [-1.0, -0.8, -0.5, -0.3, -0.25, -0.2]
    lopsided = replace(choices, fit=ev.pool(effect, [0.5, 0.3, 0.1, 0.02, 0.01, 0.005]))
    count = lopsided.filled.missing
    assert count
    assert f"open circles: {count} comparison" in lopsided.funnel_caption
    assert "adds none" not in lopsided.conclusion


def test_the_prior_is_scaled_by_what_matters(review: Review, choices: MethodChoices) -> None:
    found = ev.bayes(choices.fit.effect, choices.fit.variance, tau_prior=ev.priors.half_normal(10.0))
    assert choices.posterior.estimate == pytest.approx(found.estimate)
    assert "smallest important difference (10.0) is " in choices.posterior_statement
    assert "the average favours the treatment is more than 99%;" in choices.posterior_statement
    outcome = review.protocol.outcomes["pain"].model_copy(update={"minimal_important_difference": None})
    protocol = review.protocol.model_copy(update={"outcomes": {**review.protocol.outcomes, "pain": outcome}})
    without = replace(choices, review=replace(review, protocol=protocol))
    with pytest.raises(ModelError, match="pain has no minimal_important_difference"):
        _ = without.posterior_statement


def test_what_is_not_pooled_has_no_methods_to_compare(review: Review) -> None:
    with pytest.raises(ModelError, match="this page needs an analysis that is pooled"):
        ev.method_choices(review, "massage-inactive-pain-long")
