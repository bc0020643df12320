"""Effects of binary outcomes in two groups: a and c have the event, b and d do not.

Every function takes columns of equal length and returns the effect and its sampling variance. Nothing is
checked here; `effect_size` does that.
"""

from __future__ import annotations

import numpy as np

from evidence.effects.sizes.arguments import Array
from evidence.effects.sizes.continuous import weighted_mean

__all__ = [
    "add_to_cells",
    "arcsine_difference",
    "log_odds_ratio",
    "log_ratio_from_score",
    "log_risk_ratio",
    "peto_log_odds_ratio",
    "risk_difference",
]

Effect = tuple[Array, Array]


def add_to_cells(cells: list[Array], add: float, to: str) -> list[Array]:
    """Add a constant to the cells of tables, so that tables with a zero give a finite effect.

    Parameters
    ----------
    cells : list of ndarray, each of shape (k,)
        The cells; k tables.
    add : float
        What is added to each cell of a table.
    to : {"only0", "all", "if0all", "none"}
        Tables with a zero cell; all tables; all tables if any of them has a zero cell; no table.
    """
    zero = np.any([cell == 0 for cell in cells], axis=0)
    chosen = {
        "only0": zero,
        "all": np.ones_like(zero),
        "if0all": np.full_like(zero, zero.any()),
        "none": np.zeros_like(zero),
    }[to]
    return [np.where(chosen, cell + add, cell) for cell in cells]


def log_risk_ratio(a: Array, b: Array, c: Array, d: Array) -> Effect:
    """RR: log of the ratio of the two risks."""
    n1, n2 = a + b, c + d
    return np.log(a / n1) - np.log(c / n2), 1 / a - 1 / n1 + 1 / c - 1 / n2


def log_odds_ratio(a: Array, b: Array, c: Array, d: Array) -> Effect:
    """OR: log of the ratio of the two odds. Woolf (1955), Ann Hum Genet 19(4), 251-253."""
    return np.log(a / b) - np.log(c / d), 1 / a + 1 / b + 1 / c + 1 / d


def risk_difference(a: Array, b: Array, c: Array, d: Array, form: str) -> Effect:
    """RD: difference of the two risks. Forms: LS (n), UB (n - 1), AV (average risks of the groups)."""
    n1, n2 = a + b, c + d
    p1, p2 = a / n1, c / n2
    effect = p1 - p2
    if form == "UB":
        return effect, p1 * (1 - p1) / (n1 - 1) + p2 * (1 - p2) / (n2 - 1)
    if form == "AV":
        p1, p2 = np.full_like(p1, weighted_mean(p1, n1)), np.full_like(p2, weighted_mean(p2, n2))
    return effect, p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2


def arcsine_difference(a: Array, b: Array, c: Array, d: Array) -> Effect:
    """AS: difference of the arcsines of the square roots of the risks. Rücker et al. (2009), Stat Med 28."""
    n1, n2 = a + b, c + d
    return np.arcsin(np.sqrt(a / n1)) - np.arcsin(np.sqrt(c / n2)), 1 / (4 * n1) + 1 / (4 * n2)


def peto_log_odds_ratio(a: Array, b: Array, c: Array, d: Array) -> Effect:
    """PETO: one-step log odds ratio. Yusuf et al. (1985), Prog Cardiovasc Dis 27(5), 335-371."""
    n1, n2 = a + b, c + d
    n = n1 + n2
    information = (a + c) * (b + d) * (n1 / n) * (n2 / n) / (n - 1)
    return (a - (a + c) * n1 / n) / information, 1 / information


def log_ratio_from_score(o_minus_e: Array, v: Array) -> Effect:
    """Log ratio from observed minus expected events and their variance: one step from no effect.

    For times to an event O - E and V are those of the log-rank test, and the ratio that of hazards. Yusuf et al.
    (1985), Prog Cardiovasc Dis 27(5), 335-371; Parmar, Torri & Stewart (1998), Stat Med 17(24), 2815-2834.
    """
    return o_minus_e / v, 1 / v
