"""Measures of one group: proportions (x of n had the event, m did not) and correlations.

Every function takes columns of equal length and returns the effect and its sampling variance. Nothing is
checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np

from evidence.effects.sizes.arguments import Array
from evidence.effects.sizes.continuous import weighted_mean

__all__ = [
    "arcsine_proportion",
    "correlation",
    "fisher_z",
    "freeman_tukey_proportion",
    "log_proportion",
    "logit_proportion",
    "proportion",
]


Effect = tuple[Array, Array]


def proportion(x: Array, m: Array, form: str) -> Effect:
    """PR: the proportion itself. Forms: LS (n), UB (n - 1), AV (average proportion)."""
    n = x + m
    p = x / n
    if form == "UB":
        return p, p * (1 - p) / (n - 1)
    spread = np.full_like(p, weighted_mean(p, n)) if form == "AV" else p
    return p, spread * (1 - spread) / n


def log_proportion(x: Array, m: Array, form: str) -> Effect:
    """PLN: log of the proportion. Forms: LS, AV (average proportion)."""
    n = x + m
    events = weighted_mean(x / n, n) * n if form == "AV" else x
    return np.log(x / n), 1 / events - 1 / n


def logit_proportion(x: Array, m: Array, form: str) -> Effect:
    """PLO: logit of the proportion. Forms: LS, AV (average proportion)."""
    n = x + m
    events = weighted_mean(x / n, n) * n if form == "AV" else x
    return np.log(x / m), 1 / events + 1 / (n - events)


def arcsine_proportion(x: Array, m: Array) -> Effect:
    """PAS: arcsine of the square root of the proportion."""
    n = x + m
    return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)


def freeman_tukey_proportion(x: Array, m: Array) -> Effect:
    """PFT: double arcsine of Freeman & Tukey (1950), Ann Math Stat 21(4), 607-611, halved."""
    n = x + m
    effect = (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))) / 2
    return effect, 1 / (4 * n + 2)


def correlation(r: Array, n: Array, form: str) -> Effect:
    """COR: the correlation itself. Forms: LS, AV (average correlation)."""
    centre = np.full_like(r, weighted_mean(r, n)) if form == "AV" else r
    return r, (1 - centre**2) ** 2 / (n - 1)


def fisher_z(r: Array, n: Array) -> Effect:
    """ZCOR: inverse hyperbolic tangent of the correlation. Fisher (1921), Metron 1, 3-32."""
    return np.arctanh(r), 1 / (n - 3)
