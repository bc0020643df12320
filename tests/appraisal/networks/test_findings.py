"""Certainty of network estimates: a loop of three treatments whose rating is worked out by hand, and what is said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import evidence as ev
from evidence.appraisal.certainty.network import network_evidence, rate_network
from evidence.appraisal.certainty.network_base import NetworkBase, gather_network
from evidence.appraisal.networks.findings import ALONE, NetworkFindings, node_words
from evidence.errors import DataError
from evidence.tables.protocol.protocol import Strata

if TYPE_CHECKING:
    from tests.conftest import SmallReview

    from evidence.tables.review import Review

A, B, C = "singing", "storytelling", "silence"
MEANS = {A: 3.0, B: 5.0, C: 5.5}
"""On 0 to 10: A v B is -20, A v C -25, B v C -5 points of 100, direct and indirect evidence alike."""


@pytest.fixture
def loop(small: SmallReview) -> Callable[..., Review]:
    """Make a review of so many trials of each pair; 100 people an arm, SD 10 of 100, so that each variance is 2."""

    def make(
        each: int = 3,
        *,
        pairs: tuple[tuple[str, str], ...] = ((A, B), (A, C), (B, C)),
        risk: dict[tuple[str, str], str] | None = None,
        sd: float = 1.0,
        shift: dict[tuple[str, str], float] | None = None,
        only_p: int = 0,
        **model: Any,
    ) -> Review:
        small.protocol["outcomes"]["crying"]["minimal_important_difference"] = 10
        small.protocol["model"] = {"minimum_studies": 3, **model}
        for one, other in pairs:
            for number in range(each):
                name = f"{one}-{other}-{number}"
                small.trial(name, a=f"{one}, 100", b=f"{other}, 100")
                moved = (shift or {}).get((one, other), 0.0)
                small.arm(name, "a", mean=MEANS[one] + moved, sd=sd, n=100)
                small.arm(name, "b", mean=MEANS[other], sd=sd, n=100)
                judgement = (risk or {}).get((one, other), "low")
                small.add(
                    "risk_of_bias",
                    trial_id=name,
                    domain="randomisation",
                    judgement=judgement,
                    basis="said so",
                )
        for number in range(only_p):
            name = f"p-{number}"
            small.trial(name, a=f"{A}, 20", b=f"{B}, 20")
            small.contrast(name, "a", "b", p_value=0.3, p_operator="=")
        return small.read()

    return make


def base_of(review: Review) -> NetworkBase:
    return gather_network(review, "crying", "short", nodes="fine", reference=C)


def levels(base: NetworkBase, one: str, other: str) -> dict[str, int]:
    return {
        domain.name: domain.downgrade
        for domain in rate_network(network_evidence(base, one, other))[1].domains
    }


NONE = dict.fromkeys(("risk of bias", "inconsistency", "indirectness", "imprecision", "publication bias"), 0)


def test_sound_evidence_of_a_loop_stays_high(loop: Callable[..., Review]) -> None:
    base = base_of(loop())
    assert base.net.tau2 == pytest.approx(0.0, abs=1e-9)
    for one, other in ((A, B), (A, C)):
        assert levels(base, one, other) == NONE
    found = NetworkFindings(base).finding(A, B)
    assert found.level == "high"
    # Three trials of variance 2 give 2/3; the way round 4/3; together 1 / (3/2 + 3/4) = 4/9, two thirds of it direct.
    assert found.fit is not None
    assert found.fit.estimate == pytest.approx(-20.0)
    assert found.fit.se == pytest.approx(2.0 / 3.0)
    assert found.direct_share == pytest.approx(2.0 / 3.0)
    # The other third goes by two comparisons, one sixth each.
    share = found.contributing.groupby(found.contributing["label"].str[:-2].str.lower())["share"].sum()
    assert share.to_dict() == pytest.approx(
        {f"{A}-{B}": 2.0 / 3.0, f"{A}-{C}": 1.0 / 6.0, f"{B}-{C}": 1.0 / 6.0}
    )
    # A trial of N people in two equal arms has variance 4 * 100 / N; of 900 people 4/9.
    assert found.worth == pytest.approx(900.0)
    assert (found.trials, found.paths, found.n) == (9, 6, 1800.0)
    assert found.sentence == (
        "Singing results in a large reduction in crying in the short term, compared with storytelling. 20.0 points "
        "of 100 less crying (95% interval: 18.7 to 21.3 less); 9 trials, 3 of which compare the two "
        "(Singing-Storytelling-0, Singing-Storytelling-1 and Singing-Storytelling-2; 67% of the evidence), with "
        "1,800 people; together they tell as much as one trial of 900 people; high certainty."
    )


def test_an_estimate_turns_round_with_its_treatments(loop: Callable[..., Review]) -> None:
    findings = NetworkFindings(base_of(loop()))
    there, back = findings.finding(A, C), findings.finding(C, A)
    assert there.fit is not None
    assert back.fit is not None
    assert back.fit.estimate == pytest.approx(-there.fit.estimate)
    assert back.fit.ci_low == pytest.approx(-there.fit.ci_high)
    assert back.level == there.level
    assert back.effects["effect"].to_numpy() == pytest.approx(-there.effects["effect"].to_numpy())
    assert [(one.one, one.other) for one in findings.every()] == [(C, A), (C, B), (A, B)]


def test_risk_of_bias_goes_by_contributions(loop: Callable[..., Review]) -> None:
    base = base_of(loop(risk={(A, C): "high", (B, C): "high"}))
    # A v B has a third of its evidence from trials at high risk; two thirds, the most of it, from trials at low risk.
    assert levels(base, A, B) == NONE
    # A v C has 2/3 + 1/6 of it at high risk, and is not connected without: two levels.
    body, rated = rate_network(network_evidence(base, A, C))
    [domain] = [one for one in rated.domains if one.downgrade]
    assert (domain.name, domain.downgrade) == ("risk of bias", 2)
    assert domain.inputs["share high"] == pytest.approx(5.0 / 6.0)
    assert "without the trials judged at high risk too few trials are left to combine" in domain.reason
    assert rated.level == "low"
    assert body.share.sum() == pytest.approx(1.0)


def test_without_trials_at_high_risk_the_rest_of_the_network_is_fitted_again(
    loop: Callable[..., Review],
) -> None:
    body = network_evidence(base_of(loop(risk={(A, B): "high"})), A, B)
    # The direct trials are at high risk; the way round is left, whose variance is 2/3 + 2/3.
    rest = body.only((body.effects["risk_of_bias"] != "high").to_numpy())
    assert rest is not None
    assert rest.estimate == pytest.approx(-20.0)
    assert rest.se == pytest.approx(math.sqrt(4.0 / 3.0))
    # Most of the weight is at high risk, yet the result does not change: one level.
    assert levels(body.base, A, B) == {**NONE, "risk of bias": 1}


def test_the_share_of_a_trial_is_told_once(review: Review) -> None:
    found = ev.network_findings(review, "disability", "long", reference="usual care")
    one = found.finding("manual_therapy", "usual care")
    most = one.contributing.sort_values("share").iloc[-1]
    assert (most["label"],) == one.direct
    assert most["share"] >= ALONE
    assert one.base.count("UK BEAM 2004") == 1
    apart = replace(one, direct_share=0.1)
    assert f"{100 * most['share']:.0f}% from UK BEAM 2004 alone" in apart.base


def test_imprecision_counts_the_limits_inside_the_interval(loop: Callable[..., Review]) -> None:
    base = base_of(loop(sd=8.0))
    # B v C is -5 with standard error 8 * 2/3 = 5.33: -15.5 to 5.5 holds -10; A v B, -30.5 to -9.5, too.
    assert levels(base, B, C) == {**NONE, "imprecision": 1}
    assert levels(base, A, B) == {**NONE, "imprecision": 1}
    # A v C, -35.5 to -14.5, holds neither; its 900 people are fewer than one trial needs, and not far fewer.
    [domain] = [
        one for one in rate_network(network_evidence(base, A, C))[1].domains if one.name == "imprecision"
    ]
    assert domain.downgrade == 1
    assert domain.inputs["n"] == pytest.approx(900.0)
    # 4 (1.96 + 0.84)^2 (80 / 10)^2
    assert domain.inputs["optimal information size"] == pytest.approx(2009.3, abs=0.1)
    assert domain.inputs["n"] / domain.inputs["optimal information size"] == pytest.approx(0.448, abs=0.001)


def test_few_people_lower_an_interval_that_is_clear_of_the_limits(loop: Callable[..., Review]) -> None:
    base = base_of(loop(sd=5.0))
    # 4 (1.96 + 0.84)^2 (50 / 10)^2 = 785: 900 people are enough.
    assert levels(base, A, C)["imprecision"] == 0
    far = replace(base, mid=4.0)
    # With 4 points 4906 are needed, of which 900 are 18%, far below: two levels, as -25 with SE 3.33 is clear of -4.
    assert levels(far, A, C)["imprecision"] == 2


def test_direct_and_indirect_evidence_that_disagree_lower_inconsistency(loop: Callable[..., Review]) -> None:
    base = base_of(loop(shift={(A, B): 2.5}))
    common = replace(base, net=ev.network(base.data, tau2=0.0, reference=C))
    # Direct +5, indirect -20: no verdict in common, two levels.
    row = common.split[common.key(A, B)]
    assert abs(row["direct"]) == pytest.approx(5.0)
    assert abs(row["indirect"]) == pytest.approx(20.0)
    body, rated = rate_network(network_evidence(common, A, B))
    [domain] = [one for one in rated.domains if one.name == "inconsistency"]
    assert domain.downgrade == 2
    assert domain.inputs["disagreement"] == 2
    assert "direct and indirect evidence disagree (5.0 and −20.0; P < .001)" in domain.reason
    turned = [
        one for one in rate_network(network_evidence(common, B, A))[1].domains if one.name == "inconsistency"
    ]
    assert "disagree (−5.0 and 20.0" in turned[0].reason
    assert body.share.sum() == pytest.approx(1.0)
    # With the variance between trials that this brings, the same is seen in the width of the interval.
    assert base.net.tau2 > 50.0


def test_one_verdict_in_common_less_is_one_level(loop: Callable[..., Review]) -> None:
    base = base_of(loop(shift={(A, B): 0.8}, sd=2.0))
    common = replace(base, net=ev.network(base.data, tau2=0.0, reference=C))
    # Direct -12 with SE 1.63 (-15.2 to -8.8: two verdicts), indirect -20 with SE 2.31 (-24.5 to -15.5: one).
    [domain] = [
        one for one in rate_network(network_evidence(common, A, B))[1].domains if one.name == "inconsistency"
    ]
    # P of 8 / 2.83 is 0.005; one verdict of three is shared, so two levels.
    assert domain.inputs["P of disagreement"] == pytest.approx(0.0047, abs=0.0002)
    assert domain.inputs["disagreement"] == 2
    wide = replace(base, net=ev.network(base.data, tau2=6.0, reference=C))
    # Each trial has variance 8 + 6: direct SE 2.16 (-16.2 to -7.8), indirect 3.06 (-26.0 to -14.0), P .032.
    [domain] = [
        one for one in rate_network(network_evidence(wide, A, B))[1].domains if one.name == "inconsistency"
    ]
    assert domain.inputs["P of disagreement"] == pytest.approx(0.0325, abs=0.001)
    assert domain.inputs["disagreement"] == 2
    coarse = replace(wide, mid=15.0)
    # With limits at 15 both intervals hold two verdicts, important and too little, out of three: one level.
    [domain] = [
        one for one in rate_network(network_evidence(coarse, A, B))[1].domains if one.name == "inconsistency"
    ]
    assert domain.inputs["disagreement"] == 1


def test_the_rule_of_inconsistency_is_said_with_the_limits_of_the_protocol(filled: SmallReview) -> None:
    assert ev.inconsistency_rule_text(filled.read()) == (
        "Inconsistency has a rule of its own here: one level for each limit of an important difference (where none "
        "can be named, for no effect) that lies within the prediction interval and not within the confidence "
        "interval, or one or two for direct and indirect evidence that disagree (P < .1), whichever is more. Without "
        "direct evidence, the test of the whole network takes the place of the second: one level with P < .1, two "
        "with P < .01. I² and intervals that do not overlap do not count, nor does the line of no effect where an "
        "important difference is named."
    )
    filled.protocol["certainty"] = {"incoherence_p": 0.05, "very_incoherent_p": 0.002}
    said = ev.inconsistency_rule_text(filled.read())
    assert "disagree (P < .05)" in said
    assert "one level with P < .05, two with P < .002." in said


def test_without_direct_evidence_the_test_of_the_whole_network_decides(loop: Callable[..., Review]) -> None:
    base = base_of(loop(pairs=((A, C), (B, C))))
    [domain] = [
        one for one in rate_network(network_evidence(base, A, B))[1].domains if one.name == "inconsistency"
    ]
    assert (domain.downgrade, domain.inputs["disagreement"]) == (0, 0)
    assert "no loop in which to test the network" in domain.reason
    found = NetworkFindings(base).finding(A, B)
    assert found.directness == "indirect only"
    assert found.direct == ()
    assert "6 trials, none of which compares the two" in found.base
    # 2/3 + 2/3 = 4 * 100 / 300
    assert found.worth == pytest.approx(300.0)
    for p, expected in ((0.2, 0), (0.05, 1), (0.005, 2)):
        told = replace(base)
        told.__dict__["incoherence_p"] = p
        [domain] = [
            one
            for one in rate_network(network_evidence(told, A, B))[1].domains
            if one.name == "inconsistency"
        ]
        assert domain.inputs["disagreement"] == expected
    direct = NetworkFindings(base).finding(A, C)
    assert direct.directness == "direct only"
    assert "3 trials, all of which compare the two, with 600 people; high certainty" in direct.sentence


def test_the_prediction_interval_counts_the_lines_that_the_interval_does_not_reach(
    loop: Callable[..., Review],
) -> None:
    base = base_of(loop())
    # tau2 36: each variance 38, network SE sqrt(38 * 2/9) = 2.91; A v B -20 (-25.7 to -14.3), and a new trial
    # -20 -+ 2.36 * 6.67 (t on 7 df), -35.8 to -4.2: past -10.
    wide = replace(base, net=ev.network(base.data, tau2=36.0, reference=C))
    [domain] = [
        one for one in rate_network(network_evidence(wide, A, B))[1].domains if one.name == "inconsistency"
    ]
    assert (domain.downgrade, domain.inputs["variation"]) == (1, 1)
    assert domain.inputs["prediction high"] == pytest.approx(-4.2, abs=0.1)
    # B v C, -5 (-10.7 to 0.7) already holds -10; a new trial (-20.8 to 10.8) also holds 10: one line more.
    [domain] = [
        one for one in rate_network(network_evidence(wide, B, C))[1].domains if one.name == "inconsistency"
    ]
    assert (domain.downgrade, domain.inputs["variation"]) == (1, 1)


def test_no_effect_is_no_line_of_the_inconsistency_of_a_network(loop: Callable[..., Review]) -> None:
    base = base_of(loop())
    # tau2 100: A v B -20 (-29.3 to -10.7), and a new trial -46.2 to 6.2, past no effect, and with 50 past no limit.
    wide = replace(base, net=ev.network(base.data, tau2=100.0, reference=C), mid=50.0)
    [domain] = [
        one for one in rate_network(network_evidence(wide, A, B))[1].domains if one.name == "inconsistency"
    ]
    assert domain.inputs["prediction high"] > 0.0
    assert (domain.downgrade, domain.inputs["variation"]) == (0, 0)


def test_missing_results_are_suspected_where_most_of_an_estimate_comes_from_them(
    loop: Callable[..., Review],
) -> None:
    base = base_of(loop(only_p=6))
    # Six of nine trials of A v B give a P value that is not significant, and nothing else.
    assert base.missing.loc[base.key(A, B)].to_dict() == {"trials": 3, "lacking": 6, "withheld": 6}
    assert base.missing.loc[base.key(A, C), "lacking"] == 0
    # A v B has two thirds of its evidence from there, A v C one sixth.
    assert levels(base, A, B) == {**NONE, "publication bias": 1}
    assert levels(base, A, C) == NONE
    assert NetworkFindings(base).finding(A, B).reported == 6


@pytest.mark.parametrize("each", [1, 2, 3])
def test_few_trials_are_shown_and_not_combined(loop: Callable[..., Review], each: int) -> None:
    findings = NetworkFindings(base_of(loop(each, pairs=((A, C), (B, C)))))
    direct, indirect = findings.finding(A, C), findings.finding(A, B)
    assert (direct.paths, indirect.paths) == (each, each)
    table = ev.network_table(findings.every()).shown
    if each == 3:
        assert direct.fit is not None
        assert indirect.fit is not None
        return
    assert direct.fit is None
    assert direct.level == ""
    word = {1: "Only one trial gives", 2: "Two trials give"}[each]
    assert direct.sentence.startswith(
        f"{word} usable numbers on the effect of singing on crying in the short term"
    )
    assert "shown and not combined" in direct.sentence
    assert "certainty" not in direct.sentence
    assert indirect.sentence == (
        "No trial with usable numbers tells the effect of singing on crying in the short term, compared with "
        "storytelling, and what connects the two in the network passes through fewer than three trials; no result is "
        "told."
    )
    assert set(table["Result"]) == {"Shown and not combined", "Not told: too few trials connect the two"}
    assert set(table["Certainty"]) == {""}


def test_a_way_round_does_not_make_few_trials_many(loop: Callable[..., Review]) -> None:
    # One trial compares A with B, and any way round passes one trial of A v C: two in all.
    review = loop(1)
    found = NetworkFindings(base_of(review)).finding(A, B)
    assert found.paths == 2
    assert found.fit is None
    assert found.trials == 1
    assert found.sentence.startswith(
        "Only one trial gives usable numbers on the effect of singing on crying in the short term, compared with "
        "storytelling; it is shown and not combined, for what else connects the two in the network passes through "
        "fewer than three trials. "
    )


def test_strata_of_one_trial_are_one_trial(loop: Callable[..., Review]) -> None:
    review = loop(3, pairs=((A, C), (B, C)))
    assert NetworkFindings(base_of(review)).finding(A, C).paths == 3
    strata = Strata(whole="whole", parts=(f"{A}-{C}-0", f"{A}-{C}-1"))
    counted = replace(review, protocol=review.protocol.model_copy(update={"strata": (strata,)}))
    found = NetworkFindings(base_of(counted)).finding(A, C)
    assert (found.paths, found.trials) == (2, 2)
    assert found.fit is None
    assert found.sentence.startswith("Two trials give usable numbers")


def test_an_interval_beyond_the_scale_is_no_result(loop: Callable[..., Review]) -> None:
    review = loop(sd=1.0)
    outcome = review.protocol.outcomes["crying"].model_copy(update={"widest": 22.0})
    protocol = review.protocol.model_copy(
        update={"outcomes": {**review.protocol.outcomes, "crying": outcome}}
    )
    narrow = replace(review, protocol=protocol)
    findings = NetworkFindings(base_of(narrow))
    assert findings.finding(A, B).fit is not None
    found = findings.finding(A, C)
    assert found.fit is None
    assert "because together they leave open every result" in found.sentence


def test_a_network_names_its_treatments_in_words_and_refuses_others(loop: Callable[..., Review]) -> None:
    review = loop()
    assert node_words(review.protocol, "singing+rocking+routine") == "singing with rocking and routine"
    findings = NetworkFindings(base_of(review))
    with pytest.raises(DataError, match="'dancing' is not in the network; choose one of silence, singing"):
        findings.finding("dancing", C)
    with pytest.raises(DataError, match="cannot be compared with itself"):
        findings.finding(C, C)
    with pytest.raises(DataError, match="'dancing' is in no network of crying, short"):
        ev.network_findings(review, "crying", "short", nodes="fine", reference="dancing")
    with pytest.raises(DataError, match="no trial has numbers on sleep in the window long"):
        ev.network_findings(review, "sleep", "long", nodes="fine")


def test_every_told_result_of_the_review_carries_its_trials_and_certainty(review: Review) -> None:
    least = review.protocol.model.minimum_studies
    for window in ("short", "long"):
        found = ev.network_findings(review, "disability", window, reference="usual care")
        for one in found.every():
            assert one.contributing["share"].sum() == pytest.approx(1.0)
            assert not {*one.contributing["trial_id"]} & {entry.trial for entry in review.protocol.indirect}
            if one.fit is None:
                assert not one.level
                continue
            assert one.paths >= least
            assert one.k >= least
            assert not one.words.leaves(one.fit.ci_low, one.fit.ci_high)
            assert f"{one.level} certainty" in one.sentence
            assert f"{one.k} trials" in one.sentence
            lost = sum(domain.downgrade for domain in one.certainty.domains)
            assert one.level == ("high", "moderate", "low", "very low")[min(lost, 3)]


def test_the_frame_has_one_row_a_pair(loop: Callable[..., Review]) -> None:
    findings = NetworkFindings(base_of(loop()))
    frame = findings.to_frame()
    assert len(frame) == 3
    assert frame["direct_trials"].tolist() == [3, 3, 3]
    assert frame["paths"].tolist() == [6, 6, 6]
    assert np.allclose(frame["direct_share"], 2.0 / 3.0)
    assert all(
        first <= second for first, second in pairwise(frame["against"].map(findings.net.treatments.index))
    )
    assert len(findings.summary().splitlines()) == 2
