"""Random and adversarial studies: every function gives finite results or says which studies it cannot use, and why.

EVIDENCE_FUZZ sets the number of draws, 40 by default.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evidence.diagnostics.blup import blup
from evidence.diagnostics.coordinates import baujat, doi_plot, radial
from evidence.diagnostics.gosh import gosh
from evidence.diagnostics.influence import influence
from evidence.diagnostics.profile import profile_tau2
from evidence.diagnostics.selection.fit import selection_model
from evidence.diagnostics.small_study.begg import begg
from evidence.diagnostics.small_study.counts import debray, harbord, peters
from evidence.diagnostics.small_study.egger import PREDICTORS, egger
from evidence.diagnostics.small_study.excess_significance import excess_significance
from evidence.diagnostics.small_study.failsafe import TYPES, failsafe_n
from evidence.diagnostics.small_study.limit_meta import limit_meta
from evidence.diagnostics.small_study.pet_peese import pet_peese
from evidence.diagnostics.small_study.trim_and_fill import trim_and_fill
from evidence.diagnostics.subsets import cumulative, leave_one_out
from evidence.errors import EvidenceError
from evidence.models.pool import pool
from evidence.models.pooled import Pooled

DRAWS = int(os.environ.get("EVIDENCE_FUZZ", "40"))
MAY_BE_MISSING = {
    "Baujat": {"influence"},
    "Cumulative": {"statistic", "p_value", "prediction_low", "prediction_high"},
    "FunnelTest": {"limit", "limit_low", "limit_high", "tau2"},
    "FailsafeN": {"mean", "target", "p_value"},
    "Influence": {"studentised", "dffits", "dfbetas", "cook", "covariance_ratio", "standardised"},
    "LeaveOneOut": {"statistic", "p_value", "prediction_low", "prediction_high"},
    "SelectionModel": {"se"},
}
MAY_BE_INFINITE = {"df", "n"}


def draw(rng: np.random.Generator) -> Pooled:
    """Studies with scattered variances, outliers, clusters, ties and all kinds of fits."""
    k = int(rng.choice([1, 2, 3, 4, 5, 8, 12, 20]))
    variance = 10.0 ** rng.uniform(-12, 6, k) if rng.random() < 0.3 else 10.0 ** rng.uniform(-3, 0, k)
    effect = rng.normal(size=k) * np.sqrt(variance) * 10.0 ** rng.uniform(-1, 1) + rng.choice(
        [0.0, 0.5, -30.0]
    )
    match rng.integers(7):
        case 0:
            effect[rng.integers(k)] += 10.0 ** rng.uniform(1, 15)
        case 1:
            effect = np.sign(effect) * 10.0 ** rng.uniform(-1, 2)
        case 2:
            effect[:] = effect[0]
        case 3:
            variance[:] = variance[0]
        case 4:
            effect, variance = np.round(effect, 1), np.round(variance, 1) + 0.1
        case 5:
            effect, variance = effect * 1e12, variance * 1e24
    method = str(rng.choice(["EE", "DL", "REML", "ML", "PM", "SJ", "HE", "HS", "GENQ", "DL2", "PMM"]))
    ci = (
        "KR" if method == "REML" and rng.random() < 0.2 else str(rng.choice(["z", "t", "HKSJ", "HKSJ-adhoc"]))
    )
    weights = rng.uniform(0.1, 9, k) if method == "GENQ" else None
    return pool(effect, variance, method=method, ci=ci, weights=weights)


def gives(function: Callable[..., Any], *arguments: Any, **options: Any) -> bool:
    """Tell whether a result comes, after looking at its numbers; if not, an EvidenceError has to explain why."""
    try:
        result = function(*arguments, **options)
    except EvidenceError as error:
        message = str(error)
    else:
        look_at(result)
        return True
    assert len(message) > 20
    return False


def look_at(result: Any) -> None:
    """Assert that the numbers of a result are finite, or may be missing, and that it has a summary."""
    name = type(result).__name__
    for column, values in result.to_frame().select_dtypes("number").items():
        numbers = values.to_numpy(dtype=float)
        if column not in MAY_BE_INFINITE:
            assert not np.isinf(numbers).any(), f"{name}: {column} is infinite"
        if column not in MAY_BE_MISSING.get(name, set()):
            assert not np.isnan(numbers).any(), f"{name}: {column} is missing"
    assert result.summary()


def test_diagnostics_of_random_studies() -> None:
    rng = np.random.default_rng(7)
    for _ in range(DRAWS):
        fit = draw(rng)
        for function in (leave_one_out, influence, baujat, radial, blup, cumulative, profile_tau2):
            came = gives(function, fit)
            assert came or fit.k == 1 or fit.method in ("EE", "GENQ")
        if fit.k <= 5:
            assert gives(gosh, fit.effect, fit.variance, method=fit.method) == (fit.method != "GENQ")


def test_small_study_effects_of_random_studies() -> None:
    rng = np.random.default_rng(8)
    came = 0
    for _ in range(DRAWS):
        fit = draw(rng)
        sizes = rng.integers(2, 500, fit.k)
        came += gives(egger, fit, rng.choice(list(PREDICTORS)), rng.choice(["rma", "lm"]), n=sizes)
        came += gives(debray, fit, sizes - 2, sizes[::-1] - 2, weights=rng.choice(["FIV", "FAV"]))
        came += gives(
            trim_and_fill, fit, [None, "left", "right"][rng.integers(3)], rng.choice(["L0", "R0", "Q0"])
        )
        came += gives(failsafe_n, fit, rng.choice(list(TYPES)))
        for test in ("exact", "chi2", "binom"):
            came += gives(excess_significance, fit, test=test)
        for function in (begg, pet_peese, limit_meta, doi_plot):
            came += gives(function, fit)
    assert came > 5 * DRAWS


def test_selection_models_of_random_studies() -> None:
    rng = np.random.default_rng(9)
    came = 0
    for _ in range(max(10, DRAWS // 4)):
        fit = draw(rng)
        steps = [[0.025], [0.05, 0.5], [0.5]][rng.integers(3)]
        alternative = [None, "greater", "two-sided"][rng.integers(3)]
        came += gives(selection_model, fit, steps, rng.choice(["step", "beta"]), alternative=alternative)
    assert came


def test_counts_of_random_studies() -> None:
    rng = np.random.default_rng(10)
    came = 0
    for _ in range(DRAWS):
        k = int(rng.integers(1, 12))
        cells = [rng.poisson(10.0 ** rng.uniform(-1, rng.choice([0, 3, 9])), k) for _ in range(4)]
        came += gives(harbord, *cells) + gives(peters, *cells)
    assert came > DRAWS / 2


@pytest.mark.parametrize("function", [harbord, peters])
@pytest.mark.parametrize("bad", [-1, np.nan, np.inf, "many"])
def test_impossible_counts_are_refused(function: Callable[..., Any], bad: Any) -> None:
    with pytest.raises(EvidenceError, match=r"a (is|must be numbers)"):
        function([1, 2, bad], [3, 4, 5], [3, 4, 5], [1, 7, 9])
