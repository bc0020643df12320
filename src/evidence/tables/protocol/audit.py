"""The protocol of the audit of claims."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evidence.tables.protocol.part import ProtocolPart

__all__ = ["CERTAINTIES", "AuditRule", "AuditVariations", "Benefit", "CertaintyLevel"]

CERTAINTIES = ("very low", "low", "moderate", "high")
"""Levels of certainty, from the least to the most."""

CertaintyLevel = Literal["very low", "low", "moderate", "high"]
Benefit = Literal["any", "estimate", "interval"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class AuditVariations(ProtocolPart):
    """Other thresholds under which the verdicts are looked at (``audit.vary``).

    Attributes
    ----------
    certainty : tuple of str
        Lowest certainties in place of the rule's.
    benefit : tuple of str
        Demands on the benefit in place of the rule's.
    minimal_important_difference : dict from outcome to tuple of float
        Smallest differences that matter, in place of the outcome's.
    """

    certainty: tuple[CertaintyLevel, ...] = ("moderate",)
    benefit: tuple[Benefit, ...] = ("any", "interval")
    minimal_important_difference: dict[str, tuple[Positive, ...]] = Field(default_factory=dict)


class AuditRule(ProtocolPart):
    """The rule by which claims are judged (``audit`` in ``review.yaml``).

    Attributes
    ----------
    certainty : str
        Lowest certainty (GRADE) on which a claim can be supported or contradicted. Results of a lower one are too
        uncertain for either. By default "low": of very low certainty GRADE says that the evidence is very uncertain,
        of low certainty that a treatment may work (Santesso et al. 2020, J Clin Epidemiol 119, 126-135).
    benefit : {"any", "estimate", "interval"}
        What a result must show to support a claim. Always: the whole confidence interval lies on the side of benefit.
        "estimate" asks besides that the estimate reaches the minimal important difference, "interval" that the whole
        interval lies beyond it; "any" asks for nothing more. An outcome without such a difference is judged as by
        "any".
    unanswered : {"uncertain", "ignored"}
        What becomes of a claim of which one part (an intervention and an outcome) is supported and another is not
        addressed: too uncertain as a whole, or judged by the parts that are.
    not_effects : tuple of str
        Kinds of claims that trials of treatment cannot answer.
    majority : float
        Share of the treated patients who must have the outcome for a claim of kind "responder" (most people ...).
    short_term : tuple of str
        Windows in which a claim about a longer time may still hold; by default all that end before its own begins.
    vary : AuditVariations
    """

    certainty: CertaintyLevel = "low"
    benefit: Benefit = "estimate"
    unanswered: Literal["uncertain", "ignored"] = "uncertain"
    not_effects: tuple[str, ...] = ("background", "mechanism")
    majority: float = Field(default=0.5, gt=0, lt=1)
    short_term: tuple[str, ...] = ()
    vary: AuditVariations = AuditVariations()
