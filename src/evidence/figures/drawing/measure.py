"""Effect measures as figures show them: name, scale and decimals."""

from __future__ import annotations

import math

import pandas as pd

from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale

__all__ = ["MEASURES", "choose_scale", "measure_code", "measure_name"]

MEASURES = {
    "MD": "Mean difference",
    "SMD": "Standardised mean difference",
    "SMDH": "Standardised mean difference",
    "MC": "Mean change",
    "SMCC": "Standardised mean change",
    "SMCR": "Standardised mean change",
    "ROM": "Ratio of means",
    "RR": "Risk ratio",
    "OR": "Odds ratio",
    "PETO": "Odds ratio (Peto)",
    "HR": "Hazard ratio",
    "RD": "Risk difference",
    "COR": "Correlation",
    "ZCOR": "Correlation (Fisher's z)",
}
RATIOS = frozenset({"ROM", "RR", "OR", "PETO", "HR"})
# Measures without a unit, printed with two decimals however wide their intervals.
UNITLESS = frozenset(MEASURES) - {"MD", "MC"}


def measure_code(label: str | None, data: pd.DataFrame | None) -> str:
    """Code of the measure from the label, if it is one, or from the column `measure`; empty when unknown."""
    if label in MEASURES:
        return str(label)
    if data is None or "measure" not in data:
        return ""
    codes = set(data["measure"].dropna().astype(str))
    return codes.pop() if len(codes) == 1 else ""


def measure_name(label: str | None, code: str) -> str:
    """Heading of the axis."""
    return MEASURES.get(code, code or "Effect") if label is None or label in MEASURES else label


def choose_scale(half: float, code: str, transform: str | None, digits: int | None) -> Scale:
    """Choose between the analysis scale and its exponential, and how many decimals are printed.

    Parameters
    ----------
    half : float
        Half the width of a typical interval, which decides the decimals; NaN when there is none.
    code : str
    transform : {"exp", "identity"} or None
        None leaves it to the measure.
    digits : int or None

    Raises
    ------
    DataError
        If the transform is not known.
    """
    if transform not in (None, "exp", "identity"):
        raise DataError(f"transform='{transform}' is not known: use 'exp', 'identity' or None.")
    ratio = transform == "exp" or (transform is None and code in RATIOS)
    if digits is None:
        digits = 2 if math.isnan(half) or half == 0 else min(max(2, 1 - math.floor(math.log10(5 * half))), 12)
        if not ratio and code not in UNITLESS and half >= 2.5:
            digits = 1 if half < 100 else 0
    return Scale(ratio, digits)
