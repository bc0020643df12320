"""Compare each field of a citation with the work that it names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import pandas as pd

from evidence.wording import capital, counted

__all__ = ["citation_words", "compare_citations", "judge_citations"]

_ARTICLES = {"a", "an", "the"}
_FIELDS = [
    *(
        "citation_id",
        "field",
        "as_cited",
        "found",
        "basis",
        "same",
        "disagreement",
        "agrees",
        "doubt",
        "evidence",
    ),
]
BY_RULE, BY_READER, BACKGROUND = "compared", "read", "background"
"""How a field was judged: by comparing what stands there; by a reader of the work, as texts in free words cannot be
compared by rule; or not at all, as the citation says nothing of it and the row tells where a mistake comes from."""


def compare_citations(citations: pd.DataFrame) -> pd.DataFrame:
    """Compare what was cited with what was found, field by field.

    Titles, journals and publishers (fields whose name begins so) agree if they are the same words, whatever their
    case, accents and punctuation, and leaving out articles; years, volumes and pages if they hold the same numbers;
    authors, parted by semicolons, if they are the same set of names. Other fields are in free words; for them the
    table's own judgement stands. A field that the citation leaves out is background.

    Parameters
    ----------
    citations : DataFrame
        Columns citation_id, field, as_cited, found, agrees ("yes" or "no"), evidence.

    Returns
    -------
    DataFrame
        One row a field: citation_id, field, as_cited, found, basis ("compared", "read" or "background"), same (bool;
        missing for background), disagreement (what kind; empty if none), agrees (as in the table), doubt (where
        `agrees` is not what the comparison gives) and evidence.
    """
    rows = []
    for row in citations.to_dict("records"):
        basis, disagreement = _compare(row["field"], row["as_cited"], row["found"], row["agrees"])
        same = None if basis == BACKGROUND else not disagreement
        doubt = ""
        if basis == BY_RULE and same != (row["agrees"] == "yes"):
            says, gives = (
                ("agrees", "differ") if row["agrees"] == "yes" else ("does not agree", "be the same")
            )
            doubt = f"the table says that {_plain(row['field'])} {says}, but the texts are found to {gives}"
        rows.append({**row, "basis": basis, "same": same, "disagreement": disagreement, "doubt": doubt})
    return pd.DataFrame(rows, columns=_FIELDS)


def judge_citations(fields: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Say of each citation in one sentence whether it names the work that it means.

    Parameters
    ----------
    fields : DataFrame
        As `compare_citations` gives it.
    claims : DataFrame
        With columns claim_id and cited_as.

    Returns
    -------
    DataFrame
        One row a citation: citation_id, correct, wrong, sentence, claims, evidence, doubts.
    """
    rows = []
    for name, found in fields.groupby("citation_id", sort=False):
        wrong = found[found["disagreement"] != ""]
        checked = int((found["basis"] != BACKGROUND).sum())
        background = [
            f"{_plain(row['field']).capitalize()}: {row['found']}."
            for row in found[found["basis"] == BACKGROUND].to_dict("records")
        ]
        details = [_detail(row) for row in wrong.to_dict("records")]
        sentence = (
            f"{citation_words(str(name))}: {len(wrong) or 'none'} of {counted(checked, 'checked field')} "
            + (
                f"{'disagrees' if len(wrong) == 1 else 'disagree'} with the work found: {'; '.join(details)}."
                if details
                else "disagrees with the work found."
            )
        )
        rows.append(
            {
                "citation_id": name,
                "correct": wrong.empty,
                "wrong": "; ".join(wrong["disagreement"]),
                "sentence": " ".join([sentence, *background]),
                "claims": "; ".join(claims.loc[claims["cited_as"] == name, "claim_id"]),
                "evidence": " ".join(dict.fromkeys(text for text in found["evidence"] if text)),
                "doubts": "; ".join(text for text in found["doubt"] if text),
            }
        )
    columns = ["citation_id", "correct", "wrong", "sentence", "claims", "evidence", "doubts"]
    return pd.DataFrame(rows, columns=columns).astype({"correct": bool})


def citation_words(name: str) -> str:
    """Write the id of a citation as words."""
    return capital(_plain(name).replace("-", " "))


def _compare(field: str, cited: str, found: str, agrees: str) -> tuple[str, str]:
    """How a field was judged, and the kind of its disagreement."""
    if not cited:
        return BACKGROUND, ""
    what, kind = _plain(field), field.split("_")[0]
    if kind in ("title", "journal", "publisher"):
        ours, theirs = _words(cited), _words(found)
        if ours == theirs:
            return BY_RULE, ""
        part = set(ours) <= set(theirs) or set(theirs) <= set(ours)
        return BY_RULE, f"inexact {what}" if part else f"wrong {what}"
    if kind in ("year", "volume", "issue", "pages"):
        return BY_RULE, "" if re.findall(r"\d+", cited) == re.findall(r"\d+", found) else f"wrong {what}"
    if kind == "authors":
        return BY_RULE, "" if _names(cited).keys() == _names(found).keys() else f"different {what}"
    if agrees == "yes":
        return BY_READER, ""
    return BY_READER, {"subject": "does not study that", "conclusion": "does not conclude that"}.get(
        field, f"different {what}"
    )


def _detail(row: Mapping[Any, Any]) -> str:
    """A disagreement with what was cited and what was found."""
    cited, found = row["as_cited"], row["found"]
    if row["field"].split("_")[0] == "authors":
        ours, theirs = _names(cited), _names(found)
        extra = ", ".join(name for key, name in ours.items() if key not in theirs)
        left_out = ", ".join(name for key, name in theirs.items() if key not in ours)
        parts = [f"not among them {extra}" if extra else "", f"left out {left_out}" if left_out else ""]
        return f"{row['disagreement']} ({'; '.join(part for part in parts if part)})"
    return f"{row['disagreement']} (cited '{cited}', found '{found or 'nothing'}')"


def _plain(field: str) -> str:
    return field.replace("volume_pages", "volume and pages").replace("_", " ")


def _fold(text: str) -> str:
    """Letters without case and accents; everything else becomes a blank."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(letter)
    )
    return re.sub(r"[\W_]+", " ", plain.replace("&", " and ")).strip()


def _words(text: str) -> list[str]:
    return [word for word in _fold(text).split() if word not in _ARTICLES]


def _names(text: str) -> dict[str, str]:
    """Names by their folded form, in their order."""
    return {_fold(name): name.strip() for name in text.split(";") if _fold(name)}
