"""The words of the short answer: what was compared, what was found, what could not be combined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evidence.credibility.audit_judge import Bearing
from evidence.tables.protocol import Analysis, Protocol
from evidence.tables.protocol_audit import CERTAINTIES

__all__ = ["CERTAINTY_MEANS", "found", "headline", "joined", "noticed", "treatment", "unanswered"]

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


def found(bearings: Sequence[Bearing], protocol: Protocol) -> list[str]:
    """Say what pooled results show, one text for each window and comparator, and at the end how sure that is."""
    if not bearings:
        return []
    groups: dict[str, dict[str, list[Bearing]]] = {}
    for one in bearings:
        against = comparator(one.analysis, protocol) or "the same without it"
        start = f"{when(one.analysis.window, protocol)}, compared with {against}"
        groups.setdefault(start, {}).setdefault(intervention(one.analysis), []).append(one)
    texts = [
        f"{start}, people with "
        + "; people with ".join(
            f"{had} had {joined(_result(one) for one in group)}" for had, group in by.items()
        )
        for start, by in groups.items()
    ]
    worst = min((one.certainty for one in bearings), key=CERTAINTIES.index)
    return [*texts[:-1], f"{texts[-1]} – {SURELY[worst]}"]


def noticed(bearings: Sequence[Bearing]) -> str:
    """Say from which difference on people notice one, for each outcome; empty where none is declared."""
    known = {one.words.name: one.words for one in bearings if one.words.important}
    amounts = [
        f"{words.amount(words.benefit * words.mid, rough=True)} in {name}" for name, words in known.items()
    ]
    return f"people begin to notice a difference of {joined(amounts)}" if amounts else ""


def unanswered(bearings: Sequence[Bearing], protocol: Protocol) -> str:
    """Say for which comparisons and outcomes too few numbers can be combined."""
    outcomes: dict[tuple[str, str], list[str]] = {}
    for one in bearings:
        key = treatment(one.analysis, protocol), when(one.analysis.window, protocol)
        outcomes.setdefault(key, []).append(one.words.name)
    times: dict[tuple[str, str], list[str]] = {}
    for (compared, time), names in outcomes.items():
        times.setdefault((compared, joined(names)), []).append(time)
    texts = [f"{compared} changes {names} {joined(when)}" for (compared, names), when in times.items()]
    return f"whether {joined(texts)} cannot be said, because too few trials give numbers that can be combined"


def headline(short: Sequence[Bearing], long: Sequence[Bearing], protocol: Protocol) -> str:
    """Give the answer in one sentence: what is shown for a short time, what for a long one, and how surely."""
    parts = [_in_brief(bearings, protocol) for bearings in (short, long) if bearings]
    text = "; ".join(parts) or "the protocol names no analysis to answer from"
    return f"{text[:1].upper()}{text[1:]}."


def when(window: str, protocol: Protocol) -> str:
    """A window in weeks, as in a sentence: ``after 1 to 13 weeks``."""
    span = protocol.windows[window]
    return f"after {span.start:g} to {span.end:g} weeks"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _result(bearing: Bearing) -> str:
    """One result: its size, whether that would matter, and what else is possible."""
    words = bearing.words
    about = words.change(bearing.estimate, rough=True)
    possible = f"{words.span(bearing.ci_low, bearing.ci_high, rough=True)} is possible"
    if bearing.ci_low <= 0 <= bearing.ci_high:
        return f"no clear difference in {words.name} (about {about}, but {possible})"
    enough = "enough" if words.benefit * bearing.estimate >= words.mid else "too little"
    return f"about {about}{f', {enough} to notice' if words.important else ''} ({possible})"


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
    better = [one for one in pooled if min(b * one.words.benefit for b in (one.ci_low, one.ci_high)) > 0]
    important = [
        one for one in better if not one.words.important or one.words.benefit * one.estimate >= one.words.mid
    ]
    text = "no clear benefit"
    if better:
        size = "" if important else "small "
        notice = (
            f" that people would {'' if len(important) == len(better) else 'partly '}notice"
            if important
            else ""
        )
        text = f"a {size}benefit for {joined(dict.fromkeys(one.words.name for one in better))}{notice}"
    worst = min((one.certainty for one in pooled), key=CERTAINTIES.index)
    return f"{time} {text}, {SURELY[worst]}{f', and {open_text}' if missing else ''}"
