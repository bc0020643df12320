"""How results show themselves: as text in a terminal, as text and tables in a notebook, their numbers alike."""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

__all__ = [
    "FEW_STUDIES",
    "Sealed",
    "Shown",
    "few_studies",
    "frame_text",
    "lasting_property",
    "number",
    "p_clause",
    "p_text",
    "predicts",
    "q_text",
    "sealed",
    "sentences",
    "span",
    "table_text",
]


def number(value: float) -> str:
    """Four decimals, or three significant digits where these would hide the value."""
    plain = value == 0.0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e6
    return f"{value:.4f}" if plain else f"{value:.3g}"


def q_text(value: float) -> str:
    """Write a chi-squared statistic; what is left of zero after rounding shows as zero."""
    return number(0.0 if value < 1e-9 else value)


def predicts(fit: Any) -> bool:
    """Whether the prediction interval of a fit is wider than its confidence interval.

    Where it is not, no difference between the studies was found, and few cannot rule one out.
    """
    wider = (fit.prediction_high - fit.prediction_low) - (fit.ci_high - fit.ci_low) * (1.0 + 1e-9)
    return bool(wider > 0.0)


def span(low: float, high: float) -> str:
    """Write an interval as "low to high"."""
    return f"{number(low)} to {number(high)}"


def p_text(p_value: float) -> str:
    """Write a P value with its relation sign, to follow the letter P: "= 0.0312", "< 0.0001" or "not defined"."""
    if math.isnan(p_value):
        return "not defined"
    return "< 0.0001" if p_value < 0.0001 else f"= {p_value:.4f}"


FEW_STUDIES = 10
"""Below this many studies tests for asymmetry hardly tell chance from bias (Sterne et al. 2011, BMJ 343, d4002)."""


MOST_ROWS = 20
"""Rows of a table in a notebook; of a longer one the first and the last are shown."""


class Tabled(str):
    """A text that is a heading, a table and a note, and keeps them so that they can be shown as such."""

    heading: str
    frame: pd.DataFrame
    note: str


def sealed(value: Any) -> Any:
    """Make the arrays in a value read-only, in place where that can be; return the value, or the table that can."""
    if isinstance(value, np.ndarray):
        value.flags.writeable = False
    elif isinstance(value, pd.Series):
        if _plain(value):  # with its type, or texts that carry more would become plain ones
            value = pd.Series(
                sealed(value.to_numpy(copy=True)), value.index, value.dtype, value.name, copy=False
            )
    elif isinstance(value, pd.DataFrame):
        if value.columns.is_unique:
            attrs = value.attrs
            # Numbers as bare arrays, which makes a frame much faster than columns do.
            columns = {
                name: sealed(one.to_numpy(copy=True) if one.dtype != object else one) if _plain(one) else one
                for name, one in value.items()
            }
            value = pd.DataFrame(columns, index=value.index, columns=value.columns, copy=False)
            value.attrs = attrs
    elif isinstance(value, dict):
        for name, one in value.items():
            value[name] = sealed(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            if isinstance(one, (np.ndarray, tuple, list, dict)):
                sealed(one)
    elif is_dataclass(value) and not isinstance(value, Sealed):
        for field in fields(value):
            if isinstance(one := getattr(value, field.name), (np.ndarray, tuple, list, dict)):
                sealed(one)
    return value


def _plain(values: pd.Series) -> bool:
    return isinstance(values.dtype, np.dtype)


def again(table: pd.DataFrame) -> pd.DataFrame:
    """Give a sealed table once more: what the caller adds or takes away changes this one alone."""
    columns = {
        name: one.to_numpy() if _plain(one) and one.dtype != object else one for name, one in table.items()
    }
    return pd.DataFrame(columns, index=table.index, columns=table.columns, copy=False)


class Sealed:
    """A frozen dataclass whose arrays are read-only, also after it went to another process."""

    __slots__ = ()

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({name: sealed(value) for name, value in state.items()})

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, (np.ndarray, pd.DataFrame, pd.Series, dict, list, tuple)) or is_dataclass(
                value
            ):
                object.__setattr__(self, field.name, sealed(value))


if TYPE_CHECKING:
    lasting_property = cached_property
else:

    class lasting_property(cached_property):
        """A property that is computed once, and whose arrays are read-only."""

        def __get__(self, instance: Any, owner: Any = None) -> Any:
            if instance is None:
                return self
            known = vars(instance)
            if self.attrname not in known:
                known[self.attrname] = sealed(self.func(instance))
            return known[self.attrname]


class Shown(Sealed, ABC):
    """A result that has a frame and prints as its summary.

    A dataclass that derives from it is declared with ``repr=False``.
    """

    __slots__ = ()
    most_rows: ClassVar[int | None] = MOST_ROWS
    """Rows that a table shows in a notebook, the others left out from its middle; None for all."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the result as a table."""

    @abstractmethod
    def summary(self) -> str:
        """Return the result as text."""

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        """Show a summary that is a table as such; below any other, folded, the frame of the result."""
        text = self.summary()
        if isinstance(text, Tabled):
            head = f"<p><b>{html.escape(text.heading)}</b></p>" if text.heading else ""
            note = f"<p>{html.escape(text.note)}</p>" if text.note else ""
            return f"{head}{table_markup(text.frame, most=self.most_rows)}{note}"
        frame = self.to_frame()
        rows = f"{len(frame)} {'row' if len(frame) == 1 else 'rows'}"
        index = not isinstance(frame.index, pd.RangeIndex)
        return (
            f"<pre>{html.escape(text)}</pre><details><summary>Table of {rows}</summary>"
            f"{table_markup(frame, index=index)}</details>"
        )


def _formats(frame: pd.DataFrame) -> dict[str, Any]:
    """Say how a table writes what is missing, its numbers (as `number` does) and its P values, which are never 0."""
    tests = [name for name in frame if str(name) in ("p_value", "p_adjusted") or str(name).endswith("_p")]
    return {"float_format": number, "na_rep": "-", "formatters": dict.fromkeys(tests, _p_cell)}


def _p_cell(p_value: float) -> str:
    return "-" if math.isnan(p_value) else "<0.0001" if p_value < 0.0001 else number(p_value)


def table_markup(frame: pd.DataFrame, *, index: bool = False, most: int | None = MOST_ROWS) -> str:
    """Write a table as HTML."""
    return frame.to_html(index=index, max_rows=most, border=0, **_formats(frame))


def frame_text(frame: pd.DataFrame, *, index: bool = True) -> str:
    """Write a table as text; what its index is called is left out."""
    return frame.rename_axis(index=None).to_string(index=index, **_formats(frame))


def table_text(heading: str, frame: pd.DataFrame, note: str = "") -> Tabled:
    """Set a heading, a table and, if there is one, a note under each other."""
    table = frame_text(frame, index=False)
    text = Tabled("\n".join([*([heading, ""] if heading else []), table, *(["", note] if note else [])]))
    text.heading, text.frame, text.note = heading, frame, note
    return text


def p_clause(p_value: float) -> str:
    """P value for reading: "P = 0.0312", "P < 0.0001" or "P not defined"."""
    return f"P {p_text(p_value)}"


def tested(names: Iterable[str]) -> str:
    """Name the joint test of coefficients: of the moderators, or of the mean where there are none."""
    return "Test of the mean" if tuple(names) == ("Intercept",) else "Test of moderators"


def sentences(*parts: str) -> str:
    """Join the notes that are not empty."""
    return " ".join(part for part in parts if part)


def few_studies(k: int) -> str:
    """Say so if there are too few studies to judge a funnel's asymmetry; else an empty string."""
    if k >= FEW_STUDIES:
        return ""
    return f"With {k} studies (fewer than {FEW_STUDIES}) this can hardly tell chance from bias; do not rely on it."
