"""Events of one group out of its participants, or of one or two groups over person-time: the input of `glmm`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evidence.columns import Origin
from evidence.effects.sizes.effect_size import effect_size
from evidence.errors import DataError
from evidence.models.core.studies import Floats
from evidence.models.counts.tables import COUNT_LIMIT, name_some, read_columns

__all__ = ["NEEDS", "Events", "check_events"]

NEEDS = {
    "PLO": ("events", "n"),
    "IRLN": ("events", "time"),
    "IRR": ("events1", "time1", "events2", "time2"),
}
"""Measures of `glmm` beside the odds ratio, and what they are made from."""


@dataclass(frozen=True, eq=False)
class Events:
    """Events of every study with participants or person-time."""

    measure: str
    cells: dict[str, Floats]
    """Columns as in `NEEDS`, each of shape (k,)."""
    labels: tuple[str, ...]
    origin: Origin | None = None
    """Where the studies stood among the rows given; None for arrays without labels of which none was left out."""

    def __getitem__(self, name: str) -> Floats:
        return self.cells[name]

    @property
    def k(self) -> int:
        """Number of studies."""
        return len(self.labels)

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Studies without events in two groups: they say nothing about the ratio of their rates."""
        if self.measure == "IRR":
            return self["events1"] + self["events2"] == 0.0
        return np.zeros(self.k, dtype=bool)

    def take(self, which: NDArray[np.bool_]) -> Events:
        """Keep some of the studies."""
        labels = tuple(np.array(self.labels, dtype=object)[which])
        return Events(self.measure, {name: cell[which] for name, cell in self.cells.items()}, labels)

    def name_silent(self) -> str:
        """List the studies that say nothing, shortened after five."""
        return name_some(self.labels, self.silent)

    def effects(self) -> tuple[Floats, Floats]:
        """Effects and variances of the single studies, with 1/2 added where there are no events (or others)."""
        found = effect_size(self.measure, **self.cells)  # type: ignore[arg-type]
        silent = self.silent
        effect, variance = found["effect"].to_numpy(), found["variance"].to_numpy()
        return np.where(silent, np.nan, effect), np.where(silent, np.nan, variance)


def check_events(
    measure: str, given: dict[str, Any], labels: Any, data: Any = None, missing: str = "refuse"
) -> Events:
    """Check events with participants or person-time.

    Raises
    ------
    DataError
        If a column is missing or superfluous, lengths differ, there is no study, or a value is out of range; the
        message names the study.
    """
    needs = NEEDS[measure]
    absent = [name for name in needs if given.get(name) is None]
    extra = [name for name, value in given.items() if value is not None and name not in needs]
    if absent or extra:
        faults = [f"missing: {', '.join(absent)}"] if absent else []
        faults += [f"superfluous: {', '.join(extra)}"] if extra else []
        raise DataError(f"measure {measure!r} takes {', '.join(needs)}; {'; '.join(faults)}.")
    cells, names, origin = read_columns({name: given[name] for name in needs}, labels, data, missing)
    for name, values in cells.items():
        if name.startswith("time"):
            good, rule = (values >= 1e-12) & (values <= 1e12), "person-time must be from 1e-12 to 1e12"
        else:
            least = 1 if name == "n" else 0
            good = (values >= least) & (values <= COUNT_LIMIT) & (values == np.rint(values))
            rule = f"it must be a whole number from {least} to {COUNT_LIMIT:g}"
        if not good.all():
            i = int(np.argmin(good))
            raise DataError(f"{names[i]}: {name} = {values[i]:g}, but {rule}.")
    if "n" in cells and (cells["events"] > cells["n"]).any():
        i = int(np.argmax(cells["events"] > cells["n"]))
        raise DataError(f"{names[i]}: events = {cells['events'][i]:g} exceed n = {cells['n'][i]:g}.")
    return Events(measure, cells, names, origin)
