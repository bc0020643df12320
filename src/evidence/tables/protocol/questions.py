"""The questions of a protocol, as people ask them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evidence.errors import DataError, closest
from evidence.tables.protocol.protocol import Analysis, Protocol

__all__ = ["Question", "main_questions", "question_of", "questions"]


@dataclass(frozen=True)
class Question:
    """A question that people ask, which several analyses answer.

    Attributes
    ----------
    id, title, question, note : str
        As in the protocol's ``groups``; without a group, an entry of ``analyses`` is a question of its own.
    main : bool
        Whether it is one of the review's main questions.
    analyses : tuple of Analysis
        Those that answer it, in the protocol's order.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> question = ev.questions(review.protocol)[0]
    >>> question.question
    'Does vaccination with BCG prevent tuberculosis?'
    """

    id: str
    title: str
    question: str
    note: str
    main: bool
    analyses: tuple[Analysis, ...]


def questions(protocol: Protocol) -> tuple[Question, ...]:
    """Give the questions of a protocol, in its order; without any group marked as main, each is a main one.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> [question.title for question in ev.questions(review.protocol)]
    ['BCG vaccine against no vaccine']
    """
    own: list[Question] = []
    some = any(group.main for group in protocol.groups.values())
    for name, analyses in protocol.question_groups.items():
        if name:
            group = protocol.groups[name]
            own.append(
                Question(name, group.title, group.question, group.note, group.main or not some, analyses)
            )
            continue
        specs: dict[str, list[Analysis]] = {}
        for one in analyses:
            specs.setdefault(one.spec.id, []).append(one)
        own += [
            Question(spec, _title(group), "", "", not some, tuple(group)) for spec, group in specs.items()
        ]
    return tuple(own)


def _title(group: Sequence[Analysis]) -> str:
    """Name the question of one entry: the comparison, and what tells it from another of the same."""
    labels = {one.spec.label for one in group}
    label = labels.pop() if len(labels) == 1 else ""
    return f"{group[0].comparison}: {label}" if label else group[0].comparison


def main_questions(protocol: Protocol) -> tuple[Question, ...]:
    """Give the main questions of a protocol."""
    return tuple(question for question in questions(protocol) if question.main)


def question_of(protocol: Protocol, name: str) -> Question:
    """Give a question by its id.

    Raises
    ------
    DataError
        If there is none.
    """
    every = {question.id: question for question in questions(protocol)}
    if name in every:
        return every[name]
    near = closest(name, every)
    hint = f"did you mean {near}? " if near else ""
    raise DataError(f"The protocol has no question {name}; {hint}It has {', '.join(every)}.")
