"""The protocol of the multiverse."""

from __future__ import annotations

from evidence.tables.protocol_part import ProtocolPart

__all__ = ["MultiverseChoices"]


class MultiverseChoices(ProtocolPart):
    """The defensible choices of which every combination is fitted (``multiverse`` in ``review.yaml``)."""
