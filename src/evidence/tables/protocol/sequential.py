"""The protocol of the sequential analysis."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from evidence.tables.protocol.part import ProtocolPart

__all__ = ["SequentialPlan"]


class SequentialPlan(ProtocolPart):
    """Error rates and effect of the sequential analysis (``sequential`` in ``review.yaml``).

    ``alpha`` is the two-sided type I error. ``delta`` gives, by outcome, the effect that the analysis should not
    miss, on the outcome's scale (a ratio as such); an outcome that it does not name has its minimal important
    difference. ``heterogeneity`` says for which diversity the required information is corrected: the ``diversity``
    found, ``none``, or an expected one, from 0 to below 1.
    """

    alpha: float = Field(default=0.05, gt=0, lt=1)
    power: float = Field(default=0.9, gt=0.5, lt=1)
    delta: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    heterogeneity: Literal["diversity", "none"] | Annotated[float, Field(ge=0, lt=1)] = "diversity"
