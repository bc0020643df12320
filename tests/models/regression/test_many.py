from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import evidence as ev
from evidence.models.core.coefficients import TESTS
from evidence.models.core.weighted_tau2 import METHODS
from evidence.models.regression import many as module

FORMULA = "~ x + group"


def draw(n: int = 40, k: int = 9) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"x": rng.normal(size=k), "group": list("abcabcabc")[:k]})
    variance = 10.0 ** rng.uniform(-4, 0, (n, k))
    effect = 0.4 * data["x"].to_numpy() + rng.normal(size=(n, k)) * np.sqrt(
        variance + rng.choice([0.0, 0.2, 3.0], (n, 1))
    )
    absent = rng.random((n, k)) < 0.15
    absent[0] = True
    absent[1, 3:] = True  # as many studies as coefficients, but not enough
    effect[absent] = variance[absent] = np.nan
    return data, effect, variance


@pytest.mark.parametrize(("method", "ci"), [(m, "HKSJ") for m in METHODS] + [("REML", ci) for ci in TESTS])
def test_each_row_as_regress_fits_it(method: str, ci: str) -> None:
    data, effect, variance = draw()
    found = ev.regress_many(FORMULA, data, effect, variance, method=method, ci=ci)
    compared = 0
    for row in range(1, len(effect)):
        some = ~np.isnan(effect[row])
        frame = data[some].assign(effect=effect[row, some], variance=variance[row, some])
        if frame["group"].nunique() < 3 or some.sum() < 4:
            continue
        fit = ev.regress("effect" + FORMULA, frame, method=method, ci=ci)
        compared += 1
        for name in ("estimate", "se", "ci_low", "ci_high", "statistic", "p_value"):
            np.testing.assert_allclose(
                getattr(found, name)[row], fit.coefficients[name], rtol=1e-7, atol=1e-10, err_msg=name
            )
        for name in (
            "k",
            "tau2",
            "qm",
            "qm_p",
            "qe",
            "qe_p",
            "i2",
            "h2",
            "tau2_low",
            "tau2_high",
            "log_likelihood",
        ):
            np.testing.assert_allclose(
                getattr(found, name)[row], getattr(fit, name), rtol=1e-7, atol=1e-9, err_msg=name
            )
    assert compared > 20


def test_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    data, effect, variance = draw(200)
    effect *= np.random.default_rng(1).choice([1.0, 1.0, 30.0], effect.shape)
    for method in ("REML", "ML", "PM"):
        monkeypatch.setattr(module, "CELLS", 2**17)
        whole = ev.regress_many(FORMULA, data, effect, variance, method=method)
        monkeypatch.setattr(module, "CELLS", 120)
        parts = ev.regress_many(FORMULA, data, effect, variance, method=method)
        pd.testing.assert_frame_equal(parts.to_frame(), whole.to_frame(), check_exact=True)
        np.testing.assert_array_equal(parts.tau2_high, whole.tau2_high)


def test_too_few_studies_are_nan_and_wrong_input_is_refused() -> None:
    data, effect, variance = draw()
    found = ev.regress_many(FORMULA, data, effect, variance)
    assert np.isnan(found.estimate[:2]).all()
    assert len(found.to_frame()) == len(found) * 4
    assert "meta-regressions" in found.summary()
    with pytest.raises(ev.DataError, match="row 1 of the data has no value"):
        ev.regress_many(FORMULA, data.assign(x=data["x"].where(data.index != 1)), effect, variance)
    with pytest.raises(ev.DataError, match="8 columns and data 9 rows"):
        ev.regress_many(FORMULA, data, effect[:, 1:], variance[:, 1:])
    with pytest.raises(ev.DataError, match="unknown method"):
        ev.regress_many(FORMULA, data, effect, variance, method="XX")
    with pytest.raises(ev.DataError, match="level"):
        ev.regress_many(FORMULA, data, effect, variance, level=2)
