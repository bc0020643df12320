from __future__ import annotations

import math
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evidence.report.site.tables import table_html


def test_text_is_escaped_in_cells_and_headings() -> None:
    page = table_html(pd.DataFrame({"<b>study</b>": ["<script>alert(1)</script>", "R&D"]}))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;b&gt;study&lt;/b&gt;" in page
    assert "R&amp;D" in page


@given(st.text())
def test_no_text_opens_a_tag_of_its_own(text: str) -> None:
    page = table_html(pd.DataFrame({"study": [text]}))
    assert set(re.findall(r"<\s*/?\s*([a-z!]+)", page)) <= {"table", "thead", "tbody", "tr", "th", "td", "a"}
    assert page.count("<td") == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1.2345, "−1.23"), (0.0, "0.00"), (-0.001, "0.00"), (1234.5, "1,234.50"), (float("nan"), "")],
)
def test_numbers_have_two_decimals_a_minus_sign_and_no_negative_zero(value: float, shown: str) -> None:
    assert f'<td class="number">{shown}</td>' in table_html(pd.DataFrame({"effect": [value]}))


def test_whole_numbers_have_commas_and_no_decimals_and_years_no_commas() -> None:
    values = pd.Series([1095, 0.5], dtype=object)
    page = table_html(pd.DataFrame({"n": [1095, 2], "Year": [1995, 2001], "value": values}))
    found = re.findall(r'class="number">([^<]*)</td>', page)
    assert found == ["1,095", "1995", "1,095", "2", "2001", "0.50"]
    page = table_html(pd.DataFrame({"year": [1995.0, math.nan]}), decimals=0)
    assert re.findall(r'class="number">([^<]*)</td>', page) == ["1995", ""]


def test_decimals_by_column() -> None:
    page = table_html(pd.DataFrame({"effect": [1.2345], "p": [0.01234], "k": [-3]}), {"p": 4})
    assert re.findall(r'class="number">([^<]*)</td>', page) == ["1.23", "0.0123", "−3"]


def test_addresses_become_links_and_nothing_else_does() -> None:
    page = table_html(
        pd.DataFrame(
            {"source": ["https://example.org/a?b=1&c=2", "javascript:alert(1)", "see https://x.org"]}
        )
    )
    assert '<a href="https://example.org/a?b=1&amp;c=2">' in page
    assert page.count("<a ") == 1


def test_truth_values_and_missing_text() -> None:
    page = table_html(pd.DataFrame({"pooled": [True, False], "note": [None, "x"]}))
    assert re.findall(r"<td>([^<]*)</td>", page) == ["yes", "", "no", "x"]


def test_headings_of_several_levels_are_joined() -> None:
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("pain", "k"), ("pain", "n")]))
    assert re.findall(r"<th[^>]*>([^<]*)</th>", table_html(frame)) == ["Pain k", "Pain n"]


def test_headings_say_of_what_and_names_of_rows_are_headings() -> None:
    frame = pd.DataFrame({"study": ["A", "B"], "k": [1, 2]})
    page = table_html(frame)
    assert page.count('<th scope="col"') == 2
    assert re.findall(r'<th scope="row">([^<]*)</th>', page) == ["A", "B"]
    assert 'scope="row"' not in table_html(frame.assign(study="A"))
    assert 'scope="row"' not in table_html(frame[["study"]])


def test_names_of_columns_become_headings() -> None:
    names = ["trial", "ci_low", "tau2", "k", "95% CI", "why_it matters", "P-score", "where, and what <b>"]
    page = table_html(pd.DataFrame([["x"] * len(names)], columns=names))
    assert re.findall(r'<th scope="col">([^<]*)</th>', page) == [
        "Trial",
        "CI low",
        "τ²",
        "k",
        "95% CI",
        "Why it matters",
        "P-score",
        "Where, and what &lt;b&gt;",
    ]


def test_long_addresses_are_shown_by_their_site() -> None:
    address = "https://www.example.org/a/very/long/way/to/a/page?b=1"
    assert f'<a href="{address}">example.org</a>' in table_html(pd.DataFrame({"source": [address]}))
