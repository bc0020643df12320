"""Odds ratios of a network by the exact conditional likelihood: given the events of each trial, who had them.

Given their total, the events of the arms of a trial follow Fisher's multivariate non-central hypergeometric
distribution, which has the odds ratios as its only parameters. Its sums run over binomial distributions: with the
odds of all arms multiplied so that the expected total is the one found, the conditional distribution is the same, and
the sums neither overflow nor vanish.

References
----------
Stijnen T, Hamza TH, Özdemir P (2010). Stat Med 29(29), 3046-3067.
Efthimiou O et al. (2019). Stat Med 38(16), 2992-3012.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import log
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, gammaln

from evidence.errors import ModelError
from evidence.models.core.weighted import Floats
from evidence.models.network.rare.trials import Trial, Trials

__all__ = ["Conditional", "conditional_moments", "likeliest_positions"]

LIMIT = 40.0
"""Log odds ratio beyond which an estimate counts as infinite."""


class Conditional(NamedTuple):
    """A trial given its total of events."""

    log_probability: float
    """Of the events found."""
    mean: Floats
    """Expected events of each arm, shape (a,)."""
    covariance: Floats
    """Shape (a, a)."""


def conditional_moments(trial: Trial, log_odds: Floats) -> Conditional:
    """Probability and moments of a trial's events given their total.

    Parameters
    ----------
    trial : Trial
    log_odds : ndarray, shape (a,)
        Up to a common constant.
    """
    events, size = trial.events, trial.n
    if 2.0 * events.sum() > size.sum():  # shorter sums by counting those without the event
        other = conditional_moments(Trial(trial.name, trial.arms, size - events, size), -log_odds)
        return Conditional(other.log_probability, size - other.mean, other.covariance)
    total = int(events.sum())
    shift = _common_odds(log_odds, size, total)
    plain, first, second = [], [], []
    log_found = 0.0
    for r, n, eta in zip(events, size, log_odds + shift, strict=True):
        x = np.arange(min(int(n), total) + 1.0)
        density = np.exp(_log_binomial(x, n, eta))
        log_found += float(_log_binomial(np.array([r]), n, eta)[0])
        plain.append(density)
        first.append(x * density)
        second.append(x * x * density)

    def at_total(arrays: Sequence[Floats]) -> float:
        out = reduce(lambda a, b: np.convolve(a, b)[: total + 1], arrays)
        return float(out[total]) if out.size > total else 0.0

    arms = range(len(events))
    whole = at_total(plain)
    mean = np.array([at_total([first[j] if i == j else plain[j] for j in arms]) for i in arms]) / whole
    square = np.empty((len(events), len(events)))
    for i in arms:
        square[i, i] = at_total([second[j] if i == j else plain[j] for j in arms]) / whole
        for k in range(i):
            both = [first[j] if j in (i, k) else plain[j] for j in arms]
            square[i, k] = square[k, i] = at_total(both) / whole
    return Conditional(log_found - log(whole), mean, square - np.outer(mean, mean))


def _common_odds(log_odds: Floats, size: Floats, total: int) -> float:
    """Log odds to add to all arms so that as many events are expected as there are."""

    def excess(shift: float) -> float:
        return float((size * expit(log_odds + shift)).sum()) - total

    reach = float(np.abs(log_odds).max()) + log(float(size.sum())) + 5.0
    return float(brentq(excess, -reach, reach))


def _log_binomial(x: Floats, n: float, eta: float) -> Floats:
    choose = gammaln(n + 1.0) - gammaln(x + 1.0) - gammaln(n - x + 1.0)
    return choose + x * eta - n * np.logaddexp(0.0, eta)


def likeliest_positions(trials: Trials) -> tuple[Floats, Floats, float]:
    """Log odds ratio of each treatment against the first, by maximum conditional likelihood.

    Returns
    -------
    position : ndarray, shape (t,)
        The first is zero.
    covariance : ndarray, shape (t, t)
        Inverse of the information; zero for the first.
    log_likelihood : float

    Raises
    ------
    ModelError
        If an odds ratio has no finite estimate.
    """
    size = len(trials.treatments)
    position = np.zeros(size)
    value, score, information = _evaluate(trials, position)
    for _ in range(200):
        step = np.zeros(size)
        try:
            step[1:] = np.linalg.solve(information[1:, 1:], score[1:])
        except np.linalg.LinAlgError:
            raise _not_finite(trials, position) from None
        # A full step is right near the maximum; the likelihood is concave, so that shorter ones always help.
        part = min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-12))
        while True:
            new = position + part * step
            found = _evaluate(trials, new)
            if found[0] >= value - 1e-12 * abs(value) or part < 1e-6:
                break
            part *= 0.5
        moved = float(np.abs(new - position).max())
        position, (value, score, information) = new, found
        if np.abs(position).max() > LIMIT:
            raise _not_finite(trials, position)
        if moved < 1e-10:
            break
    covariance = np.zeros((size, size))
    covariance[1:, 1:] = np.linalg.inv(information[1:, 1:])
    if not (np.diagonal(covariance)[1:] > 0.0).all() or np.diagonal(covariance).max() > 1e6:
        raise _not_finite(trials, position)
    return position, covariance, value


def _evaluate(trials: Trials, position: Floats) -> tuple[float, Floats, Floats]:
    """Log-likelihood, its gradient and minus its Hessian by the positions of all treatments."""
    size = position.size
    value, score, information = 0.0, np.zeros(size), np.zeros((size, size))
    for trial in trials.used:
        arms = list(trial.arms)
        found = conditional_moments(trial, position[arms])
        value += found.log_probability
        score[arms] += trial.events - found.mean
        information[np.ix_(arms, arms)] += found.covariance
    return value, score, information


def _not_finite(trials: Trials, position: Floats) -> ModelError:
    name = trials.treatments[int(np.abs(position - np.median(position)).argmax())]
    return ModelError(
        f"the odds ratio of {name} has no finite estimate: in every study the events are on one side of it. Leave it "
        "out, or compare risk differences."
    )
