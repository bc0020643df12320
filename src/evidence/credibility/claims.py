"""Which analyses of the protocol bear on a claim, and what they found."""

from __future__ import annotations

from typing import Any

import pandas as pd

from evidence.models.synthesis import Synthesis, synthesise
from evidence.tables.protocol import Analysis, Protocol
from evidence.tables.review import Review

__all__ = ["claim_results"]

_COLUMNS = ["claim_id", "claim", "analysis", "k", "trials", "estimate", "ci_low", "ci_high", "result"]
_WITH = {"yes": ("yes", "both_arms"), "no": ("no", "either"), "either": ("either", "no")}


def claim_results(review: Review, **overrides: Any) -> pd.DataFrame:
    """Give for each claim the results of the analyses that bear on it.

    An analysis bears on a claim if it studies an intervention of the claim, is about one of its outcomes and its
    window, compares with its comparator, and treats co-interventions as the claim does (column ``with_<component>``).

    Parameters
    ----------
    review : Review
    **overrides
        Options of `synthesise`.

    Returns
    -------
    DataFrame
        One row per claim and analysis: claim_id, claim, analysis, k, trials, estimate, ci_low, ci_high and result (a
        sentence). A claim on which no analysis bears has one row with an empty analysis and the reason.
    """
    done: dict[str, Synthesis] = {}
    rows: list[dict[str, Any]] = []
    for claim in review.claims.to_dict("records"):
        matching = [one for one in review.analyses.values() if _bears_on(one, claim, review.protocol)]
        if not matching:
            reason = claim["note"] or "no analysis of the protocol asks this"
            rows.append(
                {"claim_id": claim["claim_id"], "claim": claim["claim"], "analysis": "", "result": reason}
            )
        for analysis in matching:
            if analysis.id not in done:
                done[analysis.id] = synthesise(review, analysis, **overrides)
            result = done[analysis.id]
            rows.append(
                {
                    "claim_id": claim["claim_id"],
                    "claim": claim["claim"],
                    "analysis": analysis.id,
                    "k": result.k,
                    "trials": result.trials,
                    **(
                        {name: getattr(result.fit, name) for name in ("estimate", "ci_low", "ci_high")}
                        if result.fit
                        else {}
                    ),
                    "result": result.sentence(),
                }
            )
    return pd.DataFrame(rows, columns=_COLUMNS)


def _bears_on(analysis: Analysis, claim: dict[Any, Any], protocol: Protocol) -> bool:
    spec = analysis.spec
    interventions, outcomes = set(claim["intervention"].split("|")), claim["outcome"].split("|")
    if not set(spec.intervention) & interventions or analysis.outcome not in outcomes:
        return False
    if analysis.window != claim["window"]:
        return False
    groups = protocol.comparator_groups
    wanted = claim["comparator"]
    if wanted and wanted not in spec.comparator and not set(spec.comparator) & set(groups.get(wanted, ())):
        return False
    for component in protocol.co_components:
        how = claim.get(f"with_{component}", "")
        if how and spec.conditions.get(component, "either") not in _WITH[how]:
            return False
    return True
