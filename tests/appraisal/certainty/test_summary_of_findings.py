"""The summary of findings: its numbers are those of the synthesis, its words follow size and certainty."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.appraisal.statements import size_of
from evidence.results import predicts

MAIN = ["manual-inactive-disability-short", "massage-inactive-pain-short", "manual-inactive-responder-short"]


@pytest.fixture(scope="module")
def table(review: ev.Review) -> pd.DataFrame:
    return ev.summary_of_findings(review)


def test_numbers_are_those_of_the_synthesis(review: ev.Review, table: pd.DataFrame) -> None:
    assert table["analysis"].tolist() == list(review.analyses)
    for row in table.to_dict("records"):
        result = ev.synthesise(review, row["analysis"])
        assert (row["k"], row["trials"], row["n"]) == (result.k, result.trials, result.n)
        show = math.exp if result.measure == "RR" else float
        if result.fit is not None:
            names = ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
            expected = [show(getattr(result.fit, name)) for name in names]
        elif result.k == 1:
            one = result.effects.iloc[0]
            expected = [*(show(one[name]) for name in ("effect", "ci_low", "ci_high")), math.nan, math.nan]
        else:
            expected = [math.nan] * 5
        found = [row[name] for name in ("effect", "ci_low", "ci_high", "prediction_low", "prediction_high")]
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_certainty_is_that_of_grade(review: ev.Review, table: pd.DataFrame) -> None:
    for name in MAIN:
        row = table[table["analysis"] == name].iloc[0]
        certainty = ev.grade(review, name)
        assert row["certainty"] == certainty.level
        assert row["footnotes"] == " ".join(certainty.reasons)
        for domain in certainty.domains:
            assert row[domain.name] == domain.downgrade


def test_absolute_effects_are_those_of_their_function(review: ev.Review, table: pd.DataFrame) -> None:
    for name in MAIN:
        row = table[table["analysis"] == name].iloc[0]
        found = ev.absolute_effects(review, name)
        np.testing.assert_equal(row["difference"], found.difference[0])
        np.testing.assert_equal(row["needed_to_treat"], found.needed)
        fit = ev.synthesise(review, name).fit
        if fit is None or not predicts(fit):
            assert math.isnan(row["probability_important"])
        else:
            assert 0.0 <= row["probability_important"] <= row["probability_benefit"] <= 1.0


def test_options_are_passed_on(review: ev.Review) -> None:
    row = ev.summary_of_findings(review, MAIN[:1], response=0.25, method="Cox", mid=0.2).iloc[0]
    assert row["response"] == 0.25
    assert row["important_difference"] == 0.2
    assert "1.65" in row["assumptions"]


def test_no_analysis_no_row(review: ev.Review) -> None:
    empty = ev.summary_of_findings(review, [])
    assert empty.empty
    assert "statement" in empty


@pytest.mark.parametrize(
    ("estimate", "size"),
    [(-0.1, "little to no difference"), (0.6, "slight"), (-1.0, "important"), (2.0, "large")],
)
def test_size_against_the_important_difference(estimate: float, size: str) -> None:
    assert size_of(estimate, 1.0, slight=0.5, large=2.0) == size
    assert size_of(estimate, math.nan, slight=0.5, large=2.0) == "important"


def test_statements_are_those_of_the_findings(review: ev.Review, table: pd.DataFrame) -> None:
    for name in MAIN:
        row = table[table["analysis"] == name].iloc[0]
        found = ev.finding(review, name)
        assert (row["statement"], row["size"]) == (found.sentence, found.size)


def test_words_for_increase_and_for_nothing(combining_two: ev.Review, table: pd.DataFrame) -> None:
    found = ev.finding(combining_two, "manual-inactive-responder-short")
    assert found.fit is not None
    assert "the share of patients who improve" in found.clause
    nothing = table.loc[table["k"] == 0, "statement"]
    assert nothing.str.contains(
        r"^No trial (?:reports|is known to report)|^The protocol leaves out|without numbers that can be used\.$"
    ).all()
