"""Terms of the field: explained where a page first uses them, and all together on a page of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import yaml
from bs4 import BeautifulSoup

from evidence.report.site.texts import replace_in_texts

__all__ = ["Term", "define_terms", "glossary", "glossary_html"]


@dataclass(frozen=True, slots=True)
class Term:
    """A term, the other spellings under which texts use it, and what it means."""

    term: str
    text: str
    forms: tuple[str, ...] = ()

    @property
    def anchor(self) -> str:
        """Its anchor on the page of the glossary."""
        return re.sub(r"[^\w]+", "-", self.term.lower().replace("²", "2")).strip("-")


@cache
def glossary() -> tuple[Term, ...]:
    """Return all terms in the order of the alphabet."""
    entries = yaml.safe_load(files("evidence.report.site").joinpath("glossary.yaml").read_text("utf-8"))
    terms = (Term(entry["term"], entry["text"].strip(), tuple(entry.get("forms", ()))) for entry in entries)
    return tuple(sorted(terms, key=lambda term: term.term.lower()))


def define_terms(soup: BeautifulSoup) -> None:
    """Make each term, where running text first uses it, a link that shows its meaning.

    Parameters
    ----------
    soup : BeautifulSoup
        The page, changed in place. Headings, tables, links, code and what is folded stay as they are.
    """
    seen: set[str] = set()

    def defined(found: re.Match[str]) -> Any:
        term = _spellings()[_plain(found[0])]
        if term.anchor in seen:
            return None
        seen.add(term.anchor)
        # A link to the glossary that the script of the site lets open the note beside it instead.
        note_id = f"term-{term.anchor}"
        address = f"glossary.html#{term.anchor}"
        word = soup.new_tag("a", attrs={"class": "term", "href": address, "aria-describedby": note_id})
        word.string = found[0]
        note = soup.new_tag("span", attrs={"class": "definition", "id": note_id, "popover": "auto"})
        name = soup.new_tag("b")
        name.string = term.term
        note.extend([name, f" {term.text}"])
        return [word, note]

    replace_in_texts(
        soup, _pattern(), defined, within=("p", "li", "dd", "figcaption"), apart=("table", "details", "span")
    )


def glossary_html() -> str:
    """Return the list of all terms, each with an anchor."""
    return "".join(
        [
            '<dl class="glossary">\n',
            *(
                f'<dt id="{term.anchor}">{escape(_with_forms(term))}</dt>\n<dd>{escape(term.text)}</dd>\n'
                for term in glossary()
            ),
            "</dl>\n",
        ]
    )


def _with_forms(term: Term) -> str:
    short = [form for form in term.forms if form.isupper() or "²" in form or len(form) < 4]
    return f"{term.term} ({', '.join(short)})" if short else term.term


def _plain(form: str) -> str:
    """Return a spelling as it is looked up: with its capitals if it is known with them, else small and singular."""
    for candidate in (form, form.lower(), form.lower().removesuffix("s")):
        if candidate in _spellings():
            return candidate
    return form


@cache
def _spellings() -> dict[str, Term]:
    return {form: term for term in glossary() for form in (term.term, *term.forms)}


@cache
def _pattern() -> re.Pattern[str]:
    """Match every spelling, the longest first; those without a capital letter in any case and in the plural."""
    forms = sorted(_spellings(), key=len, reverse=True)
    choices = [re.escape(form) if form != form.lower() else f"(?i:{re.escape(form)}s?)" for form in forms]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(choices)})(?![\w-])")
