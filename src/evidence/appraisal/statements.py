"""What was found, in words: the one place from which every page, export and command takes a statement.

The verb says how certain a result is (GRADE: none for high, "probably" for moderate, "may" for low; of very low
certainty only that the evidence is very uncertain), its object how large the effect is against the difference that
matters. Each statement carries its trials and people.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from evidence.appraisal.certainty.evidence import Estimate, Evidence, gather
from evidence.appraisal.certainty.grade import SYMBOLS, Certainty, rate
from evidence.appraisal.effect_words import (
    OutcomeWords,
    OwnResult,
    base_words,
    outcome_words,
    own_result,
    people_words,
    word,
)
from evidence.effects.reported.reasons import Assumption
from evidence.results import Shown, predicts
from evidence.synthesis.reports import HARMS
from evidence.tables.protocol.audit import CERTAINTIES
from evidence.tables.protocol.protocol import Analysis, Protocol
from evidence.tables.review import Review
from evidence.wording import capital, counted, in_words, joined, parts_of

__all__ = [
    "MEANS",
    "MOST_NAMES",
    "SIZES",
    "Finding",
    "against",
    "certainty_levels",
    "combined_analyses",
    "comparator_words",
    "compared_with",
    "finding",
    "finding_of",
    "group_words",
    "intervention_words",
    "size_of",
]

SIZES = ("little to no difference", "slight", "important", "large")
"""Sizes of an effect, from the smallest."""

MEANS = dict(
    zip(
        CERTAINTIES,
        (
            "the true effect may well be quite another one",
            "the true effect may differ much from the result",
            "the true effect is probably close to the result, but may differ",
            "more trials would hardly change the result",
        ),
        strict=True,
    )
)
"""What a level of certainty means (after Balshem et al. 2011, J Clin Epidemiol 64, 401-406), in everyday words."""

_CONDITIONS = {"yes": "with", "both_arms": "added to"}
_STRENGTH = {"high": "", "moderate": "probably ", "low": "may ", "very low": ""}
MOST_NAMES = 3
"""Members of a group of comparators that are named; a larger group goes by its own name."""


def certainty_levels() -> pd.DataFrame:
    """Say what the levels of certainty are: certainty, symbols, wording and meaning, the most certain first.

    Examples
    --------
    >>> import evidence as ev
    >>> ev.certainty_levels()["certainty"].tolist()
    ['high', 'moderate', 'low', 'very low']
    """
    verbs = {
        "high": "reduces",
        "moderate": "probably reduces",
        "low": "may reduce",
        "very low": "the evidence is very uncertain",
    }
    rows = [(level, SYMBOLS[level], verbs[level], MEANS[level]) for level in reversed(CERTAINTIES)]
    return pd.DataFrame(rows, columns=["certainty", "symbols", "wording", "meaning"])


def intervention_words(protocol: Protocol, analysis: Analysis) -> str:
    """Name the intervention of an analysis with its conditions: "massage with exercise"."""
    spec = analysis.spec
    conditions = "".join(
        f" {_CONDITIONS[condition]} {word(protocol, name)}"
        for name, condition in spec.conditions.items()
        if condition in _CONDITIONS
    )
    return " or ".join(word(protocol, name) for name in spec.intervention) + conditions


def comparator_words(protocol: Protocol, analysis: Analysis) -> str:
    """Name the comparators of an analysis: those of a small group one by one, a larger group by its name."""
    spec = analysis.spec
    names = [told for name in spec.comparator for told in _group_names(protocol, name)]
    added = {name for name, condition in spec.conditions.items() if condition == "both_arms"}
    alone = " alone" if added & set(spec.comparator) else ""
    return f"{joined(dict.fromkeys(names), 'or')}{alone}"


def group_words(protocol: Protocol, name: str) -> str:
    """Name a group of comparators by its members, or a large one, as `comparator_words`."""
    return joined(dict.fromkeys(_group_names(protocol, name)), "or")


def _group_names(protocol: Protocol, name: str) -> list[str]:
    groups, wording = protocol.comparator_groups, protocol.certainty.wording
    members = [entry for entry in groups.get(name, (name,)) if entry not in groups or entry == name]
    if name in wording or len(members) > MOST_NAMES or not members:
        return [wording.get(name, f"another {name.replace('_', ' ')} treatment")]
    return [word(protocol, entry) for entry in members]


def _parts(review: Review, effects: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """Components of the two groups of each comparison."""
    parts = _components(review)
    pairs = zip(effects["trial_id"], effects["arm_id"], effects["comparator_arm_id"], strict=True)
    return [(parts[trial, arm], parts[trial, other]) for trial, arm, other in pairs]


@lru_cache(maxsize=8)
def _components(review: Review) -> dict[tuple[str, str], list[str]]:
    rows = zip(review.arms["trial_id"], review.arms["arm_id"], review.arms["components"], strict=True)
    return {(trial, arm): str(components).split("+") for trial, arm, components in rows}


def _beyond(review: Review, analysis: Analysis, effects: pd.DataFrame) -> tuple[bool, ...]:
    """Whether the groups of each comparison differ by more than the analysis names, as packages do."""
    if analysis.one_group:
        return ()
    protocol, spec = review.protocol, analysis.spec
    usual = {*protocol.components.usual, *protocol.components.inactive}
    treated = {*spec.intervention, *(name for name, how in spec.conditions.items() if how == "yes")} | usual
    compared, waiting = set(usual), list(spec.comparator)
    while waiting:
        name = waiting.pop()
        compared.add(name)
        waiting += [one for one in protocol.comparator_groups.get(name, ()) if one not in compared]
    return tuple(
        bool({*arm} - {*other} - treated or {*other} - {*arm} - compared)
        for arm, other in _parts(review, effects)
    )


def against(review: Review, effects: pd.DataFrame) -> dict[str, set[str]]:
    """Give the trials by what the compared groups had, beside what both groups had; most trials first."""
    trials: dict[str, set[str]] = {}
    for study, (arm, other) in zip(effects["study"], _parts(review, effects), strict=True):
        own = [part for part in other if part not in arm] or other
        trials.setdefault(joined((word(review.protocol, part) for part in own), "with"), set()).add(study)
    return dict(sorted(trials.items(), key=lambda one: -len(one[1])))


def compared_with(review: Review, effects: pd.DataFrame) -> str:
    """Count trials by what the compared groups had, beside what both groups had: ``usual care (3 trials)``."""
    most = against(review, effects).items()
    return joined(f"{name} ({counted(len(found), 'trial')})" for name, found in most)


def size_of(estimate: float, mid: float, *, slight: float, large: float) -> str:
    """Judge the size of an effect against the important difference.

    Parameters
    ----------
    estimate : float
        On the analysis scale.
    mid : float
        Important difference on the same scale; NaN where none is named: any effect then counts as important.
    slight, large : float
        Least slight and least large effect, in important differences.

    Returns
    -------
    str
        One of `SIZES`.
    """
    ratio = 1.0 if math.isnan(mid) else abs(estimate) / mid
    return SIZES[(ratio >= slight) + (ratio >= 1.0) + (ratio >= large)]


@dataclass(frozen=True, eq=False, repr=False)
class Finding(Shown):
    """What an analysis found, with all that a statement about it needs.

    Attributes
    ----------
    analysis : Analysis
    words : OutcomeWords
        How effects on the outcome are told; its `mid` is the important difference of the rating.
    effects : DataFrame
        The comparisons with usable numbers, as `Review.effects` gives them.
    fit : Estimate or None
        Their combined result; None where they are shown and not combined.
    certainty : Certainty
    trials : int
        Trials that the comparisons come from.
    reported : int
        Further trials that report the outcome and give no usable numbers.
    untimed : int
        How many of these state no time, so that nobody knows whether they report it for this one.
    left_out : int
        Trials that report the outcome, all of whose results the protocol leaves out.
    in_words : int
        Trials that tell of it in words alone, where it is a harm.
    names : (str, str, str)
        Intervention, outcome and comparator in words.
    limits : (float, float)
        From how many important differences on an effect is slight, and large.
    minimum : int
        Trials from which on results are combined.
    beyond : tuple of bool
        Which comparisons have groups that differ by more than the analysis names.
    own : tuple of OwnResult
        Each comparison as its trial tells it, where they are not combined; empty where the common scale is kept.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.finding(review, "massage-inactive-pain-short")
    >>> found.analysis.id
    'massage-inactive-pain-short'
    """

    analysis: Analysis
    words: OutcomeWords
    effects: pd.DataFrame
    fit: Estimate | None
    certainty: Certainty
    trials: int
    reported: int
    untimed: int
    left_out: int
    in_words: int
    names: tuple[str, str, str]
    limits: tuple[float, float]
    minimum: int
    beyond: tuple[bool, ...] = field(default=(), kw_only=True)
    own: tuple[OwnResult, ...] = field(default=(), kw_only=True)

    @property
    def k(self) -> int:
        """Number of comparisons."""
        return len(self.effects)

    @property
    def sizes(self) -> pd.Series[float]:
        """People in each comparison that stands behind the result; NaN where that is not known."""
        return self.effects["n"].astype(float)

    @property
    def n(self) -> float:
        """Number of people in them, as far as it is known."""
        return float(self.sizes.sum())

    @property
    def at_least(self) -> bool:
        """Whether there are more, because the size of a comparison is not known."""
        return bool(self.sizes.isna().any())

    @property
    def people(self) -> str:
        """The same in words: ``at least 172``; empty if nothing is known."""
        return people_words(self.n, at_least=self.at_least)

    @property
    def level(self) -> str:
        """Level of certainty of the combined result; empty where nothing was combined."""
        return self.certainty.level if self.fit is not None else ""

    @property
    def size(self) -> str:
        """Size of the combined effect, one of `SIZES`; empty where nothing was combined, or nothing compared."""
        if self.fit is None or self.analysis.one_group:
            return ""
        slight, large = self.limits
        return size_of(self.fit.estimate, self.words.mid, slight=slight, large=large)

    @property
    def where(self) -> str:
        """When, and compared with what: ``in the short term, compared with a sham treatment``."""
        term = self.analysis.term
        own = term if self.analysis.window_title else f"in the {term}" if term else ""
        against = "" if self.analysis.one_group else f"compared with {self.names[2]}"
        return ", ".join(filter(None, [own, against]))

    @property
    def base(self) -> str:
        """From how many comparisons, trials and people: ``13 comparisons from 9 trials, 1402 people``.

        Of results that are not combined it says whether all people are counted as randomised.
        """
        text = base_words(
            self.k, self.trials, self.n, at_least=self.at_least, one_group=self.analysis.one_group
        )
        if self.fit is not None or "assumptions" not in self.effects:
            return text
        assumed = [Assumption.RANDOMISED_AS_ANALYSED in parts_of(one) for one in self.effects["assumptions"]]
        return f"{text} randomised" if assumed and all(assumed) else text

    def counted(self, trials: int) -> str:
        """Count trials, or studies where nothing is compared."""
        return counted(trials, *(("study", "studies") if self.analysis.one_group else ("trial",)))

    @property
    def reporters(self) -> str:
        """Who reports the outcome without usable numbers, with the verb: ``Six trials report``.

        That a trial whose result states no time reports it for this one is not known.
        """
        one, many = ("study", "studies") if self.analysis.one_group else ("trial", "trials")
        if self.left_out and not self.reported and not self.in_words:
            who = f"{one} that reports" if self.left_out == 1 else f"{many} that report"
            return f"The protocol leaves out the {who}"
        if self.untimed == self.reported:
            return f"No {one} {'is known to report' if self.reported else 'reports'}"
        if self.reported == 1:
            return f"One {one} reports"
        rest = (
            f", {in_words(self.untimed)} of which {_do(self.untimed)} not state the time,"
            if self.untimed
            else ""
        )
        return f"{capital(in_words(self.reported))} {many}{rest} report"

    @property
    def lacking(self) -> str:
        """The same as a count: ``6 trials, 2 of them without a stated time``."""
        one = "study" if self.analysis.one_group else "trial"
        words = f"{self.counted(self.in_words)} {_tell(self.in_words)}" if self.in_words else ""
        if not self.reported:
            if words:
                return words
            out = f"the protocol leaves out {self.counted(self.left_out)}"
            numbers = " in numbers" if self.analysis.spec.group == HARMS else ""  # words may speak of it
            return out if self.left_out else f"no {one} reports it{numbers}"
        text = self.counted(self.reported)
        if self.untimed:
            some = "" if self.untimed == self.reported else f", {self.untimed} of them"
            text += f"{some} without a stated time"
        return "; ".join(filter(None, [text, words]))

    @property
    def amount(self) -> str:
        """The combined effect with its interval: ``about 7 points of 100 less pain (95% interval: 1 to 12 less)``."""
        if self.fit is None:
            return ""
        return (
            f"{self.words.change(self.fit.estimate)} ({self.words.within(self.fit.ci_low, self.fit.ci_high)})"
        )

    @property
    def predicted(self) -> str:
        """Where the true effect in a new, similar trial is expected; empty where that is not known.

        Nor is it where no difference between the trials was found: few trials cannot rule one out.
        """
        fit = self.fit
        if fit is None or not predicts(fit):
            return ""
        if self.words.leaves(fit.prediction_low, fit.prediction_high):
            return "anything that the scale allows"
        return self.words.span(fit.prediction_low, fit.prediction_high)

    @cached_property
    def clause(self) -> str:
        """The statement without numbers, without a full stop; of one group with the one that it is about."""
        if self.analysis.one_group:
            return self._of_one_group()
        what, outcome, _ = self.names
        if not self.k:
            return f"{self.reporters} the effect of {what} on {outcome} {self.where}{self._without(', ')}"
        if self.fit is None:
            only = (
                "Only one trial gives"
                if self.trials == 1
                else f"{capital(in_words(self.trials))} trials give"
            )
            shown = "it is" if self.trials == 1 and self.k == 1 else "they are"
            why = "" if self.trials < self.minimum else ", because together they leave open every result"
            return (
                f"{only} usable numbers on the effect of {what} on {outcome} {self.where}; {shown} shown and not "
                f"combined{why}"
            )
        if self.level == "very low":
            return f"The evidence is very uncertain about the effect of {what} on {outcome} {self.where}"
        more = self.fit.estimate > 0.0
        verb, rest = {
            SIZES[0]: ("make", f"little to no difference to {outcome}"),
            SIZES[1]: ("slightly increase" if more else "slightly reduce", outcome),
            SIZES[2]: ("increase" if more else "reduce", outcome),
            SIZES[3]: ("result", f"in a large {'increase' if more else 'reduction'} in {outcome}"),
        }[self.size]
        ending = "" if self.level == "low" else "s"
        return f"{capital(what)} {_STRENGTH[self.level]}{verb}{ending} {rest} {self.where}"

    def _without(self, joint: str) -> str:
        """What is lacking in the reports, at the end of the clause."""
        if self.in_words and not self.reported:
            return f"; {in_words(self.in_words)} {_tell(self.in_words)}"
        if self.untimed == self.reported:
            return f"; {in_words(self.untimed)} {_no_time(self.untimed)}" if self.untimed else ""
        return f"{joint}without numbers that can be used"

    def _of_one_group(self) -> str:
        what, outcome, _ = self.names
        asked = f"{outcome} ({', '.join(filter(None, [what, self.where]))})"
        if not self.k:
            return f"{self.reporters} {asked}{self._without(' ')}"
        if self.fit is None:
            only = (
                "Only one study gives"
                if self.trials == 1
                else f"{capital(in_words(self.trials))} studies give"
            )
            shown = "it is" if self.k == 1 else "they are"
            return f"{only} usable numbers on {asked}; {shown} shown and not combined"
        return f"On average over studies, {asked} is {self.words.change(self.fit.estimate)}"

    @property
    def leaves_open(self) -> str:
        """What else the interval of a combined result holds, in a few words; empty if nothing else."""
        fit, mid = self.fit, self.words.mid
        if fit is None or self.analysis.one_group:
            return ""
        turn = self.words.benefit
        at = turn * fit.estimate
        low, high = sorted((turn * fit.ci_low, turn * fit.ci_high))
        parts = []
        if at < mid <= high:
            parts.append("a benefit that matters")
        if low < mid <= at and low > 0:
            parts.append("a benefit too small to matter")
        if low <= 0 <= high:
            parts.append("no difference")
        if low <= -mid < at:
            parts.append("a harm that matters")
        if parts == ["no difference"] and self.size == SIZES[0]:  # the statement says it already
            return ""
        return joined(parts, "or")

    @property
    def numbers(self) -> str:
        """The numbers behind the statement, without a full stop; each result of a few that are not combined."""
        if self.fit is not None:
            if self.analysis.one_group:  # the clause has the estimate
                within = self.words.within(self.fit.ci_low, self.fit.ci_high)
                return f"{within}; {self.base}; certainty {self.level or 'not rated'}"
            text = f"{capital(self.amount)}; {self.base}; {self.level} certainty"
            return f"{text}. The interval also allows for {self.leaves_open}" if self.leaves_open else text
        if not self.k:
            return ""
        names = self.effects["label"]
        told = names.duplicated(keep=False).to_numpy() | np.array(self.beyond or False)
        if "arm" in self.effects and told.any():
            groups = self.effects["arm"] + " v " + self.effects["comparator"]
            names = names.mask(told, names + " (" + groups + ")")
        rows = self.effects.to_dict("records")
        told = self.own or [
            OwnResult(self.words, row["effect"], row["ci_low"], row["ci_high"]) for row in rows
        ]
        shown = [
            f"{name}: {_without_event(row) or own.words.change(own.value)} ({own.within})"
            for name, row, own in zip(names, rows, told, strict=True)
        ]
        return "; ".join([*shown, self.base])

    @property
    def sentence(self) -> str:
        """The statement with its numbers."""
        return ". ".join(filter(None, [self.clause, self.numbers])) + "."

    def to_frame(self) -> pd.DataFrame:
        """One row: analysis, statement, size, certainty, k, trials, n, reported; amounts in the unit of the words."""
        fit, words = self.fit, self.words
        values = {
            name: math.nan if fit is None else words.shown(getattr(fit, name))
            for name in ("estimate", "ci_low", "ci_high", "prediction_low", "prediction_high")
        }
        row = {
            "analysis": self.analysis.id,
            "outcome": words.name,
            "term": self.analysis.term,
            "statement": self.sentence,
            "size": self.size,
            **values,
            "mid": words.shown(words.benefit * words.mid) if words.ratio else words.shown(words.mid),
            "unit": words.unit,
            "certainty": self.level,
            "k": self.k,
            "trials": self.trials,
            "n": self.n,
            "reported": self.reported,
        }
        return pd.DataFrame([row])

    def summary(self) -> str:
        """The title of the analysis and the statement."""
        return f"{self.analysis.title}\n{self.sentence}"


def _without_event(row: dict[Any, Any]) -> str:
    """Words for a comparison without an event in either group, where no effect says more."""
    return "none in either group" if row.get("events_arm") == row.get("events_comparator") == 0 else ""


def _do(trials: int) -> str:
    return "does" if trials == 1 else "do"


def _tell(trials: int) -> str:
    return f"{'tells' if trials == 1 else 'tell'} of harm in words alone"


def _no_time(trials: int) -> str:
    return "does not state its time" if trials == 1 else "do not state their time"


def finding(review: Review, analysis: str | Analysis, *, mid: float | None = None) -> Finding:
    """Say what an analysis found.

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
        The analysis or its id.
    mid : float, optional
        Important difference in place of the protocol's, in the units of the measure.

    Returns
    -------
    Finding

    Raises
    ------
    DataError
        If the analysis is unknown.

    References
    ----------
    Santesso N et al. (2020). GRADE guidelines 26. J Clin Epidemiol 119, 126-135.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> found = ev.finding(review, "massage-inactive-pain-short")
    >>> found.k == ev.synthesise(review, "massage-inactive-pain-short").fit.k
    True
    """
    evidence = gather(review, analysis, mid)
    return finding_of(review, evidence, rate(evidence))


def combined_analyses(review: Review) -> tuple[str, ...]:
    """Give the analyses of a review that have a combined result, in the protocol's order.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("examples/bcg-vaccine")
    >>> ev.combined_analyses(review)
    ('bcg-tuberculosis-any',)
    """
    return tuple(name for name in review.analyses if _combined(gather(review, name)) is not None)


def _combined(evidence: Evidence) -> Estimate | None:
    return evidence.fit if evidence.trials >= evidence.rule.minimum else None


def finding_of(review: Review, evidence: Evidence, certainty: Certainty) -> Finding:
    """As `finding`, for a body of evidence and its rating that are at hand."""
    protocol, analysis = review.protocol, evidence.analysis
    words = replace(outcome_words(review, analysis.outcome, evidence.measure), mid=evidence.told_mid)
    names = (
        intervention_words(protocol, analysis),
        word(protocol, analysis.outcome),
        comparator_words(protocol, analysis),
    )
    fit, effects = _combined(evidence), evidence.effects
    own = [] if fit is not None else effects.to_dict("records")
    return Finding(
        analysis,
        words,
        effects,
        fit,
        certainty,
        evidence.trials,
        len(evidence.missing),
        evidence.untimed,
        evidence.left_out,
        evidence.in_words,
        names,
        (evidence.rules.slight, evidence.rules.large),
        evidence.rule.minimum,
        beyond=_beyond(review, analysis, effects),
        own=tuple(own_result(review, analysis.outcome, words, row) for row in own),
    )
