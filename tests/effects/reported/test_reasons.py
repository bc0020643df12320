"""Reasons of several comparisons in one text."""

from __future__ import annotations

from evidence.effects.reported.reasons import distinct_reasons


def test_what_was_said_of_one_comparison_is_not_said_again() -> None:
    reasons = ["too young; or: a count, not a score", "too young; or: odd; as printed", "too young", ""]
    assert distinct_reasons(reasons) == "too young; or: a count, not a score; odd; as printed"
