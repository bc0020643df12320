"""Reported results of one outcome and window: which can be used, in which order of preference, and why others not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.rescale import Instrument, Scaled, put_on_scale
from evidence.effects.reported.contrasts import Contrast, reported_contrasts, reported_groups
from evidence.effects.reported.reasons import Reason, ReasonKind
from evidence.measures import measure_of
from evidence.tables.protocol.protocol import Outcome, Window
from evidence.tables.review import Review

__all__ = [
    "ContrastOnScale",
    "Suited",
    "known_instruments",
    "left_out",
    "on_scale",
    "preference",
    "reasons",
    "suited",
]

_NO_INSTRUMENT = Reason("instrument not named", "the instrument is not named")
_NO_TIME = Reason("time not stated", "the time since randomisation is not stated")
_PACKAGE = Reason("mixed", "the studied component is one of many in a package of treatments")
_SCORES_OR_CHANGES = Reason(
    "other statistic",
    "means of scores and of changes are not pooled together; the first under statistic in the model is taken",
)
_ONE_READER = Reason("read once", "read by one reader only")


@dataclass(frozen=True, slots=True)
class ContrastOnScale:
    """A reported contrast seen from one of its arms, with its effect on a scale or the reason why there is none."""

    contrast: Contrast
    family: str
    scaled: Scaled


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
    reason : Reason or None
        Why it cannot be used.
    """

    contrast: Contrast
    scaled: Scaled
    rank: tuple[float, ...]
    reason: Reason | None


@lru_cache(maxsize=64)
def suited(review: Review, outcome: str, window: str, measure: str, choices: Choices) -> tuple[Suited, ...]:
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
    tuple of Suited
        Two for each contrast whose time lies in the window or is not stated: as reported, and with arms exchanged;
        for a measure of one group one for each arm.
    """
    rules, span = review.protocol.outcomes[outcome], review.protocol.windows[window]
    return tuple(
        Suited(
            one.contrast,
            one.scaled,
            preference(one, rules, span, choices),
            next(filter(None, reasons(review, one, span, choices)), None),
        )
        for one in on_scale(review, outcome, window, measure, choices.impute)
    )


@lru_cache(maxsize=8)
def known_instruments(review: Review) -> dict[str, Instrument]:
    """Give what the table of instruments says, by name."""
    return {
        str(row["instrument"]): Instrument(
            str(row["family"]), str(row["higher_means"]), float(row["scale_min"]), float(row["scale_max"])
        )
        for row in review.instruments.to_dict("records")
    }


@lru_cache(maxsize=256)
def on_scale(
    review: Review, outcome: str, window: str, measure: str, impute: tuple[str, ...] = ()
) -> tuple[ContrastOnScale, ...]:
    """Put every contrast of an outcome and window on one scale: the part of `suited` that no other choice touches."""
    rules, span = review.protocol.outcomes[outcome], review.protocol.windows[window]
    instruments, found = known_instruments(review), []
    alone = measure_of(measure).one_group
    for reported in reported_groups(review, impute) if alone else reported_contrasts(review, impute):
        if reported.outcome != outcome or not (math.isnan(reported.weeks) or span.holds(reported.weeks)):
            continue
        if (
            alone and reported.weeks == 0.0 < span.end
        ):  # baseline, which only a window that ends there asks for
            continue
        instrument = instruments.get(reported.instrument)
        for contrast in (reported,) if alone else (reported, reported.reversed()):
            if instrument is None:
                found.append(ContrastOnScale(contrast, "", Scaled(reason=_NO_INSTRUMENT)))
            else:
                scaled = put_on_scale(contrast, instrument, rules, measure)
                if scaled.arm_share is not None:
                    contrast = replace(contrast, arm_share=scaled.arm_share)
                found.append(ContrastOnScale(contrast, instrument.family, scaled))
    return tuple(found)


def preference(one: ContrastOnScale, outcome: Outcome, window: Window, choices: Choices) -> tuple[float, ...]:
    """Order of preference: instrument, nearness to the target time, adjustment, statistic, fewest assumptions.

    Each number depends on one field of the choices at most.
    """
    contrast, family = one.contrast, one.family
    order = (*choices.instruments, *(name for name in outcome.prefer if name not in choices.instruments))
    named = [name for name in (contrast.instrument, family) if name in order]
    instrument = order.index(named[0]) if named else len(order)
    variant = float(contrast.instrument != family)
    weeks = contrast.weeks
    distance = {"target": window.distance(weeks), "earliest": weeks, "latest": -weeks}[choices.time]
    adjusted = {"prefer": contrast.adjusted != "yes", "avoid": contrast.adjusted == "yes", "ignore": False}
    statistic = (
        choices.statistic.index(contrast.statistic)
        if contrast.statistic in choices.statistic
        else len(choices.statistic)
    )
    return (
        instrument,
        variant,
        math.inf if math.isnan(distance) else distance,
        float(adjusted[choices.adjusted]),
        statistic,
        len(contrast.assumptions),
        float(any(form.from_p for form in contrast.forms)),
        float(contrast.from_arms),
    )


def reasons(
    review: Review, one: ContrastOnScale, window: Window, choices: Choices
) -> Iterator[Reason | None]:
    """Say for each rule in turn why a result takes no part; None where it does.

    Every rule depends on one field of the choices at most.
    """
    contrast = one.contrast
    for entries, followed, kind, words in _lists(review, choices):
        why = (
            Reason(kind, f"{words}: {entry.reason}")
            for entry in entries
            if entry.trial in (None, contrast.trial_id)
            and entry.instrument in (None, contrast.instrument)
            and (entry.result is None or entry.result in contrast.result_ids)
        )
        yield next(why, None) if followed else None
        if kind == "set aside":  # for good, whatever its time
            yield _NO_TIME if math.isnan(contrast.weeks) and not window.any_time else None
            yield _doubted(review, contrast, choices.doubtful)
    packages = () if choices.mixed else _packages(review)
    yield _PACKAGE if (contrast.trial_id, contrast.arm_id) in packages else None
    trial, source = contrast.trial_id, contrast.source_kind
    words = f"the trial {trial} is left out"
    yield Reason("trial left out", words) if trial in choices.no_trials else None
    words = f"results from the source {source.replace('_', ' ')} are left out"
    yield Reason("source left out", words) if source in choices.no_sources else None
    once = not choices.single and not _rows_of(review)[1].isdisjoint(contrast.result_ids)
    yield _ONE_READER if once else None
    mean = contrast.group is not None and not math.isnan(contrast.group.mean)
    yield _SCORES_OR_CHANGES if mean and contrast.statistic != choices.statistic[0] else None
    yield one.scaled.reason
    refused = (
        Reason("assumption refused", f"needs an assumption that is refused: {assumption}")
        for assumption in (*contrast.assumptions, *one.scaled.assumptions)
        if assumption in choices.refuse
    )
    yield next(refused, None)


def _lists(review: Review, choices: Choices) -> tuple[tuple[Any, bool, ReasonKind, str], ...]:
    """The protocol's lists of what takes no part: entries, whether the list is followed, and how it is told."""
    return (
        (review.protocol.set_aside, choices.set_aside, "set aside", "set aside by the protocol"),
        (review.protocol.indirect, not choices.indirect, "indirect", "indirect"),
    )


def left_out(review: Review, trial: str, arm: str, choices: Choices) -> Reason | None:
    """Say why the protocol leaves out whatever a trial reports of an arm; None where it does not."""
    for entries, followed, kind, words in _lists(review, choices):
        for entry in entries if followed else ():
            if entry.trial == trial and entry.instrument is None and entry.result is None:
                return Reason(kind, f"{words}: {entry.reason}")
    return _PACKAGE if not choices.mixed and (trial, arm) in _packages(review) else None


def _doubted(review: Review, contrast: Contrast, doubtful: bool | tuple[str, ...]) -> Reason | None:
    if not contrast.doubt or doubtful is True:
        return None
    if isinstance(doubtful, tuple) and _rows_of(review)[0].intersection(contrast.result_ids) <= {*doubtful}:
        return None
    return Reason("doubtful", f"doubtful as printed: {contrast.doubt}")


@lru_cache(maxsize=8)
def _packages(review: Review) -> frozenset[tuple[str, str]]:
    """Arms that the table of arms marks as packages in which the studied component is one of many."""
    arms = review.arms
    if "mixed" not in arms:
        return frozenset()
    marked = arms[arms["mixed"] == "yes"]
    return frozenset(zip(map(str, marked["trial_id"]), map(str, marked["arm_id"]), strict=True))


@lru_cache(maxsize=8)
def _rows_of(review: Review) -> tuple[frozenset[str], frozenset[str]]:
    """Results marked as doubtful, and results that one reading only holds."""
    once = {
        str(name)
        for table in (review.arm_results, review.contrast_results)
        for name in table["result_id"][table["status"] == "single"]
    }
    return frozenset(map(str, review.doubtful["result_id"])), frozenset(once)
