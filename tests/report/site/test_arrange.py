from __future__ import annotations

from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from evidence.report.site.arrange import TALL, arrange_headings, arrange_signs, arrange_tables, take_title


def soup_of(body: str) -> BeautifulSoup:
    return BeautifulSoup(body, "html.parser")


@given(st.lists(st.integers(1, 6), max_size=12))
def test_headings_never_skip_a_level_and_have_anchors_of_their_own(levels: list[int]) -> None:
    soup = soup_of('<figure id="pain"></figure>' + "".join(f"<h{n}>Pain</h{n}>" for n in levels))
    arrange_headings(soup)
    found = soup.find_all(["h1", "h2", "h3", "h4", "h5", "h6"])
    before = 1
    for heading, asked in zip(found, levels, strict=True):
        level = int(heading.name[1])
        assert 2 <= level <= before + 1
        assert level <= max(asked, 2)
        before = level
    anchors = [str(heading["id"]) for heading in found]
    assert len({*anchors, "pain"}) == len(anchors) + 1


def test_the_first_heading_is_the_title() -> None:
    soup = soup_of("<h1>The\n <em>title</em></h1><h1>Another</h1>")
    assert take_title(soup) == "The title"
    arrange_headings(soup)
    assert str(soup) == '<h2 id="another">Another</h2>'
    assert take_title(soup_of("<p>text</p>")) == ""


def test_cells_that_are_headings_say_of_what() -> None:
    soup = soup_of(
        "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><th>x</th><td>1</td></tr></tbody></table>"
    )
    arrange_tables(soup)
    assert [th["scope"] for th in soup.find_all("th")] == ["col", "col", "row"]
    region = soup.find("div", class_="scroll")
    assert region is not None
    assert (region["role"], region["tabindex"], region["aria-label"]) == ("region", "0", "Table: a, b")


def test_columns_of_numbers_and_ranges_are_aligned_and_others_are_not() -> None:
    rows = [
        ("A", "−1.5", "0.2 to 3", "3 trials of many"),
        ("B", "not pooled", "", "4"),
        ("C", "< .001", "(1, 2)", "x"),
    ]
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    soup = soup_of(f"<table><tr><th>a</th><th>b</th><th>c</th><th>d</th></tr>{body}</table>")
    arrange_tables(soup)
    assert [
        [cell.get("class") == "number" for cell in row.find_all(["td", "th"])] for row in soup.find_all("tr")
    ] == [[False, True, True, False]] * 4


def test_long_tables_scroll_under_their_headings() -> None:
    soup = soup_of(f"<div class='scroll'><table>{'<tr><td>a</td></tr>' * (TALL + 1)}</table></div>")
    arrange_tables(soup)
    assert len(soup.select(".scroll.tall")) == 1
    assert len(soup.select(".scroll")) == 1


def test_signs_are_those_of_print_outside_code_and_quotations() -> None:
    soup = soup_of(
        "<p>SE = (-1.8 - (-4)) / 2 = |-.5|, scale 0-10, 18 % of 2017-01-01</p><blockquote>-1</blockquote>"
        "<pre>-1</pre><table><tr><td>d = -0.2</td></tr></table>"
    )
    arrange_signs(soup)
    assert soup.get_text() == "SE = (−1.8 − (−4)) / 2 = |−.5|, scale 0-10, 18% of 2017-01-01-1-1d = −0.2"
