"""GOSH: pool every subset of the studies and look for clusters of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.columns import left_out_note
from evidence.errors import DataError
from evidence.models.core.heterogeneity import estimate_tau2, heterogeneity_share, q_and_trace
from evidence.models.core.studies import Floats, Studies, arrange, sums
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.models.scale.cluster import run
from evidence.results import Shown, frame_text

__all__ = ["Gosh", "GoshSummary", "gosh", "gosh_summary"]

CHUNK = 2**13
"""Number of subsets pooled at a time: few enough to stay in the processor's cache."""
BLOCK = 2**17
"""Number of subsets that are summarised at a time."""
CELLS = 192
"""Cells of the histograms along the estimate and along I2."""
FINE = 4096
"""Cells of the histogram of tau2."""
ABSENT = np.array([[1.0], [0.0], [0.0]])
"""Powers of the difference of a study that is absent, as `evidence.models.core.studies.arrange` has them."""
LONG = 2**18
"""From this many subsets on, progress is shown."""
QUANTITIES = ("k", "estimate", "tau2", "i2", "h2", "q")


@dataclass(frozen=True, eq=False, repr=False)
class Gosh(Shown):
    """Result of `gosh`: arrays of shape (n,), one entry a subset."""

    labels: tuple[str, ...]
    method: str
    every: bool
    """Whether these are all subsets; else a random sample of them."""
    k: Floats
    """Number of studies in the subset."""
    estimate: Floats
    tau2: Floats
    i2: Floats
    h2: Floats
    q: Floats
    packed: NDArray[np.uint8]
    """Which studies are in the subset, as bits; see `includes`."""
    left_out: tuple[str, ...] = ()
    """Studies left out of all because their effect or variance is missing."""

    def __len__(self) -> int:
        return self.estimate.size

    def includes(self, label: str) -> NDArray[np.bool_]:
        """Tell which subsets include a study, shape (n,); compare the two parts to see what the study does.

        Raises
        ------
        DataError
            If no study has this label.
        """
        if label not in self.labels:
            raise DataError(f"no study is called {label!r}; the labels are {', '.join(self.labels)}.")
        i = self.labels.index(label)
        return (self.packed[:, i // 8] >> (7 - i % 8) & 1).astype(bool)

    def to_frame(self) -> pd.DataFrame:
        """One row a subset: k, estimate, tau2, i2, h2, q."""
        return pd.DataFrame({name: getattr(self, name) for name in QUANTITIES})

    def summary(self) -> str:
        """Describe the distribution of the results."""
        kind = "all" if self.every else "a random sample of"
        table = self.to_frame()[["estimate", "tau2", "i2"]].describe()
        table = table.loc[["mean", "std", "min", "25%", "50%", "75%", "max"]]
        head = f"GOSH: {kind} {len(self):,} subsets of {len(self.labels)} studies, method {self.method}"
        note = left_out_note(self.left_out, "effect or variance")
        lines = [head, "", frame_text(table), *(["", note] if note else [])]
        return "\n".join(lines)


def gosh(
    effect: Any,
    variance: Any = None,
    *,
    method: str = "REML",
    subsets: int = 1_000_000,
    seed: int = 1,
    labels: Any = None,
    progress: bool = True,
    se: Any = None,
    data: Any = None,
    missing: str = "refuse",
) -> Gosh:
    """Pool all subsets of the studies, or a random sample of them.

    Parameters
    ----------
    effect, variance, labels, se, data, missing
        As for `pool`.
    method : str
        Estimator of the between-study variance, as for `pool` but GENQ.
    subsets : int
        Largest number of subsets. If there are no more than this (2^k - 1), all are pooled, else this many
        are drawn, each of the non-empty subsets with the same probability.
    seed : int
        Seed of the sample.
    progress : bool
        Show progress in a terminal when there are very many subsets.

    Returns
    -------
    Gosh

    Raises
    ------
    DataError
        As for `pool`, or if `subsets` is smaller than 1.

    References
    ----------
    Olkin I, Dahabreh IJ, Trikalinos TA (2012). Res Synth Methods 3(3), 214-223.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> subsets = ev.gosh(effect, variance, method="DL", progress=False)
    >>> len(subsets.to_frame())
    63
    """
    if subsets < 1:
        raise DataError(f"subsets must be at least 1; got {subsets}.")
    if method == "GENQ":
        raise DataError("subsets cannot be pooled with given weights; choose another method than GENQ.")
    whole = pool(effect, variance, method=method, ci="z", labels=labels, se=se, data=data, missing=missing)
    k = whole.k
    every = k < 63 and 2**k - 1 <= subsets
    n = 2**k - 1 if every else subsets
    out = {name: np.empty(n) for name in QUANTITIES}
    packed = np.empty((n, (k + 7) // 8), dtype=np.uint8)
    start = 0
    blocks = _every(whole) if every else _sample(whole, subsets, seed)
    for present, studies in _shown(blocks, -(-n // CHUNK), progress and n >= LONG):
        stop = start + len(present)
        # All subsets have their place by their number: bit i stands for study i.
        place = present @ (1 << np.arange(k)) - 1 if every else slice(start, stop)
        packed[place] = np.packbits(present, axis=1)
        for name, values in zip(QUANTITIES, _quantities(studies, method), strict=True):
            out[name][place] = values
        start = stop
    return Gosh(whole.labels, method, every, **out, packed=packed, left_out=whole.left_out)


@dataclass(frozen=True, eq=False, repr=False)
class GoshSummary(Shown):
    """Result of `gosh_summary`: what the results of all subsets say, without the results themselves.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> summary = ev.gosh_summary(effect, variance, method="DL")
    >>> print(summary.summary().splitlines()[0])
    GOSH: all 63 subsets of 6 studies, method DL
    """

    labels: tuple[str, ...]
    method: str
    every: bool
    """Whether these are all subsets; else a random sample of them."""
    count: int
    """Number of subsets."""
    whole: dict[str, float]
    """estimate, tau2 and i2 of all studies together."""
    moments: pd.DataFrame
    """One row each for estimate, tau2 and i2: mean, sd, minimum, maximum."""
    edges: Floats
    """Edges of the cells of the estimate, from the smallest to the largest effect."""
    i2_edges: Floats
    """Edges of the cells of I2, 0 to 100."""
    histogram: NDArray[np.int64]
    """Number of subsets by cell of estimate and I2, shape (cells, cells)."""
    by_study: NDArray[np.int64]
    """The same for the subsets that include each study, shape (k, cells, cells)."""
    spread: NDArray[np.int64]
    """Number of subsets by H2 = 1 + tau2 / v, in cells of 1 / H2, v being the typical variance of all studies."""
    typical_variance: float

    def __len__(self) -> int:
        return self.count

    def quantile(self, quantity: str, p: float) -> float:
        """Quantile of "estimate", "i2" or "tau2" over the subsets, to the width of a cell.

        Raises
        ------
        DataError
            If the quantity is none of these, or p does not lie between 0 and 1.
        """
        if not 0.0 <= p <= 1.0:
            raise DataError(f"a quantile needs a probability between 0 and 1, not {p!r}.")
        match quantity:
            case "estimate":
                return _of_cells(self.histogram.sum(axis=1), self.edges, p)
            case "i2":
                return _of_cells(self.histogram.sum(axis=0), self.i2_edges, p)
            case "tau2":
                share = _of_cells(self.spread, np.linspace(0.0, 1.0, self.spread.size + 1), p)
                return self.typical_variance * share / max(1.0 - share, 1e-12)
            case _:
                raise DataError(f"quantity is {quantity!r}; use 'estimate', 'i2' or 'tau2'.")

    def including(self, label: str) -> NDArray[np.int64]:
        """Number of subsets with a study, by cell of estimate and I2; compare it with `histogram`.

        Raises
        ------
        DataError
            If no study has this label.
        """
        if label not in self.labels:
            raise DataError(f"no study is called {label!r}; the labels are {', '.join(self.labels)}.")
        return self.by_study[self.labels.index(label)]

    def to_frame(self) -> pd.DataFrame:
        """One row a study: subsets with it, and the mean estimate of the subsets with and without it."""
        middle = 0.5 * (self.edges[1:] + self.edges[:-1])
        inside = self.by_study.sum(axis=2)
        outside = self.histogram.sum(axis=1) - inside
        with np.errstate(invalid="ignore"):
            means = [part @ middle / part.sum(axis=1) for part in (inside, outside)]
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "subsets": inside.sum(axis=1),
                "mean_with": means[0],
                "mean_without": means[1],
            }
        )

    def summary(self) -> str:
        """Describe the distribution of the results."""
        kind = "all" if self.every else "a random sample of"
        points = {
            f"{100 * p:g}%": [self.quantile(name, p) for name in self.moments.index]
            for p in (0.025, 0.5, 0.975)
        }
        table = self.moments.assign(**points)
        head = f"GOSH: {kind} {self.count:,} subsets of {len(self.labels)} studies, method {self.method}"
        shown = [frame_text(table), self.to_frame().to_string(index=False)]
        return "\n\n".join([head, *shown])


def gosh_summary(
    effect: Any,
    variance: Any = None,
    *,
    method: str = "REML",
    subsets: int = 2**25,
    seed: int = 1,
    labels: Any = None,
    se: Any = None,
    data: Any = None,
    missing: str = "refuse",
    workers: int | None = None,
    cluster: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> GoshSummary:
    """Pool all subsets of the studies, or a sample of them, and keep only summaries: memory does not grow.

    Parameters
    ----------
    effect, variance, labels, method, se, data, missing
        As for `gosh`.
    subsets : int
        Largest number of subsets. If there are no more than this (2^k - 1; up to 25 studies by default), all are
        pooled, else this many are drawn.
    seed : int
        Seed of the sample.
    workers, cluster
        As for `batch`.
    progress : callable, optional
        Called with the number of blocks done and of all.

    Returns
    -------
    GoshSummary
        The same numbers whatever the workers.

    Raises
    ------
    DataError
        As for `gosh`, or if a part of the optional group ``scale`` is needed and absent.
    ModelError
        If the scheduler was lost.

    References
    ----------
    Olkin I, Dahabreh IJ, Trikalinos TA (2012). Res Synth Methods 3(3), 214-223.

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [-0.89, -1.59, -1.35, -1.44, -0.22, -0.79]
    >>> variance = [0.326, 0.195, 0.415, 0.020, 0.051, 0.007]
    >>> summary = ev.gosh_summary(effect, variance, method="DL")
    >>> summary.count
    63
    """
    if subsets < 1:
        raise DataError(f"subsets must be at least 1; got {subsets}.")
    if method == "GENQ":
        raise DataError("subsets cannot be pooled with given weights; choose another method than GENQ.")
    whole = pool(effect, variance, method=method, ci="z", labels=labels, se=se, data=data, missing=missing)
    every = whole.k < 63 and 2**whole.k - 1 <= subsets
    ranges = _ranges(whole.k) if every else [(0, n, n + BLOCK) for n in range(0, subsets, BLOCK)]
    low, high = float(whole.effect.min()), float(whole.effect.max())
    typical = (whole.k - 1) / whole.trace if whole.k > 1 else 1.0
    edges = np.linspace(low, high if high > low else low + 1.0, CELLS + 1)
    blocks = (
        (
            number,
            (whole.effect, whole.variance, method, edges, typical, None if every else (seed, subsets), part),
        )
        for number, part in enumerate(ranges)
    )
    parts: dict[int, Any] = {}
    total: Any = None
    with closing(run(_summarise, blocks, workers=workers, cluster=cluster)) as results:
        for number, (sums_of, extremes, counts) in results:
            parts[number] = (sums_of, extremes)
            total = counts if total is None else tuple(a + b for a, b in zip(total, counts, strict=True))
            if progress is not None:
                progress(len(parts), len(ranges))
    order = [parts[number] for number in range(len(ranges))]
    added = np.sum([one for one, _ in order], axis=0)  # in the order of the blocks, whoever worked them out
    n = int(added[0, 0])
    centre = np.array([whole.estimate, whole.tau2, whole.i2])
    mean = added[1] / n
    sd = np.sqrt(np.maximum(added[2] / n - mean**2, 0.0))
    least, most = (pick([one[i] for _, one in order], axis=0) for i, pick in enumerate((np.min, np.max)))
    moments = pd.DataFrame(
        {"mean": centre + mean, "sd": sd, "minimum": least, "maximum": most}, index=["estimate", "tau2", "i2"]
    )
    histogram, by_study, spread = total
    return GoshSummary(
        whole.labels,
        method,
        every,
        n,
        dict(zip(moments.index, centre.tolist(), strict=True)),
        moments,
        edges,
        np.linspace(0.0, 100.0, CELLS + 1),
        histogram,
        by_study,
        spread,
        typical,
    )


def _summarise(
    effect: Floats,
    variance: Floats,
    method: str,
    edges: Floats,
    typical: float,
    sample: tuple[int, int] | None,
    part: tuple[int, int, int],
) -> tuple[Any, Any, Any]:
    """Sums, extremes and counts over one stretch of subsets."""
    whole = pool(effect, variance, method=method, ci="z")
    k, width = whole.k, edges[-1] - edges[0]
    if sample is None:
        blocks = _every(whole, part)
    else:
        blocks = _sample(whole, min(part[2], sample[1]) - part[1], (sample[0], part[1]))
    centre = np.array([whole.estimate, whole.tau2, whole.i2])[:, None]
    added = np.zeros((3, 3))
    least, most = np.full(3, np.inf), np.full(3, -np.inf)
    histogram, by_study = np.zeros(CELLS * CELLS, np.int64), np.zeros((k, CELLS * CELLS), np.int64)
    spread = np.zeros(FINE, np.int64)
    for present, studies in blocks:
        _, estimate, tau2, i2, _, _ = _quantities(studies, method)
        values = np.array([estimate, tau2, i2])
        away = values - centre
        added += [[float(len(present))] * 3, away.sum(axis=1), np.square(away).sum(axis=1)]
        least, most = np.minimum(least, values.min(axis=1)), np.maximum(most, values.max(axis=1))
        across = np.clip(((estimate - edges[0]) * (CELLS / width)).astype(np.int64), 0, CELLS - 1)
        up = np.clip((i2 * (CELLS / 100.0)).astype(np.int64), 0, CELLS - 1)
        cell = across * CELLS + up
        histogram += np.bincount(cell, minlength=CELLS * CELLS)
        for study in range(k):
            by_study[study] += np.bincount(cell[present[:, study]], minlength=CELLS * CELLS)
        share = tau2 / (tau2 + typical)
        spread += np.bincount(np.minimum((share * FINE).astype(np.int64), FINE - 1), minlength=FINE)
    square = (CELLS, CELLS)
    return added, (least, most), (histogram.reshape(square), by_study.reshape(k, *square), spread)


def _ranges(k: int) -> list[tuple[int, int, int]]:
    """Stretches of all subsets: the place of the most precise study, and numbers of subsets of the later ones."""
    return [
        (anchor, start, min(start + BLOCK, 2 ** (k - 1 - anchor)))
        for anchor in range(k)
        for start in range(0, 2 ** (k - 1 - anchor), BLOCK)
    ]


def _every(
    whole: Pooled, part: tuple[int, int, int] | None = None
) -> Iterator[tuple[NDArray[np.bool_], Studies]]:
    """Arrange all subsets in chunks: which studies are in each, in the order of the fit, and the studies.

    Studies are sorted once. Subsets with the same most precise study, the anchor, share the differences from it.
    """
    k = whole.k
    order = np.argsort(whole.variance, kind="stable")
    effect, variance = whole.effect[order], whole.variance[order]
    for anchor, begin, end in _ranges(k) if part is None else [part]:
        m = k - 1 - anchor
        difference, rest = effect[anchor + 1 :] - effect[anchor], variance[anchor + 1 :]
        basis = np.array([np.ones(m), difference, difference * difference])
        for start in range(begin, end, CHUNK):
            codes = np.arange(start, min(start + CHUNK, end))
            inside = (codes[:, None] >> np.arange(m) & 1).astype(bool)
            n = len(codes)
            column = np.full((n, 1), 0.0)
            largest = np.where(inside, rest, variance[anchor]).max(
                axis=1, keepdims=True, initial=variance[anchor]
            )
            studies = Studies(
                1 + inside.sum(axis=1, keepdims=True),
                column + effect[anchor],
                column + variance[anchor],
                largest,
                np.where(inside, rest, np.inf),
                np.where(inside[:, None, :], basis, ABSENT),
            )
            present = np.zeros((n, k), dtype=bool)
            present[:, order[anchor]] = True
            present[:, order[anchor + 1 :]] = inside
            yield present, studies


def _sample(whole: Pooled, count: int, seed: Any) -> Iterator[tuple[NDArray[np.bool_], Studies]]:
    """Draw subsets in chunks, each of the non-empty ones with the same probability."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, CHUNK):
        n = min(CHUNK, count - start)
        present = rng.random((n, whole.k)) < 0.5
        while (empty := ~present.any(axis=1)).any():
            present[empty] = rng.random((int(empty.sum()), whole.k)) < 0.5
        effect, variance = (np.where(present, one, np.nan) for one in (whole.effect, whole.variance))
        yield present, arrange(effect, variance)[0]


def _quantities(studies: Studies, method: str) -> tuple[Floats, ...]:
    """Pool each subset: what `pool_many` does, without intervals and tests; in the order of `QUANTITIES`."""
    q, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
    tau2 = estimate_tau2(studies, method, q, trace)
    w, (r, f, _) = sums(studies, tau2, 1)
    i2, h2 = heterogeneity_share(method, studies.k, q, trace, tau2)
    values = (studies.k, studies.anchor_effect + f / (w + r), tau2, i2, h2, q)
    return tuple(value[:, 0] for value in values)


def _of_cells(counts: NDArray[np.int64], edges: Floats, p: float) -> float:
    """Quantile of what was counted in cells, linear within a cell."""
    below = np.append(0, counts.cumsum())
    return float(np.interp(p * below[-1], below, edges))


def _shown(blocks: Any, total: int, progress: bool) -> Any:
    """The chunks; with a progress bar on the terminal if there is a terminal and much to do."""
    if not progress:
        return blocks
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        blocks,
        total=total,
        description="Pooling subsets",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
