"""Publications named in texts and tables, linked to where they can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd
from bs4 import BeautifulSoup, Tag

from evidence.files import file_name
from evidence.report.site.texts import replace_in_texts

if TYPE_CHECKING:
    from evidence.tables.review import Review

__all__ = ["known_references", "link_references"]

DOI = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|\bdoi:\s*)?(?<![\w/.])(10\.\d{4,9}/[^\s\"<>]*[^\s\"<>.,;:)\]])", re.I
)
BEGINNING = 2
"""Letters by which names are grouped, so that few of them are tried at each place of a text."""
ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:)\]]")


def known_references(review: Review, trials: str = "") -> dict[str, str]:
    """Return where the trials and published reviews of a review can be read, by their labels.

    Parameters
    ----------
    review : Review
    trials : str
        Folder of the site that holds a page for each trial; without one, trials lead to their publications.

    Returns
    -------
    dict
        For publications the address of the DOI or else of the PubMed number; those with neither are left out. With a
        folder of trials also the places of all results, by their ids.
    """
    known: dict[str, str] = {}
    if trials:
        known = {
            str(row["label"]): f"{trials}/{file_name(row['trial_id'])}.html"
            for row in review.trials.to_dict("records")
        }
        for table in (review.arm_results, review.contrast_results):
            for trial, result in zip(table["trial_id"], table["result_id"], strict=True):
                known.setdefault(str(result), f"{trials}/{file_name(trial)}.html#{quote(result)}")
    for table in (review.trials, review.reviews):
        for row in table.to_dict("records"):
            doi, pmid = (row.get(name) for name in ("doi", "pmid"))
            if doi and not pd.isna(doi):
                known.setdefault(str(row["label"]), f"https://doi.org/{doi}")
            elif pmid and not pd.isna(pmid):
                known.setdefault(str(row["label"]), f"https://pubmed.ncbi.nlm.nih.gov/{int(float(pmid))}/")
    return known


def link_references(soup: BeautifulSoup, known: Mapping[str, str]) -> None:
    """Link every DOI and address, and each known publication where a page first names it.

    Parameters
    ----------
    soup : BeautifulSoup
        The page, changed in place. Links, code, headings and formulas stay as they are.
    known : mapping from str to str
        Addresses by the names under which texts cite a publication, such as "Furlan 2015". Rows of figures and
        cells of tables that hold such a name lead to it every time.
    """
    _link_rows(soup, known)
    replace_in_texts(soup, DOI, lambda found: _link(soup, found[0], f"https://doi.org/{found[1]}"))
    replace_in_texts(soup, ADDRESS, lambda found: _link(soup, found[0], found[0]))
    if known:
        names = _any_of(known)
        replace_in_texts(
            soup, names, lambda found: _link(soup, found[1], known[found[1]]), within=("td", "th")
        )
        replace_in_texts(soup, names, partial(_first, soup, dict(known)))


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    """Match any of very many names, the longest first; those that begin alike stand in one group."""
    alike: dict[str, list[str]] = {}
    for name in sorted(names, key=len, reverse=True):
        alike.setdefault(name[:BEGINNING], []).append(re.escape(name[BEGINNING:]))
    groups = (f"{re.escape(start)}(?:{'|'.join(rest)})" for start, rest in alike.items())
    return re.compile(rf"(?<!\w)({'|'.join(groups)})(?!\w)")


def _link_rows(soup: BeautifulSoup, known: Mapping[str, str]) -> None:
    """Let names in figures lead to their publications: the page lays an empty link over each text of a figure."""
    for row in soup.select("a.row[data-text]"):
        text = str(row["data-text"])
        del row["data-text"]
        # A name may be followed by the arm or the year of a second report, or be cut for want of room.
        named = (one for one in known if text.startswith(one) and not text[len(one) : len(one) + 1].isalnum())
        cut = [one for one in known if text.endswith("…") and one.startswith(text[:-1])]
        name = cut[0] if len(cut) == 1 else max(named, key=len, default="")
        if name:
            row["href"], row["aria-label"] = known[name], text
        else:
            row.decompose()


def _first(soup: BeautifulSoup, left: dict[str, str], found: re.Match[str]) -> object:
    address = left.pop(found[1], None)
    return _link(soup, found[1], address) if address else None


def _link(soup: BeautifulSoup, text: str, address: str) -> Tag:
    link = soup.new_tag("a", href=address)
    link.string = text
    return link
