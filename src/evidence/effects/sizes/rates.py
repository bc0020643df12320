"""Incidence rates: events over person-time, of one group and of two.

Every function takes columns of equal length and returns the effect and its sampling variance under a Poisson
distribution of the events. Nothing is checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np

from evidence.effects.sizes.arguments import Array

__all__ = [
    "freeman_tukey_rate",
    "log_rate",
    "log_rate_ratio",
    "rate",
    "rate_difference",
    "root_rate",
    "root_rate_difference",
]

Effect = tuple[Array, Array]


def rate(events: Array, time: Array) -> Effect:
    """IR: events over person-time."""
    return events / time, events / time**2


def log_rate(events: Array, time: Array) -> Effect:
    """IRLN: log of the rate."""
    return np.log(events / time), 1 / events


def root_rate(events: Array, time: Array) -> Effect:
    """IRS: square root of the rate, whose variance does not depend on the rate."""
    return np.sqrt(events / time), 1 / (4 * time)


def freeman_tukey_rate(events: Array, time: Array) -> Effect:
    """IRFT: mean of the roots of x / t and (x + 1) / t. Freeman & Tukey (1950), Ann Math Stat 21(4), 607-611."""
    return (np.sqrt(events / time) + np.sqrt((events + 1) / time)) / 2, 1 / (4 * time)


def log_rate_ratio(events1: Array, time1: Array, events2: Array, time2: Array) -> Effect:
    """IRR: log of the ratio of the two rates."""
    return np.log(events1 / time1) - np.log(events2 / time2), 1 / events1 + 1 / events2


def rate_difference(events1: Array, time1: Array, events2: Array, time2: Array) -> Effect:
    """IRD: difference of the two rates."""
    return events1 / time1 - events2 / time2, events1 / time1**2 + events2 / time2**2


def root_rate_difference(events1: Array, time1: Array, events2: Array, time2: Array) -> Effect:
    """IRSD: difference of the square roots of the rates."""
    return np.sqrt(events1 / time1) - np.sqrt(events2 / time2), 1 / (4 * time1) + 1 / (4 * time2)
