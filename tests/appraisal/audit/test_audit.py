"""The audit: its rule for single results and for whole claims, and that nothing else makes a verdict."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evidence as ev
from evidence.appraisal.audit.judge import (
    CONTRADICTED,
    NOT_ADDRESSED,
    SHORT_TERM,
    SUPPORTED,
    UNCERTAIN,
    VERDICTS,
    Bearing,
    judge,
    rule_steps,
)
from evidence.appraisal.effect_words import OutcomeWords
from evidence.errors import DataError
from evidence.tables.protocol.audit import CERTAINTIES, AuditRule
from evidence.tables.protocol.protocol import Analysis, AnalysisSpec
from evidence.tables.review import Review

ANALYSIS = Analysis(
    id="a",
    spec=AnalysisSpec(
        id="a", intervention=("singing",), comparator=("inactive",), outcomes=("crying",), windows=("short",)
    ),
    outcome="crying",
    window="short",
)


def bearing(
    estimate: float, low: float, high: float, *, certainty: str = "high", mid: float = 10.0, **more: Any
) -> Bearing:
    words = OutcomeWords("crying", "MD", "points", 1.0, 1, mid, more.pop("benefit", -1.0))
    counts = {"k": 5, "trials": 5, "n": 500.0, "reported": 0} | more
    return Bearing(
        ANALYSIS, words, **counts, estimate=estimate, ci_low=low, ci_high=high, certainty=certainty
    )


def certain(level: str = "high") -> Any:
    """Rate every analysis alike."""
    return lambda review, analysis: SimpleNamespace(level=level)


@pytest.mark.parametrize(
    ("numbers", "verdict", "step"),
    [
        ((-12, -20, -4), SUPPORTED, "supported"),
        ((-10, -20, -0.1), SUPPORTED, "supported"),
        ((-9, -20, -4), UNCERTAIN, "may be too small"),
        ((-12, -30, 6), UNCERTAIN, "no clear effect"),
        ((-1, -5, 3), CONTRADICTED, "ruled out"),
        ((-5, -9, -1), CONTRADICTED, "ruled out"),
        ((4, 1, 7), CONTRADICTED, "opposite"),
        ((math.nan, math.nan, math.nan), UNCERTAIN, "not pooled"),
    ],
)
def test_each_step_of_the_rule_decides(numbers: tuple[float, ...], verdict: str, step: str) -> None:
    found = judge(bearing(*numbers), AuditRule())
    assert (found.verdict, found.step) == (verdict, step)
    steps = rule_steps(AuditRule()).set_index("step")["verdict"]
    assert steps[step] == verdict


def test_results_without_a_time_are_told_apart() -> None:
    none = bearing(math.nan, math.nan, math.nan, reported=3, untimed=2)
    every = judge(replace(none, untimed=3), AuditRule()).reason
    assert every.endswith("(5 trials with usable numbers, 3 that state no time)")
    assert "other" not in judge(replace(none, k=2, reported=0, untimed=0), AuditRule()).reason
    said = judge(none, AuditRule()).reason
    assert said.endswith("(5 trials with usable numbers, 1 without, 2 that state no time)")
    assert "time" not in judge(replace(none, untimed=0), AuditRule()).reason


def test_what_a_claim_needs_follows_from_the_rule() -> None:
    small, exact = bearing(-5, -20, -1), bearing(-15, -20, -10)
    verdicts = {
        demand: (
            judge(small, AuditRule(benefit=demand)).verdict,
            judge(exact, AuditRule(benefit=demand)).verdict,
        )
        for demand in ("any", "estimate", "interval")
    }
    assert verdicts == {
        "any": (SUPPORTED, SUPPORTED),
        "estimate": (UNCERTAIN, SUPPORTED),
        "interval": (UNCERTAIN, SUPPORTED),
    }
    assert judge(bearing(-12, -20, -4), AuditRule(benefit="interval")).step == "may be too small"
    # Without a declared difference a benefit is enough, and none can be ruled out.
    assert judge(bearing(-1, -2, -0.5, mid=math.nan), AuditRule(benefit="interval")).verdict == SUPPORTED
    assert judge(bearing(0, -2, 2, mid=math.nan), AuditRule()).step == "no clear effect"


def test_low_certainty_neither_supports_nor_contradicts() -> None:
    for numbers in ((-12, -20, -4), (4, 1, 7)):
        assert judge(bearing(*numbers, certainty="very low"), AuditRule()).step == "certainty"
        assert judge(bearing(*numbers, certainty="low"), AuditRule()).step != "certainty"
        assert judge(bearing(*numbers, certainty="low"), AuditRule(certainty="moderate")).step == "certainty"


def test_a_claim_of_harm_counts_the_other_way_round() -> None:
    assert judge(bearing(12, 4, 20), AuditRule(), "harm").verdict == SUPPORTED
    assert judge(bearing(-12, -20, -4), AuditRule(), "harm").verdict == CONTRADICTED


def test_most_people_must_have_it() -> None:
    verdicts = [
        judge(bearing(12, 4, 20, benefit=1.0, share=share), AuditRule(), "responder").verdict
        for share in (0.6, 0.5, math.nan)
    ]
    assert verdicts == [SUPPORTED, CONTRADICTED, UNCERTAIN]


intervals = st.tuples(
    st.floats(-50, 50), st.floats(0, 40), st.floats(0, 40), st.sampled_from(CERTAINTIES)
).map(lambda drawn: (drawn[0], drawn[0] - drawn[1], drawn[0] + drawn[2], drawn[3]))


@given(intervals, st.floats(0.5, 30))
def test_turning_the_scale_round_keeps_the_verdict(drawn: tuple[Any, ...], mid: float) -> None:
    estimate, low, high, certainty = drawn
    one = judge(bearing(estimate, low, high, certainty=certainty, mid=mid), AuditRule())
    other = judge(bearing(-estimate, -high, -low, certainty=certainty, mid=mid, benefit=1.0), AuditRule())
    assert (one.verdict, one.step) == (other.verdict, other.step)


@given(intervals, st.sampled_from([0.25, 4.0]))
def test_the_unit_does_not_matter(drawn: tuple[Any, ...], factor: float) -> None:
    estimate, low, high, certainty = drawn
    one = judge(bearing(estimate, low, high, certainty=certainty), AuditRule())
    scaled = bearing(factor * estimate, factor * low, factor * high, certainty=certainty, mid=factor * 10.0)
    assert one.step == judge(scaled, AuditRule()).step


@given(intervals)
def test_a_stricter_rule_never_supports_more(drawn: tuple[Any, ...]) -> None:
    estimate, low, high, certainty = drawn
    result = bearing(estimate, low, high, certainty=certainty)
    by_demand = [
        judge(result, AuditRule(benefit=demand)).verdict == SUPPORTED
        for demand in ("any", "estimate", "interval")
    ]
    by_certainty = [
        judge(result, AuditRule.model_validate({"certainty": level})).verdict == SUPPORTED
        for level in CERTAINTIES
    ]
    assert by_demand == sorted(by_demand, reverse=True)
    assert by_certainty == sorted(by_certainty, reverse=True)


# Whole claims, on a small review of four trials in which babies who are sung to cry less.


@pytest.fixture
def sung(small: Any) -> Any:
    """A review to be changed and read, with one claim of each kind of time."""
    for name, mean in (("ava", 3.0), ("ben", 3.2), ("cleo", 2.8), ("dan", 3.0)):
        small.trial(name, song="singing, 60", quiet="silence, 60")
        small.arm(name, "song", mean=mean, sd=2.0, n=60)
        small.arm(name, "quiet", mean=5.0, sd=2.0, n=60)
    small.protocol["outcomes"]["crying"]["minimal_important_difference"] = 10
    claim(small, "soon", window="short")
    claim(small, "lasting", window="long")
    return small


def claim(small: Any, name: str, **cells: str) -> None:
    small.add(
        "claims",
        **{
            "claim_id": name,
            "claim": f"Singing calms ({name})",
            "kind": "effect",
            "intervention": "singing",
            "comparator": "inactive",
            "outcome": "crying",
            "window": "short",
            **cells,
        },
    )


def verdicts(small: Any, level: str = "high", **options: Any) -> dict[str, str]:
    audited = ev.audit(small.read(), certainty=certain(level), **options)
    return dict(zip(audited.claims["claim_id"], audited.claims["verdict"], strict=True))


def test_a_claim_about_a_long_time_may_hold_for_a_short_one(sung: Any) -> None:
    claim(sung, "whenever", window="")
    assert verdicts(sung) == {"soon": SUPPORTED, "lasting": SHORT_TERM, "whenever": SHORT_TERM}
    sung.protocol["audit"] = {"short_term": ["long"]}
    assert verdicts(sung)["lasting"] == NOT_ADDRESSED


def test_a_short_term_that_the_protocol_does_not_have_is_named(sung: Any) -> None:
    sung.protocol["audit"] = {"short_term": ["soon"]}
    with pytest.raises(
        DataError, match=r"review.yaml, column audit.short_term: found 'soon'; use one of long, short"
    ):
        ev.audit(sung.read())


def test_changed_data_change_the_verdict(sung: Any) -> None:
    assert verdicts(sung)["soon"] == SUPPORTED
    for row in sung.rows["arm_results"]:
        if row["arm_id"] == "song":
            row["mean"] = 10.0 - row["mean"]
    assert verdicts(sung) == {"soon": CONTRADICTED, "lasting": NOT_ADDRESSED}


def test_one_changed_trial_can_change_the_verdict(sung: Any) -> None:
    sung.rows["arm_results"][0]["mean"] = 9.0
    assert verdicts(sung)["soon"] == UNCERTAIN


def test_a_changed_rule_changes_the_verdict(sung: Any) -> None:
    assert verdicts(sung, "low")["soon"] == SUPPORTED
    sung.protocol["audit"] = {"certainty": "moderate"}
    assert verdicts(sung, "low")["soon"] == UNCERTAIN
    sung.protocol["audit"] = {"benefit": "interval"}
    sung.protocol["outcomes"]["crying"]["minimal_important_difference"] = 19
    assert verdicts(sung)["soon"] == UNCERTAIN
    sung.protocol["outcomes"]["crying"]["minimal_important_difference"] = 40
    assert verdicts(sung)["soon"] == CONTRADICTED


def test_nothing_else_changes_the_verdict(sung: Any) -> None:
    before = verdicts(sung)
    for row in sung.rows["claims"]:
        row |= {"claim": "Contradicted, too uncertain", "note": "supported", "section": "x", "cited_as": "y"}
    sung.rows["trials"].reverse()
    sung.rows["arm_results"].reverse()
    for row in sung.rows["trials"]:
        row["label"] = f"Study {row['label']}"
    assert verdicts(sung) == before


def test_every_part_must_hold(sung: Any) -> None:
    claim(sung, "both", outcome="crying|sleep")
    claim(sung, "and-else", outcome="crying|mood")
    assert verdicts(sung)["both"] == UNCERTAIN
    assert verdicts(sung, rule=AuditRule(unanswered="ignored"))["both"] == SUPPORTED
    assert verdicts(sung, rule=AuditRule(unanswered="ignored"))["and-else"] == SUPPORTED
    for name in ("ava", "ben", "cleo"):
        sung.arm(name, "song", "SLEEP", mean=8.0, sd=1.0, n=60)
        sung.arm(name, "quiet", "SLEEP", mean=10.0 + len(name) / 10, sd=1.0, n=60)
    audited = ev.audit(sung.read(), certainty=certain())
    row = audited.claims.set_index("claim_id").loc["both"]
    assert (row["verdict"], row["step"]) == (UNCERTAIN, "mixed parts")
    assert "Singing v inactive or usual, sleep, short term: the effect goes the other way" in row["why"]
    claim(sung, "sleep", outcome="sleep")
    assert verdicts(sung)["sleep"] == CONTRADICTED


def test_results_that_contradict_each_other_leave_a_claim_uncertain(sung: Any) -> None:
    sung.protocol["analyses"].append(
        {
            "id": "hummed",
            "intervention": "singing",
            "rocking": "either",
            "comparator": ["humming"],
            "outcomes": ["crying"],
            "windows": ["short"],
        }
    )
    for name, mean in (("eli", 4.0), ("fay", 4.1), ("gus", 3.9)):
        sung.trial(name, song="singing, 90", hum="humming, 90")
        sung.arm(name, "song", mean=mean, sd=1.0, n=90)
        sung.arm(name, "hum", mean=2.0, sd=1.0, n=90)
    sung.protocol["analyses"][0]["comparator"] = ["silence"]
    audited = ev.audit(sung.read(), certainty=certain())
    row = audited.claims.set_index("claim_id").loc["soon"]
    assert row["verdict"] == UNCERTAIN
    assert "results contradict each other" in row["why"]

    def rate(review: Review, analysis: str) -> Any:
        return SimpleNamespace(level="very low" if analysis.startswith("hummed") else "low")

    # A result too uncertain to contradict does not stand against one that is certain enough.
    audited = ev.audit(sung.read(), certainty=rate)
    assert audited.claims.set_index("claim_id").loc["soon", "verdict"] == SUPPORTED


def test_superiority_needs_active_comparators(sung: Any) -> None:
    claim(sung, "best", kind="superiority", comparator="")
    claim(sung, "good", comparator="")
    audited = ev.audit(sung.read(), certainty=certain())
    found = audited.results.groupby("claim_id")["analysis"].agg(set)
    assert found["best"] == {"added-crying-short", "alone-crying-short"}
    assert "singing-crying-short" in found["good"]
    assert audited.claims.set_index("claim_id").loc["best", "verdict"] == NOT_ADDRESSED


def test_mechanisms_are_not_addressed_and_say_why(sung: Any) -> None:
    claim(sung, "why", kind="mechanism", note="not something trials measure")
    audited = ev.audit(sung.read(), certainty=certain())
    row = audited.claims.set_index("claim_id").loc["why"]
    assert (row["verdict"], row["why"]) == (NOT_ADDRESSED, "not something trials measure")
    assert not row["fails"]


def test_numbers_are_those_of_the_synthesis(sung: Any) -> None:
    review = sung.read()
    audited = ev.audit(review, certainty=certain("moderate"), method="DL", ci="z")
    row = audited.results[audited.results["deciding"]].iloc[0]
    fit = ev.synthesise(review, row["analysis"], method="DL", ci="z").fit
    assert fit is not None
    assert (row["estimate"], row["ci_low"], row["ci_high"]) == (fit.estimate, fit.ci_low, fit.ci_high)
    assert (row["k"], row["trials"], row["mid"], row["certainty"]) == (4, 4, 10.0, "moderate")
    assert f"{-fit.estimate:.1f} points of 100 less crying" in str(audited.claims.loc[0, "sentence"])


def test_every_claim_of_the_repository_has_a_verdict_by_a_step_of_the_rule(review: Review) -> None:
    audited = ev.audit(review, certainty=certain("low"))
    assert list(audited.claims["claim_id"]) == list(review.claims["claim_id"])
    assert set(audited.claims["verdict"]) <= set(VERDICTS)
    assert set(audited.claims["step"]) | set(audited.results["step"]) <= set(audited.rule["step"])
    assert (audited.claims["why"] != "").all()
    assert audited.counts.sum() == len(review.claims)
    pooled = audited.results[audited.results["estimate"].notna()]
    assert (pooled["certainty"] == "low").all()
    assert audited.failed
    assert "claims" in audited.summary()
    assert "<table" in audited._repr_html_()


def test_without_a_rating_the_certainty_is_that_of_grade(sung: Any) -> None:
    review = sung.read()
    audited = ev.audit(review)
    assert audited.claims.loc[0, "certainty"] == ev.grade(review, "singing-crying-short").level


def test_other_thresholds_show_which_verdicts_hang_on_them(sung: Any) -> None:
    sung.protocol["audit"] = {
        "vary": {
            "certainty": ["high"],
            "benefit": ["any"],
            "minimal_important_difference": {"crying": [5, 40]},
        }
    }
    table = ev.audit_sensitivity(sung.read(), certainty=certain("moderate"))
    assert len(table) == 2 * 4 * 2
    soon = table[table["claim_id"] == "soon"].set_index(["certainty", "threshold"])
    assert soon.loc[("low", "as declared"), "verdict"] == SUPPORTED
    assert soon.loc[("low", "crying: 40 matters"), "verdict"] == CONTRADICTED
    assert soon.loc[("high", "as declared"), "verdict"] == UNCERTAIN
    assert not soon.loc[("low", "crying: 5 matters"), "changed"]
    assert soon.loc[("high", "as declared"), "changed"]
    declared = ev.audit(sung.read(), certainty=certain("moderate")).claims
    assert list(table["verdict"].head(2)) == list(declared["verdict"])
    # The verdict itself says so, certainty aside.
    (why,) = declared.loc[declared["claim_id"] == "soon", "why"]
    assert why.endswith("; contradicted with another threshold (crying: 40 matters)")
    assert "crying: 5 matters" not in why


def test_another_difference_gives_what_a_protocol_with_it_gives(review: Any) -> None:
    table = ev.audit_sensitivity(review).set_index(["certainty", "threshold"])
    own = review.protocol.audit
    for outcome, (difference, *_) in own.vary.minimal_important_difference.items():
        changed = {"minimal_important_difference": difference}
        outcomes = dict(review.protocol.outcomes)
        outcomes[outcome] = outcomes[outcome].model_copy(update=changed)
        other = replace(review, protocol=review.protocol.model_copy(update={"outcomes": outcomes}))
        named = own.certainty, f"{outcome.replace('_', ' ')}: {difference:g} matters"
        assert list(table.loc[named, "verdict"]) == list(ev.audit(other).claims["verdict"])


def test_a_variation_of_an_unknown_outcome_is_named(sung: Any) -> None:
    sung.protocol["audit"] = {"vary": {"minimal_important_difference": {"mood": [1]}}}
    with pytest.raises(DataError, match=r"audit\.vary\.minimal_important_difference: found 'mood'"):
        ev.audit_sensitivity(sung.read(), certainty=certain())


def test_a_review_without_claims_has_an_empty_audit(filled: Any) -> None:
    audited = ev.audit(filled.read())
    assert audited.claims.empty
    assert audited.citations.empty
    assert not audited.failed
    assert isinstance(audited.to_frame(), pd.DataFrame)
    assert "nothing to judge" in audited.summary()


def test_a_verdict_names_the_treatments_that_it_does_not_rest_on(sung: Any) -> None:
    claim(sung, "all", intervention="singing|rocking", outcome="crying")
    claim(sung, "one", intervention="singing", outcome="crying")
    found = ev.audit(sung.read(), certainty=certain(), rule=AuditRule(unanswered="ignored")).claims
    why = found.set_index("claim_id")["why"]
    assert why["all"] == f"{why['one']}; the verdict does not rest on rocking (not addressed)"
    assert "rest on" not in why["one"]


def test_the_claim_about_two_treatments_that_one_contradicts_says_which(review: Review) -> None:
    told = ev.audit(review).claims.set_index("claim_id").loc["c06"]
    assert told["verdict"] == CONTRADICTED
    assert told["why"].startswith("Manual therapy v ")
    # A verdict against a claim carries the numbers of the result that decides, as the pages of questions tell them.
    found = ev.finding(review, str(told["analyses"]))
    assert f", with {found.amount}; {found.base}; {found.level} certainty; wider than" in told["why"]
    assert "; the verdict does not rest on massage (too few results to pool); " in told["why"]
    # The protocol names a smaller difference that matters, under which nothing is contradicted.
    assert told["why"].endswith(f"; {UNCERTAIN} with another threshold (pain: 5 matters)")
    important = review.protocol.outcomes["pain"].minimal_important_difference
    assert f"an average effect as large as {important:g} points of 100 is unlikely" in told["why"]
    moved = (ev.audit(review).claims["otherwise"] != "").sum()
    words = f"would change {ev.wording.in_words(moved)} of these verdicts."
    assert words in ev.audit(review).statement


def test_the_tables_of_a_page_show_claims_in_words(review: Review) -> None:
    audit = ev.audit(review)
    assert audit.verdicts.columns.tolist() == ["claim", "verdict", "certainty", "why"]
    shown = audit.bearing(review)
    assert shown.columns[0] == "claim"
    words = audit.claims.set_index("claim_id")["claim"]
    assert shown["claim"].tolist() == audit.results["claim_id"].map(words).tolist()
    assert not shown.astype(str).map(lambda text: text in set(words.index)).any(axis=None)
    assert not shown["intervention"].str.contains("_").any()
    named = audit.results["analysis"] != ""
    titles = [review.analyses[name].title for name in audit.results["analysis"][named]]
    assert shown["analysis"][named].tolist() == titles
    assert audit.citation_fields.columns.tolist() == [
        *("citation", "field", "as cited", "found", "disagreement", "how judged", "checked at")
    ]
    assert audit.statement.startswith(f"Of {len(words)} claims: ")
    assert audit.citation_list.count("\n- ") == len(audit.citations) - 1


def test_what_other_thresholds_change_is_counted_listed_and_told() -> None:
    rows = [
        ("c1", "A", "low", "as declared", UNCERTAIN, False),
        ("c2", "B", "low", "as declared", SUPPORTED, False),
        ("c3", "C", "low", "as declared", NOT_ADDRESSED, False),
        ("c1", "A", "high", "pain: 5 matters", SUPPORTED, True),
        ("c2", "B", "high", "pain: 5 matters", SUPPORTED, False),
        ("c3", "C", "high", "pain: 5 matters", NOT_ADDRESSED, False),
        ("c1", "A", "high", "pain: 9 matters", SUPPORTED, True),
        ("c2", "B", "high", "pain: 9 matters", SUPPORTED, False),
        ("c3", "C", "high", "pain: 9 matters", NOT_ADDRESSED, False),
    ]
    varied = pd.DataFrame(rows, columns=["claim_id", "claim", "certainty", "threshold", "verdict", "changed"])
    counts = ev.verdict_counts(varied)
    assert counts.columns.tolist() == [
        "certainty at least",
        "threshold",
        SUPPORTED,
        UNCERTAIN,
        NOT_ADDRESSED,
    ]
    assert counts.to_numpy().tolist() == [
        ["low", "as declared", 1, 1, 1],
        ["high", "pain: 5 matters", 2, 0, 1],
        ["high", "pain: 9 matters", 2, 0, 1],
    ]
    [change] = ev.verdict_changes(varied).to_numpy().tolist()
    assert change == ["A", SUPPORTED, "high", "pain: 5 matters, pain: 9 matters"]
    assert ev.firm_verdicts(varied) == (
        "Of the 2 claims that these trials can speak to, 1 keeps its verdict under every threshold: B (supported)."
    )
