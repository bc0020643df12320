"""What the readers of the sources marked, and what had to be assumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase
from evidence.appraisal.checks.registry import Hit, rule
from evidence.effects.reported.contrasts import reported_contrasts
from evidence.effects.reported.reasons import Assumption


@rule(
    "marked as doubtful",
    "warning",
    why="A number that contradicts itself as printed cannot be mended without its authors, so it is kept "
    "out of pooling.",
    look_at="The note of the row, and the source.",
)
def doubtful(base: EvidenceBase) -> Iterator[Hit]:
    """Rows whose note begins with "CHECK:", because a reader found the printed value implausible."""
    rows: list[Any] = list(base.review.doubtful.itertuples())
    for row in rows:
        yield Hit(
            row.file.removesuffix(".csv"),
            int(row.row),
            "note",
            f"kept out of pooling: {row.doubt}",
            row.result_id,
        )


@rule(
    "level of an interval not stated",
    "note",
    why="A 99 % interval read as a 95 % one makes a standard error too large by a third.",
    look_at="The methods of the source: level of the intervals, correction for several comparisons.",
)
def level_not_stated(base: EvidenceBase) -> Iterator[Hit]:
    """Intervals without a stated level, which are taken as 95 % intervals."""
    rows = {row.result_id: row.Index for row in base.contrast_results}
    for contrast in reported_contrasts(base.review):
        if Assumption.LEVEL_ASSUMED in contrast.assumptions:
            result = contrast.result_ids[0]
            yield Hit("contrast_results", rows[result], "ci_level", Assumption.LEVEL_ASSUMED, result)
