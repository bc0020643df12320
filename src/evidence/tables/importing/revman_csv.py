"""Read the CSV exports of RevMan: the data rows of RevMan Web and the tables beside them, or those of RevMan 5."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from evidence.errors import DataError, Fault
from evidence.tables.importing.bias import bias_domain, worst_first
from evidence.tables.importing.collected import (
    Collected,
    Comparison,
    Entry,
    Numbers,
    Study,
    better_of,
    counts_of,
    distinct,
    impossible,
    measure_named,
)
from evidence.tables.importing.spreadsheet import read_sheet

__all__ = ["beside_data_rows", "collect_csv", "is_revman"]

Row = dict[str, str]

# What each cell is headed by RevMan Web, RevMan 5 and their forest plots, in small letters.
_NAMES = {
    "comparison": ("comparison number", "analysis group", "comparison"),
    "outcome": ("outcome number", "analysis number", "outcome"),
    "outcome name": ("analysis name", "outcome name"),
    "subgroup": ("subgroup", "subgroup name"),
    "subgroup number": ("subgroup number",),
    "applicability": ("applicability",),
    "study": ("study", "name", "study or subgroup"),
    "year": ("study year", "year of study", "year"),
    "events_1": ("experimental cases", "events 1", "experimental events"),
    "mean_1": ("experimental mean", "mean 1"),
    "sd_1": ("experimental sd", "sd 1"),
    "total_1": ("experimental n", "total 1", "experimental total"),
    "events_2": ("control cases", "events 2", "control events"),
    "mean_2": ("control mean", "mean 2"),
    "sd_2": ("control sd", "sd 2"),
    "total_2": ("control n", "total 2", "control total"),
    "estimate": ("giv mean", "effect estimate"),
    "se": ("giv se", "se"),
    "o_e": ("o-e", "o - e", "oe"),
    "variance": ("variance", "var"),
    "footnotes": ("footnotes", "footnote"),
}
# Settings and totals of an outcome: RevMan 5 writes them into the row that heads it, RevMan Web into another table.
_SETTINGS = {
    "group": ("analysis group name",),
    "name": ("analysis name",),
    "type": ("data type",),
    "measure": ("effect measure",),
    "method": ("statistical method",),
    "model": ("analysis model",),
    "estimator": ("heterogeneity estimator",),
    "interval": ("ci method",),
    "level": ("estimate ci", "ci/pi level", "total confidence interval", "total ci"),
    "totals": ("totals",),
    "overall": ("overall estimates",),
    "subgroups": ("subgroup estimates",),
    "swap": ("swap event and non-event", "swap events and non-events", "swap event and non event"),
    "arm": ("experimental group label", "group label 1"),
    "comparator": ("control group label", "group label 2"),
    "left": ("graph label (left)", "left graph label"),
    "estimate": ("mean", "effect estimate"),
    "ci_low": ("ci start",),
    "ci_high": ("ci end",),
    "k": ("studies", "number of studies"),
    "i2": ("heterogeneity i²", "i²(q)", "i²"),
    "footnotes": ("footnotes",),
}
_TOTAL = ("estimate", "ci_low", "ci_high", "k", "i2")
_HEADS = ("Data Type", "df")
"""Columns of RevMan 5 that tell rows apart."""
_NEEDED = ("comparison", "outcome", "study")
_EMPTY = ("", "#N/A", "NA", "N/A", "Not applicable")
_KINDS = (
    (r"^di", ("events",)),
    (r"^con(?!trast)", ("mean",)),
    (r"o-e|^ipd", ("o_e",)),
    (r"contrast|generic|^inv|^giv|^iv", ("estimate",)),
)
_JUDGEMENTS = {"low": "low", "high": "high", "unclear": "unclear", "some": "some"}


def is_revman(header: Iterable[str]) -> bool:
    """Tell whether the columns of a table are those of an export of RevMan."""
    found = {_plain(name) for name in header}
    return all(found & set(_NAMES[name]) for name in _NEEDED)


def beside_data_rows(header: Iterable[str]) -> str:
    """Tell which table of RevMan Web has these columns that is read beside the data rows; "" for none of them."""
    found = {_plain(name) for name in header}
    if "study" in found and any(name.startswith("domain (judgement)") for name in found):
        return "the risk of bias"
    if {"analysis group", "analysis number"} <= found and "study" not in found:
        return "the estimates of subgroups" if "subgroup number" in found else "the settings of the analyses"
    return (
        "the information on studies" if "study" in found and any(n.startswith("char:") for n in found) else ""
    )


def collect_csv(path: Path, measure: str | None) -> Collected:
    """Collect what an export of RevMan as CSV holds.

    Parameters
    ----------
    path : Path
        The data rows of RevMan Web (the settings, estimates of subgroups, study information and risk of bias that
        were exported with them are looked for beside it) or the analyses that RevMan 5 exports.
    measure : str or None
        Measure of the outcomes for which no file gives one.

    Returns
    -------
    Collected

    Raises
    ------
    DataError
        If columns are missing or values are wrong; every fault is named with its row and column.
    """
    sheet = read_sheet(path)
    rows = sheet.rows
    columns = _columns(sheet.header, path.name)
    numbers = Numbers(path.name)
    collected = Collected(
        file=path.name, title=path.stem.replace("_", " "), program="RevMan", said=[*sheet.said]
    )
    if "data type" in {_plain(name) for name in sheet.header}:
        found, entries = _of_revman_5(rows, columns, numbers)
    else:
        found, entries = _of_revman_web(path, rows, columns, numbers, collected)
    for row, (one, settings), subgroup, cells in entries:
        label = cells["study"]
        if not label:
            fault = Fault(path.name, row, columns["study"], "", "the name of the study is missing")
            numbers.faults.append(fault)
            continue
        entry = _entry(one, settings, cells, row, columns, numbers)
        if entry is None:
            collected.left_out.append(
                f"row {row} of {path.name}: it has neither numbers of arms nor an estimate"
            )
            continue
        if why := impossible(entry.values):
            collected.left_out.append(f"row {row} of {path.name} ({label}): {why}")
            continue
        year = cells["year"] if re.fullmatch(r"(19|20)\d\d", cells["year"]) else ""
        collected.studies.setdefault(label, Study(label, year))
        entry.subgroup = "" if subgroup in _EMPTY else subgroup
        applies = _plain(cells["applicability"]).replace("_", " ")
        entry.in_total, entry.in_subgroup = applies != "subgroup only", applies != "overall only"
        one.entries.append(entry)
    unnamed: list[Comparison] = []
    for one, settings in found:
        if one.entries and not one.measure and settings.get("measure"):
            collected.left_out.append(f"'{one.outcome}': the tables have no measure '{settings['measure']}'")
        elif one.entries:
            one.measure = one.measure or _usual_measure(one, measure, collected)
            (collected.comparisons if one.measure else unnamed).append(one)
    numbers.done()
    for one in unnamed:
        words = (
            f"'{one.outcome}' has estimates, and no file says of which measure; name it with measure= (--measure): "
            "MD, SMD, ROM, RR, OR, RD, HR or IRR"
        )
        if not collected.comparisons:
            raise DataError(f"{path.name}: {words}")
        collected.left_out.append(words)
    return collected


Found = tuple[Comparison, Row]
Entries = list[tuple[int, Found, str, Row]]


def _of_revman_5(
    rows: list[tuple[int, Row]], columns: dict[str, str], numbers: Numbers
) -> tuple[list[Found], Entries]:
    """Sort the rows of RevMan 5, in which headings of comparisons, outcomes and subgroups stand above the studies."""
    found: list[Found] = []
    entries: Entries = []
    heading = subgroup = ""
    names: set[str] = set()
    for row, given in rows:
        record = given | {
            name: text for head, text in given.items() for name in _HEADS if _plain(head) == _plain(name)
        }
        cells = _cells(record, columns)
        if cells["outcome"] in ("", "0"):
            heading = cells["study"]
        elif record["Data Type"]:
            settings = _settings(record)
            one = _comparison(
                settings | {"group": heading},
                cells["comparison"],
                cells["outcome"],
                cells["study"],
                row,
                numbers,
            )
            found.append((one, settings))
            subgroup, names = "", set()
        elif record.get("df"):  # A subgroup has a test of heterogeneity, a study has none.
            subgroup = distinct(cells["study"], names)
            names.add(subgroup)
            if found and found[-1][0].totals != "none":
                found[-1][0].subgroups[subgroup] = _total(_settings(record), row, numbers)
        elif not found:
            expected = "a row that heads the outcome, with its Data Type, should stand above its studies"
            numbers.faults.append(Fault(numbers.file, row, "Data Type", "", expected))
        else:
            entries.append((row, found[-1], subgroup, cells))
    return found, entries


def _of_revman_web(
    path: Path, rows: list[tuple[int, Row]], columns: dict[str, str], numbers: Numbers, collected: Collected
) -> tuple[list[Found], Entries]:
    """Sort the rows of RevMan Web, each of which names its comparison and outcome."""
    settings = {
        (record["Analysis group"], record["Analysis number"]): (row, _settings(record))
        for row, record in _beside(
            path, "overall-estimates-and-settings", ("Analysis group", "Analysis number")
        )
    }
    if not settings:
        name = path.name.replace("data-rows", "overall-estimates-and-settings")
        looked = f" (looked for {name})" if name != path.name else ""
        collected.said.append(
            f"no settings beside the data rows{looked}: measures and models are the usual ones, not the review's"
        )
    found: dict[tuple[str, str], Found] = {}
    entries: Entries = []
    names: dict[tuple[str, str], dict[str, str]] = {}

    def subgroup_of(key: tuple[str, str], number: str, name: str) -> str:
        """Give the name of a subgroup; of two with one name the second gets a number."""
        known = names.setdefault(key, {})
        if not number or name in _EMPTY:
            return name
        if number not in known:
            known[number] = distinct(name, known.values())
        return known[number]

    for row, record in rows:
        cells = _cells(record, columns)
        key = cells["comparison"], cells["outcome"]
        if key not in found:
            line, known = settings.get(key, (row, {}))
            found[key] = _comparison(known, *key, cells["outcome name"] or key[1], line, numbers), known
        subgroup = subgroup_of(key, cells["subgroup number"], cells["subgroup"])
        entries.append((row, found[key], subgroup, cells))
    needed = ("Analysis group", "Analysis number", "Subgroup")
    for row, record in _beside(path, "subgroup-estimates", needed):
        key = record["Analysis group"], record["Analysis number"]
        one = found.get(key)
        if one and one[0].totals != "none":
            subgroup = subgroup_of(key, record.get("Subgroup number", ""), record["Subgroup"])
            one[0].subgroups[subgroup] = _total(_settings(record), row, numbers)
    _studies(path, collected)
    _judgements(path, collected)
    return list(found.values()), entries


def _beside(path: Path, name: str, needed: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Give the rows of a table that RevMan Web wrote with the data rows: beside them, or in its folder of studies."""
    stem = path.name.replace("data-rows", name)
    if stem == path.name:
        return
    folder = path.parent.name.replace("analysis-data", "study-data")
    places = (path.with_name(stem), path.parent.parent / folder / stem)
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        return
    sheet = read_sheet(place, may_be_empty=True)
    for column in needed:
        if column not in sheet.header:
            raise DataError(
                [Fault(place.name, 1, column, "", "the column is missing; export the file again")]
            )
    yield from sheet.rows


def _studies(path: Path, collected: Collected) -> None:
    """Take what the table of study information says of each study."""
    for _, record in _beside(path, "study-information", ("Study",)):
        given = {_plain(name): text for name, text in record.items() if text not in _EMPTY}
        chars = {
            name.removeprefix("char:").strip(): text
            for name, text in given.items()
            if name.startswith("char:")
        }
        year = given.get("year", given.get("study year", ""))
        study = Study(record["Study"], year if re.fullmatch(r"(19|20)\d\d", year) else "")
        study.population = chars.pop("participants", "")
        study.notes = "; ".join(f"{name.capitalize()}: {text}" for name, text in chars.items())
        study.doi, study.pmid = given.get("doi", ""), given.get("pmid", given.get("pubmed id", ""))
        collected.studies[record["Study"]] = study


def _judgements(path: Path, collected: Collected) -> None:
    """Take the judgements of the table of risk of bias; of several on one domain the worst stands."""
    for _, record in _beside(path, "risk-of-bias", ("Study",)):
        judged: dict[str, list[tuple[str, str]]] = {}
        for heading, text in record.items():
            if not _plain(heading).startswith("domain (judgement)") or text in _EMPTY:
                continue
            name = heading.partition(":")[2].strip()
            domain, word = bias_domain(name), text.lower().split()[0]
            if not domain or word not in _JUDGEMENTS:
                what = f"'{name}': no such domain" if not domain else f"'{name}': no judgement '{text}'"
                collected.left_out.append(f"judgements on {what} in a tool of risk of bias")
                continue
            support = record.get(heading.replace("(judgement)", "(support)"), "")
            judged.setdefault(domain, []).append((_JUDGEMENTS[word], support))
        for domain, several in judged.items():
            collected.judgements.append((record["Study"], domain, *worst_first(several)))


def _plain(name: str) -> str:
    return re.sub(r"\s+", " ", name.strip().lower())


def _columns(header: Iterable[str], file: str) -> dict[str, str]:
    """Find the columns by their headings."""
    given = {_plain(name): name for name in header}
    columns = {}
    for name, known in _NAMES.items():
        present = [given[other] for other in known if other in given]
        if present:
            columns[name] = present[0]
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        words = ((name, f"the column is missing; head it {' or '.join(_NAMES[name])}") for name in missing)
        raise DataError([Fault(file, 1, name, "", expected) for name, expected in words])
    return columns


def _cells(record: Row, columns: dict[str, str]) -> Row:
    return {name: record[columns[name]] if name in columns else "" for name in _NAMES}


def _settings(record: Row) -> Row:
    """Give the settings and totals of a row by our names; what is absent or not applicable is left out."""
    given = {_plain(name): text for name, text in record.items() if text not in _EMPTY}
    found = {
        name: next((given[other] for other in known if other in given), "")
        for name, known in _SETTINGS.items()
    }
    return {name: text for name, text in found.items() if text}


def _yes(text: str, default: bool) -> bool:
    return {"true": True, "yes": True, "false": False, "no": False}.get(text.strip().lower(), default)


def _comparison(given: Row, number: str, outcome: str, name: str, row: int, numbers: Numbers) -> Comparison:
    """Make an outcome of its settings, any of which may be absent."""
    comparator = given.get("comparator", "")
    model = next((word for word in ("random", "fixed") if word in given.get("model", "").lower()), "")
    likelihood = re.search(r"reml|restricted", given.get("estimator", "").lower())
    random = "REML" if likelihood else "DL"
    method = given.get("method", "")
    level = re.match(r"\d+(\.\d+)?", given.get("level", ""))
    share = float(level.group()) if level else 95.0
    dichotomous = not given.get("type") or given["type"].lower().startswith("di")
    counts = counts_of(f"{method} {given.get('measure', '')}") if dichotomous else "IV"
    one = Comparison(
        number=number,
        comparison=given.get("group", "") or number,
        outcome=given.get("name", "") or name,
        measure=measure_named(given.get("measure", "")),
        arm=given.get("arm", ""),
        comparator=comparator,
        better=better_of(given.get("left", ""), comparator),
        method={"random": random, "fixed": "EE"}.get(model, ""),
        counts=counts,
        interval="HKSJ"
        if model == "random" and re.search("hksj|hartung", given.get("interval", "").lower())
        else "z",
        level=share / 100 if 50 <= share < 100 else share if 0.5 <= share < 1 else 0.95,
        words=", ".join(word for word in (method, model and f"{model} effects") if word),
        totals=_totals(given),
        place=f"comparison {number}, outcome {outcome}",
    )
    if one.totals == "all":
        one.pooled = _total(given, row, numbers)
    return one


def _totals(given: Row) -> str:
    """Tell what is pooled: RevMan 5 says it in words, RevMan Web with two switches."""
    words = given.get("totals", "").lower()
    if words:
        return (
            "subgroups"
            if ("sub" in words and "only" in words) or words == "sub"
            else "none"
            if "no" in words
            else "all"
        )
    if _yes(given.get("overall", ""), True):
        return "all"
    return "subgroups" if _yes(given.get("subgroups", ""), True) else "none"


def _total(given: Row, row: int, numbers: Numbers) -> dict[str, str]:
    """Read a total; empty if there is none."""
    found = {name: numbers.read(given.get(name, "").rstrip("%"), row, name) for name in _TOTAL}
    return found if found["estimate"] else {}


def _entry(
    one: Comparison, settings: Row, cells: Row, row: int, columns: dict[str, str], numbers: Numbers
) -> Entry | None:
    """Read the numbers of one study; None if it has none. A measure of means passes over the zeros of events."""

    def read(name: str, *, whole: bool = False, low: float = -math.inf) -> str:
        return numbers.read(cells[name], row, columns.get(name, name), whole=whole, low=low)

    kind = _kind(one, settings, cells)
    values = {name: read(name, whole=True, low=0) for name in ("total_1", "total_2")}
    note = cells["footnotes"]
    if kind == "events":
        values |= {name: read(name, whole=True, low=0) for name in ("events_1", "events_2")}
        printed = f"{values['events_1']}/{values['total_1']} v {values['events_2']}/{values['total_2']}"
        if _yes(settings.get("swap", ""), False) and not impossible(values):
            for arm in "12":
                events, size = values[f"events_{arm}"], values[f"total_{arm}"]
                values[f"events_{arm}"] = str(int(size) - int(events)) if events and size else ""
            note = "; ".join(
                filter(None, (note, "the file analyses those without the event, who are counted here"))
            )
    elif kind == "mean":
        for arm in "12":
            values |= {f"mean_{arm}": read(f"mean_{arm}"), f"sd_{arm}": read(f"sd_{arm}", low=0)}
        sides = (
            f"{cells[f'mean_{arm}']} (SD {cells[f'sd_{arm}']}), n {cells[f'total_{arm}']}" for arm in "12"
        )
        printed = " v ".join(sides)
    elif kind == "o_e":
        difference, variance = read("o_e"), read("variance", low=0)
        if not (difference and variance and float(variance) > 0):
            return None
        estimate, se = float(difference) / float(variance), 1 / math.sqrt(float(variance))
        values |= {"estimate": repr(estimate), "se": repr(se)}
        printed = f"O-E {difference}, variance {variance}"
        note = "; ".join(filter(None, (note, "estimate = (O-E) / V, SE = 1 / √V")))
    else:
        values |= {"estimate": read("estimate"), "se": read("se", low=0)}
        printed = f"estimate {cells['estimate']}, SE {cells['se']}"
        if not values["estimate"]:
            return None
    return Entry(cells["study"], values, f"{one.place}, {cells['study']} (row {row})", printed, note=note)


def _kind(one: Comparison, settings: Row, cells: Row) -> str:
    """Tell which numbers of a row are meant: by the type of the outcome, else by its measure and what is there."""
    given = settings.get("type", "").lower()
    told = next((kinds[0] for pattern, kinds in _KINDS if re.search(pattern, given)), "") if given else ""
    sized = {cells["total_1"], cells["total_2"]} - {*_EMPTY, "0"}

    def has(name: str) -> bool:
        return bool(sized) and any(cells[f"{name}_{arm}"] not in _EMPTY for arm in "12")

    if told:
        # An outcome of means or counts may hold single estimates.
        single = told in ("events", "mean") and not has(told) and cells["estimate"] not in _EMPTY
        return "estimate" if single else told
    if not sized and cells["variance"] not in (*_EMPTY, "0", "0.0") and cells["o_e"] not in _EMPTY:
        return "o_e"
    kinds = ("mean", "events") if one.measure in ("MD", "SMD", "ROM") else ("events", "mean")
    return next((name for name in kinds if has(name)), "estimate")


def _usual_measure(one: Comparison, measure: str | None, collected: Collected) -> str:
    """Choose a measure where no file names one: counts and means allow any of theirs, estimates are of one."""
    given = one.entries[0].values.keys()
    if "estimate" in given:
        return measure or ""
    of_counts: tuple[str, ...] = ("OR",) if one.counts == "PETO" else ("RR", "OR", "RD")
    allowed = of_counts if "events_1" in given else ("MD", "SMD", "ROM")
    chosen = measure if measure in allowed else allowed[0]
    if chosen != measure:
        collected.said.append(f"'{one.outcome}': the file names no measure, {chosen} is taken (--measure)")
    return chosen
