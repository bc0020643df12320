"""Which analyses of the protocol bear on a claim, and what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from evidence.appraisal.audit.judge import Bearing
from evidence.appraisal.effect_words import word
from evidence.effects.choosing.description import WITH_TREATMENT
from evidence.synthesis.synthesis import Synthesis, synthesise
from evidence.tables.protocol.protocol import Analysis, Protocol
from evidence.tables.review import Review
from evidence.wording import joined, number

__all__ = ["bears_on", "claim_results", "parts_of", "wider"]

_COLUMNS = ["claim_id", "claim", "analysis", "k", "trials", "estimate", "ci_low", "ci_high", "result"]
_WITH = {"yes": ("yes", "both_arms"), "no": ("no", "either"), "either": ("either", "no")}


def claim_results(review: Review, **overrides: Any) -> pd.DataFrame:
    """Give for each claim the results of the analyses that bear on it.

    An analysis bears on a claim if it studies an intervention of the claim, is about one of its outcomes and its
    window (any, if the claim names none), compares with its comparator (with any, if the claim names none), and
    treats co-interventions as the claim does (column ``with_<component>``). On a claim of superiority only
    comparisons with other active treatments bear.

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

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.claim_results(review).columns[:4].tolist()
    ['claim_id', 'claim', 'analysis', 'k']
    """
    done: dict[str, Synthesis] = {}
    rows: list[dict[str, Any]] = []
    for claim in review.claims.to_dict("records"):
        matching = [
            one
            for one in review.analyses.values()
            if bears_on(one, claim, review.protocol) and claim["window"] in ("", one.window)
        ]
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


def parts_of(text: str) -> tuple[str, ...]:
    """Read a cell that lists names, joined by |."""
    return tuple(part.strip() for part in text.split("|") if part.strip())


def wider(bearing: Bearing, claim: Mapping[Any, Any], protocol: Protocol, intervention: str = "") -> str:
    """Say where a pooled result is wider than a claim on which it bears: how much of its weight is about others.

    Treatment of any technique where the claim names one (column ``technique`` of the claims, one for each of their
    interventions), treatment together with another one where the claim is about treatment without it, and trials
    outside the subgroup (column of the claims by its name) that the claim is about. Empty where there is nothing of
    the kind.
    """
    found: list[str] = []
    for component in protocol.co_components:
        with_it = sum(bearing.weights.get(component, {}).get(name, 0.0) for name in WITH_TREATMENT)
        if claim.get(f"with_{component}", "") == "no" and with_it > 0:
            found.append(f"{_percent(with_it)} is of treatment with {word(protocol, component)}")
    for column in protocol.subgroups:
        shares, asked = bearing.weights.get(column, {}), claim.get(column, "")
        other = sum(share for value, share in shares.items() if value != asked)
        if asked and other > 0:
            found.append(f"{_percent(other)} is of patients not, or not said to be, {asked}")
    said = [f"of the weight, {joined(found)}"] if found else []
    techniques = dict(
        zip(parts_of(claim["intervention"]), parts_of(claim.get("technique", "")), strict=False)
    )
    if bearing.pooled and (technique := techniques.get(intervention)):
        said.insert(0, f"of any {word(protocol, intervention)}, not of {technique} alone")
    return f"wider than the claim: {'; '.join(said)}" if said else ""


def _percent(share: float) -> str:
    return f"{number(100.0 * share, 0)}%"


def bears_on(analysis: Analysis, claim: Mapping[Any, Any], protocol: Protocol) -> bool:
    """Tell whether an analysis bears on a claim, whatever its window.

    Parameters
    ----------
    analysis : Analysis
    claim : mapping
        Columns of ``claims.csv``.
    protocol : Protocol

    Returns
    -------
    bool
    """
    spec, groups = analysis.spec, protocol.comparator_groups
    if analysis.one_group:  # a claim is about an effect
        return False
    if not set(spec.intervention) & set(parts_of(claim["intervention"])):
        return False
    if analysis.outcome not in parts_of(claim["outcome"]):
        return False
    wanted = claim["comparator"]
    # A group of comparators is each of its members.
    compared = {name for entry in spec.comparator for name in (entry, *groups.get(entry, ()))}
    if wanted and compared.isdisjoint({wanted, *groups.get(wanted, ())}):
        return False
    if claim["kind"] == "superiority":
        weak = {"inactive", "usual", *protocol.components.inactive, *protocol.components.usual}
        if weak & compared:
            return False
    for component in protocol.co_components:
        how = claim.get(f"with_{component}", "")
        if how and spec.conditions.get(component, "either") not in _WITH[how]:
            return False
    return True
