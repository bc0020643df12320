"""The errors a user of the package can meet, each with a message that says what to do."""

from __future__ import annotations

__all__ = ["DataError", "EvidenceError", "ModelError", "ReportError"]


class EvidenceError(Exception):
    """Base class of every error that the package raises on purpose."""


class DataError(EvidenceError, ValueError):
    """The input cannot be used: a table, a protocol or an argument is wrong."""


class ModelError(EvidenceError):
    """A model cannot be fitted to valid input, for example because it is not identified."""


class ReportError(EvidenceError):
    """A notebook or a part of the report could not be made."""
