"""Calls of what examines a fitted model, fits it anew or shows it on another scale."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev
from evidence.diagnostics.small_study.egger import PREDICTORS
from evidence.measures import LARGEST_LOG

from . import pooling
from .draw import ALONE, UNTESTED, Call, Rng, fit, pick, studies, tables

LINE = UNTESTED | {"tau2", "limit", "limit_low", "limit_high"}
"""May be missing in tests of funnel asymmetry."""
FITTED = UNTESTED | ALONE | {"tau2", "i2", "h2", "q", "q_p", "r2", "weights", "tau2_lrt", "tau2_p", "rho"}
"""May be missing in a fit of some class."""
WITHOUT = frozenset(
    {
        *("estimate", "se", "cook", "dfbetas", "dffits", "covariance_ratio", "studentised", "standardised"),
        *("outlying", "outlying_p", "hat", "tau2_deleted", "dfbetas mean", "dfbetas Intercept", "dfbetas x"),
    }
)
"""Missing where the model cannot be fitted without a study or a cluster."""
LIMITS = frozenset({"low", "high", "ci_low", "ci_high", "prediction_low", "prediction_high"})
"""Infinite where they are too large for a ratio."""


def of_fit(function: Callable[..., Any], *missing: str, **choices: Any) -> Callable[[Rng], Call]:
    """Give a draw for a function of a pooled fit, whose options are drawn from those listed."""

    def draw(rng: Rng) -> Call:
        options = {name: pick(rng, values) for name, values in choices.items()}
        return Call(function, (fit(rng),), options, missing=UNTESTED | ALONE | set(missing))

    return draw


def regression(rng: Rng, formula: str = "effect ~ x", least: int = 4, **options: Any) -> ev.Regression:
    """Draw a meta-regression on a number x, a factor g, or both."""
    effect, variance = studies(rng, least, 15)
    data = pd.DataFrame({"effect": effect, "variance": variance, "x": rng.normal(size=effect.size)})
    data["g"] = np.resize(["a", "b", "c"], effect.size)
    chosen = {"method": pick(rng, ["REML", "ML", "DL", "EE"]), "ci": pick(rng, ["z", "t", "HKSJ"])}
    return ev.regress(formula, data, **(chosen | options))


def any_fit(rng: Rng) -> Any:
    """Draw a fit of any class."""
    kind = pick(rng, ["pool", "regress", "multilevel", "robust", "mantel_haenszel", "peto", "glmm"])
    if kind in ("mantel_haenszel", "peto", "glmm"):
        return getattr(ev, kind)(*tables(rng)[0], **({"model": "CM.AL"} if kind == "glmm" else {}))
    if kind == "regress":
        return regression(rng)
    pooled = fit(rng, 3)
    cluster = rng.integers(0, 4, pooled.k)
    if kind == "multilevel":
        return ev.multilevel(pooled.effect[:8], pooled.variance[:8], levels=[cluster[:8]])
    return ev.robust(pooled, cluster) if kind == "robust" else pooled


def refits(rng: Rng) -> Call:
    """Draw what fits a model of any class anew to some of its studies."""
    model = any_fit(rng)
    groups = rng.integers(0, 3, len(model.labels))
    function, column = pick(
        rng,
        [
            (ev.leave_one_out, None),
            (ev.leave_one_out, "cluster"),
            (ev.cumulative, None),
            (ev.cumulative, "order"),
            (ev.subgroups, "by"),
            (ev.influence, None),
            (ev.influence, "cluster"),
        ],
    )
    return Call(function, (model,), {column: groups} if column else {}, missing=FITTED | LIMITS | WITHOUT)


def on(rng: Rng) -> Call:
    """Draw a pooled result of any measure, taken to its natural scale or by a function."""
    drawn = pooling.effect_size(rng)
    es = drawn.function(*drawn.arguments, **drawn.options)
    options = {"method": pick(rng, ["REML", "DL", "EE"]), "ci": pick(rng, ["z", "t", "HKSJ"])}
    measure, n = drawn.arguments[0], drawn.options.get("n", drawn.options.get("time"))
    if measure in ("PFT", "IRFT") and rng.random() < 0.5:
        pooled = ev.pool(es["effect"].to_numpy(), es["variance"].to_numpy(), **options)
        return Call(pooled.on, (measure,), {"n": n}, missing=LIMITS)
    pooled = ev.pool(es, **options)
    # The logarithm of a ratio may be so large that the ratio is no number, which then says infinite.
    whole = max(pooled.estimate, *pooled.effect) < LARGEST_LOG
    missing = LIMITS if whole else LIMITS | {"estimate", "effect"}
    return Call(pooled.on, (pick(rng, ["natural", "analysis", np.tanh]),), missing=missing)


def predict(rng: Rng) -> Call:
    model = regression(rng)
    new = pd.DataFrame(
        {"x": pick(rng, [[0.0, 1.0], [1e9, -1e9], ["1", 2.0], pd.array([1, 2], dtype="Int64")])}
    )
    return Call(model.predict, (new,), missing=ALONE)


def permutation_test(rng: Rng) -> Call:
    effect, variance = studies(rng, 4, 6)
    data = pd.DataFrame({"effect": effect, "variance": variance, "x": rng.normal(size=effect.size)})
    regression = ev.regress("effect ~ x", data, method=pick(rng, ["DL", "REML"]))
    options = {"exact": False, "iterations": 30}
    return Call(ev.permutation_test, (regression,), options, missing=UNTESTED | {"qm"})


def cross_validate(rng: Rng) -> Call:
    return Call(
        ev.cross_validate, (regression(rng),), {"folds": pick(rng, [None, 2, 3])}, missing=frozenset({"r2"})
    )


def compare_fits(rng: Rng) -> Call:
    seed = int(rng.integers(10**9))
    method = pick(rng, ["REML", "ML"])
    one, other = (
        regression(np.random.default_rng(seed), formula, method=method, ci="z")
        for formula in ("effect ~ 1", "effect ~ x")
    )
    return Call(
        ev.compare_fits, (one, other), {"refit": rng.random() < 0.7}, missing=UNTESTED | {"df", "df_error"}
    )


def linear_contrasts(rng: Rng) -> Call:
    model = regression(rng, "effect ~ g", 5)
    options = {"adjust": pick(rng, ["single-step", "holm", "bonferroni", "none"])}
    contrasts = pick(rng, [None, "g", rng.normal(size=(2, 3)), {"b and c": [0.0, 1.0, -1.0]}])
    return Call(
        ev.linear_contrasts,
        (model, contrasts),
        options,
        missing=UNTESTED | {"df_error", "p_adjusted", "critical", "ci_low", "ci_high"},
    )


def cumulative(rng: Rng) -> Call:
    pooled = fit(rng)
    order = rng.integers(1990, 2020, pooled.k)
    return Call(ev.cumulative, (pooled,), {"order": order}, missing=UNTESTED | ALONE)


def sequential(rng: Rng) -> Call:
    pooled = fit(rng)
    options: dict[str, Any] = {"delta": 10.0 ** rng.uniform(-3, 2), "power": pick(rng, [0.8, 0.9])}
    options["heterogeneity"] = pick(rng, ["diversity", "none", 0.5])
    options["order"] = rng.integers(1990, 2020, pooled.k)
    if rng.random() < 0.5:
        options["n"] = rng.integers(2, 500, pooled.k)
    missing = {"n", "required_n", "ci_low", "ci_high", "boundary", "futility"}
    return Call(ev.sequential, (pooled,), options, missing=frozenset(missing))


def bootstrap(rng: Rng) -> Call:
    options = {"repetitions": 20, "kind": pick(rng, ["parametric", "studies"]), "workers": 1}
    return Call(ev.bootstrap, (fit(rng, 2),), options)


def selection_with_moderators(rng: Rng) -> Call:
    model = regression(
        rng, pick(rng, ["effect ~ x", "effect ~ g"]), 6, method=pick(rng, ["ML", "EE"]), ci="z"
    )
    options = {"type": pick(rng, ["step", "beta", "halfnorm", "negexp", "logistic", "power"])}
    options["alternative"] = pick(rng, [None, "greater", "two-sided"])
    missing = UNTESTED | {"se", "ci_low", "ci_high", "delta_se", "tau2_se", "covariance", "qm", "qm_p"}
    return Call(ev.selection_model, (model,), options, missing=missing)


def egger(rng: Rng) -> Call:
    pooled = fit(rng)
    options = {"predictor": pick(rng, PREDICTORS), "model": pick(rng, ["rma", "lm"])}
    return Call(ev.egger, (pooled,), options | {"n": rng.integers(2, 500, pooled.k)}, missing=LINE)


def egger_of_models(rng: Rng) -> Call:
    model = any_fit(rng)
    return Call(ev.egger, (model, pick(rng, ["sei", "vi"])), missing=LINE)


def count_test(rng: Rng) -> Call:
    cells, spoilt = tables(rng)
    return Call(pick(rng, [ev.harbord, ev.peters]), cells, {}, spoilt, LINE)


def debray(rng: Rng) -> Call:
    pooled = fit(rng)
    events = tuple(rng.integers(0, 50, (2, pooled.k)))
    return Call(ev.debray, (pooled, *events), {"weights": pick(rng, ["FIV", "FAV"])}, missing=LINE)
