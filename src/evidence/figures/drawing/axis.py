"""The horizontal axis of effects: its range, and tick marks that fit, on a linear or a ratio scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

from evidence.errors import DataError
from evidence.figures.drawing.style import SMALL
from evidence.figures.drawing.text import text_width
from evidence.wording import number, ratio_number

__all__ = ["Axis", "Scale", "check_shows", "make_axis", "range_of"]


@dataclass(frozen=True, slots=True)
class Scale:
    """From the analysis scale to the shown scale: the same, or its exponential for ratios.

    What is printed is multiplied by `factor` and followed by `sign`, as a share is by 100 and ``%``.
    """

    ratio: bool
    digits: int
    factor: float = 1.0
    sign: str = ""

    def show(self, value: float) -> float:
        """Value on the shown scale."""
        if not self.ratio:
            return float(value)
        return math.inf if value > 700 else math.exp(value)

    def text(self, value: float) -> str:
        """Value on the shown scale as it is printed."""
        write = ratio_number if self.ratio else number
        return f"{write(self.factor * self.show(value), self.digits)}{self.sign}"

    def limits(self, shown: tuple[float, float]) -> tuple[float, float]:
        """Bring a range from the shown to the analysis scale.

        Raises
        ------
        DataError
            If a limit of a ratio is not positive.
        """
        if not self.ratio:
            return shown
        if min(shown) <= 0:
            raise DataError(f"Limits of a ratio axis must be positive, found {shown[0]} to {shown[1]}.")
        return math.log(shown[0]), math.log(shown[1])


@dataclass(frozen=True, slots=True)
class Axis:
    """Range and ticks on the analysis scale."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]

    def share(self, value: float) -> float:
        """Place of a value along the axis, from 0 to 1; a value beyond it counts as its end."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def range_of(
    estimates: Sequence[float],
    bounds: Sequence[float],
    summaries: Iterable[float] = (),
    reference: float | None = 0.0,
) -> tuple[float, float]:
    """Choose a range that shows what matters and lets only extreme intervals leave it.

    Interval bounds are shown as far as 2.5 times the spread of the middle half beyond it (a wider form of
    Tukey's fence), pooled results as far as 4 times, and estimates as far as 8 times.

    Parameters
    ----------
    estimates, bounds, summaries : sequences of float
        Point estimates, bounds of their intervals, bounds of pooled and prediction intervals; missing values
        are left out.
    reference : float, optional
        The value of no difference, always inside the range.

    Returns
    -------
    (low, high)
    """
    edges = _finite(bounds)
    if edges.size == 0:
        edges = np.array([-1.0, 1.0])
    q1, q3 = np.percentile(edges, [25, 75])
    spread = max(q3 - q1, 1e-9 * max(1.0, abs(q1), abs(q3)))
    low, high = q1, q3
    for values, fence in ((edges, 2.5), (_finite(summaries), 4.0), (_finite(estimates), 8.0)):
        if values.size:
            low = min(low, max(float(values.min()), q1 - fence * spread))
            high = max(high, min(float(values.max()), q3 + fence * spread))
    if reference is not None:
        low, high = min(low, reference), max(high, reference)
    pad = 0.04 * (high - low)
    return float(low - pad), float(high + pad)


def check_shows(limits: tuple[float, float], values: Iterable[float], scale: Scale) -> tuple[float, float]:
    """Return the limits of an axis that a reader chose, if any of the values lies within them.

    Raises
    ------
    DataError
        If none does, so that the figure would show nothing; the message has the range of the values.
    """
    known = _finite(values)
    low, high = limits
    if low < high and known.size and not ((known >= low) & (known <= high)).any():
        span = " to ".join(scale.text(float(end)) for end in (known.min(), known.max()))
        raise DataError(
            f"xlim {scale.text(low)} to {scale.text(high)} shows nothing: the estimates run from {span}."
        )
    return limits


def make_axis(
    limits: tuple[float, float], width: float, *, ratio: bool, factor: float = 1.0, sign: str = ""
) -> Axis:
    """Place tick marks whose labels fit into `width` points; factor and sign are those of the scale.

    Raises
    ------
    DataError
        If the limits are not finite and in order.
    """
    low, high = limits
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DataError(
            f"The axis cannot run from {low} to {high}: give two finite limits, the lower one first."
        )
    candidates = [*_ratio_ticks(low, high)] if ratio else []
    for steps in range(7, 1, -1):
        shown_low, shown_high = (math.exp(low), math.exp(high)) if ratio else (low, high)
        shown_low, shown_high = factor * shown_low, factor * shown_high
        ticks = MaxNLocator(nbins=steps, steps=[1, 2, 2.5, 5, 10]).tick_values(shown_low, shown_high)
        candidates.append([float(t) for t in ticks if shown_low <= t <= shown_high and (t > 0 or not ratio)])
    for shown in candidates:
        places = [math.log(t) for t in shown] if ratio else [t / factor for t in shown]
        labels = [f"{label}{sign}" for label in _tick_labels(shown)]
        centres = [width * (place - low) / (high - low) for place in places]
        halves = [text_width(label, SMALL) / 2 + 3 for label in labels]
        ends = zip(centres[1:], centres[:-1], halves[1:], halves[:-1], strict=True)
        if len(shown) >= 2 and all(right - left >= a + b for right, left, a, b in ends):
            return Axis(low, high, tuple(places), tuple(labels))
    middle = 0.5 * (low + high)
    return Axis(low, high, (middle,), (f"{number(math.exp(middle) if ratio else factor * middle, 2)}{sign}",))


def _ratio_ticks(low: float, high: float) -> Iterable[list[float]]:
    decades = range(math.floor(low / math.log(10)) - 1, math.ceil(high / math.log(10)) + 2)
    for mantissas, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
        ticks = [m * 10.0**d for d in decades if d % every == 0 for m in mantissas]
        inside = [t for t in ticks if low <= math.log(t) <= high]
        if len(inside) >= 3:
            yield inside


def _tick_labels(ticks: Sequence[float]) -> list[str]:
    """Write all ticks with the decimals that the finest of them needs, ratios each with its own."""
    plain = [np.format_float_positional(round(t, 12), trim="-").replace("-", "−") for t in ticks]
    gaps = np.diff(ticks)
    if gaps.size and not np.allclose(gaps, gaps[0]):
        return plain
    digits = max(len(label.partition(".")[2]) for label in plain)
    return [number(t, digits) for t in ticks]


def _finite(values: Iterable[float]) -> np.ndarray:
    array = np.asarray(list(values), dtype=float)
    return array[np.isfinite(array)]
