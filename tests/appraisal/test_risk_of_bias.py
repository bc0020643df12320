from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import evidence as ev
from evidence.errors import DataError
from evidence.tables.bias_tools import NOT_JUDGED

ANALYSIS = "singing-crying-short"


def judge(small, trial, **judgements):
    for domain, judgement in judgements.items():
        small.add("risk_of_bias", trial_id=trial, domain=domain, judgement=judgement, basis="said so")


@pytest.fixture
def judged(filled):
    """Four trials: Ava at high risk, Ben and Cy low in all key domains, Dot not judged."""
    judged_by = ["randomisation", "allocation_concealment", "blinding_assessors"]
    filled.protocol["risk_of_bias"] = {"key_domains": judged_by}
    for trial, mean in (("cy", 2.0), ("dot", 4.5)):
        filled.trial(trial, song="singing, 40", quiet="silence, 50")
        filled.arm(trial, "song", mean=mean, sd=2.0, n=40)
        filled.arm(trial, "quiet", mean=5.0, sd=2.5, n=50)
    judge(filled, "ava", randomisation="low", blinding_participants="high")
    for trial in ("ben", "cy"):
        judge(filled, trial, randomisation="low", allocation_concealment="low", blinding_assessors="low")
    return filled


def test_a_domain_without_a_judgement_is_not_judged(judged):
    frame = ev.risk_of_bias(judged.read(), ANALYSIS).to_frame().set_index("trial_id")
    assert list(frame.index) == ["ava", "ben", "cy", "dot"]
    assert frame.loc["ava", "blinding_participants"] == "high"
    assert frame.loc["ava", "allocation_concealment"] == NOT_JUDGED
    assert frame["judged"].tolist() == [2, 3, 3, 0]
    assert frame["overall"].tolist() == ["high", "low", "low", NOT_JUDGED]
    # By the tool's rule a trial is only low when every domain is.
    assert frame["by_rule"].tolist() == ["high", NOT_JUDGED, NOT_JUDGED, NOT_JUDGED]


def test_weights_are_those_of_the_pooled_result(judged):
    review = judged.read()
    result = ev.synthesise(review, ANALYSIS)
    bias = ev.risk_of_bias(review, ANALYSIS)
    assert result.fit is not None
    weights = dict(zip(result.effects["trial_id"], result.fit.weights, strict=True))
    assert bias.trials.set_index("trial_id")["weight"].to_dict() == pytest.approx(weights)
    shares = bias.shares().set_index(["domain", "judgement"])
    assert shares.loc[("overall", "high"), "weight"] == pytest.approx(weights["ava"])
    assert shares.loc[("randomisation", "low"), "weight"] == pytest.approx(100 - weights["dot"])
    assert shares.loc[("randomisation", "low"), "percent"] == 75
    by_domain = bias.shares().groupby("domain")[["trials", "percent", "weight"]].sum()
    np.testing.assert_allclose(by_domain.to_numpy(), np.tile([4, 100, 100], (len(by_domain), 1)))
    assert f"1 at high risk with {weights['ava']:.0f}% of the weight" in bias.note
    assert "3 of 4 trials are judged" in bias.summary()


def test_without_an_analysis_all_judged_trials_are_shown_unweighted(judged):
    bias = ev.risk_of_bias(judged.read())
    assert list(bias.trials["trial_id"]) == ["ava", "ben", "cy"]
    assert not bias.weighted
    assert bias.shares()["weight"].isna().all()


def test_what_cannot_be_used_is_named(filled):
    with pytest.raises(DataError, match="has no judgements"):
        ev.risk_of_bias(filled.read())
    judge(filled, "ava", sequence="low")
    with pytest.raises(DataError, match="'sequence' is no domain"):
        ev.risk_of_bias(filled.read())
    filled.rows["risk_of_bias"].clear()
    judge(filled, "ava", deviations="unclear")
    with pytest.raises(DataError, match="ava, deviations: 'unclear' is no judgement of RoB 2"):
        ev.risk_of_bias(filled.read())


def test_an_analysis_without_trials_has_no_risk_of_bias(judged):
    with pytest.raises(DataError, match="singing-sleep-long has no poolable trial"):
        ev.risk_of_bias(judged.read(), "singing-sleep-long")


def test_sets_are_pooled_as_the_whole(judged):
    review = judged.read()
    result = ev.synthesise(review, ANALYSIS, method="DL", ci="z", level=0.9)
    sets = ev.bias_sensitivity(review, ANALYSIS, method="DL", ci="z", level=0.9)
    frame = sets.to_frame().set_index("set")
    assert frame["k"].to_dict() == {"all trials": 4, "without high risk": 3, "only low risk": 2}
    effects = result.effects.set_index("trial_id")
    assert result.fit is not None
    for name, trials in (
        ("all trials", ["ava", "ben", "cy", "dot"]),
        ("without high risk", ["ben", "cy", "dot"]),
        ("only low risk", ["ben", "cy"]),
    ):
        part = effects.loc[trials]
        fit = ev.pool(part["effect"], part["variance"], method="DL", ci="z", level=0.9)
        for value in ("estimate", "ci_low", "ci_high", "tau2"):
            assert frame.loc[name, value] == pytest.approx(getattr(fit, value), rel=1e-12, abs=1e-15)
        assert frame.loc[name, "difference"] == pytest.approx(fit.estimate - result.fit.estimate, abs=1e-12)
        assert frame.loc[name, "n"] == 90 * len(trials)
    assert "1 comparison at high risk, 1 not fully judged" in sets.summary()


def test_sets_that_are_too_small_are_not_pooled(judged):
    judge(judged, "ben", missing_outcomes="high")
    sets = ev.bias_sensitivity(judged.read(), ANALYSIS)
    assert sets.fits["only low risk"] is None
    assert np.isnan(sets.to_frame()["estimate"].iloc[-1])
    # Two trials are left without high risk, and their interval would leave the scale of 0 to 100.
    assert sets.fits["without high risk"] is None
    assert (
        "Too few trials to combine, or an interval that leaves the scale: without high risk, only low risk."
        in sets.note
    )


def test_the_review_itself_can_be_judged(review):
    for analysis in review.analyses:
        sets = ev.bias_sensitivity(review, analysis)
        k = sets.to_frame()["k"]
        assert k.is_monotonic_decreasing
        if k.iloc[0]:
            bias = ev.risk_of_bias(review, analysis)
            assert len(bias.trials) == sets.effects["all trials"]["trial_id"].nunique()


def test_all_analyses_together(judged):
    review = judged.read()
    sets = ev.bias_sensitivities(review)
    assert [one.analysis.id for one in sets.each] == list(review.analyses)
    assert [one.analysis.id for one in sets.pooled] == [ANALYSIS] == [sets.largest]
    table = sets.table.set_index("analysis").loc[review.analyses[ANALYSIS].title]
    assert table["trials"].tolist() == [4, 3, 2]
    assert len(sets.table) == 3 * len(review.analyses)
    whole, part = (sets.pooled[0].fits[name] for name in ("all trials", "without high risk"))
    assert whole is not None
    assert part is not None
    clear, still = (int(fit.ci_low > 0 or fit.ci_high < 0) for fit in (whole, part))
    assert sets.statement == (
        "Of 1 pooled analyses, 1 can still be pooled without trials at high risk, and 0 with trials at low "
        f"risk alone. In {clear} of the 1 the interval of all trials excludes no difference; without trials at "
        f"high risk it still does in {clear * still}."
    )


def test_how_many_are_judged_at_all(judged):
    review = judged.read()
    assert ev.bias_statement(review).startswith("3 of 4 trials are judged in at least one domain of ")
    assert ev.bias_statement(review).endswith("0 of the judged trials can be called low.")


def test_judgements_on_a_whole_trial_hold_for_its_strata(judged):
    judged.trial("whole", song="singing, 80", quiet="silence, 100")
    judged.protocol["strata"] = [{"whole": "whole", "parts": ["cy", "dot"]}]
    judge(judged, "whole", randomisation="high", missing_outcomes="some")
    review = judged.read()
    strata: Any = ev.risk_of_bias(review, ANALYSIS).trials.set_index("trial_id")
    columns = ["randomisation", "missing_outcomes", "overall"]
    assert strata.loc["dot", columns].tolist() == ["high", "unclear", "high"]
    # What was judged of the stratum itself stays.
    assert strata.loc["cy", columns].tolist() == ["low", "unclear", "unclear"]
    effects = review.effects(ANALYSIS).set_index("trial_id")
    assert effects.loc["dot", "risk_of_bias"] == "high"
    # Of all trials only those with a judgement of their own count.
    assert ev.risk_of_bias(review).trials["trial_id"].tolist() == ["ava", "ben", "cy", "whole"]
