"""The contrasts of a network: reading, checking and arranging them as independent rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.columns import align, as_frame, check_missing, left_out_note, numbers, texts
from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.models.network.graph import connected_parts
from evidence.models.network.study import (
    RULES,
    StudyPairs,
    complete_study,
    misfit,
    negative_arms,
    shared_variance,
    study_rows,
)
from evidence.models.pool import describe_fault, within_limits

__all__ = ["COLUMNS", "Contrasts", "Rows", "read_contrasts"]

COLUMNS = ("study", "treat1", "treat2", "effect", "se")

ROUNDED = 0.1
"""Share of a contrast's variance that rounded standard errors may be off by."""

Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Checked contrasts of a network.

    The pairs are all contrasts between arms of a study, as reported or derived. The rows are independent
    combinations of them: as many as arms less one in each study.
    """

    treatments: tuple[str, ...]
    """In alphabetical order."""
    studies: tuple[str, ...]
    """In the order given."""
    arms: tuple[tuple[int, ...], ...]
    """Treatments of each study, ascending."""
    matrix: Floats
    """Coefficients of the treatments in each row, shape (rows, treatments)."""
    response: Floats
    variance: Floats
    """Value and sampling variance of each row, shape (rows,)."""
    row_study: Ints
    """Study of each row."""
    pair_study: Ints
    pair_first: Ints
    pair_second: Ints
    """Study and treatments of each pair."""
    pair_effect: Floats
    pair_variance: Floats
    """Effect of the first treatment minus the second, and its sampling variance."""
    notes: tuple[str, ...]
    """What was assumed or adjusted."""

    @cached_property
    def parts(self) -> list[list[int]]:
        """Connected parts of the network, the largest first."""
        return connected_parts(len(self.treatments), self.arms)

    @property
    def free_columns(self) -> list[int]:
        """Treatments other than the first of each part, whose effects against that one are the parameters."""
        return sorted(node for part in self.parts for node in part[1:])

    def to_frame(self) -> pd.DataFrame:
        """One row a pair: study, treat1, treat2, effect, se."""
        names = np.array(self.treatments, dtype=object)
        studies = np.array(self.studies, dtype=object)
        return pd.DataFrame(
            {
                "study": studies[self.pair_study],
                "treat1": names[self.pair_first],
                "treat2": names[self.pair_second],
                "effect": self.pair_effect,
                "se": np.sqrt(self.pair_variance),
            }
        )


def read_contrasts(
    study: Any = "study",
    treat1: Any = "treat1",
    treat2: Any = "treat2",
    effect: Any = "effect",
    se: Any = "se",
    *,
    data: pd.DataFrame | None = None,
    n1: Any = None,
    n2: Any = None,
    arm_variance: Any = None,
    shared_arm_rule: str | float = "equal",
    tolerance: float = 0.02,
    missing: str = "refuse",
) -> Contrasts:
    """Read and check the contrasts of a network; parameters as for `evidence.models.network.fit.network`."""
    if shared_arm_rule not in RULES and not (
        isinstance(shared_arm_rule, (int, float)) and 0.0 <= shared_arm_rule < 1.0
    ):
        raise DataError(
            f"unknown shared_arm_rule {shared_arm_rule!r}; choose one of {', '.join(RULES)}, or a number from 0 to "
            "below 1."
        )
    check_missing(missing)
    if isinstance(study, pd.DataFrame) or (data is None and hasattr(study, "columns")):
        study, data = "study", study
    each = arm_variance if not isinstance(arm_variance, Mapping) else None
    table = None if data is None else as_frame(data)
    columns, _ = align(
        {
            "study": study,
            "treat1": treat1,
            "treat2": treat2,
            "effect": effect,
            "se": se,
            "n1": n1,
            "n2": n2,
            "arm_variance": each,
        },
        data=table,
    )
    names, first, second = (texts(columns[name], name) for name in ("study", "treat1", "treat2"))
    effects, errors = (_numbers(columns[name], name, names) for name in ("effect", "se"))
    size = len(names)
    for label, column in (("treat1", first), ("treat2", second)):
        if len(column) != size:
            raise DataError(
                f"study has {size} values and {label} has {len(column)}; give one of each a contrast."
            )
    if not size:
        raise DataError("there is no contrast; give at least one.")
    further = {
        name: _numbers(columns[name], name, names)
        for name in ("n1", "n2", "arm_variance")
        if columns[name] is not None
    }
    gone = np.isnan(effects) | np.isnan(errors) if missing == "omit" else np.zeros(size, dtype=bool)
    without = [f"{names[i]} ({first[i]} v {second[i]})" for i in np.flatnonzero(gone)]
    if without:
        if gone.all():
            raise DataError("there is no contrast: every one lacks its effect or its standard error.")
        kept = np.flatnonzero(~gone)
        names, first, second = ([part[i] for i in kept] for part in (names, first, second))
        effects, errors, size = effects[kept], errors[kept], kept.size
        further = {name: values[kept] for name, values in further.items()}
    _check_rows(names, first, second, effects, errors)
    variances = np.square(errors)
    treatments = tuple(sorted({*first, *second}))
    index = {name: i for i, name in enumerate(treatments)}
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows_of.setdefault(name, []).append(row)
    sizes = _sizes(rows_of, names, first, second, further)
    given = _given(rows_of, arm_variance if each is None else further["arm_variance"])
    collected = Rows(len(treatments))
    collected.notes += [left_out_note(without, "effect or standard error")] if without else []
    for number, (name, rows) in enumerate(rows_of.items()):
        if len(rows) == 1:
            row = rows[0]
            collected.two_arms(
                number, index[first[row]], index[second[row]], float(effects[row]), float(variances[row])
            )
            continue
        pairs = _pairs(name, rows, first, second, effects, variances)
        shared, how = shared_variance(pairs, given.get(name), sizes.get(name, {}), shared_arm_rule)
        whole, adjusted = complete_study(pairs, shared, tolerance)
        collected.notes += [note for note in (how, adjusted) if note]
        if (share := misfit(whole)) > ROUNDED:
            collected.notes.append(
                f"{name}: the standard errors of its contrasts fit no variances of its arms (off by up "
                f"to {100.0 * share:.0f}% of the smallest variance of a contrast); check them."
            )
        if negative := negative_arms(whole):
            collected.notes.append(
                f"{name}: by the standard errors of its contrasts the variance of {', '.join(negative)} would be "
                "negative; check them."
            )
        collected.many_arms(number, whole, [index[arm] for arm in whole.arms])
    return collected.arrange(treatments, tuple(rows_of))


class Rows:
    """Collects the rows and pairs of the studies."""

    def __init__(self, treatments: int) -> None:
        self.treatments = treatments
        self.arms: list[tuple[int, ...]] = []
        self.rows: list[tuple[int, Any, Any, float, float]] = []
        self.pairs: list[tuple[int, int, int, float, float]] = []
        self.notes: list[str] = []

    def two_arms(self, study: int, first: int, second: int, effect: float, variance: float) -> None:
        """Add a study of two arms."""
        self.arms.append((first, second) if first < second else (second, first))
        self.rows.append((study, (first, second), (1.0, -1.0), effect, variance))
        self.pairs.append((study, first, second, effect, variance))

    def many_arms(self, study: int, whole: StudyPairs, arms: list[int]) -> None:
        """Add a study of more arms, all its pairs known."""
        self.arms.append(tuple(arms))
        for row, response, variance in zip(*study_rows(whole), strict=True):
            self.rows.append((study, arms, row, float(response), float(variance)))
        for i, first in enumerate(arms):
            for j in range(i + 1, len(arms)):
                self.pairs.append(
                    (study, first, arms[j], float(whole.effect[i, j]), float(whole.variance[i, j]))
                )

    def arrange(self, treatments: tuple[str, ...], studies: tuple[str, ...]) -> Contrasts:
        """Return what was collected as arrays."""
        matrix = np.zeros((len(self.rows), self.treatments))
        for i, (_, arms, coefficients, _, _) in enumerate(self.rows):
            matrix[i, arms] = coefficients
        row_study, _, _, response, variance = zip(*self.rows, strict=True)
        pair_study, pair_first, pair_second, pair_effect, pair_variance = zip(*self.pairs, strict=True)
        return Contrasts(
            treatments,
            studies,
            tuple(self.arms),
            matrix,
            np.array(response),
            np.array(variance),
            np.array(row_study),
            np.array(pair_study),
            np.array(pair_first),
            np.array(pair_second),
            np.array(pair_effect),
            np.array(pair_variance),
            tuple(self.notes),
        )


def _pairs(
    name: str, rows: list[int], first: list[str], second: list[str], effects: Floats, variances: Floats
) -> StudyPairs:
    arms = tuple(sorted({arm for row in rows for arm in (first[row], second[row])}))
    place = {arm: i for i, arm in enumerate(arms)}
    effect, variance = np.full((2, len(arms), len(arms)), np.nan)
    np.fill_diagonal(effect, 0.0)
    np.fill_diagonal(variance, 0.0)
    for row in rows:
        i, j = place[first[row]], place[second[row]]
        if np.isfinite(effect[i, j]):
            raise DataError(
                f"{name}: two rows compare {first[row]} with {second[row]}; combine them, or give separate studies "
                "separate names."
            )
        effect[i, j], effect[j, i] = effects[row], -effects[row]
        variance[i, j] = variance[j, i] = variances[row]
    return StudyPairs(name, arms, effect, variance)


def _check_rows(
    names: list[str], first: list[str], second: list[str], effects: Floats, errors: Floats
) -> None:
    for name, one, other in zip(names, first, second, strict=True):
        if one == other:
            raise DataError(f"{name}: it compares {one!r} with itself; correct the treatments.")
        if not (one and other and name):
            raise DataError(
                f"{name or 'a row'}: study, treat1 and treat2 must be named; got {one!r} and {other!r}."
            )
    positive = errors > 0.0
    variances = np.where(positive & (errors < 1e100), errors, np.nan) ** 2
    good = positive & within_limits(effects, variances)
    if not good.all():
        row = int(np.argmin(good))
        where = f"{names[row]} ({first[row]} v {second[row]})"
        if not (np.isfinite(errors[row]) and errors[row] > 0.0):
            raise DataError(
                f"{where}: the standard error is {errors[row]:g}; give a positive, finite number."
            )
        raise DataError(
            f"{where}: {describe_fault(float(effects[row]), float(min(errors[row], 1e100)) ** 2)}"
        )


def _sizes(
    rows_of: Mapping[str, list[int]],
    names: list[str],
    first: list[str],
    second: list[str],
    columns: Mapping[str, Floats],
) -> dict[str, dict[str, float]]:
    """Sizes of the arms of each study, where they are given."""
    if "n1" not in columns or "n2" not in columns:
        return {}
    sizes: dict[str, dict[str, float]] = {name: {} for name in rows_of}
    for arm, label in ((first, "n1"), (second, "n2")):
        for name, treatment, value in zip(names, arm, columns[label], strict=True):
            if value > 0.0 and np.isfinite(value):
                sizes[name][treatment] = float(value)
    return sizes


def _numbers(values: Any, name: str, studies: list[str]) -> Floats:
    """Read numbers, one a contrast."""
    out = numbers(values, name, labels=studies)
    if out.size != len(studies):
        raise DataError(
            f"study has {len(studies)} values and {name} has {out.size}; give one of each a contrast."
        )
    return out


def _given(rows_of: Mapping[str, list[int]], arm_variance: Any) -> dict[str, float]:
    """Variance of the shared arm of each study, where it is given."""
    if arm_variance is None:
        return {}
    if isinstance(arm_variance, Mapping):
        unknown = [name for name in arm_variance if str(name) not in rows_of]
        if unknown:
            raise DataError(f"arm_variance names a study that is not in the network: {unknown[0]!r}.")
        return {str(name): float(value) for name, value in arm_variance.items()}
    found = {}
    for name, rows in rows_of.items():
        known = arm_variance[rows][np.isfinite(arm_variance[rows])]
        if known.size:
            if np.ptp(known) > 1e-9 * abs(known).max():
                raise DataError(f"{name}: arm_variance differs between the rows of the study.")
            found[name] = float(known[0])
    return found
