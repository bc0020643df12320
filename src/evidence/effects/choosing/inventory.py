"""What the evidence base holds: for each trial, whether its numbers can be used, and if not, why."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection

import pandas as pd

from evidence.effects.choosing.comparisons import comparisons
from evidence.effects.reported.contrasts import Contrast, reported_contrasts
from evidence.effects.reported.reasons import OR, distinct_reasons
from evidence.tables.review import Review
from evidence.wording import parts_of

__all__ = ["STATUSES", "inventory", "whole_trials"]

STATUSES = ("poolable", "reported, not poolable", "no numbers")
"""What can be done with a trial, the best first."""

_GROUPS = {"only a P value": "only a P value", "only a bound": "P value only a bound, no interval"}
"""Kinds of reasons that are told apart; the others are about what stands beside a mean or a difference."""

_NO_EFFECT = frozenset(
    {
        *("not reported", "doubtful", "time not stated", "only a P value", "only a bound"),
        *("uninformative P value", "no estimate", "no spread", "no mean"),
    }
)
"""Kinds of reasons that a poolable result cannot have: another result of the trial has them."""

_OF_KIND = {
    "doubtful": "doubtful as printed",
    "indirect": "indirect: it fits the question only in part",
    "set aside": "set aside by the protocol",
    **dict.fromkeys(
        ("other measure", "not rescalable", "range not stated", "no size"),
        "its effect cannot be put on the scale of the analysis",
    ),
}
"""Reasons of poolable trials as they are counted, by kind; others are counted in their own words."""


def inventory(review: Review) -> pd.DataFrame:
    """Tell for each trial what it reports and what can be recovered.

    Parameters
    ----------
    review : Review

    Returns
    -------
    DataFrame
        One row per trial, in the order of the table of trials: trial_id, label, year, n_randomised, rows (result
        rows in the tables), contrasts (comparisons of two arms after baseline), recovered (those with an estimate,
        a standard error and a time that are not doubtful), forms (what they were recovered from), analyses (number of
        analyses of the protocol that use the trial), status ("poolable", "reported, not poolable", "no numbers"),
        reason (why it cannot be pooled, or, for a poolable trial, why no analysis uses it; else "") and main_reason
        (the commonest of several reasons, or the first that an analysis gives).

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> frame = ev.inventory(review)
    >>> frame.columns[:4].tolist()
    ['trial_id', 'label', 'year', 'n_randomised']
    """
    by_trial: dict[str, list[Contrast]] = {}
    for contrast in reported_contrasts(review):
        by_trial.setdefault(contrast.trial_id, []).append(contrast)
    rows = Counter(review.arm_results["trial_id"]) + Counter(review.contrast_results["trial_id"])
    timeless = {
        one.outcome for one in review.analyses.values() if review.protocol.windows[one.window].any_time
    }
    asked = [comparisons(review, analysis) for analysis in review.analyses.values()]
    every = pd.concat(asked or [pd.DataFrame(columns=["trial_id", "analysis", "status"])])
    pooled = every["status"] == "pooled"
    used = every[pooled].groupby("trial_id")["analysis"].nunique()
    refused = dict(iter(every[~pooled].groupby("trial_id")))
    lines = []
    for trial in review.trials.to_dict("records"):
        name = str(trial["trial_id"])
        contrasts = by_trial.get(name, [])
        hindered = [_hindrance(one, timeless) for one in contrasts]
        recovered = [one for one, why in zip(contrasts, hindered, strict=True) if not why]
        reasons = Counter(filter(None, hindered))
        if recovered or name in used:
            status = "poolable"
            reason, main = ("", "") if name in used else _why_unused(refused.get(name))
        elif rows[name]:
            status = "reported, not poolable"
            reason = "; ".join(f"{group} ({count})" for group, count in reasons.most_common())
            main = next(
                (group for group, _ in reasons.most_common(1)), "only baseline values or a single arm"
            )
            reason = reason or main
        else:
            status, reason = "no numbers", "no outcome numbers in the text that was seen"
            main = reason
        lines.append(
            {
                "trial_id": name,
                "label": trial["label"],
                "year": trial["year"],
                "n_randomised": trial["n_randomised"],
                "rows": rows[name],
                "contrasts": len(contrasts),
                "recovered": len(recovered),
                "forms": "; ".join(sorted({form for one in recovered for form in one.forms})),
                "analyses": int(used.get(name, 0)),
                "status": status,
                "reason": reason,
                "main_reason": main,
            }
        )
    return pd.DataFrame(lines)


def whole_trials(review: Review) -> pd.DataFrame:
    """Tell the same with the strata of a trial as one trial.

    Parameters
    ----------
    review : Review

    Returns
    -------
    DataFrame
        As `inventory`, one row for each trial that counts: results of all its rows, and what the best of them says.
    """
    stock = inventory(review)
    study = stock["trial_id"].map(review.protocol.trial_of)
    people = stock.groupby(study)["n_randomised"].transform("sum", min_count=1)
    counts = ["rows", "contrasts", "recovered"]
    stock[counts] = stock.groupby(study)[counts].transform("sum")
    # What describes the trial is said of the whole, or else of its strata.
    for name, other in {"label": stock["label"], "year": stock["year"], "n_randomised": people}.items():
        stock[name] = (
            stock[name].where(stock["trial_id"] == study).groupby(study).transform("first").fillna(other)
        )
    best = stock.assign(rank=stock["status"].map(STATUSES.index) - (stock["analyses"] > 0))
    chosen = best.groupby(study)["rank"].idxmin().sort_values()
    return stock.assign(trial_id=study).loc[chosen].reset_index(drop=True)


def _why_unused(refused: pd.DataFrame | None) -> tuple[str, str]:
    """Say why a trial with poolable numbers stands in no analysis, in full and as it is counted."""
    if refused is None:
        return ("no analysis asks for its comparison",) * 2
    stated = refused[[not _NO_EFFECT.issuperset(parts_of(kinds)) for kinds in refused["reason_kind"]]]
    if stated.empty:
        return ("its poolable results are of other outcomes or times than the analyses ask for",) * 2
    kind, words = (stated[name].iloc[0] for name in ("reason_kind", "reason"))
    return distinct_reasons(stated["reason"].unique()), _OF_KIND.get(
        parts_of(kind)[0], words.partition(OR)[0]
    )


def _hindrance(contrast: Contrast, timeless: Collection[str]) -> str:
    """Why a comparison cannot be pooled; empty where it can. Some outcomes are asked for at any time.

    Of several reasons it is the first in the order in which analyses ask, so that both say the same of a trial.
    """
    if math.isnan(contrast.weeks) and contrast.outcome not in timeless:
        return "the time since randomisation is not stated"
    if contrast.doubt:
        return "doubtful as printed"
    if contrast.reason:
        return _GROUPS.get(contrast.reason.kind, "no standard deviation, interval or P value")
    return ""
