"""Proportions of one group: x of n had the event, m did not.

Every function takes columns of equal length and returns the effect and its sampling variance. Nothing is
checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np

from evidence.effects.arguments import Array
from evidence.effects.continuous import weighted_mean

__all__ = [
    "arcsine_proportion",
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
