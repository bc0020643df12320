"""Coordinates of a Doi plot, and the LFK index of its asymmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.credibility.show import Shown, table_text
from evidence.credibility.subsets import need
from evidence.errors import ModelError
from evidence.models.pooled import Pooled
from evidence.models.studies import Floats

__all__ = ["Doi", "doi_plot"]


@dataclass(frozen=True, eq=False, repr=False)
class Doi(Shown):
    """Result of `doi_plot`: arrays of shape (k,), by ascending effect."""

    labels: tuple[str, ...]
    effect: Floats
    z: Floats
    """Normal quantile of the study's place in the weighted order of effects; the plot shows its absolute value."""
    lfk: float
    """LFK index: zero for symmetry, positive or negative for a longer limb to either side."""

    @property
    def interpretation(self) -> str:
        """Reading that the authors of the index propose."""
        size = abs(self.lfk)
        return "no asymmetry" if size <= 1.0 else "minor asymmetry" if size <= 2.0 else "major asymmetry"

    @property
    def note(self) -> str:
        """Warn of the index's error rates."""
        return (
            "The LFK index is no test: how often it exceeds its limits by chance depends on the number of "
            "studies (Schwarzer, Rücker and Semaca 2024)."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a study, by ascending effect: label, effect, z, abs_z."""
        return pd.DataFrame(
            {"label": list(self.labels), "effect": self.effect, "z": self.z, "abs_z": abs(self.z)}
        )

    def summary(self) -> str:
        """Describe the index and the coordinates."""
        heading = f"Doi plot (k = {len(self.labels)}), LFK index {self.lfk:.2f}: {self.interpretation}"
        return table_text(heading, self.to_frame(), self.note)


def doi_plot(fit: Pooled) -> Doi:
    """Compute the coordinates of a Doi plot and the LFK index.

    Studies are ordered by effect; each stands for N = 100 x largest variance / variance observations. Its
    percentile is (N of the studies before it + N / 2 - 0.5) / total, and z the normal quantile of that. The
    index is 5 / (2 k) x sum(z + (range of z / range of the effects) x (effect - tip)), where the tip is the
    effect with z closest to zero.

    Parameters
    ----------
    fit : Pooled
        Only its effects and variances matter. Two studies or more.

    Returns
    -------
    Doi

    Raises
    ------
    ModelError
        With one study, or if all effects are equal.

    References
    ----------
    Furuya-Kanamori L, Barendregt JJ, Doi SAR (2018). Int J Evid Based Healthc 16(4), 195-203.
    Schwarzer G, Rücker G, Semaca C (2024). Res Synth Methods 15(4), 603-615.
    """
    need(fit, 2, "a Doi plot")
    order = np.lexsort((fit.variance, fit.effect))
    effect, variance = fit.effect[order], fit.variance[order]
    span = effect[-1] - effect[0]
    if span == 0.0:
        raise ModelError("all effects are equal: a Doi plot has no limbs.")
    size = 100.0 * variance.max() / variance
    below = size.cumsum() - 0.5 * size - 0.5
    above = size[::-1].cumsum()[::-1] - 0.5 * size + 0.5
    # The nearer tail gives the quantile, so that a percentile close to one does not round to one.
    total = size.sum()
    z = np.where(
        below < above, ndtri(np.minimum(below, above) / total), -ndtri(np.minimum(below, above) / total)
    )
    from_tip = effect - effect[np.argmin(abs(z))]
    lfk = 5.0 / (2.0 * fit.k) * float((z + (z[-1] - z[0]) / span * from_tip).sum())
    return Doi(tuple(fit.labels[i] for i in order), effect, z, lfk)
