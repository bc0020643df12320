"""Differences before treatment, which randomisation leaves to chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

from scipy.special import ndtr

from evidence.appraisal.checks.evidence_base import EvidenceBase, stated
from evidence.appraisal.checks.registry import Hit, rule


@rule(
    "baseline difference beyond chance",
    "warning",
    why="Randomised groups differ before treatment only by chance; a difference far beyond it is a slip "
    "in a mean or SD, a flaw of the allocation, or worse.",
    look_at="Means and SDs of both groups at baseline, and how patients were allocated.",
)
def imbalance(base: EvidenceBase) -> Iterator[Hit]:
    """Baseline means of two arms that differ with a P value below the protocol's limit.

    Where the trial gives no SD, the middle one of other trials stands in.
    """
    for rows in base.side_by_side.values():
        given = [
            row for row in rows if row.timepoint_weeks == 0 and row.statistic == "post" and stated(row.mean)
        ]
        for first, second in combinations(given, 2):
            kinds = {base.arms[row.trial_id, row.arm_id].kind for row in (first, second)}
            if first.arm_id == second.arm_id or len(kinds) > 1:
                continue
            errors = []
            for row in (first, second):
                sd, _ = base.spread(row)
                if not stated(sd):
                    sd, trials = base.typical_sd(row)
                    sd = sd if trials >= 3 else math.nan
                errors.append(sd / math.sqrt(n) if (n := base.n(row)) > 1 else math.nan)
            error = math.hypot(*errors)
            if not error > 0:
                continue
            p = 2 * float(ndtr(-abs(first.mean - second.mean) / error))
            if p < base.limits.baseline_p:
                for row, other in ((first, second), (second, first)):
                    message = (
                        f"{row.mean:g} at baseline, against {other.mean:g} in {base.arm_name(other)}; by chance "
                        f"with P = {p:.1g}"
                    )
                    yield Hit("arm_results", row.Index, "mean", message)
