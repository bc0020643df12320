from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from evidence.report.site.glossary import define_terms, glossary, glossary_html


def defined(body: str) -> BeautifulSoup:
    soup = BeautifulSoup(body, "html.parser")
    define_terms(soup)
    return soup


def test_every_term_is_defined_once_and_has_an_anchor_of_its_own() -> None:
    terms = glossary()
    assert len(terms) >= 45
    spellings = [form.lower() for term in terms for form in {term.term, *term.forms}]
    assert len(spellings) == len(set(spellings))
    anchors = re.findall(r'<dt id="([^"]+)">', glossary_html())
    assert anchors == [term.anchor for term in terms]
    assert len(anchors) == len(set(anchors))
    assert all(term.text.endswith(".") for term in terms)


def test_a_term_is_explained_where_a_page_first_uses_it() -> None:
    soup = defined("<p>A forest plot.</p><p>Another forest plot, with I² and Heterogeneity.</p>")
    assert [word.get_text() for word in soup.select("a.term")] == ["forest plot", "I²", "Heterogeneity"]
    for word in soup.select("a.term"):
        note = soup.find(id=str(word["aria-describedby"]))
        assert note is not None
        assert note.has_attr("popover")
        anchor = str(word["href"]).removeprefix("glossary.html#")
        assert f'<dt id="{anchor}">' in glossary_html()


def test_the_text_stays_as_it_was() -> None:
    soup = defined("<p>Confidence intervals of <b>effects</b> &amp; a P value &lt; 0.05.</p>")
    assert soup.select("a.term")
    for note in soup.select(".definition"):
        note.decompose()
    assert soup.get_text() == "Confidence intervals of effects & a P value < 0.05."


@pytest.mark.parametrize(
    "body",
    [
        "<h2>Forest plot</h2>",
        "<p><a href='x'>forest plot</a></p>",
        "<p><code>forest plot</code></p>",
        "<table><tr><td><p>forest plot</p></td></tr></table>",
        "<details><summary>Code</summary><p>forest plot</p></details>",
        "<div>forest plot</div>",
        '<p aria-hidden="true">forest plot</p>',
    ],
)
def test_headings_links_code_and_tables_are_left_alone(body: str) -> None:
    assert not defined(body).select(".term, .definition")


def test_short_forms_need_their_capitals_and_words_are_whole() -> None:
    assert not defined("<p>or rr md side-effects affected preweight</p>").select(".term")
    words = defined("<p>The OR, the MD and the SMD differ; weights too.</p>").select(".term")
    assert [word.get_text() for word in words] == ["OR", "MD", "SMD", "weights"]


def test_the_longest_spelling_wins() -> None:
    words = defined("<p>A standardised mean difference by a random-effects model.</p>").select(".term")
    assert [word.get_text() for word in words] == ["standardised mean difference", "random-effects model"]
