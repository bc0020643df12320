"""GOSH: pool every subset of the studies and look for clusters of results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.columns import left_out_note
from evidence.errors import DataError
from evidence.models.core.heterogeneity import estimate_tau2, heterogeneity_share, q_and_trace
from evidence.models.core.studies import Floats, arrange, sums
from evidence.models.pool import pool
from evidence.models.pooled import Pooled
from evidence.results import Shown

__all__ = ["Gosh", "gosh"]

CHUNK = 2**13
"""Number of subsets pooled at a time: few enough to stay in the processor's cache."""
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
        lines = [head, "", table.to_string(float_format="{:.4f}".format), *(["", note] if note else [])]
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
    """
    if subsets < 1:
        raise DataError(f"subsets must be at least 1; got {subsets}.")
    if method == "GENQ":
        raise DataError("subsets cannot be pooled with given weights; choose another method than GENQ.")
    whole = pool(effect, variance, method=method, ci="z", labels=labels, se=se, data=data, missing=missing)
    k = whole.k
    every = k < 63 and 2**k - 1 <= subsets
    n = 2**k - 1 if every else subsets
    rng = np.random.default_rng(seed)
    out = {name: np.empty(n) for name in QUANTITIES}
    packed = np.empty((n, (k + 7) // 8), dtype=np.uint8)
    for start in _starts(n, progress):
        stop = min(start + CHUNK, n)
        if every:
            codes = np.arange(start + 1, stop + 1)[:, None]
            present = (codes >> np.arange(k) & 1).astype(bool)
        else:
            present = rng.random((stop - start, k)) < 0.5
            while (empty := ~present.any(axis=1)).any():
                present[empty] = rng.random((int(empty.sum()), k)) < 0.5
        packed[start:stop] = np.packbits(present, axis=1)
        for name, values in _quantities(whole, present, method).items():
            out[name][start:stop] = values
    return Gosh(whole.labels, method, every, **out, packed=packed, left_out=whole.left_out)


def _quantities(whole: Pooled, present: NDArray[np.bool_], method: str) -> dict[str, Floats]:
    """Pool each subset: what `pool_many` does, without intervals and tests."""
    effect, variance = np.where(present, whole.effect, np.nan), np.where(present, whole.variance, np.nan)
    studies, _ = arrange(effect, variance)
    q, trace = q_and_trace(studies, np.zeros_like(studies.anchor_variance))
    tau2 = estimate_tau2(studies, method, q, trace)
    w, (r, f, _) = sums(studies, tau2, 1)
    i2, h2 = heterogeneity_share(method, studies.k, q, trace, tau2)
    values = (studies.k, studies.anchor_effect + f / (w + r), tau2, i2, h2, q)
    return {name: value[:, 0] for name, value in zip(QUANTITIES, values, strict=True)}


def _starts(n: int, progress: bool) -> Any:
    """Where each chunk starts; with a progress bar on the terminal if there is a terminal and much to do."""
    starts = range(0, n, CHUNK)
    if not progress or n < LONG:
        return starts
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        starts,
        description="Pooling subsets",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
