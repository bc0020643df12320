"""Which interval to trust: tables and the answer from simulated results whose numbers are given."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import evidence as ev
from evidence.appraisal.coverage import TrialSizes

if TYPE_CHECKING:
    from tests.conftest import SmallReview

    from evidence.tables.review import Review

SIZES = TrialSizes((20.0, 40.0, 100.0), (3, 7), 41.6)
RESULT = pd.DataFrame(
    [
        (5, 0.0, "z", 0.95, 0.2, 400),
        (5, 0.0, "HKSJ", 0.96, 0.4, 400),
        (5, 0.0, "central", 0.999, 0.5, 400),
        (5, 0.1, "z", 0.85, 0.5, 400),
        (5, 0.1, "HKSJ", 0.94, 0.8, 400),
        (5, 0.1, "central", 0.95, 0.7, 400),
    ],
    columns=["k", "tau2", "ci", "coverage", "width", "repetitions"],
)
ROUGHER = pd.DataFrame(
    [("normal", "z", 0.9), ("normal", "HKSJ", 0.93), ("skewed", "z", 0.88), ("skewed", "HKSJ", 0.921)],
    columns=["distribution", "ci", "coverage"],
)


def test_sizes_of_a_review_count_each_comparison_once(small: SmallReview) -> None:
    for number, size in enumerate((10, 20, 30)):
        name = f"t{number}"
        small.trial(name, a="singing, 10", b="silence, 10")
        small.arm(name, "a", mean=3.0, sd=2.0, n=size)
        small.arm(name, "b", mean=5.0, sd=2.0, n=size)
    # A second question that rests on the same comparisons.
    again = deepcopy(small.protocol["analyses"][0]) | {"id": "again", "outcomes": ["crying"]}
    small.protocol["analyses"].append(again)
    sizes = ev.trial_sizes(small.read())
    assert sizes.sizes == (20.0, 40.0, 60.0)
    assert sizes.counts == (3, 3)
    assert sizes.variance == pytest.approx(0.1)
    assert sizes.typical_tau2 == 0.1


def test_what_is_taken_from_the_review_is_said() -> None:
    assert SIZES.statement(5) == (
        "The review has 2 combined results, 1 of them from at most 5 comparisons. Its 3 comparisons have a median of "
        "40 patients (80% of them between 24 and 88), and the median I² is 42%. Each simulated trial takes one of "
        "these sizes at random."
    )


def test_nothing_pooled_has_no_median(filled: SmallReview) -> None:
    filled.protocol["model"] = {"minimum_studies": 3}
    sizes = ev.trial_sizes(filled.read())
    assert (sizes.sizes, sizes.counts) == ((), ())
    assert math.isnan(sizes.i2)


def test_coverage_stands_by_how_much_trials_differ() -> None:
    table = ev.coverage_by_variance(RESULT, SIZES)
    assert table["interval"].tolist() == ["z", "HKSJ", "Bayes"]
    # A trial of 40 people has the variance 4 / 40, so that 0.1 between trials is half of all.
    assert table["coverage, τ² 0.1, I² 50% (%)"].tolist() == [85.0, 94.0, 95.0]
    assert table["width, τ² 0, I² 0%"].tolist() == [0.2, 0.4, 0.5]
    shapes = ev.coverage_by_shape(ROUGHER)
    assert shapes.to_numpy().tolist() == [["z", 90.0, 88.0], ["HKSJ", 93.0, pytest.approx(92.1)]]


def test_the_answer_names_all_that_the_simulation_does_not_tell_apart(review: Review) -> None:
    # At 95% of 400 the error is 1.09 percentage points: 94 is alike, 85 is not.
    said = ev.coverage_statement(review, RESULT, ROUGHER)
    i2 = 100 * 0.1 / (0.1 + ev.trial_sizes(review).variance)
    assert said.startswith(
        "**In simulated meta-analyses of 5 trials of this review's sizes, the 95% interval that most reliably "
        "includes the true average is HKSJ (94.0 to 96.0%) or Bayes (95.0 to 99.9%).** The simulation cannot tell "
        "these apart. Where trials hardly differ, Bayes includes it more than 95% of the time: wider than needed. "
        "The plain interval, z, includes it in 85.0 to 95.0%, HKSJ in 94.0 to 96.0%. Honest "
        f"intervals are wide: at τ² 0.1, I² {i2:.0f}%, HKSJ is 1.6 times as wide as z. "
    )
    assert said.endswith(
        "With skewed effects or outliers HKSJ covers 92.1% at worst. No interval knows of trials that were never "
        "published."
    )


def test_the_interval_of_the_protocol_goes_first(review: Review) -> None:
    rows = pd.DataFrame([("skewed", "HKSJ-adhoc", 0.967)], columns=ROUGHER.columns)
    result = pd.concat([RESULT, RESULT[RESULT["ci"] == "HKSJ"].assign(ci="HKSJ-adhoc")])
    said = ev.coverage_statement(review, result, pd.concat([ROUGHER, rows]))
    assert "is HKSJ (94.0 to 96.0%), Bayes (95.0 to 99.9%) or HKSJ-adhoc (94.0 to 96.0%).**" in said
    assert "The protocol of this review uses HKSJ-adhoc. With skewed" in said
    assert "outliers HKSJ-adhoc covers 96.7% and HKSJ covers 92.1% at worst." in said


def test_one_that_is_best_alone_leaves_nothing_open(review: Review) -> None:
    many = RESULT.assign(repetitions=1_000_000)
    said = ev.coverage_statement(review, many, ROUGHER)
    assert "is Bayes (95.0 to 99.9%).**" in said
    assert "apart" not in said
    model = review.protocol.model.model_copy(update={"interval": "HKSJ"})
    own = replace(review, protocol=review.protocol.model_copy(update={"model": model}))
    assert "The protocol of this review uses HKSJ, which covers 94.0 to 96.0%." in ev.coverage_statement(
        own, many, ROUGHER
    )
