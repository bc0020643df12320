"""Two tables of results compared value by value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from evidence.errors import DataError

__all__ = ["TOLERANCE", "Agreement", "compare"]

TOLERANCE = 1e-6
"""Largest difference between two programs that compute the same, relative for values beyond 1."""
COLUMNS = ["result", "treatment", "value", "evidence", "other", "difference", "agrees"]


@dataclass(frozen=True, eq=False)
class Agreement:
    """What was compared with another program.

    Attributes
    ----------
    program : str
        The other program, with its version.
    table : DataFrame
        One row a value: result (the analysis or network), treatment (in networks), value, evidence, other, difference
        (relative where the value is beyond 1; infinite where only one has it) and agrees.
    tolerance : float
    notes : tuple of str
        What could not be compared, and how what is compared was made.
    """

    program: str
    table: pd.DataFrame
    tolerance: float
    notes: tuple[str, ...] = ()

    @property
    def differences(self) -> pd.DataFrame:
        """The values that do not agree."""
        return self.table[~self.table["agrees"].astype(bool)]

    def by_result(self) -> pd.DataFrame:
        """One row a combined result: result, values (how many), largest difference, and the value where it is."""
        rows = []
        for name, part in self.table.groupby("result", sort=False):
            if list(part["value"]) == ["combined"] and part["agrees"].all():
                continue  # both programs combine nothing here
            worst = max(part.to_dict("records"), key=lambda row: row["difference"])
            rows.append(
                {
                    "result": name,
                    "values": len(part),
                    "largest difference": float(worst["difference"]),
                    "at": " ".join(filter(None, [str(worst["treatment"]), str(worst["value"])])),
                }
            )
        return pd.DataFrame(rows, columns=["result", "values", "largest difference", "at"])


def compare(
    expected: pd.DataFrame, found: pd.DataFrame, key: list[str], values: tuple[str, ...], tolerance: float
) -> pd.DataFrame:
    """Compare two tables of results.

    Parameters
    ----------
    expected, found : DataFrame
        One row a result, told apart by the columns of `key`; a column ``status``, if both have it, is compared too.
    key : list of str
        One column, or that of the result and that of the treatment.
    values : tuple of str
        Columns to compare; numbers, NaN where there is none.
    tolerance : float

    Returns
    -------
    DataFrame
        As `Agreement.table`. A result that one table lacks has one row, with the value "row".

    Raises
    ------
    DataError
        If the tolerance is not a positive number.
    """
    if not 0.0 < tolerance < math.inf:
        raise DataError(f"the tolerance is {tolerance:g}; it must be above 0")
    mine, theirs = (
        {tuple(str(row[name]) for name in key): row for row in table.to_dict("records")}
        for table in (expected, found)
    )
    rows = []
    for name in dict.fromkeys([*mine, *theirs]):
        result, treatment = name if len(name) == 2 else (*name, "")
        one, other = mine.get(name), theirs.get(name)
        if one is None or other is None:
            rows.append(
                [result, treatment, "row", float(one is not None), float(other is not None), math.inf]
            )
            continue
        if "status" in one and "status" in other:
            pooled = [float(row["status"] == "pooled") for row in (one, other)]
            rows.append([result, treatment, "combined", *pooled, _away(*pooled)])
        for value in values:
            pair = float(one[value]), float(other[value])
            if not (math.isnan(pair[0]) and math.isnan(pair[1])):
                rows.append([result, treatment, value, *pair, _away(*pair)])
    frame = pd.DataFrame(rows, columns=COLUMNS[:-1])
    return frame.assign(agrees=frame["difference"] <= tolerance)[COLUMNS]


def _away(one: float, other: float) -> float:
    """Difference, relative where the first is beyond 1; infinite where only one is a number."""
    if one == other:
        return 0.0
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf
    return abs(one - other) / max(1.0, abs(one))
