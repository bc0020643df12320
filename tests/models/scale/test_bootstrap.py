from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import evidence as ev

EFFECT, VARIANCE = [0.1, 0.5, -0.2, 0.7, 0.3, 0.4], [0.04, 0.05, 0.09, 0.02, 0.03, 0.1]


def test_parametric_scatter_is_that_of_the_model() -> None:
    fit = ev.pool(EFFECT, VARIANCE, method="EE", ci="z")
    found = ev.bootstrap(fit, repetitions=20_000)
    row = found.to_frame().set_index("quantity").loc["estimate"]
    assert row["se"] == pytest.approx(fit.se, rel=0.03)
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([fit.ci_low, fit.ci_high], abs=0.02)
    assert abs(row["bias"]) < 4 * fit.se / np.sqrt(20_000)
    assert "Bootstrap (parametric), 20,000 samples" in found.summary()


def test_studies_are_drawn_with_replacement() -> None:
    fit = ev.pool(EFFECT, [0.05] * 6, method="REML")
    found = ev.bootstrap(fit, repetitions=5_000, kind="studies", seed=2)
    # With equal variances the estimate is the mean, whose bootstrap variance is known.
    assert found.estimate.std() == pytest.approx(np.std(EFFECT) / np.sqrt(6), rel=0.04)
    assert (found.tau2 >= 0).all()


def test_a_cluster_changes_no_digit(client: Any) -> None:
    fit = ev.pool(EFFECT, VARIANCE)
    alone, spread = (ev.bootstrap(fit, repetitions=2_500, cluster=one) for one in (None, client))
    np.testing.assert_array_equal(alone.estimate, spread.estimate)
    np.testing.assert_array_equal(alone.tau2, spread.tau2)


def test_permutations_through_a_cluster_change_no_digit(client: Any) -> None:
    data = pd.DataFrame({"effect": EFFECT, "variance": VARIANCE, "x": [1.0, 2.0, 5.0, 3.0, 4.0, 6.0]})
    fit = ev.regress("effect ~ x", data)
    alone, spread = (ev.permutation_test(fit, cluster=one) for one in (None, client))
    pd.testing.assert_frame_equal(alone.coefficients, spread.coefficients, check_exact=True)


def test_wrong_calls() -> None:
    fit = ev.pool(EFFECT, VARIANCE)
    for options, message in (
        ({"kind": "x"}, "kind is"),
        ({"repetitions": 1}, "at least 2"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ev.DataError, match=message):
            ev.bootstrap(fit, **options)
    with pytest.raises(ev.ModelError, match="two studies"):
        ev.bootstrap(ev.pool([0.1], [0.1]))
