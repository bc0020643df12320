"""One study of a network: complete contrasts between its arms, and independent rows made from them.

A study with a arms gives a - 1 independent contrasts, correlated because they share an arm. Their covariance between
studies is tau2 times the matrix R with 1 on the diagonal and 1/2 elsewhere. A linear map that turns R into the
identity and the sampling covariance into a diagonal matrix makes rows that are independent of each other, with
variance v + tau2. A network of such rows is an ordinary meta-regression on treatment indicators.

References
----------
Rücker G (2012). Res Synth Methods 3(4), 312-324.
Higgins JPT et al. (2012). Res Synth Methods 3(2), 98-110.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from evidence.errors import DataError
from evidence.models.core.weighted import Floats

__all__ = [
    "RULES",
    "StudyPairs",
    "centre_of",
    "complete_study",
    "negative_arms",
    "shared_variance",
    "study_rows",
]

RULES = {
    "equal": "half of the mean variance of the study's contrasts, as if all arms were equally precise",
    "refuse": "an error that names the study",
}


class StudyPairs(NamedTuple):
    """What a study with more than two arms reports: matrices over its arms, row minus column, NaN if not given."""

    name: str
    arms: tuple[str, ...]
    effect: Floats
    """Effects, antisymmetric; shape (a, a)."""
    variance: Floats
    """Sampling variances, symmetric with zero diagonal; shape (a, a)."""


def complete_study(study: StudyPairs, shared: float | None, tolerance: float) -> tuple[StudyPairs, str]:
    """Fill in what a multi-arm study did not report, and check that its contrasts add up.

    Parameters
    ----------
    study : StudyPairs
    shared : float or None
        Sampling variance of the arm that all reported contrasts share; needed only if some are missing.
    tolerance : float
        Largest deviation from effects that add up, in units of the smallest standard error of the study.

    Returns
    -------
    study : StudyPairs
        With all pairs, the effects adding up exactly.
    note : str
        What was changed, or empty.
    """
    name, arms, effect, variance = study
    note = ""
    centre = centre_of(study)
    if centre is not None:
        assert shared is not None
        star = variance[centre]
        smallest = np.delete(star, centre).min()
        if not 0.0 <= shared < smallest:
            raise DataError(
                f"{name}: the variance of the shared arm {arms[centre]!r} is given as {shared:g}; it must be at "
                f"least 0 and below the smallest variance of the study's contrasts, {smallest:g}."
            )
        effect = effect[:, [centre]] + effect[[centre], :]
        variance = star[:, None] + star[None, :] - 2.0 * shared
        variance[centre] = variance[:, centre] = star
        np.fill_diagonal(variance, 0.0)
    position = effect.mean(axis=1)
    summed = position[:, None] - position[None, :]
    off = np.abs(effect - summed)
    worst = float(off.max())
    smallest_se = float(np.sqrt(np.where(variance > 0.0, variance, np.inf).min()))
    if worst > tolerance * smallest_se:
        raise DataError(f"{name}: {_loop(study, effect)}")
    if worst > 1e-6 * smallest_se:
        note = f"{name}: its contrasts differ slightly from adding up (by {worst:.2g}) and were adjusted."
    return StudyPairs(name, arms, summed, variance), note


def centre_of(study: StudyPairs) -> int | None:
    """Index of the arm that all reported contrasts share, or None if all pairs are reported."""
    known = np.isfinite(study.effect)
    if known.all():
        return None
    if known.sum() - len(study.arms) == 2 * (len(study.arms) - 1):
        full = np.flatnonzero(known.all(axis=1))
        if full.size:
            return int(full[0])
    missing = np.argwhere(np.triu(~known, 1))
    pairs = "; ".join(f"{study.arms[i]} with {study.arms[j]}" for i, j in missing)
    raise DataError(
        f"{study.name}: a study with {len(study.arms)} arms must give every contrast between them, or each "
        f"contrast with one and the same arm; missing: {pairs}."
    )


def shared_variance(
    study: StudyPairs, given: float | None, sizes: dict[str, float], rule: str | float
) -> tuple[float | None, str]:
    """Sampling variance of the arm that the contrasts of a study share, and how it was found.

    Parameters
    ----------
    study : StudyPairs
    given : float or None
        The variance itself, for example SD squared over n.
    sizes : dict
        Sizes of the arms. With a common SD the shared arm c has the share n_j / (n_c + n_j) of the variance of its
        contrast with arm j; the smallest of the study's values is taken.
    rule : str or float
        A key of `RULES`, or the share of the smallest contrast variance, between 0 and 1.

    Returns
    -------
    variance : float or None
        None if the study gives every contrast.
    note : str
    """
    centre = centre_of(study)
    if centre is None:
        return None, ""
    arm = study.arms[centre]
    others = [j for j in range(len(study.arms)) if j != centre]
    variances = study.variance[centre, others]
    about = f"{study.name}: contrasts with {arm} only; the variance of that arm was"
    if given is not None:
        return given, ""
    if all(name in sizes for name in study.arms):
        shares = [sizes[study.arms[j]] / (sizes[arm] + sizes[study.arms[j]]) for j in others]
        found = float((variances * shares).min())
        return found, f"{about} computed from the sizes of the arms ({found:.4g})."
    if rule == "refuse":
        raise DataError(
            f"{study.name}: the contrasts share the arm {arm}, whose variance is needed; give it as arm_variance, "
            "give the sizes of the arms (n1, n2), or choose a shared_arm_rule."
        )
    if rule == "equal":
        half = 0.5 * float(variances.mean())
        smallest = float(variances.min())
        found = half if half < smallest else 0.5 * smallest
        part = "half of the mean" if half < smallest else "half of the smallest"
        return found, f"{about} assumed to be {part} variance of its contrasts ({found:.4g}; rule 'equal')."
    found = float(rule) * float(variances.min())
    return (
        found,
        f"{about} assumed to be {float(rule):g} of the smallest variance of its contrasts ({found:.4g}).",
    )


def study_rows(study: StudyPairs) -> tuple[Floats, Floats, Floats]:
    """Make independent rows from the complete contrasts of a study.

    Returns
    -------
    rows : ndarray, shape (a - 1, a)
        Coefficients of the arms; each row sums to zero.
    response, variance : ndarray, shape (a - 1,)
        Value and sampling variance of each row; between-study variance adds tau2 to every one.
    """
    half = _half(len(study.arms))
    to_first = study.variance[0, 1:]
    covariance = 0.5 * (to_first[:, None] + to_first[None, :] - study.variance[1:, 1:])
    variance, vectors = np.linalg.eigh(half @ covariance @ half.T)
    if variance[0] <= 1e-9 * variance[-1]:
        pairs = ", ".join(
            f"{study.arms[i]} with {study.arms[j]} {np.sqrt(study.variance[i, j]):.4g}"
            for i, j in zip(*np.triu_indices(len(study.arms), 1), strict=True)
        )
        raise DataError(
            f"{study.name}: no correlation between the contrasts agrees with their standard errors ({pairs}); "
            "check them against the arms."
        )
    basis = vectors.T @ half
    rows = np.column_stack([-basis.sum(axis=1), basis])
    return rows, basis @ study.effect[1:, 0], variance


@lru_cache(maxsize=32)
def _half(arms: int) -> Floats:
    """Inverse Cholesky factor of the matrix with 1 on the diagonal and 1/2 elsewhere."""
    return np.linalg.inv(np.linalg.cholesky(0.5 * (np.eye(arms - 1) + 1.0)))


def _loop(study: StudyPairs, effect: Floats) -> str:
    """Say which three contrasts add up worst."""
    a = len(study.arms)
    loops = [(i, j, k) for i in range(a) for j in range(i + 1, a) for k in range(j + 1, a)]
    i, j, k = max(loops, key=lambda t: abs(effect[t[0], t[1]] + effect[t[1], t[2]] - effect[t[0], t[2]]))
    x, y, z = (study.arms[m] for m in (i, j, k))
    return (
        f"the contrasts do not add up: {x} minus {y} is {effect[i, j]:.4g}, {y} minus {z} is {effect[j, k]:.4g}, "
        f"together {effect[i, j] + effect[j, k]:.4g}, but {x} minus {z} is {effect[i, k]:.4g}; check signs and "
        "values, or raise the tolerance."
    )


def misfit(study: StudyPairs) -> float:
    """How far the variances of the contrasts are from sums of two arms' variances, as a share of the smallest.

    Three contrasts of three arms always fit; six of four arms need not.
    """
    a = len(study.arms)
    if a < 4:
        return 0.0
    total = study.variance.sum() / (2.0 * (a - 1))
    own = (study.variance.sum(axis=1) - total) / (a - 2)
    off = ~np.eye(a, dtype=bool)
    residual = np.abs(study.variance - own[:, None] - own)[off]
    return float(residual.max() / study.variance[off].min())


def negative_arms(study: StudyPairs) -> Sequence[str]:
    """Arms whose sampling variance would be negative, by the variances of their contrasts."""
    a = len(study.arms)
    total = study.variance.sum() / (2.0 * (a - 1))
    own = (study.variance.sum(axis=1) - total) / (a - 2)
    return [arm for arm, value in zip(study.arms, own, strict=True) if value < -1e-9 * study.variance.max()]
