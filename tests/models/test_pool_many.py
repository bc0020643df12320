from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evidence.errors import DataError
from evidence.measures import ESTIMATORS
from evidence.models import pool_many as module
from evidence.models.pool import pool
from evidence.models.pool_many import pool_grid, pool_many

BATCH_METHODS = sorted(ESTIMATORS.keys() - {"GENQ"})


def draw_table(n: int = 120, k: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    variance = 10.0 ** rng.uniform(-3, 0, (n, k))
    effect = rng.normal(size=(n, k)) * np.sqrt(variance + rng.choice([0.0, 0.1, 2.0], (n, 1)))
    absent = rng.random((n, k)) < 0.5
    absent[0] = True
    effect[absent] = variance[absent] = np.nan
    return effect, variance


@pytest.mark.parametrize(
    ("method", "ci"),
    [(method, ci) for method in BATCH_METHODS for ci in ("z", "t", "HKSJ", "HKSJ-adhoc")] + [("REML", "KR")],
)
def test_batch_equals_a_loop(method: str, ci: str) -> None:
    effect, variance = draw_table()
    batch = pool_many(effect, variance, method=method, ci=ci)
    names = batch.to_frame(full=True).columns
    for row in range(1, len(effect)):
        present = ~np.isnan(effect[row])
        if not present.any():
            continue
        fit = pool(effect[row, present], variance[row, present], method=method, ci=ci)
        for name in names:
            np.testing.assert_allclose(
                getattr(batch, name)[row],
                getattr(fit, name),
                rtol=1e-9,
                atol=1e-12,
                err_msg=f"row {row}: {name}",
            )
        np.testing.assert_allclose(batch.weights[row, present], fit.weights, rtol=1e-9)
        assert np.isnan(batch.weights[row, ~present]).all()


def test_a_row_without_studies_is_empty() -> None:
    effect, variance = draw_table()
    table = pool_many(effect, variance).to_frame()
    assert table.loc[0, "k"] == 0
    assert table.loc[0].drop("k").isna().all()


@pytest.mark.parametrize("method", BATCH_METHODS)
def test_padding_changes_nothing(method: str) -> None:
    effect, variance = draw_table()
    padding = np.full((len(effect), 5), np.nan)
    narrow = pool_many(effect, variance, method=method).to_frame()
    wide = pool_many(np.hstack([padding, effect]), np.hstack([padding, variance]), method=method).to_frame()
    np.testing.assert_allclose(wide, narrow, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize(("method", "ci"), [(m, "HKSJ") for m in BATCH_METHODS] + [("REML", "KR")])
@pytest.mark.parametrize("spread", [0, 8])
def test_work_in_chunks_changes_no_bit(
    method: str, ci: str, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect, variance = draw_table()
    rng = np.random.default_rng(3)  # variances over many decades, outliers: likelihoods with several peaks
    scale = 10.0 ** rng.uniform(-spread, spread, variance.shape)
    effect, variance = effect * np.sqrt(scale) * rng.choice([1, 1, 1, 50], effect.shape), variance * scale
    whole = pool_many(effect, variance, method=method, ci=ci).to_frame(full=True)
    for rows in (1, 7, 50):
        monkeypatch.setattr(module, "CHUNK", rows * effect.shape[1])
        parts = pool_many(effect, variance, method=method, ci=ci).to_frame(full=True)
        pd.testing.assert_frame_equal(parts, whole, check_exact=True)


def test_errors_name_row_and_column() -> None:
    effect, variance = draw_table()
    effect[3, 2], variance[3, 2] = 0.1, -1.0
    with pytest.raises(DataError, match="row 3, column 2: the variance -1 is not positive"):
        pool_many(effect, variance)
    variance[3, 2] = np.nan
    with pytest.raises(DataError, match="row 3, column 2: the variance is nan"):
        pool_many(effect, variance)
    with pytest.raises(DataError, match="same shape"):
        pool_many(effect[0], variance[0])
    with pytest.raises(DataError, match="GENQ"):
        pool_many(effect, variance, method="GENQ")
    with pytest.raises(DataError, match="tables of numbers"):
        pool_many([["a"]], [["b"]])


def test_empty_tables() -> None:
    assert len(pool_many(np.empty((0, 3)), np.empty((0, 3)))) == 0
    assert pool_many(np.empty((2, 0)), np.empty((2, 0))).k.tolist() == [0, 0]


def test_shows_itself() -> None:
    result = pool_many(*draw_table())
    assert "120 fits, method REML" in result.summary()
    assert result.summary() in result._repr_html_()


def test_grid_equals_batches() -> None:
    effect, variance = draw_table()
    methods, intervals = ("REML", "DL", "EE"), ("HKSJ", "z")
    done: list[tuple[int, int]] = []
    grid = pool_grid(
        effect, variance, methods=methods, intervals=intervals, progress=lambda *at: done.append(at)
    )
    for i, method in enumerate(methods):
        for j, ci in enumerate(intervals):
            batch = pool_many(effect, variance, method=method, ci=ci)
            for name in ("estimate", "tau2"):
                np.testing.assert_array_equal(getattr(grid, name)[:, i], getattr(batch, name))
            for name in ("ci_low", "ci_high", "p_value"):
                np.testing.assert_array_equal(getattr(grid, name)[:, i, j], getattr(batch, name))
    frame = grid.to_frame()
    assert len(frame) == len(effect) * 6
    row = frame.iloc[6 * 5 + 3]
    assert (row["row"], row["method"], row["ci"]) == (5, "DL", "z")
    assert row["ci_low"] == grid.ci_low[5, 1, 1]
    assert row["estimate"] == grid.estimate[5, 1]
    assert done[-1] == (int(np.count_nonzero(grid.k)),) * 2
    assert "3 methods" in grid.summary()
    assert grid.summary() in grid._repr_html_()


def test_grid_refuses_what_cannot_be_crossed() -> None:
    with pytest.raises(DataError, match="KR"):
        pool_grid(*draw_table(), methods=("REML", "DL"), intervals=("KR",))
    with pytest.raises(DataError, match="GENQ"):
        pool_grid(*draw_table(), methods=("GENQ",), intervals=("z",))
