from __future__ import annotations

import re

from bs4 import BeautifulSoup

from evidence.report.site.shell import PageEntry, contents, page

ENTRIES = (
    PageEntry("index", "Answer"),
    PageEntry("01-first", "First", "Pages"),
    PageEntry("trace/x", "Trace", "Pages"),
)


def shown(**options: object) -> BeautifulSoup:
    defaults: dict[str, object] = {"active": "01-first", "site": "A review", "entries": ENTRIES}
    body = '<h2 id="a">One &amp; <em>two</em></h2><p>text</p><h3 id="b">Three</h3><h4 id="c">Four</h4>'
    return BeautifulSoup(page("Pain <b>", body, **(defaults | options)), "html.parser")  # type: ignore[arg-type]


def test_a_page_has_one_title_landmarks_and_a_way_past_the_navigation() -> None:
    soup = shown()
    assert [h.get_text() for h in soup.find_all("h1")] == ["Pain <b>"]
    assert soup.title is not None
    assert soup.title.get_text() == "Pain <b> | A review"
    assert len(soup.find_all("main")) == len(soup.find_all("header")) == len(soup.find_all("footer")) == 1
    skip = soup.select_one("body > a")
    assert skip is not None
    assert soup.select_one(str(skip["href"])) is soup.main
    assert soup.html is not None
    assert soup.html["lang"] == "en"


def test_the_navigation_marks_the_current_page_in_groups() -> None:
    soup = shown()
    assert [a["href"] for a in soup.select("nav.pages a")] == ["index.html", "01-first.html", "trace/x.html"]
    assert [a.get_text() for a in soup.select("nav.pages [aria-current=page]")] == ["First"]
    assert [p.get_text() for p in soup.select("nav.pages .group")] == ["Pages"]


def test_pages_in_folders_reach_the_root() -> None:
    soup = shown(root="../", active="trace/x", scripts=["explorer.js"])
    local = [tag.get("href") or tag.get("src") for tag in soup.select("a, link, script")]
    paths = [str(path) for path in local if not re.match(r"#|data:", str(path))]
    assert paths
    assert all(path.startswith("../") for path in paths)


def test_contents_are_the_headings_with_an_anchor() -> None:
    headings = contents('<h2 id="a">One &amp;\n <em>two</em></h2><h2>None</h2><h3 id="b">Three</h3>')
    assert [(h.level, h.anchor, h.text) for h in headings] == [(2, "a", "One & two"), (3, "b", "Three")]
    assert [a["href"] for a in shown().select("nav.toc a")] == ["#a", "#b"]
    assert not shown(toc=False).select("nav.toc")


def test_pages_forbid_what_comes_from_elsewhere_and_scripts_in_the_text() -> None:
    policy = shown().select_one("meta[http-equiv=Content-Security-Policy]")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy["content"]).split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in rules["script-src"]
    assert not any("http" in rule for rule in rules.values())
