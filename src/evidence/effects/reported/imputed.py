"""Standard deviations borrowed from other trials, for arms that report a mean alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

import pandas as pd

from evidence.effects.reported.arm_values import ArmValues
from evidence.effects.reported.reasons import ArmId, Assumption, Form, step

__all__ = ["FEWEST", "IMPUTATIONS", "borrow_sd"]

IMPUTATIONS = {"P bound": Assumption.P_BOUND, "borrowed SD": Assumption.BORROWED_SD}
"""Ways to fill what a source does not report, and the assumption that each makes."""
FEWEST = 3
"""Trials that must report a standard deviation before it is lent to others."""

Measured = Mapping[tuple[Any, ...], list[ArmValues]]


def borrow_sd(arms: Measured, instruments: pd.DataFrame) -> dict[tuple[Any, ...], list[ArmValues]]:
    """Fill missing standard deviations with that of other trials of the same instrument and statistic.

    The standard deviation lent is the median over trials of the median in each trial, as a share of the scale's
    range. Nothing is lent where fewer than `FEWEST` other trials report one, or where a range is not known.

    Parameters
    ----------
    arms : mapping
        Arms by measurement.
    instruments : DataFrame
        Table of the review.

    Returns
    -------
    dict
        The same arms, those filled with the form `Form.BORROWED`.

    References
    ----------
    .. [1] Furukawa et al. (2006), J Clin Epidemiol 59(1), 7-10.
    .. [2] Cochrane Handbook, section 6.5.2.7.
    """
    tops = instruments.set_index("instrument")[["scale_min", "scale_max"]].astype(float)
    spans = dict(zip(tops.index, tops["scale_max"] - tops["scale_min"], strict=True))
    known: dict[tuple[str, str], dict[str, list[float]]] = {}
    for values in (one for measured in arms.values() for one in measured):
        span = _span(values, spans)
        if values.sd > 0 and span > 0:
            row = values.row
            known.setdefault((row.instrument, row.statistic), {}).setdefault(row.trial_id, []).append(
                values.sd / span
            )

    def filled(values: ArmValues) -> ArmValues:
        row, span = values.row, _span(values, spans)
        bare = not (values.se > 0 or values.reason or math.isnan(values.mean)) and values.n > 0
        lenders = known.get((row.instrument, row.statistic), {})
        shares = [median(sds) for trial, sds in lenders.items() if trial != row.trial_id]
        if not bare or not span > 0 or len(shares) < FEWEST:
            return values
        sd = median(shares) * span
        lent = f"SD {sd:.4g}, median of {len(shares)} trials"
        return replace(
            values,
            sd=sd,
            se=sd / math.sqrt(values.n),
            sd_assumptions=(*values.n_assumptions, Assumption.BORROWED_SD),
            form=Form.BORROWED,
            steps=(step(ArmId(row.arm_id), f": mean {values.mean:g}, n {values.n:g}, {lent}"),),
        )

    return {key: [filled(values) for values in measured] for key, measured in arms.items()}


def _span(values: ArmValues, spans: dict[Any, float]) -> float:
    row = values.row
    stated = row.scale_max - row.scale_min
    return spans.get(row.instrument, math.nan) if math.isnan(stated) else stated
