"""Which reported result stands for a pair of arms: the preferred one that can be pooled, nobody counted twice."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evidence.effects.choices import Choices
from evidence.effects.contrasts import Contrast, reported_contrasts
from evidence.effects.question import Pair, pairs
from evidence.effects.scale import Instrument, Scaled, put_on_scale
from evidence.tables.protocol import Analysis, Outcome, Window
from evidence.tables.review import Review

__all__ = ["Candidate", "select"]


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
    chosen, reasons = _choose(review, analysis, review.protocol.outcomes[analysis.outcome], measure, choices)
    return _without_overlap(review, chosen, reasons)


def _choose(
    review: Review, analysis: Analysis, outcome: Outcome, measure: str, choices: Choices
) -> tuple[list[Candidate], dict[Pair, str]]:
    """Choose for each pair the preferred result that can be pooled, or say why there is none."""
    window = review.protocol.windows[analysis.window]
    instruments = {
        str(row["instrument"]): Instrument(
            str(row["family"]), str(row["higher_means"]), float(row["scale_min"]), float(row["scale_max"])
        )
        for row in review.instruments.to_dict("records")
    }
    reported: dict[tuple[str, str, str], list[Contrast]] = {}
    for contrast in reported_contrasts(review):
        if contrast.outcome == analysis.outcome:
            for side in (contrast, contrast.reversed()):
                key = (side.trial_id, side.arm_id, side.comparator_arm_id)
                reported.setdefault(key, []).append(side)
    poolable: dict[Pair, list[Candidate]] = {}
    reasons: dict[Pair, str] = {}
    for pair in pairs(review, analysis):
        found: list[Candidate] = []
        refused: list[tuple[tuple[float, ...], str]] = []
        for contrast in reported.get((pair.trial_id, pair.arm_id, pair.comparator_arm_id), ()):
            instrument = instruments.get(contrast.instrument)
            timed = math.isnan(contrast.weeks) or window.holds(contrast.weeks)
            if not timed:
                continue
            rank = _rank(contrast, instrument, outcome, window, choices)
            reason = _why_excluded(review, contrast, choices)
            if instrument is None:
                reason = reason or "the instrument is not named"
                scaled = Scaled(reason=reason)
            else:
                scaled = put_on_scale(contrast, instrument, outcome, measure)
            reason = reason or scaled.reason or _refused(contrast, scaled, choices)
            if reason:
                refused.append((rank, reason))
            else:
                found.append(Candidate(pair, contrast, scaled, rank))
        if found:
            # The last two keys only make the choice independent of the order of the rows.
            poolable[pair] = sorted(
                found, key=lambda one: (one.rank, one.contrast.weeks, one.contrast.result_ids)
            )
        elif refused:
            distinct = dict.fromkeys(reason for _, reason in sorted(refused))
            reasons[pair] = "; or: ".join(distinct)
        else:
            reasons[pair] = f"no result for {analysis.outcome.replace('_', ' ')} in this window was seen"
    return _one_statistic(poolable, reasons, measure, choices), reasons


def _rank(
    contrast: Contrast, instrument: Instrument | None, outcome: Outcome, window: Window, choices: Choices
) -> tuple[float, ...]:
    """Order of preference: instrument, nearness to the target time, adjustment, statistic, fewest assumptions."""
    family = instrument.family if instrument else ""
    named = [name for name in (contrast.instrument, family) if name in outcome.prefer]
    preference = outcome.prefer.index(named[0]) if named else len(outcome.prefer)
    variant = float(contrast.instrument != family)
    distance = math.inf if math.isnan(contrast.weeks) else abs(contrast.weeks - window.target)
    adjusted = {"prefer": contrast.adjusted != "yes", "avoid": contrast.adjusted == "yes", "ignore": False}
    statistic = (
        choices.statistic.index(contrast.statistic)
        if contrast.statistic in choices.statistic
        else len(choices.statistic)
    )
    return (
        preference,
        variant,
        distance,
        float(adjusted[choices.adjusted]),
        statistic,
        len(contrast.assumptions),
        float("P" in contrast.form),
        float(contrast.from_arms),
    )


def _why_excluded(review: Review, contrast: Contrast, choices: Choices) -> str:
    """Say why a result takes no part whatever its numbers are; "" if it may."""
    if math.isnan(contrast.weeks):
        return "the time of measurement is not stated"
    if contrast.doubt and not choices.doubtful:
        return f"doubtful as printed: {contrast.doubt}"
    lists = (
        (review.protocol.set_aside, choices.set_aside, "set aside by the protocol"),
        (review.protocol.indirect, not choices.indirect, "indirect"),
    )
    for entries, followed, words in lists:
        for entry in entries if followed else ():
            if (
                entry.trial in (None, contrast.trial_id)
                and entry.instrument in (None, contrast.instrument)
                and (entry.result is None or entry.result in contrast.result_ids)
            ):
                return f"{words}: {entry.reason}"
    return ""


def _refused(contrast: Contrast, scaled: Scaled, choices: Choices) -> str:
    for assumption in (*contrast.assumptions, *scaled.assumptions):
        if any(entry in assumption for entry in choices.refuse):
            return f"needs an assumption that is refused: {assumption}"
    return ""


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
