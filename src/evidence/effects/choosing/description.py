"""Columns that describe the trial and the arms of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from evidence.effects.choosing.question import Pair
from evidence.tables.bias_tools import NOT_JUDGED
from evidence.tables.review import Review

__all__ = ["NOT_FULLY_JUDGED", "WITH_TREATMENT", "TrialDescription", "overall_risk_of_bias"]


class TrialDescription:
    """Columns that describe the trial and the arms of a comparison."""

    def __init__(self, review: Review) -> None:
        self._protocol = review.protocol
        self._trials = {row["trial_id"]: row for row in review.trials.to_dict("records")}
        labels = zip(review.arms["trial_id"], review.arms["arm_id"], review.arms["label"], strict=True)
        self._labels = {(trial, arm): label for trial, arm, label in labels}
        self._readers = {
            str(row["result_id"]): ", ".join(filter(None, (" and ".join(row["readers"]), row["status"])))
            for table in (review.arm_results, review.contrast_results)
            for row in table[["result_id", "readers", "status"]].to_dict("records")
        }
        self._bias = overall_risk_of_bias(review.bias_judgements, review.protocol.risk_of_bias.key_domains)
        self._components = review.protocol.co_components
        self._columns = [name for name in review.protocol.subgroups if name in review.trials]

    def __call__(self, pair: Pair) -> dict[str, Any]:
        """Give the columns for one pair of arms, or for a single one, whose comparator is empty."""
        trial = self._trials[pair.trial_id]
        return {
            "trial_id": pair.trial_id,
            "study": self._protocol.trial_of(pair.trial_id),
            "label": trial["label"],
            "year": trial["year"],
            "arm_id": pair.arm_id,
            "comparator_arm_id": pair.comparator_arm_id,
            "arm": self._labels[pair.trial_id, pair.arm_id],
            "comparator": self._labels.get((pair.trial_id, pair.comparator_arm_id), ""),
            "comparator_group": pair.group,
            "doi": trial["doi"],
            "risk_of_bias": self._bias.get(pair.trial_id, NOT_JUDGED),
            **{name: _HELD[pair.held_by[name]] for name in self._components},
            **{name: trial[name] or "not stated" for name in self._columns},
        }

    def readers(self, result_ids: Iterable[str]) -> str:
        """Say who read the rows of a result, and whether they agreed: ``A and B, confirmed``."""
        return "; ".join(dict.fromkeys(self._readers[name] for name in result_ids if self._readers.get(name)))


_HELD = {
    "neither": "in neither arm",
    "intervention": "with the intervention",
    "comparator": "in the comparator",
    "both": "in both arms",
    "with": "with it",
    "without": "without it",
}

WITH_TREATMENT = (_HELD["intervention"], _HELD["both"])
"""Where a studied component is if the treated group has it, as the columns of components say it."""


NOT_FULLY_JUDGED = "not fully judged"
"""Overall judgement of a trial of which a key domain was not judged: what was not may be worse."""


def overall_risk_of_bias(judgements: pd.DataFrame, key_domains: Collection[str] = ()) -> dict[str, str]:
    """Give each assessed trial its worst judgement over the domains: high, then some concerns or unclear, then low.

    A high risk in any domain is a high risk overall. Anything better needs every key domain.

    Parameters
    ----------
    judgements : DataFrame
        Columns trial_id, domain and judgement.
    key_domains : collection of str
        Domains that must have been judged; by default all that occur in `judgements`.

    Returns
    -------
    dict of str to str
        "high", "some concerns", "low" or "not fully judged" by trial; trials without a judgement are absent.

    Examples
    --------
    >>> import pandas as pd
    >>> import evidence as ev
    >>> judgements = pd.DataFrame(
    ...     {
    ...         "trial_id": ["a", "a", "b"],
    ...         "domain": ["randomisation", "missing_outcomes", "randomisation"],
    ...         "judgement": ["low", "high", "low"],
    ...     }
    ... )
    >>> ev.overall_risk_of_bias(judgements)
    {'a': 'high', 'b': 'not fully judged'}
    """
    order = {"low": 0, "some": 1, "unclear": 1, "high": 2}
    names = {0: "low", 1: "some concerns", 2: "high"}
    needed = set(key_domains or judgements["domain"])
    levels: dict[str, dict[str, int]] = {}
    for row in judgements[["trial_id", "domain", "judgement"]].itertuples(index=False):
        levels.setdefault(str(row.trial_id), {})[str(row.domain)] = order[str(row.judgement)]
    overall = {}
    for trial in sorted(levels):
        worst = max(levels[trial].values())
        judged = worst == max(order.values()) or needed <= levels[trial].keys()
        overall[trial] = names[worst] if judged else NOT_FULLY_JUDGED
    return overall
