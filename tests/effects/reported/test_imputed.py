from __future__ import annotations

import math
from typing import Any

import pytest
from scipy.special import stdtrit

from evidence.effects.reported.imputed import FEWEST
from evidence.effects.reported.reasons import Assumption
from evidence.errors import DataError

CRYING = "singing-crying-short"


def test_bound_of_p_stands_for_p(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.contrast(
        "ava", "song", "quiet", estimate=-2, p_value=0.05, p_operator="<", n_arm=40, n_comparator=50
    )
    review = small.read()
    assert review.effects(CRYING).empty
    (row,) = review.effects(CRYING, impute="P bound").to_dict("records")
    assert row["reported_se"] == pytest.approx(2 / stdtrit(88, 0.975), rel=1e-12)
    assert row["assumptions"] == Assumption.P_BOUND
    assert review.effects(CRYING, impute="P bound", refuse="bound of a P").empty


def test_a_lower_bound_of_p_says_nothing(small: Any) -> None:
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.contrast("ava", "song", "quiet", estimate=-2, p_value=0.05, p_operator=">")
    assert small.read().effects(CRYING, impute="P bound").empty


def lenders(small: Any, number: int) -> None:
    for i in range(number):
        small.trial(f"lender{i}", song="singing, 40", quiet="silence, 50")
        for arm in ("song", "quiet"):
            # One trial has its scores out of 100, the others out of 10.
            top = 100 if i == 0 else 10
            small.arm(f"lender{i}", arm, mean=3.0, sd=(0.1 + 0.1 * i) * top, n=40, scale_min=0, scale_max=top)


def test_sd_is_borrowed_from_other_trials(small: Any) -> None:
    lenders(small, FEWEST)
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3.0, n=40)
    small.arm("ava", "quiet", mean=5.0, n=50)
    review = small.read()
    assert "ava" not in set(review.effects(CRYING)["trial_id"])
    frame = review.effects(CRYING, impute=("borrowed SD",)).set_index("trial_id")
    assert len(frame) == FEWEST + 1
    row = frame.loc["ava"]
    assert row["reported_se"] == pytest.approx(2.0 * math.sqrt(1 / 40 + 1 / 50), rel=1e-12)
    assert row["assumptions"] == Assumption.BORROWED_SD
    assert row["form"] == "means with a borrowed SD"


def test_too_few_lenders(small: Any) -> None:
    lenders(small, FEWEST - 1)
    small.trial("ava", song="singing, 40", quiet="silence, 50")
    small.arm("ava", "song", mean=3.0, n=40)
    small.arm("ava", "quiet", mean=5.0, n=50)
    assert "ava" not in set(small.read().effects(CRYING, impute="borrowed SD")["trial_id"])


def test_unknown_way(small: Any) -> None:
    small.trial("ava", song="singing", quiet="silence")
    with pytest.raises(DataError, match="impute holds 'guess'"):
        small.read().effects(CRYING, impute="guess")
