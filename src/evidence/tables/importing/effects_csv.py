"""Read a data set of one meta-analysis or network: the columns that metafor, meta, netmeta and people use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from evidence.errors import DataError, Fault, closest
from evidence.measures import LARGEST_LOG, PAIR_MEASURES, REVIEW_MEASURES, measure_of
from evidence.tables.importing.collected import (
    Collected,
    Comparison,
    Entry,
    Numbers,
    Study,
    first_of,
    impossible,
)
from evidence.tables.importing.spreadsheet import Sheet, read_sheet
from evidence.tables.schema import TABLES

__all__ = ["collect_effects"]

_RATIO_COLUMNS = {"or": "OR", "rr": "RR", "hr": "HR", "irr": "IRR", "rom": "ROM"}
# Sets of columns, by what they are; the first that is whole is taken. The last three are long: one arm a row.
_SHAPES: dict[tuple[str, ...], str] = {
    ("yi", "vi"): "estimates",
    ("yi", "sei"): "estimates",
    ("yi", "ci.lb", "ci.ub"): "estimates",
    **{(name, "ci.lb", "ci.ub"): "ratios" for name in _RATIO_COLUMNS},
    ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i"): "means",
    ("ai", "bi", "ci", "di"): "counts",
    ("ai", "n1i", "ci", "n2i"): "counts",
    ("x1i", "t1i", "x2i", "t2i"): "rates",
    ("yi", "pval"): "estimates",
    ("arm", "events", "n"): "counts",
    ("arm", "mean", "sd", "n"): "means",
    ("arm", "events", "time"): "rates",
}
_SIZE = ("ni", "n", "total", "sample.size")
_EVENTS = ("xi", "events", "event", "cases", "responders")
# One group a study: what it is, and the headings of its numbers; the first that is whole is taken.
_ONE_GROUP: tuple[tuple[str, dict[str, tuple[str, ...]]], ...] = (
    ("mean", {"mean": ("mi", "mean"), "sd": ("sdi", "sd"), "n": _SIZE}),
    ("correlation", {"ri": ("ri", "cor", "correlation", "r"), "n": _SIZE}),
    ("rate", {"events": _EVENTS, "time": ("ti", "time", "person.years", "person.time", "exposure")}),
    ("proportion", {"events": _EVENTS, "n": _SIZE}),
    ("proportion", {"xi": ("xi",), "mi": ("mi",)}),
)
_ALONE = tuple(dict.fromkeys(kind for kind, _ in _ONE_GROUP))
_MEASURES = {
    **{kind: tuple(one for one in REVIEW_MEASURES if measure_of(one).of == kind) for kind in _ALONE},
    "estimates": PAIR_MEASURES,
    "means": ("MD", "SMD", "ROM"),
    "counts": ("RR", "OR", "RD"),
    "rates": ("IRR",),
}
_USUAL = {
    "means": "MD",
    "counts": "RR",
    "rates": "IRR",
    "mean": "MN",
    "correlation": "ZCOR",
    "rate": "IRLN",
    "proportion": "PLO",
}
_LABELS = ("slab", "studlab", "author", "authors", "study", "trial", "label", "name", "source", "id")
# Other headings for a column, in small letters and with points for what parts words.
_ALSO = {
    "yi": ("te", "effect", "estimate", "effect.size", "es"),
    "vi": ("var", "variance", "v"),
    "sei": ("sete", "se", "standard.error", "std.error"),
    "ci.lb": ("lower", "ci.low", "ci.lower", "lcl", "lci", "lower.ci", "95%.ci.lower", "low", "ci.l"),
    "ci.ub": ("upper", "ci.high", "ci.upper", "ucl", "uci", "upper.ci", "95%.ci.upper", "high", "ci.u"),
    "or": ("odds.ratio",),
    "rr": ("risk.ratio", "relative.risk"),
    "hr": ("hazard.ratio",),
    "irr": ("rate.ratio", "incidence.rate.ratio"),
    "rom": ("ratio.of.means",),
    "ai": ("event.e", "events.e", "event1", "events1", "events.1"),
    "ci": ("event.c", "events.c", "event2", "events2", "events.2"),
    "n1i": ("n.e", "n1", "n.1", "total1", "total.1"),
    "n2i": ("n.c", "n2", "n.2", "total2", "total.2"),
    "m1i": ("mean.e", "mean1", "mean.1"),
    "m2i": ("mean.c", "mean2", "mean.2"),
    "sd1i": ("sd.e", "sd1", "sd.1"),
    "sd2i": ("sd.c", "sd2", "sd.2"),
    "t1i": ("time.e", "time1"),
    "t2i": ("time.c", "time2"),
    "ci_level": ("conf.level", "confidence.level"),
    "pval": ("p", "p.value", "pvalue"),
    "treat1": ("treatment1", "t1"),
    "treat2": ("treatment2", "t2"),
    "arm": ("treatment", "treat", "group", "intervention"),
    "events": ("event", "r", "responders"),
    "n": ("total", "sample.size", "n.total"),
    "time": ("person.years", "person.time", "exposure"),
    "outcome": (),
    "subgroup": (),
    "year": ("publication.year",),
}
_BESIDE = ("treat1", "treat2", "outcome", "subgroup", "year", "n1i", "n2i")
_WHOLE = ("ai", "bi", "ci", "di", "n1i", "n2i", "x1i", "x2i", "xi", "mi", "events", "n")
_POSITIVE = ("vi", "sei", "t1i", "t2i", "time", *_RATIO_COLUMNS)
_NOT_BELOW_0 = (*_WHOLE, "sd1i", "sd2i", "sd", "pval")


def _beside(shape: tuple[str, ...]) -> tuple[str, ...]:
    return (*_BESIDE, "ci_level") if "ci.lb" in shape else _BESIDE


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the columns of a file are read: the heading of each known column, and what the rest is called."""

    headings: dict[str, str]
    shape: tuple[str, ...]
    kind: str
    label: str
    kept: dict[str, str]

    @property
    def long(self) -> bool:
        return "arm" in self.shape

    @property
    def alone(self) -> bool:
        """Whether a study has one group."""
        return self.kind in _ALONE

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns that are read beside the set, where the file has them."""
        return _beside(self.shape)

    def said(self) -> str:
        """The mapping in words."""
        used = [
            *([self.label] if self.label else []),
            *(["arm"] if self.alone and "arm" in self.headings else []),
            *self.shape,
            *(n for n in self.beside if n in self.headings),
        ]
        pairs = (
            f"{'study' if name == self.label else name} = {self.headings[name]}"
            for name in dict.fromkeys(used)
        )
        kept = f"; kept as columns of trials: {', '.join(self.kept.values())}" if self.kept else ""
        return f"columns: {', '.join(pairs)}{kept}"


def collect_effects(
    path: Path,
    *,
    measure: str | None,
    columns: Mapping[str, str],
    names: tuple[str, str],
    outcome: str,
    better: str,
    sheet: str | None = None,
) -> Collected:
    """Collect the studies of a data set.

    Parameters
    ----------
    path : Path
        A table with a header.
    measure : str or None
        Measure; by default that of the columns: MD for means, RR for counts, IRR for rates; for one group a study PLO
        for events among people, IRLN for events over time, MN for means, ZCOR for correlations.
    columns : mapping of str to str
        Name of the column in the file for a name of metafor, or for ``study``, where it is another.
    names : tuple of str
        The intervention and the comparator, where the rows do not name them; for one group a study the group alone.
    outcome : str
        The outcome, likewise.
    better : {"lower", "higher", ""}
    sheet : str or None
        Sheet of a workbook.

    Returns
    -------
    Collected

    Raises
    ------
    DataError
        If columns are missing or values are wrong; every fault is named with its row and column.
    """
    table = read_sheet(path, sheet)
    layout = _layout(table, columns, path.name, measure)
    measure = _measure(measure, layout, path.name)
    if layout.alone:
        names = _the_group(names, measure)
    collected = Collected(
        path.name, path.stem.replace("_", " "), "metafor", said=[*table.said, layout.said()]
    )
    collected.headings = {name: heading for heading, name in layout.kept.items()}
    collected.said.append(f"measure: {measure}")
    if layout.alone:
        collected.said.append("one group a study: nothing is compared")
    numbers = Numbers(path.name)
    rows = [
        (row, {name: given[heading] for name, heading in layout.headings.items()}, given)
        for row, given in table.rows
    ]
    keys = _studies(rows, layout, collected)
    found: dict[tuple[str, str, str], Comparison] = {}

    def comparison(arm: str, comparator: str, of: str) -> Comparison:
        known = found.get((arm, comparator, of))
        if known is None:
            number = str(len(found) + 1)
            known = Comparison(
                number,
                " v ".join(filter(None, (arm, comparator))),
                of,
                measure,
                arm,
                comparator,
                better=better,
                place=layout.kind,
            )
            found[arm, comparator, of] = known
        return known

    left: dict[str, None] = {}
    for row, texts, values, arms in _entries(rows, keys, layout, measure, numbers, names, collected.left_out):
        if values is None:
            left[f"{collected.studies[keys[row]].label} (row {row})"] = None
            continue
        if why := impossible(values):
            collected.left_out.append(f"row {row}: {why}")
            continue
        printed = values.pop("printed")
        entry = Entry(keys[row], values, f"row {row}", printed, subgroup=texts.get("subgroup", ""))
        comparison(*arms, texts.get("outcome", "") or outcome).entries.append(entry)
    numbers.done()
    if layout.kind == "estimates" and measure_of(measure).ratio:
        _refuse_ratios(found.values(), measure, layout, path.name)
        collected.said.append(f"{layout.headings[layout.shape[0]]} is read as the logarithm of the {measure}")
    if left:
        rows_left = "result of 1 row" if len(left) == 1 else f"results of {len(left)} rows"
        collected.left_out.append(f"{rows_left} in which a number is missing: {first_of(left)}")
    collected.comparisons.extend(found.values())
    if repeated := _repeated(collected):
        collected.said.append(
            f"several rows of one study stand in one comparison, and each counts there as a study of its own: "
            f"{first_of(repeated)}; tell them apart by a column outcome or subgroup or, if they hold the same "
            "patients, set one of them aside (`set_aside` in review.yaml)"
        )
    return collected


def _refuse_ratios(found: Iterable[Comparison], measure: str, layout: _Layout, file: str) -> None:
    """Refuse ratios in the place of logarithms: their intervals are in the middle only on the scale of logarithms."""
    as_ratios, as_logarithms = [], []
    for one in found:
        for values in (entry.values for entry in one.entries if "ci_low" in entry.values):
            at, low, high = (float(values[name]) for name in ("estimate", "ci_low", "ci_high"))
            as_logarithms.append(_off(at, low, high))
            as_ratios.append(_off(*map(math.log, (at, low, high))) if min(at, low) > 0 else math.inf)
    if as_ratios and max(as_ratios) < 0.05 and max(as_logarithms) > 0.05:
        heading = layout.headings[layout.shape[0]]
        raise DataError(
            f"{file}: the intervals fit ratios and not their logarithms, which a column headed '{heading}' is taken "
            f"for; head it '{measure.lower()}' or give the logarithms of the {measure}"
        )


def _off(at: float, low: float, high: float) -> float:
    """How far an estimate is from the middle of its interval, as a share of its width."""
    return abs(at - (low + high) / 2) / (high - low) if high > low else 0.0


def _repeated(collected: Collected) -> list[str]:
    """Name the studies of which several rows are in one comparison as if they were different studies."""
    repeated: dict[str, None] = {}
    for one in collected.comparisons:
        keys: dict[str, set[str]] = {}
        for entry in one.entries:
            keys.setdefault(collected.studies[entry.study].label, set()).add(entry.study)
        repeated.update({f"'{label}'": None for label, known in keys.items() if len(known) > 1})
    return list(repeated)


def _norm(heading: str) -> str:
    return re.sub(r"[\s_\-.]+", ".", heading.strip().lower()).strip(".")


def _layout(table: Sheet, columns: Mapping[str, str], file: str, measure: str | None) -> _Layout:
    """Tell which column is what."""
    single = [name for _, wanted in _ONE_GROUP for name in wanted]
    allowed = dict.fromkeys(
        [*(name for shape in _SHAPES for name in shape), *single, *_ALSO, "study", "year"]
    )
    named = {}
    for name, given in columns.items():
        if name not in allowed:
            raise DataError(f"there is no column '{name}' to be named; use {', '.join(sorted(allowed))}")
        if given not in table.header:
            close = closest(given, table.header)
            listed = ", ".join(filter(None, table.header))
            hint = f"; did you mean '{close}'?" if close else f"; it has {listed}"
            raise DataError([Fault(file, 1, given, "", f"the file has no such column{hint}")])
        named["slab" if name == "study" else name] = given  # A label that was named goes before all others.
    # A heading that is a wanted name by chance gives way to one that was named.
    free = {_norm(name): name for name in reversed(table.header) if name and name not in named.values()}
    known = {name: free[_norm(name)] for name in [*allowed, "bi", "di"] if _norm(name) in free} | named
    taken = {*known.values()}
    for name, others in _ALSO.items():
        heading = next((free[other] for other in others if other in free and free[other] not in taken), None)
        if name not in known and heading is not None:
            known[name] = heading
    for name in _LABELS:
        if name not in known and name in free and free[name] not in known.values():
            known[name] = free[name]
    shape, kind = _shape(known, named, table.header, file, measure)
    long = "arm" in shape
    label = _label_column(table, {name: given for name, given in known.items() if name not in shape})
    beside = (*(["slab"] if long else []), *(["arm"] if kind in _ALONE else []), *_beside(shape))
    used = {known[name] for name in (*shape, *beside) if name in known}
    used |= {known[label]} if label else set()
    return _Layout(
        known, shape, kind, label, _kept([name for name in table.header if name and name not in used])
    )


def _kept(headings: list[str]) -> dict[str, str]:
    """Name the columns that are kept with the trials: none as another, or as a column that trials have anyway."""
    known = {column.name for column in TABLES[0].columns}
    kept: dict[str, str] = {}
    for heading in headings:
        name = re.sub(r"\W+", "_", heading).strip("_")
        if not name:
            continue
        name = f"{name}_in_file" if name in known else name
        number, wanted = 1, name
        while name in kept.values():
            number += 1
            name = f"{wanted}_{number}"
        kept[heading] = name
    return kept


def _shape(
    known: dict[str, str],
    named: Mapping[str, str],
    header: tuple[str, ...],
    file: str,
    measure: str | None,
) -> tuple[tuple[str, ...], str]:
    """Find the set of columns that is whole, and add the headings of one group to those that are known."""
    asked = measure_of(measure).of if measure and measure_of(measure).one_group else ""
    for shape, kind in {} if asked else _SHAPES.items():
        # A column for itself is no set: "ci" is a count of metafor and the start of many other headings.
        if set(shape) <= set(known) and len({known[name] for name in shape}) == len(shape):
            return shape, kind
    given = {_norm(name): name for name in reversed(header) if name}
    for kind, wanted in _ONE_GROUP:
        found = {
            key: named.get(key) or next((given[one] for one in names if one in given), "")
            for key, names in wanted.items()
        }
        if asked in ("", kind) and all(found.values()):
            known.update(found)
            return tuple(found), kind
    alone = [tuple(wanted) for kind, wanted in _ONE_GROUP if asked in ("", kind)]
    wide = () if asked else tuple(_SHAPES)
    nearest = max(wide or alone, key=lambda shape: len(set(shape) & set(known)) / len(shape))
    missing = next((name for name in nearest if name not in known), nearest[0])
    sets = "; ".join(" ".join(shape) for shape in (*wide, *alone))
    expected = (
        f"the column is missing; the file has {', '.join(sorted(filter(None, header)))}. Needed is one of: {sets}. "
        f"Name a column that is headed otherwise with columns= (--column {missing}=HEADING)"
    )
    raise DataError([Fault(file, 1, missing, "", expected)])


def _measure(measure: str | None, layout: _Layout, file: str) -> str:
    if layout.kind == "ratios":
        own = _RATIO_COLUMNS[layout.shape[0]]
        if measure not in (None, own):
            raise DataError(
                f"measure is '{measure}', but {file} has a column {layout.headings[layout.shape[0]]}"
            )
        return own
    chosen = measure or _USUAL.get(layout.kind)
    if chosen is None:
        raise DataError(
            f"{file} has yi, but does not say of which measure; name it with measure= (--measure): "
            f"{', '.join(_MEASURES['estimates'])}, ratios as logs"
        )
    if chosen not in _MEASURES[layout.kind]:
        raise DataError(
            f"measure is '{measure}'; {layout.kind} in {file} allow {', '.join(_MEASURES[layout.kind])}"
        )
    return chosen


def _label_column(table: Sheet, known: Mapping[str, str]) -> str:
    """Find the column that names the studies: the first in the list of names with words in it, else with numbers."""
    present = [name for name in _LABELS if name in known]
    worded = (name for name in present if not all(given[known[name]].isdigit() for _, given in table.rows))
    return next(worded, present[0] if present else "")


Row = tuple[int, dict[str, str], dict[str, str]]


def _studies(rows: list[Row], layout: _Layout, collected: Collected) -> dict[int, str]:
    """Enter the studies; rows of one label are of one study where other columns tell its rows apart."""
    telling = ("treat1", "outcome", "subgroup", *(("arm",) if layout.alone else ()))
    several = layout.long or any(name in layout.headings for name in telling)
    keys: dict[int, str] = {}
    differing: dict[str, None] = {}
    for row, texts, given in rows:
        year = texts.get("year", "")
        year = year if re.fullmatch(r"(19|20)\d\d", year) else ""
        label = _label(texts.get(layout.label, ""), year, row)
        keys[row] = label if several else str(row)
        extra = {name: given[heading] for heading, name in layout.kept.items()}
        first = collected.studies.setdefault(keys[row], Study(label, year, extra=extra)).extra
        differing.update(
            {heading: None for heading, name in layout.kept.items() if first[name] != extra[name]}
        )
    if differing:
        collected.said.append(
            f"only the first row of a study counts for columns of trials, and rows of one study differ in: "
            f"{', '.join(differing)}"
        )
    return keys


def _label(text: str, year: str, row: int) -> str:
    """Give the label of a study; a bare number becomes "Study 3", an author gets the year."""
    if not text or text == "NA":
        return f"Row {row}"
    if re.fullmatch(r"\d+", text):
        return f"Study {text}"
    return f"{text} {year}" if year and year not in text else text


Found = tuple[int, dict[str, str], dict[str, str] | None, tuple[str, str]]


def _entries(
    rows: list[Row],
    keys: dict[int, str],
    layout: _Layout,
    measure: str,
    numbers: Numbers,
    names: tuple[str, str],
    left_out: list[str],
) -> list[Found]:
    """Give the numbers of each comparison, None if one is missing, and what was compared; add what has none."""
    if not layout.long:
        found: list[Found] = []
        for row, texts, _ in rows:
            arms = texts.get("treat1", "") or names[0], texts.get("treat2", "") or names[1]
            if layout.alone:
                arms = texts.get("arm", "") or names[0], ""
            found.append((row, texts, _values(texts, layout, measure, row, numbers), arms))
        return found
    groups: dict[tuple[str, str, str], list[tuple[int, dict[str, str], dict[str, str]]]] = {}
    for row, texts, _ in rows:
        read = _read(texts, layout.shape[1:], row, numbers)
        key = keys[row], texts.get("outcome", ""), texts.get("subgroup", "")
        group = groups.setdefault(key, [])
        if not texts["arm"]:
            fault = Fault(numbers.file, row, layout.headings["arm"], "", "the name of the arm is missing")
            numbers.faults.append(fault)
        elif twice := next((other for other, of, _ in group if of["arm"] == texts["arm"]), None):
            expected = (
                f"row {twice} has this arm of {keys[row]}, too; tell the rows of a study apart by a column outcome "
                "or subgroup, or leave one out"
            )
            numbers.faults.append(Fault(numbers.file, row, layout.headings["arm"], texts["arm"], expected))
        group.append((row, texts, read or {}))
    numbers.done()
    found = []
    for (study, *_), group in groups.items():
        if len(group) == 1:
            left_out.append(
                f"row {group[0][0]}: {study} has no second arm to compare {group[0][1]['arm']} with"
            )
        for first, second in combinations(group, 2):
            if second[1]["arm"] == names[1] or first[1]["arm"] != names[1]:
                one, other = first, second
            else:
                one, other = second, first
            values = _of_arms(one[2], other[2]) if one[2] and other[2] else None
            told = other if one[2] and not other[2] else one
            found.append((told[0], one[1], values, (one[1]["arm"], other[1]["arm"])))
    return found


def _of_arms(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Put two rows of one arm each side by side."""
    keys = {"n": "total", "events": "events", "time": "time", "mean": "mean", "sd": "sd"}
    values = {
        f"{keys[name]}_{number}": text
        for number, arm in (("1", one), ("2", other))
        for name, text in arm.items()
    }
    said = (", ".join(f"{name} {text}" for name, text in arm.items()) for arm in (one, other))
    return values | {"printed": " v ".join(said)}


def _read(texts: dict[str, str], shape: tuple[str, ...], row: int, numbers: Numbers) -> dict[str, str] | None:
    """Read numbers of one row; None if one is missing or wrong."""
    before = len(numbers.faults)
    read = {
        name: numbers.read(
            texts[name],
            row,
            name,
            whole=name in _WHOLE,
            low=0.0 if name in (*_POSITIVE, *_NOT_BELOW_0) else -math.inf,
            above=name in _POSITIVE,
        )
        for name in shape
    }
    return read if len(numbers.faults) == before and all(read.values()) else None


def _level(text: str, row: int, numbers: Numbers) -> str:
    """Read the level of an interval, given as a fraction or in percent; 95 where the cell is empty."""
    read = numbers.read(text.strip().removesuffix("%"), row, "ci_level", low=0.0, above=True)
    if not read:
        return "95"
    level = float(read) * (100 if float(read) < 1 else 1)
    if not 50 <= level < 100:
        expected = "is no level of a confidence interval; write it in percent (95) or as a fraction (0.95)"
        numbers.faults.append(Fault(numbers.file, row, "ci_level", text, expected))
    return f"{level:.12g}"


def _the_group(names: tuple[str, str], measure: str) -> tuple[str, str]:
    """Name the one group where no row does; it is compared with nothing."""
    group, comparator = names
    if comparator != "control":
        raise DataError(f"{measure} takes one group, so there is no comparator; leave '{comparator}' out")
    return ("participants" if group == "treatment" else group), ""


def _of_one_group(read: dict[str, str]) -> dict[str, str]:
    """Give the numbers of one group by the names that tables are made from."""
    if "mi" in read:  # events, and people without
        read = {"events": read["xi"], "n": str(int(read["xi"]) + int(read["mi"]))}
    keys = {"n": "total", "ri": "correlation"}
    return {f"{keys.get(name, name)}_1": text for name, text in read.items()}


def _values(
    texts: dict[str, str], layout: _Layout, measure: str, row: int, numbers: Numbers
) -> dict[str, str] | None:
    """Read the numbers of one row; None if one is missing or wrong."""
    shape, kind = layout.shape, layout.kind
    sizes = tuple(
        name
        for name in ("n1i", "n2i")
        if name in texts and name not in shape and kind in ("estimates", "ratios")
    )
    operator = re.match(r"\s*([<>=]?)", texts.get("pval", ""))
    if "pval" in shape and operator:
        texts = texts | {"pval": texts["pval"].strip().lstrip("<>=").strip()}
    read = _read(texts, shape, row, numbers)
    if read is None:
        return None
    totals = {name: numbers.read(texts[name], row, name, whole=True, low=0) for name in sizes}
    printed = {"printed": ", ".join(f"{name} {texts[name]}" for name in shape)}
    if kind in ("estimates", "ratios"):
        natural = kind == "ratios"
        estimate = read[shape[0]]
        if measure_of(measure).ratio and not natural and abs(float(estimate)) > LARGEST_LOG:
            expected = (
                f"is too large for the logarithm of a ratio (measure {measure}); give ratios as logarithms"
            )
            numbers.faults.append(Fault(numbers.file, row, "yi", estimate, expected))
            return None
        values = {"estimate": estimate, "total_1": totals.get("n1i", ""), "total_2": totals.get("n2i", "")}
        if natural:
            values["natural"] = "yes"
        if "ci.lb" in read:
            if float(read["ci.lb"]) > float(read["ci.ub"]):
                numbers.faults.append(
                    Fault(
                        numbers.file, row, "ci.lb", read["ci.lb"], f"is above the upper limit {read['ci.ub']}"
                    )
                )
                return None
            values |= {"ci_low": read["ci.lb"], "ci_high": read["ci.ub"]}
            values["ci_level"] = _level(texts.get("ci_level", ""), row, numbers)
        elif "pval" in read:
            values |= {"p_value": read["pval"], "p_operator": (operator and operator.group(1)) or "="}
        else:
            values["se"] = read["sei"] if "sei" in read else repr(math.sqrt(float(read["vi"])))
        return values | printed
    if layout.alone:
        return _of_one_group(read) | printed
    if kind == "rates":
        return {
            "events_1": read["x1i"],
            "time_1": read["t1i"],
            "events_2": read["x2i"],
            "time_2": read["t2i"],
        } | printed
    if kind == "means":
        names = {"m": "mean", "sd": "sd", "n": "total"}
        return {
            f"{name}_{arm}": read[f"{short}{arm}i"] for short, name in names.items() for arm in "12"
        } | printed
    if "bi" in read:
        read |= {
            "n1i": str(int(read["ai"]) + int(read["bi"])),
            "n2i": str(int(read["ci"]) + int(read["di"])),
        }
    return {
        "events_1": read["ai"],
        "total_1": read["n1i"],
        "events_2": read["ci"],
        "total_2": read["n2i"],
    } | printed
