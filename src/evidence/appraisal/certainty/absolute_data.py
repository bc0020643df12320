"""What absolute effects take from the data: risks and responses of comparator arms, and the spread of scores."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pandas as pd

from evidence.effects.choosing.question import pairs
from evidence.tables.protocol.protocol import Analysis, Outcome
from evidence.tables.review import Review
from evidence.tables.schema import doubt
from evidence.wording import counted, number

__all__ = ["comparator_responses", "comparator_risks", "implied_sd", "instrument_sd", "spread_words"]

_RISKS = ["trial_id", "arm_id", "instrument", "timepoint_weeks", "events", "n", "risk"]


def comparator_risks(review: Review, effects: pd.DataFrame) -> pd.DataFrame:
    """List the risks in the comparator arms of comparisons, where events are reported.

    Parameters
    ----------
    review : Review
    effects : DataFrame
        Comparisons, as `Review.effects` gives them.

    Returns
    -------
    DataFrame
        One row for each comparator arm, instrument and time: trial_id, arm_id, instrument, timepoint_weeks,
        events, n, risk. An arm that several comparisons share stands once.
    """
    place = ["trial_id", "comparator_arm_id", "outcome", "instrument", "timepoint_weeks"]
    wanted = set(effects[place].itertuples(index=False, name=None))
    rows = _with_events(review)
    place[1] = "arm_id"
    held = [key in wanted for key in rows[place].itertuples(index=False, name=None)]
    return rows.loc[held, _RISKS].reset_index(drop=True)


def comparator_responses(review: Review, analysis: Analysis, outcome: str) -> pd.DataFrame:
    """List how many patients of comparator arms improved.

    The arms are those that the analysis compares with, in its window, whichever outcome they report; if none of them
    reports a response, those of analyses with the same comparators, in its window; failing that, all comparator arms
    of the review in any window. One row an arm: the most preferred instrument of the protocol, at the time nearest to
    the window's target.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    outcome : str
        Outcome of the protocol whose event is an improvement.

    Returns
    -------
    DataFrame
        Columns of `comparator_risks` and `own`: whether the arm is one of the analysis.
    """
    rows = _responses(review, outcome, analysis.window)
    arms = pd.Series(list(zip(rows["trial_id"], rows["arm_id"], strict=True)), index=rows.index, dtype=object)
    mine = arms.isin(_comparator_arms(review, [analysis])) & rows["within"]
    # Analyses that differ in outcome and window alone compare the same arms.
    others = {one.spec.id: one for one in review.analyses.values()}.values()
    alike = [one for one in others if set(one.spec.comparator) == set(analysis.spec.comparator)]
    near = arms.isin(_comparator_arms(review, alike)) & rows["within"]
    held = next((found for found in (mine, near) if found.any()), arms.isin(_comparator_arms(review, others)))
    chosen = rows[held].drop_duplicates(["trial_id", "arm_id"])
    return chosen[_RISKS].assign(own=bool(mine.any())).reset_index(drop=True)


def implied_sd(effects: pd.DataFrame, measure: str) -> float:
    """Give the standard deviation of a score on the analysis scale.

    Parameters
    ----------
    effects : DataFrame
        Comparisons, as `Review.effects` gives them.
    measure : {"MD", "SMD"}

    Returns
    -------
    float
        1 for standardised differences; for mean differences the median over comparisons of se / √(1/n1 + 1/n2), which
        for adjusted differences is the residual one; NaN where no comparison states its sizes.
    """
    if measure == "SMD":
        return 1.0
    sd: pd.Series[float] = effects["se"] / np.sqrt(1.0 / effects["n_arm"] + 1.0 / effects["n_comparator"])
    return float(sd.median()) if sd.notna().any() else math.nan


@lru_cache(maxsize=256)
def instrument_sd(review: Review, instrument: str) -> tuple[float, int]:
    """Give the usual standard deviation of an instrument's scores after baseline.

    Parameters
    ----------
    review : Review
    instrument : str

    Returns
    -------
    sd : float
        Median over trials of each trial's median over its arms and times; NaN without any.
    trials : int
        Number of trials that report one.
    """
    rows = review.arm_results
    usable = (
        (rows["instrument"] == instrument)
        & (rows["statistic"] == "post")
        & (rows["timepoint_weeks"] > 0)
        & (rows["sd"] > 0)
        & (rows["note"].map(doubt) == "")
    )
    by_trial = rows[usable].groupby("trial_id")["sd"].median()
    return (float(by_trial.median()) if len(by_trial) else math.nan), len(by_trial)


def spread_words(review: Review, outcome: Outcome) -> str:
    """Say how many points a standard deviation is of the instrument in which an outcome is told, and whence.

    ``1 standard deviation = 4.5 RMDQ points (median of 5 trials)``, of scores after baseline; empty where no
    instrument is named, or none of its standard deviations is known.
    """
    told = outcome.present_as or {}
    instrument, sd = str(told.get("instrument", "")), told.get("sd", "from data")
    source = "as the protocol gives it"
    if not instrument:
        return ""
    if not isinstance(sd, int | float):
        sd, trials = instrument_sd(review, instrument)
        source = f"median of {counted(trials, 'trial')}"
    if not sd > 0:
        return ""
    return f"1 standard deviation = {number(sd, 1)} {instrument} points ({source})"


def _comparator_arms(review: Review, analyses: Iterable[Analysis]) -> set[tuple[str, str]]:
    """Trial and arm of all with which some analyses compare."""
    return {(one.trial_id, one.comparator_arm_id) for analysis in analyses for one in pairs(review, analysis)}


@lru_cache(maxsize=64)
def _responses(review: Review, outcome: str, window_name: str) -> pd.DataFrame:
    """Rows of `_with_events` for an outcome, those of the preferred instrument and of about the right time first."""
    rows = _with_events(review)
    rows = rows[rows["outcome"] == outcome]
    rules, window = review.protocol.outcomes[outcome], review.protocol.windows[window_name]
    rows = rows.assign(
        rank=[_rank(rules, name) for name in rows["instrument"]],
        distance=[window.distance(weeks) for weeks in rows["timepoint_weeks"]],
        within=[window.holds(weeks) for weeks in rows["timepoint_weeks"]],
    )
    return rows[rows["rank"].notna()].sort_values(["rank", "distance"], kind="stable")


@lru_cache(maxsize=8)
def _with_events(review: Review) -> pd.DataFrame:
    """Rows of `arm_results` with events among a known number and no doubt, with their risk."""
    rows = review.arm_results
    rows = rows[rows["events"].notna() & (rows["n"] > 0) & (rows["note"].map(doubt) == "")]
    return rows.assign(risk=rows["events"].astype(float) / rows["n"].astype(float))


def _rank(outcome: Outcome, instrument: str) -> float:
    """Place of an instrument in the order of preference; NaN if the order does not name it."""
    if not outcome.prefer:
        return 0.0
    return float(outcome.prefer.index(instrument)) if instrument in outcome.prefer else math.nan
