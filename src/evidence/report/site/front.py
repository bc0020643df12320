"""The first page: on what the review rests, its main questions with their answers, for a reader new to the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup

from evidence.report.site.cards import card_html, important
from evidence.report.site.render import Page
from evidence.report.site.shell import templates
from evidence.report.site.tables import table_html
from evidence.wording import capital

if TYPE_CHECKING:
    from evidence.appraisal.answer import Answer
    from evidence.tables.review import Review

__all__ = ["front_html"]


def front_html(review: Review | None, answer: Answer | None, pages: Sequence[Page]) -> tuple[str, str]:
    """Return the lead and the body of the first page.

    Parameters
    ----------
    review : Review or None
        Asked for its question.
    answer : Answer or None
        Without one, the page names the question and leads to the other pages.
    pages : sequence of Page
        The pages that the body links to. Answers to questions that they publish are not worked out again.

    Returns
    -------
    (lead, body)
        HTML in which every text is escaped.
    """
    lead = _question(review) if review and answer is None else ""
    records = _records(review, pages) if review is not None and answer is not None else []
    known = _known(review, answer, records)
    linked = {address for _, address in records}  # by the cards of the main questions
    others = [page for page in pages if _address(page) not in linked]
    return lead, templates().get_template("front.html").render(answer=answer, pages=others, **known)


def _known(
    review: Review | None, answer: Answer | None, records: Sequence[tuple[Mapping[str, Any], str]]
) -> dict[str, Any]:
    """What the page says of a review that has an answer."""
    if review is None or answer is None:
        return {}
    from evidence.appraisal.answer import status
    from evidence.appraisal.statements import certainty_levels
    from evidence.tables.protocol.questions import main_questions

    claims = answer.verdicts.drop(columns="claim_id", errors="ignore")
    compares = any(not one.one_group for one in review.protocol.expand())
    bands = {
        f"{one['outcome']} {important(one)} {'times' if one['ratio'] else one['unit']}"
        for record, _ in records
        for one in record["findings"]
        if one["k"] and important(one)
    }
    terms = {
        one.term: review.protocol.windows[one.window].span
        for question in main_questions(review.protocol)
        for one in question.analyses
        if one.term and not one.window_title
    }
    return {
        "compares": compares,
        "terms": capital("; ".join(f"{term}: {span}" for term, span in terms.items())),
        "bands": "; ".join(sorted(bands)),
        "status": status(review),
        "cards": [Markup(card_html(record, page=page)) for record, page in records],
        "levels": certainty_levels().to_dict("records") if compares else [],
        "verdicts": answer.verdicts["verdict"].value_counts(sort=False).to_dict(),
        "claims": Markup(_folded(claims, "Verdict on each claim, also under other thresholds")),
    }


def _records(review: Review, pages: Sequence[Page]) -> list[tuple[Mapping[str, Any], str]]:
    """Answers to the main questions, each with the address of its page, if it has one."""
    from evidence.appraisal.questions import answer_question
    from evidence.tables.protocol.questions import main_questions

    told = {
        item["name"]: (item["answer"], _address(page))
        for page in pages
        for item in page.items
        if item["kind"] == "answer"
    }
    return [
        told.get(question.id) or (answer_question(review, question, deep=False).record(), "")
        for question in main_questions(review.protocol)
    ]


def _address(page: Page) -> str:
    return f"{quote(page.name)}.html"


def _question(review: Review) -> str:
    asked = review.protocol.question
    parts = {
        "population": "Who",
        "intervention": "What",
        "comparator": "Compared with",
        "outcomes": "Measured by",
        "design": "From",
    }
    rows = {name: _words(asked[part]) for part, name in parts.items() if asked.get(part)}
    terms = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>\n" for name, text in rows.items())
    return f'<dl class="pico" aria-label="The question">\n{terms}</dl>\n' if terms else ""


def _words(value: Any) -> str:
    texts = [str(part) for part in value] if isinstance(value, list | tuple) else [str(value)]
    return ", ".join(texts).replace("_", " ")


def _folded(table: pd.DataFrame, caption: str) -> str:
    shown = table_html(table, caption=caption)
    region = (
        f'<div class="scroll wide" tabindex="0" role="region" aria-label="{escape(caption)}">{shown}</div>'
    )
    return f"<details><summary>{escape(caption)}</summary>\n{region}\n</details>\n"
