"""The figure of claims and their verdicts."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

import evidence as ev
from evidence.appraisal.audit.audit import Audit
from evidence.errors import DataError
from evidence.tables.review import Review


@pytest.fixture(scope="module")
def audited(review: Review) -> Audit:
    return ev.audit(review, certainty=lambda review, analysis: SimpleNamespace(level="low"))


def test_numbers_are_multiples_of_what_matters(audited: Audit) -> None:
    numbers = ev.figures.verdicts(audited, title="Claims").numbers
    assert list(dict.fromkeys(numbers["claim_id"])) == list(audited.claims["claim_id"])
    drawn = numbers.dropna(subset=["estimate"])
    results = audited.results
    assert len(drawn)
    for row in drawn.to_dict("records"):
        own = (results["claim_id"] == row["claim_id"]) & (results["analysis"] == row["analysis"])
        result = results[own & results["deciding"]].iloc[0]
        assert row["estimate"] == pytest.approx(result["favours"] * result["estimate"] / result["mid"])
        assert row["ci_low"] <= row["estimate"] <= row["ci_high"]


def test_the_description_names_every_claim_with_its_verdict(audited: Audit) -> None:
    figure = ev.figures.verdicts(audited)
    for row in audited.claims.to_dict("records"):
        assert f"{row['claim'].rstrip('.')}: {row['verdict']}" in figure.alt_text
    written = {text.get_text() for text in figure.texts}
    assert set(audited.claims["verdict"]) <= written


def test_texts_stay_on_the_page(audited: Audit) -> None:
    figure = ev.figures.verdicts(audited, title="Claims")
    canvas = figure.canvas
    box = figure.bbox
    for text in figure.texts:
        extent = text.get_window_extent(canvas.get_renderer())  # type: ignore[attr-defined]
        assert box.x0 <= extent.x0
        assert extent.x1 <= box.x1
        assert box.y0 <= extent.y0
        assert extent.y1 <= box.y1


def test_claims_without_results_are_drawn_and_no_claim_is_an_error(review: Review, audited: Audit) -> None:
    claims = pd.DataFrame({"claim_id": ["x"], "claim": ["Singing is old"], "kind": ["background"]})
    figure = ev.figures.verdicts(ev.audit(review, claims))
    assert figure.numbers["estimate"].isna().all()
    with pytest.raises(DataError, match="the audit has no claims"):
        ev.figures.verdicts(ev.audit(review, claims.head(0)))
