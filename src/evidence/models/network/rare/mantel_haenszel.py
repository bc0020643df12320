"""Mantel-Haenszel odds ratios of a network: first within each design, then across designs.

In trials of one design, the same set of treatments, C_XY is the sum over trials of r_X s_Y / N, with r patients with
the event, s without it, and N all patients of the trial. The log odds ratios L_XY = log(C_XY / C_YX) of more than two
treatments do not add up; their means over all ways through a third treatment do (Mickey and Elashoff).

References
----------
Greenland S (1989). Biometrics 45(1), 183-191 (covariances).
Mickey RM, Elashoff RM (1985). Biometrics 41(3), 623-635.
Efthimiou O et al. (2019). Stat Med 38(16), 2992-3012.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts, Rows
from evidence.models.network.graph import connected_parts, say_parts
from evidence.models.network.rare.trials import Trial, Trials
from evidence.models.network.study import StudyPairs

__all__ = ["design_contrasts", "design_odds_ratios"]


def design_contrasts(trials: Trials) -> Contrasts:
    """Pool the trials of each design; the designs take the place of studies.

    Raises
    ------
    ModelError
        If what can be estimated does not connect the treatments.
    """
    designs: dict[tuple[int, ...], list[Trial]] = {}
    for trial in trials.used:
        designs.setdefault(trial.arms, []).append(trial)
    rows = Rows(len(trials.treatments))
    names: list[str] = []
    for arms, members in designs.items():
        events = np.array([trial.events for trial in members])
        size = np.array([trial.n for trial in members])
        kept, dropped = _estimable(events, size)
        labels = [trials.treatments[arm] for arm in arms]
        name = ":".join(labels)
        if dropped:
            rows.notes.append(
                f"{', '.join(labels[i] for i in dropped)} has no odds ratio in the design {name}, for want of "
                "events, "
                "and was left out of it."
            )
        if len(kept) < 2:
            continue
        position, covariance = design_odds_ratios(events[:, kept], size[:, kept])
        effect = position[:, None] - position
        spread = np.diagonal(covariance)
        variance = spread[:, None] + spread - 2.0 * covariance
        here = [arms[i] for i in kept]
        spectrum = np.linalg.eigvalsh(covariance)  # that of their common shift is zero
        if not spectrum[1] > 1e-8 * spectrum[-1]:
            raise ModelError(
                f"the design {name} ({', '.join(trial.name for trial in members)}) has too few patients or events "
                "for the covariances of its Mantel-Haenszel odds ratios: they contradict each other. Use "
                'method="NCH", or leave it out.'
            )
        if len(kept) == 2:
            rows.two_arms(len(names), here[0], here[1], float(effect[0, 1]), float(variance[0, 1]))
        else:
            whole = StudyPairs(name, tuple(labels[i] for i in kept), effect, variance)
            rows.many_arms(len(names), whole, here)
        names.append(name)
    parts = connected_parts(len(trials.treatments), rows.arms) if rows.arms else []
    if len(parts) != 1:
        listed = say_parts(parts, trials.treatments) or "none"
        raise ModelError(
            f"Mantel-Haenszel odds ratios exist only within the parts {listed}; fit each part alone, or use "
            'method="NCH".'
        )
    return rows.arrange(trials.treatments, tuple(names))


def design_odds_ratios(events: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Log odds of each treatment, against their mean, from the trials of one design.

    Parameters
    ----------
    events, size : ndarray, shape (trials, arms)

    Returns
    -------
    position : ndarray, shape (arms,)
    covariance : ndarray, shape (arms, arms)
    """
    k = events.shape[1]
    r, s, total = events, size - events, size.sum(axis=1)
    # c[i, x, y] = r_x s_y / N, d[i, x, y] = (r_x + s_y) / N
    c = r[:, :, None] * s[:, None, :] / total[:, None, None]
    d = (r[:, :, None] + s[:, None, :]) / total[:, None, None]
    sums = c.sum(axis=0)
    pairs = list(combinations(range(k), 2))
    log_ratio = np.array([np.log(sums[x, y] / sums[y, x]) for x, y in pairs])

    def variance(x: int, y: int) -> float:
        """Robins, Breslow and Greenland."""
        xy, yx = sums[x, y], sums[y, x]
        cross = c[:, x, y] * d[:, y, x] + c[:, y, x] * d[:, x, y]
        parts = c[:, x, y] * d[:, x, y] / xy**2 + cross / (xy * yx) + c[:, y, x] * d[:, y, x] / yx**2
        return float(0.5 * parts.sum())

    def shared(x: int, y: int, z: int) -> float:
        """Covariance of L_xy and L_xz: the mean of the forms that are unbiased for few and for large trials."""
        form = (
            r[:, x] * s[:, y] * s[:, z] / (sums[x, y] * sums[x, z])
            + size[:, x] * r[:, y] * s[:, z] / (sums[y, x] * sums[x, z])
            + size[:, x] * s[:, y] * r[:, z] / (sums[x, y] * sums[z, x])
            + s[:, x] * r[:, y] * r[:, z] / (sums[y, x] * sums[z, x])
        )
        return float((form / np.square(total)).sum() / 3.0)

    between = np.zeros((len(pairs), len(pairs)))
    for i, one in enumerate(pairs):
        for j, other in enumerate(pairs):
            between[i, j] = variance(*one) if i == j else _covariance(one, other, shared)
    to_position = np.zeros((k, len(pairs)))
    for i, (x, y) in enumerate(pairs):
        to_position[x, i], to_position[y, i] = 1.0 / k, -1.0 / k
    return to_position @ log_ratio, to_position @ between @ to_position.T


def _covariance(one: tuple[int, int], other: tuple[int, int], shared: object) -> float:
    """Covariance of two log odds ratios; zero if they have no treatment in common."""
    common = set(one) & set(other)
    if not common:
        return 0.0
    x = common.pop()
    sign = (1.0 if one[0] == x else -1.0) * (1.0 if other[0] == x else -1.0)
    y = one[1] if one[0] == x else one[0]
    z = other[1] if other[0] == x else other[0]
    return sign * shared(x, y, z)  # type: ignore[operator]


def _estimable(events: Floats, size: Floats) -> tuple[list[int], list[int]]:
    """Arms of a design among which every odds ratio is finite, and those left out for it."""
    kept = list(range(events.shape[1]))
    dropped: list[int] = []
    without = size - events
    while len(kept) > 1:
        undefined = [
            sum(
                not (events[:, x] * without[:, y]).any() or not (events[:, y] * without[:, x]).any()
                for y in kept
            )
            - (not (events[:, x] * without[:, x]).any())
            for x in kept
        ]
        if max(undefined) == 0:
            return kept, dropped
        worst = kept[int(np.argmax(undefined))]
        kept.remove(worst)
        dropped.append(worst)
    return kept, sorted(dropped)
