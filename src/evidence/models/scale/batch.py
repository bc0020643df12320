"""Fit every comparison of a long table under several models; whatever fails is listed beside what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evidence.effects.sizes.effect_size import RECIPES, effect_size
from evidence.errors import DataError
from evidence.models.core.studies import Floats
from evidence.models.pool import check_options, describe_fault, within_limits
from evidence.models.pool_many import fit_each, quantities
from evidence.models.scale.cluster import run
from evidence.models.scale.store import Store
from evidence.models.scale.tables import Source, open_table
from evidence.version import __version__

__all__ = ["BatchPlan", "batch_table", "fit_block"]

BLOCK = 2**15
"""Rows of a block: small enough to send to a worker, large enough that sending costs little."""
WORK = 2**15
"""Study values fitted at a time."""
RESULTS = (
    *("estimate", "se", "ci_low", "ci_high", "p_value", "df", "tau2", "i2", "q", "q_p"),
    *("prediction_low", "prediction_high"),
)


@dataclass(frozen=True)
class BatchPlan:
    """What is done with each comparison."""

    by: tuple[str, ...]
    effect: str
    variance: str
    se: str | None
    measure: str | None
    """A measure, or the column that names it; then effects come from counts, means and so on."""
    methods: tuple[str, ...]
    ci: tuple[str, ...]
    level: float = 0.95
    prediction: str = "V"
    fault: str | None = None
    """Column that says, where it is not empty, why a comparison cannot be fitted."""

    def __post_init__(self) -> None:
        for name in ("by", "methods", "ci"):
            value = getattr(self, name)
            if not value or len(set(value)) < len(value):
                raise DataError(f"{name} must name at least one, each once; got {list(value)}.")
        for method in self.methods:
            if method == "GENQ":
                raise DataError("method 'GENQ' needs weights for each fit; use pool.")
            for ci in self.ci:
                check_options(method, ci, self.level, self.prediction)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that the table must have besides those that name comparisons."""
        fault = () if self.fault is None else (self.fault,)
        return self.numbers + fault if self.measure in (None, *RECIPES) else (str(self.measure), *fault)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns of the effects and their uncertainty; none where effects are computed."""
        if self.measure is not None:
            return ()
        return (self.effect, self.variance if self.se is None else self.se)

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that are used where they are there."""
        if self.measure is None:
            return ()
        kinds = [RECIPES[self.measure]] if self.measure in RECIPES else list(RECIPES.values())
        names = {name for kind in kinds for name in (*kind.needs, *kind.unused)}
        if {"a", "x"} & names:
            names |= {"events1", "n1", "events2", "n2", "events", "n"}
        return tuple(sorted(names))


def batch_table(
    source: Any,
    plan: BatchPlan,
    *,
    output: str | Path | None = None,
    workers: int | None = None,
    cluster: Any = None,
    block: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> pd.DataFrame | None:
    """Fit the comparisons of one table, as `evidence.batch` describes it.

    Returns
    -------
    DataFrame, or None where the results went to `output`
    """
    if block is not None and block < 1:
        raise DataError(f"block must be at least 1 row, not {block!r}.")
    size = BLOCK if block is None else block
    table = open_table(source, plan.by, plan.needed, plan.optional)
    if output is None:
        return _in_memory(table, plan, size, workers, cluster, progress, note)
    store = Store(
        output,
        {"table": table.fingerprint, "block": size, "version": __version__} | _words(asdict(plan)),
    )
    done, count, rows = store.done, 0, 0
    lengths: dict[int, int] = {}

    def blocks() -> Any:
        nonlocal count, rows
        for number, frame in enumerate(table.blocks(size)):
            count = number + 1
            if number in done:
                rows += len(frame)
            else:
                lengths[number] = len(frame)
                yield number, (frame, plan)

    with closing(run(fit_block, blocks(), workers=workers, cluster=cluster, note=note)) as results:
        for number, frame in results:
            store.write(number, frame)
            rows += lengths.pop(number)
            if progress is not None:
                progress(rows, table.rows)
    store.finish(count)
    return None


def _in_memory(
    table: Source, plan: BatchPlan, size: int, workers: int | None, cluster: Any, progress: Any, note: Any
) -> pd.DataFrame:
    blocks = ((number, (frame, plan)) for number, frame in enumerate(table.blocks(size)))
    parts: dict[int, pd.DataFrame] = {}
    done, each = 0, len(plan.methods) * len(plan.ci)
    with closing(run(fit_block, blocks, workers=workers, cluster=cluster, note=note)) as results:
        for number, frame in results:
            parts[number] = frame
            done += len(frame) // each
            if progress is not None:
                progress(done, table.comparisons)
    return pd.concat([parts[number] for number in sorted(parts)], ignore_index=True)


def fit_block(frame: pd.DataFrame, plan: BatchPlan) -> pd.DataFrame:
    """Fit each comparison of a block: one row a comparison, method and interval.

    What cannot be fitted has no numbers and says why under `error`.
    """
    codes = frame.groupby(list(plan.by), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    n = int(codes.max()) + 1
    errors: dict[int, str] = {}
    if plan.fault is not None:
        for i in np.flatnonzero((frame[plan.fault].fillna("") != "").to_numpy()):
            errors.setdefault(int(codes[i]), str(frame[plan.fault].iloc[i]))
    effect, variance = _effects(frame, plan, codes, errors)
    absent = np.isnan(effect) & np.isnan(variance)
    good = within_limits(effect, variance)
    at = frame.index.to_numpy()
    for i in np.flatnonzero(~good & ~absent):
        fault = describe_fault(float(effect[i]), float(variance[i]))
        errors.setdefault(int(codes[i]), f"row {at[i]}: {fault}")
    k = np.bincount(codes[good], minlength=n)
    for code in np.flatnonzero(k == 0):
        errors.setdefault(int(code), "no study has an effect and a variance")
    m, c = len(plan.methods), len(plan.ci)
    out = {name: np.full((n, m * c), np.nan) for name in RESULTS}
    sound = np.ones(n, dtype=bool)
    sound[list(errors)] = False
    rows = np.flatnonzero(good & sound[codes])
    rows = rows[np.argsort(codes[rows], kind="stable")]
    sizes = np.where(sound, k, 0)
    first = np.append(0, np.cumsum(sizes))
    # All of one size at a time, so that no fit is padded: its bits are its own.
    for size in np.unique(sizes[sizes > 0]):
        of_size = np.flatnonzero(sizes == size)
        step = max(1, WORK // int(size))
        for start in range(0, of_size.size, step):
            here = of_size[start : start + step]
            which = rows[first[here][:, None] + np.arange(size)]
            fits = fit_each(effect[which], variance[which], plan.methods, plan.ci, plan.level)
            for column, fit in enumerate(fits):
                values = quantities(fit, plan.prediction, plan.level)
                for name in RESULTS:
                    out[name][here, column] = values[name]
    begins = np.unique(codes, return_index=True)[1]
    keys = frame[list(plan.by)].iloc[np.repeat(begins, m * c)].reset_index(drop=True)
    result = {
        "method": np.tile(np.repeat(plan.methods, c), n),
        "ci": np.tile(plan.ci, n * m),
        "k": np.repeat(k, m * c),
        "omitted": np.repeat(np.bincount(codes[absent], minlength=n), m * c),
        **{name: values.ravel() for name, values in out.items()},
        "error": np.repeat(np.array([errors.get(code, "") for code in range(n)], dtype=object), m * c),
    }
    return pd.concat([keys, pd.DataFrame(result)], axis=1)


def _effects(
    frame: pd.DataFrame, plan: BatchPlan, codes: np.ndarray, errors: dict[int, str]
) -> tuple[Floats, Floats]:
    """Effects and variances of the rows, NaN where there is none; a comparison with a fault goes to `errors`."""
    names = plan.numbers if plan.measure is None else [name for name in plan.optional if name in frame]
    at, data = frame.index.to_numpy(), dict[str, Floats]()
    for name in names:
        data[name], wrong = _numbers(frame[name])
        for i in np.flatnonzero(wrong):
            message = f"row {at[i]}: {name} is {frame[name].iloc[i]!r}; give a number or leave it empty"
            errors.setdefault(int(codes[i]), message)
    if plan.measure is None:
        effect, variance = data.values() if len(data) == 2 else list(data.values()) * 2
        if plan.se is None:
            return effect, variance
        return effect, np.where(variance < 0.0, variance, variance * variance)
    effect, variance = np.full((2, len(frame)), np.nan)
    if plan.measure in RECIPES:
        kinds = np.full(len(frame), plan.measure)
    else:
        kinds = frame[plan.measure].astype(object).to_numpy()
    bad = np.isin(codes, list(errors))
    for kind in pd.unique(kinds[~bad]):
        rows = np.flatnonzero((kinds == kind) & ~bad)
        if kind not in RECIPES:
            for i in rows if rows.size else np.flatnonzero(pd.isna(kinds)):
                errors.setdefault(
                    int(codes[i]), f"row {at[i]}: {kind!r} is no measure; use {', '.join(RECIPES)}"
                )
            continue
        _compute(str(kind), data, frame.index, rows, codes, (effect, variance), errors)
    return effect, variance


def _compute(
    kind: str,
    data: dict[str, Floats],
    index: pd.Index,
    rows: np.ndarray,
    codes: np.ndarray,
    out: tuple[Floats, Floats],
    errors: dict[int, str],
) -> None:
    """Compute the effects of these rows; where that fails, halve them until the comparison at fault is alone."""
    measure = RECIPES[kind]
    names = [*measure.needs, *measure.unused]
    if not set(measure.needs) <= data.keys():
        names = ["events1", "n1", "events2", "n2"] if "a" in names else ["events", "n"]
    given: dict[str, Any] = {
        name: pd.Series(data[name][rows], index=index[rows]) for name in names if name in data
    }
    try:
        found = effect_size(kind, **given)
    except DataError as error:
        inside = np.unique(codes[rows])
        if inside.size == 1:
            errors.setdefault(int(inside[0]), str(error))
            return
        middle = inside[inside.size // 2]
        for part in (rows[codes[rows] < middle], rows[codes[rows] >= middle]):
            _compute(kind, data, index, part, codes, out, errors)
        return
    for place, name in zip(out, ("effect", "variance"), strict=True):
        place[rows] = found[name].to_numpy()


def _numbers(column: pd.Series) -> tuple[Floats, np.ndarray]:
    """A column as floats, and where it holds something else; an empty cell is NaN."""
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(column), dtype=bool)
    except (TypeError, ValueError):
        values = np.array([_number(value) for value in column], dtype=np.float64)
        empty = column.isna().to_numpy() | (column.astype(str).str.strip() == "").to_numpy()
        return values, np.isnan(values) & ~empty


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _words(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
            for name, value in plan.items()}  # fmt: skip
