"""From the tables to the effects of one analysis: which result of which trial, on which scale, counted once."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from evidence.effects.choosing.candidates import known_instruments
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.description import TrialDescription
from evidence.effects.choosing.question import Pair
from evidence.effects.choosing.selection import Candidate, select
from evidence.effects.choosing.sharing import average, one_each, split_shared_arms
from evidence.effects.reported.contrasts import Contrast, contrast_words
from evidence.effects.reported.reasons import OR, Reason, step
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import Listed

__all__ = ["COLUMNS", "LISTED", "comparisons", "effects", "orientation", "pooled_rows", "undivided"]

POOLED = "pooled"
NOT_POOLABLE = "not poolable"

COLUMNS = {
    "analysis": "id of the analysis in review.yaml",
    "trial_id": "id of the trial in trials.csv",
    "study": "the trial that counts: of a stratum the whole trial",
    "label": "name of the trial as figures show it",
    "year": "year of publication",
    "arm_id": "id of the intervention arm in arms.csv",
    "comparator_arm_id": "id of the comparator arm in arms.csv; empty where the measure takes one group",
    "arm": "name of the intervention arm",
    "comparator": "name of the comparator arm",
    "outcome": "outcome",
    "instrument": "instrument on which the outcome was measured",
    "timepoint_weeks": "weeks from randomisation",
    "statistic": "final score (post), change from baseline (change) or count",
    "measure": "measure of the effect; ratios of single comparisons are logarithms, pooled ones are ratios",
    "effect": "effect of the comparison, intervention minus comparator; of one group its value, as analysed",
    "se": "standard error of the effect, for ratios of its logarithm",
    "variance": "sampling variance of the effect",
    "ci_low": "lower limit of the confidence interval",
    "ci_high": "upper limit of the confidence interval",
    "n_arm": "patients of the intervention arm",
    "n_comparator": "patients of the comparator arm, as divided among its comparisons",
    "n": "number of patients, where it is known or assumed; those of a shared arm as divided",
    "events_arm": "patients of the intervention arm with the event",
    "events_comparator": "patients of the comparator arm with the event, as divided among its comparisons",
    "reported_effect": "effect as reported, in units of the instrument",
    "reported_se": "its standard error as recovered from the report",
    "reported_measure": "measure of the effect as reported",
    "reported_low": "lower limit of its interval: as printed, or by the distribution of the report",
    "reported_high": "upper limit of its interval",
    "unit": "unit of the effect",
    "comparator_group": "group of comparators of the protocol",
    "risk_of_bias": "overall risk of bias of the trial",
    "source_kind": "kind of the source: abstract, full text, registry, secondary",
    "adjusted": "whether the result was adjusted for baseline values",
    "form": "what the effect was worked out from",
    "assumptions": "assumptions that were made, if any",
    "arm_share": "share of a shared comparator arm that this comparison was given",
    "derivation": "how the effect follows from the report, step by step",
    "result_ids": "rows of arm_results.csv or contrast_results.csv that it was worked out from",
    "readers": "who read the rows, and whether they agreed",
    "source": "kind of the source and the place in it",
    "source_url": "address of the source",
    "doi": "DOI of the trial's publication",
    "status": "pooled, or not poolable",
    "reason": "why a comparison is not poolable",
    "reason_kind": "the same in a word or two for programs, of several reasons each once",
}
"""Columns of a frame of comparisons in their order, with what they say; a protocol adds others."""

LISTED = ("form", "assumptions", "derivation", "result_ids", "reason_kind")
"""Columns of `Listed` texts."""


def effects(review: Review, analysis: Analysis, **options: Any) -> pd.DataFrame:
    """Give one effect and variance for each poolable comparison of an analysis.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    **options
        Fields of `Choices` that differ from the protocol.

    Returns
    -------
    DataFrame
        The rows of `comparisons` whose status is "pooled", without the columns status, reason and reason_kind.
    """
    return pooled_rows(comparisons(review, analysis, **options))


def pooled_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the poolable rows of `comparisons`, without the columns that are about the others."""
    pooled = frame[frame["status"] == POOLED].drop(columns=["status", "reason", "reason_kind"])
    return pooled.reset_index(drop=True)


def comparisons(review: Review, analysis: Analysis, **options: Any) -> pd.DataFrame:
    """List every comparison that bears on an analysis, with its effect or the reason why it has none.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    **options
        Fields of `Choices` that differ from the protocol.

    Returns
    -------
    DataFrame
        One row for each pair of arms that answers the analysis, or for each arm where its measure takes one group,
        ordered by year and label; columns as in `COLUMNS`, effects with intervals of the protocol's level, reported
        ones in units of the instrument and before sharing. Before comparator_group stands one column for each studied
        component on which the protocol has a condition, after risk_of_bias the subgroup columns of trials. What form,
        assumptions, derivation, result_ids and reason_kind list is joined to a text for people, with the parts for
        programs in its attribute `parts`, as long as no operation makes the column one of plain text.

    Raises
    ------
    DataError
        If an option is unknown.
    """
    choices = Choices.of(review, options, analysis=analysis)
    return _listed(review, analysis.model_dump_json(), choices).copy(deep=False)  # pandas copies on write


def undivided(review: Review, analysis: Analysis, **options: Any) -> pd.DataFrame:
    """As `comparisons`, but each is the trial's own: a group that several of them share is not divided.

    What is analysed as it was reported has the interval that the trial printed.
    """
    frame = comparisons(review, analysis, **options)
    divides = Choices.of(review, options, analysis=analysis).multi_arm == "split_comparator"
    if divides and frame.loc[frame["status"] == POOLED, "trial_id"].duplicated().any():
        frame = comparisons(review, analysis, **options | {"multi_arm": "correlated"})
    numbers = (
        "effect",
        "se",
        "ci_low",
        "ci_high",
        "reported_effect",
        "reported_se",
        "reported_low",
        "reported_high",
    )
    effect, se, low, high, reported, reported_se, own_low, own_high = (
        frame[name].astype(float) for name in numbers
    )
    as_reported = (frame["measure"] == frame["reported_measure"]) & own_low.notna()
    # Points of an instrument on the scale of the analysis; ratios, as their logarithms, have a factor of one.
    factor = frame["instrument"].map(orientation(review, analysis.outcome)).astype(float) * se / reported_se
    ends = effect + factor * (own_low - reported), effect + factor * (own_high - reported)
    return frame.assign(
        ci_low=low.mask(as_reported, np.minimum(*ends)), ci_high=high.mask(as_reported, np.maximum(*ends))
    )


@lru_cache(maxsize=64)
def orientation(review: Review, outcome: str) -> dict[str, float]:
    """Give for each instrument -1 where its scores run against the outcome, so that signs are turned, and 1 else."""
    rules = review.protocol.outcomes[outcome]
    return {name: 1.0 if one.runs_with(rules) else -1.0 for name, one in known_instruments(review).items()}


def _own_interval(contrast: Contrast, level: float) -> tuple[float, float]:
    """The interval of a reported difference: as printed, or by the distribution from which its SE was taken."""
    if contrast.interval is not None and math.isclose(contrast.interval[2], level):
        return contrast.interval[:2]
    half = contrast.se * float(stdtrit(contrast.df, 0.5 + level / 2))
    return contrast.estimate - half, contrast.estimate + half


@lru_cache(maxsize=256)
def _listed(review: Review, question: str, choices: Choices) -> pd.DataFrame:
    """List the comparisons once for each question and choice: pooling, rating and auditing all ask for them."""
    analysis = Analysis.model_validate_json(question)
    measure = choices.measure or review.protocol.pooled_measure(analysis)
    chosen, reasons = select(review, analysis, measure, choices)
    if choices.multi_arm == "split_comparator":
        chosen = split_shared_arms(chosen)
    elif choices.multi_arm == "one":
        chosen, others = one_each(chosen)
        reasons |= others
    describe_trial = _description(review)
    level = review.protocol.model.level
    rows = [_row(analysis, measure, candidate, describe_trial, level) for candidate in chosen]
    if choices.multi_arm == "average":
        rows = list(average(rows))
    rows += [_reason_row(analysis, measure, pair, found, describe_trial) for pair, found in reasons.items()]
    with pd.option_context("mode.string_storage", "python"):  # as in the tables of the review
        frame = pd.DataFrame(rows, columns=_columns(review))
    half = float(ndtri(0.5 + level / 2)) * frame["se"].astype(float)
    frame["ci_low"], frame["ci_high"] = frame["effect"] - half, frame["effect"] + half
    for name in LISTED:
        # Left to itself, pandas would make plain text of them.
        frame[name] = pd.Series([row.get(name, math.nan) for row in rows], dtype=object)
    return frame.sort_values(["status", "year", "label"], ascending=[False, True, True], ignore_index=True)


@lru_cache(maxsize=8)
def _description(review: Review) -> TrialDescription:
    return TrialDescription(review)


def _row(
    analysis: Analysis, measure: str, candidate: Candidate, describe_trial: TrialDescription, level: float
) -> dict[str, Any]:
    contrast, scaled = candidate.contrast, candidate.scaled
    own_low, own_high = _own_interval(contrast, level)
    described = describe_trial(candidate.pair)
    se = math.sqrt(scaled.variance)
    names = " v ".join(filter(None, (described["arm"], described["comparator"])))
    measured = step(f"{names}, {', '.join(contrast_words(contrast))}")
    # Counts of which the sign was turned cannot be read together with the effect.
    events = (math.nan,) * 4 if scaled.turned or contrast.events is None else contrast.events
    place = (
        f"{contrast.source_kind.replace('_', ' ')}: {contrast.locator}"
        if contrast.locator
        else contrast.source_kind
    )
    return {
        **described,
        "analysis": analysis.id,
        "outcome": analysis.outcome,
        "instrument": contrast.instrument,
        "timepoint_weeks": contrast.weeks,
        "statistic": contrast.statistic,
        "measure": measure,
        "effect": scaled.effect,
        "se": se,
        "variance": scaled.variance,
        "n_arm": contrast.n_arm,
        "n_comparator": contrast.n_comparator,
        "n": contrast.n,
        "events_arm": events[0],
        "events_comparator": events[2],
        "reported_effect": contrast.estimate,
        "reported_se": contrast.se,
        "reported_measure": contrast.measure,
        "reported_low": own_low,
        "reported_high": own_high,
        "unit": scaled.unit,
        "source_kind": contrast.source_kind,
        "adjusted": contrast.adjusted,
        "form": Listed.of(contrast.forms),
        "assumptions": Listed.of(dict.fromkeys((*contrast.assumptions, *scaled.assumptions))),
        "arm_share": contrast.arm_share,
        "derivation": Listed.of(
            [measured, *candidate.beside, *contrast.steps, *scaled.steps], joint=". ", end="."
        ),
        "result_ids": Listed.of(contrast.result_ids),
        "readers": describe_trial.readers(contrast.result_ids),
        "source": place,
        "source_url": contrast.source_url,
        "status": POOLED,
        "reason": "",
        "reason_kind": Listed(),
    }


def _reason_row(
    analysis: Analysis,
    measure: str,
    pair: Pair,
    reasons: tuple[Reason, ...],
    describe_trial: TrialDescription,
) -> dict[str, Any]:
    return {
        **describe_trial(pair),
        "analysis": analysis.id,
        "outcome": analysis.outcome,
        "measure": measure,
        "status": NOT_POOLABLE,
        "reason": OR.join(dict.fromkeys(reason.words for reason in reasons)),
        "reason_kind": Listed.of(dict.fromkeys(reason.kind for reason in reasons)),
    }


def _columns(review: Review) -> list[str]:
    """Names of the columns of a frame of comparisons, in order."""
    protocol, names = review.protocol, list(COLUMNS)
    first, last = names.index("comparator_group"), names.index("source_kind")
    modifiers = [*protocol.co_components, *names[first:last]]
    modifiers += [name for name in protocol.subgroups if name in review.trials and name not in modifiers]
    return [*names[:first], *modifiers, *names[last:]]
