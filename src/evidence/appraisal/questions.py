"""What the questions of a review come to: findings, people, what would change the answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from evidence.appraisal.certainty.absolute import AbsoluteEffects, absolute_of
from evidence.appraisal.certainty.evidence import gather
from evidence.appraisal.certainty.grade import rate
from evidence.appraisal.changes import changes
from evidence.appraisal.multiverse.fit import multiverse
from evidence.appraisal.multiverse.result import Multiverse
from evidence.appraisal.statements import Finding, finding_of
from evidence.results import Shown
from evidence.tables.protocol.questions import Question, question_of
from evidence.tables.review import Review
from evidence.wording import number

__all__ = ["QuestionAnswer", "answer_question"]


@dataclass(frozen=True, eq=False, repr=False)
class QuestionAnswer(Shown):
    """Result of `answer_question`.

    Attributes
    ----------
    question : Question
    findings : tuple of Finding
        One for each of its analyses.
    lead : Finding
        The one that stands first: of the first outcome that has a combined result, else that from most trials.
    absolute : AbsoluteEffects
        The lead's result for people.
    multiverse : Multiverse or None
        The lead's result along every path of defensible choices; None where nothing was combined or compared, or this
        was not asked.
    changes : DataFrame
        What would change the lead's result, as `evidence.appraisal.changes.changes` gives it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> answer = ev.answer_question(review, "massage-usual", deep=False)
    >>> answer.question.title
    'Massage against no treatment, usual care or education'
    """

    question: Question
    findings: tuple[Finding, ...]
    lead: Finding
    absolute: AbsoluteEffects
    multiverse: Multiverse | None
    changes: pd.DataFrame

    @property
    def heading(self) -> str:
        """Title, question and note, as Markdown."""
        asked = self.question
        return "\n\n".join(filter(None, [f"# {asked.title}", asked.question, asked.note]))

    @cached_property
    def people(self) -> dict[str, float]:
        """People of 100 who improve without the intervention, and how many more with it; empty if not known."""
        if self.lead.fit is None or math.isnan(self.absolute.improved[0]):
            return {}
        more, low, high = (100.0 * share for share in self.absolute.gain)
        return {"without": 100.0 * self.absolute.response, "more": more, "low": low, "high": high}

    @property
    def people_sentence(self) -> str:
        """The same in words, with its certainty and where the share of those who improve anyway comes from."""
        if not (people := self.people):
            return ""
        turn = -1 if people["more"] < 0 else 1
        low, high = (number(end, 0) for end in sorted(turn * people[name] for name in ("low", "high")))
        whose = f" ({self.absolute.anyway})" if self.absolute.anyway else ""
        lead = self.lead
        return (
            f"If the average holds ({lead.level or 'not rated'}{' certainty' if lead.level else ''}) and "
            f"{people['without']:.0f} of 100 improve with the comparator{whose}, about "
            f"{turn * people['more']:.0f} {'more' if turn > 0 else 'fewer'} ({low} to {high}) would "
            f"with the treatment ({', '.join(filter(None, [lead.words.name, lead.analysis.term]))})."
        )

    def to_frame(self) -> pd.DataFrame:
        """One row for each finding, as `Finding.to_frame`."""
        return pd.concat([one.to_frame() for one in self.findings], ignore_index=True)

    def summary(self) -> str:
        """The question, each finding and what would change the first."""
        lines = [self.question.title, *(one.sentence for one in self.findings)]
        return "\n".join([*lines, "", *self.changes["sentence"]])

    def record(self) -> dict[str, Any]:
        """Everything that a page shows of it, as plain values."""
        return {
            "id": self.question.id,
            "title": self.question.title,
            "question": self.question.question,
            "note": self.question.note,
            "main": self.question.main,
            "lead": [one is self.lead for one in self.findings].index(True),
            "findings": [_record(one) for one in self.findings],
            "people": self.people,
            "people_sentence": self.people_sentence,
            "changes": self.changes.assign(combined=self.changes["estimate"].notna())[
                ["kind", "changed", "combined", "sentence"]
            ].to_dict("records"),
        }


def _record(one: Finding) -> dict[str, Any]:
    """Plain values of a finding; amounts in the unit of its words, missing ones as None."""
    words, fit = one.words, one.fit

    def shown(value: float) -> float | None:
        return _finite(words.shown(value))

    values = (
        {}
        if fit is None
        else {
            name: shown(getattr(fit, name))
            for name in ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
        }
    )
    single = []
    for row, own in zip(one.effects.to_dict("records"), one.own, strict=bool(one.own)):
        # In the unit of the drawing as the trial tells it, on another instrument by the common scale.
        same = own.words.unit == words.unit
        at = (own.value, own.low, own.high) if same else (row["effect"], row["ci_low"], row["ci_high"])
        told = zip(
            ("estimate", "ci_low", "ci_high"), map(own.words.shown if same else words.shown, at), strict=True
        )
        single.append(
            {"label": row["label"], "trial": row["trial_id"]} | {name: _finite(value) for name, value in told}
        )
    return {
        "analysis": one.analysis.id,
        "comparison": one.analysis.comparison,
        "outcome": words.name,
        "combined": fit is not None,
        "one_group": words.one_group,
        "term": one.analysis.term,
        "clause": one.clause,
        "numbers": one.numbers,
        "amount": one.amount,
        "base": one.base,
        "predicted": one.predicted,
        "unit": words.unit,
        "yardstick": words.yardstick,
        "other_units": any(own.words.unit != words.unit for own in one.own),
        "ratio": words.ratio,
        "digits": words.digits,
        "lower_is_better": words.benefit < 0,
        "mid": shown(words.benefit * words.mid) if words.ratio else shown(words.mid),
        "important": words.mid if math.isfinite(words.mid) else None,
        "widest": shown(words.widest),
        "level": one.level,
        "lowered": [domain.name for domain in one.certainty.domains if domain.downgrade] if one.level else [],
        "k": one.k,
        "trials": one.trials,
        "lacking": one.lacking,
        "reported": bool(one.reported or one.in_words),
        "n": one.n,
        "single": single,
        **values,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def answer_question(review: Review, question: str | Question, *, deep: bool = True) -> QuestionAnswer:
    """Say what the analyses of a question come to.

    Parameters
    ----------
    review : Review
    question : str or Question
        The question or its id: a group of the protocol, or the id of an entry of ``analyses`` that has none.
    deep : bool
        Whether to work out what would change the result along every path of defensible choices, which takes a
        second or two.

    Returns
    -------
    QuestionAnswer

    Raises
    ------
    DataError
        If there is no such question.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> answer = ev.answer_question(review, "massage-usual", deep=False)
    >>> [found.analysis.outcome for found in answer.findings]
    ['pain', 'pain', 'disability', 'disability', 'quality_of_life', 'quality_of_life']
    """
    asked = question if isinstance(question, Question) else question_of(review.protocol, question)
    bodies = [gather(review, analysis) for analysis in asked.analyses]
    findings = tuple(finding_of(review, body, rate(body)) for body in bodies)
    lead = _lead(findings)
    body, first = bodies[lead], findings[lead]
    varied = deep and first.fit is not None and not first.analysis.one_group
    many = multiverse(review, first.analysis.id) if varied else None
    return QuestionAnswer(
        asked, findings, first, absolute_of(review, body), many, changes(review, first, body, many)
    )


def _lead(findings: Sequence[Finding]) -> int:
    """The finding that stands first: a combined one of a question of its own, else that from most trials."""

    def order(number: int) -> tuple[bool, bool, int, int]:
        one = findings[number]
        combined = one.fit is not None
        return (not combined, one.analysis.spec.role == "lumped", 0 if combined else -one.trials, number)

    return min(range(len(findings)), key=order)
