"""Totals that an imported file holds beside those that its rows give."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["stored_totals"]

_COLUMNS = [
    *("analysis", "row", "measure", "stored", "stored_low", "stored_high"),
    *("computed", "computed_low", "computed_high", "agrees", "why"),
]
_SLACK = 0.002
"""Share of the interval's width by which numbers may differ that were computed with other rounding on the way."""


def stored_totals(review: Review) -> pd.DataFrame:
    """Compare each total that the file of an imported review holds with the one computed from its rows.

    Parameters
    ----------
    review : Review
        With rows of ``reviews.csv`` whose column ``analysis`` names an analysis, as `Imported.write` makes them.

    Returns
    -------
    DataFrame
        One row a stored total: analysis, row of ``reviews.csv``, measure; stored, stored_low, stored_high; computed,
        computed_low, computed_high (ratios as ratios; NaN where nothing is pooled); agrees (whether they are equal as
        far as the stored ones are printed); why (the reason where it is known; "" where they agree).
    """
    rows: list[dict[str, Any]] = []
    named = review.reviews.get("analysis", pd.Series(dtype="str"))
    for number in named.index[named != ""]:
        row = review.reviews.loc[number]
        analysis = review.analyses.get(str(row["analysis"]))
        if analysis is not None:
            rows.append({"row": int(number), **_compared(review, analysis, row)})
    return pd.DataFrame(rows, columns=_COLUMNS)


def _compared(review: Review, analysis: Analysis, row: Any) -> dict[str, Any]:
    result = synthesise(review, analysis)
    stored = [float(row[name]) for name in ("estimate", "ci_low", "ci_high")]
    fit = result.fit
    computed = (
        [math.nan] * 3 if fit is None else [result.shown(v) for v in (fit.estimate, fit.ci_low, fit.ci_high)]
    )
    width = stored[2] - stored[1]
    near = [
        math.isnan(theirs) or abs(ours - theirs) <= max(_unit(theirs), _SLACK * width if width > 0 else 0.0)
        for ours, theirs in zip(computed, stored, strict=True)
    ]
    agrees = fit is not None and all(near)
    return {
        "analysis": analysis.id,
        "measure": result.measure,
        **dict(zip(("stored", "stored_low", "stored_high"), stored, strict=True)),
        **dict(zip(("computed", "computed_low", "computed_high"), computed, strict=True)),
        "agrees": agrees,
        "why": "" if agrees else _why(result, row, stored),
    }


def _unit(value: float) -> float:
    """Half a unit of the last decimal in which a number is printed, at least of the second."""
    decimals = max(2, len(f"{value:.15g}".partition("e")[0].partition(".")[2]))
    return 0.5 * 10.0**-decimals * 1.01 + 1e-9 * abs(value)


def _why(result: Synthesis, row: Any, stored: list[float]) -> str:
    if result.fit is None:
        return result.note
    if row["k"] >= 0 and row["k"] != result.k:
        left = len(result.reported)
        beside = f", and {left} more without a usable result" if left else ""
        return f"the file counts {row['k']:g} studies, its rows give {result.k}{beside}"
    if not stored[1] <= stored[0] <= stored[2]:
        return "the stored estimate lies outside its interval"
    return (
        "reason unknown: the stored total does not follow from the rows under the model that the file names"
    )
