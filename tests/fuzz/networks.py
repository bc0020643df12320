"""Calls of the models for networks of treatments."""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
import pandas as pd

import evidence as ev
from evidence.models.network.arms import MEASURES
from evidence.models.network.split import METHODS

from .draw import ALONE, UNTESTED, Call, Rng, names, pick, spoil, studies

NETWORK = UNTESTED | ALONE | {"q", "q_p", "i2", "h", "h2", "tau2"}
"""May be missing in networks without a closed loop or a second study of a comparison."""
NETWORK_METHODS = ("EE", "DL", "REML")
SIDES = ("direct", "indirect", "difference")
"""The evidence that a comparison is split into; each may be missing."""


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


def further(rng: Rng) -> Call:
    """Draw one of the other things that a network says of itself."""
    net = ev.network(*two_arm_trials(rng, spoiling=False)[0].values(), method=pick(rng, NETWORK_METHODS))
    order = list(rng.permutation(list(net.treatments)))
    function, *arguments = pick(
        rng,
        [
            (net.contributions, pick(rng, ["comparisons", "studies"])),
            (net.measures,),
            (net.relative_to, order[0]),
            (net.p_scores, "desirable"),
            (net.funnel, order),
        ],
    )
    return Call(function, tuple(arguments), missing=NETWORK)


def network_parts(rng: Rng) -> Call:
    contrasts, spoilt = two_arm_trials(rng)
    return Call(parts_of, tuple(contrasts.values()), {}, spoilt)


@wraps(ev.network_parts)
def parts_of(*columns: Any) -> pd.DataFrame:
    """Put the parts of a network into one table."""
    return pd.concat(ev.network_parts(*columns))


def network_regression(rng: Rng) -> Call:
    contrasts, _ = two_arm_trials(rng, spoiling=False)
    net, k = ev.network(*contrasts.values(), method=pick(rng, NETWORK_METHODS)), len(contrasts["study"])
    values = pick(rng, [rng.normal(size=k), rng.integers(0, 2, k).astype(float), np.arange(k) * 1e9 + 1.0])
    spoilt = None
    if rng.random() < 0.12:
        values[0], spoilt = pick(rng, [np.nan, np.inf]), "Study 1"
    covariate = pd.Series(values, index=contrasts["study"]).sample(
        frac=1.0, random_state=int(rng.integers(9))
    )
    options = {"interaction": pick(rng, ["common", "each"]), "centre": pick(rng, [None, 0.0])}
    given = pick(rng, [covariate, dict(covariate)])
    return Call(
        ev.network_regression, (net, given), options, spoilt, NETWORK | {"tau2_without", "qm", "qm_p"}
    )


def bayes_network(rng: Rng) -> Call:
    contrasts, _ = two_arm_trials(rng, spoiling=False)
    net, scale = ev.network(*contrasts.values()), float(10.0 ** rng.uniform(-2, 2))
    options = {
        "tau_prior": pick(rng, [None, ev.priors.half_normal(scale), ev.priors.uniform(scale)]),
        "effect_prior": pick(rng, [None, ev.priors.normal(0.0, scale)]),
    }
    return Call(
        ev.bayes_network,
        (net,),
        options,
        missing=frozenset({"log_marginal_likelihood", "below", "mean", "sd"}),
    )


def contrasts_from_arms(rng: Rng) -> Call:
    measure = pick(rng, MEASURES)
    needed = ("events", "n") if MEASURES[measure] else ("mean", "sd", "n")
    arms, spoilt = arms_of_trials(rng, pick(rng, needed))
    options = {name: arms[name] for name in needed} | {"measure": measure}
    return Call(ev.contrasts_from_arms, (arms["study"], arms["treatment"]), options, spoilt)


def network_counts(rng: Rng) -> Call:
    arms, spoilt = arms_of_trials(rng, pick(rng, ["events", "n"]))
    columns = tuple(arms[name] for name in ("study", "treatment", "events", "n"))
    return Call(
        ev.network_counts, columns, {"method": pick(rng, ["MH", "NCH"])}, spoilt, NETWORK | {"log_likelihood"}
    )


def arms_of_trials(rng: Rng, spoil_in: str) -> tuple[dict[str, np.ndarray], str | None]:
    """Draw the columns of arms of trials, in any order, and the study of which a value was spoilt, if any."""
    rare, rows = rng.random() < 0.4, []
    for study in names(pick(rng, [1, 3, 6, 10])):
        for treatment in rng.permutation(["placebo", "a", "b", "a+b"])[: pick(rng, [2, 2, 2, 3, 4])]:
            n = int(rng.integers(1, pick(rng, [5, 100, 1000])))
            rows.append((study, treatment, n, rng.binomial(n, rng.uniform(0.0, 0.02 if rare else 1.0))))
    table = pd.DataFrame(rows, columns=["study", "treatment", "n", "events"]).astype(
        {"n": float, "events": float}
    )
    table["mean"] = rng.normal(size=len(table)) * 10.0 ** rng.uniform(-3, 3) + pick(rng, [0.0, 1e4])
    table["sd"] = 10.0 ** rng.uniform(-3, 3, len(table))
    table, spoilt = table.iloc[rng.permutation(len(table))], None
    columns = {str(name): table[name].to_numpy(copy=True) for name in table}
    if rng.random() < 0.12:
        i = int(rng.integers(len(table)))
        columns[spoil_in][i], spoilt = pick(rng, [np.nan, np.inf, -np.inf]), columns["study"][i]
    return columns, spoilt
