from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from evidence.report.site.references import _any_of, known_references, link_references
from evidence.tables.review import Review


def linked(body: str, known: dict[str, str] | None = None) -> BeautifulSoup:
    soup = BeautifulSoup(body, "html.parser")
    link_references(soup, known or {})
    return soup


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("doi:10.1000/xyz-1.2.", "https://doi.org/10.1000/xyz-1.2"),
        ("(DOI: 10.1002/14651858.CD001929.pub3)", "https://doi.org/10.1002/14651858.CD001929.pub3"),
        ("see 10.1000/abc, and", "https://doi.org/10.1000/abc"),
        ("https://doi.org/10.1000/abc", "https://doi.org/10.1000/abc"),
        ("at https://example.org/a?b=1.", "https://example.org/a?b=1"),
    ],
)
def test_a_doi_or_address_becomes_a_link(text: str, address: str) -> None:
    soup = linked(f"<p>{text}</p>")
    assert [a["href"] for a in soup.find_all("a")] == [address]
    assert soup.get_text() == text


def test_numbers_and_code_are_no_dois() -> None:
    assert not linked("<p>10.5/2 and 110.1234/5</p><pre>10.1000/abc</pre>").find_all("a")


def test_a_known_publication_is_linked_where_it_first_comes_up() -> None:
    known = {"Furlan 2015": "https://doi.org/10.1/a", "Furlan 2015 (update)": "trials/b.html"}
    soup = linked("<p>Furlan 2015 (update), Furlan 2015 and again Furlan 2015; not Furlan 20155.</p>", known)
    assert [(a.get_text(), a["href"]) for a in soup.find_all("a")] == [
        ("Furlan 2015 (update)", "trials/b.html"),
        ("Furlan 2015", "https://doi.org/10.1/a"),
    ]


def test_references_of_a_review(review: Review) -> None:
    labels = set(review.trials["label"])
    assert set(known_references(review, "trials")) >= labels
    addresses = known_references(review).values()
    assert all(address.startswith("https://") for address in addresses)


def test_rows_of_figures_and_cells_of_tables_lead_to_their_publications() -> None:
    known = {"Ava 2001": "trials/ava.html", "Ava 2001b": "trials/b.html", "Ava Longer 1999": "trials/c.html"}
    soup = BeautifulSoup(
        '<a class="row" data-text="Ava 2001b (song)"></a><a class="row" data-text="Ava 2001"></a>'
        '<a class="row" data-text="Ava 20012"></a><a class="row" data-text="Pooled"></a>'
        '<a class="row" data-text="Ava Long…"></a>'
        "<table><tr><th>Ava 2001</th><td>Ava 2001</td><td>not Ava 2001 alone</td></tr></table>",
        "html.parser",
    )
    link_references(soup, known)
    rows = [(row["href"], row["aria-label"]) for row in soup.select("a.row")]
    assert rows == [
        ("trials/b.html", "Ava 2001b (song)"),
        ("trials/ava.html", "Ava 2001"),
        ("trials/c.html", "Ava Long…"),
    ]
    cells = soup.select("th, td")
    assert [cell.a is not None and cell.a["href"] for cell in cells] == ["trials/ava.html"] * 3
    assert [cell.get_text() for cell in cells] == ["Ava 2001", "Ava 2001", "not Ava 2001 alone"]


@given(
    st.lists(st.text("Aa b1-", min_size=1, max_size=5).map(str.strip).filter(bool), unique=True),
    st.text("Aa b1-.", max_size=30),
)
def test_names_in_groups_match_as_one_by_one(names: list[str], text: str) -> None:
    longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or r"(?!)"
    one_by_one = re.compile(rf"(?<!\w)({longest_first})(?!\w)")
    grouped = _any_of(names or ["absent"])
    assert [found.span() for found in grouped.finditer(text)] == [
        found.span() for found in one_by_one.finditer(text)
    ]
