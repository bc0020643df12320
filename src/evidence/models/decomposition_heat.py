"""Net heat: which design drives the inconsistency of which other.

References
----------
Krahn U, Binder H, König J (2013). BMC Med Res Methodol 13, 35.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.errors import ModelError
from evidence.models.decomposition import DesignFit, decompose, detach, fit_designs
from evidence.models.network_contrasts import Contrasts
from evidence.models.network_fit import NetworkFit, fit_network
from evidence.models.regression_core import Floats

__all__ = ["NetHeat", "net_heat"]


@dataclass(frozen=True, eq=False)
class NetHeat:
    """Change in inconsistency when one design is given effects of its own.

    Rows are the effects that designs estimate (a design with three arms has two, against its first arm), columns the
    designs that are detached. Only designs without which the network stays connected appear.
    """

    heat: pd.DataFrame
    """Inconsistency of the row's effect less what is left of it after detaching the column's design. Positive (warm):
    the column's design explains it; negative (cool): it supported the row. On the diagonal: the row's own share."""
    hat: pd.DataFrame
    """Coefficient of each effect of a design (columns) in the network estimate of the row's effect."""
    q_design: pd.Series
    """Share of each effect in Q between designs."""
    tau2: float

    def to_frame(self) -> pd.DataFrame:
        """The heat."""
        return self.heat.copy()

    def summary(self) -> str:
        """Describe the heat as text."""
        return f"Net heat (tau2 = {self.tau2:.4g})\n\n{self.heat.round(2).to_string()}"

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return self.heat.round(2).to_html()


def net_heat(contrasts: Contrasts, common: NetworkFit, *, random: bool) -> NetHeat:
    """Compute the net heat of a connected network.

    Parameters
    ----------
    contrasts : Contrasts
    common : NetworkFit
        Common-effects fit.
    random : bool
        Whether to use the random-effects model with tau2 within designs, in place of common effects.

    Raises
    ------
    ModelError
        If no design can be detached.
    """
    tau2 = decompose(contrasts, common).tau2_within if random else 0.0
    designs = fit_designs(contrasts, tau2)
    fit = fit_network(contrasts, tau2) if tau2 else common
    own = [_shares(design, fit.position) for design in designs]
    columns: dict[str, Floats] = {}
    kept: list[int] = []
    for i, design in enumerate(designs):
        position = detach(contrasts, design.arms, tau2)
        if position is None:
            continue
        kept.append(i)
        left = [np.zeros(len(own[i])) if j == i else _shares(d, position) for j, d in enumerate(designs)]
        columns[design.name] = np.concatenate(own) - np.concatenate(left)
    if len(kept) < 2:
        raise ModelError(
            "net heat needs at least two designs without which the network stays connected; this network has "
            f"{len(kept)}. Compare direct with indirect evidence instead."
        )
    labels = _labels(contrasts, designs)
    inside = np.concatenate([np.full(len(own[i]), i in kept) for i in range(len(designs))])
    heat = pd.DataFrame(columns, index=labels)[inside]
    hat = pd.DataFrame(_hat(designs, fit), index=labels, columns=labels).loc[inside, inside]
    return NetHeat(heat, hat, pd.Series(np.concatenate(own), index=labels, name="q"), tau2)


def _shares(design: DesignFit, position: Floats) -> Floats:
    """Share of each effect of a design in Q between designs."""
    residual = design.residual(position)
    return (design.precision @ residual) * residual


def _hat(designs: tuple[DesignFit, ...], fit: NetworkFit) -> Floats:
    """Coefficients of the designs' effects in the network estimates of the same effects."""
    steps = [(fit.transform[list(d.arms[1:])] - fit.transform[d.arms[0]]) @ fit.root for d in designs]
    weighted = [design.precision @ step for design, step in zip(designs, steps, strict=True)]
    return np.concatenate(steps) @ np.concatenate(weighted).T


def _labels(contrasts: Contrasts, designs: tuple[DesignFit, ...]) -> list[str]:
    """Name the effects: "b v a", with the design behind it if it has more than two arms."""
    names = contrasts.treatments
    return [
        f"{names[arm]} v {names[design.arms[0]]}" + (f" ({design.name})" if len(design.arms) > 2 else "")
        for design in designs
        for arm in design.arms[1:]
    ]
