"""The rule of the audit for a whole claim: its parts, the verdict on each, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evidence.appraisal.audit.claims import bears_on, parts_of, wider
from evidence.appraisal.audit.judge import (
    CONTRADICTED,
    IN_SHORT,
    NOT_ADDRESSED,
    SHORT_TERM,
    SUPPORTED,
    UNCERTAIN,
    Bearing,
    Judgement,
    judge,
)
from evidence.tables.protocol.audit import CERTAINTIES, AuditRule
from evidence.tables.protocol.protocol import Protocol
from evidence.wording import joined

__all__ = ["ClaimPart", "ClaimVerdict", "judge_claim"]

_NO_PART = Judgement(NOT_ADDRESSED, "no trial", "no analysis of the protocol asks this")


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """One part of a claim: an intervention and an outcome in a window.

    Attributes
    ----------
    intervention, outcome, window : str
    results : tuple of (Bearing, Judgement)
        Results that bear on it, the deciding one first.
    judgement : Judgement
        What they come to.
    """

    intervention: str
    outcome: str
    window: str
    results: tuple[tuple[Bearing, Judgement], ...]
    judgement: Judgement

    @property
    def name(self) -> str:
        """The part in plain letters: what the deciding result compares, on which outcome and when."""
        return _named([self])


@dataclass(frozen=True, slots=True)
class ClaimVerdict:
    """The verdict on a claim.

    Attributes
    ----------
    verdict, step, why, details : str
        One of `VERDICTS`, the step of the rule that decides, the reason in a few words and with its numbers.
    parts : tuple of ClaimPart
        For the time of the claim, then, where a shorter time was looked at, for that.
    deciding : tuple of ClaimPart
        The parts that the verdict rests on.
    """

    verdict: str
    step: str
    why: str
    details: str
    parts: tuple[ClaimPart, ...] = ()
    deciding: tuple[ClaimPart, ...] = ()


def judge_claim(
    claim: Mapping[Any, Any], bearings: Mapping[str, Bearing], protocol: Protocol, rule: AuditRule
) -> ClaimVerdict:
    """Judge a claim by the results of the analyses that bear on it.

    Parameters
    ----------
    claim : mapping
        Columns of ``claims.csv``.
    bearings : mapping from analysis id to Bearing
        The results, for every analysis that bears on the claim in any window.
    protocol : Protocol
    rule : AuditRule

    Returns
    -------
    ClaimVerdict
    """
    if claim["kind"] in rule.not_effects:
        why = claim.get("note") or f"a claim of kind {claim['kind']}, which trials of treatment cannot answer"
        return ClaimVerdict(NOT_ADDRESSED, "not an effect", why, why)
    bearing = [one for id, one in bearings.items() if bears_on(one.analysis, claim, protocol)]
    begins = {name: window.start for name, window in protocol.windows.items()}
    asked = claim["window"] or max(
        (one.analysis.window for one in bearing), key=begins.__getitem__, default=""
    )
    if not asked or not bearing:
        why = claim.get("note") or _NO_PART.reason
        return ClaimVerdict(NOT_ADDRESSED, "no trial", why, why)
    found = _in_window(claim, bearing, asked, protocol, rule)
    if found.verdict == SUPPORTED:
        return found
    before = rule.short_term or tuple(
        name for name, window in protocol.windows.items() if window.end <= begins[asked]
    )
    shorter = [_in_window(claim, bearing, name, protocol, rule) for name in before if name != asked]
    parts = found.parts + tuple(
        part for one in shorter for part in one.parts if begins[part.window] < begins[asked]
    )
    for one in shorter:
        if one.verdict == SUPPORTED and begins[one.parts[0].window] < begins[asked]:
            why, details = (
                f"{_term(one)} – {first}. {_term(found).capitalize()}: {found.verdict} – {second}"
                for first, second in ((one.why, found.why), (one.details, found.details))
            )
            return ClaimVerdict(
                SHORT_TERM, "shorter time", why, details, parts, one.deciding + found.deciding
            )
    return ClaimVerdict(found.verdict, found.step, found.why, found.details, parts, found.deciding)


def _named(parts: Iterable[ClaimPart]) -> str:
    """Name parts, those that differ in the outcome alone together: ``Massage v sham, pain and disability``."""
    outcomes: dict[tuple[str, str, str], list[str]] = {}
    for part in parts:
        if part.results:
            decides = part.results[0][0]
            place = decides.analysis.comparison, ", ", decides.analysis.term
            outcome = decides.words.name
        else:
            place, outcome = (
                (part.intervention.replace("_", " "), " for ", ""),
                part.outcome.replace("_", " "),
            )
        outcomes.setdefault(place, []).append(outcome)
    names = [
        ", ".join(filter(None, [f"{what}{link}{joined(dict.fromkeys(told))}", term]))
        for (what, link, term), told in outcomes.items()
    ]
    return " and ".join(names)


def _term(verdict: ClaimVerdict) -> str:
    return f"{verdict.parts[0].window.replace('_', ' ')} term"


def _in_window(
    claim: Mapping[Any, Any],
    bearing: list[Bearing],
    window: str,
    protocol: Protocol,
    rule: AuditRule,
) -> ClaimVerdict:
    """Judge the parts of a claim in one window and put them together."""
    there = [one for one in bearing if one.analysis.window == window]
    parts = tuple(
        _part(claim["kind"], name, outcome, window, there, rule)
        for name in parts_of(claim["intervention"])
        for outcome in parts_of(claim["outcome"])
    )
    of: dict[str, tuple[ClaimPart, ...]] = {}
    for part in parts:
        of[part.judgement.verdict] = (*of.get(part.judgement.verdict, ()), part)
    if len(of) == 1:
        verdict, deciding = next(iter(of.items()))
        step = "all parts" if len(parts) > 1 else parts[0].judgement.step
    elif CONTRADICTED in of:
        mixed = SUPPORTED in of
        verdict, step = (UNCERTAIN, "mixed parts") if mixed else (CONTRADICTED, "a part fails")
        deciding = of[CONTRADICTED] + of.get(SUPPORTED, ())
    elif UNCERTAIN in of:
        verdict, step, deciding = UNCERTAIN, "uncertain part", of[UNCERTAIN]
    else:
        open_part = rule.unanswered == "uncertain"
        verdict, step = UNCERTAIN if open_part else SUPPORTED, "unanswered part"
        deciding = of[NOT_ADDRESSED] + of[SUPPORTED] if open_part else of[SUPPORTED]
    beyond = {part.name: _wider(part, claim, protocol) for part in deciding}
    details = "; ".join(f"{part.name}: {part.judgement.reason}{beyond[part.name]}" for part in deciding)
    by_step: dict[str, list[ClaimPart]] = {}
    for part in deciding:
        said = _in_short(part)
        # What decides for or against a claim is told with its numbers.
        if part.results and part.judgement.verdict in (SUPPORTED, CONTRADICTED):
            said += f", with {part.results[0][0].told}"
        said += beyond[part.name]
        by_step.setdefault(said, []).append(part)
    told = [f"{_named(held)}: {said}" for said, held in by_step.items()]
    why = "; ".join([*told, *_left_out(parts, deciding)])
    return ClaimVerdict(verdict, step, why, details, parts, deciding)


def _in_short(part: ClaimPart) -> str:
    """Say in a few words what decides a part."""
    important = part.results[0][0].words.important if part.results else ""
    return IN_SHORT[part.judgement.step].format(important=important)


def _wider(part: ClaimPart, claim: Mapping[Any, Any], protocol: Protocol) -> str:
    """Where the result that decides a part is wider than the claim, to be put after what it says."""
    said = wider(part.results[0][0], claim, protocol, part.intervention) if part.results else ""
    return f"; {said}" if said else ""


def _left_out(parts: tuple[ClaimPart, ...], deciding: tuple[ClaimPart, ...]) -> list[str]:
    """Name the treatments of a claim of which no part decides: the verdict is not about them."""
    left: dict[str, list[str]] = {}
    for part in parts:
        if part.intervention not in {one.intervention for one in deciding}:
            left.setdefault(part.intervention, []).append(_in_short(part))
    return [
        f"the verdict does not rest on {name.replace('_', ' ')} ({joined(dict.fromkeys(reasons))})"
        for name, reasons in left.items()
    ]


def _part(
    kind: str, intervention: str, outcome: str, window: str, there: list[Bearing], rule: AuditRule
) -> ClaimPart:
    """Judge one part by the best of its results, unless another one says the opposite."""
    found = [
        (one, judge(one, rule, kind))
        for one in there
        if intervention in one.analysis.spec.intervention and one.analysis.outcome == outcome
    ]
    if not found:
        return ClaimPart(intervention, outcome, window, (), _NO_PART)
    found.sort(key=lambda pair: _rank(pair[0]), reverse=True)
    best = found[0][1]
    opposite = next(
        (pair for pair in found if {pair[1].verdict, best.verdict} == {SUPPORTED, CONTRADICTED}), None
    )
    if opposite:
        reason = f"{best.reason}; but {opposite[0].analysis.title}: {opposite[1].reason}"
        best = Judgement(UNCERTAIN, "mixed", reason)
    return ClaimPart(intervention, outcome, window, tuple(found), best)


def _rank(bearing: Bearing) -> tuple[int, int, int]:
    """Order of results: pooled and of high certainty first, then from many trials, then with many reports."""
    certainty = CERTAINTIES.index(bearing.certainty) if bearing.pooled else -1
    return certainty, bearing.trials, bearing.reported
