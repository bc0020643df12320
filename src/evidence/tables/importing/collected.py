"""What is collected from a file of another program before it becomes tables."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

from evidence.errors import DataError, Fault
from evidence.tables.schema import MOST_PEOPLE

__all__ = [
    *("Collected", "Comparison", "Entry", "Numbers", "Study"),
    *("better_of", "counts_of", "distinct", "first_of", "impossible", "measure_named"),
]

_ABSENT = {"", "NA", "N/A", "#N/A", "NaN", "NULL"}

# The first that is found decides; a measure that no table can hold ends as "".
_MEASURES = (
    (r"hazard|\bhr\b", "HR"),
    (r"rate ratio|incidence", "IRR"),
    (r"ratio of means|means ratio|\brom\b", "ROM"),
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
        ``mean_2``, ``sd_2``, or ``estimate`` and ``se`` (ratios as logs). 1 is the intervention; of one group also
        ``time_1`` or ``correlation_1``.
    place, printed : str
        Where in the file, and what stands there.
    subgroup, note : str
    in_total, in_subgroup : bool
        Whether the file counts it in the total, and in that of its subgroup.
    """

    study: str
    values: dict[str, str]
    place: str
    printed: str
    subgroup: str = ""
    note: str = ""
    in_total: bool = True
    in_subgroup: bool = True


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
        One of `evidence.measures.REVIEW_MEASURES`, or "" for one that no table can hold.
    arm, comparator : str
        What is compared; the comparator is "" where there is one group.
    better : {"lower", "higher", ""}
        "" if the file does not say it.
    method, counts, interval : str
        Model of the file by the names of protocols; the method is "" if it names none.
    level : float
        Level of its totals.
    words : str
        The model in words.
    totals : {"all", "subgroups", "none"}
        What the file pools: everything and each subgroup, each subgroup only, or nothing.
    pooled : dict of str to str
        Result of the file: estimate, ci_low, ci_high, k, n, i2; empty if there is none.
    subgroups : dict of str to dict of str to str
        Results of the file by subgroup, of the same form.
    entries : list of Entry
    """

    number: str
    comparison: str
    outcome: str
    measure: str
    arm: str
    comparator: str
    better: str = ""
    method: str = ""
    counts: str = "IV"
    interval: str = "z"
    level: float = 0.95
    words: str = ""
    totals: str = "all"
    pooled: dict[str, str] = field(default_factory=dict)
    subgroups: dict[str, dict[str, str]] = field(default_factory=dict)
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
    headings : dict of str to str
        Heading in the file of each column that is kept with the studies.
    said : list of str
        How the file was read, and what was taken for granted.
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
    headings: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


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
            thousands = re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text)
            remedy = f"; write {text.replace(',', '')} without commas" if thousands else ""
            remedy = remedy or (
                f"; write {text.replace(',', '.')}" if re.fullmatch(r"[+-]?\d+,\d+", text) else ""
            )
            return self._fault(
                row, column, text, f"expected a number with a decimal point, or nothing{remedy}"
            )
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


def measure_named(words: str) -> str:
    """Give the measure that words such as "Odds Ratio" or PETO_OR name; "" if the tables have none for it."""
    text = words.lower().replace("_", " ")
    return next((measure for pattern, measure in _MEASURES if re.search(pattern, text)), "")


def distinct(name: str, taken: Container[str]) -> str:
    """Give a name that is not taken: the wanted one, or that with a number."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found


def first_of(names: Iterable[str], most: int = 5) -> str:
    """List names, each once, the first of many."""
    once = list(dict.fromkeys(names))
    return ", ".join(once[:most]) + (f" and {len(once) - most} more" if len(once) > most else "")


def counts_of(words: str) -> str:
    """Give the way to combine counts that words such as "Mantel-Haenszel" or PETO name; IV for all others."""
    text = words.lower()
    if "peto" in text:
        return "PETO"
    return "MH" if re.search(r"mantel|\bmh\b|m-h", text) else "IV"


def better_of(left: str, comparator: str) -> str:
    """Tell the good direction from the left side of a figure: smaller values favour whom it names; "" if nobody."""
    if not left.strip():
        return ""
    names = {name for name in (comparator.lower(), "control", "placebo") if name}
    return "higher" if any(name in left.lower() for name in names) else "lower"


def impossible(values: dict[str, str]) -> str:
    """Say why the numbers of a study cannot stand together; "" if they can."""
    for arm in "12":
        events, size = values.get(f"events_{arm}", ""), values.get(f"total_{arm}", "")
        if events and size and float(events) > float(size):
            return f"{events} events among {size} participants"
        if size and float(size) > MOST_PEOPLE:
            return f"{size} participants are more than there are"
    return ""
