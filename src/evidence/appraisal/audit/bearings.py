"""The results that bear on claims: pooled, rated, and with what the audit needs of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from evidence.appraisal.audit.claims import bears_on
from evidence.appraisal.audit.judge import Bearing
from evidence.appraisal.certainty.evidence import untimed
from evidence.appraisal.certainty.grade import grade
from evidence.appraisal.effect_words import outcome_words
from evidence.appraisal.harms import told_in_words
from evidence.errors import DataError
from evidence.models.core.weighted import Floats
from evidence.synthesis.synthesis import as_declared, synthesise
from evidence.tables.protocol.audit import CERTAINTIES
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["Rating", "bearing_of", "bearings_on", "level_of"]

Rating = Callable[[Review, str], Any]
"""Rates an analysis; the result has the attribute `level`, one of `CERTAINTIES`."""


def bearings_on(
    review: Review, claims: pd.DataFrame, *, certainty: Rating | None = None, **overrides: Any
) -> dict[str, Bearing]:
    """Give the result of every analysis that bears on one of the claims, in any window.

    Parameters
    ----------
    review, certainty, **overrides
        As for `audit`.
    claims : DataFrame
        As `read_table` gives it.

    Returns
    -------
    dict from analysis id to Bearing
        In the protocol's order.
    """
    records = claims.to_dict("records")
    return {
        one.id: bearing_of(review, one, certainty=certainty, **overrides)
        for one in review.analyses.values()
        if any(bears_on(one, claim, review.protocol) for claim in records)
    }


def bearing_of(
    review: Review, analysis: Analysis, *, certainty: Rating | None = None, **overrides: Any
) -> Bearing:
    """Pool an analysis, rate its certainty, and gather what the audit needs of it."""
    result = synthesise(review, analysis, **overrides) if overrides else as_declared(review, analysis.id)
    words = outcome_words(review, analysis.outcome, result.measure)
    lost, (in_words, out) = result.missing, told_in_words(review, result)
    counts = result.k, result.trials, result.n, lost["study"].nunique()
    bearing = Bearing(
        analysis,
        words,
        *counts,
        untimed=untimed(lost),
        left_out=result.left_out + out,
        in_words=in_words,
        at_least=result.at_least,
    )
    if result.fit is None:
        return bearing
    rated = (certainty or grade)(review, analysis.id)
    level = level_of(rated, analysis.id)
    fit = result.fit
    return replace(
        bearing,
        # The review may name a difference that matters for all outcomes: one yardstick for both.
        words=replace(words, mid=getattr(rated, "mid", words.mid))
        if math.isnan(words.mid) and getattr(rated, "named", True)
        else words,
        estimate=fit.estimate,
        ci_low=fit.ci_low,
        ci_high=fit.ci_high,
        level=fit.level,
        certainty=level,
        share=_share(review, result.effects),
        weights=_weights(review, result.effects, fit.weights),
    )


def level_of(rated: Any, analysis: str) -> str:
    """Give the level of a rating, one of `CERTAINTIES`."""
    level = str(rated.level)
    if level not in CERTAINTIES:
        raise DataError(f"the certainty of {analysis} is '{level}'; it must be {', '.join(CERTAINTIES)}")
    return level


def _weights(review: Review, effects: pd.DataFrame, percent: Floats) -> dict[str, dict[str, float]]:
    """Share of the weight by co-treatment and by the subgroups of trials that the protocol makes."""
    columns = (*review.protocol.co_components, *review.protocol.subgroups)
    weight = pd.Series(percent / 100.0, index=effects.index)
    return {
        name: {str(value): float(part) for value, part in weight.groupby(effects[name]).sum().items()}
        for name in dict.fromkeys(columns)
        if name in effects
    }


def _share(review: Review, effects: pd.DataFrame) -> float:
    """Share of the patients of the intervention arms who had the outcome, where arms report a count."""
    where = ["trial_id", "arm_id", "outcome", "instrument", "timepoint_weeks"]
    counts = review.arm_results.dropna(subset=["events", "n"])[[*where, "events", "n"]]
    known = effects[where].drop_duplicates().merge(counts, on=where)
    return float(known["events"].sum() / known["n"].sum()) if len(known) else float("nan")
