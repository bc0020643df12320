"""Read references as databases and reference managers export them: RIS, BibTeX and NBIB (PubMed)."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from evidence.errors import DataError, Fault
from evidence.files import content
from evidence.tables.review import Review
from evidence.wording import slug

__all__ = ["ENDINGS", "FoundReferences", "read_references"]

ENDINGS = (".ris", ".nbib", ".bib", ".bibtex")
Fields = dict[str, list[str]]

_RIS = re.compile(r"^([A-Z][A-Z0-9])  ?-(?: (.*)|\s*)$")
_NBIB = re.compile(r"^([A-Z]{2,4}) {0,2}- ?(.*)$")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>\]]+")
_REGISTERED = re.compile(r"\b(NCT\d{8}|ISRCTN\d{8}|ACTRN\d{14}|ChiCTR[-\w]{5,20}|DRKS\d{8}|UMIN\d{9})\b")
_MORE = "bcdefghijklmnopqrstuvwxyz"
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
_ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    '"': "\u0308",
    "~": "\u0303",
    "c": "\u0327",
    "v": "\u030c",
}
_ACCENTS |= {"=": "\u0304", ".": "\u0307", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a"}
_LETTERS = {
    "ss": "\u00df",
    "o": "\u00f8",
    "O": "\u00d8",
    "ae": "\u00e6",
    "AE": "\u00c6",
    "aa": "\u00e5",
    "AA": "\u00c5",
}
_LETTERS |= {"l": "\u0142", "L": "\u0141", "i": "i", "j": "j"}


class _Named(NamedTuple):
    """Where each form keeps what is wanted; the first that is there counts."""

    title: tuple[str, ...]
    author: tuple[str, ...]
    year: tuple[str, ...]
    journal: tuple[str, ...]
    volume: tuple[str, ...]
    issue: tuple[str, ...]
    pages: tuple[str, ...]
    abstract: tuple[str, ...]
    doi: tuple[str, ...]
    pmid: tuple[str, ...]
    pmcid: tuple[str, ...]


_IN = {
    "ris": _Named(
        *(
            ("TI", "T1"),
            ("AU", "A1"),
            ("PY", "Y1", "DA"),
            ("JO", "JF", "T2", "JA"),
            ("VL",),
            ("IS",),
            ("SP",),
        ),
        *(("AB", "N2"), ("DO", "UR", "L3"), ("PMID",), ("C2", "PMCID")),
    ),
    "nbib": _Named(
        *(("TI",), ("FAU", "AU", "CN"), ("DP",), ("TA", "JT"), ("VI",), ("IP",), ("PG",)),
        *(("AB",), ("LID", "AID"), ("PMID",), ("PMC",)),
    ),
    "bib": _Named(
        *(("title",), ("author",), ("year", "date"), ("journal", "journaltitle", "booktitle"), ("volume",)),
        *(("number", "issue"), ("pages",), ("abstract",), ("doi", "url"), ("pmid",), ("pmcid",)),
    ),
}


@dataclass(frozen=True, slots=True)
class _Reference:
    title: str
    authors: tuple[str, ...]
    year: str
    doi: str
    pmid: str
    pmcid: str
    registration: str
    citation: str
    abstract: str
    place: str


@dataclass(frozen=True, eq=False)
class FoundReferences:
    """References of one or several files, each once.

    Attributes
    ----------
    frame : DataFrame
        One row a reference: trial_id, label, year, doi, pmid, pmcid, registration, citation, title, authors,
        abstract, place (file and line) and known (the trial of the review that it is; "" if it is none of them).
    twice : tuple of str
        Places of references that stand again, by DOI, PubMed id, or title and year; the first is taken, and what it
        lacks is filled from the others.
    """

    frame: pd.DataFrame
    twice: tuple[str, ...] = field(default=())

    def trials(self) -> list[dict[str, str]]:
        """Rows for ``trials.csv``, of the references that the review does not have."""
        new = self.frame[self.frame["known"] == ""]
        names = ["trial_id", "label", "year", "doi", "pmid", "pmcid", "registration", "citation"]
        return [
            {**{name: str(row[name]) for name in names}, "design": "unknown"}
            for row in new.to_dict("records")
        ]


def read_references(
    paths: str | Path | Sequence[str | Path], *, review: Review | None = None
) -> FoundReferences:
    """Read references, take each once, and find those that a review has already.

    Parameters
    ----------
    paths : path or sequence of path
        Files of RIS (.ris), PubMed (.nbib) or BibTeX (.bib), in UTF-8, UTF-16 or Latin-1.
    review : Review, optional
        Its trials are recognised by DOI, PubMed id, registration, or a citation that has the title.

    Returns
    -------
    FoundReferences

    Raises
    ------
    DataError
        If a file cannot be read, holds no reference, or a reference has no title; every fault with its line.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import evidence as ev
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "found.bib")
    ...     size = path.write_text("@article{ahn, author={Ahn, Jin}, title={Light at work}, year=2001}")
    ...     ev.read_references(path).frame["label"].tolist()
    ['Ahn 2001']
    """
    files = [paths] if isinstance(paths, str | Path) else list(paths)
    found: list[_Reference] = []
    faults: list[Fault] = []
    for path in map(Path, files):
        for line, fields, kind in _records(path):
            reference = _reference(fields, _IN[kind], f"{path.name}, line {line}")
            if not reference.title:
                faults.append(
                    Fault(
                        path.name, line, "title", "", "the title is missing; complete or remove the reference"
                    )
                )
            found.append(reference)
    if faults:
        raise DataError(faults)
    once, twice = _once(found)
    known = _known(once, review)
    labels = _labels(once, review)
    rows = [
        {
            "trial_id": slug(label, "-") or f"reference-{number}",
            "label": label,
            **{
                name: getattr(one, name)
                for name in ("year", "doi", "pmid", "pmcid", "registration", "citation")
            },
            "title": one.title,
            "authors": "; ".join(one.authors),
            "abstract": one.abstract,
            "place": one.place,
            "known": trial,
        }
        for number, (one, label, trial) in enumerate(zip(once, labels, known, strict=True), 1)
    ]
    return FoundReferences(pd.DataFrame(rows), tuple(twice))


def _records(path: Path) -> Iterator[tuple[int, Fields, str]]:
    """Give the line, the fields and the form of each reference of a file."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(f"{path.name} has none of the endings of references: {', '.join(ENDINGS)}")
    try:
        text = _decoded(content(path))
    except FileNotFoundError as error:
        raise DataError(f"there is no file '{path}' to read: {error.strerror}") from None
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror or error}") from None
    kind = {".ris": "ris", ".nbib": "nbib"}.get(ending, "bib")
    reader = {"ris": _ris, "nbib": _nbib, "bib": _bib}[kind]
    records = list(reader(text, path.name))
    if not records:
        raise DataError(f"{path.name} holds no reference")
    for line, fields in records:
        yield line, fields, kind


def _decoded(raw: bytes) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _ris(text: str, file: str) -> Iterator[tuple[int, Fields]]:
    fields: Fields = defaultdict(list)
    start, last = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        tag = _RIS.match(line.rstrip())
        if tag is None:
            if start and last and line.strip():
                fields[last][-1] += f" {line.strip()}"  # a long text that goes on
            continue
        name, value = tag.group(1), (tag.group(2) or "").strip()
        if name == "TY":
            if start:
                raise DataError(
                    [Fault(file, number, "TY", value, f"the reference of line {start} has no ER")]
                )
            fields, start, last = defaultdict(list), number, ""
        elif name == "ER":
            if start:
                yield start, fields
            start, last = 0, ""
        elif start:
            fields[name].append(value)
            last = name
    if start:
        raise DataError([Fault(file, start, "TY", "", "the reference has no ER; is the file complete?")])


def _nbib(text: str, file: str) -> Iterator[tuple[int, Fields]]:
    fields: Fields = defaultdict(list)
    start, last = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        tag = _NBIB.match(line)
        if tag is not None:
            name, value = tag.group(1), tag.group(2).strip()
            if name == "PMID" and fields.get("PMID"):
                yield start, fields
                fields, start = defaultdict(list), 0
            start = start or number
            fields[name].append(value)
            last = name
        elif line.startswith("      ") and last:
            fields[last][-1] += f" {line.strip()}"
        elif not line.strip():
            if fields:
                yield start, fields
            fields, start, last = defaultdict(list), 0, ""
    if fields:
        yield start, fields


def _bib(text: str, file: str) -> Iterator[tuple[int, Fields]]:
    strings: dict[str, str] = {}
    at = before = 0
    line = 1
    while (found := re.compile(r"@\s*([A-Za-z]+)\s*([{(])").search(text, at)) is not None:
        kind = found.group(1).lower()
        line, before = line + text.count("\n", before, found.start()), found.start()
        end = _closing(text, found.end() - 1)
        if end < 0:
            raise DataError(
                [Fault(file, line, f"@{kind}", "", "a brace is never closed; is the file complete?")]
            )
        body, at = text[found.end() : end], end + 1
        if kind in ("comment", "preamble"):
            continue
        if kind == "string":
            strings |= {name: values[0] for name, values in _assignments(body, strings).items()}
            continue
        key, _, rest = body.partition(",")
        fields = _assignments(rest, strings)
        if "author" in fields:
            fields["author"] = re.split(r"\s+and\s+", fields["author"][0])
        fields["key"] = [key.strip()]
        yield line, fields


def _closing(text: str, start: int) -> int:
    """Find the brace that closes the one at `start`; -1 if none does."""
    opening = text[start]
    closing = {"{": "}", "(": ")"}[opening]
    depth, at = 0, start
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 2
            continue
        if letter == opening:
            depth += 1
        elif letter == closing:
            depth -= 1
            if not depth:
                return at
        at += 1
    return -1


def _assignments(body: str, strings: dict[str, str]) -> Fields:
    """Read ``name = value, ...``; a value is in braces or quotes, a number, or the name of a string, joined by #."""
    fields: Fields = {}
    name_at = re.compile(r"\s*,?\s*([\w.:-]+)\s*=\s*")
    at = 0
    while (found := name_at.match(body, at)) is not None:
        at = found.end()
        parts = []
        while at < len(body):
            if body[at] == "{":
                end = _closing(body, at)
                end = len(body) if end < 0 else end
                parts.append(body[at + 1 : end])
                at = end + 1
            elif body[at] == '"':
                end, depth = at + 1, 0
                while end < len(body) and (body[end] != '"' or depth):
                    depth += (body[end] == "{") - (body[end] == "}")
                    end += 1 + (body[end] == "\\")
                parts.append(body[at + 1 : end])
                at = end + 1
            else:
                word = re.compile(r"[^\s,#]*").match(body, at)
                assert word is not None
                parts.append(strings.get(word.group().lower(), word.group()))
                at = word.end()
            joint = re.compile(r"\s*#\s*").match(body, at)
            if joint is None:
                break
            at = joint.end()
        fields.setdefault(found.group(1).lower(), []).append(_plain_latex("".join(parts)))
        rest = re.compile(r"\s*,").match(body, at)
        if rest is None:
            break
        at = rest.end()
    return fields


def _plain_latex(text: str) -> str:
    """Turn accents and signs of LaTeX into letters and take the braces away."""
    accent = re.compile(r"\\(['`^\"~=.]|[cvuHkr](?=[\s{]))\s*(?:\{\\?([A-Za-z])\}|\\?([A-Za-z]))")
    text = accent.sub(
        lambda found: unicodedata.normalize("NFC", (found[2] or found[3]) + _ACCENTS[found[1]]), text
    )
    text = re.sub(
        r"\\(ss|ae|AE|aa|AA|[oOlLij])(?![A-Za-z])\s*(\{\})?", lambda found: _LETTERS[found[1]], text
    )
    text = re.sub(r"\\([&%$#_{}])", r"\1", text.replace("~", " ").replace("---", "-").replace("--", "-"))
    text = re.sub(r"\\[A-Za-z]+\s*", "", text)
    return re.sub(r"\s+", " ", text.replace("{", "").replace("}", "")).strip()


def _reference(fields: Fields, named: _Named, place: str) -> _Reference:
    def first(names: tuple[str, ...]) -> str:
        found = (re.sub(r"\s+", " ", text).strip() for name in names for text in fields.get(name, []))
        return next((text for text in found if text), "")

    authors = next((tuple(fields[name]) for name in named.author if fields.get(name)), ())
    everything = " ".join(text for values in fields.values() for text in values)
    doi = next(
        (
            match.group().rstrip(".,;)").lower()
            for name in named.doi
            for text in fields.get(name, [])
            if (match := _DOI.search(text))
        ),
        "",
    )
    pmid = first(named.pmid)
    if not pmid and (told := re.search(r"\bPMID:?\s*(\d{1,9})\b", everything)):
        pmid = told.group(1)
    pmcid = re.search(r"PMC\d+", first(named.pmcid))
    registered = _REGISTERED.search(everything)
    year = _YEAR.search(first(named.year))
    pages = first(named.pages)
    if fields.get("EP") and pages:
        pages += f"-{fields['EP'][0]}"
    title = first(named.title)
    return _Reference(
        title=title,
        authors=tuple(re.sub(r"\s+", " ", one).strip() for one in authors),
        year=year.group() if year else "",
        doi=doi,
        pmid=pmid if pmid.isdigit() else "",
        pmcid=pmcid.group() if pmcid else "",
        registration=registered.group() if registered else "",
        citation=_citation(
            authors,
            title,
            first(named.journal),
            year.group() if year else "",
            first(named.volume),
            first(named.issue),
            pages,
        ),
        abstract=first(named.abstract),
        place=place,
    )


def _citation(
    authors: Sequence[str], title: str, journal: str, year: str, volume: str, issue: str, pages: str
) -> str:
    """Write a reference as journals do: Ahn J, Bode K. Light at work. J Light 2001;4(2):11-19."""
    names = [_name(one) for one in authors]
    who = ", ".join(names[:6]) + (", et al" if len(names) > 6 else "")
    where = f"{journal} {year}".strip()
    if volume:
        where += f";{volume}" + (f"({issue})" if issue else "")
    if pages:
        where += f":{pages}"
    return " ".join(f"{part.rstrip('.')}." for part in (who, title, where) if part)


def _name(author: str) -> str:
    """Write an author as family name and initials."""
    family, comma, given = author.partition(",")
    if not comma:
        words = author.split()
        # PubMed writes "Ahn J", others "Jin Ahn"; a group has a name of many words.
        if len(words) != 2 or re.fullmatch(r"[A-Z]{1,3}", words[-1]):
            return author.strip()
        given, family = words
    initials = "".join(word[0] for word in re.split(r"[\s.-]+", given) if word and word[0].isalpha())
    return f"{family.strip()} {initials}".strip()


def _family(reference: _Reference) -> str:
    if not reference.authors:
        return " ".join(reference.title.split()[:3])
    name = _name(reference.authors[0])
    return re.sub(r"\s+[A-Z]{1,4}$", "", name)


def _plain_title(text: str) -> str:
    return slug(text, " ", 10_000)


def _once(found: list[_Reference]) -> tuple[list[_Reference], list[str]]:
    """Take each reference once."""
    kept: list[_Reference] = []
    places: dict[tuple[str, str], int] = {}
    twice = []
    for one in found:
        keys = [
            *([("doi", one.doi)] if one.doi else []),
            *([("pmid", one.pmid)] if one.pmid else []),
            ("title", f"{_plain_title(one.title)} {one.year}"),
        ]
        place = next((places[key] for key in keys if key in places), None)
        if place is None:
            place = len(kept)
            kept.append(one)
        else:
            before = kept[place]
            names = ("year", "doi", "pmid", "pmcid", "registration", "abstract")
            kept[place] = replace(
                before, **{name: getattr(before, name) or getattr(one, name) for name in names}
            )
            twice.append(one.place)
        for key in keys:
            places.setdefault(key, place)
    return kept, twice


def _known(references: list[_Reference], review: Review | None) -> list[str]:
    """Find the trial of the review that each reference is."""
    if review is None:
        return [""] * len(references)
    rows = review.trials.to_dict("records")
    by: dict[tuple[str, str], str] = {}
    for row in rows:
        for name in ("doi", "pmid", "registration"):
            for text in re.split(r"[\s;,]+", str(row[name]).lower()):
                if text:
                    by.setdefault((name, text), str(row["trial_id"]))
    citations = [(_plain_title(str(row["citation"])), str(row["trial_id"])) for row in rows]
    found = []
    for one in references:
        keys = [(name, getattr(one, name).lower()) for name in ("doi", "pmid", "registration")]
        trial = next((by[key] for key in keys if key in by), "")
        title = _plain_title(one.title)
        if not trial and len(title) > 20:
            trial = next((name for text, name in citations if title in text), "")
        found.append(trial)
    return found


def _labels(references: list[_Reference], review: Review | None) -> list[str]:
    """Name each reference by its first author and year; letters tell those of one name apart."""
    taken = set() if review is None else set(map(str, review.trials["trial_id"]))
    labels = []
    for one in references:
        base = " ".join(filter(None, [_family(one), one.year]))
        names = chain([base], (f"{base}{letter}" for letter in _MORE), (f"{base} {n}" for n in count(2)))
        label = next(name for name in names if slug(name, "-") not in taken)
        taken.add(slug(label, "-"))
        labels.append(label)
    return labels
