"""Bootstrap of a pooled fit: how estimate and tau2 scatter when studies are drawn anew."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pool_many import fit_each
from evidence.models.pooled import Pooled
from evidence.models.scale.cluster import run
from evidence.results import Shown, table_text

__all__ = ["Bootstrap", "bootstrap"]

STRETCH = 1_000
"""Samples that share one stream of random numbers, so that the workers do not matter."""
KINDS = ("parametric", "studies")


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap(Shown):
    """Result of `bootstrap`.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> drawn = ev.bootstrap(fit, repetitions=200)
    >>> drawn.estimate.shape
    (200,)
    """

    fit: Pooled
    kind: str
    seed: int
    estimate: Floats
    """Estimates of the samples, shape (n,)."""
    tau2: Floats
    """Their between-study variances, shape (n,)."""

    def __len__(self) -> int:
        return self.estimate.size

    def to_frame(self) -> pd.DataFrame:
        """One row each for estimate and tau2: value of the fit, bias, se, and the percentile interval."""
        tail = 0.5 - 0.5 * self.fit.level
        rows = []
        for name, values in (("estimate", self.estimate), ("tau2", self.tau2)):
            value = float(getattr(self.fit, name))
            low, high = np.quantile(values, [tail, 1.0 - tail])
            rows.append([name, value, values.mean() - value, values.std(ddof=1), low, high])
        return pd.DataFrame(rows, columns=["quantity", "value", "bias", "se", "ci_low", "ci_high"])

    def summary(self) -> str:
        """Describe the distributions as text."""
        head = f"Bootstrap ({self.kind}), {len(self):,} samples, seed {self.seed}, method {self.fit.method}"
        return table_text(head, self.to_frame())


@takes("Pooled")
def bootstrap(
    fit: Pooled,
    *,
    repetitions: int = 10_000,
    kind: str = "parametric",
    seed: int = 1,
    workers: int | None = None,
    cluster: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> Bootstrap:
    """Draw studies anew and pool them by the method of the fit.

    Parameters
    ----------
    fit : Pooled
        Of at least two studies; not with weights or a tau2 that were given.
    repetitions : int
        Number of samples, at least 2.
    kind : {"parametric", "studies"}
        "parametric": effects from the fitted model, with the studies' own variances (for tau2 the better one,
        Viechtbauer 2007); "studies": as many studies drawn with replacement.
    seed : int
        At least 0. The same numbers come out whatever the workers.
    workers, cluster
        As for `batch`.
    progress : callable, optional
        Called with the number of stretches done and of all.

    Returns
    -------
    Bootstrap

    Raises
    ------
    DataError
        If an option is not usable.
    ModelError
        With one study, or a fit that estimated no tau2 of its own.

    References
    ----------
    Viechtbauer W (2007). Stat Med 26(1), 37-52.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> fit = ev.pool(effect, variance)
    >>> drawn = ev.bootstrap(fit, repetitions=200)
    >>> print(drawn.summary().splitlines()[0])
    Bootstrap (parametric), 200 samples, seed 1, method REML
    """
    if kind not in KINDS:
        raise DataError(f"kind is {kind!r}; use {' or '.join(KINDS)}.")
    if repetitions < 2:
        raise DataError(f"repetitions must be at least 2, not {repetitions!r}.")
    if seed < 0:
        raise DataError(f"seed must be at least 0, not {seed!r}.")
    if fit.k < 2 or fit.given_weights is not None or fit.tau2_given:
        raise ModelError("a bootstrap needs two studies and a method that estimates tau2 and weights itself.")
    count = -(-repetitions // STRETCH)
    given = (fit.effect, fit.variance, fit.estimate, fit.tau2, fit.method, kind, seed)
    blocks = (
        (number, (*given, number, min(STRETCH, repetitions - number * STRETCH))) for number in range(count)
    )
    parts: dict[int, Any] = {}
    with closing(run(_stretch, blocks, workers=workers, cluster=cluster)) as results:
        for number, part in results:
            parts[number] = part
            if progress is not None:
                progress(len(parts), count)
    estimate, tau2 = np.concatenate([parts[number] for number in range(count)], axis=1)
    return Bootstrap(fit, kind, seed, estimate, tau2)


def _stretch(
    effect: Floats,
    variance: Floats,
    mean: float,
    between: float,
    method: str,
    kind: str,
    seed: int,
    number: int,
    n: int,
) -> Floats:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    if kind == "parametric":
        drawn = mean + np.sqrt(variance + between) * rng.standard_normal((n, effect.size))
        spread = np.broadcast_to(variance, drawn.shape)
    else:
        which = rng.integers(effect.size, size=(n, effect.size))
        drawn, spread = effect[which], variance[which]
    (found,) = fit_each(drawn, spread, (method,), ("z",), 0.95)
    return np.array([found.mean.estimate[:, 0], found.tau2[:, 0]])
