from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.stats import norm

import evidence as ev
from evidence.synthesis.reports import harms_in_words

CRYING, SLEEP = "singing-crying-short", "singing-sleep-short"


@pytest.fixture
def told(small: Any) -> Any:
    """A review with one trial of each kind, two of them with the arms the other way round."""
    for name in ("ava", "ben", "cid", "dora", "eve", "flo", "gus", "hal", "ida"):
        small.trial(name, song="singing, 30", quiet="silence, 30")
    for arm, mean in (("song", 3.0), ("quiet", 5.0)):
        small.arm("ava", arm, mean=mean, sd=2.0, n=30)
    # The row compares silence with singing, so the comparator of the row is the intervention of the analysis.
    small.contrast(
        "ben", "quiet", "song", p_value=0.04, p_operator="=", direction="comparator", as_reported="sang"
    )
    small.contrast("cid", "song", "quiet", p_value=0.05, p_operator="<", direction="comparator")
    small.contrast("dora", "song", "quiet", direction="neither")
    small.contrast("eve", "song", "quiet", p_value=0.2, p_operator="=")
    small.contrast("flo", "song", "quiet", p_value=0.01, p_operator="=", direction="arm", timepoint_weeks="")
    small.contrast("gus", "song", "quiet", p_value=0.01, p_operator="=", direction="arm", note="CHECK: odd")
    small.contrast("hal", "song", "quiet", p_value=0.01, p_operator="=", direction="arm")
    small.contrast("ida", "song", "quiet", "SLEEP", p_value=0.03, p_operator="=", direction="arm")
    small.protocol["set_aside"] = [{"trial": "hal", "reason": "too loud"}]
    return small


def test_every_trial_that_reports_is_named_once(told: Any) -> None:
    reports = ev.reports_on(told.read(), CRYING)
    rows: Any = reports.to_frame().set_index("trial_id")
    assert rows["kind"].to_dict() == {
        "ava": "effect",
        "ben": "P value",
        "cid": "P value",
        "eve": "P value",
        "dora": "direction",
        "flo": "nothing usable",
        "gus": "doubtful",
        "hal": "left out",
    }
    # Less crying is better: a negative sign favours singing.
    signs = rows["direction"].to_dict()
    assert math.isnan(signs.pop("eve"))
    assert signs == {"ava": -1, "ben": -1, "cid": 1, "dora": 0, "flo": -1, "gus": -1, "hal": -1}
    assert rows.loc["hal", "reason"] == "set aside by the protocol: too loud"
    assert rows.loc["flo", "reason"] == "the time since randomisation is not stated"
    assert rows.loc["ben", ["p", "printed", "n", "as_reported"]].tolist() == ["0.04", True, 60, "sang"]
    assert rows["p"].to_dict().keys() - rows.index[rows["p"] != ""] == {"dora", "flo", "gus", "hal"}


def test_what_the_trials_come_to(told: Any) -> None:
    reports = ev.reports_on(told.read(), CRYING)
    assert (reports.directions["with an effect"].positive, reports.directions["with an effect"].k) == (1, 1)
    without = reports.directions["without"]
    assert (without.positive, without.negative, without.unclear) == (1, 1, 1)
    assert reports.combined is not None
    (ava,) = reports.of("effect").to_dict("records")
    expected = 2 * norm.sf(abs(ava["effect"] / ava["se"]))
    assert float(ava["p"]) == pytest.approx(expected, rel=1e-5)
    # ava and ben towards singing, cid against; all of one size.
    toward = [expected / 2, 0.02, 1.0]
    z = sum(norm.isf(p) for p in toward[:2])
    assert reports.combined.k == 3
    assert reports.combined.p_negative == pytest.approx(
        norm.sf((norm.isf(0.025) - z) / math.sqrt(3)), rel=1e-4
    )
    assert reports.curve is not None
    assert (reports.curve.k, reports.curve.low, reports.curve.left_out) == (1, 0, 2)


def test_the_p_value_of_an_effect_is_that_which_the_trial_prints(small: Any) -> None:
    small.trial("ava", song="singing, 30", quiet="silence, 30")
    small.trial("ben", song="singing, 30", quiet="silence, 30")
    small.contrast("ava", "song", "quiet", estimate=-2.0, p_value=0.01, p_operator="=")
    small.contrast("ben", "song", "quiet", estimate=-2.0, se=1.0, p_value=0.05, p_operator="<")
    rows: Any = ev.reports_on(small.read(), CRYING).to_frame().set_index("trial_id")
    # A standard error worked back from P by t would give another P by the normal distribution.
    assert rows.loc["ava", ["kind", "p", "printed"]].tolist() == ["effect", "0.01", True]
    # A bound says less than the effect.
    assert not rows.loc["ben", "printed"]
    assert float(rows.loc["ben", "p"]) == pytest.approx(0.0455, abs=1e-4)


def test_where_more_is_better_a_positive_sign_favours_the_intervention(told: Any) -> None:
    told.protocol["outcomes"]["sleep"]["better"] = "higher"
    (row,) = ev.reports_on(told.read(), SLEEP).to_frame().to_dict("records")
    assert (row["trial_id"], row["kind"], row["direction"]) == ("ida", "P value", 1)
    told.protocol["outcomes"]["sleep"]["better"] = "lower"
    assert ev.reports_on(told.read(), SLEEP).to_frame()["direction"].tolist() == [-1]


def test_a_trial_of_several_comparisons_counts_once(small: Any) -> None:
    small.trial("ava", song="singing, 30", hum="singing, 20", quiet="silence, 30")
    small.contrast("ava", "song", "quiet", p_value=0.04, p_operator="=", direction="arm")
    small.contrast("ava", "hum", "quiet", estimate=1.0, se=0.5)
    (row,) = ev.reports_on(small.read(), CRYING).to_frame().to_dict("records")
    assert (row["kind"], row["direction"], row["comparisons"], row["arm"]) == ("effect", 1, 2, "Hum")


def test_strata_of_a_trial_take_part_together_and_count_once(small: Any) -> None:
    small.trial("ava", song="singing, 50", quiet="silence, 50")
    for name, effect, se in (("ava-girls", -1.0, 0.5), ("ava-boys", 0.4, 1.0), ("ben", -2.0, 1.0)):
        small.trial(name, song="singing, 30", hum="singing, 10", quiet="silence, 20")
        small.contrast(name, "song", "quiet", estimate=effect, se=se, n_arm=30, n_comparator=20)
    # A second comparison of the same girls adds no patients.
    small.contrast("ava-girls", "hum", "quiet", estimate=-1.0, se=0.9, n_arm=10, n_comparator=20)
    small.protocol["strata"] = [{"whole": "ava", "parts": ["ava-girls", "ava-boys"]}]
    review = small.read()
    rows: Any = ev.reports_on(review, CRYING).to_frame().set_index("trial_id")
    assert rows.index.tolist() == ["ava", "ben"]
    assert rows.loc["ava", ["n", "comparisons"]].tolist() == [100, 3]
    girls, boys = (
        review.effects(CRYING, multi_arm="correlated")
        .query(f"trial_id == '{name}' and arm_id == 'song'")
        .iloc[0]
        for name in ("ava-girls", "ava-boys")
    )
    weights = [girls["se"] ** -2, boys["se"] ** -2]
    mean = (weights[0] * girls["effect"] + weights[1] * boys["effect"]) / sum(weights)
    assert rows.loc["ava", "effect"] == pytest.approx(mean)
    assert rows.loc["ava", "se"] == pytest.approx(sum(weights) ** -0.5)
    assert float(rows.loc["ava", "p"]) == pytest.approx(
        2 * norm.sf(abs(mean) * sum(weights) ** 0.5), rel=1e-5
    )


def test_an_analysis_on_which_nothing_is_reported(filled: Any) -> None:
    reports = ev.reports_on(filled.read(), "singing-settled-long")
    assert reports.to_frame().empty
    assert (reports.directions, reports.combined, reports.curve) == ({}, None, None)
    assert reports.summary().endswith("no trials report on it")


def test_every_trial_of_the_review_that_reports_is_named(review: Any) -> None:
    for analysis in review.analyses:
        found = ev.synthesise(review, analysis)
        reports = ev.reports_on(review, analysis)
        assert set(reports.of("effect")["study"]) == set(found.effects["study"])
        heard = set(reports.to_frame()["study"])
        silent = heard - set(found.effects["study"]) - set(found.reported["study"])
        assert heard >= set(found.effects["study"]) | set(found.reported["study"])
        assert silent <= set(harms_in_words(review, review.analysis(analysis)))
        assert reports.to_frame()["study"].is_unique
        assert reports.of("P value")["p"].ne("").all()
        assert reports.of("direction")["direction"].notna().all()
        lacking = reports.to_frame().query("kind != 'effect'")
        assert lacking["reason"].ne("").all()


def test_people_and_p_of_a_trial_are_those_of_the_comparison_that_stands_for_it(small: Any) -> None:
    small.trial("ava", song="singing, 36", both="singing+rocking, 64", quiet="silence, 100")
    for arm, mean, n in (("song", 3.0, 36), ("both", 4.0, 64), ("quiet", 5.0, 100)):
        small.arm("ava", arm, mean=mean, sd=6.0, n=n)
    [row] = ev.reports_on(small.read(), CRYING).to_frame().to_dict("records")
    assert (row["arm"], row["n"], row["comparisons"]) == ("Both", 164, 2)
    se = 6.0 * math.sqrt(1 / 64 + 1 / 100)
    assert float(row["p"]) == pytest.approx(2 * norm.sf(1.0 / se), rel=1e-5)
