"""The league table: all effects of a network with their intervals, as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from evidence.models.network_contrasts import Contrasts
from evidence.models.network_fit import NetworkFit
from evidence.models.split import direct_evidence

__all__ = ["league"]


def league(
    contrasts: Contrasts, fit: NetworkFit, places: Sequence[int], z: float, exponentiate: bool, digits: int
) -> pd.DataFrame:
    """Write the table; see `Network.league_table`. `places` are the treatments, `z` the normal quantile."""
    direct, direct_variance, _ = direct_evidence(contrasts, fit.tau2)
    effects, variances = fit.effects, fit.variances
    names = [contrasts.treatments[place] for place in places]

    def cell(effect: float, variance: float) -> str:
        if np.isnan(effect):
            return ""
        half = z * np.sqrt(variance)
        values = np.array([effect, effect - half, effect + half])
        if exponentiate:
            values = np.exp(np.clip(values, -700.0, 700.0))
        estimate, low, high = (f"{value:.{digits}f}" for value in values)
        return f"{estimate} ({low} to {high})"

    table = [
        [
            names[row]
            if row == column
            else cell(effects[b, a], variances[b, a])
            if row > column
            else cell(direct[a, b], direct_variance[a, b])
            for column, b in enumerate(places)
        ]
        for row, a in enumerate(places)
    ]
    return pd.DataFrame(table, index=names, columns=names)
