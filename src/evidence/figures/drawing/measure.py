"""Effect measures as figures show them: name, scale and decimals."""

from __future__ import annotations

import math

import pandas as pd

from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale
from evidence.measures import find_measure, measure_of

__all__ = ["choose_scale", "measure_code", "measure_name"]


def measure_code(label: str | None, data: pd.DataFrame | None) -> str:
    """Code of the measure that the label names, or of the column `measure`; empty when unknown."""
    if label is not None and (found := find_measure(label)):
        return found.code
    if data is None or "measure" not in data:
        return ""
    codes = set(data["measure"].dropna().astype(str))
    return codes.pop() if len(codes) == 1 else ""


def measure_name(label: str | None, code: str) -> str:
    """Heading of the axis: the label as given, or the name of the measure if it is none or a code."""
    return measure_of(code or "Effect").heading if label is None or label.upper() == code else label


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
    measure = measure_of(code)
    ratio = transform == "exp" or (transform is None and measure.ratio)
    if digits is None:
        digits = 2 if math.isnan(half) or half == 0 else min(max(2, 1 - math.floor(math.log10(5 * half))), 12)
        if not ratio and measure.in_units and half >= 2.5:
            digits = 1 if half < 100 else 0
    return Scale(ratio, digits)
