"""The protocol of the audit of claims."""

from __future__ import annotations

from evidence.tables.protocol_part import ProtocolPart

__all__ = ["AuditRule"]


class AuditRule(ProtocolPart):
    """The rule by which claims are judged (``audit`` in ``review.yaml``)."""
