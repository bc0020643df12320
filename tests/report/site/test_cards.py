"""The answer to a question on a page: drawings that stand where the numbers say, and the same in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence.measures import NEW_TRIAL
from evidence.report.site import cards
from evidence.report.site.cards import OPEN_CHANGES, BarScale, card_html, important
from evidence.tables.review import Review
from evidence.wording import joined


@pytest.fixture(scope="module")
def answer(review: Review) -> ev.QuestionAnswer:
    return ev.answer_question(review, "manual-usual", deep=False)


@pytest.fixture(scope="module")
def soup(answer: ev.QuestionAnswer) -> BeautifulSoup:
    return BeautifulSoup(card_html(answer.record(), page="manual-usual.html"), "html.parser")


def at(tag: Any, name: str) -> float:
    return float(str(tag[name]).rstrip("%"))


def test_a_card_says_direction_size_certainty_people_and_what_would_change_it(
    answer: ev.QuestionAnswer, soup: BeautifulSoup
) -> None:
    text = soup.get_text(" ", strip=True)
    lead = answer.lead
    assert lead.clause in text
    assert lead.base in text
    assert lead.amount in text
    lowered = [domain.name for domain in lead.certainty.domains if domain.downgrade]
    assert f"{lead.level} certainty because of {joined(lowered)}.".capitalize() in text
    changed = answer.changes[answer.changes["changed"].astype(bool)]
    first = changed.loc[changed["estimate"].notna(), "sentence"].tolist()
    assert [one.get_text() for one in soup.select(".change li")] == first[:OPEN_CHANGES]
    assert str(soup.h3.a["href"]) == "manual-usual.html" if soup.h3 and soup.h3.a else False


def test_each_drawing_says_which_side_favours_the_treatment(
    answer: ev.QuestionAnswer, soup: BeautifulSoup
) -> None:
    scales = {
        str(tag.contents[0]).strip(): str(tag.small.get_text()) for tag in soup.select(".what") if tag.small
    }
    record = answer.record()["findings"]
    better = {one["outcome"].capitalize(): one["lower_is_better"] for one in record if one["k"]}
    assert set(better.values()) == {True, False}
    for outcome, lower in better.items():
        assert f"; {'left' if lower else 'right'} is better" in scales[outcome]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("manual-exercise", "; 1.35 points of 24 or more matter, for results in that unit; 1 standard"),
        ("massage-sham", "; 1.35 or more matters; 1 standard"),
    ],
)
def test_a_limit_says_its_unit_where_a_result_is_told_in_another(
    review: Review, question: str, said: str
) -> None:
    record = ev.answer_question(review, question, deep=False).record()
    others = [one for one in record["findings"] if one["unit"] == "points of 24" and one["other_units"]]
    assert bool(others) == ("for results" in said)
    page = BeautifulSoup(card_html(record, whole=False), "html.parser")
    scales = [tag.get_text() for tag in page.select(".what small") if "points of 24" in tag.get_text()]
    assert len(scales) == 1
    assert said in scales[0]


def test_another_result_goes_before_none_at_all_on_the_first_page(review: Review) -> None:
    found = ev.answer_question(review, "massage-usual", deep=False)
    assert pd.isna(found.changes.loc[found.changes["changed"].astype(bool), "estimate"].iloc[0])
    card = BeautifulSoup(card_html(found.record(), page="massage-usual.html"), "html.parser")
    (shown,) = (one.get_text() for one in card.select(".change li"))
    assert shown.startswith("With one average effect a trial: ")
    assert "then no clear difference" in shown


def test_a_page_opens_with_what_changes_the_result_and_folds_the_rest(answer: ev.QuestionAnswer) -> None:
    told = answer.changes
    changed = told["changed"].astype(bool)
    assert changed.any()
    assert not changed.all()
    page = BeautifulSoup(card_html(answer.record(), whole=False), "html.parser")
    assert [one.get_text() for one in page.select(".change > ul li")] == told.loc[
        changed, "sentence"
    ].tolist()
    assert [one.get_text() for one in page.select("details li")] == told.loc[~changed, "sentence"].tolist()
    assert f"({(~changed).sum()})" in page.select_one("details summary").get_text()  # type: ignore[union-attr]


def test_marks_stand_where_the_numbers_say(answer: ev.QuestionAnswer, soup: BeautifulSoup) -> None:
    one = answer.record()["findings"][answer.record()["lead"]]
    same = [
        row
        for row in answer.record()["findings"]
        if (row["outcome"], row["unit"]) == (one["outcome"], one["unit"])
    ]
    scale = BarScale.of([row for row in same if row["k"]])
    bar = soup.select_one("svg.bar")
    assert bar
    assert at(bar.select_one(".dot"), "cx") == scale.place(one["estimate"])
    assert at(bar.select_one(".ci"), "x1") == scale.place(one["ci_low"])
    assert at(bar.select_one(".prediction"), "x2") == scale.place(one["prediction_high"])
    assert at(bar.select_one(".zero"), "x1") == 50
    band = bar.select_one(".mid")
    assert at(band, "x") == scale.place(-one["mid"])
    assert at(band, "x") + at(band, "width") == pytest.approx(scale.place(one["mid"]), abs=0.02)
    assert one["numbers"] in str(bar["aria-label"])


def test_one_hundred_people_are_drawn(answer: ev.QuestionAnswer, soup: BeautifulSoup) -> None:
    people = answer.people
    icons = soup.select(".people circle")
    assert len(icons) == 100
    assert len(soup.select(".people .same")) == round(people["without"])
    assert len(soup.select(".people .gain")) == round(people["more"])
    assert answer.people_sentence in soup.get_text(" ", strip=True)


def test_few_trials_are_drawn_one_by_one_and_no_people(review: Review) -> None:
    record = ev.answer_question(review, "manual-sham", deep=False).record()
    soup = BeautifulSoup(card_html(record), "html.parser")
    assert not soup.select(".people")
    first = soup.select_one("svg.bar")
    assert first
    assert len(first.select(".lone")) == len(record["findings"][0]["single"]) == 2
    assert "Not combined: " in soup.get_text()


def test_what_no_trial_reports_does_not_count_as_without_usable_numbers(review: Review) -> None:
    answer = ev.answer_question(review, "massage-usual", deep=False)
    told = BeautifulSoup(card_html(answer.record()), "html.parser").select_one(".told.none")
    none = [one for one in answer.findings if not one.k]
    without, unreported = ([one for one in none if bool(one.reported) == has] for has in (True, False))
    assert any(one.left_out for one in unreported)
    listed = (
        "; ".join(f"{one.words.name}, {one.analysis.term} ({one.lacking})" for one in without),
        "; ".join(f"{one.words.name}, {one.analysis.term}" for one in unreported),
    )
    assert told is not None
    assert (
        told.text
        == f"Without usable numbers: {listed[0]}. Reported by none that the protocol takes: {listed[1]}."
    )


def test_an_interval_that_goes_beyond_the_drawing_ends_in_an_arrow(answer: ev.QuestionAnswer) -> None:
    record = answer.record()
    one = record["findings"][record["lead"]]
    one["prediction_low"] = one["ci_low"]
    for high, signs in ((one["ci_high"], []), (1000.0, ["▸"])):
        one["prediction_high"] = high
        soup = BeautifulSoup(card_html(record), "html.parser")
        bar = soup.select_one("svg.bar")
        assert bar
        assert [sign.get_text() for sign in bar.select(".beyond")] == signs
        assert all(at(sign, "x") == 97 for sign in bar.select(".beyond"))


def test_a_question_of_several_comparisons_names_each(review: Review) -> None:
    record = ev.answer_question(review, "manual-other", deep=False).record()
    soup = BeautifulSoup(card_html(record, whole=False), "html.parser")
    heads = [next(tag.stripped_strings) for tag in soup.select(".when")]
    found = [one for one in record["findings"] if one["k"]]
    assert sorted(heads) == sorted(f"{one['comparison']}, {one['term']}" for one in found)
    lines = soup.select_one(".told.none")
    assert lines
    for one in record["findings"]:
        named = f"{one['comparison']}, {one['outcome']}, {one['term']}"
        assert (named in re.split(r": |; | \(|\. |\.$", lines.get_text())) == (one["k"] == 0)


def test_a_limit_that_matters_is_not_rounded_away() -> None:
    shown = [
        important({"mid": mid, "digits": digits})
        for mid, digits in ((1.35, 1), (10.0, 1), (1.25, 2), (0.1 + 0.2, 1))
    ]
    assert shown == ["1.35", "10", "1.25", "0.3"]


def test_texts_are_escaped(answer: ev.QuestionAnswer) -> None:
    record = answer.record() | {"title": "<script>alert(1)</script>"}
    assert "<script>" not in card_html(record)


def test_ratios_are_placed_by_their_logarithms() -> None:
    row: dict[str, Any] = {
        "one_group": False,
        "ratio": True,
        "mid": 1.25,
        "ci_low": 0.5,
        "ci_high": 2.0,
        "widest": None,
        "single": [],
    }
    scale = BarScale.of([row])
    assert scale.place(1.0) == 50
    assert scale.place(2.0) + scale.place(0.5) == pytest.approx(100)


def test_the_band_of_a_ratio_below_one_is_drawn(review: Review) -> None:
    """An important ratio of 0.8 marks the same band as one of 1.25."""
    record = ev.answer_question(review, "manual-usual", deep=False).record()
    bands = {}
    for mid in (0.8, 1.25):
        findings = [one | {"mid": mid if one["ratio"] else one["mid"]} for one in record["findings"]]
        soup = BeautifulSoup(card_html(record | {"findings": findings}), "html.parser")
        bands[mid] = [(str(rect["x"]), str(rect["width"])) for rect in soup.select("rect.mid")]
    assert bands[0.8] == bands[1.25]
    assert any(one["ratio"] and one["k"] for one in record["findings"])
    assert all(float(width.rstrip("%")) > 0 for _, width in bands[0.8])


@pytest.mark.parametrize("name", ["card.html", "front.html", "explorer.js"])
def test_a_prediction_is_of_the_true_effect_in_a_new_trial(name: str) -> None:
    template = (Path(cards.__file__).with_name("templates") / name).read_text("utf-8")
    told = [found.start() for found in re.finditer(r"new, similar trial|new trial|new study", template)]
    assert told
    assert all(template[:place].lower().endswith(NEW_TRIAL.removesuffix("new trial")) for place in told)
