"""Read a review of RevMan 5 (``.rm5``, an XML file): comparisons, studies, their characteristics and risk of bias."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
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
from evidence.tables.importing.xml import Element, read_xml

__all__ = ["collect_xml"]

_OUTCOMES = ("DICH_OUTCOME", "CONT_OUTCOME", "IV_OUTCOME", "IPD_OUTCOME")
_POOLED = {
    "estimate": "EFFECT_SIZE",
    "ci_low": "CI_START",
    "ci_high": "CI_END",
    "k": "STUDIES",
    "i2": "I2",
}
_METHODS = {"MH": "Mantel-Haenszel", "IV": "inverse variance", "PETO": "Peto", "EXP_O_E": "(O-E) / V"}
_RESULTS = {"YES": "low", "NO": "high", "UNKNOWN": "unclear"}


def collect_xml(path: Path) -> Collected:
    """Collect what a file of RevMan 5 holds.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Collected

    Raises
    ------
    DataError
        If the file is not a review of RevMan 5, or numbers in it are wrong; every fault is named with its line.
    """
    root = read_xml(path)
    if root.name != "COCHRANE_REVIEW":
        expected = "is no review of RevMan 5: its outermost element should be COCHRANE_REVIEW"
        raise DataError([Fault(path.name, root.line, "", root.name, expected)])
    doi = root.get("DOI")
    collected = Collected(
        file=path.name,
        title=root.text("COVER_SHEET", "TITLE") or path.stem,
        program="RevMan",
        source_url=f"https://doi.org/{doi}" if doi else "",
    )
    characteristics = {char.get("STUDY_ID"): char for char in root.all("INCLUDED_CHAR")}
    for group in root.all("INCLUDED_STUDIES"):
        for study in group.all("STUDY"):
            key = study.get("ID")
            collected.studies[key] = _study(study, characteristics.get(key))
    names = {study.get("ID"): study.get("NAME") for study in root.all("STUDY")}
    for char in root.all("EXCLUDED_CHAR"):
        key = char.get("STUDY_ID")
        reason = char.text("CHAR_REASON_FOR_EXCLUSION") or "no reason in the file"
        collected.excluded.append((names.get(key, key), reason))
    _judgements(root, collected)
    numbers = Numbers(path.name)
    for comparison in root.all("COMPARISON"):
        for outcome in comparison.children:
            if outcome.name in _OUTCOMES:
                _outcome(comparison, outcome, collected, numbers)
            elif outcome.name.endswith("_OUTCOME"):
                collected.left_out.append(
                    f"'{outcome.text('NAME')}' (line {outcome.line}): it has text, not numbers"
                )
    numbers.done()
    return collected


def _study(study: Element, characteristics: Element | None) -> Study:
    references = [child for child in study.children if child.name == "REFERENCE"]
    references.sort(key=lambda reference: reference.get("PRIMARY") != "YES")
    doi = pmid = citation = ""
    if references:
        first = references[0]
        parts = (first.text(name) for name in ("AU", "TI", "SO", "YR", "VL", "NO", "PG"))
        citation = ". ".join(part.rstrip(".") for part in parts if part)
        kinds = {entry.get("TYPE"): entry.get("VALUE") for entry in first.all("IDENTIFIER")}
        doi = kinds.get("DOI", "")
        pmid = kinds.get("PUBMED", kinds.get("MEDLINE", ""))
    year = study.get("YEAR") if re.fullmatch(r"(19|20)\d\d", study.get("YEAR")) else ""
    described = Study(study.get("NAME"), year, citation=citation, doi=doi, pmid=pmid)
    if characteristics:
        described.population = characteristics.text("CHAR_PARTICIPANTS")
        texts = {
            name: characteristics.text(f"CHAR_{name.upper()}")
            for name in ("Methods", "Interventions", "Outcomes", "Notes")
        }
        described.notes = "; ".join(f"{name}: {text}" for name, text in texts.items() if text)
    return described


def _judgements(root: Element, collected: Collected) -> None:
    """Take the judgements on the domains of the Cochrane tool; of several for one study the worst stands."""
    for item in root.all("QUALITY_ITEM"):
        name = item.text("NAME")
        entries = list(item.all("QUALITY_ITEM_DATA_ENTRY"))
        domain = bias_domain(name)
        if not domain:
            if entries:
                collected.left_out.append(
                    f"judgements on '{name}': the Cochrane tool of 2011 has no such domain"
                )
            continue
        found: dict[str, list[tuple[str, str]]] = {}
        for entry in entries:
            if entry.get("STUDY_ID") in collected.studies and entry.get("RESULT") in _RESULTS:
                judged = _RESULTS[entry.get("RESULT")], entry.text("DESCRIPTION")
                found.setdefault(entry.get("STUDY_ID"), []).append(judged)
        for study, several in found.items():
            if not any(known[:2] == (study, domain) for known in collected.judgements):
                collected.judgements.append((study, domain, *worst_first(several)))


def _outcome(comparison: Element, outcome: Element, collected: Collected, numbers: Numbers) -> None:
    """Add one outcome of a comparison with the numbers of its studies."""
    name, words = outcome.text("NAME"), outcome.get("EFFECT_MEASURE") or outcome.text("EFFECT_MEASURE")
    measure = measure_named(words)
    data = list(_data(outcome))
    if not data:
        return
    if not measure:
        collected.left_out.append(f"'{name}' (line {outcome.line}): the tables have no measure '{words}'")
        return
    labels = outcome.text("GROUP_LABEL_1"), outcome.text("GROUP_LABEL_2")
    random = {"YES": "random", "NO": "fixed"}.get(outcome.get("RANDOM"), "")
    method = _METHODS.get(outcome.get("METHOD"), "")
    place = f"comparison {comparison.get('NO')}, outcome {outcome.get('NO')}"
    level = numbers.read(outcome.get("CI_TOTAL"), outcome.line, f"{outcome.name} CI_TOTAL", low=0, above=True)
    one = Comparison(
        number=comparison.get("NO"),
        comparison=comparison.text("NAME"),
        outcome=name,
        measure=measure,
        arm=labels[0],
        comparator=labels[1],
        better=better_of(outcome.text("GRAPH_LABEL_1"), labels[1]),
        method={"random": "DL", "fixed": "EE"}.get(random, ""),
        counts=counts_of(method) if outcome.name == "DICH_OUTCOME" else "IV",
        level=float(level) / 100 if level and float(level) < 100 else 0.95,
        words=", ".join(part for part in (method, f"{random} effects" if random else "") if part),
        totals={"SUB": "subgroups", "NO": "none"}.get(outcome.get("TOTALS"), "all"),
        place=place,
    )
    if one.totals == "all":
        one.pooled = _total(outcome, numbers)
    for child, subgroup in _subgroups(outcome):
        if subgroup and one.totals != "none":
            one.subgroups[subgroup] = _total(child, numbers)
    for subgroup, row in data:
        study = row.get("STUDY_ID")
        if study not in collected.studies:
            numbers.faults.append(
                Fault(numbers.file, row.line, f"{row.name} STUDY_ID", study, "no included study has this ID")
            )
            continue
        label = collected.studies[study].label
        where = f"{place}{f', {subgroup}' if subgroup else ''}, {label} (line {row.line})"
        values, printed, note = _values(row, outcome.get("SWAP_EVENTS") == "YES", numbers)
        if why := impossible(values):
            collected.left_out.append(f"{where}: {why}")
            continue
        notes = "; ".join(part for part in (note, row.text("FOOTNOTE") or row.text("FOOTNOTES")) if part)
        one.entries.append(Entry(study, values, where, printed, subgroup, notes))
    collected.comparisons.append(one)


def _total(element: Element, numbers: Numbers) -> dict[str, str]:
    """Read the total of an outcome or a subgroup; empty if the file has none."""
    if element.get("ESTIMABLE") == "NO":
        return {}
    found = {
        column: numbers.read(element.get(attribute), element.line, f"{element.name} {attribute}")
        for column, attribute in _POOLED.items()
    }
    return found if found["estimate"] else {}


def _data(outcome: Element) -> Iterator[tuple[str, Element]]:
    """Give the rows of studies with the name of their subgroup."""
    for child, subgroup in _subgroups(outcome):
        if child.name.endswith("_DATA"):
            yield "", child
        else:
            yield from ((subgroup, row) for row in child.children if row.name.endswith("_DATA"))


def _subgroups(outcome: Element) -> Iterator[tuple[Element, str]]:
    """Give the parts of an outcome: subgroups with a name that no other of them has, and data of none with ""."""
    names: set[str] = set()
    for child in outcome.children:
        if child.name.endswith("_SUBGROUP"):
            name = distinct(child.text("NAME") or "Subgroup", names)
            names.add(name)
            yield child, name
        elif child.name.endswith("_DATA"):
            yield child, ""


def _values(row: Element, swap: bool, numbers: Numbers) -> tuple[dict[str, str], str, str]:
    """Read the numbers of one study: values, the printed ones in words, and a note."""

    def read(attribute: str, *, whole: bool = False, low: float = -math.inf, above: bool = False) -> str:
        text = row.get(attribute)
        return numbers.read(text, row.line, f"{row.name} {attribute}", whole=whole, low=low, above=above)

    totals = {f"total_{arm}": read(f"TOTAL_{arm}", whole=True, low=0) for arm in "12"}
    if row.name == "DICH_DATA":
        events = {f"events_{arm}": read(f"EVENTS_{arm}", whole=True, low=0) for arm in "12"}
        printed = f"{events['events_1']}/{totals['total_1']} v {events['events_2']}/{totals['total_2']}"
        if swap:
            for arm in "12":
                with_event, size = events[f"events_{arm}"], totals[f"total_{arm}"]
                if with_event and size and int(with_event) <= int(size):
                    events[f"events_{arm}"] = str(int(size) - int(with_event))
            return totals | events, printed, "the file analyses those without the event, who are counted here"
        return totals | events, printed, ""
    if row.name == "CONT_DATA":
        values = totals.copy()
        for arm in "12":
            values |= {f"mean_{arm}": read(f"MEAN_{arm}"), f"sd_{arm}": read(f"SD_{arm}", low=0)}
        sides = (
            f"{row.get(f'MEAN_{arm}')} (SD {row.get(f'SD_{arm}')}), n {totals[f'total_{arm}']}"
            for arm in "12"
        )
        return values, " v ".join(sides), ""
    if row.name == "IPD_DATA":
        difference, variance = read("O_E"), read("VAR", low=0)
        given = bool(difference and variance and float(variance) > 0)
        estimate = repr(float(difference) / float(variance)) if given else ""
        se = repr(1 / math.sqrt(float(variance))) if given else ""
        printed = f"O-E {row.get('O_E')}, variance {row.get('VAR')}"
        return totals | {"estimate": estimate, "se": se}, printed, "estimate = (O-E) / V, SE = 1 / √V"
    estimate, se = read("ESTIMATE"), read("SE", low=0)
    return (
        totals | {"estimate": estimate, "se": se},
        f"estimate {row.get('ESTIMATE')}, SE {row.get('SE')}",
        "",
    )
