"""Which reported result stands for a pair of arms: the preferred one that can be pooled, nobody counted twice."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

from evidence.effects.choosing.candidates import Suited, suited
from evidence.effects.choosing.choices import Choices
from evidence.effects.choosing.question import Pair, admits, pairs
from evidence.effects.choosing.rescale import Scaled
from evidence.effects.reported.contrasts import Contrast
from evidence.effects.reported.reasons import LEFT_OUT, Reason, Step, lacks_numbers, step
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["Arms", "Candidate", "Reasons", "choose_results", "group_by_arms", "select"]

Arms = tuple[str, str, str]
"""Trial, arm and comparator arm."""

Reasons = dict[Pair, tuple[Reason, ...]]
"""Why pairs of arms have no effect: one reason for each way in which their results fail, the preferred first."""

_IN_MARGINS = Reason("same patients", "the same patients stand in the margins of the factorial trial")
_SHARED = (
    Reason("shared group", "numbers compare each group with a third one, and not the two with each other"),
)
_OTHER_STATISTIC = Reason(
    "other statistic",
    "final scores and changes are not standardised together; "
    "the trial's other comparison has only the other kind",
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reported result that could stand for a pair of arms, and how far it is from what is preferred.

    Attributes
    ----------
    pair : Pair
    contrast : Contrast
    scaled : Scaled
    rank : tuple of float
        Smaller is better.
    beside : tuple of Step
        Which other instruments the trial reports that would go before this one, and why they do not, or that are
        preferred no less.
    """

    pair: Pair
    contrast: Contrast
    scaled: Scaled
    rank: tuple[float, ...]
    beside: tuple[Step, ...] = ()


def select(
    review: Review, analysis: Analysis, measure: str, choices: Choices
) -> tuple[list[Candidate], Reasons]:
    """Choose one result for each pair of arms that answers an analysis.

    Parameters
    ----------
    review : Review
    analysis : Analysis
    measure : str
        Measure of the effect.
    choices : Choices
        How results are chosen.

    Returns
    -------
    chosen : list of Candidate
        One for each pair that can be pooled.
    reasons : dict of Pair to tuple of Reason
        Why the other pairs cannot.
    """
    found = suited(review, analysis.outcome, analysis.window, measure, choices)
    reported = group_by_arms(one for one in found if admits(review, analysis, one.contrast))
    chosen, reasons = choose_results(review, pairs(review, analysis), reported, measure, choices)
    beside, seen = _usable_beside(found), _seen(review, analysis.outcome, analysis.window)
    for pair, told in reasons.items():
        first, second = (beside[pair.trial_id, arm] for arm in (pair.arm_id, pair.comparator_arm_id))
        reasons[pair] = told or (_SHARED if first & second else _nothing(pair, analysis.outcome, seen))
    known = [replace(one, beside=_instruments_beside(one, reported)) for one in chosen]
    return _without_repeated_patients(review, known, reasons)


def _instruments_beside(chosen: Candidate, reported: dict[Arms, list[Suited]]) -> tuple[Step, ...]:
    """Say which instruments would go before the one that was taken, or with equal right."""
    pair, own = chosen.pair, chosen.contrast.instrument
    said: dict[str, Step] = {}
    for one in reported[pair.trial_id, pair.arm_id, pair.comparator_arm_id]:
        name = one.contrast.instrument
        if name == own or math.isnan(one.contrast.weeks):
            continue
        if one.reason is None and one.rank == chosen.rank:
            said[name] = step(
                f"{name} is preferred no less; that {own} is taken is by the order of the rows' names"
            )
        elif one.reason is not None and one.rank[0] < chosen.rank[0] and one.reason.kind not in LEFT_OUT:
            said.setdefault(name, step(f"{name} would go before {own}; {one.reason.words.rstrip('.')}"))
    return tuple(said.values())


@lru_cache(maxsize=64)
def _seen(review: Review, outcome: str, window: str) -> frozenset[tuple[str, str]]:
    """The arms that have a result of their own for an outcome in a window."""
    rows, span = review.arm_results, review.protocol.windows[window]
    rows = rows[(rows["outcome"] == outcome) & rows["timepoint_weeks"].map(span.holds)]
    return frozenset(zip(map(str, rows["trial_id"]), map(str, rows["arm_id"]), strict=True))


def _nothing(pair: Pair, outcome: str, seen: frozenset[tuple[str, str]]) -> tuple[Reason]:
    """Say that no comparison was reported, or that there is nothing like it to compare what one group has with."""
    has = sum((pair.trial_id, arm) in seen for arm in (pair.arm_id, pair.comparator_arm_id))
    words = (
        "no result for {} in this window was seen",
        "a result for {} in this window was seen of one of the two groups only",
        "the results of the two groups for {} in this window differ in time, scale or kind",
    )
    return (Reason("not reported", words[has].format(outcome.replace("_", " "))),)


def _usable_beside(found: Iterable[Suited]) -> defaultdict[tuple[str, str], set[str]]:
    """Give for each arm those with which it is compared in numbers that can be used."""
    beside: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for one in found:
        if one.reason is None and one.scaled.reason is None and one.contrast.group is None:
            beside[one.contrast.trial_id, one.contrast.arm_id].add(one.contrast.comparator_arm_id)
    return beside


def group_by_arms(found: Iterable[Suited]) -> dict[Arms, list[Suited]]:
    """Group results by trial, arm and comparator arm."""
    reported: dict[Arms, list[Suited]] = {}
    for one in found:
        contrast = one.contrast
        reported.setdefault((contrast.trial_id, contrast.arm_id, contrast.comparator_arm_id), []).append(one)
    return reported


def choose_results(
    review: Review,
    asked: list[Pair],
    reported: dict[Arms, list[Suited]],
    measure: str,
    choices: Choices,
) -> tuple[list[Candidate], Reasons]:
    """Choose for each pair the preferred result that can be pooled, or say why there is none.

    What is chosen in one trial does not depend on the other trials.

    Parameters
    ----------
    review : Review
    asked : list of Pair
        Pairs of arms that answer the analysis.
    reported : dict
        Results by trial, arm and comparator arm, as from `group_by_arms`.
    measure : str
        Measure of the effect.
    choices : Choices
        How results are chosen.

    Returns
    -------
    chosen : list of Candidate
    reasons : dict of Pair to tuple of Reason
        Why the other pairs have none; empty if nothing was reported.
    """
    poolable: dict[Pair, list[Candidate]] = {}
    reasons: Reasons = {}
    for pair in asked:
        found = reported.get((pair.trial_id, pair.arm_id, pair.comparator_arm_id), [])
        usable = [Candidate(pair, one.contrast, one.scaled, one.rank) for one in found if one.reason is None]
        if usable:
            # The last two keys only make the choice independent of the order of the rows.
            poolable[pair] = sorted(
                usable, key=lambda one: (one.rank, _last(one.contrast.weeks), one.contrast.result_ids)
            )
        else:
            failed = [(one.rank, one.reason) for one in found if one.reason is not None]
            failed.sort(key=lambda one: (one[0], one[1].words))
            reasons[pair] = tuple(dict.fromkeys(reason for _, reason in failed))
    return _without_cells(review, _one_statistic(poolable, reasons, measure, choices), reasons)


def _last(weeks: float) -> float:
    return math.inf if math.isnan(weeks) else weeks


def _one_statistic(
    poolable: dict[Pair, list[Candidate]], reasons: Reasons, measure: str, choices: Choices
) -> list[Candidate]:
    """Take the preferred candidate of each pair; for an SMD all of a trial's are final scores or all are changes.

    A pair that has only the other of the two is added to the reasons.
    """
    trials: dict[str, dict[Pair, list[Candidate]]] = {}
    for pair, candidates in poolable.items():
        trials.setdefault(pair.trial_id, {})[pair] = candidates
    chosen: list[Candidate] = []
    for found in trials.values():
        firsts = {pair: candidates[0] for pair, candidates in found.items()}
        if measure == "SMD" and len({one.contrast.statistic for one in firsts.values()}) > 1:
            of_one_kind = [
                {
                    pair: next(one for one in candidates if one.contrast.statistic == statistic)
                    for pair, candidates in found.items()
                    if any(one.contrast.statistic == statistic for one in candidates)
                }
                for statistic in choices.statistic
            ]
            firsts = max(of_one_kind, key=len)
            for pair in found.keys() - firsts.keys():
                reasons[pair] = (_OTHER_STATISTIC,)
        chosen.extend(firsts.values())
    return chosen


def _without_cells(
    review: Review, chosen: list[Candidate], reasons: Reasons
) -> tuple[list[Candidate], Reasons]:
    """Drop comparisons of cells of a factorial trial whose margins are compared too."""
    kinds = _kinds(review)

    def both(pair: Pair) -> set[str]:
        return {kinds[pair.trial_id, arm] for arm in (pair.arm_id, pair.comparator_arm_id) if arm}

    margins = {candidate.pair.trial_id for candidate in chosen if both(candidate.pair) == {"margin"}}
    kept = []
    for candidate in chosen:
        pair = candidate.pair
        if pair.trial_id in margins and both(pair) != {"margin"}:
            reasons[pair] = (_IN_MARGINS,)
        else:
            kept.append(candidate)
    return kept, reasons


def _without_repeated_patients(
    review: Review, chosen: list[Candidate], reasons: Reasons
) -> tuple[list[Candidate], Reasons]:
    """Drop the comparisons of trials whose patients may stand in another trial of the analysis.

    Of such trials the first with an effect stands for all, else the first that reports anything: the others do not
    count as reporting it, too.
    """
    present = {candidate.pair.trial_id for candidate in chosen}
    told = {
        pair.trial_id for pair, found in reasons.items() if lacks_numbers(reason.kind for reason in found)
    }
    labels = _labels(review)
    replaced: dict[str, tuple[str, str]] = {}
    for group in review.protocol.same_patients:
        held = [trial for seen in (present, told - present) for trial in group.trials if trial in seen]
        for trial in held[1:]:
            replaced[trial] = labels[held[0]], group.reason
    for strata in review.protocol.strata:
        if strata.whole in present:
            whole = labels.get(strata.whole, strata.whole)
            replaced |= dict.fromkeys(strata.parts, (whole, "a stratum of that trial"))
    again = {
        trial: (Reason("same patients", f"may hold the same patients as {other}: {why}"),)
        for trial, (other, why) in replaced.items()
    }
    dropped = [candidate.pair for candidate in chosen if candidate.pair.trial_id in again]
    dropped += [
        pair
        for pair, found in reasons.items()
        if pair.trial_id in again and lacks_numbers(reason.kind for reason in found)
    ]
    kept = [candidate for candidate in chosen if candidate.pair.trial_id not in again]
    return kept, reasons | {pair: again[pair.trial_id] for pair in dropped}


@lru_cache(maxsize=8)
def _labels(review: Review) -> dict[str, str]:
    return dict(zip(review.trials["trial_id"], review.trials["label"], strict=True))


@lru_cache(maxsize=8)
def _kinds(review: Review) -> dict[tuple[str, str], str]:
    """Kind of every arm: randomised, margin or cell."""
    keys = zip(review.arms["trial_id"], review.arms["arm_id"], strict=True)
    return dict(zip(keys, review.arms["kind"], strict=True))
