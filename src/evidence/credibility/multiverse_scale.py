"""One scale for all paths: standardised differences as points of the outcome's scale, and the other way round."""

from __future__ import annotations

import math
from statistics import median

from evidence.effects.suitable import on_scale
from evidence.tables.review import Review

__all__ = ["conversion", "typical_sd"]


def typical_sd(review: Review, outcome: str) -> float:
    """Give the standard deviation of final scores of an outcome, in the units of its mean differences.

    Parameters
    ----------
    review : Review
    outcome : str

    Returns
    -------
    float
        Median over trials of the median of each trial's reported standard deviations, over all windows; NaN if no
        trial reports one.

    References
    ----------
    Cochrane Handbook, section 15.5.3.2: re-expressing standardised mean differences on a familiar scale.
    """
    found: dict[str, list[float]] = {}
    for window in review.protocol.windows:
        for one in on_scale(review, outcome, window, "MD"):
            contrast = one.contrast
            if (
                not one.scaled.reason
                and not contrast.doubt
                and contrast.statistic == "post"
                and contrast.sd > 0
            ):
                factor = math.sqrt(one.scaled.variance) / contrast.se
                found.setdefault(contrast.trial_id, []).append(contrast.sd * factor)
    return median(map(median, found.values())) if found else math.nan


def conversion(review: Review, outcome: str) -> float:
    """Give the factor that puts the outcome's alternative measure on the scale of its own; NaN if there is none.

    Only between mean differences and standardised ones: no single number turns a ratio into another measure.
    """
    rules = review.protocol.outcomes[outcome]
    pair = (rules.measure, rules.alternative_measure)
    if pair == ("MD", "SMD"):
        return typical_sd(review, outcome)
    if pair == ("SMD", "MD"):
        return 1.0 / typical_sd(review, outcome)
    return math.nan
