"""The protocol of the plausibility checks."""

from __future__ import annotations

from evidence.tables.protocol_part import ProtocolPart

__all__ = ["CheckRules"]


class CheckRules(ProtocolPart):
    """Limits of the plausibility checks (``checks`` in ``review.yaml``)."""
