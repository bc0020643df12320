from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import evidence as ev


def test_points_are_shares_of_the_scale_and_findings_are_named(review: Any) -> None:
    findings = ev.check(review)
    figure = ev.figures.data_quality(review, findings)
    numbers = figure.numbers.set_index("result_id")
    row = review.arm_results.set_index("result_id").loc["wang-2005-2"]
    assert numbers.loc["wang-2005-2", "mean"] == pytest.approx(100 * row["mean"] / 100)
    assert numbers.loc["wang-2005-2", "sd"] == pytest.approx(100 * row["sd"] / 100)
    assert "standard error as SD" in str(numbers.loc["wang-2005-2", "rules"])
    assert (numbers["sd"] <= np.sqrt(numbers["mean"] * (100 - numbers["mean"])) * 1.05).all()
    assert f"Rules object to {(numbers['rules'] != '').sum()}" in figure.alt_text


def test_two_trials_without_findings(filled: Any) -> None:
    review = filled.read()
    figure = ev.figures.data_quality(review, ev.check(review), title="Two trials")
    assert figure.numbers[["mean", "sd"]].values.tolist() == [[30, 20], [50, 25], [40, 20], [50, 25]]
    assert (figure.numbers["rules"] == "").all()
    assert "Rules object to 0: none" in figure.alt_text


def test_nothing_to_draw_is_refused(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3)
    review = small.read()
    with pytest.raises(ev.DataError, match="no score has a mean, an SD and a scale"):
        ev.figures.data_quality(review, ev.check(review))
