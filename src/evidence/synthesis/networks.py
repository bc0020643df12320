"""The networks that the analyses of a protocol make, for exports and checks that take all of a review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.effects.choosing.network_data import network_data
from evidence.errors import EvidenceError
from evidence.models.network.fit import network, network_parts
from evidence.models.network.result import Network
from evidence.models.network.tau2 import METHODS
from evidence.tables.review import Review

__all__ = ["ReviewNetwork", "review_networks"]

COLUMNS = ["study", "treat1", "treat2", "effect", "se"]
SMALLEST = 3
"""Treatments of a network; two are compared by an analysis."""


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
