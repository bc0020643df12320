"""Simulate meta-analyses: how estimators and intervals do where the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.bayes.many import credible_intervals
from evidence.models.bayes.priors import TauPrior
from evidence.models.core.studies import Floats
from evidence.models.pool import check_options
from evidence.models.pool_many import fit_each
from evidence.models.scale.cluster import run
from evidence.models.scale.draw import DEFAULTS, cells, draw, stream
from evidence.models.scale.store import Store
from evidence.version import __version__

__all__ = ["simulate"]

STRETCH = 500
"""Repetitions that share one stream of random numbers; sums are kept by stretch, so that no block changes a bit."""
BLOCK = 5_000
"""Repetitions of a block."""
SUMS = ("fits", "e", "e2", "e4", "covered", "width", "width2", "rejected", "t", "t2")


@dataclass(frozen=True)
class SimulationPlan:
    """What is fitted to each simulated meta-analysis."""

    methods: tuple[str, ...]
    ci: tuple[str, ...]
    level: float
    tau_prior: TauPrior | None
    repetitions: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("methods", "ci"):
            value = getattr(self, name)
            if not value or len(set(value)) < len(value):
                raise DataError(f"{name} must name at least one, each once; got {list(value)}.")
        for method, ci in product(self.methods, self.ci):
            check_options(method, ci, self.level, "V")
        if "GENQ" in self.methods:
            raise DataError("method 'GENQ' needs weights for each fit and cannot be simulated.")
        if self.tau_prior is not None and not self.tau_prior.proper:
            raise DataError("a simulation needs a proper prior of tau, for example priors.half_normal(0.5).")
        if self.repetitions < 1:
            raise DataError(f"repetitions must be at least 1, not {self.repetitions!r}.")
        if self.seed < 0:
            raise DataError(f"seed must be at least 0, not {self.seed!r}.")

    @property
    def ways(self) -> list[tuple[str, str]]:
        """Method and interval of each row of a cell."""
        return [*product(self.methods, self.ci), *([("Bayes", "central")] if self.tau_prior else [])]


def simulate(
    grid: Mapping[str, Any],
    methods: Sequence[str] = ("REML",),
    ci: Sequence[str] = ("HKSJ",),
    *,
    repetitions: int = 10_000,
    seed: int = 1,
    level: float = 0.95,
    tau_prior: TauPrior | None = None,
    output: str | Path | None = None,
    workers: int | None = None,
    cluster: Any = None,
    block: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Simulate meta-analyses over a grid of situations; say how estimators and intervals do in each.

    Every combination of the grid's values is a cell. Its random numbers depend on the seed and on the cell alone:
    more cells, other blocks, more workers or a resumed run change no digit.

    Parameters
    ----------
    grid : mapping of str to value or sequence of values
        What varies; what is not named has the default in brackets.

        - ``k`` (5): number of studies.
        - ``tau2`` (0), ``effect`` (0): variance and mean of the true effects.
        - ``distribution`` ("normal"): their shape, scaled to tau2: "normal", "t" (5 df), "skewed" (exponential),
          "bimodal" (two points) or "outliers" (one in ten with three times the SD).
        - ``measure`` ("known"): how results come about. "known": normal with known variance, in SDs of the outcome.
          "MD", "SMD": means and SDs of two groups of normal outcomes with SD 1. "OR", "RR", "RD": events in two
          groups, with the risk ``control_risk`` (0.1) in the second; 0.5 is added to tables with a zero, and with
          ``drop00`` (False) studies without events, or with nothing else, are left out.
        - ``size`` (100): participants of a study, half in each group; ``size_sd`` (0): SD of its logarithm.
        - ``sizes`` (None): the sizes themselves, one set a tuple; as they are if there are k, else drawn from.
        - ``selection`` (1): probability that a study without a significant positive effect (two-sided P 0.05) is
          published; one that is not is followed by another of the same size.
    methods, ci : sequence of str
        Estimators of tau2 and intervals, as `method` and `ci` of `pool`, each of which must go with each.
    repetitions : int
        Meta-analyses a cell.
    seed : int
        At least 0.
    level : float
        Level of the intervals, between 0 and 1.
    tau_prior : TauPrior, optional
        Adds the central credible interval under this proper prior of tau and a flat prior of the effect, as method
        "Bayes", interval "central"; its estimate is the posterior median, its tau2 the posterior mean.
    output : path, optional
        Parquet file of the result. Parts are kept beside it until it is complete: after an interruption the same call
        goes on where it stopped. Needs the optional group ``scale``.
    workers : int, optional
        Processes of this machine; by default one. Needs the group ``scale``, and in a script a main guard.
    cluster : optional
        "local", the address of a Dask scheduler, or a client of Dask.
    block : int, optional
        Repetitions worked on at a time (5,000), in steps of 500.
    progress : callable, optional
        Called with the number of blocks done and of all.
    note : callable, optional
        Takes a sentence about the cluster; by default it goes to standard error.

    Returns
    -------
    DataFrame
        One row a cell, method and interval: the values of the grid, method, ci, repetitions, failed (repetitions
        without a fit), bias, rmse, coverage, width, power (share of intervals without zero), type1_error (the same,
        where the effect is zero), tau2_bias and tau2_rmse, each with its Monte Carlo standard error ``..._mcse``.

    Raises
    ------
    DataError
        If the grid or an option is not usable, or a part of the group ``scale`` is needed and absent.
    ModelError
        If the scheduler was lost.

    References
    ----------
    Morris TP, White IR, Crowther MJ (2019). Stat Med 38(11), 2074-2102 (measures and their Monte Carlo errors).

    Examples
    --------
    >>> import evidence as ev
    >>> result = ev.simulate({"k": [5], "tau2": [0, 0.1]}, ci=["HKSJ", "z"], repetitions=200)
    >>> result[["tau2", "ci", "coverage"]]
       tau2    ci  coverage
    0   0.0  HKSJ     0.930
    1   0.0     z     0.965
    2   0.1  HKSJ     0.945
    3   0.1     z     0.895
    """
    plan = SimulationPlan(tuple(methods), tuple(ci), level, tau_prior, repetitions, seed)
    if block is not None and block < 1:
        raise DataError(f"block must be at least 1 repetition, not {block!r}.")
    every = cells(grid)
    stretches = -(-repetitions // STRETCH)
    step = max(1, (BLOCK if block is None else block) // STRETCH)
    work = [
        (cell, start, min(start + step, stretches)) for cell in every for start in range(0, stretches, step)
    ]
    store = None if output is None else Store(output, _words(plan, every, step))
    done = store.done if store else set()
    blocks = ((number, (*one, plan)) for number, one in enumerate(work) if number not in done)
    parts: dict[int, pd.DataFrame] = {}
    with closing(run(_stretches, blocks, workers=workers, cluster=cluster, note=note)) as results:
        for number, frame in results:
            if store:
                store.write(number, frame)
                done.add(number)
            else:
                parts[number] = frame
            if progress is not None:
                progress(len(done) or len(parts), len(work))
    if store:
        parts = {number: store.read(number) for number in range(len(work))}
    sums = pd.concat([parts[number] for number in range(len(work))], ignore_index=True)
    shape = (len(every), stretches, len(plan.ways))
    # The stretches of a cell are added up in their order, whatever the blocks were.
    whole = {name: sums[name].to_numpy(np.float64).reshape(shape).sum(axis=1) for name in SUMS}
    result = _table(every, plan, whole)
    if store:
        store.close(result)
    return result


def _stretches(cell: Mapping[str, Any], start: int, stop: int, plan: SimulationPlan) -> pd.DataFrame:
    """Sums over each stretch of a cell: one row a stretch, method and interval."""
    effect = cell.get("effect", DEFAULTS["effect"])
    tau2 = cell.get("tau2", DEFAULTS["tau2"])
    rows = []
    for number in range(start, stop):
        n = min(STRETCH, plan.repetitions - number * STRETCH)
        drawn = draw(cell, n, stream(cell, plan.seed, number))
        rows += [_sums(fit, effect, tau2) for fit in _fits(*drawn, plan)]
    return pd.DataFrame(rows, columns=list(SUMS))


def _fits(effect: Floats, variance: Floats, plan: SimulationPlan) -> list[tuple[Any, ...]]:
    """Estimate, interval and tau2 by each way; meta-analyses without a study are left out."""
    effect = np.where(np.isnan(variance), np.nan, effect)
    some = ~np.isnan(variance).all(axis=1)
    effect, variance = effect[some], variance[some]
    if not len(effect):
        return [(np.empty(0),) * 4] * len(plan.ways)
    out: list[tuple[Any, ...]] = []
    for fit in fit_each(effect, variance, plan.methods, plan.ci, plan.level):
        values = (fit.mean.estimate, fit.mean.low, fit.mean.high, fit.tau2)
        out.append(tuple(np.ravel(value) for value in values))
    if plan.tau_prior is not None:
        out.append(credible_intervals(effect, variance, plan.tau_prior, plan.level))
    return out


def _sums(fit: tuple[Any, ...], effect: float, tau2: float) -> list[float]:
    """What `SUMS` names, over the meta-analyses of a stretch."""
    estimate, low, high, between = fit
    e, width, t = estimate - effect, high - low, between - tau2
    covered, rejected = (low <= effect) & (effect <= high), (low > 0.0) | (high < 0.0)
    squares = e * e
    values = (squares, squares * squares, covered, width, width * width, rejected, t, t * t)
    return [float(e.size), float(e.sum()), *(float(value.sum()) for value in values)]


def _table(every: list[dict[str, Any]], plan: SimulationPlan, sums: dict[str, Floats]) -> pd.DataFrame:
    """Work out the measures of performance from the sums, each of shape (cells, ways)."""
    n, ways = sums["fits"], plan.ways
    some = np.where(n > 0, n, np.nan)
    mean = {name: sums[name] / some for name in SUMS}

    def error(name: str, square: str) -> Floats:
        """Monte Carlo standard error of a mean."""
        spread = np.maximum(mean[square] - mean[name] ** 2, 0.0)
        return np.sqrt(spread / np.where(n > 1, n - 1, np.nan))

    def root(square: Floats, fourth: Floats) -> Floats:
        """Monte Carlo standard error of the root of a mean square (delta method)."""
        return np.sqrt(np.maximum(fourth - square**2, 0.0) / some) / (
            2.0 * np.sqrt(np.where(square > 0, square, np.nan))
        )

    def share(value: Floats) -> Floats:
        return np.sqrt(value * (1.0 - value) / some)

    zero = np.array([[cell.get("effect", DEFAULTS["effect"]) == 0.0] for cell in every])
    power = mean["rejected"]
    measures = {
        "bias": mean["e"],
        "bias_mcse": error("e", "e2"),
        "rmse": np.sqrt(mean["e2"]),
        "rmse_mcse": root(mean["e2"], mean["e4"]),
        "coverage": mean["covered"],
        "coverage_mcse": share(mean["covered"]),
        "width": mean["width"],
        "width_mcse": error("width", "width2"),
        "power": power,
        "power_mcse": share(power),
        "type1_error": np.where(zero, power, np.nan),
        "type1_error_mcse": np.where(zero, share(power), np.nan),
        "tau2_bias": mean["t"],
        "tau2_bias_mcse": error("t", "t2"),
        "tau2_rmse": np.sqrt(mean["t2"]),
    }
    shown = [
        {name: ", ".join(f"{one:g}" for one in value) if isinstance(value, tuple) else value
         for name, value in cell.items()}
        for cell in every
    ]  # fmt: skip
    head = pd.DataFrame(shown).loc[np.repeat(np.arange(len(every)), len(ways))].reset_index(drop=True)
    labels = pd.DataFrame(ways * len(every), columns=["method", "ci"])
    counts = {"repetitions": plan.repetitions, "failed": (plan.repetitions - n.ravel()).astype(int)}
    rest = {name: value.ravel() for name, value in measures.items()}
    return pd.concat([head, labels, pd.DataFrame(counts | rest)], axis=1)


def _words(plan: SimulationPlan, every: list[dict[str, Any]], step: int) -> dict[str, Any]:
    words = {name: getattr(plan, name) for name in ("level", "repetitions", "seed")}
    words |= {"methods": list(plan.methods), "ci": list(plan.ci), "tau_prior": repr(plan.tau_prior)}
    return words | {"cells": every, "block": step * STRETCH, "version": __version__}
