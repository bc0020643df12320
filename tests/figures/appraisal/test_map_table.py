from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from evidence.errors import DataError
from evidence.figures import map_table

KINDS = {"effect": "an effect", "P": "a P value"}


@pytest.fixture
def data() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "title": ["Songs", "Songs", "Songs", "Dance"],
            "label": ["Ava 2001", "<b>Ben</b>", "Cy 2003", "Ava 2001"],
            "kind": ["effect", "P", "effect", "P"],
            "n": [400.0, 100.0, None, 20.0],
            "favours": [1.0, -1.0, None, 0.0],
        }
    )


def test_each_trial_has_a_mark_in_its_cell(data: pd.DataFrame) -> None:
    soup = BeautifulSoup(map_table(data, kinds=KINDS).html, "html.parser")
    rows = soup.select("tbody tr")
    assert [row.th.get_text() for row in rows if row.th] == ["Songs", "Dance"]
    marks = [
        [[mark.get_text() for mark in cell.select(".mark")] for cell in row.select("td")] for row in rows
    ]
    assert marks == [[["<b>Ben</b>"], ["Cy 2003"], ["Ava 2001"]], [[], ["Ava 2001"], []]]
    largest = soup.select_one('[title^="Ava 2001: an effect, 400 people"]')
    assert largest is not None
    assert largest["class"] == ["mark", "k0", "s6"]
    ben = soup.select_one('[title^="<b>Ben"]')
    assert ben is not None
    assert ben["class"] == ["mark", "k1", "s3"]  # a fourth of the people, half as wide
    assert [count.get_text() for count in soup.select(".count")] == ["1", "1", "1", "1"]


def test_it_says_the_same_in_words_and_numbers(data: pd.DataFrame) -> None:
    table = map_table(data, kinds=KINDS)
    assert table.summary().startswith("Songs: 3 trials; 1 in favour of the treatment, 1 of the comparator.")
    assert list(table.to_frame()["label"]) == list(data["label"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.drop(columns="favours"), "favours"),
        (lambda data: data.head(0), "no trial"),
        (lambda data: data.assign(kind="guess"), "'guess'"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    data: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        map_table(change(data), kinds=KINDS)
