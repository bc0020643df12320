from __future__ import annotations

import json

from bs4 import BeautifulSoup

from evidence.report.site.search import Section, index_script, sections, whole_page


def test_a_page_is_parted_at_its_headings() -> None:
    body = (
        "<p>Before &amp; first.</p><h2 id='a'>Pain</h2><p>One <b>two</b></p><pre>code</pre>"
        "<details><summary>Code</summary>x</details><table><tr><td>Cherkin 2001</td><td>3</td></tr></table>"
        "<div><h3 id='b'>Short</h3><p>Last</p></div>"
    )
    assert sections("03-x", "Title", BeautifulSoup(body, "html.parser")) == (
        Section("Title", "Title", "03-x.html", "Before & first."),
        Section("Title", "Pain", "03-x.html#a", "One two Cherkin 2001 3"),
        Section("Title", "Short", "03-x.html#b", "Last"),
    )


def test_the_index_is_a_script_that_holds_the_sections() -> None:
    part = Section("</script>", "τ²", "a.html", 'He said "x"\u2028')
    script = index_script([part, part])
    entries = json.loads(script.removeprefix("window.searchIndex =").strip().removesuffix(";"))
    assert [entry["title"] for entry in entries] == ["τ²", "τ²"]
    assert set(entries[0]) == {"page", "title", "address", "text"}


def test_a_page_of_very_many_is_searched_as_a_whole() -> None:
    found = whole_page("trials/x", "A & B", "<p>Pain &lt; <b>12</b></p>" + "<p>long</p>" * 999)
    assert (found.page, found.title, found.address) == ("A & B", "A & B", "trials/x.html")
    assert found.text.startswith("A & B Pain < 12 long long")
    assert len(found.text) == 900
