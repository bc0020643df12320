"""The arms of trials with their events, checked; which trials and arms can tell something of an odds ratio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from evidence.columns import align, as_frame, numbers, texts
from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Floats
from evidence.models.network.arms import arm_groups
from evidence.models.network.graph import connected_parts, say_parts

__all__ = ["Trial", "Trials", "read_trials"]


@dataclass(frozen=True, eq=False)
class Trial:
    """One trial: its arms by place among the treatments, ascending."""

    name: str
    arms: tuple[int, ...]
    events: Floats
    n: Floats

    @property
    def informative(self) -> bool:
        """Whether some patient had the event and some had not."""
        return 0.0 < self.events.sum() < self.n.sum()


@dataclass(frozen=True, eq=False)
class Trials:
    """The trials of a network."""

    treatments: tuple[str, ...]
    """In alphabetical order."""
    used: tuple[Trial, ...]
    left_out: tuple[str, ...]
    """Trials in which nobody, or everybody, had the event."""

    @property
    def note(self) -> str:
        """Name the trials left out."""
        if not self.left_out:
            return ""
        return (
            f"Nobody or everybody had the event in {', '.join(self.left_out)}, which says nothing of odds ratios; "
            "left out."
        )


def read_trials(study: Any, treatment: Any, events: Any, n: Any, data: Any) -> Trials:
    """Read and check arms with their events.

    Raises
    ------
    DataError
        If a value is missing or no count, a study has one arm only, or two with the same treatment.
    ModelError
        If no trial tells anything, a treatment has no events or only events, or the network is not connected.
    """
    table = None if data is None else as_frame(data)
    aligned, _ = align({"study": study, "treatment": treatment, "events": events, "n": n}, data=table)
    studies, names = texts(aligned["study"], "study"), texts(aligned["treatment"], "treatment")
    columns = {name: numbers(aligned[name], name, labels=studies or None) for name in ("events", "n")}
    for label, size in (("treatment", len(names)), *((name, one.size) for name, one in columns.items())):
        if size != len(studies):
            raise DataError(
                f"study has {len(studies)} values and {label} has {size}; give one of each an arm."
            )
    if not studies:
        raise DataError("there is no arm; give at least two of one study.")
    groups = arm_groups(studies, names)
    _check_counts(studies, names, columns["events"], columns["n"])
    every = [
        (name, sorted(arms, key=lambda arm: names[arm]), columns["events"][arms], columns["n"][arms])
        for name, arms in groups.items()
    ]
    kept = [name for name, _, r, size in every if 0.0 < r.sum() < size.sum()]
    if not kept:
        raise ModelError("in every study nobody or everybody had the event; odds ratios cannot be estimated.")
    treatments = tuple(sorted({names[arm] for name in kept for arm in groups[name]}))
    lost = sorted(set(names) - set(treatments))
    if lost:
        raise ModelError(
            f"every study of {', '.join(lost)} has no events, or only events; its effect cannot be estimated. Leave "
            "the treatment out."
        )
    index = {name: i for i, name in enumerate(treatments)}
    used = tuple(
        Trial(
            name,
            tuple(index[names[arm]] for arm in arms),
            columns["events"][arms],
            columns["n"][arms],
        )
        for name, arms, _, _ in every
        if name in kept
    )
    _refuse_infinite(treatments, used)
    parts = connected_parts(len(treatments), [trial.arms for trial in used])
    if len(parts) > 1:
        raise ModelError(
            f"the network falls into {len(parts)} parts that no study with events connects: "
            f"{say_parts(parts, treatments)}. Fit each part alone."
        )
    return Trials(treatments, used, tuple(name for name, *_ in every if name not in kept))


def _check_counts(studies: list[str], treatments: list[str], events: Floats, n: Floats) -> None:
    whole = np.isfinite(events) & np.isfinite(n)
    whole &= (events == np.round(events)) & (n == np.round(n)) & (events >= 0.0) & (n > 0.0) & (events <= n)
    whole &= n <= 1e9
    if not whole.all():
        arm = int(np.argmin(whole))
        raise DataError(
            f"{studies[arm]}, arm {treatments[arm]}: {events[arm]:g} of {n[arm]:g} patients have the event; give "
            "whole numbers, events from 0 to n and n of at least 1."
        )


def _refuse_infinite(treatments: tuple[str, ...], used: tuple[Trial, ...]) -> None:
    """Refuse treatments whose odds are zero or infinite by the data."""
    events, size = np.zeros(len(treatments)), np.zeros(len(treatments))
    for trial in used:
        events[list(trial.arms)] += trial.events
        size[list(trial.arms)] += trial.n
    for found, what in ((events == 0.0, "no events"), (events == size, "only events")):
        if found.any():
            name = treatments[int(found.argmax())]
            raise ModelError(
                f"{name} has {what} in any study that tells something, so its odds ratio has no finite estimate; "
                "leave the treatment out, or compare risk differences."
            )
