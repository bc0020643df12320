"""The same numbers, or the same publication, twice."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from evidence.appraisal.checks.evidence_base import EvidenceBase, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import column_words

_SHARED = 3


def _digits(value: float) -> int:
    """Significant digits of a number as written: of 5.360 three."""
    return len(f"{abs(value):.10g}".replace(".", "").strip("0"))


def _fingerprints(base: EvidenceBase) -> Iterator[tuple[str, Any, tuple[Any, ...], int]]:
    """Numbers of a row that two trials do not share by chance, and how many significant digits they have together."""
    for row in base.arm_results:
        for spread in (row.sd, row.se):
            if stated(row.mean, spread):
                yield "arm_results", row, ("arm", row.mean, spread), _digits(row.mean) + _digits(spread)
        if stated(row.mean, row.ci_low, row.ci_high):
            numbers = (row.mean, row.ci_low, row.ci_high)
            yield "arm_results", row, ("arm", *numbers), sum(map(_digits, numbers))
        if stated(row.events, row.n):
            yield "arm_results", row, ("count", row.events, row.n), 0
    for row in base.contrast_results:
        if stated(row.estimate, row.ci_low, row.ci_high):
            numbers = (row.estimate, row.ci_low, row.ci_high)
            yield "contrast_results", row, ("contrast", *numbers), sum(map(_digits, numbers))


@rule(
    "same numbers in two trials",
    "warning",
    why="Two trials do not give the same mean with the same SD to several digits: a row was copied into "
    "the wrong trial, one trial was published twice, or data were copied.",
    look_at="Both sources side by side.",
)
def same_numbers(base: EvidenceBase) -> Iterator[Hit]:
    """Rows of two trials with the same mean and SD, or estimate and interval, to five digits or more.

    Also pairs of trials that share three or more means.
    """
    seen: dict[tuple[Any, ...], list[tuple[str, Any, int]]] = defaultdict(list)
    for table, row, numbers, digits in _fingerprints(base):
        seen[numbers].append((table, row, digits))
    told: set[tuple[str, int]] = set()
    for numbers, rows in seen.items():
        for table, row, digits in rows:
            twin = next(
                (other for _, other, _ in rows if base.study(other.trial_id) != base.study(row.trial_id)),
                None,
            )
            same_place = twin is not None and base.measured(row)[1:] == base.measured(twin)[1:]
            if (
                twin is not None
                and (digits >= 5 or (same_place and digits >= 4))
                and (table, row.Index) not in told
            ):
                told.add((table, row.Index))
                listed = ", ".join(f"{number:g}" for number in numbers[1:])
                column = "mean" if table == "arm_results" else "estimate"
                message = f"{listed} also stand in {base.trial_name(twin.trial_id)} ({twin.result_id})"
                yield Hit(table, row.Index, column, message)
    yield from _many_shared(base, told)


def _many_shared(base: EvidenceBase, told: set[tuple[str, int]]) -> Iterator[Hit]:
    trials: dict[str, dict[tuple[str, float], Any]] = defaultdict(dict)
    for row in base.arm_results:
        if stated(row.mean) and _digits(row.mean) >= 3:
            trials[row.trial_id].setdefault((row.outcome, row.mean), row)
    for first, second in combinations(trials, 2):
        if base.study(first) == base.study(second):
            continue
        shared = trials[first].keys() & trials[second].keys()
        if len(shared) >= _SHARED:
            for key in sorted(shared):
                for own, other in ((first, second), (second, first)):
                    row = trials[own][key]
                    if ("arm_results", row.Index) not in told:
                        among = f"{len(shared)} means, among them {row.mean:g}"
                        message = f"{among}, also stand in {base.trial_name(other)}"
                        yield Hit("arm_results", row.Index, "mean", message)


@rule(
    "same quotation in two trials",
    "warning",
    why="A row copied as a model for the next and not changed gives one trial the result of another.",
    look_at="Trial, arm and source of both rows.",
)
def same_quotation(base: EvidenceBase) -> Iterator[Hit]:
    """Results of two trials with word for word the same printed phrase, if it holds at least three digits."""
    seen: dict[tuple[str, str], list[tuple[str, Any]]] = defaultdict(list)
    for table, row in base.results():
        if len(row.as_reported) > 20 and sum(map(str.isdigit, row.as_reported)) >= _SHARED:
            seen[table, row.as_reported].append((table, row))
    for rows in seen.values():
        for table, row in rows:
            twin = next(
                (other for _, other in rows if base.study(other.trial_id) != base.study(row.trial_id)), None
            )
            if twin is not None:
                message = f"quoted as '{row.as_reported}', like {twin.result_id} of {base.trial_name(twin.trial_id)}"
                yield Hit(table, row.Index, "trial_id", message)


@rule(
    "result entered twice",
    "warning",
    why="One measurement entered twice counts twice or hides which of two values is right.",
    look_at="Both rows; keep one, or tell them apart by instrument or time.",
)
def entered_twice(base: EvidenceBase) -> Iterator[Hit]:
    """Two rows of one trial that give the same kind of number for the same measurement.

    The same arm or arms, outcome, instrument, time, statistic and adjustment.
    """
    seen: dict[tuple[Any, ...], Any] = {}
    for table, row in base.results():
        if table == "arm_results":
            arms: tuple[str, ...] = (row.arm_id,)
            kind = [stated(row.mean), stated(row.median), stated(row.events)]
        else:
            arms = tuple(sorted((row.arm_id, row.comparator_arm_id)))
            kind = [row.measure]
        week = None if row.timepoint_weeks != row.timepoint_weeks else row.timepoint_weeks
        key = (
            table,
            row.trial_id,
            arms,
            row.outcome,
            row.instrument,
            week,
            row.statistic,
            row.adjusted,
            *kind,
        )
        if key in seen and (week is not None or _same_numbers(table, row, seen[key])):
            first = seen[key]
            message = f"the same measurement stands in row {first.Index} ({first.result_id})"
            yield Hit(table, row.Index, "result_id", message)
        seen.setdefault(key, row)


@rule(
    "arms in both orders",
    "warning",
    why="If a trial's differences are taken now this way and now that way round, one of the signs is "
    "easily wrong.",
    look_at="Which arm was subtracted from which.",
)
def both_orders(base: EvidenceBase) -> Iterator[Hit]:
    """Differences whose two arms stand the other way round in most other differences of the trial."""
    orders: dict[frozenset[str], list[Any]] = defaultdict(list)
    for row in base.contrast_results:
        orders[
            frozenset((row.trial_id + "/" + row.arm_id, row.trial_id + "/" + row.comparator_arm_id))
        ].append(row)
    for rows in orders.values():
        for row in rows:
            turned = sum(other.arm_id == row.comparator_arm_id for other in rows)
            if 2 * turned > len(rows):
                message = (
                    f"{base.arm_name(row)} minus {base.comparator_name(row)} here, the other way "
                    f"round in {turned} of {len(rows)} rows"
                )
                yield Hit("contrast_results", row.Index, "arm_id", message)


def _same_numbers(table: str, row: Any, other: Any) -> bool:
    columns = ("mean", "sd", "events") if table == "arm_results" else ("estimate", "p_value", "ci_low")
    return all(f"{getattr(row, name)}" == f"{getattr(other, name)}" for name in columns)


def _author(trial: Any) -> str:
    """First author as in the label: the words before the year."""
    return re.split(r"[\s(]*(?:\d{4}|\()", str(trial.label))[0].strip().casefold()


@rule(
    "one publication for two trials",
    "warning",
    why="A trial that is in the data twice counts twice and narrows the interval without new patients.",
    look_at="Both reports: place, time of recruitment, registration, numbers.",
)
def same_publication(base: EvidenceBase) -> Iterator[Hit]:
    """Trials that share a DOI, PubMed number, registration or citation.

    Also trials of one first author, year and number randomised.
    """
    for column in ("doi", "pmid", "pmcid", "registration", "citation"):
        yield from _shared(
            base, column, {trial: str(getattr(row, column)).strip() for trial, row in base.trials.items()}
        )
    who = {
        trial: f"{_author(row)} {row.year} {row.n_randomised:g}"
        for trial, row in base.trials.items()
        if _author(row) and stated(row.n_randomised) and row.year is not pd.NA
    }
    yield from _shared(base, "label", who)


def _shared(base: EvidenceBase, column: str, names: dict[str, str]) -> Iterator[Hit]:
    groups: dict[str, list[str]] = defaultdict(list)
    for trial, name in names.items():
        if name:
            groups[name.casefold()].append(trial)
    for name, trials in groups.items():
        for trial in trials if len(trials) > 1 else ():
            others = ", ".join(
                base.trial_name(other) for other in trials if base.study(other) != base.study(trial)
            )
            if not others:
                continue
            what = (
                "first author, year and number randomised are"
                if column == "label"
                else f"{column_words(column)} is"
            )
            yield Hit("trials", base.trials[trial].Index, column, f"{what} the same as of {others} ({name})")
