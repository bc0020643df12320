from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.effects.sizes.effect_size import effect_size
from evidence.effects.sizes.pre_post import pre_post_smd
from evidence.errors import DataError

REFERENCE = json.loads((Path(__file__).parents[3] / "validation" / "effect_size.json").read_text())[
    "pre_post"
]
MEANS, SDS = st.floats(-50, 50), st.floats(0.1, 30)


def compute(sd: str) -> pd.DataFrame:
    groups = (("1", REFERENCE["treated"]), ("2", REFERENCE["control"]))
    data = {name + group: values for group, columns in groups for name, values in columns.items()}
    return pre_post_smd(**data, sd=sd)


@pytest.mark.parametrize("sd", ["pooled", "separate"])
def test_agrees_with_the_reference(sd: str) -> None:
    found = compute(sd)
    np.testing.assert_allclose(found["effect"], REFERENCE[sd]["effect"], rtol=1e-12)
    np.testing.assert_allclose(found["variance"], REFERENCE[sd]["variance"], rtol=1e-12)


def test_pooled_effects_are_those_of_the_paper() -> None:
    # Morris (2008), table 5, d_ppc2.
    assert compute("pooled")["effect"].round(2).tolist() == [0.77, 0.8, 1.2, 1.05, 0.44]


@given(pre=MEANS, post=MEANS, sd=SDS, r=st.floats(-1, 1))
def test_separate_is_the_difference_of_two_standardised_changes(
    pre: float, post: float, sd: float, r: float
) -> None:
    found = pre_post_smd(pre, post, sd, 14, 1.0, 2.0, 3.0, 9, r, 0.4, sd="separate")
    one = effect_size("SMCR", m1=post, m2=pre, sd1=sd, n=14, r=r)
    two = effect_size("SMCR", m1=2.0, m2=1.0, sd1=3.0, n=9, r=0.4)
    np.testing.assert_allclose(found["effect"], one["effect"] - two["effect"])
    np.testing.assert_allclose(found["variance"], one["variance"] + two["variance"])


def test_correction_can_be_left_out() -> None:
    given_: dict[str, Any] = {
        "pre1": 0,
        "post1": 3,
        "sd1": 2,
        "n1": 9,
        "pre2": 1,
        "post2": 1,
        "sd2": 2,
        "n2": 9,
    }
    assert pre_post_smd(**given_, r1=0.5, correct=False)["effect"].item() == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sd2": [2.0, 0.0]}, "row 1: sd2 = 0, but sd2 must be above 0"),
        ({"n1": 1}, "n1 = 1, but n1 must be at least 2"),
        ({"r2": 1.5}, "r2 = 1.5, but r2 must be between -1 and 1"),
        ({"sd": "post"}, 'sd must be "pooled" or "separate"'),
    ],
)
def test_what_cannot_be_used_is_refused(changed: dict[str, Any], message: str) -> None:
    given_: dict[str, Any] = {
        "pre1": 0,
        "post1": 3,
        "sd1": 2,
        "n1": 9,
        "pre2": 1,
        "post2": 1,
        "sd2": 2,
        "n2": 9,
    }
    with pytest.raises(DataError, match=message):
        pre_post_smd(**{**given_, "r1": 0.5, **changed})
