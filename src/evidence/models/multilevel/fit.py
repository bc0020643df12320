"""Models for dependent effects: nested and crossed levels, correlated sampling errors, several outcomes or times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evidence.columns import (
    Origin,
    align,
    align_square,
    as_frame,
    check_missing,
    labels_of,
    numbers,
    variance_from,
)
from evidence.errors import DataError, ModelError, choose
from evidence.measures import check_level, choose_interval, choose_method
from evidence.models.core.given import code_of, squared
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.covariance import check_covariance, groups_of
from evidence.models.multilevel.likelihood import arrange_blocks
from evidence.models.multilevel.result import Multilevel
from evidence.models.multilevel.search import check_identified, likeliest_parameters
from evidence.models.multilevel.structure import (
    SERIAL,
    STRUCTURES,
    Nested,
    Outcomes,
    Structure,
)
from evidence.models.pool import EFFECT_LIMIT
from evidence.models.regression.design import Design, build_design

__all__ = ["multilevel"]

Groupings = Sequence[Any] | Mapping[str, Any] | str


def multilevel(
    effect: Any,
    variance: Any = None,
    *,
    levels: Groupings | None = None,
    crossed: Groupings | None = None,
    data: Any = None,
    moderators: Any = None,
    outcome: Any = None,
    structure: str | None = None,
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    labels: Any = None,
    se: Any = None,
    missing: str = "refuse",
    measure: str | None = None,
) -> Multilevel:
    """Fit a multilevel or multivariate model of dependent effects.

    Parameters
    ----------
    effect : array-like, shape (k,), or str
        Effects on an additive scale; with `data` a column, or a formula such as "effect ~ outcome - 1".
    variance : array-like, shape (k,) or (k, k), or str
        Sampling variances, or their full covariance matrix (see `covariance_matrix`, `shared_covariance`);
        with `data` a column.
    levels : sequence, mapping or str, optional
        Groups from the outermost to the innermost, each an array of k values, or with `data` a column; in a
        mapping by name. Each level counts groups within those of the level before. A level at which each
        effect is a group of its own lets effects differ within the groups; with sampling variances alone it
        should be given.
    crossed : sequence, mapping or str, optional
        Groupings that cross the levels and each other, each with a variance of its own: a group is the same
        wherever it occurs, such as a laboratory that took part in several studies. Given as `levels`; these may
        then be absent.
    data : DataFrame, optional
        Table (pandas, polars or alike) whose columns the arguments name. Rows with a missing moderator are left out,
        and counted in the note.
    moderators : DataFrame, optional
        Moderators, one column each, when `effect` is not a formula.
    outcome : array-like, shape (k,), or str, optional
        Outcome that each effect is about, or time of it; they correlate within the groups of the innermost level.
    structure : str, optional
        With `outcome`, the covariance matrix of the outcomes' true effects, in place of the innermost level's
        variance. One variance: "ID" (no correlation), "CS" (one correlation), "AR" (its power by the steps
        from time to time), "CAR" (its power by the time between). A variance for each outcome: "DIAG", "HCS"
        and "HAR", likewise. "UN", by default: a variance for each and a correlation for each pair. With AR,
        HAR and CAR the outcomes are times, given as numbers.
    method : str
        "REML" or "ML".
    test : str
        "t" (k - p degrees of freedom) or "z".
    level : float
        Level of all intervals, between 0 and 1.
    labels : array-like of str, or str, optional
    se : array-like, shape (k,), or str, optional
        Standard errors, in place of `variance`.
    missing : {"refuse", "omit"}
        What is done if an effect or a variance is missing: refuse, or leave the row out and say so in the note.
    measure : str, optional
        What the effects are, for figures; by default what the table says, if `effect_size` made it.

    Returns
    -------
    Multilevel

    Raises
    ------
    DataError
        If labels or shapes differ, a value is missing or out of range, or an option is unknown.
    ModelError
        If coefficients or variances are not identified, or no maximum is found; the message says which and
        what to do.

    References
    ----------
    Konstantopoulos S (2011). Res Synth Methods 2(1), 61-76.
    Berkey CS et al. (1998). Stat Med 17(22), 2537-2550.
    Fernández-Castilla B et al. (2019). Behav Res Methods 51(3), 1286-1304 (crossed levels).
    Ishak KJ et al. (2007). Clin Trials 4(5), 525-539 (AR and the like).

    Examples
    --------
    >>> import evidence as ev
    >>> effect = [0.10, 0.25, -0.05, 0.40, 0.35, 0.20]
    >>> variance = [0.04, 0.05, 0.03, 0.06, 0.05, 0.04]
    >>> district = ["a", "a", "b", "b", "c", "c"]
    >>> fit = ev.multilevel(effect, variance, levels=[district, [1, 2, 3, 4, 5, 6]])
    >>> fit.coefficients["estimate"].round(3).tolist()
    [0.175]
    """
    method = choose_method(method, ("REML", "ML"))
    test = choose_interval(test, ("t", "z"), "test")
    structure = None if structure is None else choose("structure", structure, STRUCTURES)
    check_level(level)
    check_missing(missing)
    rows = _read(effect, variance, se, data, moderators, levels, crossed, outcome, labels)
    diagonal = rows.variance if rows.variance.ndim == 1 else np.diagonal(rows.variance)
    gone = np.isnan(diagonal)
    design = build_design(rows.formula, rows.frame, missing=gone if missing == "omit" else None)
    kept = np.flatnonzero(design.kept)
    shown = tuple(rows.labels[i] for i in kept)
    if missing == "omit":
        spread = rows.variance[kept] if rows.variance.ndim == 1 else rows.variance[np.ix_(kept, kept)]
        covariance = check_covariance(spread, kept.size, shown)
    else:
        covariance = check_covariance(rows.variance, len(rows.labels), rows.labels)[np.ix_(kept, kept)]
    bad = ~(np.abs(design.response) <= EFFECT_LIMIT)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(
            f"{shown[i]}: the effect is {design.response[i]:g}; leave it out or give a finite number."
        )
    if len(shown) <= len(design.names):
        raise ModelError(
            f"{len(design.names)} coefficients leave nothing of {len(shown)} effects to estimate variances from; use "
            "fewer moderators."
        )
    parts, recurring = _structure(rows, structure, kept)
    blocks = arrange_blocks(design.response, design.matrix, covariance, parts.kernels)
    check_identified(blocks, parts)
    scale = _scatter(design, covariance)
    theta = likeliest_parameters(blocks.scaled(scale), parts, restricted=method == "REML")
    origin = Origin(rows.labels, rows.where, design.kept)
    return Multilevel(
        rows.formula,
        design,
        design.response,
        covariance,
        shown,
        origin.left_out,
        method,
        level,
        structure=parts,
        test=test,
        theta=theta,
        scale=scale,
        measure=code_of(rows.measure if measure is None else measure),
        origin=origin,
        recurring=recurring,
    )


class _EffectRows(NamedTuple):
    """What was given, in one order."""

    formula: str
    frame: pd.DataFrame
    """Effects and moderators."""
    variance: Floats
    """Shape (k,) or (k, k)."""
    levels: list[tuple[str, Any]]
    crossed: list[tuple[str, Any]]
    outcome: Any
    labels: tuple[str, ...]
    where: pd.Index | None
    """Index of the rows."""
    measure: str


def _read(
    effect: Any,
    variance: Any,
    se: Any,
    data: Any,
    moderators: Any,
    levels: Any,
    crossed: Any,
    outcome: Any,
    labels: Any,
) -> _EffectRows:
    """Pair effects, variances, levels and moderators by their labels."""
    table = None if data is None else as_frame(data)
    name, spread = variance_from(variance, se)
    formula = effect if isinstance(effect, str) else None
    if formula is not None and table is None:
        raise DataError(f"{effect!r} names a column or is a formula; give data=... as well.")
    if formula is not None and moderators is not None:
        raise DataError("give moderators in the formula, or as a table beside an array of effects; not both.")
    others = pd.DataFrame() if moderators is None else as_frame(moderators, "moderators")
    nested, crossing = _named(levels, "level"), _named(crossed, "crossed")
    if not nested and not crossing:
        raise DataError("levels needs at least one grouping of the effects, or give crossed.")
    groupings = [*nested, *crossing]
    called = [one for one, _ in groupings]
    if twice := [one for i, one in enumerate(called) if one in called[:i]]:
        raise DataError(
            f"two levels are called {twice[0]!r}; name them apart, by a mapping of name to groups."
        )
    square = np.ndim(spread) == 2 if not isinstance(spread, str) else False
    given = {
        "effect": None if formula is not None else effect,
        name: None if square else spread,
        **{f"levels[{i}]": values for i, (_, values) in enumerate(groupings)},
        "outcome": outcome,
        **{f"moderators[{i}]": others[one] for i, one in enumerate(others.columns)},
    }
    columns, index = align(given, data=table, labels=labels)
    if table is not None and formula is not None:
        frame = table
        formula = formula if "~" in formula else f"`{formula}` ~ 1"
    else:
        frame = pd.DataFrame({"effect": numbers(columns["effect"], "effect")}, index=index)
        if not len(frame):
            raise DataError("effect must have one dimension and at least one value.")
        if moderators is not None and len(others) != len(frame):
            raise DataError(f"moderators must be a DataFrame of {len(frame)} rows, one an effect.")
        for i, one in enumerate(others.columns):
            frame[one] = columns[f"moderators[{i}]"].array
        formula = "effect ~ " + (" + ".join(f"`{one}`" for one in others.columns) or "1")
    names = labels_of(columns.get("labels"), index, len(frame), per="effects")
    if square:
        matrix = align_square(spread, index, names, name) if isinstance(spread, pd.DataFrame) else spread
        variances = numbers(matrix, name, ndim=None)
        if se is not None:
            raise DataError("se takes one standard error an effect; give a covariance matrix as variance.")
    else:
        variances = numbers(columns[name], name, labels=names)
        variances = variances if se is None else squared(variances, names)
    grouped = [(one, columns[f"levels[{i}]"]) for i, (one, _) in enumerate(groupings)]
    return _EffectRows(
        formula,
        frame,
        variances,
        grouped[: len(nested)],
        grouped[len(nested) :],
        columns["outcome"],
        names,
        index,
        "" if table is None else table.attrs.get("measure", ""),
    )


def _named(levels: Any, kind: str) -> list[tuple[str, Any]]:
    """Levels with their names, from the outermost to the innermost."""
    if levels is None:
        return []
    if isinstance(levels, str):
        levels = [levels]
    if isinstance(levels, Mapping):
        return [(str(name), values) for name, values in levels.items()]
    return [
        (values if isinstance(values, str) else str(getattr(values, "name", None) or f"{kind} {i}"), values)
        for i, values in enumerate(levels, start=1)
    ]


def _structure(
    rows: _EffectRows, structure: str | None, kept: np.ndarray
) -> tuple[Structure, tuple[tuple[str, str], ...]]:
    """Check levels and outcomes; return the covariance structure of the rows kept, and levels that seem to cross."""
    k = len(rows.labels)
    codes: list[np.ndarray] = []
    recurring = []
    for i, (name, values) in enumerate(rows.levels):
        code, _ = groups_of(values, k, name)
        if codes:
            own = np.unique(code[kept]).size
            code = np.unique(np.column_stack([codes[-1], code]), axis=0, return_inverse=True)[1]
            if np.unique(code.reshape(-1)[kept]).size > own:
                recurring.append((name, rows.levels[i - 1][0]))
        codes.append(code.reshape(-1))
    codes = [code[kept] for code in codes]
    names = [name for name, _ in rows.levels]
    parts: list[Nested | Outcomes] = []
    if rows.outcome is not None:
        if not codes:
            raise DataError(
                "outcome needs levels: the groups within which outcomes correlate, such as the study."
            )
        parts = [_outcomes(rows.outcome, structure or "UN", k, kept, codes.pop())]
        names.pop()
    elif structure is not None:
        raise DataError(f"structure={structure!r} needs outcome, one value an effect.")
    for name, values in rows.crossed:
        names.append(name)
        codes.append(groups_of(values, k, name)[0][kept])
    if codes:
        parts.insert(0, Nested(tuple(names), codes))
    return Structure(parts), tuple(recurring)


def _outcomes(outcome: Any, kind: str, k: int, kept: np.ndarray, group: np.ndarray) -> Outcomes:
    """Outcomes of the rows kept, or their times in order."""
    times = None
    if kind in SERIAL:
        values = numbers(outcome, "outcome")
        if values.size != k or not np.isfinite(values).all():
            raise DataError(
                f"structure={kind!r} needs the time of each of the {k} effects as outcome, a finite number."
            )
        times, which = np.unique(values[kept], return_inverse=True)
        names = tuple(f"{time:.12g}" for time in times)
    else:
        which, known = groups_of(outcome, k, "outcome")
        present = np.unique(which[kept])
        which, names = np.searchsorted(present, which[kept]), tuple(known[i] for i in present)
    if len(names) < 2:
        raise DataError("outcome has a single value; leave it out.")
    return Outcomes(kind, names, which, group, times)


def _scatter(design: Design, covariance: Floats) -> float:
    """Variance in whose units the effects scatter by about 1."""
    fitted = design.matrix @ np.linalg.lstsq(design.matrix, design.response, rcond=None)[0]
    residual = float(np.square(design.response - fitted).sum() / max(fitted.size - design.matrix.shape[1], 1))
    return max(residual, float(np.median(np.diagonal(covariance))))
