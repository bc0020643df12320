"""Studies arranged for computing: sorted by precision, as differences from the most precise one.

Every estimator of the package needs the same few sums over studies: of powers of the weights, alone and with first
and second powers of the effects. Written with raw effects these sums cancel badly when effects are large or variances
span many decades. Written with differences from the most precise study they do not: that study has the largest weight
for any between-study variance, hence a weighted sum of squared differences from it exceeds the sum of squares about
the mean by a factor of at most 2(1 + k). The sums then lose no more digits than a plain sum of k numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Studies",
    "Sums",
    "arrange",
    "dispersion",
    "either",
    "others",
    "positive",
    "sums",
    "trace_p",
    "trace_pp",
]

Floats = NDArray[np.float64]
Sums = list[Any]
"""What `sums` returns."""


class Studies(NamedTuple):
    """Studies of one fit, or of a batch of fits.

    The most precise study is the anchor. For one fit its values are scalars, and the arrays have one entry for each
    of the other m = k - 1 studies. For a batch of n fits its values have shape (n, 1) and the arrays (n, m); a study
    that is absent has an infinite variance, hence no weight.
    """

    k: Any
    """Number of studies present: int, or shape (n, 1)."""
    anchor_effect: Any
    anchor_variance: Any
    largest_variance: Any
    variance: Floats
    """Variances of the other studies, ascending; shape (..., m)."""
    powers: Floats
    """Powers 0, 1, 2 of the other studies' differences from the anchor; shape (..., 3, m)."""

    @property
    def difference(self) -> Floats:
        """Differences of the other studies from the anchor, shape (..., m)."""
        return self.powers[..., 1, :]

    def take(self, rows: NDArray[Any]) -> Studies:
        """Return the fits of a batch at the given rows, or where a row is marked true."""
        return Studies(*(part[rows] for part in self))


def arrange(effect: Floats, variance: Floats) -> tuple[Studies, NDArray[np.intp]]:
    """Sort studies by variance and take differences from the most precise.

    Parameters
    ----------
    effect, variance : ndarray, shape (k,) or (n, k)
        Checked input. In a batch NaN marks an absent study; at least one study of each fit is present.

    Returns
    -------
    studies : Studies
    order : ndarray of int
        Positions of the sorted studies in the input.
    """
    order = variance.argsort()
    if effect.ndim == 1:
        effect, variance = effect[order], variance[order]
        k: Any = effect.size
        anchor_effect: Any = float(effect[0])
        anchor_variance: Any = float(variance[0])
        difference = effect[1:] - anchor_effect
        powers = np.empty((3, k - 1))
        powers[0], powers[1], powers[2] = 1.0, difference, difference * difference
        return Studies(k, anchor_effect, anchor_variance, float(variance[-1]), variance[1:], powers), order
    effect = np.take_along_axis(effect, order, axis=-1)
    variance = np.take_along_axis(variance, order, axis=-1)
    present = ~np.isnan(variance)
    k = present.sum(axis=-1, keepdims=True)
    anchor_effect, anchor_variance = effect[:, :1], variance[:, :1]
    largest = np.take_along_axis(variance, k - 1, axis=-1)
    rest = np.where(present, variance, np.inf)[:, 1:]
    difference = np.where(present, effect - anchor_effect, 0.0)[:, 1:]
    powers = np.stack([np.ones_like(difference), difference, difference * difference], axis=1)
    return Studies(k, anchor_effect, anchor_variance, largest, rest, powers), order


def sums(studies: Studies, tau2: Any, order: int) -> Sums:
    """Sum powers of the weights 1 / (variance + tau2), alone and with powers of the differences.

    Parameters
    ----------
    studies : Studies
    tau2 : float, shape (g,) or, for a batch of n fits, shape (n, g)
        Between-study variances at which to evaluate.
    order : int
        Highest power of the weights.

    Returns
    -------
    list
        First the weight of the anchor, then for each power p = 1 ... `order` a triple of sums over the other studies:
        of w^p, w^p d and w^p d^2, d being a study's difference from the anchor. Each has the shape of `tau2`.
    """
    powers = studies.powers
    if isinstance(tau2, float):
        weight = power = np.reciprocal(studies.variance + tau2)
        out: Sums = [1.0 / (studies.anchor_variance + tau2), powers.dot(weight).tolist()]
        for _ in range(1, order):
            power = power * weight
            out.append(powers.dot(power).tolist())
        return out
    out = [1.0 / (studies.anchor_variance + tau2)]
    if powers.ndim == 3 and tau2.shape[-1] == 1:
        # One value a fit: small sums in one pass; a fit's own do not depend on which fits stand beside it.
        weight = power = np.reciprocal(studies.variance + tau2)
        for p in range(order):
            if p:
                power = power * weight
            out.append(np.einsum("npm,nm->pn", powers, power)[..., None])
        return out
    weight = power = np.reciprocal(studies.variance[..., None] + tau2[..., None, :])
    for p in range(order):
        if p:
            power = power * weight
        total = powers @ power
        out.append(total.swapaxes(0, 1) if powers.ndim == 3 else total)
    return out


def dispersion(studies: Studies) -> Any:
    """Sum of squared deviations of the effects from their plain mean; scalar, or shape (n, 1) for a batch."""
    powers = studies.powers
    if powers.ndim == 2:
        _, first, second = powers.dot(powers[0]).tolist()  # the zeroth powers: a plain sum
    else:
        _, first, second = powers.sum(axis=-1).T[..., None]
    return positive(second - first * first / studies.k)


def either(condition: Any, yes: Any, no: Any) -> Any:
    """Choose by a condition: `numpy.where` for arrays, without its cost for scalars."""
    if type(condition) is not bool and isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


def positive(value: Any) -> Any:
    """Return the value, or zero where it is negative."""
    if type(value) is not float and isinstance(value, np.ndarray):
        return np.where(value > 0.0, value, 0.0)
    return value if value > 0.0 else 0.0


def trace_p(w: Any, r: Any, r2: Any) -> Any:
    """Trace of the projection P = W - W 1 1' W / (1'W1).

    From the anchor's weight w, and the sums r of the others' weights and r2 of their squares: the square of the total
    less the sum of squares, over the total, but without the anchor's own square, which may swamp the rest.
    """
    return (2.0 * w * r + (r * r - r2)) / (w + r)


def trace_pp(w: Any, r: Any, r2: Any, r3: Any) -> Any:
    """Trace of PP, as `trace_p`: twice the expected information about tau2 under the restricted likelihood."""
    rest, total = r2 * (r * r + r2) - 2.0 * r * r3, w + r
    return (w * (w * (r * r + 3.0 * r2) + 2.0 * (r * r2 - r3)) + rest) / (total * total)


def others(values: Floats) -> Floats:
    """Sum, for each entry along the last axis, all other entries; no subtraction, hence no cancellation."""
    out = np.zeros_like(values)
    out[..., 1:] = values[..., :-1].cumsum(axis=-1)
    out[..., :-1] += values[..., :0:-1].cumsum(axis=-1)[..., ::-1]
    return out
