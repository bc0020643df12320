"""Judgements of risk of bias from other programs: their domains by the words that name them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["bias_domain", "worst_first"]

# All the words must be there; the first entry that fits decides.
_DOMAINS = (
    (("sequence", "generation"), "randomisation"),
    (("allocation", "conceal"), "allocation_concealment"),
    (("blinding", "participants"), "blinding_participants"),
    (("blinding", "assess"), "blinding_assessors"),
    (("incomplete", "outcome"), "missing_outcomes"),
    (("selective", "reporting"), "selective_reporting"),
    (("other", "bias"), "other"),
)
_ORDER = ("high", "some", "unclear", "low")


def bias_domain(name: str) -> str:
    """Give the domain of the Cochrane tool of 2011 that a heading names, "" if it names none or two.

    Blinding of everybody in one item belongs to two domains, so it is not assigned to either.
    """
    text = name.lower()
    return next((domain for words, domain in _DOMAINS if all(word in text for word in words)), "")


def worst_first(judged: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Give the worst of the judgements of one study on one domain, and what it rests on."""
    judgement, basis = min(judged, key=lambda one: _ORDER.index(one[0]))
    if len(judged) > 1:
        basis = f"worst of {len(judged)} judgements for different outcomes" + (f": {basis}" if basis else "")
    return judgement, basis
