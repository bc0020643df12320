"""What the comparator arms went through without the intervention: their risks, and the spread of their scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from evidence.tables.review import CHECK_MARK, Review

__all__ = ["comparator_risks", "implied_sd"]


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
    rows = review.arm_results
    usable = rows["events"].notna() & (rows["n"] > 0) & ~rows["note"].str.startswith(CHECK_MARK)
    wanted = effects[["trial_id", "comparator_arm_id", "outcome", "instrument", "timepoint_weeks"]]
    wanted = wanted.rename(columns={"comparator_arm_id": "arm_id"}).drop_duplicates()
    keys = ["trial_id", "arm_id", "outcome", "instrument", "timepoint_weeks"]
    found = rows[usable].merge(wanted, on=keys)
    found["risk"] = found["events"] / found["n"]
    return found[["trial_id", "arm_id", "instrument", "timepoint_weeks", "events", "n", "risk"]]


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
