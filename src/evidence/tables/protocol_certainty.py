"""The protocol of the rating of certainty."""

from __future__ import annotations

from evidence.tables.protocol_part import ProtocolPart

__all__ = ["CertaintyRules"]


class CertaintyRules(ProtocolPart):
    """Thresholds and written overrides of the rating of certainty (``certainty`` in ``review.yaml``)."""
