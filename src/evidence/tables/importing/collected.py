"""What is collected from a file of another program before it becomes tables."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from evidence.errors import DataError, Fault

__all__ = ["Collected", "Comparison", "Entry", "Numbers", "Study", "measure_of"]

_ABSENT = {"", "NA", "N/A", "#N/A", "NaN", "NULL"}

# The first that is found decides; a measure that no table can hold ends as "".
_MEASURES = (
    (r"hazard|\bhr\b", "HR"),
    (r"rate ratio|incidence", ""),
    (r"odds|\bor\b|peto", "OR"),
    (r"risk difference|\brd\b", "RD"),
    (r"risk ratio|relative risk|\brr\b", "RR"),
    (r"\bstd|standardi[sz]ed|\bsmd\b", "SMD"),
    (r"mean difference|\bmd\b", "MD"),
)


@dataclass(slots=True)
class Study:
    """One study as the file describes it; what it does not say is ""."""

    label: str
    year: str = ""
    population: str = ""
    notes: str = ""
    citation: str = ""
    doi: str = ""
    pmid: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Entry:
    """The numbers of one study in one comparison.

    Attributes
    ----------
    study : str
        Key among the studies.
    values : dict of str to str
        Digits as in the file: ``total_1`` and ``total_2`` with ``events_1``, ``events_2`` or ``mean_1``, ``sd_1``,
        ``mean_2``, ``sd_2``, or ``estimate`` and ``se`` (ratios as logs). 1 is the intervention.
    place, printed : str
        Where in the file, and what stands there.
    subgroup, note : str
    """

    study: str
    values: dict[str, str]
    place: str
    printed: str
    subgroup: str = ""
    note: str = ""


@dataclass(slots=True)
class Comparison:
    """One outcome of one comparison: what the file pools.

    Attributes
    ----------
    number : str
        Number of the comparison.
    comparison, outcome : str
        Their names.
    measure : str
        MD, SMD, RR, OR, RD, HR, or "" for one that no table can hold.
    arm, comparator : str
        What is compared.
    better : {"lower", "higher"}
    model : {"random", "fixed", ""}
        Model of the file; "" if it names none.
    method : str
        The model in words.
    pooled : dict of str to str
        Result of the file: estimate, ci_low, ci_high, k, n, i2; empty if there is none.
    entries : list of Entry
    """

    number: str
    comparison: str
    outcome: str
    measure: str
    arm: str
    comparator: str
    better: str = "lower"
    model: str = ""
    method: str = ""
    pooled: dict[str, str] = field(default_factory=dict)
    place: str = ""
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Collected:
    """All that a file holds.

    Attributes
    ----------
    file, title, source_url : str
    program : str
        The program whose default model is taken over.
    studies : dict of str to Study
    comparisons : list of Comparison
    judgements : list of (study, domain, judgement, basis)
    excluded : list of (label, reason)
    left_out : list of str
        What the file holds and the tables cannot.
    """

    file: str
    title: str
    program: str
    source_url: str = ""
    studies: dict[str, Study] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    judgements: list[tuple[str, str, str, str]] = field(default_factory=list)
    excluded: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


class Numbers:
    """Checks the numbers of a file and remembers what is wrong with them, so that all faults come in one message.

    Parameters
    ----------
    file : str
        Name of the file for messages.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []

    def read(
        self,
        text: str,
        row: int,
        column: str,
        *,
        whole: bool = False,
        low: float = -math.inf,
        above: bool = False,
    ) -> str:
        """Give a number as it is written; "" for an absent or a wrong one.

        Parameters
        ----------
        text : str
        row : int
            Row or line.
        column : str
        whole : bool
            Whether it must be a whole number.
        low : float
            Smallest value.
        above : bool
            Whether it must be above that.
        """
        text = text.strip()
        if text in _ABSENT:
            return ""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            return self._fault(row, column, text, "expected a number with a decimal point, or nothing")
        if whole and value != round(value):
            return self._fault(row, column, text, "expected a whole number")
        if value < low or (above and value == low):
            return self._fault(row, column, text, f"must be {'above' if above else 'at least'} {low:g}")
        return f"{value:.0f}" if whole else text

    def _fault(self, row: int, column: str, text: str, expected: str) -> str:
        self.faults.append(Fault(self.file, row, column, text, expected))
        return ""

    def done(self) -> None:
        """Raise a DataError with all faults, if there are any."""
        if self.faults:
            raise DataError(self.faults)


def measure_of(words: str) -> str:
    """Give the measure that words such as "Odds Ratio" or PETO_OR name; "" if the tables have none for it."""
    text = words.lower().replace("_", " ")
    return next((measure for pattern, measure in _MEASURES if re.search(pattern, text)), "")
