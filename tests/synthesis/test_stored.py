"""Totals of an imported file beside those of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.synthesis.stored import stored_totals

if TYPE_CHECKING:
    from tests.conftest import SmallReview

ID = "singing-crying-short"


@pytest.fixture
def fit(filled: SmallReview) -> Any:
    return ev.synthesise(filled.read(), ID).fit


def totals(filled: SmallReview, *rows: dict[str, Any]) -> pd.DataFrame:
    """Compare the totals of rows of ``reviews.csv``, each of which names an analysis."""
    for place, row in enumerate(rows):
        stored = {name: value for name, value in row.items() if name != "analysis"}
        filled.add("reviews", review_id=f"file-{place}", label="File", source_url="https://x.org", **stored)
    review = filled.read()
    named = review.reviews.assign(analysis=[row.get("analysis", ID) for row in rows])
    return stored_totals(replace(review, reviews=named))


def test_only_totals_of_an_analysis_are_compared(filled: SmallReview, fit: Any) -> None:
    stored = {"k": 2, "estimate": fit.estimate, "ci_low": fit.ci_low, "ci_high": fit.ci_high}
    found = totals(filled, {"analysis": ""}, {"analysis": "gone"}, stored)
    assert found[["analysis", "row", "measure"]].to_numpy().tolist() == [[ID, 4, "MD"]]
    computed = found[["computed", "computed_low", "computed_high"]].to_numpy()[0]
    np.testing.assert_allclose(computed, [fit.estimate, fit.ci_low, fit.ci_high])
    np.testing.assert_allclose(found[["stored", "stored_low", "stored_high"]].to_numpy()[0], computed)
    assert found[["agrees", "why"]].to_numpy().tolist() == [[True, ""]]


def test_without_totals_nothing_is_compared(filled: SmallReview) -> None:
    assert stored_totals(filled.read()).empty
    assert totals(filled, {"analysis": ""}).empty


@pytest.mark.parametrize(
    ("moved", "k", "agrees", "why"),
    [
        ((0.0, 0.0, 0.0), 2, True, ""),
        ((0.0, 0.0, 0.0), 3, True, ""),  # the numbers decide
        ((0.001, -0.001, 0.001), "", True, ""),  # of an interval wide enough for a fifth of a percent
        ((0.5, 0.5, 0.5), 3, False, "the file counts 3 studies, its rows give 2"),
        ((0.5, 0.5, 0.5), 2, False, "reason unknown: the stored total does not follow"),
        ((0.5, 0.5, 0.5), "", False, "reason unknown: the stored total does not follow"),
    ],
)
def test_a_total_agrees_or_says_why_not(
    filled: SmallReview, fit: Any, moved: tuple[float, ...], k: Any, agrees: bool, why: str
) -> None:
    values = (fit.estimate, fit.ci_low, fit.ci_high)
    stored = {
        name: a + b for name, a, b in zip(("estimate", "ci_low", "ci_high"), values, moved, strict=True)
    }
    [row] = totals(filled, {"k": k, **stored}).to_dict("records")
    assert row["agrees"] == agrees
    assert row["why"].startswith(why)
    assert bool(row["why"]) != agrees


@pytest.mark.parametrize("stored", [{"estimate": 1, "ci_low": 0, "ci_high": 2}, {}])
def test_nothing_pooled_is_no_agreement(filled: SmallReview, stored: dict[str, Any]) -> None:
    [row] = totals(filled, {"analysis": "alone-crying-short", **stored}).to_dict("records")
    assert np.isnan(row["computed"])
    assert not row["agrees"]
    assert row["why"] == ev.synthesise(filled.read(), "alone-crying-short").note
