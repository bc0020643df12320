from __future__ import annotations

from typing import Any

import pytest

import evidence as ev


def test_effects_of_all_analyses(filled: Any) -> None:
    review = filled.read()
    found = review.effects("singing-crying-short")
    table = ev.effects_table(review)
    assert table[["trial", "comparison", "weeks", "reported"]].to_numpy().tolist() == [
        ["Ava", "Song v Quiet", 10, "−2.00 (SE 0.47)"],
        ["Ben", "Song v Quiet", 10, "−1.00 (SE 0.47)"],
    ]
    assert set(table["question"]) == {review.analyses["singing-crying-short"].title}
    assert table["effect"].tolist() == pytest.approx(found["effect"].tolist())
    assert table["SE"].tolist() == pytest.approx(found["se"].tolist())
    derived = ev.derivations_table(review)
    assert derived["trial"].tolist() == ["Ava", "Ben"]
    assert "Song: mean 3" in derived["derivation"][0]  # the label of the arm, not its id
    assert "song: " not in derived["derivation"][0]
    assert derived["derivation"][0].parts[-1] == str(found["derivation"].iloc[0].parts[-1])
    assert derived.columns[-1] == "read at"


def test_reasons_are_counted_once_for_each_comparison(filled: Any) -> None:
    for trial in ("cy", "dot"):
        filled.trial(trial, song="singing, 40", quiet="silence, 50")
        filled.contrast(trial, "song", "quiet", p_value=0.04, p_operator="=")
    filled.trial("eve", song="singing, 40", quiet="silence, 50")
    filled.contrast("eve", "song", "quiet", estimate=1, ci_low=0, ci_high=2, note="CHECK: odd")
    review = filled.read()
    counts = dict(ev.refusals_table(review).to_numpy())
    assert counts["only a P value, no difference and no pair of means"] == 2
    assert counts["doubtful as printed"] == 1
    assert sum(counts.values()) == 3


def test_without_refusals_the_table_is_empty(filled: Any) -> None:
    table = ev.refusals_table(filled.read())
    assert table.empty
    assert table.columns.tolist() == ["reason", "comparisons"]
