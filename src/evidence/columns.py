"""Columns as callers give them: arrays, lists, labelled series or names of a table's columns; read by one rule.

What has labels (a pandas Series or DataFrame) is paired by its labels: put into the order of the first labelled
column, or refused with the labels that differ. What has none (lists, tuples, arrays, columns of polars and the like)
is paired by position; so is, beside names, a Series with the index 0, 1, ... that pandas gives by default.
Equal labels in equal order may repeat; in another order a label that stands twice has no place.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evidence.errors import DataError, DataWarning

__all__ = [
    "MISSING",
    "PLAIN",
    "Origin",
    "align",
    "align_square",
    "align_tables",
    "as_frame",
    "beside",
    "check_missing",
    "column",
    "factor",
    "labels_of",
    "left_out_note",
    "numbers",
    "numeric_text",
    "plain_columns",
    "same_order",
    "shown",
    "study_numbers",
    "text_index",
    "texts",
    "variance_from",
]

MISSING = ("refuse", "omit")
"""What may be done with a study whose effect or variance is missing."""
PLAIN = (np.ndarray, list, tuple)
"""Types without labels."""
BLANK = frozenset({"", "NA", "N/A", "na", "n/a", "nan", "NaN", "NAN", ".", "None", "null", "<NA>"})
"""Text that stands for a missing number."""
NAMED = 5
"""How many labels a message lists before it counts the others."""

Floats = NDArray[np.float64]
FLOAT = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class Origin:
    """Where the studies of a fit stood among the rows given."""

    labels: tuple[str, ...]
    """Labels of all rows given."""
    index: pd.Index | None
    """Index of all rows given; None if nothing had one."""
    kept: NDArray[np.bool_]
    """Which of the rows are in the fit."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """Labels of the rows that are not in the fit."""
        return tuple(label for label, kept in zip(self.labels, self.kept, strict=True) if not kept)

    def take(self, rows: NDArray[Any]) -> Origin:
        """Keep some of the studies of the fit, as if they alone had been given."""
        places = np.flatnonzero(self.kept)[rows]
        return Origin(
            tuple(self.labels[i] for i in places),
            None if self.index is None else self.index[places],
            np.ones(len(places), dtype=bool),
        )


def as_frame(data: Any, name: str = "data") -> pd.DataFrame:
    """Return a table as a pandas DataFrame; tables of polars, PyArrow and the like keep their order.

    Raises
    ------
    DataError
        If it is not a table, or one whose rows are not computed yet.
    """
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, Mapping):
        return pd.DataFrame(align(data)[0])
    if data is not None and not isinstance(data, (str, list, tuple, np.ndarray)):
        import narwhals

        table = narwhals.from_native(data, eager_only=False, pass_through=True)
        if isinstance(table, narwhals.DataFrame):
            return pd.DataFrame({one: table[one].to_list() for one in table.columns})
        if isinstance(table, narwhals.LazyFrame):
            raise DataError(f"{name} is a lazy table; collect its rows first.")
    raise DataError(f"{name} must be a DataFrame with one row a study, not {type(data).__name__}.")


def column(values: Any, name: str, data: pd.DataFrame | None) -> Any:
    """Return the column of a table that `values` names, or else `values` as a Series, list or array.

    Raises
    ------
    DataError
        If a name is given and there is no such column, or no table.
    """
    if isinstance(values, str):
        if data is None:
            raise DataError(
                f"{name}={values!r} names a column, but no data were given; give the table by data=... as well."
            )
        if values not in data.columns:
            raise DataError(
                f"the table has no column {values!r} for {name}; its columns are "
                f"{', '.join(map(str, data.columns))}."
            )
        if sum(one == values for one in data.columns) > 1:
            raise DataError(f"the table has several columns {values!r}; name them apart.")
        return data[values]
    if values is None or isinstance(values, (np.ndarray, list, tuple, pd.Series, pd.DataFrame)):
        return values
    if isinstance(values, Mapping):
        return pd.Series(dict(values))
    if isinstance(values, pd.api.extensions.ExtensionArray | pd.Index):
        return pd.Series(values).to_numpy(dtype=object)
    if np.ndim(values) == 0 and not hasattr(values, "__len__") and not hasattr(values, "__iter__"):
        return values
    import narwhals

    series = narwhals.from_native(values, allow_series=True, pass_through=True)
    if isinstance(series, narwhals.Series):
        return series.to_list()
    if isinstance(series, narwhals.DataFrame):
        return as_frame(values, name).to_numpy()
    return values if hasattr(values, "__array__") or not isinstance(values, Iterable) else list(values)


def align(
    columns: Mapping[str, Any], *, data: pd.DataFrame | None = None, labels: Any = None
) -> tuple[dict[str, Any], pd.Index | None]:
    """Pair columns by their labels.

    Parameters
    ----------
    columns : mapping of str to array-like, str or None
        Columns by the name of the argument; a text names a column of `data`.
    data : DataFrame, optional
        Its index is the order that others are put into.
    labels : array-like of str, or str, optional
        Names of the rows. They stand for an index where the first column has none, and come back as "labels".

    Returns
    -------
    columns : dict
        The columns in one order; None stays None.
    index : Index or None
        The common labels; None if nothing has labels.

    Raises
    ------
    DataError
        If a column has other labels than the first labelled one; the message names them.
    """
    found = {name: column(values, name, data) for name, values in columns.items()}
    if labels is not None:
        found["labels"] = column(labels, "labels", data)
    known = [("the table", data.index)] if data is not None else []
    known += [(name, values.index) for name, values in found.items() if isinstance(values, pd.Series)]
    if not known:
        return found, None
    first, index = next((one for one in known if not _default(one[1])), known[0])
    if labels is not None and data is None and first != "labels" and not _default(index):
        leading = next(iter(found.values()))
        if _unlabelled(found["labels"]) and _unlabelled(leading):
            first, index = "labels", pd.Index(texts(found["labels"], "labels"), dtype=object)
    for name, values in found.items():
        if isinstance(values, pd.Series) and (order := _order(index, values.index, first, name)) is not None:
            found[name] = values.iloc[order]
    return found, index


def same_order(columns: Mapping[str, Any]) -> pd.Index | None:
    """Return the common index of columns that have to be in one order already; None if nothing has labels.

    For functions whose result is a table of the same rows: which order it should have is for the caller to say.
    """
    labelled = {name: values.index for name, values in columns.items() if isinstance(values, pd.Series)}
    if not labelled:
        return None
    first, index = next(
        (one for one in labelled.items() if not _default(one[1])), next(iter(labelled.items()))
    )
    for name, other in labelled.items():
        try:
            moved = _order(index, other, first, name) is not None
        except DataError as error:
            raise DataError(f"The index of {name} differs: {error}") from error
        if moved:
            raise DataError(
                f"The index of {name} differs from that of {first}: the same labels stand in another order. Align "
                "them first."
            )
    return index


def align_tables(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Pair two-dimensional tables by the labels of rows and columns; as `align`, for both sides."""
    found: dict[str, Any] = {}
    first = ""
    for name, values in columns.items():
        if isinstance(values, pd.DataFrame) or (
            values is not None and not isinstance(values, (np.ndarray, list, tuple)) and _is_table(values)
        ):
            values = as_frame(values, name)
            if first:
                rows = _order(found[first].index, values.index, first, name)
                if rows is not None:
                    values = values.iloc[rows]
                across = _order(found[first].columns, values.columns, first, name)
                if across is not None:
                    values = values.iloc[:, across]
            first = first or name
        found[name] = values
    return found


def align_square(matrix: pd.DataFrame, index: pd.Index | None, labels: tuple[str, ...], name: str) -> Any:
    """Put a labelled square matrix into the order of the effects, by their index or their labels."""
    if (across := _order(matrix.index, matrix.columns, f"the rows of {name}", "its columns")) is not None:
        matrix = matrix.iloc[:, across]
    wanted = [] if index is None else [index]
    if not _numbered(labels) and (index is not None or text_index(matrix.index)):
        wanted.append(pd.Index(labels, dtype=object))
    if not wanted:
        return matrix.to_numpy()  # the effects have no labels: there is nothing to pair by
    chosen = next((one for one in wanted if _same(one, matrix.index)), wanted[0])
    order = _order(chosen, matrix.index, "the effects", name)
    return matrix.to_numpy() if order is None else matrix.to_numpy()[np.ix_(order, order)]


def study_numbers(fit: Any, values: Any, name: str) -> Floats:
    """Read numbers that belong to the studies of a fit, in its order; as `beside`."""
    return numbers(beside(fit, values, name), name, labels=fit.labels)


def beside(fit: Any, values: Any, name: str) -> Any:
    """Put values that belong to the studies of a fit into its order.

    Parameters
    ----------
    fit : a result with `labels`, and perhaps `origin`
    values : array-like, one a study of the fit, or one a row that was given
        With labels: those of the rows given, or of the studies.
    name : str

    Returns
    -------
    Series, list or array of one value a study

    Raises
    ------
    DataError
        If labels or number do not agree with the fit; the message names the labels that differ.
    """
    values = column(values, name, None)
    origin: Origin | None = getattr(fit, "origin", None)
    k = len(fit.labels)
    if values is None or not hasattr(values, "__len__"):
        raise DataError(f"{name} must have one value for each of the {k} studies; got {values!r}.")
    if isinstance(values, pd.Series):
        return _beside_labelled(fit, origin, values, name)
    if np.ndim(values) > 1:
        raise DataError(
            f"{name} must have one dimension, one value a study; its shape is {np.shape(values)}."
        )
    if len(values) == k:
        return values
    if origin is not None and len(values) == len(origin.labels):
        return [value for value, kept in zip(values, origin.kept, strict=True) if kept]
    raise DataError(
        f"{name} has {len(values)} values for {k} studies; give one value for each of the {k} studies."
    )


def _beside_labelled(fit: Any, origin: Origin | None, values: pd.Series, name: str) -> pd.Series:
    k = len(fit.labels)
    own = pd.Index(fit.labels, dtype=object)
    wanted: list[pd.Index] = []
    if origin is not None:
        whole = pd.Index(origin.labels, dtype=object)
        for index in (origin.index, whole):
            if index is not None:
                wanted += [index[origin.kept], index]
    wanted.append(own)
    for index in wanted:
        if len(index) == len(values) and _same(index, values.index):
            order = _order(index, values.index, "the fit", name)
            values = values if order is None else values.iloc[order]
            return values if len(values) == k or origin is None else values[origin.kept]
    unlabelled = _default(values.index) or (
        (origin is None or origin.index is None) and (_numbered(fit.labels) or not text_index(values.index))
    )
    if unlabelled and len(values) == k:
        return values  # the fit has no labels of its own: there is nothing to pair by
    if unlabelled and origin is not None and len(values) == len(origin.labels):
        return values[origin.kept]
    try:
        _order(wanted[0], values.index, "the fit", name)
    except DataError as error:
        raise DataError(f"{name} has {len(values)} values for {k} studies, and {error}") from error
    raise DataError(
        f"{name} has {len(values)} values for {k} studies; give one value for each of the {k} studies."
    )


def _default(index: Any) -> bool:
    """Whether an index is absent, or the one that pandas gives by default: it names nothing."""
    return index is None or (isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1)


def _unlabelled(values: Any) -> bool:
    return not isinstance(values, pd.Series) or _default(values.index)


def _same(one: pd.Index, other: pd.Index) -> bool:
    """Whether two indexes pair: equal, or unique and the same labels."""
    return one.equals(other) or (
        one.is_unique and other.is_unique and bool((other.get_indexer(one) >= 0).all())
    )


def _order(reference: pd.Index, index: pd.Index, first: str, name: str) -> NDArray[np.intp] | None:
    """Places that put `index` into the order of `reference`; None if it is in that order."""
    if index is reference or index.equals(reference):
        return None
    if _default(index) and len(index) == len(reference) and not pd.api.types.is_numeric_dtype(reference):
        return None
    for where, labels in ((first, reference), (name, index)):
        if not labels.is_unique and set(reference) == set(index):
            twice = labels[labels.duplicated()][0]
            raise DataError(
                f"{first} and {name} have the same labels in different order, and {where} has {twice!r} more than "
                "once, so that they cannot be paired; make the labels unique, or give plain arrays in one order."
            )
    places = index.get_indexer(reference) if index.is_unique and reference.is_unique else None
    if places is None or len(reference) != len(index) or (places < 0).any():
        only = [
            f"only {one} has {_listed(left.difference(right, sort=False))}"
            for one, left, right in ((first, reference, index), (name, index, reference))
            if len(left.difference(right, sort=False))
        ] or [f"{first} has {len(reference)} rows and {name} {len(index)}"]
        raise DataError(
            f"the labels of {name} differ from those of {first}: {'; '.join(only)}. Give both the same labels, or "
            "plain arrays to pair them by position."
        )
    return places


def _listed(labels: pd.Index) -> str:
    names = [repr(label.item() if isinstance(label, np.generic) else label) for label in labels[:NAMED]]
    return ", ".join(names) + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")


def _is_table(values: Any) -> bool:
    import narwhals

    return isinstance(narwhals.from_native(values, pass_through=True), narwhals.DataFrame)


def _numbered(labels: tuple[str, ...]) -> bool:
    """Whether labels are those that studies without names get."""
    return all(label == f"Study {i}" for i, label in enumerate(labels, start=1))


def text_index(index: pd.Index | None) -> bool:
    """Whether an index holds texts, which can name studies."""
    return index is not None and len(index) > 0 and all(isinstance(label, str) for label in index)


def labels_of(labels: Any, index: pd.Index | None, k: int, *, per: str = "studies") -> tuple[str, ...]:
    """Labels of k studies: those given, or the index if it is text, or "Study 1", ...; one that is missing likewise.

    Raises
    ------
    DataError
        If there is not one a study.
    """
    if labels is None:
        labels = list(index) if text_index(index) and index is not None and len(index) == k else None
    if labels is None:
        return tuple(f"Study {i}" for i in range(1, k + 1))
    if isinstance(labels, str):
        raise DataError(
            f"labels={labels!r} names a column; give the table by data=..., or one label a study."
        )
    names = texts(labels, "labels")
    if len(names) != k:
        raise DataError(f"labels has {len(names)} values for {k} {per}; give one label a study.")
    return tuple(name or f"Study {i}" for i, name in enumerate(names, start=1))


def shown(value: Any) -> str:
    """Text of one value, as a reader sees it; empty if it is missing."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (np.ndim(value) == 0 and pd.isna(value)):
        return ""
    return str(value)


def texts(values: Any, name: str) -> list[str]:
    """Read names, without blanks around them; empty where one is missing.

    Raises
    ------
    DataError
        If there is not one dimension.
    """
    values = column(values, name, None)
    if isinstance(values, (str, bytes)) or np.ndim(values) == 0:
        raise DataError(f"{name} must be a list of names, one a row, not {values!r}.")
    if isinstance(values, np.ndarray | pd.DataFrame) and values.ndim != 1:
        raise DataError(f"{name} must have one dimension, one value a row; its shape is {values.shape}.")
    return [shown(value) for value in values]


def factor(values: Any, name: str) -> tuple[NDArray[np.intp], list[str]]:
    """Number the groups that values name, in sorted order; values that look the same are the same group.

    Returns
    -------
    codes : ndarray of int
        Negative where the value is missing.
    names : list of str
    """
    column_ = column(values, name, None)
    if isinstance(column_, (str, bytes)) or column_ is None or np.ndim(column_) == 0:
        return np.empty(0, dtype=np.intp), []
    whole = pd.Series(list(column_), dtype=object)
    seen = whole.map(shown)
    _, unique = pd.factorize(seen)
    first = {text: value for text, value in zip(seen[::-1], whole[::-1], strict=True) if text}
    names = [text for text in unique if text]
    try:
        names.sort(key=lambda text: first[text])
    except TypeError:  # values of several kinds
        names.sort()
    place = {text: i for i, text in enumerate(names)}
    return np.array([place.get(text, -1) for text in seen], dtype=np.intp), names


def numbers(values: Any, name: str, *, labels: Iterable[Any] | None = None, ndim: int | None = 1) -> Floats:
    """Copy to a float array, NaN where a value is missing; text that holds numbers is read with a warning.

    Parameters
    ----------
    values : array-like
    name : str
        What messages call it.
    labels : sequence, optional
        Names of the rows for messages.
    ndim : int or None
        Number of dimensions that it has to have.

    Raises
    ------
    DataError
        If a value is not a number, or the number of dimensions is wrong.
    """
    try:
        if type(values) in PLAIN:  # the quick way
            out = np.array(values)
            if out.dtype == FLOAT and out.ndim == ndim:
                return out
        out = _float_array(column(values, name, None), name, labels)
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name} must be numbers, one a study: {error}") from error
    if ndim is not None and out.ndim != ndim:
        raise DataError(f"{name} must have one dimension, one value a study; its shape is {out.shape}.")
    return out


def _float_array(values: Any, name: str, labels: Iterable[Any] | None) -> Floats:
    if isinstance(values, pd.Series) and not isinstance(values.dtype, np.dtype):
        values = values.to_numpy(dtype=object)  # nullable, text and categorical columns
    elif isinstance(values, pd.DataFrame):
        plain = all(isinstance(kind, np.dtype) for kind in values.dtypes)
        values = values.to_numpy() if plain else values.to_numpy(dtype=object)
    out = np.array(values)
    if out.dtype == np.float64:
        return out
    if out.dtype.kind not in "OUS":
        return out.astype(np.float64, casting="same_kind")
    if out.dtype.kind != "O":  # numpy made text of everything if one value was text
        out = np.array(values, dtype=object)
    flat = out.reshape(-1)
    names = [f"row {i}" for i in range(flat.size)] if labels is None else [str(label) for label in labels]
    read = np.array(
        [_number(value, name, names[i % len(names)]) for i, value in enumerate(flat)], dtype=float
    )
    text = sum(isinstance(value, (str, bytes)) and shown(value) not in BLANK for value in flat)
    if text:
        warnings.warn(
            f"{name}: {text} of {flat.size} values are text; they were read as numbers.",
            DataWarning,
            stacklevel=2,
        )
    return read.reshape(out.shape)


def _number(value: Any, name: str, row: str) -> float:
    """Read one value; NaN if it is missing."""
    if isinstance(value, bytes):
        value = value.decode()
    if isinstance(value, str):
        plain = value.strip().replace("\u2212", "-")
        try:
            return np.nan if plain in BLANK else float(plain)
        except ValueError:
            raise DataError(f"{row}: {name} is {value!r}; {name} must be numbers, give one.") from None
    if value is None or value is pd.NA or value is pd.NaT:
        return np.nan
    if isinstance(value, complex | np.complexfloating):
        raise TypeError(f"{value!r} is a complex number")
    return float(value)


def plain_columns(data: pd.DataFrame, used: Iterable[str]) -> pd.DataFrame:
    """Give the columns that a formula uses types that it knows: floats, truth values and texts.

    Text that holds numbers becomes numbers, with a warning; values of several kinds become what they show.
    """
    changed: dict[str, Any] = {}
    for name in used:
        values = data[name]
        kind = values.dtype
        if isinstance(kind, pd.CategoricalDtype) or (isinstance(kind, np.dtype) and kind.kind in "fiubMm"):
            continue
        present = values.dropna()
        if pd.api.types.is_bool_dtype(kind) or (
            len(present) and all(isinstance(v, bool | np.bool_) for v in present)
        ):
            changed[name] = values.astype(object) if values.isna().any() else values.astype(bool)
        elif pd.api.types.is_numeric_dtype(kind):
            changed[name] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        elif len(present):
            seen = [shown(value) or None for value in values]
            as_text = pd.Series(seen, index=data.index, dtype=object)
            changed[name] = numbers(values, name) if numeric_text(values) else as_text
    return data.assign(**changed) if changed else data


def numeric_text(values: pd.Series) -> bool:
    """Whether a column holds texts, or values of several kinds, that are all numbers."""
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_numeric_dtype(values.dtype):
        return False
    present = [text for text in map(shown, values) if text not in BLANK]
    return bool(present) and all(_is_number(text) for text in present)


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\u2212", "-"))
    except ValueError:
        return False
    return True


def variance_from(variance: Any, se: Any) -> tuple[str, Any]:
    """Tell which of variance and standard error is given, and return it.

    Raises
    ------
    DataError
        If both are given, or neither is.
    """
    if (variance is None) == (se is None):
        raise DataError(
            "variance and se are both given; give one of them."
            if se is not None
            else "the sampling variances are missing; give variance, or the standard errors by se=..."
        )
    return ("variance", variance) if se is None else ("se", se)


def check_missing(missing: str) -> None:
    """Raise DataError unless `missing` is known."""
    if missing not in MISSING:
        raise DataError(f"unknown missing={missing!r}; choose 'refuse' or 'omit'.")


def left_out_note(names: tuple[str, ...] | list[str], what: str) -> str:
    """Say how many studies were left out, and which; empty if none was."""
    if not names:
        return ""
    listed = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    return f"{len(names)} {'row' if len(names) == 1 else 'rows'} left out, {what} missing: {listed}."
