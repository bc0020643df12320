"""How results show themselves: as text in a terminal, as the same text in a notebook, their numbers alike."""

from __future__ import annotations

import html
import math
from abc import ABC, abstractmethod

import pandas as pd

__all__ = [
    "FEW_STUDIES",
    "Shown",
    "few_studies",
    "number",
    "p_clause",
    "p_text",
    "q_text",
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


class Shown(ABC):
    """A result that has a frame and prints as its summary."""

    __slots__ = ()

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the result as a table."""

    @abstractmethod
    def summary(self) -> str:
        """Return the result as text."""

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"


def table_text(heading: str, frame: pd.DataFrame, note: str = "") -> str:
    """Set a heading, a table and, if there is one, a note under each other."""
    table = frame.to_string(index=False, float_format="{:.4f}".format, na_rep="-")
    return "\n".join([heading, "", table, *(["", note] if note else [])])


def p_clause(p_value: float) -> str:
    """P value for reading: "P = 0.0312", "P < 0.0001" or "P not defined"."""
    return f"P {p_text(p_value)}"


def sentences(*parts: str) -> str:
    """Join the notes that are not empty."""
    return " ".join(part for part in parts if part)


def few_studies(k: int) -> str:
    """Say so if there are too few studies to judge a funnel's asymmetry; else an empty string."""
    if k >= FEW_STUDIES:
        return ""
    return f"With {k} studies (fewer than {FEW_STUDIES}) this can hardly tell chance from bias; do not rely on it."
