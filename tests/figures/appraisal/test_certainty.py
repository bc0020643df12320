"""The figure of certainty: what it draws, says and refuses."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import evidence as ev
from evidence.errors import DataError


def made(k: int) -> pd.DataFrame:
    """Ratings of k analyses; every third has no evidence."""
    domains = ("risk of bias", "inconsistency", "indirectness", "imprecision", "publication bias")
    rows = [
        {
            "title": f"A rather long question about treatment {i} against its comparators: pain, short term",
            "k": 0 if i % 3 == 2 else i + 1,
            **{name: None if i % 3 == 2 else (i + j) % 3 for j, name in enumerate(domains)},
            "overridden": "imprecision" if i == 0 else "",
            "level": "very low" if i % 2 else "moderate",
            "symbols": "⊕⊖⊖⊖" if i % 2 else "⊕⊕⊕⊖",
        }
        for i in range(k)
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(domains, "Int64"))


@pytest.mark.parametrize("k", [1, 2, 30])
def test_every_text_has_its_place(k: int, faults: Any) -> None:
    figure = ev.figures.certainty(made(k), title="Certainty of the evidence")
    assert faults(figure) == []
    assert len(figure.numbers) == k


def test_the_description_says_what_lowers_the_certainty(texts: Any) -> None:
    figure = ev.figures.certainty(made(3))
    assert "of 3 analyses" in figure.alt_text
    assert "inconsistency −1" in figure.alt_text
    assert "no usable evidence" in figure.alt_text
    assert "0*" in texts(figure)


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(DataError, match="no rows"):
        ev.figures.certainty(made(1).iloc[:0])
    with pytest.raises(DataError, match="symbols"):
        ev.figures.certainty(made(1).drop(columns="symbols"))
