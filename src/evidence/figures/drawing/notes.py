"""Letters behind study labels, and the legend that says where those studies' numbers come from."""

from __future__ import annotations

import string
from collections.abc import Iterable

import pandas as pd

from evidence.effects.reported.reasons import Form
from evidence.figures.drawing.text import clean
from evidence.wording import capital, parts_of

__all__ = ["source_notes"]

ADJUSTED = "Adjusted result."
# Forms from which an effect and its variance follow directly; all others get a note.
DIRECT_FORMS: frozenset[str] = frozenset(
    {Form.SDS, Form.SES, Form.MEANS_CI, Form.DIFFERENCE_CI, Form.DIFFERENCE_SE, Form.COUNTS}
)
DERIVED_FORMS: dict[str, str] = {
    Form.DIFFERENCE_SIZES: "Standard error of the standardised difference from the group sizes.",
    Form.DIFFERENCE_P: "Standard error recovered from the P value of the difference.",
    Form.MEANS_P: "Standard error recovered from the P value beside the means.",
    Form.QUARTILES: "Mean and SD derived from median and quartiles.",
}


def source_notes(data: pd.DataFrame | None, k: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Mark the studies whose results are adjusted, recovered from another form, or rest on an assumption.

    Parameters
    ----------
    data : DataFrame or None
        Read where present: `adjusted` (yes or true), `form` (how the effect was recovered), `assumptions`
        (`Listed`, or plain text parted by semicolons).
    k : int
        Number of studies.

    Returns
    -------
    (letters, legend)
        `letters` has `k` texts such as `a,c`; `legend` has pairs of a letter and its meaning.
    """
    if data is None:
        return [""] * k, []
    reasons: list[list[str]] = [[] for _ in range(k)]
    for column in ("adjusted", "form", "assumptions"):
        values = data[column].fillna("") if column in data else [""] * k
        for study, value in zip(reasons, values, strict=True):
            study += _reasons(column, value)
    # An adjusted result is `a` in every plot that has one; the others follow in the order of the rows.
    found = dict.fromkeys(reason for study in reasons for reason in study)
    ordered = sorted(found, key=lambda reason: reason != ADJUSTED)
    letter = {reason: _letter(place) for place, reason in enumerate(ordered)}
    marks = [",".join(letter[reason] for reason in ordered if reason in study) for study in reasons]
    return marks, [(letter[reason], reason) for reason in ordered]


def _reasons(column: str, value: object) -> Iterable[str]:
    if column == "adjusted":
        return [ADJUSTED] if str(value).lower() in ("yes", "true") else []
    parts = [clean(part) for part in parts_of(value, ";")]
    if column == "form":
        return [
            DERIVED_FORMS.get(part, f"Recovered from {part}.") for part in parts if part not in DIRECT_FORMS
        ]
    return [capital(part).rstrip(".") + "." for part in parts]


def _letter(place: int) -> str:
    letters = string.ascii_lowercase
    return letters[place] if place < 26 else _letter(place // 26 - 1) + letters[place % 26]
