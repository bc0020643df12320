"""How verdicts change when a threshold of the rule does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from evidence.appraisal.audit.bearings import Rating, bearings_on, level_of
from evidence.appraisal.audit.combine import judge_claim
from evidence.appraisal.audit.judge import NOT_ADDRESSED, VERDICTS, Bearing
from evidence.appraisal.audit.read import read_table
from evidence.appraisal.certainty.grade import grade
from evidence.appraisal.effect_words import outcome_words
from evidence.errors import DataError, Fault
from evidence.tables.protocol.audit import AuditRule
from evidence.tables.review import Review

__all__ = ["audit_sensitivity", "firm_verdicts", "other_verdicts", "verdict_changes", "verdict_counts"]

AS_DECLARED = "as declared"


def audit_sensitivity(
    review: Review,
    claims: pd.DataFrame | str | Path | None = None,
    *,
    certainty: Rating | None = None,
    **overrides: Any,
) -> pd.DataFrame:
    """Judge every claim again under the other thresholds that the protocol names (``audit.vary``).

    Each certainty goes with each other threshold, of which one at a time differs from the protocol's. With another
    important difference the certainty is rated again, too, as imprecision depends on it.

    Parameters
    ----------
    review, claims, certainty, **overrides
        As for `audit`.

    Returns
    -------
    DataFrame
        One row per claim and variation: claim_id, claim, certainty (the lowest that decides), threshold ("as
        declared" or what differs), verdict, and changed (whether it is another one than under the protocol's rule).
        The protocol's own rule comes first.

    Raises
    ------
    DataError
        If a table cannot be used, or ``audit.vary`` names an outcome that the protocol does not have.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.audit_sensitivity(review).columns[:4].tolist()
    ['claim_id', 'claim', 'certainty', 'threshold']
    """
    judged = read_table(review.claims if claims is None else claims, "claims", review.protocol)
    bearings = bearings_on(review, judged, certainty=certainty, **overrides)
    own, records = review.protocol.audit, judged.to_dict("records")
    variations = list(_variations(review, own, bearings, certainty))
    rows = []
    for level in dict.fromkeys((own.certainty, *own.vary.certainty)):
        for name, rule, varied in variations:
            demanded = rule.model_copy(update={"certainty": level})
            for claim in records:
                verdict = judge_claim(claim, varied, review.protocol, demanded).verdict
                rows.append((claim["claim_id"], claim["claim"], level, name, verdict))
    table = pd.DataFrame(rows, columns=["claim_id", "claim", "certainty", "threshold", "verdict"])
    declared = table["verdict"].head(len(records)).tolist()
    return table.assign(changed=table["verdict"] != declared * (len(table) // max(len(records), 1)))


def other_verdicts(
    review: Review,
    claims: pd.DataFrame,
    bearings: Mapping[str, Bearing],
    rule: AuditRule,
    certainty: Rating | None = None,
) -> dict[str, str]:
    """Say by claim under which other thresholds than certainty, one at a time, the verdict is another one, and which.

    Parameters
    ----------
    review, certainty
        As for `audit`.
    claims : DataFrame
        As `read_table` gives it.
    bearings : mapping from analysis id to Bearing
        As `bearings_on` gives it.
    rule : AuditRule

    Returns
    -------
    dict of str to str
        ``too uncertain with another threshold (pain: 5 matters)``; empty where the verdict holds under each.
    """
    said, records = {}, claims.to_dict("records")
    (_, _, declared), *variations = _variations(review, rule, bearings, certainty)
    for claim in records:
        own = judge_claim(claim, declared, review.protocol, rule).verdict
        found: dict[str, list[str]] = {}
        for name, other, varied in variations:
            verdict = judge_claim(claim, varied, review.protocol, other).verdict
            if verdict != own:
                found.setdefault(verdict, []).append(name)
        said[claim["claim_id"]] = "; ".join(
            f"{verdict} with another threshold ({', '.join(names)})" for verdict, names in found.items()
        )
    return said


def verdict_counts(varied: pd.DataFrame) -> pd.DataFrame:
    """Count the verdicts under each threshold.

    Parameters
    ----------
    varied : DataFrame
        As `audit_sensitivity` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.verdict_counts(ev.audit_sensitivity(review)).columns[:2].tolist()
    ['certainty at least', 'threshold']
    """
    rows = ["certainty", "threshold"]
    table = varied.pivot_table(index=rows, columns="verdict", aggfunc="size", fill_value=0, sort=False)
    table = table[[verdict for verdict in VERDICTS if verdict in table]].reset_index()
    return table.rename(columns={"certainty": "certainty at least"}).rename_axis(columns=None)


def verdict_changes(varied: pd.DataFrame) -> pd.DataFrame:
    """List the claims whose verdict is another one under some thresholds, with those, as `verdict_counts`.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.verdict_changes(ev.audit_sensitivity(review)).columns[:2].tolist()
    ['claim', 'verdict']
    """
    changed = varied[varied["changed"]].groupby(["claim_id", "claim", "verdict"], sort=False)
    found = changed[["certainty", "threshold"]].agg(_listed)
    headings = {"certainty": "with certainty at least", "threshold": "and one of these thresholds"}
    return found.droplevel("claim_id").reset_index().rename(columns=headings)


def _listed(names: pd.Series) -> str:
    return ", ".join(dict.fromkeys(names))


def firm_verdicts(varied: pd.DataFrame) -> str:
    """Say of how many claims that trials can speak to the verdict is the same under every threshold, and of which.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> ev.firm_verdicts(ev.audit_sensitivity(review)).startswith("Of the ")
    True
    """
    declared = varied.drop_duplicates("claim_id")  # the protocol's own rule comes first
    asked = declared[declared["verdict"] != NOT_ADDRESSED]
    firm = asked[~asked["claim_id"].isin(varied["claim_id"][varied["changed"]])]
    listed = "; ".join(f"{claim} ({verdict})" for claim, verdict in firm[["claim", "verdict"]].to_numpy())
    keeps = "keeps its" if len(firm) == 1 else "keep their"
    return (
        f"Of the {len(asked)} claims that these trials can speak to, {len(firm)} {keeps} verdict under every "
        f"threshold{f': {listed}' if listed else ''}."
    )


def _variations(
    review: Review, rule: AuditRule, bearings: Mapping[str, Bearing], certainty: Rating | None
) -> Iterator[tuple[str, AuditRule, Mapping[str, Bearing]]]:
    """Name each variation of another threshold than certainty and give its rule and the results under it."""
    protocol = review.protocol
    yield AS_DECLARED, rule, bearings
    for benefit in rule.vary.benefit:
        said = {
            "any": "any benefit",
            "estimate": "estimate beyond what matters",
            "interval": "interval beyond what matters",
        }
        yield said[benefit], rule.model_copy(update={"benefit": benefit}), bearings
    for outcome, differences in rule.vary.minimal_important_difference.items():
        if outcome not in protocol.outcomes:
            known = ", ".join(protocol.outcomes)
            place = "audit.vary.minimal_important_difference"
            raise DataError([Fault("review.yaml", None, place, outcome, f"use one of {known}")])
        for difference in differences:
            changed = protocol.outcomes[outcome].model_copy(
                update={"minimal_important_difference": difference}
            )
            outcomes = {**protocol.outcomes, outcome: changed}
            other = replace(review, protocol=protocol.model_copy(update={"outcomes": outcomes}))
            again = {}
            for id, one in bearings.items():
                # What was pooled stays; the difference that is declared is one of the outcome's own measure.
                if one.analysis.outcome == outcome and one.words.measure == changed.measure:
                    again[id] = replace(one, words=outcome_words(other, outcome, one.words.measure))
                    if one.certainty:
                        rated = certainty(other, id) if certainty else grade(review, id, mid=difference)
                        again[id] = replace(again[id], certainty=level_of(rated, id))
            yield f"{outcome.replace('_', ' ')}: {difference:g} matters", rule, {**bearings, **again}
