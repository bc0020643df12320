"""Permutation tests of a meta-regression: no reliance on the distribution of the test statistics.

References
----------
Higgins JPT, Thompson SG (2004). Stat Med 23(11), 1663-1682.
Viechtbauer W, Lopez-Lopez JA, Sanchez-Meca J, Marin-Martinez F (2015). Psychol Methods 20(3), 360-374.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from math import comb, prod
from typing import Any, Literal

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError, takes
from evidence.models.core.coefficients import coefficients, joint_test
from evidence.models.core.weighted import Floats, Model
from evidence.models.core.weighted_tau2 import estimate_tau2
from evidence.models.regression.result import Regression
from evidence.models.scale.cluster import run
from evidence.results import Shown, frame_text, number, p_text, tested

__all__ = ["PermutationTest", "permutation_test"]

EXACT_LIMIT = 5_000
"""With "auto", up to this many rearrangements are all tried."""
LONGEST = 5_000_000
"""No more rearrangements are tried."""
CELLS = 2_000_000
"""Size of the arrays of one batch."""
TIE = 1.5e-8
"""Statistics that differ by less count as equal, relative to their size."""


@dataclass(frozen=True, eq=False, repr=False)
class PermutationTest(Shown):
    """Result of `permutation_test`.

    Attributes
    ----------
    coefficients : DataFrame
        One row a coefficient: estimate, statistic, p_value (two-sided) and p_se (its Monte Carlo standard
        error, zero if exact).
    qm, qm_p : float
        Omnibus statistic of the fit, and its P value.
    exact : bool
        Whether every rearrangement was tried.
    count : int
        Number of distinct rearrangements.
    iterations : int
        Number tried, the observed arrangement among them.
    seed : int
        Seed of the random rearrangements.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> test = ev.permutation_test(fit, exact=False, iterations=200)
    >>> type(test).__name__
    'PermutationTest'
    """

    coefficients: pd.DataFrame
    qm: float
    qm_p: float
    exact: bool
    count: int
    iterations: int
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """One row a coefficient, as `coefficients`."""
        return self.coefficients.copy()

    def summary(self) -> str:
        """Describe the test as text."""
        kind = (
            f"all {self.count} rearrangements"
            if self.exact
            else f"{self.iterations} of {self.count:.3g} rearrangements, seed {self.seed}"
        )
        table = frame_text(self.coefficients)
        test = f"{tested(self.coefficients.index)} {number(self.qm)}, P {p_text(self.qm_p)}"
        return f"Permutation test ({kind})\n\n{table}\n\n  {test}"


@takes("Regression")
def permutation_test(
    fit: Regression,
    *,
    exact: bool | Literal["auto"] = "auto",
    iterations: int = 1000,
    seed: int = 0,
    progress: bool = False,
    workers: int | None = None,
    cluster: Any = None,
) -> PermutationTest:
    """Test the coefficients of a meta-regression by rearranging the studies.

    The moderators of the studies, together, are permuted among the studies; in a model with an intercept
    alone the signs of the effects are flipped. Each arrangement is fitted anew, tau2 included, and its test
    statistics compared with those of the fit.

    Parameters
    ----------
    fit : Regression
    exact : bool or "auto"
        Whether to try every distinct arrangement; "auto" does so if there are no more than `iterations`, or
        than 5000.
    iterations : int
        Number of arrangements otherwise, the observed one included; at least 2.
    seed : int
        Seed of the random arrangements.
    progress : bool
        Whether to show a progress bar.
    workers, cluster
        As for `batch`: processes of this machine, or a Dask cluster. They change no digit.

    Returns
    -------
    PermutationTest

    Raises
    ------
    DataError
        If an option is not usable.
    ModelError
        If there are as many coefficients as studies, or too many arrangements for an exact test.

    References
    ----------
    Higgins JPT, Thompson SG (2004). Stat Med 23(11), 1663-1682.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.regress("effect ~ ablat", pd.concat([effects, bcg["ablat"]], axis=1))
    >>> test = ev.permutation_test(fit, exact=False, iterations=200)
    >>> test.iterations
    200
    """
    if exact not in (True, False, "auto"):
        raise DataError(f"exact must be True, False or 'auto', not {exact!r}.")
    if not 2 <= iterations <= LONGEST:
        raise DataError(f"iterations must lie between 2 and {LONGEST}, not {iterations!r}.")
    if fit.qe_df == 0:
        raise ModelError("there are as many coefficients as studies, so no permutation test is possible.")
    flips = fit.design.intercept and fit.p == 1
    _, kinds = np.unique(fit.matrix, axis=0, return_inverse=True)
    count = 2**fit.k if flips else _arrangements(kinds)
    complete = exact is True or (exact == "auto" and count <= max(iterations, EXACT_LIMIT))
    if complete and count > LONGEST:
        raise ModelError(f"{count:.3g} arrangements are too many for an exact test; leave exact=False.")
    total = count if complete else iterations
    size = max(1, CELLS // (40 * fit.k * (fit.p + 1)))
    if complete:
        batches = _all_signs(fit.k, size) if flips else _all_orders(kinds, size)
    else:
        batches = _random(fit.k, total - 1, size, seed, flips)
    observed = fit.coefficients["statistic"].to_numpy()
    as_extreme = np.zeros(fit.p + 1)
    if not complete:
        as_extreme += 1.0  # the observed arrangement
    model = Model(fit.matrix, fit.effect, fit.variance)
    given = (fit.method, fit.ci, int(fit.design.intercept and fit.p > 1), np.append(observed, fit.qm), flips)
    blocks = ((number, (model, batch, *given)) for number, batch in enumerate(batches))
    with closing(run(_count_extreme, blocks, workers=workers, cluster=cluster)) as results:
        shown: Iterable[Any] = results
        if progress:
            from rich.progress import track

            shown = track(results, "Permutation test", total=-(-total // size))
        for _, count_of in shown:
            as_extreme += count_of
    p_value = as_extreme / total
    se = np.sqrt(p_value * (1.0 - p_value) / total) * (not complete)
    table = pd.DataFrame(
        {
            "estimate": fit.estimate,
            "statistic": observed,
            "p_value": p_value[: fit.p],
            "p_se": se[: fit.p],
        },
        index=fit.coefficients.index,
    )
    return PermutationTest(table, fit.qm, float(p_value[-1]), complete, count, total, seed)


def _count_extreme(
    model: Model, batch: np.ndarray, method: str, ci: str, first: int, observed: Floats, flips: bool
) -> Floats:
    """Number of arrangements at least as extreme as the fit: by coefficient, and for the omnibus test."""
    if flips:
        model = Model(model.matrix, model.effect * batch, model.variance)
    else:
        model = Model(model.matrix[batch], model.effect, model.variance)
    found = coefficients(model, estimate_tau2(model, method), ci)
    columns = list(range(first, model.p))
    qm, _ = joint_test(found.estimate[:, columns], found.covariance[:, columns][:, :, columns], found.df)
    statistic = np.abs(np.column_stack([found.statistic, qm]))
    limit = np.abs(observed)
    # a perfect fit has no standard error: the statistic is beyond every bound
    statistic = np.where(np.isnan(statistic), np.inf, statistic)
    limit = np.where(np.isnan(limit), np.inf, limit)
    return (statistic >= limit * (1.0 - TIE)).sum(axis=0)


def _arrangements(kinds: np.ndarray) -> int:
    """Number of distinct orders of studies of which some are alike."""
    sizes = np.bincount(kinds).tolist()
    return prod(comb(sum(sizes[: i + 1]), size) for i, size in enumerate(sizes))


def _all_signs(k: int, size: int) -> Iterator[np.ndarray]:
    bits = np.arange(k)
    for start in range(0, 2**k, size):
        codes = np.arange(start, min(start + size, 2**k))
        yield 1.0 - 2.0 * ((codes[:, None] >> bits) & 1)


def _all_orders(kinds: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield every distinct order in lexicographic sequence, as rows of positions in the original."""
    source = np.argsort(kinds, kind="stable")
    order = np.sort(kinds)
    first = np.searchsorted(order, np.arange(order[-1] + 1))
    rows: list[np.ndarray] = []
    current = order.copy()
    while True:
        rows.append(source[first[current]])
        if len(rows) == size:
            yield np.array(rows)
            rows = []
        rising = np.flatnonzero(current[:-1] < current[1:])
        if not rising.size:
            break
        i = int(rising[-1])
        j = int(np.flatnonzero(current > current[i])[-1])
        current[i], current[j] = current[j], current[i]
        current[i + 1 :] = current[i + 1 :][::-1].copy()
    if rows:
        yield np.array(rows)


def _random(k: int, total: int, size: int, seed: int, flips: bool) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for start in range(0, total, size):
        n = min(size, total - start)
        if flips:
            yield generator.choice([-1.0, 1.0], size=(n, k))
        else:
            yield generator.permuted(np.tile(np.arange(k), (n, 1)), axis=1)
