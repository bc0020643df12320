"""The page of a question shows what there is, and no heading over nothing."""

from __future__ import annotations

import pandas as pd
import pytest

import evidence as ev
from evidence.report import question_page
from evidence.tables.review import Review


@pytest.mark.parametrize("question", ["massage-sham", "massage-usual"])
def test_where_nothing_was_combined_one_sentence_stands_for_results_and_doubts(
    review: Review, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda one: shown.append(one.data))
    monkeypatch.setattr(question_page, "publish_table", lambda table, name, **_: shown.append(name))
    answer = ev.answer_question(review, question, deep=False)
    if question == "massage-sham":
        ev.publish_results(review, answer)
        ev.publish_doubts(review, answer)
        ev.publish_choices(answer)
        assert shown == ["Nothing was combined for this question, so no certainty was rated."]
        return
    ev.publish_doubts(review, answer)
    tables = [one for one in shown if not one.startswith("#")]
    assert tables == [f"{name}-{question}" for name in ("certainty", "patients", "sequential", "sensitivity")]
    # Each heading stands over a table; that for patients belongs to the one before.
    assert [one.startswith("#") for one in shown] == [True, False, False, True, False, True, False]


def test_own_results_stand_beside_published_ones_with_their_certainty(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables: list[pd.DataFrame] = []
    captions: list[str] = []
    monkeypatch.setattr("IPython.display.display", lambda one: None)
    monkeypatch.setattr(question_page, "publish_figure", lambda *_, caption, **__: captions.append(caption))
    monkeypatch.setattr(question_page, "publish_table", lambda table, *_, **__: tables.append(table))
    for question in ("manual-other", "massage-other"):
        ev.publish_published(review, ev.answer_question(review, question, deep=False))
    own = tables[0][tables[0]["result of"].str.startswith("This review, short term")]
    assert list(own["certainty"]) == [
        ev.grade(review, f"manual-active-{outcome}-short").level for outcome in ("pain", "disability")
    ]
    assert [text.startswith("Combined results of this review") for text in captions] == [True, False]
