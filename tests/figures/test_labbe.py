from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError, ModelError
from evidence.figures import funnel, labbe, qq
from evidence.models.counts.glmm import glmm
from evidence.models.counts.mantel_haenszel import mantel_haenszel
from evidence.models.counts.peto import peto
from evidence.models.multilevel.fit import multilevel
from evidence.models.pool import pool
from evidence.models.regression.fit import regress

LABELS = [
    "Ahn 2001",
    "Bao 2002",
    "A very long name of a study group with many words 2003",
    "Dee 2004",
    "Eve 2005",
]
CELLS: dict[str, Any] = {
    "a": [4, 62, 33, 180, 0],
    "b": [119, 13536, 5036, 1361, 10],
    "c": [11, 248, 47, 372, 0],
    "d": [128, 12619, 5761, 1079, 12],
}


def fits() -> dict[str, Any]:
    given = {name: name for name in "abcd"}
    table = pd.DataFrame({**CELLS, "who": LABELS})
    es = effect_size("OR", **given, data=table, labels="who")  # type: ignore[arg-type]
    return {
        "ratio": mantel_haenszel(**CELLS, measure="RR", labels=LABELS),
        "difference": mantel_haenszel(**CELLS, measure="RD", labels=LABELS),
        "peto": peto(**CELLS, labels=LABELS),
        "glmm": glmm(**CELLS, model="CM.AL", labels=LABELS),
        "pool": pool(es),
    }


@pytest.mark.parametrize("name", list(fits()))
def test_nothing_covers_or_leaves(faults, name):
    fit = fits()[name]
    figure = labbe(fit, labels=True, title="A title", groups=("Vaccine", "No vaccine"))
    assert faults(figure) == []
    np.testing.assert_allclose(figure.numbers["risk1"], np.array(CELLS["a"]) / np.add(CELLS["a"], CELLS["b"]))
    assert "Studies with a lower risk in Vaccine: 4." in figure.alt_text
    assert faults(funnel(fit)) == []


def test_the_line_has_the_pooled_effect_throughout():
    for name, effect in (
        ("ratio", lambda p, q: np.log(p / q)),
        ("difference", lambda p, q: p - q),
        ("peto", lambda p, q: np.log(p / (1 - p) / (q / (1 - q)))),
    ):
        fit = fits()[name]
        line = labbe(fit).axes[0].lines[1]
        q, p = (np.asarray(values, dtype=float)[1:-1] for values in line.get_data())
        np.testing.assert_allclose(effect(p, q), fit.estimate, rtol=1e-9)


def test_events_may_be_given_beside_the_fit():
    es = effect_size("RR", **CELLS)
    fit = pool(es["effect"], es["variance"], measure="RR")
    with pytest.raises(DataError, match="does not know the events"):
        labbe(fit)
    n1, n2 = np.add(CELLS["a"], CELLS["b"]), np.add(CELLS["c"], CELLS["d"])
    data = pd.DataFrame({"events1": CELLS["a"], "n1": n1, "events2": CELLS["c"], "n2": n2})
    assert labbe(fit, data=data).numbers["risk2"][0] == pytest.approx(11 / 139)
    with pytest.raises(DataError, match="does not know its measure"):
        labbe(pool([0.1, 0.2], [0.1, 0.2]))


def test_a_study_without_events_is_left_out_of_the_funnel_and_counted(texts):
    figure = funnel(fits()["ratio"])
    assert len(figure.numbers) == 4
    assert "Not estimable alone and not shown: 1 study." in " ".join(texts(figure))
    assert "Mantel-Haenszel method" in " ".join(texts(figure))


def test_a_model_with_moderators_has_no_funnel():
    data = pd.DataFrame(
        {"effect": [0.1, 0.4, 0.3, 0.2], "variance": 0.1, "x": [1, 2, 3, 5], "g": list("aabb")}
    )
    with pytest.raises(DataError, match="no one value"):
        funnel(regress("effect ~ x", data))
    assert len(funnel(multilevel("effect", "variance", levels=["g"], data=data)).numbers) == 4


@pytest.mark.parametrize("name", ["ratio", "difference", "peto", "pool"])
def test_residuals_and_their_band(faults, name):
    figure = qq(fits()[name], title="A title")
    assert faults(figure) == []
    numbers = figure.numbers
    assert numbers["residual"].is_monotonic_increasing
    assert (numbers["low"] < numbers["expected"]).all()
    assert (numbers["expected"] < numbers["high"]).all()
    told = [label for label, out in zip(numbers["label"], numbers["outside"], strict=True) if out]
    assert all(label in figure.alt_text for label in told)


def test_an_outlier_leaves_the_band():
    effect = 0.2 * ndtri((np.arange(20) + 0.5) / 20)
    calm = qq(pool(effect, np.full(20, 0.04), method="EE", ci="z"))
    assert not calm.numbers["outside"].any()
    effect[3] = 3.0
    numbers = qq(pool(effect, np.full(20, 0.04), method="EE", ci="z")).numbers
    assert numbers["outside"].iloc[-1]
    assert numbers["label"].iloc[-1] == "Study 4"


def test_what_has_no_residuals_is_refused():
    with pytest.raises(DataError, match=r"takes a result of class Pooled, .*; got BinomialNormal"):
        qq(fits()["glmm"])
    with pytest.raises(ModelError, match="at least 3"):
        qq(pool([0.1, 0.2], [0.1, 0.2]))
