"""Judgements on risk of bias beside the studies of a forest plot."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

import pandas as pd

from evidence.columns import as_frame, beside
from evidence.errors import DataError
from evidence.figures.drawing.layout import Sign
from evidence.figures.drawing.style import DEEP_GREEN, DEEP_ORANGE, INK, ORANGE
from evidence.figures.drawing.text import clean
from evidence.tables.bias_tools import NOT_JUDGED

if TYPE_CHECKING:
    from evidence.appraisal.risk_of_bias import RiskOfBias

__all__ = ["BiasSigns", "bias_signs"]

LOW = Sign("+", DEEP_GREEN, "white")
MIDDLE = Sign("?", ORANGE, INK)
HIGH = Sign("−", DEEP_ORANGE, "white")
NOT = Sign("", "", INK)
WORDS = {
    "low": LOW, "low risk": LOW, "yes": LOW, "+": LOW,
    "unclear": MIDDLE, "unclear risk": MIDDLE, "some": MIDDLE, "some concerns": MIDDLE,
    "moderate": MIDDLE, "?": MIDDLE,
    "high": HIGH, "high risk": HIGH, "serious": HIGH, "critical": HIGH, "no": HIGH, "-": HIGH, "−": HIGH,
    "": NOT, NOT_JUDGED: NOT, "no information": NOT, "not applicable": NOT,
}  # fmt: skip
"""The sign of each judgement of the usual tools."""

BiasSigns = tuple[tuple[str, ...], list[tuple[Sign, ...]], str]
"""Headings, the signs of each study in the order of the fit, and what they mean."""


def bias_signs(
    judgements: pd.DataFrame | RiskOfBias, fit: Any, data: pd.DataFrame | None, *, judged_only: bool = False
) -> BiasSigns:
    """Read the judgements on the studies of a fit.

    The letter of a domain is its place among all that were given, so that it is the same in every plot of a tool.

    Parameters
    ----------
    judgements : DataFrame or RiskOfBias
        A column a domain, a row a study: with study labels as index paired by them, else in the order of the fit. Or
        the result of `evidence.risk_of_bias`, paired by the column `trial_id` of `data`.
    fit : a fit with labels
    data : DataFrame or None
    judged_only : bool
        Leave out domains in which no study of the fit was judged.

    Raises
    ------
    DataError
        If a word is no judgement, or studies have no row.
    """
    if isinstance(judgements, pd.DataFrame) or not hasattr(judgements, "tool"):
        table = as_frame(judgements, "risk_of_bias")
        domains = {str(name): str(name) for name in table.columns}
        columns = {name: list(beside(fit, table[name], f"risk_of_bias[{name!r}]")) for name in table.columns}
    else:
        if data is None or "trial_id" not in data:
            raise DataError("the judgements go by trial_id; give data=... with that column.")
        trials = judgements.trials.set_index("trial_id")
        missing = [one for one in data["trial_id"] if one not in trials.index]
        if missing:
            raise DataError(f"there is no judgement on trial {missing[0]!r}; leave risk_of_bias out.")
        domains = {**judgements.tool.domains, "overall": "Overall"}
        columns = {name: list(trials.loc[data["trial_id"], name]) for name in domains}
    if not domains:
        raise DataError("risk_of_bias has no domain; give one column for each.")
    if len(domains) > 12:
        raise DataError(f"risk_of_bias has {len(domains)} domains; at most 12 can be shown.")
    letters = dict(zip(domains, string.ascii_uppercase, strict=False))
    if judged_only:
        columns = {name: values for name, values in columns.items() if set(values) - {"", NOT_JUDGED}}
    signs = []
    for place, label in enumerate(fit.labels):
        row = []
        for name in columns:
            value = columns[name][place]
            word = "" if pd.isna(value) else str(value).strip().casefold()
            if word not in WORDS:
                raise DataError(
                    f"{label}: {value!r} is no judgement on {name!r}; use low, unclear or some concerns, high, or "
                    "leave it empty."
                )
            row.append(WORDS[word])
        signs.append(tuple(row))
    named = "; ".join(f"{letters[name]} {clean(domains[name]).replace('_', ' ')}" for name in columns)
    used = {sign for row in signs for sign in row}
    words = ((LOW, "+ low"), (MIDDLE, "? unclear or some concerns"), (HIGH, "− high"))
    meaning = ", ".join(text for sign, text in words if sign in used)
    return tuple(letters[name] for name in columns), signs, f"Risk of bias: {meaning}. {named}."
