"""Columns that describe the trial and the arms of a comparison."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evidence.effects.choosing.question import Pair
from evidence.tables.review import Review

__all__ = ["TrialDescription", "overall_risk_of_bias"]


class TrialDescription:
    """Columns that describe the trial and the arms of a comparison."""

    def __init__(self, review: Review) -> None:
        self._trials = review.trials.set_index("trial_id")
        labels = zip(review.arms["trial_id"], review.arms["arm_id"], review.arms["label"], strict=True)
        self._labels = {(trial, arm): label for trial, arm, label in labels}
        self._bias = overall_risk_of_bias(review.risk_of_bias)
        self._components = review.protocol.co_components
        self._columns = [name for name in review.protocol.subgroups if name in self._trials]

    def __call__(self, pair: Pair) -> dict[str, Any]:
        """Give the columns for one pair of arms."""
        trial = self._trials.loc[pair.trial_id]
        return {
            "trial_id": pair.trial_id,
            "label": trial["label"],
            "year": trial["year"],
            "arm_id": pair.arm_id,
            "comparator_arm_id": pair.comparator_arm_id,
            "arm": self._labels[pair.trial_id, pair.arm_id],
            "comparator": self._labels[pair.trial_id, pair.comparator_arm_id],
            "comparator_group": pair.group,
            "doi": trial["doi"],
            "risk_of_bias": self._bias.get(pair.trial_id, "not assessed"),
            **{name: _HELD[pair.held_by[name]] for name in self._components},
            **{name: trial[name] or "not stated" for name in self._columns},
        }


_HELD = {
    "neither": "in neither arm",
    "intervention": "with the intervention",
    "comparator": "in the comparator",
    "both": "in both arms",
}


def overall_risk_of_bias(judgements: pd.DataFrame) -> dict[str, str]:
    """Give each assessed trial its worst judgement over the domains: high, then some concerns or unclear, then low.

    A trial of which fewer than half of the domains were judged, all of them low, is not called low: what was not
    judged may be worse.

    Parameters
    ----------
    judgements : DataFrame
        Columns trial_id, domain and judgement.

    Returns
    -------
    dict of str to str
        "high", "some concerns" or "low" by trial; trials that cannot be called any of these are absent.
    """
    order = {"low": 0, "some": 1, "unclear": 1, "high": 2}
    names = {0: "low", 1: "some concerns", 2: "high"}
    domains = judgements["domain"].nunique()
    overall = {}
    for trial, levels in judgements["judgement"].map(order).groupby(judgements["trial_id"]):
        worst = int(levels.max())
        if worst > 0 or len(levels) >= domains / 2:
            overall[str(trial)] = names[worst]
    return overall
