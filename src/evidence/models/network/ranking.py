"""Ranking of treatments: P-scores, SUCRA and rankograms.

References
----------
Rücker G, Schwarzer G (2015). BMC Med Res Methodol 15, 58.
Salanti G, Ades AE, Ioannidis JPA (2011). J Clin Epidemiol 64(2), 163-171.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.results import Shown

__all__ = ["RANK_WARNING", "Ranking", "direction", "p_scores", "rankogram"]

RANK_WARNING = (
    "Ranks say nothing about the size of differences or the certainty of the evidence: a treatment may rank first by "
    "a difference that does not matter, or because few and small studies make its effect uncertain. Read them "
    "beside the effects and their intervals."
)


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Shown):
    """Probability of each rank, by treatment."""

    probabilities: pd.DataFrame
    """Treatments by ranks 1 (best) to t; rows and columns sum to one."""
    sucra: pd.Series
    """Surface under the cumulative ranking curve, 0 to 1: the mean of the cumulative probabilities of ranks 1 to
    t - 1. Computed exactly, as for normal estimates it is the P-score."""
    small_values: str
    draws: int
    warning: str = RANK_WARNING

    @property
    def mean_rank(self) -> pd.Series:
        """Expected rank, 1 + (t - 1)(1 - SUCRA)."""
        return (1.0 + (len(self.sucra) - 1) * (1.0 - self.sucra)).rename("mean_rank")

    @property
    def monte_carlo_error(self) -> float:
        """Largest standard error of a probability that comes from drawing at random."""
        return float(0.5 / np.sqrt(self.draws))

    def to_frame(self) -> pd.DataFrame:
        """Probabilities of the ranks, with SUCRA and mean rank; best treatment first."""
        frame = self.probabilities.assign(sucra=self.sucra, mean_rank=self.mean_rank)
        return frame.sort_values("sucra", ascending=False, kind="stable")

    def summary(self) -> str:
        """Describe the ranking as text, with its warning."""
        table = self.to_frame().round(3).to_string()
        return f"Rank probabilities (small values {self.small_values})\n\n{table}\n\n{self.warning}"


def p_scores(effects: Floats, variances: Floats, small_values: str) -> Floats:
    """P-score of each treatment: the mean certainty that it is better than another one.

    Parameters
    ----------
    effects, variances : ndarray, shape (t, t)
        Effect of the row's treatment minus the column's, and its variance.
    small_values : str
        "desirable" or "undesirable".

    Returns
    -------
    ndarray, shape (t,)
        Between 0 and 1.
    """
    sign = direction(small_values)
    size = len(effects)
    off = ~np.eye(size, dtype=bool)
    z = np.zeros_like(effects)
    z[off] = sign * effects[off] / np.sqrt(variances[off])
    return (ndtr(z).sum(axis=1) - 0.5) / (size - 1)


def rankogram(position: Floats, factor: Floats, small_values: str, draws: int, seed: int) -> Floats:
    """Probability of each rank, by drawing from the normal distribution of the estimates.

    Parameters
    ----------
    position : ndarray, shape (t,)
        Effects against a common treatment.
    factor : ndarray, shape (t, m)
        The covariance matrix of the effects is the factor times its transpose.
    small_values : str
        "desirable" or "undesirable".
    draws : int
        Number of draws, in pairs mirrored about the estimates; at least 2.
    seed : int
        Seed of the random numbers: the same seed gives the same result.

    Returns
    -------
    ndarray, shape (t, t)
        Treatments by ranks; rows and columns sum to one.
    """
    sign = direction(small_values)
    if draws < 2:
        raise DataError(f"draws must be at least 2; got {draws}.")
    half = np.random.default_rng(seed).standard_normal((draws // 2, factor.shape[1])) @ factor.T
    sample = -sign * (position + np.concatenate([half, -half]))
    order = sample.argsort(axis=1)
    size = len(position)
    count = np.zeros((size, size))
    for rank in range(size):
        count[:, rank] = np.bincount(order[:, rank], minlength=size)
    return count / len(sample)


def direction(small_values: str) -> float:
    """Return -1 if small values are desirable, +1 if not."""
    if small_values not in ("desirable", "undesirable"):
        raise DataError(f"small_values must be 'desirable' or 'undesirable'; got {small_values!r}.")
    return -1.0 if small_values == "desirable" else 1.0
