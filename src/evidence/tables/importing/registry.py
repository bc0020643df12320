"""Read the results that trials posted on ClinicalTrials.gov, as its interface (version 2) gives them: JSON."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

from evidence.errors import DataError, Fault
from evidence.files import json_content
from evidence.tables.importing.imported import Imported
from evidence.tables.protocol.analysis import AnalysisSpec
from evidence.wording import slug

__all__ = ["import_registry", "weeks_of"]

Json = dict[str, Any]
Rows = dict[str, list[dict[str, str]]]

_DESIGNS = {"PARALLEL": "parallel", "CROSSOVER": "crossover", "FACTORIAL": "factorial"}
_CONTROLS = ("NO_INTERVENTION", "SHAM_COMPARATOR", "PLACEBO_COMPARATOR", "ACTIVE_COMPARATOR", "OTHER", "")
"""Types of arms, from that which most likely is compared with to that which least likely is."""
_INACTIVE = r"placebo|sham|no (treatment|intervention)|wait|control|usual|standard"
_TOGETHER = r"\b(total|overall|all (arms|groups|participants))\b"
_UNITS = {"day": 1 / 7, "week": 1.0, "month": 365.25 / 12 / 7, "year": 365.25 / 7, "hour": 1 / 168}
_NAMES = r"(days?|weeks?|wks?|months?|mos?|years?|yrs?|hours?)"
_TIMES = re.compile(rf"(\d+(?:\.\d+)?)[\s-]*{_NAMES}\b|\b{_NAMES}\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_ALSO = {"wk": "week", "mo": "month", "yr": "year"}
_HARMS = (
    ("serious", "serious_adverse_event", "participants with a serious adverse event"),
    ("other", "other_adverse_event", "participants with another adverse event"),
    ("deaths", "death", "deaths of any cause"),
)


def import_registry(path: str | Path, *, title: str = "") -> Imported:
    """Import the results of trials from ClinicalTrials.gov.

    Parameters
    ----------
    path : str or Path
        JSON of one study as ``https://clinicaltrials.gov/api/v2/studies/NCT...`` gives it, or of several under
        ``studies``.
    title : str
        Title of the review; by default made of the trials' names.

    Returns
    -------
    Imported
        With the trials, their arms, means (with SD, SE, interval or quartiles), medians and counts of participants of
        every outcome measure, and the participants with adverse events; one analysis for each outcome and pair of
        arms of which one is the comparator. What was understood from words (times, comparators) stands in
        `Imported.said`, what no table holds in `Imported.left_out`. ``write`` makes the folder of a review of it.

    Raises
    ------
    DataError
        If the file cannot be read, holds no study, or none with results.

    Examples
    --------
    >>> import evidence as ev
    >>> try:
    ...     imported = ev.import_registry("NCT00000000.json")
    ... except ev.DataError as error:
    ...     print(error)
    there is no file 'NCT00000000.json' to read: No such file or directory
    """
    file = Path(path)
    studies = _studies(file)
    made = _Registry(file.name)
    for place, study in enumerate(studies, 1):
        made.study(study, place)
    return made.imported(title)


def weeks_of(text: str) -> float:
    """Find the last time that words name, in weeks: "Baseline to 6 months" is 26.1; NaN if they name none."""
    found = math.nan
    for number, unit, unit_first, number_after in _TIMES.findall(text):
        name = (unit or unit_first).lower().rstrip("s")
        found = float(number or number_after) * _UNITS[_ALSO.get(name, name)]
    return found


def _studies(file: Path) -> list[Json]:
    try:
        document = json_content(file)
    except FileNotFoundError as error:
        raise DataError(f"there is no file '{file}' to read: {error.strerror}") from None
    except OSError as error:
        raise DataError(f"{file.name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise DataError(f"{file.name} is no JSON: {str(error)[:200]}") from None
    found = document.get("studies", [document]) if isinstance(document, dict) else document
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and "protocolSection" in one for one in found
    ):
        raise DataError(
            f"{file.name} is no study of ClinicalTrials.gov: expected an object with protocolSection, as "
            "https://clinicaltrials.gov/api/v2/studies/NCT... gives it, or several under studies"
        )
    return found


def _dig(value: Any, *names: str) -> Any:
    """Follow names into nested objects; {} where the way ends."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return {} if value is None else value


def _list(value: Any, *names: str) -> list[Json]:
    found = _dig(value, *names)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _text(value: Any, *names: str) -> str:
    found = _dig(value, *names)
    return re.sub(r"\s+", " ", str(found)).strip() if isinstance(found, str | int | float) else ""


def _number(text: str) -> float:
    """Read a number as the registry writes it, with or without commas; NaN for anything else."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _shown(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.15g}"


class _Registry:
    """Collects the rows of all studies."""

    def __init__(self, file: str) -> None:
        self.file = file
        tables = (
            "trials",
            "arms",
            "instruments",
            "arm_results",
            "contrast_results",
            "risk_of_bias",
            "excluded",
        )
        self.rows: Rows = {name: [] for name in tables}
        self.titles: list[str] = []
        self.outcomes: dict[str, dict[str, str]] = {}
        self.compared: dict[tuple[str, str, str], None] = {}
        self.studied: dict[str, None] = {}
        self.others: dict[str, None] = {}
        self.said: list[str] = []
        self.left_out: list[str] = []
        self.faults: list[Fault] = []
        self.seen: Counter[str] = Counter()

    def imported(self, title: str) -> Imported:
        if self.faults:
            raise DataError(self.faults)
        if not self.rows["arm_results"]:
            left = f" ({'; '.join(dict.fromkeys(self.left_out))})" if self.left_out else ""
            raise DataError(f"{self.file} holds no results that the tables can take{left}")
        others = [name for name in self.others if name not in self.studied]
        protocol: dict[str, Any] = {
            "title": title.strip() or "; ".join(self.titles)[:200],
            "version": 1,
            "scope_note": f"Imported from {self.file}, results posted on ClinicalTrials.gov.",
            "components": {"studied": list(self.studied), "active": others},
            "outcomes": self.outcomes,
            "windows": {"any": {}},
            "comparator_groups": {},
            "model": {"method": "REML", "interval": "HKSJ-adhoc", "prediction": "HTS", "minimum_studies": 2},
            "analyses": [
                {
                    "id": f"{slug(arm, '-')}-v-{slug(comparator, '-')}",
                    "intervention": arm,
                    "comparator": [comparator],
                    "outcomes": [outcome],
                    "windows": ["any"],
                }
                for arm, comparator, outcome in self.compared
            ],
            "subgroups": [],
        }
        told = (tuple(dict.fromkeys(lines)) for lines in (self.left_out, self.said))
        return Imported(self.file, self.rows, protocol, *told)

    def study(self, study: Json, place: int) -> None:
        """Enter one study; one without results is left out."""
        protocol, results = _dig(study, "protocolSection"), _dig(study, "resultsSection")
        known = _dig(protocol, "identificationModule")
        nct = _text(known, "nctId")
        if not re.fullmatch(r"NCT\d{8}", nct):
            self.faults.append(
                Fault(self.file, None, f"study {place}, nctId", nct, "expected NCT and eight digits")
            )
            return
        if not results:
            self.left_out.append(f"{nct} has posted no results")
            return
        self.seen[nct] += 1
        if self.seen[nct] > 1:
            self.left_out.append(f"{nct} stands in the file twice; the first is taken")
            return
        self.trial = nct.lower()
        self.url = f"https://clinicaltrials.gov/study/{nct}"
        self.arms: dict[str, str] = {}
        self.types = {
            slug(_text(group, "label"), "_"): (_text(group, "type"), _text(group, "description"))
            for group in _list(protocol, "armsInterventionsModule", "armGroups")
        }
        self._trial(protocol, known, nct)
        before = len(self.rows["arm_results"])
        for number, measure in enumerate(_list(results, "outcomeMeasuresModule", "outcomeMeasures"), 1):
            self._outcome(measure, number)
        self._harms(_dig(results, "adverseEventsModule"))
        if len(self.rows["arm_results"]) == before:
            self.left_out.append(f"{nct}: none of its results can be held by the tables")

    def _trial(self, protocol: Json, known: Json, nct: str) -> None:
        title = _text(known, "officialTitle") or _text(known, "briefTitle")
        self.titles.append(_text(known, "briefTitle") or nct)
        posted = _text(protocol, "statusModule", "resultsFirstPostDateStruct", "date")
        ended = _text(protocol, "statusModule", "completionDateStruct", "date")
        year = next((date[:4] for date in (posted, ended) if re.match(r"(19|20)\d\d", date)), "")
        design = _dig(protocol, "designModule", "designInfo")
        allocation = _text(design, "allocation")
        if allocation != "RANDOMIZED":
            self.said.append(f"{nct}: its allocation is {allocation.lower() or 'not stated'}, not randomised")
        enrolled = _text(protocol, "designModule", "enrollmentInfo", "count")
        conditions = _dig(protocol, "conditionsModule", "conditions")
        places = {
            _text(one, "country") for one in _list(protocol, "contactsLocationsModule", "locations")
        } - {""}
        papers = [
            one for one in _list(protocol, "referencesModule", "references") if _text(one, "type") == "RESULT"
        ]
        self.rows["trials"].append(
            {
                "trial_id": self.trial,
                "label": " ".join(filter(None, [_text(known, "acronym") or nct, year])),
                "year": year,
                "design": _DESIGNS.get(_text(design, "interventionModel"), "unknown"),
                "population": ", ".join(map(str, conditions)) if isinstance(conditions, list) else "",
                "country": ", ".join(sorted(places)),
                "registration": nct,
                "n_randomised": enrolled if enrolled.isdigit() and int(enrolled) else "",
                "pmid": _text(papers[0], "pmid") if papers else "",
                "citation": f"{title or nct}. ClinicalTrials.gov {nct}"
                + (f", results posted {posted}" if posted else ""),
                "notes": ""
                if allocation == "RANDOMIZED"
                else f"allocation: {allocation.lower() or 'not stated'}",
            }
        )

    def _arm(self, title: str, description: str) -> str:
        """Give the id of an arm, which groups of one title share; enter it when it is new."""
        name = slug(title, "_") or "arm"
        if name not in self.arms:
            kind, words = self.types.get(name, ("", ""))
            if not kind and re.search(_INACTIVE, title, re.IGNORECASE):
                kind = "PLACEBO_COMPARATOR"
            self.arms[name] = kind
            component = f"arm_{name}" if name in AnalysisSpec.model_fields or name[0].isdigit() else name
            (self.others if kind in _CONTROLS[:4] else self.studied).setdefault(component)
            self.rows["arms"].append(
                {
                    "trial_id": self.trial,
                    "arm_id": name,
                    "label": title,
                    "components": component,
                    "description": description or words,
                    "kind": "randomised",
                }
            )
        return name

    def _groups(self, groups: list[Json]) -> dict[str, str]:
        """Arms by the id of the group, without groups that take arms together."""
        own = {_text(one, "id"): _text(one, "title") or _text(one, "id") for one in groups}
        kept = {key: title for key, title in own.items() if not re.search(_TOGETHER, title, re.IGNORECASE)}
        self.left_out += [
            f"{self.trial}: the group '{title}', which takes arms together"
            for key, title in own.items()
            if key not in kept
        ]
        words = {_text(one, "id"): _text(one, "description") for one in groups}
        return {key: self._arm(title, words[key]) for key, title in kept.items()}

    def _outcome(self, measure: Json, number: int) -> None:
        """Enter the results of one outcome measure: one for each class and category of it."""
        title = _text(measure, "title") or f"outcome {number}"
        place = f"outcome measure {number} ({_text(measure, 'type').lower() or 'type not stated'}): {title}"
        name = f"{self.trial}, {place}"
        groups = _list(measure, "groups")
        if len(groups) < 2:
            self.left_out.append(f"{name}: it has fewer than two groups")
            return
        kind = _kind(_text(measure, "paramType"), _text(measure, "unitOfMeasure"))
        if not kind:
            what = _text(measure, "paramType").lower().replace("_", " ") or "type not stated"
            unit = _text(measure, "unitOfMeasure")
            self.left_out.append(
                f"{name}: {what} of {unit or 'no unit'} is no mean, median or count of participants"
            )
            return
        arms = self._groups(groups)
        frame = _text(measure, "timeFrame")
        spread = _text(measure, "dispersionType")
        sizes = _sizes(measure)
        for part in _list(measure, "classes"):
            words = _text(part, "title")
            own_sizes = sizes | _sizes(part)
            categories = _list(part, "categories")
            for category in categories:
                label = _text(category, "title")
                # A class that names a time is a time of the outcome; any other is a result of its own.
                weeks = weeks_of(words)
                timed = not math.isnan(weeks)
                parts = [title, *([words] if words and not timed else []), *([label] if label else [])]
                self._results(
                    instrument=": ".join(parts),
                    outcome=title if kind != "events" or not label else ": ".join(parts),
                    kind=kind,
                    spread=spread,
                    weeks=weeks if timed else weeks_of(frame),
                    frame=words if timed else frame,
                    arms=arms,
                    sizes=own_sizes,
                    values=_list(category, "measurements"),
                    place=place,
                )

    def _results(
        self,
        *,
        instrument: str,
        outcome: str,
        kind: str,
        spread: str,
        weeks: float,
        frame: str,
        arms: dict[str, str],
        sizes: dict[str, float],
        values: list[Json],
        place: str,
    ) -> None:
        rows = []
        for value in values:
            group = _text(value, "groupId")
            if group not in arms:
                continue
            size = sizes.get(group, math.nan)
            cells, printed, why = _cells(kind, spread, value, size)
            if why:
                self.left_out.append(f"{self.trial}, {place}: {why}")
                continue
            rows.append((arms[group], size, cells, printed))
        if len(rows) < 2:
            return
        name = self._named(outcome, instrument, kind)
        if math.isnan(weeks) and frame:
            self.said.append(
                f"{self.trial}, {place}: no time can be read from '{frame}'; timepoint_weeks is empty"
            )
        elif not math.isnan(weeks):
            self.said.append(f"{self.trial}, {place}: '{frame}' is read as {weeks:.4g} weeks")
        change = kind != "events" and re.search(r"\bchange\b", instrument, re.IGNORECASE)
        for arm, size, cells, printed in rows:
            base = f"{self.trial}-{arm}-{slug(instrument, '-', 60)}-{weeks:.4g}"
            self.seen[base] += 1
            self.rows["arm_results"].append(
                {
                    "result_id": base if self.seen[base] == 1 else f"{base}-{self.seen[base]}",
                    "trial_id": self.trial,
                    "arm_id": arm,
                    "outcome": name,
                    "instrument": instrument,
                    "timepoint_weeks": "" if math.isnan(weeks) else f"{weeks:.6g}",
                    "statistic": "count" if kind == "events" else "change" if change else "post",
                    "n": _shown(size) if size >= 1 else "",
                    **cells,
                    "adjusted": "yes" if kind == "adjusted" else "no" if kind == "events" else "unclear",
                    "as_reported": printed,
                    "source_url": self.url,
                    "source_kind": "registry",
                    "locator": f"{self.file}: {place}",
                    "note": f"time frame: {frame}" if frame else "",
                }
            )
        self._compare([arm for arm, *_ in rows], name)

    def _named(self, outcome: str, instrument: str, kind: str) -> str:
        """Enter the outcome and the instrument when they are new; give the name of the outcome."""
        name = slug(outcome, "_", 50) or "outcome"
        measure = "RR" if kind == "events" else "MD"
        if name in self.outcomes and self.outcomes[name]["measure"] != measure:
            name += "_events" if kind == "events" else "_score"
        if name not in self.outcomes:
            self.outcomes[name] = {"measure": measure, "better": "lower"}
            self.said.append(f"outcome {name}: that lower is better is taken for granted")
        if all(row["instrument"] != instrument for row in self.rows["instruments"]):
            self.rows["instruments"].append(
                {
                    "instrument": instrument,
                    "construct": name,
                    "family": instrument,
                    "higher_means": "worse",
                    "note": "the registry does not say which direction is good",
                }
            )
        return name

    def _compare(self, arms: list[str], outcome: str) -> None:
        """Enter an analysis of each arm against the one that most likely is the comparator."""
        order = {kind: place for place, kind in enumerate(_CONTROLS)}
        present = list(dict.fromkeys(arms))
        base = min(present, key=lambda arm: (order.get(self.arms[arm], len(order)), present.index(arm)))
        components = {
            row["arm_id"]: row["components"] for row in self.rows["arms"] if row["trial_id"] == self.trial
        }
        self.said.append(f"{self.trial}: the comparator is '{base.replace('_', ' ')}'")
        for arm in present:
            if arm != base:
                pair = components[arm], components[base]
                self.studied.setdefault(pair[0])
                self.compared.setdefault((*pair, outcome))

    def _harms(self, module: Json) -> None:
        """Enter how many of each group had adverse events; single terms are counted as left out."""
        groups = _list(module, "eventGroups")
        if len(groups) < 2:
            return
        arms = self._groups(groups)
        frame = _text(module, "timeFrame")
        for key, outcome, words in _HARMS:
            values = [
                {"groupId": _text(one, "id"), "value": _text(one, f"{key}NumAffected")}
                for one in groups
                if _text(one, f"{key}NumAffected")
            ]
            sizes = {_text(one, "id"): _number(_text(one, f"{key}NumAtRisk")) for one in groups}
            self._results(
                instrument=words,
                outcome=outcome,
                kind="events",
                spread="",
                weeks=weeks_of(frame),
                frame=frame,
                arms=arms,
                sizes=sizes,
                values=values,
                place=f"adverse events: {words}",
            )
        terms = sum(len(_list(module, f"{key}Events")) for key in ("serious", "other"))
        if terms:
            self.left_out.append(f"{self.trial}: {terms} single terms of adverse events")


def _kind(parameter: str, unit: str) -> str:
    """Tell what a measure gives by arm: events, mean, adjusted (a mean of a model), median; "" for others."""
    words = parameter.lower().replace("_", " ")
    people = re.fullmatch(r"(number of |count of )?(participants?|subjects?|patients?)", unit.lower().strip())
    if words == "count of participants" or (words in ("number", "count") and people):
        return "events"
    return {"mean": "mean", "least squares mean": "adjusted", "median": "median"}.get(words, "")


def _sizes(part: Json) -> dict[str, float]:
    """Participants analysed by group."""
    for one in _list(part, "denoms"):
        if re.match(r"participants?|subjects?|patients?", _text(one, "units").lower()):
            return {_text(count, "groupId"): _number(_text(count, "value")) for count in _list(one, "counts")}
    return {}


def _cells(kind: str, spread: str, value: Json, size: float) -> tuple[dict[str, str], str, str]:
    """Read one measurement: the cells of its row, what is printed, and why it cannot be held ("" if it can)."""
    given = {name: _text(value, name) for name in ("value", "spread", "lowerLimit", "upperLimit", "comment")}
    number = _number(given["value"])
    if math.isnan(number):
        return {}, "", f"'{given['value'] or given['comment'] or 'nothing'}' is no number"
    people = f", n {size:g}" if not math.isnan(size) else ""
    if kind == "events":
        if number < 0 or number != round(number) or number > size:
            return {}, "", f"{given['value']} of {size:g} participants is impossible"
        return {"events": f"{number:.0f}"}, f"{given['value']}{people}", ""
    words = spread.lower().replace("_", " ")
    low, high = _number(given["lowerLimit"]), _number(given["upperLimit"])
    cells = {"median" if kind == "median" else "mean": _shown(number)}
    printed = given["value"]
    if "quartile" in words and kind == "median" and low <= number <= high:
        cells |= {"q1": _shown(low), "q3": _shown(high)}
        printed += f" (IQR {given['lowerLimit']} to {given['upperLimit']})"
    elif kind == "median":
        return {}, "", f"a median with {words or 'no spread'} cannot be pooled"
    elif "deviation" in words and _number(given["spread"]) > 0:
        cells["sd"] = given["spread"].replace(",", "")
        printed += f" (SD {given['spread']})"
    elif "standard error" in words and _number(given["spread"]) > 0:
        cells["se"] = given["spread"].replace(",", "")
        printed += f" (SE {given['spread']})"
    elif re.search(r"\b95\b", words) and low < number < high:
        cells |= {"ci_low": _shown(low), "ci_high": _shown(high)}
        printed += f" (95% CI {given['lowerLimit']} to {given['upperLimit']})"
    else:
        return {}, "", f"a mean with {words or 'no spread'} cannot be pooled"
    return cells, printed + people, ""
