"""Effects that are too large to be true, or unlike all others of their outcome."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from evidence.appraisal.checks.evidence_base import EvidenceBase
from evidence.appraisal.checks.registry import Hit, rule
from evidence.effects.reported.contrasts import Contrast, reported_contrasts
from evidence.wording import plain

_ENOUGH = 8


def _standardised(contrast: Contrast) -> float:
    """Effect in SDs, oriented as reported; NaN where no SD is known."""
    if contrast.measure == "SMD":
        return contrast.estimate
    return contrast.estimate / contrast.sd if contrast.measure == "MD" and contrast.sd > 0 else math.nan


def _effects(base: EvidenceBase) -> Iterator[tuple[Contrast, float, str, int, str]]:
    """Each contrast after baseline with its standardised effect and the cell to show."""
    places = {row.result_id: (table, row.Index) for table, row in base.results()}
    parts = {
        (str(row.trial_id), str(row.arm_id)): frozenset(str(row.components).split("+"))
        for row in base.review.arms.itertuples()
    }
    for reported in reported_contrasts(base.review):
        contrast = _from_studied_arm(reported, parts, frozenset(base.review.protocol.components.studied))
        value = _standardised(contrast)
        if not math.isnan(value) and contrast.result_ids:
            table, _ = places[contrast.result_ids[0]]
            # Of two arms the upper row is named, whichever was subtracted.
            row = min(row for where, row in (places[name] for name in contrast.result_ids) if where == table)
            yield contrast, value, table, row, "mean" if table == "arm_results" else "estimate"


def _from_studied_arm(
    contrast: Contrast, parts: dict[tuple[str, str], frozenset[str]], studied: frozenset[str]
) -> Contrast:
    """See a contrast from the arm that alone has a studied component; else from the first by name.

    Which of two arms stands first in a table is chance, and must not decide what is unlike the rest.
    """
    arm, other = (parts[contrast.trial_id, name] for name in (contrast.arm_id, contrast.comparator_arm_id))
    own, others = bool((arm - other) & studied), bool((other - arm) & studied)
    stays = own if own != others else contrast.arm_id <= contrast.comparator_arm_id
    return contrast if stays else contrast.reversed()


@rule(
    "very large effect",
    "warning",
    why="Treatments rarely shift a group by three SDs; nearly always a standard error was taken for an SD "
    "or a decimal point was lost.",
    look_at="The SDs first, then the means, then the trial.",
)
def very_large(base: EvidenceBase) -> Iterator[Hit]:
    """Standardised differences of three or more in either direction."""
    for contrast, value, table, row, column in _effects(base):
        if abs(value) >= base.limits.large_effect:
            message = (
                f"{base.arm_name(contrast)} and {base.comparator_name(contrast)} differ by "
                f"{abs(value):.1f} SDs ({contrast.estimate:.4g} with SD {contrast.sd:.3g})"
            )
            yield Hit(table, row, column, message)


@rule(
    "effect unlike the others",
    "warning",
    why="One outlying effect can carry a pooled result; it deserves a second look before it does.",
    look_at="The numbers of that row, then what makes the trial different.",
)
def unlike_others(base: EvidenceBase) -> Iterator[Hit]:
    """Standardised differences far from those of the outcome in other trials.

    The limit is a robust z score (Iglewicz & Hoaglin 1993).
    """
    groups: dict[str, list[tuple[Contrast, float, str, int, str]]] = defaultdict(list)
    for found in _effects(base):
        sign = base.sign(found[0])
        if sign:
            groups[found[0].outcome].append((found[0], sign * found[1], *found[2:]))
    for group in groups.values():
        trials = np.array([contrast.trial_id for contrast, *_ in group])
        values = np.array([value for _, value, *_ in group])
        for contrast, value, table, row, column in group:
            others = values[trials != contrast.trial_id]
            if len(set(trials[trials != contrast.trial_id])) < _ENOUGH:
                continue
            middle = float(np.median(others))
            spread = 1.4826 * float(np.median(np.abs(others - middle)))
            if spread > 0 and abs(value - middle) > base.limits.outlier * spread:
                message = (
                    f"{value:+.2f} SDs (positive is better) between {base.arm_name(contrast)} and "
                    f"{base.comparator_name(contrast)}; the "
                    f"middle effect on {plain(contrast.outcome)} is {middle:+.2f}, and most lie within "
                    f"{2 * spread:.2f} of it"
                )
                yield Hit(table, row, column, message)


@rule(
    "difference larger than half the scale",
    "warning",
    why="Half a scale between two groups of patients is hardly ever true; cm and mm, or a lost decimal "
    "point, are.",
    look_at="The unit of the difference and of the scale.",
)
def half_the_scale(base: EvidenceBase) -> Iterator[Hit]:
    """Mean differences of more than half the scale."""
    for row in base.contrast_results:
        width = base.width(row)
        if (
            row.measure in ("MD", "")
            and row.statistic != "count"
            and 0.5 * width < abs(row.estimate) <= width
        ):
            message = f"{row.estimate:g} on a scale of {width:g} points"
            yield Hit("contrast_results", row.Index, "estimate", message)
