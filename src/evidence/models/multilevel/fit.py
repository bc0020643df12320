"""Models for dependent effects: nested levels, correlated sampling errors, several outcomes of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from evidence.errors import DataError, ModelError, choose
from evidence.measures import choose_interval, choose_method
from evidence.models.core.weighted import Floats
from evidence.models.multilevel.covariance import check_covariance, cluster_codes
from evidence.models.multilevel.likelihood import arrange_blocks
from evidence.models.multilevel.result import Multilevel
from evidence.models.multilevel.search import check_identified, maximise
from evidence.models.multilevel.structure import STRUCTURES, Nested, Outcomes, Structure
from evidence.models.pool import EFFECT_LIMIT
from evidence.models.regression.design import Design, build_design, study_labels

__all__ = ["multilevel"]


def multilevel(
    effect: Any,
    variance: Any,
    *,
    levels: Sequence[Any] | Mapping[str, Any] | str,
    data: pd.DataFrame | None = None,
    moderators: pd.DataFrame | None = None,
    outcome: Any = None,
    structure: str | None = None,
    method: str = "REML",
    test: str = "t",
    level: float = 0.95,
    labels: Any = None,
) -> Multilevel:
    """Fit a multilevel or multivariate model of dependent effects.

    Parameters
    ----------
    effect : array-like, shape (k,), or str
        Effects on an additive scale; with `data` a column, or a formula such as "effect ~ outcome - 1".
    variance : array-like, shape (k,) or (k, k), or str
        Sampling variances, or their full covariance matrix (see `covariance_matrix`, `shared_covariance`);
        with `data` a column.
    levels : sequence, mapping or str
        Groups from the outermost to the innermost, each an array of k values, or with `data` a column; in a
        mapping by name. Each level counts groups within those of the level before. A level at which each
        effect is a group of its own lets effects differ within the groups; with sampling variances alone it
        should be given.
    data : DataFrame, optional
    moderators : DataFrame, optional
        Moderators, one column each, when `effect` is not a formula.
    outcome : array-like, shape (k,), or str, optional
        Outcome that each effect is about; they correlate within the groups of the innermost level.
    structure : str, optional
        With `outcome`: "CS", "HCS" or "UN", the covariance matrix of the outcomes' true effects. It takes the
        place of the innermost level's variance. "UN" by default.
    method : str
        "REML" or "ML".
    test : str
        "t" (k - p degrees of freedom) or "z".
    level : float
        Level of all intervals, between 0 and 1.
    labels : sequence of str or str, optional

    Returns
    -------
    Multilevel

    Raises
    ------
    DataError
        If shapes differ, a value is missing or out of range, or an option is unknown.
    ModelError
        If coefficients or variances are not identified, or no maximum is found; the message says which and
        what to do.

    References
    ----------
    Konstantopoulos S (2011). Res Synth Methods 2(1), 61-76.
    Berkey CS et al. (1998). Stat Med 17(22), 2537-2550.
    """
    method = choose_method(method, ("REML", "ML"))
    test = choose_interval(test, ("t", "z"), "test")
    structure = None if structure is None else choose("structure", structure, STRUCTURES)
    if not 0.0 < level < 1.0:
        raise DataError(f"level must lie between 0 and 1, for example 0.95; got {level!r}.")
    formula, frame = _frame(effect, data, moderators)
    names = study_labels(labels, frame)
    design = build_design(formula, frame)
    kept = np.flatnonzero(design.kept)
    everything = check_covariance(_column(variance, data), len(frame), names)
    covariance = everything[np.ix_(kept, kept)]
    shown = tuple(names[i] for i in kept)
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
    parts = _structure(levels, data, outcome, structure, len(frame), kept)
    blocks = arrange_blocks(design.response, design.matrix, covariance, parts.kernels)
    check_identified(blocks, parts)
    scale = _scatter(design, covariance)
    theta = maximise(blocks.scaled(scale), parts, restricted=method == "REML")
    dropped = tuple(name for name, keep in zip(names, design.kept, strict=True) if not keep)
    return Multilevel(
        formula, design, design.response, covariance, shown, dropped, parts, method, test, level, theta, scale
    )


def _frame(
    effect: Any, data: pd.DataFrame | None, moderators: pd.DataFrame | None
) -> tuple[str, pd.DataFrame]:
    """Formula and the table to evaluate it on."""
    if isinstance(effect, str):
        if data is None:
            raise DataError(f"{effect!r} names a column or is a formula; give data=... as well.")
        if moderators is not None:
            raise DataError(
                "give moderators in the formula, or as a table beside an array of effects; not both."
            )
        return (effect if "~" in effect else f"`{effect}` ~ 1"), data
    frame = pd.DataFrame({"effect": _vector(effect, "effect")}, index=getattr(effect, "index", None))
    if moderators is None:
        return "effect ~ 1", frame
    if not isinstance(moderators, pd.DataFrame) or len(moderators) != len(frame):
        raise DataError(f"moderators must be a DataFrame of {len(frame)} rows, one an effect.")
    frame = pd.concat([frame.reset_index(drop=True), moderators.reset_index(drop=True)], axis=1)
    return "effect ~ " + " + ".join(f"`{name}`" for name in moderators.columns), frame


def _vector(values: Any, name: str) -> Floats:
    try:
        out = np.array(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be numbers: {error}") from error
    if out.ndim != 1 or not out.size:
        raise DataError(f"{name} must have one dimension and at least one value; its shape is {out.shape}.")
    return out


def _column(values: Any, data: pd.DataFrame | None) -> Any:
    if not isinstance(values, str):
        return values
    if data is None or values not in data.columns:
        raise DataError(f"there is no column {values!r}; give data=... with that column, or an array.")
    return data[values]


def _structure(
    levels: Any, data: pd.DataFrame | None, outcome: Any, structure: str | None, k: int, kept: np.ndarray
) -> Structure:
    """Check levels and outcomes; return the covariance structure of the rows kept."""
    if isinstance(levels, str):
        levels = [levels]
    if isinstance(levels, Mapping):
        named = list(levels.items())
    else:
        named = [
            (
                values if isinstance(values, str) else str(getattr(values, "name", None) or f"level {i}"),
                values,
            )
            for i, values in enumerate(levels, start=1)
        ]
    if not named:
        raise DataError("levels needs at least one grouping of the effects.")
    codes: list[np.ndarray] = []
    for name, values in named:
        code, _ = cluster_codes(_column(values, data), k, name)
        if codes:
            code = np.unique(np.column_stack([codes[-1], code]), axis=0, return_inverse=True)[1]
        codes.append(code.reshape(-1))
    codes = [code[kept] for code in codes]
    names = tuple(str(name) for name, _ in named)
    if outcome is None:
        if structure is not None:
            raise DataError(f"structure={structure!r} needs outcome, one value an effect.")
        return Structure([Nested(names, codes)])
    which, outcomes = cluster_codes(_column(outcome, data), k, "outcome")
    present = np.unique(which[kept])
    if present.size < 2:
        raise DataError("outcome has a single value; leave it out.")
    which = np.searchsorted(present, which[kept])
    within = Outcomes(structure or "UN", tuple(outcomes[i] for i in present), which, codes[-1])
    outer = [Nested(names[:-1], codes[:-1])] if len(codes) > 1 else []
    return Structure([*outer, within])


def _scatter(design: Design, covariance: Floats) -> float:
    """Variance in whose units the effects scatter by about 1."""
    fitted = design.matrix @ np.linalg.lstsq(design.matrix, design.response, rcond=None)[0]
    residual = float(np.square(design.response - fitted).sum() / max(fitted.size - design.matrix.shape[1], 1))
    return max(residual, float(np.median(np.diagonal(covariance))))
