from __future__ import annotations

import datetime
from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.report.site.explorer import explorer_data
from evidence.tables.bias_tools import NOT_JUDGED


@pytest.fixture
def mixed(filled: Any) -> Any:
    """Two trials in an analysis, one with only a P value, one without numbers, one excluded."""
    for trial in ("cy", "dot"):
        filled.trial(trial, song="singing, 40", quiet="silence, 50")
    filled.contrast("cy", "song", "quiet", p_value=0.04, p_operator="=")
    filled.add("excluded", trial_id="eve", label="Eve", reason="no infants")
    return filled


def test_trials_by_what_can_be_done_with_them(mixed: Any) -> None:
    held = ev.holdings(mixed.read())
    assert dict(held.counts.to_numpy()) == {
        "poolable, used in an analysis": 2,
        "poolable, used in no analysis": 0,
        "reported, not poolable": 1,
        "no numbers seen": 1,
    }
    assert held.statement.startswith(
        "The tables hold **4 trials** with 8 groups and 5 reported results. **2 trials** give at least one poolable "
        "comparison, and 2 of them answer"
    )
    assert held.statement.endswith(
        "1 report numbers that cannot be pooled, and for 1 no outcome numbers could be seen at all. "
        "The table of excluded trials names 1 more trial that was looked at and left out."
    )
    assert held.poolable["trial"].tolist() == ["Ava", "Ben"]
    assert held.poolable.columns.tolist()[2:] == [
        "randomised", "poolable comparisons", "recovered from", "used in analyses", "why no analysis uses it",
    ]  # fmt: skip
    assert held.not_poolable[["trial", "results reported", "comparisons", "reason"]].to_numpy().tolist() == [
        ["Cy", 1, 1, "only a P value (1)"]
    ]
    assert held.without_numbers["trial"].tolist() == ["Dot"]


def test_the_question_and_its_changes(mixed: Any) -> None:
    mixed.protocol["question"] = {"population": "infants", "outcomes": ["crying", "quality_of_sleep"]}
    mixed.protocol["deviations"] = [
        {"date": datetime.date(2026, 1, 2), "change": "naps count", "reason": "they are sleep"}
    ]
    review = mixed.read()
    assert ev.question_table(review).to_numpy().tolist() == [
        ["Outcomes", "crying, quality of sleep"],
        ["Population", "infants"],
    ]
    assert ev.deviations_table(review).to_numpy().tolist() == [["2026-01-02", "naps count", "they are sleep"]]


def test_no_change_is_an_empty_table(filled: Any) -> None:
    assert ev.deviations_table(filled.read()).columns.tolist() == ["date", "change", "reason"]


def test_the_map_says_sides_in_words(mixed: Any) -> None:
    review = mixed.read()
    table = ev.evidence_map_table(review, ev.evidence_map(review))
    first = table[table["trial"] == "Ava"].iloc[0]
    assert (first["gives"], first["people"], first["favours"]) == (
        "effect with its precision",
        90,
        "treatment",
    )
    assert table.loc[table["trial"] == "Cy", "favours"].iloc[0] == "not told"


def test_no_id_of_a_trial_stands_in_a_reason(review: Any) -> None:
    table = ev.evidence_map_table(review, ev.evidence_map(review))
    told = " ".join([*table["why it is not pooled"], *ev.holdings(review).trials["reason"]])
    assert not [name for name in review.trials["trial_id"] if name in told]


def test_what_analyses_have_to_work_with(filled: Any) -> None:
    review = filled.read()
    table = ev.analyses_table(review)
    assert table["question"].tolist() == [one.title for one in review.analyses.values()]
    used = table[table["trials"] > 0]
    assert used[["poolable comparisons", "trials", "patients in them"]].to_numpy().tolist() == [[2, 2, "180"]]
    assert ev.analyses_statement(review).startswith(
        f"**1 of the {len(table)} analyses are combined.** 0 have poolable comparisons of fewer than two trials, "
        f"which are shown and not combined; {len(table) - 1} have none. "
    )
    filled.protocol["model"]["minimum_studies"] = 3
    assert ev.analyses_statement(filled.read()).startswith(
        f"**0 of the {len(table)} analyses are combined.** 1 have poolable comparisons of fewer than three trials, "
    )
    assert table["trials without usable numbers"].sum() == 0


def test_an_outcome_has_one_name(review: Any) -> None:
    wanted = "patients who improve"
    assert wanted in " ".join(ev.question_table(review)["answer"])
    assert wanted in set(ev.audit(review).bearing(review)["outcome"])
    assert wanted in set(ev.doubtful_table(review)["outcome"])
    data = explorer_data(review)
    assert "responder" not in {one["outcome"] for one in data["analyses"]}


def test_trials_without_judgements_have_one_word(review: Any) -> None:
    risks = pd.concat([review.effects(name) for name in review.analyses])["risk_of_bias"]
    assert NOT_JUDGED in set(risks)
    assert "not assessed" not in set(risks)
