from __future__ import annotations

import math
import re

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from evidence.report.site.strips import StripScale, certainty_html, strips_html

ROW = {
    "analysis": "a-pain",
    "question": "singing rather than <silence>",
    "when": "pain, short term",
    "outcome": "pain",
    "estimate": -11.0,
    "ci_low": -18.0,
    "ci_high": -4.0,
    "mid": 10.0,
    "no_effect": 0.0,
    "certainty": "low",
    "unit": "points of 100",
    "favours": "lower",
}


def drawn(*rows: dict[str, object], links: dict[str, str] | None = None) -> BeautifulSoup:
    return BeautifulSoup(strips_html(pd.DataFrame([ROW | row for row in rows]), links or {}), "html.parser")


def test_a_row_says_in_words_what_it_shows() -> None:
    soup = drawn({}, {"ci_high": 3.0}, links={"a-pain": "03.html#forest-a-pain"})
    pictures = [str(svg["aria-label"]) for svg in soup.select("svg[role=img]")]
    assert pictures == [
        "Average −11.0, confidence interval −18.0 to −4.0; favours the treatment.",
        "Average −11.0, confidence interval −18.0 to 3.0; the interval holds no difference.",
    ]
    assert [a["href"] for a in soup.select("li a")] == ["03.html#forest-a-pain"] * 2
    assert "Singing rather than <silence>" in soup.get_text()
    assert [h.get_text() for h in soup.find_all("h3")] == ["Pain, points of 100"]


def test_marks_stand_where_the_numbers_say() -> None:
    soup = drawn({})
    dot, line, zero, band = (soup.select_one(f"li .{name}") for name in ("dot", "ci", "zero", "mid"))
    assert dot
    assert line
    assert zero
    assert band
    scale = StripScale(-18.0, 10.0, 0.0)
    assert float(str(dot["cx"]).rstrip("%")) == pytest.approx(scale.place(-11.0), abs=0.01)
    assert float(str(line["x1"]).rstrip("%")) == pytest.approx(scale.place(-18.0), abs=0.01)
    assert float(str(zero["x1"]).rstrip("%")) == pytest.approx(scale.place(0.0), abs=0.01)
    assert float(str(band["x"]).rstrip("%")) == pytest.approx(scale.place(-10.0), abs=0.01)


def test_ratios_are_placed_by_their_logarithms() -> None:
    ratio = {
        "no_effect": 1.0,
        "estimate": 1.5,
        "ci_low": 0.5,
        "ci_high": 2.0,
        "mid": 1.25,
        "favours": "higher",
    }
    soup = drawn(ratio)
    assert "1.50" in soup.get_text()
    scale = StripScale(0.5, 2.0, 1.0)
    assert scale.place(1.0) == pytest.approx(50)
    assert scale.ticks()[0] == [0.5, 1, 2]
    assert "better with treatment →" in soup.get_text()


def test_what_was_not_pooled_says_so() -> None:
    missing = {"estimate": math.nan, "ci_low": math.nan, "ci_high": math.nan, "certainty": ""}
    soup = drawn({}, missing)
    assert [row.get_text() for row in soup.select(".none .result")] == ["too few results to combine"]
    assert len(soup.select("svg[role=img]")) == 1
    assert soup.select(".foot")
    assert not drawn(missing | {"mid": math.nan}).select(".foot")


@pytest.mark.parametrize(("low", "high"), [(-18.0, 10.0), (-0.4, 0.3), (-3.9, 1.2), (-1500.0, 90.0)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    ticks, decimals = StripScale(low, high, 0.0).ticks()
    assert 3 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert all(math.isclose(tick, round(tick, decimals), abs_tol=1e-12) for tick in ticks)
    assert any(abs(tick) < 1e-12 for tick in ticks)


def test_certainty_is_said_in_dots_and_words() -> None:
    assert re.sub(r"<[^>]+>", "", certainty_html("very low")) == "●○○○ very low"
    assert certainty_html("") == ""
