"""The words of the short answer: what was compared, what was found, what could not be combined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.appraisal.audit.audit import Rating, audit, bearing_of
from evidence.appraisal.audit.judge import Bearing
from evidence.results import Shown
from evidence.tables.protocol.audit import CERTAINTIES
from evidence.tables.protocol.protocol import Analysis, Protocol
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = [
    "CERTAINTY_MEANS",
    "Answer",
    "answer",
    "found",
    "headline",
    "joined",
    "key_analyses",
    "matters",
    "treatment",
]


CERTAINTY_MEANS = {
    "high": "more trials would hardly change the result",
    "moderate": "the true effect is probably close to the result, but may differ",
    "low": "the true effect may differ much from the result",
    "very low": "the true effect may well be quite another one",
}
"""What a level of certainty means (after Balshem et al. 2011, J Clin Epidemiol 64, 401-406), in everyday words."""

SURELY = {
    "high": "this is certain",
    "moderate": "this is fairly certain",
    "low": "but this is uncertain",
    "very low": "but this is very uncertain",
}
"""How certain results are of which the least certain one has this level."""

MOST_NAMES = 3
"""Members of a group of comparators that are named; a larger group goes by its own name."""


def joined(parts: Iterable[str], word: str = "and") -> str:
    """Join parts as in a sentence: ``a, b and c``."""
    listed = list(parts)
    return " ".join([", ".join(listed[:-1]), word, listed[-1]]) if len(listed) > 1 else "".join(listed)


def treatment(analysis: Analysis, protocol: Protocol) -> str:
    """What was compared: ``massage rather than sham or no treatment``, ``massage added to exercise``."""
    against = comparator(analysis, protocol)
    return f"{intervention(analysis)} {f'rather than {against}' if against else ''}".strip()


def intervention(analysis: Analysis) -> str:
    """What the treated had: ``massage``, ``massage with exercise``, ``massage added to exercise``."""
    conditions = analysis.spec.conditions
    own = joined(_plain(name) for name, condition in conditions.items() if condition == "yes")
    both = joined(_plain(name) for name, condition in conditions.items() if condition == "both_arms")
    text = joined((_plain(name) for name in analysis.spec.intervention), "or")
    return f"{text}{f' with {own}' if own else ''}{f' added to {both}' if both else ''}"


def comparator(analysis: Analysis, protocol: Protocol) -> str:
    """What the others had; empty where all had the component to which the intervention was added."""
    if "both_arms" in analysis.spec.conditions.values():
        return ""
    groups = protocol.comparator_groups
    names: list[str] = []
    for name in analysis.spec.comparator:
        members = [entry for entry in groups.get(name, (name,)) if entry not in groups or entry == name]
        named = 0 < len(members) <= MOST_NAMES
        names += [_plain(entry) for entry in members] if named else [f"another {_plain(name)} treatment"]
    return joined(dict.fromkeys(names), "or")


def found(bearings: Sequence[Bearing], protocol: Protocol, before: Sequence[Bearing] = ()) -> str:
    """Say in one sentence what trials show: results, for what too few numbers can be combined, how sure that is.

    Parameters
    ----------
    bearings : sequence of Bearing
        One for each question that the sentence is about.
    protocol : Protocol
    before : sequence of Bearing
        Those of the sentences before: comparators that stand there are not listed again.

    Returns
    -------
    str
        Without the full stop.
    """
    pooled = [one for one in bearings if one.pooled]
    said = {comparator(one.analysis, protocol) for one in before if one.pooled} - {""}
    groups: dict[tuple[str, str], list[Bearing]] = {}
    for one in pooled:
        key = when(one.analysis.window, protocol), comparator(one.analysis, protocol)
        groups.setdefault(key, []).append(one)
    texts = []
    for (time, against), group in groups.items():
        others = "the same without it" if not against else "the same" if against in said else against
        texts.append(f"{time}, compared with {others}, people {_results(group)}")
        said.add(against)
    told = {(when(one.analysis.window, protocol), intervention(one.analysis)) for one in pooled}
    lacking: dict[tuple[str, str], list[str]] = {}
    for one in bearings:
        if not one.pooled:
            key = when(one.analysis.window, protocol), intervention(one.analysis)
            lacking.setdefault(key, []).append(one.words.name)
    if lacking:
        times = {time for time, _ in groups}
        open_parts = [
            f"{'' if time in times else f'{time} '}for {had}{f' on {joined(names)}' if (time, had) in told else ''}"
            for (time, had), names in lacking.items()
        ]
        texts.append(f"too few trials give numbers to combine {joined(open_parts)}")
    if pooled:
        texts[len(groups) - 1] += f" – {SURELY[_worst(pooled)]}"
    return "; ".join(texts)


def matters(bearings: Sequence[Bearing]) -> str:
    """Say from which difference on one matters, for each outcome; empty where none is declared."""
    known = {one.words.name: one.words for one in bearings if one.words.important}
    amounts = [
        f"{words.amount(words.benefit * words.mid, rough=True)} in {name}" for name, words in known.items()
    ]
    return f"a difference matters from {joined(amounts)} on" if amounts else ""


def headline(short: Sequence[Bearing], long: Sequence[Bearing], protocol: Protocol) -> str:
    """Give the answer in one sentence: what is shown for a short time, what for a long one, and how surely."""
    parts = [_in_brief(bearings, protocol) for bearings in (short, long) if bearings]
    text = "; ".join(parts) or "the protocol names no analysis to answer from"
    return f"{text[:1].upper()}{text[1:]}."


def when(window: str, protocol: Protocol) -> str:
    """A window in weeks, as in a sentence: ``after 1 to 13 weeks``."""
    return protocol.windows[window].words


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _worst(bearings: Sequence[Bearing]) -> str:
    return min((one.certainty for one in bearings), key=CERTAINTIES.index)


def _results(bearings: Sequence[Bearing]) -> str:
    """Results of one comparison, outcome by outcome; a unit is told once, and once that an interval is possible."""
    treatments = dict.fromkeys(intervention(one.analysis) for one in bearings)
    by_outcome: dict[str, list[Bearing]] = {}
    for one in bearings:
        by_outcome.setdefault(one.words.name, []).append(one)
    texts: list[str] = []
    clear_before = False
    for group in by_outcome.values():
        own: list[str] = []
        for one in group:
            text = _difference(one)
            if own and _clear(one) and _clear(group[0]) and not one.words.ratio:
                text = f"{one.words.size(one.estimate, rough=True)} {'less' if one.estimate < 0 else 'more'}"
            elif len(treatments) == 1 and texts and not _clear(one) and not clear_before:
                text = f"none in {one.words.name}"
            had = f" with {intervention(one.analysis)}" if len(treatments) > 1 else ""
            possible = "" if texts or own else " is possible"
            own.append(f"{text}{had} ({_possible(one)}{possible})")
        texts.append(joined(own))
        clear_before = _clear(group[0])
    start = f"with {joined(treatments)} had" if len(treatments) == 1 else "had"
    nested = len(by_outcome) < len(bearings)
    return f"{start} {', and '.join(texts) if nested else joined(texts)}"


def _clear(bearing: Bearing) -> bool:
    return not bearing.ci_low <= 0 <= bearing.ci_high


def _difference(bearing: Bearing) -> str:
    words = bearing.words
    if not _clear(bearing):
        return f"no clear difference in {words.name}"
    return f"about {words.change(bearing.estimate, rough=True)}"


def _possible(bearing: Bearing) -> str:
    """What the interval holds, and whether the difference is too small to matter."""
    words = bearing.words
    span = words.span(bearing.ci_low, bearing.ci_high, rough=True, unit=True)
    little = _clear(bearing) and words.important and abs(bearing.estimate) < words.mid
    return f"too little to matter; {span}" if little else span


def _in_brief(bearings: Sequence[Bearing], protocol: Protocol) -> str:
    """What results in one window come to, for the headline."""
    pooled = [one for one in bearings if one.pooled]
    time = when(bearings[0].analysis.window, protocol)
    missing = {intervention(one.analysis): None for one in bearings}
    for one in pooled:
        missing.pop(intervention(one.analysis), None)
    open_text = f"too few numbers to tell for {joined(missing)}"
    if not pooled:
        return f"{time} {open_text}"
    texts = []
    for side, kind in ((1, "benefit"), (-1, "harm")):
        seen = [one for one in pooled if _clear(one) and side * one.words.benefit * one.estimate > 0]
        declared = [one for one in seen if one.words.important]
        enough = [one for one in declared if abs(one.estimate) >= one.words.mid]
        if seen:
            # Whether a difference matters is only said where one that matters is declared.
            small = "small " if len(declared) == len(seen) and not enough else ""
            matter = (
                " large enough to matter" if len(enough) == len(seen) else " partly large enough to matter"
            )
            what = f"a {small}{kind} for {joined(dict.fromkeys(one.words.name for one in seen))}"
            texts.append(f"{what}{matter if enough else ''}")
    text = joined(texts) or "no clear benefit or harm"
    return f"{time} {text}, {SURELY[_worst(pooled)]}{f', and {open_text}' if missing else ''}"


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
        One row for each analysis that the answer rests on: analysis, label (question and when), question, when,
        part ("short", "long" or "together"), outcome, estimate, ci_low, ci_high, mid (all four in `unit`; missing
        where nothing was pooled or no important difference is declared), no_effect (0, or 1 for ratios), certainty
        (empty where nothing was pooled), unit, favours ("lower" or "higher": the values that favour the
        intervention), k, trials and n.
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
        "question",
        "when",
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
    question, when = treatment(analysis, protocol), ", ".join(filter(None, (words.name, analysis.term)))
    return {
        "analysis": analysis.id,
        "label": f"{question}: {when}",
        "question": question,
        "when": when,
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
    people = _people(review)
    size = f" with about {people:,.0f} people" if people else ""
    randomised = (review.trials["design"] != "unknown").all() and bool(people)
    chance = " let chance decide who got which treatment" if randomised else " are in the review"
    what = str(question.get("intervention") or review.protocol.title)
    whom = re.sub(r" \([^)]*\)", "", f" for {question['population']}" if question.get("population") else "")
    yardstick = matters(bearings)
    return (
        f"The question: what does {what}{',' if ',' in what else ''} do{whom}? "
        f"{counted(len(review.trials), 'trial')}{size}{chance}; "
        f"{len(trials) or 'none'} of them give numbers used here"
        f"{f'; {yardstick}' if yardstick else ''}."
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
    return float(sizes.sum())


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
