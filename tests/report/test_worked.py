from __future__ import annotations

import math
from typing import Any

import pytest

import evidence as ev
from evidence.errors import DataError

ANALYSIS = "singing-crying-short"


def test_a_source_is_quoted_with_its_place(filled: Any) -> None:
    filled.rows["arm_results"][1].update(as_reported="5.0 (2.5)", locator="Table 2")
    quote = "> 5.0 (2.5)\n>\n> [Table 2](https://example.org/lullabies), row 3 of the table"
    assert ev.quoted(filled.read(), "arm_results-2") == quote
    assert ev.quoted(filled.read(), "arm_results-2", "arm_results-2") == f"{quote}\n\n{quote}"


def test_from_an_interval(filled: Any) -> None:
    filled.contrast("ava", "song", "quiet", estimate=-2, ci_low=-3, ci_high=-1, ci_level=95)
    steps = ev.recovery(filled.read(), "contrast_results-1")
    assert steps.startswith("- ")
    assert f"{2 / (2 * 1.959964):.4g}" in steps


def test_from_means_and_a_p_value(filled: Any) -> None:
    filled.contrast("ava", "song", "quiet", p_value=0.01, p_operator="=", scale_min=0, scale_max=10)
    steps = ev.recovery(filled.read(), "contrast_results-1").splitlines()
    assert steps[0] == "- MD = 3 - 5 = -2.00 on a scale from 0 to 10"
    # The two groups of 40 and 50 leave 88 degrees of freedom, whose t at P = .01 is 2.633.
    assert "88 df" in " ".join(steps)
    assert "2.633" in " ".join(steps)


def test_an_effect_is_worked_from_the_means(filled: Any) -> None:
    review = filled.read()
    worked = ev.worked_effect(review, ANALYSIS, "ben", "song")
    row = review.effects(ANALYSIS).query("trial_id == 'ben'").iloc[0]
    assert worked.words.startswith(f"−{abs(row['effect']):.1f} (95% CI ")
    assert worked.steps.startswith("1. ")
    assert "Song: mean 4" in worked.steps
    assert worked.sources == ev.quoted(review, "arm_results-3", "arm_results-4")
    # On the scale of the questionnaire: 4 - 5, and 4 / 40 + 6.25 / 50.
    assert worked.by_hand == f"−1.0000 with variance {math.fsum((0.1, 0.125)):.4f}"


def test_assumptions_are_told(review: Any) -> None:
    for row in review.effects("massage-inactive-pain-short").to_dict("records"):
        worked = ev.worked_effect(review, "massage-inactive-pain-short", row["trial_id"], row["arm_id"])
        assert worked.steps.endswith(f"Assumed: {row['assumptions']}.") == bool(row["assumptions"])


def test_what_is_not_there_is_named(filled: Any) -> None:
    review = filled.read()
    with pytest.raises(DataError, match="no result 'x'"):
        ev.quoted(review, "x")
    with pytest.raises(DataError, match="cy has no effect in singing-crying-short"):
        ev.worked_effect(review, ANALYSIS, "cy")
