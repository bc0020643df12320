"""Effect measures as figures show them: name, scale and decimals."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from evidence.errors import DataError
from evidence.figures.drawing.axis import Scale
from evidence.measures import Measure, find_measure, measure_of
from evidence.models.on_scale import OnScale, needs_size, on_scale, read_fit, study_sizes

__all__ = ["as_told", "choose_scale", "has_null", "measure_code", "measure_name", "on_axis"]


def measure_code(label: str | None, data: pd.DataFrame | None, fit: Any = None) -> str:
    """Code of the measure that the label names, of the column `measure`, or of the fit; empty when unknown."""
    if label is not None and (found := find_measure(label)):
        return found.code
    if data is None or "measure" not in data:
        return str(getattr(fit, "measure", ""))
    codes = set(data["measure"].dropna().astype(str))
    return codes.pop() if len(codes) == 1 else ""


def measure_name(label: str | None, code: str) -> str:
    """Heading of the axis: the label as given, or the name of the measure if it is none or a code."""
    return measure_of(code or "Effect").heading if label is None or label.upper() == code else label


def has_null(code: str) -> bool:
    """Whether zero on the scale of the analysis means no difference: not so for a mean, a proportion or a rate."""
    return measure_of(code).has_null


def on_axis(
    fit: Any,
    code: str,
    transform: str | None,
    data: pd.DataFrame | None,
    *,
    whole: tuple[Any, Any] | None = None,
) -> tuple[OnScale, Measure | None]:
    """Read a fit as its axis shows it, and the measure if the axis has its natural scale and is no ratio's.

    Ratios stay logarithms, which a logarithmic axis shows as ratios; proportions, rates, means and correlations that
    were transformed for the analysis are taken back.

    Parameters
    ----------
    fit : a fit of any class
    code, transform : str
    data : DataFrame or None
        The rows of the fit; `n` or `time` are the sizes that the way back from double arcsines and roots needs.
    whole : (fit, places), optional
        The fit of more studies that knows these sizes, and which of its studies are those of `fit`.
    """
    measure = measure_of(code)
    natural = transform in (None, "natural") and not measure.ratio and measure.transform.name != "identity"
    if not natural:
        return read_fit(fit), None
    sizes = None
    if needs_size(measure):
        name = "time" if measure.of == "rate" else "n"
        if data is not None and name in data:
            sizes = data[name].to_numpy()
        elif whole is not None:
            sizes = study_sizes(whole[0], measure)[list(whole[1])]
    return on_scale(fit, code, n=sizes), measure


def as_told(scale: Scale, code: str, transform: str | None, digits: int | None) -> Scale:
    """Print proportions in percent where the axis has their natural scale, with one decimal or more as needed."""
    measure = measure_of(code)
    if not measure.sign or transform not in (None, "natural"):
        return scale
    return replace(
        scale, factor=100.0, sign=measure.sign, digits=max(scale.digits - 2, 1) if digits is None else digits
    )


def choose_scale(half: float, code: str, transform: str | None, digits: int | None) -> Scale:
    """Choose between the analysis scale and its exponential, and how many decimals are printed.

    Parameters
    ----------
    half : float
        Half the width of a typical interval, which decides the decimals; NaN when there is none.
    code : str
    transform : {"natural", "exp", "identity"} or None
        None, and "natural", leave it to the measure.
    digits : int or None

    Raises
    ------
    DataError
        If the transform is not known.
    """
    if transform not in (None, "natural", "exp", "identity"):
        raise DataError(f"transform='{transform}' is not known: use 'natural', 'exp', 'identity' or None.")
    measure = measure_of(code)
    ratio = transform == "exp" or (transform in (None, "natural") and measure.ratio)
    if digits is None:
        digits = 2 if math.isnan(half) or half == 0 else min(max(2, 1 - math.floor(math.log10(5 * half))), 12)
        if not ratio and measure.in_units and half >= 2.5:
            digits = 1 if half < 100 else 0
    return Scale(ratio, digits)
