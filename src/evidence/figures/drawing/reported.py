"""Columns of what the studies reported, made for the reader: events of all, mean with SD and size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evidence.figures.drawing.layout import TextColumn
from evidence.wording import number

__all__ = ["Count", "Share", "reported_columns", "reported_of"]


@dataclass(frozen=True, slots=True)
class Count:
    """A number of participants; one that is not known leaves a sum of the others as the least it can be."""

    value: float
    partial: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is shown as a whole number, or not known."""
        return math.isnan(self.value) or round(self.value, 1).is_integer()

    def rounded(self) -> Count:
        """The same in whole people."""
        return self if math.isnan(self.value) else Count(float(round(self.value)), self.partial)

    def __str__(self) -> str:
        written = _count(self.value)
        return f"at least {written}" if self.partial and written else written

    def __add__(self, other: Count) -> Count:
        known = [one.value for one in (self, other) if not math.isnan(one.value)]
        partial = self.partial or other.partial or len(known) == 1
        return Count(sum(known) if known else math.nan, partial)


@dataclass(frozen=True, slots=True)
class Share:
    """Events of participants, or over person-time."""

    events: Count
    of: Count

    def __str__(self) -> str:
        if math.isnan(self.events.value) or math.isnan(self.of.value):
            return ""
        least = "at least " if self.events.partial or self.of.partial else ""
        return f"{least}{_count(self.events.value)}/{_count(self.of.value)}"

    def __add__(self, other: Share) -> Share:
        return Share(self.events + other.events, self.of + other.of)


def _count(value: float) -> str:
    """Whole numbers as such; fractions, as of a shared arm or of person-time, with one decimal."""
    return number(float(value), 0 if math.isnan(value) or round(float(value), 1).is_integer() else 1)


def reported_of(fit: Any) -> pd.DataFrame | None:
    """What the studies of a fit reported, one row a study; None if the fit does not know it."""
    tables = getattr(fit, "tables", None)
    if tables is None:
        return getattr(fit, "reported", None)
    if hasattr(tables, "cells"):
        return pd.DataFrame(tables.cells)
    return pd.DataFrame(
        {
            "events1": tables.a,
            "n1": tables.a + tables.b,
            "events2": tables.c,
            "n2": tables.c + tables.d,
        }
    )


def reported_columns(
    reported: pd.DataFrame, groups: tuple[str, str]
) -> tuple[list[TextColumn], pd.DataFrame] | None:
    """Make columns of events, or of means, SDs and sizes; None if there is neither.

    Parameters
    ----------
    reported : DataFrame
        Columns by the names that `evidence.effect_size` has for them.
    groups : (str, str)
        Names of the two groups.
    """
    names = set(reported.columns)
    spreads = reported[[name for name in ("sd", "sd1", "sd2") if name in names]].to_numpy(dtype=float)
    known = spreads[~np.isnan(spreads)]
    typical = float(np.median(known)) if known.size else 0.0
    digits = 1 if not typical > 0 else min(max(1 - math.floor(math.log10(typical)), 0), 6)
    cells: dict[str, list[Any]] = {}
    for suffixes, titles in ((("1", "2"), groups), (("",), ("",))):
        for suffix, title in zip(suffixes, titles, strict=True):
            head = f"{title}\n" if title else ""
            for of, what in (("n", "events/n"), ("time", "events/time")):
                if {f"events{suffix}", of + suffix} <= names:
                    cells[f"{head}{what}"] = _shares(reported[f"events{suffix}"], reported[of + suffix])
            if {f"m{suffix}", f"sd{suffix}", f"n{suffix}"} <= names:
                means = _means(reported[f"m{suffix}"], reported[f"sd{suffix}"], digits)
                cells[f"{head}mean (SD)"] = means
                cells[f"{head}n" if title else "n"] = [Count(float(n)) for n in reported[f"n{suffix}"]]
        if cells:
            break
    else:
        if "n" in names:
            cells["n"] = [Count(float(n)) for n in reported["n"]]
    if not cells:
        return None
    return [TextColumn(heading, "right") for heading in cells], pd.DataFrame(cells)


def _shares(events: pd.Series[float], of: pd.Series[float]) -> list[Share]:
    return [Share(Count(float(x)), Count(float(n))) for x, n in zip(events, of, strict=True)]


def _means(mean: pd.Series[float], sd: pd.Series[float], digits: int) -> list[str]:
    """Means and SDs, empty where one is not known."""
    texts = []
    for m, s in zip(mean, sd, strict=True):
        known = not (math.isnan(m) or math.isnan(s))
        texts.append(f"{number(float(m), digits)} ({number(float(s), digits)})" if known else "")
    return texts
