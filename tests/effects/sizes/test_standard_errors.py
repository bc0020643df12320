"""Standard errors may be given wherever variances may, and not both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

EFFECT, VARIANCE = np.array([0.3, 0.1, -0.2]), np.array([0.01, 0.04, 0.0225])
CALLS: dict[str, Callable[..., Any]] = {
    "smd_to_or": lambda **given: ev.smd_to_or(EFFECT, **given),
    "or_to_smd": lambda **given: ev.or_to_smd(EFFECT, **given),
    "smd_to_r": lambda **given: ev.smd_to_r(EFFECT, n1=20, n2=30, **given),
    "r_to_smd": lambda **given: ev.r_to_smd(EFFECT, **given),
    "r_to_z": lambda **given: ev.r_to_z(EFFECT, **given),
    "z_to_r": lambda **given: ev.z_to_r(EFFECT, **given),
    "convert": lambda **given: ev.convert(EFFECT, from_="OR", to="ZCOR", **given),
    "inflate_variance": lambda **given: pd.DataFrame(
        {"v": ev.inflate_variance(cluster_size=12, icc=0.05, **given)}
    ),
    "regress_many": lambda **given: ev.regress_many(
        "~ 1", pd.DataFrame({"x": [1, 2, 3]}), EFFECT[None], **{k: v[None] for k, v in given.items()}
    ).to_frame(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_standard_error_is_the_root_of_a_variance(name: str) -> None:
    call = CALLS[name]
    pd.testing.assert_frame_equal(call(variance=VARIANCE), call(se=np.sqrt(VARIANCE)))
    with pytest.raises(ev.DataError, match="both given"):
        call(variance=VARIANCE, se=np.sqrt(VARIANCE))
    with pytest.raises(ev.DataError, match="missing"):
        call()


def test_a_negative_standard_error_is_named() -> None:
    with pytest.raises(ev.DataError, match=r"row 1: se = -0\.2"):
        ev.smd_to_or([0.1, 0.2], se=[0.1, -0.2])


def test_summaries_of_counts_begin_with_the_ratio_and_keep_digits() -> None:
    fit = ev.mantel_haenszel([3, 1, 2], [100_000, 90_000, 80_000], [9_000, 7_000, 8_000], [1_000, 2_000, 900])
    lines = fit.summary().splitlines()
    assert lines[2].split()[0] == "OR"
    assert lines[3].split()[:2] == ["log", "OR"]
    assert "0.0000" not in lines[2]
    assert f"{np.exp(fit.estimate):.3g}" in lines[2]
