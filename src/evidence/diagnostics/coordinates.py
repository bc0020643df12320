"""Coordinates of a Doi plot, and the LFK index of its asymmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.diagnostics.subsets import drop_each, need
from evidence.errors import ModelError, takes
from evidence.models.core.studies import Floats
from evidence.models.pooled import Pooled
from evidence.results import Shown, number, table_text

__all__ = ["Baujat", "Doi", "Radial", "baujat", "doi_plot", "radial"]


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


@takes("Pooled")
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

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.baujat(fit).to_frame().shape
    (13, 3)
    """
    need(fit, 2, "a Baujat plot")
    deleted = drop_each(fit)
    heterogeneity = np.square(fit.effect - fit.estimate) / (fit.variance + fit.tau2)
    error = np.where(deleted.se > 0.0, deleted.se, np.nan)
    return Baujat(fit.labels, heterogeneity, np.square((deleted.estimate - fit.estimate) / error))


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
            f"Radial plot, slope {number(self.estimate)} (k = {len(self.labels)})", self.to_frame(), note
        )


@takes("Pooled")
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

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> ev.radial(fit).to_frame().shape
    (13, 5)
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


@takes("Pooled")
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

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> bcg = pd.read_csv("examples/bcg-vaccine/bcg.csv")
    >>> effects = ev.effect_size("RR", a="tpos", b="tneg", c="cpos", d="cneg", data=bcg, labels="author")
    >>> fit = ev.pool(effects)
    >>> f"LFK index {ev.doi_plot(fit).lfk:.2f}"
    'LFK index -4.10'
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
