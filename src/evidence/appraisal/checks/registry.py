"""The list of rules: a rule is a function that looks at the tables and yields what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from evidence.appraisal.checks.evidence_base import EvidenceBase

__all__ = ["RULES", "Hit", "Rule", "rule"]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One cell that a rule objects to.

    Attributes
    ----------
    table : str
        Name of the table.
    row : int
        Row as a spreadsheet shows it.
    column : str
        Column of the cell.
    message : str
        What is wrong, with the numbers.
    value : str or None
        What to show as the value; the content of the cell by default.
    """

    table: str
    row: int
    column: str
    message: str
    value: str | None = None


Find = Callable[[EvidenceBase], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One plausibility check.

    Attributes
    ----------
    name : str
        How findings name it.
    severity : {"error", "warning", "note"}
        Errors cannot be true, warnings are improbable, notes say what was assumed.
    looks_for, why, look_at : str
        What the rule looks for, why it matters, and where to look when it speaks.
    find : callable
        Yields the cells that the rule objects to.
    """

    name: str
    severity: Severity
    looks_for: str
    why: str
    look_at: str
    find: Find


RULES: dict[str, Rule] = {}
"""Every rule by name, in the order in which the modules define them."""


def rule(name: str, severity: Severity, *, why: str, look_at: str) -> Callable[[Find], Find]:
    """Add a function to the rules; its docstring says what it looks for."""

    def add(find: Find) -> Find:
        looks_for = " ".join((find.__doc__ or "").split())
        RULES[name] = Rule(name, severity, looks_for, why, look_at, find)
        return find

    return add
