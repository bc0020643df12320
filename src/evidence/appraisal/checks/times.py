"""Times of measurement against those of the trial's other results and of other trials."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from evidence.appraisal.checks.evidence_base import EvidenceBase, stated
from evidence.appraisal.checks.registry import Hit, rule

Series = dict[float, Any]  # rows by week


@rule(
    "time beyond the usual",
    "warning",
    why="Months entered as weeks, or days, put a result into the wrong window of the protocol.",
    look_at="The unit of time in the source.",
)
def time_beyond(base: EvidenceBase) -> Iterator[Hit]:
    """Times of measurement more than twice as late as the latest of any other trial."""
    latest: dict[str, float] = {}
    for _, row in base.results():
        if stated(row.timepoint_weeks):
            latest[row.trial_id] = max(latest.get(row.trial_id, 0.0), row.timepoint_weeks)
    if len(latest) < 3:
        return
    for table, row in base.results():
        others = max(week for trial, week in latest.items() if trial != row.trial_id)
        if others > 0 and row.timepoint_weeks > 2 * others:
            yield Hit(
                table,
                row.Index,
                "timepoint_weeks",
                f"{row.timepoint_weeks:g} weeks; the latest of other trials is {others:g}",
            )


@rule(
    "time of one result alone",
    "warning",
    why="Arms and outcomes of a trial are measured at the same visits; a result at a time of its own has "
    "often got its time from another unit or line, and falls into another window of the protocol.",
    look_at="The time of that result in the source, and the visits of the trial.",
)
def time_alone(base: EvidenceBase) -> Iterator[Hit]:
    """Results at a time that no other result of the trial has, and missing at a time that the others share.

    The others are the trial's other arms with the instrument, or most of two or more of its other measurements.
    """
    for table, rows in (("arm_results", base.arm_results), ("contrast_results", base.contrast_results)):
        trials: dict[str, dict[tuple[Any, ...], Series]] = defaultdict(lambda: defaultdict(dict))
        for row in rows:
            if stated(row.timepoint_weeks):
                trials[row.trial_id][_measured(base, row)][row.timepoint_weeks] = row
        for trial, measured in trials.items():
            for key, series in measured.items():
                for week, row in series.items():
                    usual = _usual_time(key, week, measured) if base.times[trial][week] == 1 else None
                    if usual is not None:
                        message = (
                            f"{row.instrument} at {week:g} weeks, where nothing else was measured, and not at "
                            f"{usual:g} weeks, where others were"
                        )
                        yield Hit(table, row.Index, "timepoint_weeks", message)


@rule(
    "time missing in one arm",
    "warning",
    why="Arms are compared at one time; an arm of which the time is not stated is compared with none, and the trial "
    "drops out of the pooled result.",
    look_at="The time of the other arms in the source.",
)
def time_missing(base: EvidenceBase) -> Iterator[Hit]:
    """Results of an arm without a time, of a measurement of which another arm has one and no partner at that time."""
    groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in base.arm_results:
        groups[row.trial_id, row.outcome, row.instrument, row.statistic].append(row)
    for rows in groups.values():
        untimed = [row for row in rows if not stated(row.timepoint_weeks)]
        arms: dict[float, set[str]] = defaultdict(set)
        for row in rows:
            if stated(row.timepoint_weeks) and row.timepoint_weeks != 0:
                arms[row.timepoint_weeks].add(row.arm_id)
        alone = {week: arm for week, held in arms.items() if len(held) == 1 for arm in held}
        for row in untimed:
            week = next((week for week, arm in alone.items() if arm != row.arm_id), None)
            if week is not None and len({other.arm_id for other in untimed}) == 1:
                other = base.arm_name(row, alone[week])
                message = f"no time, while {other} has {week:g} weeks and no other arm to compare with"
                yield Hit("arm_results", row.Index, "timepoint_weeks", message)


def _measured(base: EvidenceBase, row: Any) -> tuple[Any, ...]:
    """What was measured, and in whom."""
    what = (row.instrument, row.statistic, base.arms[row.trial_id, row.arm_id].kind)
    return what, row.arm_id, getattr(row, "comparator_arm_id", "")


def _usual_time(key: tuple[Any, ...], week: float, measured: dict[tuple[Any, ...], Series]) -> float | None:
    """Time to which a result would have to be moved to be measured when the others are."""
    own = measured[key]
    others = [series for name, series in measured.items() if name != key]
    beside = [series for name, series in measured.items() if name != key and name[0] == key[0]]
    known = {time for series in others for time in series}
    if not own.keys() - {week} <= known:
        return None  # It has visits of its own.
    for time in sorted(known - own.keys()):
        arms = beside and all(time in series for series in beside)
        most = len(others) >= 2 and 2 * sum(time in series for series in others) > len(others)
        if arms or most:
            return time
    return None
