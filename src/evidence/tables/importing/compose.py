"""Turn what was collected from a file into the tables and the protocol of a review."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from evidence.measures import measure_of
from evidence.tables.importing.collected import Collected, Comparison, Entry
from evidence.tables.protocol.protocol import AnalysisSpec

__all__ = ["compose"]

Rows = dict[str, list[dict[str, str]]]

STAND_IN_WEEKS = 1.0
"""Stands where a file does not say when an outcome was measured: results without a time are not pooled."""

_GENERIC = {"", "experimental", "treatment", "intervention", "control", "comparator"}
_MODELS = {"RevMan": {"method": "DL", "prediction": "HTS"}, "metafor": {"method": "REML", "prediction": "z"}}


def compose(collected: Collected, weeks: float | None) -> tuple[Rows, dict[str, Any]]:
    """Give the rows of each table, and the protocol.

    A study that stands twice in one comparison (in two subgroups, say) becomes two trials, so that its arms are
    compared as the file compares them and no others.

    Parameters
    ----------
    collected : Collected
    weeks : float or None
        Weeks from randomisation at which all outcomes were measured; None if the file does not say.

    Returns
    -------
    tables : dict of str to list of dict
        Rows by table; what the file does not say is not among their cells.
    protocol : dict
        The content of ``review.yaml``.
    """
    return _Composer(collected, weeks).result()


class _Composer:
    def __init__(self, collected: Collected, weeks: float | None) -> None:
        self.collected = collected
        self.weeks = STAND_IN_WEEKS if weeks is None else weeks
        unknown = f"time not in the file; {STAND_IN_WEEKS:g} week stands in for it"
        self.time_note = "" if weeks is not None else unknown
        self.url = collected.source_url or f"https://file.invalid/{_slug(collected.file, '-', 80)}"
        self.rows: Rows = {
            name: []
            for name in (
                *("trials", "arms", "instruments", "arm_results", "contrast_results"),
                *("risk_of_bias", "excluded", "reviews"),
            )
        }
        self.trials: dict[tuple[str, int], str] = {}
        self.arms: set[tuple[str, str]] = set()
        self.outcomes: dict[str, dict[str, str]] = {}
        self.analyses: list[dict[str, Any]] = []
        self.studied: list[str] = []
        self.others: list[str] = []
        self.taken: set[tuple[str, str]] = set()
        self.several = len({one.number for one in collected.comparisons}) > 1

    def result(self) -> tuple[Rows, dict[str, Any]]:
        for study in self.collected.studies:
            self._trial(study, 1, "")
        for comparison in self.collected.comparisons:
            self._comparison(comparison)
        for study, domain, judgement, basis in self.collected.judgements:
            row = {"domain": domain, "judgement": judgement, "basis": basis}
            self.rows["risk_of_bias"] += [
                {"trial_id": trial, **row} for (name, _), trial in self.trials.items() if name == study
            ]
        for label, reason in self.collected.excluded:
            row = {"trial_id": self._unique("study", _slug(label, "-")), "label": label, "reason": reason}
            self.rows["excluded"].append(row)
        return self.rows, self._protocol()

    def _unique(self, kind: str, wanted: str, joint: str = "-") -> str:
        """Give a name that no other of its kind has: the wanted one, or that with a number."""
        name, number = wanted or kind, 1
        while (kind, name) in self.taken:
            number += 1
            name = f"{wanted or kind}{joint}{number}"
        self.taken.add((kind, name))
        return name

    def _trial(self, study: str, occurrence: int, subgroup: str) -> str:
        """Give the id of the trial that stands for a study; a further one where the study stands there again."""
        if (study, occurrence) in self.trials:
            return self.trials[study, occurrence]
        described = self.collected.studies[study]
        trial = self._unique("study", _slug(described.label, "-"))
        self.trials[study, occurrence] = trial
        label, notes = described.label, [described.notes, "design not in the file, entered as parallel"]
        if occurrence > 1:
            label += f" ({subgroup or occurrence})"
            notes.append(f"entry {occurrence} of this study in one comparison; may hold the same patients")
        self.rows["trials"].append(
            {
                "trial_id": trial,
                "label": label,
                "year": described.year,
                "design": "parallel",
                "population": described.population,
                "doi": described.doi,
                "pmid": described.pmid,
                "citation": described.citation or described.label,
                "notes": "; ".join(note for note in notes if note),
                **described.extra,
            }
        )
        return trial

    def _comparison(self, one: Comparison) -> None:
        """Enter the results of one outcome of one comparison, its instrument and its analysis."""
        arm, comparator = self._components(one)
        outcome = self._unique("outcome", _slug(one.outcome, "_", 40), "_")
        instrument = self._unique("instrument", one.outcome, " ")
        self.rows["instruments"].append(
            {
                "instrument": instrument,
                "construct": outcome,
                "family": instrument,
                "higher_means": "better" if one.better == "higher" else "worse",
                "note": "the file names outcomes, not instruments",
            }
        )
        seen: Counter[str] = Counter()
        for entry in one.entries:
            seen[entry.study] += 1
            trial = self._trial(entry.study, seen[entry.study], entry.subgroup)
            for name, label in ((arm, one.arm), (comparator, one.comparator)):
                self._arm(trial, name, label)
            self._results(one, entry, trial, arm, comparator, outcome, instrument)
        if one.measure == "HR":
            self.collected.left_out.append(
                f"an analysis of '{one.outcome}': protocols have no hazard ratios (its results are imported)"
            )
            return
        self.outcomes[outcome] = {"measure": one.measure, "better": one.better}
        self.analyses.append(
            {
                "id": arm.replace("_", "-"),
                "intervention": arm,
                "comparator": [comparator],
                "outcomes": [outcome],
                "windows": ["any"],
                **({"note": note} if (note := _note(one)) else {}),
            }
        )
        if one.pooled:
            self.rows["reviews"].append(
                {
                    "review_id": _slug(self.collected.file, "-"),
                    "label": self.collected.title,
                    "comparison": one.comparison,
                    "intervention": one.arm,
                    "comparator": one.comparator,
                    "outcome": outcome,
                    "measure": one.measure,
                    "model": one.method,
                    "source_url": self.url,
                    "locator": f"{self.collected.file}: {one.place}",
                    **one.pooled,
                }
            )

    def _components(self, one: Comparison) -> tuple[str, str]:
        names = []
        for label, default in ((one.arm, "experimental"), (one.comparator, "control")):
            name = _slug(label, "_") or default
            if label.lower() in _GENERIC and self.several:
                name += f"_{one.number}"
            if name in AnalysisSpec.model_fields:
                name += "_arm"  # Else an analysis could not tell a component from a key of its own.
            names.append(name)
        arm, comparator = names
        if arm == comparator:
            comparator += "_comparator"
        if arm not in self.studied:
            self.studied.append(arm)
        if comparator not in self.others:
            self.others.append(comparator)
        return arm, comparator

    def _arm(self, trial: str, name: str, label: str) -> None:
        if (trial, name) not in self.arms:
            self.arms.add((trial, name))
            row = {"trial_id": trial, "arm_id": name, "components": name, "kind": "randomised"}
            self.rows["arms"].append({**row, "label": label or name.replace("_", " ").capitalize()})

    def _results(
        self,
        one: Comparison,
        entry: Entry,
        trial: str,
        arm: str,
        comparator: str,
        outcome: str,
        instrument: str,
    ) -> None:
        """Enter the numbers of one study: two arms, or one difference."""
        values = entry.values
        counted = measure_of(one.measure).counted
        change = "change" in one.outcome.lower() and not counted
        common = {
            "trial_id": trial,
            "outcome": outcome,
            "instrument": instrument,
            "timepoint_weeks": f"{self.weeks:g}",
            "statistic": "count" if counted else "change" if change else "post",
            "as_reported": entry.printed,
            "source_url": self.url,
            "source_kind": "secondary",
            "locator": f"{self.collected.file}: {entry.place}",
            "note": "; ".join(note for note in (entry.note, self.time_note) if note),
        }
        if "estimate" in values:
            estimate = values["estimate"]
            if measure_of(one.measure).ratio and estimate:
                estimate = repr(measure_of(one.measure).natural(float(estimate)))
            self.rows["contrast_results"].append(
                {
                    "result_id": f"{trial}-{outcome}",
                    "arm_id": arm,
                    "comparator_arm_id": comparator,
                    "measure": one.measure,
                    "estimate": estimate,
                    "se": values["se"],
                    "n_arm": _positive(values.get("total_1", "")),
                    "n_comparator": _positive(values.get("total_2", "")),
                    "adjusted": "unclear",
                    **common,
                }
            )
            return
        for number, name in (("1", arm), ("2", comparator)):
            size = _positive(values[f"total_{number}"])
            # Without patients there is no result: programs write zeros there.
            given = {
                key: values.get(f"{key}_{number}", "") if size else "" for key in ("events", "mean", "sd")
            }
            row = {"result_id": f"{trial}-{outcome}-{name}", "arm_id": name, "n": size, "adjusted": "unclear"}
            self.rows["arm_results"].append({**row, **given, **common})

    def _protocol(self) -> dict[str, Any]:
        collected = self.collected
        models = Counter(one.model for one in collected.comparisons if one.model)
        model = {**_MODELS[collected.program], "interval": "z"}
        if models and models.most_common(1)[0][0] == "fixed":
            model["method"] = "EE"
        notes = [f"Imported from {collected.file}; the searches and the question stand in the original."]
        if collected.left_out:
            notes.append(f"Not imported: {'; '.join(dict.fromkeys(collected.left_out))}.")
        extra = dict.fromkeys(name for study in collected.studies.values() for name in study.extra)
        described = {name: {"description": f"column {name} of {collected.file}"} for name in extra}
        return {
            "title": collected.title,
            "version": 1,
            "scope_note": " ".join(notes),
            **({"columns": {"trials": described}} if described else {}),
            "components": {
                "studied": self.studied,
                "active": [name for name in self.others if name not in self.studied],
            },
            "outcomes": self.outcomes,
            "windows": {"any": {"from": 0.01, "to": 10000, "target": self.weeks}},
            "comparator_groups": {},
            "model": model,
            "analyses": self.analyses,
            "subgroups": ["risk_of_bias"] if collected.judgements else [],
        }


def _note(one: Comparison) -> str:
    """Say how the file pooled a comparison, and with which result."""
    words = [f"in the file: {one.method}"] if one.method else []
    if all(one.pooled.get(key) for key in ("estimate", "ci_low", "ci_high")):
        numbers = (float(one.pooled[key]) for key in ("estimate", "ci_low", "ci_high"))
        estimate, low, high = (f"{value:.4g}" for value in numbers)
        words.append(f"{one.measure} {estimate} ({low} to {high})")
    return ", ".join(words)


def _positive(size: str) -> str:
    return size if size and float(size) > 0 else ""


def _slug(text: str, joint: str, length: int = 60) -> str:
    """Give a short name of small letters and digits."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", joint, plain).strip(joint)
    if len(name) > length:
        name = name[:length].rpartition(joint)[0] or name[:length]
    return name
