"""From a formula and a table to the design matrix of a meta-regression."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec  # type: ignore[import-untyped]
from formulaic.errors import FormulaicError  # type: ignore[import-untyped]

from evidence.columns import align, as_frame, labels_of, plain_columns
from evidence.errors import DataError, ModelError
from evidence.models.core.weighted import Floats

__all__ = ["Design", "build_design", "check_rank", "new_rows", "study_labels"]

RANK_TOLERANCE = 1e-10
"""A column counts as a combination of earlier ones if less than this share of its length is left beside them."""


@dataclass(frozen=True, eq=False)
class Design:
    """What a formula makes of a table.

    Attributes
    ----------
    matrix : ndarray, shape (k, p)
        Design matrix of the rows kept.
    names : tuple of str
        Names of the coefficients.
    terms : dict of str to list of int
        Columns of each term of the formula but the intercept.
    intercept : bool
        Whether there is an intercept; it is then the first column.
    response : ndarray, shape (k,)
        Left side of the formula; empty if it has none.
    kept : ndarray of bool, shape (rows of the table,)
        Rows in which no moderator is missing.
    spec : ModelSpec
        How to encode further rows in the same way.
    """

    matrix: Floats
    names: tuple[str, ...]
    terms: dict[str, list[int]]
    intercept: bool
    response: Floats
    kept: np.ndarray
    spec: ModelSpec


def build_design(formula: str, data: pd.DataFrame, *, missing: np.ndarray | None = None) -> Design:
    """Evaluate a formula on a table, leaving out rows with a missing moderator.

    Parameters
    ----------
    formula : str
        "effect ~ a + b", with factors, interactions (a:b, a*b), transformations, `- 1` for no intercept.
    data : DataFrame
    missing : ndarray of bool, optional
        Further rows to leave out; with it, rows with a missing effect are left out as well.

    Raises
    ------
    DataError
        If the formula cannot be read or evaluated, names an unknown column, no row is complete, or a moderator has
        one value throughout.
    ModelError
        If a column of the design is a linear combination of earlier ones, which the message names.
    """
    left, right = _parse(formula)
    moderators = _columns_used(right, data.columns)
    responses = _columns_used(left, data.columns) if left is not None else []
    data = plain_columns(data, [*moderators, *responses])
    kept = data[moderators].notna().all(axis=1).to_numpy()
    if missing is not None:
        kept = kept & ~missing & data[responses].notna().all(axis=1).to_numpy()
    if not kept.any():
        raise DataError(
            f"no row has all moderators of {formula!r}; check the columns {', '.join(moderators)}."
        )
    rows = data[kept].copy(deep=False)
    for column in moderators:
        if isinstance(rows[column].dtype, pd.CategoricalDtype):
            rows[column] = rows[column].cat.remove_unused_categories()
    matrix, spec = _evaluate(formula, right, rows)
    response = _response(formula, left, rows)
    names = tuple(str(name) for name in matrix.columns)
    if not names:
        raise ModelError(f"{formula!r} has no coefficients; add a moderator or keep the intercept.")
    _refuse_one_level(formula, spec, rows)
    values = _finite(matrix, formula)
    intercept = names[0] == "Intercept"
    check_rank(values, names)
    return Design(values, names, _terms(spec, names), intercept, response, kept, spec)


def _response(formula: str, left: Any, rows: pd.DataFrame) -> Floats:
    """Left side of a formula; a column of numbers is itself."""
    if left is None:
        return np.empty(0)
    name = str(next(iter(left)))
    if name in rows.columns and isinstance(rows[name].dtype, np.dtype) and rows[name].dtype.kind in "fiu":
        return rows[name].to_numpy(dtype=float)
    return _evaluate(formula, left, rows)[0].iloc[:, 0].to_numpy(dtype=float)


def _refuse_one_level(formula: str, spec: ModelSpec, rows: pd.DataFrame) -> None:
    """Refuse a factor with one level: its column vanishes, and a test of moderators would test something else."""
    for part in spec.structure:
        if part.columns:
            continue
        used = _columns_used([part.term], rows.columns)
        name = next((one for one in used if len(rows[one].unique()) == 1), str(part.term))
        level = f"{str(rows[name].iloc[0])!r} in every study" if name in rows.columns else "without columns"
        raise DataError(
            f"the moderator {name} of {formula!r} is {level}, so it cannot explain differences; leave it out of the "
            "formula."
        )


def new_rows(spec: ModelSpec, data: Any) -> Floats:
    """Encode further rows as the rows of a design were.

    Raises
    ------
    DataError
        If a column is absent, a value is missing, or a factor has a level that the design does not know.
    """
    data = as_frame(data, "new data")
    if "Intercept" in spec.column_names and len(spec.column_names) == 1:
        return np.ones((len(data), 1))
    used = _columns_used(spec.formula, data.columns)
    data = plain_columns(data, used)
    missing = data[used].isna().any(axis=1).to_numpy()
    if missing.any():
        raise DataError(
            f"new data row {data.index[int(missing.argmax())]!r}: a moderator is missing; give its value."
        )
    matrix, _ = _evaluate(str(spec.formula), spec, data)
    return _finite(matrix, str(spec.formula))


def check_rank(matrix: Floats, names: Sequence[str]) -> None:
    """Raise ModelError naming the first column that is a linear combination of earlier ones."""
    k, p = matrix.shape
    if p > k:
        raise ModelError(
            f"{p} coefficients cannot be estimated from {k} {'study' if k == 1 else 'studies'}; "
            "use fewer moderators or levels."
        )
    length = np.abs(matrix).max(axis=0)
    if not length.all():
        raise ModelError(
            f"the column {names[int(length.argmin())]!r} of the design is zero throughout; drop it."
        )
    scaled = matrix / length
    scaled /= np.sqrt(np.square(scaled).sum(axis=0))
    left = np.abs(np.diagonal(np.linalg.qr(scaled, mode="r")))
    if (left < RANK_TOLERANCE).any():
        name = names[int((left < RANK_TOLERANCE).argmax())]
        raise ModelError(
            f"the column {name!r} of the design is a linear combination of the columns before it, so its "
            "coefficient cannot be estimated; drop it or one of those."
        )


def study_labels(labels: Any, data: pd.DataFrame) -> tuple[str, ...]:
    """Labels of the rows of a table: a column, a sequence, or by default the text index or "Study 1", ..."""
    if isinstance(labels, str):
        labels = labels if labels in data.columns or labels != "label" else None
    return labels_of(align({"labels": labels}, data=data)[0]["labels"], data.index, len(data), per="rows")


def _parse(formula: str) -> tuple[Any, Any]:
    """Left and right side; the left is None if there is none."""
    try:
        parsed = Formula(formula)
    except (FormulaicError, SyntaxError) as error:
        raise DataError(f"cannot read the formula {formula!r}: {_plain(error)}") from error
    left, right = (parsed.lhs, parsed.rhs) if hasattr(parsed, "lhs") else (None, parsed)
    if not hasattr(right, "required_variables") or isinstance(right, tuple):
        raise DataError(
            f"the formula {formula!r} has more than one part; write one right side, 'effect ~ a + b'."
        )
    if left is not None and (isinstance(left, tuple) or len(list(left)) != 1):
        raise DataError(
            f"the formula {formula!r} must have one effect on its left side, as in 'effect ~ a + b'."
        )
    return left, right


def _columns_used(formula: Iterable[Any], columns: Iterable[Any]) -> list[str]:
    """Columns of a table that the factors of a formula refer to."""
    used: set[str] = set()
    for term in formula:
        for factor in term.factors:
            expression = str(factor.expr)
            used.add(expression)
            used.update(re.findall(r"`([^`]+)`", expression))
            try:
                tree = ast.parse(re.sub(r"`[^`]+`", "_", expression), mode="eval")
            except SyntaxError:
                continue
            used.update(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return [column for column in columns if column in used]


def _evaluate(formula: str, part: Any, data: pd.DataFrame) -> tuple[pd.DataFrame, ModelSpec]:
    """Matrix of one side of a formula; whatever goes wrong becomes a DataError."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", RuntimeWarning)  # a logarithm of zero is reported as not finite
            matrix = part.get_model_matrix(data, context={}, na_action="ignore")
    except Exception as error:
        raise DataError(f"cannot evaluate {formula!r} on the table: {_plain(error)}") from error
    return pd.DataFrame(matrix), matrix.model_spec


def _finite(matrix: pd.DataFrame, formula: str) -> Floats:
    try:
        values = matrix.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"{formula!r} gives columns that are not numbers: {error}") from error
    bad = ~(np.abs(values) <= 1e100)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"row {matrix.index[row]!r}: {matrix.columns[column]} is {values[row, column]:g}; "
            "leave the row out or use another transformation."
        )
    return values


def _terms(spec: ModelSpec, names: tuple[str, ...]) -> dict[str, list[int]]:
    return {
        str(part.term): [names.index(column) for column in part.columns]
        for part in spec.structure
        if part.columns and part.term != "1"
    }


def _plain(error: Exception) -> str:
    """Text of an error in one line, without terminal colours."""
    text = re.sub(r"\x1b\[[0-9;]*m|⧛|⧚", "", str(error))
    return " ".join(text.split()) or type(error).__name__
