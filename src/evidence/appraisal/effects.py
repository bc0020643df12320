"""Every comparison that the analyses of a review ask for, as tables of a page: its effect, or why it has none."""

from __future__ import annotations

import pandas as pd

from evidence.tables.review import Review
from evidence.wording import Listed, number, parts_of

__all__ = ["derivations_table", "effects_table", "refusals_table"]

_KINDS = {
    "only a P value": "only a P value, no difference and no pair of means",
    "only a bound": "a difference whose P value is only a bound, without an interval",
    "doubtful": "doubtful as printed",
    "time not stated": "the time since randomisation is not stated",
    "no spread": "no standard deviation, interval, standard error or P value",
    "not rescalable": "measured with an instrument that cannot be put on the common scale",
    "range not stated": "the range of the scale is not stated",
    "set aside": "set aside by the protocol",
    "same patients": "the same patients stand in another comparison",
}
"""Reasons that are counted together, the one that counts first; others are counted as they are worded."""


def _comparisons(review: Review, *, pooled: bool) -> pd.DataFrame:
    every = pd.concat([review.comparisons(name) for name in review.analyses], ignore_index=True)
    return every[(every["status"] == "pooled") == pooled].reset_index(drop=True)


def refusals_table(review: Review) -> pd.DataFrame:
    """Count the comparisons that were reported and cannot be pooled by the reason, one of each.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.refusals_table(ev.read_review("data")).columns.tolist()
    ['reason', 'comparisons']
    """
    refused = _comparisons(review, pooled=False)
    reasons = [
        next((words for kind, words in _KINDS.items() if kind in parts_of(kinds)), reason)
        for kinds, reason in zip(refused["reason_kind"], refused["reason"], strict=True)
        if kinds != "not reported"
    ]
    counts = pd.Series(reasons, dtype=object).value_counts()
    return counts.rename_axis("reason").rename("comparisons").reset_index()


def effects_table(review: Review) -> pd.DataFrame:
    """List the effects of all analyses, with what each was recovered from and where it stands in its source.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.effects_table(ev.read_review("data")).columns[:3].tolist()
    ['trial', 'question', 'comparison']
    """
    effects = _comparisons(review, pooled=True)
    reported = zip(effects["reported_effect"], effects["reported_se"], strict=True)
    return pd.DataFrame(
        {
            "trial": effects["label"],
            "question": _titles(review, effects),
            "comparison": effects["arm"] + " v " + effects["comparator"],
            "instrument": effects["instrument"],
            "weeks": effects["timepoint_weeks"],
            "reported": [f"{number(effect)} (SE {number(se)})" for effect, se in reported],
            "effect": effects["effect"],
            "SE": effects["se"],
            "recovered from": effects["form"],
            "assumed": effects["assumptions"],
            "source": effects["source"],
            "rows": effects["result_ids"],
        }
    )


def derivations_table(review: Review) -> pd.DataFrame:
    """List how each effect of all analyses follows from the printed numbers.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.derivations_table(ev.read_review("data")).columns.tolist()
    ['trial', 'question', 'derivation', 'read at']
    """
    effects = _comparisons(review, pooled=True)
    arms = {
        trial: dict(zip(rows["arm_id"], rows["label"], strict=True))
        for trial, rows in review.arms.groupby("trial_id")
    }
    named = [
        Listed.of((step.naming(arms.get(trial, {})) for step in steps.parts), ". ", ".")
        for trial, steps in zip(effects["trial_id"], effects["derivation"], strict=True)
    ]
    return pd.DataFrame(
        {
            "trial": effects["label"],
            "question": _titles(review, effects),
            "derivation": pd.Series(named, index=effects.index, dtype=object),
            "read at": effects["source_url"],
        }
    )


def _titles(review: Review, effects: pd.DataFrame) -> list[str]:
    return [review.analyses[name].title for name in effects["analysis"]]
