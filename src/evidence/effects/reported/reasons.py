"""Why a result cannot be pooled, what an effect rests on and how it follows: types for programs, words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from evidence.wording import Listed

__all__ = [
    "LEFT_OUT",
    "NO_EVENTS",
    "NO_EVENT_AT_ALL",
    "NO_SIZE",
    "OR",
    "ArmId",
    "Assumption",
    "Form",
    "Reason",
    "ReasonKind",
    "Step",
    "distinct_reasons",
    "lacks_numbers",
    "step",
]

ReasonKind = Literal[
    "not reported",
    "shared group",
    "time not stated",
    "doubtful",
    "set aside",
    "indirect",
    "mixed",
    "trial left out",
    "source left out",
    "read once",
    "instrument not named",
    "range not stated",
    "not rescalable",
    "other measure",
    "assumption refused",
    "same patients",
    "other statistic",
    "another comparison",
    "only a P value",
    "only a bound",
    "uninformative P value",
    "no estimate",
    "no spread",
    "no size",
    "no mean",
    "no events",
    "no person-time",
    "no correlation",
    "skewed",
    "inconsistent",
    "one group",
]
"""All there are, as the column `reason_kind` of comparisons holds them."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a result cannot be pooled: `kind` for programs, `words` for people."""

    kind: ReasonKind
    words: str


LEFT_OUT: frozenset[ReasonKind] = frozenset(
    {
        *("set aside", "indirect", "mixed", "trial left out", "source left out", "read once"),
        *("assumption refused", "same patients", "another comparison"),
    }
)
"""Why the protocol leaves a result out, whatever its numbers."""


def lacks_numbers(kinds: Iterable[str]) -> bool:
    """Whether a comparison that was refused for these reasons is reported without usable numbers.

    One that is not reported is not, nor one that the protocol leaves out or whose patients stand elsewhere.
    """
    found = set(kinds)
    return "same patients" not in found and not found <= LEFT_OUT | {"not reported"}


class Assumption(StrEnum):
    """What an effect can rest on beside the reported numbers, in the words in which it is printed."""

    RANDOMISED_AS_ANALYSED = "n randomised taken as n analysed"
    EQUAL_ALLOCATION = "equal allocation of the trial's total"
    SD_FROM_ADJUSTED_MEAN = "SD derived from the SE of an adjusted mean"
    SD_FROM_ADJUSTED = "SD derived from the SE of an adjusted difference"
    LEVEL_ASSUMED = "95% assumed for an interval of unstated level"
    P_BOUND = "the bound of a P value taken as the P value"
    BORROWED_SD = "SD borrowed from other trials of the instrument"


class Form(StrEnum):
    """What an effect was recovered from, in the words in which it is printed."""

    SDS = "means and SDs"
    SES = "means and SEs"
    MEANS_CI = "means with CI"
    QUARTILES = "medians and quartiles"
    BORROWED = "means with a borrowed SD"
    MEANS_P = "means with P"
    MEANS_P_BOUND = "means with bound of P"
    DIFFERENCE_SE = "difference with SE"
    DIFFERENCE_CI = "difference with CI"
    DIFFERENCE_SIZES = "standardised difference with group sizes"
    DIFFERENCE_P = "difference with P"
    DIFFERENCE_P_BOUND = "difference with bound of P"
    COUNTS = "counts"

    @property
    def from_p(self) -> bool:
        """Whether a P value had to give the standard error."""
        return self in _FROM_P


_FROM_P = (Form.MEANS_P, Form.MEANS_P_BOUND, Form.DIFFERENCE_P, Form.DIFFERENCE_P_BOUND)


class ArmId(str):
    """Id of an arm within a step, in the place of which a page may put the name of the arm."""


OR = "; or: "
"""What joins the reasons of one comparison, each that of another of its results."""


def distinct_reasons(reasons: Iterable[str]) -> str:
    """Join the reasons of several comparisons; what was said of one is not said again."""
    said: dict[str, None] = {}
    told = []
    for reason in reasons:
        new = [part for part in reason.split(OR) if part and part not in said]
        said |= dict.fromkeys(new)
        told.append(OR.join(new))
    return "; ".join(filter(None, told))


class Step(Listed):
    """One step of a derivation, joined from words and the ids of the arms that they are about."""

    def naming(self, arms: Mapping[str, str]) -> str:
        """Write the step with the names of arms for their ids, where they are known."""
        return "".join(
            arms.get(part, part) if isinstance(part, ArmId) else part for part in self.parts or (self,)
        )


def step(*parts: str) -> Step:
    """Make a step of words and `ArmId`."""
    return Step.of(parts, joint="")


NO_EVENTS = Reason("no events", "the number of events is not stated")
NO_EVENT_AT_ALL = Reason("no events", "no event in either arm: the ratio is not defined")
NO_SIZE = Reason("no size", "the number of patients is not stated")
