"""The networks that the analyses of a protocol make, for exports and checks that take all of a review."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from evidence.effects.choosing.network_data import network_data
from evidence.errors import EvidenceError
from evidence.models.network.fit import network, network_parts
from evidence.models.network.result import Network
from evidence.models.network.tau2 import METHODS
from evidence.synthesis.synthesis import synthesise
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import parts_of

__all__ = ["NETWORK_TAKES", "ReviewNetwork", "network_takes", "reasons_with_network", "review_networks"]

COLUMNS = ["study", "treat1", "treat2", "effect", "se"]
SMALLEST = 3
"""Treatments of a network; two are compared by an analysis."""

NETWORK_TAKES = "the network of treatments takes them"
"""What is said of numbers that compare each group with a third one, where a network holds their trial."""


@dataclass(frozen=True, eq=False)
class ReviewNetwork:
    """A connected network of trials of one outcome.

    Attributes
    ----------
    id : str
        Outcome, window and grouping, with a number where trials fall into several parts.
    outcome, window, nodes, measure : str
    contrasts : DataFrame
        All pairwise contrasts: study, treat1, treat2, effect, se.
    fit : Network or None
    hindrance : str
        Why it could not be fitted; "" if it was.
    """

    id: str
    outcome: str
    window: str
    nodes: str
    measure: str
    contrasts: pd.DataFrame
    fit: Network | None
    hindrance: str = ""


@lru_cache(maxsize=64)
def _network_trials(review: Review, outcome: str, window: str) -> frozenset[str]:
    """Name the trials (ids) in a network of an outcome and window; none where the protocol groups no treatments."""
    found: set[str] = set()
    for nodes in review.protocol.nodes:
        try:
            data = network_data(review, outcome, window, nodes=nodes)
            for part in network_parts(data) if len(data) else []:
                held = {*part["treat1"], *part["treat2"]}
                if len(held) >= SMALLEST:
                    found |= set(data.loc[data["treat1"].isin(held), "trial_id"])
        except EvidenceError:
            continue
    return frozenset(found)


def _through_third(review: Review, analysis: Analysis, reported: pd.DataFrame) -> pd.Series[bool]:
    """Tell which comparisons have numbers against a third group alone that a network takes."""
    shared = reported["reason_kind"].map(lambda kinds: "shared group" in parts_of(kinds)).astype(bool)
    if analysis.spec.role == "reproduction" or not shared.any():
        return shared & False
    return shared & reported["trial_id"].isin(_network_trials(review, analysis.outcome, analysis.window))


def network_takes(review: Review, analysis: Analysis) -> bool:
    """Tell whether a network takes numbers on an analysis that compare each group with a third one.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> network_takes(review, review.analysis("added-to-exercise-disability-short"))
    True
    """
    return bool(_through_third(review, analysis, synthesise(review, analysis).reported).any())


def reasons_with_network(review: Review, analysis: Analysis, reported: pd.DataFrame) -> pd.Series[str]:
    """Give the reasons why comparisons are not pooled; that a network takes their numbers is said with them.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    reported : DataFrame
        Columns trial_id, reason and reason_kind.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> analysis = review.analysis("added-to-exercise-disability-short")
    >>> reported = ev.synthesise(review, analysis).reported
    >>> bool(reasons_with_network(review, analysis, reported).str.endswith(NETWORK_TAKES).any())
    True
    """
    reasons = reported["reason"].astype(str)
    return reasons.where(~_through_third(review, analysis, reported), reasons + f"; {NETWORK_TAKES}")


def review_networks(review: Review) -> list[ReviewNetwork]:
    """Fit every network of at least three treatments of the outcomes and windows that the protocol analyses.

    Reproductions of other reviews have windows of their own and are left out, as are analyses of single groups. The
    model is the protocol's; where it names an estimator that networks do not have, REML.

    Parameters
    ----------
    review : Review

    Returns
    -------
    list of ReviewNetwork
    """
    asked = [review.analysis(name) for name in review.analyses]
    compared = [one for one in asked if one.spec.role != "reproduction" and not one.one_group]
    pairs = dict.fromkeys((one.outcome, one.window) for one in compared)
    model = review.protocol.model
    options: dict[str, Any] = {
        "method": model.method if model.method in METHODS else "REML",
        "level": model.level,
        "prediction": model.prediction,
    }
    found = []
    for nodes in review.protocol.nodes:
        for outcome, window in pairs:
            name, measure = f"{outcome}-{window}-{nodes}", ""
            part = pd.DataFrame(columns=COLUMNS)
            try:
                data = network_data(review, outcome, window, nodes=nodes)
                for number, part in enumerate(network_parts(data) if len(data) else [], 1):
                    if len({*part["treat1"], *part["treat2"]}) >= SMALLEST:
                        id_ = name if number == 1 else f"{name}-{number}"
                        measure = str(data["measure"].iloc[0])
                        fit = network(part, **options)
                        found.append(ReviewNetwork(id_, outcome, window, nodes, measure, part, fit))
            except EvidenceError as error:  # for instance contrasts of a trial that contradict each other
                found.append(ReviewNetwork(name, outcome, window, nodes, measure, part, None, str(error)))
    return found
