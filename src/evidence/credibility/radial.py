"""Coordinates of a radial (Galbraith) plot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.credibility.show import Shown, table_text
from evidence.models.pooled import Pooled
from evidence.models.studies import Floats

__all__ = ["Radial", "radial"]


@dataclass(frozen=True, eq=False, repr=False)
class Radial(Shown):
    """Result of `radial`.

    A study's effect is the slope of the line from the origin through its point. The line of the mean has the
    slope `estimate`; about `level` of the studies are expected between the parallels at a vertical distance
    `critical`.
    """

    labels: tuple[str, ...]
    x: Floats
    """Precision 1 / sqrt(variance + tau2), shape (k,)."""
    z: Floats
    """Effect times precision, shape (k,)."""
    estimate: float
    ci_low: float
    ci_high: float
    critical: float
    outside: tuple[str, ...]
    """Studies outside the parallels."""

    def to_frame(self) -> pd.DataFrame:
        """One row a study: label, x, z, and the lower and upper parallel at its x."""
        centre = self.estimate * self.x
        return pd.DataFrame(
            {
                "label": list(self.labels),
                "x": self.x,
                "z": self.z,
                "lower": centre - self.critical,
                "upper": centre + self.critical,
            }
        )

    def summary(self) -> str:
        """Describe the coordinates as a text table."""
        note = f"Outside the parallels: {', '.join(self.outside)}." if self.outside else ""
        return table_text(
            f"Radial plot, slope {self.estimate:.4f} (k = {len(self.labels)})", self.to_frame(), note
        )


def radial(fit: Pooled, *, centre: bool = False) -> Radial:
    """Compute the coordinates of a radial plot.

    Parameters
    ----------
    fit : Pooled
    centre : bool
        Subtract the estimate from all effects, so that the line of the mean lies flat.

    Returns
    -------
    Radial

    References
    ----------
    Galbraith RF (1988). Technometrics 30(3), 271-281.
    """
    x = 1.0 / np.sqrt(fit.variance + fit.tau2)
    shift = fit.estimate if centre else 0.0
    critical = float(ndtri(0.5 + 0.5 * fit.level))
    far = abs((fit.effect - fit.estimate) * x) > critical
    outside = tuple(label for label, is_far in zip(fit.labels, far, strict=True) if is_far)
    return Radial(
        fit.labels,
        x,
        (fit.effect - shift) * x,
        fit.estimate - shift,
        fit.ci_low - shift,
        fit.ci_high - shift,
        critical,
        outside,
    )
