"""Reported results of one outcome and window: which can be used, in which order of preference, and why others not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evidence.effects.choices import Choices
from evidence.effects.contrasts import Contrast, reported_contrasts
from evidence.effects.scale import Instrument, Scaled, put_on_scale
from evidence.tables.protocol import Outcome, Window
from evidence.tables.review import Review

__all__ = ["Suited", "suited"]


@dataclass(frozen=True, slots=True)
class Suited:
    """A reported contrast on the scale of an analysis.

    Attributes
    ----------
    contrast : Contrast
    scaled : Scaled
        Its effect; NaN if there is a reason.
    rank : tuple of float
        How far it is from what the protocol prefers; smaller is better.
    reason : str
        Why it cannot be used; "" if it can.
    """

    contrast: Contrast
    scaled: Scaled
    rank: tuple[float, ...]
    reason: str


def suited(review: Review, outcome: str, window: str, measure: str, choices: Choices) -> list[Suited]:
    """Put every contrast of an outcome and window on one scale, seen from either arm.

    Parameters
    ----------
    review : Review
    outcome, window : str
        Names in the protocol.
    measure : str
        Measure of the effect.
    choices : Choices
        How results are chosen.

    Returns
    -------
    list of Suited
        Two for each contrast whose time lies in the window or is not stated: as reported, and with arms exchanged.
    """
    rules, span = review.protocol.outcomes[outcome], review.protocol.windows[window]
    instruments = {
        str(row["instrument"]): Instrument(
            str(row["family"]), str(row["higher_means"]), float(row["scale_min"]), float(row["scale_max"])
        )
        for row in review.instruments.to_dict("records")
    }
    found = []
    for reported in reported_contrasts(review):
        if reported.outcome != outcome or not (math.isnan(reported.weeks) or span.holds(reported.weeks)):
            continue
        instrument = instruments.get(reported.instrument)
        rank = _rank(reported, instrument, rules, span, choices)
        reason = _why_excluded(review, reported, choices)
        if instrument is None:
            reason = reason or "the instrument is not named"
        for contrast in (reported, reported.reversed()):
            scaled = (
                Scaled(reason=reason)
                if instrument is None
                else put_on_scale(contrast, instrument, rules, measure)
            )
            why = reason or scaled.reason or _refused(contrast, scaled, choices)
            found.append(Suited(contrast, scaled, rank, why))
    return found


def _rank(
    contrast: Contrast, instrument: Instrument | None, outcome: Outcome, window: Window, choices: Choices
) -> tuple[float, ...]:
    """Order of preference: instrument, nearness to the target time, adjustment, statistic, fewest assumptions."""
    family = instrument.family if instrument else ""
    named = [name for name in (contrast.instrument, family) if name in outcome.prefer]
    preference = outcome.prefer.index(named[0]) if named else len(outcome.prefer)
    variant = float(contrast.instrument != family)
    distance = math.inf if math.isnan(contrast.weeks) else abs(contrast.weeks - window.target)
    adjusted = {"prefer": contrast.adjusted != "yes", "avoid": contrast.adjusted == "yes", "ignore": False}
    statistic = (
        choices.statistic.index(contrast.statistic)
        if contrast.statistic in choices.statistic
        else len(choices.statistic)
    )
    return (
        preference,
        variant,
        distance,
        float(adjusted[choices.adjusted]),
        statistic,
        len(contrast.assumptions),
        float("P" in contrast.form),
        float(contrast.from_arms),
    )


def _why_excluded(review: Review, contrast: Contrast, choices: Choices) -> str:
    """Say why a result takes no part whatever its numbers are; "" if it may."""
    if math.isnan(contrast.weeks):
        return "the time of measurement is not stated"
    if contrast.doubt and not choices.doubtful:
        return f"doubtful as printed: {contrast.doubt}"
    lists = (
        (review.protocol.set_aside, choices.set_aside, "set aside by the protocol"),
        (review.protocol.indirect, not choices.indirect, "indirect"),
    )
    for entries, followed, words in lists:
        for entry in entries if followed else ():
            if (
                entry.trial in (None, contrast.trial_id)
                and entry.instrument in (None, contrast.instrument)
                and (entry.result is None or entry.result in contrast.result_ids)
            ):
                return f"{words}: {entry.reason}"
    return ""


def _refused(contrast: Contrast, scaled: Scaled, choices: Choices) -> str:
    for assumption in (*contrast.assumptions, *scaled.assumptions):
        if any(entry in assumption for entry in choices.refuse):
            return f"needs an assumption that is refused: {assumption}"
    return ""
