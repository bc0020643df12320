"""Correlations of one group of n.

Every function takes columns of equal length and returns the effect and its sampling variance. Nothing is
checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np

from evidence.effects.arguments import Array
from evidence.effects.continuous import weighted_mean

__all__ = ["correlation", "fisher_z"]

Effect = tuple[Array, Array]


def correlation(r: Array, n: Array, form: str) -> Effect:
    """COR: the correlation itself. Forms: LS, AV (average correlation)."""
    centre = np.full_like(r, weighted_mean(r, n)) if form == "AV" else r
    return r, (1 - centre**2) ** 2 / (n - 1)


def fisher_z(r: Array, n: Array) -> Effect:
    """ZCOR: inverse hyperbolic tangent of the correlation. Fisher (1921), Metron 1, 3-32."""
    return np.arctanh(r), 1 / (n - 3)
