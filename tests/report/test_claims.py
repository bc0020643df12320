"""Each claim on a page: its verdict, its parts, and links to the results that bear on them."""

from __future__ import annotations

import re

import pytest
from IPython.display import HTML

import evidence as ev
from evidence.report.site.explorer import explorer_data
from evidence.tables.review import Review


def test_each_claim_is_folded_with_all_that_bears_on_it(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[HTML] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    audit = ev.audit(review)
    ev.publish_claims(review, audit)
    text = str(shown[0].data)
    assert text.count("<details>") == len(audit.claims)
    # A link to anything else would show another result.
    held = {one["id"] for one in explorer_data(review)["analyses"]}
    linked = re.findall('<a href="explorer.html#a=(.*?)">', text)
    assert sorted(linked) == sorted(name for name in audit.results["analysis"] if name in held)
    assert text.count(" The verdict rests on this result.") == int(audit.results["deciding"].sum())
    claim = audit.claims.set_index("claim_id").loc["c01"]
    assert f"<b>{claim['claim']}: {claim['verdict']}.</b> <i>{claim['section']}</i>" in text
    assert f"<ul><li>{claim['details']}</li></ul>" in text  # nothing bears on what is no effect


def test_parts_are_named_by_the_words_of_outcome_and_window(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[HTML] = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    ev.publish_claims(review, ev.audit(review))
    text = str(shown[0].data)
    assert "<li>Massage, pain, short term: " in text
    assert "<li>Massage, any adverse event, over the whole trial: " in text
    assert "<li>Manual therapy, quality of life, short term: " in text
