from __future__ import annotations

import numpy as np
import pytest

import evidence as ev
from evidence.models.counts.combine import pool_counts

A, N1 = np.array([10.0, 60, 0, 100]), np.array([100.0, 200, 50, 1000])
C, N2 = np.array([30.0, 40, 4, 100]), np.array([100.0, 200, 52, 1000])
CELLS = A, N1 - A, C, N2 - C


@pytest.mark.parametrize("measure", ["RR", "OR"])
def test_mantel_haenszel_adds_a_half_where_a_cell_is_empty(measure: str) -> None:
    fit = pool_counts(*CELLS, measure=measure, counts="MH")
    a, b, c, d = (np.where(A == 0, cell + 0.5, cell) for cell in CELLS)
    n = a + b + c + d
    up, down = (a * d / n, b * c / n) if measure == "OR" else (a * (c + d) / n, c * (a + b) / n)
    assert fit.estimate == pytest.approx(np.log(up.sum() / down.sum()), rel=1e-12)
    np.testing.assert_allclose(fit.weights, 100 * down / down.sum(), rtol=1e-12)
    assert (fit.method, fit.counts, fit.tau2) == ("EE", "MH", 0.0)
    assert "Mantel-Haenszel" in fit.summary()


def test_the_risk_difference_has_the_variance_that_revman_gives_it() -> None:
    fit = pool_counts(*CELLS, measure="RD", counts="MH")
    n = N1 + N2
    weight = N1 * N2 / n
    variance = (A * (N1 - A) * N2**3 + C * (N2 - C) * N1**3) / (N1 * N2 * n**2)
    assert fit.estimate == pytest.approx((weight * (A / N1 - C / N2)).sum() / weight.sum(), rel=1e-12)
    assert fit.se == pytest.approx(np.sqrt(variance.sum()) / weight.sum(), rel=1e-12)


def test_the_moment_of_dersimonian_and_laird_is_taken_about_mantel_and_haenszel() -> None:
    fit = pool_counts(*CELLS, measure="RR", counts="MH", method="DL")
    common = pool_counts(*CELLS, measure="RR", counts="MH").estimate
    single = ev.effect_size("RR", a=A, b=N1 - A, c=C, d=N2 - C)
    y, w = single["effect"].to_numpy(), 1 / single["variance"].to_numpy()
    q = (w * (y - common) ** 2).sum()
    tau2 = (q - 3) / (w.sum() - (w**2).sum() / w.sum())
    weight = 1 / (1 / w + tau2)
    assert fit.tau2 == pytest.approx(tau2, rel=1e-10)
    assert fit.q == pytest.approx(q, rel=1e-10)
    assert fit.i2 == pytest.approx(100 * (q - 3) / q, rel=1e-10)
    assert fit.estimate == pytest.approx((weight * y).sum() / weight.sum(), rel=1e-10)
    assert fit.se == pytest.approx(weight.sum() ** -0.5, rel=1e-10)
    other = pool_counts(*CELLS, measure="RR", counts="MH", method="REML")
    assert other.tau2 == pytest.approx(ev.pool(y, 1 / w).tau2, rel=1e-8)


def test_peto_gives_its_own_effects_of_single_studies() -> None:
    fit, own = pool_counts(*CELLS, measure="OR", counts="PETO", level=0.9), ev.peto(*CELLS, level=0.9)
    assert (fit.estimate, fit.ci_low, fit.ci_high) == (own.estimate, own.ci_low, own.ci_high)
    np.testing.assert_array_equal(fit.effect, own.effect)
    assert fit.q == pytest.approx(own.q, rel=1e-9)


def test_subsets_are_refused_and_options_checked() -> None:
    fit = pool_counts(*CELLS, measure="OR", counts="MH")
    with pytest.raises(ev.DataError, match="by inverse variance"):
        ev.leave_one_out(fit)
    with pytest.raises(ev.DataError, match="odds ratio"):
        pool_counts(*CELLS, measure="RR", counts="PETO")
    with pytest.raises(ev.DataError, match="unknown way"):
        pool_counts(*CELLS, measure="RR", counts="IV")
    with pytest.raises(ev.DataError, match="unknown variance"):
        ev.mantel_haenszel(*CELLS, variance="x")
