"""The protocol of the sequential analysis."""

from __future__ import annotations

from evidence.tables.protocol_part import ProtocolPart

__all__ = ["SequentialPlan"]


class SequentialPlan(ProtocolPart):
    """Error rates and effect of the sequential analysis (``sequential`` in ``review.yaml``)."""
