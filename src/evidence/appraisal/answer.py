"""The answer of a review: its main questions, what is known of each, and on what the answers rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from evidence.appraisal.audit.audit import audit
from evidence.appraisal.audit.bearings import Rating
from evidence.appraisal.certainty.evidence import gather
from evidence.appraisal.certainty.grade import rate
from evidence.appraisal.harms import harms_statement
from evidence.appraisal.readings import readers_statement, reported_results
from evidence.appraisal.statements import MEANS, Finding, finding_of
from evidence.results import Shown
from evidence.synthesis.rule import count_trials
from evidence.tables.protocol.audit import CERTAINTIES
from evidence.tables.protocol.questions import main_questions
from evidence.tables.review import Review
from evidence.wording import capital, counted, in_words, joined

__all__ = ["Answer", "answer", "status"]


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Shown):
    """Result of `answer`.

    Attributes
    ----------
    headline : str
        How many of the main questions have a combined result, and how certain these are.
    sentences : tuple of str
        What each of the analyses of the main questions found; those about which nothing is reported are left out.
    key : DataFrame
        One row for each analysis of the main questions: question (its id), title, and what `Finding.to_frame` gives
        (analysis, outcome, term, statement, size, estimate, ci_low, ci_high, prediction_low, prediction_high and mid
        in `unit`, certainty, k, trials, n, reported). The certainty is empty where nothing was combined.
    certainty : DataFrame
        One row for each combined result of `key`: analysis, statement, certainty and meaning (in words).
    verdicts : DataFrame
        One row a claim: claim_id, claim, verdict and why.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> list(ev.answer(review).to_frame())[:3]
    ['analysis', 'outcome', 'term']
    """

    headline: str
    sentences: tuple[str, ...]
    key: pd.DataFrame
    certainty: pd.DataFrame
    verdicts: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The key numbers."""
        return self.key

    def summary(self) -> str:
        """The headline and the sentences."""
        return "\n".join([self.headline, "", *self.sentences])


def answer(review: Review, *, certainty: Rating | None = None, **overrides: Any) -> Answer:
    """Answer the main questions of a review.

    Parameters
    ----------
    review : Review
        Its protocol marks the main questions (``groups``).
    certainty, **overrides
        As for `audit`.

    Returns
    -------
    Answer

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> answer = ev.answer(review)
    >>> answer.summary().startswith("Of the")
    True
    """
    asked = [
        (question, [_finding(review, one.id, certainty) for one in question.analyses])
        for question in main_questions(review.protocol)
    ]
    key = (
        pd.concat(
            [
                one.to_frame().assign(question=question.id, title=question.title)
                for question, findings in asked
                for one in findings
            ],
            ignore_index=True,
        )
        if asked
        else pd.DataFrame(columns=["analysis", "statement", "certainty"])
    )
    rated = key[key["certainty"] != ""].reset_index(drop=True)
    audited = audit(review, certainty=certainty, **overrides)
    return Answer(
        headline([findings for _, findings in asked]),
        tuple(one.sentence for _, findings in asked for one in findings if one.k or one.reported),
        key,
        rated[["analysis", "statement", "certainty"]].assign(
            meaning=[MEANS[level] for level in rated["certainty"]]
        ),
        audited.claims[["claim_id", "claim", "verdict", "why"]],
    )


def _finding(review: Review, name: str, certainty: Rating | None) -> Finding:
    body = gather(review, name)
    rated = rate(body)
    if certainty is not None:
        rated = replace(rated, level=str(certainty(review, name).level))
    return finding_of(review, body, rated)


def headline(findings: Sequence[Sequence[Finding]]) -> str:
    """Say for how many main questions there is a combined result, how certain these are, and what the others have."""
    if not findings:
        return "The protocol asks nothing."
    combined = [[one for one in group if one.fit is not None] for group in findings]
    some = [group for group in combined if group]
    lone = sum(
        not kept and any(one.k for one in group) for kept, group in zip(combined, findings, strict=True)
    )
    none = len(findings) - len(some) - lone
    least = findings[0][0].minimum
    parts = []
    if some:
        levels = Counter(one.level for group in some for one in group)
        count = sum(levels.values())
        sure = [f"{in_words(levels[name])} of {name}" for name in reversed(CERTAINTIES) if levels[name]]
        said = [f"{joined(sure)} certainty"] if sure else []
        said += [f"the certainty of {in_words(levels[''])} is not rated"] if levels[""] else []
        parts.append(
            f"{in_words(len(some))} {'has' if len(some) == 1 else 'have'} combined results "
            f"({counted(count, 'result')}: {'; '.join(said)})"
        )
    if lone:
        have = "has" if lone == 1 else "have"
        parts.append(
            f"{in_words(lone)} {have} fewer than {in_words(least)} trials with usable numbers for any outcome"
        )
    if none:
        have = "has" if none == 1 else "have"
        parts.append(f"{in_words(none)} {have} no trial with usable numbers")
    return f"Of the {counted(len(findings), 'main question')}, {joined(parts)}."


def status(review: Review) -> dict[str, str]:
    """Say on what the results of a review rest, and what it is not.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict of str to str
        Paragraphs by subject: the scope that the protocol states, trials, sources, readers, protocol and harm; those
        of which nothing is known are left out.
    """
    parts: dict[str, Callable[[Review], str]] = {
        "What this is": lambda review: review.protocol.scope_note.strip(),
        "Trials": _trials,
        "Sources": _sources,
        "Readers": readers_statement,
        "Protocol": _changes,
        "Harm": harms_statement,
    }
    return {name: text for name, words in parts.items() if (text := words(review))}


def _trials(review: Review) -> str:
    """How the counts of trials on different pages hang together."""
    main = {one.id for question in main_questions(review.protocol) for one in question.analyses}
    usable, asked, combined, others = set[str](), set[str](), set[str](), set[str]()
    for name, analysis in review.analyses.items():
        effects = review.effects(name)
        found = set(effects["study"])
        if analysis.spec.role == "reproduction":
            others |= found
            continue
        usable |= found
        if name in main:
            asked |= found
            if count_trials(effects) >= review.protocol.model_of(analysis).minimum_studies:
                combined |= found
    people = _people(review)
    more = len(usable | others)
    beside = f" ({in_words(more)} with the questions of other reviews)" if more > len(usable) else ""
    size = f" with {people:,.0f} people" if people else ""
    trials = review.protocol.count_trials(review.trials["trial_id"])
    held = f"{counted(trials, 'trial')}{size} {'is' if trials == 1 else 'are'} in the tables."
    if not usable | others:
        return f"{held} None gives numbers that an analysis can use."
    using, bearing, standing = (in_words(len(one)) if one else "none" for one in (usable, asked, combined))
    return (
        f"{held} {capital(using)} give numbers that an analysis can use{beside}; {bearing} of them bear on a main "
        f"question, and {standing} stand in a combined result of one."
    )


def _people(review: Review) -> float:
    """Add up the people of the trials: those randomised, else those of the arms, else the most that a result has."""
    arms = review.arms[review.arms["kind"] != "margin"].groupby("trial_id")["n_randomised"].sum(min_count=1)
    held, pairs = review.arm_results, review.contrast_results
    keys = ["trial_id", "outcome", "instrument", "timepoint_weeks", "statistic"]
    analysed = held.groupby(keys, dropna=False)["n"].sum(min_count=1).groupby("trial_id").max()
    compared = (pairs["n_arm"] + pairs["n_comparator"]).groupby(pairs["trial_id"]).max()
    sizes = review.trials.set_index("trial_id")["n_randomised"].astype(float)
    for other in (arms, analysed, compared):
        sizes = sizes.fillna(other.astype(float).reindex(sizes.index))
    study = sizes.index.map(review.protocol.trial_of)
    whole = study == sizes.index
    # The people of strata are those of the whole trial.
    strata = sizes[~whole].groupby(study[~whole]).sum(min_count=1)
    return float(sizes[whole].combine_first(strata).sum())


def _sources(review: Review) -> str:
    kinds = reported_results(review)["source_kind"].astype(str)
    if not len(kinds):
        return ""
    abstract = int(kinds.isin(["abstract"]).sum())
    return (
        f"{abstract:,} of {len(kinds):,} results ({100 * abstract / len(kinds):.0f}%) come from abstracts, where "
        "striking results are printed more often than others."
    )


def _changes(review: Review) -> str:
    count = len(review.protocol.deviations)
    if not count:
        return ""
    return f"{capital(in_words(count))} changes were made to the protocol after results had been seen."
