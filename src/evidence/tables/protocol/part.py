"""What every part of a protocol has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["ProtocolPart"]


class ProtocolPart(BaseModel):
    """A part of ``review.yaml``: it cannot be changed after reading, and unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
