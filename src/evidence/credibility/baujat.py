"""Coordinates of a Baujat plot: which studies make the results differ, and which move the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.credibility.show import Shown, table_text
from evidence.credibility.subsets import drop_each, need
from evidence.models.pooled import Pooled
from evidence.models.studies import Floats

__all__ = ["Baujat", "baujat"]


@dataclass(frozen=True, eq=False, repr=False)
class Baujat(Shown):
    """Result of `baujat`: arrays of shape (k,), in the order of the studies."""

    labels: tuple[str, ...]
    heterogeneity: Floats
    """Horizontal: squared residual over variance + tau2. In an equal-effects model these add up to Q."""
    influence: Floats
    """Vertical: squared change of the mean when the study is left out, over the variance of the mean without it."""

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, heterogeneity, influence."""
        return pd.DataFrame(
            {"label": list(self.labels), "heterogeneity": self.heterogeneity, "influence": self.influence}
        )

    def summary(self) -> str:
        """Describe the coordinates as a text table."""
        return table_text(
            f"Contribution to heterogeneity, influence on the mean (k = {len(self.labels)})", self.to_frame()
        )


def baujat(fit: Pooled) -> Baujat:
    """Compute the coordinates of a Baujat plot.

    Parameters
    ----------
    fit : Pooled
        A fit of at least two studies. The plot was proposed for the equal-effects model; for others tau2
        joins the variances.

    Returns
    -------
    Baujat
        The influence is NaN where the mean of the other studies has no error, as with HKSJ and equal effects.

    Raises
    ------
    ModelError
        With one study.

    References
    ----------
    Baujat B, Mahé C, Pignon J-P, Hill C (2002). Stat Med 21(18), 2641-2652.
    """
    need(fit, 2, "a Baujat plot")
    deleted = drop_each(fit)
    heterogeneity = np.square(fit.effect - fit.estimate) / (fit.variance + fit.tau2)
    error = np.where(deleted.se > 0.0, deleted.se, np.nan)
    return Baujat(fit.labels, heterogeneity, np.square((deleted.estimate - fit.estimate) / error))
