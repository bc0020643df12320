"""What is measured, and how each package does it: ours first, then the others that can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import meta_analyze
import numpy as np
import pandas as pd
import pimeta
from pymare import Dataset
from pymare.estimators import DerSimonianLaird, VarianceBasedLikelihoodEstimator
from statsmodels.stats.meta_analysis import combine_effects

import evidence as ev

__all__ = ["TASKS", "Task", "draw"]

FEW = 20
"""Fits, subsets or permutations that are timed of a package that needs milliseconds for each."""


@dataclass(frozen=True)
class Task:
    """One computation, with the calls that do it."""

    name: str
    unit: str
    """What the time is for."""
    ours: Callable[[], Any]
    units: int = 1
    """How many units one call of ours works out."""
    others: dict[str, tuple[Callable[[], Any], int]] = field(default_factory=dict)
    """Call and number of units for each other package."""
    metafor: tuple[str, int] | None = None
    """What is asked of R (a line of metafor.R), and how many units that is."""


def draw(n: int, k: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw n sets of k studies with some heterogeneity."""
    rng = np.random.default_rng(seed)
    variance = 10.0 ** rng.uniform(-2.0, -0.5, (n, k))
    return rng.normal(0.2, np.sqrt(variance + 0.05)), variance


def single(k: int) -> Task:
    """One fit with everything a reader of a review sees."""
    (y,), (v,) = draw(1, k)

    def ours() -> Any:
        fit = ev.pool(y, v)
        return fit.estimate, fit.se, fit.ci_low, fit.ci_high, fit.p_value, fit.tau2, fit.i2, fit.q

    def statsmodels() -> Any:
        fit = combine_effects(y, v, method_re="dl", use_t=True)
        return fit.mean_effect_re, fit.sd_eff_w_re_hksj, fit.conf_int()[3], fit.tau2, fit.i2, fit.q

    def pymare() -> Any:
        estimator = VarianceBasedLikelihoodEstimator(method="REML")
        fit = estimator.fit_dataset(Dataset(y=y[:, None], v=v[:, None])).summary()
        return fit.get_fe_stats(), fit.tau2, fit.get_heterogeneity_stats()

    def pymetaanalysis() -> Any:
        return meta_analyze.meta_analysis(effect=y, variance=v, tau2_method="REML", ci_method="hartung_knapp")

    return Task(
        f"one fit, k = {k}",
        "fit",
        ours,
        1,
        {
            "pimeta": (lambda: pimeta.rma(y, vi=v, method="REML", test="knha"), 1),
            "PyMetaAnalysis": (pymetaanalysis, 1),
            "PyMARE (normal)": (pymare, 1),
            "statsmodels (DL, no P)": (statsmodels, 1),
        },
        (f"fit {k}", 1),
    )


def many() -> Task:
    """Very many fits at once."""
    y, v = draw(100_000, 10)
    some = list(zip(y[:FEW], v[:FEW], strict=True))

    def each(fit: Callable[[np.ndarray, np.ndarray], Any]) -> Callable[[], Any]:
        return lambda: [fit(*one) for one in some]

    tall = Dataset(y=y[:2000].T.copy(), v=v[:2000].T.copy())
    return Task(
        "many fits, k = 10, REML, HKSJ",
        "fit",
        lambda: ev.pool_many(y, v),
        len(y),
        {
            "pimeta": (each(lambda a, b: pimeta.rma(a, vi=b, method="REML", test="knha")), FEW),
            "PyMetaAnalysis": (
                each(
                    lambda a, b: meta_analyze.meta_analysis(
                        effect=a, variance=b, tau2_method="REML", ci_method="hartung_knapp"
                    )
                ),
                FEW,
            ),
            "statsmodels (DL)": (
                each(lambda a, b: combine_effects(a, b, method_re="dl", use_t=True).conf_int()),
                FEW,
            ),
            "PyMARE (DL, no interval)": (lambda: DerSimonianLaird().fit_dataset(tall), 2000),
        },
        ("fit 10", 1),
    )


def gosh(k: int) -> Task:
    """All subsets of k studies."""
    (y,), (v,) = draw(1, k, seed=3)
    return Task(
        f"GOSH, k = {k}, REML",
        "subset",
        lambda: ev.gosh(y, v, progress=False),
        2**k - 1,
        {"pimeta": (lambda: pimeta.gosh(y, v, subsets=200, seed=1), 200)},
        (f"gosh {k}", 200),
    )


def leave_one_out() -> Task:
    """One fit without each study."""
    (y,), (v,) = draw(1, 20)
    fit = ev.pool(y, v)
    return Task(
        "leave-one-out, k = 20",
        "analysis",
        lambda: ev.leave_one_out(fit).to_frame(),
        1,
        {"pimeta (no HKSJ)": (lambda: pimeta.leave1out(y, v), 1)},
        ("leave1out 20", 1),
    )


def permutation() -> Task:
    """A permutation test of a moderator."""
    (y,), (v,) = draw(1, 20)
    x = np.arange(20.0)
    fit = ev.regress("effect ~ x", pd.DataFrame({"effect": y, "variance": v, "x": x}))
    theirs = pimeta.rma(y, vi=v, mods=x[:, None], method="REML", test="knha")
    return Task(
        "permutation test, k = 20, 1,000 permutations",
        "permutation",
        lambda: ev.permutation_test(fit, iterations=1000, exact=False),
        1000,
        {"pimeta": (lambda: pimeta.permutest(theirs, iter=FEW, seed=1), FEW)},
        ("permutest 20", 100),
    )


def network() -> Task:
    """A network of 6 treatments and 30 two-armed trials, DerSimonian-Laird."""
    rng = np.random.default_rng(2)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    which = [pairs[i % len(pairs)] for i in range(30)]
    first, second = ([f"T{pair[side]}" for pair in which] for side in (0, 1))
    effect, se, study = rng.normal(size=30), rng.uniform(0.1, 0.4, 30), [f"S{i}" for i in range(30)]
    return Task(
        "network, 6 treatments, 30 trials, DL",
        "analysis",
        lambda: ev.network(study, first, second, effect, se, method="DL").effects,
        1,
        {"pimeta": (lambda: pimeta.netmeta(effect, se, first, second, study), 1)},
    )


def cell() -> Task:
    """A cell of a simulation, two intervals by two estimators."""
    methods, intervals = ["REML", "DL"], ["HKSJ", "z"]
    draws = list(zip(*draw(FEW, 5, seed=4), strict=True))

    def pimeta_cell() -> Any:
        return [
            pimeta.rma(a, vi=b, method=method, test="knha" if ci == "HKSJ" else "z").ci_lb
            for a, b in draws
            for method in methods
            for ci in intervals
        ]

    grid = {"k": 5, "tau2": 0.05, "size_sd": 0.5}
    return Task(
        "simulation cell, k = 5, 2 estimators, 2 intervals",
        "meta-analysis",
        lambda: ev.simulate(grid, methods, intervals, repetitions=10_000),
        10_000,
        {"pimeta": (pimeta_cell, FEW)},
        ("cell 5", 1),
    )


def batch() -> Task:
    """A table of 5,000 comparisons, REML and HKSJ."""
    rng = np.random.default_rng(5)
    code = np.repeat(np.arange(5000), rng.integers(2, 12, 5000))
    v = 10.0 ** rng.uniform(-2.0, 0.0, code.size)
    frame = pd.DataFrame(
        {
            "review": code // 20,
            "comparison": code,
            "effect": rng.normal(0.2, np.sqrt(v + 0.05)),
            "variance": v,
        }
    )
    some = frame[frame["comparison"] < FEW]

    def pimeta_batch() -> Any:
        return [
            pimeta.rma(part["effect"].to_numpy(), vi=part["variance"].to_numpy(), method="REML", test="knha")
            for _, part in some.groupby("comparison")
        ]

    return Task(
        "batch of 5,000 comparisons",
        "comparison",
        lambda: ev.batch(frame),
        5000,
        {"pimeta": (pimeta_batch, FEW)},
        ("fit 6", 1),
    )


TASKS: dict[str, Callable[[], Task]] = {
    "single10": lambda: single(10),
    "single50": lambda: single(50),
    "single500": lambda: single(500),
    "many": many,
    "gosh13": lambda: gosh(13),
    "gosh16": lambda: gosh(16),
    "leave_one_out": leave_one_out,
    "permutation": permutation,
    "network": network,
    "simulation": cell,
    "batch": batch,
}
