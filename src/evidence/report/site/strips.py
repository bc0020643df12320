"""The key results in a picture made of the page itself: it fits a phone, follows the theme, and is read aloud."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from evidence.wording import number

__all__ = ["CERTAINTY", "certainty_html", "strips_html"]

CERTAINTY = {"high": 4, "moderate": 3, "low": 2, "very low": 1}
"""Levels of certainty and how many of four dots are full."""

ROOM = 0.06
"""Share of the width that stays free at either end."""


def strips_html(key: pd.DataFrame, links: Mapping[str, str]) -> str:
    """Draw key results: a row for each, grouped by what was measured, with the range too small to matter.

    Parameters
    ----------
    key : DataFrame
        As `evidence.appraisal.answer.Answer.key`: analysis, question, when, outcome, estimate, ci_low, ci_high, mid,
        no_effect, certainty, unit and favours.
    links : mapping from str to str
        Address of the figure that shows an analysis, by its id.

    Returns
    -------
    str
        HTML; a row without an estimate says so.
    """
    parts = [
        '<div class="strip head" aria-hidden="true"><p>Comparison</p>'
        '<p>Average effect and its confidence interval</p><p class="result"></p><p>How sure</p></div>'
    ]
    for (outcome, unit, favours), rows in key.groupby(
        ["outcome", "unit", "favours"], sort=False, dropna=False
    ):
        scale = StripScale.of(rows)
        items = "".join(_row(row, scale, links) for row in rows.to_dict("records"))
        heading = ", ".join(
            _capital(str(text).replace("_", " ")) if n == 0 else str(text)
            for n, text in enumerate((outcome, unit))
            if text
        )
        axis = _axis(scale, str(favours)) if rows["estimate"].notna().any() else ""
        parts.append(f"<h3>{escape(heading)}</h3>\n<ol>{items}</ol>\n{axis}")
    return "\n".join(parts)


def certainty_html(level: Any) -> str:
    """Return a level of certainty as dots and in words; nothing if it is missing."""
    if level not in CERTAINTY:
        return ""
    full = CERTAINTY[level]
    return f'<b aria-hidden="true">{"●" * full}{"○" * (4 - full)}</b> {escape(str(level))}'


@dataclass(frozen=True, slots=True)
class StripScale:
    """Where values stand in a picture, in percent of its width; ratios by their logarithms.

    Attributes
    ----------
    low, high : float
        What the picture holds.
    none : float
        The value of no difference: 0, or 1 for ratios.
    """

    low: float
    high: float
    none: float

    @classmethod
    def of(cls, rows: pd.DataFrame) -> StripScale:
        """Return the scale that holds all intervals, no difference and what is too small to matter."""
        none = float(rows["no_effect"].iloc[0])
        values = [none, *rows["ci_low"], *rows["ci_high"], *rows["estimate"]]
        for mid in rows["mid"].dropna():
            values += [1 / mid, mid] if none == 1 else [-mid, mid]
        finite = [float(value) for value in values if math.isfinite(value)]
        low, high = min(finite), max(finite)
        if low == high:
            low, high = (none / 2, none * 2) if none else (-1.0, 1.0)
        return cls(low, high, none)

    @property
    def is_ratio(self) -> bool:
        """Whether distances are those of logarithms."""
        return self.none == 1

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 to 100; some room stays free at either end."""
        low, high, at = (
            math.log(x) if self.is_ratio else x
            for x in (self.low, self.high, min(max(value, self.low), self.high))
        )
        share = (at - low) / (high - low) if high > low else 0.5
        return 100 * (ROOM + (1 - 2 * ROOM) * share)

    def ticks(self) -> tuple[list[float], int]:
        """Return round values to name below the picture, with the decimals that they need."""
        if self.is_ratio:
            found = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10) if self.low <= x <= self.high]
            return found, 1
        step = 10 ** math.floor(math.log10((self.high - self.low) / 2.5))
        step *= next(many for many in (1, 2, 5, 10) if (self.high - self.low) / (many * step) <= 6)
        first = math.ceil(self.low / step)
        found = [step * place for place in range(first, math.floor(self.high / step) + 1)]
        return found, max(0, -math.floor(math.log10(step)))


def _row(row: Mapping[Any, Any], scale: StripScale, links: Mapping[str, str]) -> str:
    label = f"{escape(_capital(row['question']))} <small>{escape(row['when'])}</small>"
    if address := links.get(row["analysis"]):
        label = f'<a href="{escape(address)}">{label}</a>'
    ground = f"{_band(row['mid'], scale)}{_upright(scale, '100%')}"
    if pd.isna(row["estimate"]):
        return (
            f'<li class="strip none"><p>{label}</p><svg aria-hidden="true">{ground}</svg>'
            '<p class="result">too few results to combine</p></li>\n'
        )
    low, estimate, high = (scale.place(row[name]) for name in ("ci_low", "estimate", "ci_high"))
    digits = 2 if scale.is_ratio or scale.high - scale.low < 3 else 1
    value = number(row["estimate"], digits)
    spread = f"{number(row['ci_low'], digits)} to {number(row['ci_high'], digits)}"
    picture = (
        f'<svg role="img" aria-label="{escape(_said(row, value, spread))}">{ground}'
        f'<line class="ci" x1="{low:.2f}%" x2="{high:.2f}%" y1="50%" y2="50%"/>'
        f'<circle class="dot" cx="{estimate:.2f}%" cy="50%" r="5.5"/></svg>'
    )
    return (
        f'<li class="strip"><p>{label}</p>{picture}<p class="result">{value} <small>({spread})</small></p>'
        f'<p class="sure">{certainty_html(row["certainty"])}</p></li>\n'
    )


def _said(row: Mapping[Any, Any], value: str, spread: str) -> str:
    """Return the picture of a row in words."""
    better = row["favours"] == "lower"
    if row["ci_low"] <= row["no_effect"] <= row["ci_high"]:
        side = "the interval holds no difference"
    else:
        side = (
            f"favours the {'treatment' if (row['estimate'] < row['no_effect']) == better else 'comparator'}"
        )
    return f"Average {value}, confidence interval {spread}; {side}."


def _band(mid: float, scale: StripScale) -> str:
    """Shade what is closer to no difference than the important one."""
    if pd.isna(mid) or mid <= scale.none:
        return ""
    low, high = scale.place(1 / mid if scale.is_ratio else -mid), scale.place(mid)
    return f'<rect class="mid" x="{low:.2f}%" width="{high - low:.2f}%" y="0" height="100%"/>'


def _axis(scale: StripScale, favours: str) -> str:
    ticks, decimals = scale.ticks()
    marks = "".join(
        f'<text x="{scale.place(tick):.2f}%" y="1.1rem" text-anchor="middle">{number(tick, decimals)}</text>'
        for tick in ticks
    )
    left, right = (
        ("better with treatment", "worse") if favours == "lower" else ("worse", "better with treatment")
    )
    sides = (
        f'<text x="0" y="2.5rem">← {left}</text><text x="100%" y="2.5rem" text-anchor="end">{right} →</text>'
    )
    return f'<div class="strip foot" aria-hidden="true"><p></p><svg>{_upright(scale, "5")}{marks}{sides}</svg></div>'


def _upright(scale: StripScale, height: str) -> str:
    at = f"{scale.place(scale.none):.2f}%"
    return f'<line class="zero" x1="{at}" x2="{at}" y1="0" y2="{height}"/>'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
