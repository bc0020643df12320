"""Which reported result stands for a pair of arms: the preferred one that can be pooled, nobody counted twice."""

from __future__ import annotations

from dataclasses import dataclass

from evidence.effects.choices import Choices
from evidence.effects.contrasts import Contrast
from evidence.effects.question import Pair, pairs
from evidence.effects.scale import Scaled
from evidence.effects.suitable import Suited, suited
from evidence.tables.protocol import Analysis
from evidence.tables.review import Review

__all__ = ["NO_RESULT", "Candidate", "select"]

NO_RESULT = "no result for "
"""How the reason of a pair begins for which nothing was reported, as opposed to reported and not poolable."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reported result that could stand for a pair of arms, and how far it is from what is preferred."""

    pair: Pair
    contrast: Contrast
    scaled: Scaled
    rank: tuple[float, ...]


def select(
    review: Review, analysis: Analysis, measure: str, choices: Choices
) -> tuple[list[Candidate], dict[Pair, str]]:
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
    reasons : dict of Pair to str
        Why the other pairs cannot.
    """
    chosen, reasons = _choose(review, analysis, measure, choices)
    return _without_overlap(review, chosen, reasons)


def _choose(
    review: Review, analysis: Analysis, measure: str, choices: Choices
) -> tuple[list[Candidate], dict[Pair, str]]:
    """Choose for each pair the preferred result that can be pooled, or say why there is none."""
    reported: dict[tuple[str, str, str], list[Suited]] = {}
    for one in suited(review, analysis.outcome, analysis.window, measure, choices):
        contrast = one.contrast
        reported.setdefault((contrast.trial_id, contrast.arm_id, contrast.comparator_arm_id), []).append(one)
    poolable: dict[Pair, list[Candidate]] = {}
    reasons: dict[Pair, str] = {}
    for pair in pairs(review, analysis):
        found = reported.get((pair.trial_id, pair.arm_id, pair.comparator_arm_id), [])
        usable = [Candidate(pair, one.contrast, one.scaled, one.rank) for one in found if not one.reason]
        if usable:
            # The last two keys only make the choice independent of the order of the rows.
            poolable[pair] = sorted(
                usable, key=lambda one: (one.rank, one.contrast.weeks, one.contrast.result_ids)
            )
        elif found:
            distinct = dict.fromkeys(reason for _, reason in sorted((one.rank, one.reason) for one in found))
            reasons[pair] = "; or: ".join(distinct)
        else:
            reasons[pair] = f"{NO_RESULT}{analysis.outcome.replace('_', ' ')} in this window was seen"
    return _one_statistic(poolable, reasons, measure, choices), reasons


def _one_statistic(
    poolable: dict[Pair, list[Candidate]], reasons: dict[Pair, str], measure: str, choices: Choices
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
                reasons[pair] = (
                    "final scores and changes are not standardised together; "
                    "the trial's other comparison has only the other kind"
                )
        chosen.extend(firsts.values())
    return chosen


def _without_overlap(
    review: Review, chosen: list[Candidate], reasons: dict[Pair, str]
) -> tuple[list[Candidate], dict[Pair, str]]:
    """Drop comparisons whose patients already stand in another one: factorial cells, trials of the same people."""
    kinds = dict(
        zip(
            zip(review.arms["trial_id"], review.arms["arm_id"], strict=True),
            review.arms["kind"],
            strict=True,
        )
    )
    margins = {
        candidate.pair.trial_id
        for candidate in chosen
        if kinds[candidate.pair.trial_id, candidate.pair.arm_id] == "margin"
        and kinds[candidate.pair.trial_id, candidate.pair.comparator_arm_id] == "margin"
    }
    present = {candidate.pair.trial_id for candidate in chosen}
    replaced: dict[str, tuple[str, str]] = {}
    for group in review.protocol.same_patients:
        held = [trial for trial in group.trials if trial in present]
        for trial in held[1:]:
            replaced[trial] = held[0], group.reason
    kept = []
    reasons = dict(reasons)
    for candidate in chosen:
        pair = candidate.pair
        both = {kinds[pair.trial_id, pair.arm_id], kinds[pair.trial_id, pair.comparator_arm_id]}
        if pair.trial_id in margins and both != {"margin"}:
            reasons[pair] = "the same patients stand in the margins of the factorial trial"
        elif pair.trial_id in replaced:
            other, why = replaced[pair.trial_id]
            reasons[pair] = f"may hold the same patients as {other}: {why}"
        else:
            kept.append(candidate)
    return kept, reasons
