from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.diagnostics import gosh as module


def studies(k: int = 11) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    variance = 10.0 ** rng.uniform(-3, 0, k)
    return rng.normal(size=k) * np.sqrt(variance + 0.2), variance


@pytest.mark.parametrize("method", ["REML", "DL", "HE", "SJ", "HS", "ML", "PM", "EE"])
def test_each_subset_as_pool_fits_it(method: str) -> None:
    effect, variance = studies(8)
    found = ev.gosh(effect, variance, method=method)
    assert len(found) == 255
    for code in (1, 2, 3, 100, 128, 201, 255):
        inside = np.array([bool(code >> i & 1) for i in range(8)])
        fit = ev.pool(effect[inside], variance[inside], method=method)
        for name in ("k", "estimate", "tau2", "i2", "h2", "q"):
            np.testing.assert_allclose(
                getattr(found, name)[code - 1], getattr(fit, name), rtol=1e-8, atol=1e-11
            )
        assert [found.includes(f"Study {i + 1}")[code - 1] for i in range(8)] == inside.tolist()


@pytest.mark.parametrize("subsets", [2**11, 1500])
def test_the_summary_is_that_of_the_subsets(subsets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 2**8)  # several stretches for the most precise studies
    effect, variance = studies()
    found = ev.gosh_summary(effect, variance, subsets=subsets)
    if subsets < 2047:  # drawn stretch by stretch
        assert (found.every, len(found)) == (False, 1500)
        assert found.histogram.sum() == 1500
        assert found.by_study.sum() / 1500 == pytest.approx(5.5, abs=0.3)
        return
    whole = ev.gosh(effect, variance)
    assert (found.every, len(found), found.histogram.sum()) == (True, 2047, 2047)
    for name in ("estimate", "tau2", "i2"):
        values = getattr(whole, name)
        np.testing.assert_allclose(
            found.moments.loc[name], [values.mean(), values.std(), values.min(), values.max()], atol=1e-9
        )
        for p in (0.025, 0.5, 0.975):
            cell = (values.max() - values.min()) / 60
            assert found.quantile(name, p) == pytest.approx(np.quantile(values, p), abs=cell)
    for label in whole.labels:
        inside = whole.includes(label)
        row = found.to_frame().set_index("label").loc[label]
        assert row["subsets"] == inside.sum() == found.including(label).sum()
        width = found.edges[1] - found.edges[0]
        assert row["mean_with"] == pytest.approx(whole.estimate[inside].mean(), abs=width)
        assert row["mean_without"] == pytest.approx(whole.estimate[~inside].mean(), abs=width)
    assert "all 2,047 subsets of 11 studies" in found.summary()


def test_the_figure_draws_a_summary_as_it_draws_the_subsets() -> None:
    effect, variance = studies()
    both = ev.gosh_summary(effect, variance), ev.gosh(effect, variance)
    figures = [ev.figures.gosh(one, study="Study 2") for one in both]
    counts = [figure.numbers["subsets"].sum() for figure in figures]
    assert counts[0] == pytest.approx(counts[1], rel=0.01)
    assert figures[0].numbers["with_study"].sum() == pytest.approx(
        figures[1].numbers["with_study"].sum(), rel=0.01
    )
    assert "all 2,047 subsets of 11 studies" in figures[0].alt_text
    with pytest.raises(ev.DataError, match="quantity='i2'"):
        ev.figures.gosh(both[0], quantity="tau2")


def test_wrong_calls() -> None:
    effect, variance = studies(4)
    with pytest.raises(ev.DataError, match="at least 1"):
        ev.gosh_summary(effect, variance, subsets=0)
    with pytest.raises(ev.DataError, match="GENQ"):
        ev.gosh_summary(effect, variance, method="GENQ")
    found = ev.gosh_summary(effect, variance)
    with pytest.raises(ev.DataError, match="no study is called"):
        found.including("X")
    with pytest.raises(ev.DataError, match="quantity is"):
        found.quantile("q", 0.5)
    with pytest.raises(ev.DataError, match="between 0 and 1"):
        found.quantile("i2", 2)
    assert isinstance(found.to_frame(), pd.DataFrame)
