"""Turn what was collected from a file into the tables and the protocol of a review."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

from evidence.measures import LARGEST_LOG, measure_of
from evidence.tables.importing.collected import Collected, Comparison, Entry, first_of
from evidence.tables.protocol.protocol import AnalysisSpec
from evidence.wording import slug

__all__ = ["compose"]

Rows = dict[str, list[dict[str, str]]]

_GENERIC = {"", "experimental", "treatment", "intervention", "control", "comparator"}
_MODELS: dict[str, dict[str, Any]] = {
    "RevMan": {"method": "DL", "counts": "IV", "interval": "z", "level": 0.95},
    "metafor": {"method": "REML", "counts": "IV", "interval": "z", "level": 0.95},
}
_ADDED = {
    "subgroup": "subgroup in which the file has the result",
    "in_total": "whether the file counts it in the total over all subgroups",
    "entry_of": "trial of which this one is a further entry in one comparison of the file",
    "analysis": "analysis of which this is the total in the file",
    "ci_level": "level of its confidence interval in percent",
}


def compose(collected: Collected, weeks: float | None) -> tuple[Rows, dict[str, Any]]:
    """Give the rows of each table, and the protocol.

    A study that stands twice in what the file pools (in two subgroups, say) becomes two trials, so that its arms are
    compared as the file compares them and no others. Where the file pools subgroups only, each is an outcome of its
    own; where it pools all and each subgroup, each has an analysis that takes the rows of the subgroup.

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
        self.weeks = "" if weeks is None else f"{weeks:g}"
        self.url = collected.source_url or f"https://file.invalid/{slug(collected.file, '-', 80)}"
        self.rows: Rows = {
            name: []
            for name in (
                *("trials", "arms", "instruments", "arm_results", "contrast_results"),
                *("risk_of_bias", "excluded", "reviews"),
            )
        }
        self.trials: dict[tuple[str, str], str] = {}
        self.arms: set[tuple[str, str]] = set()
        self.outcomes: dict[str, dict[str, str]] = {}
        self.named: dict[str, str] = {}
        self.results: set[str] = set()
        self.analyses: list[dict[str, Any]] = []
        self._keep_peto_to_odds_ratios()
        self.model = self._usual_model()
        self.studied: list[str] = []
        self.others: list[str] = []
        self.taken: set[tuple[str, str]] = set()
        self.added: set[str] = set()
        self.unknown: list[str] = []
        self.repeated: list[str] = []
        pairs = {(one.arm, one.comparator) for one in collected.comparisons}
        self.networked = len(pairs) > 1
        self.several = len({one.number for one in collected.comparisons}) > 1

    def result(self) -> tuple[Rows, dict[str, Any]]:
        for study in self.collected.studies:
            self._trial(study, "")
        for comparison in self.collected.comparisons:
            self._comparison(comparison)
        for study, domain, judgement, basis in self.collected.judgements:
            row = {"domain": domain, "judgement": judgement, "basis": basis}
            self.rows["risk_of_bias"] += [
                {"trial_id": trial, **row} for (name, _), trial in self.trials.items() if name == study
            ]
        for label, reason in self.collected.excluded:
            row = {"trial_id": self._unique("study", slug(label, "-")), "label": label, "reason": reason}
            self.rows["excluded"].append(row)
        if self.repeated:
            self.collected.said.append(
                f"several rows of one study stand in one comparison, and each counts there: {_named(self.repeated)}; "
                "if they hold the same patients, set one of them aside (`set_aside` in review.yaml)"
            )
        if self.unknown:
            change = "--better, or `better` in review.yaml"
            self.collected.said.append(
                f"whether higher or lower is better is not in the file; lower is taken for {_named(self.unknown)} "
                f"({change if self.collected.program == 'metafor' else 'change `better` in review.yaml'})"
            )
        return self.rows, self._protocol()

    def _unique(self, kind: str, wanted: str, joint: str = "-") -> str:
        """Give a name that no other of its kind has: the wanted one, or that with a number."""
        name, number = wanted or kind, 1
        while (kind, name) in self.taken:
            number += 1
            name = f"{wanted or kind}{joint}{number}"
        self.taken.add((kind, name))
        return name

    def _keep_peto_to_odds_ratios(self) -> None:
        """Take Mantel-Haenszel where a file asks for another measure, or for random effects, by Peto's method."""
        for one in self.collected.comparisons:
            if one.counts == "PETO" and (one.measure != "OR" or one.method not in ("", "EE")):
                one.counts = "MH"
                words = "Peto's method gives odds ratios of equal effects; Mantel-Haenszel is taken"
                self.collected.said.append(f"'{one.outcome}': {words}")

    def _usual_model(self) -> dict[str, Any]:
        """Give the model of most comparisons of the file; that of the program if the file names none.

        Peto's method is for some measures only, so that analyses name it for themselves.
        """
        models = [
            _model(one)
            for one in self.collected.comparisons
            if one.method and _model(one)["counts"] != "PETO"
        ]
        usual = _MODELS[self.collected.program]
        return max(models, key=models.count) if models else usual

    def _trial(self, study: str, again: str) -> str:
        """Give the id of the trial that stands for a study; another one where the study stands there again."""
        if (study, again) in self.trials:
            return self.trials[study, again]
        described = self.collected.studies[study]
        trial = self._unique("study", slug(described.label, "-"))
        self.trials[study, again] = trial
        label, notes = described.label, [described.notes]
        if again:
            label += f" ({again})"
            notes.append("a further entry of this study in one comparison; may hold the same patients")
        self.rows["trials"].append(
            {
                "trial_id": trial,
                "label": label,
                "year": described.year,
                "design": "unknown",
                "population": described.population,
                "doi": described.doi,
                "pmid": described.pmid,
                "citation": (described.citation or described.label) + (f" ({again})" if again else ""),
                "notes": "; ".join(note for note in notes if note),
                **described.extra,
                **({"entry_of": self.trials[study, ""]} if again else {}),
            }
        )
        return trial

    def _comparison(self, one: Comparison) -> None:
        """Enter the results of one outcome of one comparison, its instruments and its analyses."""
        subgroups = list(dict.fromkeys(entry.subgroup for entry in one.entries if entry.subgroup))
        if one.totals == "all" or not subgroups:
            # Subtotals of no subgroups are no totals.
            self._whole(one if one.totals == "all" else replace(one, totals="none"), subgroups)
            return
        for subgroup in ["", *subgroups]:
            # Rows of the total alone are in none of the subgroups, and where there is no total in nothing at all.
            entries = [
                replace(entry, in_total=True, in_subgroup=True)
                for entry in one.entries
                if (entry.subgroup if entry.in_subgroup else "") == subgroup
            ]
            if entries:
                outcome = f"{one.outcome} {subgroup}".strip()
                part = replace(one, outcome=outcome, entries=entries, pooled=one.subgroups.get(subgroup, {}))
                part.totals = "all" if subgroup and one.totals == "subgroups" else "none"
                self._whole(part, [])

    def _whole(self, one: Comparison, subgroups: list[str]) -> None:
        """Enter what the file pools together, and an analysis of each subgroup of it."""
        arm, comparator = self._components(one)
        outcome, instrument = self._outcome(one)
        apart = not all(entry.in_total for entry in one.entries)
        seen: Counter[tuple[str, str]] = Counter()
        # A row of the total alone stands for its study; those of subgroups alone are further entries of it.
        for entry in sorted(one.entries, key=lambda entry: not entry.in_total):
            again = "" if seen[entry.study, ""] == 0 else entry.subgroup or str(seen[entry.study, ""] + 1)
            if again and again != entry.subgroup:
                self.repeated.append(self.collected.studies[entry.study].label)
            seen[entry.study, ""] += 1
            if again and seen[entry.study, again]:
                again += f" {seen[entry.study, again] + 1}"
            seen[entry.study, again] += bool(again)
            trial = self._trial(entry.study, again)
            for name, label in ((arm, one.arm), (comparator, one.comparator)):
                if name:
                    self._arm(trial, name, label)
            added = {}
            if subgroups:
                self.added.add("subgroup")
                added["subgroup"] = entry.subgroup if entry.in_subgroup else ""
            if apart:
                self.added.add("in_total")
                added["in_total"] = "yes" if entry.in_total else "no"
            self._results(one, entry, trial, (arm, comparator), outcome, instrument, added)
        where = {"in_total": ["yes"]} if apart else {}
        if any(entry.in_total for entry in one.entries):
            self._analysis(one, arm, comparator, outcome, one.pooled, where=where)
        for subgroup in subgroups:
            if any(entry.subgroup == subgroup and entry.in_subgroup for entry in one.entries):
                total = one.subgroups.get(subgroup, {})
                self._analysis(
                    one, arm, comparator, outcome, total, where={"subgroup": [subgroup]}, label=subgroup
                )

    def _outcome(self, one: Comparison) -> tuple[str, str]:
        """Name the outcome and the instrument; comparisons of one network share theirs."""
        if self.collected.program == "metafor" and one.outcome in self.named:
            outcome = self.named[one.outcome]
            return outcome, next(
                row["instrument"] for row in self.rows["instruments"] if row["construct"] == outcome
            )
        outcome = self._unique("outcome", slug(one.outcome, "_", 40), "_")
        instrument = self._unique("instrument", one.outcome, " ")
        self.named[one.outcome] = outcome
        if not one.better and one.comparator:
            self.unknown.append(one.outcome)
        self.rows["instruments"].append(
            {
                "instrument": instrument,
                "construct": outcome,
                "family": instrument,
                "higher_means": "better" if one.better == "higher" else "worse",
                "note": "the file names outcomes, not instruments",
            }
        )
        self.outcomes[outcome] = {"measure": one.measure}
        if one.better or one.comparator:
            self.outcomes[outcome]["better"] = one.better or "lower"
        if one.measure == "SMD" and self.collected.program == "RevMan":
            self.outcomes[outcome]["hedges"] = "RevMan"
        return outcome, instrument

    def _analysis(
        self,
        one: Comparison,
        arm: str,
        comparator: str,
        outcome: str,
        total: dict[str, str],
        *,
        where: dict[str, list[str]],
        label: str = "",
    ) -> None:
        """Enter an analysis and, where the file has it, its total."""
        alone = self.collected.program == "RevMan" or not self.networked or not comparator
        name = arm if alone else f"{arm}_v_{comparator}"
        wanted = slug(f"{name} {label}", "-", 80)
        outcome_name = outcome.replace("_", "-")
        # The id of the analysis has to be its own together with the outcome.
        full = self._unique("analysis", f"{wanted}-{outcome_name}")
        number = full.removeprefix(f"{wanted}-{outcome_name}")
        told = _model(one) if one.method else {}
        own = {key: value for key, value in told.items() if value != self.model[key]}
        self.analyses.append(
            {
                "id": f"{wanted}{number}",
                "intervention": arm,
                **({"comparator": [comparator]} if comparator else {}),
                "outcomes": [outcome],
                "windows": ["any"],
                **({"where": where} if where else {}),
                **({} if one.totals != "none" else {"pooled": False}),
                **({"model": own} if own else {}),
                **({"label": label} if label else {}),
                **({"note": note} if (note := _note(one, total)) else {}),
            }
        )
        if total:
            self.rows["reviews"].append(
                {
                    "review_id": slug(self.collected.file, "-"),
                    "label": self.collected.title,
                    "comparison": one.comparison,
                    "intervention": one.arm,
                    "comparator": one.comparator,
                    "outcome": outcome,
                    "measure": one.measure,
                    "model": one.words,
                    "source_url": self.url,
                    "locator": f"{self.collected.file}: {one.place}{f', {label}' if label else ''}",
                    "analysis": f"{wanted}{number}-{outcome_name}-any",
                    "ci_level": f"{100 * one.level:.12g}",
                    **total,
                }
            )

    def _components(self, one: Comparison) -> tuple[str, str]:
        names = []
        for label, default in ((one.arm, "experimental"), (one.comparator, "control")):
            if measure_of(one.measure).one_group and default == "control":
                names.append("")
                continue
            name = slug(label, "_") or default
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
        if comparator and comparator not in self.others:
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
        arms: tuple[str, str],
        outcome: str,
        instrument: str,
        added: dict[str, str],
    ) -> None:
        """Enter the numbers of one study: two arms, or one difference."""
        values = entry.values
        measure = measure_of(one.measure)
        counted = measure.counted or measure.of in ("proportion", "rate")
        # What was worked out from the file is no phrase of it.
        told = [
            values[name] for name in ("estimate", "se", "ci_low", "ci_high", "p_value") if values.get(name)
        ]
        told += [values[name] for name in ("events_1", "events_2") if values.get(name)]
        logs = "estimate" in values and measure.ratio and not values.get("natural")
        derived = logs or not all(_stands_in(text, entry.printed) for text in told)
        change = "change" in one.outcome.lower() and not counted
        common = {
            "trial_id": trial,
            "outcome": outcome,
            "instrument": instrument,
            "timepoint_weeks": self.weeks,
            "statistic": "count" if counted else "change" if change else "post",
            "as_reported": "" if derived else entry.printed,
            "source_url": self.url,
            "source_kind": "secondary",
            "locator": f"{self.collected.file}: {entry.place}",
            "note": "; ".join(
                part for part in (entry.note, f"in the file: {entry.printed}" * derived) if part
            ),
            **added,
        }
        if "estimate" in values:
            shown = {name: values[name] for name in ("estimate", "ci_low", "ci_high") if values.get(name)}
            if measure.ratio and not values.get("natural"):
                if any(abs(float(text)) > LARGEST_LOG for text in shown.values()):
                    words = f"{values['estimate']} is too large for the logarithm of a ratio"
                    self.collected.left_out.append(f"{entry.place}: {words}")
                    return
                shown = {name: repr(measure.natural(float(text))) for name, text in shown.items()}
            others = ("se", "ci_level", "p_value", "p_operator")
            self.rows["contrast_results"].append(
                {
                    "result_id": self._unique("result", f"{trial}-{outcome}"),
                    "arm_id": arms[0],
                    "comparator_arm_id": arms[1],
                    "measure": one.measure,
                    **shown,
                    **{name: values[name] for name in others if values.get(name)},
                    "n_arm": _positive(values.get("total_1", "")),
                    "n_comparator": _positive(values.get("total_2", "")),
                    "adjusted": "unclear",
                    **common,
                }
            )
            return
        columns = {
            "events": "events",
            "mean": "mean",
            "sd": "sd",
            "time": "person_time",
            "correlation": "correlation",
        }
        for number, name in (("1", arms[0]), ("2", arms[1]))[: len([arm for arm in arms if arm])]:
            size = _positive(values.get(f"total_{number}", ""))
            # Without patients there is no result: programs write zeros there.
            known = size or values.get(f"time_{number}")
            given = {
                column: values[f"{key}_{number}"]
                for key, column in columns.items()
                if known and f"{key}_{number}" in values
            }
            identity = f"{trial}-{outcome}-{name}"
            if identity in self.results:  # an arm that was compared with another one before
                continue
            self.results.add(identity)
            row = {"result_id": identity, "arm_id": name, "n": size, "adjusted": "unclear"}
            self.rows["arm_results"].append({**row, **given, **common})

    def _protocol(self) -> dict[str, Any]:
        collected = self.collected
        notes = [f"Imported from {collected.file}; the searches and the question stand in the original."]
        if collected.left_out:
            notes.append(f"Not imported: {'; '.join(dict.fromkeys(collected.left_out))}.")
        extra = dict.fromkeys(name for study in collected.studies.values() for name in study.extra)
        columns: dict[str, dict[str, Any]] = {}
        of_trials = {
            name: f"column {collected.headings.get(name, name)} of {collected.file}" for name in extra
        }
        if any(again for _, again in self.trials):
            of_trials["entry_of"] = _ADDED["entry_of"]
        if of_trials:
            columns["trials"] = {name: {"description": text} for name, text in of_trials.items()}
        for table in ("arm_results", "contrast_results"):
            if self.added:
                columns[table] = {name: {"description": _ADDED[name]} for name in sorted(self.added)}
        if self.rows["reviews"]:
            columns["reviews"] = {name: {"description": _ADDED[name]} for name in ("analysis", "ci_level")}
        return {
            "title": collected.title,
            "version": 1,
            "scope_note": " ".join(notes),
            **({"columns": columns} if columns else {}),
            "components": {
                "studied": self.studied,
                "active": [name for name in self.others if name not in self.studied],
            },
            "outcomes": self.outcomes,
            "windows": {"any": {}},
            "comparator_groups": {},
            "model": {
                **self.model,
                "prediction": "HTS" if collected.program == "RevMan" else "z",
                # Other programs show a total however few the studies.
                "minimum_studies": 1 if collected.program == "RevMan" else 2,
            },
            "analyses": self.analyses,
            "subgroups": ["risk_of_bias"] if collected.judgements else [],
        }


def _model(one: Comparison) -> dict[str, Any]:
    """Give the model of a comparison by the names of protocols."""
    counted = one.counts if one.measure in ("RR", "OR", "RD") else "IV"
    return {"method": one.method, "counts": counted, "interval": one.interval, "level": one.level}


def _note(one: Comparison, total: dict[str, str]) -> str:
    """Say how the file pooled a comparison, and with which result."""
    words = [f"in the file: {one.words}"] if one.words else []
    if all(total.get(key) for key in ("estimate", "ci_low", "ci_high")):
        numbers = (float(total[key]) for key in ("estimate", "ci_low", "ci_high"))
        estimate, low, high = (f"{value:.4g}" for value in numbers)
        level = "" if one.level == 0.95 else f"{100 * one.level:.12g}% CI "
        words.append(f"{one.measure} {estimate} ({level}{low} to {high})")
    return ", ".join(words)


def _named(names: list[str]) -> str:
    return first_of(f"'{name}'" for name in names)


def _stands_in(number: str, text: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", text) is not None


def _positive(size: str) -> str:
    return size if size and float(size) > 0 else ""
