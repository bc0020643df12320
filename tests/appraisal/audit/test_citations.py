"""Citations compared with the works that they name, and claims and citations read from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.appraisal.audit.citations import compare_citations, judge_citations
from evidence.appraisal.audit.read import read_table
from evidence.errors import DataError
from evidence.tables.review import Review


def compared(field: str, cited: str, found: str, agrees: str = "no") -> dict[Any, Any]:
    row = {"citation_id": "x", "field": field, "as_cited": cited, "found": found, "agrees": agrees}
    return compare_citations(pd.DataFrame([{**row, "evidence": "https://example.org"}])).to_dict("records")[0]


@pytest.mark.parametrize(
    ("field", "cited", "found", "disagreement"),
    [
        ("title", "Lullabies, and Sleep!", "The lullabies and sleep", ""),
        ("title", "A trial of lullabies", "Trial of traditional lullabies", "inexact title"),
        ("title", "Lullabies and sleep", "Lullabies and crying", "wrong title"),
        ("journal", "Anales de Pediatría", "ANALES DE PEDIATRIA", ""),
        ("journal", "Sleep & Song", "Sleep and Song", ""),
        ("journal_in_text", "Sleep", "Song", "wrong journal in text"),
        ("year", "2011", "2001", "wrong year"),
        ("year", "2011", " 2011", ""),
        ("volume_pages", "12(2):120-127", "12 (2), 120–127", ""),
        ("volume_pages", "12(2):120-127", "161(8):1081-1088", "wrong volume and pages"),
        ("authors", "Müller; Okoye", "Okoye;  Muller", ""),
        ("authors", "Müller; Okoye", "Müller", "different authors"),
        ("subject", "singing", "humming", "does not study that"),
        ("conclusion", "it works", "nothing is known", "does not conclude that"),
        ("language", "French", "German", "different language"),
    ],
)
def test_fields_are_compared_by_their_kind(field: str, cited: str, found: str, disagreement: str) -> None:
    row = compared(field, cited, found, "no" if disagreement else "yes")
    assert (row["disagreement"], row["doubt"]) == (disagreement, "")
    assert row["same"] == (not disagreement)


def test_a_judgement_of_the_table_that_the_comparison_denies_is_doubted() -> None:
    assert "does not agree" in compared("year", "2001", "2001", "no")["doubt"]
    row = compared("journal", "Sleep", "Song", "yes")
    assert row["disagreement"] == "wrong journal"
    assert row["doubt"] == "the table says that journal agrees, but the texts are found to differ"
    # What is in free words only a reader can judge.
    assert compared("subject", "singing", "songs", "yes")["basis"] == "read"
    assert compared("subject", "singing", "songs", "yes")["doubt"] == ""


def test_what_the_citation_leaves_out_is_background() -> None:
    row = compared("author_list_belongs_to", "", "another edition")
    assert (row["basis"], row["same"], row["disagreement"]) == ("background", None, "")
    told = judge_citations(pd.DataFrame([row]), pd.DataFrame({"claim_id": [], "cited_as": []}))
    assert told.loc[0, "correct"]
    assert "Author list belongs to: another edition." in str(told.loc[0, "sentence"])


def test_one_sentence_tells_what_is_wrong_and_which_claims_rest_on_it(review: Review) -> None:
    fields = compare_citations(review.citations)
    table = judge_citations(fields, review.claims).set_index("citation_id")
    assert list(table.index) == list(dict.fromkeys(review.citations["citation_id"]))
    for name, own in fields.groupby("citation_id"):
        row = table.loc[str(name)]
        wrong = [text for text in own["disagreement"] if text]
        assert row["correct"] == (not wrong)
        assert row["wrong"] == "; ".join(wrong)
        assert all(text in row["sentence"] for text in wrong)
        assert set(row["evidence"].split()) == set(own["evidence"])
        claims = review.claims.loc[review.claims["cited_as"] == name, "claim_id"]
        assert row["claims"] == "; ".join(claims)


def test_a_table_names_citations_in_words(review: Review) -> None:
    assert list(ev.audit(review).citation_fields["citation"].unique()) == [
        "Cherkin 2011 as cited",
        "Furlan 2015 as cited",
    ]


def test_the_repository_judges_its_citations_as_the_comparison_does(review: Review) -> None:
    assert (compare_citations(review.citations)["doubt"] == "").all()


def test_other_claims_bring_only_the_citations_that_they_rest_on(review: Review) -> None:
    name = review.citations["citation_id"].iloc[0]
    claims = pd.DataFrame(
        {"claim_id": ["x"], "claim": ["Nothing"], "kind": ["background"], "cited_as": [name]}
    )
    assert list(ev.audit(review, claims).citations["citation_id"]) == [name]
    assert ev.audit(review, claims.assign(cited_as="")).citations.empty
    own = review.citations[review.citations["citation_id"] == name].assign(citation_id="z")
    assert list(ev.audit(review, claims, citations=own).citations["citation_id"]) == ["z"]


def test_columns_that_a_file_lacks_are_empty(review: Review, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("claim_id,claim\n1,Singing helps\n", "utf-8")
    table = read_table(path, "claims", review.protocol)
    assert [table.loc[2, name] for name in ("claim", "kind", "intervention", "window", "note")] == [
        "Singing helps",
        "",
        "",
        "",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "claim_id,claim,intervention\n1,a,masage\n",
            r"row 2, column intervention: found 'masage'; use one of",
        ),
        ("claim_id,claim,window\n1,a,soon\n", "row 2, column window: found 'soon'"),
        ("claim_id,claim,kind\n1,a,rumour\n", "row 2, column kind: found 'rumour'"),
        ("claim_id,claim,with_exercise\n1,a,perhaps\n", "row 2, column with_exercise: found 'perhaps'"),
        ("claim_id,claim,comparator\n1,a,nobody\n", "row 2, column comparator: found 'nobody'"),
        ("claim_id,claim\n1,a\n1,b\n", "row 3, column claim_id: found '1'; this key already stands in row 2"),
        ("claim_id,claim\n1,\n", "row 2, column claim: may not be empty"),
        ("claim\na\n", "row 1, column claim_id: the column is missing"),
        ("claim_id,claim\n1,a,b\n", "row 2: the row has 3 cells"),
        ("", "the file is empty"),
    ],
)
def test_faults_of_a_file_are_named_with_their_place(
    review: Review, tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(DataError) as caught:
        ev.audit(review, path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_file_that_is_not_there_is_named(review: Review, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        ev.audit(review, citations=tmp_path / "none.csv")


def test_rows_of_a_frame_may_have_any_index(review: Review) -> None:
    claims = pd.DataFrame({"claim_id": ["x"], "claim": [None]}, index=["first"])
    with pytest.raises(DataError, match=r"claims\.csv, row 2, column claim: may not be empty"):
        ev.audit(review, claims)
