"""Meta-regression: equality with pooling, invariances, extreme input, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import DataError, EvidenceError, ModelError
from evidence.models.core.weighted_tau2 import METHODS, model_log_likelihood
from evidence.models.pool import pool
from evidence.models.regression.fit import regress

TESTS = ("z", "t", "HKSJ", "HKSJ-adhoc")


def study_table(seed: int, k: int, decades: float = 1.0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "effect": generator.normal(0.0, 1.0, k),
            "variance": 10.0 ** generator.uniform(-decades, decades, k) * 0.1,
            "x": generator.normal(0.0, 2.0, k),
            "group": generator.permutation(np.resize(["a", "b", "c"], k)),
            "label": [f"Trial {i}" for i in range(k)],
        }
    )


tables = st.builds(study_table, st.integers(0, 10**6), st.integers(6, 14), st.sampled_from([0.5, 1.0, 3.0]))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ci", TESTS)
def test_intercept_alone_equals_pooling(method: str, ci: str) -> None:
    for seed in range(8):
        data = study_table(seed, 2 + seed, decades=2.0)
        fit = regress("effect ~ 1", data, method=method, ci=ci)
        pooled = pool(data["effect"], data["variance"], method=method, ci=ci)
        ours = [
            *fit.coefficients.iloc[0],
            fit.tau2,
            fit.tau2_low,
            fit.tau2_high,
            fit.tau2_se,
            fit.qe,
            fit.qe_p,
        ]
        ours += [fit.i2, fit.h2, fit.log_likelihood, fit.aic, fit.bic, fit.aicc, *fit.predict().iloc[0, 4:]]
        names = "estimate se ci_low ci_high statistic p_value tau2 tau2_low tau2_high tau2_se q q_p"
        names += " i2 h2 log_likelihood aic bic aicc prediction_low prediction_high"
        theirs = [getattr(pooled, name) for name in names.split()]
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(tables, st.sampled_from(METHODS), st.sampled_from(TESTS), st.integers(0, 100))
def test_order_of_studies_does_not_matter(data: pd.DataFrame, method: str, ci: str, seed: int) -> None:
    fit = regress("effect ~ x + group", data, method=method, ci=ci)
    other = regress("effect ~ x + group", data.sample(frac=1.0, random_state=seed), method=method, ci=ci)
    np.testing.assert_allclose(other.coefficients, fit.coefficients, rtol=1e-8, atol=1e-10)
    assert other.tau2 == pytest.approx(fit.tau2, rel=1e-8, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(tables, st.sampled_from(METHODS), st.sampled_from([-1.0, 1e-3, 250.0]))
def test_rescaling_and_sign_flip_of_effects(data: pd.DataFrame, method: str, factor: float) -> None:
    fit = regress("effect ~ x", data, method=method)
    scaled = data.assign(effect=factor * data["effect"], variance=factor**2 * data["variance"])
    other = regress("effect ~ x", scaled, method=method)
    np.testing.assert_allclose(other.estimate, factor * fit.estimate, rtol=1e-8, atol=1e-10 * abs(factor))
    np.testing.assert_allclose(other.tau2, factor**2 * fit.tau2, rtol=1e-8, atol=1e-11 * factor**2)
    np.testing.assert_allclose(other.qm, fit.qm, rtol=1e-7, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(tables, st.sampled_from(METHODS), st.sampled_from([5.0, -2000.0]), st.sampled_from([0.01, 30.0]))
def test_shift_and_scale_of_a_moderator(data: pd.DataFrame, method: str, shift: float, scale: float) -> None:
    fit = regress("effect ~ x", data, method=method)
    other = regress("effect ~ z", data.assign(z=shift + scale * data["x"]), method=method)
    assert other.tau2 == pytest.approx(fit.tau2, rel=1e-6, abs=1e-9)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-7, abs=1e-7)
    assert other.estimate[1] * scale == pytest.approx(fit.estimate[1], rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(other.fitted, fit.fitted, rtol=1e-5, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 3.0, 8.0]), st.booleans())
def test_no_tau2_has_a_higher_likelihood(seed: int, decades: float, restricted: bool) -> None:
    data = study_table(seed, 8, decades)
    fit = regress("effect ~ x", data, method="REML" if restricted else "ML")
    grid = np.append(0.0, np.geomspace(data["variance"].min() / 100.0, 1e3, 400))
    heights = model_log_likelihood(fit._model.on_grid(), grid, restricted=restricted)
    assert fit.log_likelihood >= heights.max() - 1e-9


def adversarial(generator: np.random.Generator) -> pd.DataFrame:
    k = int(generator.integers(1, 10))
    effect = generator.normal(0.0, 1.0, k) * 10.0 ** generator.uniform(-8, 8)
    kind = generator.integers(5)
    if kind == 0:
        effect[:] = effect[0]
    elif kind == 1:
        effect[0] = 1e12
    variance = 10.0 ** generator.uniform(-12, 6, k) if generator.random() < 0.7 else np.full(k, 0.1)
    x = generator.normal(0.0, 1.0, k) * 10.0 ** generator.uniform(-9, 9) + 10.0 ** generator.uniform(-3, 6)
    if kind == 2:
        x = np.round(generator.normal(0.0, 1.0, k))
    elif kind == 3:
        x[generator.random(k) < 0.3] = np.nan
    group = generator.choice(["a", "b"], k)
    return pd.DataFrame({"effect": effect, "variance": variance, "x": x, "group": group})


@pytest.mark.parametrize("seed", range(4))
def test_extreme_input_gives_finite_results_or_an_error_that_says_why(seed: int) -> None:
    generator = np.random.default_rng(seed)
    fitted = 0
    for _ in range(80):
        data = adversarial(generator)
        formula = str(
            generator.choice(["effect ~ x", "effect ~ group", "effect ~ x + group", "effect ~ x - 1"])
        )
        method, ci = str(generator.choice(METHODS)), str(generator.choice(TESTS))
        try:
            fit = regress(formula, data, method=method, ci=ci)
        except EvidenceError:
            continue
        fitted += 1
        values = [
            *fit.estimate,
            *fit.coefficients["se"],
            fit.tau2,
            fit.qe,
            fit.i2,
            fit.h2,
            fit.log_likelihood,
        ]
        assert np.isfinite(values).all(), (formula, method, ci, data)
        assert fit.tau2 >= 0.0
        assert (fit.coefficients["se"] >= 0.0).all()
        assert fit.summary()
    assert fitted > 40


def test_missing_moderators_are_left_out_and_named() -> None:
    data = study_table(1, 9)
    data.loc[[2, 5], "x"] = np.nan
    fit = regress("effect ~ x", data)
    assert fit.dropped == ("Trial 2", "Trial 5")
    assert fit.k == 7
    assert "Trial 2, Trial 5" in fit.note
    assert len(regress("effect ~ group", data).labels) == 9


def test_tests_of_terms_and_of_chosen_coefficients() -> None:
    fit = regress("effect ~ x + group", study_table(3, 12))
    terms = fit.anova()
    assert list(terms.index) == ["x", "group"]
    assert terms.loc["x", "p_value"] == pytest.approx(fit.coefficients.loc["x", "p_value"])
    assert terms.loc["x", "statistic"] == pytest.approx(fit.coefficients["statistic"]["x"] ** 2)
    assert fit.test(fit.names[1:])["p_value"] == pytest.approx(fit.qm_p)
    with pytest.raises(DataError, match="no coefficient"):
        fit.test(["y"])


def test_predictions_for_new_studies() -> None:
    data = study_table(4, 12)
    fit = regress("effect ~ x * group", data)
    new = fit.predict(data[["x", "group"]])
    np.testing.assert_allclose(new["estimate"], fit.fitted, atol=1e-10)
    assert (new["prediction_low"] <= new["ci_low"] + 1e-12).all()
    with pytest.raises(DataError, match="missing"):
        fit.predict(data[["x", "group"]].assign(x=np.nan))
    with pytest.raises(DataError, match="z"):
        fit.predict(pd.DataFrame({"x": [1.0], "group": ["z"]}))
    assert np.isnan(regress("effect ~ x", data, method="EE").predict()["prediction_low"]).all()


def test_hat_values_add_up_to_the_number_of_coefficients() -> None:
    fit = regress("effect ~ x + group", study_table(5, 14))
    assert fit.hat.sum() == pytest.approx(4.0)
    assert ((fit.hat > 0.0) & (fit.hat <= 1.0)).all()


def test_as_many_coefficients_as_studies() -> None:
    fit = regress("effect ~ group - 1", study_table(6, 3))
    np.testing.assert_allclose(np.sort(fit.estimate), np.sort(fit.effect), atol=1e-12)
    assert fit.tau2 == 0.0
    assert "as many coefficients as studies" in fit.note


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("effect ~ x + I(2 * x)", ModelError, r"I\(2 \* x\)"),
        ("effect ~ one", ModelError, "'one'"),
        ("effect ~ zero", ModelError, "zero throughout"),
        ("effect ~ label", ModelError, None),
        ("effect ~ nothing", DataError, "nothing"),
        ("effect ~ x | group", DataError, "more than one part"),
        ("~ x", DataError, "left side"),
        ("effect ~ log(zero)", DataError, "inf"),
        ("effect ~ 0", ModelError, "no coefficients"),
        ("effect ~ ~ x", DataError, "cannot read"),
    ],
)
def test_unusable_formulas_are_explained(formula: str, error: type[Exception], message: str | None) -> None:
    data = study_table(7, 8).assign(one=1.0, zero=0.0)
    if message is None:
        fit = regress(formula, data)  # a coefficient for each study
        assert fit.qe_df == 0
        return
    with pytest.raises(error, match=message):
        regress(formula, data)


def test_unusable_values_are_named() -> None:
    data = study_table(8, 6)
    for column, value, message in (
        ("variance", 0.0, "Trial 3: the variance 0 is not positive"),
        ("effect", np.nan, "Trial 3: the effect is nan"),
        ("variance", np.inf, "Trial 3: the variance is inf"),
    ):
        bad = data.copy()
        bad.loc[3, column] = value
        with pytest.raises(DataError, match=message):
            regress("effect ~ x", bad)
    with pytest.raises(DataError, match="no column 'v'"):
        regress("effect ~ x", data, variance="v")
    with pytest.raises(DataError, match="unknown method"):
        regress("effect ~ x", data, method="DL3")
    with pytest.raises(DataError, match="level"):
        regress("effect ~ x", data, level=95)
    with pytest.raises(DataError, match="at least one row"):
        regress("effect ~ x", data.iloc[:0])


def test_perfect_fit_has_no_width_under_hksj() -> None:
    data = study_table(9, 6).assign(effect=lambda d: 1.0 + 0.5 * np.arange(6.0), x=np.arange(6.0))
    fit = regress("effect ~ x", data)
    assert fit.tau2 == 0.0
    np.testing.assert_allclose(fit.estimate, [1.0, 0.5], rtol=1e-12)
    assert np.isfinite(fit.coefficients["se"]).all()
