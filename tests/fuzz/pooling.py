"""Calls that turn reports into effects, and effects into pooled results."""

from __future__ import annotations

from functools import wraps
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import evidence as ev
from evidence.effects.sizes.effect_size import RECIPES

from .draw import (
    ALONE,
    FAULTS,
    SELF_WEIGHTED,
    UNTESTED,
    Call,
    Rng,
    fit_options,
    names,
    pick,
    spoil,
    studies,
)

CONVERTIBLE = ("OR", "SMD", "COR", "ZCOR")
SUMMARISED = frozenset({"wider", "changes", "heterogeneity"})
"""May be missing where no comparison could be fitted."""


def pool(rng: Rng) -> Call:
    effect, variance = studies(rng)
    spoilt = spoil(rng, effect, variance)
    options = fit_options(rng, effect.size)
    missing = UNTESTED if options["ci"] == "HKSJ" else frozenset()
    if effect.size == 1 or options["method"] == "EE":
        missing |= ALONE
    return Call(ev.pool, (effect, variance), options, spoilt, missing, must_work=True)


def malformed(rng: Rng) -> Call:
    effect, variance = studies(rng, 2)
    wrong = [
        (effect[:-1], variance),
        ([], []),
        (effect[None], variance[None]),
        (["a"] * effect.size, variance),
        (None, variance),
        (effect, "variance"),
        (effect, [None] * effect.size),
        (effect + 1j, variance),
        ([10**400] * effect.size, variance),
        (np.arange(effect.size).astype("M8[D]"), variance),
        ([[1.0], [2.0, 3.0]], variance),
    ]
    return Call(refuse, pick(rng, wrong))


def refuse(effect: Any, variance: Any) -> float:
    """Pool what has to be refused."""
    ev.pool(effect, variance)
    raise AssertionError("malformed input was accepted")


def pool_many(rng: Rng) -> Call:
    sets = [studies(rng) for _ in range(4)]
    effect, variance = np.full((2, 5, max(effect.size for effect, _ in sets)), np.nan)
    for row, (y, v) in enumerate(sets):
        effect[row, : y.size], variance[row, : v.size] = y, v
    spoilt = None
    if rng.random() < 0.1:
        variance[2, 0], spoilt = pick(rng, FAULTS[1:]), "row 2, column 0"
    options = fit_options(rng, 0, SELF_WEIGHTED)
    return Call(but_the_last, (effect, variance), options, spoilt, UNTESTED | ALONE, must_work=True)


@wraps(ev.pool_many)
def but_the_last(effect: Any, variance: Any, **options: Any) -> pd.DataFrame:
    """Pool each row; the last one has no study."""
    return ev.pool_many(effect, variance, **options).to_frame().iloc[:-1]


def pool_grid(rng: Rng) -> Call:
    effect, variance = studies(rng, 2, 12)
    moved = effect[rng.permutation(effect.size)]
    options = {"methods": ["REML", pick(rng, SELF_WEIGHTED)], "intervals": ["HKSJ", "z"]}
    return Call(
        ev.pool_grid, (np.stack([effect, moved]), np.stack([variance] * 2)), options, missing=UNTESTED
    )


def comparisons(rng: Rng) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw a table of comparisons, of which one may have a study that cannot be used, and options of `batch`."""
    effect, variance = studies(rng, 2)
    spoil(rng, effect, variance)
    frame = pd.DataFrame({"effect": effect, "variance": variance})
    frame["review"], frame["comparison"] = (
        rng.integers(0, 3, effect.size),
        rng.choice(["1", "x"], effect.size),
    )
    return frame, {"methods": ["DL", pick(rng, SELF_WEIGHTED)], "ci": ["HKSJ", "z"], "workers": 1}


def batch(rng: Rng) -> Call:
    frame, options = comparisons(rng)
    return Call(fitted_ones, (frame,), options, missing=UNTESTED | ALONE)


@wraps(ev.batch)
def fitted_ones(frame: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """Fit each comparison; the others have the reason why they could not be fitted."""
    results = ev.batch(frame, **options)
    assert results.loc[results["estimate"].isna(), "error"].str.len().gt(9).all()
    return results[results["error"] == ""]


def batch_summary(rng: Rng) -> Call:
    frame, options = comparisons(rng)
    return Call(ev.batch_summary, (ev.batch(frame, **options),), missing=SUMMARISED)


def subgroups(rng: Rng) -> Call:
    effect, variance = studies(rng, 2)
    spoilt = spoil(rng, effect, variance)
    data = pd.DataFrame({"label": names(effect.size), "effect": effect, "variance": variance})
    data["group"] = rng.integers(0, pick(rng, [1, 2, 4]), effect.size)
    options = fit_options(rng, effect.size, SELF_WEIGHTED) | {"common_tau2": rng.random() < 0.4}
    missing = UNTESTED | ALONE | {"tau2"}  # of all subgroups together, where each has its own
    return Call(ev.subgroups, (data, "group"), options, spoilt, missing)


def effect_size(rng: Rng) -> Call:
    measure = pick(rng, RECIPES)
    kind, k = RECIPES[measure], pick(rng, [1, 2, 5])
    values: dict[str, np.ndarray] = {}
    for name in kind.needs:
        if name == "r":
            values[name] = pick(rng, [rng.uniform(-1, 1, k), np.zeros(k)])
        elif name.startswith("n"):
            values[name] = rng.integers(2, pick(rng, [5, 100, 10**6]), k).astype(float)
        elif name.startswith(("sd", "time")):
            values[name] = 10.0 ** rng.uniform(-6, 6, k)
        elif name in ("m1", "m2") or (name == "m" and "sd" in kind.needs):
            values[name] = rng.normal(size=k) * 10.0 ** rng.uniform(-6, 6) + pick(rng, [0.0, 10.0])
        elif name == "x":
            values["n"] = rng.integers(1, pick(rng, [5, 100, 10**6]), k).astype(float)
            values["events"] = np.floor(values["n"] * pick(rng, [0.0, 0.3, 1.0]))
        elif name != "m":
            values[name] = rng.integers(0, pick(rng, [2, 10, 10**5]), k).astype(float)
    options: dict[str, Any] = {"variance_form": pick(rng, kind.forms)}
    if kind.add is not None and rng.random() < 0.6:
        options |= {"to": pick(rng, ["only0", "all", "if0all", "none"]), "add": pick(rng, [0.0, 0.5, 1.0])}
    spoilt = None
    if rng.random() < 0.15:
        name, i = pick(rng, values), int(rng.integers(k))
        values[name][i] = pick(rng, [np.inf, -np.inf] + [-3.0] * (name not in ("m1", "m2")))
        spoilt = f"row {i}"
    bare = kind.add == 0.0 or options.get("to") == "none" or options.get("add") == 0.0
    missing = frozenset({"effect", "variance"} if bare else ())
    return Call(ev.effect_size, (measure,), values | options, spoilt, missing)


def recover(rng: Rng) -> Call:
    estimate, width = rng.normal() * 10.0 ** rng.uniform(-3, 3), 10.0 ** rng.uniform(-4, 3)
    given = pick(
        rng,
        [
            {"ci_low": estimate - width, "ci_high": estimate + width},
            {"ci_low": estimate + width, "ci_high": estimate - width},
            {"ci_low": estimate, "ci_high": estimate},
            {"p_value": rng.random()},
            {"p_value": pick(rng, [0.0, 1.0, 1e-300, -0.1, np.inf])},
            {"statistic": pick(rng, [rng.normal() * 3.0, 0.0])},
            {"f_value": rng.random() * 10.0},
            {"se": pick(rng, [width, 0.0, -1.0, np.inf])},
            {"sd1": width, "sd2": 2.0 * width},
            {},
        ],
    )
    log = rng.random() < 0.2
    options = {"estimate": abs(estimate) if log else estimate, "log": log}
    if rng.random() < 0.7:
        options |= {"n1": rng.integers(1, 500), "n2": rng.integers(1, 500)}
    options["distribution"] = pick(rng, ["auto", "normal", "t"])
    return Call(ev.recover, (), given | options, missing=frozenset({"sd", "asymmetry"}))


def from_quartiles(rng: Rng) -> Call:
    five = np.sort(rng.normal(size=5) * 10.0 ** rng.uniform(-6, 6))
    if rng.random() < 0.15:
        five = rng.permutation(five)
    if rng.random() < 0.15:
        five[:] = five[0]
    all_five = ("minimum", "q1", "median", "q3", "maximum")
    keep = pick(rng, [all_five, ("q1", "median", "q3"), ("minimum", "median", "maximum"), ("median",)])
    values = {name: float(value) for name, value in zip(all_five, five, strict=True) if name in keep}
    options = {"n": pick(rng, [1, 5, 20, 10**6]), "method": pick(rng, ["Luo/Wan", "Wan2014", "Shi2020"])}
    missing = frozenset({"skewness", "skew_statistic", "skew_critical", "statistic", "critical"})
    return Call(ev.from_quartiles, (), values | options, missing=missing)


def conversion(rng: Rng) -> Call:
    effect, variance = studies(rng)
    function = pick(
        rng, [ev.smd_to_or, ev.or_to_smd, ev.smd_to_r, ev.r_to_smd, ev.r_to_z, ev.z_to_r, ev.convert]
    )
    options: dict[str, Any] = {}
    if function is ev.convert:
        options = {"from_": pick(rng, CONVERTIBLE), "to": pick(rng, CONVERTIBLE)}
    if function in (ev.smd_to_r, ev.r_to_smd) and rng.random() < 0.5:
        options = {name: rng.integers(2, 500, effect.size) for name in ("n1", "n2")}
    bounded = function in (ev.r_to_z, ev.r_to_smd) or options.get("from_") == "COR"
    return Call(function, (np.tanh(effect) if bounded else effect, variance), options)


def pre_post(rng: Rng) -> Call:
    k = pick(rng, [1, 2, 5])
    means = [rng.normal(size=k) * 10.0 ** rng.uniform(-3, 3) for _ in range(4)]
    sizes, spread = rng.integers(2, 500, (2, k)).astype(float), 10.0 ** rng.uniform(-3, 3, (2, k))
    values = [*means[:2], spread[0], sizes[0], *means[2:], spread[1], sizes[1], rng.uniform(-1, 1, k)]
    spoilt = None
    if rng.random() < 0.15:
        i = int(rng.integers(k))
        values[int(rng.integers(9))][i], spoilt = pick(rng, [np.inf, -np.inf]), f"row {i}"
    return Call(ev.pre_post_smd, tuple(values), {"sd": pick(rng, ["pooled", "separate"])}, spoilt)


def p_values(rng: Rng) -> Call:
    """Draw what is said of P values and directions alone; a P value may be a bound."""
    k = pick(rng, [1, 2, 5, 30])
    p: np.ndarray = 10.0 ** rng.uniform(pick(rng, [-1, -300]), 0, k)
    direction, spoilt = rng.integers(-1, 2, k), None
    if rng.random() < 0.12:
        i = int(rng.integers(k))
        p[i], spoilt = pick(rng, [0.0, -0.1, 1.5, np.nan, np.inf]), f"P value {i + 1}"
    elif rng.random() < 0.3:
        p = np.array([f"{pick(rng, ['<', '>', '='])}{value:.3g}" for value in p], dtype=object)
    options: dict[str, Any] = {"method": pick(rng, ["fisher", "stouffer"])}
    if rng.random() < 0.6:
        options["direction"] = direction
    if options["method"] == "stouffer" and rng.random() < 0.5:
        options["weights"] = 10.0 ** rng.uniform(-6, 6, k)
    if rng.random() < 0.3:
        return Call(
            ev.effect_direction, (direction,), missing=frozenset({"share", "ci_low", "ci_high", "p_value"})
        )
    if rng.random() < 0.4:
        missing = frozenset({"share", "ci_low", "ci_high", "p_effect", "p_piling"})
        return Call(ev.p_curve, (p,), {}, spoilt, missing)
    return Call(
        ev.combine_p,
        (p,),
        options,
        spoilt,
        frozenset({"statistic"} | (set() if "direction" in options else {"p_positive", "p_negative"})),
    )


def albatross(rng: Rng) -> Call:
    k = pick(rng, [1, 4, 20])
    columns = 10.0 ** rng.uniform(-9, 0, k), rng.integers(3, 10**5, k), rng.integers(-1, 2, k)
    return Call(drawn, columns, missing=frozenset({"direction"}))


@wraps(ev.figures.albatross)
def drawn(*columns: Any) -> pd.DataFrame:
    """Draw a figure; give its numbers."""
    figure = ev.figures.albatross(*columns)
    plt.close(figure)
    return figure.numbers


def design(rng: Rng) -> Call:
    x, y = 10.0 ** rng.uniform(-4, 4, 2)
    r, n = pick(rng, [0.0, 0.5, 1.0, -1.0, 2.0, np.nan]), pick(rng, [0, 1, 2, 30, 10**6])
    function, *arguments = pick(
        rng,
        [
            (ev.design_effect, x, r),
            (ev.effective_size, n, x, r),
            (ev.inflate_variance, y, x, r),
            (ev.sd_from_se, x, n),
            (ev.sd_from_interval, -x, y, n),
            (ev.sd_of_change, x, y, r),
            (ev.change_correlation, x, y, abs(x - y)),
            (ev.combine_arms, [x, -y], [y, x], [n, 5]),
            (ev.combine_events, [1, n], [n, n]),
            (ev.crossover_smd, x, y, -x, x, n, r),
        ],
    )
    absent = any(isinstance(value, float) and np.isnan(value) for value in arguments)
    missing = frozenset({"result", "effect", "variance"} if absent else ())
    return Call(function, tuple(arguments), missing=missing)
