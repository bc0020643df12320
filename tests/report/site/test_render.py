from __future__ import annotations

from typing import Any

import nbformat.v4 as nb
import pytest
from bs4 import BeautifulSoup

from evidence.report.publish import MIME
from evidence.report.site.render import ordered, render

ATTACK = "<script>alert(1)</script>"
FIGURE: dict[str, Any] = {
    "kind": "figure",
    "name": "forest",
    "caption": "Pain <short>",
    "figure_kind": "forest plot",
    "alt": 'Forest plot of 3 studies. A "plot"',
    "files": {"PNG": "figures/forest.png", "SVG": "figures/forest.svg"},
    "width": 720,
    "height": 300,
}
TABLE: dict[str, Any] = {
    "kind": "table",
    "name": "effects",
    "caption": "All",
    "html": f"<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>{ATTACK}</td></tr></tbody></table>",
    "files": {"CSV": "tables/effects.csv"},
}


def page_of(*cells: Any) -> Any:
    return render("01-test", nb.new_notebook(cells=list(cells)))


def shown(**data: Any) -> str:
    """Return the body of a page with one code cell that displays the data."""
    bundle = {key.replace("_", "/", 1): value for key, value in data.items()}
    output = nb.new_output("display_data", data=bundle)
    return str(page_of(nb.new_code_cell("show()", outputs=[output])).body)


def published(*items: dict[str, Any]) -> Any:
    outputs = [nb.new_output("display_data", data={MIME: item, "text/html": "unused"}) for item in items]
    return page_of(nb.new_code_cell("publish()", outputs=outputs))


def test_title_and_description_come_from_the_text() -> None:
    page = page_of(
        nb.new_markdown_cell("# What & why\n\nThis page *answers*.\n\nMore."),
        nb.new_markdown_cell("## Pain\n\n### Short"),
    )
    assert (page.title, page.description) == ("What & why", "This page answers.")
    assert "<h1" not in page.body
    assert '<h2 id="pain">Pain</h2>' in page.body


def test_a_notebook_without_text_is_named_by_its_file() -> None:
    page = page_of(nb.new_code_cell("1"))
    assert (page.title, page.description) == ("01-test", "")


def test_code_is_folded_and_labelled() -> None:
    page = page_of(
        nb.new_code_cell("a = 1", metadata={"tags": ["parameters"]}),
        nb.new_code_cell("b = '<b>'", metadata={"tags": ["show-input"]}),
        nb.new_code_cell("c = 1", metadata={"tags": ["remove-input"]}),
        nb.new_code_cell("  \n"),
    )
    soup = BeautifulSoup(page.body, "html.parser")
    boxes = soup.select("details.code")
    assert [box.summary.get_text() for box in boxes if box.summary] == ["Parameters", "Code"]
    assert [box.has_attr("open") for box in boxes] == [False, True]
    assert soup.find("b") is None


@pytest.mark.parametrize(
    "body",
    [
        shown(text_plain=ATTACK),
        shown(text_markdown=f"**Study** {ATTACK} <img src=x onerror=alert(1)>"),
        shown(text_markdown="[x](javascript:alert(1)) $\\text{<script>}$"),
        shown(text_html=f"<table><tr><td>{ATTACK}</td></tr></table><img src=x onerror=alert(1)>"),
        shown(text_html='<a href="javascript:alert(1)">x</a><a href="data:text/html,x">y</a>'),
        shown(
            text_html='<img src="data:image/svg+xml;base64,AAAA"><iframe src="https://example.org"></iframe>'
        ),
        shown(text_html='<img src="https://example.org/x.png"><img src="//example.org/x.png">'),
        shown(application_json={"study": ATTACK}),
        shown(image_png='AAAA"onerror="alert(1)'),
        published(FIGURE | {"caption": ATTACK, "alt": f'"{ATTACK}', "name": '"><script>'}).body,
        published(TABLE | {"caption": ATTACK}).body,
        str(
            page_of(nb.new_code_cell("p", outputs=[nb.new_output("stream", name="stdout", text=ATTACK)])).body
        ),
        str(page_of(nb.new_code_cell(f"x = '{ATTACK}'")).body),
    ],
)
def test_nothing_that_comes_from_data_can_run_or_fetch(body: str) -> None:
    soup = BeautifulSoup(body, "html.parser")
    assert not soup.select("script, style, iframe, object, embed, form, base, meta, link")
    for tag in soup.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on")]
        for name in ("src", "href"):
            address = str(tag.get(name, ""))
            assert address.startswith(
                ("data:image/png;base64,", "figures/", "tables/", "#", "glossary.html#", "")
            )
            assert "//" not in address
            assert not address.startswith(("javascript:", "data:text"))
            # As a picture a drawing neither runs nor fetches anything.
            assert tag.name == "img" or not address.startswith("data:")


def test_escaped_text_of_a_data_frame_stays_visible() -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown(
        text_html="<table><tr><td>&lt;script&gt;alert(1)&lt;/script&gt;</td></tr></table>"
    )


def test_styles_of_a_data_frame_do_not_show_as_text() -> None:
    body = shown(
        text_html="<style scoped>.dataframe {color: red}</style><table><tr><td>one</td></tr></table>"
    )
    assert "color: red" not in body
    assert "<td>one</td>" in body


def test_images_are_put_into_the_page() -> None:
    image = BeautifulSoup(shown(image_png="AA\nAA"), "html.parser").img
    assert image is not None
    assert image["src"] == "data:image/png;base64,AAAA"
    assert image.has_attr("alt")


def test_tracebacks_and_warnings_are_plain_text() -> None:
    outputs = [
        nb.new_output("error", ename="E", evalue="v", traceback=["\x1b[31mE\x1b[0m: <v>"]),
        nb.new_output("stream", name="stderr", text="careful"),
    ]
    body = page_of(nb.new_code_cell("p", outputs=outputs)).body
    assert '<pre class="output stderr">E: &lt;v&gt;</pre>' in body
    assert '<pre class="output stderr">careful</pre>' in body


def test_published_items_have_caption_description_and_downloads() -> None:
    page = published(FIGURE, TABLE)
    soup = BeautifulSoup(page.body, "html.parser")
    image = soup.select_one("figure#forest img")
    assert image is not None
    assert (image["src"], image["alt"]) == ("figures/forest.svg", FIGURE["alt"])
    assert (image["width"], image["height"]) == ("720", "300")
    assert [caption.get_text() for caption in soup.select("figcaption")] == ["Pain <short>"]
    assert [caption.get_text() for caption in soup.select("figure#effects caption")] == ["All"]
    assert [a["href"] for a in soup.select("a[download]")] == [
        "figures/forest.svg",
        "figures/forest.png",
        "tables/effects.csv",
    ]
    assert "unused" not in page.body
    assert [item["name"] for item in page.items] == ["forest", "effects"]


def test_what_scrolls_can_be_reached_and_has_a_name() -> None:
    regions = BeautifulSoup(published(FIGURE, TABLE).body, "html.parser").select(".scroll")
    assert [region["aria-label"] for region in regions] == ["Figure: Pain <short>", "Table: All"]
    assert all(region["tabindex"] == "0" and region["role"] == "region" for region in regions)


def test_a_figure_says_once_on_a_page_how_to_read_it() -> None:
    soup = BeautifulSoup(published(FIGURE, FIGURE | {"name": "second"}).body, "html.parser")
    assert len(soup.select("details.guide")) == 1
    assert [a.get_text() for a in soup.select('a[href="#read-forest-plot"]')] == ["How to read a forest plot"]


def test_what_is_looked_at_is_offered_first() -> None:
    paths = {"numbers as CSV": "a.csv", "new": "a.new", "PNG": "a.png", "SVG": "a.svg"}
    assert [label for label, _ in ordered(paths)] == ["SVG", "PNG", "numbers as CSV", "new"]
