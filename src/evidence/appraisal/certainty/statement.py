"""What was found, in one plain sentence whose verb says how certain it is."""

from __future__ import annotations

import math

from evidence.appraisal.certainty.grade import Certainty
from evidence.models.pooled import Pooled
from evidence.tables.protocol.protocol import Analysis, Protocol

__all__ = ["comparator_words", "intervention_words", "size_of", "statement", "word"]

SIZES = ("little to no difference", "slight", "important", "large")
"""Sizes of an effect, from the smallest."""

_CONDITIONS = {"yes": "with", "no": "without", "both_arms": "added to"}


def word(protocol: Protocol, name: str) -> str:
    """Words for an outcome, component or group: those of ``certainty.wording``, else its name."""
    return protocol.certainty.wording.get(name, name.replace("_", " "))


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
    """Name the comparators of an analysis."""
    return " or ".join(word(protocol, name) for name in analysis.spec.comparator)


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
        One of "little to no difference", "slight", "important", "large".
    """
    ratio = 1.0 if math.isnan(mid) else abs(estimate) / mid
    return SIZES[(ratio >= slight) + (ratio >= 1.0) + (ratio >= large)]


def statement(protocol: Protocol, certainty: Certainty, fit: Pooled | None) -> str:
    """Say what was found.

    Parameters
    ----------
    protocol : Protocol
    certainty : Certainty
    fit : Pooled or None
        The result that was rated.

    Returns
    -------
    str
        One sentence. The size of the effect gives the noun or verb, the certainty its strength: none for high,
        "probably" for moderate, "may" for low; of very low certainty only that the evidence is very uncertain.

    References
    ----------
    Santesso N et al. (2020). GRADE guidelines 26. J Clin Epidemiol 119, 126-135.
    """
    analysis, rules = certainty.analysis, protocol.certainty
    what, outcome = intervention_words(protocol, analysis), word(protocol, analysis.outcome)
    against = comparator_words(protocol, analysis)
    where = f"{f'in the {analysis.term}, ' if analysis.term else ''}compared with {against}"
    if fit is None and certainty.k:
        return (
            f"Too few trials give usable numbers on the effect of {what} on {outcome} {where}; they are shown and "
            "not combined."
        )
    if fit is None:
        return f"No trial gives usable numbers on the effect of {what} on {outcome} {where}."
    if certainty.level == "very low":
        return f"The evidence is very uncertain about the effect of {what} on {outcome} {where}."
    size = size_of(fit.estimate, certainty.mid, slight=rules.slight, large=rules.large)
    more = fit.estimate > 0.0
    verb, rest = {
        "little to no difference": ("make", f"little to no difference to {outcome}"),
        "slight": ("slightly increase" if more else "slightly reduce", outcome),
        "important": ("increase" if more else "reduce", outcome),
        "large": ("result", f"in a large {'increase' if more else 'reduction'} in {outcome}"),
    }[size]
    strength = {"high": f"{verb}s", "moderate": f"probably {verb}s", "low": f"may {verb}"}[certainty.level]
    return f"{what[0].upper()}{what[1:]} {strength} {rest} {where}."
