"""The certainty of a body of evidence by GRADE: every domain by a transparent rule, open to a written override."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from evidence.appraisal.certainty.domains import NEEDS_TWO_GROUPS, RULES, Domain, Judgement
from evidence.appraisal.certainty.evidence import Body, Evidence, gather
from evidence.effects.reported.reasons import Reason
from evidence.results import Shown
from evidence.tables.protocol.audit import CERTAINTIES
from evidence.tables.protocol.certainty import Override
from evidence.tables.protocol.protocol import Analysis
from evidence.tables.review import Review
from evidence.wording import counted

__all__ = ["LEVELS", "SYMBOLS", "Certainty", "conclude", "grade", "rate"]

LEVELS = CERTAINTIES
"""From the least certain to the most."""

SYMBOLS = dict(zip(LEVELS, ("⊕⊖⊖⊖", "⊕⊕⊖⊖", "⊕⊕⊕⊖", "⊕⊕⊕⊕"), strict=True))


@dataclass(frozen=True, repr=False)
class Certainty(Shown):
    """Result of `grade`.

    Attributes
    ----------
    analysis : Analysis
    level : {"high", "moderate", "low", "very low", ""}
        "very low" also where no comparison could be pooled; `k` is then 0 and `domains` empty. Empty where a domain
        is not rated, as of the results of single groups.
    domains : tuple of Domain
    k : int
        Comparisons on which the rating rests.
    mid : float
        Important difference on the analysis scale (log for ratios).
    note : str
        What the rating rests on where nothing was pooled.
    named : bool
        Whether the review names `mid`; a default serves for rating alone, and nothing is said to matter by it.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> rated = ev.grade(review, "massage-inactive-pain-short")
    >>> list(rated.to_frame()["domain"])
    ['risk of bias', 'inconsistency', 'indirectness', 'imprecision', 'publication bias']
    """

    analysis: Analysis
    level: str
    domains: tuple[Domain, ...]
    k: int
    mid: float
    note: str = ""
    named: bool = True

    @property
    def symbols(self) -> str:
        """The level as plus signs in circles; empty where it is not rated."""
        return SYMBOLS.get(self.level, "")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the certainty is not high, one sentence for each domain that lowers it or is not rated."""
        lowered = tuple(
            f"{domain.name}{f' (−{domain.downgrade})' if domain.downgrade else ''}: {domain.reason}"
            for domain in self.domains
            if domain.downgrade or domain.not_rated
        )
        return (*lowered, *([self.note] if self.note else []))

    def to_frame(self) -> pd.DataFrame:
        """One row a domain: analysis, level, domain, downgrade, computed, overridden, both reasons, inputs.

        Without comparisons one row whose domain is "no evidence". What is not rated has no downgrade.
        """
        head: dict[str, Any] = {"analysis": self.analysis.id, "level": self.level}
        rows = [
            head
            | {
                "domain": domain.name,
                "downgrade": None if domain.not_rated else domain.downgrade,
                "computed": None if domain.not_rated else domain.computed,
                "overridden": domain.overridden,
                "reason": domain.reason,
                "computed_reason": domain.computed_reason,
                "inputs": dict(domain.inputs),
            }
            for domain in self.domains
        ]
        none = {
            "domain": "no evidence",
            "downgrade": 3,
            "computed": 3,
            "overridden": False,
            "reason": self.note,
            "computed_reason": self.note,
            "inputs": {},
        }
        return pd.DataFrame(rows or [head | none])

    def summary(self) -> str:
        """Describe the level and the reason of each domain as text."""
        lines = [f"Certainty: {self.level or 'not rated'} {self.symbols}".rstrip(), self.analysis.title, ""]
        for domain in self.domains:
            lost = "" if domain.not_rated else f"−{domain.downgrade}" if domain.downgrade else "0"
            lines.append(f"  {domain.name:<17}{lost:>3}  ")
            text = domain.reason
            if domain.overridden:
                text += f" (Written judgement; the rule gives {domain.computed}: {domain.computed_reason})"
            first, *rest = textwrap.wrap(text, 88)
            lines[-1] += first
            lines += [" " * 24 + line for line in rest]
        return "\n".join([*lines, *([self.note] if self.note else [])])


def grade(review: Review, analysis: str | Analysis, *, mid: float | None = None) -> Certainty:
    """Rate the certainty of the evidence that answers an analysis.

    Randomised trials start high; each domain may lower the certainty by one or two levels. The rules are those of
    `evidence.appraisal.certainty.domains`, with the thresholds of the protocol (``certainty``); a written override
    replaces what a rule gives and shows both. A single comparison is rated by its own interval. Trials that are too
    few to combine are rated as they stand, without a common estimate (Murad 2017). Without any comparison the level
    is "very low": nothing is known, whatever was reported without usable numbers.

    Of the results of single groups imprecision and publication bias are not rated, as their rules need a comparison,
    and so there is no level, unless written overrides judge both. Studies without a control group start high, too,
    as they answer such a question (Iorio 2015).

    Parameters
    ----------
    review : Review
    analysis : str or Analysis
    mid : float, optional
        Important difference in place of the protocol's, in the units of the measure (a ratio for ratios).

    Returns
    -------
    Certainty

    Raises
    ------
    DataError
        If the analysis or one that an override names is unknown, or `mid` is no positive number.

    References
    ----------
    Guyatt G et al. (2011). GRADE guidelines 1 to 9. J Clin Epidemiol 64, 383-394, 407-415, 1277-1316.
    Zeng L et al. (2022). GRADE guidance 34. J Clin Epidemiol 150, 216-224.
    Guyatt G et al. (2023). GRADE guidance 36. J Clin Epidemiol 158, 70-83.
    Iorio A et al. (2015). Use of GRADE for assessment of evidence about prognosis. BMJ 350, h870.
    Murad MH et al. (2017). Rating the certainty in evidence in the absence of a single estimate of effect. Evid Based
    Med 22(3), 85-87.

    Examples
    --------
    >>> import evidence as ev
    >>> review = ev.read_review("data")
    >>> rated = ev.grade(review, "massage-inactive-pain-short")
    >>> rated.level in ("high", "moderate", "low", "very low")
    True
    """
    return rate(gather(review, analysis, mid))


def rate(evidence: Evidence) -> Certainty:
    """Apply the rules and the written overrides to a body of evidence."""
    if evidence.effects.empty:
        reported = len(evidence.missing)
        note = "No evidence: no comparison has numbers that can be used"
        note += f"; {counted(reported, 'trial')} reported the outcome without them." if reported else "."
        return Certainty(evidence.analysis, "very low", (), 0, evidence.mid, note, evidence.named)
    alone = NEEDS_TWO_GROUPS if evidence.analysis.one_group else {}
    judged = {
        name: (0, alone[name].words, {}) if name in alone else rule(evidence, evidence.fit)
        for name, rule in RULES.items()
    }
    return conclude(evidence, judged, alone)


def conclude(
    evidence: Body, judged: Mapping[str, Judgement], not_rated: Mapping[str, Reason] | None = None
) -> Certainty:
    """Make a rating of what the rule of each domain gives, put written overrides in its place, and add up."""
    written: dict[str, Override] = {
        entry.domain: entry for entry in evidence.rules.overrides if entry.analysis == evidence.analysis.id
    }
    domains = []
    for name, (levels, reason, inputs) in judged.items():
        why, entry = (not_rated or {}).get(name), written.get(name)
        domains.append(
            Domain(
                name=name,
                downgrade=entry.downgrade if entry else levels,
                reason=entry.reason if entry else reason,
                inputs=inputs,
                overridden=entry is not None,
                computed=levels,
                computed_reason=reason,
                not_rated=None if entry else why,
            )
        )
    lost = sum(domain.downgrade for domain in domains)
    return Certainty(
        evidence.analysis,
        "" if any(domain.not_rated for domain in domains) else LEVELS[max(len(LEVELS) - 1 - lost, 0)],
        tuple(domains),
        len(evidence.effects),
        evidence.mid,
        evidence.note,
        evidence.named,
    )
