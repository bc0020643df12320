"""What is said about a trial as a whole: retraction, year, address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evidence.appraisal.checks.evidence_base import EvidenceBase, stated
from evidence.appraisal.checks.registry import Hit, rule
from evidence.wording import column_words

_RETRACTED = re.compile(
    r"\bretract(?:ed|ion)\b|expression of concern|\bwithdrawn (?:article|paper|publication)", re.IGNORECASE
)
_DENIED = re.compile(r"\b(?:not|never|no)\s+(?:been\s+)?(?:a\s+)?retract", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?!\d)")
_DOI = re.compile(r"10\.\d{4,9}/\S+")
_TEXTS = (
    "note",
    "notes",
    "as_reported",
    "locator",
    "source_url",
    "citation",
    "label",
    "reason",
    "basis",
    "population",
)


@rule(
    "retracted",
    "error",
    why="A retracted trial must not count; reviews keep citing them for years.",
    look_at="The notice of retraction, and whether the trial is set aside in review.yaml.",
)
def retracted(base: EvidenceBase) -> Iterator[Hit]:
    """Rows in which a text says that the publication was retracted or is under an expression of concern."""
    review = base.review
    for table in ("trials", "arms", "arm_results", "contrast_results", "risk_of_bias"):
        for row in getattr(review, table).itertuples():
            for column in _TEXTS:
                text = str(getattr(row, column, ""))
                if _RETRACTED.search(text) and not _DENIED.search(text):
                    yield Hit(table, row.Index, column, f"'{_around(text)}'")


def _around(text: str) -> str:
    match = _RETRACTED.search(text)
    assert match is not None
    return text[max(match.start() - 40, 0) : match.end() + 40].strip()


@rule(
    "year does not fit",
    "warning",
    why="The year tells publications of one author apart; a wrong one is cited onwards and hides double "
    "publication.",
    look_at="The title page; publication online and in print may differ by a year.",
)
def year_does_not_fit(base: EvidenceBase) -> Iterator[Hit]:
    """Years of a trial that its label, identifier or citation contradicts.

    If the others agree, the odd one is named.
    """
    for trial in base.trials.values():
        year = str(trial.year)
        if year == "<NA>":
            continue
        found = {
            column: _YEAR.findall(str(getattr(trial, column)).replace(str(trial.doi) or " ", ""))
            for column in ("label", "trial_id", "citation")
        }
        against = [column for column, years in found.items() if years and year not in years]
        if not against:
            continue
        for_it = [column for column, years in found.items() if year in years]
        odd = "year" if len(against) > len(for_it) else against[0]
        message = f"year {year}, but the {column_words(against[0])} has {', '.join(dict.fromkeys(found[against[0]]))}"
        yield Hit("trials", trial.Index, odd, message)


@rule(
    "not a DOI",
    "warning",
    why="A broken DOI leads nobody to the source.",
    look_at="https://doi.org with the DOI after it.",
)
def not_a_doi(base: EvidenceBase) -> Iterator[Hit]:
    """DOIs that do not have the shape 10.number/name, or differ from a DOI in the citation."""
    for trial in base.trials.values():
        doi = str(trial.doi)
        cited = [found.rstrip(".,;)") for found in _DOI.findall(str(trial.citation))]
        if doi and not _DOI.fullmatch(doi):
            yield Hit("trials", trial.Index, "doi", f"'{doi}' is not of the form 10.1234/name")
        elif doi and cited and doi.casefold() not in (one.casefold() for one in cited):
            yield Hit("trials", trial.Index, "doi", f"{doi}, but the citation has {cited[0]}")


@rule(
    "unusual confidence level",
    "warning",
    why="Nearly all intervals are 90, 95 or 99 % intervals; a P value or a percentage of patients is "
    "easily put here.",
    look_at="The methods of the source.",
)
def unusual_level(base: EvidenceBase) -> Iterator[Hit]:
    """Confidence levels below 80 or of 100 percent."""
    for row in base.contrast_results:
        if stated(row.ci_level) and not 80 <= row.ci_level < 100:
            yield Hit("contrast_results", row.Index, "ci_level", f"a level of {row.ci_level:g} %")
