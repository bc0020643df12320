"""Contrasts from arms: equality with the effects of two groups, contrasts that add up, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.models.network.arms import MEASURES, contrasts_from_arms
from evidence.models.network.fit import network

ARMS = pd.DataFrame(
    {
        "study": ["s1", "s1", "s2", "s2", "s2", "s3", "s3"],
        "treatment": ["a", "b", "a", "b", "c", "b", "c"],
        "mean": [3.0, 2.5, 4.0, 3.2, 3.9, 2.0, 2.2],
        "sd": [1.0, 1.2, 0.8, 0.9, 1.1, 1.5, 1.4],
        "n": [40, 42, 30, 31, 29, 55, 51],
        "events": [12, 8, 9, 10, 15, 0, 3],
    }
)


def values(measure: str) -> dict[str, Any]:
    names = ("mean", "sd", "n") if not MEASURES[measure] else ("events", "n")
    return {name: name for name in names}


@pytest.mark.parametrize("measure", MEASURES)
def test_two_arms_equal_the_effect_of_two_groups(measure: str) -> None:
    data = ARMS[ARMS["study"] != "s2"]
    table = contrasts_from_arms("study", "treatment", measure=measure, data=data, **values(measure))
    one, other = data.iloc[[0, 2]], data.iloc[[1, 3]]
    if MEASURES[measure]:
        given: dict[str, Any] = {
            "events1": one["events"],
            "n1": one["n"],
            "events2": other["events"],
            "n2": other["n"],
        }
    else:
        given = {"m1": one["mean"], "sd1": one["sd"], "n1": one["n"]}
        given |= {"m2": other["mean"], "sd2": other["sd"], "n2": other["n"]}
    expected = effect_size(measure, **{name: column.to_numpy() for name, column in given.items()})
    np.testing.assert_allclose(table["effect"], expected["effect"], rtol=1e-12)
    np.testing.assert_allclose(table["se"] ** 2, expected["variance"], rtol=1e-12)


@pytest.mark.parametrize("measure", MEASURES)
def test_contrasts_of_three_arms_add_up_and_fit_together(measure: str) -> None:
    table = contrasts_from_arms("study", "treatment", measure=measure, data=ARMS, **values(measure))
    inside = table[table["study"] == "s2"].set_index(["treat1", "treat2"])["effect"].to_dict()
    assert inside["a", "b"] + inside["b", "c"] == pytest.approx(inside["a", "c"])
    net = network(data=table)
    assert net.note in ("", "The estimate of tau2 is on its boundary, zero.")
    assert list(table.columns) == ["study", "treat1", "treat2", "effect", "se", "n1", "n2"]


def test_covariance_of_standardised_differences() -> None:
    """Between contrasts with a common arm: 1 / n + g1 g2 / (2 N), by Gleser and Olkin."""
    table = contrasts_from_arms(
        "study", "treatment", mean="mean", sd="sd", n="n", measure="SMD", data=ARMS.iloc[2:5]
    )
    square = (table["se"] ** 2).to_numpy()
    effect = table["effect"].to_numpy()
    covariance = (square[0] + square[1] - square[2]) / 2.0
    assert covariance == pytest.approx(1.0 / 30.0 + effect[0] * effect[1] / (2.0 * 90.0))


def test_a_zero_cell_changes_all_arms_of_its_study_and_no_other() -> None:
    zero = contrasts_from_arms(["s"] * 3, list("abc"), events=[0, 5, 7], n=[20, 20, 20], measure="OR")
    added = contrasts_from_arms(["s"] * 3, list("abc"), events=[0.5, 5.5, 7.5], n=[21, 21, 21], measure="OR")
    np.testing.assert_allclose(zero[["effect", "se"]], added[["effect", "se"]])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"treatment": ["a", "a", *"abcbc"]}, {}, r"^s1: two arms have the treatment 'a'"),
        ({"study": ["s0", *ARMS["study"][1:]]}, {}, r"^s0: it has one arm only \(a\)"),
        ({"sd": [0.0, *ARMS["sd"][1:]]}, {}, r"^s1, arm a: sd is 0; give a positive"),
        ({"mean": [np.nan, *ARMS["mean"][1:]]}, {}, r"^s1, arm a: mean is nan"),
        ({"mean": [-1.0, *ARMS["mean"][1:]]}, {"measure": "ROM"}, r"^s1, arm a: the mean is -1"),
        ({"treatment": [None, *"babcbc"]}, {}, r"^s1: study and treatment must be named"),
        ({"events": [50, *ARMS["events"][1:]]}, {"measure": "OR"}, r"^s1, arm a: 50 of 40 patients"),
        ({}, {"measure": "HR"}, "unknown measure 'HR'"),
    ],
)
def test_wrong_input(change: dict[str, Any], options: dict[str, Any], message: str) -> None:
    measure = options.get("measure", "MD")
    columns = values(measure) if measure in MEASURES else values("MD")
    with pytest.raises(DataError, match=message):
        contrasts_from_arms("study", "treatment", data=ARMS.assign(**change), **columns, **options)


def test_missing_and_uneven_arguments() -> None:
    with pytest.raises(DataError, match="needs sd, n"):
        contrasts_from_arms(["s", "s"], ["a", "b"], mean=[1.0, 2.0])
    with pytest.raises(DataError, match="give one of each an arm"):
        contrasts_from_arms(["s", "s"], ["a", "b"], mean=[1.0], sd=[1.0, 1.0], n=[3, 3])
    with pytest.raises(DataError, match=r"^s: its arms have 2 patients in all"):
        contrasts_from_arms(["s", "s"], ["a", "b"], mean=[1.0, 2.0], sd=[1.0, 1.0], n=[1, 1], measure="SMD")
