"""What a network graph shows: studies and people by treatment, studies and certainty by comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evidence.errors import DataError
from evidence.models.network.graph import connected_parts

if TYPE_CHECKING:
    from evidence.models.network.result import Network

__all__ = ["CERTAINTY", "NetworkTable", "read_network"]

CERTAINTY = ("high", "moderate", "low", "very low")
COLUMNS = ("study", "treat1", "treat2")

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class NetworkTable:
    """Treatments by number in alphabetical order; pairs with the lower number first."""

    treatments: tuple[str, ...]
    arms: tuple[tuple[int, ...], ...]
    """Treatments of each study, ascending."""
    people: tuple[float, ...] | None
    """By treatment; NaN where no study tells, None if nothing is known."""
    silent_arms: int
    """Arms whose number of people is not known and therefore not counted."""
    certainty: dict[Pair, str]

    @cached_property
    def edges(self) -> dict[Pair, int]:
        """Number of studies of each pair that any study compares."""
        return dict(sorted(Counter(pair for arms in self.arms for pair in combinations(arms, 2)).items()))

    @cached_property
    def studies(self) -> list[int]:
        """Number of studies of each treatment."""
        count = Counter(arm for arms in self.arms for arm in arms)
        return [count[i] for i in range(len(self.treatments))]

    @property
    def areas(self) -> tuple[float, ...]:
        """What the areas of the nodes stand for: people, or without any numbers studies."""
        return tuple(map(float, self.studies)) if self.people is None else self.people

    @property
    def designs(self) -> list[tuple[int, ...]]:
        """Sets of three treatments or more that one study compares."""
        return sorted({arms for arms in self.arms if len(arms) > 2})

    @property
    def parts(self) -> list[list[int]]:
        """Connected parts, the largest first."""
        return connected_parts(len(self.treatments), self.arms)

    def to_frame(self) -> pd.DataFrame:
        """One row a treatment, then one row a comparison."""
        names = self.treatments
        nodes = [
            {"row": "treatment", "treatment": name, "against": "", "studies": count}
            for name, count in zip(names, self.studies, strict=True)
        ]
        for i, node in enumerate(nodes):
            node["people"] = np.nan if self.people is None else self.people[i]
        pairs = [
            {
                "row": "comparison",
                "treatment": names[pair[0]],
                "against": names[pair[1]],
                "studies": count,
                "certainty": self.certainty.get(pair, ""),
            }
            for pair, count in self.edges.items()
        ]
        return pd.DataFrame([*nodes, *pairs]).fillna({"certainty": ""})


def read_network(
    source: Network | pd.DataFrame,
    sizes: Mapping[str, float] | pd.DataFrame | None,
    certainty: Mapping[Any, str] | str | None,
) -> NetworkTable:
    """Read what a graph shows from a network or its contrasts; parameters as for `network_graph`."""
    frame = source if isinstance(source, pd.DataFrame) else source.contrasts.to_frame()
    for column in COLUMNS:
        if column not in frame:
            raise DataError(f"The contrasts of a network need a column '{column}'.")
    if frame.empty:
        raise DataError("There is no network to draw: the table of contrasts is empty.")
    members: dict[str, set[str]] = {}
    for study, one, other in frame[list(COLUMNS)].astype(str).itertuples(index=False, name=None):
        if one == other:
            raise DataError(f"{study} compares {one!r} with itself; correct the treatments.")
        members.setdefault(study, set()).update((one, other))
    treatments = tuple(sorted(set().union(*members.values())))
    number = {name: i for i, name in enumerate(treatments)}
    if sizes is None and {"n1", "n2"} <= set(frame):
        sizes = frame
    return NetworkTable(
        treatments,
        tuple(tuple(sorted(number[name] for name in names)) for names in members.values()),
        *_people(sizes, treatments),
        _certainty(certainty, frame, number),
    )


def _people(
    sizes: Mapping[str, float] | pd.DataFrame | None, treatments: tuple[str, ...]
) -> tuple[tuple[float, ...] | None, int]:
    """People by treatment, and the number of arms without theirs."""
    if sizes is None:
        return None, 0
    silent = 0
    if isinstance(sizes, pd.DataFrame):
        arms = pd.concat(
            sizes[["study", f"treat{i}", f"n{i}"]].set_axis(["study", "treatment", "n"], axis=1)
            for i in (1, 2)
        )
        # An arm stands in several contrasts of its study and counts once.
        once = arms.groupby(["study", "treatment"])["n"].max()
        silent = int(once.isna().sum())
        counts = {str(name): float(n) for name, n in once.groupby("treatment").sum(min_count=1).items()}
    else:
        counts = {name: float(count) for name, count in sizes.items()}
    for name in treatments:
        if name not in counts or counts[name] < 0 or np.isinf(counts[name]):
            raise DataError(
                f"sizes has no number of people for {name!r}; give 0 or more, or NaN if not known."
            )
    people = tuple(counts[name] for name in treatments)
    return (None if np.isnan(people).all() else people), silent


def _certainty(
    given: Mapping[Any, str] | str | None, frame: pd.DataFrame, number: Mapping[str, int]
) -> dict[Pair, str]:
    if given is None:
        return {}
    if isinstance(given, str):
        if given not in frame:
            raise DataError(f"The contrasts have no column '{given}' with the certainty.")
        rows = frame[frame[given].notna() & (frame[given] != "")]
        return _by_pair(zip(rows["treat1"], rows["treat2"], rows[given], strict=True), number)
    pairs = (
        (tuple(key.split(" v ")) if isinstance(key, str) else tuple(key), grade)
        for key, grade in given.items()
    )
    return _by_pair(((pair[0], pair[-1], grade) for pair, grade in pairs), number)


def _by_pair(rated: Iterable[tuple[object, object, object]], number: Mapping[str, int]) -> dict[Pair, str]:
    found: dict[Pair, str] = {}
    for first, second, grade in rated:
        one, other, grade = str(first), str(second), str(grade).replace("_", " ").strip().lower()
        if one not in number or other not in number or one == other:
            raise DataError(
                f"The certainty of '{one} v {other}' is given, which is no comparison of the network."
            )
        if grade not in CERTAINTY:
            raise DataError(f"Certainty of '{one} v {other}' is '{grade}': use {', '.join(CERTAINTY)}.")
        low, high = sorted((number[one], number[other]))
        if found.setdefault((low, high), grade) != grade:
            raise DataError(f"'{one} v {other}' has two certainties: {found[low, high]} and {grade}.")
    return found
