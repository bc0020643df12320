"""Running the notebooks of a review and writing its report; publishing figures and tables from a notebook."""

from __future__ import annotations

__all__ = ["FOLDER_VARIABLE"]

FOLDER_VARIABLE = "EVIDENCE_OUTPUT"
"""Environment variable by which a notebook knows the folder of the report that is being made."""
