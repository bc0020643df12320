"""The first page: the question, the answer and how sure it is, for a reader who has never seen a meta-analysis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from evidence.report.site.render import Page
from evidence.report.site.strips import certainty_html, strips_html
from evidence.report.site.tables import table_html

if TYPE_CHECKING:
    from evidence.appraisal.answer import Answer
    from evidence.appraisal.certainty.grade import Certainty
    from evidence.tables.review import Review

__all__ = ["front_html"]

LEGEND = (
    "Each dot is the average over the trials of one question, the line through it the range of true averages with "
    "which the trials agree well. The upright line marks no difference between the groups; in the shaded band a "
    "difference is too small to matter. A line that crosses the upright line leaves open whether "
    "there is any difference; one that lies inside the band speaks against a difference that matters."
)


def front_html(review: Review | None, answer: Answer | None, pages: Sequence[Page]) -> tuple[str, str]:
    """Return the lead and the body of the first page.

    Parameters
    ----------
    review : Review or None
        Asked for its question.
    answer : Answer or None
        Without one, the page names the question and leads to the other pages.
    pages : sequence of Page
        The pages that the body links to.

    Returns
    -------
    (lead, body)
        HTML in which every text is escaped.
    """
    lead = _question(review) if review and answer is None else ""
    parts = []
    if answer is not None:
        parts += [_answer(answer), _key(answer.key, pages), _certainty(review, answer.certainty)]
        parts.append(_verdicts(answer.verdicts))
    cards = "".join(
        f'<li><a href="{quote(page.name)}.html">{escape(page.title)}</a>'
        f"<span>{escape(page.description)}</span></li>\n"
        for page in pages
    )
    parts.append(f'<h2 id="pages-of-the-report">All pages</h2>\n<ul class="cards">\n{cards}</ul>\n')
    return lead, "\n".join(filter(None, parts))


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


def _answer(answer: Answer) -> str:
    sentences = "".join(f"<li>{escape(sentence)}</li>\n" for sentence in answer.sentences)
    return (
        f'<section class="answer" aria-labelledby="the-answer"><h2 id="the-answer">The answer</h2>\n'
        f'<p class="lede">{escape(answer.headline)}</p>\n<ul class="sentences">\n{sentences}</ul></section>\n'
    )


def _key(key: pd.DataFrame, pages: Sequence[Page]) -> str:
    if key["estimate"].isna().all():
        return ""
    return (
        '<h2 id="key-results">The results behind it</h2>\n<figure class="wide strips" id="figure-of-key-results">\n'
        f"<figcaption>{escape(LEGEND)}</figcaption>\n{strips_html(key, _links(key, pages))}\n</figure>\n"
    )


def _links(key: pd.DataFrame, pages: Sequence[Page]) -> dict[str, str]:
    """Return where the first figure of each analysis stands: one whose name ends with that of the analysis."""
    return {
        str(name): f"{quote(page.name)}.html#{item['name']}"
        for name in key["analysis"]
        for page in reversed(pages)
        for item in reversed(page.items)
        if item["kind"] == "figure" and re.search(rf"(^|-){re.escape(str(name))}$", item["name"])
    }


def _certainty(review: Review | None, certainty: pd.DataFrame) -> str:
    if certainty.empty:
        return ""
    from evidence.appraisal.answer import CERTAINTY_MEANS
    from evidence.appraisal.certainty.grade import grade

    levels = "".join(
        f'<dt class="sure">{certainty_html(level)}</dt><dd>{escape(text)}</dd>\n'
        for level, text in CERTAINTY_MEANS.items()
    )
    shown = pd.DataFrame({"result": certainty["label"], "certainty": certainty["certainty"]})
    if review is not None:
        shown["what lowers it"] = [_lowered(grade(review, name)) for name in certainty["analysis"]]
    table = _table(shown, "How sure one can be of each result, and why not more")
    return f'<h2 id="how-sure">How sure can one be?</h2>\n<dl class="levels">\n{levels}</dl>\n{table}'


def _lowered(certainty: Certainty) -> str:
    lowered = [f"{one.name} (−{one.downgrade})" for one in certainty.domains if one.downgrade]
    return ", ".join(lowered) or certainty.note


def _verdicts(verdicts: pd.DataFrame) -> str:
    if verdicts.empty:
        return ""
    counts = ""
    if "verdict" in verdicts:
        counts = "".join(
            f"<li><b>{count}</b>{escape(str(verdict))}</li>"
            for verdict, count in verdicts["verdict"].value_counts(sort=False).items()
        )
        counts = f'<ul class="verdicts">{counts}</ul>\n'
    table = _table(verdicts.drop(columns="claim_id", errors="ignore"), "Verdict on each claim")
    return f'<h2 id="claims">Claims and what the trials say</h2>\n{counts}{table}'


def _table(table: pd.DataFrame, caption: str) -> str:
    shown = table_html(table, caption=caption)
    return (
        f'<div class="scroll wide" tabindex="0" role="region" aria-label="{escape(caption)}">{shown}</div>\n'
    )
