"""How far two independent readings of the same publications agree."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from evidence.tables.review import Review

__all__ = ["READERS", "agreement", "agreement_of", "batches_of", "cohen_kappa"]

READERS = ("A", "B")
"""The two readers whose values the table holds, if a field names no others, as results name theirs."""
_WITH_THIRD = re.compile(r"\bv T\b|\bT only\b")
_QUALIFIER = re.compile(r"\s*[\[(].*$")
_ITEM = re.compile(r"\[(.*)\]")
_CATEGORICAL = frozenset(
    {"adjusted", "comparator_arm_id", "components", "design", "duration_class", "judgement", "measure"}
    | {"p_operator", "statistic"}
)

_RESULT = ("outcome", "timepoint_weeks", "statistic", "instrument")
_APART: dict[str, tuple[str, ...]] = {
    "trials": (),
    "arms": ("arm_id",),
    "arm_results": _RESULT,
    "contrast_results": _RESULT,
    "risk_of_bias": ("domain",),
}
"""What tells rows of one trial apart, as far as both the readings and the tables name it alike."""


def agreement(review: Review, *, batches: Collection[str] | None = None) -> pd.DataFrame:
    """Compare the two readings field by field.

    Parameters
    ----------
    review : Review
        With its table ``agreement``: one row for each value that both readings could have given.
    batches : collection of str, optional
        Takes only what the readings first met in one of these batches (`batches_of`).

    Returns
    -------
    DataFrame
        One row for each table and field: table, field, kind ("presence" of a whole row in both readings,
        "category" or "value"), n (values compared), agreed (number), percent, kappa (Cohen's, for categories with
        more than one value; else NaN). Comparisons with a third reading are left out.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.agreement(review).columns[:4].tolist()
    ['table', 'field', 'kind', 'n']
    """
    rows = review.agreement
    rows = rows[~rows["field"].str.contains(_WITH_THIRD)]
    if batches is not None:
        rows = rows[batches_of(review)[rows.index].isin(list(batches))]
    return agreement_of(rows)


def agreement_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Count how far two readings agree, field by field, as `agreement` gives it.

    Parameters
    ----------
    rows : DataFrame of str
        In the form of the table ``agreement``.
    """
    field = rows["field"].str.replace(_QUALIFIER, "", regex=True)
    # The domains of the risk of bias stand as fields, one judgement each.
    field = field.where((rows["table"] != "risk_of_bias") | (field == "row"), "judgement")
    item = (
        rows["trial_id"]
        + "/"
        + rows["result_id"]
        + "/"
        + rows["field"].str.extract(_ITEM, expand=False).fillna("")
    )
    result = []
    for table, in_table in rows.groupby("table", sort=True):
        names = field[in_table.index]
        whole = names == "row"
        both = item[in_table.index][~whole].nunique()
        if whole.any():
            n = both + int(whole.sum())
            result.append(
                _line(table, "row", "presence", n, both + int((in_table["agreed"][whole] == "yes").sum()))
            )
        for name, group in in_table[~whole].groupby(names[~whole], sort=True):
            same = group["agreed"] == "yes"
            kind = "category" if name in _CATEGORICAL else "value"
            # Values that the reconciliation called equal may be written differently (a+b and b+a).
            second = group["value_b"].where(~same, group["value_a"])
            kappa = cohen_kappa(group["value_a"], second) if kind == "category" else math.nan
            result.append(_line(table, name, kind, len(group), int(same.sum()), kappa))
    columns = ["table", "field", "kind", "n", "agreed", "percent", "kappa"]
    return pd.DataFrame(result, columns=columns)


@lru_cache(maxsize=8)
def batches_of(review: Review) -> pd.Series:
    """Give the batch in which the readings first met what each row of the table ``agreement`` is about.

    The arm, judgement or result is looked up by what tells it apart from others of its trial, else, since readings
    name arms and instruments in words of their own, by outcome and time alone, and at last by the trial.

    Returns
    -------
    Series of str
        With the index of ``review.agreement``; empty text where no reading has the trial.
    """
    found: dict[tuple[str, ...], str] = {}
    for reading in review.readings.values():
        for table, wholly in _APART.items():
            for row in reading[table].to_dict("records"):
                for columns in _ladder(wholly):
                    key = table, str(row["trial_id"]), *(str(row[name]) for name in columns)
                    found.setdefault(key, str(row["batch"]))
    results = {
        str(row["result_id"]): row
        for table in (review.arm_results, review.contrast_results)
        for row in table.to_dict("records")
    }

    def batch(row: Mapping[Any, Any]) -> str:
        table, trial = str(row["table"]), str(row["trial_id"])
        wholly = _APART.get(table, ())
        # Arms and domains stand where results have their id.
        known = results.get(row["result_id"]) or dict.fromkeys(wholly, row["result_id"])
        keys = [(table, trial, *(str(known[name]) for name in columns)) for columns in _ladder(wholly)]
        return next((found[key] for key in [*keys, ("trials", trial)] if key in found), "")

    return pd.Series(
        [batch(row) for row in review.agreement.to_dict("records")], review.agreement.index, dtype=str
    )


def _ladder(wholly: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Columns by which a row is looked up, from all that tell it apart down to none."""
    return [wholly, tuple(name for name in wholly if name in ("outcome", "timepoint_weeks")), ()]


def _line(
    table: object, field: object, kind: str, n: int, agreed: int, kappa: float = math.nan
) -> dict[str, object]:
    percent = 100 * agreed / n
    return {
        "table": table,
        "field": field,
        "kind": kind,
        "n": n,
        "agreed": agreed,
        "percent": percent,
        "kappa": kappa,
    }


def cohen_kappa(first: pd.Series, second: pd.Series) -> float:
    """Cohen's kappa of two columns of categories.

    Parameters
    ----------
    first, second : Series of str, shape (n,)
        What each reader said.

    Returns
    -------
    float
        Between -1 and 1; NaN if both say one and the same thing throughout, for then chance explains all.

    References
    ----------
    .. [1] Cohen (1960), Educational and Psychological Measurement 20(1), 37-46.
    """
    observed = float((first.to_numpy() == second.to_numpy()).mean())
    shares = first.value_counts(normalize=True), second.value_counts(normalize=True)
    chance = float(shares[0].mul(shares[1], fill_value=0).sum())
    return math.nan if chance == 1 else (observed - chance) / (1 - chance)
