"""Tables as pages print them: their headings, and that what is printed is what was found."""

from __future__ import annotations

import pytest

import evidence as ev
from evidence.tables.review import Review
from evidence.wording import number


def test_a_sequential_analysis_says_of_which_distribution_its_z_is(review: Review) -> None:
    name = "manual-inactive-pain-short"
    table = ev.sequential_table(review, [ev.finding(review, name)])
    [z] = table.shown["z (normal distribution)"]
    last = ev.sequential_analysis(review, name).looks.iloc[-1]
    fit = ev.synthesise(review, name, ci="z").fit
    assert fit is not None
    assert z == number(last["z"])
    assert abs(last["z"]) == pytest.approx(abs(fit.statistic))


def test_smallest_differences_are_named_where_there_are_any(review: Review) -> None:
    assert ev.differences_statement(review) == (
        "Smallest differences that matter: pain 10 points of 100 and disability 0.3 SD (1.35 points of 24). None is "
        "declared for patients who improve, quality of life, any adverse event and serious adverse events: their "
        "certainty is rated with a difference of 0.5 SD or a ratio of 1.25."
    )


def test_guidelines_keep_their_words(review: Review) -> None:
    table = ev.guidelines_table(review)
    assert table["recommendation"].tolist() == review.guidelines["recommendation"].tolist()
    assert table["source"].str.startswith("http").all()
