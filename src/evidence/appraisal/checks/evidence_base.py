"""What the rules share: the rows of a review, sizes and scales, and numbers with the precision of their printing."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from evidence.effects.reported.arm_values import ArmSizes
from evidence.tables.protocol.checks import CheckRules
from evidence.tables.review import Review
from evidence.tables.schema import doubt

__all__ = [
    "EvidenceBase",
    "decimals",
    "half_unit",
    "marked",
    "median",
    "printed_numbers",
    "rounding_of",
    "spelled_out",
    "stated",
]

_UNITS = """no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
_WORDS = {word: value for value, word in enumerate(_UNITS.split())}
_TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
_NUMBER = re.compile(r"\d+(?:[.,·]\d+)?|(?<!\d)[.·]\d+")


def stated(*values: float) -> bool:
    """Tell whether all values are given."""
    return not any(math.isnan(value) for value in values)


def median(values: Iterable[float]) -> float:
    """Middle value; NaN of nothing."""
    given = list(values)
    return statistics.median(given) if given else math.nan


def marked(row: Any) -> bool:
    """Tell whether a reader has already marked the row as doubtful."""
    return doubt(row.note) != ""


def printed_numbers(text: str) -> list[tuple[float, int]]:
    """Numbers of a text without their signs, each with its count of decimals; a comma may be the point."""
    found = []
    for match in _NUMBER.finditer(text.replace("−", "-")):
        token = match.group().replace(",", ".").replace("·", ".")
        found.append((float(token), len(token.partition(".")[2])))
    return found


def spelled_out(text: str) -> set[float]:
    """Whole numbers below 100 that a text spells out."""
    words = re.findall(r"[a-z]+", text.lower())
    found = {float(_WORDS[word]) for word in words if word in _WORDS}
    for first, second in pairwise([*words, ""]):
        if first in _TENS:
            found.add(float(_TENS[first] + (_WORDS.get(second, 0) if 0 < _WORDS.get(second, 0) < 10 else 0)))
    return found


def decimals(value: float, text: str = "") -> int:
    """Count the decimals of a value: those of the phrase if it holds the value, else of the number."""
    places = [
        places for number, places in printed_numbers(text) if math.isclose(number, abs(value), abs_tol=1e-12)
    ]
    return max(places) if places else len(f"{value:.10g}".partition(".")[2])


def half_unit(value: float, text: str = "") -> float:
    """Half a unit of the last printed decimal: how far rounding may have moved the value."""
    return 0.5 * 10.0 ** -decimals(value, text)


def rounding_of(*values: float, text: str = "") -> float:
    """Half a unit of numbers that were printed side by side.

    One that the phrase does not hold has the decimals of the most precise: 1.0 beside 2.4 is stored as 1.
    """
    places = max(decimals(value) for value in values)
    printed = [number for number, _ in printed_numbers(text)]
    return max(half_unit(value, text) if abs(value) in printed else 0.5 * 10.0**-places for value in values)


class EvidenceBase:
    """The tables of a review, prepared once for all rules.

    Parameters
    ----------
    review : Review
        A review whose tables have passed validation, or what could be read of it.
    """

    def __init__(self, review: Review) -> None:
        self.review = review
        self.limits: CheckRules = review.protocol.checks
        self.trials: dict[str, Any] = {str(row.trial_id): row for row in review.trials.itertuples()}
        self.arms: dict[tuple[str, str], Any] = {
            (str(row.trial_id), str(row.arm_id)): row for row in review.arms.itertuples()
        }
        self.instruments: dict[str, Any] = {
            str(row.instrument): row for row in review.instruments.itertuples()
        }
        self.arm_results: list[Any] = list(review.arm_results.itertuples())
        self.contrast_results: list[Any] = list(review.contrast_results.itertuples())
        self.sizes = ArmSizes(review.trials, review.arms)

    def arm_name(self, row: Any, arm: str = "") -> str:
        """Label of the arm of a result, or of another of its trial; the id where the table of arms has none."""
        known = self.arms.get((str(row.trial_id), arm or str(row.arm_id)))
        return arm or str(row.arm_id) if known is None else str(known.label)

    def comparator_name(self, row: Any) -> str:
        """Label of the arm with which a difference compares, likewise."""
        return self.arm_name(row, row.comparator_arm_id)

    def trial_name(self, trial: str) -> str:
        """Label of a trial; its id where the table of trials has none, or several with the same."""
        return self._trial_names.get(trial, trial)

    @cached_property
    def _trial_names(self) -> dict[str, str]:
        labels = {trial: str(row.label) for trial, row in self.trials.items()}
        often = Counter(labels.values())
        return {trial: label for trial, label in labels.items() if label and often[label] == 1}

    def study(self, trial: str) -> str:
        """Give the trial that a trial is a further entry of (``entry_of``, as importing writes it), or itself."""
        return str(getattr(self.trials.get(trial), "entry_of", "")) or trial

    def results(self) -> Iterator[tuple[str, Any]]:
        """Give every result row with the name of its table."""
        for row in self.arm_results:
            yield "arm_results", row
        for row in self.contrast_results:
            yield "contrast_results", row

    def n(self, row: Any, arm: str = "", reported: float | None = None) -> float:
        """Participants behind a result of an arm: reported, randomised, or the arm's share; NaN if unknown."""
        given = row.n if reported is None else reported
        return self.sizes.analysed(row.trial_id, arm or row.arm_id, given)[0]

    def bounds(self, row: Any) -> tuple[float, float]:
        """Lowest and highest score: as the row states, else as the instrument has; NaN where unknown."""
        usual = self.instruments.get(row.instrument)
        low, high = row.scale_min, row.scale_max
        if usual is not None:
            low = usual.scale_min if math.isnan(low) else low
            high = usual.scale_max if math.isnan(high) else high
        return (low, high) if low < high else (math.nan, math.nan)

    def width(self, row: Any) -> float:
        """Width of the scale; NaN where unknown."""
        low, high = self.bounds(row)
        return high - low

    def family(self, row: Any) -> str:
        """Instruments that count as one: the family of the instrument, or its own name."""
        usual = self.instruments.get(row.instrument)
        return str(usual.family) if usual is not None else str(row.instrument)

    def sign(self, row: Any) -> int:
        """Sign of an improvement: -1 where higher is worse, 1 where higher is better, 0 if unknown."""
        usual = self.instruments.get(row.instrument)
        return {"worse": -1, "better": 1}.get(str(usual.higher_means), 0) if usual is not None else 0

    @staticmethod
    def measured(row: Any) -> tuple[Any, ...]:
        """Key of what one trial measured at one time, for all its arms."""
        week = None if math.isnan(row.timepoint_weeks) else row.timepoint_weeks
        return row.trial_id, row.outcome, row.instrument, row.statistic, week

    @cached_property
    def times(self) -> dict[str, Counter[float]]:
        """For each trial, how many results it has at each time."""
        found: dict[str, Counter[float]] = defaultdict(Counter)
        for _, row in self.results():
            found[row.trial_id][row.timepoint_weeks] += 1
        return found

    @cached_property
    def side_by_side(self) -> dict[tuple[Any, ...], list[Any]]:
        """Arm results by what was measured."""
        groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
        for row in self.arm_results:
            groups[self.measured(row)].append(row)
        return groups

    @cached_property
    def scores(self) -> dict[tuple[str, str], list[Any]]:
        """Scores after and before treatment (not changes) by trial and instrument."""
        groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in self.arm_results:
            if row.statistic == "post":
                groups[row.trial_id, row.instrument].append(row)
        return groups

    def spread(self, row: Any) -> tuple[float, str]:
        """SD of one arm and the column that gives it (sd, or se times the root of n); NaN if neither.

        An SD of 0 is none: no group has it, and nothing can be measured in it.
        """
        if row.sd > 0:
            return row.sd, "sd"
        if row.se > 0:
            return row.se * math.sqrt(self.n(row)), "se"
        return math.nan, ""

    def typical_sd(self, row: Any, *, without: str = "") -> tuple[float, int]:
        """Middle SD of the instrument's family in other trials, in points of this row's scale, and their number.

        Only rows with a known scale can be compared. Each trial counts once, with its middle SD.
        """
        shares = {
            trial: share
            for trial, share in self._sd_shares.get((self.family(row), row.statistic), {}).items()
            if trial != (without or row.trial_id)
        }
        return median(shares.values()) * self.width(row), len(shares)

    @cached_property
    def _sd_shares(self) -> dict[tuple[str, str], dict[str, float]]:
        found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for row in self.arm_results:
            sd, _ = self.spread(row)
            if stated(sd, self.width(row)) and sd > 0 and row.adjusted != "yes" and not marked(row):
                found[self.family(row), row.statistic][row.trial_id].append(sd / self.width(row))
        return {
            key: {trial: median(values) for trial, values in trials.items()} for key, trials in found.items()
        }
