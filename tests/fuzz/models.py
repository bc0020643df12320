"""Calls of the models beyond simple pooling."""

from __future__ import annotations

import numpy as np
import pandas as pd

import evidence as ev

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

RARE = UNTESTED | {
    *("effect", "variance", "weights", "weight", "q", "q_p", "i2", "h2", "se", "ci_low", "ci_high"),
    *("cochran", "cochran_p", "cmh", "cmh_p", "breslow_day", "breslow_day_p", "tarone", "tarone_p"),
    *("tau2_p", "tau2_lrt", "lrt", "lrt_p", "sigma2"),
}
"""May be missing where the events are too few."""


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


def regress_many(rng: Rng) -> Call:
    effect, variance = studies(rng, 3)
    data = pd.DataFrame({"x": rng.normal(size=effect.size), "g": np.resize(["a", "b"], effect.size)})
    moved = effect[rng.permutation(effect.size)]
    options = {"method": pick(rng, ["REML", "ML", "DL", "EE"]), "ci": pick(rng, ["z", "t", "HKSJ"])}
    arguments = (
        pick(rng, ["~ x", "~ g", "~ x + g"]),
        data,
        np.stack([effect, moved]),
        np.stack([variance] * 2),
    )
    missing = UNTESTED | ALONE | {"qm", "qm_p", "log_likelihood"}
    return Call(ev.regress_many, arguments, options, missing=missing)


def location_scale(rng: Rng) -> Call:
    effect, variance = studies(rng, 3, 14)
    spoilt = spoil(rng, effect, variance)
    k = effect.size
    data = pd.DataFrame({"label": names(k), "effect": effect, "variance": variance, "x": rng.normal(size=k)})
    data["g"] = rng.choice(["a", "b"], k)
    if spoilt is not None:  # one fault at a time
        data.loc[[0, 1], "g"] = ["a", "b"]
    options = {"method": pick(rng, ["REML", "ML"]), "test": pick(rng, ["t", "z"])}
    formulas = pick(rng, ["effect ~ 1", "effect ~ x"]), pick(rng, ["~ x", "~ g", "~ x - 1", "~ x + g"])
    return Call(
        ev.location_scale, (*formulas, data), options, spoilt, UNTESTED | {"qm", "qm_p", "qs", "qs_p"}
    )


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
    given: np.ndarray = variance
    if spoilt is None and rng.random() < 0.2:
        given = ev.covariance_matrix(variance, outer, 0.5)
    missing = UNTESTED | {"qm", "qm_p", "bic", "aicc", "rho", "autocorrelation", "i2", "prediction_low"}
    return Call(ev.multilevel, (effect, given), options, spoilt, missing)


def robust(rng: Rng) -> Call:
    pooled = fit(rng, 2)
    cluster = rng.integers(0, pick(rng, [1, 2, 3, 9]), pooled.k)
    missing = UNTESTED | {"df", "se", "ci_low", "ci_high"}
    return Call(
        ev.robust, (pooled, cluster), {"correction": pick(rng, ["CR0", "CR1", "CR2"])}, missing=missing
    )


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


def glmm_of_events(rng: Rng) -> Call:
    """Draw a model of one proportion, of one rate or of the ratio of two."""
    k, measure = pick(rng, [1, 2, 3, 6, 12]), pick(rng, ["PLO", "IRLN", "IRR"])
    size = 10.0 ** rng.uniform(0, pick(rng, [1, 3, 5]), (2, k))
    if measure == "PLO":
        size = np.ceil(size)
    share = pick(rng, [0.0, 0.01, 0.3, 1.0])
    events = (
        np.floor(size * np.clip(share * 10.0 ** rng.uniform(-1, 0, (2, k)), 0, 1))
        if share < 1
        else np.floor(size)
    )
    names_of = {
        "PLO": ("events", "n"),
        "IRLN": ("events", "time"),
        "IRR": ("events1", "time1", "events2", "time2"),
    }
    values = dict(zip(names_of[measure], (events[0], size[0], events[1], size[1]), strict=False))
    spoilt = None
    if rng.random() < 0.12:
        i = int(rng.integers(k))
        values[pick(rng, values)][i], spoilt = pick(rng, [-1.0, np.nan, np.inf]), f"Study {i + 1}"
    options = {"measure": measure} | ({"model": pick(rng, ["UM.FS", "CM.EL"])} if measure == "IRR" else {})
    return Call(ev.glmm, (), values | options, spoilt, RARE)


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


def gosh(rng: Rng) -> Call:
    effect, variance = studies(rng, 1, 8)
    spoilt = spoil(rng, effect, variance)
    return Call(ev.gosh, (effect, variance), {"method": pick(rng, SELF_WEIGHTED), "progress": False}, spoilt)


def gosh_summary(rng: Rng) -> Call:
    drawn = gosh(rng)
    options = {"method": drawn.options["method"], "workers": 1}
    return Call(ev.gosh_summary, drawn.arguments, options, drawn.spoilt, frozenset({"mean_without"}))
