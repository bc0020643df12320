"""Effects and variances of studies as callers give them: arrays, columns, or what `effect_size` returned."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evidence.columns import (
    PLAIN,
    Origin,
    align,
    as_frame,
    check_missing,
    labels_of,
    numbers,
    variance_from,
)
from evidence.errors import DataError
from evidence.measures import find_measure
from evidence.models.core.studies import Floats

__all__ = ["Given", "code_of", "given", "numbered", "pooled_columns", "squared"]

SIZES = (("n1", "n2"), ("n",))
"""Columns of a table of effects whose sum is the number of participants."""
COMPUTED = ("label", "effect", "variance", "se")
"""Columns of a table of effects that are not what a study reported."""


class Given(NamedTuple):
    """Effects and variances of equal number, with what is known about the studies."""

    effect: Floats
    variance: Floats
    labels: tuple[str, ...]
    origin: Origin | None = None
    measure: str = ""
    n: Floats | None = None
    reported: tuple[tuple[str, np.ndarray], ...] = ()
    weights: Floats | None = None


def given(
    effect: Any,
    variance: Any = None,
    *,
    se: Any = None,
    data: Any = None,
    labels: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
    n: Any = None,
    weights: Any = None,
) -> Given:
    """Read the effects and variances of studies, paired by their labels if they have some.

    Parameters
    ----------
    effect : array-like, str or DataFrame
        A table has the columns effect and variance, or effect and se.
    variance, se : array-like or str
        One of both.
    data : DataFrame, optional
        The table whose columns are named.
    labels : array-like or str, optional
    missing : {"refuse", "omit"}
        What is done with studies whose effect or variance is missing. Those to refuse are kept, for the message.
    measure : str, optional
    n, weights : array-like or str, optional

    Raises
    ------
    DataError
        If labels or numbers of values differ, or there is no study.
    """
    plain = type(effect) in PLAIN and type(variance) in PLAIN and se is data is n is weights is None
    if plain and missing == "refuse" and (labels is None or type(labels) in PLAIN):
        effects, variances = numbers(effect, "effect"), numbers(variance, "variance")
        if 0 < (k := effects.size) == variances.size:  # the quick way
            shown = numbered(k) if labels is None else labels_of(labels, None, k)
            return Given(effects, variances, shown, None, code_of(measure) if measure else "")
    check_missing(missing)
    reported: list[str] = []
    if not isinstance(effect, (str, pd.Series, *PLAIN)) and effect is not None and np.ndim(effect) != 1:
        if data is not None or variance is not None or se is not None:
            raise DataError("a table of effects has its variances itself; leave data, variance and se out.")
        data = as_frame(effect, "effect")
        effect, variance, se = pooled_columns(data)
        labels = "label" if labels is None and "label" in data.columns else labels
        measure = data.attrs.get("measure") if measure is None else measure
        reported = [
            one for one in data.columns if one not in COMPUTED and pd.api.types.is_numeric_dtype(data[one])
        ]
        if n is None:
            known = [names for names in SIZES if set(names) <= set(data.columns)]
            n = data[list(known[0])].sum(axis=1, skipna=False) if known else None
    name, spread = variance_from(variance, se)
    table = None if data is None else as_frame(data)
    columns, index = align(
        {"effect": effect, name: spread, "n": n, "weights": weights}, data=table, labels=labels
    )
    names = columns.get("labels")
    effects = numbers(columns["effect"], "effect", labels=index)
    variances = numbers(columns[name], name, labels=index)
    if effects.size != variances.size:
        raise DataError(
            f"effect has {effects.size} values and {name} {variances.size}; give one of each a study."
        )
    if effects.size == 0:
        raise DataError("there is no study to pool; give at least one effect and its variance.")
    shown = labels_of(names, index, effects.size)
    if name == "se":
        variances = squared(variances, shown)
    further = {
        one: _one_each(columns[one], one, shown) for one in ("n", "weights") if columns[one] is not None
    }
    kept = np.ones(effects.size, dtype=bool)
    if missing == "omit":
        kept = ~(np.isnan(effects) | np.isnan(variances))
        if not kept.any():
            raise DataError("there is no study to pool: every one lacks its effect or its variance.")
    origin = Origin(shown, index, kept) if index is not None or not kept.all() else None
    cells = tuple((one, data[one].to_numpy(dtype=np.float64, na_value=np.nan)[kept]) for one in reported)
    if not kept.all():
        effects, variances = effects[kept], variances[kept]
        further = {one: values[kept] for one, values in further.items()}
    return Given(
        effects,
        variances,
        shown if kept.all() else tuple(label for label, keep in zip(shown, kept, strict=True) if keep),
        origin,
        code_of(measure),
        further.get("n"),
        cells,
        further.get("weights"),
    )


def pooled_columns(data: pd.DataFrame) -> tuple[str, str | None, str | None]:
    """Names of the effects and of the variances or standard errors in a table of effects."""
    if "effect" not in data.columns or not {"variance", "se"} & set(data.columns):
        raise DataError(
            "a table of effects needs the columns effect and variance (or se); its columns are "
            f"{', '.join(map(str, data.columns))}. Name others by pool('yi', 'vi', data=...)."
        )
    return ("effect", "variance", None) if "variance" in data.columns else ("effect", None, "se")


def code_of(measure: str | None) -> str:
    """Code of a measure that is given by code or name; one that is not known stays as it is."""
    if not measure:
        return ""
    found = find_measure(measure)
    return measure if found is None else found.code


def squared(se: Floats, labels: tuple[str, ...]) -> Floats:
    """Variances from standard errors, which must not be negative."""
    if (se <= 0.0).any():
        i = int(np.argmax(se <= 0.0))
        raise DataError(f"{labels[i]}: the standard error {se[i]:g} is not positive; check it.")
    with np.errstate(over="ignore", under="ignore"):
        return np.square(se)


def _one_each(values: Any, name: str, labels: tuple[str, ...]) -> Floats:
    out = numbers(values, name, labels=labels)
    if out.size != len(labels):
        raise DataError(f"{name} has {out.size} values for {len(labels)} studies; give one a study.")
    return out


@lru_cache(maxsize=64)
def numbered(k: int) -> tuple[str, ...]:
    """Labels of studies without names."""
    return tuple(f"Study {i}" for i in range(1, k + 1))
