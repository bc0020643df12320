"""Components of treatments: reading labels, the design matrix, and what can be estimated.

A treatment such as "massage+exercise" is the sum of its components. The design has one row a treatment and one
column a component; an interaction "massage:exercise" is a column that is one where both are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evidence.columns import texts
from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.network.contrasts import Contrasts

__all__ = [
    "ComponentDesign",
    "component_design",
    "estimable",
    "row_space",
    "split_label",
    "study_differences",
    "unidentified",
]

ROUNDING = 1e-9
"""Relative size below which a number is rounding error: the design consists of small integers."""


@dataclass(frozen=True, eq=False)
class ComponentDesign:
    """How treatments are made of components."""

    names: tuple[str, ...]
    """Components in alphabetical order, then interactions; the inactive component left out."""
    interactions: dict[str, tuple[str, ...]]
    """The components of each interaction, by its name."""
    inactive: str | None
    separator: str
    matrix: Floats
    """Treatments by components, zeros and ones."""

    def row(self, label: str) -> Floats:
        """Row of any combination of the components, in the treatments or not."""
        present = set(split_label(label, self.separator)) - {self.inactive}
        unknown = sorted(present - set(self.names) | present & set(self.interactions))
        if unknown:
            main = ", ".join(name for name in self.names if name not in self.interactions)
            raise DataError(f"{label!r}: no component is called {unknown[0]!r}; choose among {main}.")
        return np.array(
            [float(present.issuperset(self.interactions.get(name, (name,)))) for name in self.names]
        )


def split_label(label: str, separator: str) -> list[str]:
    """Components of a treatment, by its label."""
    parts = [part.strip() for part in label.split(separator)]
    if not all(parts):
        raise DataError(f"{label!r}: a component has no name; write them as in 'a{separator}b'.")
    if len(set(parts)) < len(parts):
        raise DataError(f"{label!r}: a component occurs twice.")
    return parts


def same_components(treatments: Iterable[str], separator: str) -> dict[str, str]:
    """Treatments that have the components of an earlier one in another order, each with that one."""
    first: dict[tuple[str, ...], str] = {}
    other = {}
    for label in treatments if separator else ():
        known = first.setdefault(tuple(sorted(part.strip() for part in label.split(separator))), label)
        if known != label:
            other[label] = known
    return other


def one_order(data: pd.DataFrame, separator: str) -> pd.DataFrame:
    """Give treatments with the same components one name in a table of contrasts: "b+a" that of "a+b"."""
    if not {"treat1", "treat2"} <= set(data.columns):
        return data
    names = {name: texts(data[name], name) for name in ("treat1", "treat2")}
    orders = same_components(sorted({*names["treat1"], *names["treat2"]}), separator)
    if not orders:
        return data
    return data.assign(**{name: [orders.get(one, one) for one in column] for name, column in names.items()})


def component_design(
    treatments: Sequence[str], inactive: str | None, separator: str, interactions: Iterable[str]
) -> ComponentDesign:
    """Read the labels of treatments into a design matrix.

    Raises
    ------
    DataError
        If a label cannot be read, the inactive component does not occur, or no treatment holds both components of
        an interaction.
    """
    if not separator:
        raise DataError("sep must be the text between components, for example '+'.")
    wanted = [interactions] if isinstance(interactions, str) else list(interactions)
    parts = [set(split_label(treatment, separator)) for treatment in treatments]
    main = sorted({name for part in parts for name in part})
    if inactive is not None and inactive not in main:
        raise DataError(
            f"the inactive component {inactive!r} is not in the network; choose among {', '.join(main)}."
        )
    if any(":" in name for name in main) and wanted:
        raise DataError("component names must not contain ':' if there are interactions; rename them.")
    main = [name for name in main if name != inactive]
    columns = {name: [float(name in part) for part in parts] for name in main}
    terms: dict[str, tuple[str, ...]] = {}
    for term in wanted:
        both = [part.strip() for part in term.split(":")]
        name = ":".join(both)
        if len(both) < 2 or len(set(both)) < len(both) or not set(both) <= set(main):
            raise DataError(
                f"the interaction {term!r} must name components of the network, as in 'a:b'; there are "
                f"{', '.join(main)}."
            )
        if name in columns:
            raise DataError(f"the interaction {term!r} is given twice.")
        columns[name] = [float(set(both) <= part) for part in parts]
        if not any(columns[name]):
            raise DataError(f"the interaction {term!r} cannot be estimated: no treatment holds all of them.")
        terms[name] = tuple(both)
    matrix = np.array(list(columns.values())).T.reshape(len(treatments), len(columns))
    return ComponentDesign(tuple(columns), terms, inactive, separator, matrix)


def study_differences(contrasts: Contrasts, design: ComponentDesign) -> Floats:
    """Differences in components between the first and each other arm of the studies, without repetition."""
    steps = [design.matrix[arm] - design.matrix[arms[0]] for arms in set(contrasts.arms) for arm in arms[1:]]
    return np.unique(np.array(steps), axis=0)


def row_space(differences: Floats) -> tuple[Floats, Floats]:
    """Orthonormal bases of what can be estimated and of what cannot, shape (c, rank) and (c, c - rank)."""
    _, values, right = np.linalg.svd(differences)
    rank = int((values > ROUNDING * max(values.max(initial=0.0), 1.0)).sum())
    return right[:rank].T, right[rank:].T


def estimable(row: Floats, blind: Floats) -> bool:
    """Whether the studies determine a combination of components."""
    return not blind.size or bool(np.abs(row @ blind).max() <= ROUNDING * max(1.0, np.abs(row).max()))


def unidentified(design: ComponentDesign, differences: Floats, blind: Floats) -> dict[str, str]:
    """Say in words why the effect of a component cannot be estimated, by component."""
    reasons = {}
    for column, name in enumerate(design.names):
        unit = np.zeros(len(design.names))
        unit[column] = 1.0
        if estimable(unit, blind):
            continue
        own = differences[:, column]
        others = [j for j in range(len(design.names)) if j != column]
        same = [design.names[j] for j in others if np.array_equal(differences[:, j], own)]
        opposite = [design.names[j] for j in others if np.array_equal(differences[:, j], -own)]
        if not own.any():
            reasons[name] = f"no study compares arms with and without {name}."
        elif same:
            reasons[name] = (
                f"whenever arms of a study differ in {name}, they differ in {_join(same)} too; only the effect of "
                "all of them together can be estimated."
            )
        elif opposite:
            reasons[name] = (
                f"whenever an arm of a study has {name}, the other has {_join(opposite)}; only the difference of "
                "the effects can be estimated."
            )
        else:
            tied = np.abs(blind @ blind[column]) > ROUNDING
            with_it = [design.names[j] for j in others if tied[j]]
            reasons[name] = f"the studies do not tell its effect from those of {_join(with_it)}."
    return reasons


def _join(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
