"""The protocol of the rating of certainty: thresholds of each rule, and judgements that replace a rule's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from evidence.tables.protocol.part import ProtocolPart

__all__ = ["THRESHOLDS", "CertaintyRules", "DomainName", "Override"]

DomainName = Literal["risk of bias", "inconsistency", "indirectness", "imprecision", "publication bias"]

THRESHOLDS: dict[str, tuple[str, ...]] = {
    "risk of bias": ("low_risk_share", "high_risk_share", "material_change"),
    "inconsistency": ("i2_serious", "i2_very_serious", "apart_share", "incoherence_p", "very_incoherent_p"),
    "indirectness": ("indirect_share", "very_indirect_share", "material_change"),
    "imprecision": ("standard_difference", "ratio", "alpha", "power", "far_below"),
    "publication bias": (
        "funnel_k",
        "funnel_p",
        "withheld_share",
        "missing_share",
        "lean_k",
        "lean_share",
        "suspected_share",
        "small_n",
        "small_share",
    ),
    "size of the effect": ("slight", "large"),
}
"""Thresholds by the domain that uses them."""


class Override(ProtocolPart):
    """A judgement that replaces what a rule gives, with its reason; the rule's value stays beside it."""

    analysis: str
    domain: DomainName
    downgrade: int = Field(ge=0, le=2)
    reason: str = Field(min_length=1)


class CertaintyRules(ProtocolPart):
    """Thresholds and written overrides of the rating of certainty (``certainty`` in ``review.yaml``).

    Shares are between 0 and 1. Each threshold says where it comes from; "set here" marks one for which the guidance
    gives a principle and no number.
    """

    # Risk of bias and indirectness: Guyatt 2011, J Clin Epidemiol 64, 407-415, 1303-1310; Cochrane Handbook 14.2.2.
    low_risk_share: float = Field(
        default=0.5, ge=0, le=1, description="least share of the weight from trials at low risk (most of it)"
    )
    high_risk_share: float = Field(
        default=0.5, ge=0, le=1, description="share of the weight at high risk for two levels (most of it)"
    )
    indirect_share: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="share of the weight from indirect trials for one level (set here)",
    )
    very_indirect_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the weight from indirect trials for two levels (most of it)",
    )
    material_change: float = Field(
        default=0.5,
        gt=0,
        description="change of the estimate that matters, as a share of the important difference (set here)",
    )
    # Inconsistency: Guyatt 2011, J Clin Epidemiol 64, 1294-1302; Guyatt 2023, 158, 70-83; Handbook 10.10.2 for I2.
    i2_serious: float = Field(default=50, ge=0, le=100, description="substantial I², in percent")
    i2_very_serious: float = Field(default=75, ge=0, le=100, description="considerable I², in percent")
    apart_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="share of pairs of comparisons whose intervals do not overlap (set here)",
    )
    # Networks: Nikolakopoulou 2020, PLoS Med 17, e1003082; Papakonstantinou 2020, Campbell Syst Rev 16, e1080.
    incoherence_p: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="P value under which direct and indirect evidence disagree in a network",
    )
    very_incoherent_p: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="P value of the whole network under which estimates without direct evidence lose two levels",
    )
    # Imprecision: Guyatt 2011, J Clin Epidemiol 64, 1283-1293; Zeng 2022, 150, 216-224.
    alpha: float = Field(
        default=0.05, gt=0, lt=1, description="two-sided error rate of the optimal information size"
    )
    power: float = Field(default=0.8, gt=0, lt=1, description="power of the optimal information size")
    far_below: float = Field(
        default=0.3, ge=0, le=1, description="share of the optimal information size under which two levels go"
    )
    standard_difference: float = Field(
        default=0.5,
        gt=0,
        description="important difference in standard deviations where none is named (Norman 2003, Med Care 41)",
    )
    ratio: float = Field(
        default=1.25,
        gt=1,
        description="important ratio where none is named (Guyatt 2011, 64, 1283-1293)",
    )
    # Publication bias: Guyatt 2011, J Clin Epidemiol 64, 1277-1282; Sterne 2011, BMJ 343, d4002.
    funnel_k: int = Field(default=10, ge=3, description="comparisons needed for a test of funnel asymmetry")
    funnel_p: float = Field(
        default=0.1, gt=0, lt=1, description="P value under which a funnel is asymmetrical"
    )
    # Missing results: Page 2023, BMJ 383, e076754 (ROB-ME); Cochrane Handbook 13.3. They distort a result if they are
    # missing because of how they came out, not where a reader cannot use what is printed.
    withheld_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="share of trials with the outcome that give neither usable numbers nor a significant result "
        "(set here)",
    )
    missing_share: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="share of trials with the outcome that cannot be pooled for any reason, so that the rest need "
        "not stand for them (set here)",
    )
    lean_k: int = Field(
        default=5,
        ge=1,
        description="trials without usable numbers, but with a direction, that it takes to set them beside "
        "the others (set here)",
    )
    lean_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of these that point the way of the combined result under which they speak against it "
        "(set here)",
    )
    suspected_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of a network estimate from comparisons with suspected missing results (most of it)",
    )
    small_n: int = Field(
        default=100, ge=1, description="patients under which a comparison is small (set here)"
    )
    small_share: float = Field(
        default=0.75, ge=0, le=1, description="share of the weight from small comparisons (set here)"
    )
    mid_range: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="important differences over which results are varied, by outcome"
    )
    # Summary of findings: Santesso 2020, J Clin Epidemiol 119, 126-135; Furukawa 2011, PLoS ONE 6, e19070.
    slight: float = Field(
        default=0.5,
        gt=0,
        description="least slight effect, as a share of the important difference (set here)",
    )
    large: float = Field(
        default=2.0, gt=1, description="least large effect, in important differences (set here)"
    )
    response_outcome: str | None = Field(
        default=None,
        description="outcome whose comparator arms say how many improve without the intervention",
    )
    response_varied: tuple[float, ...] = Field(
        default=(0.2, 0.4, 0.6),
        description="shares of comparator patients who improve, over which results are varied",
    )
    wording: dict[str, str] = Field(
        default_factory=dict, description="words in sentences for outcomes, components and comparator groups"
    )
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> CertaintyRules:
        for low, high in (
            ("indirect_share", "very_indirect_share"),
            ("i2_serious", "i2_very_serious"),
            ("very_incoherent_p", "incoherence_p"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} must not be above {high}")
        named = [(entry.analysis, entry.domain) for entry in self.overrides]
        for analysis, domain in named:
            if named.count((analysis, domain)) > 1:
                raise ValueError(f"two overrides judge {domain} of {analysis}; keep one")
        if not all(0.0 < share < 1.0 for share in self.response_varied):
            raise ValueError("response_varied must hold shares strictly between 0 and 1")
        for outcome, (least, most) in self.mid_range.items():
            if not 0 < least < most:
                raise ValueError(f"mid_range of {outcome} must be two positive numbers in ascending order")
        return self
