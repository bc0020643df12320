"""The binomial-normal and Poisson-normal models of counts, written in one form.

Given its random effects z, independent and standard normal, a study has one or two linear predictors

    eta_j = offset + sum_p coefficient[j, p] fixed_p + sum_r loading[j, r] spread_r z_r

and a log-likelihood that is a sum of concave functions of them. `spread` holds standard deviations; the first is tau.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, xlogy

from evidence.errors import ModelError
from evidence.models.core.studies import Floats
from evidence.models.counts.events import Events
from evidence.models.counts.tables import TwoByTwo

__all__ = ["MODELS", "Kernel", "build", "build_events"]

MODELS = {
    "UM.FS": "unconditional model with fixed study effects",
    "UM.RS": "unconditional model with random study effects",
    "CM.EL": "conditional model with exact likelihood",
    "CM.AL": "conditional model with approximate likelihood",
}
SUPPORT_LIMIT = 20_000
"""Largest number of tables with the same margins that the exact conditional likelihood sums over, in one study."""

Response = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""From predictors, shape (k, q, j), the log-likelihood, shape (k, q), and its first two derivatives, (k, q, j)."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """A binomial-normal model and its data."""

    response: Response
    coefficient: Floats
    """Shape (j, p). If `own`, the first fixed parameter is each study's own, else all are common."""
    loading: Floats
    """Shape (j, r)."""
    offset: Floats
    """Shape (k, j)."""
    own: bool
    start: Floats
    """Fixed parameters to start from, shape (k, p); the common ones are equal over studies."""
    slope: int
    """Position of the mean effect among the fixed parameters."""
    saturated: float
    """Log-likelihood when each study has its own effect; NaN if not available."""


def build(model: str, tables: TwoByTwo) -> Kernel:
    """Write a model in the common form.

    Raises
    ------
    ModelError
        If the counts put the log odds ratio at infinity, or the exact conditional likelihood has too many terms.
    """
    a, b, c, d = tables.a, tables.b, tables.c, tables.d
    zeros = np.zeros((tables.k, 1))
    if model == "CM.EL":
        _refuse_infinite((a > 0.0) & (d > 0.0), (b > 0.0) & (c > 0.0))
        response, saturated = _hypergeometric(tables)
        return Kernel(response, np.ones((1, 1)), np.ones((1, 1)), zeros, False, zeros, 0, saturated)
    if model == "CM.AL":
        _refuse_infinite(a > 0.0, c > 0.0)
        offset = np.log(tables.n1 / tables.n2)[:, None]
        response, saturated = _binomial(a[:, None], c[:, None])
        return Kernel(response, np.ones((1, 1)), np.ones((1, 1)), offset, False, zeros, 0, saturated)
    response, saturated = _binomial(np.stack([a, c], axis=-1), np.stack([b, d], axis=-1))
    coefficient, offset = np.array([[1.0, 1.0], [1.0, 0.0]]), np.zeros((tables.k, 2))
    # The random effect moves the two groups by half of it each, in opposite directions.
    half = np.array([[0.5], [-0.5]])
    if model == "UM.FS":
        _refuse_infinite((a > 0.0) & (d > 0.0), (b > 0.0) & (c > 0.0))
        level = np.log((a + c + 0.5) / (b + d + 0.5))
        start = np.stack([level, np.zeros(tables.k)], axis=-1)
        return Kernel(response, coefficient, half, offset, True, start, 1, saturated)
    _refuse_infinite((a > 0.0).any() & (d > 0.0), (b > 0.0).any() & (c > 0.0))
    if not (c > 0.0).any() or not (d > 0.0).any():
        raise ModelError(
            "the log odds ratio is infinite: group 2 has only events or only non-events. Use CM.EL or UM.FS."
        )
    level = np.log((a + c + 0.5).sum() / (b + d + 0.5).sum())
    start = np.tile([level, 0.0], (tables.k, 1))
    return Kernel(response, coefficient, np.hstack([half, np.ones((2, 1))]), offset, False, start, 1, np.nan)


def build_events(model: str, data: Events) -> Kernel:
    """Write a model of proportions, rates, or ratios of rates in the common form.

    Raises
    ------
    ModelError
        If the counts put the mean effect at infinity.
    """
    zeros, one = np.zeros((data.k, 1)), np.ones((1, 1))
    if data.measure == "PLO":
        events, others = data["events"], data["n"] - data["events"]
        if not events.any() or not others.any():
            raise ModelError(
                f"the logit of the proportion is infinite: {'nobody' if not events.any() else 'everybody'} has the "
                "event in any study. Pool the proportions (PR) or their double arcsines (PFT)."
            )
        response, saturated = _binomial(events[:, None], others[:, None])
        start = np.full((data.k, 1), np.log((events.sum() + 0.5) / (others.sum() + 0.5)))
        return Kernel(response, one, one, zeros, False, start, 0, saturated)
    if data.measure == "IRLN":
        events = data["events"]
        if not events.any():
            raise ModelError(
                "the log rate is infinite: no study has an event. Pool the rates (IR) or their double roots (IRFT)."
            )
        response, saturated = _poisson(events[:, None])
        start = np.full((data.k, 1), np.log(events.sum() / data["time"].sum()))
        return Kernel(response, one, one, np.log(data["time"])[:, None], False, start, 0, saturated)
    first, second = data["events1"], data["events2"]
    for events, side in ((first, "minus"), (second, "plus")):
        if not events.any():
            group = 1 if side == "minus" else 2
            raise ModelError(
                f"the log rate ratio has its maximum likelihood at {side} infinity: group {group} has no events in "
                "any study. Pool the rate difference (IRD)."
            )
    if model == "CM.EL":
        response, saturated = _binomial(first[:, None], second[:, None])
        return Kernel(
            response, one, one, np.log(data["time1"] / data["time2"])[:, None], False, zeros, 0, saturated
        )
    response, saturated = _poisson(np.stack([first, second], axis=-1))
    offset = np.log(np.stack([data["time1"], data["time2"]], axis=-1))
    coefficient, half = np.array([[1.0, 1.0], [1.0, 0.0]]), np.array([[0.5], [-0.5]])
    total, time = first + second, data["time1"] + data["time2"]
    if model == "UM.FS":
        start = np.stack([np.log(total / time), np.zeros(data.k)], axis=-1)
        return Kernel(response, coefficient, half, offset, True, start, 1, saturated)
    start = np.tile([np.log(total.sum() / time.sum()), 0.0], (data.k, 1))
    return Kernel(response, coefficient, np.hstack([half, np.ones((2, 1))]), offset, False, start, 1, np.nan)


def _refuse_infinite(low: NDArray[np.bool_], high: NDArray[np.bool_]) -> None:
    """Raise ModelError unless some study keeps the log odds ratio from minus, and some from plus infinity."""
    if low.any() and high.any():
        return
    group, side = (1, "minus") if not low.any() else (2, "plus")
    raise ModelError(
        f"the log odds ratio has its maximum likelihood at {side} infinity: in every study group {group} has as few "
        "events as the totals allow. Pool by peto() or pool the risk difference."
    )


def _binomial(events: Floats, others: Floats) -> tuple[Response, float]:
    """Binomial log-likelihood of predictors on the logit scale; counts have shape (k, j)."""
    size = events + others
    constant = (gammaln(size + 1.0) - gammaln(events + 1.0) - gammaln(others + 1.0)).sum(axis=-1)
    saturated = constant.sum() + (xlogy(events, events / size) + xlogy(others, others / size)).sum()
    events, size = events[:, None, :], size[:, None, :]

    def response(eta: Floats) -> tuple[Floats, Floats, Floats]:
        chance = expit(eta)
        value = constant[:, None] + (events * eta - size * np.logaddexp(0.0, eta)).sum(axis=-1)
        return value, events - size * chance, -size * chance * expit(-eta)

    return response, float(saturated)


def _poisson(events: Floats) -> tuple[Response, float]:
    """Poisson log-likelihood of predictors on the log scale; counts have shape (k, j)."""
    constant = -gammaln(events + 1.0).sum(axis=-1)
    saturated = constant.sum() + (xlogy(events, events) - events).sum()
    events = events[:, None, :]

    def response(eta: Floats) -> tuple[Floats, Floats, Floats]:
        # Beyond this no likelihood is left, and squares must stay finite.
        mean = np.exp(np.minimum(eta, 300.0))
        return constant[:, None] + (events * eta - mean).sum(axis=-1), events - mean, -mean

    return response, float(saturated)


def _hypergeometric(tables: TwoByTwo) -> tuple[Response, float]:
    """Log-likelihood of the number of events in group 1 given all margins, as a function of the log odds ratio."""
    total = tables.a + tables.c
    lowest, highest = np.maximum(0.0, total - tables.n2), np.minimum(tables.n1, total)
    terms = (highest - lowest + 1.0).astype(int)
    if terms.max() > SUPPORT_LIMIT:
        raise ModelError(
            f"{tables.labels[int(terms.argmax())]}: the exact conditional likelihood would sum over {terms.max()} "
            f"tables, more than {SUPPORT_LIMIT}. With so many events use model='UM.FS'."
        )
    step = np.arange(terms.max())[None, :]
    count = lowest[:, None] + step
    inside = step < terms[:, None]
    count = np.where(inside, count, lowest[:, None])
    n1, n2, m = tables.n1[:, None], tables.n2[:, None], total[:, None]
    ways = -(
        gammaln(count + 1.0)
        + gammaln(n1 - count + 1.0)
        + gammaln(m - count + 1.0)
        + gammaln(n2 - m + count + 1.0)
    )
    ways = np.where(inside, ways, -np.inf)
    # Counted from the observed table, so that the likelihood of that table has exponent zero.
    steps = count - tables.a[:, None]
    ways = ways - ways[np.arange(tables.k), (tables.a - lowest).astype(int)][:, None]

    def response(eta: Floats) -> tuple[Floats, Floats, Floats]:
        exponent = ways[:, None, :] + eta * steps[:, None, :]
        top = exponent.max(axis=-1, keepdims=True)
        mass = np.exp(exponent - top)
        sums = mass.sum(axis=-1)
        mean = (mass @ steps[:, :, None])[..., 0] / sums
        spread = np.maximum((mass @ np.square(steps)[:, :, None])[..., 0] / sums - mean * mean, 0.0)
        return -(top[..., 0] + np.log(sums)), -mean[..., None], -spread[..., None]

    return response, _free_hypergeometric(response, tables, lowest, highest)


def _free_hypergeometric(response: Response, tables: TwoByTwo, lowest: Floats, highest: Floats) -> float:
    """Log-likelihood with the conditional estimate of each study; zero where that is infinite."""
    interior = (tables.a > lowest) & (tables.a < highest)
    low, high = np.full(tables.k, -60.0), np.full(tables.k, 60.0)
    theta = np.zeros(tables.k)
    for _ in range(200):
        _, first, second = (part.reshape(tables.k) for part in response(theta[:, None, None]))
        low, high = np.where(first >= 0.0, theta, low), np.where(first <= 0.0, theta, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = theta - first / second
        moved = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        if np.all(abs(moved - theta)[interior] <= 1e-13 * (1.0 + abs(theta[interior]))):
            break
        theta = moved
    return float(np.where(interior, response(theta[:, None, None])[0][:, 0], 0.0).sum())
