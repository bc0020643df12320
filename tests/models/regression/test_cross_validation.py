from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import evidence as ev


def regression(k: int = 12) -> tuple[pd.DataFrame, ev.Regression]:
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"x": rng.normal(size=k), "variance": rng.uniform(0.01, 0.1, k)})
    data["effect"] = 0.5 * data["x"] + rng.normal(size=k) * np.sqrt(data["variance"] + 0.02)
    return data, ev.regress("effect ~ x", data)


def test_each_study_is_predicted_from_the_others() -> None:
    data, fit = regression()
    found = ev.cross_validate(fit)
    for i in range(len(data)):
        without = ev.regress("effect ~ x", data.drop(index=i))
        expected = without.predict(data.loc[[i]])["estimate"].iloc[0]
        assert found.predicted[i] == pytest.approx(expected, rel=1e-7)
        rest = data.drop(index=i)
        assert found.mean[i] == pytest.approx(
            ev.pool(rest["effect"].to_numpy(), rest["variance"].to_numpy()).estimate
        )
    assert found.rmse == pytest.approx(np.sqrt(np.mean(np.square(found.to_frame()["error"]))))
    assert found.r2 > 30
    assert "RMSE" in found.summary()


def test_folds_are_dealt_evenly_and_wrong_ones_refused() -> None:
    _, fit = regression()
    found = ev.cross_validate(fit, folds=3)
    assert np.bincount(found.fold).tolist() == [4, 4, 4]
    assert np.isfinite(found.predicted).all()
    for folds in (1, 13):
        with pytest.raises(ev.DataError, match="between 2 and the number of studies"):
            ev.cross_validate(fit, folds=folds)
    with pytest.raises(ev.ModelError, match="too few studies"):
        ev.cross_validate(regression(2)[1])


def test_what_the_mean_predicts_without_error_has_no_r2():
    data = pd.DataFrame({"effect": 0.0, "variance": [0.1, 0.2, 0.1, 0.3], "x": [1.0, 2.0, 4.0, 3.0]})
    found = ev.cross_validate(ev.regress("effect ~ x", data))
    assert np.isnan(found.r2)
    assert "R2 of prediction not defined" in found.summary()
