from __future__ import annotations

import numpy as np
import pytest

from evidence.models.core.likelihood import likeliest_tau2, log_likelihood, narrow, peaks
from evidence.models.core.studies import arrange


def plain_log_likelihood(
    effect: np.ndarray, variance: np.ndarray, tau2: np.ndarray, restricted: bool
) -> np.ndarray:
    """The textbook formula in extended precision, at each tau2."""
    effect, variance = effect.astype(np.longdouble), variance.astype(np.longdouble)
    w = 1.0 / (variance + tau2.astype(np.longdouble)[:, None])
    mean = (w * effect).sum(axis=1) / w.sum(axis=1)
    squares = (w * np.square(effect - mean[:, None])).sum(axis=1)
    k = effect.size
    out = -0.5 * (k * np.log(2 * np.pi) - np.log(w).sum(axis=1) + squares)
    if restricted:
        out += 0.5 * (np.log(2 * np.pi) + np.log(k) - np.log(w.sum(axis=1)))
    return out.astype(float)


def adversarial(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw studies that make climbing algorithms fail: scattered variances, outliers, clusters, equal effects."""
    k = int(rng.choice([2, 2, 3, 4, 5, 8, 12, 30]))
    variance = 10.0 ** rng.uniform(-12, 6, k) if rng.random() < 0.4 else 10.0 ** rng.uniform(-3, 0, k)
    effect = rng.normal(size=k) * np.sqrt(variance) * 10.0 ** rng.uniform(-1, 1)
    match rng.integers(5):
        case 0:
            effect[rng.integers(k)] += 10.0 ** rng.uniform(1, 6)
        case 1:
            effect = np.sign(effect) * 10.0 ** rng.uniform(-1, 2)
        case 2:
            effect *= rng.choice([1.0, 1.0, 1.0, 100.0], k)
            variance *= rng.choice([1.0, 1e-6], k)
        case 3:
            effect[:] = effect[0]
    return effect, variance


@pytest.mark.parametrize("restricted", [True, False])
def test_maximum_is_global(restricted: bool) -> None:
    rng = np.random.default_rng(20)
    several = 0
    for _ in range(300):
        effect, variance = adversarial(rng)
        studies, _ = arrange(effect, variance)
        found = float(likeliest_tau2(studies, restricted=restricted))
        top = 4.0 * max(np.var(effect) * 2.0, found) + variance.max()
        near = found * (1.0 + np.array([-1e-3, -1e-5, 1e-5, 1e-3]))
        grid = np.concatenate([[0.0], np.geomspace(1e-3 * variance.min(), top, 3000), near])
        best = plain_log_likelihood(effect, variance, np.array([found]), restricted)[0]
        rival = plain_log_likelihood(effect, variance, grid, restricted).max()
        assert rival <= best + 1e-8 * max(1.0, abs(best) * 1e-3)
        rows, _, falls = peaks(studies, restricted=restricted)
        several += len(rows) + bool(falls) > 1
    assert several > 10, "the draw has to include profiles with several peaks"


@pytest.mark.parametrize("restricted", [True, False])
def test_maximum_is_the_highest_of_all_peaks(restricted: bool) -> None:
    rng = np.random.default_rng(21)
    for _ in range(500):
        effect, variance = adversarial(rng)
        studies, _ = arrange(effect, variance)
        rows, tau2, falls_at_zero = peaks(studies, restricted=restricted)
        candidates = np.append([0.0] if falls_at_zero or not rows.size else [], tau2 if rows.size else [])
        height = log_likelihood(studies, candidates, restricted=restricted)
        found = likeliest_tau2(studies, restricted=restricted)
        assert abs(found - candidates[np.argmax(height)]) <= 1e-11 * (found + variance.min())


@pytest.mark.parametrize("restricted", [True, False])
def test_agrees_with_the_textbook_formula(restricted: bool) -> None:
    effect, variance = np.array([0.1, 0.9, -0.4, 0.3]), np.array([0.02, 0.3, 0.05, 0.1])
    grid = np.array([0.0, 0.01, 0.5, 20.0])
    studies, _ = arrange(effect, variance)
    expected = plain_log_likelihood(effect, variance, grid, restricted)
    np.testing.assert_allclose(log_likelihood(studies, grid, restricted=restricted), expected, rtol=1e-13)
    for tau2, value in zip(grid, expected, strict=True):
        assert log_likelihood(studies, float(tau2), restricted=restricted) == pytest.approx(value, rel=1e-13)


def test_two_peaks_are_both_found_and_the_higher_taken() -> None:
    # precise studies that agree within their errors pull to zero, imprecise ones far away pull to a large tau2
    effect = np.array([0.0, 0.001, -0.001, 0.0005, 30.0, -30.0])
    variance = np.array([1e-6, 1e-6, 1e-6, 1e-6, 90.0, 90.0])
    studies, _ = arrange(effect, variance)
    grid = np.append(0.0, np.geomspace(1e-9, 1e5, 20_001))
    height = plain_log_likelihood(effect, variance, grid, True)
    inner = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])) + 1
    rows, found, falls = peaks(studies, restricted=True)
    assert inner.size + (height[0] > height[1]) == 2
    np.testing.assert_allclose(np.ravel(found), grid[inner], rtol=1e-2)
    assert len(rows) == inner.size
    assert bool(falls) == (height[0] > height[1])
    assert likeliest_tau2(studies, restricted=True) == pytest.approx(
        grid[np.argmax(height)], rel=1e-2, abs=1e-9
    )


def test_equal_variances_have_a_closed_form() -> None:
    effect = np.array([0.2, 1.1, -0.6, 0.9, 2.0])
    studies, _ = arrange(effect, np.full(5, 0.1))
    assert likeliest_tau2(studies, restricted=True) == pytest.approx(effect.var(ddof=1) - 0.1, rel=1e-12)
    assert likeliest_tau2(studies, restricted=False) == pytest.approx(effect.var() - 0.1, rel=1e-12)


def test_batch_takes_the_same_maxima() -> None:
    rng = np.random.default_rng(3)
    effect, variance = np.full((200, 30), np.nan), np.full((200, 30), np.nan)
    alone = []
    for row in range(200):
        y, v = adversarial(rng)
        effect[row, : y.size], variance[row, : v.size] = y, v
        alone.append(float(likeliest_tau2(arrange(y, v)[0], restricted=True)))
    together = likeliest_tau2(arrange(effect, variance)[0], restricted=True)[:, 0]
    np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12 * np.nanmin(variance))


def test_narrow_finds_the_end_of_a_condition() -> None:
    assert narrow(lambda t: t * t < 2.0, 0.0, 10.0) == pytest.approx(np.sqrt(2.0), rel=1e-14)
    assert narrow(lambda t: t > 0.25, 1.0, 0.0) == pytest.approx(0.25, rel=1e-14)
