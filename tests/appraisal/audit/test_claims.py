"""Claims and the analyses that bear on them."""

from __future__ import annotations

import evidence as ev
from evidence.tables.review import Review


def test_every_claim_is_answered_or_told_why_not(review: Review) -> None:
    table = ev.claim_results(review)
    assert set(table["claim_id"]) == set(review.claims["claim_id"])
    empty = table[table["analysis"] == ""]
    assert not empty["claim_id"].duplicated().any()
    assert (empty["result"] != "").all()
    assert not set(empty["claim_id"]) & set(table.loc[table["analysis"] != "", "claim_id"])


def test_analyses_fit_the_fields_of_the_claim(review: Review) -> None:
    table = ev.claim_results(review)
    claims = review.claims.set_index("claim_id")
    for row in table[table["analysis"] != ""].to_dict("records"):
        analysis, claim = review.analyses[row["analysis"]], claims.loc[row["claim_id"]]
        assert set(analysis.spec.intervention) & set(claim["intervention"].split("|"))
        assert analysis.outcome in claim["outcome"].split("|")
        # A claim without a time is answered by any window, such as that of harms, which has no ends.
        assert claim["window"] in ("", analysis.window)
        together = analysis.spec.conditions.get("exercise", "either") in ("yes", "both_arms")
        assert together == (claim["with_exercise"] == "yes")


def test_a_claim_that_names_no_comparator_is_held_against_each(review: Review) -> None:
    """Better than a sham, than nothing and than exercise alone: the claim does not say which."""
    found = ev.claim_results(review).groupby("claim_id")["analysis"].agg(set)
    both = {"with-exercise-usual-disability-short", "added-to-exercise-disability-short"}
    assert both <= found["c12"]
    assert both <= found["c04"]
    # A claim of superiority is held against other active treatments.
    assert not any("usual" in name for name in found["c13"])
    # Beside the result of all kinds of comparator stand those of each kind.
    assert {f"massage-{kind}-pain-short" for kind in ("inactive", "sham", "usual")} <= found["c05"]


def test_a_verdict_says_where_its_result_is_wider_than_the_claim(review: Review) -> None:
    """A result with exercise in both groups, or of other patients, is not quite about the claim."""
    claims = ev.audit(review).claims.set_index("claim_id")
    claim = review.claims.set_index("claim_id").loc["c06"]
    assert (claim["with_exercise"], claim["duration_class"]) == ("no", "chronic")
    result = ev.synthesise(review, str(claims["analyses"]["c06"]))
    assert result.fit is not None
    treated = result.effects["exercise"].isin(["in both arms", "with the intervention"])
    others = result.effects["duration_class"] != "chronic"
    shares = [result.fit.weights[held].sum() for held in (treated, others)]
    assert min(shares) > 0
    said = (
        "wider than the claim: of any manual therapy, not of joint mobilisation alone; "
        f"of the weight, {shares[0]:.0f}% is of treatment with exercise and "
        f"{shares[1]:.0f}% is of patients not, or not said to be, chronic"
    )
    assert said in str(claims["why"]["c06"])
    assert said in str(claims["details"]["c06"])
    # Techniques stand in the order of the interventions; the one of massage is not that of manual therapy.
    assert "deep tissue" not in str(claims["why"]["c06"])
    assert "myofascial release alone" in str(claims["why"]["c03"])
    # Of chronic pain and without exercise, as the claim has it.
    assert "wider" not in str(claims["why"]["c11"])


def test_results_are_those_of_the_synthesis(review: Review) -> None:
    table = ev.claim_results(review, method="DL", ci="z")
    pooled = table[table["estimate"].notna()]
    assert len(pooled)
    for name, rows in pooled.groupby("analysis"):
        result = ev.synthesise(review, str(name), method="DL", ci="z")
        assert result.fit is not None
        assert (rows["estimate"] == result.fit.estimate).all()
        assert (rows["result"] == result.sentence()).all()


def test_a_claim_about_lasting_effects_finds_long_term_analyses_only(review: Review) -> None:
    table = ev.claim_results(review)
    lasting = review.claims.loc[review.claims["window"] == "long", "claim_id"]
    found = table[table["claim_id"].isin(lasting) & (table["analysis"] != "")]
    assert len(found)
    assert found["analysis"].str.endswith("-long").all()
