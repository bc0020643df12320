from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import evidence as ev
from evidence.models.scale import draw as module
from evidence.models.scale.draw import DISTRIBUTIONS, cells, draw, stream

GRID = {"k": [3, 6], "tau2": [0.0, 0.1], "size_sd": 0.5}
WAYS: dict[str, Any] = {"methods": ["REML", "DL"], "ci": ["HKSJ", "z"], "repetitions": 1_200}


def near(value: Any, expected: Any, error: Any) -> None:
    """Within four Monte Carlo standard errors."""
    assert abs(value - expected) <= 4.0 * error, (value, expected, error)


@pytest.mark.parametrize("tau2", [0.0, 0.05, 0.4])
def test_equal_effects_and_z_cover_as_theory_says(tau2: float) -> None:
    k, size, effect = 8, 80, 0.2
    variance = 4.0 / size
    row = ev.simulate(
        {"k": k, "tau2": tau2, "size": size, "effect": effect}, ["EE"], ["z"], repetitions=20_000
    ).iloc[0]
    mean_sd, se = np.sqrt((variance + tau2) / k), np.sqrt(variance / k)
    reach = norm.ppf(0.975) * se
    near(row["coverage"], 2.0 * norm.cdf(reach / mean_sd) - 1.0, row["coverage_mcse"])
    power = norm.sf((reach - effect) / mean_sd) + norm.cdf((-reach - effect) / mean_sd)
    near(row["power"], power, row["power_mcse"])
    near(row["bias"], 0.0, row["bias_mcse"])
    near(row["rmse"], mean_sd, row["rmse_mcse"])
    assert row["width"] == pytest.approx(2.0 * reach)
    assert row["width_mcse"] == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(row["type1_error"])


def test_hksj_is_exact_with_equal_sizes_and_z_is_not() -> None:
    result = ev.simulate({"k": 5, "tau2": [0.0, 0.1, 0.5]}, ci=["HKSJ", "z"], repetitions=20_000)
    for row in result[result["ci"] == "HKSJ"].to_dict("records"):
        near(row["coverage"], 0.95, row["coverage_mcse"])
        near(row["type1_error"], 0.05, row["type1_error_mcse"])
    wide = result[(result["ci"] == "z") & (result["tau2"] == 0.5)].iloc[0]
    assert wide["coverage"] + 20 * wide["coverage_mcse"] < 0.95


def test_estimators_that_are_unbiased_are_found_so() -> None:
    row = ev.simulate({"k": 10, "tau2": 0.5, "size_sd": 0.5}, ["DL"], ["z"], repetitions=20_000).iloc[0]
    near(row["tau2_bias"], 0.0, row["tau2_bias_mcse"])  # Q is unbiased, and rarely truncated here


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_true_effects_have_the_mean_and_variance_they_should(distribution: str) -> None:
    cell = {"k": 1, "tau2": 0.25, "effect": 0.4, "size": 1e9, "distribution": distribution}
    effect, _ = draw(cell, 200_000, np.random.default_rng(1))
    near(effect.mean(), 0.4, effect.std() / np.sqrt(effect.size))
    squares = np.square(effect - 0.4)
    near(squares.mean(), 0.25, squares.std() / np.sqrt(effect.size) + 1e-9)


@pytest.mark.parametrize(
    ("measure", "effect", "truth"),
    [("MD", 0.3, 0.3), ("SMD", 0.3, 0.3), ("OR", 0.4, 0.4), ("RR", 0.4, 0.4), ("RD", 0.1, 0.1)],
)
def test_each_measure_is_drawn_about_its_truth_with_its_variance(
    measure: str, effect: float, truth: float
) -> None:
    cell = {"k": 1, "effect": effect, "measure": measure, "size": 2_000, "control_risk": 0.3}
    found, variance = draw(cell, 40_000, np.random.default_rng(4))
    near(found.mean(), effect, found.std() / np.sqrt(found.size) + 0.001)
    assert found.var() == pytest.approx(variance.mean(), rel=0.03)


def test_rare_events_without_any_are_left_out_or_corrected() -> None:
    cell = {"k": 3, "measure": "OR", "size": 20, "control_risk": 0.01}
    kept, _ = draw(cell, 500, np.random.default_rng(1))
    dropped, variance = draw(cell | {"drop00": True}, 500, np.random.default_rng(1))
    assert np.isfinite(kept).all()
    assert np.isnan(dropped).any()
    assert (np.isnan(dropped) == np.isnan(variance)).all()
    (whole,) = cells(cell | {"drop00": True})
    nothing = np.isnan(draw(whole, 500, stream(whole, 1, 0))[0]).all(axis=1).sum()
    row = ev.simulate(cell | {"drop00": True}, repetitions=500).iloc[0]
    assert row["failed"] == nothing > 0


def test_selection_publishes_significant_studies_more_often() -> None:
    cell = {"k": 4, "effect": 0.0, "size": 100}
    everything, _ = draw(cell, 4_000, np.random.default_rng(2))
    some, variance = draw(cell | {"selection": 0.25}, 4_000, np.random.default_rng(2))
    # A share p of significant studies becomes p / (p + 0.25 (1 - p)).
    p = 0.025
    share = (some > 1.959964 * np.sqrt(variance)).mean()
    near(share, p / (p + 0.25 * (1 - p)), np.sqrt(share * (1 - share) / some.size))
    assert some.mean() > everything.mean() + 0.02


def test_own_sizes_are_used_as_they_are_or_drawn_from() -> None:
    _, variance = draw({"k": 3, "sizes": (20, 40, 80)}, 5, np.random.default_rng(1))
    np.testing.assert_allclose(variance, np.tile([0.2, 0.1, 0.05], (5, 1)))
    _, variance = draw({"k": 4, "sizes": (20, 40, 80)}, 500, np.random.default_rng(1))
    assert set(np.round(np.unique(variance), 6)) == {0.2, 0.1, 0.05}
    result = ev.simulate({"k": 3, "sizes": [20, 40, 80]}, repetitions=10)
    assert result["sizes"].tolist() == ["20, 40, 80"]


def test_numbers_depend_on_seed_and_cell_alone(tmp_path: Path) -> None:
    whole = ev.simulate(GRID, **WAYS)
    for block in (500, 1_000):
        pd.testing.assert_frame_equal(ev.simulate(GRID, **WAYS, block=block), whole, check_exact=True)
    part = ev.simulate(GRID | {"k": [6]}, **WAYS)
    rest = whole[whole["k"] == 6].reset_index(drop=True)
    pd.testing.assert_frame_equal(part, rest, check_exact=True)
    assert not ev.simulate(GRID, **WAYS, seed=2)["bias"].equals(whole["bias"])
    assert list(whole.columns[:5]) == ["k", "tau2", "size_sd", "method", "ci"]

    def interrupt(done: int, total: int) -> None:
        if done == total // 2:
            raise KeyboardInterrupt

    output = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        ev.simulate(GRID, **WAYS, block=500, output=output, progress=interrupt)
    with pytest.raises(ev.DataError, match="differs in seed"):
        ev.simulate(GRID, **WAYS, block=500, output=output, seed=2)
    resumed = ev.simulate(GRID, **WAYS, block=500, output=output)
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet(output), whole, check_exact=True)


def test_a_cluster_and_a_killed_worker_change_no_bit(client: Any) -> None:
    whole = ev.simulate(GRID, **WAYS)
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if not killed:
            killed.extend(client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    spread = ev.simulate(GRID, **WAYS, block=500, cluster=client, progress=kill)
    assert killed
    pd.testing.assert_frame_equal(spread, whole, check_exact=True)
    client.wait_for_workers(2, timeout=30)


def test_credible_intervals_are_those_of_bayes() -> None:
    from evidence.models.bayes.many import credible_intervals

    rng = np.random.default_rng(2)
    variance = 10.0 ** rng.uniform(-3, 0, (12, 6))
    effect = rng.normal(size=variance.shape) * np.sqrt(variance + 0.1) + 5
    effect[3, 4:] = variance[3, 4:] = np.nan
    for prior in (ev.priors.half_normal(0.5), ev.priors.half_cauchy(0.3)):
        found = credible_intervals(effect, variance, prior, 0.9)
        for i in range(len(effect)):
            some = ~np.isnan(variance[i])
            fit = ev.bayes(effect[i, some], variance[i, some], tau_prior=prior)
            ends = fit.mean_effect.interval(0.9, "central")
            expected = [fit.mean_effect.median, *ends]
            np.testing.assert_allclose([one[i] for one in found[:3]], expected, atol=2e-6)


def test_wrong_grids_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for grid, message in (
        ({"n": 3}, "a simulation has no n"),
        ({"k": 2.5}, "k cannot be 2.5"),
        ({"k": []}, "k has no value"),
        ({"tau2": -1}, "tau2 is -1.0 in the grid, but must be at least 0"),
        ({"measure": "XX"}, "must be one of known"),
        ({"sizes": (2, 5)}, "sizes of at least 4"),
    ):
        with pytest.raises(ev.DataError, match=message):
            ev.simulate(grid, repetitions=10)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"repetitions": 0}, "repetitions must"),
        ({"seed": -1}, "seed must"),
        ({"methods": []}, "at least one"),
        ({"tau_prior": ev.priors.uniform()}, "proper prior"),
    ]
    for options, message in wrong:
        with pytest.raises(ev.DataError, match=message):
            ev.simulate({"k": 3}, **options)
    monkeypatch.setattr(module, "ROUNDS", 20)
    with pytest.raises(ev.ModelError, match="hardly any study"):
        ev.simulate({"k": 3, "effect": -2, "selection": 0}, repetitions=10)
