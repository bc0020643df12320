"""Calls of the models beyond simple pooling, and of what examines pooled results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev
from evidence.diagnostics.small_study.egger import PREDICTORS
from evidence.models.network.split import METHODS

from .draw import (
    ALONE,
    SELF_WEIGHTED,
    UNTESTED,
    Call,
    Rng,
    fit,
    fit_options,
    names,
    pick,
    spoil,
    studies,
    tables,
)

LINE = UNTESTED | {"tau2", "limit", "limit_low", "limit_high"}
"""May be missing in tests of funnel asymmetry."""
RARE = UNTESTED | {
    *("effect", "variance", "weights", "weight", "q", "q_p", "i2", "h2", "se", "ci_low", "ci_high"),
    *("cochran", "cochran_p", "cmh", "cmh_p", "breslow_day", "breslow_day_p", "tarone", "tarone_p"),
    *("tau2_p", "tau2_lrt", "lrt", "lrt_p", "sigma2"),
}
"""May be missing where the events are too few."""
NETWORK = UNTESTED | ALONE | {"q", "q_p", "i2", "h", "h2", "tau2"}
"""May be missing in networks without a closed loop or a second study of a comparison."""
NETWORK_METHODS = ("EE", "DL", "REML")
SIDES = ("direct", "indirect", "difference")
"""The evidence that a comparison is split into; each may be missing."""


def of_fit(function: Callable[..., Any], *missing: str, **choices: Any) -> Callable[[Rng], Call]:
    """Give a draw for a function of a pooled fit, whose options are drawn from those listed."""

    def draw(rng: Rng) -> Call:
        options = {name: pick(rng, values) for name, values in choices.items()}
        return Call(function, (fit(rng),), options, missing=UNTESTED | ALONE | set(missing))

    return draw


def regress(rng: Rng) -> Call:
    effect, variance = studies(rng, 3)
    spoilt = spoil(rng, effect, variance)
    k = effect.size
    data = pd.DataFrame({"label": names(k), "effect": effect, "variance": variance, "x": rng.normal(size=k)})
    data["g"] = rng.choice(["a", "b", "c"], k)
    right = "x"
    if spoilt is None:
        x = data["x"].to_numpy()
        data["x"] = pick(rng, [x, x * 1e-9, np.ones(k), np.arange(k) * 1e9, rng.integers(0, 2, k)])
        right = pick(rng, ["x", "g", "x + g", "1", "x - 1", "x:g"])
    options = fit_options(rng, k, [name for name in SELF_WEIGHTED if name != "DL2"])
    options["ci"] = pick(rng, ["z", "t", "HKSJ", "HKSJ-adhoc"])
    missing = UNTESTED | ALONE | {"r2", "vif", "qm", "qm_p", "log_likelihood", "aic", "aicc"}
    return Call(ev.regress, (f"effect ~ {right}", data), options, spoilt, missing)


def location_scale(rng: Rng) -> Call:
    effect, variance = studies(rng, 3, 14)
    spoilt = spoil(rng, effect, variance)
    k = effect.size
    data = pd.DataFrame({"label": names(k), "effect": effect, "variance": variance, "x": rng.normal(size=k)})
    data["g"] = rng.choice(["a", "b"], k)
    options = {"method": pick(rng, ["REML", "ML"]), "test": pick(rng, ["t", "z"])}
    formulas = pick(rng, ["effect ~ 1", "effect ~ x"]), pick(rng, ["~ x", "~ g", "~ x - 1", "~ x + g"])
    return Call(
        ev.location_scale, (*formulas, data), options, spoilt, UNTESTED | {"qm", "qm_p", "qs", "qs_p"}
    )


def permutation_test(rng: Rng) -> Call:
    effect, variance = studies(rng, 4, 6)
    data = pd.DataFrame({"effect": effect, "variance": variance, "x": rng.normal(size=effect.size)})
    regression = ev.regress("effect ~ x", data, method=pick(rng, ["DL", "REML"]))
    options = {"exact": False, "iterations": 30}
    return Call(ev.permutation_test, (regression,), options, missing=UNTESTED | {"qm"})


def multilevel(rng: Rng) -> Call:
    effect, variance = studies(rng, 2, 12)
    spoilt = spoil(rng, effect, variance)
    outer, own = rng.integers(0, 4, effect.size), np.arange(effect.size)
    options = {
        "levels": pick(rng, [[outer, own], [outer], [own]]),
        "method": pick(rng, ["REML", "ML"]),
        "test": pick(rng, ["t", "z"]),
    }
    if rng.random() < 0.3:
        options["crossed"] = {"lab": rng.integers(0, 3, effect.size)}
    if rng.random() < 0.3:
        kinds = ["ID", "DIAG", "CS", "HCS", "AR", "HAR", "CAR", "UN"]
        options |= {"outcome": rng.integers(0, 3, effect.size), "structure": pick(rng, kinds)}
    missing = UNTESTED | {"qm", "qm_p", "bic", "aicc", "rho", "autocorrelation", "i2", "prediction_low"}
    return Call(ev.multilevel, (effect, variance), options, spoilt, missing)


def robust(rng: Rng) -> Call:
    pooled = fit(rng, 2)
    cluster = rng.integers(0, pick(rng, [1, 2, 3, 9]), pooled.k)
    missing = UNTESTED | {"df", "se", "ci_low", "ci_high"}
    return Call(
        ev.robust, (pooled, cluster), {"correction": pick(rng, ["CR0", "CR1", "CR2"])}, missing=missing
    )


def cumulative(rng: Rng) -> Call:
    pooled = fit(rng)
    order = rng.integers(1990, 2020, pooled.k)
    return Call(ev.cumulative, (pooled,), {"order": order}, missing=UNTESTED | ALONE)


def covariance_matrix(rng: Rng) -> Call:
    _, variance = studies(rng)
    cluster = rng.integers(0, 4, variance.size)
    return Call(ev.covariance_matrix, (variance, cluster, pick(rng, [0.0, 0.5, 0.9])))


def aggregate(rng: Rng) -> Call:
    effect, variance = studies(rng)
    spoil(rng, effect, variance)
    data = pd.DataFrame({"trial": rng.integers(0, 4, effect.size), "effect": effect, "variance": variance})
    options = {"rho": pick(rng, [0.0, 0.5, 0.9, 1.0, -0.4, 2.0]), "weighted": rng.random() < 0.5}
    return Call(ev.aggregate, (data, "trial"), options)


def mantel_haenszel(rng: Rng) -> Call:
    cells, spoilt = tables(rng)
    options = {"measure": pick(rng, ["OR", "RR", "RD"]), "correct": rng.random() < 0.5}
    if rng.random() < 0.3:
        options |= {"add": 0.5, "to": pick(rng, ["only0", "all", "if0all"])}
    return Call(ev.mantel_haenszel, cells, options, spoilt, RARE)


def peto(rng: Rng) -> Call:
    cells, spoilt = tables(rng)
    return Call(ev.peto, cells, {}, spoilt, RARE)


def glmm(rng: Rng) -> Call:
    cells, spoilt = tables(rng)
    return Call(ev.glmm, cells, {"model": pick(rng, ["UM.FS", "CM.EL", "CM.AL", "UM.RS"])}, spoilt, RARE)


def bayes(rng: Rng) -> Call:
    effect, variance = studies(rng, 1, 12)
    spoilt = spoil(rng, effect, variance)
    priors, scale = ev.priors, float(10.0 ** rng.uniform(-2, 2))
    tau_priors = [
        None,
        priors.half_normal(scale),
        priors.half_cauchy(scale),
        priors.half_t(scale, 4.0),
        priors.exponential(scale),
        priors.uniform(scale),
        priors.log_normal(-1.0, 1.0),
    ]
    options = {
        "tau_prior": pick(rng, tau_priors),
        "effect_prior": pick(rng, [None, priors.normal(0.0, scale)]),
    }
    improper = {"bayes_factor_effect", "bayes_factor_tau", "log_bayes_factor_effect", "log_bayes_factor_tau"}
    missing = frozenset({"log_marginal_likelihood", "mean", "sd"} | improper)
    return Call(ev.bayes, (effect, variance), options, spoilt, missing)


def egger(rng: Rng) -> Call:
    pooled = fit(rng)
    options = {"predictor": pick(rng, PREDICTORS), "model": pick(rng, ["rma", "lm"])}
    return Call(ev.egger, (pooled,), options | {"n": rng.integers(2, 500, pooled.k)}, missing=LINE)


def count_test(rng: Rng) -> Call:
    cells, spoilt = tables(rng)
    return Call(pick(rng, [ev.harbord, ev.peters]), cells, {}, spoilt, LINE)


def debray(rng: Rng) -> Call:
    pooled = fit(rng)
    events = tuple(rng.integers(0, 50, (2, pooled.k)))
    return Call(ev.debray, (pooled, *events), {"weights": pick(rng, ["FIV", "FAV"])}, missing=LINE)


def gosh(rng: Rng) -> Call:
    effect, variance = studies(rng, 1, 8)
    spoilt = spoil(rng, effect, variance)
    return Call(ev.gosh, (effect, variance), {"method": pick(rng, SELF_WEIGHTED), "progress": False}, spoilt)


def network(rng: Rng) -> Call:
    contrasts, spoilt = two_arm_trials(rng)
    return Call(
        ev.network, tuple(contrasts.values()), {"method": pick(rng, NETWORK_METHODS)}, spoilt, NETWORK
    )


def components(rng: Rng) -> Call:
    contrasts, spoilt = two_arm_trials(rng)
    options = {"method": pick(rng, NETWORK_METHODS), "inactive": pick(rng, [None, "placebo"])}
    missing = NETWORK | {
        "p_additive",
        "p_difference",
        "effects",
        "effects_common",
        "se_common",
        "estimate",
        "se",
    }
    missing |= {"ci_low", "ci_high", "z"}
    return Call(ev.components, (pd.DataFrame(contrasts),), options, spoilt, missing)


def split(rng: Rng) -> Call:
    contrasts, _ = two_arm_trials(rng, spoiling=False)
    net = ev.network(*contrasts.values(), method=pick(rng, NETWORK_METHODS))
    method = pick(rng, METHODS)
    parts = [f"{part}{end}" for part in SIDES for end in ("", "_se", "_low", "_high")]
    return Call(net.split, (method,), missing=frozenset({*parts, "z", "p_value"}))


def decomposition(rng: Rng) -> Call:
    contrasts, _ = two_arm_trials(rng, spoiling=False)
    net = ev.network(*contrasts.values(), method=pick(rng, NETWORK_METHODS))
    return Call(net.decomposition, missing=NETWORK | {"p_interaction", "p_between", "p_within"})


def two_arm_trials(rng: Rng, *, spoiling: bool = True) -> tuple[dict[str, Any], str | None]:
    """Draw the columns of a network of two-arm trials, and the study whose standard error was spoilt, if any."""
    effect, variance = studies(rng, 2, 15)
    treatments = np.array(["placebo", "a", "b", "a+b"])
    one, apart = rng.integers(0, 4, effect.size), rng.integers(1, 4, effect.size)
    se = np.sqrt(variance)
    spoilt = spoil(rng, effect, se) if spoiling else None
    columns = {
        "study": names(effect.size),
        "treat1": treatments[one],
        "treat2": treatments[(one + apart) % 4],
        "effect": effect,
        "se": se,
    }
    return columns, spoilt
