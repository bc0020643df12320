"""The short answer of a review: five plain sentences for readers who have never seen a meta-analysis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.credibility.answer_words import (
    CERTAINTY_MEANS,
    found,
    headline,
    joined,
    matters,
    treatment,
)
from evidence.credibility.audit import Rating, audit, bearing_of
from evidence.credibility.audit_judge import Bearing
from evidence.credibility.show import Shown
from evidence.tables.protocol import Analysis, Protocol
from evidence.tables.protocol_audit import CERTAINTIES
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["Answer", "answer", "key_analyses"]


@dataclass(frozen=True, eq=False, repr=False)
class Answer(Shown):
    """Result of `answer`.

    Attributes
    ----------
    headline : str
        The answer in one sentence.
    sentences : tuple of str
        Five: what was asked; what trials show for a short time; for a long time; for treatment together with
        another component; how sure one can be, with the verdicts of the audit.
    key : DataFrame
        One row for each analysis that the answer rests on: analysis, label, part ("short", "long" or "together"),
        outcome, estimate, ci_low, ci_high, mid (all four in `unit`; missing where nothing was pooled or no important
        difference is declared), no_effect (0, or 1 for ratios), certainty (empty where nothing was pooled), unit,
        favours ("lower" or "higher": the values that favour the intervention), k, trials and n.
    certainty : DataFrame
        One row for each pooled analysis of `key`: analysis, label, certainty and meaning (in words).
    verdicts : DataFrame
        One row a claim: claim_id, claim, verdict and why.
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
    """Answer the question of a review in five sentences computed from its results.

    Parameters
    ----------
    review : Review
        Its protocol names the analyses under ``audit.answer``.
    certainty, **overrides
        As for `audit`.

    Returns
    -------
    Answer

    Raises
    ------
    DataError
        If the protocol names an analysis that it does not have.
    """
    parts = {
        part: [bearing_of(review, one, certainty=certainty, **overrides) for one in analyses]
        for part, analyses in key_analyses(review).items()
    }
    audited = audit(review, certainty=certainty, **overrides)
    key = pd.DataFrame(
        [_key_row(one, part, review.protocol) for part, bearings in parts.items() for one in bearings],
        columns=_KEY,
    )
    rated = key[key["certainty"] != ""].reset_index(drop=True)
    verdicts = audited.claims[["claim_id", "claim", "verdict", "why"]]
    everything = [one for bearings in parts.values() for one in bearings]
    sentences = (
        _asked(review, everything),
        _shown(parts["short"], review.protocol),
        _shown(parts["long"], review.protocol, parts["short"]),
        _shown(parts["together"], review.protocol, [*parts["short"], *parts["long"]]),
        _sure(everything, audited.counts),
    )
    return Answer(
        headline(parts["short"], parts["long"], review.protocol),
        sentences,
        key,
        rated[["analysis", "label", "certainty"]].assign(
            meaning=[CERTAINTY_MEANS[level] for level in rated["certainty"]]
        ),
        verdicts,
    )


def key_analyses(review: Review) -> dict[str, list[Analysis]]:
    """Give the analyses that the short answer rests on: those of the protocol, or those that its order suggests.

    Parameters
    ----------
    review : Review

    Returns
    -------
    dict of str to list of Analysis
        Under "short", "long" and "together" (with another component); a list may be empty.
    """
    plan, protocol = review.protocol.audit.answer, review.protocol
    first = protocol.analyses[0] if protocol.analyses else None
    windows = sorted(first.windows if first else (), key=lambda name: protocol.windows[name].start)
    together = next(
        (spec.id for spec in protocol.analyses if {"yes", "both_arms"} & set(spec.conditions.values())), None
    )
    own = review.analyses.values()
    usual: dict[str, list[Analysis]] = {
        "short": [one for one in own if one.spec is first and one.window == windows[0]],
        "long": [one for one in own if one.spec is first and one.window in windows[1:][-1:]],
        "together": [one for one in own if one.spec.id == together],
    }
    return {
        part: [review.analysis(name) for name in getattr(plan, part)] or analyses
        for part, analyses in usual.items()
    }


_KEY = [
    *(
        "analysis",
        "label",
        "part",
        "outcome",
        "estimate",
        "ci_low",
        "ci_high",
        "mid",
        "no_effect",
        "certainty",
    ),
    *("unit", "favours", "k", "trials", "n"),
]


def _key_row(bearing: Bearing, part: str, protocol: Protocol) -> dict[str, Any]:
    words, analysis = bearing.words, bearing.analysis
    low, high = words.shown(bearing.ci_low), words.shown(bearing.ci_high)
    return {
        "analysis": analysis.id,
        "label": f"{treatment(analysis, protocol)}: {words.name}, {analysis.window.replace('_', ' ')} term",
        "part": part,
        "outcome": words.name,
        "estimate": words.shown(bearing.estimate),
        "ci_low": low,
        "ci_high": high,
        "mid": words.shown(words.benefit * words.mid) if words.ratio else words.shown(words.mid),
        "no_effect": words.shown(0.0),
        "certainty": bearing.certainty,
        "unit": words.unit,
        "favours": "higher" if words.benefit > 0 else "lower",
        "k": bearing.k,
        "trials": bearing.trials,
        "n": bearing.n,
    }


def _asked(review: Review, bearings: Sequence[Bearing]) -> str:
    question = review.protocol.question
    used = {one.analysis.id for one in bearings if one.k}
    trials = {name for id in used for name in review.effects(id)["trial_id"]}
    people = review.trials["n_randomised"].sum()
    what = str(question.get("intervention") or review.protocol.title)
    whom = re.sub(r" \([^)]*\)", "", f" for {question['population']}" if question.get("population") else "")
    yardstick = matters(bearings)
    return (
        f"The question: what does {what}{',' if ',' in what else ''} do{whom}? "
        f"{counted(len(review.trials), 'trial')} with about {people:,.0f} people let chance decide who got which "
        f"treatment; {len(trials) or 'none'} of them give numbers used here"
        f"{f'; {yardstick}' if yardstick else ''}."
    )


def _shown(bearings: Sequence[Bearing], protocol: Protocol, before: Sequence[Bearing] = ()) -> str:
    """What trials show, in one sentence."""
    text = found(bearings, protocol, before) or "the protocol of this review asks nothing about this"
    return f"{text[:1].upper()}{text[1:]}."


def _sure(bearings: Sequence[Bearing], counts: pd.Series) -> str:
    """How sure one can be, and how the claims fared."""
    levels = [one.certainty for one in bearings if one.pooled]
    sure = [f"{levels.count(level)} of {level}" for level in reversed(CERTAINTIES) if level in levels]
    text = "How sure one can be: nothing could be combined, so nothing is known with any certainty"
    if levels:
        worst = min(levels, key=CERTAINTIES.index)
        text = (
            f"How sure one can be: {counted(len(levels), 'combined result')}, {joined(sure)} certainty; "
            f"{worst} means that {CERTAINTY_MEANS[worst]}"
        )
    claims = int(counts.sum())
    if claims:
        fates = [f"{count} {verdict}" for verdict, count in counts.items() if count]
        text += f"; {counted(claims, 'claim')} checked against this: {joined(fates)}"
    return f"{text}."
