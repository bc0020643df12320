"""An effect in words for readers who have never seen a meta-analysis: so many points less of this or that."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from evidence.appraisal.certainty.absolute_data import instrument_sd, spread_words
from evidence.effects.choosing.comparisons import orientation
from evidence.effects.reported.reasons import Form
from evidence.measures import measure_of
from evidence.tables.protocol.protocol import Outcome, Protocol
from evidence.tables.review import Review
from evidence.wording import counted, limit_digits, number, parts_of, ratio_number

__all__ = ["OutcomeWords", "OwnResult", "base_words", "outcome_words", "own_result", "people_words", "word"]

ROUGH = 4.0
"""Sizes from here on are whole numbers when told roughly."""


_RATIO_OF = {"OR": "odds of", "HR": "hazard of", "IRR": "rate of", "ROM": "mean of"}
"""What a ratio is one of, where it does not tell how often something happens."""


@dataclass(frozen=True, slots=True)
class OutcomeWords:
    """How effects on one outcome are put into words.

    Attributes
    ----------
    name : str
        The outcome in words.
    measure : str
    unit : str
        Said after an amount, such as "points of 100"; empty for ratios.
    factor : float
        By which an effect is multiplied to have that unit.
    digits : int
        Decimals of an amount.
    mid : float
        Minimal important difference on the scale of the analysis (log for ratios), above 0; NaN where there is none.
    benefit : float
        The sign of an effect that favours the intervention: -1 or 1.
    widest : float
        Largest difference that the scale allows, on the scale of the analysis; infinite where none is known.
    level : float
        Confidence level of the intervals.
    yardstick : str
        Where the unit is that of an instrument, how many of its points a standard deviation is, and whence.
    """

    name: str
    measure: str
    unit: str
    factor: float
    digits: int
    mid: float
    benefit: float
    widest: float = math.inf
    level: float = 0.95
    yardstick: str = ""

    @property
    def ratio(self) -> bool:
        """Whether the effect is a ratio, analysed as its logarithm."""
        return measure_of(self.measure).ratio

    @property
    def one_group(self) -> bool:
        """Whether it is what one group has, which is told as it is: without a direction, and without a benefit."""
        return measure_of(self.measure).one_group

    def shown(self, value: float) -> float:
        """An effect in the unit: a difference in points, a ratio as a ratio."""
        return float(measure_of(self.measure).natural(value)) * self.factor

    def plain(self, value: float, *, unit: bool = True) -> str:
        """What one group has: ``68.1%``, ``3.2 per 1000 person-years``, ``54.2 mmHg``; percent keeps its sign."""
        sign = measure_of(self.measure).sign
        words = f" {self.unit}" if unit and self.unit and not sign else ""
        write = ratio_number if measure_of(self.measure).keeps_small else number
        return f"{write(self.shown(value), self.digits)}{sign}{words}"

    def size(self, value: float, *, rough: bool = False) -> str:
        """The size of an effect without its unit: ``11.4``, roughly ``11``; a ratio as it is: ``1.40``."""
        size = self.shown(value) if self.ratio else abs(self.shown(value))
        return number(size, 0 if rough and size >= ROUGH else self.digits)

    def amount(self, value: float, *, rough: bool = False) -> str:
        """The size of an effect with its unit: ``11.4 points of 100``, ``1.40 times``."""
        return f"{self.size(value, rough=rough)} {self.unit}"

    def change(self, value: float, *, rough: bool = False) -> str:
        """An effect with its direction: ``11.4 points of 100 less pain``, ``the share 1.40 times as large``.

        A ratio of odds, hazards, rates or means says of what it is one: ``1.40 times the odds of relief``.
        """
        if self.one_group:
            return self.plain(value)
        if self.ratio:
            size = self.size(value, rough=rough)
            of = _RATIO_OF.get(self.measure)
            return f"{size} times the {of} {self.name}" if of else f"{self.name} {size} times as large"
        if not round(abs(self.shown(value)), self.digits):
            # Rounded to nothing is not shown to be nothing.
            if self.measure == "RD":
                return f"{self.size(value)} fewer or more of 100 people ({self.name})"
            return f"{self.amount(value)} difference in {self.name}"
        if self.measure == "RD":
            side = "fewer" if value < 0 else "more"
            return f"{self.size(value, rough=rough)} {side} of 100 people ({self.name})"
        return f"{self.amount(value, rough=rough)} {'less' if value < 0 else 'more'} {self.name}"

    def span(self, low: float, high: float, *, rough: bool = False, unit: bool = False) -> str:
        """What an interval leaves open, the side of benefit first where it has both: ``4.6 to 18.3 less``.

        With its unit ``4.6 points of 100 less to 2.1 more``, where it has both sides.
        """
        if self.one_group:
            return f"{self.plain(low, unit=False)} to {self.plain(high, unit=unit)}"
        both = low < 0 < high
        bounds = (low, high) if self.ratio or self.benefit < 0 else (high, low)
        if not self.ratio and not both:
            bounds = (low, high) if abs(low) < abs(high) else (high, low)
        first, second = (self.size(bound, rough=rough) for bound in bounds)
        if self.ratio:
            return f"{first} to {second} times"
        ways = ["less" if bound < 0 else "more" for bound in bounds]
        return (
            f"{first}{f' {self.unit}' if unit else ''} {ways[0]} to {second} {ways[1]}"
            if both
            else (f"{first} to {second} {ways[1]}")
        )

    def leaves(self, low: float, high: float) -> bool:
        """Whether an interval goes beyond every difference that the scale allows."""
        return max(abs(low), abs(high)) > self.widest

    def within(self, low: float, high: float) -> str:
        """An interval with its level, or that it leaves the scale: ``95% interval: 4.6 to 18.3 less``."""
        if math.isnan(low) or math.isnan(high):
            return "no interval can be given"
        if self.leaves(low, high):
            return "its interval leaves the scale"
        return f"{100 * self.level:.12g}% interval: {self.span(low, high)}"

    @property
    def important(self) -> str:
        """The smallest difference that matters, with its unit; empty where none is declared."""
        if math.isnan(self.mid):
            return ""
        least = self.shown(self.benefit * self.mid) if self.ratio else abs(self.shown(self.mid))
        return f"{round(least, limit_digits(least, self.digits)):g} {self.unit}"


@dataclass(frozen=True, slots=True)
class OwnResult:
    """A result of one trial as the trial tells it.

    Attributes
    ----------
    words : OutcomeWords
        In points of the trial's own instrument, where the common scale is one of standard deviations.
    value, low, high : float
        Effect and interval for these words, oriented as the outcome.
    remarks : tuple of str
        What a reader has to know of it: the instrument, or that it was worked out from medians.
    """

    words: OutcomeWords
    value: float
    low: float
    high: float
    remarks: tuple[str, ...] = ()

    @property
    def within(self) -> str:
        """The remarks and the interval: ``RMDQ; 95% interval: 0.2 to 2.8 more``."""
        return "; ".join([*self.remarks, self.words.within(self.low, self.high)])


def own_result(review: Review, outcome: str, words: OutcomeWords, row: Mapping[Any, Any]) -> OwnResult:
    """Tell a result that is not combined as its trial does.

    Where the common scale is one of standard deviations a difference in points of an instrument is given as reported,
    with the interval as printed.

    Parameters
    ----------
    review : Review
    outcome : str
        The outcome.
    words : OutcomeWords
        How combined effects on it are told.
    row : mapping
        A row of `Review.effects`.

    Returns
    -------
    OwnResult
    """
    rules = review.protocol.outcomes[outcome]
    instrument = str(row["instrument"])
    scaled = words.measure == "SMD"
    named = scaled or (words.ratio and bool(rules.prefer) and instrument not in rules.prefer)
    remarks: tuple[str, ...] = (instrument,) if named else ()
    forms = parts_of(row["form"])
    if Form.QUARTILES in forms:
        remarks += ("from medians",)
    elif not words.ratio and len(parts_of(row["result_ids"])) > 1 and Form.COUNTS not in forms:
        remarks += ("from group means",)
    if not scaled or row["reported_measure"] != "MD":
        value, low, high = (float(row[name]) for name in ("effect", "ci_low", "ci_high"))
        return OwnResult(words, value, low, high, remarks)
    turn = orientation(review, outcome)[instrument]
    at, *ends = (turn * float(row[name]) for name in ("reported_effect", "reported_low", "reported_high"))
    width = _widths(review).get(str(parts_of(row["result_ids"])[0]), math.nan)
    known = math.isfinite(width)
    half = abs(ends[0] - ends[1]) / 2
    points = replace(
        words,
        measure="MD",
        unit=f"points of {width:g}" if known else "points",
        factor=1.0,
        digits=1 if half >= 0.3 else 3,
        widest=width if known else math.inf,
    )
    return OwnResult(points, at, min(ends), max(ends), remarks)


@lru_cache(maxsize=8)
def _widths(review: Review) -> dict[str, float]:
    """How many points the scale of each reported result has: that of its row, or else the usual one."""
    table = review.instruments.set_index("instrument")
    usual = (table["scale_max"] - table["scale_min"]).astype(float)
    widths: dict[str, float] = {}
    for rows in (review.arm_results, review.contrast_results):
        own = (rows["scale_max"] - rows["scale_min"]).astype(float)
        widths |= dict(zip(rows["result_id"], own.fillna(rows["instrument"].map(usual)), strict=True))
    return widths


def base_words(k: int, trials: int, n: float, *, at_least: bool = False, one_group: bool = False) -> str:
    """On how much a result rests: ``4 comparisons from 3 trials, 860 people``; people only if known."""
    counts = counted(trials, *(("study", "studies") if one_group else ("trial",)))
    if k != trials:
        counts = f"{counted(k, 'group' if one_group else 'comparison')} from {counts}"
    return f"{counts}, {people_words(n, at_least=at_least)} people" if n > 0 else counts


def people_words(n: float, *, at_least: bool = False) -> str:
    """Count people, of whom more may have taken part: ``at least 172``; empty if nothing is known."""
    return f"{'at least ' if at_least else ''}{n:,.0f}" if n > 0 else ""


def outcome_words(review: Review, name: str, measure: str) -> OutcomeWords:
    """Say how effects on an outcome are put into words.

    A standardised difference is told in points of the instrument under the outcome's ``present_as``, if it has one,
    by multiplying it with that instrument's SD: the one given, or that of `instrument_sd`.

    Parameters
    ----------
    review : Review
    name : str
        An outcome of the protocol.
    measure : str
        The measure of the effect.

    Returns
    -------
    OutcomeWords
    """
    outcome = review.protocol.outcomes[name]
    unit, factor, digits = "points", 1.0, 1
    ratio = measure_of(measure).ratio
    if ratio:
        unit, digits = "times", 2
    elif measure == "RD":
        unit, factor = "of 100 people", 100.0
    elif measure_of(measure).one_group:
        unit, factor, digits = _own_unit(outcome, measure)
    elif measure == "MD" and outcome.rescale:
        unit = f"points of {outcome.rescale[1] - outcome.rescale[0]:g}"
    elif measure == "SMD":
        unit, factor, digits = _instrument_unit(review, outcome)
    mid = outcome.minimal_important_difference
    # The difference is declared on the scale of the outcome's own measure.
    if mid is None or measure != outcome.measure:
        mid = math.nan
    elif ratio:
        mid = abs(math.log(mid))
    return OutcomeWords(
        word(review.protocol, name),
        measure,
        unit,
        factor,
        digits,
        mid,
        1.0 if outcome.better == "higher" else -1.0,
        outcome.limit(measure),
        review.protocol.model.level,
        spread_words(review, outcome) if measure == "SMD" and factor != 1.0 else "",
    )


def word(protocol: Protocol, name: str) -> str:
    """Words for an outcome, component or group: those of ``certainty.wording``, a title, else its name."""
    own = protocol.certainty.wording.get(name)
    if own is None and name in protocol.outcomes and (title := protocol.outcomes[name].title):
        events = measure_of(protocol.outcomes[name].measure).of in ("events", "proportion")
        own = f"the share of people with {title}" if events else title
    return own or name.replace("_", " ")


def _own_unit(outcome: Outcome, measure: str) -> tuple[str, float, int]:
    """Unit, factor and decimals of what one group has."""
    own, of = outcome.present_as or {}, measure_of(measure)
    unit = str(own.get("unit", ""))
    if of.of == "rate":
        per = float(own.get("per", 1.0))
        so_many, usual = ("", "unit") if per == 1.0 else (f"{per:g} ", "units")
        return f"per {so_many}{unit or f'{usual} of time at risk'}", per, of.digits
    if of.of == "mean":
        scale = f"points of {outcome.rescale[0]:g} to {outcome.rescale[1]:g}" if outcome.rescale else ""
        return unit or scale, 1.0, 1
    return of.sign, 100.0 if of.sign else 1.0, of.digits


def _instrument_unit(review: Review, outcome: Outcome) -> tuple[str, float, int]:
    """Unit, factor and decimals of a standardised difference, in points of an instrument where one is named."""
    plain = "standard deviations", 1.0, 2
    wanted = outcome.present_as or {}
    known = review.instruments[review.instruments["instrument"] == wanted.get("instrument")]
    if known.empty:
        return plain
    sd = wanted.get("sd")
    if not isinstance(sd, int | float):
        sd, _ = instrument_sd(review, wanted["instrument"])
    if not (math.isfinite(sd) and sd > 0):
        return plain
    width = float(known["scale_max"].iloc[0] - known["scale_min"].iloc[0])
    return ("points" if math.isnan(width) else f"points of {width:g}"), float(sd), 1
