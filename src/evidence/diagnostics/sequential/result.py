"""The result of a sequential analysis: its looks, what they say, and what that takes for granted."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, isinf, nan

import numpy as np
import pandas as pd
from scipy.special import ndtri

from evidence.diagnostics.sequential.boundaries import CLOSEST, planned_boundaries
from evidence.measures import INTERVALS
from evidence.models.pooled import Pooled
from evidence.results import Shown, sentences, table_text
from evidence.wording import counted, number

__all__ = ["Sequential"]

CAVEATS = (
    "The looks were made now and not when each trial was published, and nobody stopped at a boundary. The boundaries "
    "take the Z of successive looks for a path with independent steps; with a variance between trials that is "
    "estimated anew at each look, and taken as known, this holds roughly. The required information rests on the "
    "chosen effect and on the diversity of these trials. A boundary guards against chance, not against bias."
)
FEW = 5
"""With fewer studies neither their diversity nor the standard error of their mean is known well."""


@dataclass(frozen=True, eq=False, repr=False)
class Sequential(Shown):
    """Result of `sequential`."""

    fit: Pooled
    """All studies, with an interval by the normal distribution."""
    given: Pooled
    """The same with the interval that it was given with, which may be of another distribution."""
    looks: pd.DataFrame
    """One row a look: order (for example the year), added (labels of the studies), k, n (patients, NaN where one is
    not known), information (see `sequential`), fraction (of the required), estimate, se, z, boundary (for the
    absolute z), futility (NaN while there is none) and crossed ("benefit", "harm", "futility" or "")."""
    alpha: float
    power: float
    delta: float
    """The effect not to be missed, on the analysis scale, positive."""
    diversity: float
    """The diversity by which the required information was corrected, 0 to 1."""
    required: float
    """Information that is required, corrected for diversity."""
    better: str
    measure: str = ""

    @property
    def fraction(self) -> float:
        """Information at the last look, as a fraction of the required."""
        return float(self.looks["fraction"].iloc[-1])

    @property
    def required_n(self) -> float:
        """Patients for the required information if each adds as much as those so far; NaN if not known."""
        return float(self.looks["n"].iloc[-1]) / self.fraction

    @property
    def ci_low(self) -> float:
        """Lower limit of the interval that allows for all looks: estimate minus boundary times standard error."""
        return self.fit.estimate - self._reach

    @property
    def ci_high(self) -> float:
        """Upper limit of that interval; NaN where the boundary is infinite."""
        return self.fit.estimate + self._reach

    @property
    def _reach(self) -> float:
        boundary = float(self.looks["boundary"].iloc[-1])
        return boundary * self.fit.se if isfinite(boundary) else nan

    @property
    def usual(self) -> float:
        """What the absolute Z of a single look would have to reach."""
        return -float(ndtri(self.alpha / 2.0))

    @property
    def conclusion(self) -> str:
        """What the last look says: "benefit", "harm", "futility" (an effect of `delta` is unlikely) or "open"."""
        return str(self.looks["crossed"].iloc[-1]) or "open"

    @property
    def note(self) -> str:
        """The conclusion in words."""
        last, crossed = self.looks.iloc[-1], self.looks["crossed"]
        have = (
            f"At the last look ({last['order']}) there is {100 * self.fraction:.0f}% of the required information and "
            f"z = {number(last['z'], 2)}"
        )
        boundary = "out of reach so early" if isinf(last["boundary"]) else number(last["boundary"], 2)
        if self.conclusion in ("benefit", "harm"):
            since = self.looks.loc[crossed == self.conclusion, "order"].iloc[0]
            said = f"beyond the boundary for {self.conclusion} ({boundary}), which was first crossed at look {since}."
        elif self.conclusion == "futility":
            said = "within the boundary for futility: an effect of the planned size is "
            said += "not shown, and not ruled out." if self._holds_planned else "unlikely."
        elif abs(last["z"]) > self.usual:
            said = (
                f"beyond the usual {number(self.usual, 2)} but not beyond the boundary ({boundary}): with so little "
                "information a result like this is too often chance."
            )
        else:
            said = f"which crosses no boundary (that of an effect: {boundary}): neither shown nor refuted."
        firm = self.looks.loc[crossed.isin(["benefit", "harm"]), "order"]
        moved = not firm.empty and self.conclusion in ("open", "futility")
        back = (
            f"The boundary for an effect was crossed at look {firm.iloc[0]}, and the result moved back."
            if moved
            else ""
        )
        few = (
            f"With {counted(self.fit.k, 'study', 'studies')} this is a rough guide at best."
            if self.fit.k < FEW
            else ""
        )
        other = abs(last["z"]) > self.usual and self.given.ci_low <= 0.0 <= self.given.ci_high
        apart = (
            "z is that of the normal distribution; the interval of the result itself "
            f"({INTERVALS[self.given.ci].name}) includes no difference."
            if other
            else ""
        )
        return sentences(f"{have}, {said}", apart, back, few)

    @property
    def _holds_planned(self) -> bool:
        """Whether the interval that allows for all looks, or the one given, holds the planned benefit."""
        planned = -self.delta if self.better == "lower" else self.delta
        held = self.ci_low < planned < self.ci_high
        return held or self.given.ci_low < planned < self.given.ci_high

    def ahead(self) -> pd.DataFrame:
        """Boundaries up to full information; if it is not reached yet, with one more look that reaches it.

        Returns
        -------
        DataFrame
            fraction, boundary (may be infinite) and futility (below zero while there is none).
        """
        fraction = self.looks["fraction"].to_numpy()
        fraction = fraction[: int(np.searchsorted(fraction, 1.0)) + 1]
        if fraction[-1] < 1.0 - CLOSEST:
            fraction = np.append(fraction, 1.0)
        boundary, futility = planned_boundaries(fraction, self.alpha, self.power)
        return pd.DataFrame({"fraction": fraction, "boundary": boundary, "futility": futility})

    @property
    def caveats(self) -> str:
        """What the analysis takes for granted."""
        return CAVEATS

    def to_frame(self) -> pd.DataFrame:
        """One row a look, see `looks`."""
        return self.looks

    def summary(self) -> str:
        """Describe the looks as a text table, with the plan above and the conclusion below."""
        heading = (
            f"Sequential analysis: alpha {self.alpha:g} (two-sided), power {self.power:g}, effect {self.delta:.4g}, "
            f"diversity {100 * self.diversity:.0f}%; {counted(len(self.looks), 'look')}"
        )
        return table_text(heading, self.looks, sentences(self.note, CAVEATS))
