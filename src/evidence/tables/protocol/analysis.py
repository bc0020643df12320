"""The questions of a protocol: entries of ``analyses``, the groups they stand in, and what an analysis is called."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evidence.measures import ReviewMeasure
from evidence.tables.protocol.model import OwnModel
from evidence.tables.protocol.part import ProtocolPart

__all__ = ["Analysis", "AnalysisSpec", "OwnChoices", "QuestionGroup", "Role"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _yes_no(value: Any) -> Any:
    """Undo YAML's reading of an unquoted yes or no as a truth value."""
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Condition = Annotated[Literal["either", "yes", "no", "both_arms"], BeforeValidator(_yes_no)]
Role = Literal["main", "lumped", "sensitivity", "reproduction"]
"""What an analysis is for: a question of its own, several questions taken together, a look at what a choice changes,
or the frame of another review."""


class QuestionGroup(ProtocolPart):
    """A question that people ask, which several analyses answer (``groups`` in ``review.yaml``).

    Attributes
    ----------
    title : str
        Words for a heading.
    question : str
        The question as a person would ask it.
    main : bool
        Whether it is one of the review's main questions.
    note : str
        What a reader should know before the results.
    """

    title: str = Field(min_length=1)
    question: str = ""
    main: bool = False
    note: str = ""


class OwnChoices(ProtocolPart):
    """Choices of results in which one analysis differs from the protocol's model.

    The names are those of `evidence.effects.choosing.choices.Choices`.
    """

    measure: ReviewMeasure | None = None
    indirect: bool | None = None
    mixed: bool | None = None
    time: Literal["target", "earliest", "latest"] | None = None


class AnalysisSpec(ProtocolPart):
    """One entry of ``analyses``; it stands for an analysis of each outcome in each window.

    A key that names a studied component (such as ``exercise: both_arms``) is a condition on it: ``either``,
    ``no`` or ``yes`` (the intervention arm has it and the comparator does not), ``both_arms``.

    Attributes
    ----------
    group : str
        Name of its question group; "" for none.
    title : str
        Words for the comparison; made from its parts if there are none.
    role : {"main", "lumped", "sensitivity", "reproduction"}
        What the analysis is for.
    comparator : tuple of str
        What the intervention is compared with; empty for a measure of one group, such as a proportion.
    where : dict of str to tuple of str
        Takes only results whose row, or whose trial, has one of these values in this column.
    pooled : bool
        Whether there is a total; without one the comparisons are listed and drawn, never pooled.
    model : OwnModel
        What differs from the protocol's model.
    choices : OwnChoices
        Where it chooses results differently from the protocol's model.
    label : str
        Words that tell it from another analysis of the same comparison, outcome and window.
    """

    id: str
    group: str = ""
    title: str = ""
    role: Role = "main"
    intervention: Names
    comparator: Names = ()
    outcomes: tuple[str, ...]
    windows: tuple[str, ...]
    conditions: dict[str, Condition] = Field(default_factory=dict)
    where: dict[str, Names] = Field(default_factory=dict)
    pooled: bool = True
    model: OwnModel = OwnModel()
    choices: OwnChoices = OwnChoices()
    label: str = ""
    note: str = ""

    @property
    def comparison(self) -> str:
        """What is compared with what, in words."""
        if self.title:
            return self.title
        intervention = " or ".join(self.intervention).replace("_", " ")
        against = " v " * bool(self.comparator) + " or ".join(self.comparator).replace("_", " ")
        conditions = "".join(
            {
                "yes": f" with {name}",
                "no": f" without {name}",
                "both_arms": f" added to {name}",
                "either": "",
            }[value].replace("_", " ")
            for name, value in self.conditions.items()
        )
        return f"{intervention.capitalize()}{conditions}{against}"


class Analysis(ProtocolPart):
    """One analysis: an entry of the protocol for one outcome in one window."""

    id: str
    spec: AnalysisSpec
    outcome: str
    window: str
    outcome_title: str = ""
    window_title: str = ""
    term: str = ""  # words for the window, as of `Window.term`

    @property
    def title(self) -> str:
        """Words for a heading."""
        outcome = self.outcome_title or self.outcome.replace("_", " ")
        return f"{self.comparison}: {', '.join(filter(None, [outcome, self.spec.label, self.term]))}"

    @property
    def comparison(self) -> str:
        """What is compared, in words."""
        return self.spec.comparison

    @property
    def one_group(self) -> bool:
        """Whether it takes one group a trial and compares nothing; its measure is then one of one group."""
        return not self.spec.comparator
