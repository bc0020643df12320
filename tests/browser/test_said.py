"""What the built report says: statements that a hostile reader would attack, on every page."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from bs4 import BeautifulSoup

import evidence as ev
from evidence.appraisal.certainty.grade import SYMBOLS
from evidence.appraisal.statements import MEANS
from evidence.synthesis.reports import reports_on
from evidence.tables.protocol.questions import main_questions, questions
from evidence.tables.review import Review


@pytest.fixture(scope="module")
def texts(report: Path) -> dict[str, str]:
    """The text of every page as it is read: without code, scripts and parameters."""
    found = {}
    for path in sorted(report.glob("*.html")):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for hidden in soup.select("script, style, pre, code, details.code, nav"):
            hidden.decompose()
        found[path.name] = re.sub(r"\s+", " ", soup.get_text(" "))
    return found


@pytest.fixture(scope="module")
def cards(report: Path) -> dict[str, BeautifulSoup]:
    soup = BeautifulSoup((report / "index.html").read_text("utf-8"), "html.parser")
    return {str(card["id"]).removeprefix("question-"): card for card in soup.select("article.card")}  # type: ignore[misc]


def test_each_question_of_the_protocol_has_a_page(review: Review, texts: dict[str, str]) -> None:
    for question in questions(review.protocol):
        assert question.title in texts[f"{question.id}.html"]


def test_each_main_question_has_a_card_that_leads_to_its_page(
    review: Review, cards: dict[str, BeautifulSoup]
) -> None:
    assert list(cards) == [question.id for question in main_questions(review.protocol)]
    for name, card in cards.items():
        assert card.select_one(f'h3 a[href="{name}.html"]')
        assert card.select(".change li")


def test_the_first_page_and_the_page_of_a_question_give_the_same_numbers(
    review: Review, texts: dict[str, str]
) -> None:
    squeezed = {name: text.replace(" ", "") for name, text in texts.items()}
    for question in main_questions(review.protocol):
        for analysis in question.analyses:
            one = ev.finding(review, analysis)
            if one.fit is not None:
                for page in ("index.html", f"{question.id}.html"):
                    assert one.base.replace(" ", "") in squeezed[page], (analysis.id, page)
                    assert one.words.change(one.fit.estimate).replace(" ", "") in squeezed[page]


def test_very_uncertain_is_said_of_very_low_certainty_alone(
    review: Review, cards: dict[str, BeautifulSoup]
) -> None:
    for name, card in cards.items():
        lead = ev.answer_question(review, name, deep=False).lead
        assert ("very uncertain" in card.get_text()) == (lead.level == "very low"), name


def test_certainty_has_one_set_of_words_and_symbols(texts: dict[str, str]) -> None:
    for level, symbols in SYMBOLS.items():
        for name, text in texts.items():
            for after in re.findall(re.escape(symbols) + r" (very low|low|moderate|high)\b", text):
                assert after == level, name
    assert not any(re.search("[●○]{4}", text) for text in texts.values())
    for meaning in MEANS.values():
        assert meaning in texts["index.html"]


def test_few_trials_are_never_combined(review: Review, texts: dict[str, str]) -> None:
    for question in questions(review.protocol):
        few = [one for one in question.analyses if 0 < ev.finding(review, one).trials < 3]
        assert ("ot combined" in texts[f"{question.id}.html"]) or not few


def test_no_machine_language_on_a_page(review: Review, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        if name in ("explorer.html", "figures-and-tables.html"):
            continue
        for word in ("Decides.", "no comparisons from no trials", "high left out", "∞", " inf ", " nan "):
            assert word not in text, (name, word)
    for name in ("index.html", *(f"{question.id}.html" for question in questions(review.protocol))):
        for analysis in review.analyses:
            assert not re.search(rf"(?<![\w/#-]){re.escape(analysis)}(?![\w-])", texts[name]), (
                name,
                analysis,
            )


def test_a_boundary_is_said_to_guard_against_chance_and_not_against_bias(
    review: Review, texts: dict[str, str]
) -> None:
    for question in questions(review.protocol):
        text = texts[f"{question.id}.html"]
        combined = any(ev.synthesise(review, one).fit is not None for one in question.analyses)
        assert ("guards against chance, not against bias" in text) is combined
        assert text.count("Nothing was combined") == (not combined)


def test_the_first_page_says_on_what_it_rests(texts: dict[str, str]) -> None:
    text = texts["index.html"]
    for words in (
        "not a new systematic search",
        "come from abstracts",
        "results were read by one person",
        "was not registered",
    ):
        assert words in text
    assert "Little is known about harm: " in text


def test_the_counts_of_trials_are_related(review: Review, texts: dict[str, str]) -> None:
    text = texts["index.html"]
    assert f"{review.protocol.count_trials(review.trials['trial_id'])} trials with " in text
    assert re.search(
        r"give numbers that an analysis can use \(\w+ with the questions of other reviews\); "
        r"\w+ of them bear on a main question, and \w+ stand in a combined result of one",
        text,
    )


def test_each_trial_that_reports_on_a_main_question_is_named_on_its_page(
    review: Review, texts: dict[str, str]
) -> None:
    for question in main_questions(review.protocol):
        for analysis in question.analyses:
            for label in reports_on(review, analysis).trials["label"]:
                assert label in texts[f"{question.id}.html"], (analysis.id, label)


def test_no_table_combines_fewer_trials_than_the_protocol(review: Review, report: Path) -> None:
    least = review.protocol.model.minimum_studies
    for path in sorted((report / "tables").glob("*.csv")):
        frame = pd.read_csv(path)
        count = next((name for name in ("trials", "k") if name in frame), None)
        if count is None or "ci_low" not in frame:
            continue
        # What other reviews print is theirs.
        own = frame[frame["kind"] != "published"] if "kind" in frame else frame
        few = pd.to_numeric(own[count], errors="coerce") < least
        assert own.loc[few, "ci_low"].isna().all(), path.name


def test_the_network_page_tells_what_enough_trials_carry_with_its_certainty(
    review: Review, report: Path, texts: dict[str, str]
) -> None:
    for name in ("network-estimates", "combination-answer"):
        told = pd.read_csv(report / "tables" / f"{name}.csv")
        assert (told["paths"] >= review.protocol.model.minimum_studies).all()
        assert told["certainty"].isin(list(SYMBOLS)).all()
        for row in told.to_dict("records"):
            assert f"{row['certainty']} certainty" in row["statement"]
            assert f"{row['trials']} trials" in row["statement"]
            assert ("very uncertain" in row["statement"]) == (row["certainty"] == "very low")
        # Both orientations of a comparison are one row.
        pairs = [
            (outcome, term, frozenset(pair))
            for outcome, term, *pair in told[["outcome", "term", "treatment", "against"]].itertuples(
                index=False
            )
        ]
        assert len(pairs) == len(set(pairs))
    squeezed = texts["09-network.html"].replace(" ", "")
    for statement in pd.read_csv(report / "tables" / "combination-answer.csv")["statement"]:
        # Words that the glossary explains have the explanation behind them.
        said = statement.partition("compared with ")[2].partition(" certainty")[0]
        assert said.replace(" ", "") in squeezed
    for name in ("network-not-told", "combination-not-told"):
        rest = pd.read_csv(report / "tables" / f"{name}.csv")
        assert rest[["estimate", "ci_low", "ci_high", "certainty"]].isna().all(axis=None)
